"""Batches: what was sent in as one roster, and how far its applications are."""

import json
import uuid
from collections.abc import Collection, Mapping
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any

from sqlalchemy import Row, select, text
from sqlalchemy.orm import Session

from cardnet.issuance.models import Batch
from cardnet.issuance.rules import BatchOrigin
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
    origin: BatchOrigin


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


_VIEW = select(*(getattr(Batch, field.name) for field in fields(BatchView)))


def batch_of(session: Session, batch_id: uuid.UUID) -> BatchView:
    """One batch. Raises NotFound("batch_unknown")."""
    row = session.execute(_VIEW.where(Batch.id == batch_id)).one_or_none()
    if row is None:
        raise NotFound("batch_unknown", f"没有批次 {batch_id}，请核对批次号。")
    return BatchView(**row._asdict() | {"origin": BatchOrigin(row.origin)})


def names_of_batches(session: Session, ids: Collection[uuid.UUID]) -> dict[uuid.UUID, str]:
    """The files these batches came in."""
    return {row.id: row.filename for row in session.execute(select(Batch.id, Batch.filename).where(Batch.id.in_(ids)))}


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
