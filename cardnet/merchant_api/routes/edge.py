"""Every call's way in and out: who calls, what they sent, one answer per key.

The order of checks is fixed: authentication, shape, key, then what the use case finds.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import quote

import structlog
from flask import Response, current_app, request
from marshmallow import Schema
from sqlalchemy.orm import Session

from cardnet.credential.keys import KeyUse
from cardnet.credential.store import signing_key
from cardnet.credential.verify import Accepted, Rejected
from cardnet.http import problem
from cardnet.http.requests import JSON, bearer, read_body
from cardnet.http.wire import Malformed, load
from cardnet.kernel.compact import compact
from cardnet.kernel.db import transaction
from cardnet.kernel.errors import CardnetError, InvalidInput, NotAllowed, NotSignedIn
from cardnet.kernel.statement import Lost
from cardnet.kernel.world import World
from cardnet.merchant_api import receipts, rules, services
from cardnet.merchant_api.limits import Gate, gate_of
from cardnet.merchant_api.routes.blueprint import blueprint
from cardnet.merchant_api.rules import Answer
from cardnet.merchant_api.signatures import ClockSkew, SignedRequest, key_id_in, verified_nonce
from cardnet.merchants import services as merchants
from cardnet.merchants.rules import Caller, Scope, Venue, may_call
from cardnet.wiring import current_settings, current_world

Work = Callable[[Session, World, Venue, dict[str, Any]], Callable[[], Answer]]
"""Reads what can be read before the key is taken, and returns what is to be done under it."""
Take = Callable[[Session, World, services.Claim, Callable[[], Answer]], Answer]


_log = structlog.get_logger("cardnet.merchant_api")

_GATE = "cardnet.merchant_api.gate"
_SIGNED_IN = "cardnet.merchant_api.signed_in"
"""In the request's environ: the venue that was let in. A stranger gets no signature out of us, whatever is answered."""
_SCOPES = {rules.ADVISE: Scope.OFFLINE}
_UNDOING = frozenset({rules.REVERSE, rules.ADVISE})
"""Never held up behind ordinary calls."""


def answer_once(call: str, schema: Schema, work: Work, **parameters: str) -> Response:
    """Answer a call that changes state: once per key, the same bytes to every repeat.

    An error that settles the request (`rules.is_stored`) rolls back all it did and is then kept as the key's answer;
    any other leaves the key free.
    """
    return _answer(services.once, call, schema, work, parameters)


def answer_at_once(call: str, schema: Schema, work: Work, again: Work) -> Response:
    """The same for `work` that leaves what it writes to the commit; `again` is the work that asks before it writes."""
    try:
        return _answer(services.at_once, call, schema, work, {})
    except Lost:
        return answer_once(call, schema, again)


def _answer(take: Take, call: str, schema: Schema, work: Work, parameters: Mapping[str, str]) -> Response:
    world = current_world()
    claim: services.Claim | None = None
    try:
        with transaction() as session:
            venue = caller(session, world, _SCOPES.get(call, Scope.REDEEM), undoing=call in _UNDOING)
            sent = read_body()
            key = read_key()
            body = load(schema, sent)
            print_of = rules.fingerprint(request.method, call, parameters, sent)
            claim = services.Claim(venue.merchant_id, venue.terminal_id, key, call, print_of)
            answer = take(session, world, claim, work(session, world, venue, body))
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


def caller(session: Session, world: World, scope: Scope = Scope.READ, *, undoing: bool = False) -> Venue:
    """The venue of the request's terminal token or signature, let through by the rate limits.

    Raises NotSignedIn("token_invalid", "signature_invalid", "key_revoked", "clock_skew"), NotAllowed, TooManyRequests.
    """
    gate, at = _gate(), world.now()
    try:
        known = _signer(session, world) if "Signature-Input" in request.headers else _bearer(session, world)
    except NotSignedIn:
        admit_stranger(world)
        raise
    if gate:
        gate.admit_caller(known.venue.terminal_id, known.venue.merchant_id, at, undoing=undoing)
    request.environ[_SIGNED_IN] = known.venue
    if known.scopes is not None and scope not in known.scopes:
        raise NotAllowed("scope_denied", "这个令牌没有这项权限，请商户管理员换一个令牌。", {"scope": scope.value})
    return known.venue


def admit_stranger(world: World) -> None:
    """Let somebody in who has no token yet, by address. Raises TooManyRequests("rate_limited")."""
    if gate := _gate():
        gate.admit_stranger(request.remote_addr or "", world.now())


def count_bad_code(session: Session, world: World, venue: Venue, code: Accepted | Rejected) -> None:
    """Count a code that no card of ours can have shown; too many in a minute lock the terminal for one."""
    gate = _gate()
    if gate and isinstance(code, Rejected) and code.outcome in rules.BAD_CODES:
        merchants.count_bad_code(session, world, venue.terminal_id, gate.limits.failed_codes)


def _gate() -> Gate | None:
    kept = current_app.extensions
    if _GATE not in kept:
        kept[_GATE] = gate_of(current_settings())
    gate: Gate | None = kept[_GATE]
    return gate


def _bearer(session: Session, world: World) -> Caller:
    token = bearer()
    if token is None:
        raise NotSignedIn("token_invalid", "缺少终端令牌：请以 Authorization: Bearer cnt_… 发送。")
    known = merchants.caller_of_token(session, world, token)
    if known.requires_signature:
        raise NotSignedIn("signature_invalid", "本商户要求每个请求都签名（RFC 9421），请用登记过公钥的终端发送。")
    return known


def _signer(session: Session, world: World) -> Caller:
    """Who signed. A token sent along must be the same terminal's, and lends its scopes."""
    signed = SignedRequest(request.method, _url_as_sent(), dict(request.headers), request.get_data(cache=True))
    terminal = merchants.signing_terminal(session, world, key_id_in(signed))
    nonce = verified_nonce(signed, terminal.algorithm, terminal.public_key, world.now())
    if turned_away := may_call(terminal.caller, world.now()):
        raise turned_away
    services.use_nonce(session, world, terminal.key, nonce)
    token = bearer()
    if token is None:
        return terminal.caller
    known = merchants.caller_of_token(session, world, token)
    if known.venue.terminal_id != terminal.caller.venue.terminal_id:
        raise NotSignedIn("signature_invalid", "签名密钥和令牌不属于同一台终端。")
    return known


def _url_as_sent() -> str:
    return f"https://{request.host}{_target_as_sent()}"


def _target_as_sent() -> str:
    return request.environ.get("RAW_URI") or request.environ.get("REQUEST_URI") or quote(request.path)


@blueprint.after_request
def _sign_if_asked(answer: Response) -> Response:
    """A receipt for who is signed in and wants one: whatever was answered for good, replays and refusals too."""
    venue: Venue | None = request.environ.get(_SIGNED_IN)
    if venue is None or answer.status_code == 429 or answer.status_code >= 500:
        return answer
    try:
        if label := receipts.label_asked_for(request.headers.get("Accept-Signature", "")):
            answer.headers.update(_receipt(label, venue, answer))
    except Exception as error:  # noqa: BLE001
        # Better an answer without proof than none: the sale is done.
        _log.error("answer_not_signed", error=type(error).__name__, path=request.path, exc_info=error)
    return answer


def _receipt(label: str, venue: Venue, answer: Response) -> dict[str, str]:
    at = current_world().now()
    with transaction() as session:
        # By one reading of the clock: at the turn of the year the key of the one year signs nothing of the next.
        key = signing_key(session, replace(current_world(), now=lambda: at), KeyUse.RECEIPT)
    terminal, key_sent = f"{venue.merchant_code}/{venue.terminal_code}", request.headers.get("Idempotency-Key")
    said = receipts.Said(terminal, request.method, _target_as_sent(), key_sent, answer.status_code, answer.get_data())
    return receipts.signed_headers(label, said, key, int(at.timestamp()))


@blueprint.errorhandler(ClockSkew)
def _clock_skew(error: ClockSkew) -> Response:
    headers = {"WWW-Authenticate": "Bearer"}
    return problem(error.status, error.code, error.message, headers=headers, **error.detail)


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
    return Answer(status, JSON, compact(body), subject_id)


def kept_problem(error: CardnetError) -> Answer:
    """An error as an answer that can be stored."""
    members: dict[str, Any] = {"detail": _linked(error.detail)} if error.detail else {}
    errors = error.errors if isinstance(error, InvalidInput) else ()
    return problem_answer(problem(error.status, error.code, error.message, retry=error.retry, errors=errors, **members))


def _linked(detail: Mapping[str, Any]) -> dict[str, Any]:
    """With the address of the redemption it names."""
    first = detail.get("redemption_id")
    return {**detail, "href": f"{blueprint.url_prefix}/redemptions/{first}"} if first else dict(detail)


def problem_answer(document: Response, subject_id: Any = None) -> Answer:
    """A problem document as an answer that can be stored."""
    return Answer(document.status_code, document.content_type or "", document.get_data(), subject_id)


def respond(answer: Answer) -> Response:
    """Send an answer."""
    response = Response(answer.body, answer.status, content_type=answer.media_type)
    if answer.replayed:
        response.headers["Idempotency-Replayed"] = "true"
    return response
