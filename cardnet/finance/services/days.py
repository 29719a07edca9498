"""Closing a business day.

One call is one step, because the proof that nothing is missing needs separate transactions: the mark `closing`
must be committed before the mark of the newest writer is taken, and that writer must have ended before the day is
read for the last time. A writer that saw `open` has a transaction id below the mark (it writes before it asks for
the day's state), so it is waited for; one that comes later sees `closing`. Every edge runs the same loop:

    step = CloseDay(day, actor)
    while step := the step close_day answered: ask again, each time in a new transaction
"""

import uuid
from dataclasses import dataclass, replace
from datetime import date

from sqlalchemy.orm import Session

from cardnet.finance.services.differences import clear_timing_differences
from cardnet.kernel import audit
from cardnet.kernel.calendar import day_of
from cardnet.kernel.errors import Conflict
from cardnet.kernel.world import World
from cardnet.ledger import services as ledger
from cardnet.ledger.rules import DayState


@dataclass(frozen=True)
class CloseDay:
    """Close `day`. `mark` comes from the answer to the step before; leave it out of the first."""

    day: date
    actor_id: uuid.UUID | None = None
    mark: int | None = None


@dataclass(frozen=True)
class DayClose:
    """How far it has come. `next_step` is None once the day is closed, else what to ask next, in a new transaction."""

    day: date
    state: DayState
    next_step: CloseDay | None

    @property
    def waiting(self) -> bool:
        """Whether writers of the day are still at work; pause before asking again."""
        return self.next_step is not None and self.next_step.mark is not None


def close_day(session: Session, world: World, command: CloseDay) -> DayClose:
    """One step of closing a day. Closing a closed day changes nothing.

    Raises Conflict("day_not_over") until the day has ended in Shanghai.
    """
    refuse_unless_over(world, command.day)
    state = ledger.day_state(session, command.day)
    if state is DayState.CLOSED:
        return DayClose(command.day, state, None)
    if state is DayState.OPEN:
        ledger.mark_closing(session, world, command.day)
        return DayClose(command.day, DayState.CLOSING, replace(command, mark=None))
    if command.mark is None:
        # The mark `closing` we just read was committed by another transaction, so this is the moment to count.
        command = replace(command, mark=ledger.newest_writer(session))
    assert command.mark is not None
    if not ledger.writers_gone(session, command.mark):
        return DayClose(command.day, state, command)
    ledger.mark_closed(session, world, command.day)
    clear_timing_differences(session, world, command.day)
    act = audit.Act("day.close", "business_day", command.day.isoformat(), actor_id=command.actor_id)
    audit.record(session, world, act)
    return DayClose(command.day, DayState.CLOSED, None)


def refuse_unless_over(world: World, day: date) -> None:
    """Raises Conflict("day_not_over") while it is still `day`, or before it, in Shanghai."""
    if day >= day_of(world.now()):
        raise Conflict("day_not_over", f"{day} 还没有结束，第二天零点以后才能日结。", {"day": day.isoformat()})
