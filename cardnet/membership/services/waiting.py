"""How much of what membership asks of an officer waits: counts with a moment, for the list of everything that waits."""

import uuid
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import TextClause, text
from sqlalchemy.orm import Session

from cardnet.kernel.calendar import end_of, start_of


@dataclass(frozen=True)
class Waiting:
    """Work of one kind: how much of it, since when the oldest waits, when the first of it is due."""

    count: int
    since: datetime
    due_at: datetime | None = None


_TRANSFERS = text("""
    select count(*) as waiting, min(proposed_at) as since, min(due_at) as due_at
      from transfer_proposal where from_union_id = :union and state = 'proposed'""")

_SLIPS = text("""
    select count(*) as waiting, min(created_at) as since, null::timestamptz as due_at
      from notice where union_id = :union and way = 'paper' and handed_out_at is null and state in ('waiting', 'printed')""")

# A unit is behind while one of its members has no answer: looking stops at the first.
_BEHIND = text("""
    select count(*) from union_node u
     where starts_with(u.path, :path) and u.path <> :path
       and exists (select from membership m join person p on p.id = m.person_id
                    where m.union_id = u.id and m."to" is null and p.merged_into_id is null
                      and not exists (select from confirmation c
                                       where c.person_id = m.person_id and c.union_id = m.union_id and c.year = :year))""")

_UNANSWERED = text("""
    select count(*) from membership m join person p on p.id = m.person_id
     where m.union_id = :union and m."to" is null and p.merged_into_id is null
       and not exists (select from confirmation c
                        where c.person_id = m.person_id and c.union_id = m.union_id and c.year = :year)""")


def transfers_to_answer(session: Session, union_id: uuid.UUID) -> Waiting | None:
    """Members another unit names as its own, for this union to release or to object."""
    return _one(session, _TRANSFERS, {"union": union_id})


def slips_to_hand_over(session: Session, union_id: uuid.UUID) -> Waiting | None:
    """Notices of one union that go on paper: to be printed, or printed and not yet given to their people."""
    return _one(session, _SLIPS, {"union": union_id})


def members_to_confirm(session: Session, union_id: uuid.UUID, year: int) -> Waiting | None:
    """Members of one union without this year's answer."""
    return _of_year(session.scalar(_UNANSWERED, {"union": union_id, "year": year}) or 0, year)


def unions_to_confirm(session: Session, path: str, year: int) -> Waiting | None:
    """Unions below `path` that have not answered for every member this year."""
    return _of_year(session.scalar(_BEHIND, {"path": path, "year": year}) or 0, year)


def _of_year(count: int, year: int) -> Waiting | None:
    return Waiting(count, start_of(date(year, 1, 1)), end_of(date(year, 12, 31))) if count else None


def _one(session: Session, query: TextClause, given: dict[str, Any]) -> Waiting | None:
    row = session.execute(query, given).one()
    return Waiting(row.waiting, row.since, row.due_at) if row.waiting else None
