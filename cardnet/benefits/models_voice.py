"""What members are told of uses and say themselves: how content they are with the year, that a use was not theirs."""

import uuid
from datetime import datetime

from sqlalchemy import CheckConstraint, Index, SmallInteger, text
from sqlalchemy.orm import Mapped, mapped_column

from cardnet.benefits.words import DenialOutcome, Feeling
from cardnet.kernel.db import Base, one_of


class Satisfaction(Base):
    """One member's answer to one year; a later answer takes its place. `unit_path` is their union when they answered."""

    __tablename__ = "satisfaction"
    __table_args__ = (
        one_of("feeling", Feeling),
        Index(None, "year", "unit_path"),
    )

    person_id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    year: Mapped[int] = mapped_column(SmallInteger, primary_key=True, autoincrement=False)
    feeling: Mapped[str]
    unit_path: Mapped[str]
    answered_at: Mapped[datetime]


class Denial(Base):
    """A member says that a redemption under their card was not theirs (“不是我”), until finance has looked into it.

    `noted_by` is the officer who wrote it down for somebody without a phone. One redemption is denied once; who takes
    it back deletes nothing.
    """

    __tablename__ = "denial"
    __table_args__ = (
        # Tapped twice: the second finds the first one's.
        Index("uq_denial_live", "redemption_id", unique=True, postgresql_where=text("taken_back_at is null")),
        one_of("outcome", DenialOutcome),
        CheckConstraint(
            "(outcome is null) = (settled_at is null) and (outcome is null) = (settled_by is null)", name="settled"
        ),
        CheckConstraint("taken_back_at is null or outcome is null", name="taken_back"),
        Index(None, "person_id"),
        Index("ix_denial_open", "at", postgresql_where=text("outcome is null and taken_back_at is null")),
    )

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    redemption_id: Mapped[uuid.UUID]
    person_id: Mapped[uuid.UUID]
    merchant_id: Mapped[uuid.UUID]
    words: Mapped[str]
    at: Mapped[datetime]
    noted_by: Mapped[uuid.UUID | None]
    taken_back_at: Mapped[datetime | None]
    outcome: Mapped[str | None]
    answer: Mapped[str | None]
    settled_at: Mapped[datetime | None]
    settled_by: Mapped[uuid.UUID | None]


class UsesTold(Base):
    """One row: the place in the order of events up to which members have been told of the uses of their cards."""

    __tablename__ = "uses_told"
    __table_args__ = (CheckConstraint("one", name="one_row"),)

    one: Mapped[bool] = mapped_column(primary_key=True)
    seq: Mapped[int]
