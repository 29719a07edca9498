"""Who can be reached, and how: counts for a union and those below it, names inside the unit."""

import enum
import uuid
from dataclasses import dataclass
from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session

from cardnet.access.rules import Principal
from cardnet.kernel.calendar import day_of
from cardnet.kernel.errors import NotAllowed
from cardnet.kernel.vault import vault_of
from cardnet.kernel.world import World
from cardnet.membership.rules import MEMBER_KINDS, UnionNode
from cardnet.membership.services.people import NAME
from cardnet.membership.services.unions import open_unions_under, union_of_id, unions_under


class Reached(enum.StrEnum):
    """How a member hears of things: by which way, or why only on paper."""

    ACCOUNT = "official_account"
    SMS = "sms"
    NO_CONSENT = "no_consent"
    PHONE_UNVERIFIED = "phone_unverified"
    NO_PHONE = "no_phone"


@dataclass(frozen=True)
class ReachCounts:
    """Members of one union by how they are reached; each is exactly one of the five."""

    union: UnionNode
    members: int
    official_account: int
    sms: int
    no_consent: int
    phone_unverified: int
    no_phone: int


@dataclass(frozen=True)
class ReachLine:
    """One member of the officer's own union, by name."""

    person_id: uuid.UUID
    name: str
    reached: Reached


def reach_by_union(session: Session, world: World, path: str) -> tuple[ReachCounts, ...]:
    """Per union under `path` with members of its own, in the order of the tree."""
    rows = {row.union_id: row for row in session.execute(_COUNTS, _keys(world, path))}
    return tuple(
        ReachCounts(union, row.members, *(getattr(row, str(way)) for way in Reached))
        for union in unions_under(session, path)
        if (row := rows.get(union.id))
    )


def reach_lines(
    session: Session, world: World, officer: Principal, way: Reached | None, limit: int, offset: int
) -> tuple[tuple[ReachLine, ...], int]:
    """Members of the officer's own union itself, those on paper only first, and how many there are with this way.

    Raises NotAllowed("names_inside_the_unit") for an officer whose union has unions below it.
    """
    own = union_of_id(session, officer.union_id)
    if len(open_unions_under(session, own.path)) > 1:
        raise NotAllowed("names_inside_the_unit", "名单只在本单位内可见：上级工会看到的是人数。")
    keys: dict[str, Any] = _keys(world, own.path) | {"way": str(way) if way else None, "limit": limit, "offset": offset}
    rows = session.execute(_LINES, keys).all()
    vault = vault_of(session)
    lines = tuple(ReachLine(row.id, vault.open(NAME, row.name), Reached(row.reached)) for row in rows)
    return lines, rows[0].total if rows else 0


# ---- pieces ----

_MEMBERS = """
    select p.id, p.name, m.union_id,
           case when not consent.given then 'no_consent'
                when account.bound then 'official_account'
                when p.phone is null then 'no_phone'
                when p.phone_verified_at is null then 'phone_unverified'
                else 'sms' end as reached
      from person p
      join membership m on m.person_id = p.id and m."from" <= :today and (m."to" is null or m."to" > :today)
       and m.kind = any(:kinds)
      join union_node u on u.id = m.union_id and starts_with(u.path, :path)
      cross join lateral (select exists (
            select from consent c where c.person_id = p.id and c.purpose = 'notices' and c.answer = 'given'
               and c.superseded_at is null and c.withdrawn_at is null) as given) consent
      cross join lateral (select exists (
            select from notice_address a where a.person_id = p.id and a.ended_at is null) as bound) account
     where p.deceased_on is null and p.merged_into_id is null"""

_COUNTS = text(f"""
    select union_id, count(*) as members,
           {", ".join(f"count(*) filter (where reached = '{way}') as {way}" for way in Reached)}
      from ({_MEMBERS}) member group by union_id""")  # noqa: S608 - the pieces put in are ours

_LINES = text(f"""
    select id, name, reached, count(*) over () as total from ({_MEMBERS}) member
     where cast(:way as text) is null or reached = :way
     order by reached in ('official_account', 'sms'), reached, id limit :limit offset :offset""")  # noqa: S608 - the piece put in is ours


def _keys(world: World, path: str) -> dict[str, Any]:
    return {"path": path, "today": day_of(world.now()), "kinds": [str(kind) for kind in MEMBER_KINDS]}
