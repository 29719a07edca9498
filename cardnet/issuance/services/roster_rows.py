"""The rows of a batch as they were typed: kept sealed for the way back, whatever became of them."""

import json
import uuid
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from typing import Any

from psycopg.types.json import Jsonb
from sqlalchemy.orm import Session

from cardnet.access.rules import Principal, in_scope
from cardnet.issuance.models import Batch
from cardnet.issuance.services.batches import CELLS_FIELD, OriginalRow, original_rows
from cardnet.issuance.services.bulk import copy_rows
from cardnet.kernel.errors import NotAllowed, NotFound
from cardnet.kernel.progress import Progress
from cardnet.kernel.vault import Vault
from cardnet.membership.roster import RUNNING, CheckedRow, RosterCheck, RowStatus, shown_status


@dataclass(frozen=True)
class KeptRow:
    """One row as it was typed; `state` is the check's, `words` and `codes` are what was found."""

    cells: tuple[Any, ...]
    state: str
    words: tuple[str, ...]
    shown: str
    """The state as people are told it: `running` where nothing is to be mended."""
    codes: tuple[str, ...] = ()


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
    return tuple(batch.header or batch.columns), tuple(_kept(row) for row in original_rows(session, batch_id))


def _kept(row: OriginalRow) -> KeptRow:
    shown = shown_status(row.state, (found.severity for found in row.findings))
    all_told = shown in (RowStatus.DECLINED, RUNNING)
    told = [found for found in row.findings if all_told or found.severity != "note"]
    words, codes = (found.message for found in told), (found.code for found in told)
    return KeptRow(row.cells, row.state, tuple(words), shown, tuple(codes))


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
_AHEAD = 3
"""So many pieces may lie sealed before they are written: a file of 100,000 rows is not held in memory twice."""


class SealedRows:
    """The rows of a file as they were typed, sealed with their findings' words, since those may quote what was typed.

    They are sealed beside whatever else goes on, which is the database at work on the people of the file; use as a
    context, so that nothing goes on sealing for a transaction that was given up.
    """

    def __init__(self, vault: Vault, checked: RosterCheck) -> None:
        self._seal = vault.sealer(CELLS_FIELD)
        self._checked = checked
        self._starts = iter(range(0, len(checked.rows), _AT_ONCE))
        self._worker = ThreadPoolExecutor(1)
        self._pieces: deque[Future[list[bytes]]] = deque()

    def __enter__(self) -> "SealedRows":
        for start in islice(self._starts, _AHEAD):
            self._pieces.append(self._worker.submit(self._piece, start))
        return self

    def __exit__(self, *_: object) -> None:
        self._worker.shutdown(wait=True, cancel_futures=True)

    def __iter__(self) -> Iterator[list[bytes]]:
        """Piece by piece, in the order of the file."""
        while self._pieces:
            piece = self._pieces.popleft().result()
            for start in islice(self._starts, 1):
                self._pieces.append(self._worker.submit(self._piece, start))
            yield piece

    def _piece(self, start: int) -> list[bytes]:
        rows, typed = self._checked.rows, self._checked.sheet.rows
        return [self._seal(_cells(typed[at].cells, rows[at])) for at in range(start, min(start + _AT_ONCE, len(rows)))]


def write_roster_rows(
    session: Session,
    batch_id: uuid.UUID,
    checked: RosterCheck,
    sealed: SealedRows,
    people: Mapping[bytes, uuid.UUID],
    progress: Progress,
) -> None:
    """Keep every row as it was typed."""
    done = 0
    for piece in sealed:
        progress("rows", done, len(checked.rows))
        rows = checked.rows[done : done + len(piece)]
        copy_rows(session, "roster_row", _COLUMNS, _lines(batch_id, rows, piece, people))
        done += len(piece)


def _lines(
    batch_id: uuid.UUID, rows: Sequence[CheckedRow], sealed: Sequence[bytes], people: Mapping[bytes, uuid.UUID]
) -> Iterator[tuple[object, ...]]:
    for row, cells in zip(rows, sealed, strict=True):
        yield (
            batch_id,
            row.row,
            row.line,
            str(row.status),
            Jsonb([[found.column, str(found.code), str(row.told_severity(found))] for found in row.findings]),
            cells,
            people.get(row.key) if row.key is not None and row.person is not None else None,
        )


def _cells(cells: Sequence[object], row: CheckedRow) -> str:
    words = [found.message for found in row.findings]
    return json.dumps({"cells": cells, "words": words}, ensure_ascii=False, default=str, separators=(",", ":"))
