"""The end of a quota year, as in scenario S17."""

from datetime import date, datetime, timedelta

import pytest

from cardnet.issuance import services
from cardnet.issuance.models import Card
from cardnet.issuance.rules import ApplicationState, Verdict
from cardnet.kernel.calendar import SHANGHAI
from cardnet.kernel.errors import Conflict, InvalidInput, NotAllowed, NotFound
from tests.make.issuance import lines_of, make_office


@pytest.fixture
def office(session, world):
    return make_office(session, world)


def at(year, month, day, hour=10):
    return datetime(year, month, day, hour, tzinfo=SHANGHAI)


def close(office, year):
    return services.close_year(office.session, office.world, services.CloseYear(year))


def begin(office, year, until, officer=None):
    return services.begin_closing(office.session, office.world, services.BeginClosing(year, until, officer))


def line_of(office, batch):
    return lines_of(office.session, batch)[0]


@pytest.mark.parametrize("free_in_2026", [0, 1])
def test_s17_year_end_and_waiting_list(office, session, world, clock, free_in_2026):
    clock.set(at(2025, 12, 30))
    office.give_unit("B1", 2)
    x, y, z, w = (office.submit(office.roster(serial)).batch_id for serial in range(4))
    assert (office.quota("B1").held, office.quota("B1").waiting) == (2, 2)
    for batch in (x, y):
        office.review(batch, "A1")
    begin(office, 2025, date(2026, 1, 31), office["C1"])

    clock.set(at(2026, 1, 4))
    office.review(x, "D1u")
    office.review(x, "C1")
    (card,) = services.issue_cards(session, world, services.IssueCards(x, office["C2"]))
    stored = session.get(Card, card.card_id)
    assert (stored.quota_year, stored.valid_from) == (2025, date(2026, 1, 4))

    # Y is rejected at the township: Z has the place for seven days, and lapses; then W has it.
    assert office.review(y, "D1u", Verdict.REJECT, reasons=("R07",)).moved_up == 1
    offered = services.waiting_list(session, 2025, "/C/").lines[0]
    assert (offered.batch_id, offered.offer_until) == (z, at(2026, 1, 11))
    clock.set(at(2026, 1, 11))
    assert services.lapse_overdue(session, world) == services.Lapsed(1, 1)
    assert (line_of(office, z).state, line_of(office, y).state) == ("lapsed", "rejected")
    assert services.waiting_list(session, 2025, "/C/").lines[0].batch_id == w
    office.accept("U1")

    with pytest.raises(Conflict, match="closing_not_over"):
        close(office, 2025)
    clock.set(at(2026, 2, 1, 0))
    services.grant_quota(session, world, services.GrantQuota(2026, 5, "云工〔2026〕1号"))
    if free_in_2026:
        for giver, taker in (("C", "D1"), ("D1", "B1")):
            services.allocate_quota(session, world, services.MoveQuota(2026, giver, taker, free_in_2026))
    assert services.close_due_years(session, world) == (
        services.YearEnd(2025, 2026, used=1, carried=free_in_2026, requeued=1 - free_in_2026, waiting=0, unused=1),
    )
    assert services.close_due_years(session, world) == ()
    assert line_of(office, w).state == ("submitted" if free_in_2026 else "waitlisted")
    assert office.quota("B1").held == free_in_2026
    used = {line.union.code: line.used for line in services.quota_tree(session, 2025)}
    assert used == {"C": 0, "D1": 0, "B1": 1}
    assert office.breaches() == {}


def test_holds_move_in_the_order_of_submission_and_who_finds_no_room_stands_first_in_line(
    office, session, world, clock
):
    clock.set(at(2025, 12, 1))
    office.give_unit("B1", 5)
    batches = []
    for serials in ((0, 1), (2, 3), (4,), (5, 6)):
        clock.advance(timedelta(minutes=1))
        batches.append(office.submit(office.roster(*serials)).batch_id)
    first, second, third, late = batches
    # A return does not cost the first their turn; the second is far on; the third has just been approved.
    office.review(first, "A1", Verdict.RETURN, (1,), ("R03",))
    for officer in ("A1", "D1u"):
        office.review(second, officer)
    office.approve_all_the_way(third)
    begin(office, 2025, date(2025, 12, 31))
    # What is sent in now counts for the next year, in which nobody has a place yet.
    clock.set(at(2025, 12, 8))
    new = office.submit(office.roster(7)).batch_id
    assert services.batch_of(session, new).quota_year == 2026
    clock.set(at(2026, 1, 1))
    services.grant_quota(session, world, services.GrantQuota(2026, 3, "云工〔2026〕1号"))
    services.allocate_quota(session, world, services.MoveQuota(2026, "C", "D1", 3))
    preview = services.preview_year_end(session, 2025)
    assert (preview.carried, preview.requeued, preview.waiting) == (0, 5, 2)
    # Each union is told its own: a neighbour's year ends without these people.
    assert services.preview_year_end(session, 2025, "/C/D1/B1/") == preview
    elsewhere = services.preview_year_end(session, 2025, "/C/D1/B2/")
    assert (elsewhere.used, elsewhere.requeued, elsewhere.waiting, elsewhere.unused) == (0, 0, 0, 0)
    services.allocate_quota(session, world, services.MoveQuota(2026, "D1", "B1", 3))
    # The newcomer of December waited in 2026 and is offered the first place; two are left for five holds.
    end = close(office, 2025)
    assert (end.into, end.carried, end.requeued, end.waiting) == (2026, 2, 3, 2)
    states = {batch: [line.state for line in lines_of(session, batch)] for batch in (first, second, third)}
    assert states == {
        first: [ApplicationState.RETURNED, ApplicationState.SUBMITTED],
        second: [ApplicationState.WAITLISTED] * 2,
        third: [ApplicationState.WAITLISTED],
    }
    page = services.waiting_list(session, 2026, "/C/")
    assert [(one.batch_id, one.row, one.place) for one in page.lines] == [
        (new, 1, None), (second, 1, 1), (second, 2, 2), (third, 1, 3), (late, 1, 4), (late, 2, 5),
    ]  # fmt: skip
    assert office.breaches() == {}
    # Reviewed again from the start, by the same people, in a second round.
    services.grant_quota(session, world, services.GrantQuota(2026, 1, "云工〔2026〕2号"))
    for giver, taker in (("C", "D1"), ("D1", "B1")):
        services.allocate_quota(session, world, services.MoveQuota(2026, giver, taker, 1))
    application = services.waiting_list(session, 2026, "/C/").lines
    mine = next(one.application_id for one in application if one.batch_id == second and one.offer_until)
    office.accept("U1", mine)
    assert office.review(second, "A1").rows == 1
    assert office.breaches() == {}


def test_who_was_carried_over_is_moved_among_their_own_and_never_behind_the_new_year(office, session, world, clock):
    clock.set(at(2025, 12, 1))
    office.give_unit("B1", 3)
    before = office.submit(office.roster(0, 1, 2)).batch_id
    begin(office, 2025, date(2025, 12, 31))
    clock.set(at(2026, 1, 1))
    close(office, 2025)
    new = office.submit(office.roster(3, 4)).batch_id

    def line():
        return services.waiting_list(session, 2026, "/C/").lines

    def move(place, priority):
        command = services.SetPriority(line()[place - 1].application_id, priority, "困难职工", office["C1"])
        services.set_priority(session, world, command)
        return [("old" if one.batch_id == before else "new", one.row) for one in line()]

    assert {one.carried for one in line() if one.batch_id == before} == {True}
    assert not any(one.preferred for one in line())
    as_they_came = [("old", 1), ("old", 2), ("old", 3), ("new", 1), ("new", 2)]
    assert move(1, -1) == as_they_came
    assert move(3, -1) == [("old", 1), ("old", 3), ("old", 2), ("new", 1), ("new", 2)]
    assert [one.preferred for one in line()] == [True, True, False, False, False]
    assert move(2, 0) == as_they_came
    assert move(5, -9) == [("old", 1), ("old", 2), ("old", 3), ("new", 2), ("new", 1)]
    assert move(3, 9) == [("old", 1), ("old", 2), ("old", 3), ("new", 2), ("new", 1)]
    assert [(one.carried, one.preferred) for one in line()[1:4]] == [(True, False), (True, False), (False, True)]
    assert {one.batch_id for one in line()[3:]} == {new}
    assert office.breaches() == {}


def test_an_offer_moves_with_its_time_and_a_closed_year_takes_nothing(office, session, world, clock):
    clock.set(at(2025, 12, 30))
    office.submit(office.roster(0))
    office.give_unit("B1", 1)
    begin(office, 2025, date(2025, 12, 31))
    clock.set(at(2026, 1, 1))
    services.grant_quota(session, world, services.GrantQuota(2026, 1, "云工〔2026〕1号"))
    for giver, taker in (("C", "D1"), ("D1", "B1")):
        services.allocate_quota(session, world, services.MoveQuota(2026, giver, taker, 1))
    close(office, 2025)
    (offer,) = services.waiting_list(session, 2026, "/C/").lines
    assert offer.offer_until == at(2026, 1, 6)
    for act, command in (
        (services.grant_quota, services.GrantQuota(2025, 5, "x")),
        (services.allocate_quota, services.MoveQuota(2025, "C", "D1", 1)),
        (services.return_quota, services.ReturnQuota(2025, "B1", 1)),
        (services.close_year, services.CloseYear(2025)),
        (services.begin_closing, services.BeginClosing(2025, date(2026, 3, 1))),
    ):
        with pytest.raises(Conflict, match="quota_year_closed"):
            act(session, world, command)
    assert office.breaches() == {}


def test_closing_is_the_centres_and_has_its_order(office, session, world, clock):
    clock.set(at(2025, 12, 30))
    with pytest.raises(NotFound, match="quota_year_unknown"):
        begin(office, 2025, date(2026, 1, 31))
    office.grant(5)
    with pytest.raises(Conflict, match="quota_year_not_closing"):
        close(office, 2025)
    with pytest.raises(NotAllowed, match="role_missing"):
        begin(office, 2025, date(2026, 1, 31), office["D1u"])
    for until in (date(2025, 12, 29), date(2027, 1, 1)):
        with pytest.raises(InvalidInput, match="closing_until_invalid"):
            begin(office, 2025, until)
    begin(office, 2025, date(2026, 1, 31))
    begin(office, 2025, date(2026, 1, 15))
    clock.set(at(2026, 1, 15, 23))
    with pytest.raises(Conflict, match="closing_not_over"):
        close(office, 2025)
    clock.advance(timedelta(hours=1))
    assert close(office, 2025).unused == 5
