"""Batches: what was sent in as one roster, and how far its applications are."""

import json
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Row, text
from sqlalchemy.orm import Session

from cardnet.issuance.models import Batch
from cardnet.issuance.rules import ApplicationState
from cardnet.kernel.errors import NotFound
from cardnet.kernel.vault import vault_of

CELLS_FIELD = "roster_row.cells"


@dataclass(frozen=True)
class BatchView:
    """One roster as it was sent in."""

    id: uuid.UUID
    union_id: uuid.UUID
    path: str
    filename: str
    mode: str
    quota_year: int
    rows: int
    valid: int
    declined: int
    invalid: int
    submitted_by: uuid.UUID
    submitted_at: datetime


@dataclass(frozen=True)
class ApplicationLine:
    """One row of a batch as a reviewer sees it; the person's data come from membership, by `person_id`."""

    application_id: uuid.UUID
    row: int
    person_id: uuid.UUID
    union_id: uuid.UUID
    path: str
    state: ApplicationState
    review_path: str | None
    round: int
    due_at: datetime | None
    place: int | None


@dataclass(frozen=True)
class OriginalFinding:
    """What was found in a row when it was sent in."""

    column: str
    code: str
    severity: str
    message: str


@dataclass(frozen=True)
class OriginalRow:
    """One row of the roster as it was typed, with what was found in it."""

    row: int
    line: int
    state: str
    findings: tuple[OriginalFinding, ...]
    cells: tuple[object, ...]


def batch_of(session: Session, batch_id: uuid.UUID) -> BatchView:
    """One batch. Raises NotFound("batch_unknown")."""
    batch = session.get(Batch, batch_id)
    if batch is None:
        raise NotFound("batch_unknown", f"没有批次 {batch_id}，请核对批次号。")
    return _view(batch)


_LINES = text("""
    select a.id, a.row, a.person_id, a.union_id, a.path, a.state, a.review_path, a.round, a.due_at,
           case when a.state = 'waitlisted' and a.offer_until is null then
               (select count(*) from application w
                 where w.union_id = a.union_id and w.quota_year = a.quota_year and w.state = 'waitlisted'
                   and w.offer_until is null
                   and (w.priority, w.queued_at, w.row, w.id) <= (a.priority, a.queued_at, a.row, a.id)) end as place
      from application a
     where a.batch_id = :batch and left(a.path, length(:path)) = :path
       and (cast(:state as text) is null or a.state = :state)
     order by a.row limit :limit offset :offset""")


def applications_of(
    session: Session,
    batch_id: uuid.UUID,
    path: str = "/",
    state: ApplicationState | None = None,
    limit: int = 100,
    offset: int = 0,
) -> tuple[ApplicationLine, ...]:
    """The applications of a batch inside one scope, in the order of the roster; a waiting one has its place in line."""
    rows = session.execute(_LINES, {"batch": batch_id, "path": path, "state": state, "limit": limit, "offset": offset})
    return tuple(
        ApplicationLine(
            r.id,
            r.row,
            r.person_id,
            r.union_id,
            r.path,
            ApplicationState(r.state),
            r.review_path,
            r.round,
            r.due_at,
            r.place,
        )
        for r in rows
    )


def original_rows(session: Session, batch_id: uuid.UUID) -> tuple[OriginalRow, ...]:
    """Every data row of the roster as it was typed, unsealed: to be corrected and sent again."""
    vault = vault_of(session)
    rows = session.execute(
        text("select row, line, state, findings, cells from roster_row where batch_id = :batch order by row"),
        {"batch": batch_id},
    )
    return tuple(_original(r, json.loads(vault.open(CELLS_FIELD, r.cells))) for r in rows)


def _original(row: Row[Any], typed: Mapping[str, Any]) -> OriginalRow:
    findings = (
        OriginalFinding(found[0], found[1], found[2], words)
        for found, words in zip(row.findings, typed["words"], strict=True)
    )
    return OriginalRow(row.row, row.line, row.state, tuple(findings), tuple(typed["cells"]))


def _view(batch: Batch) -> BatchView:
    return BatchView(
        batch.id, batch.union_id, batch.path, batch.filename, batch.mode, batch.quota_year, batch.rows, batch.valid,
        batch.declined, batch.invalid, batch.submitted_by, batch.submitted_at,
    )  # fmt: skip
