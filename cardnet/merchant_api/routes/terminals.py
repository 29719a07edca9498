"""Who a terminal is, how it becomes one, and the description of this API."""

from collections.abc import Callable
from functools import lru_cache
from typing import Any

from flask import Response, request
from sqlalchemy.orm import Session

from cardnet.benefits.services import bought_at, last_record_of
from cardnet.credential.device import base64url
from cardnet.finance.rules import cycle_end
from cardnet.http import openapi, problem
from cardnet.http.requests import read_body
from cardnet.http.speech import asked_language
from cardnet.http.wire import load, moment
from cardnet.kernel.calendar import day_of
from cardnet.kernel.db import transaction
from cardnet.kernel.world import World
from cardnet.merchant_api import examples, rules, schemas
from cardnet.merchant_api.routes.blueprint import API, Call, serves
from cardnet.merchant_api.routes.edge import admit_stranger, answer_once, caller, json_answer, read_key, respond
from cardnet.merchant_api.rules import MOST_FEN, Answer
from cardnet.merchant_api.services import certificate_of
from cardnet.merchants.rules import Venue
from cardnet.merchants.services import (
    AddKey,
    Enrol,
    EnrolmentRefused,
    KeyView,
    add_key,
    counting_keys,
    ending_key,
    enrol,
    merchant_of_id,
)
from cardnet.wiring import current_world

_ENROL, _NEW_KEY = schemas.EnrolRequest(), schemas.NewKeyRequest()


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
        notes="The code works once, within 15 minutes and 5 tries. The token is shown once. With an Idempotency-Key, which need "
        "not be sent, a device whose answer was lost may ask again with the same code and key: it gets a new token, and "
        "the lost one ends.",
    )
)
def enrol_terminal() -> Response:
    """POST /terminals/enrol."""
    world = current_world()
    admit_stranger(world)
    body = load(_ENROL, read_body())
    with transaction() as session:
        outcome = enrol(session, world, Enrol(**body, once=_once()))
        if isinstance(outcome, EnrolmentRefused):
            return problem(401, outcome.code, outcome.message)
        certificate = certificate_of(session, world, outcome.venue, outcome.key_id)
    return respond(
        json_answer(
            201,
            {
                "token": outcome.token,
                "key_id": outcome.key_id,
                "certificate": base64url(certificate) if certificate else None,
                "replaces": _ending(outcome.replaces),
                **_names(outcome.venue),
                "server_time": moment(world.now()),
            },
        )
    )


def _once() -> str | None:
    """The Idempotency-Key, which nobody has to send: a code works once anyway."""
    return read_key() if "Idempotency-Key" in request.headers else None


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
            old = _ending(ending_key(session, world, venue.terminal_id))
            certificate = certificate_of(session, world, venue, made.key_id)
            said = {
                "key_id": made.key_id,
                "algorithm": made.algorithm.value,
                "certificate": base64url(certificate) if certificate else None,
                "replaces": old,
            }
            return json_answer(201, said | {"server_time": moment(world.now())})

        return act

    return answer_once(rules.NEW_KEY, _NEW_KEY, work)


@serves(Call("GET", "/me", "Who this token is, and what this API accepts", {200: schemas.Me}, tag="terminals"))
def me() -> Response:
    """GET /me."""
    world = current_world()
    with transaction() as session:
        venue = caller(session, world)
        last_seq, last_hash = last_record_of(session, venue.terminal_id)
        services = bought_at(session, world, venue)
        keys = counting_keys(session, world, venue.terminal_id)
        cycle = merchant_of_id(session, venue.merchant_id).settlement_cycle.value
    at = world.now()
    limits = {"amount_fen_max": MOST_FEN, "hold_seconds_max": schemas.HOLD_SECONDS[1], "lines_max": schemas.MOST_LINES}
    said = {
        **_names(venue),
        "limits": limits,
        "services": [{"code": one.code, "programs": list(one.programs)} for one in services],
        "last_terminal_seq": last_seq,
        "last_record_hash": base64url(last_hash) if last_hash else None,
        "signing_keys": [
            {"key_id": key.key_id, "ends_at": moment(key.ends_at) if key.ends_at else None} for key in keys
        ],
        "next_settlement": {"cycle": cycle, "ends_on": cycle_end(cycle, day_of(at)).isoformat()},
        "server_time": moment(at),
    }
    return respond(json_answer(200, said))


@serves(Call("GET", "/openapi.json", "This document", {200: "application/json"}, open_to_all=True, tag="terminals"))
def describe() -> Response:
    """GET /openapi.json."""
    return respond(_document(asked_language()))


@lru_cache
def _document(language: str) -> Answer:
    return json_answer(200, openapi.document(API, language))


def _ending(key: KeyView | None) -> dict[str, str] | None:
    return {"key_id": key.key_id, "ends_at": moment(key.ends_at)} if key and key.ends_at else None


def _names(venue: Venue) -> dict[str, dict[str, str]]:
    return {
        "merchant": {"code": venue.merchant_code, "name": venue.merchant_name},
        "store": {"code": venue.store_code, "name": venue.store_name},
        "terminal": {"code": venue.terminal_code, "name": venue.terminal_name},
    }
