"""Every program with the versions of its rules as a page shows them: who drafted, handed in and approved each, and when."""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from cardnet.access import services as access
from cardnet.access.rules import Principal, in_scope
from cardnet.benefits.models_program import Program, RuleVersion
from cardnet.benefits.services.program_views import ProgramView, RuleView, program_view, rule_view
from cardnet.benefits.services.programs import APPROVERS, AUTHORS
from cardnet.benefits.words import RuleState
from cardnet.kernel.errors import NotFound
from cardnet.membership import services as membership
from cardnet.membership.rules import UnionNode


@dataclass(frozen=True, slots=True)
class RuleSheet:
    """One version. `may_*`: what the reader may do with it now; the author may not approve."""

    rule: RuleView
    author: str
    drafted_at: datetime
    submitted_at: datetime | None
    approver: str
    approved_at: datetime | None
    may_submit: bool
    may_decide: bool
    may_retire: bool
    own: bool


@dataclass(frozen=True, slots=True)
class ProgramRules:
    """A program and its versions, the newest first."""

    program: ProgramView
    union: str
    versions: tuple[RuleSheet, ...]


def rules_within(session: Session, reader: Principal) -> tuple[ProgramRules, ...]:
    """All programs of the reader's union and those below it, by code; those with something to decide come first."""
    mine, unions = _programs_within(session, reader)
    rows = session.scalars(
        select(RuleVersion)
        .where(RuleVersion.program_id.in_(mine))
        .order_by(RuleVersion.no.desc())
        .execution_options(populate_existing=True)
    ).all()
    names = _names(session, rows)
    found = [
        ProgramRules(
            program,
            unions[program.owner_union_id].name,
            tuple(_sheet(row, program.code, names, reader) for row in rows if row.program_id == program.id),
        )
        for program in mine.values()
    ]
    return tuple(sorted(found, key=lambda one: (not any(v.rule.status is RuleState.IN_REVIEW for v in one.versions), one.program.code)))  # fmt: skip


def rule_sheets(
    session: Session,
    reader: Principal,
    limit: int,
    *,
    after: uuid.UUID | None = None,
    program: str | None = None,
    status: RuleState | None = None,
) -> list[RuleSheet]:
    """Versions of programs of the reader's union and those below it, the newest first; those older than `after`.

    Raises NotFound("program_unknown") for a program that is not among them.
    """
    mine, _ = _programs_within(session, reader)
    wanted = select(RuleVersion).where(RuleVersion.program_id.in_(mine))
    if program is not None:
        named = [one.id for one in mine.values() if one.code == program]
        if not named:
            raise NotFound("program_unknown", "没有这个项目，或者不在您的管理范围内。")
        wanted = wanted.where(RuleVersion.program_id == named[0])
    if status is not None:
        wanted = wanted.where(RuleVersion.status == status.value)
    if after is not None:
        wanted = wanted.where(RuleVersion.id < after)
    rows = session.scalars(
        wanted.order_by(RuleVersion.id.desc()).limit(limit).execution_options(populate_existing=True)
    ).all()
    names = _names(session, rows)
    return [_sheet(row, mine[row.program_id].code, names, reader) for row in rows]


def rule_sheet(session: Session, reader: Principal, version_id: uuid.UUID) -> RuleSheet:
    """One version. Raises NotFound("rule_unknown"), also for one outside the reader's scope."""
    mine, _ = _programs_within(session, reader)
    row = session.get(RuleVersion, version_id, populate_existing=True)
    if row is None or row.program_id not in mine:
        raise NotFound("rule_unknown", "没有这个执行标准，请核对编号。")
    return _sheet(row, mine[row.program_id].code, _names(session, [row]), reader)


def rules_to_approve(session: Session, officer: Principal) -> membership.Waiting | None:
    """Versions handed in by somebody else that this officer may put in force."""
    if not officer.has(*APPROVERS):
        return None
    mine, _ = _programs_within(session, officer)
    waiting, since = session.execute(
        select(func.count(), func.min(RuleVersion.submitted_at)).where(
            RuleVersion.program_id.in_(mine),
            RuleVersion.status == RuleState.IN_REVIEW.value,
            RuleVersion.author_id != officer.account_id,
        )
    ).one()
    return membership.Waiting(waiting, since) if since else None


def _programs_within(
    session: Session, reader: Principal
) -> tuple[dict[uuid.UUID, ProgramView], Mapping[uuid.UUID, UnionNode]]:
    programs = [program_view(row) for row in session.scalars(select(Program).order_by(Program.code))]
    unions = membership.heirs(session, {one.owner_union_id for one in programs})
    return {one.id: one for one in programs if in_scope(reader.scope_path, unions[one.owner_union_id].path)}, unions


def _names(session: Session, rows: Sequence[RuleVersion]) -> dict[uuid.UUID, str]:
    people = {who for row in rows for who in (row.author_id, row.approver_id) if who}
    return access.display_names(session, sorted(people))


def _sheet(row: RuleVersion, program: str, names: dict[uuid.UUID, str], reader: Principal) -> RuleSheet:
    rule = rule_view(row, program)
    own = row.author_id == reader.account_id
    return RuleSheet(
        rule,
        names.get(row.author_id, ""),
        row.created_at,
        row.submitted_at,
        names.get(row.approver_id, "") if row.approver_id else "",
        row.approved_at,
        may_submit=rule.status is RuleState.DRAFT and reader.has(*AUTHORS),
        may_decide=rule.status is RuleState.IN_REVIEW and reader.has(*APPROVERS),
        may_retire=rule.status is RuleState.APPROVED and reader.has(*APPROVERS),
        own=own,
    )
