"""Handing down to many at once, taking back after a date, and asking for more."""

import hashlib
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cardnet.access.rules import Role
from cardnet.issuance import services
from cardnet.issuance.rules import AllocationBasis, RaiseState, must_add_up
from cardnet.issuance.services import AllocateMany, DecideRaise, NewAuthority, RecallQuota, SetRecallDate
from cardnet.kernel.errors import Conflict, InvalidInput, NotAllowed, NotFound
from cardnet.membership import services as membership
from tests.make import membership as make_membership
from tests.make.issuance import make_office, make_officer

DECISION = NewAuthority(
    "云工〔2026〕18号", "区总工会第三次常委会", date(2026, 11, 2), "2290201 职工服务", "18号.pdf", b"%PDF-1.7 x"
)


@pytest.fixture
def office(session, world):
    return make_office(session, world)


def plan(office, total, basis=AllocationBasis.MEMBERS, code="C", **more):
    return services.preview_allocation(office.session, AllocateMany(office.year, code, total, basis, **more))


def allocate(office, total, basis=AllocationBasis.HAND, code="C", **more):
    return services.allocate_many(office.session, office.world, AllocateMany(office.year, code, total, basis, **more))


# ---- shares ----


def test_a_plan_by_members_adds_up_and_changes_nothing(office, session, world):
    make_membership.people(session, world, 2, "B1")
    membership.save_people(session, world, [make_membership.person_row(100 + n, "B9") for n in range(1)])
    office.grant(1_000)
    seen = plan(office, 1_000)
    assert [(s.union.code, s.weight, s.count, s.after) for s in seen.shares] == [
        ("D1", 2, 667, 667),
        ("D2", 1, 333, 333),
    ]
    assert (seen.free, seen.left, seen.short, seen.evenly) == (1_000, 0, 0, False)
    assert office.quota("C").free == 1_000
    done = allocate(office, 1_000, shares={s.union.code: s.count for s in seen.shares})
    assert [s.count for s in done.shares] == [667, 333]
    assert (office.quota("C").free, office.quota("D1").received, office.quota("D2").received) == (0, 667, 333)
    assert office.breaches() == {}


def test_a_plan_by_last_year_goes_by_the_cards_that_were_issued_then(office, session, world, clock):
    office.issue(0, 1, 2)
    office.give_unit("B9", 1)
    clock.advance(timedelta(days=365))
    office.grant(10)
    seen = plan(office, 10, AllocationBasis.LAST_YEAR)
    assert [(s.union.code, s.weight, s.count) for s in seen.shares] == [("D1", 3, 10), ("D2", 0, 0)]
    assert plan(office, 10).evenly is False


def test_without_anything_to_weigh_by_each_counts_alike_and_the_plan_says_so(office):
    office.grant(9)
    seen = plan(office, 9, AllocationBasis.LAST_YEAR)
    assert ([s.count for s in seen.shares], seen.evenly) == ([5, 4], True)


def test_a_published_allocation_of_1000_does_not_add_up_to_1100(office):
    office.grant(1_000)
    with pytest.raises(InvalidInput, match="allocation_sum") as refused:
        plan(office, 1_000, AllocationBasis.HAND, shares={"D1": 600, "D2": 500})
    assert "1,100" in refused.value.message
    assert "多 100" in refused.value.message
    with pytest.raises(InvalidInput, match="allocation_sum"):
        allocate(office, 1_000, shares={"D1": 600, "D2": 500})
    assert office.quota("C").free == 1_000


def test_what_cannot_be_allocated_is_told(office):
    office.grant(10)
    assert plan(office, 12).short == 2
    with pytest.raises(Conflict, match="quota_short"):
        allocate(office, 12, AllocationBasis.MEMBERS)
    for shares, code in (({"B1": 10}, "quota_not_child"), ({"D1": -1, "D2": 11}, "share_invalid")):
        with pytest.raises(InvalidInput, match=code):
            allocate(office, 10, shares=shares)
    with pytest.raises(InvalidInput, match="no_union_below"):
        plan(office, 1, code="B1")
    with pytest.raises(NotAllowed, match="out_of_scope"):
        plan(office, 1, officer=office["D1u"])
    with pytest.raises(NotFound, match="quota_year_unknown"):
        services.preview_allocation(office.session, AllocateMany(office.year + 1, "C", 1, AllocationBasis.MEMBERS))
    assert office.breaches() == {}


def test_places_handed_down_are_offered_to_who_waits(office):
    office.submit(office.roster(0, 1))
    office.grant(10)
    office.allocate("C", "D1", 10)
    allocate(office, 1, code="D1", shares={"B1": 1})
    assert (office.quota("B1").offered, office.quota("B1").waiting) == (1, 1)
    assert office.breaches() == {}


@given(total=st.integers(1, 10**6), typed=st.lists(st.integers(0, 10**5), min_size=1, max_size=20))
def test_only_shares_that_come_to_the_total_pass(total, typed):
    if sum(typed) == total:
        must_add_up(total, typed)
    else:
        with pytest.raises(InvalidInput):
            must_add_up(total, typed)


# ---- recall ----


def test_after_its_date_what_is_free_goes_back_up_and_what_is_held_or_used_stays(office, session, world, clock):
    office.give_unit("B1", 10)
    office.give_unit("B2", 6)
    office.give_unit("B9", 4)
    office.submit(office.roster(0, 1))
    until = date(2026, 11, 30)
    assert services.set_recall_date(session, world, SetRecallDate(office.year, "D1", until, office["D1u"])) == 2
    assert office.quota("B1").recall_after == until
    recall = RecallQuota(office.year, "D1", office["D1u"])
    clock.set(world.now().replace(month=11, day=30, hour=15))
    with pytest.raises(Conflict, match="recall_not_due"):
        services.recall_quota(session, world, recall)
    clock.advance(timedelta(hours=2))
    done = services.recall_quota(session, world, recall)
    assert (done.places, done.unions) == (14, 2)
    assert (office.quota("B1").received, office.quota("B1").held, office.quota("B2").received) == (2, 2, 0)
    assert (office.quota("D1").free, office.quota("B9").free) == (14, 4)
    with pytest.raises(Conflict, match="recall_not_due"):
        services.recall_quota(session, world, recall)
    assert office.breaches() == {}


def test_a_recall_to_the_district_goes_through_the_townships(office, session, world, clock):
    office.give_unit("B1", 3)
    office.give_unit("B9", 5)
    services.set_recall_date(session, world, SetRecallDate(office.year, "C", date(2026, 11, 21)))
    clock.advance(timedelta(days=1))
    assert services.recall_quota(session, world, RecallQuota(office.year, "C")).places == 8
    assert (office.quota("C").free, office.quota("D1").received, office.quota("B9").received) == (8, 0, 0)
    assert office.breaches() == {}


def test_a_date_of_recall_lies_ahead_and_is_given_by_the_union_above(office, session, world):
    office.give_unit("B1", 3)
    for command, error in (
        (SetRecallDate(office.year, "D1", date(2026, 11, 20)), InvalidInput),
        (SetRecallDate(office.year, "D2", date(2026, 12, 20), office["D1u"]), NotAllowed),
        (SetRecallDate(office.year, "B1", date(2026, 12, 20)), Conflict),
    ):
        with pytest.raises(error):
            services.set_recall_date(session, world, command)


def test_an_allocation_may_carry_its_date(office, session, world):
    office.grant(5)
    allocate(office, 5, shares={"D1": 5}, recall_after=date(2026, 12, 1))
    assert office.quota("D1").recall_after == date(2026, 12, 1)


# ---- asking for more ----


def ask(office, code, count, officer, authority=None):
    return services.ask_for_more(
        office.session, office.world,
        services.AskForMore(office.year, code, count, "新入职职工较多", office[officer], authority),
    )  # fmt: skip


def test_a_unit_asks_and_the_union_above_hands_down(office, session, world):
    office.grant(10)
    office.allocate("C", "D1", 5)
    wanted = ask(office, "B1", 3, "U1")
    (seen,) = services.raises(session, office["D1u"], office.year)
    assert (seen.count, seen.state, seen.decidable, seen.asked_by) == (3, RaiseState.ASKED, True, "U1同志")
    assert services.raises(session, office["D9u"], office.year) == ()
    for stranger in ("U1", "A1", "D9u"):
        with pytest.raises(NotAllowed):
            services.approve_raise(session, world, DecideRaise(wanted, office[stranger]))
    assert services.approve_raise(session, world, DecideRaise(wanted, office["D1u"])).state is RaiseState.APPROVED
    assert office.quota("B1").received == 3
    with pytest.raises(Conflict, match="already_decided"):
        services.refuse_raise(session, world, DecideRaise(wanted, office["D1u"], "迟了"))
    assert office.breaches() == {}


def test_the_districts_raise_names_its_decision_and_is_decided_by_another(office, session, world):
    office.grant(10)
    with pytest.raises(InvalidInput, match="authority_missing"):
        ask(office, "C", 500, "C1")
    wanted = ask(office, "C", 500, "C1", DECISION)
    (seen,) = services.raises(session, office["C2"], office.year)
    assert seen.authority.document == DECISION.document
    assert seen.authority.sha256 == hashlib.sha256(DECISION.original).hexdigest()
    assert services.original_of(session, seen.authority.id).content == DECISION.original
    with pytest.raises(NotAllowed, match="sod_violation"):
        services.approve_raise(session, world, DecideRaise(wanted, office["C1"]))
    chair = make_officer(session, world, office.unions["C"], "chair", Role.CHAIR)
    services.approve_raise(session, world, DecideRaise(wanted, chair))
    assert office.quota("C").received == 510
    assert office.breaches() == {}


def test_a_raise_is_refused_with_words_or_withdrawn_by_who_asked(office, session, world):
    office.grant(10)
    office.allocate("C", "D1", 5)
    wanted = ask(office, "B1", 3, "U1")
    with pytest.raises(InvalidInput, match="words_missing"):
        services.refuse_raise(session, world, DecideRaise(wanted, office["D1u"]))
    refused = services.refuse_raise(session, world, DecideRaise(wanted, office["D1u"], "先用完现有名额"))
    assert (refused.state, refused.words) == (RaiseState.REFUSED, "先用完现有名额")
    again = ask(office, "B1", 9, "U1")
    with pytest.raises(Conflict, match="quota_short"):
        services.approve_raise(session, world, DecideRaise(again, office["D1u"]))
    with pytest.raises(NotAllowed, match="not_yours"):
        services.withdraw_raise(session, world, DecideRaise(again, office["D1u"]))
    assert services.withdraw_raise(session, world, DecideRaise(again, office["U1"])).state is RaiseState.WITHDRAWN
    assert office.quota("D1").free == 5
    assert office.breaches() == {}


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"document": " "}, "authority_incomplete"),
        ({"meeting": ""}, "authority_incomplete"),
        ({"budget_item": ""}, "authority_incomplete"),
        ({"decided_on": date(2026, 11, 22)}, "authority_incomplete"),
        ({"original": b"MZ\x90 a program"}, "original_unknown_type"),
        ({"original": b"<html>"}, "original_unknown_type"),
        ({"original": b"%PDF-" + b"0" * 20_000_000}, "original_too_large"),
    ],
)
def test_a_decision_is_recorded_whole_or_not_at_all(office, session, world, change, code):
    fields = {**vars(DECISION), **change}
    with pytest.raises(InvalidInput, match=code):
        services.record_authority(session, world, office["C1"], NewAuthority(**fields))
