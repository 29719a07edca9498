"""Programs and their rule versions: drafted by one officer, approved by another, dated, never changed afterwards."""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from cardnet.access.rules import Principal, Role, in_scope
from cardnet.benefits import document
from cardnet.benefits.models_program import Program, RuleGeneration, RuleParameter, RuleVersion
from cardnet.benefits.services.program_views import ProgramView, RuleView, program_row, program_view, rule_view
from cardnet.benefits.services.rule_checks import check_bound, check_parameters, check_period, check_pools
from cardnet.benefits.words import Operator, ProgramKind, RuleState, VersionBasis
from cardnet.kernel import audit
from cardnet.kernel.calendar import day_of
from cardnet.kernel.errors import Conflict, FieldError, InvalidInput, NotAllowed, NotFound
from cardnet.kernel.money import MAX_FEN
from cardnet.kernel.world import World
from cardnet.ledger.rules import Account, AccountCode
from cardnet.ledger.services import ensure_accounts
from cardnet.membership.services import heirs, union_of_id

AUTHORS = (Role.TOWNSHIP_OFFICER, Role.DISTRICT_OFFICER, Role.ADMIN)
APPROVERS = (Role.DISTRICT_OFFICER, Role.FINANCE_APPROVER, Role.CHAIR, Role.ADMIN)


@dataclass(frozen=True)
class CreateProgram:
    """Something the union gives. `code` is its name in documents, tables and answers and never changes."""

    code: str
    name: str
    kind: ProgramKind
    doc_ref: str
    owner_union_id: uuid.UUID
    officer: Principal
    operator: Operator = Operator.SELF
    version_basis: VersionBasis = VersionBasis.EVENT_DATE
    budget_line: str | None = None


@dataclass(frozen=True)
class DraftRule:
    """A new version of a program's rules, in force from a day (included) to a day (excluded; None: until further notice)."""

    program: str
    body: Mapping[str, Any]
    effective_from: date
    officer: Principal
    effective_to: date | None = None


@dataclass(frozen=True)
class SubmitRule:
    """The author hands a draft in for approval."""

    version_id: uuid.UUID
    officer: Principal


@dataclass(frozen=True)
class ReturnRule:
    """The approver hands it back: it is a draft again."""

    version_id: uuid.UUID
    officer: Principal
    words: str


@dataclass(frozen=True)
class ApproveRule:
    """Somebody other than the author puts a version in force."""

    version_id: uuid.UUID
    officer: Principal


@dataclass(frozen=True)
class RetireRule:
    """A version ends: `on` is the first day it no longer holds."""

    version_id: uuid.UUID
    officer: Principal
    on: date


@dataclass(frozen=True)
class SetParameter:
    """One dated row of the parameter table: `value` holds from `effective_from` until the next row."""

    code: str
    effective_from: date
    value: int
    doc_ref: str
    officer: Principal


def create_program(session: Session, world: World, command: CreateProgram) -> ProgramView:
    """Create a program without rules yet.

    Raises InvalidInput("program_code_taken"), ("doc_ref_missing"), NotAllowed("scope_denied").
    """
    code = command.code.strip()
    if not document.is_code(code):
        raise InvalidInput("program_code_invalid", "项目编号请用 1–64 位字母、数字、_、. 或 -。")
    if session.scalar(select(Program.id).where(Program.code == code)):
        raise InvalidInput("program_code_taken", f"项目编号“{code}”已经有了，请换一个编号。")
    if not command.doc_ref.strip():
        raise InvalidInput("doc_ref_missing", "请填写设立项目的决策文号。")
    _may(session, command.officer, AUTHORS, command.owner_union_id)
    program = Program(
        id=world.new_id(),
        code=code,
        name=command.name.strip(),
        kind=command.kind.value,
        operator=command.operator.value,
        version_basis=command.version_basis.value,
        doc_ref=command.doc_ref,
        budget_line=command.budget_line,
        owner_union_id=command.owner_union_id,
        created_by=command.officer.account_id,
        created_at=world.now(),
    )
    session.add(program)
    session.flush()
    ensure_accounts(
        session, (Account(kind, owner_id=program.id) for kind in (AccountCode.SUBSIDY, AccountCode.DISCOUNT_SHARE))
    )
    _note(session, world, "program.create", "program", program.id, command.officer, {"code": code})
    return program_view(program)


def draft_rule(session: Session, world: World, command: DraftRule) -> RuleView:
    """Write a draft. Raises InvalidInput("rule_invalid") with every fault, ("rule_period"), ("rule_basis")."""
    program = program_row(session, command.program)
    _may(session, command.officer, AUTHORS, program.owner_union_id)
    body = document.check(dict(command.body))
    check_period(command.effective_from, command.effective_to)
    if body.get("basis", "event_date") != program.version_basis:
        found = [FieldError("/basis", f"This program goes by {program.version_basis}.")]
        raise InvalidInput("rule_invalid", "执行标准的日期基准与项目不一致。", found)
    number = session.scalar(
        select(func.coalesce(func.max(RuleVersion.no), 0)).where(RuleVersion.program_id == program.id)
    )
    version = RuleVersion(
        id=world.new_id(),
        program_id=program.id,
        no=(number or 0) + 1,
        effective_from=command.effective_from,
        effective_to=command.effective_to,
        body=body,
        schema_version=body["schema"],
        content_hash=document.content_hash(body),
        status=RuleState.DRAFT.value,
        doc_ref=body["doc_ref"],
        author_id=command.officer.account_id,
        created_at=world.now(),
    )
    session.add(version)
    session.flush()
    _note(session, world, "rule.draft", "rule_version", version.id, command.officer, {"no": version.no})
    return rule_view(version, program.code)


def submit_rule(session: Session, world: World, command: SubmitRule) -> RuleView:
    """`draft → in_review`. Raises Conflict("illegal_transition"), InvalidInput("rule_invalid") for pools that are not there."""
    version, program = _version(session, command.version_id)
    _may(session, command.officer, AUTHORS, program.owner_union_id)
    check_pools(session, version)
    _step(version, RuleState.DRAFT, RuleState.IN_REVIEW)
    version.submitted_at = world.now()
    session.flush()
    _note(session, world, "rule.submit", "rule_version", version.id, command.officer, None)
    return rule_view(version, program.code)


def return_rule(session: Session, world: World, command: ReturnRule) -> RuleView:
    """`in_review → draft`, with words why. Raises Conflict("illegal_transition")."""
    version, program = _version(session, command.version_id)
    _may(session, command.officer, APPROVERS, program.owner_union_id)
    _step(version, RuleState.IN_REVIEW, RuleState.DRAFT)
    session.flush()
    _note(session, world, "rule.return", "rule_version", version.id, command.officer, {"words": command.words})
    return rule_view(version, program.code)


def approve_rule(session: Session, world: World, command: ApproveRule) -> RuleView:
    """`in_review → approved`; an open-ended predecessor ends where this one begins.

    Raises NotAllowed("sod_violation") for the author, Conflict("rule_period_taken") when another approved version
    covers some of its days, InvalidInput("rule_bound") when some merchant would see too many programs at once, and
    ("rule_invalid") when a pool or a parameter is missing.
    """
    version, program = _version(session, command.version_id)
    if command.officer.account_id == version.author_id:
        raise NotAllowed("sod_violation", "起草人不能审批自己的执行标准，请由另一位负责人审批。")
    _may(session, command.officer, APPROVERS, program.owner_union_id)
    if version.status != RuleState.IN_REVIEW:
        raise _illegal(version, "审批")
    document.check(version.body)
    check_pools(session, version)
    check_parameters(session, version)
    # One approval at a time: the bound below looks at all approved versions together, and the token is one row.
    changed(session, world)
    check_bound(session, version)
    session.execute(
        update(RuleVersion)
        .where(
            RuleVersion.program_id == program.id,
            RuleVersion.status == RuleState.APPROVED.value,
            RuleVersion.effective_to.is_(None),
            RuleVersion.effective_from < version.effective_from,
        )
        .values(effective_to=version.effective_from)
    )
    approval = {
        "status": RuleState.APPROVED.value,
        "approver_id": command.officer.account_id,
        "approved_at": world.now(),
    }
    try:
        with session.begin_nested():
            session.execute(update(RuleVersion).where(RuleVersion.id == version.id).values(**approval))
    except IntegrityError:
        raise Conflict(
            "rule_period_taken",
            "这个时段已有生效的执行标准，请改生效日期，或先结束原来的版次。",
            {"program": program.code},
        ) from None
    session.refresh(version)
    _note(session, world, "rule.approve", "rule_version", version.id, command.officer, {"hash": version.content_hash})
    return rule_view(version, program.code)


def retire_rule(session: Session, world: World, command: RetireRule) -> RuleView:
    """End an approved version on a day not in the past; before its first day it never comes into force.

    Raises Conflict("illegal_transition"), InvalidInput("rule_period").
    """
    version, program = _version(session, command.version_id)
    _may(session, command.officer, APPROVERS, program.owner_union_id)
    if version.status != RuleState.APPROVED:
        raise _illegal(version, "结束")
    last = version.effective_to
    if command.on < day_of(world.now()) or (last is not None and command.on > last):
        raise InvalidInput("rule_period", "结束日期不能早于今天，也不能晚于原来的结束日期。")
    changed(session, world)
    version.effective_to = max(command.on, version.effective_from)
    if command.on <= version.effective_from:
        version.status = RuleState.RETIRED.value
    session.flush()
    _note(session, world, "rule.retire", "rule_version", version.id, command.officer, {"on": command.on.isoformat()})
    return rule_view(version, program.code)


def set_parameter(session: Session, world: World, command: SetParameter) -> None:
    """Add a dated value. Raises InvalidInput("parameter_invalid"), Conflict("parameter_taken") for a day that has one."""
    if not document.is_code(command.code) or not 0 <= command.value <= MAX_FEN:
        raise InvalidInput("parameter_invalid", "参数编号或数值有误。")
    if not command.doc_ref.strip():
        raise InvalidInput("doc_ref_missing", "请填写确定这个数值的文号。")
    if not command.officer.has(*APPROVERS):
        raise NotAllowed("scope_denied", "您没有设定参数的权限。")
    if command.effective_from < day_of(world.now()) and session.scalar(
        select(RuleParameter.code).where(RuleParameter.code == command.code).limit(1)
    ):
        raise InvalidInput("parameter_invalid", "已启用的参数不能倒填日期，请从今天或以后开始。")
    added = session.execute(
        insert(RuleParameter)
        .values(
            code=command.code,
            effective_from=command.effective_from,
            value=command.value,
            doc_ref=command.doc_ref,
            author_id=command.officer.account_id,
            created_at=world.now(),
        )
        .on_conflict_do_nothing()
        .returning(RuleParameter.code)
    )
    if added.one_or_none() is None:
        raise Conflict("parameter_taken", "这一天已有这个参数的数值，请换一天。")
    changed(session, world)
    _note(session, world, "rule.parameter", "rule_parameter", command.code, command.officer, {"value": command.value})


def changed(session: Session, world: World) -> None:
    """Tell every process that what it cached of rules is old, from this transaction's commit on."""
    session.execute(update(RuleGeneration).values(token=world.new_id()))


def _step(version: RuleVersion, before: RuleState, after: RuleState) -> None:
    if version.status != before:
        raise _illegal(version, {"in_review": "提交", "draft": "退回"}[after])
    version.status = after.value


def _illegal(version: RuleVersion, act: str) -> Conflict:
    return Conflict(
        "illegal_transition", f"执行标准现为“{_STATE_WORDS[version.status]}”，不能{act}。", {"state": version.status}
    )


_STATE_WORDS = {"draft": "草稿", "in_review": "待审批", "approved": "已批准", "retired": "已停用"}


def _may(session: Session, officer: Principal, roles: Sequence[Role], union_id: uuid.UUID) -> None:
    owner = heirs(session, [union_of_id(session, union_id).id])[union_id]
    if not officer.has(*roles) or not in_scope(officer.scope_path, owner.path):
        raise NotAllowed("scope_denied", "您没有办理这个项目的权限。")


def _version(session: Session, version_id: uuid.UUID) -> tuple[RuleVersion, Program]:
    """The version, locked: two officers deciding at once decide one after the other."""
    row = session.execute(
        select(RuleVersion, Program)
        .join(Program, Program.id == RuleVersion.program_id)
        .where(RuleVersion.id == version_id)
        .with_for_update(of=RuleVersion)
        .execution_options(populate_existing=True)
    ).one_or_none()
    if row is None:
        raise NotFound("rule_unknown", "没有这个执行标准版次，请核对编号。")
    return row[0], row[1]


def _note(
    session: Session,
    world: World,
    action: str,
    kind: str,
    subject: object,
    officer: Principal,
    after: dict[str, Any] | None,
) -> None:
    audit.record(session, world, audit.Act(action, kind, str(subject), actor_id=officer.account_id, after=after))
