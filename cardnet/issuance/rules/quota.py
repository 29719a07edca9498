"""Quota: kinds, years, why a counter changes, and handing places down."""

import enum
from collections.abc import Sequence

from cardnet.kernel.errors import InvalidInput
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
    RECALL = "recall"
    HOLD = "hold"
    OFFER = "offer"
    RELEASE = "release"
    CARRY = "carry"
    REORGANISE = "reorganise"
    USE = "use"


class AllocationBasis(enum.StrEnum):
    """What places are divided by: members on record, last year's use, or what the officer typed."""

    MEMBERS = "members"
    LAST_YEAR = "last_year"
    HAND = "hand"


class RaiseState(enum.StrEnum):
    """Where a request for more places stands."""

    ASKED = "asked"
    APPROVED = "approved"
    REFUSED = "refused"
    WITHDRAWN = "withdrawn"


OFFER_DAYS = 7
"""A place offered to somebody who waits is held so many days, unless the year says otherwise."""

CARRIED_PRIORITY = -100
"""Whose place ended with its year stands before everybody else in the next year's line."""

PRIORITIES = range(-9, 10)
"""What an officer may give: a smaller number goes first, 0 is the ordinary place in line."""


def was_carried(priority: int) -> bool:
    """Whether who stands in line with this priority came from the year before."""
    return priority <= CARRIED_PRIORITY + PRIORITIES[-1]


def moved_priority(priority: int, given: int) -> int:
    """What somebody's priority becomes when an officer gives `given`: the year they came from stays their own.

    Whoever was carried over is moved among those carried over; nobody of the new year comes before them.
    """
    return given + (CARRIED_PRIORITY if was_carried(priority) else 0)


def plan_spread(free: int, members: Sequence[int]) -> list[int]:
    """Hand `free` places down by member counts; the parts add up to `free` exactly.

    Where no child has a member on record there is nothing to weigh by, and each counts the same.
    """
    return allocate(free, members if any(members) else [1] * len(members))


def must_add_up(total: int, shares: Sequence[int]) -> None:
    """Raises InvalidInput("allocation_sum") when the shares do not come to `total`.

    A published allocation of 1,000 once added up to 1,100; ours says so before it is done.
    """
    if (typed := sum(shares)) != total:
        more = "多" if typed > total else "少"
        raise InvalidInput(
            "allocation_sum",
            f"各单位合计 {typed:,}，比下达总数 {total:,} {more} {abs(typed - total):,}，请改到相等再下达。",
            detail={"sum": typed, "total": total},
        )
