"""What waits for an officer beside rosters: one query for each kind, each of the officer's own tier and scope."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from sqlalchemy import text
from sqlalchemy.orm import Session

from cardnet.access.rules import Principal, Role
from cardnet.issuance import rules
from cardnet.issuance.services.desk.tasks import Task
from cardnet.issuance.services.ending import Whose, ending_soonest
from cardnet.issuance.services.self_filled import WAITS
from cardnet.kernel.calendar import day_of, end_of, start_of
from cardnet.kernel.world import World
from cardnet.membership import services as membership
from cardnet.membership.rules import UnionNode
from cardnet.membership.services import Waiting


@dataclass(frozen=True)
class _Desk:
    session: Session
    officer: Principal
    own: UnionNode
    at: datetime

    @property
    def today(self) -> date:
        return day_of(self.at)

    def task(self, kind: str, found: Waiting, title: str = "", part: Mapping[str, str] | None = None) -> Task:
        overdue = found.due_at is not None and found.due_at < self.at
        return Task(kind, None, title, self.own, found.count, found.since, found.due_at, overdue, part=part or {})

    def perhaps(self, kind: str, found: Waiting | None) -> Iterator[Task]:
        if found:
            yield self.task(kind, found)


def duties_of(session: Session, world: World, officer: Principal) -> tuple[Task, ...]:
    """What waits for this officer that is no roster's, in no order.

    `kind` is transfer (of members another unit names as its own), raise (asked for by a union below), self_filled, sign
    (a hand-out where people have not signed), slips (notices on paper), renew (cards that end soon), confirm (members
    without the year's answer), confirm_below (unions that have such) or duplicates (the district's).
    """
    desk = _Desk(session, officer, membership.union_of_id(session, officer.union_id), world.now())
    return tuple(task for role, duty in _DUTIES if officer.has(*role) for task in duty(desk))


def _transfers(desk: _Desk) -> Iterator[Task]:
    return desk.perhaps("transfer", membership.transfers_to_answer(desk.session, desk.own.id))


# A union's request is for the one above it; the district's own for somebody else of the district.
_RAISES = text("""
    select r.year, r.kind, count(*) as asked, min(r.asked_at) as since
      from quota_raise r join union_node u on u.id = r.union_id
     where r.state = 'asked' and r.asked_by <> :me
       and (u.parent_id = :own or (u.parent_id is null and u.id = :own and :district))
     group by r.year, r.kind order by r.year, r.kind""")


def _raises(desk: _Desk) -> Iterator[Task]:
    district = desk.officer.has(Role.DISTRICT_OFFICER)
    given = {"me": desk.officer.account_id, "own": desk.own.id, "district": district}
    for row in desk.session.execute(_RAISES, given):
        yield desk.task("raise", Waiting(row.asked, row.since), part={"year": str(row.year), "kind": row.kind})


_FILLED = text("""
    select count(*) as filled, min(filled_at) as since from self_fill_entry
     where union_id = :own and state = 'waiting'""")


def _filled(desk: _Desk) -> Iterator[Task]:
    row = desk.session.execute(_FILLED, {"own": desk.own.id}).one()
    if row.filled:
        yield desk.task("self_filled", Waiting(row.filled, row.since, row.since + WAITS))


_UNSIGNED = text("""
    select h.id, h.title, h.opened_at, count(*) as missing
      from handout h join handout_line l on l.handout_id = h.id and l.signed_at is null
     where h.closed_at is null and (h.path = :scope or h.opened_by = :me)
     group by h.id order by h.opened_at, h.id""")


def _unsigned(desk: _Desk) -> Iterator[Task]:
    for row in desk.session.execute(_UNSIGNED, {"scope": desk.own.path, "me": desk.officer.account_id}):
        yield desk.task("sign", Waiting(row.missing, row.opened_at), row.title, {"handout_id": str(row.id)})


def _slips(desk: _Desk) -> Iterator[Task]:
    return desk.perhaps("slips", membership.slips_to_hand_over(desk.session, desk.own.id))


def _renewals(desk: _Desk) -> Iterator[Task]:
    count, first_end = ending_soonest(desk.session, Whose(desk.officer), desk.today)
    if first_end:
        opened = start_of(first_end - timedelta(days=rules.RENEWAL_WINDOW_DAYS))
        yield desk.task("renew", Waiting(count, opened, end_of(first_end)))


def _own_members(desk: _Desk) -> Iterator[Task]:
    found = membership.members_to_confirm(desk.session, desk.own.id, desk.today.year)
    if found:
        yield desk.task("confirm", found, part={"own": "1"})


def _unions_below(desk: _Desk) -> Iterator[Task]:
    return desk.perhaps("confirm_below", membership.unions_to_confirm(desk.session, desk.own.path, desk.today.year))


def _duplicates(desk: _Desk) -> Iterator[Task]:
    count = membership.count_suspected(desk.session)
    if count:
        yield desk.task("duplicates", Waiting(count, desk.at))


_OFFICERS = (Role.UNIT_OFFICER, Role.TOWNSHIP_OFFICER, Role.DISTRICT_OFFICER)
_DUTIES: tuple[tuple[tuple[Role, ...], Callable[[_Desk], Iterator[Task]]], ...] = (
    (_OFFICERS, _transfers),
    ((Role.TOWNSHIP_OFFICER, Role.DISTRICT_OFFICER), _raises),
    (_OFFICERS, _filled),
    (_OFFICERS, _unsigned),
    (_OFFICERS, _slips),
    (_OFFICERS, _renewals),
    (_OFFICERS, _own_members),
    ((Role.TOWNSHIP_OFFICER, Role.DISTRICT_OFFICER), _unions_below),
    ((Role.DISTRICT_OFFICER,), _duplicates),
)
