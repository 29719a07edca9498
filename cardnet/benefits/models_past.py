"""Uses from before cardnet: what was taken in, from which file, and whether that was taken back."""

import uuid
from datetime import date, datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from cardnet.kernel.db import Base


class PastUseImport(Base):
    """One list of uses as it was taken in. `taken_back_at` says that none of its uses counts any more."""

    __tablename__ = "past_use_import"
    __table_args__ = (
        CheckConstraint(
            "(taken_back_at is null) = (taken_back_by is null) and (taken_back_at is null) = (reason is null)",
            name="taken_back",
        ),
        Index(None, "at"),
    )

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    path: Mapped[str]
    filename: Mapped[str]
    content_sha256: Mapped[bytes]
    rows: Mapped[int]
    stored: Mapped[int]
    officer_id: Mapped[uuid.UUID]
    at: Mapped[datetime]
    taken_back_at: Mapped[datetime | None]
    taken_back_by: Mapped[uuid.UUID | None]
    reason: Mapped[str | None]


class PastUse(Base):
    """One use from before, append-only: no redemption, no merchant's money. What it counts stands in `usage_entry`.

    `times` uses on one day, worth `fen` altogether; `unit_path` is the member's union when it was taken in.
    """

    __tablename__ = "past_use"
    __table_args__ = (
        CheckConstraint("times between 1 and 366 and fen >= 0", name="amounts"),
        Index(None, "person_id"),
        Index(None, "import_id"),
        Index(None, "program_id", "used_on"),
    )

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    import_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("past_use_import.id"))
    line: Mapped[int]
    person_id: Mapped[uuid.UUID]
    program_id: Mapped[uuid.UUID]
    used_on: Mapped[date]
    times: Mapped[int]
    fen: Mapped[int]
    place: Mapped[str | None]
    unit_path: Mapped[str]
