"""What follows a member: S19's membership half with its numbers and others, release by time, deaths, applications left behind."""

from datetime import UTC, date, datetime, timedelta

import pytest
from sqlalchemy import text

from cardnet.issuance import services
from cardnet.issuance.rules import ApplicationState, CardState
from cardnet.kernel.calendar import working_deadline
from cardnet.kernel.errors import Conflict, InvalidInput, NotAllowed, NotFound
from cardnet.membership import services as membership
from cardnet.membership.invariants import INVARIANTS
from cardnet.membership.member_rules import Confirmed, Ending
from cardnet.membership.rules import MembershipKind, TransferState
from tests.make import membership as make_membership
from tests.make.issuance import activate, lines_of, make_office


@pytest.fixture
def office(session, world):
    return make_office(session, world)


def breaches(office):
    found = {code for code, (_, sql) in INVARIANTS.items() if office.session.execute(text(sql)).first()}
    return found | set(office.breaches())


def start(office, person_id, officer="U9", to="B9", on=None):
    command = membership.StartTransfer(person_id, office.unions[to].id, office[officer], on)
    return services.transfer_member(office.session, office.world, command)


def line(office, unit="B9"):
    (found,) = membership.transfers_of(office.session, office.unions[unit].id)
    return found


def unit_of(office, person_id, on=None):
    office.session.expire_all()
    view = membership.people(office.session, [person_id], on)[person_id]
    return view.unit.code if view.unit else None


# ---- S19 ----


@pytest.mark.parametrize(
    ("entered", "effective"),
    [
        (datetime(2025, 9, 1, 2, tzinfo=UTC), date(2025, 9, 1)),
        (datetime(2025, 10, 5, 2, tzinfo=UTC), date(2025, 9, 1)),
        (datetime(2026, 3, 20, 2, tzinfo=UTC), date(2026, 1, 31)),
    ],
)
def test_s19_a_member_changes_employer_and_everything_follows(session, world, clock, entered, effective):
    clock.set(datetime(2025, 4, 1, 2, tzinfo=UTC))
    office = make_office(session, world)
    (card,) = office.issue(0)
    activate(session, world, card, make_membership.id_number(0)[-4:])
    used = {unit: office.quota(unit).used for unit in ("C", "D1", "B1")}
    clock.set(entered)
    released = start(office, card.person_id, "C1", on=effective)
    assert (released.from_union_id, released.to_union_id, released.effective_on) == (
        office.unions["B1"].id,
        office.unions["B9"].id,
        effective,
    )
    before = effective - timedelta(days=1)
    assert [unit_of(office, card.person_id, day) for day in (before, effective)] == ["B1", "B9"]
    view = services.card_of_number(session, card.number)
    assert (view.number, view.union_id, view.state) == (card.number, office.unions["B9"].id, CardState.ACTIVE)
    lines = {one.union.code: one.used for one in services.quota_tree(session, 2025)}
    assert {unit: lines[unit] for unit in used} == used and lines.get("B9", 0) == 0
    file = membership.open_file(session, world, office["U9"], card.person_id)
    assert [(m.union.code, m.from_, m.to, m.ended_as) for m in file.memberships] == [
        ("B9", effective, None, None),
        ("B1", date(2018, 4, 28), effective, Ending.TRANSFERRED),
    ]
    # 入会日期 goes along: seniority does not begin anew.
    assert {m.member_since for m in file.memberships} == {date(2018, 4, 28)}
    assert breaches(office) == set()


def test_a_day_to_come_or_before_the_present_standing_is_refused(session, office, world):
    (person_id,) = make_membership.people(session, world)
    with pytest.raises(InvalidInput) as early:
        start(office, person_id, "C1", on=date(2018, 4, 27))
    with pytest.raises(InvalidInput) as late:
        start(office, person_id, "C1", on=date(2999, 1, 1))
    assert (early.value.code, late.value.code) == ("effective_before_membership", "effective_in_future")


# ---- proposed, answered, left unanswered ----


def test_the_new_unit_asks_and_the_old_one_lets_go(session, office, world):
    (card,) = office.issue(0)
    assert start(office, card.person_id) is None
    asked = line(office)
    assert asked.due_at == working_deadline(world.now(), 5) and unit_of(office, card.person_id) == "B1"
    with pytest.raises(Conflict) as twice:
        start(office, card.person_id)
    assert twice.value.code == "transfer_open"
    with pytest.raises(NotFound):
        services.accept_transfer(session, world, membership.AnswerTransfer(asked.id, office["U2"]))
    with pytest.raises(NotAllowed):
        services.accept_transfer(session, world, membership.AnswerTransfer(asked.id, office["U9"]))
    services.accept_transfer(session, world, membership.AnswerTransfer(asked.id, office["U1"]))
    assert unit_of(office, card.person_id) == "B9"
    assert services.card_of_number(session, card.number).union_id == office.unions["B9"].id
    with pytest.raises(Conflict) as again:
        services.accept_transfer(session, world, membership.AnswerTransfer(asked.id, office["U1"]))
    assert again.value.code == "transfer_decided"


def test_silence_releases_after_five_working_days_and_only_once(session, office, world, clock):
    (card,) = office.issue(0)
    start(office, card.person_id)
    due = line(office).due_at
    clock.set(due - timedelta(seconds=1))
    assert services.release_due_transfers(session, world) == 0
    clock.set(due)
    assert services.release_due_transfers(session, world) == 1
    assert services.release_due_transfers(session, world) == 0
    assert unit_of(office, card.person_id) == "B9"
    assert services.card_of_number(session, card.number).union_id == office.unions["B9"].id
    assert breaches(office) == set()


def test_an_objection_stops_the_clock_and_says_why(session, office, world, clock):
    (person_id,) = make_membership.people(session, world)
    start(office, person_id)
    asked = line(office)
    with pytest.raises(InvalidInput) as silent:
        membership.object_to_transfer(session, world, membership.AnswerTransfer(asked.id, office["U1"]))
    assert silent.value.code == "words_missing"
    membership.object_to_transfer(session, world, membership.AnswerTransfer(asked.id, office["U1"], "仍在我单位缴费"))
    clock.set(asked.due_at + timedelta(days=30))
    assert services.release_due_transfers(session, world) == 0
    (told,) = membership.transfers_of(session, office.unions["B9"].id, frozenset({TransferState.OBJECTED}))
    assert told.words == "仍在我单位缴费" and unit_of(office, person_id) == "B1"


def test_the_new_unit_takes_its_proposal_back(session, office, world):
    (person_id,) = make_membership.people(session, world)
    start(office, person_id)
    asked = line(office)
    with pytest.raises(NotAllowed):
        membership.withdraw_transfer(session, world, membership.AnswerTransfer(asked.id, office["U1"]))
    membership.withdraw_transfer(session, world, membership.AnswerTransfer(asked.id, office["U9"]))
    assert membership.transfers_of(session, office.unions["B9"].id) == ()


def test_of_two_units_that_ask_the_one_released_takes_the_member_and_the_other_lapses(session, office, world, clock):
    (person_id,) = make_membership.people(session, world)
    start(office, person_id, "U9", "B9")
    clock.set(world.now() + timedelta(hours=1))
    start(office, person_id, "U2", "B2")
    clock.set(world.now() + timedelta(days=30))
    assert services.release_due_transfers(session, world) == 1
    lapsed = membership.transfers_of(session, office.unions["B2"].id, frozenset({TransferState.LAPSED}))
    assert unit_of(office, person_id) == "B9" and len(lapsed) == 1


def test_a_proposal_about_somebody_who_left_meanwhile_lapses(session, office, world, clock):
    (person_id,) = make_membership.people(session, world)
    start(office, person_id)
    services.end_membership(session, world, membership.EndMembership(person_id, Ending.LEFT, office["U1"]))
    clock.set(world.now() + timedelta(days=30))
    assert services.release_due_transfers(session, world) == 0
    assert membership.transfers_of(session, office.unions["B9"].id) == ()


@pytest.mark.parametrize("approved_by", [(), ("A1",), ("A1", "D1u")])
def test_an_open_application_ends_at_the_old_unit_and_its_place_goes_on_in_line(session, office, world, approved_by):
    office.give_unit("B1", 1)
    batch = office.submit(office.roster(0, 1)).batch_id
    first, second = lines_of(session, batch)
    assert (first.state, second.state) == (ApplicationState.SUBMITTED, ApplicationState.WAITLISTED)
    for officer in approved_by:
        office.review(batch, officer)
    start(office, first.person_id, "C1")
    states = [one.state for one in lines_of(session, batch)]
    # The next in line is offered the place; approvals given at D1 count for nobody at D2.
    assert states[0] is ApplicationState.WITHDRAWN and lines_of(session, batch)[1].place is None
    assert breaches(office) == set()


def test_a_card_about_to_be_issued_is_waited_for(session, office, world):
    office.give_unit("B1", 1)
    batch = office.submit(office.roster(0)).batch_id
    office.approve_all_the_way(batch)
    (row,) = lines_of(session, batch)
    start(office, row.person_id)
    asked = line(office)
    with pytest.raises(Conflict) as held:
        services.accept_transfer(session, world, membership.AnswerTransfer(asked.id, office["U1"]))
    assert held.value.code == "card_about_to_be_issued"


def test_time_too_waits_for_a_card_about_to_be_issued(session, office, world, clock):
    office.give_unit("B1", 1)
    batch = office.submit(office.roster(0)).batch_id
    office.approve_all_the_way(batch)
    (row,) = lines_of(session, batch)
    start(office, row.person_id)
    clock.set(line(office).due_at)
    assert services.release_due_transfers(session, world) == 0
    (card,) = services.issue_cards(session, world, services.IssueCards(batch, office["C1"]))
    assert services.release_due_transfers(session, world) == 1
    assert services.card_of_number(session, card.number).union_id == office.unions["B9"].id
    assert breaches(office) == set()


def test_a_whole_roster_of_transfers_is_released_together(session, office, world, clock):
    ids = make_membership.people(session, world, 120)
    membership.propose_transfers(
        session, world, membership.ProposeTransfers([(i, office.unions["B9"].id) for i in ids], "roster")
    )
    clock.set(world.now() + timedelta(days=30))
    assert services.release_due_transfers(session, world) == 120
    assert {unit_of(office, i) for i in ids} == {"B9"}
    assert breaches(office) == set()


# ---- death, leaving, the yearly confirmation ----


def test_the_cards_of_the_dead_stop_and_no_other_ending_stops_any(session, office, world):
    living, dead = office.issue(0, 1)
    services.end_membership(session, world, membership.EndMembership(living.person_id, Ending.WITHDRAWN, office["U1"]))
    command = membership.EndMembership(dead.person_id, Ending.DECEASED, office["U1"], date(2026, 11, 1))
    assert services.end_membership(session, world, command) == 1
    states = [services.card_of_number(session, card.number).state for card in (living, dead)]
    assert states == [CardState.ORDERED, CardState.CANCELLED]
    assert membership.person_of_id(session, dead.person_id).deceased_on == date(2026, 11, 1)
    assert breaches(office) == set()


def test_the_yearly_confirmation_does_what_it_says(session, office, world):
    cards = office.issue(0, 1, 2, 3, 4)
    people = [card.person_id for card in cards]
    unit = office.unions["B1"].id

    def confirm(answer, *ids):
        return services.confirm_members(
            session, world, membership.Confirm(unit, office["U1"], ids, answer, date(2026, 11, 10))
        )

    assert membership.confirmation_list(session, unit, 2026).counts == {None: 5}
    assert [confirm(Confirmed.LEFT, people[0]), confirm(Confirmed.RETIRED, people[1]), confirm(Confirmed.DECEASED, people[2])] == [1, 1, 1]  # fmt: skip
    assert membership.confirm_the_rest(session, world, unit, office["U1"]) == 2
    assert membership.confirm_the_rest(session, world, unit, office["U1"]) == 0
    found = membership.confirmation_list(session, unit, 2026)
    assert found.counts == {Confirmed.LEFT: 1, Confirmed.RETIRED: 1, Confirmed.DECEASED: 1, Confirmed.STAYS: 2}
    retired = membership.person_of_id(session, people[1])
    assert (retired.membership_kind, retired.retired_on) == (MembershipKind.RETIRED, date(2026, 11, 10))
    assert unit_of(office, people[0]) is None
    assert [services.card_of_number(session, card.number).state for card in cards[:3]] == ["ordered", "ordered", "cancelled"]  # fmt: skip
    with pytest.raises(Conflict):
        confirm(Confirmed.STAYS, people[0])
    # 在册 may turn out to be something else later in the year.
    assert confirm(Confirmed.LEFT, people[3]) == 1
    assert breaches(office) == set()
    (november,) = {m.how for m in membership.leavers(session, "/C/D1/B1/", date(2026, 11, 1), date(2026, 12, 1))} - {"deceased"}  # fmt: skip
    assert november == "left"
