"""What a printed code needs beyond a phone's: the holder's last four, and that the card was not used today.

Paper can be copied, so the code alone proves nothing. Everything about one person's paper on one day is decided
under the lock of one row (`PrintedDay`): guesses are compared one after the other however many tills send them at
once, so nobody gets a sixth, and of two tills that redeem at once the second sees what the first did. Nobody else
waits for that row, and it comes first in the order of locks.
"""

import uuid
from datetime import date
from typing import NamedTuple

from sqlalchemy.orm import Session

from cardnet.benefits.models import Redemption
from cardnet.benefits.reasons import Reason
from cardnet.issuance.rules import Standing
from cardnet.issuance.services import holder_confirms
from cardnet.kernel.statement import Statement

TRIES = 5
"""So many wrong answers a day for one person's card; then only the phone or the union's desk helps."""

CONFIRM, ONCE_A_DAY = "confirm_required", "limit_exceeded"

CONFIRMED = "\N{CHECK MARK}"
"""In the place of the last four where they were compared when a till's record came, and found to be the holder's."""

_SEE = Statement("""
select wrong, redemption_id from printed_day where person_id = %(person_id)s and day = %(day)s""")

# Writes the row to lock it: the first comer of the day has none to select for update.
_LOCK = Statement("""
insert into printed_day as p (person_id, day, wrong) values (%(person_id)s, %(day)s, 0)
on conflict (person_id, day) do update set wrong = p.wrong
returning wrong, redemption_id""")

_COUNT = Statement("""
update printed_day set wrong = wrong + 1 where person_id = %(person_id)s and day = %(day)s returning wrong""")

_USE = Statement("""
update printed_day set redemption_id = %(id)s
 where person_id = %(person_id)s and day = %(day)s and redemption_id is null returning true""")

# A day somebody else is deciding on is left alone when the caller may not wait.
_FREE = """
with mine as materialized (
  select person_id, day from printed_day where redemption_id = %(id)s and person_id = %(person_id)s for update {skip}),
freed as (
  update printed_day p set redemption_id = null from mine where p.person_id = mine.person_id and p.day = mine.day returning 1)
select (select count(*) from freed) = (select count(*) from printed_day
  where redemption_id = %(id)s and person_id = %(person_id)s)"""
_FREE_PATIENTLY, _FREE_IF_FREE = Statement(_FREE.format(skip="")), Statement(_FREE.format(skip="skip locked"))


class _Day(NamedTuple):
    wrong: int
    redemption_id: uuid.UUID | None


_UNTOUCHED = _Day(0, None)


def refusal(
    session: Session, standing: Standing, id_last4: str | None, used_on: date, asked_on: date | None = None
) -> Reason | None:
    """Why this printed code may not be used on `used_on`; None when it may.

    A wrong answer is counted on the day it comes (`asked_on`, the same when left out), in quotes too: a till that
    reports a sale of the day before yesterday has no other five tries. When there was an answer to compare, the rows
    of both days stay locked until the transaction ends, the earlier one first.
    """
    asked_day = asked_on or used_on
    place = {"person_id": standing.person_id, "day": asked_day}
    if id_last4 is None:
        asked = _Day(*(_SEE.one_or_none(session, place) or _UNTOUCHED))
        return _asked_again(asked.wrong) if asked.wrong >= TRIES else Reason(None, CONFIRM)
    rows = {day: _lock(session, standing, day) for day in sorted({used_on, asked_day})}
    asked = rows[asked_day]
    if id_last4 != CONFIRMED:
        if asked.wrong >= TRIES:
            return _asked_again(asked.wrong)
        if not holder_confirms(session, standing, id_last4):
            (wrong,) = _COUNT.one(session, place)
            return _asked_again(wrong)
    return None if rows[used_on].redemption_id is None else Reason(None, ONCE_A_DAY)


def _lock(session: Session, standing: Standing, day: date) -> _Day:
    return _Day(*_LOCK.one(session, {"person_id": standing.person_id, "day": day}))


def _asked_again(wrong: int) -> Reason:
    return Reason(None, CONFIRM, {"tries_left": TRIES - wrong})


def use(session: Session, standing: Standing, today: date, redemption_id: uuid.UUID) -> bool:
    """This redemption is the day's; False when another one already is."""
    given = {"person_id": standing.person_id, "day": today, "id": redemption_id}
    return _USE.one_or_none(session, given) is not None


def free(session: Session, target: Redemption, *, patient: bool = True) -> bool:
    """It is as if the redemption had never been: its day has its one use again. False rather than wait when not patient.

    Before counters and pools are locked, as in a redemption.
    """
    if target.assurance != "printed":
        return True
    statement = _FREE_PATIENTLY if patient else _FREE_IF_FREE
    (freed,) = statement.one(session, {"id": target.id, "person_id": target.person_id})
    return bool(freed)
