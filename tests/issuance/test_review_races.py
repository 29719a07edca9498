"""Races of review with real commits: two approvals, a return answered as it lapses, two workers, a link opened twice.

Each has a planted bug beside it that loses the race. `CARDNET_ROUNDS=200` runs them as long as T3 asks.
"""

import importlib
import threading
import time
from dataclasses import replace
from datetime import timedelta

import psycopg
import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from cardnet.issuance import services
from cardnet.issuance.rules import Verdict
from cardnet.issuance.rules.unit_approval import ApprovalKind
from cardnet.issuance.services import deadlines, withdrawal
from cardnet.issuance.services.unit_approval import asking, deciding
from cardnet.kernel.calendar import start_of
from cardnet.kernel.errors import CardnetError, Conflict
from tests.issuance.test_review import correction
from tests.make.issuance import lines_of
from tests.make.racing import ROUNDS, TRIES, Desk

# The package of services has a function of the same name.
reviewing = importlib.import_module("cardnet.issuance.services.review")


@pytest.fixture
def desk(committing_app, world):
    return Desk(committing_app, world)


def submitted(desk, count=1, unit="B1", sender="U1"):
    """A new batch of that many people, with places."""
    serials = desk.next_serials(count)

    def act(office):
        office.give_unit(unit, count)
        return office.submit(office.roster(*serials, unit=unit), unit, sender).batch_id

    return desk.arrange(act), serials


def events(desk, batch, action):
    with desk.transaction() as session:
        counted = text(
            "select count(*) from application_event e join application a on a.id = e.application_id "
            "where a.batch_id = :batch and e.action = :action"
        )
        return session.scalar(counted, {"batch": batch, "action": action})


# ---- two approvals of one row ----


def two_approvals(desk):
    batch, _ = submitted(desk)
    desk.arrange(lambda office: office.review(batch, "A1"))
    results = desk.at_once(
        lambda office: office.review(batch, "D1u", rows=(1,)), lambda office: office.review(batch, "D2u", rows=(1,))
    )
    winners = [r for r in results if isinstance(r, services.ReviewReceipt)]
    losers = [r for r in results if isinstance(r, Conflict)]
    assert (len(winners), len(losers)) == (1, 1)
    first = ("D1u同志", "D2u同志")[results.index(winners[0])]
    assert (losers[0].code, losers[0].detail["by"]) == ("already_decided", first)
    assert events(desk, batch, "pass_on") == 2
    assert desk.breaches() == {}


def test_of_two_approvals_of_one_row_one_counts_and_the_other_is_told_whose(desk):
    for _ in range(ROUNDS):
        two_approvals(desk)


def decides_what_was_read_without_a_lock(monkeypatch):
    unlocked = (
        str(reviewing._GATHER).replace("for no key update of a", "").replace("from mine", "from mine, pg_sleep(0.2)")
    )
    stale = str(reviewing._DECIDE).replace("a.review_path = :scope and a.state in ('submitted', 'in_review')", "true")
    monkeypatch.setattr(reviewing, "_GATHER", text(unlocked))
    monkeypatch.setattr(reviewing, "_DECIDE", text(stale))


def test_planted_bug_approving_what_was_read_without_a_lock_approves_twice(desk, monkeypatch):
    decides_what_was_read_without_a_lock(monkeypatch)
    with pytest.raises(AssertionError):
        for _ in range(TRIES):
            two_approvals(desk)


# ---- a return is answered at the moment it lapses ----


def answered_as_it_lapses(desk, clock):
    batch, serials = submitted(desk)
    desk.arrange(lambda office: office.review(batch, "A1", Verdict.RETURN, (1,), ("R01",)))
    clock.advance(timedelta(days=10))

    def answer(office):
        return services.correct_row(office.session, office.world, correction(batch, 1, office["U1"], serial=serials[0]))

    lapse = lambda office: services.lapse_returned(office.session, office.world)  # noqa: E731
    results = desk.at_once(answer, lapse, lapse)
    answered = not isinstance(results[0], Exception)
    if not answered:
        assert (type(results[0]), results[0].code) == (Conflict, "illegal_transition")
    assert sum(results[1:]) == (0 if answered else 1)
    assert events(desk, batch, "resubmit") + events(desk, batch, "lapse") == 1
    assert desk.breaches() == {}


def test_a_return_is_answered_or_lapses_never_both(desk, clock):
    for _ in range(ROUNDS):
        answered_as_it_lapses(desk, clock)


def test_planted_bug_lapsing_without_a_lock_gives_a_place_up_twice(desk, clock, monkeypatch):
    unlocked = str(withdrawal._LAPSING).replace(
        "order by a.id for no key update of a skip locked", "and pg_sleep(0.2) is not null"
    )
    blind = str(withdrawal._END).replace("and a.state = given.state", "")
    assert unlocked != str(withdrawal._LAPSING) and blind != str(withdrawal._END)
    monkeypatch.setattr(withdrawal, "_LAPSING", text(unlocked))
    monkeypatch.setattr(withdrawal, "_END", text(blind))
    with pytest.raises((AssertionError, CardnetError, TypeError)):
        for _ in range(TRIES):
            answered_as_it_lapses(desk, clock)


# ---- two workers escalate ----


def two_escalations(desk, clock):
    batch, _ = submitted(desk, 3)
    clock.advance(timedelta(days=30))
    results = desk.at_once(*[lambda office: services.escalate_overdue(office.session, office.world)] * 3)
    assert [r for r in results if isinstance(r, Exception)] == []
    # One worker may leave a row another is writing to the next round; nobody tells twice.
    desk.arrange(lambda office: services.escalate_overdue(office.session, office.world))
    assert events(desk, batch, "escalate") == 3
    assert desk.breaches() == {}


def test_who_is_late_is_told_of_once_however_many_workers_run(desk, clock):
    for _ in range(ROUNDS):
        two_escalations(desk, clock)


def test_planted_bug_escalating_what_was_read_without_a_lock_tells_twice(desk, clock, monkeypatch):
    unlocked = str(deadlines._ESCALATE).replace(
        "order by a.id for no key update of a skip locked", "and pg_sleep(0.1) is not null"
    )
    unlocked = unlocked.replace("late as (", "late as materialized (").replace(
        " and a.escalated_at is null\n        returning", "\n        returning"
    )
    assert unlocked != str(deadlines._ESCALATE)
    monkeypatch.setattr(deadlines, "_ESCALATE", text(unlocked))
    with pytest.raises(AssertionError):
        for _ in range(TRIES):
            two_escalations(desk, clock)


# ---- one link, two phones ----


def one_link_two_phones(desk):
    batch, _ = submitted(desk, 2, "B2", "U2")
    ask = services.AskApproval(batch, "B2", ApprovalKind.LINK, "王建国", desk.office["U2"])
    token = desk.arrange(lambda office: services.ask_approval(office.session, office.world, ask)).token
    decide = lambda office: services.decide_by_link(  # noqa: E731
        office.session, office.world, services.DecideByLink(token, "王建国", Verdict.APPROVE)
    )
    results = desk.at_once(decide, decide)
    assert sorted(getattr(r, "code", "confirmed") for r in results) == ["confirmed", "link_used"]
    assert events(desk, batch, "confirm") == 2
    assert desk.breaches() == {}


def test_a_link_works_once_on_however_many_phones(desk):
    for _ in range(ROUNDS):
        one_link_two_phones(desk)


def test_planted_bug_reading_the_link_without_its_lock_is_not_told_that_it_was_used(desk, monkeypatch):
    look = deciding.by_token
    monkeypatch.setattr(deciding, "by_token", lambda session, token, lock=False: look(session, token))
    with pytest.raises(AssertionError):
        for _ in range(TRIES):
            one_link_two_phones(desk)


# ---- two officers ask the chair at once ----


def test_two_links_asked_for_at_once_leave_one_that_counts(desk):
    for _ in range(ROUNDS):
        batch, _ = submitted(desk, 2, "B2", "U2")
        command = services.AskApproval(batch, "B2", ApprovalKind.LINK, "王建国", desk.office["U2"])
        ask = lambda office, command=command: services.ask_approval(office.session, office.world, command)  # noqa: E731
        first, second = desk.at_once(ask, ask)
        lines = desk.arrange(
            lambda office, batch=batch: services.approvals_of_batch(office.session, office.world, office["U2"], batch)
        )
        assert sorted(line.state for line in lines) == ["open", "replaced"]
        assert first.number != second.number
        assert desk.breaches() == {}


# ---- the chair is asked anew while confirming ----


def asks_while_the_chair_confirms(desk, monkeypatch, kind):
    """The officer's ask begins when the chair's rows are moved and nobody else can see it; returns what comes of it."""
    batch, _ = submitted(desk, 2, "B2", "U2")
    link = services.AskApproval(batch, "B2", ApprovalKind.LINK, "王建国", desk.office["U2"])
    asked = desk.arrange(lambda office: services.ask_approval(office.session, office.world, link))
    moves, moved = deciding._move, threading.Event()

    def move(*args, **kwargs):
        done = moves(*args, **kwargs)
        moved.set()
        time.sleep(0.3)
        return done

    def confirm(office):
        command = services.DecideByLink(asked.token, "王建国", Verdict.APPROVE)
        return services.decide_by_link(office.session, office.world, command)

    def ask(office):
        assert moved.wait(60)
        return services.ask_approval(office.session, office.world, replace(link, kind=kind))

    with monkeypatch.context() as patched:
        patched.setattr(deciding, "_move", move)
        confirmed, again = desk.at_once(confirm, ask)
    assert confirmed.rows == 2
    return again


@pytest.mark.parametrize("kind", ApprovalKind)
def test_who_asks_while_the_chair_confirms_hears_that_nothing_waits(desk, monkeypatch, kind):
    again = asks_while_the_chair_confirms(desk, monkeypatch, kind)
    assert isinstance(again, Conflict) and again.code == "nothing_to_review"


@pytest.mark.parametrize("kind", ApprovalKind)
def test_planted_bug_reading_the_rows_before_the_answer_is_in_asks_for_what_is_confirmed(desk, monkeypatch, kind):
    monkeypatch.setattr(asking, "_wait_for_an_answer", lambda *given: None)
    assert isinstance(asks_while_the_chair_confirms(desk, monkeypatch, kind), services.Asked)


# ---- everybody at once, and nobody waits for ever ----


def everybody_at_once(desk):
    serials = desk.next_serials(8)

    def arrange(office):
        office.give_unit("B1", 4)
        return office.submit(office.roster(*serials)).batch_id

    batch = desk.arrange(arrange)
    results = desk.at_once(
        lambda office: services.withdraw(office.session, office.world, services.Withdraw(batch, office["U1"])),
        lambda office: office.review(batch, "A1", Verdict.REJECT, (1, 2), ("R08",)),
        lambda office: office.review(batch, "A1", Verdict.RETURN, (3,), ("R04",)),
        lambda office: office.give_unit("B1", 1),
    )
    assert [r for r in results if isinstance(r, Exception) and not isinstance(r, Conflict)] == []
    assert desk.breaches() == {}


def test_withdrawing_rejecting_and_offering_at_once_never_block_each_other(desk):
    for _ in range(ROUNDS):
        everybody_at_once(desk)


def test_planted_bug_a_verdict_on_what_was_read_without_a_lock_breaks_what_was_withdrawn(desk, monkeypatch):
    decides_what_was_read_without_a_lock(monkeypatch)
    with pytest.raises(AssertionError):
        for _ in range(TRIES):
            everybody_at_once(desk)


def two_deputies(desk):
    (number,) = desk.next_serials(1)
    day = desk.world.now().date() + timedelta(days=10 * number)
    first, end = start_of(day), start_of(day + timedelta(days=9))

    def name(deputy):
        return lambda office: services.give_delegation(
            office.session,
            office.world,
            services.GiveDelegation("d1u", deputy, first, end, "外出培训", office["D1u"]),
        )

    results = desk.at_once(name("d2u"), name("d9u"))
    assert [r.code for r in results if isinstance(r, CardnetError)] == ["delegation_overlaps"]
    named = desk.arrange(lambda office: services.delegations(office.session, office.world, office["D1u"]))
    assert [one.from_at for one in named].count(first) == 1


def test_of_two_deputies_named_for_the_same_days_one_stands(desk):
    for _ in range(ROUNDS):
        two_deputies(desk)


def without(url, table, constraint):
    """The guard of the table itself is gone."""
    with psycopg.connect(url) as connection:
        connection.execute(f"alter table {table} drop constraint {constraint}")


def test_planted_bug_without_the_constraint_both_deputies_stand(desk, fresh_database):
    without(fresh_database, "delegation", "ex_delegation_one_deputy")
    with pytest.raises(AssertionError):
        for _ in range(TRIES):
            two_deputies(desk)


def given_elsewhere(desk):
    """The other desk's card is seen and skipped, or the second one is told to press once more: never two cards."""
    batch, _ = submitted(desk, 3)
    desk.arrange(lambda office: office.approve_all_the_way(batch))
    person = desk.arrange(lambda office: lines_of(office.session, batch)[1])
    number = f"8{desk.serial:012d}"

    def elsewhere(office):
        office.session.execute(
            text("""
                with made as (
                    insert into card (id, number, person_id, union_id, state, valid_from, valid_to, issued_at, events)
                    values (:id, :number, :person, :union, 'ordered', '2026-01-01', '2030-12-31', now(), 1))
                insert into card_event (card_id, seq, at, action, to_state, channel)
                values (:id, 1, now(), 'issue', 'ordered', 'office')"""),
            {"id": office.world.new_id(), "number": number, "person": person.person_id, "union": person.union_id},
        )
        office.session.execute(text("select pg_sleep(0.3)"))

    issue = lambda office: services.issue(office.session, office.world, services.IssueCards(batch, office["C1"]))  # noqa: E731
    other, done = desk.at_once(elsewhere, issue)
    if isinstance(done, Exception):
        assert done.code == "already_has_card"
        done = desk.arrange(issue)
    # Whoever comes second is turned away by the exclusion constraint.
    assert done.skipped == (() if isinstance(other, IntegrityError) else (2,))
    assert desk.breaches() == {}


def test_issuing_meets_a_card_given_elsewhere_in_the_same_moment(desk):
    for _ in range(ROUNDS):
        given_elsewhere(desk)


def test_planted_bug_without_the_constraint_one_person_gets_two_cards(desk, fresh_database):
    without(fresh_database, "card", "ex_card_one_usable")
    with pytest.raises(AssertionError):
        for _ in range(TRIES):
            given_elsewhere(desk)
