"""S19: a member changes employer. Card, counters and reviews follow; what the old union still granted is listed, not undone."""

from datetime import UTC, date, datetime

import pytest

from cardnet.access import services as access
from cardnet.access.rules import Role
from cardnet.benefits import services
from cardnet.benefits.words import ProgramKind
from cardnet.issuance import services as issuance
from cardnet.issuance.rules import ApplicationKind, ApplicationState, ReplacementReason
from cardnet.ledger.rules import PoolUnit
from cardnet.membership import services as membership
from tests.make.benefits import UNION, breaches, health_check, make_shop, percent, rule
from tests.make.issuance import lines_of, make_officer
from tests.make.web import enter, words_of

SPLIT = [{"from": "union", "bp": 3_000}, {"from": "merchant", "bp": 7_000}]


def noon(day):
    return datetime(day.year, day.month, day.day, 4, tzinfo=UTC)


POOL = [{"id": "pool", "pool": "P", "on_exceed": "refuse"}]


def only(code, bp):
    return rule(percent(bp), {"op": "org_under", "codes": [code]}, funding=SPLIT, limits=POOL)


def transfer(shop, person_id, effective):
    command = membership.StartTransfer(person_id, shop.office.unions["B9"].id, shop.office["C1"], effective)
    return issuance.transfer_member(shop.session, shop.world, command)


def move(shop, code, parent):
    command = membership.MoveUnion(code, parent, "云工〔2025〕30号", shop.office["C1"])
    return services.move_union(shop.session, shop.world, command)


def offered(shop, since):
    """D1's own discount, D2's own, the district's health check from a pool, and one for whoever is in D1 or pays a lot."""
    shop.pool("P", 10_000_000, PoolUnit.FEN)
    shop.program("D1ONLY", only("D1", 1_000), since=since)
    shop.program("D2ONLY", only("D2", 500), since=since)
    shop.program("HC", health_check("P"), ProgramKind.SUBSIDY, since=since)


def codes(record, program):
    return {reason.code for reason in record.reasons if reason.program == program}


def test_s19_whole(session, world, clock, app):
    clock.set(noon(date(2025, 4, 1)))
    shop = make_shop(session, world)
    office = shop.office
    offered(shop, date(2025, 1, 1))
    member = shop.member()
    (card,) = issuance.cards_of_person(session, member.person_id)
    used = {unit: office.quota(unit).used for unit in ("C", "D1", "B1")}
    assert shop.redeem(member, 38_000, service_code="health_check").subsidy_fen == 10_000
    clock.set(noon(date(2025, 8, 31)))
    assert shop.redeem(member, 10_000).discount_fen == 1_000
    clock.set(noon(date(2025, 9, 1)))
    # A replacement waits before B1 when the change comes.
    damaged = issuance.ApplyForReplacement(card.id, ReplacementReason.DAMAGED, "磨损", office["U1"])
    batch = issuance.apply_for_replacement(session, world, damaged).batch_id
    office.review(batch, "A1")
    office.review(batch, "D1u")
    transfer(shop, member.person_id, date(2025, 9, 1))

    (after,) = issuance.cards_of_person(session, member.person_id)
    standing = issuance.standing_of(session, member.index)
    assert (after.number, after.state, standing.card_number) == (card.number, "active", card.number)
    assert standing.unit_path == office.unions["B9"].path
    assert {unit: office.quota(unit).used for unit in used} == used
    assert {line.union.code: line.used for line in issuance.quota_tree(session, 2025)}.get("B9", 0) == 0

    refused = shop.redeem(member, 10_000, service_on=date(2025, 9, 1))
    assert refused.discount_fen == 500 and [one.program for one in refused.benefits] == ["D2ONLY"]
    (why,) = [one for one in refused.not_applied if one.program == "D1ONLY"]
    assert {reason.code for reason in why.reasons} == {"org_scope"}
    (leaf,) = services.explain(session, refused.id)["D1ONLY"]
    assert (leaf["op"], leaf["expected"], leaf["actual"]) == ("org_under", ["D1"], office.unions["B9"].path)
    again = shop.redeem(member, 38_000, service_code="health_check", service_on=date(2025, 9, 1))
    (spent,) = [one for one in again.not_applied if one.program == "HC"]
    assert {reason.code for reason in spent.reasons} == {"limit_count"}

    assert [one.state for one in lines_of(session, batch)] == [ApplicationState.WITHDRAWN]
    (reopened,) = [
        one
        for one in issuance.applications_of_people(session, [member.person_id])
        if one.kind is ApplicationKind.REPLACEMENT and one.state is ApplicationState.SUBMITTED
    ]
    (line,) = lines_of(session, reopened.batch_id)
    assert line.review_path == office.unions["B9"].path
    # Entered on its own day, it flags nothing.
    assert services.grants_of_old_union(session, path="/") == ()
    assert breaches(session) == {} and office.breaches() == {}


@pytest.mark.parametrize(
    ("entered", "effective", "sales", "listed"),
    [
        # The scenario's own: September's redemptions, entered on 5 October.
        (
            date(2025, 10, 5),
            date(2025, 9, 1),
            [(date(2025, 8, 31), 10_000), (date(2025, 9, 1), 10_000), (date(2025, 9, 30), 23_450), (date(2025, 10, 4), 999)],
            [(date(2025, 9, 1), 1_000, 300), (date(2025, 9, 30), 2_345, 704), (date(2025, 10, 4), 100, 30)],
        ),
        (date(2026, 3, 20), date(2026, 1, 31), [(date(2026, 1, 30), 5_000), (date(2026, 2, 1), 7_777)],
         [(date(2026, 2, 1), 778, 233)]),
        (date(2026, 3, 20), date(2026, 3, 19), [(date(2026, 3, 1), 5_000)], []),
    ],
)  # fmt: skip
def test_s19_a_change_entered_late_lists_what_the_old_union_granted(
    session, world, clock, entered, effective, sales, listed
):
    clock.set(noon(date(2025, 4, 1)))
    shop = make_shop(session, world)
    offered(shop, date(2025, 1, 1))
    member, colleague = shop.members(1, 2)
    for day, amount in sales:
        clock.set(noon(day))
        assert shop.redeem(member, amount).discount_fen > 0
        shop.redeem(colleague, amount)
    clock.set(noon(entered))
    transfer(shop, member.person_id, effective)
    found = services.grants_of_old_union(session, path="/C/")
    assert [(one.service_on, one.benefit_fen, one.union_fen) for one in found] == listed
    assert all(one.merchant_fen == one.benefit_fen - one.union_fen and one.program == "D1ONLY" for one in found)
    assert {one.transfer.effective_on for one in found} <= {effective}
    assert services.grants_of_old_union(session, person_ids=[colleague.person_id]) == ()
    for path in ("/C/D1/", "/C/D2/B9/"):
        assert len(services.grants_of_old_union(session, path=path)) == len(listed)
    assert services.grants_of_old_union(session, path="/C/D1/B2/") == ()
    # Nothing was undone by it.
    assert breaches(session) == {}


def test_a_use_is_judged_by_the_place_its_true_union_had_on_that_day(session, world, clock):
    clock.set(noon(date(2025, 4, 1)))
    shop = make_shop(session, world)
    offered(shop, date(2025, 1, 1))
    member = shop.member()
    for day in (date(2025, 9, 10), date(2025, 9, 25)):
        clock.set(noon(day))
        assert shop.redeem(member, 10_000).discount_fen == 1_000
        if day.day == 10:
            clock.set(noon(date(2025, 9, 20)))
            move(shop, "B9", "D1")
    clock.set(noon(date(2025, 10, 5)))
    transfer(shop, member.person_id, date(2025, 9, 1))

    def listed():
        return [one.service_on for one in services.grants_of_old_union(session, path="/")]

    # On the 25th B9 was below D1 already, whose discount it then was.
    assert listed() == [date(2025, 9, 10)]
    for place in ("D2", "D1"):
        clock.set(noon(date(2025, 11, 10)))
        move(shop, "B9", place)
        assert listed() == [date(2025, 9, 10)]


def test_what_was_given_back_or_would_have_been_granted_anyway_is_not_listed(session, world, clock):
    clock.set(noon(date(2025, 8, 1)))
    shop = make_shop(session, world)
    either = {"op": "any", "of": [{"op": "org_under", "codes": ["D1"]}, {"op": "service_code_in", "codes": ["gym"]}]}
    shop.pool("P", 10_000_000, PoolUnit.FEN)
    shop.program("EITHER", rule(percent(1_000), either, funding=UNION, limits=POOL), since=date(2025, 1, 1))
    shop.program("ALL", rule(percent(200), lane=20), since=date(2025, 1, 1))
    member = shop.member()
    clock.set(noon(date(2025, 9, 10)))
    shop.redeem(member, 30_000, service_code="gym")
    clock.set(noon(date(2025, 9, 11)))
    partly = shop.redeem(member, 10_000)
    given_back = shop.redeem(member, 10_000)
    shop.refund(given_back.id)
    clock.set(noon(date(2025, 10, 5)))
    shop.refund(partly.id, 600)
    transfer(shop, member.person_id, date(2025, 9, 1))
    found = services.grants_of_old_union(session, path="/")
    assert [(one.redemption_id, one.program) for one in found] == [(partly.id, "EITHER")]
    assert 0 < found[0].benefit_fen < 1_000


def test_the_list_stands_on_the_members_page_and_in_finance_with_its_file(app, session, world, clock):
    clock.set(noon(date(2025, 4, 1)))
    shop = make_shop(session, world)
    offered(shop, date(2025, 1, 1))
    member = shop.member()
    clock.set(noon(date(2025, 9, 30)))
    shop.redeem(member, 23_450)
    clock.set(noon(date(2025, 10, 5)))
    transfer(shop, member.person_id, date(2025, 9, 1))

    def browser(principal):
        client = app.test_client()
        enter(client, access.open_staff_session(session, world, principal.account_id).token)
        return client

    page = words_of(browser(shop.office["U9"]).get(f"/console/members/{member.person_id}").text)
    assert "仍按原单位享受了 1 笔，工会承担 ¥7.04" in page
    finance = browser(make_officer(session, world, shop.office.unions["C"], "fm", Role.FINANCE_MAKER))
    page = words_of(finance.get("/finance/late-transfers").text)
    assert "周*林" in page and "周桂林" not in page and "23.45" in page and "7.04" in page
    content = finance.get("/finance/late-transfers.csv").data.decode("utf-8-sig").splitlines()
    assert len(content) == 2 and content[1].split(",")[9:] == ["23.45", "7.04", "16.41"]
    other = browser(make_officer(session, world, shop.office.unions["B2"], "b2", Role.FINANCE_MAKER))
    assert "没有要核对的转接" in other.get("/finance/late-transfers").text
