"""The audit trail: who did what to which thing, on whose behalf, from where, with before and after.

Append-only: a trigger refuses UPDATE, DELETE and TRUNCATE. Never put names, numbers or phones into
`before` and `after`: ids, codes, states and counts are enough to answer a question.
"""

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast

from sqlalchemy import Index, Table, func, insert, select, text
from sqlalchemy.orm import Mapped, Session, mapped_column

from cardnet.kernel.db import Base
from cardnet.kernel.world import World


class AuditEvent(Base):
    """One act. `subject` is a kind and an id: `application`, `card`, `settlement`, …"""

    __tablename__ = "audit_event"
    __table_args__ = (Index(None, "subject_kind", "subject_id"), Index(None, "at"), Index(None, "actor_id", "id"))

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    at: Mapped[datetime]
    action: Mapped[str]
    subject_kind: Mapped[str]
    subject_id: Mapped[str]
    actor_id: Mapped[uuid.UUID | None]
    on_behalf_of: Mapped[uuid.UUID | None]
    address: Mapped[str | None]
    before: Mapped[dict[str, Any] | None]
    after: Mapped[dict[str, Any] | None]


_TABLE = cast(Table, AuditEvent.__table__)
"""Written to directly: nobody needs the objects, and making one costs more than writing it."""


_CALLER: ContextVar[str | None] = ContextVar("cardnet_caller_address", default=None)


@contextmanager
def coming_from(address: str | None) -> Iterator[None]:
    """Every act of this block comes from this network address, unless the act names its own. For the edges."""
    token = _CALLER.set(address)
    try:
        yield
    finally:
        _CALLER.reset(token)


@dataclass(frozen=True)
class Act:
    """What happened, in words the trail keeps for ever: `action` is `noun.verb`, for example `card.issue`.

    `address` is where it came from; None takes that of the edge (`coming_from`).
    """

    action: str
    subject_kind: str
    subject_id: str
    actor_id: uuid.UUID | None = None
    on_behalf_of: uuid.UUID | None = None
    address: str | None = None
    before: dict[str, Any] | None = None
    after: dict[str, Any] | None = None


def record(session: Session, world: World, *acts: Act) -> None:
    """Write acts in the transaction that performs them; many in one statement."""
    if acts:
        here = _CALLER.get()
        lines = [{**vars(act), "address": act.address or here} for act in acts]
        session.execute(insert(_TABLE), [{"id": world.new_id(), "at": world.now(), **line} for line in lines])


def count_since(session: Session, action: str, address: str, since: datetime) -> int:
    """How often this was done from one address since a moment: what holds back whoever tries too much.

    Whoever counts has the address until its transaction ends, so that tries sent together do not all count none.
    """
    _one_at_a_time(session, f"{action}:{address}")
    query = select(func.count()).where(
        AuditEvent.at >= since, AuditEvent.action == action, AuditEvent.address == address
    )
    return session.scalar(query) or 0


def _one_at_a_time(session: Session, place: str) -> None:
    session.execute(text("select pg_advisory_xact_lock(hashtextextended(:place, 0))"), {"place": place})
