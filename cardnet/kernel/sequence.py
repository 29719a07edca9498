"""Events in the order in which their transactions committed: what every feed, export and webhook reads by.

Ids and times are given before a commit, so a reader who remembers the last one it saw misses whatever commits late.
Here rows are numbered only when nothing can come before them any more: in the order (transaction, id), below the
oldest transaction that still runs. One process numbers at a time; whoever finds it at work reads what is there.
"""

from sqlalchemy.orm import Session

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
                   then (select system_identifier::text from pg_control_system()) else cluster end)
select count(*) from numbered"""
_HERE = _NUMBER.format(
    settled="o.xact >= %(next_xact)s and o.xact < (select xmin from bound)", so_far="(select max(xact) from waiting)"
)
_REMAINDER = _NUMBER.format(settled="true", so_far="next_xact")


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
