"""Acceptance scenarios S01–S07, S09 and M12 as the union wrote them: exact inputs, exact fen."""

import itertools
from datetime import UTC, date, datetime, timedelta

import pytest
from sqlalchemy import text

from cardnet.benefits import services
from cardnet.benefits.words import ProgramKind, RedemptionState
from cardnet.kernel.errors import InvalidInput
from cardnet.kernel.money import allocate
from tests.make.benefits import (
    ONCE_A_YEAR,
    breaches,
    fixed,
    health_check,
    make_shop,
    percent,
    rule,
)


@pytest.fixture
def shop(session, world):
    return make_shop(session, world)


def codes(record):
    return [reason.code for reason in record.reasons]


def counts(session):
    tables = ("redemption", "decision", "usage", "entry", "posting", "outbox_event", "proof_used", "merchant_reference")
    return {table: session.scalar(text(f"select count(*) from {table}")) for table in tables}


def test_s01_two_lanes_a_percentage_a_cap_and_half_up(shop, session, world):
    shop.program("A", rule(percent(1_000)))
    shop.program("B", rule(fixed(500), {"op": "min_spend", "fen": 5_000}))
    shop.program("C", rule(percent(2_000, max_fen=1_500), lane=20))
    member = shop.member()
    before = counts(session)
    purchase = services.Purchase(12_345)
    answer = services.quote(session, world, services.Quote(shop.venue, member.code(world), purchase))
    assert counts(session) == before
    assert answer.outcome == "applicable"
    assert {one.program: one.benefit_fen for one in answer.benefits} == {"A": 1_235, "C": 1_500}
    assert {one.program: one.notes for one in answer.benefits} == {"A": (), "C": ("limit_trimmed",)}
    assert [(one.program, [r.code for r in one.reasons]) for one in answer.not_applied] == [
        ("B", ["not_best_combination"])
    ]
    assert (answer.discount_fen, answer.payable_fen) == (2_735, 9_610)


def test_s02_a_discount_is_spread_over_lines_by_largest_remainder(shop):
    shop.program("A", rule(percent(1_500)))
    record = shop.redeem(shop.member(), 5_985, lines=[1_995, 1_995, 1_995])
    assert record.discount_fen == 898
    assert [line.benefit_fen for line in record.benefits[0].lines] == [300, 299, 299]
    assert record.payable_fen == 5_087
    assert allocate(2, [1, 1, 1, 1]) == [1, 1, 0, 0]
    assert allocate(334, [333, 333, 1]) == [167, 167, 0]


@pytest.mark.parametrize("order", itertools.permutations("ABC"))
def test_s03_best_for_the_member_is_not_greedy(shop, order):
    bodies = {
        "A": rule(percent(1_500)),
        "B": rule(fixed(1_000)),
        "C": rule(fixed(2_000), {"op": "min_spend", "fen": 9_000}, lane=20, threshold_basis="remaining"),
    }
    for code in order:
        shop.program(code, bodies[code])
    record = shop.redeem(shop.member(), 10_000)
    assert [one.program for one in record.benefits] == ["B", "C"]
    assert (record.discount_fen, record.payable_fen) == (3_000, 7_000)


def test_s04_a_period_cap_trims_and_then_nothing_is_used(shop, session, clock):
    cap = {"id": "month", "scope": "person", "window": "month", "max_fen": 5_000, "on_exceed": "trim"}
    shop.program("E", rule(percent(1_500), limits=[cap]))
    member = shop.member()
    clock.set(datetime(2027, 7, 20, 2, 0, tzinfo=UTC))
    for amount in (10_000, 10_000, 8_000):
        shop.redeem(member, amount)
    assert shop.usage(member, "E") == {("month", "2027-07"): (3, 4_200)}

    trimmed = shop.redeem(member, 10_000)
    assert trimmed.benefits[0].benefit_fen == 800
    assert trimmed.benefits[0].notes == ("limit_trimmed",)
    assert shop.usage(member, "E") == {("month", "2027-07"): (4, 5_000)}

    refused = shop.redeem(member, 10_000)
    assert (refused.outcome, codes(refused)) == ("refused", ["limit_amount"])
    assert shop.usage(member, "E") == {("month", "2027-07"): (4, 5_000)}

    clock.set(datetime(2027, 7, 31, 16, 0, tzinfo=UTC))
    assert shop.redeem(member, 10_000).benefits[0].benefit_fen == 1_500
    assert breaches(session) == {}


def test_s05_a_subsidy_once_a_year_and_the_boundary(shop, session, clock):
    shop.pool("HC", 5_000_000)
    shop.program("HC", health_check("HC"), ProgramKind.SUBSIDY)
    member, other = shop.members(1, 2)

    def check(person, amount):
        return shop.redeem(person, amount, service_code="health_check")

    clock.set(datetime(2026, 12, 31, 15, 59, 59, tzinfo=UTC))
    first = check(member, 15_000)
    assert (first.subsidy_fen, first.business_date) == (10_000, date(2026, 12, 31))
    clock.set(datetime(2026, 12, 31, 16, 0, tzinfo=UTC))
    second = check(member, 12_000)
    assert (second.subsidy_fen, second.business_date) == (10_000, date(2027, 1, 1))
    assert shop.usage(member, "HC") == {("once", "2026"): (1, 10_000), ("once", "2027"): (1, 10_000)}

    clock.set(datetime(2027, 1, 2, 2, 0, tzinfo=UTC))
    third = check(member, 12_000)
    assert (third.outcome, codes(third), third.subsidy_fen) == ("refused", ["limit_count"], 0)
    assert third.reasons[0].detail == {"used": 1, "max": 1, "period": "2027"}
    assert third.reasons[0].message == "2027年已享受 1 次，限 1 次。"

    assert check(other, 8_000).subsidy_fen == 8_000
    assert codes(check(other, 5_000)) == ["limit_count"]
    assert breaches(session) == {}


def test_s06_a_full_refund_returns_the_use_of_the_original_year(shop, session, clock):
    shop.pool("HC", 5_000_000)
    shop.program("HC", health_check("HC"), ProgramKind.SUBSIDY)
    member = shop.member()

    def check(on=None):
        return shop.redeem(member, 15_000, service_code="health_check", service_on=on)

    clock.set(datetime(2026, 12, 20, 2, 0, tzinfo=UTC))
    first = check()
    clock.set(datetime(2026, 12, 28, 2, 0, tzinfo=UTC))
    assert codes(check()) == ["limit_count"]
    clock.set(datetime(2027, 1, 3, 2, 0, tzinfo=UTC))
    shop.refund(first.id)
    assert shop.usage(member, "HC") == {("once", "2026"): (0, 0)}
    assert shop.level("HC") == (5_000_000, 0, 0)

    clock.set(datetime(2027, 1, 5, 2, 0, tzinfo=UTC))
    assert check().subsidy_fen == 10_000
    clock.set(datetime(2027, 1, 6, 2, 0, tzinfo=UTC))
    assert check(date(2026, 12, 30)).subsidy_fen == 10_000
    assert shop.usage(member, "HC") == {("once", "2026"): (1, 10_000), ("once", "2027"): (1, 10_000)}
    clock.set(datetime(2027, 2, 5, 2, 0, tzinfo=UTC))
    late = check(date(2026, 12, 31))
    assert codes(late)[0] == "late_submission"
    assert late.reasons[0].detail == {"days": 36, "max_days": 30}
    assert breaches(session) == {}


def test_s06_a_reversal_of_today_can_be_repeated_and_changes_nothing(shop, session):
    shop.pool("HC", 5_000_000)
    shop.program("HC", health_check("HC"), ProgramKind.SUBSIDY)
    member = shop.member()
    first = shop.redeem(member, 15_000, service_code="health_check", merchant_ref="R-1")
    done = shop.reverse(first.id)
    assert shop.usage(member, "HC") == {("once", "2026"): (0, 0)}
    before = counts(session)
    assert shop.reverse(first.id) == done
    assert counts(session) == before
    again = shop.redeem(member, 15_000, service_code="health_check", merchant_ref="R-1")
    assert again.outcome == "captured"
    assert breaches(session) == {}


def test_s07_a_pool_holds_captures_less_expires_and_never_pays_twice(shop, session, clock):
    shop.pool("P", 25_000)
    shop.program("P", health_check("P"), ProgramKind.SUBSIDY)

    def hold(member):
        return shop.redeem(member, 15_000, service_code="health_check", capture=False, hold_seconds=900)

    first, second, third = (hold(member) for member in shop.members(1, 2, 3))
    assert [one.outcome for one in (first, second)] == ["held", "held"]
    assert (third.outcome, codes(third)) == ("refused", ["pool_exhausted"])
    assert shop.level("P") == (5_000, 20_000, 0)

    with pytest.raises(InvalidInput, match="capture_exceeds_held"):
        shop.capture(first.id, 10_001)
    captured = shop.capture(first.id, 8_600)
    assert (captured.outcome, captured.subsidy_fen, captured.payable_fen) == ("captured", 8_600, 6_400)
    assert shop.level("P") == (6_400, 10_000, 8_600)

    clock.advance(timedelta(minutes=15))
    assert services.release_expired(session, shop.world, clock.at) == 1
    assert shop.level("P") == (16_400, 0, 8_600)
    assert shop.capture(second.id).outcome == "expired"
    assert shop.level("P") == (16_400, 0, 8_600)
    assert breaches(session) == {}


def test_m7_a_capture_that_comes_too_late_releases_the_hold_by_itself(shop, session, clock):
    shop.pool("P", 25_000)
    shop.program("P", health_check("P"), ProgramKind.SUBSIDY)
    one, two = shop.members(1, 2)
    first = shop.redeem(one, 15_000, service_code="health_check", capture=False, hold_seconds=60)
    second = shop.redeem(two, 15_000, service_code="health_check", capture=False, hold_seconds=60)
    clock.advance(timedelta(seconds=59))
    assert shop.capture(first.id, 7_000).captured_fen == 7_000
    assert shop.level("P") == (8_000, 10_000, 7_000)
    clock.advance(timedelta(seconds=2))
    assert shop.capture(second.id).outcome == "expired"
    assert shop.level("P") == (18_000, 0, 7_000)
    assert shop.usage(two, "P") == {("once", "2026"): (0, 0)}
    assert breaches(session) == {}


def test_an_exhausted_pool_first_takes_back_what_expired_holds_kept(shop, session, clock):
    shop.pool("P", 10_000)
    shop.program("P", health_check("P"), ProgramKind.SUBSIDY)
    one, two = shop.members(1, 2)
    shop.redeem(one, 15_000, service_code="health_check", capture=False, hold_seconds=60)
    clock.advance(timedelta(seconds=61))
    assert shop.redeem(two, 15_000, service_code="health_check").outcome == "captured"
    assert shop.level("P") == (0, 0, 10_000)
    assert breaches(session) == {}


def test_m8_refunds_add_up_to_the_capture_and_the_use_returns_with_the_last(shop, session):
    shop.pool("P", 25_000)
    shop.program("P", health_check("P"), ProgramKind.SUBSIDY)
    member = shop.member()
    first = shop.redeem(member, 15_000, service_code="health_check")
    assert shop.refund(first.id, 6_000).remaining_fen == 4_000
    assert shop.usage(member, "P") == {("once", "2026"): (1, 4_000)}
    with pytest.raises(InvalidInput, match="refund_exceeds_captured") as error:
        shop.refund(first.id, 6_000)
    assert error.value.detail == {"remaining_fen": 4_000}
    done = shop.refund(first.id, 4_000)
    assert (done.redemption_state, done.restored) == (RedemptionState.REFUNDED, True)
    assert shop.usage(member, "P") == {("once", "2026"): (0, 0)}
    assert shop.level("P") == (25_000, 0, 0)
    for amount in (1, 0, -1):
        with pytest.raises(InvalidInput):
            shop.refund(first.id, amount)
    assert breaches(session) == {}


def test_m12_the_business_date_is_the_day_in_shanghai(shop, session, clock):
    shop.program("A", rule(percent(1_000)))
    one, two = shop.members(1, 2)
    session.execute(text("set local timezone to 'America/Los_Angeles'"))
    clock.set(datetime(2026, 11, 21, 15, 59, 59, 900_000, tzinfo=UTC))
    first = shop.redeem(one, 1_000)
    clock.set(datetime(2026, 11, 21, 16, 0, 0, 50_000, tzinfo=UTC))
    second = shop.redeem(two, 1_000)
    assert (first.business_date, second.business_date) == (date(2026, 11, 21), date(2026, 11, 22))

    def facts(first_day, last_day):
        return services.settlement_facts(session, shop.venue.merchant_id, first_day, last_day)

    days = date(2026, 11, 21), date(2026, 11, 22)
    assert [fact.redemption_id for fact in facts(days[0], days[0])] == [first.id]
    assert [fact.redemption_id for fact in facts(days[1], days[1])] == [second.id]
    assert len(facts(*days)) == 2
    assert ONCE_A_YEAR["max_n"] == 1
