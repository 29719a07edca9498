"""Reading the audit trail: who did what, on whose behalf, before, after, from where."""

import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import Session, aliased

from cardnet.access.models import Account
from cardnet.kernel.audit import AuditEvent


@dataclass(frozen=True)
class TrailQuery:
    """Which acts: of actors below `path` (and of the system itself where `system`), in [from_at, to_at).

    `action` is a whole one (`card.issue`) or a noun with its dot (`card.`); `username` is exact.
    """

    path: str
    system: bool = False
    from_at: datetime | None = None
    to_at: datetime | None = None
    action: str = ""
    username: str = ""
    subject_id: str = ""


@dataclass(frozen=True)
class TrailLine:
    """One act. `actor` and `behalf` are (username, display name); None: the system, or nobody."""

    id: uuid.UUID
    at: datetime
    action: str
    subject_kind: str
    subject_id: str
    actor: tuple[str, str] | None
    behalf: tuple[str, str] | None
    address: str | None
    before: dict[str, Any] | None
    after: dict[str, Any] | None


def trail(session: Session, query: TrailQuery, limit: int, older_than: uuid.UUID | None = None) -> list[TrailLine]:
    """One page, newest first; `older_than` is the last id of the page before (ids are ordered by time)."""
    actor, behalf = aliased(Account), aliased(Account)
    wanted: list[ColumnElement[bool]] = [_in_scope(query, actor)]
    if query.from_at is not None:
        wanted.append(AuditEvent.at >= query.from_at)
    if query.to_at is not None:
        wanted.append(AuditEvent.at < query.to_at)
    if query.action:
        whole = not query.action.endswith(".")
        wanted.append(
            AuditEvent.action == query.action if whole else AuditEvent.action.startswith(query.action, autoescape=True)
        )
    if query.username:
        wanted.append(actor.username == query.username)
    if query.subject_id:
        wanted.append(AuditEvent.subject_id == query.subject_id)
    if older_than is not None:
        wanted.append(AuditEvent.id < older_than)
    rows = session.execute(
        select(AuditEvent, actor.username, actor.display_name, behalf.username, behalf.display_name)
        .outerjoin(actor, actor.id == AuditEvent.actor_id)
        .outerjoin(behalf, behalf.id == AuditEvent.on_behalf_of)
        .where(*wanted)
        .order_by(AuditEvent.id.desc())
        .limit(limit)
    )
    return [
        TrailLine(
            event.id,
            event.at,
            event.action,
            event.subject_kind,
            event.subject_id,
            (username, name) if username else None,
            (behalf_username, behalf_name) if behalf_username else None,
            event.address,
            event.before,
            event.after,
        )
        for event, username, name, behalf_username, behalf_name in rows
    ]


def whole_trail(session: Session, query: TrailQuery, most: int, page: int = 2_000) -> Iterator[TrailLine]:
    """Up to `most` acts, newest first, read in pages: an export holds no more than one page at a time."""
    last: uuid.UUID | None = None
    left = most
    while left > 0 and (lines := trail(session, query, min(page, left), last)):
        yield from lines
        left -= len(lines)
        last = lines[-1].id
        session.expunge_all()


def _in_scope(query: TrailQuery, actor: Any) -> ColumnElement[bool]:
    below: ColumnElement[bool] = actor.scope_path.startswith(query.path, autoescape=True)
    return below | AuditEvent.actor_id.is_(None) if query.system else below
