"""The caller's settlements, and their signed statements. Whether one is right a manager says, at /merchant."""

import uuid
from collections.abc import Callable
from functools import partial

from flask import Response
from sqlalchemy.orm import Session

from cardnet.finance import services as finance
from cardnet.http.requests import JSON, read_query
from cardnet.http.wire import moment
from cardnet.kernel.db import transaction
from cardnet.merchant_api import answers, schemas
from cardnet.merchant_api.routes.blueprint import Call, serves
from cardnet.merchant_api.routes.edge import caller, json_answer, respond
from cardnet.merchant_api.routes.paging import page_by_key
from cardnet.wiring import current_world

_QUERY = schemas.SettlementsQuery()
_CSV = "text/csv; charset=utf-8"
_ID = {"id": "uuid"}


@serves(
    Call(
        "GET",
        "/settlements",
        "Your settlements, newest first",
        {200: schemas.SettlementList},
        query=schemas.SettlementsQuery,
        tag="settle",
    )
)
def list_settlements() -> Response:
    """GET /settlements."""
    world = current_world()
    with transaction() as session:
        venue = caller(session, world)
        query = read_query(_QUERY)
        bound = ["settlements", str(venue.merchant_id)]
        read = partial(finance.settlements, session, venue.merchant_id)
        shown, more = page_by_key(session, bound, query, read)
    body = {
        "settlements": [answers.settlement(one) for one in shown],
        "next_cursor": more,
        "server_time": moment(world.now()),
    }
    return respond(json_answer(200, body))


@serves(
    Call(
        "GET",
        "/settlements/{id}",
        "One settlement, and how far it has come",
        {200: schemas.Settlement},
        problems=("not_found",),
        parameters=_ID,
        tag="settle",
        notes="Its lines stand in the statement: `/settlements/{id}.json` (signed) or `.csv`.",
    )
)
def show_settlement(id: uuid.UUID) -> Response:  # noqa: A002 - the contract's own name
    """GET /settlements/{id}."""
    world = current_world()
    with transaction() as session:
        venue = caller(session, world)
        view = finance.settlement(session, id, venue.merchant_id)
        steps = finance.settlement_steps(session, view.id)
    return respond(json_answer(200, answers.settlement(view) | {"steps": [answers.step(one) for one in steps]}))


@serves(
    Call(
        "GET",
        "/settlements/{id}.json",
        "The signed statement",
        {200: JSON},
        problems=("not_found",),
        parameters=_ID,
        tag="settle",
        notes="`statement` in its RFC 8785 form is what `signature` (Ed25519) signs, under the pack's `settlement` key `kid`.",
    )
)
def statement_json(id: uuid.UUID) -> Response:  # noqa: A002
    """GET /settlements/{id}.json."""
    return _file(id, finance.settlement_json, JSON, "json")


@serves(
    Call(
        "GET",
        "/settlements/{id}.csv",
        "The statement's lines for a spreadsheet",
        {200: "text/csv"},
        problems=("not_found",),
        parameters=_ID,
        tag="settle",
        notes="UTF-8 with BOM; amounts in fen and in yuan.",
    )
)
def statement_csv(id: uuid.UUID) -> Response:  # noqa: A002
    """GET /settlements/{id}.csv."""
    return _file(id, finance.settlement_csv, _CSV, "csv")


def _file(
    settlement_id: uuid.UUID, render: Callable[[Session, uuid.UUID], bytes], media_type: str, kind: str
) -> Response:
    with transaction() as session:
        venue = caller(session, current_world())
        view = finance.settlement(session, settlement_id, venue.merchant_id)
        content = render(session, view.id)
    answer = Response(content, content_type=media_type)
    answer.headers["Content-Disposition"] = f'attachment; filename="{view.number}.{kind}"'
    answer.headers["Cache-Control"] = "no-store"
    return answer
