"""What people do about a difference: note what was found, propose how it is settled, check that, open it again.

None of it moves money: what must be paid back, voided or accepted is done where such things are done, and the
resolution says so. Maker and checker are two people; the database says it too.
"""

import uuid
from collections import defaultdict
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy import insert, select
from sqlalchemy.orm import Session

from cardnet.access.rules import Principal, Role
from cardnet.finance.models import DifferenceStep, ReconciliationException
from cardnet.finance.rules import ClearingStep, ExceptionState, Resolution, after_clearing, closed_by_people
from cardnet.finance.services.differences import row_of_difference
from cardnet.finance.services.words import said
from cardnet.kernel import audit
from cardnet.kernel.errors import Conflict, FieldError, InvalidInput, NotAllowed
from cardnet.kernel.world import World

_MAKER, _CHECKER = Role.FINANCE_MAKER, Role.FINANCE_CHECKER
_WHO: Mapping[ClearingStep, tuple[Role, ...]] = {
    ClearingStep.NOTE: (_MAKER, _CHECKER),
    ClearingStep.PROPOSE: (_MAKER,),
    ClearingStep.APPROVE: (_CHECKER,),
    ClearingStep.RETURN: (_CHECKER,),
    ClearingStep.REOPEN: (_MAKER, _CHECKER),
}
"""Who may do what: 经办 proposes, 复核 checks; both may note and open again."""

_ASKED = {
    ClearingStep.NOTE: "请写明查到了什么",
    ClearingStep.PROPOSE: "请写明凭什么这样处理，例如看了哪张小票、商户怎样答复",
    ClearingStep.APPROVE: "复核意见请写短一些",
    ClearingStep.RETURN: "请写明为什么退回",
    ClearingStep.REOPEN: "请写明为什么重新打开",
}
"""The words each step needs; an approval may go without."""

_ABOUT_A_PROPOSAL = (ClearingStep.PROPOSE, ClearingStep.APPROVE, ClearingStep.RETURN)


@dataclass(frozen=True)
class TakeStep:
    """One step of an officer about a difference, with words; a proposal says how it is settled.

    `proposal`: the step that is approved or returned, as the checker has seen it; None for whatever stands now.
    """

    difference_id: uuid.UUID
    step: ClearingStep
    words: str
    officer: Principal
    resolution: Resolution | None = None
    proposal: uuid.UUID | None = None


@dataclass(frozen=True)
class StepView:
    """One thing somebody said of a difference."""

    id: uuid.UUID
    step: ClearingStep
    resolution: Resolution | None
    at: datetime
    actor_id: uuid.UUID
    words: str


def take_step(session: Session, world: World, command: TakeStep) -> None:
    """Note, propose, approve, return or open again.

    Raises NotAllowed("role_missing"), NotFound("difference_unknown"), InvalidInput("words_missing",
    "resolution_missing"), NotAllowed("sod_violation") for who proposed it, Conflict("illegal_transition",
    "proposal_changed").
    """
    step, by = command.step, command.officer.account_id
    if not command.officer.has(*_WHO[step]):
        raise NotAllowed("role_missing", "结论由财务经办提出，由财务复核通过或退回。")
    words = said(command.words, _ASKED[step]) if step is not ClearingStep.APPROVE or command.words.strip() else ""
    if step is ClearingStep.PROPOSE and command.resolution is None:
        sentence = "请选择结论。"
        raise InvalidInput("resolution_missing", sentence, [FieldError("/resolution", sentence)])
    row = row_of_difference(session, command.difference_id, lock=True)
    after = after_clearing(ExceptionState(row.state), step)
    if command.proposal and command.proposal != _last_proposal(session, row.id):
        raise Conflict("proposal_changed", "这条结论后来改过，请重新打开这一页，看清楚再复核。")
    _CHANGES.get(step, _nothing_more)(row, replace(command, words=words), world.now())
    row.state = after
    row.assigned_to = row.assigned_to or by
    session.flush()
    resolution = row.resolution if step in _ABOUT_A_PROPOSAL else None
    values = {"exception_id": row.id, "step": step, "resolution": resolution, "at": world.now(), "actor_id": by}
    session.execute(insert(DifferenceStep).values(id=world.new_id(), **values, words=words))
    told = {"code": row.code, "state": str(after), "words": words}
    if resolution:
        told["resolution"] = str(resolution)
    audit.record(session, world, audit.Act(f"difference.{step}", "difference", str(row.id), by, after=told))


def _propose(row: ReconciliationException, command: TakeStep, at: datetime) -> None:
    row.assigned_to = row.maker_id = command.officer.account_id
    row.resolution, row.evidence, row.proposed_at = command.resolution, command.words, at
    row.checker_id = row.decided_at = None


def _decide(row: ReconciliationException, command: TakeStep, at: datetime) -> None:
    if row.maker_id == command.officer.account_id:
        raise NotAllowed("sod_violation", "这条结论是您提出的，请由另一个人复核。")
    row.checker_id, row.decided_at = command.officer.account_id, at
    if command.step is ClearingStep.APPROVE:
        row.closed_at, row.closing_words = at, row.resolution


def _reopen(row: ReconciliationException, _command: TakeStep, _at: datetime) -> None:
    if not closed_by_people(row.closing_words):
        # It would close again at once: what closed by itself is found again by comparing again.
        raise Conflict("illegal_transition", "这条差异是自动消除的，不能重新打开；有疑问请重新核对。")
    row.closed_at = row.closing_words = row.assigned_to = None
    row.maker_id = row.resolution = row.evidence = row.proposed_at = row.checker_id = row.decided_at = None


def _nothing_more(_row: ReconciliationException, _command: TakeStep, _at: datetime) -> None:
    """A note changes nothing but who has it in hand."""


_CHANGES: Mapping[ClearingStep, Callable[[ReconciliationException, TakeStep, datetime], None]] = {
    ClearingStep.PROPOSE: _propose,
    ClearingStep.APPROVE: _decide,
    ClearingStep.RETURN: _decide,
    ClearingStep.REOPEN: _reopen,
}


def steps_of_differences(session: Session, ids: Collection[uuid.UUID]) -> Mapping[uuid.UUID, list[StepView]]:
    """What was said of each, the oldest first."""
    found: dict[uuid.UUID, list[StepView]] = defaultdict(list)
    query = select(DifferenceStep).where(DifferenceStep.exception_id.in_(ids)).order_by(DifferenceStep.id)
    for row in session.scalars(query) if ids else ():
        resolution = Resolution(row.resolution) if row.resolution else None
        step = StepView(row.id, ClearingStep(row.step), resolution, row.at, row.actor_id, row.words)
        found[row.exception_id].append(step)
    return found


def _last_proposal(session: Session, difference_id: uuid.UUID) -> uuid.UUID | None:
    proposed = DifferenceStep.exception_id == difference_id, DifferenceStep.step == ClearingStep.PROPOSE
    return session.scalar(select(DifferenceStep.id).where(*proposed).order_by(DifferenceStep.id.desc()).limit(1))
