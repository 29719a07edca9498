"""Every call's way in and out: who calls, what they sent, one answer per key.

The order of checks is fixed: authentication, shape, key, then what the use case finds.
"""

import json
from collections.abc import Callable
from typing import Any

from flask import Response, request
from marshmallow import Schema
from sqlalchemy.orm import Session

from cardnet.http import problem
from cardnet.http.requests import JSON, bearer, read_body
from cardnet.http.wire import Malformed, load
from cardnet.kernel.db import transaction
from cardnet.kernel.errors import CardnetError, InvalidInput, NotSignedIn
from cardnet.kernel.world import World
from cardnet.merchant_api import rules, services
from cardnet.merchant_api.rules import Answer
from cardnet.merchants.rules import Venue
from cardnet.merchants.services import venue_of_token
from cardnet.wiring import current_world

Work = Callable[[Session, World, Venue, dict[str, Any]], Callable[[], Answer]]
"""Reads what can be read before the key is taken, and returns what is to be done under it."""


def answer_once(call: str, schema: Schema, work: Work, **parameters: str) -> Response:
    """Answer a call that changes state: once per key, the same bytes to every repeat.

    An error that settles the request (`rules.is_stored`) rolls back all it did and is then kept as the key's answer;
    any other leaves the key free.
    """
    world = current_world()
    claim: services.Claim | None = None
    try:
        with transaction() as session:
            venue = caller(session, world)
            sent = read_body()
            key = read_key()
            body = load(schema, sent)
            print_of = rules.fingerprint(request.method, call, parameters, sent)
            claim = services.Claim(venue.merchant_id, venue.terminal_id, key, call, print_of)
            answer = services.once(session, world, claim, work(session, world, venue, body))
    except CardnetError as error:
        if claim is None or not rules.is_stored(error):
            raise
        answer = _keep(world, claim, error)
    return respond(answer)


def _keep(world: World, claim: services.Claim, error: CardnetError) -> Answer:
    settled = kept_problem(error)
    with transaction() as session:
        # A repeat may have come in between and fared differently: then its answer is the key's answer.
        return services.once(session, world, claim, lambda: settled)


def caller(session: Session, world: World) -> Venue:
    """The venue of the request's terminal token. Raises NotSignedIn("token_invalid"), NotAllowed."""
    token = bearer()
    if token is None:
        raise NotSignedIn("token_invalid", "缺少终端令牌：请以 Authorization: Bearer cnt_… 发送。")
    return venue_of_token(session, world, token)


def read_key() -> str:
    """The Idempotency-Key. Raises Malformed("idempotency_key_required" or "idempotency_key_invalid")."""
    key = request.headers.get("Idempotency-Key")
    if not key:
        raise Malformed("idempotency_key_required", "缺少 Idempotency-Key：每个新请求请带一个新的键，重试时带同一个。")
    if not rules.is_key(key):
        raise Malformed("idempotency_key_invalid", "Idempotency-Key 应为 16–64 位字母、数字、_ 或 -。")
    return key


def json_answer(status: int, body: dict[str, Any], subject_id: Any = None) -> Answer:
    """An answer in JSON."""
    return Answer(status, JSON, json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode(), subject_id)


def kept_problem(error: CardnetError) -> Answer:
    """An error as an answer that can be stored."""
    members = {"detail": error.detail} if error.detail else {}
    errors = error.errors if isinstance(error, InvalidInput) else ()
    return problem_answer(problem(error.status, error.code, error.message, retry=error.retry, errors=errors, **members))


def problem_answer(document: Response, subject_id: Any = None) -> Answer:
    """A problem document as an answer that can be stored."""
    return Answer(document.status_code, document.content_type or "", document.get_data(), subject_id)


def respond(answer: Answer) -> Response:
    """Send an answer."""
    response = Response(answer.body, answer.status, content_type=answer.media_type)
    if answer.replayed:
        response.headers["Idempotency-Replayed"] = "true"
    return response
