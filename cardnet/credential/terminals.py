"""Which key is which terminal's: a CWT under the pack's `terminal-ca` key.

With it and the pinned roots anybody can check, years later and without our database, that a record made offline is the
terminal's own word. The key stands in `cnf` (RFC 8747) and the names in `sub`, so plain COSE libraries read it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import cbor2

from cardnet.credential import document
from cardnet.credential.keys import Alg, IssuerKey, KeyUse, SigningKey

_SUB, _IAT, _CNF, _COSE_KEY = 2, 6, 8, 1
_KTY, _CRV, _X, _Y = 1, -1, -2, -3
_OKP, _EC2 = 1, 2
_ED25519, _P256 = 6, 1


@dataclass(frozen=True, slots=True)
class TerminalKeyClaims:
    """The key of a terminal, both named by codes. `public` as `IssuerKey.public`; from `issued_at` (seconds) on."""

    merchant: str
    terminal: str
    alg: Alg
    public: bytes
    issued_at: int


def certify(ca: SigningKey, claims: TerminalKeyClaims) -> bytes:
    """The signed statement. Raises as `document.check_key`."""
    said = {
        _SUB: f"{claims.merchant}/{claims.terminal}",
        _IAT: claims.issued_at,
        _CNF: {_COSE_KEY: _cose_key(claims.alg, claims.public)},
    }
    return document.seal(ca, KeyUse.TERMINAL_CA, claims.issued_at, cbor2.dumps(said, canonical=True))


def open_certificate(content: bytes, keys: Mapping[bytes, IssuerKey]) -> TerminalKeyClaims:
    """Read a statement under the keys of a pack. Raises ValueError for anything `certify` does not write."""
    said = document.unseal(content, keys, KeyUse.TERMINAL_CA)
    try:
        merchant, terminal = said[_SUB].split("/")
        alg, public = _key_in(said[_CNF][_COSE_KEY])
        return TerminalKeyClaims(merchant, terminal, alg, public, said[_IAT])
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise ValueError(f"not a terminal's certificate: {error}") from None


def _cose_key(alg: Alg, public: bytes) -> dict[int, Any]:
    if alg == Alg.EDDSA:
        return {_KTY: _OKP, _CRV: _ED25519, _X: public}
    return {_KTY: _EC2, _CRV: _P256, _X: public[1:], _Y: public[0] == 3}


def _key_in(key: Mapping[int, Any]) -> tuple[Alg, bytes]:
    x = key[_X]
    if type(x) is not bytes or len(x) != 32:
        raise ValueError("a key's length")
    if key == _cose_key(Alg.EDDSA, x):
        return Alg.EDDSA, x
    public = bytes((3 if key[_Y] is True else 2,)) + x
    if key == _cose_key(Alg.ES256, public) and type(key[_Y]) is bool:
        return Alg.ES256, public
    raise ValueError("a kind of key we do not give out")
