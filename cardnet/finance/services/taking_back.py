"""Taking a reconciliation back: a wrong file, another merchant's, or a wrong period.

The run is kept and shown as set aside. What it had taken the place of counts again, and what it found waits for
nobody any more.
"""

import uuid
from collections.abc import Sequence

from sqlalchemy import select, text, update
from sqlalchemy.orm import Session

from cardnet.finance.models import ReconciliationRun, ReconciliationRunFile
from cardnet.finance.services.differences import (
    close_matched_elsewhere,
    close_set_aside,
    reopen_matched_elsewhere,
    store_differences,
)
from cardnet.finance.services.reconciliation import compare, run_reconciliation
from cardnet.finance.services.runs import RunReconciliation, RunView, SetAside, run_view
from cardnet.finance.services.statement_files import lock_merchant
from cardnet.kernel import audit
from cardnet.kernel.errors import Conflict, FieldError, InvalidInput
from cardnet.kernel.world import World

MAX_REASON = 500


def set_aside(session: Session, world: World, command: SetAside) -> tuple[RunView, tuple[RunView, ...]]:
    """Set a run aside, and with it what compared the same files for the same days before; gives what counts again.

    Its open differences are closed. A run it had taken the place of is compared anew: it stands again as it was, or,
    when our lines have changed since, as a new run. Raises NotFound("not_found"), Conflict("already_set_aside"),
    Conflict("run_superseded") for one that counts no more anyway, and InvalidInput("reason_required").
    """
    reason = command.reason.strip()
    if not reason or len(reason) > MAX_REASON:
        sentence = "请写明作废的原因。" if not reason else f"原因请写在 {MAX_REASON} 字以内。"
        raise InvalidInput("reason_required", sentence, [FieldError("/reason", sentence)])
    view = run_view(session, command.run_id)
    lock_merchant(session, view.merchant_id)
    view = run_view(session, command.run_id)
    if view.set_aside_at is not None:
        raise Conflict("already_set_aside", "这次对账已经作废，不用再办。")
    if view.superseded and view.superseded_by != view.id:
        raise Conflict(
            "run_superseded",
            "这是一份旧结果，已经不计入；要作废，请到现在计入的那一次办理。",
            {"run_id": str(view.superseded_by)},
        )
    gone, back = _attempt(session, view)
    session.execute(
        update(ReconciliationRun)
        .where(ReconciliationRun.id.in_(gone))
        .values(
            superseded_by=ReconciliationRun.id,
            set_aside_at=world.now(),
            set_aside_by=command.actor_id,
            set_aside_words=reason,
        )
    )
    session.execute(
        text("update reconciliation_match set live = false where live and run_id = any(:runs)"), {"runs": gone}
    )
    reopen_matched_elsewhere(session, gone)
    counted = tuple(_count_again(session, world, run_id, command.actor_id) for run_id in back)
    close_set_aside(session, world, gone)
    after = {
        "reason": reason,
        "runs": [str(run_id) for run_id in gone],
        "counts_again": [str(run.id) for run in counted],
    }
    act = audit.Act(
        "reconciliation.set_aside", "reconciliation_run", str(view.id), actor_id=command.actor_id, after=after
    )
    audit.record(session, world, act)
    return run_view(session, view.id), counted


def _attempt(session: Session, view: RunView) -> tuple[list[uuid.UUID], list[uuid.UUID]]:
    """The run and the earlier ones of the same files and days, and, oldest first, the others they took the place of."""
    gone: list[uuid.UUID] = [view.id]
    back: list[uuid.UUID] = []
    files = {file.id for file in view.files}
    for newer in gone:
        rows = session.execute(
            select(ReconciliationRun.id, ReconciliationRun.first_on, ReconciliationRun.last_on)
            .where(
                ReconciliationRun.superseded_by == newer,
                ReconciliationRun.id != newer,
                ReconciliationRun.set_aside_at.is_(None),
            )
            .order_by(ReconciliationRun.created_at, ReconciliationRun.id)
        ).all()
        for row in rows:
            same = (row.first_on, row.last_on) == (view.first_on, view.last_on) and files == set(
                _files(session, row.id)
            )
            (gone if same else back).append(row.id)
    return gone, back


def _files(session: Session, run_id: uuid.UUID) -> Sequence[uuid.UUID]:
    return session.scalars(
        select(ReconciliationRunFile.file_id)
        .where(ReconciliationRunFile.run_id == run_id)
        .order_by(ReconciliationRunFile.file_id)
    ).all()


def _count_again(session: Session, world: World, run_id: uuid.UUID, actor_id: uuid.UUID | None) -> RunView:
    session.execute(update(ReconciliationRun).where(ReconciliationRun.id == run_id).values(superseded_by=None))
    view = run_view(session, run_id)
    files = tuple(_files(session, run_id))
    command = RunReconciliation(view.merchant_id, files, view.first_on, view.last_on, actor_id)
    found = compare(session, command, [run_id])
    if found.result.sha256 != view.result_sha256:
        return run_reconciliation(session, world, command)[0]
    # The same answer has the same pairs, and no other run has any of them: comparing left those out.
    session.execute(text("update reconciliation_match set live = true where run_id = :run"), {"run": run_id})
    store_differences(session, world, run_id, view.merchant_id, found.result.differences, [])
    close_matched_elsewhere(session, world, run_id)
    return view
