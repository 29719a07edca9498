"""What an offline till fetches beforehand: the roots it pins, and trust pack, status list and offers, signed, as CBOR."""

from collections.abc import Callable

from flask import Response, request
from sqlalchemy.orm import Session

from cardnet.credential.store import Published, roots_to_pin, signed_trust_pack, status_list
from cardnet.http import maintenance
from cardnet.http.requests import read_query
from cardnet.kernel.db import transaction
from cardnet.kernel.world import World
from cardnet.merchant_api import schemas, services
from cardnet.merchant_api.routes.blueprint import CBOR, Call, serves
from cardnet.merchant_api.routes.edge import caller, json_answer, respond
from cardnet.merchants import services as merchants
from cardnet.wiring import current_world

_STATUS = schemas.StatusQuery()
_NOTES = "Send If-None-Match with the ETag you have; 304 says that nothing changed."


@serves(
    Call(
        "GET",
        "/roots",
        "The root keys to pin when a till is paired",
        {200: schemas.Roots},
        tag="offline",
        notes="Ask once, keep them, and never take others on the word of a later answer: a pack that does not open under "
        "them is not to be used. The next root is among them, so that a change of roots needs no new pairing.",
    )
)
def root_keys() -> Response:
    """GET /roots."""
    world = current_world()
    with transaction() as session:
        caller(session, world)
        pinned = roots_to_pin(session, world)
    said = [{"kid": key.kid.hex(), "public": key.public.hex(), "nbf": key.nbf, "exp": key.exp} for key in pinned]
    return respond(json_answer(200, {"roots": said}))


@serves(
    Call(
        "GET",
        "/trust-pack",
        "Which keys count and how codes are judged, signed by the root",
        {200: CBOR, 304: ""},
        tag="offline",
        notes=_NOTES,
    )
)
def trust_pack() -> Response:
    """GET /trust-pack."""
    return _publish(signed_trust_pack)


@serves(
    Call(
        "GET",
        "/offline-offers",
        "What this merchant's tills may give alone, and up to what",
        {200: CBOR, 304: ""},
        tag="offline",
        notes=f"{_NOTES} Signed by the pack's `offers` key: `4` until when it counts, `6` from when, -70010 the merchant's "
        "code, -70011 the offers (calculator, floor of the purchase, least spending, service codes, lane), -70012 the limits.",
    )
)
def offline_offers() -> Response:
    """GET /offline-offers."""
    world, noted = current_world(), _may_write()
    with transaction() as session:
        venue = caller(session, world)
        document = services.signed_offers(session, world, venue)
        if noted:
            merchants.note_sync(session, world, venue.terminal_id)
    return _send(document)


@serves(
    Call(
        "GET",
        "/status-list",
        "Which cards are withdrawn, two bits each",
        {200: CBOR, 304: ""},
        query=schemas.StatusQuery,
        tag="offline",
        notes=f"{_NOTES} With `since` (the `seq` of the list you have) the answer says only what changed; should that not "
        "lead to its digest, ask again without.",
    )
)
def card_statuses() -> Response:
    """GET /status-list."""
    return _publish(lambda session, world: status_list(session, world, read_query(_STATUS)["since"]))


def _publish(newest: Callable[[Session, World], Published]) -> Response:
    world, noted = current_world(), _may_write()
    with transaction() as session:
        venue = caller(session, world)
        document = newest(session, world)
        if noted:
            merchants.note_sync(session, world, venue.terminal_id)
    return _send(document)


def _may_write() -> bool:
    """Reads go on while maintenance is on, but nothing is written then: not when a terminal synchronised either."""
    return maintenance.current() is None


def _send(document: Published) -> Response:
    answer = Response(document.content, content_type=CBOR)
    answer.set_etag(document.etag)
    answer.headers["Cache-Control"] = "private, no-cache"
    answer.make_conditional(request)
    return answer
