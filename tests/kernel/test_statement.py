"""Statements of the hot path: the same rows and the same errors as by the driver's own way."""

import threading
import time
import uuid
from datetime import UTC, date, datetime

import psycopg
import pytest
from psycopg.pq import ExecStatus
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError, IntegrityError, OperationalError

from cardnet.kernel.db import transaction
from cardnet.kernel.statement import Lost, Question, Statement, lost, or_lost, settled, without_begin

ECHO = Statement(
    "select %(id)s::uuid, %(n)s::bigint, %(word)s::text, %(bytes)s::bytea, %(day)s::date, %(at)s::timestamptz, "
    "%(yes)s::boolean, %(n)s::bigint + 1, '100 %%'"
)
SAVEPOINT, BACK = Statement("savepoint here"), Statement("rollback to savepoint here")
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
        SAVEPOINT.one_or_none(session, {})
        with pytest.raises(kind) as caught:
            statement.one(session, given)
        assert isinstance(caught.value.orig, psycopg.Error)
        with pytest.raises(DBAPIError):
            ECHO.one(session, GIVEN)
        BACK.one_or_none(session, {})
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


def test_an_error_that_is_not_the_servers_own_is_a_lost_connection(committing_app):
    """A server that crashes says farewell without a code, and the driver calls the line open still."""
    with committing_app.app_context():
        with pytest.raises(OperationalError), transaction() as session:
            ECHO.one(session, GIVEN)
            line = session.line()
            told = line._error_of(line.pgconn.make_empty_result(ExecStatus.FATAL_ERROR))
            assert isinstance(told, psycopg.OperationalError)
        with transaction() as session:
            assert ECHO.one(session, GIVEN)[1] == 5


def test_other_threads_run_while_one_waits_for_the_database(committing_app, fresh_database):
    """The other thread lets go of what the first waits for; it could not while that one held Python's lock."""
    lock = Statement("select pg_advisory_xact_lock(%(key)s)::text")
    ended = []

    def wait() -> None:
        with committing_app.app_context(), transaction() as session:
            session.execute(text("set local lock_timeout = '60s'"))
            lock.one(session, {"key": 7})
            ended.append("had it")

    with psycopg.connect(fresh_database, autocommit=True) as other:
        other.execute("select pg_advisory_lock(7)")
        thread = threading.Thread(target=wait)
        thread.start()
        while other.execute("select count(*) from pg_locks where locktype = 'advisory' and not granted").fetchone() == (
            0,
        ):
            assert thread.is_alive()
            time.sleep(0.001)
        other.execute("select pg_advisory_unlock(7)")
        thread.join()
    assert ended == ["had it"]


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
                assert seen.one(session, {})[0] <= 3


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


def both(session, first: Question, given, second: Question, asked):
    """The rows of two questions that travel together: the first one's as it was heard, the second one's as given."""
    heard: list[object] = []
    first.later(session, given, lambda row, error: heard.append(error or row))
    return second.one_or_none(session, asked), heard


def test_two_questions_are_one_and_each_hears_its_own_row(session):
    pair = Question("select %(n)s::bigint, %(word)s::text, 'x' as n")
    single = Question(
        "with w as materialized (select %(word)s::text as n) select n, %(n)s::bigint from w where %(yes)s"
    )
    given, other = {"n": 5, "word": "甲"}, {"n": 9, "word": "乙", "yes": True}
    session.connection()
    for nothing in (other | {"yes": False}, other):
        row, none = ("乙", 9) if nothing["yes"] else None, nothing
        assert both(session, pair, given, single, nothing) == (row, [(5, "甲", "x")])
        assert both(session, single, none, pair, given) == ((5, "甲", "x"), [row])
    nulls = {"n": None, "word": None}
    assert both(session, pair, nulls, pair, nulls) == ((None, None, "x"), [(None, None, "x")])


def test_an_error_of_either_question_is_heard_by_the_first_and_raised(session):
    good, bad = Question("select %(n)s::bigint"), Question("select 1 / %(n)s::int")
    for first, second, zero in ((good, bad, (1, 0)), (bad, good, (0, 1))):
        SAVEPOINT.one_or_none(session, {})
        heard: list[object] = []
        first.later(session, {"n": zero[0]}, lambda _, error, heard=heard: heard.append(error))
        with pytest.raises(DBAPIError):
            second.one(session, {"n": zero[1]})
        assert isinstance(heard[0], DBAPIError)
        BACK.one_or_none(session, {})


NOTE = Statement("insert into rule_parameter_note (word) values (%(word)s) on conflict do nothing returning word")
NOTES = Statement("select string_agg(word, ' ' order by at) from rule_parameter_note")


@pytest.fixture
def notes(fresh_database):
    """A table that remembers in which order words came, none twice; says what is committed."""
    with psycopg.connect(fresh_database, autocommit=True) as owner:
        owner.execute("create table rule_parameter_note (at bigint generated always as identity, word text unique)")
        owner.execute("grant all on rule_parameter_note to cardnet_app")
        yield lambda: owner.execute("select array_agg(word order by at) from rule_parameter_note").fetchone()[0] or []


def test_what_goes_later_goes_before_whatever_is_asked_next_by_whichever_way(committing_app, notes):
    with committing_app.app_context(), transaction() as session:
        NOTE.later(session, {"word": "a"})
        SAVEPOINT.later(session, {})
        NOTE.later(session, {"word": "b"})
        assert NOTES.one(session, {}) == ("a b",)
        NOTE.later(session, {"word": "c"})
        session.execute(text("insert into rule_parameter_note (word) values ('d')"))
        NOTE.later(session, {"word": "e"})
        settled(session)
        assert session.scalar(text(NOTES.text.decode())) == "a b c d e"
        NOTE.later(session, {"word": "f"})
        assert notes() == []
    assert notes() == ["a", "b", "c", "d", "e", "f"]


def test_its_row_or_its_absence_settles_it_and_may_stop_what_follows(committing_app, notes):
    class Known(Exception):
        pass

    def insist(row, error):
        assert error is None
        if row is None:
            raise Known

    with committing_app.app_context():
        with transaction() as session:
            NOTE.later(session, {"word": "a"}, insist)
        with transaction() as session:
            NOTE.later(session, {"word": "a"}, insist)
            with pytest.raises(Known):
                NOTES.one(session, {})
            # The transaction is sound: what was asked together was answered together.
            assert NOTES.one(session, {}) == ("a",)
        with pytest.raises(Known), transaction() as session:
            NOTE.later(session, {"word": "b"})
            NOTE.later(session, {"word": "a"}, insist)
    assert notes() == ["a"]


def test_an_error_on_the_way_is_raised_where_it_shows_and_nothing_is_kept(committing_app, notes):
    wrong = Statement("select 1 / %(zero)s::int")
    heard = []
    with committing_app.app_context():
        with transaction() as session, pytest.raises(DBAPIError) as caught:
            try:
                NOTE.later(session, {"word": "a"})
                wrong.later(session, {"zero": 0}, lambda row, error: heard.append((row, type(error.orig))))
                NOTE.later(session, {"word": "b"}, lambda *_: heard.append("skipped by the server"))
                NOTES.one(session, {})
            finally:
                session.rollback()
        assert isinstance(caught.value.orig, psycopg.errors.DivisionByZero)
        with pytest.raises(DBAPIError), transaction() as session:
            NOTE.later(session, {"word": "c"})
            wrong.later(session, {"zero": 0})
        with pytest.raises(RuntimeError), transaction() as session:
            NOTE.later(session, {"word": "d"})
            raise RuntimeError
        with transaction() as session:
            assert NOTES.one(session, {}) == (None,)
    assert heard == [(None, psycopg.errors.DivisionByZero)]
    assert notes() == []


STRICT = Statement(f"""
with made as (insert into rule_parameter_note (word) values (%(word)s) on conflict do nothing returning 1)
select {or_lost("exists (select from made)")}""")


@pytest.mark.parametrize("begun", [True, False])
def test_what_goes_with_the_commit_goes_last_and_all_or_nothing(committing_app, notes, begun):
    def words(*later):
        with transaction() as session:
            if not begun:
                without_begin(session)
            STRICT.with_commit(session, {"word": later[1]}, lost)
            STRICT.with_commit(session, {"word": later[0]}, lost, ahead=True)
            asked.append(NOTES.one(session, {})[0])
            assert notes() == (asked[-1] or "").split()

    asked: list[str | None] = []
    with committing_app.app_context():
        words("a", "b")
        assert notes() == ["a", "b"]
        for taken in (("c", "a"), ("b", "c")):
            with pytest.raises(Lost):
                words(*taken)
            assert notes() == ["a", "b"]
        with pytest.raises(RuntimeError), transaction() as session:
            STRICT.with_commit(session, {"word": "d"}, lost)
            raise RuntimeError
        words("d", "e")
    assert asked == [None, "a b", "a b", "a b"]
    assert notes() == ["a", "b", "d", "e"]


def test_what_sqlalchemy_writes_meanwhile_is_in_the_same_transaction_as_what_goes_with_the_commit(
    committing_app, notes
):
    def both(with_commit, meanwhile):
        with transaction() as session:
            without_begin(session)
            STRICT.with_commit(session, {"word": with_commit}, lost)
            session.execute(text("insert into rule_parameter_note (word) values (:word)"), {"word": meanwhile})
            assert meanwhile not in notes()

    with committing_app.app_context():
        both("b", "a")
        with pytest.raises(Lost):
            both("b", "c")
    assert notes() == ["a", "b"]


def test_a_session_rolled_back_goes_on_in_a_new_transaction(committing_app, notes):
    with committing_app.app_context(), transaction() as session:
        NOTE.one(session, {"word": "a"})
        session.rollback()
        NOTE.one(session, {"word": "b"})
    assert notes() == ["b"]


def test_a_savepoint_rolled_back_by_sqlalchemy_forgets_what_waited_in_it(committing_app, notes):
    with committing_app.app_context(), transaction() as session:
        NOTE.one(session, {"word": "a"})
        with session.begin_nested() as nested:
            NOTE.later(session, {"word": "b"})
            nested.rollback()
        assert NOTES.one(session, {}) == ("a",)
    assert notes() == ["a"]


@pytest.mark.parametrize("at_commit", [False, True])
def test_a_connection_lost_with_statements_under_way_is_an_operational_error(committing_app, notes, at_commit):
    with committing_app.app_context():
        with pytest.raises(OperationalError), transaction() as session:
            NOTE.later(session, {"word": "a"})
            with psycopg.connect(committing_app.config["SQLALCHEMY_DATABASE_URI"].replace("+psycopg", "")) as other:
                pid = Statement("select pg_backend_pid()").one(session, {})[0]
                other.execute("select pg_terminate_backend(%s, 5000)", (pid,))
            NOTE.later(session, {"word": "b"})
            if not at_commit:
                NOTES.one(session, {})
        with transaction() as session:
            assert ECHO.one(session, GIVEN)[1] == 5
    assert notes() == []


def test_a_flight_larger_than_the_socket_takes_at_once_arrives(committing_app, notes):
    with committing_app.app_context(), transaction() as session:
        for _ in range(4):
            NOTE.later(session, {"word": "x" * 2_000}, lambda *_: None)
            Statement("select length(%(long)s::text)").later(session, {"long": "长" * 400_000})
        assert NOTES.one(session, {}) == ("x" * 2_000,)
    assert len(notes()) == 1


def test_a_connection_lost_before_any_statement_of_ours_is_an_operational_error_too(committing_app):
    with committing_app.app_context():
        with pytest.raises(DBAPIError), transaction() as session:
            pid = session.scalar(text("select pg_backend_pid()"))
            with psycopg.connect(committing_app.config["SQLALCHEMY_DATABASE_URI"].replace("+psycopg", "")) as other:
                other.execute("select pg_terminate_backend(%s)", (pid,))
            session.scalar(text("select 1"))
        with transaction() as session:
            assert session.scalar(text("select 1")) == 1
