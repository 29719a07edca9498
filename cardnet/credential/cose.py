"""COSE_Sign1 (RFC 9052) as far as cardnet uses it, and the two signature algorithms.

The unprotected header is always empty and the external data too, so that plain COSE libraries verify.
"""

import functools

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature

from cardnet.credential.keys import Alg, IssuerKey, SigningKey

_P256 = ec.SECP256R1()
_ES256 = ec.ECDSA(hashes.SHA256())

UINT, NEGATIVE, BYTES, TEXT, ARRAY, MAP = range(6)
"""Major types of CBOR (RFC 8949 §3.1) that CN1 has, besides tag 18 and the two booleans."""


def head(major: int, argument: int) -> bytes:
    """The first bytes of a CBOR item, in the shortest form."""
    if argument < 24:
        return bytes((major << 5 | argument,))
    for extra, size in ((24, 1), (25, 2), (26, 4), (27, 8)):
        if argument < 1 << 8 * size:
            return bytes((major << 5 | extra,)) + argument.to_bytes(size, "big")
    raise ValueError("CBOR numbers have 64 bits")


def integer(value: int) -> bytes:
    """An integer item."""
    return head(UINT, value) if value >= 0 else head(NEGATIVE, -1 - value)


def bstr(data: bytes) -> bytes:
    """A byte string item."""
    return head(BYTES, len(data)) + data


def to_be_signed(protected: bytes, payload: bytes) -> bytes:
    """The Sig_structure of RFC 9052 §4.4, over the original bytes of both parts."""
    return b"\x84\x6aSignature1" + bstr(protected) + b"\x40" + bstr(payload)


def sign1(protected: bytes, payload: bytes, signature: bytes) -> bytes:
    """A tagged COSE_Sign1 with an empty unprotected header."""
    return b"\xd2\x84" + bstr(protected) + b"\xa0" + bstr(payload) + bstr(signature)


def sign(key: SigningKey, message: bytes) -> bytes:
    """64 bytes: Ed25519, or ES256 as r and s."""
    if key.issuer.alg == Alg.EDDSA:
        return _ed25519_private(key.private).sign(message)
    return sign_es256(_p256_private(key.private), message)


def sign_es256(key: ec.EllipticCurvePrivateKey, message: bytes) -> bytes:
    """64 bytes: r and s, 32 each."""
    r, s = decode_dss_signature(key.sign(message, _ES256))
    return r.to_bytes(32, "big") + s.to_bytes(32, "big")


def issuer_signed(key: IssuerKey, message: bytes, signature: bytes) -> bool:
    """Whether the issuer's key made this signature; remembered when it did.

    What is remembered is a mathematical fact about bytes: a key revoked or expired meanwhile is judged elsewhere.
    """
    try:
        _check_remembered(key.alg, key.public, message, signature)
    except (InvalidSignature, ValueError):
        return False
    return True


def device_signed(public: bytes, message: bytes, signature: bytes) -> bool:
    """Whether the phone with this compressed P-256 point made this ES256 signature; False too for no point at all."""
    try:
        _check(Alg.ES256, public, message, signature)
    except (InvalidSignature, ValueError):
        return False
    return True


def public_of(alg: Alg, private: bytes) -> bytes:
    """The public half of a private key, in the form of `IssuerKey.public`."""
    if alg == Alg.EDDSA:
        return _ed25519_private(private).public_key().public_bytes_raw()
    return compressed(_p256_private(private).public_key())


def compressed(public: ec.EllipticCurvePublicKey) -> bytes:
    """The 33-byte form of a P-256 point (SEC 1 §2.3.3)."""
    numbers = public.public_numbers()
    return bytes((2 + numbers.y % 2,)) + numbers.x.to_bytes(32, "big")


# 1,024 bytes or so each: 8 MB at most, and a member who comes back within the day costs one signature less.
# Failures raise and are not kept, so that forged codes cannot push out good ones.
@functools.lru_cache(maxsize=8192)
def _check_remembered(alg: Alg, public: bytes, message: bytes, signature: bytes) -> None:
    _check(alg, public, message, signature)


def _check(alg: Alg, public: bytes, message: bytes, signature: bytes) -> None:
    if alg == Alg.EDDSA:
        _ed25519_public(public).verify(signature, message)
        return
    r, s = int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big")
    _p256_public(public).verify(encode_dss_signature(r, s), message, _ES256)


@functools.lru_cache(maxsize=512)
def _ed25519_public(public: bytes) -> Ed25519PublicKey:
    return Ed25519PublicKey.from_public_bytes(public)


@functools.lru_cache(maxsize=8192)
def _p256_public(public: bytes) -> ec.EllipticCurvePublicKey:
    return ec.EllipticCurvePublicKey.from_encoded_point(_P256, public)


@functools.lru_cache(maxsize=64)
def _ed25519_private(private: bytes) -> Ed25519PrivateKey:
    return Ed25519PrivateKey.from_private_bytes(private)


@functools.lru_cache(maxsize=64)
def _p256_private(private: bytes) -> ec.EllipticCurvePrivateKey:
    return ec.derive_private_key(int.from_bytes(private, "big"), _P256)
