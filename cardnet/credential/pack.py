"""The trust pack: which keys count, by which rules codes are judged, where the status list is.

Signed by a root key that verifiers have pinned. A verifier keeps the highest `seq` it has seen and refuses a lower
one, or a revoked key would come back with an old pack.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field

import cbor2

from cardnet.credential import document
from cardnet.credential.keys import Alg, IssuerKey, KeyState, KeyUse, SigningKey

LIFE_SECONDS = 30 * 86_400

_EXP, _IAT = 4, 6
_SEQ, _KEYS, _POLICY, _STATUS_URIS = -70002, -70003, -70004, -70005


@dataclass(frozen=True, slots=True)
class Policy:
    """The parameters of card-credential.md; every number is seconds unless its name says otherwise.

    A proof is accepted while it is at most `*_past` old and at most `*_ahead` in the future; with an answered
    challenge `challenge` counts both ways. What a till may do alone (`limits.judge_use`): purchases up to the floor,
    so many uses of a card a day, so many uses and so much given between two syncs, the last one at most
    `offline_sync` ago.
    """

    rotation: int = 15
    offline_past: int = 60
    offline_ahead: int = 30
    online_past: int = 35
    online_ahead: int = 15
    challenge: int = 600
    credential_ahead: int = 300
    device_life: int = 14 * 86_400
    printed_life_months: int = 24
    offline_floor_fen: int = 5_000
    offline_card_uses: int = 2
    offline_uses: int = 40
    offline_given_fen: int = 100_000
    offline_sync: int = 72 * 3600
    printed_floor_fen: int = 1_000
    printed_card_uses: int = 1


@dataclass(frozen=True, slots=True)
class TrustPack:
    """The pack as a value: issuer keys by `kid`. Times are seconds since 1970."""

    seq: int
    issued_at: int
    expires_at: int
    keys: Mapping[bytes, IssuerKey]
    policy: Policy = field(default_factory=Policy)
    status_uris: tuple[str, ...] = ()


def seal_pack(pack: TrustPack, root: SigningKey) -> bytes:
    """The pack as verifiers fetch it. Raises InvalidInput("key_use", "key_period") for a key that is no root now."""
    claims = {
        _EXP: pack.expires_at,
        _IAT: pack.issued_at,
        _SEQ: pack.seq,
        _KEYS: [
            {
                "kid": key.kid,
                "alg": int(key.alg),
                "pub": key.public,
                "use": str(key.use),
                "nbf": key.nbf,
                "exp": key.exp,
                "state": str(key.state),
            }
            for key in sorted(pack.keys.values(), key=lambda key: key.kid)
        ],
        _POLICY: asdict(pack.policy),
        _STATUS_URIS: list(pack.status_uris),
    }
    return document.seal(root, KeyUse.ROOT, pack.issued_at, cbor2.dumps(claims, canonical=True))


def open_pack(content: bytes, roots: Mapping[bytes, IssuerKey], seconds: int, highest_seq: int = 0) -> TrustPack:
    """Read a pack under the pinned roots. Raises ValueError when it is none, expired, or older than one seen before."""
    claims = document.unseal(content, roots, KeyUse.ROOT)
    try:
        keys = {
            entry["kid"]: IssuerKey(
                entry["kid"],
                Alg(entry["alg"]),
                KeyUse(entry["use"]),
                entry["pub"],
                entry["nbf"],
                entry["exp"],
                KeyState(entry["state"]),
            )
            for entry in claims[_KEYS]
        }
        policy = Policy(**claims[_POLICY])
        pack = TrustPack(claims[_SEQ], claims[_IAT], claims[_EXP], keys, policy, tuple(claims[_STATUS_URIS]))
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"not a trust pack: {error}") from None
    if len(keys) != len(claims[_KEYS]):
        raise ValueError("not a trust pack: a kid stands twice")
    if seconds > pack.expires_at:
        raise ValueError("the trust pack is expired")
    if pack.seq < highest_seq:
        raise ValueError("a later trust pack has been seen")
    return pack
