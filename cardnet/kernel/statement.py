"""Statements of the hot path: text given once, sent with numbered parameters, prepared at first use.

psycopg parses `%(name)s` anew on every call of a statement that is long or has many parameters, which costs more
than running it; here the names are numbered once. Everything else still goes through SQLAlchemy.
"""

import re
from collections.abc import Mapping
from typing import Any

import psycopg
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

_NAME = re.compile(r"%\((\w+)\)s|%%")


class Statement:
    """One SQL text with `%(name)s` parameters. A literal per cent sign is written `%%`."""

    __slots__ = ("names", "text")

    def __init__(self, text: str) -> None:
        numbers: dict[str, int] = {}

        def numbered(found: re.Match[str]) -> str:
            name = found[1]
            return f"${numbers.setdefault(name, len(numbers) + 1)}" if name else "%"

        self.text = _NAME.sub(numbered, text).encode()
        self.names = tuple(numbers)

    def one(self, session: Session, parameters: Mapping[str, Any]) -> tuple[Any, ...]:
        """Run it in the session's transaction and give its only row. Raises DBAPIError as SQLAlchemy would."""
        row = self.one_or_none(session, parameters)
        if row is None:
            raise LookupError("the statement gave no row")
        return row

    def one_or_none(self, session: Session, parameters: Mapping[str, Any]) -> tuple[Any, ...] | None:
        """The same, None when there is no row."""
        cursor = _cursor(session)
        try:
            cursor.execute(self.text, [parameters[name] for name in self.names], prepare=True)
            row: tuple[Any, ...] | None = cursor.fetchone()
        except psycopg.Error as error:
            raise DBAPIError.instance(self.text.decode(), None, error, psycopg.Error) from error
        return row


def run(session: Session, text: str) -> None:
    """Run a statement without parameters and without an answer, such as `savepoint x`."""
    try:
        _cursor(session).execute(text.encode(), prepare=False)
    except psycopg.Error as error:
        raise DBAPIError.instance(text, None, error, psycopg.Error) from error


def _cursor(session: Session) -> Any:
    """The one raw cursor of the session's connection; it lives as long as the connection does.

    Remembered for the transaction, because asking a session for its connection costs as much as binding a statement.
    """
    transaction = session.get_transaction()
    known = session.info.get(_CURSOR)
    if known is not None and known[0] is transaction and transaction is not None:
        return known[1]
    connection: Any = session.connection().connection
    cursor = connection.info.get(_CURSOR)
    if cursor is None:
        cursor = connection.info[_CURSOR] = psycopg.RawCursor(connection.driver_connection)
    session.info[_CURSOR] = (session.get_transaction(), cursor)
    return cursor


_CURSOR = "cardnet.cursor"
