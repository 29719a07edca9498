"""Before whom applications stand now."""

import uuid
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Row, text
from sqlalchemy.orm import Session

from cardnet.access.rules import Principal, in_scope
from cardnet.issuance.services.desk.batches import BatchLine, line_of, no_batch
from cardnet.membership import services as membership
from cardnet.membership.rules import UnionNode, code_of

_BATCH = "select b.* from batch b where b.id = :batch"

# One reading of the batch answers whose rows they are, before whom they stand and how far they are.
_PLACES = """
    select a.union_id, a.review_path, a.state, count(*) as rows,
           count(*) filter (where a.submitted_by <> :me) as not_own, count(a.offer_until) as offered,
           min(a.due_at) as due_at, max(a.escalated_at) as escalated_at
      from application a
     where a.batch_id = :batch and (cast(:whole as boolean) or starts_with(a.path, :scope))
     group by a.union_id, a.review_path, a.state"""


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
    by_code = membership.unions_of_codes(session, [code_of(row.review_path) for row in rows])
    return tuple((by_code[code_of(row.review_path)], row.rows, row.due_at) for row in rows)


def batch_and_places(session: Session, officer: Principal, batch_id: uuid.UUID) -> tuple[BatchLine, BatchPlaces]:
    """One roster as `batch_of` gives it, and where its applications are, inside the officer's scope.

    Raises NotFound("batch_unknown"), also when nothing of it lies in the scope.
    """
    batch = session.execute(text(_BATCH), {"batch": batch_id}).mappings().one_or_none()
    if batch is None:
        raise no_batch()
    whole = in_scope(officer.scope_path, batch["path"])
    given = {"batch": batch_id, "scope": officer.scope_path, "me": officer.account_id, "whole": whole}
    rows = session.execute(text(_PLACES), given).all()
    if not rows and not whole:
        raise no_batch()
    here = [row for row in rows if row.review_path == officer.scope_path]
    states: Counter[str] = Counter()
    for row in rows:
        states[row.state] += row.rows
    counted = {
        "states": states,
        "mine": sum(row.not_own for row in here),
        "offered": sum(row.offered for row in rows),
        "due_at": min((row.due_at for row in here if row.due_at), default=None),
        "escalated_at": max((row.escalated_at for row in rows if row.escalated_at and row.review_path), default=None),
    }
    return line_of(session, {**batch, **counted}), _places(session, rows)


def _places(session: Session, rows: Sequence[Row[Any]]) -> BatchPlaces:
    unions = membership.unions_of_ids(session, {row.union_id for row in rows})
    before = membership.unions_of_codes(session, {code_of(row.review_path) for row in rows if row.review_path})
    of_unit: Counter[uuid.UUID] = Counter()
    of_desk: Counter[str] = Counter()
    for row in rows:
        of_unit[row.union_id] += row.rows
        if row.review_path:
            of_desk[code_of(row.review_path)] += row.rows
    turns = [(before[code], count) for code, count in of_desk.items()]
    return BatchPlaces(
        tuple(sorted(((unions[union], count) for union, count in of_unit.items()), key=lambda pair: pair[0].path)),
        tuple(sorted(turns, key=lambda turn: (-turn[0].path.count("/"), turn[0].path))),
    )
