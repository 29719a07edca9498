"""What waits for an officer in rosters, also for those they stand in for: overdue first, then oldest first."""

import uuid
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import RowMapping, text
from sqlalchemy.orm import Session

from cardnet.access.rules import Principal, Role
from cardnet.issuance.services.delegation import stands_in_for
from cardnet.issuance.services.unit_approval import officers_of_units
from cardnet.kernel.world import World
from cardnet.membership import services as membership
from cardnet.membership.rules import UnionNode, code_of

ROUTINE = frozenset({"renew", "confirm", "confirm_below", "duplicates"})
"""What a year brings by itself: it stands below what somebody asked for."""


@dataclass(frozen=True)
class Task:
    """Something that waits: `count` rows, cards or people, the oldest `since`, the first of them due at `due_at`.

    Of rosters `kind` is review, overdue, mend, offer, chair (to be confirmed by the unit's chair, whom nobody has asked
    yet), chair_asked, issue or hand_out, and `union` is whose roster it is; of an overdue one, the union that is late.
    What is no roster's has no `batch_id`; `part` says which part of its page it is about. `on_behalf_of` and
    `in_the_name_of` are of whom the reader stands in for.
    """

    kind: str
    batch_id: uuid.UUID | None
    filename: str
    union: UnionNode
    count: int
    since: datetime
    due_at: datetime | None
    overdue: bool
    on_behalf_of: uuid.UUID | None = None
    in_the_name_of: str = ""
    part: Mapping[str, str] = field(default_factory=dict)


# Counted before it is joined: thirty thousand rows are of a few rosters.
_TASKS = """
    select b.id, b.filename, b.union_id, t.late, t.count, t.since, t.due_at
      from (select a.batch_id, {late} as late, count(*) as count, min({since}) as since, min({due}) as due_at
              from application a {joined}
             where a.batch_id is not null and {which}
             group by a.batch_id, {late}) t
      join batch b on b.id = t.batch_id
     order by t.since, b.id"""


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

# Who sent a row in never approves it: where nobody else is, the chair does, by a link or on paper.
_OWN = "a.review_path = :scope and a.path = :scope and a.state = 'submitted' and a.submitted_by = :me"
_ASKED = """cross join lateral (
    select max(u.expires_at) as until from unit_approval u
     where u.batch_id = a.batch_id and u.path = :scope and u.outcome is null and u.expires_at > :at) asked"""
_ALONE: tuple[tuple[str, Role | None, str], ...] = (
    ("chair", None, _statement(f"{_OWN} and asked.until is null", due="a.due_at", joined=_ASKED)),
    ("chair_asked", None, _statement(f"{_OWN} and asked.until is not null", due="asked.until", joined=_ASKED)),
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
    found = list(_found(session, officer, at))
    stood_in = [
        (row, giver_id, giver.display_name)
        for giver_id, giver in stands_in_for(session, world, officer).items()
        for row in session.execute(text(_REVIEW), _given(giver, at)).mappings()
    ]
    rows = [*(row for _, row in found), *(row for row, _, _ in stood_in)]
    unions = membership.unions_of_ids(session, {row["union_id"] for row in rows})
    late = membership.unions_of_codes(session, {code_of(row["late"]) for row in rows if row["late"]})
    tasks = [_task(kind, row, unions, late, at) for kind, row in found]
    tasks += [_task("review", row, unions, late, at, giver_id, name) for row, giver_id, name in stood_in]
    return in_order(tasks)


def in_order(tasks: Iterable[Task]) -> tuple[Task, ...]:
    """Overdue first, then what somebody asked for, oldest first; what the year brings by itself last."""
    return tuple(sorted(tasks, key=lambda task: (not task.overdue, task.kind in ROUTINE, task.since)))


def _found(session: Session, officer: Principal, at: datetime) -> Iterator[tuple[str, RowMapping]]:
    given = _given(officer, at)
    for kind, role, statement in (*_KINDS, *(_ALONE if _is_alone(session, officer) else ())):
        if role is None or officer.has(role):
            for row in session.execute(text(statement), given).mappings():
                yield kind, row


def _is_alone(session: Session, officer: Principal) -> bool:
    """Whether nobody else of the officer's union could approve what the officer sends in for its own people."""
    if not officer.has(Role.UNIT_OFFICER, Role.TOWNSHIP_OFFICER):
        return False
    own = membership.union_of_id(session, officer.union_id)
    return officers_of_units(session, (own,), own.path).get(own.id, 2) < 2


def _given(officer: Principal, at: datetime) -> dict[str, object]:
    return {"scope": officer.scope_path, "me": officer.account_id, "at": at}


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
        late[code_of(row["late"])] if row["late"] else unions[row["union_id"]],
        row["count"],
        row["since"],
        row["due_at"],
        row["due_at"] is not None and row["due_at"] < at,
        on_behalf_of,
        in_the_name_of,
    )
