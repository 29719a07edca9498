"""A connection of the hot path: what waits for the next journey, and the journey itself, through libpq's own calls.

libpq waits in C: the driver's waiting in Python costs more than all else it does for us.
"""

import itertools
import select
from collections.abc import Sequence
from typing import Any

import psycopg
from psycopg.adapt import Transformer
from psycopg.pq import ConnStatus, ExecStatus, TransactionStatus
from sqlalchemy.exc import DBAPIError

from cardnet.kernel.numbered import SECOND, Numbered, Row, Sent, both


class Line:
    """What is kept of one connection: what waits, and the names under which it has prepared what.

    `waiting` goes with whatever is asked next, `last` with the commit.
    """

    __slots__ = ("begins", "connection", "last", "names", "pgconn", "prepared", "socket", "translator", "waiting")

    def __init__(self, connection: Any) -> None:
        self.connection, self.pgconn = connection, connection.pgconn
        self.prepared: dict[tuple[bytes, tuple[int, ...]], bytes] = {}
        self.names = itertools.count()
        self.translator = Transformer(connection)
        self.waiting: list[Sent] = []
        self.last: list[Sent] = []
        self.begins = not connection.autocommit
        self.socket = select.poll()
        self.socket.register(self.pgconn.socket, select.POLLIN)

    def ask(self, statement: Numbered, values: list[Any]) -> Row | None:
        """All that waits, then this statement: its only row, or None."""
        self.waiting.append(Sent(statement, values))
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
                error = wrapped(sent.statement.text.decode(), answer)
            else:
                row = answer
            if sent.settle:
                sent.settle(row, error)
            if error:
                raise (sent.failing(error) if sent.failing else error) from error.orig
        return row

    def _fly(self, flight: Sequence[Sent]) -> list[Row | psycopg.Error | None]:
        """The statements' rows; an error ends the list, for the server skips what comes after it."""
        if len(flight) == 2 and flight[0].statement.is_question and flight[1].statement.is_question:
            return self._ask_both(*flight)
        try:
            translator = self.translator
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

    def _ask_both(self, first: Sent, second: Sent) -> list[Row | psycopg.Error | None]:
        sent = Sent(both(first.statement, second.statement), first.values + second.values)
        try:
            translator = self.translator
            result = self.pgconn.exec_prepared(*self._bound(sent, translator))
        except psycopg.Error as error:
            return [error]
        if failed := self._error_of(result):
            return [failed]
        row = _row_of(result, translator)
        assert row is not None
        cut = next(number for number in range(result.nfields) if result.fname(number) == SECOND)
        return [row[1:cut] if row[0] else None, row[cut + 1 :] if row[cut] else None]

    def _bound(self, sent: Sent, translator: Any) -> tuple[bytes, Sequence[Any], Sequence[int] | None]:
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
            self._wait()
            results = []
            for _ in calls:
                results.append(self._next())
                pgconn.get_result()  # the end of this statement's results, which is there with the last of them
            end = self._next()
            if end is None or end.status != ExecStatus.PIPELINE_SYNC:
                raise psycopg.OperationalError("what flew together could not be committed")
            pgconn.exit_pipeline_mode()
        except psycopg.Error:
            pgconn.finish()
            raise
        return results

    def _next(self) -> Any:
        """The next result of a pipeline. libpq's own call would wait without letting other threads run."""
        while self.pgconn.is_busy():
            self._wait()
        return self.pgconn.get_result()

    def _wait(self) -> None:
        """Until there is more to read. What the socket does not take at once is offered again meanwhile."""
        pgconn = self.pgconn
        self.socket.modify(pgconn.socket, select.POLLIN | (select.POLLOUT if pgconn.flush() else 0))
        self.socket.poll()
        pgconn.consume_input()

    def _error_of(self, result: Any) -> psycopg.Error | None:
        if result is None or self.pgconn.status == ConnStatus.BAD:
            return psycopg.OperationalError("the connection is lost")
        if result.status in _FINE:
            return None
        if result.status != ExecStatus.FATAL_ERROR:
            return psycopg.InternalError(f"a statement of the hot path answered {result.status}")
        error = psycopg.errors.error_from_result(result, encoding=self.connection.info.encoding)
        if error.sqlstate is None:
            # The driver's own words and not the server's: the line is gone. Closed, so that the pool drops it.
            self.pgconn.finish()
            return psycopg.OperationalError(str(error))
        if error.sqlstate in _OUTDATED:
            # A migration changed what a statement returns, or somebody deallocated: prepare anew the next time.
            self.prepared.clear()
        return error


_BEGIN, _COMMIT = Sent(Numbered("begin"), []), Sent(Numbered("commit"), [])
_FINE = (ExecStatus.TUPLES_OK, ExecStatus.COMMAND_OK)
_OUTDATED = frozenset({"0A000", "26000"})


def _row_of(result: Any, translator: Any) -> Row | None:
    if result.ntuples == 0:
        return None
    translator.set_pgresult(result)
    row: Row = translator.load_row(0, tuple)
    return row


def wrapped(said: str, error: psycopg.Error) -> DBAPIError:
    """The driver's error as SQLAlchemy would raise it."""
    made = DBAPIError.instance(said, None, error, psycopg.Error)
    assert isinstance(made, DBAPIError)
    return made
