"""Tables around rosters: the job of a file with its report, posters and what members filled in themselves."""

import uuid
from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, UniqueConstraint, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from cardnet.kernel.db import Base


class RosterJob(Base):
    """One file on its way: checked, then submitted or let go. The file is sealed and gone once it is submitted.

    Whoever works on it holds the row's lock; what is seen meanwhile stands in `kernel.job_progress`.
    """

    __tablename__ = "roster_job"
    __table_args__ = (
        CheckConstraint(
            "state in ('cancelled', 'checked', 'failed', 'submitted', 'submitting', 'waiting')", name="state"
        ),
        CheckConstraint("mode in ('all_or_nothing', 'valid_rows_only')", name="mode"),
        CheckConstraint("(state = 'submitted') = (batch_id is not null)", name="batch"),
        Index(None, "officer_id", "asked_at"),
        Index(None, "union_id"),
        Index(None, "expires_at"),
        Index(None, "batch_id"),
    )

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    union_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("union_node.id"))
    officer_id: Mapped[uuid.UUID]
    filename: Mapped[str]
    content: Mapped[bytes | None] = mapped_column(deferred=True, deferred_raiseload=True)
    content_sha256: Mapped[bytes]
    mode: Mapped[str | None]
    state: Mapped[str]
    error: Mapped[str | None]
    error_words: Mapped[str | None]
    report: Mapped[dict[str, Any] | None]
    batch_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("batch.id"))
    asked_at: Mapped[datetime]
    expires_at: Mapped[datetime]


class RosterJobRow(Base):
    """What a check found of one row. Whatever could name somebody is sealed; codes are in the clear, to filter by."""

    __tablename__ = "roster_job_row"

    job_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("roster_job.id", ondelete="cascade"), primary_key=True)
    row: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    line: Mapped[int]
    status: Mapped[str]
    codes: Mapped[list[str]] = mapped_column(ARRAY(String))
    severities: Mapped[list[str]] = mapped_column(ARRAY(String))
    words: Mapped[bytes]


class SelfFillPoster(Base):
    """扫码自填: the code on a unit's wall. `most` bounds how many entries may wait at once."""

    __tablename__ = "self_fill_poster"
    __table_args__ = (
        UniqueConstraint("token"),
        CheckConstraint("most between 1 and 100000", name="most"),
        # One poster of a unit is open at a time: two officers opening one at once, the second insert fails.
        Index("uq_self_fill_poster_open", "union_id", unique=True, postgresql_where=text("closed_at is null")),
        Index(None, "union_id"),
    )

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    union_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("union_node.id"))
    token: Mapped[str]
    most: Mapped[int]
    opened_by: Mapped[uuid.UUID]
    opened_at: Mapped[datetime]
    closes_at: Mapped[datetime]
    closed_at: Mapped[datetime | None]


class SelfFillEntry(Base):
    """What one person filled in: sealed, and gone once the officer took it over or put it aside."""

    __tablename__ = "self_fill_entry"
    __table_args__ = (
        CheckConstraint("state in ('waiting', 'taken', 'dismissed')", name="state"),
        CheckConstraint("(state = 'taken') = (batch_id is not null)", name="batch"),
        CheckConstraint("(decided_at is null) = (state = 'waiting')", name="decided"),
        CheckConstraint("(fields is not null) = (state = 'waiting')", name="fields"),
        # Filled in twice, even at the same instant, it is one entry: the later one counts.
        Index("uq_self_fill_entry_waiting", "union_id", "key", unique=True, postgresql_where=text("state = 'waiting'")),
        Index(None, "poster_id", "filled_at"),
        Index(None, "union_id"),
        Index(None, "batch_id"),
    )

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    poster_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("self_fill_poster.id"))
    union_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("union_node.id"))
    key: Mapped[bytes]
    fields: Mapped[bytes | None]
    address_index: Mapped[bytes]
    state: Mapped[str]
    times: Mapped[int] = mapped_column(server_default="1")
    filled_at: Mapped[datetime]
    decided_by: Mapped[uuid.UUID | None]
    decided_at: Mapped[datetime | None]
    batch_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("batch.id"))
