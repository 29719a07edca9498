"""Statements of the hot path: text given once, sent with numbered parameters, prepared at first use, few journeys.

psycopg parses `%(name)s` anew on every call of a statement that is long or has many parameters, which costs more
than running it; here the names are numbered once, and the statement goes straight to libpq's own call, which waits
in C: the driver's waiting in Python costs more than all else it does for us. Everything that is not on the path of a
redemption goes through SQLAlchemy.

Going to the server and back costs as much as a small statement. So what nobody waits for (`Statement.later`) stays
here until something is asked, and travels with it: the transaction's `begin` before its first statement, a savepoint
before the write it guards, a last write with the `commit`. The order is the order of the calls, always: what
SQLAlchemy sends meanwhile lets go whatever waits first (`send_waiting_on`).

What is prepared here outlives a rollback, as PostgreSQL has it. psycopg would deallocate everything on each rollback
once it has prepared something of its own, so `kernel.db` tells it to prepare nothing.
"""

import itertools
import re
import select
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import psycopg
from psycopg.adapt import PyFormat, Transformer
from psycopg.pq import ConnStatus, ExecStatus, TransactionStatus
from sqlalchemy import Connection, Engine, PoolProxiedConnection, event
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

Row = tuple[Any, ...]
Settle = Callable[[Row | None, DBAPIError | None], None]
"""Hears the row (None: no row) or the error of a statement that went later; may raise what its caller should see."""
Failing = Callable[[DBAPIError], Exception]
"""Says what to raise for an error of a statement that went later."""

_NAME = re.compile(r"%\((\w+)\)s|%%")


class Statement:
    """One SQL text with `%(name)s` parameters. A literal per cent sign is written `%%`."""

    __slots__ = ("formats", "names", "text")

    def __init__(self, text: str) -> None:
        numbers: dict[str, int] = {}

        def numbered(found: re.Match[str]) -> str:
            name = found[1]
            return f"${numbers.setdefault(name, len(numbers) + 1)}" if name else "%"

        self.text = _NAME.sub(numbered, text).encode()
        self.names = tuple(numbers)
        self.formats = [PyFormat.AUTO] * len(numbers)

    def one(self, session: Session, parameters: Mapping[str, Any]) -> Row:
        """Run it in the session's transaction and give its only row. Raises DBAPIError as SQLAlchemy would."""
        row = self.one_or_none(session, parameters)
        if row is None:
            raise LookupError("the statement gave no row")
        return row

    def one_or_none(self, session: Session, parameters: Mapping[str, Any]) -> Row | None:
        """The same, None when there is no row (or the statement gives none, such as `savepoint`)."""
        return _line(session).ask(self, [parameters[name] for name in self.names])

    def later(self, session: Session, parameters: Mapping[str, Any], settle: Settle | None = None) -> None:
        """Run it before whatever the session asks next, at the latest before its commit, whose answer settles it.

        An error that `settle` does not turn into another one is raised there.
        """
        _line(session).waiting.append(self._sent(parameters, settle))

    def with_commit(
        self, session: Session, parameters: Mapping[str, Any], failing: Failing, *, ahead: bool = False
    ) -> None:
        """Run it with the commit, in the same journey; `ahead` of others that go with it, or after them.

        Only its error is heard, and undoes the transaction: what must not stay has to fail (see `or_lost`). Where no
        transaction is open (`without_begin`), what flies together is one.
        """
        last = _line(session).last
        last.insert(0 if ahead else len(last), self._sent(parameters, None, failing))

    def _sent(
        self, parameters: Mapping[str, Any], settle: Settle | None = None, failing: Failing | None = None
    ) -> "_Sent":
        return _Sent(self, [parameters[name] for name in self.names], settle, failing)


def settled(session: Session) -> None:
    """Nothing waits any more; raises what was waiting to be raised."""
    _line(session).let_go()


def without_begin(session: Session) -> None:
    """What this session asks by `Statement` opens no transaction: each journey is one by itself, and so is the last.

    For work that reads first and then writes once, guarded, with the commit.
    """
    _line(session).begins = False


def send_waiting_on(engine: Engine) -> None:
    """Keep the order of calls on this engine's connections between this module and SQLAlchemy."""

    @event.listens_for(engine, "before_cursor_execute")
    def _before(connection: Connection, *_: Any) -> None:
        if line := connection.info.get(_LINE):
            line.let_go()

    @event.listens_for(engine, "commit")
    def _commit(connection: Connection) -> None:
        line = connection.info.get(_LINE)
        if line and (line.waiting or line.last):
            line.commit()

    @event.listens_for(engine, "release_savepoint")
    def _release(connection: Connection, *_: Any) -> None:
        if line := connection.info.get(_LINE):
            line.let_all_go()

    @event.listens_for(engine, "rollback")
    @event.listens_for(engine, "rollback_savepoint")
    def _rollback(connection: Connection, *_: Any) -> None:
        if not connection.invalidated and (line := connection.info.get(_LINE)):
            line.forget()

    event.listen(engine, "reset", _undo_what_is_open)


class Lost(Exception):
    """A guard sent with the commit was taken by somebody else. Nothing has stayed: begin again, and ask before writing."""


def or_lost(condition: str) -> str:
    """An expression that fails where `condition` is false, and so undoes the transaction: a division by nought."""
    return f"1 / ({condition})::int"


def lost(error: DBAPIError) -> Exception:
    """What an error of a statement with `or_lost` means."""
    return Lost() if isinstance(error.orig, psycopg.errors.DivisionByZero) else error


def _undo_what_is_open(connection: Any, _record: Any, _state: Any) -> None:
    """Roll back a connection that comes back to its pool with a transaction; the driver would ask each time."""
    if connection.pgconn.transaction_status != TransactionStatus.IDLE:
        connection.rollback()


class _Sent(NamedTuple):
    statement: Statement
    values: list[Any]
    settle: Settle | None = None
    failing: Failing | None = None


class _Line:
    """What this module keeps of one connection: what waits, and the names under which it has prepared what.

    `waiting` goes with whatever is asked next, `last` with the commit.
    """

    __slots__ = ("begins", "connection", "last", "names", "pgconn", "prepared", "socket", "waiting")

    def __init__(self, connection: Any) -> None:
        self.connection, self.pgconn = connection, connection.pgconn
        self.prepared: dict[tuple[bytes, tuple[int, ...]], bytes] = {}
        self.names = itertools.count()
        self.waiting: list[_Sent] = []
        self.last: list[_Sent] = []
        self.begins = not connection.autocommit
        self.socket = select.poll()
        self.socket.register(self.pgconn.socket, select.POLLIN)

    def ask(self, statement: Statement, values: list[Any]) -> Row | None:
        """All that waits, then this statement: its only row, or None."""
        self.waiting.append(_Sent(statement, values))
        return self.let_go()

    def commit(self) -> None:
        """Commit, and take along all that waits."""
        if any(sent.settle for sent in self.waiting):
            self.let_go()  # who hears its row may still say no
        idle = self.pgconn.transaction_status == TransactionStatus.IDLE
        if idle and not self.begins:
            self.let_all_go()
        elif self.waiting or self.last or not idle:
            self.last.append(_COMMIT)
            self.let_all_go()

    def let_all_go(self) -> None:
        """Send what waits for the commit as well."""
        self.waiting += self.last
        self.last = []
        self.let_go()

    def forget(self) -> None:
        """Nothing of what waits is to be sent."""
        self.waiting, self.last = [], []

    def let_go(self) -> Row | None:
        """Send all that waits in one journey and settle it in order; the last one's row. Raises DBAPIError."""
        if not self.waiting:
            return None
        flight, self.waiting = self.waiting, []
        if self.begins and self.pgconn.transaction_status == TransactionStatus.IDLE:
            flight.insert(0, _BEGIN)
        row: Row | None = None
        for sent, answer in zip(flight, self._fly(flight), strict=False):
            row, error = None, None
            if isinstance(answer, psycopg.Error):
                error = _wrapped(sent.statement.text.decode(), answer)
            else:
                row = answer
            if sent.settle:
                sent.settle(row, error)
            if error:
                raise (sent.failing(error) if sent.failing else error) from error.orig
        return row

    def _fly(self, flight: Sequence[_Sent]) -> list[Row | psycopg.Error | None]:
        """The statements' rows; an error ends the list, for the server skips what comes after it."""
        try:
            translator = Transformer(self.connection)
            calls = [self._bound(sent, translator) for sent in flight]
            results = self._pipe(calls) if len(calls) > 1 else [self.pgconn.exec_prepared(*calls[0])]
        except psycopg.Error as error:
            return [error]
        answers: list[Row | psycopg.Error | None] = []
        for result in results:
            failed = self._error_of(result)
            answers.append(failed or _row_of(result, translator))
            if failed:
                break
        return answers

    def _bound(self, sent: _Sent, translator: Any) -> tuple[bytes, Sequence[Any], Sequence[int] | None]:
        """Name, values and formats of a prepared statement. Raises psycopg.Error when it cannot be prepared."""
        statement = sent.statement
        given = translator.dump_sequence(sent.values, statement.formats)
        types = translator.types or ()
        name = self.prepared.get((statement.text, types))
        if name is None:
            name = b"cardnet_%d" % next(self.names)
            if error := self._error_of(self.pgconn.prepare(name, statement.text, types)):
                raise error
            self.prepared[statement.text, types] = name
        return name, given, translator.formats

    def _pipe(self, calls: Sequence[tuple[bytes, Sequence[Any], Sequence[int] | None]]) -> list[Any]:
        """Send everything, then read everything. A line lost on the way is closed, so that the pool drops it."""
        pgconn = self.pgconn
        try:
            pgconn.enter_pipeline_mode()
            for call in calls:
                pgconn.send_query_prepared(*call)
            pgconn.pipeline_sync()
            results = []
            for _ in calls:
                results.append(self._next())
                self._next()  # the end of this statement's results
            self._next()  # the sync
            pgconn.exit_pipeline_mode()
        except psycopg.Error:
            pgconn.finish()
            raise
        return results

    def _next(self) -> Any:
        """The next result of a pipeline. libpq's own call would wait without letting other threads run."""
        pgconn = self.pgconn
        while pgconn.is_busy():
            # What the socket does not take at once has to be offered again, or both ends wait for each other.
            self.socket.modify(pgconn.socket, select.POLLIN | (select.POLLOUT if pgconn.flush() else 0))
            self.socket.poll()
            pgconn.consume_input()
        return pgconn.get_result()

    def _error_of(self, result: Any) -> psycopg.Error | None:
        if result is None or self.pgconn.status == ConnStatus.BAD:
            return psycopg.OperationalError("the connection is lost")
        if result.status in _FINE:
            return None
        if result.status != ExecStatus.FATAL_ERROR:
            return psycopg.InternalError(f"a statement of the hot path answered {result.status}")
        error = psycopg.errors.error_from_result(result, encoding=self.connection.info.encoding)
        if error.sqlstate in _OUTDATED:
            # A migration changed what a statement returns, or somebody deallocated: prepare anew the next time.
            self.prepared.clear()
        return error


_BEGIN, _COMMIT = _Sent(Statement("begin"), []), _Sent(Statement("commit"), [])
_FINE = (ExecStatus.TUPLES_OK, ExecStatus.COMMAND_OK)
_OUTDATED = frozenset({"0A000", "26000"})


def _row_of(result: Any, translator: Any) -> Row | None:
    if result.ntuples == 0:
        return None
    translator.set_pgresult(result)
    row: Row = translator.load_row(0, tuple)
    return row


def _wrapped(said: str, error: psycopg.Error) -> DBAPIError:
    wrapped = DBAPIError.instance(said, None, error, psycopg.Error)
    assert isinstance(wrapped, DBAPIError)
    return wrapped


class LineSession(Session):
    """A session of an engine that wants SQLAlchemy's transaction only once something is asked of SQLAlchemy.

    A redemption goes by `Statement` alone, and the bookkeeping of a session costs more than its statements. Whoever
    asks first takes a connection from the pool, and both ways use the same one.
    """

    _taken: PoolProxiedConnection | None = None
    _line: _Line | None = None
    _ours: Connection | None = None

    def line(self) -> _Line:
        """The line of this session's connection."""
        if self._line is None:
            info = self._take().info
            self._line = info.get(_LINE)
            if self._line is None:
                self._line = info[_LINE] = _Line(self._take().driver_connection)
        return self._line

    def get_bind(self, *_: Any, **__: Any) -> Connection:
        """What SQLAlchemy asks for when it begins."""
        if self._ours is None:
            assert isinstance(self.bind, Engine)
            self._ours = Connection(self.bind, self._take())
        return self._ours

    def commit(self) -> None:
        """Commit what was done by either way."""
        if self.in_transaction():
            super().commit()
        elif self._line is not None:
            self._line.commit()

    def rollback(self) -> None:
        """Undo what was done by either way."""
        if self._line is not None:
            self._line.forget()
        if self.in_transaction():
            super().rollback()
        elif self._taken is not None and self._taken.is_valid:
            if self._line is not None and self._line.pgconn.status == ConnStatus.BAD:
                self._taken.invalidate()
            else:
                self._taken.rollback()

    def close(self) -> None:
        """Give the connection back; the pool rolls back what is open."""
        if self._line is not None:
            # The line is this connection's for as long as we have it, also when the connection is lost: a new one
            # that takes its place in the pool gets a line of its own.
            self._line.forget()
            self._line.begins = True
        if self._ours is not None or self.in_transaction():
            super().close()
        if self._ours is not None:
            self._ours.close()
        elif self._taken is not None:
            self._taken.close()
        self._ours = self._taken = self._line = None

    def _take(self) -> PoolProxiedConnection:
        if self._taken is None:
            assert isinstance(self.bind, Engine)
            try:
                self._taken = self.bind.raw_connection()
            except psycopg.Error as error:
                raise _wrapped("connect", error) from error
        return self._taken


def _line(session: Session) -> _Line:
    """The line of the session's connection; it lives as long as the connection does.

    Remembered for the transaction, because asking a session for its connection costs as much as binding a statement.
    """
    if isinstance(session, LineSession) and session.get_nested_transaction() is None:
        return session.line()
    known = session.info.get(_LINE)
    if known is not None and known[0] is _innermost(session):
        line: _Line = known[1]
        return line
    connection: Any = session.connection().connection
    line = connection.info.get(_LINE)
    if line is None:
        line = connection.info[_LINE] = _Line(connection.driver_connection)
    session.info[_LINE] = (_innermost(session), line)
    return line


def _innermost(session: Session) -> Any:
    """A nested transaction begins, with its savepoint, when the session is asked for its connection the first time."""
    return session.get_nested_transaction() or session.get_transaction()


_LINE = "cardnet.line"
