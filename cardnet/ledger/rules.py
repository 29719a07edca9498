"""The chart of accounts, what a lawful entry is, and how a pool is cut into slices. Pure."""

import enum
import uuid
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache

from cardnet.kernel.money import allocate


class Ledger(enum.StrEnum):
    """Money, money set aside, and places; an entry balances in each by itself."""

    CNY = "cny"
    BUDGET = "budget"
    HEADS = "heads"


class AccountCode(enum.StrEnum):
    """The chart of finance.md. Debits are positive, credits negative."""

    BANK = "1001"
    PAYOUT_CLEARING = "1002"
    MERCHANT_RECEIVABLE = "1101"
    MERCHANT_PAYABLE = "2001"
    MERCHANT_IN_SETTLEMENT = "2002"
    CLAIMS_PAYABLE = "2101"
    CONTRIBUTIONS_HELD = "2201"
    SUSPENSE = "2901"
    SUBSIDY = "5001"
    DISCOUNT_SHARE = "5002"
    CLAIMS_PAID = "5101"
    WRITE_OFF = "5901"
    OFFLINE_LOSS = "5902"
    APPROPRIATED = "8001"
    AVAILABLE = "8002"
    HELD = "8003"
    SPENT = "8004"


ACCOUNT_WORDS: dict[AccountCode, str] = {
    AccountCode.BANK: "银行存款",
    AccountCode.PAYOUT_CLEARING: "支付清算",
    AccountCode.MERCHANT_RECEIVABLE: "应收商户款",
    AccountCode.MERCHANT_PAYABLE: "应付商户款",
    AccountCode.MERCHANT_IN_SETTLEMENT: "结算中应付商户款",
    AccountCode.CLAIMS_PAYABLE: "应付给付金",
    AccountCode.CONTRIBUTIONS_HELD: "代管互助金",
    AccountCode.SUSPENSE: "待处理差异",
    AccountCode.SUBSIDY: "工会补贴支出",
    AccountCode.DISCOUNT_SHARE: "优惠分担支出",
    AccountCode.CLAIMS_PAID: "给付支出",
    AccountCode.WRITE_OFF: "尾差处理",
    AccountCode.OFFLINE_LOSS: "离线损失",
    AccountCode.APPROPRIATED: "下达预算",
    AccountCode.AVAILABLE: "可用预算",
    AccountCode.HELD: "预留预算",
    AccountCode.SPENT: "已用预算",
}


class OwnerKind(enum.StrEnum):
    """What an account is kept apart by."""

    MERCHANT = "merchant"
    PROGRAM = "program"
    POOL = "pool"


OWNER_OF: dict[AccountCode, OwnerKind] = {
    AccountCode.MERCHANT_RECEIVABLE: OwnerKind.MERCHANT,
    AccountCode.MERCHANT_PAYABLE: OwnerKind.MERCHANT,
    AccountCode.MERCHANT_IN_SETTLEMENT: OwnerKind.MERCHANT,
    AccountCode.CONTRIBUTIONS_HELD: OwnerKind.PROGRAM,
    AccountCode.SUBSIDY: OwnerKind.PROGRAM,
    AccountCode.DISCOUNT_SHARE: OwnerKind.PROGRAM,
    AccountCode.CLAIMS_PAID: OwnerKind.PROGRAM,
    AccountCode.APPROPRIATED: OwnerKind.POOL,
    AccountCode.AVAILABLE: OwnerKind.POOL,
    AccountCode.HELD: OwnerKind.POOL,
    AccountCode.SPENT: OwnerKind.POOL,
}
"""Accounts kept one per merchant, program or pool; the others exist once."""


class EntryKind(enum.StrEnum):
    """Why money, budget or places moved: the table of finance.md."""

    APPROPRIATE = "appropriate"
    HOLD = "hold"
    CAPTURE = "capture"
    RELEASE = "release"
    REVERSAL = "reversal"
    REFUND = "refund"
    CARRY_OVER = "carry_over"
    SETTLEMENT = "settlement"
    PAYOUT_SENT = "payout_sent"
    PAYOUT_CONFIRMED = "payout_confirmed"
    PAYOUT_RETURNED = "payout_returned"
    CLAIM_DECIDED = "claim_decided"
    CLAIM_PAID = "claim_paid"
    ADJUSTMENT = "adjustment"


class PoolUnit(enum.StrEnum):
    """What a pool holds: money in fen, or places for persons."""

    FEN = "fen"
    PERSONS = "persons"


LEDGER_OF_UNIT = {PoolUnit.FEN: Ledger.BUDGET, PoolUnit.PERSONS: Ledger.HEADS}


class DayState(enum.StrEnum):
    """A business day takes entries while open; nothing lands in it once closed."""

    OPEN = "open"
    CLOSING = "closing"
    CLOSED = "closed"


@dataclass(frozen=True, slots=True)
class Account:
    """One account: a code, its ledger, and the merchant, program or pool it is kept for."""

    code: AccountCode
    ledger: Ledger = Ledger.CNY
    owner_id: uuid.UUID | None = None

    @property
    def id(self) -> uuid.UUID:
        """The account's id, computed from what it is, so that no posting must look it up."""
        return account_id(self.code, self.ledger, self.owner_id)


_ACCOUNTS = uuid.UUID("6f1f0a2e-6d0c-5c6e-9a53-3d2b8e7a4c10")


@lru_cache(maxsize=65536)
def account_id(code: AccountCode, ledger: Ledger, owner_id: uuid.UUID | None) -> uuid.UUID:
    """A name-based UUID (RFC 9562 §5.5) of code, ledger and owner."""
    return uuid.uuid5(_ACCOUNTS, f"{code}:{ledger}:{owner_id or ''}")


@dataclass(frozen=True, slots=True)
class PostingLine:
    """One side of an entry: `amount` is in fen (or places), debit positive, credit negative, never zero."""

    account: Account
    amount: int


def move(debit: Account, credit: Account, amount: int) -> tuple[PostingLine, ...]:
    """Debit one account and credit another; nothing when `amount` is zero. A negative amount goes the other way."""
    return (PostingLine(debit, amount), PostingLine(credit, -amount)) if amount else ()


def balanced(lines: Sequence[PostingLine]) -> bool:
    """Whether lines make a lawful entry (L1): at least two, none zero, each ledger sums to zero."""
    sums: dict[Ledger, int] = defaultdict(int)
    for line in lines:
        sums[line.account.ledger] += line.amount
    return len(lines) >= 2 and all(line.amount for line in lines) and not any(sums.values())


SLICES = 64
"""Rows a pool is cut into, so that redemptions of one pool seldom wait for each other (payments.md, finding 1)."""


def cut(total: int, slices: int = SLICES) -> list[int]:
    """A new pool's slices: as equal as whole numbers allow."""
    return allocate(total, [1] * slices)


def merged(available: Iterable[int], taken: int, slices: int = SLICES) -> list[int] | None:
    """All slices after `taken` was taken from their sum, laid together again; None when the sum is too small.

    What is left goes to as many slices as still leave several takes of this size in each, so that the next ones
    find a slice with enough; towards the end that is one slice.
    """
    left = sum(available) - taken
    if left < 0:
        return None
    full = max(1, min(slices, left // (4 * taken))) if taken else slices
    return cut(left, full) + [0] * (slices - full)
