"""Statements of the hot path: text given once, sent with numbered parameters, prepared at first use.

psycopg parses `%(name)s` anew on every call of a statement that is long or has many parameters, which costs more
than running it; here the names are numbered once, and the statement goes straight to libpq's own call, which waits
in C: the driver's waiting in Python costs more than all else it does for us. Everything that is not on the path of a
redemption goes through SQLAlchemy.

What is prepared here outlives a rollback, as PostgreSQL has it. psycopg would deallocate everything on each rollback
once it has prepared something of its own, so `kernel.db` tells it to prepare nothing.
"""

import itertools
import re
from collections.abc import Mapping
from typing import Any

import psycopg
from psycopg.adapt import PyFormat, Transformer
from psycopg.pq import ConnStatus, ExecStatus, TransactionStatus
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

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

    def one(self, session: Session, parameters: Mapping[str, Any]) -> tuple[Any, ...]:
        """Run it in the session's transaction and give its only row. Raises DBAPIError as SQLAlchemy would."""
        row = self.one_or_none(session, parameters)
        if row is None:
            raise LookupError("the statement gave no row")
        return row

    def one_or_none(self, session: Session, parameters: Mapping[str, Any]) -> tuple[Any, ...] | None:
        """The same, None when there is no row."""
        try:
            return _line(session).execute(self, [parameters[name] for name in self.names])
        except psycopg.Error as error:
            raise DBAPIError.instance(self.text.decode(), None, error, psycopg.Error) from error


def run(session: Session, text: str) -> None:
    """Run a statement without parameters and without an answer, such as `savepoint x`."""
    try:
        _line(session).run(text.encode())
    except psycopg.Error as error:
        raise DBAPIError.instance(text, None, error, psycopg.Error) from error


class _Line:
    """What this module keeps of one connection: the names under which it has prepared what."""

    __slots__ = ("connection", "names", "pgconn", "prepared")

    def __init__(self, connection: Any) -> None:
        self.connection, self.pgconn = connection, connection.pgconn
        self.prepared: dict[tuple[bytes, tuple[int, ...]], bytes] = {}
        self.names = itertools.count()

    def execute(self, statement: Statement, values: list[Any]) -> tuple[Any, ...] | None:
        """The only row of a statement, or None. Raises psycopg.Error."""
        self._begin()
        # A translator serves one statement and its result, as in the driver's own cursors.
        translator = Transformer(self.connection)
        given = translator.dump_sequence(values, statement.formats)
        types = translator.types or ()
        name = self.prepared.get((statement.text, types))
        if name is None:
            name = b"cardnet_%d" % next(self.names)
            self._must(self.pgconn.prepare(name, statement.text, types), ExecStatus.COMMAND_OK)
            self.prepared[statement.text, types] = name
        result = self.pgconn.exec_prepared(name, given, translator.formats)
        self._must(result, ExecStatus.TUPLES_OK)
        if result.ntuples == 0:
            return None
        translator.set_pgresult(result)
        row: tuple[Any, ...] = translator.load_row(0, tuple)
        return row

    def run(self, text: bytes) -> None:
        """A statement without parameters or rows. Raises psycopg.Error."""
        self._begin()
        self._must(self.pgconn.exec_(text), ExecStatus.COMMAND_OK)

    def _begin(self) -> None:
        """What the driver does before the first statement of a transaction."""
        if self.pgconn.transaction_status == TransactionStatus.IDLE and not self.connection.autocommit:
            self._must(self.pgconn.exec_(b"begin"), ExecStatus.COMMAND_OK)

    def _must(self, result: Any, wanted: ExecStatus) -> None:
        if result.status == wanted:
            return
        if self.pgconn.status == ConnStatus.BAD:
            raise psycopg.OperationalError("the connection is lost")
        if result.status != ExecStatus.FATAL_ERROR:
            raise psycopg.InternalError(f"a statement of the hot path answered {result.status}")
        error = psycopg.errors.error_from_result(result, encoding=self.connection.info.encoding)
        if error.sqlstate in _OUTDATED:
            # A migration changed what a statement returns, or somebody deallocated: prepare anew the next time.
            self.prepared.clear()
        raise error


_OUTDATED = frozenset({"0A000", "26000"})


def _line(session: Session) -> _Line:
    """The line of the session's connection; it lives as long as the connection does.

    Remembered for the transaction, because asking a session for its connection costs as much as binding a statement.
    """
    transaction = session.get_transaction()
    known = session.info.get(_LINE)
    if known is not None and known[0] is transaction and transaction is not None:
        line: _Line = known[1]
        return line
    connection: Any = session.connection().connection
    line = connection.info.get(_LINE)
    if line is None:
        line = connection.info[_LINE] = _Line(connection.driver_connection)
    session.info[_LINE] = (session.get_transaction(), line)
    return line


_LINE = "cardnet.line"
