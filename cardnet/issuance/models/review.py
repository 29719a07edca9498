"""Tables of review: who stands in for whom, terms and freezes of the clock, corrected rows, a unit's own approval."""

import uuid
from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, Index, UniqueConstraint, text
from sqlalchemy.dialects.postgresql import ExcludeConstraint
from sqlalchemy.orm import Mapped, mapped_column

from cardnet.kernel.db import Base


class Delegation(Base):
    """`deputy_id` stands in for `giver_id` from `from_at` until before `to_at`, or until it was ended."""

    __tablename__ = "delegation"
    __table_args__ = (
        CheckConstraint("from_at < to_at", name="window"),
        CheckConstraint("giver_id <> deputy_id", name="two_people"),
        CheckConstraint("(ended_at is null) = (ended_by is null)", name="ended"),
        # One deputy at a time: two pages open, two deputies named for the same days, the second insert fails.
        ExcludeConstraint(
            (text("uuidrange(giver_id, giver_id, '[]')"), "&&"),
            (text("tstzrange(from_at, to_at)"), "&&"),
            name="ex_delegation_one_deputy",
            using="gist",
            where=text("ended_at is null"),
        ),
        Index(None, "giver_id"),
        Index(None, "deputy_id"),
    )

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    giver_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("account.id"))
    deputy_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("account.id"))
    from_at: Mapped[datetime]
    to_at: Mapped[datetime]
    reason: Mapped[str]
    given_by: Mapped[uuid.UUID]
    given_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]
    ended_by: Mapped[uuid.UUID | None]


class ReviewTerm(Base):
    """How many working days a tier has. A tier without a row has the default of the rules."""

    __tablename__ = "review_term"
    __table_args__ = (
        CheckConstraint("tier in ('district', 'township', 'unit')", name="tier"),
        CheckConstraint("working_days between 1 and 60", name="working_days"),
    )

    tier: Mapped[str] = mapped_column(primary_key=True)
    working_days: Mapped[int]
    set_by: Mapped[uuid.UUID | None]
    set_at: Mapped[datetime]


class ReviewFreeze(Base):
    """Nobody under `path` reviews from `from_at` until before `to_at` (None: until lifted), and no clock runs."""

    __tablename__ = "review_freeze"
    __table_args__ = (CheckConstraint("to_at is null or from_at <= to_at", name="window"),)

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    path: Mapped[str]
    from_at: Mapped[datetime]
    to_at: Mapped[datetime | None]
    reason: Mapped[str]
    set_by: Mapped[uuid.UUID | None]
    set_at: Mapped[datetime]
    lifted_by: Mapped[uuid.UUID | None]


class RowCorrection(Base):
    """What an officer typed when a returned row was corrected by itself, append-only; the roster keeps its own cells."""

    __tablename__ = "row_correction"

    application_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("application.id"), primary_key=True)
    round: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    cells: Mapped[bytes]
    findings: Mapped[list[Any]]
    made_by: Mapped[uuid.UUID]
    made_at: Mapped[datetime]


class UnitApproval(Base):
    """A unit's approval outside the system: a one-time link for the chair, or a printed summary to be stamped.

    `fingerprint` is of the list of people it is about; when that has changed, it approves nothing any more.
    """

    __tablename__ = "unit_approval"
    __table_args__ = (
        UniqueConstraint("number"),
        UniqueConstraint("token_hash"),
        CheckConstraint("kind in ('link', 'summary')", name="kind"),
        CheckConstraint("(kind = 'link') = (token_hash is not null)", name="link_has_token"),
        CheckConstraint(
            "outcome is null or outcome in ('confirmed', 'declined', 'withdrawn', 'replaced')", name="outcome"
        ),
        CheckConstraint("(outcome is null) = (decided_at is null)", name="decided"),
        Index(None, "batch_id"),
    )

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    number: Mapped[str]
    kind: Mapped[str]
    batch_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("batch.id"))
    union_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("union_node.id"))
    path: Mapped[str]
    rows: Mapped[int]
    fingerprint: Mapped[bytes]
    # Sealed: a name of somebody who need not have an account.
    signer: Mapped[bytes]
    token_hash: Mapped[bytes | None]
    made_by: Mapped[uuid.UUID]
    made_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    outcome: Mapped[str | None]
    decided_at: Mapped[datetime | None]
    decided_from: Mapped[str | None]
    # The account that withdrew it or asked anew; a chair has none.
    decided_by: Mapped[uuid.UUID | None]
    words: Mapped[str | None]


class UnitApprovalFile(Base):
    """The stamped summary as it was uploaded, sealed; append-only."""

    __tablename__ = "unit_approval_file"

    approval_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("unit_approval.id"), primary_key=True)
    content: Mapped[bytes]
    media_type: Mapped[str]
    sha256: Mapped[bytes]
    uploaded_by: Mapped[uuid.UUID]
    uploaded_at: Mapped[datetime]
