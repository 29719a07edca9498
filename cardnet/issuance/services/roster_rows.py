"""The rows of a batch as they were typed: kept sealed for the way back, whatever became of them."""

import json
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

from psycopg.types.json import Jsonb
from sqlalchemy.orm import Session

from cardnet.access.rules import Principal, in_scope
from cardnet.issuance.models import Batch
from cardnet.issuance.services.batches import CELLS_FIELD, original_rows
from cardnet.issuance.services.bulk import copy_rows
from cardnet.kernel.errors import NotAllowed, NotFound
from cardnet.kernel.progress import Progress
from cardnet.kernel.vault import Vault, vault_of
from cardnet.membership.roster import CheckedRow, RosterCheck


@dataclass(frozen=True)
class KeptRow:
    """One row as it was typed; `state` is the check's, `words` are the sentences of what was found."""

    cells: tuple[Any, ...]
    state: str
    words: str


def kept_roster(
    session: Session, batch_id: uuid.UUID, officer: Principal
) -> tuple[tuple[str, ...], tuple[KeptRow, ...]]:
    """The headings and rows of a roster that was sent in, to be mended and sent again.

    Raises NotFound("batch_unknown"), NotAllowed("out_of_scope") when the roster names units beyond the officer's own.
    """
    batch = session.get(Batch, batch_id)
    if batch is None:
        raise NotFound("batch_unknown", f"没有批次 {batch_id}，请核对批次号。")
    if not in_scope(officer.scope_path, batch.path):
        raise NotAllowed("out_of_scope", f"批次“{batch.filename}”不在{officer.display_name}的管理范围内。")
    rows = tuple(
        KeptRow(
            row.cells,
            row.state,
            "\n".join(found.message for found in row.findings if found.severity != "note" or row.state == "declined"),
        )
        for row in original_rows(session, batch_id)
    )
    return tuple(batch.header or batch.columns), rows


_COLUMNS = {
    "batch_id": "uuid",
    "row": "int8",
    "line": "int8",
    "state": "text",
    "findings": "jsonb",
    "cells": "bytea",
    "person_id": "uuid",
}
_AT_ONCE = 5_000


def write_roster_rows(
    session: Session, batch_id: uuid.UUID, checked: RosterCheck, people: Mapping[bytes, uuid.UUID], progress: Progress
) -> None:
    """Keep every row as it was typed, sealed with its findings' words, since those may quote what was typed."""
    rows = _sealed(vault_of(session), batch_id, checked, people)
    for done in range(0, len(checked.rows), _AT_ONCE):
        progress("rows", done, len(checked.rows))
        copy_rows(session, "roster_row", _COLUMNS, islice(rows, _AT_ONCE))


def _sealed(
    vault: Vault, batch_id: uuid.UUID, checked: RosterCheck, people: Mapping[bytes, uuid.UUID]
) -> Iterator[tuple[object, ...]]:
    for row, typed in zip(checked.rows, checked.sheet.rows, strict=True):
        yield (
            batch_id,
            row.row,
            row.line,
            str(row.status),
            Jsonb([[found.column, str(found.code), str(found.severity)] for found in row.findings]),
            vault.seal(CELLS_FIELD, _cells(typed.cells, row)),
            people.get(row.key) if row.key is not None and row.person is not None else None,
        )


def _cells(cells: Sequence[object], row: CheckedRow) -> str:
    words = [found.message for found in row.findings]
    return json.dumps({"cells": cells, "words": words}, ensure_ascii=False, default=str, separators=(",", ":"))
