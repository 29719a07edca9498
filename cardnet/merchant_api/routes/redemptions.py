"""Redemptions: quote, redeem, hold and capture, reverse, look up."""

import uuid
from collections.abc import Callable
from functools import partial
from typing import Any

from flask import Response
from sqlalchemy.orm import Session

from cardnet.benefits import services as benefits
from cardnet.benefits.services import Purchase, PurchaseLine, RedemptionRecord
from cardnet.credential.verify import Accepted, Rejected
from cardnet.http import problem
from cardnet.http.requests import read_body, read_query
from cardnet.http.wire import load, moment
from cardnet.kernel import calendar
from cardnet.kernel.db import transaction
from cardnet.kernel.errors import Conflict, NotFound
from cardnet.kernel.statement import Lost
from cardnet.kernel.world import World
from cardnet.merchant_api import answers, examples, rules, schemas, services
from cardnet.merchant_api.routes.blueprint import Call, serves
from cardnet.merchant_api.routes.edge import (
    answer_at_once,
    answer_once,
    caller,
    count_bad_code,
    json_answer,
    kept_problem,
    problem_answer,
    respond,
)
from cardnet.merchant_api.routes.paging import page_by_key
from cardnet.merchant_api.rules import Answer
from cardnet.merchants.rules import Scope, Venue
from cardnet.wiring import current_world

_QUOTE, _REDEEM = schemas.QuoteRequest(), schemas.RedeemRequest()
_CAPTURE, _REVERSE, _REFUND = schemas.CaptureRequest(), schemas.ReverseRequest(), schemas.RefundRequest()
_LIST = schemas.ListQuery()


@serves(
    Call(
        "POST",
        "/quotes",
        "Ask what would apply",
        {200: schemas.Quote},
        body=schemas.QuoteRequest,
        example=examples.QUOTE,
        tag="redeem",
        problems=("busy",),
        notes="Stores nothing and reserves nothing; `refused` is an outcome here, not a problem.",
    )
)
def ask_quote() -> Response:
    """POST /quotes."""
    world = current_world()
    with transaction() as session:
        venue = caller(session, world, Scope.REDEEM)
        body = load(_QUOTE, read_body())
        shown, code = _judge(session, world, venue, body)
        record = benefits.quote(
            session, world, benefits.Quote(venue, code, purchase_of(body["purchase"]), body["id_last4"])
        )
        count_bad_code(session, world, venue, code)
        token = None
        if isinstance(shown, services.Shown) and not _about_the_card(record):
            # Asking again by token gives the same one: two minutes from the code, not from the last question.
            token = body["quote_token"] or services.token_of(session, venue, shown), shown.expires_at
    return respond(json_answer(200, answers.quote(record, token, world.now())))


def _about_the_card(record: RedemptionRecord) -> bool:
    """Whether it is the card or the code that was refused, which no other purchase would mend."""
    return any(reason.program is None for reason in record.reasons)


@serves(
    Call(
        "POST",
        "/redemptions",
        "Redeem now, or hold",
        {201: schemas.Redemption},
        body=schemas.RedeemRequest,
        example=examples.REDEEM,
        tag="redeem",
        problems=("refused", "duplicate_merchant_reference", "already_reversed", "busy", "day_closing"),
        takes_key=True,
        notes="A refusal is recorded and repeated to the same key; a new attempt takes a new key. The reason "
        "`confirm_required` (a printed card) asks for `id_last4`; `limit_exceeded` says that it was used today.",
    )
)
def redeem() -> Response:
    """POST /redemptions."""
    return answer_at_once(rules.REDEEM, _REDEEM, partial(_redeem, with_commit=True), _redeem)


def _redeem(
    session: Session, world: World, venue: Venue, body: dict[str, Any], *, with_commit: bool = False
) -> Callable[[], Answer]:
    if with_commit and body["group_ref"] is not None:
        raise Lost  # a group is noted beside a redemption that is written
    shown, code = _judge(session, world, venue, body)
    command = benefits.Redeem(
        venue,
        shown.code if isinstance(shown, services.Shown) else "",
        code,
        purchase_of(body["purchase"]),
        body["merchant_ref"],
        body["capture"],
        body["hold_seconds"],
        body["id_last4"],
    )

    def act() -> Answer:
        record = benefits.redeem(session, world, command, with_commit=with_commit)
        count_bad_code(session, world, venue, code)
        if body["group_ref"] is not None:
            record = benefits.note_group(session, record, body["group_ref"], body["payer"])
        return _told(record, world)

    return act


def _told(record: RedemptionRecord, world: World) -> Answer:
    """A redemption's own answer, or the problem that a refusal is."""
    if not record.refused:
        return json_answer(201, answers.redemption(record, world.now()), record.id)
    why = answers.reasons(record.reasons)
    document = problem(422, "refused", why[0]["message"], retry="new_key", redemption_id=str(record.id), reasons=why)
    return problem_answer(document, record.id)


@serves(
    Call(
        "POST",
        "/redemptions/{id}/capture",
        "Use a hold, in whole or in part",
        {200: schemas.Capture},
        body=schemas.CaptureRequest,
        example=examples.CAPTURE,
        tag="redeem",
        problems=("not_found", "invalid_state", "hold_expired", "revoked", "capture_exceeds_held", "already_reversed"),
        takes_key=True,
        parameters={"id": "uuid"},
        notes="What is held and not used is free again at once.",
    )
)
def capture(id: uuid.UUID) -> Response:  # noqa: A002 - the contract's own name
    """POST /redemptions/{id}/capture."""

    def work(session: Session, world: World, venue: Venue, body: dict[str, Any]) -> Callable[[], Answer]:
        def act() -> Answer:
            held = benefits.redemption(session, id, venue.merchant_id)
            record = benefits.capture_hold(session, world, benefits.Capture(venue, id, body["benefit_fen"]))
            if record.outcome == "expired":
                # A value, not an error: the late capture has released what was held, and that must stay.
                return problem_answer(problem(409, "hold_expired", "预留已过期，金额已释放；请重新核销。"), record.id)
            said = answers.redemption(record, world.now())
            used = {"captured_fen": record.captured_fen, "released_fen": _held(held) - record.captured_fen}
            return json_answer(200, said | used, record.id)

        return act

    return answer_once(rules.CAPTURE, _CAPTURE, work, id=str(id))


def _held(record: RedemptionRecord) -> int:
    return record.discount_fen + record.subsidy_fen


@serves(
    Call(
        "POST",
        "/redemptions/{id}/refunds",
        "Give back part or all, any time",
        {201: schemas.Refund},
        body=schemas.RefundRequest,
        example=examples.REFUND,
        tag="undo",
        problems=("not_found", "invalid_state", "refund_exceeds_captured", "already_reversed", "day_closing"),
        takes_key=True,
        parameters={"id": "uuid"},
        notes="`benefit_fen`, or `lines` with what each of them got, or neither for all that is left. The union's money is "
        "free again at once; the member's use comes back when everything is given back.",
    )
)
def refund(id: uuid.UUID) -> Response:  # noqa: A002 - the contract's own name
    """POST /redemptions/{id}/refunds."""

    def work(session: Session, world: World, venue: Venue, body: dict[str, Any]) -> Callable[[], Answer]:
        lines = tuple(line["line_no"] for line in body["lines"])
        command = benefits.GiveBack(venue, id, body["reason"], body["benefit_fen"], lines)

        def act() -> Answer:
            made = benefits.refund(session, world, command)
            return json_answer(201, answers.refund(made, world.now()), id)

        return act

    return answer_once(rules.REFUND, _REFUND, work, id=str(id))


@serves(
    Call(
        "POST",
        "/reversals",
        "Undo a redemption as if it had never been",
        {200: schemas.Reversal},
        body=schemas.ReverseRequest,
        example=examples.REVERSE,
        tag="undo",
        problems=("not_found", "invalid_state", "day_closed"),
        takes_key=True,
        notes="Whole, on the same open business day; a hold on any day. May arrive before its original, which is then "
        "refused for ever with already_reversed. A sale reported by POST /advices can be named by its merchant_ref.",
    )
)
def reverse() -> Response:
    """POST /reversals."""
    return answer_once(rules.REVERSE, _REVERSE, _reverse)


def _reverse(session: Session, world: World, venue: Venue, body: dict[str, Any]) -> Callable[[], Answer]:
    def said(outcome: str, redemption_id: uuid.UUID | None = None) -> Answer:
        told = {
            "outcome": outcome,
            "redemption_id": redemption_id and str(redemption_id),
            "server_time": moment(world.now()),
        }
        return json_answer(200, told)

    def act() -> Answer:
        if offline := body["advice_merchant_ref"]:
            undone = benefits.undo_advice(session, world, benefits.UndoAdvice(venue, offline, body["reason"]))
            return said(undone.outcome, undone.redemption_id)
        redemption_id = body["redemption_id"]
        if original := body["original_idempotency_key"]:
            known = services.bury(session, world, venue, original, _too_late())
            if known is None or known.tombstone:
                return said("tombstoned")
            redemption_id = known.subject_id
        if redemption_id is None:
            return said("nothing_to_reverse")
        done = benefits.reverse(session, world, benefits.Reverse(venue, redemption_id, body["reason"]))
        return said("nothing_to_reverse" if isinstance(done, benefits.NothingToReverse) else "reversed", redemption_id)

    return act


def _too_late() -> Answer:
    return kept_problem(
        Conflict("already_reversed", "这笔交易在到达之前已被撤销，不能再核销；如需重新核销请换新的键。")
    )


@serves(
    Call(
        "GET",
        "/redemptions",
        "The day's list, newest first",
        {200: schemas.RedemptionList},
        query=schemas.ListQuery,
        tag="look up",
    )
)
def list_redemptions() -> Response:
    """GET /redemptions."""
    world = current_world()
    with transaction() as session:
        venue = caller(session, world)
        query = read_query(_LIST)
        day = query["business_date"] or calendar.day_of(world.now())
        bound = [str(venue.merchant_id), day.isoformat(), query["terminal"]]

        def read(limit: int, before: uuid.UUID | None) -> list[RedemptionRecord]:
            return benefits.redemptions_of_merchant(
                session, venue.merchant_id, before, limit, day=day, terminal_code=query["terminal"]
            )

        shown, more = page_by_key(session, bound, query, read)
    body = {
        "redemptions": [answers.row(record) for record in shown],
        "next_cursor": more,
        "server_time": moment(world.now()),
    }
    return respond(json_answer(200, body))


@serves(
    Call(
        "GET",
        "/redemptions/{id}",
        "One redemption as it stands",
        {200: schemas.Redemption},
        problems=("not_found",),
        parameters={"id": "uuid"},
        tag="look up",
    )
)
def show_redemption(id: uuid.UUID) -> Response:  # noqa: A002 - the contract's own name
    """GET /redemptions/{id}."""
    return _show(lambda session, venue: benefits.redemption(session, id, venue.merchant_id))


@serves(
    Call(
        "GET",
        "/redemptions/by-key/{key}",
        "What became of a request, by its Idempotency-Key",
        {200: schemas.Redemption},
        problems=("not_found",),
        parameters={"key": "string"},
        tag="look up",
    )
)
def show_by_key(key: str) -> Response:
    """GET /redemptions/by-key/{key}."""

    def find(session: Session, venue: Venue) -> RedemptionRecord:
        known = services.key_of(session, venue.merchant_id, key) if rules.is_key(key) else None
        if known is None or known.subject_id is None:
            raise NotFound("not_found", "没有用这个键核销的记录，请核对。")
        return benefits.redemption(session, known.subject_id, venue.merchant_id)

    return _show(find)


@serves(
    Call(
        "GET",
        "/redemptions/by-ref/{merchant_ref}",
        "The live redemption of one of your own numbers",
        {200: schemas.Redemption},
        problems=("not_found",),
        parameters={"merchant_ref": "path"},
        tag="look up",
    )
)
def show_by_reference(merchant_ref: str) -> Response:
    """GET /redemptions/by-ref/{merchant_ref}."""
    return _show(lambda session, venue: benefits.redemption_of_reference(session, venue.merchant_id, merchant_ref))


def _show(find: Callable[[Session, Venue], RedemptionRecord]) -> Response:
    world = current_world()
    with transaction() as session:
        record = find(session, caller(session, world))
    return respond(json_answer(200, answers.found(record, world.now())))


def _judge(
    session: Session, world: World, venue: Venue, body: dict[str, Any]
) -> tuple[services.Shown | Rejected, Accepted | Rejected]:
    """The code as a value: whether it was shown in time is decided now, whether it counts only under the key."""
    at = world.now()
    shown = services.shown_in(session, venue, at, body)
    return shown, services.judge(session, venue, shown, at, body["purchase"]["amount_fen"])


def purchase_of(sent: dict[str, Any]) -> Purchase:
    """What a request says was bought."""
    lines = tuple(PurchaseLine(line["line_no"], line["amount_fen"], line["category"]) for line in sent["lines"])
    return Purchase(sent["amount_fen"], sent["service_code"], lines, sent["service_on"])
