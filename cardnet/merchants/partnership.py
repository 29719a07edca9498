"""What makes a shop a partner: which states follow which, what must be there first, hours, accounts. Pure."""

import enum
import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from cardnet.kernel.errors import Conflict, FieldError, InvalidInput
from cardnet.merchants.rules import MerchantState

_STEPS = frozenset(
    {
        (MerchantState.DRAFT, MerchantState.ACTIVE),
        (MerchantState.DRAFT, MerchantState.ENDED),
        (MerchantState.ACTIVE, MerchantState.SUSPENDED),
        (MerchantState.ACTIVE, MerchantState.ENDED),
        (MerchantState.SUSPENDED, MerchantState.ACTIVE),
        (MerchantState.SUSPENDED, MerchantState.ENDED),
    }
)

EXPIRES_SOON_DAYS = 30
"""So many days before its last day an agreement is shown as one to be renewed."""


class ContactKind(enum.StrEnum):
    """Whom to ask: who signs for the shop, who is there every day, who looks after the money."""

    OWNER = "owner"
    DAILY = "daily"
    SETTLEMENT = "settlement"


class AccountState(enum.StrEnum):
    """A settlement account takes effect when somebody else approves it."""

    PROPOSED = "proposed"
    APPROVED = "approved"
    REJECTED = "rejected"
    WITHDRAWN = "withdrawn"


class Gap(enum.StrEnum):
    """What a draft still lacks before the shop may serve members."""

    CREDIT_CODE = "credit_code"
    AGREEMENT = "agreement"
    SIGNED_COPY = "signed_copy"
    STORE = "store"
    CONTACT = "contact"


GAP_NAMES = {
    Gap.CREDIT_CODE: "统一社会信用代码",
    Gap.AGREEMENT: "今天有效的合作协议",
    Gap.SIGNED_COPY: "协议的签字盖章件",
    Gap.STORE: "门店地址",
    Gap.CONTACT: "联系人",
}


@dataclass(frozen=True)
class Term:
    """The days of an agreement; `until_on` is the last one, None when it was agreed without an end."""

    from_on: date
    until_on: date | None
    signed_copy: bool

    def covers(self, day: date) -> bool:
        """Whether the agreement is in force that day."""
        return self.from_on <= day and (self.until_on is None or day <= self.until_on)


def gaps(credit_code: str | None, terms: tuple[Term, ...], *, store: bool, contact: bool, on: date) -> tuple[Gap, ...]:
    """What is still missing on a day, in the order a person would fill it in.

    A settlement account is not among it: a shop that bears its discounts itself is owed nothing.
    """
    current = [term for term in terms if term.covers(on)]
    missing = {
        Gap.CREDIT_CODE: credit_code is None,
        Gap.AGREEMENT: not current,
        Gap.SIGNED_COPY: bool(current) and not any(term.signed_copy for term in current),
        Gap.STORE: not store,
        Gap.CONTACT: not contact,
    }
    return tuple(gap for gap, lacks in missing.items() if lacks)


def check_step(now: MerchantState, wanted: MerchantState) -> None:
    """Raises Conflict("merchant_state") for a step that makes no sense now."""
    if now is MerchantState.ENDED:
        raise Conflict("merchant_state", "合作已终止，不能再改状态；如重新签约，请新建商户。")
    if (now, wanted) not in _STEPS:
        raise Conflict("merchant_state", "商户的状态已经变了，请刷新后再办理。")


def checked_reason(reason: str) -> str:
    """1–200 characters. Raises InvalidInput("reason_missing")."""
    reason = reason.strip()
    if not 1 <= len(reason) <= 200 or not reason.isprintable():
        raise InvalidInput("reason_missing", "请写明原因，不超过 200 个字。")
    return reason


_CLOCK = re.compile(r"([01]\d|2[0-3]):([0-5]\d)")
Hours = Mapping[str, tuple[str, str]]
"""Weekday `1` (Monday) to `7` → opens, closes (`08:30`); closes before it opens: after midnight. A day without: closed."""


def checked_hours(given: Mapping[str, tuple[str, str]]) -> dict[str, tuple[str, str]]:
    """Hours as people type them, with full-width digits and colons; empty days stay closed.

    Raises InvalidInput("hours_invalid") and names the day.
    """
    found = {}
    for day in sorted(given):
        opens, closes = (unicodedata.normalize("NFKC", text).strip() for text in given[day])
        if not opens and not closes:
            continue
        opens, closes = opens.zfill(5), closes.zfill(5)
        read = [_CLOCK.fullmatch(text) for text in (opens, closes)]
        if day not in WEEKDAYS or not all(read) or opens == closes:
            name = WEEKDAYS.get(day, day)
            said = f"{name}的营业时间请写成 08:30 到 21:30；不营业就都留空。"
            raise InvalidInput("hours_invalid", said, [FieldError(f"/hours-{day}", said, "hours_invalid")])
        found[day] = (opens, closes)
    return found


WEEKDAYS = dict(zip("1234567", ("周一", "周二", "周三", "周四", "周五", "周六", "周日"), strict=True))


@dataclass(frozen=True)
class HoursLine:
    """Days in a row with the same hours: `first` and `last` are weekdays `1` to `7`."""

    first: str
    last: str
    opens: str
    closes: str


def hours_lines(hours: Hours) -> tuple[HoursLine, ...]:
    """The hours as they stand on a door: neighbouring days with the same hours in one line."""
    lines: list[HoursLine] = []
    for day in WEEKDAYS:
        if day not in hours:
            continue
        opens, closes = hours[day]
        last = lines[-1] if lines else None
        if last and int(last.last) + 1 == int(day) and (last.opens, last.closes) == (opens, closes):
            lines[-1] = HoursLine(last.first, day, opens, closes)
        else:
            lines.append(HoursLine(day, day, opens, closes))
    return tuple(lines)


def hours_sentence(hours: Hours) -> str:
    """`周一至周五 08:30–17:00，周六 09:00–12:00`; empty when nobody said."""
    return "，".join(
        f"{WEEKDAYS[line.first]}{'至' + WEEKDAYS[line.last] if line.last != line.first else ''} {line.opens}–{line.closes}"
        for line in hours_lines(hours)
    )


def checked_account_number(text: str) -> str:
    """A bank account: 6–32 digits, typed with spaces or dashes as banks print it.

    Raises InvalidInput("account_number_invalid").
    """
    digits = re.sub(r"[\s-]", "", unicodedata.normalize("NFKC", text))
    if not re.fullmatch(r"[0-9]{6,32}", digits):
        raise InvalidInput("account_number_invalid", "银行账号应为 6–32 位数字，请对照开户许可证填写。")
    return digits


def checked_branch_code(text: str) -> str | None:
    """The bank's line number (联行号, 12 digits); empty where it is not known. Raises InvalidInput("branch_code_invalid")."""
    digits = re.sub(r"\s", "", unicodedata.normalize("NFKC", text))
    if not digits:
        return None
    if not re.fullmatch(r"[0-9]{12}", digits):
        raise InvalidInput("branch_code_invalid", "开户行联行号是 12 位数字；不清楚可以不填。")
    return digits


def checked_phone(text: str) -> str:
    """A telephone: a mobile of 11 digits or a landline with its area code and extension. Raises InvalidInput("phone_format")."""
    phone = re.sub(r"[\s()（）]", "", unicodedata.normalize("NFKC", text))
    if not re.fullmatch(r"1\d{10}|(0\d{2,3}-?)?\d{7,8}(-\d{1,6})?|400-?\d{3}-?\d{4}|\d{5}", phone):
        raise InvalidInput("phone_format", "电话请写成 11 位手机号，或带区号的固定电话，如 021-67801102。")
    return phone
