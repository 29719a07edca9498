"""Events in the order in which their transactions committed: what every feed, export and webhook reads by.

Ids and times are given before a commit, so a reader who remembers the last one it saw misses whatever commits late.
Here rows are numbered only when nothing can come before them any more: in the order (transaction, id), below the
oldest transaction that still runs. One process numbers at a time; whoever finds it at work reads what is there.
"""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from cardnet.kernel.outbox import EventSequence, OutboxEvent

AT_ONCE = 10_000
"""Numbered by one call."""

_MINE = """
select next_seq, next_xact, cluster is distinct from (select system_identifier::text from pg_control_system()) as elsewhere
  from sequencer for update skip locked"""

# The bound is taken in this statement's own snapshot, after the lock: what an earlier holder numbered is seen.
_NUMBER = """
with bound as materialized (select pg_snapshot_xmin(pg_current_snapshot())::text::bigint as xmin),
waiting as materialized (
  select o.id, o.merchant_id, o.xact from outbox_event o
   where {settled} and not exists (select from event_sequence s where s.event_id = o.id)
   order by o.xact, o.id limit %(limit)s),
numbered as (
  insert into event_sequence (seq, event_id, merchant_id)
  select %(next_seq)s - 1 + row_number() over (order by xact, id), id, merchant_id from waiting returning 1),
moved as (
  update sequencer set
    next_seq = %(next_seq)s + (select count(*) from waiting),
    next_xact = case when (select count(*) from waiting) < %(limit)s then (select xmin from bound) else {so_far} end,
    cluster = case when (select count(*) from waiting) < %(limit)s
                   then (select system_identifier::text from pg_control_system()) else cluster end
   where {write})
select count(*) from numbered"""
_HERE = _NUMBER.format(
    settled="o.xact >= %(next_xact)s and o.xact < (select xmin from bound)",
    so_far="(select max(xact) from waiting)",
    write="exists (select from waiting)",
)
_REMAINDER = _NUMBER.format(settled="true", so_far="next_xact", write="true")


def number_events(session: Session, limit: int = AT_ONCE) -> int:
    """Give the next places to at most `limit` events whose order is settled; says how many. Waits for nobody.

    On a server that the rows were restored to, transaction ids start anew: then all that is left is numbered first.
    """
    connection = session.connection()
    mine = connection.exec_driver_sql(_MINE).one_or_none()
    if mine is None:
        return 0
    given = {"next_seq": mine.next_seq, "next_xact": mine.next_xact, "limit": limit}
    return int(connection.exec_driver_sql(_REMAINDER if mine.elsewhere else _HERE, given).scalar_one())


@dataclass(frozen=True)
class NumberedEvent:
    """An event in its place. `payload` says what the kind says beyond the subject."""

    seq: int
    id: uuid.UUID
    kind: str
    subject_id: uuid.UUID
    merchant_id: uuid.UUID | None
    payload: Mapping[str, Any]
    created_at: datetime


def events_after(
    session: Session, seq: int, limit: int, merchant_id: uuid.UUID | None = None, kind: str | None = None
) -> list[NumberedEvent]:
    """The numbered events that come after a place, in order; of one merchant and kind where named."""
    wanted = (
        select(
            EventSequence.seq,
            OutboxEvent.id,
            OutboxEvent.kind,
            OutboxEvent.subject_id,
            OutboxEvent.merchant_id,
            OutboxEvent.payload,
            OutboxEvent.created_at,
        )
        .join(OutboxEvent, OutboxEvent.id == EventSequence.event_id)
        .where(EventSequence.seq > seq)
        .order_by(EventSequence.seq)
        .limit(limit)
    )
    if merchant_id is not None:
        wanted = wanted.where(EventSequence.merchant_id == merchant_id)
    if kind is not None:
        wanted = wanted.where(OutboxEvent.kind == kind)
    return [NumberedEvent(*row) for row in session.execute(wanted)]


def newest_place(session: Session) -> int:
    """The last place given so far; 0 before the first."""
    return session.scalar(select(func.max(EventSequence.seq))) or 0
