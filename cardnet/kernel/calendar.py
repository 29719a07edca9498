"""Days, years and cut-offs, all in Asia/Shanghai. Moments are aware UTC; days are dates."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import chinese_calendar

SHANGHAI = ZoneInfo("Asia/Shanghai")


def day_of(at: datetime) -> date:
    """The Shanghai day a moment belongs to."""
    return at.astimezone(SHANGHAI).date()


def local(at: datetime) -> datetime:
    """The same moment on a Shanghai clock."""
    return at.astimezone(SHANGHAI)


def start_of(day: date) -> datetime:
    """The first moment of a Shanghai day, in UTC."""
    return datetime.combine(day, time(), SHANGHAI).astimezone(UTC)


def end_of(day: date) -> datetime:
    """The first moment after a Shanghai day, in UTC: days are half open."""
    return start_of(day + timedelta(days=1))


def is_working_day(day: date) -> bool:
    """Whether offices work that day: the State Council's holidays and make-up days, else Monday to Friday.

    The holiday table is `chinesecalendar`'s; beyond its last year only weekends count as free.
    """
    try:
        return bool(chinese_calendar.is_workday(day))
    except NotImplementedError:
        return day.weekday() < 5


def working_deadline(start: datetime, days: int) -> datetime:
    """The same local time on the `days`-th working day after the start date, even when the start is a holiday."""
    begun = local(start)
    day = begun.date()
    left = days
    while left:
        day += timedelta(days=1)
        left -= is_working_day(day)
    return datetime.combine(day, begun.timetz()).astimezone(UTC)
