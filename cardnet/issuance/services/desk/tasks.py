"""What waits for an officer: overdue first, then oldest first."""

import uuid
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import text
from sqlalchemy.orm import Session

from cardnet.access.rules import Principal, Role
from cardnet.kernel.world import World
from cardnet.membership import services as membership
from cardnet.membership.rules import UnionNode


@dataclass(frozen=True)
class Task:
    """Something that waits for this officer: `kind` is review, mend, issue or hand_out, `count` how many rows or cards."""

    kind: str
    batch_id: uuid.UUID
    filename: str
    union: UnionNode
    count: int
    since: datetime
    due_at: datetime | None
    overdue: bool


_TASKS = """
    select b.id, b.filename, b.union_id, count(*) as count, min({since}) as since, min({due}) as due_at
      from application a join batch b on b.id = a.batch_id {joined}
     where {which}
     group by b.id order by since, b.id"""


_TASK_KINDS: tuple[tuple[str, Role | None, str], ...] = (
    (
        "review",
        None,
        _TASKS.format(
            since="a.submitted_at",
            due="a.due_at",
            joined="",
            which="a.review_path = :scope and a.state in ('submitted', 'in_review') and a.submitted_by <> :me",
        ),
    ),
    (
        "mend",
        None,
        _TASKS.format(
            since="a.submitted_at",
            due="a.hold_until",
            joined="",
            which="a.state = 'returned' and (a.submitted_by = :me or a.path = :scope)",
        ),
    ),
    (
        "issue",
        Role.DISTRICT_OFFICER,
        _TASKS.format(
            since="a.submitted_at",
            due="null::timestamptz",
            joined="",
            which="a.state = 'approved' and starts_with(a.path, :scope)",
        ),
    ),
    (
        "hand_out",
        Role.UNIT_OFFICER,
        _TASKS.format(
            since="c.issued_at",
            due="null::timestamptz",
            joined="join card c on c.application_id = a.id",
            which="c.state in ('ordered', 'produced') and starts_with(a.path, :scope)",
        ),
    ),
)


def tasks_of(session: Session, world: World, officer: Principal) -> tuple[Task, ...]:
    """What waits for this officer: overdue first, then oldest first."""
    at = world.now()
    given = {"scope": officer.scope_path, "me": officer.account_id}
    found = [
        (kind, row)
        for kind, role, statement in _TASK_KINDS
        if role is None or officer.has(role)
        for row in session.execute(text(statement), given).mappings()
    ]
    unions = membership.unions_of_ids(session, {row["union_id"] for _, row in found})
    tasks = [
        Task(
            kind,
            row["id"],
            row["filename"],
            unions[row["union_id"]],
            row["count"],
            row["since"],
            row["due_at"],
            row["due_at"] is not None and row["due_at"] < at,
        )
        for kind, row in found
    ]
    return tuple(sorted(tasks, key=lambda task: (not task.overdue, task.since)))
