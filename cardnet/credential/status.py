"""The status list: two bits per card index, in the bit order of the Token Status List (draft-ietf-oauth-status-list)."""

import enum
import zlib
from collections.abc import Mapping
from dataclasses import dataclass

import cbor2

from cardnet.credential import document
from cardnet.credential.keys import IssuerKey, KeyUse, SigningKey

TTL_SECONDS = 3600
LIFE_SECONDS = 7 * 86_400
STALE_SECONDS = 72 * 3600

_EXP, _IAT, _SUB = 4, 6, 2
_TTL, _STATUS_LIST = 65534, 65533


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
    """`bits` has four indexes a byte, the first in the two lowest bits. Times are seconds since 1970."""

    bits: bytes
    issued_at: int
    expires_at: int

    def of(self, index: int) -> int:
        """The two bits of an index; 0 beyond the end of the list."""
        place = index >> 2
        return self.bits[place] >> 2 * (index & 3) & 3 if place < len(self.bits) else 0

    def age(self, seconds: int) -> StatusAge:
        """How far the list can be trusted at a moment."""
        if seconds > self.expires_at:
            return StatusAge.EXPIRED
        return StatusAge.STALE if seconds - self.issued_at > STALE_SECONDS else StatusAge.FRESH


def make_list(statuses: Mapping[int, int], size: int, issued_at: int) -> StatusList:
    """A list of `size` indexes, all valid but those named."""
    bits = bytearray(-(-size // 4))
    for index, status in statuses.items():
        bits[index >> 2] |= status << 2 * (index & 3)
    return StatusList(bytes(bits), issued_at, issued_at + LIFE_SECONDS)


def seal_list(listed: StatusList, uri: str, key: SigningKey) -> bytes:
    """The list as a signed CWT. Raises InvalidInput("key_period", "key_use") when `key` may not sign it."""
    claims = {
        _SUB: uri,
        _EXP: listed.expires_at,
        _IAT: listed.issued_at,
        _STATUS_LIST: {"bits": 2, "lst": zlib.compress(listed.bits, 9)},
        _TTL: TTL_SECONDS,
    }
    return document.seal(key, KeyUse.STATUS, listed.issued_at, cbor2.dumps(claims, canonical=True))


def open_list(content: bytes, keys: Mapping[bytes, IssuerKey]) -> StatusList:
    """Read a signed list under the status keys of a trust pack. Raises ValueError when it is not one."""
    claims = document.unseal(content, keys, KeyUse.STATUS)
    try:
        listed = claims[_STATUS_LIST]
        unpacker = zlib.decompressobj()
        # 2^32 indexes of two bits are 1 GiB: no list of ours comes near 64 MiB, a bomb does.
        bits = unpacker.decompress(listed["lst"], 1 << 26)
        if listed["bits"] != 2 or not unpacker.eof or unpacker.unused_data:
            raise ValueError("not a list of two bits")
        return StatusList(bits, int(claims[_IAT]), int(claims[_EXP]))
    except (KeyError, TypeError, zlib.error) as error:
        raise ValueError(f"not a status list: {error}") from None
