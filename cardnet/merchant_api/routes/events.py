"""The feed: everything that happened to a merchant's redemptions, in the order in which it became true."""

from flask import Response

from cardnet.http.requests import cursor_of, place_of, read_query
from cardnet.http.wire import moment
from cardnet.kernel.db import transaction
from cardnet.kernel.sequence import events_after, number_events
from cardnet.merchant_api import answers, schemas
from cardnet.merchant_api.routes.blueprint import Call, serves
from cardnet.merchant_api.routes.edge import caller, json_answer, respond
from cardnet.wiring import current_world

_QUERY = schemas.EventsQuery()


@serves(
    Call(
        "GET",
        "/events",
        "Everything that happened to your redemptions, in the order of commits",
        {200: schemas.EventList},
        query=schemas.EventsQuery,
        tag="look up",
        notes="Oldest first, every event once: nothing ever appears before a cursor you hold. A cursor belongs to its "
        "filter. An answer without events has a cursor too; ask with it again later.",
    )
)
def list_events() -> Response:
    """GET /events."""
    world = current_world()
    with transaction() as session:
        venue = caller(session, world)
        query = read_query(_QUERY)
        bound = ["events", str(venue.merchant_id), query["type"]]
        place = place_of(session, bound, query["cursor"]) or 0
        # Who asks need not wait for the worker's round.
        number_events(session)
        found = events_after(session, place, query["limit"] + 1, venue.merchant_id, query["type"])
        shown = found[: query["limit"]]
        cursor = cursor_of(session, bound, shown[-1].seq if shown else place)
    body = {
        "events": [answers.event(one) for one in shown],
        "next_cursor": cursor,
        "more": len(found) > len(shown),
        "server_time": moment(world.now()),
    }
    return respond(json_answer(200, body))
