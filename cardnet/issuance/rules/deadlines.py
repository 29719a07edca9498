"""The clock of review: how long a tier has, and when it stands still. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from cardnet.kernel.calendar import end_of, is_working_day, local, start_of


@dataclass(frozen=True)
class Freeze:
    """Under `path` nobody reviews from `from_at` until before `to_at`; None is until it is lifted."""

    path: str
    from_at: datetime
    to_at: datetime | None
    reason: str = ""

    def covers(self, path: str, at: datetime) -> bool:
        """Whether it holds for the union at `path` at that moment."""
        return path.startswith(self.path) and self.from_at <= at and (self.to_at is None or at < self.to_at)

    def touches(self, day: date) -> bool:
        """Whether any part of a Shanghai day lies in it."""
        return self.from_at < end_of(day) and (self.to_at is None or self.to_at > start_of(day))


def due_at(
    arrived: datetime, working_days: int, freezes: Iterable[Freeze], decided: Mapping[date, bool]
) -> datetime | None:
    """The same local time on the n-th working day after the day of arrival; a day touched by a freeze does not count.

    None while a freeze without an end stands in the way: the clock stands still.
    """
    begun = local(arrived)
    day, left = begun.date(), working_days
    stops = tuple(freezes)
    while left:
        day += timedelta(days=1)
        touching = [stop for stop in stops if stop.touches(day)]
        if any(stop.to_at is None for stop in touching):
            return None
        left -= not touching and is_working_day(day, decided)
    return datetime.combine(day, begun.timetz()).astimezone(UTC)
