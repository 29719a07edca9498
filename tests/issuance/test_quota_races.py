"""Races for places, with real commits: the last one, one freed while somebody comes to wait, one answered as it runs out.

Every race has a planted bug beside it that loses the race. CARDNET_ROUNDS=200 is the long programme (T3).
"""

import threading
from datetime import timedelta

import pytest
from sqlalchemy import text

from cardnet.issuance import services
from cardnet.issuance.rules import Verdict
from cardnet.issuance.services import offers, waiting
from cardnet.kernel.errors import CardnetError, Conflict
from tests.make.issuance import lines_of
from tests.make.racing import ROUNDS, TRIES, Desk


@pytest.fixture
def desk(committing_app, world):
    return Desk(committing_app, world)


# ---- the last place ----


def last_place(desk, racers=20, places=1):
    desk.arrange(lambda office: office.give_unit("B1", places))
    rosters = [desk.office.roster(serial) for serial in desk.next_serials(racers)]
    receipts = desk.at_once(*(lambda office, c=content: office.submit(c) for content in rosters))
    assert [r for r in receipts if isinstance(r, Exception)] == []
    assert sorted((r.submitted, r.waitlisted) for r in receipts) == [(0, 1)] * (racers - places) + [(1, 0)] * places
    with desk.transaction() as session:
        line = sorted(lines_of(session, r.batch_id)[0].place or 0 for r in receipts)
        assert line == [0] * places + list(range(1, racers - places + 1))
    assert desk.breaches() == {}


def nobody_waits(desk, racers):
    """Whoever lost the round is offered a place and declines, so that the next round starts with an empty line."""
    desk.arrange(lambda office: office.give_unit("B1", racers - 1))
    desk.arrange(lambda office: office.decline("U1"))
    desk.arrange(lambda o: services.return_quota(o.session, o.world, services.ReturnQuota(o.year, "B1", racers - 1)))


def test_twenty_officers_race_for_the_last_place_and_one_gets_it(desk):
    for _ in range(ROUNDS):
        last_place(desk)
        nobody_waits(desk, 20)


@pytest.mark.parametrize(("places", "racers"), [(2, 3), (5, 12)])
def test_s16_three_officers_at_once_for_two_places_make_two_holds_and_one_in_line(desk, places, racers):
    last_place(desk, racers, places)


def test_planted_bug_reading_the_free_places_before_writing_loses_the_race(desk, monkeypatch):
    naive = (
        str(waiting._HOLD)
        .replace("for no key update of q", "")
        .replace("and q.received - q.passed_down", "and 0 + 1000")
        .replace("found as (", "found as materialized (")
        .replace("found.taken > 0", "found.taken > 0 and pg_sleep(0.3) is not null")
    )
    assert naive != str(waiting._HOLD)
    monkeypatch.setattr(waiting, "_HOLD", text(naive))
    monkeypatch.setattr(waiting, "lock_unions", lambda *_: None)
    with pytest.raises(AssertionError):
        for _ in range(TRIES):
            last_place(desk, racers=6)


# ---- a place comes free while somebody comes to wait for it ----


def freed_while_somebody_comes(desk, monkeypatch=None):
    """B1 is full. One application is rejected at the moment another is sent in: nobody may wait beside a free place."""
    desk.arrange(lambda office: office.give_unit("B1", 1))
    (first,) = desk.next_serials(1)
    batch = desk.arrange(lambda office: office.submit(office.roster(first))).batch_id
    content = desk.office.roster(*desk.next_serials(1))
    results = desk.at_once(
        lambda office: office.submit(content),
        lambda office: office.review(batch, "A1", Verdict.REJECT, reasons=("R08",)),
    )
    assert [r for r in results if isinstance(r, Exception)] == []
    assert desk.breaches() == {}
    # The next round starts with a full unit and nobody waiting.
    desk.arrange(lambda office: services.waiting_list(office.session, office.year, "/C/").total and office.accept("U1"))


def test_a_place_freed_while_somebody_comes_to_wait_is_not_missed(desk):
    for _ in range(ROUNDS):
        freed_while_somebody_comes(desk)


def test_planted_bug_waiting_without_the_nodes_lock_misses_the_place(desk, monkeypatch):
    """The newcomer looks, finds nothing free, and is slow to write; meanwhile the place is given up and nobody seen."""
    monkeypatch.setattr(waiting, "lock_unions", lambda *_: None)
    looked, freed = threading.Event(), threading.Event()
    hold = waiting.hold_places

    def slowly(*given):
        found = hold(*given)
        looked.set()
        assert freed.wait(60)
        return found

    desk.arrange(lambda office: office.give_unit("B1", 1))
    (first,) = desk.next_serials(1)
    batch = desk.arrange(lambda office: office.submit(office.roster(first))).batch_id
    monkeypatch.setattr("cardnet.issuance.services.applications.hold_places", slowly)

    def reject(office):
        assert looked.wait(60)
        return office.review(batch, "A1", Verdict.REJECT, reasons=("R08",))

    def rejected():
        desk.arrange(reject)
        freed.set()

    rejecting = threading.Thread(target=rejected)
    rejecting.start()
    content = desk.office.roster(*desk.next_serials(1))
    desk.arrange(lambda office: office.submit(content))
    rejecting.join(60)
    assert set(desk.breaches()) == {"Q6"}


def test_a_first_place_handed_down_while_somebody_comes_to_wait_is_offered(desk):
    """The unit never had a place: there is no counter yet that both could meet at."""
    desk.arrange(lambda office: office.grant(100))
    desk.arrange(lambda office: office.allocate("C", "D1", 100))
    for unit, officer in (("B1", "U1"), ("B2", "U2")):
        content = desk.office.roster(*desk.next_serials(1), unit=unit)
        results = desk.at_once(
            lambda office, c=content, u=unit, o=officer: office.submit(c, u, o),
            lambda office, u=unit: office.allocate("D1", u, 1),
        )
        assert [r for r in results if isinstance(r, Exception)] == []
        assert desk.breaches() == {}


# ---- an offer answered as its time runs out ----


def exactly_one_place(office):
    office.give_unit("B1", 2)
    spare = office.quota("B1").free - 1
    services.return_quota(office.session, office.world, services.ReturnQuota(office.year, "B1", spare))


def answered_as_it_runs_out(desk, clock, monkeypatch=None):
    """An officer accepts in the very moment the worker ends what nobody answered; one of them decides, once."""
    serials = desk.next_serials(2)
    desk.arrange(exactly_one_place)
    held = desk.arrange(lambda office: office.submit(office.roster(serials[0]))).batch_id
    desk.arrange(lambda office: office.submit(office.roster(serials[1])))
    desk.arrange(lambda office: office.review(held, "A1", Verdict.REJECT, reasons=("R08",)))
    early = desk.world.now() + timedelta(days=7) - timedelta(microseconds=1)
    late = early + timedelta(microseconds=1)

    def at(moment):
        return type(desk.world)(lambda: moment, desk.world.new_id, desk.world.random_bytes)

    def accept(office):
        return services.accept_offers(office.session, at(early), services.AnswerOffers(office["U1"]))

    accepted, lapsed = desk.at_once(accept, lambda office: services.lapse_overdue(office.session, at(late)))
    assert not isinstance(lapsed, Exception)
    if isinstance(accepted, CardnetError):
        assert (accepted.code, lapsed.offers) == ("offer_gone", 1)
    else:
        assert (accepted.answered, lapsed.offers) == (1, 0)
    assert desk.breaches() == {}


def test_an_offer_is_either_accepted_or_lapsed(desk, clock):
    for _ in range(ROUNDS):
        answered_as_it_runs_out(desk, clock)


def test_planted_bug_accepting_without_looking_again_takes_a_place_that_went_on(desk, clock, monkeypatch):
    blind = (
        str(offers._ACCEPT)
        .replace("order by id for no key update", "")
        .replace("from mine join", "from pg_sleep(0.4), mine join")
        .replace("with mine as (", "with mine as materialized (")
    )
    assert blind != str(offers._ACCEPT)
    monkeypatch.setattr(offers, "_ACCEPT", text(blind))
    lapse = offers.lapse_overdue

    def a_little_later(session, world):
        session.execute(text("select pg_sleep(0.15)"))
        return lapse(session, world)

    monkeypatch.setattr(services, "lapse_overdue", a_little_later)
    with pytest.raises(AssertionError):
        for _ in range(TRIES):
            answered_as_it_runs_out(desk, clock)


def test_two_officers_accepting_the_same_offer_take_it_once(desk):
    serials = desk.next_serials(2)
    desk.arrange(lambda office: office.submit(office.roster(*serials)))
    desk.arrange(lambda office: office.give_unit("B1", 2))
    results = desk.at_once(*[lambda office: office.accept("U1")] * 4)
    assert sorted(type(r).__name__ for r in results) == ["Answered", "Conflict", "Conflict", "Conflict"]
    assert desk.breaches() == {}


# ---- the year closes meanwhile ----


def test_a_year_closing_while_officers_send_in_review_and_issue_loses_no_place(desk, clock):
    desk.arrange(lambda office: office.give_unit("B1", 6))
    serials = desk.next_serials(8)
    approved = desk.arrange(lambda office: office.submit(office.roster(*serials[:2]))).batch_id
    desk.arrange(lambda office: office.approve_all_the_way(approved))
    standing = desk.arrange(lambda office: office.submit(office.roster(*serials[2:6]))).batch_id
    until = desk.world.now().date()
    year = desk.office.year
    desk.arrange(
        lambda o: services.begin_closing(o.session, o.world, services.BeginClosing(year, until + timedelta(days=1)))
    )
    desk.arrange(
        lambda o: services.grant_quota(o.session, o.world, services.GrantQuota(year + 1, 50, "云工〔2026〕90号"))
    )
    clock.advance(timedelta(days=3))
    fresh = desk.office.roster(*serials[6:])
    results = desk.at_once(
        lambda o: services.close_year(o.session, o.world, services.CloseYear(year)),
        lambda o: services.issue_cards(o.session, o.world, services.IssueCards(approved, o["C1"])),
        lambda o: o.review(standing, "A1", Verdict.REJECT, (1,), ("R08",)),
        lambda o: o.review(standing, "A1", Verdict.APPROVE, (2, 3)),
        lambda o: o.submit(fresh),
    )
    unexpected = [r for r in results if isinstance(r, Exception) and not isinstance(r, Conflict)]
    assert unexpected == []
    assert isinstance(results[0], services.YearEnd)
    assert desk.breaches() == {}
