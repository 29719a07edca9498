"""Days that were recorded as worked or free: deadlines of transfers here and of review in issuance go by them."""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from cardnet.kernel.calendar import working_deadline
from cardnet.membership.models import CalendarDay

DECIDED_DAYS = "select day, works from calendar_day"
"""The recorded days, as SQL to be part of a statement that is asked often."""


@dataclass(frozen=True)
class RecordedDay:
    """One day of the calendar that was recorded here."""

    day: date
    works: bool
    document: str


def decided_days(session: Session) -> dict[date, bool]:
    """Every recorded day: True is worked, False is free. They overrule the built-in table."""
    return {row.day: row.works for row in session.execute(text(DECIDED_DAYS))}


def recorded_days(session: Session, year: int) -> tuple[RecordedDay, ...]:
    """The days of a year that were recorded here, in order."""
    rows = session.scalars(
        select(CalendarDay)
        .where(CalendarDay.day.between(date(year, 1, 1), date(year, 12, 31)))
        .order_by(CalendarDay.day)
    )
    return tuple(RecordedDay(row.day, row.works, row.document) for row in rows)


def hold_calendar(session: Session) -> None:
    """Nobody records a day until this transaction ends; any number may hold the calendar at once.

    Before applications are locked: recording days moves the deadlines of these too.
    """
    session.execute(text("select pg_advisory_xact_lock_shared(hashtext('cardnet.calendar'))"))


def keep_days(session: Session, days: Mapping[date, bool], document: str, by: uuid.UUID | None, at: datetime) -> int:
    """Record days; returns how many transfers have a later deadline by it. One that has passed stays passed.

    None comes earlier: an old union that was told a day keeps it, also where a free day is worked after all.
    """
    # Who proposes a transfer at this moment is waited for, and its deadline moved; who comes later knows these days.
    session.execute(text("select pg_advisory_xact_lock(hashtext('cardnet.calendar'))"))
    before = decided_days(session)
    statement = insert(CalendarDay).values(
        [{"day": day, "works": works, "document": document, "set_by": by, "set_at": at} for day, works in days.items()]
    )
    session.execute(
        statement.on_conflict_do_update(
            index_elements=[CalendarDay.day],
            set_={name: statement.excluded[name] for name in ("works", "document", "set_by", "set_at")},
        )
    )
    return _move_transfers(session, at, before, {**before, **days})


# ---- pieces ----

_OPEN = text("""
    select id, proposed_at, due_at, working_days from transfer_proposal
     where state = 'proposed' and due_at > :at order by id for no key update""")

_MOVE = text("""
    update transfer_proposal t set due_at = given.due_at
      from unnest(cast(:ids as uuid[]), cast(:dues as timestamptz[])) given(id, due_at) where t.id = given.id""")


def _move_transfers(session: Session, at: datetime, before: Mapping[date, bool], after: Mapping[date, bool]) -> int:
    moved = {}
    for row in session.execute(_OPEN, {"at": at}).all():
        was, due = (working_deadline(row.proposed_at, row.working_days, days) for days in (before, after))
        if was != due > row.due_at:
            moved[row.id] = due
    if moved:
        session.execute(_MOVE, {"ids": list(moved), "dues": list(moved.values())})
        session.expire_all()
    return len(moved)
