"""The revocation drill: an officer withdraws a key as if it had been stolen, and the trail tells how long it took.

What is given up is a print key that has signed nothing, so the exercise is the real thing and hurts nobody.
"""

import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from cardnet.credential import pack
from cardnet.credential.keys import KeyState, KeyUse
from cardnet.credential.store import packs
from cardnet.credential.store.models import IssuerKeyRow, TrustPackRow
from cardnet.kernel import audit
from cardnet.kernel.audit import AuditEvent
from cardnet.kernel.errors import Conflict
from cardnet.kernel.world import World

TARGET = timedelta(hours=4)
"""From the alarm to a published pack that says the key is revoked."""

_STARTED = "key.drill"


@dataclass(frozen=True)
class StartDrill:
    """Begin the exercise: from now on the clock runs."""

    by: uuid.UUID | None = None


@dataclass(frozen=True)
class DrillReport:
    """How far the newest exercise is; a moment is None while its step is still to be done."""

    kid: bytes
    started_at: datetime
    by: uuid.UUID | None
    revoked_at: datetime | None
    published_at: datetime | None

    @property
    def took(self) -> timedelta | None:
        """From the alarm to the published pack."""
        return self.published_at - self.started_at if self.published_at else None


def start_drill(session: Session, world: World, command: StartDrill) -> DrillReport:
    """Name a key as stolen; while an exercise is open it is that one. Raises Conflict("no_spare_key")."""
    known = drill_report(session)
    if known and known.published_at is None:
        return known
    at, tills_know = world.now(), set(packs.published_kids(session))
    spare = [
        row
        for row in packs.rows(session)
        if row.use == KeyUse.PRINT and row.state == KeyState.ACTIVE and row.private_sealed and row.kid in tills_know
    ]
    if not spare:
        raise Conflict("no_spare_key", "没有已公布而未使用的印卡密钥可供演练：请先 cardnet keys rotate 并签发信任包。")
    kid = spare[-1].kid
    audit.record(session, world, audit.Act(_STARTED, "issuer_key", kid.hex(), command.by))
    return DrillReport(kid, at, command.by, None, None)


def drill_report(session: Session) -> DrillReport | None:
    """The newest exercise as the audit trail and the packs tell it; None when there was none."""
    begun = session.scalar(
        select(AuditEvent)
        .where(AuditEvent.subject_kind == "issuer_key", AuditEvent.action == _STARTED)
        .order_by(AuditEvent.id.desc())
        .limit(1)
    )
    if begun is None:
        return None
    kid = bytes.fromhex(begun.subject_id)
    revoked_at = session.scalar(select(IssuerKeyRow.revoked_at).where(IssuerKeyRow.kid == kid))
    published_at = _published_at(session, kid, revoked_at) if revoked_at else None
    return DrillReport(kid, begun.at, begun.actor_id, revoked_at, published_at)


def _published_at(session: Session, kid: bytes, revoked_at: datetime) -> datetime | None:
    """When the first pack came out that says so."""
    told = session.execute(
        select(AuditEvent.at, AuditEvent.subject_id)
        .where(
            AuditEvent.subject_kind == "trust_pack", AuditEvent.action == packs.PUBLISHED, AuditEvent.at >= revoked_at
        )
        .order_by(AuditEvent.id)
    )
    for at, seq in told:
        content = session.scalars(select(TrustPackRow.content).where(TrustPackRow.seq == int(seq))).one()
        key = pack.peek_pack(content).keys.get(kid)
        if key and key.state == KeyState.REVOKED:
            return at
    return None
