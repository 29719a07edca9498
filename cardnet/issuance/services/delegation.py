"""Delegation: an officer who is away lets another one stand in, for a window of days, and both names are shown.

One link: the deputy has what the giver's own account has, in the giver's union, and nothing the giver holds for
somebody else. What a deputy does counts for both: neither may act on the same application at another tier.
"""

import uuid
from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy import or_, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from cardnet.access import services as access
from cardnet.access.rules import Principal, Role, in_scope
from cardnet.issuance.models import Delegation
from cardnet.kernel import audit
from cardnet.kernel.calendar import local
from cardnet.kernel.errors import Conflict, InvalidInput, NotAllowed, NotFound
from cardnet.kernel.world import World

OFFICER_ROLES = frozenset({Role.UNIT_OFFICER, Role.TOWNSHIP_OFFICER, Role.DISTRICT_OFFICER})


@dataclass(frozen=True)
class GiveDelegation:
    """`deputy` stands in for `giver` (user names) from `from_at` until before `to_at`. `by` gives it: the giver, or above."""

    giver: str
    deputy: str
    from_at: datetime
    to_at: datetime
    reason: str
    by: Principal


@dataclass(frozen=True)
class EndDelegation:
    """A delegation ends now. `by` is one of the two, or above the giver."""

    delegation_id: uuid.UUID
    by: Principal


@dataclass(frozen=True)
class DelegationLine:
    """One delegation: who stands in for whom, from when until before when. `state` is coming, running, over or ended."""

    id: uuid.UUID
    giver_id: uuid.UUID
    giver: str
    deputy_id: uuid.UUID
    deputy: str
    from_at: datetime
    to_at: datetime
    reason: str
    state: str
    ended_at: datetime | None


def give_delegation(session: Session, world: World, command: GiveDelegation) -> uuid.UUID:
    """Let somebody stand in.

    Raises InvalidInput("delegation_window", "delegation_to_self", "reason_missing"), NotFound("account_unknown"),
    NotAllowed("delegate_not_officer", "out_of_scope"), Conflict("delegation_overlaps").
    """
    at = world.now()
    if command.to_at <= command.from_at or command.to_at <= at:
        raise InvalidInput("delegation_window", "委托的结束时间须晚于开始时间，也须晚于现在。")
    if not command.reason.strip():
        raise InvalidInput("reason_missing", "请写明委托的原因，例如“外出培训”。")
    giver = access.principal_of_username(session, command.giver)
    deputy = access.principal_of_username(session, command.deputy)
    if giver.account_id == deputy.account_id:
        raise InvalidInput("delegation_to_self", "不能委托给本人，请另选一位工作人员。")
    _must_manage(command.by, giver)
    for person in (giver, deputy):
        if not person.has(*OFFICER_ROLES):
            raise NotAllowed("delegate_not_officer", f"{person.display_name}不是工会审核人员，不能委托或受托审核。")
    delegation_id: uuid.UUID | None = session.scalar(
        insert(Delegation)
        .values(
            id=world.new_id(), giver_id=giver.account_id, deputy_id=deputy.account_id, from_at=command.from_at,
            to_at=command.to_at, reason=command.reason.strip()[:200], given_by=command.by.account_id, given_at=at,
        )
        .on_conflict_do_nothing()
        .returning(Delegation.id)
    )  # fmt: skip
    if delegation_id is None:
        raise Conflict("delegation_overlaps", f"{giver.display_name}在这段时间已委托了别人，请先结束那次委托。")
    audit.record(
        session, world,
        audit.Act(
            "delegation.give", "delegation", str(delegation_id), actor_id=command.by.account_id,
            on_behalf_of=giver.account_id if giver.account_id != command.by.account_id else None,
            after={
                "giver": str(giver.account_id), "deputy": str(deputy.account_id),
                "from": command.from_at.isoformat(), "to": command.to_at.isoformat(),
            },
        ),
    )  # fmt: skip
    return delegation_id


def end_delegation(session: Session, world: World, command: EndDelegation) -> None:
    """End a delegation now. Raises NotFound("delegation_unknown"), NotAllowed("out_of_scope"), Conflict("delegation_over")."""
    at = world.now()
    row = session.get(Delegation, command.delegation_id, with_for_update=True, populate_existing=True)
    if row is None:
        raise _unknown()
    if command.by.account_id not in (row.giver_id, row.deputy_id):
        giver = access.principals_of_ids(session, [row.giver_id]).get(row.giver_id)
        # An account that was closed since is nobody's to hide behind: the district ends what it left.
        if giver is not None:
            _must_manage(command.by, giver)
        elif not command.by.has(Role.DISTRICT_OFFICER):
            raise _unknown()
    if row.ended_at is not None or row.to_at <= at:
        raise Conflict("delegation_over", "这次委托已经结束。")
    row.ended_at, row.ended_by = at, command.by.account_id
    session.flush()
    act = audit.Act("delegation.end", "delegation", str(row.id), actor_id=command.by.account_id)
    audit.record(session, world, act)


def delegations(session: Session, world: World, officer: Principal) -> tuple[DelegationLine, ...]:
    """What the officer gave or was given, and what was given in the unions of their scope; what runs stands first."""
    mine = or_(Delegation.giver_id == officer.account_id, Delegation.deputy_id == officer.account_id)
    below = [one.account_id for one in access.principals_under(session, officer.scope_path, *OFFICER_ROLES)]
    rows = session.scalars(
        select(Delegation)
        .where(or_(mine, Delegation.giver_id.in_(below)))
        .order_by(Delegation.from_at.desc(), Delegation.id)
        .limit(200)
    ).all()
    names = access.display_names(session, [who for row in rows for who in (row.giver_id, row.deputy_id)])
    at = world.now()
    lines = [
        DelegationLine(
            row.id, row.giver_id, names.get(row.giver_id, ""), row.deputy_id, names.get(row.deputy_id, ""),
            row.from_at, row.to_at, row.reason, _state(row, at), row.ended_at,
        )
        for row in rows
    ]  # fmt: skip
    order = ("running", "coming", "over", "ended")
    return tuple(sorted(lines, key=lambda line: order.index(line.state)))


def stands_in_for(session: Session, world: World, deputy: Principal) -> dict[uuid.UUID, Principal]:
    """Those for whom this officer acts now, by account, as they would act: see `stand_in`."""
    at = world.now()
    givers = session.scalars(
        select(Delegation.giver_id)
        .where(
            Delegation.deputy_id == deputy.account_id,
            Delegation.ended_at.is_(None),
            Delegation.from_at <= at,
            Delegation.to_at > at,
        )
        .order_by(Delegation.from_at, Delegation.id)
    ).all()
    found = access.principals_of_ids(session, givers)
    return {giver: _lent(deputy, found[giver]) for giver in givers if giver in found}


def stand_in(session: Session, world: World, deputy: Principal, giver_id: uuid.UUID) -> Principal:
    """The deputy with the giver's union and reviewing roles, named `D2u代D1u`: who acts is the deputy's account.

    Raises NotAllowed("delegation_unknown", "delegation_out_of_window").
    """
    at = world.now()
    rows = session.scalars(
        select(Delegation)
        .where(Delegation.giver_id == giver_id, Delegation.deputy_id == deputy.account_id)
        .order_by(Delegation.to_at.desc())
    ).all()
    giver = access.principals_of_ids(session, [giver_id]).get(giver_id)
    if not rows or giver is None:
        raise NotAllowed("delegation_unknown", "没有这项委托，请以本人名义办理，或请对方先办理委托。")
    if not any(_state(row, at) == "running" for row in rows):
        last = rows[0]
        raise NotAllowed(
            "delegation_out_of_window",
            f"{giver.display_name}的委托只在{local(last.from_at):%Y-%m-%d %H:%M} 至 "
            f"{local(last.ended_at or last.to_at):%Y-%m-%d %H:%M}（不含）之间有效，现在不能代办。",
            {"from": last.from_at.isoformat(), "to": (last.ended_at or last.to_at).isoformat()},
        )
    return _lent(deputy, giver)


def _lent(deputy: Principal, giver: Principal) -> Principal:
    return replace(
        giver,
        account_id=deputy.account_id,
        username=deputy.username,
        display_name=f"{deputy.display_name}代{giver.display_name}",
        roles=giver.roles & OFFICER_ROLES,
    )


def _state(row: Delegation, at: datetime) -> str:
    if row.ended_at is not None:
        return "ended"
    if at < row.from_at:
        return "coming"
    return "running" if at < row.to_at else "over"


def _must_manage(by: Principal, giver: Principal) -> None:
    """The giver, or an officer of a union above: who fell ill cannot sign in to name a deputy."""
    above = in_scope(by.scope_path, giver.scope_path) and by.scope_path != giver.scope_path and by.has(*OFFICER_ROLES)
    if by.account_id != giver.account_id and not above:
        raise NotAllowed("out_of_scope", f"只有{giver.display_name}本人或上级工会可以办理这项委托。")


def _unknown() -> NotFound:
    return NotFound("delegation_unknown", "没有这项委托，请刷新后再看。")
