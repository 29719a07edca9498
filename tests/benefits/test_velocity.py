"""Too many uses of one card, or two at places too far apart: what an honest holder never does."""

import uuid
from datetime import UTC, datetime, timedelta

import pytest

from cardnet.benefits.velocity import Pace, Use, too_fast

NOON = datetime(2026, 11, 21, 4, 0, tzinfo=UTC)
PACE = Pace(uses=3, within=timedelta(minutes=10), travel=timedelta(seconds=60))


def uses(*made):
    return [
        Use(NOON + timedelta(seconds=at), uuid.UUID(int=n), uuid.UUID(int=store)) for n, (at, store) in enumerate(made)
    ]


@pytest.mark.parametrize(
    ("made", "found"),
    [
        ([], []),
        ([(0, 1), (100, 1)], []),
        ([(0, 1), (100, 1), (599, 1)], [2]),
        ([(0, 1), (100, 1), (600, 1)], []),
        # Of a rush the use that makes it one, and a second rush later.
        ([(0, 1), (100, 1), (200, 1), (300, 1)], [2]),
        ([(0, 1), (1, 1), (2, 1), (900, 1), (901, 1), (902, 1)], [2, 5]),
        ([(0, 1), (59, 2)], [1]),
        ([(0, 1), (60, 2)], []),
        ([(0, 1), (59, 1)], []),
        # There and back.
        ([(0, 1), (30, 2), (59, 1)], [1, 2]),
    ],
)
def test_what_is_too_fast(made, found):
    assert [one.int for one in too_fast(reversed(uses(*made)), PACE, NOON)] == found


def test_a_use_before_what_is_new_is_not_told_again():
    assert too_fast(uses((0, 1), (30, 2), (400, 2)), PACE, NOON + timedelta(seconds=31)) == [uuid.UUID(int=2)]
    assert too_fast(uses((0, 1), (30, 2)), PACE, NOON + timedelta(seconds=31)) == []


def test_a_tills_own_time_proves_no_flight_but_counts_in_a_rush():
    here, there, back, again = uses((0, 1), (20, 2), (30, 1), (40, 1))
    assert too_fast([here, there._replace(told=True), back], Pace(9, timedelta(minutes=10), PACE.travel), NOON) == []
    assert too_fast([here._replace(told=True), back, again], PACE, NOON) == [again.id]


def test_no_travel_time_looks_at_no_store():
    pace = Pace(3, timedelta(minutes=10), timedelta(0))
    assert too_fast(uses((0, 1), (0, 2)), pace, NOON) == []
