"""Telling members of every use of their card, so that whose card was used by somebody else hears of it and can say so.

Read in the order of commits beside the hot path, which only stores. What a message says: when, where and how much, never
what for: the name of a program may say that somebody is in need.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import insert, select, text, update
from sqlalchemy.orm import Session

from cardnet.benefits.models_voice import UsesTold
from cardnet.kernel.calendar import local
from cardnet.kernel.money import yuan
from cardnet.kernel.sequence import newest_place, number_events
from cardnet.kernel.world import World
from cardnet.membership import services as membership
from cardnet.membership.rules import code_of
from cardnet.membership.services import notices
from cardnet.merchants import services as merchants

_MOST = 2_000
_NEWS = timedelta(days=3)
"""A use that is told later than this helps nobody: the member's own list has it."""
_ROOM = 13
"""Letters of a message for the shop and the sum together."""

# Only what still stands: a sale undone within the minute is nobody's to deny.
_USES = text("""
    select o.seq, r.id, r.person_id, r.unit_path, r.merchant_id, r.event_at, r.captured_fen - r.refunded_fen as fen
      from (select s.seq, e.subject_id, e.kind, e.created_at from event_sequence s
              join outbox_event e on e.id = s.event_id where s.seq > :after order by s.seq limit :most) o
      left join redemption r on r.id = o.subject_id and o.kind = 'redemption.captured' and o.created_at > :since
                            and r.person_id is not null and r.captured_fen > r.refunded_fen
     order by o.seq""")


@dataclass(frozen=True)
class ToldUses:
    """What one look did. `more`: it stopped at its most, look again at once."""

    looked_at: int
    messages: int
    more: bool


def tell_uses(session: Session, world: World) -> ToldUses:
    """Write a notice of each use since the last look; the first look begins with what comes after it.

    Two workers at once: one of them finds nothing to do. However often it runs, a use is told once.
    """
    number_events(session)
    after = session.scalar(select(UsesTold.seq).with_for_update(skip_locked=True))
    if after is None:
        if session.scalar(select(UsesTold.one)) is None:
            session.execute(insert(UsesTold).values(one=True, seq=newest_place(session)))
        return ToldUses(0, 0, more=False)
    since = world.now() - _NEWS
    rows = session.execute(_USES, {"after": after, "most": _MOST, "since": since}).all()
    if not rows:
        return ToldUses(0, 0, more=False)
    told = notices.tell(session, world, notices.Tell(notices.NoticeKind.CARD_USED, _recipients(session, rows)))
    session.execute(update(UsesTold).values(seq=rows[-1].seq))
    return ToldUses(len(rows), told.messages, more=len(rows) == _MOST)


def _recipients(session: Session, rows: Any) -> list[notices.Recipient]:
    uses = [row for row in rows if row.id is not None and row.unit_path is not None]
    units = membership.unions_of_codes(session, {code_of(row.unit_path) for row in uses})
    shops = merchants.names_of_merchants(session, {row.merchant_id for row in uses})
    return [
        notices.Recipient(row.person_id, units[code_of(row.unit_path)].id, row.id, _values(row, shops[row.merchant_id]))
        for row in uses
        if code_of(row.unit_path) in units
    ]


def _values(row: Any, shop: str) -> dict[str, str]:
    saved = yuan(row.fen)
    return {"when": _when(row.event_at), "shop": _short(shop, _ROOM - len(saved)), "saved": saved}


def _when(at: datetime) -> str:
    here = local(at)
    return f"{here.day}日{here:%H:%M}"


def _short(name: str, most: int) -> str:
    return name if len(name) <= most else f"{name[: most - 1]}…"
