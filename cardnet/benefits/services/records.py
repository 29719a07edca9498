"""Commands and results of redeeming: plain values that edges dump in their own formats."""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, Literal

from cardnet.benefits.reasons import Reason
from cardnet.benefits.words import ProgramKind, RedemptionState, RefundKind
from cardnet.credential.verify import Accepted, Rejected
from cardnet.merchants.rules import Venue

DEFAULT_HOLD_SECONDS = 900
MIN_HOLD_SECONDS, MAX_HOLD_SECONDS = 60, 86_400


@dataclass(frozen=True, slots=True)
class PurchaseLine:
    """One line of the order; `line_no` is the till's own."""

    line_no: int
    amount_fen: int
    category: str | None = None


@dataclass(frozen=True, slots=True)
class Purchase:
    """What is bought. Lines are optional; when there are any they add up to the amount.

    `service_on` is the day the service was given, today when left out; it is the event day that picks rule versions.
    """

    amount_fen: int
    service_code: str | None = None
    lines: tuple[PurchaseLine, ...] = ()
    service_on: date | None = None


@dataclass(frozen=True, slots=True)
class Redeem:
    """Use benefits now (`capture`), or hold them for `hold_seconds` (60–86,400). `code` is what the verifier said of `code_text`.

    `id_last4` is how the holder's document number ends; a printed code needs it, a phone's does not.
    `happened_at` is when it was given at a till without a network, and judged as of then; `card_was_good` says that the
    card was withdrawn only after that.
    """

    venue: Venue
    code_text: str
    code: Accepted | Rejected
    purchase: Purchase
    merchant_ref: str | None = None
    capture: bool = True
    hold_seconds: int = DEFAULT_HOLD_SECONDS
    id_last4: str | None = field(default=None, repr=False)
    happened_at: datetime | None = None
    card_was_good: bool = False


@dataclass(frozen=True, slots=True)
class Quote:
    """Ask what would apply; nothing is written, but for a wrong `id_last4`, which is counted."""

    venue: Venue
    code: Accepted | Rejected
    purchase: Purchase
    id_last4: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Capture:
    """Use a hold: `benefit_fen` of it, or all; the rest is released in the same transaction."""

    venue: Venue
    redemption_id: uuid.UUID
    benefit_fen: int | None = None
    given: bool = False
    """The till gave it already, without a line: what became of the card since does not matter any more."""


@dataclass(frozen=True, slots=True)
class Reverse:
    """As if it never happened: a capture of today while today is open, or a hold on any day."""

    venue: Venue
    redemption_id: uuid.UUID
    reason: str


@dataclass(frozen=True, slots=True)
class GiveBack:
    """Refund part or all of what was captured, any time: `benefit_fen`, what `lines` got, or everything that is left.

    `lines` are line numbers of the order; each may be given back once.
    """

    venue: Venue
    redemption_id: uuid.UUID
    reason: str
    benefit_fen: int | None = None
    lines: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class BenefitLine:
    """What one benefit took off one line of the order."""

    line_no: int
    benefit_fen: int


@dataclass(frozen=True, slots=True)
class BenefitRecord:
    """One benefit that applies, who bears it, and the rule version it rests on."""

    program: str
    name: str
    kind: ProgramKind
    benefit_fen: int
    union_fen: int
    merchant_fen: int
    rule_version: int
    content_hash: str
    notes: tuple[str, ...]
    lines: tuple[BenefitLine, ...]


@dataclass(frozen=True, slots=True)
class NotApplied:
    """A program that does not apply to this purchase, and why, as the merchant may know it."""

    program: str
    name: str
    reasons: tuple[Reason, ...]


@dataclass(frozen=True, slots=True)
class RedemptionRecord:
    """One redemption, refusal or quote. Reasons are those a merchant may know.

    `outcome` is its `RedemptionState`; a quote has no id and is `applicable` or `refused`.

    `payable_fen` is what the cashier charges, or, for a group whose unit pays (`payer`), bills. `member_display` is masked (`王*`), None when no card was verified.
    """

    id: uuid.UUID | None
    outcome: str
    merchant_id: uuid.UUID
    merchant_code: str
    store_code: str
    terminal_code: str
    merchant_ref: str | None
    service_code: str | None
    service_on: date
    amount_fen: int
    discount_fen: int
    subsidy_fen: int
    union_fen: int
    captured_fen: int
    refunded_fen: int
    benefits: tuple[BenefitRecord, ...]
    not_applied: tuple[NotApplied, ...]
    reasons: tuple[Reason, ...]
    member_display: str | None
    assurance: str | None
    event_at: datetime
    accepted_at: datetime
    business_date: date
    held_until: datetime | None
    person_id: uuid.UUID | None
    group_ref: str | None = None
    payer: str = "member"
    refunded_union_fen: int = 0
    """Of `refunded_fen` what the union has back."""

    @property
    def payable_fen(self) -> int:
        """Order less discounts less subsidies."""
        return self.amount_fen - self.discount_fen - self.subsidy_fen

    @property
    def refused(self) -> bool:
        """Whether nothing applied; then there is at least one reason."""
        return self.outcome == RedemptionState.REFUSED.value


@dataclass(frozen=True, slots=True)
class RefundRecord:
    """A reversal, a release or a refund that was made, and where the redemption stands after it."""

    id: uuid.UUID
    redemption_id: uuid.UUID
    kind: RefundKind
    benefit_fen: int
    union_fen: int
    restored: bool
    reason: str
    accepted_at: datetime
    business_date: date
    redemption_state: RedemptionState
    remaining_fen: int


@dataclass(frozen=True, slots=True)
class NothingToReverse:
    """The original was refused or has expired: there is nothing to undo."""

    redemption_id: uuid.UUID
    redemption_state: RedemptionState


@dataclass(frozen=True, slots=True)
class SettlementFact:
    """One line a settlement may hold. Amounts are positive; `type` says in which direction they count.

    `gross_fen` is the order, `discount_fen` what discount programs took off it, `benefit_fen` all that the member did
    not pay, `union_fen` what the union owes the merchant for it.
    """

    redemption_id: uuid.UUID
    merchant_id: uuid.UUID
    merchant_ref: str | None
    store_code: str
    terminal_code: str
    type: Literal["capture", "reversal", "refund"]
    business_date: date
    occurred_at: datetime
    gross_fen: int
    discount_fen: int
    union_fen: int
    benefit_fen: int
    original_redemption_id: uuid.UUID | None


@dataclass(frozen=True, slots=True)
class ProgramUsage:
    """What a program has done: distinct people served, live uses, and money, refunds taken off.

    What was taken in from before cardnet stands apart in `imported_*`: no money of ours, and nobody counted twice.
    """

    program: str
    name: str
    kind: ProgramKind
    people: int
    uses: int
    benefit_fen: int
    union_fen: int
    imported_people: int = 0
    imported_uses: int = 0
    imported_fen: int = 0


@dataclass(frozen=True, slots=True)
class UnionUsage:
    """What the members of one union and of all below it have had: people with a live use, uses, the union's money."""

    path: str
    people: int
    uses: int
    union_fen: int


@dataclass(frozen=True, slots=True)
class DecisionView:
    """A stored decision: inputs, candidates and what was chosen, as JSON values."""

    id: uuid.UUID
    redemption_id: uuid.UUID | None
    inputs: Mapping[str, Any]
    candidates: tuple[Mapping[str, Any], ...]
    chosen: tuple[Mapping[str, Any], ...]
