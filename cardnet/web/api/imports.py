"""Files taken in beside the request: registers, cards issued before, uses from before; how far each is."""

import uuid
from collections.abc import Mapping
from typing import Any

from cardnet.benefits import services as benefits
from cardnet.benefits.file_kinds import PAST_USES
from cardnet.benefits.services.past_uses import IMPORTERS
from cardnet.http.calls import Call
from cardnet.issuance import jobs
from cardnet.issuance.file_kinds import CARDS_BEFORE, REGISTER
from cardnet.kernel import file_jobs
from cardnet.kernel.file_jobs import FileJobView, OpenFileJob
from cardnet.membership import services as membership
from cardnet.web.api.edge import Asked, Then, serves
from cardnet.web.api.rosters import SHEETS
from cardnet.web.api.schemas import imports as wire
from cardnet.web.api.schemas.cards import ReasonRequest
from cardnet.web.api.schemas.common import Count, NoBody
from cardnet.web.auth import OFFICERS
from cardnet.wiring import current_world

_ID = {"id": "uuid"}
_NOTES = (
    "The body is the file itself. A small file is taken in at once, a large one by the worker: ask `GET /imports/{id}` "
    "until `state` is no longer `waiting`. Rows that are wrong are told and left out; sent again, nothing counts twice."
)


@serves(Call("POST", "/imports/register", "Take in a 会员名册 of any size", {201: wire.Import},
             query=wire.RegisterQuery, takes_file=SHEETS, roles=OFFICERS, tag="imports", notes=_NOTES))  # fmt: skip
def take_in_register(asked: Asked) -> Then:
    """POST /imports/register."""
    return _take_in(asked, REGISTER, {"unit_code": _code(asked)})


@serves(Call("POST", "/imports/cards", "Tie cards issued before, and cards of others, to their members",
             {201: wire.Import}, query=wire.CardsQuery, takes_file=SHEETS, roles=OFFICERS, tag="imports",
             notes=_NOTES))  # fmt: skip
def take_in_cards(asked: Asked) -> Then:
    """POST /imports/cards."""
    return _take_in(asked, CARDS_BEFORE, {"unit_code": _code(asked), "issuer": asked.query["issuer"]})


@serves(Call("POST", "/imports/past-uses", "Count uses from before in the limits", {201: wire.Import},
             query=wire.FileQuery, takes_file=SHEETS, roles=IMPORTERS, tag="imports", notes=_NOTES))  # fmt: skip
def take_in_past_uses(asked: Asked) -> Then:
    """POST /imports/past-uses."""
    return _take_in(asked, PAST_USES, {})


@serves(Call("GET", "/imports/{id}", "How far a file of yours is, and what was found", {200: wire.Import},
             parameters=_ID, roles=OFFICERS, tag="imports"))  # fmt: skip
def show_import(asked: Asked, id: uuid.UUID) -> FileJobView:  # noqa: A002 - the contract's own name
    """GET /imports/{id}."""
    return file_jobs.file_job_of(asked.session, asked.world, id, asked.officer.account_id)


@serves(Call("POST", "/imports/{id}/cancel", "Stop the work on a file; nothing of it remains", {200: wire.Import},
             body=NoBody, parameters=_ID, roles=OFFICERS, tag="imports", example={}))  # fmt: skip
def cancel_import(asked: Asked, id: uuid.UUID) -> FileJobView:  # noqa: A002
    """POST /imports/{id}/cancel."""
    file_jobs.cancel_job(asked.session, asked.world, id, asked.officer.account_id)
    return file_jobs.file_job_of(asked.session, asked.world, id, asked.officer.account_id)


@serves(Call("GET", "/past-uses", "Lists of uses from before, the newest first", {200: wire.PastUseImports},
             roles=IMPORTERS, tag="imports"))  # fmt: skip
def list_past_uses(asked: Asked) -> dict[str, Any]:
    """GET /past-uses."""
    return {"items": benefits.past_use_imports(asked.session, asked.officer)}


@serves(Call("POST", "/past-uses/{id}/take-back", "The list was wrong: none of its uses counts any more", {200: Count},
             body=ReasonRequest, parameters=_ID, roles=IMPORTERS, tag="imports", takes_key=True,
             example={"reason": "项目选错了"}))  # fmt: skip
def take_back_past_uses(asked: Asked, id: uuid.UUID) -> dict[str, Any]:  # noqa: A002
    """POST /past-uses/{id}/take-back."""
    command = benefits.TakeBackPastUses(id, asked.officer, asked.body["reason"])
    return {"count": benefits.take_back_past_uses(asked.session, asked.world, command)}


def _code(asked: Asked) -> str:
    unit = asked.unit(asked.query["unit"]) or membership.union_of_id(asked.session, asked.officer.union_id)
    return unit.code


def _take_in(asked: Asked, kind: str, options: Mapping[str, str]) -> Then:
    officer_id = asked.officer.account_id
    command = OpenFileJob(kind, asked.file, asked.query["filename"], officer_id, options)
    job_id = file_jobs.open_file_job(asked.session, asked.world, command)
    small = len(asked.file) <= jobs.AT_ONCE_BYTES
    if not small:
        jobs.hand_over_file(asked.session, job_id)

    def work() -> None:
        if small:
            jobs.run_file_job(job_id)

    return Then(work, lambda session: file_jobs.file_job_of(session, current_world(), job_id, officer_id))
