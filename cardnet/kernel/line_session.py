"""Sessions and engines whose connections carry statements of `kernel.statement` beside SQLAlchemy's."""

from typing import Any

import psycopg
from psycopg.pq import ConnStatus, TransactionStatus
from sqlalchemy import Connection, Engine, PoolProxiedConnection, event
from sqlalchemy.orm import Session

from cardnet.kernel.line import Line, wrapped

_LINE = "cardnet.line"


class LineSession(Session):
    """A session of an engine that wants SQLAlchemy's transaction only once something is asked of SQLAlchemy.

    A redemption goes by `Statement` alone, and the bookkeeping of a session costs more than its statements. Whoever
    asks first takes a connection from the pool, and both ways use the same one.
    """

    _taken: PoolProxiedConnection | None = None
    _line: Line | None = None
    _ours: Connection | None = None

    def line(self) -> Line:
        """The line of this session's connection."""
        if self._line is None:
            info = self._take().info
            self._line = info.get(_LINE)
            if self._line is None:
                self._line = info[_LINE] = Line(self._take().driver_connection)
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
                raise wrapped("connect", error) from error
        return self._taken


def line_of(session: Session) -> Line:
    """The line of the session's connection; it lives as long as the connection does.

    Remembered for the transaction, because asking a session for its connection costs as much as binding a statement.
    """
    if isinstance(session, LineSession) and session.get_nested_transaction() is None:
        return session.line()
    known = session.info.get(_LINE)
    if known is not None and known[0] is _innermost(session):
        line: Line = known[1]
        return line
    connection: Any = session.connection().connection
    line = connection.info.get(_LINE)
    if line is None:
        line = connection.info[_LINE] = Line(connection.driver_connection)
    session.info[_LINE] = (_innermost(session), line)
    return line


def _innermost(session: Session) -> Any:
    """A nested transaction begins, with its savepoint, when the session is asked for its connection the first time."""
    return session.get_nested_transaction() or session.get_transaction()


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


def _undo_what_is_open(connection: Any, _record: Any, _state: Any) -> None:
    """Roll back a connection that comes back to its pool with a transaction; the driver would ask each time."""
    if connection.pgconn.transaction_status != TransactionStatus.IDLE:
        connection.rollback()
