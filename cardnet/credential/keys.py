"""Issuer keys as values: what a key may sign, when, and whether it still counts."""

import enum
from dataclasses import dataclass, field


class Alg(enum.IntEnum):
    """COSE algorithm numbers of CN1 (RFC 9053). The curve is fixed: Ed25519 and P-256."""

    EDDSA = -8
    ES256 = -7


class KeyUse(enum.StrEnum):
    """What a key signs; a key has exactly one use, so that no statement can pass for another kind.

    `offers`: what an offline till may give at a merchant, which changes with the programs and is no matter for a root.
    `terminal-ca`: which key is which terminal's. `receipt`: an answer of the merchant API, for whoever asked for proof.
    """

    CARD = "card"
    PRINT = "print"
    STATUS = "status"
    SETTLEMENT = "settlement"
    OFFERS = "offers"
    TERMINAL_CA = "terminal-ca"
    RECEIPT = "receipt"
    ROOT = "root"


class KeyState(enum.StrEnum):
    """`revoked`: nothing it ever signed counts any more."""

    ACTIVE = "active"
    REVOKED = "revoked"


CARD_SHARDS = 4
"""Revoking one card key hits a quarter of the phones, which renew themselves at the next contact."""


def shard_of(index: int) -> int:
    """The shard of card keys that signs for a card index."""
    return index % CARD_SHARDS


@dataclass(frozen=True, slots=True)
class IssuerKey:
    """The public half. `kid` is two bytes and never used again; it may sign what is issued from `nbf` to `exp`.

    `public` is 32 bytes for Ed25519 and the 33-byte compressed point for P-256. Times are seconds since 1970.
    """

    kid: bytes
    alg: Alg
    use: KeyUse
    public: bytes
    nbf: int
    exp: int
    state: KeyState = KeyState.ACTIVE

    def may_sign_at(self, seconds: int) -> bool:
        """Whether a statement issued then lies in the key's period."""
        return self.nbf <= seconds <= self.exp


@dataclass(frozen=True, slots=True)
class SigningKey:
    """Both halves; `private` is the 32-byte Ed25519 seed or P-256 scalar and shows in no printout."""

    issuer: IssuerKey
    private: bytes = field(repr=False)
