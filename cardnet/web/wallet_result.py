"""What came of the code on the screen: asked by the card while it is in sight, so that a used code stands there no longer."""

from datetime import timedelta

from flask import request
from flask.typing import ResponseReturnValue

from cardnet.benefits import services as benefits
from cardnet.kernel.db import transaction
from cardnet.web.member_lines import newest_line
from cardnet.web.wallet import blueprint
from cardnet.web.wallet_calls import answer, member_of
from cardnet.wiring import current_world

RECENT = timedelta(minutes=5)
"""What is older than this is no answer to a code on a screen."""


@blueprint.get("/wallet/api/result")
def result() -> ResponseReturnValue:
    """The member's newest redemption or refusal and when it was decided; its line where it is not `after` and recent."""
    world = current_world()
    with transaction() as session:
        person_id = member_of(session)
        newest = benefits.newest_of_person(session, person_id)
        fresh = newest is not None and str(newest[0]) != request.args.get("after") and world.now() - newest[1] < RECENT
        line = newest_line(session, person_id) if fresh else None
    found = None if newest is None else {"id": str(newest[0]), "at": int(newest[1].timestamp() * 1000), "line": line}
    return answer({"newest": found}, world.now())
