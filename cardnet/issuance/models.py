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
    HandoutKind,
    QuotaKind,
    RaiseState,
    RosterMode,
    YearState,
)
from cardnet.kernel.db import Base


def _one_of(column: str, values: Iterable[str]) -> str:
    return f"{column} in ({', '.join(repr(str(value)) for value in sorted(values))})"


class QuotaYear(Base):
    """One year of one kind of quota: open, closing (what was held may still be used) or closed."""

    __tablename__ = "quota_year"
    __table_args__ = (
        CheckConstraint(_one_of("state", YearState), name="state"),
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
        CheckConstraint(_one_of("state", RaiseState), name="state"),
        CheckConstraint(_one_of("kind", QuotaKind), name="kind"),
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


class Batch(Base):
    """One roster as it was sent in: the requests of one file."""

    __tablename__ = "batch"
    __table_args__ = (
        # The same bytes sent twice, even at the same instant, are one batch.
        UniqueConstraint("union_id", "content_sha256"),
        CheckConstraint(_one_of("mode", RosterMode), name="mode"),
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
        CheckConstraint(_one_of("kind", ApplicationKind), name="kind"),
        CheckConstraint(_one_of("state", ApplicationState), name="state"),
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
        Index(None, "offer_until", postgresql_where=text("offer_until is not null")),
        Index(None, "hold_until", postgresql_where=text("hold_until is not null")),
        Index(None, "quota_node_id", postgresql_where=text("quota_node_id is not null")),
        Index(None, "review_path", "batch_id", postgresql_where=text("review_path is not null")),
        # What lies before one union, the most urgent first: the review list of thirty thousand rows.
        Index(None, "review_path", "due_at", "id", postgresql_where=text("review_path is not null")),
        Index(
            "ix_application_overdue",
            "due_at",
            postgresql_where=text("review_path is not null and escalated_at is null"),
        ),
        Index(
            "ix_application_escalated",
            "review_path",
            postgresql_where=text("review_path is not null and escalated_at is not null"),
        ),
        Index("ix_application_approved", "batch_id", postgresql_where=text("state = 'approved'")),
        Index("ix_application_returned", "hold_until", postgresql_where=text("state = 'returned'")),
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
    """会员服务卡: the numbered object of one person. `valid_to` is the last day it works.

    `external_number` (sealed) is the number of a city or bank card already held (绑定已有工会卡): it uses no quota.
    """

    __tablename__ = "card"
    __table_args__ = (
        UniqueConstraint("number"),
        UniqueConstraint("application_id"),
        # A chain without forks: one card is replaced or renewed by at most one other (K2).
        UniqueConstraint("replaces_id"),
        CheckConstraint(_one_of("state", CardState), name="state"),
        CheckConstraint("number ~ '^[0-9]{13}$'", name="number"),
        CheckConstraint("valid_from <= valid_to", name="validity"),
        CheckConstraint(
            "(activated_at is null) = (activated_channel is null) and (activated_at is null) = (activated_union_id is null)",
            name="activated",
        ),
        # One usable card per person on any day (K1): two clerks issuing for one person, the second insert fails.
        ExcludeConstraint(
            # Without a number in front the tree has no order to search by.
            (text("int8range(uuid_hash_extended(person_id, 0), uuid_hash_extended(person_id, 0), '[]')"), "&&"),
            (text("uuidrange(person_id, person_id, '[]')"), "&&"),
            (text("daterange(valid_from, valid_to, '[]')"), "&&"),
            name="ex_card_one_usable",
            using="gist",
            where=text(_one_of("state", USABLE_CARD)),
        ),
        CheckConstraint(
            "(external_number is null) = (external_index is null) "
            "and (external_number is null) = (external_issuer is null)",
            name="external",
        ),
        # One city card belongs to one person, however many units tie it at once.
        Index(
            "uq_card_external",
            "external_index",
            unique=True,
            postgresql_where=text("external_index is not null and state not in ('cancelled', 'replaced')"),
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
    external_number: Mapped[bytes | None]
    external_index: Mapped[bytes | None]
    external_issuer: Mapped[str | None]
    issued_at: Mapped[datetime]
    produced_at: Mapped[datetime | None]
    delivered_at: Mapped[datetime | None]
    activated_at: Mapped[datetime | None]
    # By which way and in which unit it came into use: kept, whatever becomes of the card or its holder's employer.
    activated_channel: Mapped[str | None]
    activated_union_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("union_node.id"))
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


class RebindCode(Base):
    """The keyed hash of six digits an officer gave to who stood before them; good for minutes, once."""

    __tablename__ = "rebind_code"
    # Guesses arriving together: the guarded UPDATE lets five through, this stops a sixth way round.
    __table_args__ = (CheckConstraint("tries between 0 and 5", name="tries"),)

    card_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("card.id"), primary_key=True)
    code_index: Mapped[bytes]
    tries: Mapped[int] = mapped_column(server_default="0")
    made_by: Mapped[uuid.UUID]
    made_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    used_at: Mapped[datetime | None]


class CardReminder(Base):
    """Somebody who has not activated was reminded, append-only: when, by whom and by which way."""

    __tablename__ = "card_reminder"

    card_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("card.id"), primary_key=True)
    at: Mapped[datetime] = mapped_column(primary_key=True)
    actor_id: Mapped[uuid.UUID | None]
    channel: Mapped[str]


class PrintRun(Base):
    """One printing of cards, append-only: what an officer looks up when a stack comes out of the printer spoiled."""

    __tablename__ = "print_run"
    __table_args__ = (
        CheckConstraint("cards > 0 and reprinted between 0 and cards", name="counts"),
        Index(None, "path"),
    )

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    path: Mapped[str]
    batch_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("batch.id"))
    cards: Mapped[int]
    reprinted: Mapped[int]
    actor_id: Mapped[uuid.UUID | None]
    at: Mapped[datetime]


class Handout(Base):
    """One hand-out against signatures: cards, a gift, goods against the heat. `path` is the union that gives."""

    __tablename__ = "handout"
    __table_args__ = (CheckConstraint(_one_of("kind", HandoutKind), name="kind"), Index(None, "path"))

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
        Index(None, "print_run_id", postgresql_where=text("print_run_id is not null")),
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
    print_run_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("print_run.id"))
    # Another phone in the place of a lost key: by which channel, and in which session of the member.
    rebound_by: Mapped[str | None]
    session_id: Mapped[uuid.UUID | None]


from cardnet.issuance import models_review, models_roster  # noqa: E402, F401 - registered with the rest
