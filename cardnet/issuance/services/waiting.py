"""Holding places, giving them up, and the waiting list: whoever frees a place offers it to the next in line.

Held at submission, used at issue, released when an application ends without a card. Nobody waits while the node of
their unit has a free place (Q6): a free place is offered, and an offer holds it until it is answered or its time is
over (`offers`). Whoever finds no place free still locks the node, so that a place freed at the same moment sees who
came to wait for it.
"""

import uuid
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Row, insert, text
from sqlalchemy.orm import Session

from cardnet.issuance import rules
from cardnet.issuance.models import QuotaEntry
from cardnet.issuance.rules import ApplicationAction, ApplicationState, EntryKind, QuotaKind
from cardnet.issuance.services.nodes import ensure_nodes, lock_unions
from cardnet.kernel.calendar import local
from cardnet.kernel.world import World
from cardnet.membership.services import notices

_FREE = "q.received - q.passed_down - q.held - q.used"

# One statement for a roster of many units: each node is locked in the order of its id, and what it has free at that
# moment bounds what is held. Two rosters racing for the last place: the second sees what the first left.
_HOLD = text(f"""
    with wanted as (
        select * from unnest(cast(:unions as uuid[]), cast(:counts as bigint[])) wanted(union_id, count)
    ), found as (
        select q.id, q.union_id, least(wanted.count, {_FREE}) as taken
          from quota_node q join wanted using (union_id)
         where q.year = :year and q.kind = :kind and {_FREE} > 0 and not q.closed
         order by q.id for no key update of q
    )
    update quota_node q set held = q.held + found.taken
      from found where q.id = found.id and {_FREE} >= found.taken and found.taken > 0 and not q.closed
    returning q.union_id, q.id, found.taken""")  # noqa: S608 - the piece put in is ours


def hold_places(
    session: Session,
    world: World,
    year: int,
    wanted: Mapping[uuid.UUID, int],
    batch_id: uuid.UUID | None,
    actor: uuid.UUID,
) -> dict[uuid.UUID, tuple[uuid.UUID, int]]:
    """Hold up to so many places per union; returns union → (node, places held). What is missing must wait."""
    if not wanted:
        return {}
    ensure_nodes(session, world, year, QuotaKind.NEW_CARD, wanted)
    lock_unions(session, year, QuotaKind.NEW_CARD, wanted)
    rows = session.execute(
        _HOLD,
        {"unions": list(wanted), "counts": list(wanted.values()), "year": year, "kind": str(QuotaKind.NEW_CARD)},
    ).all()
    _entries(session, world, EntryKind.HOLD, {row.id: (row.taken, 0) for row in rows}, batch_id, actor)
    return {row.union_id: (row.id, row.taken) for row in rows}


_RELEASE = text("""
    update quota_node q set held = q.held - given.count
      from unnest(cast(:nodes as uuid[]), cast(:counts as bigint[])) given(id, count)
     where q.id = given.id and q.held >= given.count
    returning q.id, q.union_id, q.year""")


def release_places(
    session: Session, world: World, held: Mapping[uuid.UUID, int], batch_id: uuid.UUID | None, actor: uuid.UUID | None
) -> int:
    """Give up holds (node → how many) and hand the places to whoever waits; returns how many moved up."""
    if not held:
        return 0
    lock_nodes(session, held)
    rows = session.execute(_RELEASE, {"nodes": list(held), "counts": list(held.values())}).all()
    assert len(rows) == len(held), "a hold was given up twice"
    _entries(session, world, EntryKind.RELEASE, {node: (-count, 0) for node, count in held.items()}, batch_id, actor)
    return sum(
        fill_waiting(session, world, [row.union_id for row in rows if row.year == year], year)
        for year in sorted({row.year for row in rows})
    )


_USE = text("""
    update quota_node q set held = q.held - issued.count, used = q.used + issued.count
      from unnest(cast(:nodes as uuid[]), cast(:counts as bigint[])) issued(id, count)
     where q.id = issued.id and q.held >= issued.count
    returning q.id""")


def use_places(
    session: Session, world: World, used: Mapping[uuid.UUID, int], batch_id: uuid.UUID | None, actor: uuid.UUID
) -> None:
    """Holds become used (node → how many)."""
    if not used:
        return
    lock_nodes(session, used)
    rows = session.execute(_USE, {"nodes": list(used), "counts": list(used.values())}).all()
    assert len(rows) == len(used), "a place was used that nobody held"
    _entries(session, world, EntryKind.USE, {node: (-count, count) for node, count in used.items()}, batch_id, actor)


def lock_nodes(session: Session, nodes: Collection[uuid.UUID]) -> None:
    """Lock these nodes in the one order everybody locks them in."""
    session.execute(
        text("select id from quota_node where id = any(:ids) order by id for no key update"), {"ids": list(nodes)}
    ).all()


_FREE_NODES = text(f"""
    select q.id, q.union_id, {_FREE} as free from quota_node q
     where q.union_id = any(:unions) and q.year = :year and q.kind = :kind and {_FREE} > 0 and not q.closed
       and exists (select from application a
                    where a.union_id = q.union_id and a.quota_year = q.year and a.state = 'waitlisted'
                      and a.offer_until is null)
     order by q.id for no key update""")  # noqa: S608

# Takers hold the node's lock, so nobody else takes from this list; a withdrawal may, hence FOR UPDATE and the state.
_NEXT = text("""
    with node as (
        select * from unnest(cast(:nodes as uuid[]), cast(:unions as uuid[]), cast(:free as bigint[]))
                      node(id, union_id, free)
    ), queue as (
        select a.id, node.id as node_id,
               row_number() over (partition by a.union_id order by a.priority, a.queued_at, a.row, a.id) as place, node.free
          from application a join node using (union_id)
         where a.state = 'waitlisted' and a.offer_until is null and a.quota_year = :year
    ), next as (
        select a.id, queue.node_id from application a join queue using (id)
         where queue.place <= queue.free and a.state = 'waitlisted' and a.offer_until is null
         order by a.id for no key update of a
    ), offered as (
        update application a set quota_node_id = next.node_id, offer_until = :until, events = a.events + 1
          from next where a.id = next.id
        returning a.id, a.events, a.round, a.quota_node_id, a.person_id, a.union_id
    ), told as (
        insert into application_event (application_id, seq, at, action, from_state, to_state, round)
        select id, events, :at, :action, :state, :state, round from offered
    )
    select id, quota_node_id, person_id, union_id from offered""")


def fill_waiting(session: Session, world: World, union_ids: Collection[uuid.UUID], year: int) -> int:
    """Offer the free places of these unions to their waiting lists, by priority, then time, then row. Returns how many.

    An offer holds the place for the year's `offer_days`. Somebody withdrawing in the same moment drops out of the
    line, so this looks again until no node has both a free place and somebody waiting.
    """
    moved = 0
    at = world.now()
    until = at + timedelta(days=_offer_days(session, year))
    wanted = {"unions": list(union_ids), "year": year, "kind": str(QuotaKind.NEW_CARD)}
    while nodes := session.execute(_FREE_NODES, wanted).all():
        offered = session.execute(
            _NEXT,
            {
                "nodes": [node.id for node in nodes],
                "unions": [node.union_id for node in nodes],
                "free": [node.free for node in nodes],
                "year": year,
                "at": at,
                "until": until,
                "action": str(ApplicationAction.OFFER),
                "state": str(rules.next_application_state(ApplicationState.WAITLISTED, ApplicationAction.OFFER)),
            },
        ).all()
        counts = Counter(row.quota_node_id for row in offered)
        hold_on_nodes(session, world, EntryKind.OFFER, counts, None, None)
        _tell_offered(session, world, offered, until)
        moved += sum(counts.values())
    return moved


def _tell_offered(session: Session, world: World, offered: Sequence[Row[Any]], until: datetime) -> None:
    """The person has to answer in time, so the person is told and not only the unit."""
    last = local(until)
    values = {"until": f"{last.month}月{last.day}日{last.hour}时"}
    people = [notices.Recipient(row.person_id, row.union_id, row.id, values) for row in offered]
    notices.tell(session, world, notices.Tell(notices.NoticeKind.PLACE_OFFERED, people))


def _offer_days(session: Session, year: int) -> int:
    days: int | None = session.scalar(
        text("select offer_days from quota_year where year = :year and kind = :kind"),
        {"year": year, "kind": str(QuotaKind.NEW_CARD)},
    )
    return rules.OFFER_DAYS if days is None else days


_HOLD_ON = text(f"""
    update quota_node q set held = q.held + taken.count
      from unnest(cast(:nodes as uuid[]), cast(:counts as bigint[])) taken(id, count)
     where q.id = taken.id and {_FREE} >= taken.count
    returning q.id""")  # noqa: S608


def hold_on_nodes(
    session: Session, world: World, kind: EntryKind, counts: Mapping[uuid.UUID, int], batch_id: uuid.UUID | None,
    actor: uuid.UUID | None,
) -> None:  # fmt: skip
    """Count holds on nodes the caller has locked and found to have room (node → how many)."""
    if not counts:
        return
    rows = session.execute(_HOLD_ON, {"nodes": list(counts), "counts": list(counts.values())}).all()
    assert len(rows) == len(counts), "a place was offered that is not there"
    _entries(session, world, kind, {node: (count, 0) for node, count in counts.items()}, batch_id, actor)


def _entries(
    session: Session, world: World, kind: EntryKind, changes: Mapping[uuid.UUID, tuple[int, int]],
    batch_id: uuid.UUID | None, actor: uuid.UUID | None,
) -> None:  # fmt: skip
    """Ledger rows for (held, used) changes per node."""
    if not changes:
        return
    at = world.now()
    session.execute(
        insert(QuotaEntry),
        [
            {
                "id": world.new_id(), "node_id": node, "kind": str(kind), "held": held, "used": used,
                "batch_id": batch_id, "actor_id": actor, "at": at,
            }
            for node, (held, used) in changes.items()
        ],
    )  # fmt: skip
