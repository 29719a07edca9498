"""Hand-outs against signatures."""

import uuid
from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from cardnet.issuance.models.checks import one_of
from cardnet.issuance.rules import HandoutKind
from cardnet.kernel.db import Base


class Handout(Base):
    """One hand-out against signatures: cards, a gift, goods against the heat. `path` is the union that gives."""

    __tablename__ = "handout"
    __table_args__ = (CheckConstraint(one_of("kind", HandoutKind), name="kind"), Index(None, "path"))

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    kind: Mapped[str]
    title: Mapped[str]
    document: Mapped[str | None]
    union_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("union_node.id"))
    path: Mapped[str]
    batch_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("batch.id"))
    opened_by: Mapped[uuid.UUID]
    opened_at: Mapped[datetime]
    closed_at: Mapped[datetime | None]


class HandoutLine(Base):
    """One person of a hand-out; the row is their receipt once `signed_at` is set, by a guarded UPDATE."""

    __tablename__ = "handout_line"
    __table_args__ = (
        CheckConstraint(
            "(signed_at is null) = (channel is null) and (signed_at is null) = (actor_id is null)", name="signed"
        ),
        Index(None, "person_id"),
        Index(None, "card_id"),
    )

    handout_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("handout.id"), primary_key=True)
    person_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("person.id"), primary_key=True)
    union_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("union_node.id"))
    card_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("card.id"))
    signed_at: Mapped[datetime | None]
    channel: Mapped[str | None]
    actor_id: Mapped[uuid.UUID | None]
