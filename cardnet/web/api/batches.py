"""Batches: rosters that were sent in, row by row; correcting, taking back, issuing."""

import uuid
from typing import Any

from cardnet.access.rules import Role
from cardnet.http.calls import Call
from cardnet.issuance import services as issuance
from cardnet.issuance.rules import ApplicationState
from cardnet.issuance.services import desk
from cardnet.membership.columns import Column
from cardnet.membership.rules import EMPLOYMENT_NAMES, ID_TYPE_NAMES
from cardnet.web.api.edge import Asked, File, serves
from cardnet.web.api.rosters import XLSX, sheet_of_batch
from cardnet.web.api.schemas import review as wire
from cardnet.web.auth import OFFICERS

_ID = {"id": "uuid"}
_ROW = {"id": "uuid", "row": "int(max=9999999)"}
_COLUMNS = {
    "name": Column.NAME, "id_type": Column.ID_TYPE, "id_number": Column.ID_NUMBER, "phone": Column.PHONE,
    "employment": Column.EMPLOYMENT, "department": Column.DEPARTMENT,
}  # fmt: skip


@serves(Call("GET", "/batches", "Rosters that were sent in, newest first", {200: wire.BatchList}, query=wire.BatchQuery,
             roles=OFFICERS, tag="batches", notes="With `mine=true` in the order of the term."))  # fmt: skip
def list_batches(asked: Asked) -> dict[str, Any]:
    """GET /batches."""
    unit = asked.unit(asked.query["unit"])
    wanted = desk.BatchFilter(unit.path if unit else None, only_mine=asked.query["mine"] == "true")

    def read(limit: int, offset: int) -> tuple[Any, int]:
        listed = desk.batches(asked.session, asked.officer, wanted, limit=limit, offset=offset)
        return listed.items, listed.total

    return asked.by_position(read)


@serves(Call("GET", "/batches/{id}", "One roster that was sent in", {200: wire.Batch}, parameters=_ID, roles=OFFICERS,
             tag="batches"))  # fmt: skip
def show_batch(asked: Asked, id: uuid.UUID) -> desk.BatchLine:  # noqa: A002 - the contract's own name
    """GET /batches/{id}."""
    return desk.batch_of(asked.session, asked.officer, id)


@serves(Call("GET", "/batches/{id}/rows", "Its rows, in the order of the sheet", {200: wire.BatchRowList},
             query=wire.BatchRowsQuery, parameters=_ID, roles=OFFICERS, tag="batches"))  # fmt: skip
def list_rows(asked: Asked, id: uuid.UUID) -> dict[str, Any]:  # noqa: A002
    """GET /batches/{id}/rows."""
    officer, _ = asked.acting()
    unit, state = asked.unit(asked.query["unit"]), asked.query["state"]
    wanted = desk.RowFilter(
        states=frozenset({ApplicationState(state)}) if state else frozenset(),
        path=unit.path if unit else None,
        only_mine=asked.query["mine"] == "true",
        after=asked.place() or 0,
    )
    line = desk.batch_of(asked.session, officer, id)
    listed = desk.batch_rows(asked.session, officer, line, wanted, limit=asked.query["limit"] + 1)
    return asked.by_key(list(listed.items), lambda row: row.row, listed.total)


@serves(Call("GET", "/batches/{id}/rows/{row}", "One row, with everything that happened to it", {200: wire.BatchRowFile},
             parameters=_ROW, roles=OFFICERS, tag="batches"))  # fmt: skip
def show_row(asked: Asked, id: uuid.UUID, row: int) -> dict[str, Any]:  # noqa: A002
    """GET /batches/{id}/rows/{row}."""
    session, officer = asked.session, asked.officer
    one = desk.row_of(session, officer, desk.batch_of(session, officer, id), row)
    history = desk.application_history(session, officer, one.application_id) if one.application_id else ()
    return {**vars(one), "history": history}


@serves(
    Call(
        "POST", "/batches/{id}/rows/{row}/correct", "Correct a returned row and send it to review again",
        {200: wire.Corrected}, body=wire.CorrectRequest, parameters=_ROW, roles=OFFICERS, tag="batches", takes_key=True,
        example={"phone": "13800000001"},
    )
)  # fmt: skip
def correct_row(asked: Asked, id: uuid.UUID, row: int) -> issuance.Corrected:  # noqa: A002
    """POST /batches/{id}/rows/{row}/correct."""
    session, officer = asked.session, asked.officer
    line = desk.batch_of(session, officer, id)
    person = desk.row_of(session, officer, line, row).person
    known: dict[Column, str] = {}
    if person is not None:
        known = {
            Column.NAME: person.name,
            Column.ID_TYPE: ID_TYPE_NAMES[person.id_type],
            Column.ID_NUMBER: person.id_number,
            Column.PHONE: person.phone,
            Column.EMPLOYMENT: EMPLOYMENT_NAMES[person.employment] if person.employment else "",
            Column.DEPARTMENT: person.department,
        }
    typed = {_COLUMNS[name]: value for name, value in asked.body.items() if value is not None}
    return issuance.correct_row(session, asked.world, issuance.CorrectRow(id, row, officer, known | typed))


@serves(Call("POST", "/batches/{id}/withdraw", "The unit takes rows back", {200: wire.Withdrawn},
             body=wire.WithdrawRequest, parameters=_ID, roles=OFFICERS, tag="batches", takes_key=True,
             example={"rows": [3], "words": "本人不办了"}))  # fmt: skip
def withdraw_rows(asked: Asked, id: uuid.UUID) -> issuance.Withdrawn:  # noqa: A002
    """POST /batches/{id}/withdraw."""
    line = desk.batch_of(asked.session, asked.officer, id)
    command = issuance.Withdraw(line.batch_id, asked.officer, tuple(asked.body["rows"]), asked.body["words"])
    return issuance.withdraw(asked.session, asked.world, command)


@serves(Call("GET", "/batches/{id}/history", "What was done with a batch, oldest first", {200: wire.History},
             parameters=_ID, roles=OFFICERS, tag="batches"))  # fmt: skip
def batch_history(asked: Asked, id: uuid.UUID) -> dict[str, Any]:  # noqa: A002
    """GET /batches/{id}/history."""
    line = desk.batch_of(asked.session, asked.officer, id)
    return {"items": desk.batch_history(asked.session, asked.officer, line.batch_id)}


@serves(Call("GET", "/batches/{id}/result.xlsx", "The roster as it was typed, with 状态, 原因 and 代码", {200: XLSX},
             query=wire.RowsQuery, parameters=_ID, roles=OFFICERS, tag="batches"))  # fmt: skip
def batch_result(asked: Asked, id: uuid.UUID) -> File:  # noqa: A002
    """GET /batches/{id}/result.xlsx."""
    return sheet_of_batch(asked, id)


@serves(
    Call(
        "POST", "/batches/{id}/issue", "Make the cards of the approved rows", {200: wire.Issued},
        body=wire.IssueRequest, parameters=_ID, roles=(Role.DISTRICT_OFFICER,), tag="batches", takes_key=True,
        notes="Activation codes are in this answer and in no other: a repeat makes no card and shows no code. Whose "
        "answer was lost has new codes made (`POST /activation/letters`).", example={},
    ),
    shown_once=True,
)  # fmt: skip
def issue(asked: Asked, id: uuid.UUID) -> dict[str, Any]:  # noqa: A002
    """POST /batches/{id}/issue."""
    line = desk.batch_of(asked.session, asked.officer, id)
    command = issuance.IssueCards(line.batch_id, asked.officer, asked.body["valid_to"])
    done = issuance.issue(asked.session, asked.world, command)
    return {"cards": done.cards, "skipped": len(done.skipped)}
