"""Records of a till that are missing, or that do not follow the one before: E12, closed when they come."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import insert, select, update
from sqlalchemy.orm import Session

from cardnet.benefits.models import Advice, AdviceException
from cardnet.benefits.services.advices import GAP, UNSIGNED, Advise
from cardnet.kernel.world import World
from cardnet.merchants.rules import Venue


@dataclass(frozen=True)
class AdviceExceptionView:
    """What finance must look at. `fen` is what was given beyond the rules; 0 for a gap, whose amounts nobody knows."""

    id: uuid.UUID
    terminal_id: uuid.UUID
    code: str
    why: str
    advice_id: uuid.UUID | None
    first_seq: int
    last_seq: int
    fen: int
    opened_at: datetime
    closed_at: datetime | None


# What lies between the numbers around those that came now; the number before and after them count as known ends.
_GAPS = """
with mine as (select distinct terminal_seq as n from advice
               where terminal_id = %(terminal_id)s and code is distinct from %(unsigned)s),
ends as (select coalesce((select max(n) from mine where n < %(least)s), %(least)s) as low,
                coalesce((select min(n) from mine where n > %(most)s), %(most)s) as high)
select before + 1, n - 1 from (
  select n, lag(n) over (order by n) as before from mine, ends where n between ends.low and ends.high) t
 where n > before + 1"""


def note_gaps(session: Session, world: World, venue: Venue, numbers: Sequence[int]) -> list[tuple[int, int]]:
    """Open what is missing around numbers that came now, close what came; says the gaps, first and last of each."""
    given = {"terminal_id": venue.terminal_id, "least": min(numbers), "most": max(numbers), "unsigned": UNSIGNED}
    gaps = [(int(first), int(last)) for first, last in session.connection().exec_driver_sql(_GAPS, given)]
    open_ones = session.execute(
        select(AdviceException.id, AdviceException.first_seq, AdviceException.last_seq).where(
            AdviceException.terminal_id == venue.terminal_id,
            AdviceException.code == GAP,
            AdviceException.why == "gap",
            AdviceException.closed_at.is_(None),
        )
    ).all()
    touched = [one for one in open_ones if any(one.first_seq <= number <= one.last_seq for number in numbers)]
    if touched:
        ids = [one.id for one in touched]
        session.execute(update(AdviceException).where(AdviceException.id.in_(ids)).values(closed_at=world.now()))
    still = {(one.first_seq, one.last_seq) for one in open_ones if one not in touched}
    rows = [_row(world, venue, "gap", first, last, None) for first, last in gaps if (first, last) not in still]
    if rows:
        session.execute(insert(AdviceException), rows)
    return gaps


def note_broken_chain(session: Session, world: World, command: Advise) -> bool:
    """Whether a record says it follows another one than the one we have under the number before; noted once."""
    if command.follows is None:
        return False
    before = session.scalar(
        select(Advice.digest)
        .where(
            Advice.terminal_id == command.venue.terminal_id,
            Advice.terminal_seq == command.terminal_seq - 1,
            Advice.code.is_distinct_from(UNSIGNED),
        )
        .order_by(Advice.id)
        .limit(1)
    )
    if before is None or before == command.follows:
        return False
    row = _row(world, command.venue, "chain", command.terminal_seq, command.terminal_seq, None)
    session.execute(insert(AdviceException).values(**row))
    return True


def advice_exceptions(session: Session, merchant_id: uuid.UUID | None = None) -> list[AdviceExceptionView]:
    """What is open, of one merchant or of all, oldest first."""
    wanted = select(AdviceException).where(AdviceException.closed_at.is_(None)).order_by(AdviceException.id)
    if merchant_id is not None:
        wanted = wanted.where(AdviceException.merchant_id == merchant_id)
    return [
        AdviceExceptionView(
            row.id,
            row.terminal_id,
            row.code,
            row.why,
            row.advice_id,
            row.first_seq,
            row.last_seq,
            row.fen,
            row.opened_at,
            row.closed_at,
        )
        for row in session.scalars(wanted)
    ]


def _row(world: World, venue: Venue, why: str, first: int, last: int, advice_id: uuid.UUID | None) -> dict[str, object]:
    return {
        "id": world.new_id(),
        "merchant_id": venue.merchant_id,
        "terminal_id": venue.terminal_id,
        "code": GAP,
        "why": why,
        "advice_id": advice_id,
        "first_seq": first,
        "last_seq": last,
        "fen": 0,
        "opened_at": world.now(),
    }
