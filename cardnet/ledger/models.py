"""Tables of the ledger. Nobody outside this package reads them but through `services` and `invariants`.

No foreign key leads from a posting to its account: it would lock the account's row of every merchant and pool in
every redemption. Nor to its entry, with which it is written in one statement. `invariants` proves what keys would.
"""

import uuid
from datetime import date, datetime

from sqlalchemy import CheckConstraint, Computed, FetchedValue, ForeignKey, Index, SmallInteger, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from cardnet.kernel.db import Base, one_of
from cardnet.ledger.rules import DayState, EntryKind, Ledger, PoolUnit

BUSINESS_DATE = "(accepted_at AT TIME ZONE 'Asia/Shanghai'::text)::date"


class LedgerAccount(Base):
    """An account of the chart; `id` is computed from the other columns (`rules.account_id`), so it is unique by them."""

    __tablename__ = "ledger_account"
    __table_args__ = (one_of("ledger", Ledger), Index(None, "code", "owner_id"))

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    code: Mapped[str]
    ledger: Mapped[str]
    owner_kind: Mapped[str | None]
    owner_id: Mapped[uuid.UUID | None]


class Entry(Base):
    """One event that moved money, budget or places. Append-only.

    `source` and `source_id` name what it came from (`redemption`, `pool`, `settlement`, …); `xact` is the writing
    transaction, for the sequencer and the close. `maker_id` and `checker_id` stand where people posted it.
    """

    __tablename__ = "entry"
    __table_args__ = (
        one_of("kind", EntryKind),
        CheckConstraint("maker_id <> checker_id", name="four_eyes"),
        Index(None, "business_date"),
        Index(None, "source_id"),
        Index(None, "xact", "id"),
    )

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    person_id: Mapped[uuid.UUID | None]
    kind: Mapped[str]
    source: Mapped[str]
    source_id: Mapped[uuid.UUID]
    memo: Mapped[str | None]
    maker_id: Mapped[uuid.UUID | None]
    checker_id: Mapped[uuid.UUID | None]
    accepted_at: Mapped[datetime]
    business_date: Mapped[date] = mapped_column(Computed(BUSINESS_DATE, persisted=True))
    xact: Mapped[int] = mapped_column(server_default=FetchedValue())


class Posting(Base):
    """One line of an entry: debit positive, credit negative. Append-only."""

    __tablename__ = "posting"
    __table_args__ = (CheckConstraint("amount <> 0", name="not_zero"), Index(None, "account_id"))

    entry_id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    line: Mapped[int] = mapped_column(SmallInteger, primary_key=True)
    account_id: Mapped[uuid.UUID]
    ledger: Mapped[str]
    amount: Mapped[int]


class Pool(Base):
    """Money or places set aside for programs. What is granted, held and used stands in the ledger, not here."""

    __tablename__ = "pool"
    __table_args__ = (UniqueConstraint("code"), one_of("unit", PoolUnit), CheckConstraint("slices > 0", name="slices"))

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    code: Mapped[str]
    name: Mapped[str]
    unit: Mapped[str]
    slices: Mapped[int] = mapped_column(SmallInteger)
    union_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("union_node.id"))
    doc_ref: Mapped[str]
    created_at: Mapped[datetime]


class PoolSlice(Base):
    """A part of what a pool still has. The CHECK stops the race that a guarded UPDATE already lost."""

    __tablename__ = "pool_slice"
    __table_args__ = (CheckConstraint("available >= 0", name="available"),)

    pool_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("pool.id"), primary_key=True)
    no: Mapped[int] = mapped_column(SmallInteger, primary_key=True)
    available: Mapped[int]


class BusinessDay(Base):
    """How far the close of a day has come; a day without a row is open. `sealed_snapshot` is what its seal could see."""

    __tablename__ = "business_day"
    __table_args__ = (
        one_of("state", DayState),
        CheckConstraint("(state = 'closed') = (closed_at is not null)", name="closed"),
    )

    day: Mapped[date] = mapped_column(primary_key=True)
    state: Mapped[str]
    closing_at: Mapped[datetime | None]
    closed_at: Mapped[datetime | None]
    sealed_snapshot: Mapped[str | None]
