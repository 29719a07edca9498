"""Whose file an officer may open: people of their unions, now or last; locks that keep two acts on one person apart."""

import uuid
from collections.abc import Collection
from dataclasses import dataclass
from datetime import date

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from cardnet.access.rules import Principal, Role, in_scope
from cardnet.kernel.errors import Conflict, NotAllowed, NotFound
from cardnet.membership.models import Membership, Person

OFFICER_ROLES = (Role.UNIT_OFFICER, Role.TOWNSHIP_OFFICER, Role.DISTRICT_OFFICER)

_LAST_PATHS = text("""
    select p.id, (select u.path from membership m join union_node u on u.id = m.union_id
                   where m.person_id = p.id order by m."to" desc nulls first, m."from" desc, m.id desc limit 1) as path
      from person p where p.id = any(cast(:ids as uuid[]))""")


def within_scope(session: Session, officer: Principal, ids: Collection[uuid.UUID]) -> set[uuid.UUID]:
    """Those of these people whose union, or last union once they left, lies in the officer's scope."""
    if not ids:
        return set()
    rows = session.execute(_LAST_PATHS, {"ids": list(ids)})
    return {row.id for row in rows if row.path and in_scope(officer.scope_path, row.path)}


def must_see(session: Session, officer: Principal, person_id: uuid.UUID) -> None:
    """Raises NotAllowed("role_missing"), NotFound("person_unknown"): of somebody else's member nothing is said."""
    must_be_officer(officer)
    if not within_scope(session, officer, [person_id]):
        raise NotFound("person_unknown", "没有这个人，或者不在您的管理范围内。")


def must_be_officer(officer: Principal) -> None:
    """Raises NotAllowed("role_missing")."""
    if not officer.has(*OFFICER_ROLES):
        raise NotAllowed("role_missing", "只有工会干部可以办理会员事务。")


@dataclass(frozen=True)
class Standing:
    """The membership somebody is in now."""

    membership: Membership
    person: Person


def lock_people(session: Session, ids: Collection[uuid.UUID]) -> None:
    """Hold these people, in the one order everybody holds them in: one change of standing at a time."""
    session.execute(
        text("select id from person where id = any(cast(:ids as uuid[])) order by id for no key update"),
        {"ids": list(ids)},
    ).all()


def locked_standing(session: Session, person_id: uuid.UUID) -> Standing:
    """The person and the open membership as they are under the lock.

    Raises Conflict("not_a_member") for somebody who left, withdrew, died or was merged into another file.
    """
    lock_people(session, [person_id])
    person = session.get(Person, person_id, populate_existing=True)
    membership = session.scalar(
        select(Membership)
        .where(Membership.person_id == person_id, Membership.to.is_(None))
        .execution_options(populate_existing=True)
    )
    if person is None or membership is None or person.deceased_on or person.merged_into_id:
        raise Conflict("not_a_member", "此人目前不在任何工会：可能刚刚转出、离职、退会或身故，请刷新后查看。")
    return Standing(membership, person)


def end_standing(standing: Standing, day: date, ended_as: str | None) -> None:
    """The membership ends: `day` is the first day no longer."""
    standing.membership.to = day
    standing.membership.ended_as = ended_as
