"""Cards and bindings: states and steps, validity, and who stands behind an index."""

import enum
import uuid
from calendar import isleap
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta

from cardnet.kernel.errors import Conflict


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


_WAYS_ON = {
    (_C.ACTIVE, _D.ACTIVATE): "换了手机、清理过浏览器的，请返回上一步，点“换了手机？用短信验证码绑定”。",
}
"""What else to do where people come upon an act that is not lawful by no fault of theirs."""


def next_card_state(now: CardState, action: CardAction) -> CardState:
    """The state after `action`. Raises Conflict("illegal_transition") when it makes no sense now."""
    try:
        return CARD_STEPS[now, action]
    except KeyError:
        way_on = _WAYS_ON.get((now, action), "")
        raise Conflict(
            "illegal_transition",
            f"卡片现为“{CARD_WORDS[now]}”，不能{CARD_ACTION_WORDS[action]}。{way_on}",
            {"state": str(now), "action": str(action)},
        ) from None


def card_states_before(action: CardAction) -> dict[CardState, CardState]:
    """From which states `action` is lawful, and where each leads: for writing many at once."""
    return {before: after for (before, known), after in CARD_STEPS.items() if known is action}


class CardKind(enum.StrEnum):
    """A card of ours (会员服务卡), or one of a city or bank tied to the person (绑定已有工会卡)."""

    OWN = "own"
    EXTERNAL = "external"


class CardEnd(enum.StrEnum):
    """When the last year of a card is over: with the calendar, or after whole years from its first day."""

    YEAR_END = "year_end"
    SAME_DAY = "same_day"


@dataclass(frozen=True)
class Life:
    """How long a card works whose last day nobody names."""

    years: int
    ends: CardEnd


LIFE_BY_DEFAULT = Life(5, CardEnd.YEAR_END)
MOST_YEARS = 20


def last_day_of_card(first: date, life: Life) -> date:
    """The default `valid_to`: 31 December of the last year, that of issue being the first, or the day before it is due.

    Five years from 24 November 2026 are over on 23 November 2031; one from 29 February on 27 February.
    """
    if life.ends is CardEnd.YEAR_END:
        return date(first.year + life.years - 1, 12, 31)
    year = first.year + life.years
    due = date(year, 2, 28) if (first.month, first.day) == (2, 29) and not isleap(year) else first.replace(year=year)
    return due - timedelta(days=1)


class BindingKind(enum.StrEnum):
    """A phone with its own key, or a printed code."""

    DEVICE = "device"
    PRINTED = "printed"


class BindingState(enum.StrEnum):
    """What the status list says of a binding's index."""

    LIVE = "live"
    SUSPENDED = "suspended"
    REVOKED = "revoked"


RENEWAL_WINDOW_DAYS = 90
"""So long before its last day a card may be renewed; the new one begins the day after."""


def first_day_of_renewal(valid_to: date, today: date) -> date:
    """The day after the old card's last, or today when that is past: no day has two cards, none is given away."""
    return max(valid_to + timedelta(days=1), today)


def may_renew(valid_to: date, today: date) -> bool:
    """Whether the last day is near enough, or past."""
    return valid_to - today <= timedelta(days=RENEWAL_WINDOW_DAYS)


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
