"""Decisions of issuance from plain values: states, routes, numbers, codes, quota arithmetic."""

import enum
import hmac
import re
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date

from cardnet.kernel.errors import Conflict, InvalidInput
from cardnet.kernel.money import allocate


class QuotaKind(enum.StrEnum):
    """What a quota counts."""

    NEW_CARD = "new_card"
    RECUPERATION = "recuperation"


class YearState(enum.StrEnum):
    """A quota year takes submissions while open; what it already holds may be used while closing."""

    OPEN = "open"
    CLOSING = "closing"
    CLOSED = "closed"


class EntryKind(enum.StrEnum):
    """Why a counter of a quota node changed."""

    GRANT = "grant"
    ALLOCATE = "allocate"
    RETURN = "return"
    HOLD = "hold"
    RELEASE = "release"
    USE = "use"


class RosterMode(enum.StrEnum):
    """What becomes of a roster with some wrong rows."""

    VALID_ROWS_ONLY = "valid_rows_only"
    ALL_OR_NOTHING = "all_or_nothing"


class ApplicationKind(enum.StrEnum):
    """`new` uses quota; replacement and renewal use none and hold none (K3)."""

    NEW = "new"
    REPLACEMENT = "replacement"
    RENEWAL = "renewal"


class ApplicationState(enum.StrEnum):
    """Where one person's request stands."""

    DRAFT = "draft"
    SUBMITTED = "submitted"
    IN_REVIEW = "in_review"
    RETURNED = "returned"
    WAITLISTED = "waitlisted"
    APPROVED = "approved"
    ISSUED = "issued"
    REJECTED = "rejected"
    WITHDRAWN = "withdrawn"
    LAPSED = "lapsed"


OPEN_APPLICATION = frozenset(
    {
        ApplicationState.DRAFT,
        ApplicationState.SUBMITTED,
        ApplicationState.IN_REVIEW,
        ApplicationState.RETURNED,
        ApplicationState.WAITLISTED,
        ApplicationState.APPROVED,
    }
)
"""A person has at most one new application in one of these."""

REVIEWABLE = (ApplicationState.SUBMITTED, ApplicationState.IN_REVIEW)


class ApplicationAction(enum.StrEnum):
    """What can be done to an application. `pass_on` and `approve` are one officer's 通过 before and at the last tier."""

    SUBMIT = "submit"
    QUEUE = "queue"
    TAKE_PLACE = "take_place"
    LAPSE = "lapse"
    PASS_ON = "pass_on"  # noqa: S105 - a step, not a password
    APPROVE = "approve"
    RETURN = "return"
    REJECT = "reject"
    RESUBMIT = "resubmit"
    WITHDRAW = "withdraw"
    ISSUE = "issue"


_A, _S = ApplicationAction, ApplicationState
APPLICATION_STEPS: Mapping[tuple[ApplicationState, ApplicationAction], ApplicationState] = {
    (_S.DRAFT, _A.SUBMIT): _S.SUBMITTED,
    (_S.DRAFT, _A.QUEUE): _S.WAITLISTED,
    (_S.WAITLISTED, _A.TAKE_PLACE): _S.SUBMITTED,
    (_S.WAITLISTED, _A.LAPSE): _S.LAPSED,
    (_S.SUBMITTED, _A.PASS_ON): _S.IN_REVIEW,
    (_S.IN_REVIEW, _A.PASS_ON): _S.IN_REVIEW,
    (_S.SUBMITTED, _A.APPROVE): _S.APPROVED,
    (_S.IN_REVIEW, _A.APPROVE): _S.APPROVED,
    (_S.SUBMITTED, _A.RETURN): _S.RETURNED,
    (_S.IN_REVIEW, _A.RETURN): _S.RETURNED,
    (_S.SUBMITTED, _A.REJECT): _S.REJECTED,
    (_S.IN_REVIEW, _A.REJECT): _S.REJECTED,
    (_S.RETURNED, _A.RESUBMIT): _S.SUBMITTED,
    (_S.DRAFT, _A.WITHDRAW): _S.WITHDRAWN,
    (_S.SUBMITTED, _A.WITHDRAW): _S.WITHDRAWN,
    (_S.IN_REVIEW, _A.WITHDRAW): _S.WITHDRAWN,
    (_S.RETURNED, _A.WITHDRAW): _S.WITHDRAWN,
    (_S.WAITLISTED, _A.WITHDRAW): _S.WITHDRAWN,
    (_S.RETURNED, _A.LAPSE): _S.LAPSED,
    (_S.APPROVED, _A.ISSUE): _S.ISSUED,
}
"""Everything not listed is refused."""


def next_application_state(now: ApplicationState, action: ApplicationAction) -> ApplicationState:
    """The state after `action`. Raises Conflict("illegal_transition") when it makes no sense now."""
    try:
        return APPLICATION_STEPS[now, action]
    except KeyError:
        raise Conflict(
            "illegal_transition",
            f"申请现为“{APPLICATION_WORDS[now]}”，不能{ACTION_WORDS[action]}。",
            {"state": str(now), "action": str(action)},
        ) from None


APPLICATION_WORDS: Mapping[ApplicationState, str] = {
    _S.DRAFT: "草稿",
    _S.SUBMITTED: "待审核",
    _S.IN_REVIEW: "审核中",
    _S.RETURNED: "退回修改",
    _S.WAITLISTED: "候补",
    _S.APPROVED: "审核通过",
    _S.ISSUED: "已发卡",
    _S.REJECTED: "不予通过",
    _S.WITHDRAWN: "已撤回",
    _S.LAPSED: "已失效",
}

ACTION_WORDS: Mapping[ApplicationAction, str] = {
    _A.SUBMIT: "提交",
    _A.QUEUE: "候补",
    _A.TAKE_PLACE: "递补",
    _A.LAPSE: "作废",
    _A.PASS_ON: "审核通过",
    _A.APPROVE: "审核通过",
    _A.RETURN: "退回",
    _A.REJECT: "不予通过",
    _A.RESUBMIT: "重新提交",
    _A.WITHDRAW: "撤回",
    _A.ISSUE: "发卡",
}


class Verdict(enum.StrEnum):
    """What an officer decides on the rows in front of them."""

    APPROVE = "approve"
    RETURN = "return"
    REJECT = "reject"


class ReviewReason(enum.StrEnum):
    """Why rows are returned or rejected; the words stand in `REASON_WORDS`."""

    R01 = "R01"
    R02 = "R02"
    R03 = "R03"
    R04 = "R04"
    R05 = "R05"
    R06 = "R06"
    R07 = "R07"
    R08 = "R08"
    R09 = "R09"
    R10 = "R10"
    R11 = "R11"
    R12 = "R12"
    R13 = "R13"


REASON_WORDS: Mapping[ReviewReason, str] = {
    ReviewReason.R01: "姓名与证件不符",
    ReviewReason.R02: "证件号校验错误",
    ReviewReason.R03: "证件过期",
    ReviewReason.R04: "手机号占用或格式",
    ReviewReason.R05: "已持有有效卡",
    ReviewReason.R06: "会籍在其他工会",
    ReviewReason.R07: "非在册会员",
    ReviewReason.R08: "已退休",
    ReviewReason.R09: "缺本人同意",
    ReviewReason.R10: "单位信息不符",
    ReviewReason.R11: "公章或附件缺失",
    ReviewReason.R12: "名额不足",
    ReviewReason.R13: "制卡失败",
}


def reasons_of(codes: Sequence[str], verdict: Verdict) -> tuple[ReviewReason, ...]:
    """The reasons named. Raises InvalidInput when one is unknown, or when a return or rejection names none."""
    unknown = [code for code in codes if code not in ReviewReason.__members__]
    if unknown:
        raise InvalidInput("reason_unknown", f"没有原因代码 {'、'.join(unknown)}，请用 R01 至 R13。")
    if verdict is not Verdict.APPROVE and not codes:
        raise InvalidInput("reason_missing", "退回或不予通过须写明原因代码（R01 至 R13）。")
    return tuple(ReviewReason(code) for code in codes)


def review_route(path: str) -> tuple[str, ...]:
    """The paths whose officers review, the unit first, the root last: `/A/B/` → (`/A/B/`, `/A/`)."""
    codes = [code for code in path.split("/") if code]
    return tuple("/" + "/".join(codes[:depth]) + "/" for depth in range(len(codes), 0, -1))


RETURNED_HOLD_DAYS = 10
"""A returned application keeps its place so long."""

REVIEW_WORKING_DAYS = 5
"""Each tier decides by the same local time on this working day after the rows reached it."""


# ---- quota ----


def plan_spread(free: int, members: Sequence[int]) -> list[int]:
    """Hand `free` places down by member counts; the parts add up to `free` exactly.

    Where no child has a member on record there is nothing to weigh by, and each counts the same.
    """
    return allocate(free, members if any(members) else [1] * len(members))


# ---- cards ----


class CardState(enum.StrEnum):
    """`ordered → produced → delivered → active ⇄ suspended → replaced | cancelled`; expiry is a date test."""

    ORDERED = "ordered"
    PRODUCED = "produced"
    DELIVERED = "delivered"
    ACTIVE = "active"
    SUSPENDED = "suspended"
    REPLACED = "replaced"
    CANCELLED = "cancelled"


USABLE_CARD = frozenset(set(CardState) - {CardState.REPLACED, CardState.CANCELLED})
"""A person has at most one of these on any day (K1)."""


class CardAction(enum.StrEnum):
    """What can be done to a card."""

    PRODUCE = "produce"
    DELIVER = "deliver"
    ACTIVATE = "activate"
    SUSPEND = "suspend"
    RESUME = "resume"
    REPLACE = "replace"
    CANCEL = "cancel"


_C, _D = CardState, CardAction
CARD_STEPS: Mapping[tuple[CardState, CardAction], CardState] = {
    (_C.ORDERED, _D.PRODUCE): _C.PRODUCED,
    (_C.ORDERED, _D.DELIVER): _C.DELIVERED,
    (_C.PRODUCED, _D.DELIVER): _C.DELIVERED,
    (_C.ORDERED, _D.ACTIVATE): _C.ACTIVE,
    (_C.PRODUCED, _D.ACTIVATE): _C.ACTIVE,
    (_C.DELIVERED, _D.ACTIVATE): _C.ACTIVE,
    (_C.ORDERED, _D.SUSPEND): _C.SUSPENDED,
    (_C.PRODUCED, _D.SUSPEND): _C.SUSPENDED,
    (_C.DELIVERED, _D.SUSPEND): _C.SUSPENDED,
    (_C.ACTIVE, _D.SUSPEND): _C.SUSPENDED,
    (_C.SUSPENDED, _D.RESUME): _C.ACTIVE,
    **{(state, _D.REPLACE): _C.REPLACED for state in USABLE_CARD},
    **{(state, _D.CANCEL): _C.CANCELLED for state in USABLE_CARD},
}

CARD_WORDS: Mapping[CardState, str] = {
    _C.ORDERED: "待制卡",
    _C.PRODUCED: "待发放",
    _C.DELIVERED: "待激活",
    _C.ACTIVE: "使用中",
    _C.SUSPENDED: "已挂失",
    _C.REPLACED: "已补换",
    _C.CANCELLED: "已注销",
}

CARD_ACTION_WORDS: Mapping[CardAction, str] = {
    _D.PRODUCE: "制卡",
    _D.DELIVER: "发放",
    _D.ACTIVATE: "激活",
    _D.SUSPEND: "挂失",
    _D.RESUME: "解挂",
    _D.REPLACE: "补换",
    _D.CANCEL: "注销",
}


def next_card_state(now: CardState, action: CardAction) -> CardState:
    """The state after `action`. Raises Conflict("illegal_transition") when it makes no sense now."""
    try:
        return CARD_STEPS[now, action]
    except KeyError:
        raise Conflict(
            "illegal_transition",
            f"卡片现为“{CARD_WORDS[now]}”，不能{CARD_ACTION_WORDS[action]}。",
            {"state": str(now), "action": str(action)},
        ) from None


def card_states_before(action: CardAction) -> dict[CardState, CardState]:
    """From which states `action` is lawful, and where each leads: for writing many at once."""
    return {before: after for (before, known), after in CARD_STEPS.items() if known is action}


NUMBER_DIGITS = 13
"""Twelve digits and their Luhn digit."""

_FIRST_NUMBER, _NUMBERS = 8 * 10**11, 10**11
_PAYMENT_PREFIX = re.compile(r"1[0-5]|2[5-9]|30|62")


def luhn_digit(body: str) -> str:
    """The check digit of ISO/IEC 7812-1 for a body of digits."""
    total = 0
    for place, character in enumerate(reversed(body)):
        digit = int(character) * (2 if place % 2 == 0 else 1)
        total += digit - 9 if digit > 9 else digit
    return str(-total % 10)


def is_card_number(number: str) -> bool:
    """Whether `number` could be one of ours: thirteen digits, no payment scheme's prefix, the right check digit."""
    return (
        len(number) == NUMBER_DIGITS
        and number.isascii()
        and number.isdigit()
        and not _PAYMENT_PREFIX.match(number)
        and luhn_digit(number[:-1]) == number[-1]
    )


def card_number(chance: bytes) -> str:
    """A card number out of eight random bytes; it starts with 8.

    Scanners route 10–15, 25–30 and 62 to payment schemes; a 0 in front would be lost in a spreadsheet, and bank
    cards begin with 3 to 6. That leaves 8 and ninety-nine thousand million numbers nobody can count through.
    """
    body = str(_FIRST_NUMBER + int.from_bytes(chance, "big") % _NUMBERS)
    return body + luhn_digit(body)


CODE_ALPHABET = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ"
"""Thirty-two signs that are not mistaken for one another in print: no 0 and O, no 1 and I."""

CODE_LENGTH = 8
ACTIVATION_TRIES = 5


def activation_code(chance: bytes) -> str:
    """Eight signs out of eight random bytes: forty bits, each sign equally likely."""
    return "".join(CODE_ALPHABET[byte & 31] for byte in chance[:CODE_LENGTH])


def typed_code(text: str) -> str:
    """An activation code as people type it, in the form it was made: spaces and dashes out, capitals."""
    return re.sub(r"[\s\-]", "", text).upper()


def typed_number(text: str) -> str:
    """A card number as people type it: digits without spaces and dashes."""
    return re.sub(r"[\s\-]", "", text)


def activation_statement(number: str, code: str) -> bytes:
    """What a phone signs to prove that it holds the key it asks to bind."""
    return f"cardnet-activate:{number}:{code}".encode("ascii", "replace")


def rebind_statement(number: str) -> bytes:
    """What a phone signs when a member binds a new key in the place of a lost one."""
    return f"cardnet-rebind:{number}".encode("ascii", "replace")


def same_last4(id_number: str, typed: str) -> bool:
    """Whether `typed` is how the document's number ends; an x counts as X. Takes the same time whatever the answer."""
    return hmac.compare_digest(id_number[-4:].upper().encode(), typed.strip().upper().encode())


VALID_YEARS = 5


def last_day_of_card(first: date) -> date:
    """The default `valid_to`: 31 December of the fifth year, the year of issue being the first."""
    return date(first.year + VALID_YEARS - 1, 12, 31)


class BindingKind(enum.StrEnum):
    """A phone with its own key, or a printed code."""

    DEVICE = "device"
    PRINTED = "printed"


class BindingState(enum.StrEnum):
    """What the status list says of a binding's index."""

    LIVE = "live"
    SUSPENDED = "suspended"
    REVOKED = "revoked"


@dataclass(frozen=True)
class Standing:
    """Who stands behind one card index, as benefits need to know it. `display` is masked: `王*`.

    `unit_path`, `membership_kind` and `member_since` are of the membership in force, None when there is none.
    `id_number` is sealed and there for a printed code only, to be compared with what the holder says
    (`services.holder_confirms`).
    """

    card_index: int
    person_id: uuid.UUID
    card_id: uuid.UUID
    card_number: str
    card_state: CardState
    valid_from: date
    valid_to: date
    binding_state: BindingState
    binding_key: bytes | None
    unit_path: str | None
    membership_kind: str | None
    member_since: date | None
    birth_on: date | None
    sex: str | None
    tags: frozenset[str]
    display: str
    id_number: bytes | None = field(default=None, repr=False)
