"""Turning the rows of a submitted roster into applications: answers to returns, places held, places in line."""

import uuid
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import psycopg
from sqlalchemy import text
from sqlalchemy.orm import Session

from cardnet.access.rules import Principal
from cardnet.issuance import rules
from cardnet.issuance.rules import ApplicationAction, ApplicationKind, ApplicationState
from cardnet.issuance.services.bulk import copy_rows
from cardnet.issuance.services.deadlines import due_dates
from cardnet.issuance.services.waiting import hold_places, release_places
from cardnet.kernel.errors import Conflict
from cardnet.kernel.world import World
from cardnet.membership import services as membership
from cardnet.membership.roster import CheckedRow
from cardnet.membership.rules import UnionNode


@dataclass(frozen=True)
class OpenBatch:
    """The batch being written: its id, the quota year it counts for, its moment and who sends it in."""

    id: uuid.UUID
    year: int
    at: datetime
    officer: Principal


@dataclass(frozen=True, slots=True)
class _New:
    """An application to be written; `node_id` is where its place is held, None when it must wait."""

    id: uuid.UUID
    row: int
    person_id: uuid.UUID
    union: UnionNode
    node_id: uuid.UUID | None


def apply_rows(
    session: Session, world: World, batch: OpenBatch, rows: Sequence[CheckedRow], people: Mapping[bytes, uuid.UUID]
) -> dict[str, int]:
    """Applications for the rows that may be submitted: answers to returns first, then new ones with or without a place."""
    named = membership.unions_of_codes(session, {row.person.unit_code for row in rows if row.person})
    held_still = membership.unions_held(session, {union.id for union in named.values()})
    unions = {union.code: union for union in held_still.values()}
    asked = [
        (row.row, people[row.key], unions[row.person.unit_code]) for row in rows if row.key is not None and row.person
    ]
    again = _resubmit(session, world, batch, asked)
    fresh = [one for one in asked if one[1] not in again] if again else asked
    wanted = Counter(union.id for _, _, union in fresh)
    held = hold_places(session, world, batch.year, wanted, batch.id, batch.officer.account_id)
    left = {union_id: places for union_id, (_, places) in held.items()}
    new: list[_New] = []
    for row, person_id, union in fresh:
        places = left.get(union.id, 0)
        left[union.id] = places - 1
        new.append(_New(world.new_id(), row, person_id, union, held[union.id][0] if places > 0 else None))
    _write_applications(session, batch, new)
    waitlisted = sum(1 for one in new if one.node_id is None)
    return {
        "submitted": len(asked) - waitlisted,
        "waitlisted": waitlisted,
        "resubmitted": len(again),
    }


_APPLICATION_COLUMNS = {
    "id": "uuid",
    "kind": "text",
    "state": "text",
    "batch_id": "uuid",
    "row": "int8",
    "person_id": "uuid",
    "union_id": "uuid",
    "path": "text",
    "review_path": "text",
    "quota_year": "int8",
    "quota_node_id": "uuid",
    "queued_at": "timestamptz",
    "submitted_by": "uuid",
    "submitted_at": "timestamptz",
    "due_at": "timestamptz",
    "events": "int8",
}


_EVENT_COLUMNS = {
    "application_id": "uuid",
    "seq": "int8",
    "at": "timestamptz",
    "action": "text",
    "from_state": "text",
    "to_state": "text",
    "round": "int8",
    "actor_id": "uuid",
}


def _write_applications(session: Session, batch: OpenBatch, new: Sequence[_New]) -> None:
    due = due_dates(session, {one.union.path for one in new if one.node_id}, batch.at)
    actor = batch.officer.account_id
    states = {
        action: str(rules.next_application_state(ApplicationState.DRAFT, action))
        for action in (ApplicationAction.SUBMIT, ApplicationAction.QUEUE)
    }
    kind, draft = str(ApplicationKind.NEW), str(ApplicationState.DRAFT)
    actions = [ApplicationAction.SUBMIT if one.node_id else ApplicationAction.QUEUE for one in new]
    try:
        copy_rows(
            session,
            "application",
            _APPLICATION_COLUMNS,
            (
                (
                    one.id, kind, states[action], batch.id, one.row, one.person_id, one.union.id, one.union.path,
                    one.union.path if one.node_id else None, batch.year, one.node_id,
                    None if one.node_id else batch.at, actor, batch.at,
                    due[one.union.path] if one.node_id else None, 1,
                )
                for one, action in zip(new, actions, strict=True)
            ),
        )  # fmt: skip
    except psycopg.errors.UniqueViolation:
        # Two rosters naming one person in the same moment; the other one committed first.
        raise Conflict("application_open", "名单中有人刚刚由另一份名单提交，请重新检查后再提交本名单。") from None
    copy_rows(
        session,
        "application_event",
        _EVENT_COLUMNS,
        (
            (one.id, 1, batch.at, str(action), draft, states[action], 1, actor)
            for one, action in zip(new, actions, strict=True)
        ),
    )


_RETURNED = text("""
    select id, person_id, union_id, path, quota_node_id from application
     where person_id = any(:people) and kind = 'new' and state = 'returned' order by id for no key update""")


_RESUBMIT = text("""
    with again as (
        update application a
           set state = 'submitted', batch_id = :batch, row = sent.row, round = a.round + 1, review_path = a.path,
               hold_until = null, submitted_by = :actor, submitted_at = :at, due_at = sent.due_at,
               escalated_at = null, events = a.events + 1
          from unnest(cast(:ids as uuid[]), cast(:rows as bigint[]), cast(:dues as timestamptz[])) sent(id, row, due_at)
         where a.id = sent.id and a.state = 'returned'
        returning a.id, a.events, a.round
    )
    insert into application_event (application_id, seq, at, action, from_state, to_state, round, actor_id)
    select id, events, :at, 'resubmit', 'returned', 'submitted', round, :actor from again""")


_WITHDRAW_RETURNED = text("""
    with gone as (
        update application a set state = 'withdrawn', quota_node_id = null, hold_until = null, events = a.events + 1
         where a.id = any(:ids) and a.state = 'returned' returning a.id, a.events, a.round
    )
    insert into application_event (application_id, seq, at, action, from_state, to_state, round, actor_id)
    select id, events, :at, 'withdraw', 'returned', 'withdrawn', round, :actor from gone""")


def _resubmit(
    session: Session, world: World, batch: OpenBatch, asked: Sequence[tuple[int, uuid.UUID, UnionNode]]
) -> set[uuid.UUID]:
    """Rows that answer a return keep application, history and place, and begin a new round; returns their people.

    Sent in by another unit than before, the old application is withdrawn and the row is a new one there.
    """
    found = session.execute(_RETURNED, {"people": [person_id for _, person_id, _ in asked]}).all()
    if not found:
        return set()
    sent = {person_id: (row, union.id) for row, person_id, union in asked}
    stays = [r for r in found if sent[r.person_id][1] == r.union_id and r.quota_node_id is not None]
    moves = [r for r in found if r not in stays]
    actor, at = batch.officer.account_id, batch.at
    due = due_dates(session, {r.path for r in stays}, at)
    session.execute(
        _RESUBMIT,
        {
            "ids": [r.id for r in stays], "rows": [sent[r.person_id][0] for r in stays], "batch": batch.id,
            "actor": actor, "at": at, "dues": [due[r.path] for r in stays],
        },
    )  # fmt: skip
    session.execute(_WITHDRAW_RETURNED, {"ids": [r.id for r in moves], "at": at, "actor": actor})
    released: defaultdict[uuid.UUID, int] = defaultdict(int)
    for r in moves:
        if r.quota_node_id is not None:
            released[r.quota_node_id] += 1
    release_places(session, world, released, batch.id, actor)
    return {r.person_id for r in stays}
