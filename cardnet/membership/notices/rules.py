"""What a notice says and which way it goes: fixed kinds, quiet hours, repeats. Plain values, without database or web."""

import enum
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime, time, timedelta

from cardnet.kernel.calendar import local
from cardnet.membership.notices.direct import DirectKind


class NoticeKind(enum.StrEnum):
    """What a member is told; each has one sentence (`sentence`)."""

    ACTIVATION_REMINDER = "activation_reminder"
    CARD_ISSUED = "card_issued"
    CARD_SUSPENDED = "card_suspended"
    PLACE_OFFERED = "place_offered"
    APPLICATION_RETURNED = "application_returned"
    CARD_RENEWED = "card_renewed"
    CODE_STOPPED = "code_stopped"
    PHONE_ADDED = "phone_added"
    CARD_USED = "card_used"


class Way(enum.StrEnum):
    """How a notice reaches somebody: 公众号, 短信, 纸质通知单."""

    OFFICIAL_ACCOUNT = "official_account"
    SMS = "sms"
    PAPER = "paper"


class NoticeState(enum.StrEnum):
    """Where a notice is. `waiting` for its gateway, or, on paper, for the printer; `dropped` when it was not needed."""

    WAITING = "waiting"
    SENT = "sent"
    FAILED = "failed"
    PRINTED = "printed"
    DROPPED = "dropped"


class Reason(enum.StrEnum):
    """Why a notice went to paper, or failed."""

    CHOSEN = "chosen"
    NO_CONSENT = "no_consent"
    NO_PHONE = "no_phone"
    PHONE_UNVERIFIED = "phone_unverified"
    NO_GATEWAY = "no_gateway"
    REFUSED = "refused"
    GAVE_UP = "gave_up"
    DECEASED = "deceased"


_SENTENCES: Mapping[NoticeKind, str] = {
    NoticeKind.ACTIVATION_REMINDER: "{name}：您的会员服务卡还没有激活。请用激活单扫码激活，单子丢了到本单位工会补领。咨询{phone}",
    NoticeKind.CARD_ISSUED: "{name}：您的会员服务卡已办好。请到本单位工会领激活单，手机扫码激活后使用。咨询{phone}",
    NoticeKind.CARD_SUSPENDED: "{name}：您的会员服务卡已挂失停用。若非本人要求或卡已找到，请联系本单位工会恢复。咨询{phone}",
    NoticeKind.PLACE_OFFERED: "{name}：您候补的会员服务卡有名额了，保留到{until}。请在此前答复本单位工会。咨询{phone}",
    NoticeKind.APPLICATION_RETURNED: "{name}：您的办卡申请已退回补正。请尽快联系本单位工会核对材料后重新提交。咨询{phone}",
    NoticeKind.CODE_STOPPED: "{name}：您的会员卡码疑似被复制，已停用。请打开会员卡重新绑定手机，有疑问请找本单位工会。咨询{phone}",
    NoticeKind.PHONE_ADDED: "{name}：您的会员卡刚在另一部手机上启用。若非本人所为，请马上挂失并联系本单位工会。咨询{phone}",
    NoticeKind.CARD_USED: "{name}：{when}在{shop}用卡省{saved}元。非本人请在会员卡点“不是我”。咨询{phone}",
    NoticeKind.CARD_RENEWED: "{name}：您的会员服务卡已换发，{begins}起用新卡。手机联网自动更新，实体卡请到本单位换。咨询{phone}",
}  # fmt: skip
"""One sentence what happened, one what to do next, one where to ask. At most 70 characters with a name of four."""

SLIP_ELSEWHERE = frozenset(
    {NoticeKind.CARD_ISSUED, NoticeKind.APPLICATION_RETURNED, NoticeKind.CARD_RENEWED, NoticeKind.CARD_USED}
)
"""Kinds without a slip: the code letter of a new card is its paper, a returned row lies on the unit's own desk, and a
use stands in the member's own list."""

PERSONAL = frozenset({NoticeKind.CARD_USED})
"""Kinds no officer reads: where somebody was is theirs to know."""

DAILY = frozenset({NoticeKind.ACTIVATION_REMINDER})
"""Reminders: at most one of a kind for a person and day."""

ONE_SMS = 70
"""Characters of one message in UCS-2 (GSM 03.38); longer ones are sent and paid for in parts of 67."""


def sentence(kind: NoticeKind, name: str, phone: str, values: Mapping[str, str] | None = None) -> str:
    """The words of a notice: `values` are what its kind asks for beyond name and phone number."""
    return _SENTENCES[kind].format(name=name, phone=phone, **(values or {}))


# ---- which way ----


@dataclass(frozen=True)
class Reach:
    """How somebody can be reached today."""

    consents: bool
    verified_phone: bool
    any_phone: bool = False
    bound_account: bool = False
    deceased: bool = False


@dataclass(frozen=True)
class Chosen:
    """The way taken; `reason` says why it is paper. None as the way: nobody is to be told any more."""

    way: Way | None
    reason: Reason | None = None


def way_for(reach: Reach) -> Chosen:
    """The best way: the official account, else a message to the verified phone, else paper. None for the dead."""
    if reach.deceased:
        return Chosen(None, Reason.DECEASED)
    if not reach.consents:
        return Chosen(Way.PAPER, Reason.NO_CONSENT)
    if reach.bound_account:
        return Chosen(Way.OFFICIAL_ACCOUNT)
    if reach.verified_phone:
        return Chosen(Way.SMS)
    return Chosen(Way.PAPER, Reason.PHONE_UNVERIFIED if reach.any_phone else Reason.NO_PHONE)


def way_on(reach: Reach, way: Way, open_ways: Collection[Way]) -> Chosen:
    """The way a notice goes on by, at the moment of sending: as planned while that still works, else the next."""
    if reach.deceased or not reach.consents:
        return way_for(reach)
    works = {Way.OFFICIAL_ACCOUNT: reach.bound_account, Way.SMS: reach.verified_phone}.get(way, False)
    if works and way in open_ways:
        return Chosen(way)
    missing = Reason.NO_GATEWAY if works else Reason.PHONE_UNVERIFIED if reach.any_phone else Reason.NO_PHONE
    return way_after(reach, way, open_ways, missing)


def way_after(reach: Reach, way: Way, open_ways: Collection[Way], why: Reason) -> Chosen:
    """The next way when `way` did not work: the official account, then a message, then paper, never back."""
    if reach.deceased:
        return Chosen(None, Reason.DECEASED)
    if way is Way.OFFICIAL_ACCOUNT and reach.consents and reach.verified_phone and Way.SMS in open_ways:
        return Chosen(Way.SMS)
    return Chosen(Way.PAPER, why if reach.consents else Reason.NO_CONSENT)


# ---- when ----

_OPENS, _CLOSES = time(8), time(21)


def is_quiet(at: datetime) -> bool:
    """Between 21:00 and 08:00 in Shanghai nobody's phone rings for us."""
    return not _OPENS <= local(at).time() < _CLOSES


def not_before(at: datetime) -> datetime:
    """The first moment from `at` on at which a message may go out."""
    if not is_quiet(at):
        return at
    here = local(at)
    morning = here.replace(hour=_OPENS.hour, minute=0, second=0, microsecond=0)
    if here.time() >= _CLOSES:
        morning += timedelta(days=1)
    return morning.astimezone(at.tzinfo)


_PAUSES = tuple(timedelta(minutes=minutes) for minutes in (1, 5, 30, 120, 360))
TRIES = len(_PAUSES) + 1
"""How often a gateway is asked before the notice goes another way."""
_LONGEST_PAUSE = timedelta(hours=6)


def pause_after(tries: int, asked: timedelta | None = None) -> timedelta | None:
    """How long to wait after the `tries`-th try failed, at least what the gateway asked for; None: give up."""
    if tries >= TRIES:
        return None
    return min(max(_PAUSES[tries - 1], asked or timedelta()), _LONGEST_PAUSE)


# ---- the port ----


@dataclass(frozen=True)
class Message:
    """What a gateway is given. `key` is the notice's id: however often it is sent, it is one message."""

    key: str
    kind: NoticeKind | DirectKind
    address: str = field(repr=False)
    words: str = field(repr=False)


@dataclass(frozen=True)
class Accepted:
    """The gateway took it, under this number of its own."""

    provider_id: str


@dataclass(frozen=True)
class Later:
    """It may work another time: `error` is a code for the log and the page, never a sentence of the gateway's."""

    error: str
    after: timedelta | None = None


@dataclass(frozen=True)
class RefusedForGood:
    """This message will never go this way."""

    error: str


Outcome = Accepted | Later | RefusedForGood
