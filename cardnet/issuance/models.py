"""Tables of issuance. Nobody outside this package reads them but through `services` and `invariants`.

Bulk rows carry natural keys where they can: a roster row is (batch, row), an event is (its subject, seq), so that
30,000 of them are written by one statement that needs no ids made beforehand. `seq` counts the events of one
subject without a gap, under that subject's row lock.
"""

import uuid
from collections.abc import Iterable
from datetime import date, datetime
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, Index, UniqueConstraint, text
from sqlalchemy.dialects.postgresql import ExcludeConstraint
from sqlalchemy.orm import Mapped, mapped_column

from cardnet.issuance.rules import (
    OPEN_APPLICATION,
    USABLE_CARD,
    ApplicationKind,
    ApplicationState,
    BindingKind,
    BindingState,
    CardState,
    QuotaKind,
    RosterMode,
    YearState,
)
from cardnet.kernel.db import Base


def _one_of(column: str, values: Iterable[str]) -> str:
    return f"{column} in ({', '.join(repr(str(value)) for value in sorted(values))})"


class QuotaYear(Base):
    """One year of one kind of quota: open, closing (what was held may still be used) or closed."""

    __tablename__ = "quota_year"
    __table_args__ = (CheckConstraint(_one_of("state", YearState), name="state"),)

    year: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    kind: Mapped[str] = mapped_column(primary_key=True)
    state: Mapped[str]
    closing_until: Mapped[date | None]


class QuotaNode(Base):
    """How many new cards one union may issue in one year. Changed only by guarded UPDATEs beside an entry."""

    __tablename__ = "quota_node"
    __table_args__ = (
        UniqueConstraint("year", "kind", "union_id"),
        CheckConstraint(_one_of("kind", QuotaKind), name="kind"),
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
    actor_id: Mapped[uuid.UUID | None]
    at: Mapped[datetime]


class Batch(Base):
    """One roster as it was sent in: the requests of one file."""

    __tablename__ = "batch"
    __table_args__ = (
        # The same bytes sent twice, even at the same instant, are one batch.
        UniqueConstraint("union_id", "content_sha256"),
        CheckConstraint(_one_of("mode", RosterMode), name="mode"),
    )

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    union_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("union_node.id"))
    path: Mapped[str]
    filename: Mapped[str]
    content_sha256: Mapped[bytes]
    mode: Mapped[str]
    quota_year: Mapped[int]
    columns: Mapped[list[Any]]
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
        CheckConstraint(_one_of("kind", ApplicationKind), name="kind"),
        CheckConstraint(_one_of("state", ApplicationState), name="state"),
        CheckConstraint("(review_path is not null) = (state in ('in_review', 'submitted'))", name="turn"),
        CheckConstraint("kind = 'new' or quota_node_id is null", name="only_new_takes_quota"),
        # Two rosters naming one person at the same instant: the second insert fails.
        Index(
            "uq_application_open_person",
            "person_id",
            unique=True,
            postgresql_where=text(f"kind = 'new' and {_one_of('state', OPEN_APPLICATION)}"),
        ),
        # Two clerks replacing one card: the second insert fails (K2).
        Index(
            "uq_application_open_replacement",
            "replaces_card_id",
            unique=True,
            postgresql_where=text(f"replaces_card_id is not null and {_one_of('state', OPEN_APPLICATION)}"),
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
        Index(None, "review_path", "batch_id", postgresql_where=text("review_path is not null")),
        Index(None, "person_id"),
        Index(None, "union_id"),
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
    __table_args__ = (Index(None, "actor_id", "at"),)

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


class Card(Base):
    """会员服务卡: the numbered object of one person. `valid_to` is the last day it works."""

    __tablename__ = "card"
    __table_args__ = (
        UniqueConstraint("number"),
        UniqueConstraint("application_id"),
        # A chain without forks: one card is replaced or renewed by at most one other (K2).
        UniqueConstraint("replaces_id"),
        CheckConstraint(_one_of("state", CardState), name="state"),
        CheckConstraint("number ~ '^[0-9]{13}$'", name="number"),
        CheckConstraint("valid_from <= valid_to", name="validity"),
        # One usable card per person on any day (K1): two clerks issuing for one person, the second insert fails.
        ExcludeConstraint(
            (text("uuidrange(person_id, person_id, '[]')"), "&&"),
            (text("daterange(valid_from, valid_to, '[]')"), "&&"),
            name="ex_card_one_usable",
            using="gist",
            where=text(_one_of("state", USABLE_CARD)),
        ),
        Index(None, "person_id"),
        Index(None, "union_id"),
    )

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    number: Mapped[str]
    person_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("person.id"))
    union_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("union_node.id"))
    application_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("application.id"))
    state: Mapped[str]
    valid_from: Mapped[date]
    valid_to: Mapped[date]
    quota_year: Mapped[int | None]
    replaces_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("card.id"))
    issued_at: Mapped[datetime]
    produced_at: Mapped[datetime | None]
    delivered_at: Mapped[datetime | None]
    activated_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]
    events: Mapped[int] = mapped_column(server_default="0")


class CardEvent(Base):
    """What happened to a card, append-only. The event of a hand-out is its receipt (签领)."""

    __tablename__ = "card_event"

    card_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("card.id"), primary_key=True)
    seq: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    at: Mapped[datetime]
    action: Mapped[str]
    from_state: Mapped[str | None]
    to_state: Mapped[str]
    channel: Mapped[str]
    actor_id: Mapped[uuid.UUID | None]
    on_behalf_of: Mapped[uuid.UUID | None]
    words: Mapped[str | None]


class ActivationCode(Base):
    """The keyed hash of a card's activation code, and how often it was tried wrongly."""

    __tablename__ = "activation_code"
    # Six guesses arriving together: the guarded UPDATE lets five through, this stops a seventh way round.
    __table_args__ = (CheckConstraint("tries between 0 and 5", name="tries"),)

    card_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("card.id"), primary_key=True)
    code_index: Mapped[bytes]
    tries: Mapped[int] = mapped_column(server_default="0")
    made_at: Mapped[datetime]
    used_at: Mapped[datetime | None]


class Binding(Base):
    """The key of one phone (or none: a printed code) tied to one card under one index of the status list."""

    __tablename__ = "binding"
    __table_args__ = (
        CheckConstraint(_one_of("kind", BindingKind), name="kind"),
        CheckConstraint(_one_of("state", BindingState), name="state"),
        CheckConstraint("(kind = 'device') = (device_key is not null)", name="device_has_key"),
        CheckConstraint("device_key is null or octet_length(device_key) = 33", name="device_key"),
        # At most one live phone per card; a policy of two opens slot 2 (K4). Two activations at once: one fails.
        Index(
            "uq_binding_live",
            "card_id",
            "kind",
            "slot",
            unique=True,
            postgresql_where=text("state <> 'revoked'"),
        ),
        # An index belongs to one binding until it is recycled, sixty days after its last credential ended.
        Index("uq_binding_card_index", "card_index", unique=True, postgresql_where=text("recycled_at is null")),
        Index(None, "card_id"),
    )

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    card_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("card.id"))
    kind: Mapped[str]
    slot: Mapped[int] = mapped_column(server_default="1")
    card_index: Mapped[int]
    device_key: Mapped[bytes | None]
    state: Mapped[str]
    bound_at: Mapped[datetime]
    credential_expires_at: Mapped[datetime]
    revoked_at: Mapped[datetime | None]
    recycled_at: Mapped[datetime | None]
