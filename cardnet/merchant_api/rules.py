"""What the merchant API decides from values alone: keys, fingerprints, what is stored for ever."""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from cardnet.credential.verify import Outcome
from cardnet.kernel.compact import canonical
from cardnet.kernel.errors import CardnetError, Conflict, InvalidInput

KEY_LIFE = timedelta(days=35)
"""How long a key and its answer are kept."""
LONGEST_WAIT_MS = 2_000
"""How long a duplicate waits for the request that holds its key."""

MOST_FEN = 10**12
"""Of one purchase: ten billion yuan. Far below 2^53, where RFC 8785 and JavaScript stop."""

REDEEM = "POST /redemptions"
CAPTURE = "POST /redemptions/{id}/capture"
REFUND = "POST /redemptions/{id}/refunds"
REVERSE = "POST /reversals"
ADVISE = "POST /advices"
NEW_KEY = "POST /terminals/keys"
"""Names of the calls that take a key, as they stand in the key's row."""

_KEY = re.compile(r"[A-Za-z0-9_-]{16,64}")
_STORED_422 = frozenset({"capture_exceeds_held", "refund_exceeds_captured"})


QUOTE_LIFE = timedelta(seconds=120)
"""How long a quote's token stands for the code it was made of: a member's code lives fifteen seconds."""


BAD_CODES = frozenset(Outcome) - {
    Outcome.STALE_PROOF,
    Outcome.FUTURE_PROOF,
    Outcome.CLOCK_ERROR,
    Outcome.EXPIRED_CREDENTIAL,
    Outcome.UNKNOWN_KEY,
    Outcome.REVOKED,
    Outcome.SUSPENDED,
}
"""Outcomes that count towards a lockout: not those that a slow member, a wrong clock or an old card explains."""


class KeyReused(InvalidInput):
    """The key belongs to another request."""

    retry = "new_key"


class InProgress(Conflict):
    """The first request with this key has not finished."""

    retry = "same_key"


@dataclass(frozen=True)
class Answer:
    """What a call says: stored as it is, so that a replay is the same bytes."""

    status: int
    media_type: str
    body: bytes
    subject_id: Any = None
    """The redemption this answer is about, if any: where `by-key` and a reversal find it."""
    replayed: bool = False


def is_key(text: str) -> bool:
    """16–64 of `[A-Za-z0-9_-]`."""
    return _KEY.fullmatch(text) is not None


def fingerprint(method: str, route: str, parameters: Mapping[str, str], body: Any) -> bytes:
    """SHA-256 of the RFC 8785 form of a request that passed its schema: same request, same 32 bytes."""
    return hashlib.sha256(canonical([method, route, dict(parameters), body])).digest()


def is_stored(error: CardnetError) -> bool:
    """Whether a retry with the same key must hear this error again: the request was understood and is settled."""
    if isinstance(error, InProgress):
        return False
    return error.status == 409 or error.code in _STORED_422
