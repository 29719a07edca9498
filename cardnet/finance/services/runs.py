"""Reconciliations as they stand: what is asked for one, files that were taken in, runs and what came of them."""

import hashlib
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from cardnet.finance.models import ReconciliationRun, ReconciliationRunFile, StatementFile
from cardnet.kernel.errors import NotFound
from cardnet.merchants import services as merchants


@dataclass(frozen=True)
class ImportStatement:
    """A merchant's own record of its redemptions, as a file."""

    merchant_id: uuid.UUID
    content: bytes
    filename: str
    actor_id: uuid.UUID | None = None


@dataclass(frozen=True)
class RunReconciliation:
    """Compare files that were taken in with our lines of a period, both ends included."""

    merchant_id: uuid.UUID
    file_ids: tuple[uuid.UUID, ...]
    first_on: date
    last_on: date
    actor_id: uuid.UUID | None = None


@dataclass(frozen=True)
class Reconcile:
    """Take a file in and compare it at once.

    `confirmed`: somebody says that it is this merchant's file for these days, whatever it looks like. `may_replace`: the
    same, for a file that would take the place of a run that counts.
    """

    merchant_id: uuid.UUID
    content: bytes
    filename: str
    first_on: date
    last_on: date
    actor_id: uuid.UUID | None = None
    confirmed: bool = True
    may_replace: bool = True


@dataclass(frozen=True)
class SetAside:
    """Take a run back that should not count: a wrong file or a wrong period. `reason` is kept and shown."""

    run_id: uuid.UUID
    reason: str
    actor_id: uuid.UUID | None = None


@dataclass(frozen=True)
class StatementFileView:
    """A file that was taken in."""

    id: uuid.UUID
    merchant_id: uuid.UUID
    sha256: bytes
    filename: str
    lines: int
    unreadable: int
    refusal: str | None
    received_at: datetime


@dataclass(frozen=True)
class RunView:
    """A run: `summary` is its result without the differences, which stand by themselves as exceptions.

    `superseded_by`: the run that took its place; its own id for one that never counted or counts no more.
    """

    id: uuid.UUID
    merchant_id: uuid.UUID
    merchant_code: str
    merchant_name: str
    first_on: date
    last_on: date
    summary: dict[str, Any]
    result_sha256: bytes
    differences: int
    created_at: datetime
    superseded: bool
    files: tuple[StatementFileView, ...]
    superseded_by: uuid.UUID | None
    set_aside_at: datetime | None
    set_aside_by: uuid.UUID | None
    set_aside_words: str | None


def statement_of_content(session: Session, merchant_id: uuid.UUID, content: bytes) -> StatementFileView:
    """The file with exactly these bytes. Raises NotFound("statement_unknown")."""
    digest = hashlib.sha256(content).digest()
    found = session.scalar(
        select(StatementFile.id).where(StatementFile.merchant_id == merchant_id, StatementFile.sha256 == digest)
    )
    if found is None:
        raise NotFound("statement_unknown", "没有上传过这个文件，请先上传。")
    return files_of_ids(session, [found])[0]


def run_view(session: Session, run_id: uuid.UUID) -> RunView:
    """One run. Raises NotFound("not_found")."""
    if found := _runs(session, ReconciliationRun.id == run_id):
        return found[0]
    raise NotFound("not_found", "没有这次对账，请返回列表重新选择。")


def runs(
    session: Session, limit: int = 100, *, everything: bool = False, merchant_id: uuid.UUID | None = None
) -> tuple[RunView, ...]:
    """The newest runs first, of one merchant or of all, without those that count no more unless `everything` is asked for."""
    wanted: list[Any] = [] if everything else [ReconciliationRun.superseded_by.is_(None)]
    if merchant_id is not None:
        wanted.append(ReconciliationRun.merchant_id == merchant_id)
    return _runs(session, *wanted, limit=limit)


def runs_replaced(session: Session, run_id: uuid.UUID) -> tuple[RunView, ...]:
    """The runs this one took the place of, without those that were set aside."""
    conditions = (
        ReconciliationRun.superseded_by == run_id,
        ReconciliationRun.id != run_id,
        ReconciliationRun.set_aside_at.is_(None),
    )
    return _runs(session, *conditions, limit=100)


def _runs(session: Session, *conditions: Any, limit: int = 1) -> tuple[RunView, ...]:
    rows = session.scalars(
        select(ReconciliationRun)
        .where(*conditions)
        .order_by(ReconciliationRun.created_at.desc(), ReconciliationRun.id.desc())
        .limit(limit)
        .execution_options(populate_existing=True)
    ).all()
    partners = {merchant.id: merchant for merchant in merchants.merchants(session)}
    files = _files_of_runs(session, [row.id for row in rows])
    return tuple(
        RunView(
            row.id,
            row.merchant_id,
            partners[row.merchant_id].code,
            partners[row.merchant_id].name,
            row.first_on,
            row.last_on,
            row.summary,
            row.result_sha256,
            row.differences,
            row.created_at,
            row.superseded_by is not None,
            files.get(row.id, ()),
            row.superseded_by,
            row.set_aside_at,
            row.set_aside_by,
            row.set_aside_words,
        )
        for row in rows
    )


def _files_of_runs(session: Session, run_ids: Sequence[uuid.UUID]) -> dict[uuid.UUID, tuple[StatementFileView, ...]]:
    links = session.execute(
        select(ReconciliationRunFile.run_id, ReconciliationRunFile.file_id).where(
            ReconciliationRunFile.run_id.in_(run_ids)
        )
    ).all()
    views = {view.id: view for view in files_of_ids(session, [link.file_id for link in links])}
    gathered: dict[uuid.UUID, tuple[StatementFileView, ...]] = {}
    for link in links:
        gathered[link.run_id] = (*gathered.get(link.run_id, ()), views[link.file_id])
    return gathered


def files_of_ids(session: Session, ids: Sequence[uuid.UUID]) -> list[StatementFileView]:
    """These files, oldest first."""
    rows = session.scalars(select(StatementFile).where(StatementFile.id.in_(ids)).order_by(StatementFile.id))
    return [
        StatementFileView(
            row.id, row.merchant_id, row.sha256, row.filename, row.lines, row.unreadable, row.refusal, row.received_at
        )
        for row in rows
    ]
