"""What the worker does with notices: take one in hand, say what became of it, let it go another way.

A claim is a commit before anything is sent: `next_try_at` moves to the end of the claim, so no second worker takes the
notice meanwhile, and one whose worker was killed is sent again under the same key.
"""

import uuid
from collections.abc import Collection
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session

from cardnet.kernel.vault import Vault, vault_of
from cardnet.kernel.world import World
from cardnet.membership.notices import rules
from cardnet.membership.notices.rules import (
    Accepted,
    Chosen,
    Later,
    Message,
    NoticeKind,
    NoticeState,
    Outcome,
    Reason,
    Way,
)
from cardnet.membership.services.notices.writing import WORDS, reach_of
from cardnet.membership.services.people import PHONE

ADDRESS = "notice.address"
"""The vault's name of an openid."""
CLAIM = timedelta(seconds=120)
"""How long a worker has a notice in hand: more than a gateway's four calls may take."""


@dataclass(frozen=True)
class Taken:
    """A notice in hand: `message` is None when it went another way instead, and there may be more."""

    notice_id: uuid.UUID
    tries: int
    way: Way
    message: Message | None


def take_next(session: Session, world: World, open_ways: Collection[Way]) -> Taken | None:
    """Claim the notice that is due longest; None when there is none, or it is a time of quiet.

    Consent, phone and binding are looked at again: what was given yesterday may be withdrawn today.
    """
    at = world.now()
    if rules.is_quiet(at):
        return None
    row = session.execute(_CLAIM, {"at": at, "until": at + CLAIM}).one_or_none()
    if row is None:
        return None
    reach = reach_of(session, [row.person_id])[row.person_id]
    way, kind = Way(row.way), NoticeKind(row.kind)
    chosen = rules.way_on(reach, way, open_ways)
    if chosen.way in (None, Way.PAPER):
        _move(session, row.id, row.tries, kind, chosen, "")
        return Taken(row.id, row.tries, way, None)
    assert chosen.way is not None
    vault = vault_of(session)
    address = _address(session, vault, row.person_id, chosen.way)
    message = Message(str(row.id), kind, address, vault.open(WORDS, row.words))
    return Taken(row.id, row.tries, chosen.way, message)


def note_outcome(session: Session, world: World, taken: Taken, outcome: Outcome, open_ways: Collection[Way]) -> None:
    """Write what became of it: sent, to be tried again later, or on its way to paper.

    That it was sent is written whoever has it in hand by now; that it was not only while it is still ours.
    """
    at = world.now()
    given: dict[str, Any] = {"id": taken.notice_id, "tries": taken.tries, "way": str(taken.way)}
    if isinstance(outcome, Accepted):
        session.execute(_SENT, {**given, "at": at, "provider": outcome.provider_id})
        return
    if isinstance(outcome, Later):
        pause = rules.pause_after(taken.tries, outcome.after)
        if pause is not None:
            session.execute(_LATER, {**given, "next": rules.not_before(at + pause), "error": outcome.error})
            return
    row = session.execute(text("select person_id, kind from notice where id = :id"), {"id": taken.notice_id}).one()
    reach = reach_of(session, [row.person_id])[row.person_id]
    why = Reason.GAVE_UP if isinstance(outcome, Later) else Reason.REFUSED
    chosen = rules.way_after(reach, taken.way, open_ways, why)
    if chosen.way is Way.SMS:
        session.execute(_OTHER_WAY, {**given, "other": str(chosen.way), "at": at, "error": outcome.error})
    else:
        _move(session, taken.notice_id, taken.tries, NoticeKind(row.kind), chosen, outcome.error)


def close_ways(session: Session, open_ways: Collection[Way]) -> None:
    """What waits for a gateway nobody has set up goes on at once, by night too: to the other one, or to paper."""
    closed = [str(way) for way in (Way.OFFICIAL_ACCOUNT, Way.SMS) if way not in open_ways]
    if closed:
        given = {"closed": closed, "sms": Way.SMS in open_ways, "elsewhere": [str(k) for k in rules.SLIP_ELSEWHERE]}
        session.execute(_CLOSE, given)


# ---- pieces ----

_CLAIM = text("""
    with due as (
        select id from notice where next_try_at <= :at order by next_try_at, id limit 1 for update skip locked
    )
    update notice n set tries = n.tries + 1, next_try_at = :until from due where n.id = due.id
    returning n.id, n.kind, n.person_id, n.way, n.words, n.tries""")

_SENT = text("""
    update notice set state = 'sent', way = :way, sent_at = :at, provider_id = :provider, next_try_at = null,
           reason = null, error = null
     where id = :id and state in ('waiting', 'dropped')""")

_OURS = "where id = :id and tries = :tries and state = 'waiting' and next_try_at is not null"

_LATER = text(f"update notice set next_try_at = :next, way = :way, error = :error {_OURS}")  # noqa: S608 - our own text

_OTHER_WAY = text(f"""
    update notice set way = :other, tries = 0, next_try_at = :at, error = :error {_OURS}""")  # noqa: S608

_MOVE = text(f"""
    update notice set way = :way, state = :state, reason = :reason, error = nullif(:error, ''), next_try_at = null
    {_OURS}""")  # noqa: S608

_CLOSE = text("""
    with waiting as (
        select n.id, n.way = 'official_account' and :sms and p.phone is not null and p.phone_verified_at is not null
                     as by_sms, n.kind = any(:elsewhere) as no_slip
          from notice n join person p on p.id = n.person_id
         where n.next_try_at is not null and n.way = any(:closed)
    )
    update notice n
       set way = case when by_sms then 'sms' when no_slip then n.way else 'paper' end,
           state = case when no_slip and not by_sms then 'failed' else 'waiting' end,
           reason = case when not by_sms then 'no_gateway' end,
           next_try_at = case when by_sms then n.next_try_at end
      from waiting w where w.id = n.id and n.next_try_at is not null and n.way = any(:closed)""")


def _move(session: Session, notice_id: uuid.UUID, tries: int, kind: NoticeKind, chosen: Chosen, error: str) -> None:
    """To paper; or, where another paper tells it or nobody is there to be told, to its end."""
    over = chosen.way is None or kind in rules.SLIP_ELSEWHERE
    session.execute(
        _MOVE if not over else _END,
        {
            "id": notice_id, "tries": tries, "way": str(Way.PAPER), "reason": str(chosen.reason), "error": error,
            "state": str(NoticeState.FAILED if over else NoticeState.WAITING),
        },
    )  # fmt: skip


_END = text(f"""
    update notice set state = :state, reason = :reason, error = nullif(:error, ''), next_try_at = null
    {_OURS}""")  # noqa: S608


def _address(session: Session, vault: Vault, person_id: uuid.UUID, way: Way) -> str:
    if way is Way.SMS:
        return vault.open(
            PHONE, session.scalars(text("select phone from person where id = :id"), {"id": person_id}).one()
        )
    found = text("select address from notice_address where person_id = :id and ended_at is null")
    return vault.open(ADDRESS, session.scalars(found, {"id": person_id}).one())
