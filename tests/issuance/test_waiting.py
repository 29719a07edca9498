"""The waiting list: a place offered once, to the next in line, for seven days."""

from datetime import timedelta

import pytest

from cardnet.issuance import services
from cardnet.issuance.rules import ApplicationState, Verdict
from cardnet.issuance.services import desk
from cardnet.kernel.errors import Conflict, InvalidInput, NotAllowed, NotFound
from tests.make.issuance import lines_of, make_office


@pytest.fixture
def office(session, world):
    return make_office(session, world)


@pytest.fixture
def line(office):
    """B1 has one place, taken by serial 0; serials 1 to 3 wait in that order. Gives their application ids."""
    office.give_unit("B1", 1)
    held = office.submit(office.roster(0)).batch_id
    waiting = [office.submit(office.roster(serial)).batch_id for serial in (1, 2, 3)]
    ids = [lines_of(office.session, batch)[0].application_id for batch in (held, *waiting)]
    return held, ids


def free_the_place(office, held):
    return office.review(held, "A1", Verdict.REJECT, reasons=("R08",))


def waiting(office, path="/C/"):
    return services.waiting_list(office.session, office.year, path).lines


def test_a_free_place_is_offered_to_the_next_and_held_for_seven_days(office, line, world):
    held, ids = line
    assert free_the_place(office, held).moved_up == 1
    first, second, third = waiting(office)
    assert (first.application_id, first.place, first.offer_until) == (ids[1], None, world.now() + timedelta(days=7))
    assert [(one.application_id, one.place) for one in (second, third)] == [(ids[2], 1), (ids[3], 2)]
    assert (office.quota("B1").held, office.quota("B1").free, office.quota("B1").offered) == (1, 0, 1)
    assert office.breaches() == {}


def test_an_accepted_offer_goes_to_review_and_a_declined_one_to_the_next(office, line, session):
    held, ids = line
    batches = [None, *(one.batch_id for one in waiting(office))]
    free_the_place(office, held)
    assert office.decline("U1").moved_up == 1
    assert waiting(office)[0].application_id == ids[2]
    assert office.accept("U1", ids[2]).answered == 1
    assert [one.application_id for one in waiting(office)] == [ids[3]]
    (row,) = lines_of(session, batches[2])
    assert (row.state, row.review_path) == (ApplicationState.SUBMITTED, "/C/D1/B1/")
    assert row.due_at is not None
    assert office.breaches() == {}


def test_an_offer_that_runs_out_goes_to_the_next_in_line_each_place_once(office, line, session, world, clock):
    held, ids = line
    free_the_place(office, held)
    for expected in (ids[1], ids[2], ids[3]):
        assert waiting(office)[0].application_id == expected
        clock.advance(timedelta(days=7) - timedelta(microseconds=1))
        assert services.lapse_overdue(session, world) == services.Lapsed(0, 0)
        clock.advance(timedelta(microseconds=1))
        with pytest.raises(Conflict, match="offer_gone"):
            office.accept("U1")
        assert services.lapse_overdue(session, world).offers == 1
        assert office.breaches() == {}
    assert waiting(office) == ()
    assert (office.quota("B1").held, office.quota("B1").free) == (0, 1)
    assert services.lapse_overdue(session, world) == services.Lapsed(0, 0)


def test_whoever_gave_a_place_up_gets_it_back_only_at_the_end_of_the_line(office, line):
    held, ids = line
    free_the_place(office, held)
    office.decline("U1")
    again = office.submit(office.roster(1, department="二车间"))
    assert (again.submitted, again.waitlisted) == (0, 1)
    offered, *standing = waiting(office)
    assert offered.application_id == ids[2]
    assert [one.batch_id for one in standing][-1] == again.batch_id
    assert office.breaches() == {}


def test_priority_goes_before_time(office, line, session, world):
    held, ids = line
    move = services.SetPriority(ids[3], -1, "困难职工", office["D1u"])
    services.set_priority(session, world, move)
    assert [one.application_id for one in waiting(office)] == [ids[3], ids[1], ids[2]]
    free_the_place(office, held)
    assert waiting(office)[0].application_id == ids[3]
    with pytest.raises(Conflict, match="not_waiting"):
        services.set_priority(session, world, move)
    for command, error, code in (
        (services.SetPriority(ids[1], 99, "x", office["D1u"]), InvalidInput, "priority_invalid"),
        (services.SetPriority(ids[1], -1, " ", office["D1u"]), InvalidInput, "words_missing"),
        (services.SetPriority(ids[1], -1, "x", office["D9u"]), NotAllowed, "out_of_scope"),
        (services.SetPriority(world.new_id(), -1, "x", office["D1u"]), NotFound, "application_unknown"),
    ):
        with pytest.raises(error, match=code):
            services.set_priority(session, world, command)


def test_an_offer_waits_on_the_desk_of_the_unit_until_it_is_answered(office, line, session, world):
    held, _ = line
    free_the_place(office, held)
    (task,) = [one for one in desk.tasks_of(session, world, office["U1"]) if one.kind == "offer"]
    assert (task.count, task.due_at) == (1, world.now() + timedelta(days=7))
    assert not [one for one in desk.tasks_of(session, world, office["D1u"]) if one.kind == "offer"]
    office.accept("U1")
    assert not [one for one in desk.tasks_of(session, world, office["U1"]) if one.kind == "offer"]


def test_an_officer_answers_only_in_the_own_scope(office, line):
    held, ids = line
    free_the_place(office, held)
    with pytest.raises(Conflict, match="offer_gone"):
        office.accept("U9")
    with pytest.raises(Conflict, match="offer_gone"):
        office.accept("U9", ids[1])
    assert office.accept("D1u", ids[1]).answered == 1


def test_the_year_may_give_people_more_time_to_answer(office, line, session, world):
    held, _ = line
    services.set_offer_days(session, world, office.year, 14, office["C1"])
    free_the_place(office, held)
    assert waiting(office)[0].offer_until == world.now() + timedelta(days=14)
    for year, days, officer, error in (
        (office.year, 0, office["C1"], InvalidInput),
        (office.year, 61, office["C1"], InvalidInput),
        (office.year + 5, 7, office["C1"], NotFound),
        (office.year, 7, office["U1"], NotAllowed),
    ):
        with pytest.raises(error):
            services.set_offer_days(session, world, year, days, officer)


def test_a_hundred_places_at_once_go_to_the_first_hundred_of_each_line(office, session):
    office.give_unit("B2", 1)
    office.submit(office.roster(*range(130)))
    office.submit(office.roster(*range(200, 205), unit="B2"), "B2", "U2")
    office.give_unit("B1", 100)
    page = services.waiting_list(session, office.year, "/C/D1/B1/", limit=10)
    assert (page.total, page.offered, len(page.lines)) == (130, 100, 10)
    assert (office.quota("B1").waiting, office.quota("B2").waiting) == (30, 4)
    assert office.accept("U1").answered == 100
    assert office.breaches() == {}
