"""Who may act, in what part of the tree, and what a password, a code and a lock are. Pure decisions."""

import enum
import hmac
import itertools
import re
import unicodedata
import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

import pyotp


class Role(enum.StrEnum):
    """What a staff account may do; one account may hold several, four eyes still ask for different accounts."""

    UNIT_OFFICER = "unit_officer"
    TOWNSHIP_OFFICER = "township_officer"
    DISTRICT_OFFICER = "district_officer"
    FINANCE_MAKER = "finance_maker"
    FINANCE_CHECKER = "finance_checker"
    FINANCE_APPROVER = "finance_approver"
    CASHIER = "cashier"
    AUDITOR = "auditor"
    CHAIR = "chair"
    ADMIN = "admin"
    MERCHANT_MANAGER = "merchant_manager"
    MERCHANT_CASHIER = "merchant_cashier"


MERCHANT_ROLES = (Role.MERCHANT_MANAGER, Role.MERCHANT_CASHIER)
"""People of a merchant: their scope is the merchant. All other roles are the union's."""

UNION_ROLES = tuple(role for role in Role if role not in MERCHANT_ROLES)


class AccountState(enum.StrEnum):
    """An invited account has no password yet; a disabled one keeps its history; neither signs in anywhere."""

    INVITED = "invited"
    ACTIVE = "active"
    DISABLED = "disabled"


class SessionKind(enum.StrEnum):
    """`page`: a browser that signed in. `api`: a bearer token of the back-office API."""

    PAGE = "page"
    API = "api"


class SignInRefusal(enum.StrEnum):
    """Why a sign-in was refused. `wrong` never says which of the three was wrong."""

    WRONG = "sign_in_wrong"
    LOCKED = "account_locked"
    DISABLED = "account_disabled"


@dataclass(frozen=True)
class Principal:
    """A signed-in account: what it may do (`roles`) and where (`scope_path`, the path of its union)."""

    account_id: uuid.UUID
    username: str
    display_name: str
    roles: frozenset[Role]
    union_id: uuid.UUID
    scope_path: str

    def has(self, *roles: Role) -> bool:
        """Whether the account holds at least one of `roles`."""
        return not self.roles.isdisjoint(roles)


MAX_FAILURES = 5
LOCK = timedelta(minutes=15)
PAGE_SESSION = timedelta(hours=12)
PAGE_IDLE = timedelta(hours=2)
API_TOKEN = timedelta(days=90)
MEMBER_SESSION = timedelta(days=400)
"""As long as a browser keeps a cookie at most (RFC 6265bis §5.5)."""

INVITATION = timedelta(hours=72)
INVITATION_TRIES = 10
"""Wrong codes after which a link is worth nothing any more."""

TOTP_SECONDS = 30
PASSWORD_LENGTH = 10


def in_scope(scope_path: str, path: str) -> bool:
    """Whether the node at `path` is the node at `scope_path` or lies below it. An empty scope contains nothing."""
    return scope_path.endswith("/") and path.startswith(scope_path)


def username_of(text: str) -> str:
    """The one form in which a username is stored and looked up: NFKC, trimmed, lower case."""
    return unicodedata.normalize("NFKC", text).strip().lower()


def is_username(username: str) -> bool:
    """2 to 64 letters (any script), digits, `.`, `_` or `-`, in the form of `username_of`."""
    return re.fullmatch(r"\w[\w.-]{1,63}", username) is not None and username == username_of(username)


def password_problem(password: str, username: str) -> str | None:
    """What is wrong with a password a person chose, as a Chinese sentence that says how to mend it; None when nothing.

    Length and not being guessable are what counts (NIST SP 800-63B §5.1.1.2); no rule about kinds of characters.
    """
    folded = unicodedata.normalize("NFKC", password).casefold()
    if len(password) < PASSWORD_LENGTH:
        return f"密码至少 {PASSWORD_LENGTH} 个字符，请加长。"
    if len(password) > 200:
        return "密码最长 200 个字符，请缩短。"
    if username and username.casefold() in folded and len(folded) - len(username) < 6:
        return "密码不能由用户名组成，请另选一个。"
    if len(set(folded)) < 5 or _is_run(folded) or re.sub(r"[\d\W_]+$", "", folded) in _COMMON or folded in _COMMON:
        return "这个密码太常见，容易被猜中，请另选一个。"
    return None


def _is_run(folded: str) -> bool:
    """`1234567890`, `abcdefghij`, `9876543210`: every character one step from the one before."""
    steps = {ord(b) - ord(a) for a, b in itertools.pairwise(folded)}
    return steps <= {1, -9} or steps <= {-1, 9}


# Stems of the passwords that published leaks of Chinese and English sites have most often; digits and signs
# behind them are ignored, so that woaini1314520 falls with woaini.
_COMMON_STEMS = """
password passw0rd p@ssword p@ssw0rd qwerty qwertyuiop qwer qwerasdf asdfghjkl zxcvbnm qazwsx qazwsxedc 1qaz2wsx
1qaz2wsx3edc 1q2w3e4r 1q2w3e4r5t a1b2c3d4 a1b2c3d4e5 abc abcd abc123 abcd1234 admin administrator root welcome
iloveyou letmein monkey dragon football sunshine princess woaini woaiwojia wojiushiwo zhang wang li woaizhongguo
zhongguo china shanghai gonghui cardnet yunjian changeme default guest test user 5201314 woaini1314 1314520
147258369 123456789a a123456789 qq123456 123123123 1231231230 11223344 aa123456 aa123456789 1234512345
0123456789 1357924680 2468013579 19491001 密码
"""
_COMMON = frozenset(_COMMON_STEMS.split())


def totp_code(secret: str, at: datetime) -> str:
    """What an authenticator shows at that moment: six digits, good for 30 seconds."""
    return pyotp.TOTP(secret).generate_otp(int(at.timestamp()) // TOTP_SECONDS)


def totp_step(secret: str, code: str, at: datetime) -> int | None:
    """The 30-second step (RFC 6238) `code` belongs to, one step early or late allowed; None when it is wrong.

    The caller must refuse a step that is not later than the last one used.
    """
    digits = unicodedata.normalize("NFKC", code).replace(" ", "")
    if not re.fullmatch(r"[0-9]{6}", digits):
        return None
    totp = pyotp.TOTP(secret)
    now = int(at.timestamp()) // TOTP_SECONDS
    # Every step is compared, so that the time taken does not tell which one matched.
    fits = [step for step in (now - 1, now, now + 1) if hmac.compare_digest(totp.generate_otp(step), digits)]
    return max(fits, default=None)


def totp_address(secret: str, username: str) -> str:
    """What an authenticator reads from a QR (the Key URI Format): issuer, account and secret."""
    return pyotp.TOTP(secret).provisioning_uri(name=username, issuer_name="cardnet")


def roles_of(names: Iterable[str]) -> frozenset[Role]:
    """The roles named. Raises ValueError for a name that is none."""
    return frozenset(Role(name) for name in names)
