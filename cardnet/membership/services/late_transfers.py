"""Changes of employer that were entered after the day they count from, and where somebody truly was on a day."""

import uuid
from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import text
from sqlalchemy.orm import Session

from cardnet.membership.rules import UnionNode, path_before
from cardnet.membership.services.unions import unions_of_ids


@dataclass(frozen=True)
class LateTransfer:
    """A transfer that counts from `effective_on` and was entered at `entered_at`, on a later day.

    `entered_by` is empty where the old union's silence released the member.
    """

    transfer_id: uuid.UUID
    person_id: uuid.UUID
    from_union: UnionNode
    to_union: UnionNode
    effective_on: date
    entered_at: datetime
    entered_by: uuid.UUID | None


_LATE = text("""
    select t.id, t.person_id, t.from_union_id, t.to_union_id, n."from" as effective_on, t.decided_at, t.decided_by
      from transfer_proposal t
      join membership n on n.person_id = t.person_id and n.union_id = t.to_union_id
                       and n."from" < (t.decided_at at time zone 'Asia/Shanghai')::date
                       and n.created_at = t.decided_at
      join union_node f on f.id = t.from_union_id
      join union_node u on u.id = t.to_union_id
     where t.state = 'released'
       and (cast(:people as uuid[]) is null or t.person_id = any(cast(:people as uuid[])))
       and (cast(:path as text) is null or starts_with(f.path, :path) or starts_with(u.path, :path))
     order by t.decided_at, t.id""")


def late_transfers(
    session: Session, *, path: str | None = None, person_ids: Collection[uuid.UUID] | None = None
) -> tuple[LateTransfer, ...]:
    """Of these people, or of those who left or joined a union under `path`; the oldest first."""
    given = {"path": path, "people": None if person_ids is None else list(person_ids)}
    rows = session.execute(_LATE, given).all()
    unions = unions_of_ids(session, {i for row in rows for i in (row.from_union_id, row.to_union_id)})
    return tuple(
        LateTransfer(
            row.id, row.person_id, unions[row.from_union_id], unions[row.to_union_id], row.effective_on,
            row.decided_at, row.decided_by,
        )
        for row in rows
    )  # fmt: skip


_PATHS = text("""
    select asked.person_id, asked.day, u.path
      from unnest(cast(:people as uuid[]), cast(:days as date[])) asked(person_id, day)
      join membership m on m.person_id = asked.person_id and m."from" <= asked.day and (m."to" is null or m."to" > asked.day)
      join union_node u on u.id = m.union_id""")


_MOVES = text("""
    select effective_on, path from union_change where kind = 'move' and effective_on > :since
     order by effective_on desc, at desc, id desc""")


def unit_paths_on(session: Session, asked: Collection[tuple[uuid.UUID, date]]) -> dict[tuple[uuid.UUID, date], str]:
    """Where each person was on a day, as is known now; nobody stands here for days without a membership.

    The place is that of the union on that day: where it was moved since, or one above it, the move is undone.
    """
    pairs = list(asked)
    if not pairs:
        return {}
    given = {"people": [person_id for person_id, _ in pairs], "days": [day for _, day in pairs]}
    rows = session.execute(_PATHS, given).all()
    moves = session.execute(_MOVES, {"since": min(day for _, day in pairs)}).all()
    return {
        (row.person_id, row.day): path_before(row.path, [move.path for move in moves if move.effective_on > row.day])
        for row in rows
    }
