"""Quota of a year: nodes with their ledger, raises, and the decisions they rest on."""

import uuid
from datetime import date, datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from cardnet.issuance.models.checks import one_of
from cardnet.issuance.rules import QuotaKind, RaiseState, YearState
from cardnet.kernel.db import Base


class QuotaYear(Base):
    """One year of one kind of quota: open, closing (what was held may still be used) or closed."""

    __tablename__ = "quota_year"
    __table_args__ = (
        CheckConstraint(one_of("state", YearState), name="state"),
        CheckConstraint("offer_days between 1 and 60", name="offer_days"),
    )

    year: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    kind: Mapped[str] = mapped_column(primary_key=True)
    state: Mapped[str]
    closing_until: Mapped[date | None]
    offer_days: Mapped[int] = mapped_column(server_default="7")


class QuotaNode(Base):
    """How many new cards one union may issue in one year. Changed only by guarded UPDATEs beside an entry.

    `recall_after` is the last day on which free places are the union's own; then those above may take them back.
    `closed` stops whoever read the year's state before it was closed.
    """

    __tablename__ = "quota_node"
    __table_args__ = (
        UniqueConstraint("year", "kind", "union_id"),
        CheckConstraint(one_of("kind", QuotaKind), name="kind"),
        CheckConstraint("received >= 0 and passed_down >= 0 and held >= 0 and used >= 0", name="signs"),
        # The second net under every guard: two submissions racing for the last place, two allocations of one remainder.
        CheckConstraint("held + used + passed_down <= received", name="bounds"),
        Index(None, "parent_id"),
        Index(None, "union_id"),
    )

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    year: Mapped[int]
    kind: Mapped[str]
    union_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("union_node.id"))
    parent_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("quota_node.id"))
    received: Mapped[int] = mapped_column(server_default="0")
    passed_down: Mapped[int] = mapped_column(server_default="0")
    held: Mapped[int] = mapped_column(server_default="0")
    used: Mapped[int] = mapped_column(server_default="0")
    recall_after: Mapped[date | None]
    closed: Mapped[bool] = mapped_column(server_default=text("false"))


class Authority(Base):
    """决策依据 of a quota, a program or a pool, append-only: who decided when, the document, its original, 预算科目.

    `original` is the attached file, sealed (field `authority.original`); its hash is of the file as it came.
    """

    __tablename__ = "authority"
    __table_args__ = (
        CheckConstraint("(original is null) = (original_sha256 is null)", name="original"),
        CheckConstraint("original_sha256 is null or octet_length(original_sha256) = 32", name="sha256"),
    )

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    document: Mapped[str]
    meeting: Mapped[str]
    decided_on: Mapped[date]
    budget_item: Mapped[str]
    filename: Mapped[str | None]
    original: Mapped[bytes | None]
    original_sha256: Mapped[bytes | None]
    recorded_by: Mapped[uuid.UUID | None]
    at: Mapped[datetime]


class QuotaRaise(Base):
    """A request for more places, and what became of it. Who asks is not who decides."""

    __tablename__ = "quota_raise"
    __table_args__ = (
        CheckConstraint(one_of("state", RaiseState), name="state"),
        CheckConstraint(one_of("kind", QuotaKind), name="kind"),
        CheckConstraint("count > 0", name="count"),
        CheckConstraint("decided_by is null or state = 'withdrawn' or decided_by <> asked_by", name="four_eyes"),
        CheckConstraint("(state = 'asked') = (decided_at is null)", name="decided"),
        Index(None, "year", "kind", "state"),
        Index(None, "union_id"),
    )

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    year: Mapped[int]
    kind: Mapped[str]
    union_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("union_node.id"))
    count: Mapped[int]
    reason: Mapped[str]
    authority_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("authority.id"))
    state: Mapped[str]
    asked_by: Mapped[uuid.UUID]
    asked_at: Mapped[datetime]
    decided_by: Mapped[uuid.UUID | None]
    decided_at: Mapped[datetime | None]
    words: Mapped[str | None]


class QuotaEntry(Base):
    """The ledger of one node: signed changes, append-only. Every counter of the node is the sum of its column (Q7)."""

    __tablename__ = "quota_entry"
    __table_args__ = (
        CheckConstraint("received <> 0 or passed_down <> 0 or held <> 0 or used <> 0", name="changes_something"),
        Index(None, "node_id", "at"),
        Index(None, "batch_id"),
    )

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    node_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("quota_node.id"))
    kind: Mapped[str]
    received: Mapped[int] = mapped_column(server_default="0")
    passed_down: Mapped[int] = mapped_column(server_default="0")
    held: Mapped[int] = mapped_column(server_default="0")
    used: Mapped[int] = mapped_column(server_default="0")
    counterpart_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("quota_node.id"))
    batch_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("batch.id"))
    document: Mapped[str | None]
    authority_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("authority.id"))
    actor_id: Mapped[uuid.UUID | None]
    at: Mapped[datetime]
