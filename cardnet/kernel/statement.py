"""Statements of the hot path: text given once, sent with numbered parameters, prepared at first use, few journeys.

The names are numbered once (`kernel.numbered`), and the statement goes straight to libpq's own call (`kernel.line`).
Everything that is not on the path of a redemption goes through SQLAlchemy.

Going to the server and back costs as much as a small statement. So what nobody waits for (`Statement.later`) stays
here until something is asked, and travels with it: the transaction's `begin` before its first statement, a savepoint
before the write it guards, a last write with the `commit`. The order is the order of the calls, always: what
SQLAlchemy sends meanwhile lets go whatever waits first (`line_session.send_waiting_on`).

What is prepared here outlives a rollback, as PostgreSQL has it. psycopg would deallocate everything on each rollback
once it has prepared something of its own, so `kernel.db` tells it to prepare nothing.
"""

from collections.abc import Mapping
from typing import Any

import psycopg
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from cardnet.kernel.line_session import line_of
from cardnet.kernel.numbered import Failing, Numbered, Row, Sent, Settle

__all__ = ["Lost", "Question", "Row", "Statement", "lost", "or_lost", "settled", "without_begin"]


class Statement(Numbered):
    """One SQL text with `%(name)s` parameters. A literal per cent sign is written `%%`."""

    __slots__ = ()

    def one(self, session: Session, parameters: Mapping[str, Any]) -> Row:
        """Run it in the session's transaction and give its only row. Raises DBAPIError as SQLAlchemy would."""
        row = self.one_or_none(session, parameters)
        if row is None:
            raise LookupError("the statement gave no row")
        return row

    def one_or_none(self, session: Session, parameters: Mapping[str, Any]) -> Row | None:
        """The same, None when there is no row (or the statement gives none, such as `savepoint`)."""
        return line_of(session).ask(self, [parameters[name] for name in self.names])

    def later(self, session: Session, parameters: Mapping[str, Any], settle: Settle | None = None) -> None:
        """Run it before whatever the session asks next, at the latest before its commit, whose answer settles it.

        An error that `settle` does not turn into another one is raised there.
        """
        line_of(session).waiting.append(self._sent(parameters, settle))

    def with_commit(
        self, session: Session, parameters: Mapping[str, Any], failing: Failing, *, ahead: bool = False
    ) -> None:
        """Run it with the commit, in the same journey; `ahead` of others that go with it, or after them.

        Only its error is heard, and undoes the transaction: what must not stay has to fail (see `or_lost`). Where no
        transaction is open (`without_begin`), what flies together is one.
        """
        last = line_of(session).last
        last.insert(0 if ahead else len(last), self._sent(parameters, None, failing))

    def _sent(
        self, parameters: Mapping[str, Any], settle: Settle | None = None, failing: Failing | None = None
    ) -> Sent:
        return Sent(self, [parameters[name] for name in self.names], settle, failing)


class Question(Statement):
    """A plain select of one row at most, which changes and locks nothing. Two that would fly together are asked as one.

    A journey of one statement is waited for in C from its beginning to its end; in one of several the driver lets go
    of Python's lock at every step, and wakes other threads for nothing.
    """

    __slots__ = ()

    is_question = True


def settled(session: Session) -> None:
    """Nothing waits any more; raises what was waiting to be raised."""
    line_of(session).let_go()


def without_begin(session: Session) -> None:
    """What this session asks by `Statement` opens no transaction: each journey is one by itself, and so is the last.

    For work that reads first and then writes once, guarded, with the commit.
    """
    line_of(session).begins = False


class Lost(Exception):
    """A guard sent with the commit was taken by somebody else. Nothing has stayed: begin again, and ask before writing."""


def or_lost(condition: str) -> str:
    """An expression that fails where `condition` is false, and so undoes the transaction: a division by nought."""
    return f"1 / ({condition})::int"


def lost(error: DBAPIError) -> Exception:
    """What an error of a statement with `or_lost` means."""
    return Lost() if isinstance(error.orig, psycopg.errors.DivisionByZero) else error
