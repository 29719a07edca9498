"""Quote tokens: for two minutes, at one terminal, they stand for the code a quote was asked with.

A token holds the code itself, so what it says is judged again by today's keys, as of the moment it was shown; it is
sealed, so nobody can make one or lengthen its life; and redeeming consumes the code's proof like the code would.
"""

import base64
import binascii
import hmac
import json
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy.orm import Session

from cardnet.credential.device import challenge_nonce
from cardnet.credential.store import trust_pack
from cardnet.credential.verify import Accepted, Outcome, Rejected, VerifyContext, verify
from cardnet.kernel.vault import vault_of
from cardnet.merchant_api.rules import QUOTE_LIFE
from cardnet.merchants.rules import Venue

_FIELD = "merchant_api.quote_token"
_SEAL = 16


@dataclass(frozen=True)
class Shown:
    """A code a member showed, when, and the digits that were answered with it."""

    code: str
    at: datetime
    challenge: str | None

    @property
    def expires_at(self) -> datetime:
        """The last moment its token counts."""
        return self.at + QUOTE_LIFE


def token_of(session: Session, venue: Venue, shown: Shown) -> str:
    """The token of a code shown at this terminal; good for `QUOTE_LIFE` after it was shown."""
    held = json.dumps(
        [venue.terminal_id.hex, int(shown.at.timestamp()), shown.challenge, shown.code], separators=(",", ":")
    ).encode()
    return base64.urlsafe_b64encode(_seal(session, held) + held).decode().rstrip("=")


def shown_by(session: Session, venue: Venue, token: str, at: datetime) -> Shown | Rejected:
    """What a token stands for, or why it does not count: forged, made at another terminal, or too old."""
    try:
        given = base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        return Rejected(Outcome.MALFORMED)
    seal, held = given[:_SEAL], given[_SEAL:]
    if not hmac.compare_digest(seal, _seal(session, held)):
        return Rejected(Outcome.BAD_SIGNATURE)
    terminal, seconds, challenge, code = json.loads(held)
    if uuid.UUID(terminal) != venue.terminal_id:
        return Rejected(Outcome.WRONG_AUDIENCE)
    shown = Shown(code, datetime.fromtimestamp(seconds, UTC), challenge)
    return shown if at <= shown.expires_at else Rejected(Outcome.STALE_PROOF, int(at.timestamp()) - seconds)


def shown_in(
    session: Session, venue: Venue, at: datetime, code: str | None, token: str | None, challenge: str | None
) -> Shown | Rejected:
    """What a request shows: the code itself, now, or what its quote token stands for."""
    if code is not None:
        return Shown(code, at, challenge)
    assert token is not None
    return shown_by(session, venue, token, at)


def judge(session: Session, venue: Venue, shown: Shown | Rejected, at: datetime) -> Accepted | Rejected:
    """The code as a value, as of the moment it was shown, by the keys that count now."""
    if isinstance(shown, Rejected):
        return shown
    challenge = challenge_nonce(shown.challenge) if shown.challenge else None
    context = VerifyContext(frozenset((venue.merchant_code, venue.terminal_code)), challenge)
    return verify(shown.code, trust_pack(session, at), None, shown.at, context)


def _seal(session: Session, held: bytes) -> bytes:
    return vault_of(session).index(_FIELD, held)[:_SEAL]
