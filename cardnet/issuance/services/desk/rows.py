"""The rows of a batch inside a scope, with whose they are and what was found in them."""

import json
import uuid
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import RowMapping, text
from sqlalchemy.orm import Session

from cardnet.access.rules import Principal, in_scope
from cardnet.issuance.rules import ApplicationState
from cardnet.issuance.services.batches import CELLS_FIELD, OriginalFinding
from cardnet.issuance.services.desk.batches import BatchLine
from cardnet.issuance.services.desk.listing import Listed, start_of_page, within
from cardnet.kernel.errors import NotFound
from cardnet.kernel.vault import Vault, vault_of
from cardnet.membership import services as membership
from cardnet.membership.roster import shown_status
from cardnet.membership.rules import PersonView, UnionNode


@dataclass(frozen=True)
class RowLine:
    """One row of a batch: what the check said of it, and where its application stands (None: none was made)."""

    row: int
    line: int
    check_state: str
    findings: tuple[OriginalFinding, ...]
    person: PersonView | None
    application_id: uuid.UUID | None
    state: ApplicationState | None
    union: UnionNode | None
    review_path: str | None
    round: int
    due_at: datetime | None
    reasons: tuple[str, ...]
    words: str
    escalated_at: datetime | None
    hold_until: datetime | None
    submitted_by: uuid.UUID | None
    offer_until: datetime | None = None

    @property
    def shown(self) -> str:
        """The check's state as people are told it: `running` where nothing is to be mended."""
        return shown_status(self.check_state, (found.severity for found in self.findings))


@dataclass(frozen=True)
class RowFilter:
    """Which rows of a batch: `states` of applications, `check_states` of rows without one, under `path`, mine only.

    A check state `running` are rows whose unit is at work on them already; they are not among the `invalid`.
    `after` is the row before the first wanted, for who reads on from there.
    """

    states: frozenset[ApplicationState] = frozenset()
    check_states: frozenset[str] = frozenset()
    path: str | None = None
    only_mine: bool = False
    after: int = 0


# As `membership.roster.shown_status` says it of a row.
_SHOWN = """
    case when r.state = 'invalid'
          and not exists (select from jsonb_array_elements(r.findings) found where found ->> 2 = 'error')
         then 'running' else r.state end"""
_WHICH = f"""
      from roster_row r
      left join application a on a.batch_id = r.batch_id and a.row = r.row
     where r.batch_id = :batch
       and (starts_with(a.path, :under) or (a.id is null and cast(:whole as boolean)))
       and (not cast(:only_mine as boolean) or (a.review_path = :scope and a.submitted_by <> :me))
       and (cast(:row as bigint) is null or r.row = :row)
       and (cardinality(cast(:states as text[])) + cardinality(cast(:checks as text[])) = 0
            or a.state = any(cast(:states as text[]))
            or (a.id is null and {_SHOWN} = any(cast(:checks as text[]))))"""

# The page first and what belongs to its rows afterwards: of thirty thousand only a hundred are looked at closely.
_ROWS = f"""
    with page as (select r.row {_WHICH} and r.row > :after order by r.row limit :limit offset :offset)
    select r.row, r.line, r.state as check_state, r.findings, r.cells, coalesce(a.person_id, r.person_id) as person_id,
           a.id as application_id, a.state, a.union_id, a.review_path, coalesce(a.round, 0) as round, a.due_at,
           a.escalated_at, a.hold_until, a.submitted_by, a.offer_until, e.reasons, e.words
      from page
      join roster_row r on r.batch_id = :batch and r.row = page.row
      left join application a on a.batch_id = r.batch_id and a.row = r.row
      left join lateral (
          select e.reasons, e.words from application_event e
           where e.application_id = a.id and e.reasons is not null and e.to_state in ('returned', 'rejected')
           order by e.seq desc limit 1
      ) e on true
     order by r.row"""  # noqa: S608 - the piece put in is ours

_TOTAL = f"select count(*) {_WHICH}"


def batch_rows(
    session: Session,
    officer: Principal,
    batch: BatchLine,
    wanted: RowFilter | None = None,
    *,
    limit: int = 100,
    offset: int = 0,
) -> Listed:
    """The rows of a batch that lie in the officer's scope, in the order of the sheet."""
    return _rows(session, officer, batch, wanted or RowFilter(), None, limit, offset)


def row_of(session: Session, officer: Principal, batch: BatchLine, row: int) -> RowLine:
    """One row of a batch. Raises NotFound("row_unknown"), also when it is not the officer's to see."""
    found = _rows(session, officer, batch, RowFilter(), row, 1, 0).items
    if not found:
        raise NotFound("row_unknown", f"这个批次里没有第 {row} 行，或者不在您的管理范围内。")
    line: RowLine = found[0]
    return line


def _rows(
    session: Session,
    officer: Principal,
    batch: BatchLine,
    wanted: RowFilter,
    row: int | None,
    limit: int,
    offset: int,
) -> Listed:
    under = within(officer, wanted.path)
    given: dict[str, Any] = {
        "batch": batch.batch_id,
        "row": row,
        "under": under,
        # A row without an application belongs to nobody's path: it is shown to who may see the whole roster.
        "whole": in_scope(under, batch.path),
        "only_mine": wanted.only_mine,
        "scope": officer.scope_path,
        "me": officer.account_id,
        "states": sorted(wanted.states),
        "checks": sorted(wanted.check_states),
        "limit": limit,
        "after": wanted.after,
    }
    total = _total(session, batch, wanted, given)
    given["offset"] = start_of_page(total, limit, offset)
    rows = session.execute(text(_ROWS), given).mappings().all()
    vault = vault_of(session)
    people = membership.people(session, {row["person_id"] for row in rows if row["person_id"]})
    unions = membership.unions_of_ids(session, {row["union_id"] for row in rows if row["union_id"]})
    items = tuple(
        RowLine(
            row["row"],
            row["line"],
            row["check_state"],
            _findings(vault, row),
            people.get(row["person_id"]),
            row["application_id"],
            ApplicationState(row["state"]) if row["state"] else None,
            unions.get(row["union_id"]),
            row["review_path"],
            row["round"],
            row["due_at"],
            tuple(row["reasons"] or ()),
            row["words"] or "",
            row["escalated_at"],
            row["hold_until"],
            row["submitted_by"],
            row["offer_until"],
        )
        for row in rows
    )
    return Listed(items, total, given["offset"])


def _total(session: Session, batch: BatchLine, wanted: RowFilter, given: dict[str, Any]) -> int:
    """How many rows there are; counted anew only where the batch's own figures do not already say it."""
    if wanted.path is None and given["row"] is None:
        if wanted.only_mine:
            return batch.mine
        if wanted.states and not wanted.check_states:
            return sum(batch.states.get(state, 0) for state in wanted.states)
        if not wanted.states and not wanted.check_states:
            return batch.rows if given["whole"] else batch.applications
    total: int = session.scalar(text(_TOTAL), given) or 0
    return total


def _findings(vault: Vault, row: RowMapping) -> tuple[OriginalFinding, ...]:
    """What the check said. The words lie sealed with the cells, because they may quote what was typed."""
    words = json.loads(vault.open(CELLS_FIELD, row["cells"]))["words"] if row["findings"] else ()
    return tuple(
        OriginalFinding(found[0], found[1], found[2], said)
        for found, said in zip(row["findings"], words, strict=True)
        if not _is_over(row, found[1])
    )


def _is_over(row: RowMapping, code: str) -> bool:
    """That places were short is news only before the row is sent in; a corrected row answered its findings."""
    return row["round"] > 1 or (code == "quota_short" and row["state"] is not None)


def running_rows(session: Session, batch: BatchLine) -> int:
    """How many of a batch's invalid rows need no mending: their unit was at work on them when they were sent again."""
    if not batch.invalid:
        return 0
    which = text(f"select count(*) from roster_row r where r.batch_id = :batch and {_SHOWN} = 'running'")  # noqa: S608 - the piece put in is ours
    found: int = session.scalar(which, {"batch": batch.batch_id}) or 0
    return found


_NUMBERS = """
    select a.row from application a
     where a.batch_id = :batch and starts_with(a.path, :under) and a.review_path = :scope
       and a.state in ('submitted', 'in_review') order by a.row"""


def row_numbers(session: Session, officer: Principal, batch: BatchLine, path: str) -> tuple[int, ...]:
    """The rows under `path` that stand before this officer's tier: what "all of this unit" means in a review."""
    given = {"batch": batch.batch_id, "under": within(officer, path), "scope": officer.scope_path}
    return tuple(session.scalars(text(_NUMBERS), given))
