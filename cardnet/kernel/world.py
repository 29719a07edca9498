"""Time, chance and identity: the three things a rule must never fetch for itself."""

import hashlib
import os
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta


@dataclass(frozen=True)
class World:
    """`now` gives an aware UTC moment, `new_id` a UUIDv7 in time order, `random_bytes(n)` n unguessable bytes."""

    now: Callable[[], datetime]
    new_id: Callable[[], uuid.UUID]
    random_bytes: Callable[[int], bytes]


def uuid7(at: datetime, chance: bytes) -> uuid.UUID:
    """A UUID version 7 (RFC 9562 §5.7): 48 bits of milliseconds, 12 of the fraction, 62 random.

    The 12 bits behind the version carry the sub-millisecond part (method 3), so ids made within one
    millisecond of one process still sort by time. `chance` needs at least 8 bytes.
    """
    micros = int(at.timestamp() * 1_000_000)
    millis, fraction = divmod(micros, 1000)
    value = millis << 80 | 0x7 << 76 | (fraction * 4096 // 1000) << 64
    value |= 0b10 << 62 | int.from_bytes(chance[:8], "big") & (1 << 62) - 1
    return uuid.UUID(int=value)


def system_world() -> World:
    """The real clock and the operating system's randomness."""

    def now() -> datetime:
        return datetime.now(UTC)

    return World(now, lambda: uuid7(now(), os.urandom(8)), os.urandom)


def clock_started_at(start: datetime) -> World:
    """A world whose clock reads `start` now and runs on at normal speed: for demonstrations and tests only.

    `start` must be aware. The same `CARDNET_CLOCK` in two processes gives each its own running clock.
    """
    offset = start.astimezone(UTC) - datetime.now(UTC)

    def now() -> datetime:
        return datetime.now(UTC) + offset

    return World(now, lambda: uuid7(now(), os.urandom(8)), os.urandom)


def frozen_world(at: datetime, seed: bytes = b"cardnet") -> World:
    """A world that stands still at `at` and repeats itself exactly for one `seed`: for tests and the demonstration."""
    from_seed = _Stream(seed)
    ticks = _Ticks(at.astimezone(UTC))
    return World(lambda: at.astimezone(UTC), lambda: uuid7(ticks.next(), from_seed.read(8)), from_seed.read)


class _Stream:
    """Deterministic bytes: SHA-256 in counter mode. Never for secrets of a real union."""

    def __init__(self, seed: bytes) -> None:
        self.seed, self.counter, self.buffer = seed, 0, b""

    def read(self, size: int) -> bytes:
        while len(self.buffer) < size:
            self.buffer += hashlib.sha256(self.seed + self.counter.to_bytes(8, "big")).digest()
            self.counter += 1
        taken, self.buffer = self.buffer[:size], self.buffer[size:]
        return taken


class _Ticks:
    """A moment a microsecond later at each call, so that ids made in a frozen world keep their order."""

    def __init__(self, at: datetime) -> None:
        self.at = at

    def next(self) -> datetime:
        self.at += timedelta(microseconds=1)
        return self.at


monotonic_seconds = time.monotonic
"""For measuring how long something took; never for a date."""
