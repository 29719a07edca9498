"""What a correction of the bulletin says otherwise than the issue it stands in the place of. Pure."""

from collections.abc import Iterator
from itertools import zip_longest

from cardnet.benefits.bulletin import HEADINGS, Change, Figures, Issue, Line

_Place = tuple[str, bool]
"""A union's code, which it keeps whatever it is called, and whether the line is of its own people."""


def changes_between(before: Issue, after: Issue) -> tuple[Change, ...]:
    """Every number that differs: the whole first, then page by page; unions that stand no more come last."""
    was, now = _lines(before), _lines(after)
    first = after.first.union.path
    found = list(_changes(first, None, before.first.total, after.first.total))
    for place, (level, line) in now.items():
        earlier = was[place][1].figures if place in was else None
        found += _changes(level, line, earlier, line.figures)
    for place, (level, line) in was.items():
        if place not in now:
            found += _changes(level if after.level_of(level) else first, line, line.figures, None)
    return tuple(found)


def _lines(issue: Issue) -> dict[_Place, tuple[str, Line]]:
    return {(line.union.code, line.own): (level.union.path, line) for level in issue.levels for line in level.lines}


def _changes(level: str, line: Line | None, before: Figures | None, after: Figures | None) -> Iterator[Change]:
    rows = zip_longest(HEADINGS, before.row if before else (), after.row if after else ())
    for what, earlier, later in rows:
        if (earlier or 0) != (later or 0):
            yield Change(level, line.union if line else None, bool(line and line.own), what, earlier, later)
