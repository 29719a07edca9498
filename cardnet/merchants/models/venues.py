"""Tables of merchants, stores, terminals, their tokens and pairing codes."""

import uuid
from datetime import date, datetime
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, Index, SmallInteger, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from cardnet.kernel.db import Base


class Merchant(Base):
    """A contract partner."""

    __tablename__ = "merchant"
    __table_args__ = (
        CheckConstraint("state in ('draft', 'active', 'suspended', 'ended')", name="state"),
        CheckConstraint("settlement_cycle in ('monthly', 'weekly', 'daily')", name="settlement_cycle"),
        CheckConstraint("contract_until >= contract_from", name="contract_dates"),
    )

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    code: Mapped[str] = mapped_column(unique=True)
    name: Mapped[str]
    category: Mapped[str]
    credit_code: Mapped[str | None]
    settlement_cycle: Mapped[str]
    contract_number: Mapped[str | None]
    contract_signed_on: Mapped[date | None]
    contract_from: Mapped[date | None]
    contract_until: Mapped[date | None]
    state: Mapped[str]
    requires_signature: Mapped[bool] = mapped_column(server_default=text("false"))
    created_at: Mapped[datetime]


class Store(Base):
    """A place of a merchant. `hours`: weekday `1` to `7` → [opens, closes]; `phone` is the shop's, for everybody.

    `township_id` is the union of the town or street it stands in; of a store of before nobody may have said it.
    """

    __tablename__ = "store"
    __table_args__ = (UniqueConstraint("merchant_id", "code"),)

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    merchant_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("merchant.id"))
    code: Mapped[str]
    name: Mapped[str]
    address: Mapped[str | None]
    township_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("union_node.id"))
    phone: Mapped[str | None]
    hours: Mapped[dict[str, Any] | None]
    closed_on: Mapped[date | None]
    created_at: Mapped[datetime]


class Terminal(Base):
    """A device of a store. Its code is unique within the merchant, because settlements name it without the store."""

    __tablename__ = "terminal"
    __table_args__ = (
        UniqueConstraint("merchant_id", "code"),
        Index(None, "store_id"),
        CheckConstraint("state in ('active', 'suspended', 'retired')", name="state"),
        CheckConstraint("state = 'suspended' or not stopped_by_union", name="stopped_by_union"),
        CheckConstraint("(public_key is null) = (key_algorithm is null)", name="key"),
    )

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    merchant_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("merchant.id"))
    store_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("store.id"))
    code: Mapped[str]
    name: Mapped[str]
    state: Mapped[str]
    stopped_by_union: Mapped[bool] = mapped_column(server_default=text("false"))
    public_key: Mapped[bytes | None]
    key_algorithm: Mapped[str | None]
    created_at: Mapped[datetime]


class TerminalToken(Base):
    """One bearer token of a terminal, as its SHA-256. `scopes` are words of `rules.Scope` with spaces; null: all."""

    __tablename__ = "terminal_token"
    __table_args__ = (
        CheckConstraint("slot between 1 and 2", name="slot"),
        # Two managers issuing tokens at once: a third active one finds no slot.
        Index(
            "uq_terminal_token_slot", "terminal_id", "slot", unique=True, postgresql_where=text("revoked_at is null")
        ),
    )

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    terminal_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("terminal.id"))
    token_hash: Mapped[bytes] = mapped_column(unique=True)
    slot: Mapped[int] = mapped_column(SmallInteger)
    scopes: Mapped[str | None]
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]


class TerminalKey(Base):
    """A public key a terminal signs with. An older one still counts until `expires_at`, while the till changes over.

    Rows stay: what was signed offline is judged by the key of its own day.
    """

    __tablename__ = "terminal_key"
    __table_args__ = (
        CheckConstraint("slot between 1 and 2", name="slot"),
        CheckConstraint("algorithm in ('ed25519', 'es256')", name="algorithm"),
        # As for tokens: a third active key finds no slot.
        Index("uq_terminal_key_slot", "terminal_id", "slot", unique=True, postgresql_where=text("revoked_at is null")),
    )

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    terminal_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("terminal.id"))
    key_id: Mapped[str] = mapped_column(unique=True)
    public_key: Mapped[bytes]
    algorithm: Mapped[str]
    slot: Mapped[int] = mapped_column(SmallInteger)
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]


class TerminalLockout(Base):
    """Bad codes a terminal has sent in the minute since `since`, and until when it may send nothing."""

    __tablename__ = "terminal_lockout"
    __table_args__ = (CheckConstraint("failed > 0", name="failed"),)

    terminal_id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    since: Mapped[datetime]
    failed: Mapped[int]
    locked_until: Mapped[datetime | None]


class TerminalSync(Base):
    """When a terminal last fetched what it needs offline; kept to the minute."""

    __tablename__ = "terminal_sync"

    terminal_id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    synced_at: Mapped[datetime]


class PairingCode(Base):
    """The open or last pairing code of a terminal: a new one takes its place."""

    __tablename__ = "pairing_code"
    __table_args__ = (CheckConstraint("tries between 0 and 5", name="tries"),)

    terminal_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("terminal.id"), primary_key=True)
    locator: Mapped[str] = mapped_column(unique=True)
    secret_index: Mapped[bytes]
    tries: Mapped[int] = mapped_column(SmallInteger)
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    used_at: Mapped[datetime | None]
