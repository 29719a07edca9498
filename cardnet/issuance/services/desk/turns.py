"""Before whom applications stand now."""

import uuid
from collections import Counter
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import text
from sqlalchemy.orm import Session

from cardnet.access.rules import Principal
from cardnet.membership import services as membership
from cardnet.membership.rules import UnionNode

# One reading of the batch answers whose rows they are and before whom they stand.
_PLACES = """
    select a.union_id, a.review_path, count(*) as rows from application a
     where a.batch_id = :batch and starts_with(a.path, :scope) group by a.union_id, a.review_path"""


@dataclass(frozen=True)
class BatchPlaces:
    """The applications of a batch by unit, in the order of the tree, and by before whom they stand, lowest tier first."""

    units: tuple[tuple[UnionNode, int], ...]
    turns: tuple[tuple[UnionNode, int], ...]


_ALL_TURNS = """
    select a.review_path, count(*) as rows, min(a.due_at) as due_at from application a
     where starts_with(a.path, :scope) and a.review_path is not null group by a.review_path order by rows desc"""


def turns(session: Session, officer: Principal) -> tuple[tuple[UnionNode, int, datetime | None], ...]:
    """Before whom the applications of the whole scope stand now: how many, and the earliest term; the most first."""
    rows = session.execute(text(_ALL_TURNS), {"scope": officer.scope_path}).all()
    by_code = membership.unions_of_codes(session, [_code(row.review_path) for row in rows])
    return tuple((by_code[_code(row.review_path)], row.rows, row.due_at) for row in rows)


def batch_places(session: Session, officer: Principal, batch_id: uuid.UUID) -> BatchPlaces:
    """Where the applications of a batch are, inside the officer's scope."""
    rows = session.execute(text(_PLACES), {"batch": batch_id, "scope": officer.scope_path}).all()
    unions = membership.unions_of_ids(session, {row.union_id for row in rows})
    before = membership.unions_of_codes(session, {_code(row.review_path) for row in rows if row.review_path})
    of_unit: Counter[uuid.UUID] = Counter()
    of_desk: Counter[str] = Counter()
    for row in rows:
        of_unit[row.union_id] += row.rows
        if row.review_path:
            of_desk[_code(row.review_path)] += row.rows
    turns = [(before[code], count) for code, count in of_desk.items()]
    return BatchPlaces(
        tuple(sorted(((unions[union], count) for union, count in of_unit.items()), key=lambda pair: pair[0].path)),
        tuple(sorted(turns, key=lambda turn: (-turn[0].path.count("/"), turn[0].path))),
    )


def _code(path: str) -> str:
    return path.strip("/").rsplit("/", 1)[-1]
