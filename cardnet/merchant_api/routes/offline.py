"""What an offline till fetches beforehand: the trust pack and the status list, both signed, both CBOR."""

from collections.abc import Callable

from flask import Response, request
from sqlalchemy.orm import Session

from cardnet.credential.store import Published, signed_trust_pack, status_list
from cardnet.http.requests import read_query
from cardnet.kernel.db import transaction
from cardnet.kernel.world import World
from cardnet.merchant_api.routes.blueprint import CBOR, Call, serves
from cardnet.merchant_api.routes.edge import caller
from cardnet.merchant_api.schemas.offline import StatusQuery
from cardnet.wiring import current_world

_STATUS = StatusQuery()
_NOTES = "Send If-None-Match with the ETag you have; 304 says that nothing changed."


@serves(
    Call(
        "GET",
        "/trust-pack",
        "Which keys count and how codes are judged, signed by the root",
        {200: CBOR, 304: ""},
        notes=_NOTES,
    )
)
def trust_pack() -> Response:
    """GET /trust-pack."""
    return _publish(signed_trust_pack)


@serves(
    Call(
        "GET",
        "/status-list",
        "Which cards are withdrawn, two bits each",
        {200: CBOR, 304: ""},
        query=StatusQuery,
        notes=f"{_NOTES} With `since` (the `seq` of the list you have) the answer says only what changed; should that not "
        "lead to its digest, ask again without.",
    )
)
def card_statuses() -> Response:
    """GET /status-list."""
    return _publish(lambda session, world: status_list(session, world, read_query(_STATUS)["since"]))


def _publish(newest: Callable[[Session, World], Published]) -> Response:
    world = current_world()
    with transaction() as session:
        caller(session, world)
        document = newest(session, world)
    answer = Response(document.content, content_type=CBOR)
    answer.set_etag(document.etag)
    answer.headers["Cache-Control"] = "private, no-cache"
    answer.make_conditional(request)
    return answer
