"""The status list: two bits per card index, in the bit order of the Token Status List (draft-ietf-oauth-status-list)."""

import enum
import hashlib
import struct
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import cbor2

from cardnet.credential import document
from cardnet.credential.keys import IssuerKey, KeyUse, SigningKey

TTL_SECONDS = 3600
LIFE_SECONDS = 7 * 86_400
STALE_SECONDS = 72 * 3600

_EXP, _IAT, _SUB = 4, 6, 2
_TTL, _STATUS_LIST = 65534, 65533
_SEQ, _SINCE, _CHANGES, _DIGEST = -70002, -70006, -70007, -70008

_MOST_BYTES = 1 << 26
"""2^32 indexes of two bits are 1 GiB: no list of ours comes near 64 MiB, a bomb does."""
_CHANGE = struct.Struct(">IB")


class Status(enum.IntEnum):
    """A card index in the list. An index nobody holds says `valid`; whether it was issued only the server knows."""

    VALID = 0
    INVALID = 1
    SUSPENDED = 2


class StatusAge(enum.StrEnum):
    """How old the list was: a stale one (72 h) halves the offline limits, an expired one allows online only."""

    FRESH = "fresh"
    STALE = "stale"
    EXPIRED = "expired"
    UNCHECKED = "unchecked"


@dataclass(frozen=True, slots=True)
class StatusList:
    """`bits` has four indexes a byte, the first in the two lowest bits. Times are seconds since 1970.

    A verifier keeps the highest `seq` it has seen, and asks for the changes since.
    """

    bits: bytes
    issued_at: int
    expires_at: int
    seq: int = 0

    def of(self, index: int) -> int:
        """The two bits of an index; 0 beyond the end of the list."""
        place = index >> 2
        return self.bits[place] >> 2 * (index & 3) & 3 if place < len(self.bits) else 0

    def age(self, seconds: int) -> StatusAge:
        """How far the list can be trusted at a moment."""
        if seconds > self.expires_at:
            return StatusAge.EXPIRED
        return StatusAge.STALE if seconds - self.issued_at > STALE_SECONDS else StatusAge.FRESH


def make_list(statuses: Mapping[int, int], size: int, issued_at: int, seq: int = 0) -> StatusList:
    """A list of `size` indexes, all valid but those named."""
    bits = bytearray(-(-size // 4))
    for index, status in statuses.items():
        bits[index >> 2] |= status << 2 * (index & 3)
    return StatusList(bytes(bits), issued_at, issued_at + LIFE_SECONDS, seq)


def seal_list(listed: StatusList, uri: str, key: SigningKey) -> bytes:
    """The list as a signed CWT. Raises InvalidInput("key_period", "key_use") when `key` may not sign it."""
    return _seal(listed, uri, key, {_STATUS_LIST: {"bits": 2, "lst": zlib.compress(listed.bits, 9)}})


def seal_change(listed: StatusList, before: StatusList, uri: str, key: SigningKey) -> bytes:
    """What makes `listed` out of `before`: five bytes for each changed index, and a digest of the outcome.

    Raises as `seal_list`.
    """
    changes = b"".join(_CHANGE.pack(index, listed.of(index)) for index in _differing(before.bits, listed.bits))
    claims = {
        _SINCE: before.seq,
        _STATUS_LIST: len(listed.bits),
        _CHANGES: changes,
        _DIGEST: _digest(listed.bits),
    }
    return _seal(listed, uri, key, claims)


def open_list(content: bytes, keys: Mapping[bytes, IssuerKey], before: StatusList | None = None) -> StatusList:
    """Read a signed list, or a signed change of `before`, under the status keys of a trust pack.

    Raises ValueError when it is neither, when it is older than `before`, or when the change does not lead to the list
    it was made for: then the whole list is to be asked for.
    """
    claims = document.unseal(content, keys, KeyUse.STATUS)
    try:
        seq, issued_at, expires_at = claims.get(_SEQ, 0), claims[_IAT], claims[_EXP]
        if not all(type(number) is int for number in (seq, issued_at, expires_at)):
            raise ValueError("numbers")
        if before and (seq < before.seq or issued_at < before.issued_at):
            raise ValueError("a later status list has been seen")
        bits = _changed(claims, before) if _CHANGES in claims else _unpacked(claims[_STATUS_LIST])
        return StatusList(bits, issued_at, expires_at, seq)
    except (KeyError, TypeError, struct.error, zlib.error) as error:
        raise ValueError(f"not a status list: {error}") from None


def _seal(listed: StatusList, uri: str, key: SigningKey, body: dict[int, Any]) -> bytes:
    claims = {
        _SUB: uri,
        _EXP: listed.expires_at,
        _IAT: listed.issued_at,
        _TTL: TTL_SECONDS,
        _SEQ: listed.seq,
        **body,
    }
    return document.seal(key, KeyUse.STATUS, listed.issued_at, cbor2.dumps(claims, canonical=True))


def _unpacked(listed: dict[str, Any]) -> bytes:
    unpacker = zlib.decompressobj()
    bits = unpacker.decompress(listed["lst"], _MOST_BYTES)
    if listed["bits"] != 2 or not unpacker.eof or unpacker.unused_data:
        raise ValueError("not a list of two bits")
    return bits


def _changed(claims: Mapping[Any, Any], before: StatusList | None) -> bytes:
    size, changes = claims[_STATUS_LIST], claims[_CHANGES]
    if before is None or claims[_SINCE] != before.seq:
        raise ValueError("a change of another list")
    if type(size) is not int or not len(before.bits) <= size <= _MOST_BYTES or len(changes) % _CHANGE.size:
        raise ValueError("not a change")
    bits = bytearray(before.bits) + bytes(size - len(before.bits))
    for index, status in _CHANGE.iter_unpack(changes):
        if index >> 2 >= size or status > 3:
            raise ValueError("not a change")
        shift = 2 * (index & 3)
        bits[index >> 2] = bits[index >> 2] & ~(3 << shift) | status << shift
    if _digest(bits) != claims[_DIGEST]:
        raise ValueError("the lists have parted")
    return bytes(bits)


def _differing(before: bytes, after: bytes) -> Iterator[int]:
    """Indexes whose two bits are not the same; what is beyond the end of `before` was 0."""
    before = before.ljust(len(after), b"\0")
    for start in range(0, len(after), 1024):
        if before[start : start + 1024] == after[start : start + 1024]:
            continue
        for place in range(start, min(start + 1024, len(after))):
            other = before[place] ^ after[place]
            yield from (4 * place + n for n in range(4) if other >> 2 * n & 3)


def _digest(bits: bytes | bytearray) -> bytes:
    return hashlib.sha256(bits).digest()[:16]
