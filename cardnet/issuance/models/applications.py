"""Requests for cards: the file they came in, its rows, the applications and their history."""

import uuid
from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from cardnet.issuance.models.checks import one_of
from cardnet.issuance.rules import OPEN_APPLICATION, ApplicationKind, ApplicationState, RosterMode
from cardnet.kernel.db import Base


class Batch(Base):
    """One roster as it was sent in: the requests of one file."""

    __tablename__ = "batch"
    __table_args__ = (
        # The same bytes sent twice, even at the same instant, are one batch.
        UniqueConstraint("union_id", "content_sha256"),
        CheckConstraint(one_of("mode", RosterMode), name="mode"),
        CheckConstraint("origin in ('file', 'self_filled', 'replacement', 'renewal')", name="origin"),
    )

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    union_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("union_node.id"))
    path: Mapped[str]
    filename: Mapped[str]
    content_sha256: Mapped[bytes]
    mode: Mapped[str]
    quota_year: Mapped[int]
    columns: Mapped[list[Any]]
    origin: Mapped[str] = mapped_column(server_default="file")
    header: Mapped[list[Any] | None]
    rows: Mapped[int]
    valid: Mapped[int]
    declined: Mapped[int]
    invalid: Mapped[int]
    submitted_by: Mapped[uuid.UUID]
    submitted_at: Mapped[datetime]


class RosterRow(Base):
    """One data row of a batch: where it stood, what was found, and its original cells, sealed, for the way back."""

    __tablename__ = "roster_row"
    __table_args__ = (
        CheckConstraint("state in ('valid', 'warning', 'declined', 'invalid')", name="state"),
        Index(None, "person_id"),
    )

    batch_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("batch.id"), primary_key=True)
    row: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    line: Mapped[int]
    state: Mapped[str]
    findings: Mapped[list[Any]]
    cells: Mapped[bytes]
    person_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("person.id"))


class Application(Base):
    """One person's request for a card. `path` is the chain of unions it must pass, `review_path` whose turn it is."""

    __tablename__ = "application"
    __table_args__ = (
        UniqueConstraint("batch_id", "row"),
        CheckConstraint(one_of("kind", ApplicationKind), name="kind"),
        CheckConstraint(one_of("state", ApplicationState), name="state"),
        CheckConstraint("(review_path is not null) = (state in ('in_review', 'submitted'))", name="turn"),
        CheckConstraint("kind = 'new' or quota_node_id is null", name="only_new_takes_quota"),
        # An offer is a place held for somebody who waits, until a moment.
        CheckConstraint(
            "(offer_until is not null) = (state = 'waitlisted' and quota_node_id is not null)", name="offer"
        ),
        # Two rosters naming one person at the same instant: the second insert fails.
        Index(
            "uq_application_open_person",
            "person_id",
            unique=True,
            postgresql_where=text(f"kind = 'new' and {one_of('state', OPEN_APPLICATION)}"),
        ),
        # Two clerks replacing one card: the second insert fails (K2).
        Index(
            "uq_application_open_replacement",
            "replaces_card_id",
            unique=True,
            postgresql_where=text(f"replaces_card_id is not null and {one_of('state', OPEN_APPLICATION)}"),
        ),
        Index(
            "ix_application_waiting",
            "union_id",
            "quota_year",
            "priority",
            "queued_at",
            "row",
            postgresql_where=text("state = 'waitlisted'"),
        ),
        Index(None, "offer_until", postgresql_where=text("offer_until is not null")),
        Index(None, "hold_until", postgresql_where=text("hold_until is not null")),
        Index(None, "quota_node_id", postgresql_where=text("quota_node_id is not null")),
        Index(None, "review_path", "batch_id", postgresql_where=text("review_path is not null")),
        # What lies before one union, the most urgent first: the review list of thirty thousand rows.
        Index(None, "review_path", "due_at", "id", postgresql_where=text("review_path is not null")),
        Index(
            "ix_application_escalated",
            "review_path",
            postgresql_where=text("review_path is not null and escalated_at is not null"),
        ),
        Index("ix_application_approved", "batch_id", postgresql_where=text("state = 'approved'")),
        Index("ix_application_returned", "hold_until", postgresql_where=text("state = 'returned'")),
        Index(None, "person_id"),
    )

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    kind: Mapped[str]
    state: Mapped[str]
    batch_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("batch.id"))
    row: Mapped[int | None]
    person_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("person.id"))
    union_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("union_node.id"))
    path: Mapped[str]
    review_path: Mapped[str | None]
    round: Mapped[int] = mapped_column(server_default="1")
    quota_year: Mapped[int]
    quota_node_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("quota_node.id"))
    hold_until: Mapped[datetime | None]
    priority: Mapped[int] = mapped_column(server_default="0")
    queued_at: Mapped[datetime | None]
    offer_until: Mapped[datetime | None]
    submitted_by: Mapped[uuid.UUID]
    submitted_at: Mapped[datetime]
    due_at: Mapped[datetime | None]
    escalated_at: Mapped[datetime | None]
    replaces_card_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("card.id", use_alter=True))
    events: Mapped[int] = mapped_column(server_default="0")


class ApplicationEvent(Base):
    """What happened to an application, append-only: who, for whom, at whose desk, with which reasons and words."""

    __tablename__ = "application_event"

    application_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("application.id"), primary_key=True)
    seq: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    at: Mapped[datetime]
    action: Mapped[str]
    from_state: Mapped[str]
    to_state: Mapped[str]
    review_path: Mapped[str | None]
    round: Mapped[int]
    actor_id: Mapped[uuid.UUID | None]
    on_behalf_of: Mapped[uuid.UUID | None]
    reasons: Mapped[list[Any] | None]
    words: Mapped[str | None]
