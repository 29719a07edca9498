from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cardnet.kernel.calendar import SHANGHAI, day_of, end_of, is_working_day, start_of, working_deadline


@given(st.datetimes(datetime(2000, 1, 1), datetime(2099, 1, 1), timezones=st.just(UTC)))  # noqa: DTZ001 - hypothesis adds the zone
def test_every_moment_lies_in_its_own_day(at):
    day = day_of(at)
    assert start_of(day) <= at < end_of(day)


def test_the_year_turns_at_sixteen_hours_utc():
    assert day_of(datetime(2025, 12, 31, 15, 59, 59, tzinfo=UTC)) == date(2025, 12, 31)
    assert day_of(datetime(2025, 12, 31, 16, 0, 0, tzinfo=UTC)) == date(2026, 1, 1)


@pytest.mark.parametrize(
    ("day", "works", "why"),
    [
        (date(2025, 6, 2), False, "the Dragon Boat holiday"),
        (date(2025, 9, 28), True, "a Sunday worked for the National Day holiday"),
        (date(2026, 11, 24), True, "a Tuesday"),
        (date(2090, 1, 1), False, "a Sunday beyond the table: weekends still count"),
    ],
)
def test_offices_keep_the_state_councils_calendar(day, works, why):
    assert is_working_day(day) is works, why


def test_a_deadline_is_the_same_local_time_on_the_nth_working_day():
    start = datetime(2025, 6, 2, 9, 0, tzinfo=SHANGHAI)
    assert working_deadline(start, 3) == datetime(2025, 6, 5, 9, 0, tzinfo=SHANGHAI)


def test_a_day_has_twenty_four_hours():
    assert end_of(date(2026, 1, 1)) - start_of(date(2026, 1, 1)) == timedelta(hours=24)
