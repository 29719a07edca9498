"""决策依据 of programs and pools: which recorded decision founded them, with meeting, day, number, budget item, original."""

import enum
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from cardnet.access import services as access
from cardnet.access.rules import Principal, Role, in_scope
from cardnet.benefits.models_authority import AttachedAuthority
from cardnet.benefits.services.program_views import programs
from cardnet.benefits.services.programs import AUTHORS
from cardnet.issuance import services as issuance
from cardnet.kernel import audit
from cardnet.kernel.errors import Conflict, NotAllowed, NotFound
from cardnet.kernel.world import World
from cardnet.ledger.services import all_pools
from cardnet.membership import services as membership
from cardnet.membership.rules import UnionNode

ATTACHERS = (Role.TOWNSHIP_OFFICER, Role.DISTRICT_OFFICER)
"""Who attaches a decision at a page or a call; the service asks for an author of programs."""


class SubjectKind(enum.StrEnum):
    """What a decision decided here (项目、资金池)."""

    PROGRAM = "program"
    POOL = "pool"


@dataclass(frozen=True)
class AttachAuthority:
    """A program or pool rests on a decision: a new one, or the id of one the officer may see."""

    kind: SubjectKind
    code: str
    authority: issuance.NewAuthority | uuid.UUID
    officer: Principal


@dataclass(frozen=True)
class Attached:
    """A decision something rests on, and who attached it when."""

    authority: issuance.AuthorityView
    attached_by: str
    at: datetime


@dataclass(frozen=True)
class Founded:
    """A program or a pool with its decisions, the newest first. `doc_ref` is the number it was set up under."""

    kind: SubjectKind
    id: uuid.UUID
    code: str
    name: str
    doc_ref: str
    budget_item: str
    union: UnionNode
    decisions: tuple[Attached, ...]

    @property
    def originals(self) -> int:
        """How many of the decisions have their original attached."""
        return sum(1 for one in self.decisions if one.authority.sha256)


def attach_authority(session: Session, world: World, command: AttachAuthority) -> Founded:
    """Put a decision on record for a program or a pool, for ever.

    Raises NotFound("program_unknown", "pool_unknown", "authority_unknown"), NotAllowed("scope_denied"),
    Conflict("authority_attached"), and as `issuance.record_authority` for a decision that is not complete.
    """
    subject = _subject(session, command.kind, command.code)
    officer = command.officer
    if not officer.has(*AUTHORS) or not in_scope(officer.scope_path, subject.union.path):
        raise NotAllowed("scope_denied", "您没有为它登记决策依据的权限，请由设立它的工会办理。")
    if isinstance(command.authority, issuance.NewAuthority):
        authority_id = issuance.record_authority(session, world, officer, command.authority)
    else:
        authority_id = command.authority
        if not may_see_authority(session, officer, authority_id):
            raise NotFound("authority_unknown", "没有这份决策依据，请先登记会议、文号和原件。")
    new = session.scalar(
        insert(AttachedAuthority)
        .values(
            id=world.new_id(),
            authority_id=authority_id,
            program_id=subject.id if command.kind is SubjectKind.PROGRAM else None,
            pool_id=subject.id if command.kind is SubjectKind.POOL else None,
            attached_by=officer.account_id,
            at=world.now(),
        )
        .on_conflict_do_nothing()
        .returning(AttachedAuthority.id)
    )
    if new is None:
        raise Conflict("authority_attached", f"“{subject.name}”已经登记过这份决策依据，不用再登记。")
    act = audit.Act(
        "authority.attach", command.kind.value, str(subject.id), actor_id=officer.account_id,
        after={"code": subject.code, "authority": str(authority_id)},
    )  # fmt: skip
    audit.record(session, world, act)
    return founded(session, officer, command.kind, command.code)


def all_founded(session: Session, reader: Principal) -> tuple[Founded, ...]:
    """Programs, then pools, of the unions within the reader's scope, by code."""
    return _with_decisions(session, [one for one in _subjects(session) if in_scope(reader.scope_path, one.union.path)])


def founded(session: Session, reader: Principal, kind: SubjectKind, code: str) -> Founded:
    """One of them. Raises NotFound("program_unknown", "pool_unknown"), also when it is beyond the reader's scope."""
    subject = _subject(session, kind, code)
    if not in_scope(reader.scope_path, subject.union.path):
        raise _unknown(kind)
    (found,) = _with_decisions(session, [subject])
    return found


def decisions_to_reuse(session: Session, reader: Principal, subject: Founded) -> tuple[issuance.AuthorityView, ...]:
    """Decisions on record for others within the reader's scope that this one does not rest on yet, the newest first."""
    own = {one.authority.id for one in subject.decisions}
    others = {
        one.authority.id: one.authority
        for other in all_founded(session, reader)
        for one in other.decisions
        if one.authority.id not in own
    }
    return tuple(sorted(others.values(), key=lambda one: (one.at, one.id), reverse=True))


def may_see_authority(session: Session, reader: Principal, authority_id: uuid.UUID) -> bool:
    """Whether a decision belongs to a program, a pool or a request for places within the reader's scope."""
    if issuance.may_see_authority(session, reader, authority_id):
        return True
    if not reader.has(*AUTHORS, *DECISION_READERS):
        return False
    rests = set(
        session.scalars(
            select(func.coalesce(AttachedAuthority.program_id, AttachedAuthority.pool_id)).where(
                AttachedAuthority.authority_id == authority_id
            )
        )
    )
    return any(one.id in rests and in_scope(reader.scope_path, one.union.path) for one in _subjects(session))


DECISION_READERS = (
    *ATTACHERS, Role.CHAIR, Role.FINANCE_MAKER, Role.FINANCE_CHECKER, Role.FINANCE_APPROVER, Role.CASHIER,
    Role.AUDITOR,
)  # fmt: skip
"""Who reads what programs and pools rest on: those who decide them, and those who pay and audit by them."""


# ---- pieces ----


def _subjects(session: Session) -> list[Founded]:
    tree = membership.unions_under(session, "/")
    # What a merged union owned is its successor's to answer for.
    unions = membership.heirs(session, {union.id for union in tree})
    # A pool of no union in particular is the whole tree's.
    root = next((union for union in tree if union.parent_id is None), None)
    found = [
        Founded(SubjectKind.PROGRAM, p.id, p.code, p.name, p.doc_ref, p.budget_line or "", unions[p.owner_union_id], ())
        for p in programs(session)
    ]
    for pool in all_pools(session):
        if union := unions[pool.union_id] if pool.union_id else root:
            found.append(Founded(SubjectKind.POOL, pool.id, pool.code, pool.name, pool.doc_ref, "", union, ()))
    return found


def _subject(session: Session, kind: SubjectKind, code: str) -> Founded:
    for one in _subjects(session):
        if (one.kind, one.code) == (kind, code):
            return one
    raise _unknown(kind)


def _unknown(kind: SubjectKind) -> NotFound:
    if kind is SubjectKind.PROGRAM:
        return NotFound("program_unknown", "没有这个项目，请核对编号。")
    return NotFound("pool_unknown", "没有这个资金池，请核对编号。")


def _with_decisions(session: Session, subjects: Sequence[Founded]) -> tuple[Founded, ...]:
    subject_id = func.coalesce(AttachedAuthority.program_id, AttachedAuthority.pool_id)
    rows = session.execute(
        select(subject_id, AttachedAuthority.authority_id, AttachedAuthority.attached_by, AttachedAuthority.at)
        .where(subject_id.in_([one.id for one in subjects]))
        .order_by(AttachedAuthority.at.desc(), AttachedAuthority.id.desc())
    ).all()
    known = issuance.authorities(session, {row.authority_id for row in rows})
    names = access.display_names(session, [row.attached_by for row in rows])
    of: Mapping[uuid.UUID, list[Attached]] = {one.id: [] for one in subjects}
    for found, authority_id, by, at in rows:
        of[found].append(Attached(known[authority_id], names.get(by, ""), at))
    return tuple(replace(one, decisions=tuple(of[one.id])) for one in subjects)
