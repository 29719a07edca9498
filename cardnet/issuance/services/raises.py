"""Asking for more places, and deciding about it: the union above hands them down, the centre's own are granted.

A district's raise names its 决策依据 and 预算科目 and is decided by somebody other than who asked.
"""

import uuid
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from cardnet.access import services as access
from cardnet.access.rules import Principal, Role, in_scope
from cardnet.issuance.models import QuotaRaise
from cardnet.issuance.rules import QuotaKind, RaiseState
from cardnet.issuance.services.authority import (
    AuthorityView,
    NewAuthority,
    authorities,
    authority_of,
    must_have_recorded,
    record_authority,
    recorded_by,
)
from cardnet.issuance.services.quota import (
    GrantQuota,
    MoveQuota,
    allocate_quota,
    check_count,
    grant_approved,
    must_cover,
)
from cardnet.kernel import audit
from cardnet.kernel.errors import Conflict, InvalidInput, NotAllowed, NotFound
from cardnet.kernel.world import World
from cardnet.membership import services as membership
from cardnet.membership.rules import UnionNode


@dataclass(frozen=True)
class AskForMore:
    """A union's officer asks for `count` more places.

    For the district itself `authority` must be stated: a new decision, or the id of one this officer recorded.
    """

    year: int
    code: str
    count: int
    reason: str
    officer: Principal
    authority: NewAuthority | uuid.UUID | None = None
    kind: QuotaKind = QuotaKind.NEW_CARD


@dataclass(frozen=True)
class DecideRaise:
    """An officer of the union above (for the district: another of its officers, or the chair) says yes or no."""

    raise_id: uuid.UUID
    officer: Principal
    words: str = ""


@dataclass(frozen=True)
class RaiseView:
    """A request for more places. `decidable` says that the reader may decide it, `mine` that the reader asked."""

    id: uuid.UUID
    year: int
    kind: QuotaKind
    union: UnionNode
    count: int
    reason: str
    authority: AuthorityView | None
    state: RaiseState
    asked_by: str
    asked_at: datetime
    decided_by: str
    decided_at: datetime | None
    words: str | None
    decidable: bool
    mine: bool


def ask_for_more(session: Session, world: World, command: AskForMore) -> uuid.UUID:
    """Write the request down.

    Raises NotAllowed, InvalidInput("count_invalid", "reason_missing", "authority_missing", "authority_incomplete"),
    NotFound("authority_unknown").
    """
    check_count(command.count)
    union = membership.union_of_code(session, command.code)
    must_cover(command.officer, union)
    if not command.reason.strip():
        raise InvalidInput("reason_missing", "请写明为什么要追加名额。")
    if union.parent_id is None and command.authority is None:
        raise InvalidInput("authority_missing", "追加全区名额须写明决策依据：会议、日期、文号和预算科目。")
    authority_id = _authority_id(session, world, command)
    raise_id = world.new_id()
    session.add(
        QuotaRaise(
            id=raise_id, year=command.year, kind=command.kind, union_id=union.id, count=command.count,
            reason=command.reason.strip()[:500], authority_id=authority_id, state=RaiseState.ASKED,
            asked_by=command.officer.account_id, asked_at=world.now(),
        )
    )  # fmt: skip
    session.flush()
    _record(session, world, command.officer, "quota_raise.ask", raise_id, count=command.count, union=union.code)
    return raise_id


def approve_raise(session: Session, world: World, command: DecideRaise) -> RaiseView:
    """Yes: the places are handed down, or granted to the district, in the same transaction.

    Raises NotFound("raise_unknown"), Conflict("already_decided", "quota_short"), NotAllowed("sod_violation",
    "out_of_scope", "role_missing").
    """
    asked, union = _open(session, command)
    officer = command.officer
    if union.parent_id is None:
        assert asked.authority_id is not None
        document = authority_of(session, asked.authority_id).document
        grant = GrantQuota(asked.year, asked.count, document, officer, QuotaKind(asked.kind), asked.authority_id)
        grant_approved(session, world, grant)
    else:
        giver = membership.union_of_id(session, union.parent_id)
        move = MoveQuota(asked.year, giver.code, union.code, asked.count, officer, QuotaKind(asked.kind))
        allocate_quota(session, world, move)
    return _decided(session, world, command, asked, RaiseState.APPROVED)


def refuse_raise(session: Session, world: World, command: DecideRaise) -> RaiseView:
    """No, and why. Raises as `approve_raise`, and InvalidInput("words_missing")."""
    if not command.words.strip():
        raise InvalidInput("words_missing", "请写明不同意的理由。")
    asked, _ = _open(session, command)
    return _decided(session, world, command, asked, RaiseState.REFUSED)


def withdraw_raise(session: Session, world: World, command: DecideRaise) -> RaiseView:
    """Whoever asked takes the request back. Raises NotFound("raise_unknown"), NotAllowed, Conflict("already_decided")."""
    asked = _locked(session, command.raise_id)
    if asked.asked_by != command.officer.account_id:
        raise NotAllowed("not_yours", "只有申请人可以撤回。")
    return _decided(session, world, command, asked, RaiseState.WITHDRAWN)


def raises(
    session: Session, principal: Principal, year: int, kind: QuotaKind = QuotaKind.NEW_CARD
) -> tuple[RaiseView, ...]:
    """The requests of a year inside the reader's scope, open ones first, the newest on top."""
    unions = {union.id: union for union in membership.unions_under(session, principal.scope_path)}
    rows = session.scalars(
        select(QuotaRaise)
        .where(QuotaRaise.year == year, QuotaRaise.kind == kind, QuotaRaise.union_id.in_(unions))
        .order_by(QuotaRaise.state != RaiseState.ASKED, QuotaRaise.asked_at.desc(), QuotaRaise.id)
        .limit(200)
    ).all()
    known = authorities(session, {row.authority_id for row in rows if row.authority_id})
    people = access.display_names(session, [one for row in rows for one in (row.asked_by, row.decided_by) if one])
    return tuple(_view(row, unions[row.union_id], known, people, principal) for row in rows)


def may_see_authority(session: Session, principal: Principal, authority_id: uuid.UUID) -> bool:
    """Whether a decision belongs to a request inside the reader's scope, or the reader recorded it."""
    if recorded_by(session, authority_id) == principal.account_id:
        return True
    unions = [union.id for union in membership.unions_under(session, principal.scope_path)]
    return (
        session.scalar(
            select(QuotaRaise.id)
            .where(QuotaRaise.authority_id == authority_id, QuotaRaise.union_id.in_(unions))
            .limit(1)
        )
        is not None
    )


# ---- pieces ----


def _authority_id(session: Session, world: World, command: AskForMore) -> uuid.UUID | None:
    if isinstance(command.authority, NewAuthority):
        return record_authority(session, world, command.officer, command.authority)
    if command.authority is not None:
        must_have_recorded(session, command.officer, command.authority)
    return command.authority


def _locked(session: Session, raise_id: uuid.UUID) -> QuotaRaise:
    asked = session.scalar(select(QuotaRaise).filter_by(id=raise_id).with_for_update())
    if asked is None:
        raise NotFound("raise_unknown", "没有这份追加申请，请从列表选择。")
    if asked.state != RaiseState.ASKED:
        raise Conflict("already_decided", "这份追加申请已经办结，请刷新后再看。")
    return asked


def _open(session: Session, command: DecideRaise) -> tuple[QuotaRaise, UnionNode]:
    asked = _locked(session, command.raise_id)
    union = membership.union_of_id(session, asked.union_id)
    officer = command.officer
    if not _may_decide(officer, union):
        raise NotAllowed("out_of_scope", f"{union.name}的追加申请由上级工会办理，区级的由主席或另一位区级人员审批。")
    if asked.asked_by == officer.account_id:
        raise NotAllowed("sod_violation", "申请人不能审批自己的申请，须由另一位工作人员审批。")
    return asked, union


def _may_decide(officer: Principal, union: UnionNode) -> bool:
    if union.parent_id is None:
        return officer.scope_path == union.path and officer.has(Role.DISTRICT_OFFICER, Role.CHAIR)
    above = union.path != officer.scope_path and in_scope(officer.scope_path, union.path)
    return above and officer.has(Role.TOWNSHIP_OFFICER, Role.DISTRICT_OFFICER)


_VERB = {RaiseState.APPROVED: "approve", RaiseState.REFUSED: "refused", RaiseState.WITHDRAWN: "withdraw"}


def _decided(session: Session, world: World, command: DecideRaise, asked: QuotaRaise, state: RaiseState) -> RaiseView:
    asked.state, asked.decided_by, asked.decided_at = state, command.officer.account_id, world.now()
    asked.words = command.words.strip()[:500] or None
    session.flush()
    _record(session, world, command.officer, f"quota_raise.{_VERB[state]}", asked.id, count=asked.count)
    union = membership.union_of_id(session, asked.union_id)
    known = authorities(session, {asked.authority_id} if asked.authority_id else set())
    people = access.display_names(session, [asked.asked_by, command.officer.account_id])
    return _view(asked, union, known, people, command.officer)


def _view(
    row: QuotaRaise, union: UnionNode, known: dict[uuid.UUID, AuthorityView], people: dict[uuid.UUID, str],
    reader: Principal,
) -> RaiseView:  # fmt: skip
    mine = row.asked_by == reader.account_id
    is_open = row.state == RaiseState.ASKED
    return RaiseView(
        row.id, row.year, QuotaKind(row.kind), union, row.count, row.reason,
        known.get(row.authority_id) if row.authority_id else None, RaiseState(row.state),
        people.get(row.asked_by, ""), row.asked_at, people.get(row.decided_by, "") if row.decided_by else "",
        row.decided_at, row.words, is_open and not mine and _may_decide(reader, union), is_open and mine,
    )  # fmt: skip


def _record(
    session: Session, world: World, officer: Principal, action: str, raise_id: uuid.UUID, **after: object
) -> None:
    audit.record(
        session, world, audit.Act(action, "quota_raise", str(raise_id), actor_id=officer.account_id, after=after)
    )
