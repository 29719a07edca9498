"""Batches as an officer sees them: only what lies in their scope is counted."""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session

from cardnet.access import services as access
from cardnet.access.rules import Principal
from cardnet.issuance.rules import ApplicationState, BatchOrigin
from cardnet.issuance.services.desk.listing import Listed, start_of_page, within
from cardnet.kernel.errors import NotFound
from cardnet.membership import services as membership
from cardnet.membership.rules import UnionNode


@dataclass(frozen=True)
class BatchLine:
    """One roster in a list. `states` counts its applications inside the scope; `mine` those that wait for the reader.

    `offered` of the waitlisted have an open offer.
    """

    batch_id: uuid.UUID
    filename: str
    union: UnionNode
    path: str
    mode: str
    rows: int
    valid: int
    declined: int
    invalid: int
    submitted_by: uuid.UUID
    submitter: str
    submitted_at: datetime
    states: Mapping[ApplicationState, int]
    mine: int
    due_at: datetime | None
    escalated_at: datetime | None
    origin: BatchOrigin = BatchOrigin.FILE
    offered: int = 0

    @property
    def applications(self) -> int:
        """How many requests of the batch lie in the scope."""
        return sum(self.states.values())


@dataclass(frozen=True)
class BatchFilter:
    """Which batches: under `path` (within the scope), only those with rows that wait for me, or in one of `states`."""

    path: str | None = None
    only_mine: bool = False
    states: frozenset[ApplicationState] = frozenset()


_WHICH = """
      from batch b
     where (starts_with(b.path, :under)
            or exists (select from application a where a.batch_id = b.id and starts_with(a.path, :under)))
       and (not cast(:only_mine as boolean)
            or exists (select from application a
                        where a.batch_id = b.id and a.review_path = :scope and a.submitted_by <> :me
                          and starts_with(a.path, :under)))
       and (cardinality(cast(:states as text[])) = 0
            or exists (select from application a
                        where a.batch_id = b.id and a.state = any(cast(:states as text[])) and starts_with(a.path, :under)))
       and (cast(:batch as uuid) is null or b.id = :batch)"""

# What waits for me stands in the order of its term; everything else newest first.
_BATCHES = f"""
    with page as (
        select b.id, case when cast(:only_mine as boolean) then
                   (select min(a.due_at) from application a where a.batch_id = b.id and a.review_path = :scope) end as due
               {_WHICH}
         order by due nulls last, b.submitted_at desc, b.id desc limit :limit offset :offset
    )
    select b.*, c.states, coalesce(c.mine, 0) as mine, coalesce(c.offered, 0) as offered, c.due_at, c.escalated_at
      from page join batch b using (id)
      left join lateral (
          select jsonb_object_agg(s.state, s.count) as states, sum(s.mine) as mine, sum(s.offered) as offered, min(s.due_at) as due_at,
                 max(s.escalated_at) as escalated_at
            from (select a.state, count(*) as count,
                         count(*) filter (where a.review_path = :scope and a.submitted_by <> :me) as mine,
                         count(a.offer_until) as offered,
                         min(a.due_at) filter (where a.review_path = :scope) as due_at,
                         max(a.escalated_at) filter (where a.review_path is not null) as escalated_at
                    from application a
                   where a.batch_id = b.id and starts_with(a.path, :under)
                   group by a.state) s
      ) c on true
     order by page.due nulls last, b.submitted_at desc, b.id desc"""  # noqa: S608 - the piece put in is ours

_TOTAL = f"select count(*) {_WHICH}"


def batches(
    session: Session, officer: Principal, wanted: BatchFilter | None = None, *, limit: int = 50, offset: int = 0
) -> Listed:
    """The rosters that touch this officer's scope, newest first."""
    wanted = wanted or BatchFilter()
    return _batches(session, officer, wanted, None, limit, offset)


def batch_of(session: Session, officer: Principal, batch_id: uuid.UUID) -> BatchLine:
    """One roster. Raises NotFound("batch_unknown"), also when nothing of it lies in the scope."""
    found = _batches(session, officer, BatchFilter(), batch_id, 1, 0).items
    if not found:
        raise no_batch()
    line: BatchLine = found[0]
    return line


def no_batch() -> NotFound:
    """There is none, or nothing of it is the officer's to see: nobody learns which."""
    return NotFound("batch_unknown", "没有这个批次，或者不在您的管理范围内。")


def line_of(session: Session, row: Mapping[Any, Any]) -> BatchLine:
    """A row of a batch with its counts as a value."""
    unions = membership.unions_of_ids(session, {row["union_id"]})
    return _batch_line(row, unions, access.display_names(session, [row["submitted_by"]]))


def _batches(
    session: Session, officer: Principal, wanted: BatchFilter, batch_id: uuid.UUID | None, limit: int, offset: int
) -> Listed:
    given: dict[str, Any] = {
        "scope": officer.scope_path,
        "me": officer.account_id,
        "under": within(officer, wanted.path),
        "only_mine": wanted.only_mine,
        "states": sorted(wanted.states),
        "batch": batch_id,
        "limit": limit,
    }
    total: int = session.scalar(text(_TOTAL), given) or 0
    given["offset"] = start_of_page(total, limit, offset)
    rows = session.execute(text(_BATCHES), given).mappings().all()
    unions = membership.unions_of_ids(session, {row["union_id"] for row in rows})
    names = access.display_names(session, [row["submitted_by"] for row in rows])
    items = tuple(_batch_line(row, unions, names) for row in rows)
    return Listed(items, total, given["offset"])


def _batch_line(
    row: Mapping[Any, Any], unions: Mapping[uuid.UUID, UnionNode], names: Mapping[uuid.UUID, str]
) -> BatchLine:
    states = {ApplicationState(state): count for state, count in (row["states"] or {}).items()}
    return BatchLine(
        row["id"],
        row["filename"],
        unions[row["union_id"]],
        row["path"],
        row["mode"],
        row["rows"],
        row["valid"],
        row["declined"],
        row["invalid"],
        row["submitted_by"],
        names.get(row["submitted_by"], ""),
        row["submitted_at"],
        states,
        int(row["mine"]),
        row["due_at"],
        row["escalated_at"],
        BatchOrigin(row["origin"]),
        int(row["offered"]),
    )
