"""The yearly confirmation of a unit's members (在册, 离职, 退休, 身故), and who joined or left in a month."""

import uuid
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import text
from sqlalchemy.orm import Session

from cardnet.access.rules import Principal, in_scope
from cardnet.kernel import audit
from cardnet.kernel.calendar import day_of
from cardnet.kernel.errors import Conflict, InvalidInput, NotFound
from cardnet.kernel.world import World
from cardnet.membership.member_rules import Confirmed, Ending
from cardnet.membership.rules import MembershipKind, PersonView, UnionNode
from cardnet.membership.services.people import people
from cardnet.membership.services.scope import lock_people, must_be_officer
from cardnet.membership.services.standing import ChangeStanding, EndMembership, change_standing, end_membership
from cardnet.membership.services.unions import union_of_id, unions_of_ids


@dataclass(frozen=True)
class Confirm:
    """One answer for these members of a unit; `on` is the first day no longer as before (离职, 退休, 身故), None: today."""

    union_id: uuid.UUID
    officer: Principal
    person_ids: tuple[uuid.UUID, ...]
    answer: Confirmed
    on: date | None = None


@dataclass(frozen=True)
class ConfirmationLine:
    """One member and what was said this year; None: nobody answered yet."""

    person: PersonView
    kind: MembershipKind | None
    answer: Confirmed | None
    effective_on: date | None
    answered_at: datetime | None


@dataclass(frozen=True)
class ConfirmationList:
    """A page of a unit's list, those without an answer first; `counts` is of the whole unit."""

    lines: tuple[ConfirmationLine, ...]
    total: int
    counts: dict[Confirmed | None, int]


_LIST = """
    from (select m.person_id, m.kind from membership m join person p on p.id = m.person_id
           where m.union_id = :union and m."to" is null and p.merged_into_id is null) here
    full join (select person_id, answer, effective_on, answered_at from confirmation
                where union_id = :union and year = :year) said on said.person_id = here.person_id"""


def confirmation_list(
    session: Session, union_id: uuid.UUID, year: int, limit: int = 50, offset: int = 0
) -> ConfirmationList:
    """Members of one unit now, and whoever was answered for this year and is no member any more."""
    given = {"union": union_id, "year": year}
    counts = Counter({
        Confirmed(answer) if answer else None: number
        for answer, number in session.execute(text(f"select said.answer, count(*) {_LIST} group by 1"), given)
    })  # fmt: skip
    rows = session.execute(
        text(f"""select coalesce(here.person_id, said.person_id) as person_id, here.kind, said.answer, said.effective_on,
                        said.answered_at {_LIST}
                  order by said.answer is not null, said.answer = 'stays', 1 limit :limit offset :offset"""),
        {**given, "limit": limit, "offset": offset},
    ).all()
    persons = people(session, {row.person_id for row in rows})
    return ConfirmationList(
        tuple(
            ConfirmationLine(
                persons[row.person_id], MembershipKind(row.kind) if row.kind else None,
                Confirmed(row.answer) if row.answer else None, row.effective_on, row.answered_at,
            )
            for row in rows
        ),
        sum(counts.values()), dict(counts),
    )  # fmt: skip


_MEMBERS = text("""
    select m.person_id from membership m join person p on p.id = m.person_id
     where m.union_id = :union and m."to" is null and p.merged_into_id is null and m.person_id = any(cast(:ids as uuid[]))
     order by m.person_id""")

_UNANSWERED = text("""
    select m.person_id from membership m join person p on p.id = m.person_id
     where m.union_id = :union and m."to" is null and p.merged_into_id is null
       and not exists (select from confirmation c
                        where c.person_id = m.person_id and c.union_id = m.union_id and c.year = :year)
     order by m.person_id""")

_SAY = text("""
    insert into confirmation (person_id, union_id, year, answer, effective_on, answered_by, answered_at)
    select id, :union, :year, :answer, :on, :actor, :at from unnest(cast(:ids as uuid[])) asked(id)
    on conflict (person_id, union_id, year) do update
       set answer = excluded.answer, effective_on = excluded.effective_on, answered_by = excluded.answered_by,
           answered_at = excluded.answered_at
     where confirmation.answer <> excluded.answer and confirmation.answer in ('stays', 'retired')
    returning person_id""")


def confirm_members(session: Session, world: World, command: Confirm) -> int:
    """Note the answers of the year and do what they say; returns how many are new or changed.

    A person is answered 在册 or 退休 and later something else; 离职 and 身故 end the membership and are final here.
    Cards of the dead are stopped by issuance, which calls this. Raises NotAllowed("role_missing"),
    NotFound("unit_unknown"), Conflict("not_a_member"), InvalidInput("nobody_chosen").
    """
    union = _own(session, command.officer, command.union_id)
    wanted = set(command.person_ids)
    if not wanted:
        raise InvalidInput("nobody_chosen", "请先勾选会员。")
    lock_people(session, wanted)
    members = session.scalars(_MEMBERS, {"union": union.id, "ids": list(wanted)}).all()
    if len(members) < len(wanted):
        raise Conflict("not_a_member", "有人刚刚转出或已结束会籍，请刷新后再确认。")
    on = command.on or day_of(world.now()) if command.answer is not Confirmed.STAYS else None
    changed = _say(session, world, command, union, members, on)
    for person_id in changed:
        _carry_out(session, world, command, person_id, on)
    return len(changed)


def confirm_the_rest(session: Session, world: World, union_id: uuid.UUID, officer: Principal) -> int:
    """Everybody nobody answered for is 在册. Returns how many. Raises as `confirm_members`."""
    union = _own(session, officer, union_id)
    rest = session.scalars(_UNANSWERED, {"union": union.id, "year": day_of(world.now()).year}).all()
    if not rest:
        return 0
    lock_people(session, rest)
    here = session.scalars(_MEMBERS, {"union": union.id, "ids": list(rest)}).all()
    command = Confirm(union.id, officer, tuple(here), Confirmed.STAYS)
    return len(_say(session, world, command, union, here, None))


def _say(
    session: Session, world: World, command: Confirm, union: UnionNode, ids: Sequence[uuid.UUID], on: date | None
) -> list[uuid.UUID]:
    at = world.now()
    given = {
        "union": union.id, "year": day_of(at).year, "answer": str(command.answer), "on": on, "at": at,
        "actor": command.officer.account_id, "ids": list(ids),
    }  # fmt: skip
    said = sorted(session.scalars(_SAY, given).all())
    if said:
        after = {"answer": str(command.answer), "members": len(said), "year": given["year"]}
        audit.record(session, world, audit.Act("member.confirm", "union", union.code, command.officer.account_id, after=after))  # fmt: skip
    return said


def _carry_out(session: Session, world: World, command: Confirm, person_id: uuid.UUID, on: date | None) -> None:
    words = "年度会籍确认"
    if command.answer is Confirmed.RETIRED:
        if people(session, [person_id])[person_id].membership_kind is not MembershipKind.RETIRED:
            change_standing(session, world, ChangeStanding(person_id, MembershipKind.RETIRED, command.officer, on, words))  # fmt: skip
    elif command.answer in (Confirmed.LEFT, Confirmed.DECEASED):
        ending = Ending.LEFT if command.answer is Confirmed.LEFT else Ending.DECEASED
        end_membership(session, world, EndMembership(person_id, ending, command.officer, on, words))


def _own(session: Session, officer: Principal, union_id: uuid.UUID) -> UnionNode:
    must_be_officer(officer)
    union = union_of_id(session, union_id)
    if not in_scope(officer.scope_path, union.path):
        raise NotFound("unit_unknown", "您的管理范围内没有这个工会。")
    return union


# ---- who joined and who left ----


@dataclass(frozen=True)
class MoveLine:
    """Somebody who joined a union or left it. `how`: `joined`, or `transferred` from or to `other`, `left`, …"""

    person: PersonView
    union: UnionNode
    on: date
    how: str
    other: UnionNode | None


_MOVES = """
    select m.person_id, m.union_id, m.{day} as day, {how} as how, x.union_id as other_id
      from membership m join union_node u on u.id = m.union_id
      join person p on p.id = m.person_id and p.merged_into_id is null
      left join membership x on x.person_id = m.person_id and x.{meets} = m.{day} and x.id <> m.id
     where u.path like :under escape '\\' and m.{day} >= :first and m.{day} < :after
       and (x.union_id is null or x.union_id <> m.union_id)
     order by u.path, day, m.person_id"""


def joiners(session: Session, path: str, first: date, after: date) -> tuple[MoveLine, ...]:
    """Who came into the unions under `path` in [first, after): new members, and those transferred from elsewhere."""
    how = "case when x.union_id is null then 'joined' else 'transferred' end"
    return _moves(session, _MOVES.format(day='"from"', meets='"to"', how=how), path, first, after)


def leavers(session: Session, path: str, first: date, after: date) -> tuple[MoveLine, ...]:
    """Who went out of them in [first, after): the day is the first one no longer a member there."""
    return _moves(session, _MOVES.format(day='"to"', meets='"from"', how="m.ended_as"), path, first, after)


def _moves(session: Session, statement: str, path: str, first: date, after: date) -> tuple[MoveLine, ...]:
    like = path.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_") + "%"
    rows = session.execute(text(statement), {"under": like, "first": first, "after": after}).all()
    persons = people(session, {row.person_id for row in rows})
    unions = unions_of_ids(session, {row.union_id for row in rows} | {row.other_id for row in rows if row.other_id})
    return tuple(
        MoveLine(
            persons[row.person_id], unions[row.union_id], row.day, row.how or "",
            unions[row.other_id] if row.other_id else None,
        )
        for row in rows
    )  # fmt: skip


# ---- how far the units are ----


@dataclass(frozen=True)
class ConfirmationCount:
    """One union's members to confirm this year, and how many nobody answered for."""

    union: UnionNode
    total: int
    waiting: int


_COUNTS = text("""
    select m.union_id, count(*) as total, count(*) filter (where c.person_id is null) as waiting
      from membership m join person p on p.id = m.person_id join union_node u on u.id = m.union_id
      left join confirmation c on c.person_id = m.person_id and c.union_id = m.union_id and c.year = :year
     where m."to" is null and p.merged_into_id is null and starts_with(u.path, :path)
     group by m.union_id""")


def confirmation_counts(session: Session, path: str, year: int) -> tuple[ConfirmationCount, ...]:
    """The unions with members under `path`, those that have most left to say first."""
    rows = session.execute(_COUNTS, {"path": path, "year": year}).all()
    unions = unions_of_ids(session, {row.union_id for row in rows})
    lines = (ConfirmationCount(unions[row.union_id], row.total, row.waiting) for row in rows)
    return tuple(sorted(lines, key=lambda line: (-line.waiting, line.union.path)))
