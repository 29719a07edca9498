"""What a till leaves out of its records, and when that counts against it.

A record need not carry everything: a terminal without a key signs nothing, its token has to do; a till without a clock
of ours sends no `sent_at`. What is missing counts only where the answer rests on it, and then never for the sender:

* no status list, and the card had been withdrawn before the sale: the till is taken to have known (`advices.judge`);
* a list of more than seven days: no list at all, so the till had to ask (`list_gone`);
* neither list nor clock, and the card was withdrawn after the time the record gives: that time is all that makes the
  sale good, and nothing stands for it; two people of the union decide (`untimed`).
"""

from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from cardnet.credential.limits import Limit
from cardnet.credential.status import LIFE_SECONDS
from cardnet.credential.verify import Accepted, Rejected
from cardnet.issuance.services import withdrawn_at

MISSING = "evidence_missing"


def list_gone(list_issued_at: datetime | None, occurred_at: datetime) -> str | None:
    """`online_required` when the till's list had ended by the sale; of a list it does not name nothing is known."""
    gone = list_issued_at is not None and occurred_at - list_issued_at > timedelta(seconds=LIFE_SECONDS)
    return Limit.ONLINE_REQUIRED.value if gone else None


def untimed(
    session: Session,
    code: Accepted | Rejected,
    occurred_at: datetime,
    list_issued_at: datetime | None,
    *,
    clock_shown: bool,
) -> str | None:
    """`evidence_missing` for a sale said to be of before its card was withdrawn, with nothing that says so but the record."""
    if clock_shown or list_issued_at is not None or isinstance(code, Rejected):
        return None
    withdrawn = withdrawn_at(session, code.index)
    return MISSING if withdrawn is not None and withdrawn > occurred_at else None
