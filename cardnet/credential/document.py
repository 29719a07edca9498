"""Signed documents around the card: trust pack, status list, statements. A COSE_Sign1 CWT under a key of one use."""

from collections.abc import Mapping
from typing import Any

import cbor2

from cardnet.credential import cose
from cardnet.credential.codec import credential_header
from cardnet.credential.keys import IssuerKey, KeyState, KeyUse, SigningKey
from cardnet.kernel.errors import InvalidInput


def check_key(key: IssuerKey, use: KeyUse, seconds: int) -> None:
    """Refuse to sign with the wrong key.

    Raises InvalidInput("key_use", "key_period", "key_revoked") when the key is for something else, for another
    time, or revoked.
    """
    if key.use != use:
        raise InvalidInput("key_use", f"密钥 {key.kid.hex()} 不能用于 {use}，请改用该用途的密钥。")
    if key.state != KeyState.ACTIVE:
        raise InvalidInput("key_revoked", f"密钥 {key.kid.hex()} 已吊销，请换用新的密钥。")
    if not key.may_sign_at(seconds):
        raise InvalidInput("key_period", f"密钥 {key.kid.hex()} 此时不在签发期内，请先生成本期密钥。")


def seal(key: SigningKey, use: KeyUse, seconds: int, payload: bytes) -> bytes:
    """`payload` under a signature made at `seconds`. Raises as `check_key`."""
    check_key(key.issuer, use, seconds)
    protected = credential_header(key.issuer.alg, key.issuer.kid)
    return cose.sign1(protected, payload, cose.sign(key, cose.to_be_signed(protected, payload)))


def unseal(content: bytes, keys: Mapping[bytes, IssuerKey], use: KeyUse) -> dict[Any, Any]:
    """The claims of a document, when one of `keys` with that use signed it in its period.

    Raises ValueError for anything else, also for bytes that are not the shortest form of what they say.
    """
    try:
        item = cbor2.loads(content)
        protected, unprotected, payload, signature = item.value
        header, claims = cbor2.loads(protected), cbor2.loads(payload)
        key = keys[header[4]]
        issued_at = claims[6]
    except (cbor2.CBORDecodeError, AttributeError, KeyError, TypeError, ValueError) as error:
        raise ValueError(f"not a signed document: {error}") from None
    if content != cose.sign1(protected, payload, signature) or unprotected != {}:
        raise ValueError("not a signed document: not its shortest form")
    if protected != credential_header(key.alg, key.kid) or type(issued_at) is not int:
        raise ValueError("the header does not fit the key")
    if key.use != use or key.state != KeyState.ACTIVE or not key.may_sign_at(issued_at):
        raise ValueError("the key may not sign this")
    if not cose.issuer_signed(key, cose.to_be_signed(protected, payload), signature):
        raise ValueError("the signature does not fit")
    if not isinstance(claims, dict):
        raise ValueError("not a set of claims")
    return claims
