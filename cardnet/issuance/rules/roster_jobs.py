"""Decisions about the work on a roster: which step follows which, and how much of it is done."""

import enum
from collections.abc import Mapping


class RosterJobState(enum.StrEnum):
    """`waiting → checked → submitting → submitted`; a check may fail or be cancelled, a cancelled submission is checked again."""

    WAITING = "waiting"
    CHECKED = "checked"
    SUBMITTING = "submitting"
    SUBMITTED = "submitted"
    FAILED = "failed"
    CANCELLED = "cancelled"


UNFINISHED = frozenset({RosterJobState.WAITING, RosterJobState.SUBMITTING})
"""Somebody has to work on these."""

AFTER_CANCEL: Mapping[RosterJobState, RosterJobState] = {
    RosterJobState.WAITING: RosterJobState.CANCELLED,
    RosterJobState.SUBMITTING: RosterJobState.CHECKED,
}

_CHECKING = (("read", 35), ("check", 40), ("report", 25))
_SUBMITTING = (("read", 10), ("check", 20), ("people", 35), ("rows", 15), ("applications", 20))


def percent_done(state: RosterJobState, stage: str, done: int, total: int) -> int:
    """0 to 100: stages weigh as long as they take with 30,000 rows; nothing is 100 before it is committed."""
    if state not in UNFINISHED:
        return 100
    before = 0
    for name, weight in _SUBMITTING if state is RosterJobState.SUBMITTING else _CHECKING:
        if name == stage:
            return min(99, before + weight * min(done, total) // total if total > 0 else before)
        before += weight
    return 0
