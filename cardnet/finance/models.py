"""Tables of finance: settlements, merchants' files, reconciliation runs with their matches and exceptions."""

import uuid
from datetime import date, datetime
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, Index, LargeBinary, UniqueConstraint, text
from sqlalchemy.dialects.postgresql import ExcludeConstraint
from sqlalchemy.orm import Mapped, mapped_column

from cardnet.finance.rules import (
    ClearingStep,
    DifferenceCode,
    DifferenceGroup,
    ExceptionState,
    Resolution,
    SettlementState,
)
from cardnet.kernel.db import Base, one_of


class Settlement(Base):
    """What the union owes one merchant for one period. A trigger lets nothing but `state` change.

    `document` is the signed statement as canonical JSON; totals and lines beside it are there for queries, and L13
    proves that they say the same. Amounts in fen.
    """

    __tablename__ = "settlement"
    __table_args__ = (
        UniqueConstraint("number"),
        # Two people settling the same day at once: the second finds the first one's.
        UniqueConstraint("merchant_id", "last_on"),
        # The chain of statements has no fork.
        UniqueConstraint("previous_id"),
        one_of("state", SettlementState),
        CheckConstraint("first_on <= last_on", name="period"),
        CheckConstraint("net_fen = captured_fen - reversed_fen - refunded_fen and net_fen >= 0", name="net"),
        Index(None, "last_on"),
    )

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    number: Mapped[str]
    merchant_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("merchant.id"))
    first_on: Mapped[date]
    last_on: Mapped[date]
    state: Mapped[str]
    lines: Mapped[int]
    captured_fen: Mapped[int]
    reversed_fen: Mapped[int]
    refunded_fen: Mapped[int]
    net_fen: Mapped[int]
    gross_fen: Mapped[int]
    discount_fen: Mapped[int]
    ledger_mark: Mapped[int]
    previous_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("settlement.id"))
    entry_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("entry.id"))
    document: Mapped[bytes] = mapped_column(LargeBinary, deferred=True, deferred_raiseload=True)
    document_sha256: Mapped[bytes]
    signature: Mapped[bytes]
    key_id: Mapped[bytes]
    sealed_at: Mapped[datetime]
    sealed_by: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("account.id"))


class SettlementLine(Base):
    """One movement on a settlement. Append-only; the unique key is L12's race: no movement is settled twice."""

    __tablename__ = "settlement_line"
    __table_args__ = (
        UniqueConstraint("redemption_id", "type"),
        CheckConstraint("type in ('capture', 'reversal', 'refund')", name="type"),
        CheckConstraint("union_fen >= 0 and abs(net_fen) = union_fen", name="net"),
    )

    settlement_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("settlement.id"), primary_key=True)
    line_no: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    redemption_id: Mapped[uuid.UUID]
    merchant_ref: Mapped[str | None]
    store: Mapped[str]
    terminal: Mapped[str]
    type: Mapped[str]
    business_date: Mapped[date]
    occurred_at: Mapped[datetime]
    gross_fen: Mapped[int]
    discount_fen: Mapped[int]
    union_fen: Mapped[int]
    net_fen: Mapped[int]
    original_redemption_id: Mapped[uuid.UUID | None]


class SettlementEvent(Base):
    """Every state a settlement reached: who, when, and in what words. Append-only."""

    __tablename__ = "settlement_event"
    __table_args__ = (one_of("state", SettlementState), Index(None, "settlement_id"))

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    settlement_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("settlement.id"))
    state: Mapped[str]
    at: Mapped[datetime]
    actor_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("account.id"))
    words: Mapped[str | None]


class HeldBack(Base):
    """A movement kept out of settlement, with a typed reason, until it is released."""

    __tablename__ = "held_back"
    __table_args__ = (
        Index("uq_held_back_live", "redemption_id", "type", unique=True, postgresql_where=text("released_at is null")),
        CheckConstraint("(released_at is null) = (released_by is null)", name="released"),
    )

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    merchant_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("merchant.id"))
    redemption_id: Mapped[uuid.UUID]
    type: Mapped[str]
    business_date: Mapped[date]
    net_fen: Mapped[int]
    reason: Mapped[str]
    words: Mapped[str]
    held_at: Mapped[datetime]
    held_by: Mapped[uuid.UUID] = mapped_column(ForeignKey("account.id"))
    released_at: Mapped[datetime | None]
    released_by: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("account.id"))


class StatementFile(Base):
    """A merchant's own record as it sent it. Append-only; the same bytes are taken once per merchant."""

    __tablename__ = "statement_file"
    __table_args__ = (
        UniqueConstraint("merchant_id", "sha256"),
        CheckConstraint("(refusal is null) = (refusal_words is null)", name="refusal"),
    )

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    merchant_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("merchant.id"))
    sha256: Mapped[bytes]
    filename: Mapped[str]
    content: Mapped[bytes] = mapped_column(LargeBinary, deferred=True, deferred_raiseload=True)
    size: Mapped[int]
    lines: Mapped[int]
    unreadable: Mapped[int]
    basis: Mapped[str | None]
    amount_column: Mapped[str]
    declared_line: Mapped[int | None]
    declared_count: Mapped[int | None]
    declared_fen: Mapped[int | None]
    refusal: Mapped[str | None]
    refusal_words: Mapped[dict[str, Any] | None]
    received_at: Mapped[datetime]
    received_by: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("account.id"))


class StatementLineRow(Base):
    """One line of a merchant's file that could be read. Append-only. `day` counts from 1970-01-01."""

    __tablename__ = "statement_line"
    __table_args__ = (Index(None, "file_id", "day"),)

    file_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("statement_file.id"), primary_key=True)
    line: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    redemption_id: Mapped[str | None]
    merchant_ref: Mapped[str | None]
    type: Mapped[str]
    day: Mapped[int | None]
    at: Mapped[int | None]
    store: Mapped[str | None]
    terminal: Mapped[str | None]
    amount_fen: Mapped[int]


class StatementFault(Base):
    """One line of a merchant's file that could not be read (E05), as it stood there. Append-only."""

    __tablename__ = "statement_fault"

    file_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("statement_file.id"), primary_key=True)
    line: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    column: Mapped[str]
    text: Mapped[str]
    problem: Mapped[str]
    cells: Mapped[list[Any]]
    redemption_id: Mapped[str | None]
    merchant_ref: Mapped[str | None]


class ReconciliationRun(Base):
    """One comparison of a merchant's files with our lines. A pure function of `inputs`; `result_sha256` proves it.

    Live runs of one merchant never overlap: a new run takes the place of those whose days it covers. A run that was
    set aside (a wrong file, a wrong period) counts no more, and the ones it had taken the place of count again.
    """

    __tablename__ = "reconciliation_run"
    __table_args__ = (
        ExcludeConstraint(
            (text("uuidrange(merchant_id, merchant_id, '[]')"), "&&"),
            (text("daterange(first_on, last_on, '[]')"), "&&"),
            name="reconciliation_run_live",
            using="gist",
            where=text("superseded_by is null"),
        ),
        CheckConstraint("first_on <= last_on", name="period"),
        CheckConstraint(
            "(set_aside_at is null) = (set_aside_words is null) "
            "and (set_aside_at is null or superseded_by is not null) "
            "and (set_aside_by is null or set_aside_at is not null)",
            name="set_aside",
        ),
        Index(None, "merchant_id", "first_on"),
        Index(None, "created_at"),
    )

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    merchant_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("merchant.id"))
    first_on: Mapped[date]
    last_on: Mapped[date]
    ruleset: Mapped[str]
    basis: Mapped[str]
    inputs: Mapped[dict[str, Any]]
    summary: Mapped[dict[str, Any]]
    result_sha256: Mapped[bytes]
    differences: Mapped[int]
    created_at: Mapped[datetime]
    created_by: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("account.id"))
    superseded_by: Mapped[uuid.UUID | None] = mapped_column(
        ForeignKey("reconciliation_run.id", deferrable=True, initially="DEFERRED")
    )
    set_aside_at: Mapped[datetime | None]
    set_aside_by: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("account.id"))
    set_aside_words: Mapped[str | None]


class ReconciliationRunFile(Base):
    """Which files a run compared."""

    __tablename__ = "reconciliation_run_file"
    __table_args__ = (Index(None, "file_id"),)

    run_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("reconciliation_run.id"), primary_key=True)
    file_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("statement_file.id"), primary_key=True)


class ReconciliationMatch(Base):
    """Lines that belong together. Rows of one `match_no` are one match: both sides' n-th lines, the shorter side null.

    The partial unique keys are L14: no line is in two live matches.
    """

    __tablename__ = "reconciliation_match"
    __table_args__ = (
        CheckConstraint("our_id is not null or file_id is not null", name="a_side"),
        CheckConstraint("(file_id is null) = (line is null) and (our_id is null) = (our_type is null)", name="whole"),
        Index(
            "uq_reconciliation_match_ours",
            "our_id",
            "our_type",
            unique=True,
            postgresql_where=text("live and our_id is not null"),
        ),
        Index(
            "uq_reconciliation_match_theirs",
            "file_id",
            "line",
            unique=True,
            postgresql_where=text("live and file_id is not null"),
        ),
    )

    run_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("reconciliation_run.id"), primary_key=True)
    match_no: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    part: Mapped[int] = mapped_column(primary_key=True, autoincrement=False, server_default=text("0"))
    pass_: Mapped[str] = mapped_column("pass")
    our_id: Mapped[uuid.UUID | None]
    our_type: Mapped[str | None]
    file_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("statement_file.id"))
    line: Mapped[int | None]
    live: Mapped[bool]


class DifferenceStep(Base):
    """What somebody found or decided about a difference, in their words. Append-only."""

    __tablename__ = "difference_step"
    __table_args__ = (
        one_of("step", ClearingStep),
        one_of("resolution", Resolution),
        Index(None, "exception_id"),
    )

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    exception_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("reconciliation_exception.id"))
    step: Mapped[str]
    resolution: Mapped[str | None]
    at: Mapped[datetime]
    actor_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("account.id"))
    words: Mapped[str]


class ReconciliationException(Base):
    """One typed difference and what people do about it. It outlives the run that found it: `key` says which lines.

    `ours` and `theirs` are the lines side by side; amounts in fen. `clears_on`: E08 closes with that day.
    """

    __tablename__ = "reconciliation_exception"
    __table_args__ = (
        UniqueConstraint("merchant_id", "key"),
        one_of("code", DifferenceCode),
        one_of('"group"', DifferenceGroup, "group"),
        one_of("state", ExceptionState),
        CheckConstraint("maker_id <> checker_id", name="four_eyes"),
        CheckConstraint(
            "state not in ('proposed', 'approved', 'posted') or (maker_id is not null and resolution is not null)",
            name="maker",
        ),
        CheckConstraint("state not in ('approved', 'posted') or checker_id is not null", name="checker"),
        CheckConstraint("(state = 'closed') = (closed_at is not null)", name="closed"),
        Index(None, "run_id", "no"),
        Index("ix_reconciliation_exception_open", "merchant_id", postgresql_where=text("state <> 'closed'")),
    )

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    merchant_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("merchant.id"))
    key: Mapped[bytes]
    run_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("reconciliation_run.id"))
    no: Mapped[int]
    code: Mapped[str]
    group: Mapped[str]
    state: Mapped[str]
    ours: Mapped[list[Any]]
    theirs: Mapped[list[Any]]
    detail: Mapped[dict[str, Any]]
    our_fen: Mapped[int]
    their_fen: Mapped[int]
    clears_on: Mapped[date | None]
    opened_at: Mapped[datetime]
    assigned_to: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("account.id"))
    maker_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("account.id"))
    resolution: Mapped[str | None]
    evidence: Mapped[str | None]
    proposed_at: Mapped[datetime | None]
    checker_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("account.id"))
    decided_at: Mapped[datetime | None]
    entry_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("entry.id"))
    closed_at: Mapped[datetime | None]
    closing_words: Mapped[str | None]
