"""What the district decides while somebody is at work under what it decided before, with real commits.

Every race has a planted bug beside it that loses the race, so that a test that proves nothing would be noticed.
"""

import importlib
import time

import pytest
from sqlalchemy import text

from cardnet.issuance import services
from cardnet.kernel.calendar import day_of, working_deadline
from cardnet.membership import services as membership
from cardnet.membership.services import calendar_days, decisions
from tests.make.racing import ROUNDS, TRIES, Desk

# The package of services has a function of the same name.
transfer_term = importlib.import_module("cardnet.membership.services.transfer_term")


@pytest.fixture
def desk(committing_app, world):
    return Desk(committing_app, world)


# ---- a transfer proposed while a holiday is recorded ----


def proposes_while_a_day_is_recorded(desk):
    """The deadline of the transfer, and the one that the recorded days give."""
    (serial,) = desk.next_serials(1)
    (card,) = desk.arrange(lambda office: office.issue(serial))
    now = desk.world.now()
    with desk.transaction() as session:
        free = day_of(working_deadline(now, 1, membership.decided_days(session)))

    def record(office):
        command = services.RecordDays({free: False}, "国办发明电〔2026〕9号", office["C1"])
        services.record_days(office.session, office.world, command)

    def propose(office):
        target = membership.union_of_code(office.session, "B9")
        command = membership.StartTransfer(card.person_id, target.id, office["D1u"])
        membership.start_transfer(office.session, office.world, command)

    assert desk.at_once(record, propose) == [None, None]
    with desk.transaction() as session:
        due = session.scalar(
            text("select due_at from transfer_proposal where person_id = :person"), {"person": card.person_id}
        )
        return due, working_deadline(now, 5, membership.decided_days(session))


def _slowly(monkeypatch):
    """Who records takes a while after it looked for open transfers, as with a register of many."""
    moves = calendar_days._move_transfers

    def move(*given):
        moved = moves(*given)
        time.sleep(0.2)
        return moved

    monkeypatch.setattr(calendar_days, "_move_transfers", move)


def test_a_transfer_proposed_while_a_holiday_is_recorded_has_its_day(desk, monkeypatch):
    _slowly(monkeypatch)
    for _ in range(ROUNDS):
        due, right = proposes_while_a_day_is_recorded(desk)
        assert due == right


def test_planted_bug_proposing_without_holding_the_calendar_loses_the_race(desk, monkeypatch):
    _slowly(monkeypatch)
    monkeypatch.setattr(transfer_term, "hold_calendar", lambda session: None)
    with pytest.raises(AssertionError):
        for _ in range(TRIES):
            due, right = proposes_while_a_day_is_recorded(desk)
            assert due == right


# ---- two decide at once, and nobody had decided ----


def two_first_decisions(desk, monkeypatch):
    """What held before and after each of the two, as the trail says; each reads what holds and then thinks a while."""
    reads = decisions._row

    def read(session, setting):
        row = reads(session, setting)
        time.sleep(0.2)
        return row

    def decide(days):
        command = membership.SetTransferTerm(days, "云工〔2026〕19号", desk.office["C1"])
        return lambda office: membership.set_transfer_term(office.session, office.world, command).working_days

    with monkeypatch.context() as patched:
        patched.setattr(decisions, "_row", read)
        assert desk.at_once(decide(3), decide(7)) == [3, 7]
    with desk.transaction() as session:
        query = "select before, after from audit_event where action = 'transfer_term.set'"
        trail = {row.before["working_days"]: row.after["working_days"] for row in session.execute(text(query))}
        return trail, membership.transfer_term(session).working_days


def test_of_two_first_decisions_the_second_says_that_it_follows_the_first(desk, monkeypatch):
    trail, holds = two_first_decisions(desk, monkeypatch)
    assert trail in ({5: 3, 3: 7}, {5: 7, 7: 3}) and holds == trail[trail[5]]


def test_planted_bug_deciding_side_by_side_says_twice_that_nobody_had(desk, monkeypatch):
    monkeypatch.setattr(decisions, "_one_at_a_time", lambda *given: None)
    trail, _ = two_first_decisions(desk, monkeypatch)
    assert set(trail) == {5}
