"""What a merchant, a store and a terminal are, and the shapes of their codes, tokens and keys."""

import base64
import binascii
import hashlib
import re
import unicodedata
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum

from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePublicKey
from stdnum.cn import uscc

from cardnet.kernel.calendar import day_of
from cardnet.kernel.errors import CardnetError, InvalidInput, NotAllowed, TooManyRequests

_TOKEN_PREFIX = "cnt_"  # noqa: S105 - it says what follows, it is no secret
ACTIVE_TOKENS_PER_TERMINAL = 2
"""Old and new, while a till changes over."""

PAIRING_LIFE = timedelta(minutes=15)
PAIRING_TRIES = 5
PAIRING_ALPHABET = "23456789ABCDEFGHJKMNPQRSTUVWXYZ"
"""Without 0, O, 1, I and L, which a cashier reading from a letter takes for each other."""
_LOCATOR, _SECRET = 4, 6

ACTIVE_KEYS_PER_TERMINAL = 2
KEY_OVERLAP = timedelta(days=7)
"""How long a replaced key still counts, so that no till stands still while it changes over."""

FAILED_CODES_PER_MINUTE = 10
LOCKOUT = timedelta(minutes=1)
"""A terminal that sends more bad codes than that in a minute waits as long."""

CACHE_LIFE = timedelta(seconds=30)
"""How old what a process remembers of a token may be; revocation must hold within 60 s."""

_CODE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,23}")
_TOKEN = re.compile(r"cnt_[A-Za-z0-9_-]{43}")


class MerchantState(StrEnum):
    """`draft`: still being filled in. `ended`: the contract is over; what is owed is still settled."""

    DRAFT = "draft"
    ACTIVE = "active"
    SUSPENDED = "suspended"
    ENDED = "ended"


class TerminalState(StrEnum):
    """A suspended terminal may be resumed, a retired one not."""

    ACTIVE = "active"
    SUSPENDED = "suspended"
    RETIRED = "retired"


class SettlementCycle(StrEnum):
    """How often a merchant is settled; `daily` is T+1."""

    MONTHLY = "monthly"
    WEEKLY = "weekly"
    DAILY = "daily"


class Scope(StrEnum):
    """What a token may do: read, redeem and undo, report what was done offline, settle."""

    READ = "read"
    REDEEM = "redeem"
    OFFLINE = "offline"
    SETTLE = "settle"


class KeyAlgorithm(StrEnum):
    """Of a terminal's own key: Ed25519 for POS software, ES256 (P-256) for browsers, which have no other."""

    ED25519 = "ed25519"
    ES256 = "es256"


@dataclass(frozen=True)
class Venue:
    """Where a call comes from: the terminal, its store and its merchant."""

    merchant_id: uuid.UUID
    merchant_code: str
    merchant_name: str
    merchant_category: str
    store_id: uuid.UUID
    store_code: str
    store_name: str
    terminal_id: uuid.UUID
    terminal_code: str
    terminal_name: str = ""


@dataclass(frozen=True)
class Caller:
    """What one token or key says of who calls: the venue and whether it may. `scopes` None: everything."""

    venue: Venue
    merchant_state: MerchantState
    terminal_state: TerminalState
    requires_signature: bool
    locked_until: datetime | None
    expires_at: datetime | None
    scopes: frozenset[str] | None = None
    closed_on: date | None = None
    """Since when the store serves nobody any more."""


@dataclass(frozen=True)
class SigningTerminal:
    """A terminal's key and who calls with it. `ended_at`: from then on nothing it signs counts."""

    caller: Caller
    key: uuid.UUID
    algorithm: KeyAlgorithm
    public_key: bytes
    ended_at: datetime | None


def key_id_of(public_key: bytes) -> str:
    """What a signature calls a key: the first 22 characters of its SHA-256 in base64url."""
    return base64.urlsafe_b64encode(hashlib.sha256(public_key).digest()).decode()[:22]


_NOT_ACTIVE = {
    MerchantState.DRAFT: "本商户还没有启用，请联系区总工会援助服务中心。",
    MerchantState.SUSPENDED: "本商户的合作已暂停，请联系区总工会援助服务中心。",
    MerchantState.ENDED: "本商户的合作已终止，请联系区总工会援助服务中心。",
}


def may_call(caller: Caller, at: datetime) -> CardnetError | None:
    """Why this caller is turned away, or None."""
    if caller.locked_until and at < caller.locked_until:
        wait = int((caller.locked_until - at).total_seconds()) + 1
        return TooManyRequests("rate_limited", f"这台终端连续扫到无效的码，请 {wait} 秒后再试。", wait)
    if caller.merchant_state is not MerchantState.ACTIVE:
        return NotAllowed("merchant_suspended", _NOT_ACTIVE[caller.merchant_state])
    if caller.terminal_state is not TerminalState.ACTIVE:
        return NotAllowed("terminal_suspended", "本终端已停用，请商户管理员重新启用或重新配对。")
    if caller.closed_on and caller.closed_on <= day_of(at):
        return NotAllowed(
            "store_closed", "本门店已登记停业，不能办理。恢复营业，或还有离线记录没有上传，请联系区总工会援助服务中心。"
        )
    return None


def checked_code(code: str, field: str) -> str:
    """A merchant's, store's or terminal's code: 1–24 of letters, digits, `-` and `_`, as it must fit a CN1 `aud`.

    Raises InvalidInput("code_invalid").
    """
    if not _CODE.fullmatch(code):
        raise InvalidInput("code_invalid", f"{field}“{code}”不可用：请用 1–24 位字母、数字、- 或 _，以字母或数字开头。")
    return code


def checked_name(name: str, field: str) -> str:
    """A name of 1–80 characters without control characters, stripped. Raises InvalidInput("name_invalid")."""
    name = name.strip()
    if not 1 <= len(name) <= 80 or not name.isprintable():
        raise InvalidInput("name_invalid", f"{field}应为 1–80 个字，不含换行等控制字符。")
    return name


def checked_credit_code(code: str | None) -> str | None:
    """A unified social credit code (GB 32100-2015) with its check character, in its one form however it was typed.

    Raises InvalidInput("credit_code_invalid").
    """
    if code is None:
        return None
    code = uscc.compact(unicodedata.normalize("NFKC", code))
    if not uscc.is_valid(code):
        raise InvalidInput("credit_code_invalid", f"统一社会信用代码“{code}”校验不通过，请核对营业执照。")
    return code


def checked_contract(first: date | None, last: date | None) -> None:
    """A contract ends no earlier than it starts. Raises InvalidInput("contract_dates_invalid")."""
    if first and last and last < first:
        raise InvalidInput("contract_dates_invalid", "合同截止日早于起始日，请核对。")


def new_token(random_bytes: Callable[[int], bytes]) -> str:
    """A terminal token: `cnt_` and 256 random bits in base64url."""
    return _TOKEN_PREFIX + base64.urlsafe_b64encode(random_bytes(32)).decode().rstrip("=")


def is_token(text: str) -> bool:
    """Whether a text has the shape of a terminal token."""
    return _TOKEN.fullmatch(text) is not None


def token_hash(token: str) -> bytes:
    """What is stored of a token."""
    # SHA-256 is enough here: a token has 256 random bits, so there is nothing to guess.
    return hashlib.sha256(token.encode()).digest()


@dataclass(frozen=True)
class PairingCode:
    """Ten characters: four say which pairing is meant, so that wrong tries can be counted, six are the secret."""

    locator: str
    secret: str

    def __str__(self) -> str:
        return self.locator + self.secret


def new_pairing_code(random_bytes: Callable[[int], bytes]) -> PairingCode:
    """About 50 random bits."""
    number = int.from_bytes(random_bytes(16), "big")
    letters = []
    for _ in range(_LOCATOR + _SECRET):
        number, digit = divmod(number, len(PAIRING_ALPHABET))
        letters.append(PAIRING_ALPHABET[digit])
    return PairingCode("".join(letters[:_LOCATOR]), "".join(letters[_LOCATOR:]))


def read_pairing_code(text: str) -> PairingCode | None:
    """What a cashier typed, with or without spaces and dashes and in either case; None when it cannot be one."""
    letters = re.sub(r"[\s-]", "", text).upper()
    if len(letters) != _LOCATOR + _SECRET or not set(letters) <= set(PAIRING_ALPHABET):
        return None
    return PairingCode(letters[:_LOCATOR], letters[_LOCATOR:])


def read_public_key(text: str) -> tuple[KeyAlgorithm, bytes]:
    """A terminal's public key: base64url of 32 bytes (Ed25519) or of 33 (a compressed P-256 point).

    Raises InvalidInput("public_key_invalid").
    """
    try:
        key = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if len(key) == 32:
        return KeyAlgorithm.ED25519, key
    try:
        if len(key) == 33:
            EllipticCurvePublicKey.from_encoded_point(SECP256R1(), key)
            return KeyAlgorithm.ES256, key
    except ValueError:
        pass
    raise InvalidInput("public_key_invalid", "公钥应为 base64url：Ed25519 的 32 字节，或 P-256 压缩点的 33 字节。")
