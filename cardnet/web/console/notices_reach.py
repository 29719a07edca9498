"""能通知到谁: how many members are reached by which way, and inside the unit who."""

from flask import render_template, request
from flask.typing import ResponseReturnValue

from cardnet.access.rules import Principal
from cardnet.kernel.db import transaction
from cardnet.membership import services as membership
from cardnet.membership.services import notices
from cardnet.membership.services.notices import Reached
from cardnet.web.auth import OFFICERS, staff_page
from cardnet.web.console import blueprint
from cardnet.web.paging import Page, asked_page, page_of
from cardnet.wiring import current_world

_SHOWN = 100


@blueprint.get("/cards/notices/reach")
@staff_page(*OFFICERS)
def notices_reach(principal: Principal) -> ResponseReturnValue:
    """Counts of the reader's unions; of a unit without others below it also the names."""
    world = current_world()
    asked = request.args.get("way", "")
    way = Reached(asked) if asked in set(Reached) else None
    with transaction() as session:
        own = membership.union_of_id(session, principal.union_id)
        counts = notices.reach_by_union(session, world, principal.scope_path)
        alone = len(membership.open_unions_under(session, own.path)) == 1
        number = asked_page()
        lines, total = (
            notices.reach_lines(session, world, principal, way, _SHOWN, (number - 1) * _SHOWN) if alone else ((), 0)
        )
    sums = {name: sum(getattr(one, name) for one in counts) for name in ("members", *map(str, Reached))}
    return render_template(
        "console/notices_reach.html",
        own=own,
        sums=sums,
        alone=alone,
        way=way,
        ways=tuple(Reached),
        page=Page(lines, number, _SHOWN, total) if alone else page_of(counts, _SHOWN),
    )
