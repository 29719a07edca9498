"""Where the union of a stored path stands now: money, answers and prints keep the path of their day for ever.

The last code of such a path is the union, and a code never changes nor is given again. Since a move it stands
elsewhere, since a merger its successor is meant. While no union ever moved all of this is empty and costs nothing.
"""

import uuid
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, and_, or_, text
from sqlalchemy.orm import InstrumentedAttribute, Session

from cardnet.access.rules import in_scope
from cardnet.membership.rules import UnionNode, path_before
from cardnet.membership.services.unions import unions_of_ids


@dataclass(frozen=True, slots=True)
class Places:
    """By each path at which a union stands no more, the path at which it, or its successor, stands now."""

    moved: Mapping[str, str]

    def now(self, path: str) -> str:
        """The place of today of the union of a stored path."""
        return self.moved.get(path, path)

    def stored(self, path: str) -> list[str]:
        """Every path under which something of the union that stands at `path` may be stored."""
        return [path, *(was for was, now in self.moved.items() if now == path)]

    def under(self, path: str | None) -> dict[str, Any]:
        """What `stored_under` asks for; None for any path."""
        gone = [] if path is None else [was for was, now in self.moved.items() if in_scope(path, was) and not in_scope(path, now)]  # fmt: skip
        came = [] if path is None else [was for was, now in self.moved.items() if in_scope(path, now)]
        return {"path": path, "gone": gone, "came": came}

    def holds(self, column: InstrumentedAttribute[str], path: str) -> ColumnElement[bool]:
        """The same condition as `stored_under`, of a column of a model."""
        in_place = column.startswith(path, autoescape=True)
        if not self.moved:
            return in_place
        given = self.under(path)
        return or_(and_(in_place, column.not_in(given["gone"])), column.in_(given["came"]))

    def pairs(self) -> dict[str, object]:
        """The same as two arrays, to be joined to a statement."""
        return {"was": list(self.moved), "now": list(self.moved.values())}


def stored_under(column: str) -> str:
    """A condition in the driver's own words: the union of the stored path now stands under a path (`Places.under`)."""
    return (
        f"(%(path)s::text is null or starts_with({column}, %(path)s::text) and {column} <> all(%(gone)s::text[]) "
        f"or {column} = any(%(came)s::text[]))"
    )


_CHANGES = text("""
    select union_id, kind, path, other_id from union_change where kind in ('move', 'merge') order by at desc, id desc""")


def places(session: Session) -> Places:
    """All that stand elsewhere than once, as of now."""
    changes = session.execute(_CHANGES).all()
    if not changes:
        return Places({})
    now = {row.id: row.path for row in session.execute(text("select id, path from union_node"))}
    into = {row.union_id: row.other_id for row in changes if row.kind == "merge"}
    whose = {now[union_id]: union_id for union_id in into}
    # Back through the moves, the latest first: what stands below a union now came along with it, or came after.
    then = dict(now)
    for move in changes:
        if move.kind == "move":
            _undo(then, move.path, whose)
    return Places({path: there for path, union_id in whose.items() if (there := now[_last(into, union_id)]) != path})


_MERGED = text("select union_id, other_id from union_change where kind = 'merge'")


def heirs(session: Session, ids: Collection[uuid.UUID]) -> dict[uuid.UUID, UnionNode]:
    """Who answers for what these unions own: each itself, or the one it went into, by the id asked for."""
    into = {row.union_id: row.other_id for row in session.execute(_MERGED)}
    last = {union_id: _last(into, union_id) for union_id in ids}
    unions = unions_of_ids(session, set(last.values()))
    return {union_id: unions[there] for union_id, there in last.items() if there in unions}


def _undo(then: dict[uuid.UUID, str], old: str, whose: dict[str, uuid.UUID]) -> None:
    for union_id, path in then.items():
        if (before := path_before(path, [old])) != path:
            then[union_id] = before
            whose[before] = union_id


def _last(into: Mapping[uuid.UUID, uuid.UUID], union_id: uuid.UUID) -> uuid.UUID:
    while union_id in into:
        union_id = into[union_id]
    return union_id
