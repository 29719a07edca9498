"""Who a terminal is, how it becomes one, and the description of this API."""

from collections.abc import Callable
from typing import Any

from flask import Response, current_app
from sqlalchemy.orm import Session

from cardnet.http import openapi, problem
from cardnet.http.requests import read_body
from cardnet.http.wire import load, moment
from cardnet.kernel.db import transaction
from cardnet.kernel.world import World
from cardnet.merchant_api import examples, rules, schemas
from cardnet.merchant_api.routes.blueprint import API, Call, serves
from cardnet.merchant_api.routes.edge import admit_stranger, answer_once, caller, json_answer, respond
from cardnet.merchant_api.rules import MOST_FEN, Answer
from cardnet.merchants.rules import Venue
from cardnet.merchants.services import AddKey, Enrol, EnrolmentRefused, add_key, enrol, keys_of
from cardnet.wiring import current_world

_ENROL, _NEW_KEY = schemas.EnrolRequest(), schemas.NewKeyRequest()
_DOCUMENT = "cardnet.merchant_api.document"


@serves(
    Call(
        "POST",
        "/terminals/enrol",
        "Trade a pairing code for a terminal token",
        {201: schemas.EnrolledTerminal},
        body=schemas.EnrolRequest,
        example=examples.ENROL,
        tag="terminals",
        problems=("pairing_code_invalid", "too_many_tokens", "too_many_keys", "key_taken"),
        open_to_all=True,
        notes="The code works once, within 15 minutes and 5 tries: it needs no Idempotency-Key. The token is shown once.",
    )
)
def enrol_terminal() -> Response:
    """POST /terminals/enrol."""
    world = current_world()
    admit_stranger(world)
    body = load(_ENROL, read_body())
    with transaction() as session:
        outcome = enrol(session, world, Enrol(**body))
    if isinstance(outcome, EnrolmentRefused):
        return problem(401, outcome.code, outcome.message)
    return respond(
        json_answer(
            201,
            {
                "token": outcome.token,
                "key_id": outcome.key_id,
                **_names(outcome.venue),
                "server_time": moment(world.now()),
            },
        )
    )


@serves(
    Call(
        "POST",
        "/terminals/keys",
        "Register the terminal's next signing key",
        {201: schemas.NewKey},
        body=schemas.NewKeyRequest,
        example=examples.NEW_KEY,
        tag="terminals",
        problems=("too_many_keys", "key_taken"),
        takes_key=True,
        notes="The key before it counts for seven more days, so that nothing signed on the way is lost; two at a time.",
    )
)
def new_key() -> Response:
    """POST /terminals/keys."""

    def work(session: Session, world: World, venue: Venue, body: dict[str, Any]) -> Callable[[], Answer]:
        def act() -> Answer:
            made = add_key(session, world, AddKey(venue.terminal_id, body["public_key"]))
            old = [one for one in keys_of(session, venue.terminal_id) if one.ends_at and one.ends_at > world.now()]
            ends = {"key_id": old[0].key_id, "ends_at": moment(old[0].ends_at)} if old and old[0].ends_at else None
            said = {"key_id": made.key_id, "algorithm": made.algorithm.value, "replaces": ends}
            return json_answer(201, said | {"server_time": moment(world.now())})

        return act

    return answer_once(rules.NEW_KEY, _NEW_KEY, work)


@serves(Call("GET", "/me", "Who this token is, and what this API accepts", {200: schemas.Me}, tag="terminals"))
def me() -> Response:
    """GET /me."""
    world = current_world()
    with transaction() as session:
        venue = caller(session, world)
    limits = {"amount_fen_max": MOST_FEN, "hold_seconds_max": schemas.HOLD_SECONDS[1], "lines_max": schemas.MOST_LINES}
    return respond(json_answer(200, {**_names(venue), "limits": limits, "server_time": moment(world.now())}))


@serves(Call("GET", "/openapi.json", "This document", {200: "application/json"}, open_to_all=True, tag="terminals"))
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
