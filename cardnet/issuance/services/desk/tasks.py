"""What waits for an officer, also for those they stand in for: overdue first, then oldest first."""

import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import RowMapping, text
from sqlalchemy.orm import Session

from cardnet.access.rules import Principal, Role
from cardnet.issuance.services.delegation import stands_in_for
from cardnet.kernel.world import World
from cardnet.membership import services as membership
from cardnet.membership.rules import UnionNode


@dataclass(frozen=True)
class Task:
    """Something that waits: `kind` is review, overdue, mend, offer, issue or hand_out, `count` how many rows or cards.

    `union` is whose roster it is; of an overdue one, the union that is late. `on_behalf_of` and `in_the_name_of` are
    of whom the reader stands in for.
    """

    kind: str
    batch_id: uuid.UUID
    filename: str
    union: UnionNode
    count: int
    since: datetime
    due_at: datetime | None
    overdue: bool
    on_behalf_of: uuid.UUID | None = None
    in_the_name_of: str = ""


_TASKS = """
    select b.id, b.filename, b.union_id, {late} as late, count(*) as count, min({since}) as since, min({due}) as due_at
      from application a join batch b on b.id = a.batch_id {joined}
     where {which}
     group by b.id, {late} order by since, b.id"""


def _statement(which: str, *, since: str = "a.submitted_at", due: str = "null::timestamptz", joined: str = "", late: str = "null::text") -> str:  # fmt: skip
    return _TASKS.format(which=which, since=since, due=due, joined=joined, late=late)


_REVIEW = _statement(
    "a.review_path = :scope and a.state in ('submitted', 'in_review') and a.submitted_by <> :me", due="a.due_at"
)

# What ran out one tier below, told once to this union: who is late, and since when.
_OVERDUE = _statement(
    "a.review_path is not null and a.escalated_at is not null and starts_with(a.review_path, :scope) "
    "and regexp_replace(a.review_path, '[^/]+/$', '') = :scope",
    since="a.escalated_at",
    due="a.due_at",
    late="a.review_path",
)

_KINDS: tuple[tuple[str, Role | None, str], ...] = (
    ("review", None, _REVIEW),
    ("overdue", None, _OVERDUE),
    (
        "mend",
        None,
        _statement("a.state = 'returned' and (a.submitted_by = :me or a.path = :scope)", due="a.hold_until"),
    ),
    (
        "offer",
        None,
        _statement("a.offer_until is not null and a.path = :scope", since="a.queued_at", due="a.offer_until"),
    ),
    ("issue", Role.DISTRICT_OFFICER, _statement("a.state = 'approved' and starts_with(a.path, :scope)")),
    (
        "hand_out",
        Role.UNIT_OFFICER,
        _statement(
            "c.state in ('ordered', 'produced') and starts_with(a.path, :scope)",
            since="c.issued_at",
            joined="join card c on c.application_id = a.id",
        ),
    ),
)


def tasks_of(session: Session, world: World, officer: Principal) -> tuple[Task, ...]:
    """What waits for this officer, in their own name and in that of whom they stand in for."""
    at = world.now()
    found = list(_found(session, officer))
    stood_in = [
        (row, giver_id, giver.display_name)
        for giver_id, giver in stands_in_for(session, world, officer).items()
        for row in session.execute(text(_REVIEW), _given(giver)).mappings()
    ]
    rows = [*(row for _, row in found), *(row for row, _, _ in stood_in)]
    unions = membership.unions_of_ids(session, {row["union_id"] for row in rows})
    late = membership.unions_of_codes(session, {_code(row["late"]) for row in rows if row["late"]})
    tasks = [_task(kind, row, unions, late, at) for kind, row in found]
    tasks += [_task("review", row, unions, late, at, giver_id, name) for row, giver_id, name in stood_in]
    return tuple(sorted(tasks, key=lambda task: (not task.overdue, task.since)))


def _found(session: Session, officer: Principal) -> Iterator[tuple[str, RowMapping]]:
    for kind, role, statement in _KINDS:
        if role is None or officer.has(role):
            for row in session.execute(text(statement), _given(officer)).mappings():
                yield kind, row


def _given(officer: Principal) -> dict[str, object]:
    return {"scope": officer.scope_path, "me": officer.account_id}


def _task(
    kind: str,
    row: RowMapping,
    unions: Mapping[uuid.UUID, UnionNode],
    late: Mapping[str, UnionNode],
    at: datetime,
    on_behalf_of: uuid.UUID | None = None,
    in_the_name_of: str = "",
) -> Task:
    return Task(
        kind,
        row["id"],
        row["filename"],
        late[_code(row["late"])] if row["late"] else unions[row["union_id"]],
        row["count"],
        row["since"],
        row["due_at"],
        row["due_at"] is not None and row["due_at"] < at,
        on_behalf_of,
        in_the_name_of,
    )


def _code(path: str) -> str:
    return path.strip("/").rsplit("/", 1)[-1]
