"""One stored outcome per merchant and key, also when thirty-two ask at once."""

import threading
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from sqlalchemy import func, select, text

from cardnet.kernel.db import transaction
from cardnet.kernel.errors import Conflict
from cardnet.merchant_api.invariants import INVARIANTS
from cardnet.merchant_api.models import IdempotencyKey
from cardnet.merchant_api.rules import Answer, InProgress, KeyReused
from cardnet.merchant_api.services import Claim, bury, forget_keys, key_of, once
from cardnet.merchants.rules import Venue

MERCHANT, TERMINAL = uuid.UUID(int=1), uuid.UUID(int=2)
VENUE = Venue(MERCHANT, "M", "M", "x", MERCHANT, "S", "S", TERMINAL, "T")
GONE = Answer(409, "application/problem+json", b"gone")


def claim(key: str = "K" * 16, print_of: bytes = b"1" * 32, merchant: uuid.UUID = MERCHANT) -> Claim:
    return Claim(merchant, TERMINAL, key, "POST /redemptions", print_of)


def answer(body: bytes = b"{}", subject: uuid.UUID | None = None) -> Answer:
    return Answer(201, "application/json", body, subject)


def never(session):
    """Work that must not get past its first question."""

    def work() -> Answer:
        session.execute(text("select 1"))
        raise AssertionError("done twice")

    return work


def test_a_repeat_gets_the_stored_bytes_and_does_nothing(session, world):
    first = once(session, world, claim(), lambda: answer(b"first"))
    again = once(session, world, claim(), never(session))
    assert not first.replayed
    assert again == Answer(201, "application/json", b"first", None, replayed=True)


def test_a_key_with_another_request_is_refused(session, world):
    once(session, world, claim(), answer)
    with pytest.raises(KeyReused, match="idempotency_key_reused"):
        once(session, world, claim(print_of=b"2" * 32), never(session))


def test_another_merchant_may_use_the_same_key(session, world):
    once(session, world, claim(), lambda: answer(b"one"))
    other = once(session, world, claim(merchant=uuid.UUID(int=9), print_of=b"2" * 32), lambda: answer(b"two"))
    assert other.body == b"two"


def test_an_error_leaves_the_key_free(committing_app, world):
    def fail() -> Answer:
        raise Conflict("x", "x")

    with committing_app.app_context():
        with pytest.raises(Conflict), transaction() as session:
            once(session, world, claim(), fail)
        with transaction() as session:
            assert once(session, world, claim(), lambda: answer(b"later")).body == b"later"


def test_a_buried_key_answers_whatever_comes_under_it(session, world):
    assert bury(session, world, VENUE, "O" * 16, GONE) is None
    known = bury(session, world, VENUE, "O" * 16, GONE)
    assert known.tombstone
    for print_of in (b"1" * 32, b"2" * 32):
        late = once(session, world, claim("O" * 16, print_of), never(session))
        assert (late.status, late.body, late.replayed) == (409, b"gone", True)


def test_a_key_that_came_before_cannot_be_buried(session, world):
    subject = uuid.UUID(int=7)
    once(session, world, claim("O" * 16), lambda: answer(subject=subject))
    known = bury(session, world, VENUE, "O" * 16, GONE)
    assert (known.tombstone, known.subject_id, known.call) == (False, subject, "POST /redemptions")


def test_keys_are_forgotten_after_thirty_five_days_and_not_before(session, world, clock):
    once(session, world, claim(), answer)
    clock.advance(timedelta(days=35))
    assert forget_keys(session, world) == 0
    clock.advance(timedelta(seconds=1))
    once(session, world, claim("N" * 16), answer)
    assert forget_keys(session, world) == 1
    assert key_of(session, MERCHANT, "K" * 16) is None
    assert key_of(session, MERCHANT, "N" * 16) is not None


def race(app, world, rounds, work, take=once):
    """32 threads, one key: what each got, in order of arrival."""
    barrier = threading.Barrier(32)

    def one(_number: int) -> Answer | str:
        with app.app_context():
            barrier.wait()
            try:
                with transaction() as session:
                    return take(session, world, claim(rounds), lambda: work(session))
            except InProgress as error:
                return error.code

    with ThreadPoolExecutor(32) as pool:
        return list(pool.map(one, range(32)))


def spend(session, seconds: float = 0.0) -> Answer:
    """Work with an effect that must happen once: one row, and a body only the doer knows."""
    number = session.execute(text("insert into spent default values returning n")).scalar_one()
    time.sleep(seconds)
    return answer(b"%d" % number)


@pytest.fixture
def patient(monkeypatch):
    """Whoever does it may be kept waiting by the machine: nobody is told to come back before a minute is over."""
    monkeypatch.setattr("cardnet.merchant_api.services.keys.LONGEST_WAIT_MS", 60_000)


@pytest.fixture
def racing_app(committing_app, fresh_database):
    import psycopg

    with psycopg.connect(fresh_database) as connection:
        connection.execute("create table spent (n bigint generated always as identity)")
        connection.execute("grant all on spent to cardnet_app")
    return committing_app


def effects(app) -> int:
    with app.app_context(), transaction() as session:
        return session.execute(text("select count(*) from spent")).scalar_one()


def test_thirty_two_at_once_do_it_once_and_all_hear_the_same(racing_app, world, patient):
    for number in range(10):
        found = race(racing_app, world, f"race-{number:011d}", spend)
        assert len({got.body for got in found}) == 1
        assert sorted(got.replayed for got in found) == [False] + [True] * 31
        assert effects(racing_app) == number + 1
    with racing_app.app_context(), transaction() as session:
        assert session.execute(text(INVARIANTS["L10"][1])).all() == []


def test_when_the_first_fails_the_next_does_it(racing_app, world, patient):
    tries = iter([True, True, True])

    def sometimes(session) -> Answer:
        if next(tries, False):
            raise InProgress("request_in_progress", "planted")
        return spend(session)

    found = race(racing_app, world, "k" * 16, sometimes)
    assert sum(got == "request_in_progress" for got in found) == 3
    assert sum(isinstance(got, Answer) and not got.replayed for got in found) == 1
    assert effects(racing_app) == 1


def test_whoever_waits_longer_than_two_seconds_is_told_to_come_back(racing_app, world):
    told, waited = threading.Semaphore(0), []

    def timed(session, world, asked, work) -> Answer:
        began = time.monotonic()
        try:
            return once(session, world, asked, work)
        except InProgress:
            waited.append(time.monotonic() - began)
            told.release()
            raise

    def slow(session) -> Answer:
        """Not done before all the others have been told, however slow the machine is."""
        done = spend(session)
        for _ in range(31):
            assert told.acquire(timeout=60), "somebody still waits"
        return done

    found = race(racing_app, world, "s" * 16, slow, timed)
    assert sum(got == "request_in_progress" for got in found) == 31
    assert min(waited) > 1.9
    with racing_app.app_context(), transaction() as session:
        assert once(session, world, claim("s" * 16), never(session)).replayed
    assert effects(racing_app) == 1


def look_then_do(session, world, claim, work):
    """The planted bug: look whether the key is there, then do it, then write the key."""
    kept = session.execute(
        select(IdempotencyKey.body).where(
            IdempotencyKey.merchant_id == claim.merchant_id, IdempotencyKey.key == claim.key
        )
    ).scalar()
    if kept is not None:
        return Answer(201, "application/json", kept, None, replayed=True)
    done = work()
    session.execute(
        text(
            "insert into idempotency_key (merchant_id, key, call, fingerprint, terminal_id, created_at, status, media_type, body) "
            "values (:m, :k, 'x', :f, :t, now(), 201, 'application/json', :b) on conflict do nothing"
        ),
        {"m": claim.merchant_id, "k": claim.key, "f": claim.fingerprint, "t": claim.terminal_id, "b": done.body},
    )
    return done


def test_the_race_catches_a_planted_look_then_do(racing_app, world):
    found = race(racing_app, world, "b" * 16, lambda session: spend(session, 0.05), take=look_then_do)
    assert effects(racing_app) > 1
    assert len({got.body for got in found}) > 1


def test_no_key_is_ever_left_without_an_answer(racing_app, world):
    with racing_app.app_context(), transaction() as session:
        once(session, world, claim(), answer)
        assert session.scalar(select(func.count()).where(IdempotencyKey.status.is_(None))) == 0
        session.execute(text("update idempotency_key set status = null, body = null, media_type = null"))
        assert session.execute(text(INVARIANTS["L10"][1])).all() != []
