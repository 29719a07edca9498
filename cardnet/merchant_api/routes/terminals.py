"""Who a terminal is, how it becomes one, and the description of this API."""

from flask import Response, current_app

from cardnet.http import openapi, problem
from cardnet.http.requests import read_body
from cardnet.http.wire import load, moment
from cardnet.kernel.db import transaction
from cardnet.merchant_api import schemas
from cardnet.merchant_api.routes.blueprint import API, Call, serves
from cardnet.merchant_api.routes.edge import caller, json_answer, respond
from cardnet.merchant_api.rules import MOST_FEN
from cardnet.merchants.rules import Venue
from cardnet.merchants.services import Enrol, EnrolmentRefused, enrol
from cardnet.wiring import current_world

_ENROL = schemas.EnrolRequest()
_DOCUMENT = "cardnet.merchant_api.document"


@serves(
    Call(
        "POST",
        "/terminals/enrol",
        "Trade a pairing code for a terminal token",
        {201: schemas.EnrolledTerminal},
        body=schemas.EnrolRequest,
        problems=("pairing_code_invalid", "too_many_tokens"),
        open_to_all=True,
        notes="The code works once, within 15 minutes and 5 tries: it needs no Idempotency-Key. The token is shown once.",
    )
)
def enrol_terminal() -> Response:
    """POST /terminals/enrol."""
    world = current_world()
    body = load(_ENROL, read_body())
    with transaction() as session:
        outcome = enrol(session, world, Enrol(**body))
    if isinstance(outcome, EnrolmentRefused):
        return problem(401, outcome.code, outcome.message)
    return respond(
        json_answer(201, {"token": outcome.token, **_names(outcome.venue), "server_time": moment(world.now())})
    )


@serves(Call("GET", "/me", "Who this token is, and what this API accepts", {200: schemas.Me}))
def me() -> Response:
    """GET /me."""
    world = current_world()
    with transaction() as session:
        venue = caller(session, world)
    limits = {"amount_fen_max": MOST_FEN, "hold_seconds_max": schemas.HOLD_SECONDS[1], "lines_max": schemas.MOST_LINES}
    return respond(json_answer(200, {**_names(venue), "limits": limits, "server_time": moment(world.now())}))


@serves(Call("GET", "/openapi.json", "This document", {200: "application/json"}, open_to_all=True))
def describe() -> Response:
    """GET /openapi.json."""
    if _DOCUMENT not in current_app.extensions:
        current_app.extensions[_DOCUMENT] = json_answer(200, openapi.document(API))
    return respond(current_app.extensions[_DOCUMENT])


def _names(venue: Venue) -> dict[str, dict[str, str]]:
    return {
        "merchant": {"code": venue.merchant_code, "name": venue.merchant_name},
        "store": {"code": venue.store_code, "name": venue.store_name},
        "terminal": {"code": venue.terminal_code, "name": venue.terminal_name},
    }
