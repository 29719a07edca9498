"""Quota: a tree of counters with a ledger, as in scenario S16."""

from dataclasses import replace
from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import text

from cardnet.issuance import services
from cardnet.issuance.rules import QuotaKind, plan_spread
from cardnet.kernel.calendar import SHANGHAI
from cardnet.kernel.errors import Conflict, InvalidInput, NotAllowed, NotFound
from cardnet.membership import services as membership
from tests.make import membership as make_membership
from tests.make.issuance import lines_of, make_office


@pytest.fixture
def office(session, world):
    return make_office(session, world)


def tree_sum(session):
    return session.scalar(text("select sum(received - passed_down) from quota_node"))


def move(office, giver, taker, count):
    return services.transfer_quota(office.session, office.world, services.MoveQuota(office.year, giver, taker, count))


def give_back(office, giver, count):
    return services.return_quota(office.session, office.world, services.ReturnQuota(office.year, giver, count))


@pytest.mark.parametrize(
    ("granted", "first", "second", "unit", "used"),
    [(30_000, 20_000, 8_000, 5_000, 4_998), (300, 150, 90, 40, 7)],
    ids=["the numbers of S16", "other numbers"],
)
def test_s16_quota_tree_race_transfer_and_return(office, session, world, clock, granted, first, second, unit, used):
    clock.set(datetime(2025, 6, 3, 9, tzinfo=SHANGHAI))
    office.grant(granted)
    office.allocate("C", "D1", first)
    office.allocate("C", "D2", second)
    office.allocate("D1", "B1", unit)
    assert (office.quota("C").received, office.quota("C").passed_down) == (granted, first + second)
    assert office.quota("C").free == granted - first - second
    assert office.quota("D1").free == first - unit
    receipt = office.submit(office.roster(*range(used)))
    office.approve_all_the_way(receipt.batch_id)
    services.issue_cards(session, world, services.IssueCards(receipt.batch_id, office["C1"]))
    # Two places are left, whatever the size of the unit.
    if spare := unit - used - 2:
        give_back(office, "B1", spare)
    assert (office.quota("B1").used, office.quota("B1").held, office.quota("B1").free) == (used, 0, 2)
    receipts = [office.submit(office.roster(used + serial)) for serial in range(3)]
    assert [(r.submitted, r.waitlisted) for r in receipts] == [(1, 0), (1, 0), (0, 1)]
    assert lines_of(session, receipts[2].batch_id)[0].place == 1
    assert (office.quota("B1").held, office.quota("B1").free) == (2, 0)
    with pytest.raises(Conflict, match="quota_not_returnable"):
        give_back(office, "B1", 3)
    office.allocate("D1", "B1", 10)
    b1 = office.quota("B1")
    assert (b1.received, b1.held, b1.free, b1.waiting, b1.offered) == (used + 12, 3, 9, 0, 1)
    give_back(office, "B1", 9)
    assert office.quota("B1").received == office.quota("D1").passed_down == used + 3
    before = office.quota("C")
    move(office, "D1", "D2", 9)
    assert (office.quota("D1").received, office.quota("D2").received) == (first - 9, second + 9)
    assert office.quota("C") == before
    assert tree_sum(session) == granted
    free = office.quota("C").free
    office.grant(1 - free)
    assert (office.quota("C").received, office.quota("C").free) == (granted + 1 - free, 1)
    with pytest.raises(Conflict, match="quota_not_returnable"):
        office.grant(-2)
    assert office.breaches() == {}


def test_quota_goes_down_one_step_and_across_only_among_siblings(office, session, world):
    office.grant(10)
    with pytest.raises(InvalidInput, match="quota_not_child"):
        office.allocate("C", "B1", 1)
    office.allocate("C", "D1", 10)
    with pytest.raises(InvalidInput, match="quota_not_siblings"):
        services.transfer_quota(session, world, services.MoveQuota(office.year, "D1", "B9", 1))
    with pytest.raises(InvalidInput, match="quota_not_siblings"):
        services.transfer_quota(session, world, services.MoveQuota(office.year, "D1", "D1", 1))
    with pytest.raises(Conflict, match="quota_short"):
        office.allocate("D1", "B1", 11)
    with pytest.raises(Conflict, match="quota_short"):
        office.allocate("D2", "B9", 1)
    assert office.breaches() == {}


@pytest.mark.parametrize("count", [0, -1, 10**12])
def test_a_count_must_be_a_sensible_whole_number(office, session, world, count):
    office.grant(10)
    for act, command in (
        (services.allocate_quota, services.MoveQuota(office.year, "C", "D1", count)),
        (services.transfer_quota, services.MoveQuota(office.year, "D1", "D2", count)),
        (services.return_quota, services.ReturnQuota(office.year, "D1", count)),
    ):
        with pytest.raises(InvalidInput, match="count_invalid"):
            act(session, world, command)


def test_unknown_years_and_unions_and_a_missing_document_are_told(office, session, world):
    with pytest.raises(NotFound, match="quota_year_unknown"):
        office.allocate("C", "D1", 1)
    with pytest.raises(InvalidInput, match="document_missing"):
        office.grant(1, " ")
    office.grant(1)
    with pytest.raises(NotFound, match="unit_unknown"):
        office.allocate("C", "D99", 1)


def test_an_officer_moves_places_only_within_the_own_scope(office, session, world):
    office.grant(10)
    office.allocate("C", "D1", 10)
    command = services.MoveQuota(office.year, "D1", "B1", 1, office["D9u"])
    with pytest.raises(NotAllowed, match="out_of_scope"):
        services.allocate_quota(session, world, command)
    services.allocate_quota(session, world, services.MoveQuota(office.year, "D1", "B1", 1, office["D1u"]))
    with pytest.raises(NotAllowed, match="out_of_scope"):
        services.transfer_quota(session, world, services.MoveQuota(office.year, "B1", "B2", 1, office["U1"]))


def test_spreading_goes_by_members_and_leaves_nothing_behind(office, session, world):
    make_membership.people(session, world, 6, "B1")
    rows = [make_membership.person_row(100 + n, "B2") for n in range(3)]
    rows += [make_membership.person_row(200 + n, "B9") for n in range(1)]
    membership.save_people(session, world, rows)
    office.grant(101)
    spread = services.spread_quota(session, world, services.SpreadQuota(office.year))
    assert (spread.places, spread.nodes, spread.evenly) == (101, 5, False)
    received = {line.union.code: (line.received, line.free) for line in services.quota_tree(session, office.year)}
    assert received == {"C": (101, 0), "D1": (91, 0), "D2": (10, 0), "B1": (61, 61), "B2": (30, 30), "B9": (10, 10)}
    with pytest.raises(Conflict, match="quota_short"):
        services.spread_quota(session, world, services.SpreadQuota(office.year))
    assert office.breaches() == {}


def test_spreading_without_any_register_counts_every_unit_alike_and_says_so(office, session, world):
    office.grant(9)
    assert services.spread_quota(session, world, services.SpreadQuota(office.year)).evenly
    assert [office.quota(code).free for code in ("B1", "B2", "B9")] == [3, 3, 3]


@given(free=st.integers(0, 10**6), members=st.lists(st.integers(0, 10**5), min_size=1, max_size=40))
def test_a_spread_always_adds_up(free, members):
    parts = plan_spread(free, members)
    assert sum(parts) == free
    assert all(part >= 0 for part in parts)
    if any(members):
        assert all(part == 0 for part, count in zip(parts, members, strict=True) if count == 0)


def test_places_of_a_kind_without_applications_are_handed_down_and_noted_as_used(office, session, world):
    kind = QuotaKind.RECUPERATION
    services.grant_quota(session, world, services.GrantQuota(office.year, 20, "云工〔2026〕7号", kind=kind))
    for giver, taker in (("C", "D1"), ("D1", "B1")):
        services.allocate_quota(session, world, services.MoveQuota(office.year, giver, taker, 8, kind=kind))
    use = services.UseQuota(office.year, "B1", 5, "第一批疗休养 5 人", office["U1"])
    assert services.use_quota(session, world, use).free == 3
    with pytest.raises(Conflict, match="quota_short"):
        services.use_quota(session, world, use)
    with pytest.raises(InvalidInput, match="kind_has_applications"):
        services.use_quota(session, world, replace(use, kind=QuotaKind.NEW_CARD))
    with pytest.raises(InvalidInput, match="words_missing"):
        services.use_quota(session, world, replace(use, words=" "))
    assert services.quota_tree(session, office.year) == ()
    assert office.breaches() == {}
