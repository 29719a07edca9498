"""CN1 tokens, read and written.

The reader knows exactly the grammar of the format and nothing else: each item in its shortest form, in its only
place. So what it accepts has one encoding, and true, 1 and 1.0 cannot be taken for each other as they can in
Python's dicts. A token it accepts is rebuilt from its values byte by byte (`encode_*`).
"""

from dataclasses import dataclass
from typing import NoReturn

from cardnet.credential import cose
from cardnet.credential.cose import ARRAY, BYTES, MAP, NEGATIVE, TEXT, UINT, bstr, head, integer

UINT32 = 1 << 32
AUDIENCE_BYTES = range(1, 25)
NONCE_BYTES = range(4, 33)

_CNF = b"\x08\xa1\x01\xa4\x01\x02\x20\x01\x21\x58\x20"
"""Claim 8 up to the point: {1: {1: 2 (EC2), -1: 1 (P-256), -2: 32 bytes x."""
_TIER = b"\x3a\x00\x01\x11\x70"
"""The claim -70001."""
_NONCE = b"\x18\x27"
"""The claim 39, cnonce."""


class Malformed(ValueError):
    """The bytes are not a CN1 token."""


@dataclass(frozen=True, slots=True)
class Claims:
    """What the union states about a card index. Times are seconds since 1970, each below 2^32.

    `device_key` is the 33-byte compressed P-256 point of the phone; None on a printed card.
    """

    index: int
    issued_at: int
    expires_at: int
    tier: int
    group: int | None = None
    device_key: bytes | None = None


@dataclass(frozen=True, slots=True)
class Credential:
    """Claims under the issuer's signature; `signed` is what the signature is over, in the original bytes."""

    alg: int
    kid: bytes
    claims: Claims
    signed: bytes
    signature: bytes


@dataclass(frozen=True, slots=True)
class Proof:
    """What the phone states at one moment. `proof_id` is a counter (4 bytes) and 4 random bytes."""

    issued_at: int
    proof_id: bytes
    audience: str | None = None
    nonce: bytes | None = None


@dataclass(frozen=True, slots=True)
class DeviceCode:
    """A proof under the phone's signature, around the credential it belongs to."""

    alg: int
    credential: Credential
    proof: Proof
    signed: bytes
    signature: bytes


def decode(token: bytes) -> DeviceCode | Credential:
    """Read a token: a device code or a static card. Raises Malformed for everything else."""
    reader = _Reader(token)
    protected, payload, signature = reader.sign1()
    reader.end()
    header = _Reader(protected)
    header.literal(b"\xa2\x01")
    alg = header.integer()
    if not header.skip(b"\x0d"):
        return _credential(alg, header, protected, payload, signature)
    inner_protected, inner_payload, inner_signature = header.sign1()
    header.end()
    inner = _Reader(inner_protected)
    inner.literal(b"\xa2\x01")
    credential = _credential(inner.integer(), inner, inner_protected, inner_payload, inner_signature)
    return DeviceCode(alg, credential, _proof(payload), cose.to_be_signed(protected, payload), signature)


def decode_credential(token: bytes) -> Credential:
    """Read a credential on its own, as a phone stores it. Raises Malformed for everything else."""
    credential = decode(token)
    if isinstance(credential, DeviceCode):
        raise Malformed("a code, not a credential")
    return credential


def _credential(alg: int, header: "_Reader", protected: bytes, payload: bytes, signature: bytes) -> Credential:
    header.literal(b"\x04\x42")
    kid = header.take(2)
    header.end()
    return Credential(alg, kid, _claims(payload), cose.to_be_signed(protected, payload), signature)


def _claims(payload: bytes) -> Claims:
    reader = _Reader(payload)
    entries = reader.head(MAP)
    reader.literal(b"\x04")
    expires_at = reader.uint32()
    reader.literal(b"\x06")
    issued_at = reader.uint32()
    reader.literal(b"\x07\x44")
    index = int.from_bytes(reader.take(4), "big")
    device_key = reader.point() if reader.skip(_CNF) else None
    reader.literal(_TIER)
    parts = reader.head(ARRAY)
    tier = reader.head(UINT)
    group = reader.head(UINT) if parts == 2 else None
    reader.end()
    if entries != 4 + (device_key is not None) or parts not in (1, 2):
        raise Malformed("claims")
    return Claims(index, issued_at, expires_at, tier, group, device_key)


def _proof(payload: bytes) -> Proof:
    reader = _Reader(payload)
    entries = reader.head(MAP)
    audience = reader.text(AUDIENCE_BYTES) if reader.skip(b"\x03") else None
    reader.literal(b"\x06")
    issued_at = reader.uint32()
    reader.literal(b"\x07\x48")
    proof_id = reader.take(8)
    nonce = reader.bytes_of(NONCE_BYTES) if reader.skip(_NONCE) else None
    reader.end()
    if entries != 2 + (audience is not None) + (nonce is not None):
        raise Malformed("proof")
    return Proof(issued_at, proof_id, audience, nonce)


def encode_claims(claims: Claims) -> bytes:
    """The payload of a credential."""
    cnf = b""
    if claims.device_key is not None:
        cnf = _CNF + claims.device_key[1:] + b"\x22" + (b"\xf5" if claims.device_key[0] == 3 else b"\xf4")
    group = b"" if claims.group is None else integer(claims.group)
    return (
        head(MAP, 5 if cnf else 4)
        + (b"\x04" + integer(claims.expires_at) + b"\x06" + integer(claims.issued_at))
        + (b"\x07\x44" + claims.index.to_bytes(4, "big") + cnf)
        + (_TIER + head(ARRAY, 2 if group else 1) + integer(claims.tier) + group)
    )


def encode_proof(proof: Proof) -> bytes:
    """The payload of a device code."""
    audience = b"" if proof.audience is None else proof.audience.encode()
    entries = 2 + (proof.audience is not None) + (proof.nonce is not None)
    return (
        head(MAP, entries)
        + (b"" if proof.audience is None else b"\x03" + head(TEXT, len(audience)) + audience)
        + (b"\x06" + integer(proof.issued_at) + b"\x07" + bstr(proof.proof_id))
        + (b"" if proof.nonce is None else _NONCE + bstr(proof.nonce))
    )


def credential_header(alg: int, kid: bytes) -> bytes:
    """The protected header of a credential."""
    return b"\xa2\x01" + integer(alg) + b"\x04" + bstr(kid)


def device_header(alg: int, credential: bytes) -> bytes:
    """The protected header of a device code: the whole credential is its `kcwt` (RFC 9528)."""
    return b"\xa2\x01" + integer(alg) + b"\x0d" + credential


class _Reader:
    """Walks over CBOR bytes and takes only what it is told to expect."""

    __slots__ = ("at", "data")

    def __init__(self, data: bytes) -> None:
        self.data, self.at = data, 0

    def fail(self) -> NoReturn:
        raise Malformed(f"at byte {self.at}")

    def take(self, size: int) -> bytes:
        start, self.at = self.at, self.at + size
        if self.at > len(self.data):
            self.fail()
        return self.data[start : self.at]

    def literal(self, expected: bytes) -> None:
        if not self.data.startswith(expected, self.at):
            self.fail()
        self.at += len(expected)

    def skip(self, expected: bytes) -> bool:
        """Whether `expected` comes next; if so it is passed over."""
        if not self.data.startswith(expected, self.at):
            return False
        self.at += len(expected)
        return True

    def end(self) -> None:
        if self.at != len(self.data):
            self.fail()

    def head(self, major: int) -> int:
        """The argument of an item of this major type, in its shortest form."""
        first = self.take(1)[0]
        if first >> 5 != major:
            self.fail()
        extra = first & 31
        return extra if extra < 24 else self.argument(extra)

    def argument(self, extra: int) -> int:
        """An argument that stands in the bytes behind its head."""
        if extra > 27:
            self.fail()
        size = 1 << extra - 24
        argument = int.from_bytes(self.take(size), "big")
        if argument < (24 if size == 1 else 1 << 4 * size):
            self.fail()
        return argument

    def integer(self) -> int:
        negative = self.data[self.at : self.at + 1] >= b"\x20"
        return -1 - self.head(NEGATIVE) if negative else self.head(UINT)

    def uint32(self) -> int:
        number = self.head(UINT)
        if number >= UINT32:
            self.fail()
        return number

    def bytes_of(self, sizes: range) -> bytes:
        size = self.head(BYTES)
        if size not in sizes:
            self.fail()
        return self.take(size)

    def text(self, sizes: range) -> str:
        size = self.head(TEXT)
        if size not in sizes:
            self.fail()
        try:
            return self.take(size).decode()
        except UnicodeDecodeError:
            self.fail()

    def point(self) -> bytes:
        """The rest of claim 8: x, and -3 (the sign of y) as a boolean."""
        x = self.take(32)
        self.literal(b"\x22")
        sign = self.take(1)
        if sign not in (b"\xf4", b"\xf5"):
            self.fail()
        return (b"\x03" if sign == b"\xf5" else b"\x02") + x

    def sign1(self) -> tuple[bytes, bytes, bytes]:
        """A COSE_Sign1: protected header, payload, signature."""
        self.literal(b"\xd2\x84")
        protected = self.take(self.head(BYTES))
        self.literal(b"\xa0")
        payload = self.take(self.head(BYTES))
        self.literal(b"\x58\x40")
        return protected, payload, self.take(64)
