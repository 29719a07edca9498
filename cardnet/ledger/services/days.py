"""The business day: open, closing, closed.

Closing day D in four steps, each in a transaction of its own but the last two: `mark_closing`; `newest_writer`
(after that commit); wait until `writers_gone`; seal what is there and `mark_closed`. It is exact because every
writer of money makes its first write, and so gets its transaction id, before it asks for the day's state: who saw
`open` is older than the mark and is waited for, who comes later sees `closing`.
"""

from collections.abc import Sequence
from datetime import date

from sqlalchemy.orm import Session

from cardnet.kernel.errors import Conflict
from cardnet.kernel.world import World
from cardnet.ledger.rules import DayState


def day_state(session: Session, day: date) -> DayState:
    """How far the close of `day` has come; a day nobody closed is open."""
    state = (
        session.connection()
        .exec_driver_sql("select state from business_day where day = %(day)s", {"day": day})
        .scalar()
    )
    return DayState(state) if state else DayState.OPEN


def days_not_closed(session: Session, until: date) -> Sequence[date]:
    """Days up to and including `until` that hold entries and are not closed, oldest first."""
    rows = session.connection().exec_driver_sql(
        "select distinct business_date from entry where business_date <= %(until)s and not exists "
        "(select from business_day where day = business_date and state = 'closed') order by 1",
        {"until": until},
    )
    return [row[0] for row in rows]


def first_day(session: Session) -> date | None:
    """The business day of the first entry there ever was; None while there is none."""
    found: date | None = session.connection().exec_driver_sql("select min(business_date) from entry").scalar()
    return found


def mark_closing(session: Session, world: World, day: date) -> DayState:
    """From the commit on no new entry lands in `day`. Says the state now; repeating it changes nothing."""
    session.connection().exec_driver_sql(
        "insert into business_day (day, state, closing_at) values (%(day)s, 'closing', %(at)s) "
        "on conflict (day) do update set state = 'closing', closing_at = excluded.closing_at "
        "where business_day.state = 'open'",
        {"day": day, "at": world.now()},
    )
    return day_state(session, day)


def newest_writer(session: Session) -> int:
    """A mark no transaction id given out so far reaches. Ask in a transaction begun after `mark_closing` committed."""
    mark = session.connection().exec_driver_sql("select pg_snapshot_xmax(pg_current_snapshot())::text::bigint").scalar()
    assert isinstance(mark, int)
    return mark


def writers_gone(session: Session, mark: int) -> bool:
    """Whether every transaction below `mark` has ended, so that a new transaction sees all they wrote.

    Transaction ids are the whole server's: a long transaction in another database is waited for as well.
    """
    gone = (
        session.connection()
        .exec_driver_sql(
            "select pg_snapshot_xmin(pg_current_snapshot())::text::bigint >= %(mark)s",
            {"mark": mark},
        )
        .scalar()
    )
    return bool(gone)


def mark_closed(session: Session, world: World, day: date) -> None:
    """The day is sealed as this transaction sees it. Raises Conflict("day_not_closing") unless it was closing."""
    changed = session.connection().exec_driver_sql(
        "update business_day set state = 'closed', closed_at = %(at)s, sealed_snapshot = pg_current_snapshot()::text "
        "where day = %(day)s and state = 'closing'",
        {"day": day, "at": world.now()},
    )
    if changed.rowcount != 1:
        raise Conflict("day_not_closing", f"{day} 没有在日结中，请先发起日结。", {"day": day.isoformat()})
