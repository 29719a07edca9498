"""What waits for me, oldest first, overdue on top."""

import uuid
from collections.abc import Sequence

from flask import render_template
from flask.typing import ResponseReturnValue

from cardnet.access.rules import Principal
from cardnet.issuance.services import desk
from cardnet.kernel.calendar import day_of
from cardnet.kernel.db import transaction
from cardnet.membership import services as membership
from cardnet.web.auth import OFFICERS, staff_page
from cardnet.web.console import blueprint
from cardnet.web.content_line import content_line
from cardnet.web.task_lines import everything_waiting, task_lines
from cardnet.wiring import current_world


@blueprint.get("")
@staff_page(*OFFICERS)
def inbox(principal: Principal) -> ResponseReturnValue:
    """The officer's first page."""
    world = current_world()
    with transaction() as session:
        tasks = everything_waiting(session, world, principal)
        union = membership.union_of_id(session, principal.union_id)
        recent = desk.batches(session, principal, limit=5)
        contentment = content_line(session, principal.scope_path, day_of(world.now()).year)
    return render_template(
        "console/inbox.html",
        lines=task_lines(tasks),
        union=union,
        recent=recent,
        waiting=_waiting(tasks, None),
        lent=_lent(tasks),
        contentment=contentment,
    )


def _waiting(tasks: Sequence[desk.Task], on_behalf_of: uuid.UUID | None) -> int:
    """How many rows wait for a verdict in that name."""
    return sum(task.count for task in tasks if task.kind == "review" and task.on_behalf_of == on_behalf_of)


def _lent(tasks: Sequence[desk.Task]) -> list[tuple[str, uuid.UUID, int]]:
    """In whose name something waits: the name shown, whose it is, how many."""
    names = {task.on_behalf_of: task.in_the_name_of for task in tasks if task.on_behalf_of}
    return [(name, giver_id, _waiting(tasks, giver_id)) for giver_id, name in names.items()]
