"""Days, years and cut-offs, all in Asia/Shanghai. Moments are aware UTC; days are dates.

Working days are those of the State Council's yearly notices (部分节假日安排), holidays and make-up days, as the package
`chinesecalendar` (MIT) carries them: 1.11.0 knows 2004 to 2026. The notice of a year comes out in November of the year
before. Until it is known here, a day of that year counts by what never changes: Monday to Friday, less the holidays
with a fixed date. What an office knows earlier it records, and recorded days overrule both (`decided`).
"""

from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import chinese_calendar

SHANGHAI = ZoneInfo("Asia/Shanghai")

_FIXED = frozenset({(1, 1), (5, 1), (5, 2), (10, 1), (10, 2), (10, 3)})
"""Month and day of the holidays that follow no moon: 全国年节及纪念日放假办法 (国务院令第795号), in force from 2025-01-01."""


EARLIEST, LATEST = date(1900, 1, 1), date(2199, 12, 31)
"""Days somebody can mean: others are slips of the pen, and the last of all days has no end."""


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


def published_through() -> int:
    """The last year whose holidays and make-up days the built-in table knows."""
    return int(max(chinese_calendar.holidays).year)


def is_working_day(day: date, decided: Mapping[date, bool] | None = None) -> bool:
    """Whether offices work that day. `decided` are days an office recorded itself: True is worked, False is free."""
    if decided and day in decided:
        return decided[day]
    try:
        return bool(chinese_calendar.is_workday(day))
    except NotImplementedError:
        return day.weekday() < 5 and (day.month, day.day) not in _FIXED


def working_deadline(start: datetime, days: int, decided: Mapping[date, bool] | None = None) -> datetime:
    """The same local time on the `days`-th working day after the start date, even when the start is a holiday."""
    begun = local(start)
    day = begun.date()
    left = days
    while left:
        day += timedelta(days=1)
        left -= is_working_day(day, decided)
    return datetime.combine(day, begun.timetz()).astimezone(UTC)
