"""What waits for me, oldest first, overdue on top."""

from flask import render_template
from flask.typing import ResponseReturnValue

from cardnet.access.rules import Principal
from cardnet.issuance import services as issuance
from cardnet.issuance.services import desk
from cardnet.kernel.db import transaction
from cardnet.membership import services as membership
from cardnet.web.auth import OFFICERS, staff_page
from cardnet.web.console import blueprint
from cardnet.wiring import current_world


@blueprint.get("")
@staff_page(*OFFICERS)
def inbox(principal: Principal) -> ResponseReturnValue:
    """The officer's first page."""
    world = current_world()
    with transaction() as session:
        tasks = desk.tasks_of(session, world, principal)
        union = membership.union_of_id(session, principal.union_id)
        waiting = desk.open_counts(session, world, principal).all
        lent = [
            (giver.display_name, giver_id, desk.open_counts(session, world, giver).all)
            for giver_id, giver in issuance.stands_in_for(session, world, principal).items()
        ]
        recent = desk.batches(session, principal, limit=5)
    return render_template(
        "console/inbox.html", tasks=tasks, union=union, recent=recent, waiting=waiting, lent=lent, now=world.now()
    )
