"""Statements of the hot path: the same rows and the same errors as by the driver's own way."""

import threading
import time
import uuid
from datetime import UTC, date, datetime

import psycopg
import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError, IntegrityError, OperationalError

from cardnet.kernel.db import transaction
from cardnet.kernel.statement import Statement, run

ECHO = Statement(
    "select %(id)s::uuid, %(n)s::bigint, %(word)s::text, %(bytes)s::bytea, %(day)s::date, %(at)s::timestamptz, "
    "%(yes)s::boolean, %(n)s::bigint + 1, '100 %%'"
)
GIVEN = {
    "id": uuid.UUID(int=7),
    "n": 5,
    "word": "工会 'a' \\ %",
    "bytes": b"\0\xff",
    "day": date(2026, 11, 21),
    "at": datetime(2026, 11, 21, 2, 0, tzinfo=UTC),
    "yes": True,
}


def test_values_come_back_as_they_went_first_and_later_and_at_every_size(session):
    for number in (5, 40_000, 3_000_000_000, -1, 5):
        given = GIVEN | {"n": number}
        assert ECHO.one(session, given) == (*given.values(), number + 1, "100 %")


def test_null_stands_for_any_type(session):
    assert ECHO.one(session, dict.fromkeys(GIVEN)) == (None,) * 8 + ("100 %",)


def test_no_row_is_none_and_one_insists(session):
    nothing = Statement("select 1 where %(no)s")
    assert nothing.one_or_none(session, {"no": False}) is None
    with pytest.raises(LookupError):
        nothing.one(session, {"no": False})


def test_errors_are_those_sqlalchemy_would_raise_and_a_savepoint_heals_them(session):
    broken = Statement("insert into merchant (id) values (%(id)s) returning true")
    wrong = Statement("select 1 / %(zero)s::int")
    session.execute(text("select 1"))
    for statement, given, kind in (
        (broken, {"id": uuid.UUID(int=1)}, IntegrityError),
        (wrong, {"zero": 0}, DBAPIError),
    ):
        run(session, "savepoint here")
        with pytest.raises(kind) as caught:
            statement.one(session, given)
        assert isinstance(caught.value.orig, psycopg.Error)
        with pytest.raises(DBAPIError):
            ECHO.one(session, GIVEN)
        run(session, "rollback to savepoint here")
        assert ECHO.one(session, GIVEN)[1] == 5


def test_a_lost_connection_is_an_operational_error_and_the_next_one_works(committing_app):
    with committing_app.app_context():
        with pytest.raises(OperationalError), transaction() as session:
            ECHO.one(session, GIVEN)
            with psycopg.connect(committing_app.config["SQLALCHEMY_DATABASE_URI"].replace("+psycopg", "")) as other:
                pid = Statement("select pg_backend_pid()").one(session, {})[0]
                other.execute("select pg_terminate_backend(%s, 5000)", (pid,))
            ECHO.one(session, GIVEN)
        with transaction() as session:
            assert ECHO.one(session, GIVEN)[1] == 5


def test_other_threads_run_while_one_waits_for_the_database(committing_app):
    nap = Statement("select pg_sleep(%(seconds)s)::text")
    ready = threading.Event()

    def wait() -> None:
        with committing_app.app_context(), transaction() as session:
            ECHO.one(session, GIVEN)
            ready.set()
            nap.one(session, {"seconds": 0.5})

    thread = threading.Thread(target=wait)
    thread.start()
    ready.wait(5)
    begun, turns = time.monotonic(), 0
    while thread.is_alive():
        turns += 1
        time.sleep(0.001)
    assert turns > 20
    assert time.monotonic() - begun > 0.3


def test_what_is_prepared_outlives_a_rollback(committing_app):
    seen = Statement("select count(*) from pg_prepared_statements where name like 'cardnet%%'")
    with committing_app.app_context():
        for _ in range(3):
            with pytest.raises(DBAPIError), transaction() as session:
                ECHO.one(session, GIVEN)
                session.execute(text("select :n"), {"n": 1})
                session.execute(text("select 1 / 0"))
            with transaction() as session:
                assert ECHO.one(session, GIVEN)[1] == 5
                with session.begin_nested() as nested:
                    nested.rollback()
                assert ECHO.one(session, GIVEN)[1] == 5
                assert seen.one(session, {})[0] <= 2


def test_a_statement_whose_result_changed_works_again_at_the_next_try(committing_app, fresh_database):
    everything = Statement("select * from shape")
    with psycopg.connect(fresh_database, autocommit=True) as owner, committing_app.app_context():
        owner.execute("create table shape as select 1 as a")
        owner.execute("grant select on shape to cardnet_app")
        with transaction() as session:
            assert everything.one(session, {}) == (1,)
        owner.execute("alter table shape add column b int default 2")
        with pytest.raises(DBAPIError), transaction() as session:
            everything.one(session, {})
        with transaction() as session:
            assert everything.one(session, {}) == (1, 2)
