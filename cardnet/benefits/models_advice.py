"""Tables of what tills report of sales they made without a network."""

import uuid
from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from cardnet.benefits.words import AdviceOutcome, ReviewKind, ReviewState
from cardnet.kernel.db import Base, one_of


class Advice(Base):
    """What a till reports that it did without a network: kept whatever we say to it. Append-only.

    `record` is what it sent, `code` why not captured, or what is special; `given_fen` what the till took off.
    """

    __tablename__ = "advice"
    __table_args__ = (
        one_of("outcome", AdviceOutcome),
        Index(None, "terminal_id", "terminal_seq"),
        Index(None, "terminal_id", "received_at"),
        Index(None, "merchant_id", "merchant_ref"),
        Index("ix_advice_for_review", "merchant_id", "id", postgresql_where=text("outcome = 'held_for_review'")),
    )

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    merchant_id: Mapped[uuid.UUID]
    terminal_id: Mapped[uuid.UUID]
    terminal_seq: Mapped[int]
    merchant_ref: Mapped[str]
    record: Mapped[dict[str, Any]]
    digest: Mapped[bytes]
    card_index: Mapped[int | None]
    given_fen: Mapped[int]
    outcome: Mapped[str]
    code: Mapped[str | None]
    redemption_id: Mapped[uuid.UUID | None]
    occurred_at: Mapped[datetime]
    received_at: Mapped[datetime]
    clock_off_seconds: Mapped[int] = mapped_column(server_default=text("0"))
    """How far the terminal's clock was ahead of ours when it sent, or said itself that it had been."""
    confirmed: Mapped[bool | None]
    """Of a record held for review: whether its last four were the holder's. None: none were sent, or not asked."""


class AdviceReview(Base):
    """What people decided of a record held for review: accepted by a maker and a checker, or refused with a reason.

    `withdraw` is the till's own word that the sale was undone: nobody's decision, and a proposal that waited is
    declined by it. `happened_at` is the moment the sale was judged as of. A declined proposal stays; a record has one live row at most.
    """

    __tablename__ = "advice_review"
    __table_args__ = (
        one_of("kind", ReviewKind),
        one_of("state", ReviewState),
        CheckConstraint("maker_id <> checker_id", name="four_eyes"),
        CheckConstraint(
            "case when kind <> 'accept' then state = 'done' and checker_id is null "
            "when state = 'declined' then true else (state = 'proposed') = (checker_id is null) end",
            name="checker",
        ),
        CheckConstraint("(kind = 'withdraw') = (maker_id is null)", name="maker"),
        CheckConstraint("(state = 'proposed') = (decided_at is null)", name="decided"),
        CheckConstraint(
            "(kind = 'accept' and state = 'done') = (redemption_id is not null and outcome is not null "
            "and happened_at is not null)",
            name="redemption",
        ),
        CheckConstraint("outcome in ('captured', 'captured_with_exception')", name="outcome"),
        # Two makers at once, or two checkers: the second finds the first one's row.
        Index("uq_advice_review_live", "advice_id", unique=True, postgresql_where=text("state <> 'declined'")),
    )

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    advice_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("advice.id"))
    kind: Mapped[str]
    state: Mapped[str]
    reason: Mapped[str]
    maker_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("account.id"))
    made_at: Mapped[datetime]
    checker_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("account.id"))
    decided_at: Mapped[datetime | None]
    words: Mapped[str | None]
    happened_at: Mapped[datetime | None]
    outcome: Mapped[str | None]
    code: Mapped[str | None]
    redemption_id: Mapped[uuid.UUID | None]


class AdviceException(Base):
    """What finance must look at: E11, given beyond what a till may give alone; E12, records missing or not in their chain.

    A gap is closed when the records come; everything else, and a gap that will not be filled, by a person with words.
    """

    __tablename__ = "advice_exception"
    __table_args__ = (
        CheckConstraint("code in ('E11', 'E12')", name="code"),
        CheckConstraint("first_seq <= last_seq", name="range"),
        CheckConstraint("closed_by is null or closed_at is not null", name="closed"),
        CheckConstraint("(closed_by is null) = (closing_words is null)", name="closing_words"),
        Index("ix_advice_exception_open", "merchant_id", "id", postgresql_where=text("closed_at is null")),
        Index(None, "terminal_id", "first_seq"),
    )

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    merchant_id: Mapped[uuid.UUID]
    terminal_id: Mapped[uuid.UUID]
    code: Mapped[str]
    why: Mapped[str]
    advice_id: Mapped[uuid.UUID | None]
    first_seq: Mapped[int]
    last_seq: Mapped[int]
    fen: Mapped[int]
    opened_at: Mapped[datetime]
    closed_at: Mapped[datetime | None]
    closed_by: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("account.id"))
    closing_words: Mapped[str | None]
