"""The audit trail: who did what to which thing, on whose behalf, from where, with before and after.

Append-only: a trigger refuses UPDATE, DELETE and TRUNCATE. Never put names, numbers or phones into
`before` and `after`: ids, codes, states and counts are enough to answer a question.
"""

import uuid
from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast

from sqlalchemy import Index, Table, func, insert, select
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


@dataclass(frozen=True)
class Act:
    """What happened, in words the trail keeps for ever: `action` is `noun.verb`, for example `card.issue`."""

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
        session.execute(insert(_TABLE), [{"id": world.new_id(), "at": world.now(), **vars(act)} for act in acts])


def count_since(session: Session, action: str, address: str, since: datetime) -> int:
    """How often this was done from one address since a moment: what holds back whoever tries too much."""
    query = select(func.count()).where(
        AuditEvent.at >= since, AuditEvent.action == action, AuditEvent.address == address
    )
    return session.scalar(query) or 0
