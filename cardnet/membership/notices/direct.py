"""Messages that somebody asked for at this moment, to a number they hold: codes and one-time links. Plain values.

They ask for no consent to notices and keep no quiet hours: whoever waits for a code is awake. They have a last moment
instead, after which they would only confuse.
"""

import enum
from collections.abc import Mapping
from datetime import timedelta


class DirectKind(enum.StrEnum):
    """What is sent: a code that proves a phone, a code that binds a card to a new phone, a chair's one-time link."""

    PHONE_CODE = "phone_code"
    REBIND_CODE = "rebind_code"
    CHAIR_LINK = "chair_link"


class DirectState(enum.StrEnum):
    """Where a message is: waiting, sent, refused by the gateway, or too late to be of use."""

    WAITING = "waiting"
    SENT = "sent"
    FAILED = "failed"
    LAPSED = "lapsed"


_SENTENCES: Mapping[DirectKind, str] = {
    DirectKind.PHONE_CODE: "验证码{code}，{minutes}分钟内有效，用于验证会员卡手机号。工会不会向您索要，请勿告诉他人。",
    DirectKind.REBIND_CODE: "验证码{code}，{minutes}分钟内有效，用于把会员卡绑定到新手机。不是本人操作请勿理会，可拨{phone}。",
    DirectKind.CHAIR_LINK: "{union}的办卡名单{rows}人请您确认：{url} {days}天内有效，仅限主席本人打开，请勿转发。咨询{phone}",
}

_PAUSES = tuple(timedelta(seconds=seconds) for seconds in (5, 20, 60, 180))
TRIES = len(_PAUSES) + 1


def direct_sentence(kind: DirectKind, phone: str, values: Mapping[str, str]) -> str:
    """The words of a message; `phone` is whom to ask."""
    return _SENTENCES[kind].format(phone=phone, **values)


def pause_after_try(tries: int, asked: timedelta | None = None) -> timedelta | None:
    """How long to wait after the `tries`-th try failed: seconds, because somebody is waiting. None: give up."""
    if tries >= TRIES:
        return None
    return max(_PAUSES[tries - 1], min(asked or timedelta(), timedelta(minutes=5)))


CODE_DIGITS = 6
CODE_MINUTES = 10
CODE_TRIES = 5
CODES_A_DAY = 5
"""To one number, and for one person."""
CODE_PAUSE = timedelta(seconds=60)
"""Between one code and the next."""


def six_digits(chance: bytes) -> str:
    """Six digits out of eight random bytes; the bias is one in 10^13."""
    return f"{int.from_bytes(chance, 'big') % 10**CODE_DIGITS:0{CODE_DIGITS}d}"
