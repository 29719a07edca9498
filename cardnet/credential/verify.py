"""Judging a code: a pure function of text, trust pack, status list, moment and context.

The order of the steps is part of the format, because the first that says no gives the outcome. Nothing here reads
a clock, a database or a network, so a till, the server and an auditor two years later all get the same answer.
"""

import enum
import hashlib
import re
import unicodedata
from collections.abc import Container
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Literal

from cardnet.credential import base45, codec, cose
from cardnet.credential.codec import Claims, Credential, DeviceCode, Malformed, Proof
from cardnet.credential.keys import Alg, IssuerKey, KeyState, KeyUse
from cardnet.credential.limits import BOUND_NONCE_BYTES, OfflineUse, judge_use
from cardnet.credential.pack import Policy, TrustPack
from cardnet.credential.signing import PREFIX
from cardnet.credential.status import Status, StatusAge, StatusList

MAX_CHARACTERS = 700
_MAX_RAW = 4 * MAX_CHARACTERS
"""Longer than any code however it was typed: looked at no further."""

_LINE_BREAKS = str.maketrans("", "", "\r\n\t")
_OTHER_VERSION = re.compile(r"CN[0-9]{1,3}:")


class Outcome(enum.StrEnum):
    """Why a code was not accepted. The words are part of the published contract."""

    MALFORMED = "malformed"
    UNSUPPORTED_VERSION = "unsupported_version"
    UNKNOWN_KEY = "unknown_key"
    REVOKED_KEY = "revoked_key"
    BAD_SIGNATURE = "bad_signature"
    KEY_OUT_OF_PERIOD = "key_out_of_period"
    PROOF_MISSING = "proof_missing"
    CLOCK_ERROR = "clock_error"
    EXPIRED_CREDENTIAL = "expired_credential"
    STALE_PROOF = "stale_proof"
    FUTURE_PROOF = "future_proof"
    WRONG_AUDIENCE = "wrong_audience"
    WRONG_CHALLENGE = "wrong_challenge"
    REVOKED = "revoked"
    SUSPENDED = "suspended"
    REPLAYED = "replayed"
    LIMIT_EXCEEDED = "limit_exceeded"
    ONLINE_REQUIRED = "online_required"
    CONFIRM_REQUIRED = "confirm_required"


class Window(enum.StrEnum):
    """Which age of a proof is accepted: −15 … +35 s online, −30 … +60 s offline."""

    ONLINE = "online"
    OFFLINE = "offline"


@dataclass(frozen=True, slots=True)
class VerifyContext:
    """Who is looking: the names a bound code may be made out to, the open challenge, and proofs already seen.

    `challenge` is the `cnonce` an answer must carry (`device.challenge_nonce` for the four digits of a till,
    `device.bound_nonce` for a purchase); None when none is open. While one is open only its answer is accepted.
    `use` is the sale an offline till is about to decide alone (step 15); None where limits are judged elsewhere, as on
    the server. What a till did is judged again by `at` = its scan time, the OFFLINE window and the same challenge.
    """

    audiences: frozenset[str] = frozenset()
    challenge: bytes | None = None
    window: Window = Window.ONLINE
    seen: Container[bytes] = frozenset()
    use: OfflineUse | None = None


@dataclass(frozen=True, slots=True)
class Accepted:
    """A good code. `rid` names this one use; it comes from signed claims, since ECDSA signatures are malleable.

    `printed` with a proof: a phone's code whose time is off, taken by the printed card's limits (`Policy.as_printed`).
    """

    index: int
    tier: int
    group: int | None
    assurance: Literal["device", "device-challenge", "printed"]
    rid: bytes
    proof_id: bytes | None
    proof_at: datetime | None
    device_key: bytes | None
    credential_expires_at: datetime
    credential_issued_at: datetime
    kid: bytes
    audience: str | None
    status: StatusAge


@dataclass(frozen=True, slots=True)
class Rejected:
    """A code that is not good, and why. `delta_seconds`, for a clock's sake: how old the proof is (negative: ahead)."""

    outcome: Outcome
    delta_seconds: int | None = None


def verify(
    text: str, pack: TrustPack, status: StatusList | None, at: datetime, context: VerifyContext
) -> Accepted | Rejected:
    """Judge one code as of `at`. `status` is None where there is a better source, as on the server."""
    folded = normalise(text)
    if not folded.startswith(PREFIX):
        return Rejected(Outcome.UNSUPPORTED_VERSION if _OTHER_VERSION.match(folded) else Outcome.MALFORMED)
    token = read(folded)
    if token is None:
        return Rejected(Outcome.MALFORMED)
    credential, code = (token.credential, token) if isinstance(token, DeviceCode) else (token, None)
    now = int(at.timestamp())
    if refused := _judge_credential(credential, code, pack, now):
        return Rejected(refused)
    if code and (rejected := _judge_proof(code, pack.policy, now, context)):
        return rejected
    rid = replay_id(credential.claims.index, code.proof.proof_id if code else b"")
    if refused := _judge_use(credential.claims.index, status, rid, context if code else None):
        return Rejected(refused)
    accepted = _accepted(credential, code, rid, status.age(now) if status else StatusAge.UNCHECKED)
    if code and _as_printed(code, pack.policy, now, context):
        accepted = replace(accepted, assurance="printed")
    return _judge_limits(accepted, code, pack.policy, now, context) or accepted


def normalise(text: str) -> str:
    """What a scanner or an input method did to a code, undone: line breaks, full-width letters, lower case."""
    if len(text) > _MAX_RAW:
        return ""
    kept = text.translate(_LINE_BREAKS)
    return (kept if kept.isascii() else unicodedata.normalize("NFKC", kept)).upper()


def read(folded: str) -> DeviceCode | Credential | None:
    """The token in a normalised text; None when there is none."""
    if len(folded) > MAX_CHARACTERS:
        return None
    try:
        return codec.decode(base45.decode(folded.removeprefix(PREFIX)))
    except (Malformed, ValueError):
        return None


def replay_id(index: int, proof_id: bytes) -> bytes:
    """16 bytes that name one proof of one card index."""
    return hashlib.sha256(index.to_bytes(4, "big") + proof_id).digest()[:16]


def _judge_credential(credential: Credential, code: DeviceCode | None, pack: TrustPack, now: int) -> Outcome | None:
    key = pack.keys.get(credential.kid)
    if key is None:
        return Outcome.UNKNOWN_KEY
    return (
        _judge_signature(credential, key)
        or _judge_form(credential.claims, key, code)
        or _judge_period(credential.claims, pack.policy, now)
    )


def _judge_signature(credential: Credential, key: IssuerKey) -> Outcome | None:
    if key.state != KeyState.ACTIVE:
        return Outcome.REVOKED_KEY
    if credential.alg != key.alg or not cose.issuer_signed(key, credential.signed, credential.signature):
        return Outcome.BAD_SIGNATURE
    return None if key.may_sign_at(credential.claims.issued_at) else Outcome.KEY_OUT_OF_PERIOD


def _judge_period(claims: Claims, policy: Policy, now: int) -> Outcome | None:
    if now < claims.issued_at - policy.credential_ahead:
        return Outcome.CLOCK_ERROR
    return Outcome.EXPIRED_CREDENTIAL if now > claims.expires_at else None


def _judge_form(claims: Claims, key: IssuerKey, code: DeviceCode | None) -> Outcome | None:
    """A card key states a phone's key and a print key states none; a phone's statement needs its proof."""
    bound = claims.device_key is not None
    if key.use != (KeyUse.CARD if bound else KeyUse.PRINT):
        return Outcome.MALFORMED
    if bound:
        return None if code else Outcome.PROOF_MISSING
    return Outcome.MALFORMED if code else None


def _judge_proof(code: DeviceCode, policy: Policy, now: int, context: VerifyContext) -> Rejected | None:
    proof = code.proof
    device_key = code.credential.claims.device_key or b""
    if code.alg != Alg.ES256 or not cose.device_signed(device_key, code.signed, code.signature):
        return Rejected(Outcome.BAD_SIGNATURE)
    past, ahead = _limits(proof, policy, context)
    age = now - proof.issued_at
    if age > past:
        return Rejected(Outcome.STALE_PROOF, age)
    if -age > ahead:
        return Rejected(Outcome.FUTURE_PROOF, age)
    if proof.audience is not None and proof.audience not in context.audiences:
        return Rejected(Outcome.WRONG_AUDIENCE)
    if proof.nonce != context.challenge:
        return Rejected(Outcome.WRONG_CHALLENGE)
    return None


def _limits(proof: Proof, policy: Policy, context: VerifyContext) -> tuple[int, int]:
    if proof.nonce is not None and proof.nonce == context.challenge:
        return policy.challenge, policy.challenge
    if context.window == Window.ONLINE:
        return policy.online_past, policy.online_ahead
    through = policy.as_printed if context.challenge is None else 0
    return max(policy.offline_past, through), max(policy.offline_ahead, through)


def _as_printed(code: DeviceCode, policy: Policy, now: int, context: VerifyContext) -> bool:
    """Let through without a challenge although its time is off: a picture of it would be too, so it proves no more than paper."""
    age = now - code.proof.issued_at
    unasked = context.window == Window.OFFLINE and context.challenge is None
    return unasked and not -policy.offline_ahead <= age <= policy.offline_past


def _judge_use(index: int, status: StatusList | None, rid: bytes, context: VerifyContext | None) -> Outcome | None:
    """Status, then replay; a printed card (no context) may be shown again."""
    stands = status.of(index) if status else Status.VALID
    if stands == Status.SUSPENDED:
        return Outcome.SUSPENDED
    if stands != Status.VALID:
        # 1, and 3, which is not given out: a list we do not fully understand must not let a card pass.
        return Outcome.REVOKED
    return Outcome.REPLAYED if context and rid in context.seen else None


def _judge_limits(
    accepted: Accepted, code: DeviceCode | None, policy: Policy, now: int, context: VerifyContext
) -> Rejected | None:
    if context.use is None:
        return None
    signed = code.proof.nonce if code and accepted.audience is not None else None
    bound = signed is not None and len(signed) >= BOUND_NONCE_BYTES
    limit = judge_use(context.use, policy, now, accepted.status, accepted.assurance, bound=bound)
    return Rejected(Outcome(limit)) if limit else None


def _accepted(credential: Credential, code: DeviceCode | None, rid: bytes, age: StatusAge) -> Accepted:
    claims, proof = credential.claims, code.proof if code else None
    return Accepted(
        index=claims.index,
        tier=claims.tier,
        group=claims.group,
        assurance="printed" if proof is None else "device-challenge" if proof.nonce is not None else "device",
        rid=rid,
        proof_id=proof.proof_id if proof else None,
        proof_at=_moment(proof.issued_at) if proof else None,
        device_key=claims.device_key,
        credential_expires_at=_moment(claims.expires_at),
        credential_issued_at=_moment(claims.issued_at),
        kid=credential.kid,
        audience=proof.audience if proof else None,
        status=age,
    )


def _moment(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
