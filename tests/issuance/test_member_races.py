"""Races around members with real commits: an answer against the clock, two offices that move one person, one number twice.

Every race has a planted bug beside it that loses the race, so that a test that proves nothing would be noticed.
"""

import time
from datetime import timedelta

import pytest
from sqlalchemy import text

from cardnet.issuance import services
from cardnet.kernel.errors import CardnetError
from cardnet.membership import services as membership
from cardnet.membership.invariants import INVARIANTS
from cardnet.membership.member_rules import Ending, Released
from cardnet.membership.services import phones, saving, scope, standing, transferring
from tests.make import membership as make_membership
from tests.make.racing import ROUNDS, TRIES, Desk


@pytest.fixture
def desk(committing_app, world):
    return Desk(committing_app, world)


def new_member(desk):
    (serial,) = desk.next_serials(1)
    row = make_membership.person_row(serial)
    (person_id,) = desk.arrange(lambda office: membership.save_people(office.session, office.world, [row])).values()
    return person_id


def start(office, person_id, officer, to):
    command = membership.StartTransfer(person_id, office.unions[to].id, office[officer])
    return services.transfer_member(office.session, office.world, command)


def breaches(desk):
    with desk.transaction() as session:
        found = {code for code, (_, sql) in INVARIANTS.items() if session.execute(text(sql)).first()}
    return found | set(desk.breaches())


def count(desk, statement, **given):
    with desk.transaction() as session:
        return session.scalar(text(statement), given)


# ---- two files that name the same new people ----


def two_files(desk):
    """Ten people nobody knows, in the files of two units at the same moment, one file the other way round."""
    serials = desk.next_serials(10)
    files = [[make_membership.person_row(serial, "B1") for serial in serials],
             [make_membership.person_row(serial, "B9") for serial in reversed(serials)]]  # fmt: skip
    return desk.at_once(
        *(lambda office, rows=rows: membership.save_people(office.session, office.world, rows) for rows in files)
    )


def test_two_files_naming_the_same_new_people_make_each_of_them_once(desk):
    for _ in range(ROUNDS):
        first, second = two_files(desk)
        assert first == second
        among = {"people": list(first.values())}
        assert count(desk, "select count(*) from person where id = any(:people)", **among) == 10
        assert count(desk, "select count(*) from membership where person_id = any(:people)", **among) == 10
        assert count(desk, "select count(*) from consent where person_id = any(:people)", **among) == 10
    assert breaches(desk) == set()


def test_files_whose_people_stay_new_to_the_second_are_caught(desk, monkeypatch):
    """The planted bug: somebody the other file made a moment ago is still taken for new."""
    forgetful = [
        text(str(one).replace("person_id = p.id, fresh = false", "person_id = p.id")) for one in saving._WRITE_PEOPLE
    ]
    monkeypatch.setattr(saving, "_WRITE_PEOPLE", forgetful)
    assert any(isinstance(one, Exception) for _ in range(TRIES) for one in two_files(desk))


# ---- an officer's answer against the clock ----


def answer_against_clock(desk, clock):
    person_id = new_member(desk)
    desk.arrange(lambda office: start(office, person_id, "U9", "B9"))
    with desk.transaction() as session:
        (asked,) = membership.transfers_of(session, desk.office.unions["B9"].id)
    clock.set(asked.due_at + timedelta(minutes=1))
    answer = membership.AnswerTransfer(asked.id, desk.office["U1"])
    results = desk.at_once(
        lambda office: services.accept_transfer(office.session, office.world, answer),
        lambda office: services.release_due_transfers(office.session, office.world),
        lambda office: services.release_due_transfers(office.session, office.world),
    )
    accepted, *released = results
    done = sum(released) + isinstance(accepted, Released)
    assert done == 1, results
    assert isinstance(accepted, Released) or accepted.code == "transfer_decided"
    moved = count(desk, "select count(*) from audit_event where action = 'member.move' and subject_id = :p", p=str(person_id))  # fmt: skip
    assert moved == 1 and breaches(desk) == set()


def test_an_answer_and_the_clock_release_a_member_once(desk, clock):
    for _ in range(ROUNDS):
        answer_against_clock(desk, clock)


def unlocked(session, ids):
    time.sleep(0.05)


def slow_and_unlocked(monkeypatch):
    monkeypatch.setattr(transferring, "lock_people", unlocked)
    monkeypatch.setattr(transferring, "_OPEN", text(transferring._OPEN.text.replace("for no key update of t", "")))


def test_planted_bug_without_the_locks_the_clock_and_an_answer_collide(desk, clock, monkeypatch):
    slow_and_unlocked(monkeypatch)
    with pytest.raises((AssertionError, AttributeError, TypeError)):
        for _ in range(TRIES):
            answer_against_clock(desk, clock)


# ---- two offices move one person at once ----


def two_offices(desk):
    person_id = new_member(desk)
    results = desk.at_once(
        lambda office: start(office, person_id, "C1", "B9"),
        lambda office: start(office, person_id, "C2", "B2"),
        lambda office: services.end_membership(
            office.session, office.world, membership.EndMembership(person_id, Ending.LEFT, office["U1"])
        ),
    )
    unexpected = [r for r in results if isinstance(r, Exception) and not isinstance(r, CardnetError)]
    assert unexpected == [], results
    open_now = count(desk, 'select count(*) from membership where person_id = :p and "to" is null', p=person_id)
    # One after the other, each seeing what the one before left: never in two unions, never half out of one.
    assert open_now <= 1 and breaches(desk) == set()


def test_two_offices_that_move_one_person_and_a_third_that_ends_it_never_overlap(desk):
    for _ in range(ROUNDS):
        two_offices(desk)


def test_planted_bug_without_the_persons_lock_two_offices_and_an_end_collide(desk, monkeypatch):
    slow_and_unlocked(monkeypatch)
    monkeypatch.setattr(scope, "lock_people", lambda _session, _ids: None)
    read = scope.locked_standing

    def lingering(seconds):
        def read_and_linger(session, person_id):
            found = read(session, person_id)
            time.sleep(seconds)
            return found

        return read_and_linger

    # The end writes last: what it has read is old by then.
    monkeypatch.setattr(transferring, "locked_standing", lingering(0.05))
    monkeypatch.setattr(standing, "locked_standing", lingering(0.2))
    with pytest.raises(AssertionError):
        for _ in range(TRIES):
            two_offices(desk)


# ---- one number verified by two members at once ----


def one_number(desk):
    people = [new_member(desk) for _ in range(3)]
    number = f"138{desk.serial:08d}"

    def take(person_id):
        return lambda office: membership.change_phone(
            office.session, office.world, membership.ChangePhone(person_id, office["U1"], number, True)
        )

    results = desk.at_once(*(take(person_id) for person_id in people))
    assert sorted(results) == [0, 1, 1], results
    assert breaches(desk) == set()


def test_three_members_who_verify_one_number_take_it_over_one_after_the_other(desk):
    for _ in range(ROUNDS):
        one_number(desk)


def test_planted_bug_without_waiting_for_the_number_two_verify_it_at_once(desk, monkeypatch):
    real = phones.text
    monkeypatch.setattr(phones, "text", lambda sql: real("select pg_sleep(0.05), cast(:index as bytea)" if "advisory" in sql else sql))  # fmt: skip
    with pytest.raises((AssertionError, TypeError)):
        for _ in range(TRIES):
            one_number(desk)
