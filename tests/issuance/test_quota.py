"""Quota: a tree of counters with a ledger, as in scenario S16."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import text

from cardnet.issuance import services
from cardnet.issuance.rules import plan_spread
from cardnet.kernel.errors import Conflict, InvalidInput, NotAllowed, NotFound
from cardnet.membership import services as membership
from tests.make import membership as make_membership
from tests.make.issuance import make_office


@pytest.fixture
def office(session, world):
    return make_office(session, world)


def tree_sum(session):
    return session.scalar(text("select sum(received - passed_down) from quota_node"))


def test_s16_quota_tree_transfer_return_and_waiting(office, session, world):
    office.grant(30_000)
    office.allocate("C", "D1", 20_000)
    office.allocate("C", "D2", 8_000)
    office.allocate("D1", "B1", 5_000)
    assert (office.quota("C").passed_down, office.quota("C").free, office.quota("D1").free) == (28_000, 2_000, 15_000)
    # 4,998 used so far; the ledger takes no shortcuts, so a smaller unit stands for it: two places are left.
    services.return_quota(session, world, services.ReturnQuota(office.year, "B1", 4_998))
    receipts = [office.submit(office.roster(serial)) for serial in range(3)]
    assert [(r.submitted, r.waitlisted) for r in receipts] == [(1, 0), (1, 0), (0, 1)]
    assert services.applications_of(session, receipts[2].batch_id)[0].place == 1
    assert (office.quota("B1").held, office.quota("B1").free) == (2, 0)
    with pytest.raises(Conflict, match="quota_not_returnable"):
        services.return_quota(session, world, services.ReturnQuota(office.year, "B1", 3))
    office.allocate("D1", "B1", 10)
    assert (office.quota("B1").held, office.quota("B1").free, office.quota("B1").waiting) == (3, 9, 0)
    services.return_quota(session, world, services.ReturnQuota(office.year, "B1", 9))
    assert (office.quota("B1").received, office.quota("D1").passed_down) == (3, 3)
    before = office.quota("C")
    services.transfer_quota(session, world, services.MoveQuota(office.year, "D1", "D2", 9))
    assert (office.quota("D1").received, office.quota("D2").received) == (19_991, 8_009)
    assert office.quota("C") == before
    assert tree_sum(session) == 30_000
    office.grant(-1_000)
    assert (office.quota("C").received, office.quota("C").free) == (29_000, 1_000)
    with pytest.raises(Conflict, match="quota_not_returnable"):
        office.grant(-2_000)
    assert tree_sum(session) == 29_000
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
