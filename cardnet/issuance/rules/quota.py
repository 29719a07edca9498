"""Quota: kinds, years, why a counter changes, and handing places down."""

import enum
from collections.abc import Sequence

from cardnet.kernel.money import allocate


class QuotaKind(enum.StrEnum):
    """What a quota counts."""

    NEW_CARD = "new_card"
    RECUPERATION = "recuperation"


class YearState(enum.StrEnum):
    """A quota year takes submissions while open; what it already holds may be used while closing."""

    OPEN = "open"
    CLOSING = "closing"
    CLOSED = "closed"


class EntryKind(enum.StrEnum):
    """Why a counter of a quota node changed."""

    GRANT = "grant"
    ALLOCATE = "allocate"
    RETURN = "return"
    HOLD = "hold"
    RELEASE = "release"
    USE = "use"


def plan_spread(free: int, members: Sequence[int]) -> list[int]:
    """Hand `free` places down by member counts; the parts add up to `free` exactly.

    Where no child has a member on record there is nothing to weigh by, and each counts the same.
    """
    return allocate(free, members if any(members) else [1] * len(members))
