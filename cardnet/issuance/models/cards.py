"""Cards with their history, the codes that bring them into use, the keys bound to them, printing."""

import uuid
from datetime import date, datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index, UniqueConstraint, text
from sqlalchemy.dialects.postgresql import ExcludeConstraint
from sqlalchemy.orm import Mapped, mapped_column

from cardnet.issuance.models.checks import one_of
from cardnet.issuance.rules import USABLE_CARD, BindingKind, BindingState, CardEnd, CardKind, CardState
from cardnet.kernel.db import Base


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
        CheckConstraint(one_of("state", CardState), name="state"),
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
            where=text(one_of("state", USABLE_CARD)),
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


class Binding(Base):
    """The key of one phone (or none: a printed code) tied to one card under one index of the status list."""

    __tablename__ = "binding"
    __table_args__ = (
        CheckConstraint(one_of("kind", BindingKind), name="kind"),
        CheckConstraint(one_of("state", BindingState), name="state"),
        CheckConstraint("(kind = 'device') = (device_key is not null)", name="device_has_key"),
        CheckConstraint("device_key is null or octet_length(device_key) = 33", name="device_key"),
        # One live phone in each place, and two only where the policy says so (K4). Two activations at once: one fails.
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
        # Two phones at most, and one printed code, whatever the policy says.
        CheckConstraint("slot between 1 and case kind when 'device' then 2 else 1 end", name="slot"),
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
    # The time of the last proof this phone renewed by without a session, in its milliseconds: none counts twice.
    proof_at: Mapped[int | None]


class PhonePolicy(Base):
    """On how many phones a card may be at once: one row, or none while nobody has decided and it is one."""

    __tablename__ = "phone_policy"
    __table_args__ = (
        CheckConstraint("id = 1", name="one_row"),
        CheckConstraint("phones in (1, 2)", name="phones"),
    )

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    phones: Mapped[int]
    reason: Mapped[str]
    set_by: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("account.id"))
    set_at: Mapped[datetime]


class LossPolicy(Base):
    """Whether a hold made before its card was lost may still be used: one row, or none while nobody decided and it may."""

    __tablename__ = "loss_policy"
    __table_args__ = (CheckConstraint("id = 1", name="one_row"),)

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    honour_holds_on_loss: Mapped[bool]
    reason: Mapped[str]
    set_by: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("account.id"))
    set_at: Mapped[datetime]


class CardLife(Base):
    """How long new cards of a kind work: a row for each kind the district decided about, else five years."""

    __tablename__ = "card_life"
    __table_args__ = (
        CheckConstraint(one_of("kind", CardKind), name="kind"),
        CheckConstraint("years between 1 and 20", name="years"),
        CheckConstraint(one_of("ends", CardEnd), name="ends"),
    )

    kind: Mapped[str] = mapped_column(primary_key=True)
    years: Mapped[int]
    ends: Mapped[str]
    reason: Mapped[str]
    set_by: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("account.id"))
    set_at: Mapped[datetime]


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
