"""The trust pack: which keys count, by which rules codes are judged, where the status list is.

Signed by a root key that verifiers have pinned. A verifier keeps the highest `seq` it has seen and refuses a lower
one, or a revoked key would come back with an old pack.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any

import cbor2

from cardnet.credential import document
from cardnet.credential.keys import Alg, IssuerKey, KeyState, KeyUse, SigningKey

LIFE_SECONDS = 30 * 86_400

_EXP, _IAT = 4, 6
_SEQ, _KEYS, _POLICY, _STATUS_URIS, _STOPPED, _MORE_KEYS = -70002, -70003, -70004, -70005, -70006, -70009

_FIRST_USES = frozenset((KeyUse.CARD, KeyUse.PRINT, KeyUse.STATUS, KeyUse.SETTLEMENT, KeyUse.OFFERS, KeyUse.ROOT))
"""The uses that every verifier knows. The first ones refuse a pack whose `_KEYS` names any other, but pass over claims
they do not know: keys of every later use stand in `_MORE_KEYS`."""


@dataclass(frozen=True, slots=True)
class Policy:
    """The parameters of card-credential.md; every number is seconds unless its name says otherwise.

    A proof is accepted while it is at most `*_past` old and at most `*_ahead` in the future; with an answered
    challenge `challenge` counts both ways. Offline, and nothing asked, one at most `as_printed` out either way is taken as a
    printed card would be; 0: never. What a till may do alone (`limits.judge_use`): purchases up to the floor,
    so many uses of a card a day, so many uses and so much given between two syncs, the last one at most
    `offline_sync` ago.
    """

    rotation: int = 15
    offline_past: int = 60
    offline_ahead: int = 30
    online_past: int = 35
    online_ahead: int = 15
    challenge: int = 600
    as_printed: int = 0
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
    stopped: Mapping[str, int] = field(default_factory=dict)
    """Keys of terminals (`keyid`) that count no more, and since when."""


def encode_pack(pack: TrustPack) -> bytes:
    """The bytes a root signs: what `cardnet keys sign-pack` carries to the offline machine."""
    keys = sorted(pack.keys.values(), key=lambda key: key.kid)
    claims: dict[int, Any] = {
        _EXP: pack.expires_at,
        _IAT: pack.issued_at,
        _SEQ: pack.seq,
        _KEYS: [_entry(key) for key in keys if key.use in _FIRST_USES],
        _POLICY: asdict(pack.policy),
        _STATUS_URIS: list(pack.status_uris),
    }
    if later := [_entry(key) for key in keys if key.use not in _FIRST_USES]:
        claims[_MORE_KEYS] = later
    if pack.stopped:
        claims[_STOPPED] = dict(pack.stopped)
    return cbor2.dumps(claims, canonical=True)


def decode_pack(payload: bytes) -> TrustPack:
    """What is about to be signed. Raises ValueError for anything `encode_pack` does not write.

    So no root signs a key whose use this version does not know, though a verifier passes over it.
    """
    try:
        claims = cbor2.loads(payload)
    except (cbor2.CBORDecodeError, ValueError, TypeError) as error:
        raise ValueError(f"not a trust pack: {error}") from None
    pack = _pack_of(claims)
    if encode_pack(pack) != payload:
        raise ValueError("not a trust pack: not its shortest form")
    return pack


def seal_pack(pack: TrustPack, root: SigningKey) -> bytes:
    """The pack as verifiers fetch it. Raises InvalidInput("key_use", "key_period") for a key that is no root now."""
    return document.seal(root, KeyUse.ROOT, pack.issued_at, encode_pack(pack))


def peek_pack(content: bytes) -> TrustPack:
    """A pack of our own, read without asking who signed it. Raises ValueError when it is none."""
    try:
        return _pack_of(cbor2.loads(cbor2.loads(content).value[2]))
    except (cbor2.CBORDecodeError, AttributeError, TypeError, LookupError) as error:
        raise ValueError(f"not a trust pack: {error}") from None


def signer_of(content: bytes) -> bytes:
    """The kid of the root that a pack of our own names. Raises ValueError when it is none."""
    try:
        kid = cbor2.loads(cbor2.loads(content).value[0])[4]
    except (cbor2.CBORDecodeError, AttributeError, TypeError, LookupError) as error:
        raise ValueError(f"not a trust pack: {error}") from None
    return bytes(kid)


def open_pack(content: bytes, roots: Mapping[bytes, IssuerKey], seconds: int, highest_seq: int = 0) -> TrustPack:
    """Read a pack under the pinned roots. Raises ValueError when it is none, expired, or older than one seen before."""
    pack = _pack_of(document.unseal(content, roots, KeyUse.ROOT))
    if seconds > pack.expires_at:
        raise ValueError("the trust pack is expired")
    if pack.seq < highest_seq:
        raise ValueError("a later trust pack has been seen")
    return pack


_KEY_FIELDS = {"kid", "alg", "pub", "use", "nbf", "exp", "state"}
_USES = frozenset(KeyUse)
_POLICY_NAMES = frozenset(field.name for field in fields(Policy))


def _pack_of(claims: Any) -> TrustPack:
    try:
        entries = [*_listed(claims[_KEYS]), *_listed(claims.get(_MORE_KEYS, []))]
        kids = {_kid_of(entry) for entry in entries}
        # A use, like a parameter, that only a newer verifier knows does not keep an older one from the other keys.
        keys = {entry["kid"]: _key_of(entry) for entry in entries if _text(entry["use"]) in _USES}
        policy = Policy(**{name: _whole(value) for name, value in claims[_POLICY].items() if name in _POLICY_NAMES})
        uris = tuple(claims[_STATUS_URIS])
        stopped = {_text(key_id): _whole(at) for key_id, at in claims.get(_STOPPED, {}).items()}
        pack = TrustPack(_whole(claims[_SEQ]), _whole(claims[_IAT]), _whole(claims[_EXP]), keys, policy, uris, stopped)
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise ValueError(f"not a trust pack: {error}") from None
    if len(kids) != len(entries):
        raise ValueError("not a trust pack: a kid stands twice")
    return pack


def _entry(key: IssuerKey) -> dict[str, Any]:
    return {
        "kid": key.kid,
        "alg": int(key.alg),
        "pub": key.public,
        "use": str(key.use),
        "nbf": key.nbf,
        "exp": key.exp,
        "state": str(key.state),
    }


def _key_of(entry: dict[str, Any]) -> IssuerKey:
    alg, kid, public = Alg(_whole(entry["alg"])), _kid_of(entry), entry["pub"]
    if entry.keys() != _KEY_FIELDS or type(public) is not bytes:
        raise ValueError("a key's fields")
    if len(public) != (32 if alg == Alg.EDDSA else 33):
        raise ValueError("a key's length")
    period = _whole(entry["nbf"]), _whole(entry["exp"])
    return IssuerKey(kid, alg, KeyUse(entry["use"]), public, *period, KeyState(entry["state"]))


def _kid_of(entry: dict[str, Any]) -> bytes:
    kid = entry["kid"]
    if type(kid) is not bytes or len(kid) != 2:
        raise ValueError("a key's kid")
    return kid


def _listed(value: Any) -> list[Any]:
    if type(value) is not list:
        raise ValueError("not an array")
    return value


def _text(value: Any) -> str:
    if type(value) is not str:
        raise ValueError("not a word")
    return value


def _whole(value: Any) -> int:
    if type(value) is not int:
        raise ValueError("not a whole number")
    return value
