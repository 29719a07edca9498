"""The loop that every edge runs to close days: one step of `services.close_day` a transaction, until it is done.

It is an edge itself (it opens transactions), shared by the command and the page.
"""

import time
import uuid
from collections.abc import Sequence
from datetime import date

from cardnet.finance import services
from cardnet.finance.services import CloseDay
from cardnet.kernel.db import transaction
from cardnet.kernel.errors import Unavailable
from cardnet.kernel.world import monotonic_seconds
from cardnet.wiring import current_world

_PAUSE_SECONDS = 0.05


def close_until(day: date, actor_id: uuid.UUID | None, patience_seconds: float = 60) -> Sequence[date]:
    """Close `day` and every day before it that holds movements; says which it closed.

    Raises Conflict("day_not_over"), and Unavailable("day_closing") when writers of a day are still at work after
    `patience_seconds`: asking again goes on where this stopped.
    """
    with transaction() as session:
        days = services.days_to_close(session, current_world(), day)
    give_up_at = monotonic_seconds() + patience_seconds
    for one in days:
        _close(one, actor_id, give_up_at)
    return days


def _close(day: date, actor_id: uuid.UUID | None, give_up_at: float) -> None:
    step: CloseDay | None = CloseDay(day, actor_id)
    while step:
        with transaction() as session:
            answer = services.close_day(session, current_world(), step)
        step = answer.next_step
        if answer.waiting:
            if monotonic_seconds() > give_up_at:
                raise Unavailable("day_closing", f"{day} 还有交易正在写入，日结未完成，请稍后再试。")
            time.sleep(_PAUSE_SECONDS)
