"""What lies on an officer's desk: what waits, batches with their rows and history, cards, each within its scope."""

from datetime import timedelta

import pytest

from cardnet.issuance import services
from cardnet.issuance.rules import ApplicationState, CardState, Verdict
from cardnet.issuance.services import desk
from cardnet.kernel.errors import NotFound
from tests.make import membership as make_membership
from tests.make.issuance import Office, make_office


@pytest.fixture
def office(session, world) -> Office:
    return make_office(session, world)


@pytest.fixture
def batch(office):
    office.give_unit("B1", 10)
    return office.submit(office.roster(1, 2, 3)).batch_id


def test_what_waits_moves_from_desk_to_desk(session, world, office, batch):
    def waiting(name):
        return [(task.kind, task.count) for task in desk.tasks_of(session, world, office[name])]

    assert waiting("A1") == [("review", 3)]
    assert waiting("U1") == waiting("D1u") == waiting("U9") == []
    office.review(batch, "A1")
    assert waiting("A1") == []
    assert waiting("D1u") == [("review", 3)]
    office.review(batch, "D1u", Verdict.RETURN, (2,), ("R02",))
    assert waiting("U1") == [("mend", 1)]
    office.review(batch, "D1u")
    office.review(batch, "C1")
    assert waiting("C2") == [("issue", 2)]
    services.issue_cards(session, world, services.IssueCards(batch, office["C1"]))
    assert waiting("C2") == []
    assert ("hand_out", 2) in waiting("U1")


def test_what_is_overdue_stands_on_top(session, world, clock, office, batch):
    later = office.submit(office.roster(4)).batch_id
    clock.advance(timedelta(days=30))
    office.submit(office.roster(5))
    tasks = desk.tasks_of(session, world, office["A1"])
    assert [task.overdue for task in tasks] == [True, True, False]
    assert {task.batch_id for task in tasks[:2]} == {batch, later}


def test_a_batch_of_the_whole_district_shows_a_township_its_own_rows_only(session, world, office):
    lines = [make_membership.roster_line(1, unit="B1"), make_membership.roster_line(2, unit="B9")]
    lines.append(make_membership.roster_line(3, unit="B1", consent=""))
    content = make_membership.csv_file(make_membership.roster_cells(lines))
    office.give_unit("B1", 5)
    office.grant(5)
    for giver, taker in (("C", "D2"), ("D2", "B9")):
        office.allocate(giver, taker, 5)
    batch_id = office.submit(content, unit="C", officer="C1").batch_id
    seen = {}
    for name in ("C1", "D1u", "D9u"):
        line = desk.batch_of(session, office[name], batch_id)
        rows = desk.batch_rows(session, office[name], line)
        seen[name] = ([row.row for row in rows.items], line.applications)
    assert seen == {"C1": ([1, 2, 3], 2), "D1u": ([1], 1), "D9u": ([2], 1)}


def test_a_batch_of_another_township_looks_as_if_it_were_not_there(session, office, batch):
    with pytest.raises(NotFound):
        desk.batch_of(session, office["U9"], batch)
    assert desk.batches(session, office["D9u"]).total == 0
    assert desk.batches(session, office["D1u"]).total == 1


def test_a_filter_never_widens_the_scope(session, office, batch):
    assert desk.batches(session, office["U9"], desk.BatchFilter(path="/C/")).total == 0
    assert desk.find_cards(session, office["U9"], desk.CardFilter(path="/C/")).total == 0


def test_rows_are_filtered_by_state_and_carry_the_reasons_of_their_return(session, office, batch):
    office.review(batch, "A1", Verdict.RETURN, (2,), ("R02", "R04"))
    line = desk.batch_of(session, office["U1"], batch)
    assert line.states == {ApplicationState.SUBMITTED: 2, ApplicationState.RETURNED: 1}
    returned = desk.batch_rows(
        session, office["U1"], line, desk.RowFilter(states=frozenset({ApplicationState.RETURNED}))
    )
    assert [(row.row, row.reasons) for row in returned.items] == [(2, ("R02", "R04"))]
    assert desk.row_of(session, office["U1"], line, 2).person.name == "周桂林"
    with pytest.raises(NotFound):
        desk.row_of(session, office["U1"], line, 99)
    mine = desk.batch_rows(session, office["A1"], line, desk.RowFilter(only_mine=True))
    assert [row.row for row in mine.items] == [1, 3]
    assert desk.row_numbers(session, office["A1"], line, "/C/D1/B1/") == (1, 3)
    assert desk.batch_rows(session, office["U1"], line, limit=2).total == 3


def test_the_history_of_a_batch_tells_each_act_once(session, office, batch):
    office.review(batch, "A1")
    office.review(batch, "D1u")
    history = desk.batch_history(session, office["C1"], batch)
    assert [(act.action, act.count, act.actor) for act in history] == [
        ("submit", 3, "U1同志"),
        ("pass_on", 3, "A1同志"),
        ("pass_on", 3, "D1u同志"),
    ]
    one = desk.row_of(session, office["C1"], desk.batch_of(session, office["C1"], batch), 1)
    assert len(desk.application_history(session, office["C1"], one.application_id)) == 3
    assert desk.batch_history(session, office["U9"], batch) == ()
    places = desk.batch_and_places(session, office["C1"], batch)[1]
    assert [(union.code, count) for union, count in places.turns] == [("C", 3)]
    assert [(union.code, count) for union, count in places.units] == [("B1", 3)]


def test_cards_are_found_by_number_and_by_last_digits_inside_the_scope(session, world, office):
    first, second = office.issue(1, 2)
    find = desk.find_cards
    whole = find(session, office["D1u"], desk.CardFilter(number=first.number))
    assert [card.card_id for card in whole.items] == [first.card_id]
    ending = find(session, office["U1"], desk.CardFilter(ending=second.number[-6:]))
    assert [card.card_id for card in ending.items] == [second.card_id]
    assert find(session, office["U9"], desk.CardFilter(number=first.number)).total == 0
    with pytest.raises(NotFound):
        desk.card_of_id(session, office["U9"], first.card_id)
    services.suspend_card(session, world, services.ChangeCard(first.card_id, "手机遗失", office["U1"]))
    suspended = find(session, office["C1"], desk.CardFilter(states=frozenset({CardState.SUSPENDED})))
    assert [card.card_id for card in suspended.items] == [first.card_id]
    history = desk.card_history(session, first.card_id)
    assert [(event.action, event.words) for event in history] == [("issue", ""), ("suspend", "手机遗失")]
