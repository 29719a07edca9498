"""The one place that commits.

Edges open `with transaction() as session:`; services take the session and never commit; nesting raises.
Sessions never expire what they loaded and never load lazily, so whatever leaves the block is plain.
"""

import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

from flask import current_app
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Connection,
    DateTime,
    Engine,
    LargeBinary,
    MetaData,
    create_engine,
    event,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.engine import Dialect
from sqlalchemy.orm import DeclarativeBase, Session
from sqlalchemy.types import TypeDecorator

from cardnet.kernel.line_session import LineSession, send_waiting_on

APP_ROLE = "cardnet_app"
"""Connections act as this role, so that grants hold even where the login is a superuser."""

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
        "pk": "pk_%(table_name)s",
    }
)


class Moment(TypeDecorator[datetime]):
    """A timestamptz that refuses naive values and always comes back in UTC."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        if value is not None and value.tzinfo is None:
            raise ValueError("a moment must know its time zone")
        return value

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        return None if value is None else value.astimezone(UTC)


def one_of(column: str, words: Iterable[str], name: str | None = None) -> CheckConstraint:
    """A column holds one of these words. The check is named after the column, unless it has a `name` of its own."""
    return CheckConstraint(f"{column} in ({', '.join(repr(str(word)) for word in words)})", name=name or column)


class Base(DeclarativeBase):
    """Base of all tables. `int` is bigint, `datetime` is a Moment, `dict` and `list` are JSONB, `bytes` is bytea."""

    metadata = metadata
    type_annotation_map = {  # noqa: RUF012 - SQLAlchemy reads it from the class
        int: BigInteger,
        datetime: Moment,
        bytes: LargeBinary,
        dict[str, Any]: JSONB(none_as_null=True),
        list[Any]: JSONB(none_as_null=True),
    }


db = SQLAlchemy(metadata=metadata, session_options={"expire_on_commit": False})

_inside = threading.local()


class SessionFactory:
    """Makes the session of a transaction; the test suite swaps `bind` for a connection of its own."""

    def __init__(self, bind: Any, **info: Any) -> None:
        self.bind = bind
        self.info = info
        self.join: Any = "conditional_savepoint"

    def __call__(self) -> Session:
        kind = LineSession if isinstance(self.bind, Engine) else Session
        return kind(
            bind=self.bind,
            expire_on_commit=False,
            autoflush=False,
            join_transaction_mode=self.join,
            info=dict(self.info),
        )


@contextmanager
def transaction() -> Iterator[Session]:
    """One unit of work: commits when the block ends, rolls back when it raises. Raises RuntimeError when nested."""
    if getattr(_inside, "open", False):
        raise RuntimeError("A transaction is already open: pass its session on.")
    factory: SessionFactory = current_app.extensions["cardnet.sessions"]
    _inside.open = True
    try:
        with _unit(factory) as session:
            yield session
    finally:
        _inside.open = False


@contextmanager
def aside() -> Iterator[Session]:
    """A short transaction beside the one that may be open: for what must be seen, or asked, before that one ends.

    Nothing that belongs to the work itself is written here: it would stay when the work is rolled back.
    """
    factory: SessionFactory = current_app.extensions["cardnet.sessions"]
    with _unit(factory) as session:
        yield session


@contextmanager
def _unit(factory: SessionFactory) -> Iterator[Session]:
    with factory() as session:
        try:
            yield session
            session.commit()
        except BaseException:
            session.rollback()
            raise


def database_of(session: Session) -> Engine | Connection:
    """What a session works on: the key of whatever a process remembers of a database."""
    assert session.bind is not None
    return session.bind


def act_as_app_role(engine: Engine) -> None:
    """Every connection of `engine` takes the role `cardnet_app`, where it exists and may be taken.

    And it plans for data in memory: at PostgreSQL's price of a random page (a disk's) the pool's slices are read from
    first to last for every redemption while they fill but a page or two, and they are rows that every redemption writes.
    """

    @event.listens_for(engine, "connect")
    def _take_role(connection: Any, _record: Any) -> None:
        # What is worth preparing is prepared by kernel.statement; the driver would undo that on every rollback.
        connection.prepare_threshold = None
        with connection.cursor() as cursor:
            cursor.execute("select 1 from pg_roles where rolname = %s and pg_has_role(oid, 'member')", (APP_ROLE,))
            if cursor.fetchone():
                cursor.execute(f"set role {APP_ROLE}")
            cursor.execute("set random_page_cost = 1.1")
        connection.commit()

    send_waiting_on(engine)


def sqlalchemy_url(url: str) -> str:
    """The driver-qualified form of a libpq URL: `postgresql://` and `postgres://` become `postgresql+psycopg://`."""
    for prefix in ("postgresql://", "postgres://"):
        if url.startswith(prefix):
            return "postgresql+psycopg://" + url.removeprefix(prefix)
    return url


def libpq_url(url: str) -> str:
    """The form psycopg itself takes."""
    return "postgresql://" + sqlalchemy_url(url).removeprefix("postgresql+psycopg://")


def owner_engine(url: str) -> Engine:
    """An engine that keeps the login's own rights: for migrations, backup and the audit's tamper tests."""
    return create_engine(sqlalchemy_url(url), connect_args={"options": "-c timezone=UTC"})
