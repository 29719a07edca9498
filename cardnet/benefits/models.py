"""Tables of benefits. Nobody outside this package reads them but through `services` and `invariants`.

Rows that every redemption writes carry no foreign keys to merchants, people or pools: each key would lock the
row it names, and the row of a busy merchant would be locked by all. What the keys would prove, `invariants` asks.
`person_id` stands on every one of them, so that they can be laid out by person when one database is too small.
"""

import uuid
from datetime import date, datetime
from typing import Any

from sqlalchemy import CheckConstraint, Computed, ForeignKey, Index, SmallInteger, text
from sqlalchemy.orm import Mapped, mapped_column

from cardnet.benefits.words import (
    DecisionMode,
    RedemptionState,
    RefundKind,
)
from cardnet.kernel.db import Base, one_of

BUSINESS_DATE = "(accepted_at AT TIME ZONE 'Asia/Shanghai'::text)::date"


class FamilyMember(Base):
    """Which family a person counts with where a limit is the family's; who has no row is a family of one."""

    __tablename__ = "family_member"

    person_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("person.id"), primary_key=True)
    family_id: Mapped[uuid.UUID] = mapped_column(index=True)


class Usage(Base):
    """How much of one limit one person has used in one period: used for good, and held. Changed by guarded writes only."""

    __tablename__ = "usage"
    __table_args__ = (
        CheckConstraint("used_n >= 0 and held_n >= 0 and used_fen >= 0 and held_fen >= 0", name="not_negative"),
        # The second net under the guard: `max_*` is the limit as it stood when something was last taken.
        CheckConstraint("used_n + held_n <= max_n and used_fen + held_fen <= max_fen", name="limit"),
    )

    person_id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    program_id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    limit_code: Mapped[str] = mapped_column(primary_key=True)
    period: Mapped[str] = mapped_column(primary_key=True)
    used_n: Mapped[int]
    held_n: Mapped[int]
    used_fen: Mapped[int]
    held_fen: Mapped[int]
    max_n: Mapped[int | None]
    max_fen: Mapped[int | None]


class SharedCounter(Base):
    """The same for what many people share: a family, a unit, a merchant, the whole program. Hot by the author's choice."""

    __tablename__ = "shared_counter"
    __table_args__ = (
        CheckConstraint("used_n >= 0 and held_n >= 0 and used_fen >= 0 and held_fen >= 0", name="not_negative"),
        CheckConstraint("used_n + held_n <= max_n and used_fen + held_fen <= max_fen", name="limit"),
    )

    program_id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    limit_code: Mapped[str] = mapped_column(primary_key=True)
    period: Mapped[str] = mapped_column(primary_key=True)
    scope: Mapped[str] = mapped_column(primary_key=True)
    scope_key: Mapped[str] = mapped_column(primary_key=True)
    used_n: Mapped[int]
    held_n: Mapped[int]
    used_fen: Mapped[int]
    held_fen: Mapped[int]
    max_n: Mapped[int | None]
    max_fen: Mapped[int | None]


class Redemption(Base):
    """One use, or one refused attempt. Its amounts are those of the decision until a capture of less or a refund."""

    __tablename__ = "redemption"
    __table_args__ = (
        one_of("state", RedemptionState),
        CheckConstraint("refunded_fen <= captured_fen and captured_fen <= held_fen", name="amounts"),
        CheckConstraint(
            "refunded_fen >= 0 and captured_fen >= 0 and held_fen <= amount_fen and discount_fen >= 0 "
            "and subsidy_fen >= 0 and union_fen between 0 and discount_fen + subsidy_fen",
            name="benefit",
        ),
        # B8: a refusal has at least one reason, and only a refusal has any.
        CheckConstraint(
            "(state = 'refused') = (reasons is not null and jsonb_array_length(reasons) > 0)", name="reasons"
        ),
        CheckConstraint("(state in ('held', 'expired')) <= (hold_expires_at is not null)", name="hold"),
        Index(None, "business_date", "merchant_id"),
        Index(None, "merchant_id", "id"),
        Index(None, "person_id", "id"),
        Index("ix_redemption_open_hold", "hold_expires_at", postgresql_where=text("state = 'held'")),
    )

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    person_id: Mapped[uuid.UUID | None]
    card_index: Mapped[int | None]
    proof_id: Mapped[bytes | None]
    assurance: Mapped[str | None]
    unit_path: Mapped[str | None]
    merchant_id: Mapped[uuid.UUID]
    merchant_code: Mapped[str]
    store_id: Mapped[uuid.UUID]
    store_code: Mapped[str]
    terminal_id: Mapped[uuid.UUID]
    terminal_code: Mapped[str]
    merchant_ref: Mapped[str | None]
    service_code: Mapped[str | None]
    service_on: Mapped[date]
    code_text: Mapped[str | None]
    amount_fen: Mapped[int]
    discount_fen: Mapped[int]
    subsidy_fen: Mapped[int]
    union_fen: Mapped[int]
    held_fen: Mapped[int]
    captured_fen: Mapped[int]
    refunded_fen: Mapped[int]
    state: Mapped[str]
    reasons: Mapped[list[Any] | None]
    hold_expires_at: Mapped[datetime | None]
    event_at: Mapped[datetime]
    accepted_at: Mapped[datetime]
    business_date: Mapped[date] = mapped_column(Computed(BUSINESS_DATE, persisted=True))
    borne: Mapped[bool] = mapped_column(server_default=text("false"))
    """Given offline although nothing was left: booked on 5902, no use counted, and what comes back goes there again."""


class RedemptionBenefit(Base):
    """One program's part of a redemption: who bears it, by which rule version, out of which pools.

    `lines` spreads it over the order's lines: `[[line_no, fen], …]`; `takes` names the pools: `[[pool id, unit, number], …]`.
    """

    __tablename__ = "redemption_benefit"
    __table_args__ = (
        CheckConstraint(
            "benefit_fen = union_fen + merchant_fen and union_fen >= 0 and merchant_fen >= 0", name="shares"
        ),
        CheckConstraint("refunded_fen between 0 and benefit_fen", name="refunded"),
        Index(None, "program_id", "redemption_id"),
    )

    redemption_id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    program_id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    rule_version_id: Mapped[uuid.UUID]
    benefit_fen: Mapped[int]
    union_fen: Mapped[int]
    merchant_fen: Mapped[int]
    refunded_fen: Mapped[int]
    refunded_union_fen: Mapped[int]
    lines: Mapped[list[Any]]
    takes: Mapped[list[Any]]


class RedemptionLine(Base):
    """One line of the order as the till sent it. What each benefit took off it stands in `RedemptionBenefit.lines`."""

    __tablename__ = "redemption_line"
    __table_args__ = (CheckConstraint("benefit_fen between 0 and amount_fen", name="benefit"),)

    redemption_id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    line_no: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    amount_fen: Mapped[int]
    category: Mapped[str | None]
    benefit_fen: Mapped[int]


class Decision(Base):
    """Why: the inputs, every candidate with its rule version and outcome, what was chosen. Append-only, replayable."""

    __tablename__ = "decision"
    __table_args__ = (one_of("mode", DecisionMode), Index(None, "redemption_id"))

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    redemption_id: Mapped[uuid.UUID | None]
    person_id: Mapped[uuid.UUID | None]
    mode: Mapped[str]
    event_at: Mapped[datetime]
    inputs: Mapped[dict[str, Any]]
    candidates: Mapped[list[Any]]
    chosen: Mapped[list[Any]]
    created_at: Mapped[datetime]


class UsageEntry(Base):
    """What one act of one redemption changed in one counter; a counter is the sum of its entries. Append-only.

    `act` counts the acts of a redemption: 0 takes, later ones turn held into used or give back. A use from before
    (`models_past`) stands here under its own id.
    """

    __tablename__ = "usage_entry"

    redemption_id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    act: Mapped[int] = mapped_column(SmallInteger, primary_key=True)
    program_id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    limit_code: Mapped[str] = mapped_column(primary_key=True)
    person_id: Mapped[uuid.UUID]
    scope: Mapped[str]
    scope_key: Mapped[str]
    period: Mapped[str]
    used_n: Mapped[int]
    held_n: Mapped[int]
    used_fen: Mapped[int]
    held_fen: Mapped[int]


class ProofUsed(Base):
    """One proof of one card: the terminal that showed it first, and the redemption that consumed it, if one did.

    A refused attempt leaves a row without redemption: the same terminal may use the proof again while it is fresh
    (the cashier mended the amount), every other terminal is told `replayed`.
    """

    __tablename__ = "proof_used"

    card_index: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    proof_id: Mapped[bytes] = mapped_column(primary_key=True)
    terminal_id: Mapped[uuid.UUID]
    redemption_id: Mapped[uuid.UUID | None]
    seen_at: Mapped[datetime]


class PrintedDay(Base):
    """One person's printed card on one Shanghai day: wrong last fours so far, and the one redemption of the day, if any.

    Everything a printed card is asked for is decided under the lock of this row. A replaced card has the same row:
    a limit follows the person.
    """

    __tablename__ = "printed_day"
    # The second net: six guesses sent together, the sixth is an error of ours and no answer.
    __table_args__ = (CheckConstraint("wrong between 0 and 5", name="wrong"),)

    person_id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    day: Mapped[date] = mapped_column(primary_key=True)
    wrong: Mapped[int]
    redemption_id: Mapped[uuid.UUID | None]


class MerchantReference(Base):
    """A merchant's own number of a live redemption; a reversed or expired one gives it free."""

    __tablename__ = "merchant_reference"

    merchant_id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    merchant_ref: Mapped[str] = mapped_column(primary_key=True)
    redemption_id: Mapped[uuid.UUID]


class OrganisedRedemption(Base):
    """A redemption within an organised health check: the group's own name, and who pays what the benefit leaves.

    A table of its own, so that the many redemptions without one carry nothing for it.
    """

    __tablename__ = "organised_redemption"
    __table_args__ = (
        CheckConstraint("payer in ('member', 'unit')", name="payer"),
        CheckConstraint("payer <> 'unit' or group_ref is not null", name="group"),
        Index(None, "merchant_id", "group_ref"),
    )

    redemption_id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    merchant_id: Mapped[uuid.UUID]
    group_ref: Mapped[str | None]
    payer: Mapped[str]


class Refund(Base):
    """A reversal, the release of a hold, or a refund of part or all. Append-only.

    `benefits` is `[[program id, fen, union fen], …]`; `restored` says that the uses went back to their periods;
    `lines` are the order's lines it was asked for by, if it was.
    """

    __tablename__ = "refund"
    __table_args__ = (
        one_of("kind", RefundKind),
        CheckConstraint("fen > 0 and union_fen between 0 and fen", name="fen"),
        Index(None, "redemption_id"),
        Index(None, "business_date", "merchant_id"),
        # Two tills reversing at once: one row.
        Index(
            "uq_refund_whole", "redemption_id", unique=True, postgresql_where=text("kind in ('reversal', 'release')")
        ),
    )

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    redemption_id: Mapped[uuid.UUID]
    kind: Mapped[str]
    fen: Mapped[int]
    union_fen: Mapped[int]
    discount_fen: Mapped[int]
    benefits: Mapped[list[Any]]
    restored: Mapped[bool]
    lines: Mapped[list[Any] | None]
    reason: Mapped[str]
    merchant_id: Mapped[uuid.UUID]
    store_code: Mapped[str]
    terminal_code: Mapped[str]
    terminal_id: Mapped[uuid.UUID]
    accepted_at: Mapped[datetime]
    business_date: Mapped[date] = mapped_column(Computed(BUSINESS_DATE, persisted=True))


from cardnet.benefits import (  # noqa: E402, F401 - registered with the rest
    models_advice,
    models_authority,
    models_bulletin,
    models_past,
    models_program,
    models_voice,
)
