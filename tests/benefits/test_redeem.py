"""Redeeming beyond the scenarios: cards, proofs, references, refusals, what is written and what is told."""

import dataclasses
from datetime import date, timedelta

import pytest
from sqlalchemy import text

from cardnet.benefits import services
from cardnet.benefits.words import ProgramKind
from cardnet.credential.verify import Outcome, Rejected
from cardnet.kernel.errors import Conflict, InvalidInput, NotFound, Unavailable
from cardnet.ledger import services as ledger
from cardnet.ledger.rules import Account, AccountCode, PoolUnit
from tests.make.benefits import ONCE_A_YEAR, breaches, fixed, health_check, make_shop, percent, rule


@pytest.fixture
def shop(session, world):
    return make_shop(session, world)


@pytest.fixture
def check(shop):
    """M1's fixtures: the health check of 100 yuan from a pool of 500,000 yuan in 64 slices."""
    shop.pool("B1", 50_000_000)
    shop.program("HC2026", health_check("B1"), ProgramKind.SUBSIDY)
    return lambda member, amount=38_000, **other: shop.redeem(member, amount, service_code="health_check", **other)


def codes(record):
    return [reason.code for reason in record.reasons]


def test_m1_a_capture_writes_everything_at_once(shop, session, check):
    member = shop.member()
    record = check(member, merchant_ref="R-0001", lines=[38_000])
    assert (record.outcome, record.subsidy_fen, record.discount_fen, record.payable_fen) == (
        "captured",
        10_000,
        0,
        28_000,
    )
    assert (record.business_date, record.member_display, record.assurance) == (date(2026, 11, 21), "周*", "device")
    (benefit,) = record.benefits
    assert (benefit.program, benefit.union_fen, benefit.merchant_fen, benefit.rule_version) == ("HC2026", 10_000, 0, 1)
    assert [(line.line_no, line.benefit_fen) for line in benefit.lines] == [(1, 10_000)]

    program = services.program_of_code(session, "HC2026")
    (pool,) = ledger.pool_levels(session, ["B1"])
    assert ledger.balance_of(session, Account(AccountCode.SUBSIDY, owner_id=program.id)) == 10_000
    assert ledger.balance_of(session, Account(AccountCode.MERCHANT_PAYABLE, owner_id=shop.venue.merchant_id)) == -10_000
    assert (pool.granted, pool.available, pool.held, pool.used) == (50_000_000, 49_990_000, 0, 10_000)
    assert session.scalar(text("select sum(available) from pool_slice")) == 49_990_000
    events = session.execute(
        text("select kind, merchant_id from outbox_event where subject_id = :id"), {"id": record.id}
    ).all()
    assert events == [("redemption.captured", shop.venue.merchant_id)]
    assert breaches(session) == {}


def test_what_is_looked_up_is_what_was_answered(shop, session, check):
    shop.program("D", rule(percent(1_000), {"op": "min_spend", "fen": 1_000_000}))
    record = check(shop.member(), merchant_ref="R-1", lines=[20_000, 18_000])
    again = services.redemption(session, record.id, shop.venue.merchant_id)
    assert again == record
    assert services.redemption_of_reference(session, shop.venue.merchant_id, "R-1") == record
    assert services.redemptions_of_merchant(session, shop.venue.merchant_id) == [record]
    other = shop.till("M2002")
    with pytest.raises(NotFound):
        services.redemption(session, record.id, other.merchant_id)


def test_a_merchants_own_discount_posts_nothing(shop, session):
    shop.program("D", rule(percent(1_000)))
    record = shop.redeem(shop.member(), 10_000)
    assert (record.discount_fen, record.union_fen, record.benefits[0].merchant_fen) == (1_000, 0, 1_000)
    assert session.scalar(text("select count(*) from entry where source_id = :id"), {"id": record.id}) == 0


def test_a_co_funded_discount_posts_the_unions_share_alone(shop, session):
    shop.pool("P", 100_000)
    body = rule(
        {"op": "tiers", "tiers": [{"from_fen": 10_000, "fen": 2_000}]},
        limits=[{"id": "pool", "pool": "P", "on_exceed": "refuse"}],
        funding=[{"from": "merchant", "fen": 1_400}, {"from": "union", "fen": 600}],
    )
    shop.program("T100", body)
    record = shop.redeem(shop.member(), 10_000)
    assert (record.discount_fen, record.union_fen) == (2_000, 600)
    program = services.program_of_code(session, "T100")
    assert ledger.balance_of(session, Account(AccountCode.DISCOUNT_SHARE, owner_id=program.id)) == 600
    assert shop.level("P") == (99_400, 0, 600)
    (fact,) = services.settlement_facts(session, None, record.business_date, record.business_date)
    assert (fact.gross_fen, fact.discount_fen, fact.union_fen, fact.type) == (10_000, 2_000, 600, "capture")
    assert breaches(session) == {}


def test_a_pool_of_places_gives_one_place_a_person(shop, session):
    shop.pool("SEATS", 1, PoolUnit.PERSONS, slices=1)
    shop.pool("MONEY", 100_000)
    body = health_check("MONEY")
    body["limits"].append({"id": "seats", "pool": "SEATS", "on_exceed": "refuse"})
    shop.program("SCREEN", body, ProgramKind.SERVICE_TICKET)
    one, two = shop.members(1, 2)
    first = shop.redeem(one, 20_000, service_code="health_check")
    assert first.outcome == "captured"
    assert codes(shop.redeem(two, 20_000, service_code="health_check")) == ["pool_exhausted"]
    assert (shop.level("SEATS"), shop.level("MONEY")) == ((0, 0, 1), (90_000, 0, 10_000))
    shop.reverse(first.id)
    assert (shop.level("SEATS"), shop.level("MONEY")) == ((1, 0, 0), (100_000, 0, 0))
    assert shop.redeem(two, 20_000, service_code="health_check").outcome == "captured"
    assert breaches(session) == {}


def test_a_trimming_pool_gives_what_it_has_left(shop, session):
    shop.pool("P", 15_000)
    body = health_check("P", limits=[ONCE_A_YEAR, {"id": "pool", "pool": "P", "on_exceed": "trim"}])
    shop.program("HC", body, ProgramKind.SUBSIDY)
    records = [shop.redeem(member, 20_000, service_code="health_check") for member in shop.members(1, 2, 3)]
    assert [record.subsidy_fen for record in records] == [10_000, 5_000, 0]
    assert records[1].benefits[0].notes == ("pool_trimmed",)
    assert codes(records[2]) == ["pool_exhausted"]
    assert all(services.replay(session, record.id) for record in records)
    assert breaches(session) == {}


# ---- refusals ----


def test_a_refusal_is_stored_and_takes_nothing(shop, session, check):
    member = shop.member()
    check(member)
    before = shop.level("B1"), shop.usage(member, "HC2026")
    refused = check(member, merchant_ref="R-2")
    assert codes(refused) == ["limit_count"]
    assert refused.reasons[0].detail == {"used": 1, "max": 1, "period": "2026"}
    assert (shop.level("B1"), shop.usage(member, "HC2026")) == before
    stored = services.redemption(session, refused.id, shop.venue.merchant_id)
    assert (stored.outcome, stored.reasons, stored.member_display) == ("refused", refused.reasons, "周*")
    # A refusal is no live redemption: the merchant may use its number for the next attempt.
    assert check(shop.member(2), merchant_ref="R-2").outcome == "captured"
    assert breaches(session) == {}


@pytest.mark.parametrize("outcome", [Outcome.STALE_PROOF, Outcome.MALFORMED, Outcome.BAD_SIGNATURE])
def test_a_code_that_did_not_verify_is_stored_without_a_person(shop, session, outcome):
    refused = shop.redeem(shop.member(), 1_000, code=Rejected(outcome))
    assert codes(refused) == [outcome.value]
    row = session.execute(
        text("select person_id, card_index, code_text from redemption where id = :id"), {"id": refused.id}
    ).one()
    assert row == (None, None, "CN1:TEST")
    assert refused.member_display is None
    assert breaches(session) == {}


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ("update card set state = 'suspended'", "suspended"),
        ("update card set state = 'replaced'", "revoked"),
        ("update card set state = 'cancelled'", "revoked"),
        ("update card set state = 'delivered'", "card_not_active"),
        ("update binding set state = 'revoked'", "revoked"),
        ("update binding set state = 'suspended'", "suspended"),
        ("update card set valid_from = '2026-01-01', valid_to = '2026-11-20'", "card_expired"),
        ("update card set valid_from = '2026-11-22'", "card_not_yet_valid"),
        ("update binding set device_key = '\\x02' || substr(device_key, 2, 31) || '\\x00'", "not_issued"),
    ],
)
def test_the_card_behind_a_good_code_may_still_say_no(shop, session, change, code):
    shop.program("D", rule(percent(1_000)))
    member = shop.member()
    session.flush()
    session.execute(text(change))
    session.expire_all()
    refused = shop.redeem(member, 1_000)
    assert codes(refused) == [code]
    assert breaches(session) == {}


def test_an_index_nobody_was_given_is_not_issued(shop):
    shop.program("D", rule(percent(1_000)))
    member = dataclasses.replace(shop.member(), index=4_000_000_000)
    assert codes(shop.redeem(member, 1_000)) == ["not_issued"]


def test_s20_a_card_works_to_the_end_of_its_last_day(shop, session, clock):
    from datetime import UTC, datetime

    shop.program("D", rule(percent(1_000)))
    member = shop.member()
    session.execute(text("update card set valid_from = '2026-01-01', valid_to = '2026-12-31'"))
    clock.set(datetime(2026, 12, 31, 15, 59, 59, tzinfo=UTC))
    assert shop.redeem(member, 1_000).outcome == "captured"
    clock.set(datetime(2026, 12, 31, 16, 0, tzinfo=UTC))
    assert codes(shop.redeem(member, 1_000)) == ["card_expired"]


def test_a_shop_hears_that_the_member_is_not_eligible_and_the_member_why(shop, session):
    shop.program("GIFT", rule(fixed(100), {"op": "tag_any", "values": ["hardship"]}))
    member = shop.member()
    refused = shop.redeem(member, 1_000)
    assert codes(refused) == ["not_eligible_member"]
    (own,) = services.redemptions_of_person(session, member.person_id)
    assert codes(own) == ["tag_missing"]
    assert services.explain(session, refused.id)["GIFT"] == [
        {
            "path": "when.of[0]",
            "op": "tag_any",
            "expected": ["hardship"],
            "actual": [],
            "ok": False,
            "code": "tag_missing",
        }
    ]


def test_only_what_the_rules_ask_is_kept_of_the_member(shop, session):
    shop.program("D", rule(percent(1_000), {"op": "age_between", "from": 18}))
    decision = services.decision_of(session, shop.redeem(shop.member(), 1_000).id)
    assert decision.inputs["member"] == {"age": 41}


# ---- proofs and references ----


def test_a_used_code_is_replayed_everywhere(shop, session):
    shop.program("D", rule(percent(1_000)))
    member = shop.member()
    code = member.code(shop.world)
    assert shop.redeem(member, 1_000, code=code).outcome == "captured"
    assert codes(shop.redeem(member, 1_000, code=code)) == ["replayed"]
    assert codes(shop.redeem(member, 1_000, code=code, venue=shop.till("M2002"))) == ["replayed"]
    assert breaches(session) == {}


def test_a_refused_code_stays_with_the_terminal_that_showed_it(shop, session):
    shop.program("D", rule(percent(1_000), {"op": "min_spend", "fen": 5_000}))
    member = shop.member()
    code = member.code(shop.world)
    assert codes(shop.redeem(member, 500, code=code)) == ["below_min_spend"]
    elsewhere = shop.redeem(member, 5_000, code=code, venue=shop.till("M2002"))
    assert [(reason.code, list(reason.detail)) for reason in elsewhere.reasons] == [("replayed", ["shown_at"])]
    assert "别的收银台出示过" in elsewhere.reasons[0].message
    # The cashier has mended the amount.
    assert shop.redeem(member, 5_000, code=code).outcome == "captured"
    assert codes(shop.redeem(member, 5_000, code=code)) == ["replayed"]
    assert breaches(session) == {}


def test_a_reversal_does_not_bring_the_code_back(shop):
    shop.program("D", rule(percent(1_000)))
    member = shop.member()
    code = member.code(shop.world)
    shop.reverse(shop.redeem(member, 1_000, code=code).id)
    assert codes(shop.redeem(member, 1_000, code=code)) == ["replayed"]


def test_a_merchants_number_is_used_once_while_it_lives(shop, session):
    shop.program("D", rule(percent(1_000)))
    member = shop.member()
    first = shop.redeem(member, 1_000, merchant_ref="R-1")
    with pytest.raises(Conflict) as error:
        shop.redeem(member, 1_000, merchant_ref="R-1")
    assert (error.value.code, error.value.detail) == ("duplicate_merchant_reference", {"redemption_id": str(first.id)})
    assert shop.redeem(member, 1_000, merchant_ref="R-1", venue=shop.till("M2002")).outcome == "captured"
    shop.reverse(first.id)
    assert shop.redeem(member, 1_000, merchant_ref="R-1").outcome == "captured"
    assert breaches(session) == {}


# ---- holds and undoing ----


def test_a_hold_can_be_reversed_on_any_day(shop, session, check, clock):
    member = shop.member()
    held = check(member, capture=False, hold_seconds=86_400, merchant_ref="R-1")
    assert (held.outcome, held.held_until) == ("held", clock.at + timedelta(days=1))
    assert shop.level("B1") == (49_990_000, 10_000, 0)
    clock.advance(timedelta(hours=20))
    done = shop.reverse(held.id)
    assert (done.kind, done.benefit_fen, done.restored) == ("release", 10_000, True)
    assert shop.level("B1") == (50_000_000, 0, 0)
    assert shop.usage(member, "HC2026") == {("once", "2026"): (0, 0)}
    assert check(member, merchant_ref="R-1").outcome == "captured"
    assert breaches(session) == {}


def test_a_capture_belongs_to_its_own_day_and_its_event_to_the_hold(shop, session, check, clock):
    held = check(shop.member(), capture=False, hold_seconds=86_400)
    began = clock.at
    clock.advance(timedelta(hours=20))
    captured = shop.capture(held.id)
    assert (captured.event_at, captured.accepted_at, captured.business_date) == (began, clock.at, date(2026, 11, 22))
    with pytest.raises(Conflict, match="invalid_state"):
        shop.capture(held.id)
    assert breaches(session) == {}


def test_a_partial_capture_is_spread_over_benefits_and_lines(shop, session, check):
    shop.program("D", rule(percent(1_000)))
    held = check(shop.member(), amount=40_000, lines=[30_000, 10_000], capture=False)
    assert (held.discount_fen, held.subsidy_fen) == (4_000, 10_000)
    captured = shop.capture(held.id, 7_000)
    assert (captured.discount_fen, captured.subsidy_fen, captured.captured_fen) == (2_000, 5_000, 7_000)
    assert [[line.benefit_fen for line in one.lines] for one in captured.benefits] == [[1_500, 500], [3_750, 1_250]]
    assert shop.level("B1") == (49_995_000, 0, 5_000)
    assert breaches(session) == {}


def test_a_reversal_after_the_close_is_refused_and_a_refund_is_not(shop, session, check, clock):
    record = check(shop.member())
    clock.advance(timedelta(days=1))
    with pytest.raises(Conflict, match="day_closed"):
        shop.reverse(record.id)
    done = shop.refund(record.id)
    facts = services.settlement_facts(session, None, date(2026, 11, 21), date(2026, 11, 22))
    assert [(fact.type, fact.union_fen, fact.original_redemption_id) for fact in facts] == [
        ("capture", 10_000, None),
        ("refund", 10_000, record.id),
    ]
    assert facts[1].redemption_id == done.id
    with pytest.raises(Conflict, match="invalid_state"):
        shop.reverse(record.id)
    assert breaches(session) == {}


def test_nothing_lands_in_a_day_that_is_being_closed(shop, session, world, check):
    ledger.mark_closing(session, world, date(2026, 11, 21))
    with pytest.raises(Unavailable, match="day_closing"):
        check(shop.member())


def test_there_is_nothing_to_reverse_in_a_refusal(shop):
    refused = shop.redeem(shop.member(), 1_000)
    answer = shop.reverse(refused.id)
    assert (answer.redemption_id, answer.redemption_state) == (refused.id, "refused")


def test_b9_every_decision_can_be_made_again(shop, session, check):
    shop.program("A", rule(percent(1_500), {"op": "org_under", "codes": ["D1"]}))
    shop.program("B", rule(fixed(1_000), {"op": "tag_any", "values": ["model_worker"]}))
    member = shop.member()
    records = [check(member, lines=[20_000, 18_000]), check(member), shop.redeem(member, 500)]
    assert all(services.replay(session, record.id) for record in records)
    # The planted bug: another rule version than the one that decided.
    shop.version("A", rule(percent(1_600), {"op": "org_under", "codes": ["D1"]}), since=date(2026, 12, 1))
    session.execute(text("set local role none"))
    session.execute(text("alter table decision disable trigger user"))
    session.execute(
        text(
            "update decision set candidates = jsonb_set(candidates, '{0,version_id}', to_jsonb(v.id::text)) "
            "from rule_version v join program p on p.id = v.program_id "
            "where redemption_id = :id and p.code = 'A' and v.no = 2"
        ),
        {"id": records[0].id},
    )
    session.expire_all()
    assert not services.replay(session, records[0].id)


@pytest.mark.parametrize(
    ("purchase", "pointer"),
    [
        ({"amount_fen": 0}, "/purchase/amount_fen"),
        ({"amount_fen": -1}, "/purchase/amount_fen"),
        ({"amount_fen": 10**12 + 1}, "/purchase/amount_fen"),
        ({"amount_fen": 100, "lines": [60, 60]}, "/purchase/lines"),
        ({"amount_fen": 100, "lines": [160, -60]}, "/purchase/lines"),
        ({"amount_fen": 100, "service_on": date(2026, 11, 22)}, "/purchase/service_on"),
        ({"amount_fen": 100, "capture": False, "hold_seconds": 59}, "/hold_seconds"),
        ({"amount_fen": 100, "capture": False, "hold_seconds": 86_401}, "/hold_seconds"),
    ],
)
def test_a_purchase_that_makes_no_sense_is_an_error(shop, purchase, pointer):
    with pytest.raises(InvalidInput) as error:
        shop.redeem(shop.member(), **purchase)
    assert [found.pointer for found in error.value.errors] == [pointer]


def test_the_usage_report_counts_people_and_takes_refunds_off(shop, session, check):
    shop.program("D", rule(percent(1_000)))
    one, two, three = shop.members(1, 2, 3)
    records = [check(member) for member in (one, two, three)]
    shop.redeem(one, 1_000)
    shop.reverse(records[2].id)
    shop.refund(records[1].id, 4_000)
    report = {line.program: line for line in services.usage_report(session)}
    assert (report["HC2026"].people, report["HC2026"].uses) == (2, 2)
    # 3,800 a head of discount comes first; the subsidy stays at 100 yuan.
    assert report["HC2026"].union_fen == report["HC2026"].benefit_fen
    assert report["D"].people == 2
    assert services.people_served(session, "/C/D1/") == 2
    assert services.people_served(session, "/C/D2/") == 0
    assert breaches(session) == {}
