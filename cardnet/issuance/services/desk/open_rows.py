"""The review list: every row of any batch that stands before an officer now, the most urgent first."""

import uuid
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session

from cardnet.access.rules import Principal
from cardnet.issuance.rules import ApplicationState
from cardnet.issuance.services.desk.listing import Listed, start_of_page, within
from cardnet.kernel.world import World
from cardnet.membership import services as membership
from cardnet.membership.rules import PersonView, UnionNode


@dataclass(frozen=True)
class OpenRow:
    """One row that waits for a verdict; `round` is which submission it is, `escalated_at` when the union above was told."""

    application_id: uuid.UUID
    batch_id: uuid.UUID
    row: int
    filename: str
    person: PersonView | None
    union: UnionNode | None
    state: ApplicationState
    round: int
    submitted_at: datetime
    due_at: datetime | None
    overdue: bool
    escalated_at: datetime | None


@dataclass(frozen=True)
class OpenFilter:
    """Which of them: under `path` (within the scope), only those whose term has run out, only those sent in again.

    `after` is the term and the application of the row before the first wanted, for who reads on from there.
    """

    path: str | None = None
    only_overdue: bool = False
    only_again: bool = False
    after: tuple[datetime | None, uuid.UUID] | None = None


@dataclass(frozen=True)
class OpenSummary:
    """How many stand before the officer: in all, overdue, sent in again; and of which unions, whatever the filter."""

    all: int
    overdue: int
    again: int
    units: tuple[tuple[UnionNode, int], ...]


_WHICH = """
      from application a
     where a.review_path = :scope and a.submitted_by <> :me and starts_with(a.path, :under)
       and a.batch_id is not null
       and (not cast(:only_overdue as boolean) or a.due_at < :at)
       and (not cast(:only_again as boolean) or a.round > 1)"""

_PAGE = f"""
    with page as (
        select a.id, a.batch_id, a.row, a.person_id, a.union_id, a.state, a.round, a.submitted_at, a.due_at, a.escalated_at
        {_WHICH} {{after}}
         order by a.due_at nulls last, a.id limit :limit offset :offset
    )
    select page.*, b.filename from page join batch b on b.id = page.batch_id
     order by page.due_at nulls last, page.id"""  # noqa: S608 - the piece put in is ours

_AFTER = """
       and (coalesce(a.due_at, 'infinity'), a.id) > (coalesce(cast(:after_due as timestamptz), 'infinity'), :after_id)"""

# One reading of everything that stands there answers how many, how urgent and whose.
_UNITS = """
    select a.union_id, count(*) as rows, count(*) filter (where a.due_at < :at) as overdue,
           count(*) filter (where a.round > 1) as again
      from application a
     where a.review_path = :scope and a.submitted_by <> :me and a.batch_id is not null
     group by a.union_id"""


def open_summary(session: Session, world: World, officer: Principal, path: str | None = None) -> OpenSummary:
    """The figures above the review list, and the unions whose rows stand there, in the order of the tree."""
    rows = session.execute(text(_UNITS), _given(world, officer, OpenFilter())).all()
    unions = membership.unions_of_ids(session, {row.union_id for row in rows})
    under = within(officer, path)
    counted = [row for row in rows if unions[row.union_id].path.startswith(under)]
    return OpenSummary(
        sum(row.rows for row in counted),
        sum(row.overdue for row in counted),
        sum(row.again for row in counted),
        tuple(sorted(((unions[row.union_id], row.rows) for row in rows), key=lambda pair: pair[0].path)),
    )


def open_rows(
    session: Session,
    world: World,
    officer: Principal,
    wanted: OpenFilter | None = None,
    *,
    summary: OpenSummary | None = None,
    limit: int = 100,
    offset: int = 0,
) -> Listed:
    """One page of the review list: what is overdue or due soonest first. `summary` is of the same path, when known."""
    wanted = wanted or OpenFilter()
    given = _given(world, officer, wanted)
    counts = summary or open_summary(session, world, officer, wanted.path)
    total = counts.overdue if wanted.only_overdue else counts.again if wanted.only_again else counts.all
    if wanted.only_overdue and wanted.only_again:
        total = session.scalar(text(f"select count(*) {_WHICH}"), given) or 0
    start = start_of_page(total, limit, offset)
    given |= {"limit": limit, "offset": start}
    if wanted.after:
        given["after_due"], given["after_id"] = wanted.after
    page = _PAGE.format(after=_AFTER if wanted.after else "")
    rows = session.execute(text(page), given).mappings().all()
    people = membership.people(session, {row["person_id"] for row in rows})
    unions = membership.unions_of_ids(session, {row["union_id"] for row in rows})
    at = given["at"]
    items = tuple(
        OpenRow(
            row["id"], row["batch_id"], row["row"], row["filename"], people.get(row["person_id"]),
            unions.get(row["union_id"]), ApplicationState(row["state"]), row["round"], row["submitted_at"],
            row["due_at"], row["due_at"] is not None and row["due_at"] < at, row["escalated_at"],
        )
        for row in rows
    )  # fmt: skip
    return Listed(items, total, start)


def _given(world: World, officer: Principal, wanted: OpenFilter) -> dict[str, Any]:
    return {
        "scope": officer.scope_path,
        "me": officer.account_id,
        "under": within(officer, wanted.path),
        "only_overdue": wanted.only_overdue,
        "only_again": wanted.only_again,
        "at": world.now(),
    }
