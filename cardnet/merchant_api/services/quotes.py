"""Quote tokens: for two minutes, at one terminal, they stand for the code a quote was asked with.

A token holds the code itself, so what it says is judged again by today's keys, as of the moment it was shown; it is
sealed, so nobody can make one or lengthen its life; and redeeming consumes the code's proof like the code would.
"""

import base64
import binascii
import hmac
import json
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy.orm import Session

from cardnet.credential.device import asked_nonce
from cardnet.credential.store import trust_pack
from cardnet.credential.verify import Accepted, Outcome, Rejected, VerifyContext, verify
from cardnet.kernel.vault import vault_of
from cardnet.merchant_api.rules import QUOTE_LIFE
from cardnet.merchants.rules import Venue

_FIELD = "merchant_api.quote_token"
_SEAL = 16


@dataclass(frozen=True)
class Shown:
    """A code a member showed, when, and what it answers: four digits, or the till's nonce (hex) for one purchase."""

    code: str
    at: datetime
    challenge: str | None
    nonce: str | None = None

    @property
    def expires_at(self) -> datetime:
        """The last moment its token counts."""
        return self.at + QUOTE_LIFE


def token_of(session: Session, venue: Venue, shown: Shown) -> str:
    """The token of a code shown at this terminal; good for `QUOTE_LIFE` after it was shown."""
    said = [venue.terminal_id.hex, int(shown.at.timestamp()), shown.challenge, shown.code]
    held = json.dumps([*said, shown.nonce] if shown.nonce else said, separators=(",", ":")).encode()
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
    terminal, seconds, challenge, code, *nonce = json.loads(held)
    if uuid.UUID(terminal) != venue.terminal_id:
        return Rejected(Outcome.WRONG_AUDIENCE)
    shown = Shown(code, datetime.fromtimestamp(seconds, UTC), challenge, *nonce)
    return shown if at <= shown.expires_at else Rejected(Outcome.STALE_PROOF, int(at.timestamp()) - seconds)


def shown_in(session: Session, venue: Venue, at: datetime, body: Mapping[str, Any]) -> Shown | Rejected:
    """What a request shows: the code itself, now, or what its quote token stands for."""
    if body["code"] is not None:
        return Shown(body["code"], at, body["challenge"], body["bound_nonce"])
    return shown_by(session, venue, body["quote_token"], at)


def judge(
    session: Session, venue: Venue, shown: Shown | Rejected, at: datetime, amount_fen: int
) -> Accepted | Rejected:
    """The code as a value, as of the moment it was shown, by the keys that count now.

    A code made for one purchase answers for its amount and no other, also by a token.
    """
    if isinstance(shown, Rejected):
        return shown
    merchant, terminal = venue.merchant_code, venue.terminal_code
    challenge = asked_nonce(merchant, terminal, amount_fen, shown.challenge, shown.nonce)
    context = VerifyContext(frozenset((merchant, terminal)), challenge)
    return verify(shown.code, trust_pack(session, at), None, shown.at, context)


def _seal(session: Session, held: bytes) -> bytes:
    return vault_of(session).index(_FIELD, held)[:_SEAL]
