"""What a member was handed by their unions: gifts and goods against the heat, as their own receipts say."""

import uuid
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from cardnet.issuance.models import Handout, HandoutLine
from cardnet.issuance.rules import HandoutKind
from cardnet.kernel.calendar import start_of


@dataclass(frozen=True)
class Received:
    """One thing somebody signed for."""

    kind: HandoutKind
    title: str
    at: datetime


def received_by(session: Session, person_id: uuid.UUID, first: date, until: date) -> tuple[Received, ...]:
    """What one person signed for from `first` up to the day before `until`, the latest first; cards are not told."""
    rows = session.execute(
        select(Handout.kind, Handout.title, HandoutLine.signed_at)
        .join(HandoutLine, HandoutLine.handout_id == Handout.id)
        .where(
            HandoutLine.person_id == person_id,
            HandoutLine.signed_at >= start_of(first),
            HandoutLine.signed_at < start_of(until),
            Handout.kind != str(HandoutKind.CARD),
        )
        .order_by(HandoutLine.signed_at.desc())
    )
    return tuple(Received(HandoutKind(kind), title, at) for kind, title, at in rows if at is not None)
