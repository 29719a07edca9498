"""Messages to a number somebody holds: written with what asks for them, claimed and sent by the worker like notices.

A claim is a commit before anything is sent: `next_try_at` moves to the end of the claim, so no second worker takes the
message meanwhile. Words are gone once a message is sent or over.
"""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session

from cardnet.kernel.errors import TooManyRequests
from cardnet.kernel.jobs import defer
from cardnet.kernel.vault import vault_of
from cardnet.kernel.world import World
from cardnet.membership.notices.direct import (
    CODE_PAUSE,
    CODES_A_DAY,
    DirectKind,
    DirectState,
    direct_sentence,
    pause_after_try,
)
from cardnet.membership.notices.rules import Accepted, Later, Message, Outcome
from cardnet.membership.services.notices.writing import help_phone

PHONE, WORDS = "direct.phone", "direct.words"
"""The vault's names of the sealed fields."""
SEND_DIRECT = "send_direct_messages"
"""The worker's task."""
CLAIM = timedelta(seconds=60)
_DAY = timedelta(days=1)


@dataclass(frozen=True)
class SendDirect:
    """Send these words to `phone` (eleven digits) until `expires_at`; `subject_id` is the person, card or approval."""

    kind: DirectKind
    subject_id: uuid.UUID
    phone: str = field(repr=False)
    values: Mapping[str, str] = field(repr=False)
    expires_at: datetime
    actor_id: uuid.UUID | None = None


@dataclass(frozen=True)
class DirectLine:
    """What became of a message; whoever asked for it may see that, never the words."""

    kind: DirectKind
    state: DirectState
    created_at: datetime
    sent_at: datetime | None
    error: str | None


def send_direct(session: Session, world: World, command: SendDirect) -> uuid.UUID:
    """Write the message; the worker sends it once this transaction has committed."""
    vault, at, message_id = vault_of(session), world.now(), world.new_id()
    words = direct_sentence(command.kind, help_phone(session), command.values)
    session.execute(
        _INSERT,
        {
            "id": message_id, "kind": str(command.kind), "subject": command.subject_id,
            "phone": vault.seal(PHONE, command.phone), "index": vault.index(PHONE, command.phone),
            "words": vault.seal(WORDS, words), "at": at,
            "until": command.expires_at, "actor": command.actor_id,
        },
    )  # fmt: skip
    defer(session, SEND_DIRECT, SEND_DIRECT)
    return message_id


def must_not_flood(session: Session, at: datetime, kind: DirectKind, subject_id: uuid.UUID, phone: str) -> None:
    """One code a minute and five a day, for one person or card and to one number, whoever asks.

    Raises TooManyRequests("code_too_soon", "too_many_codes").
    """
    index = vault_of(session).index(PHONE, phone)
    # Two taps in one second: the second waits, and finds the first.
    session.execute(text("select pg_advisory_xact_lock(hashtextextended(encode(cast(:index as bytea), 'hex'), 22))"), {"index": index})  # fmt: skip
    asked = {"kind": str(kind), "subject": subject_id, "index": index, "since": at - _DAY}
    row = session.execute(_LATELY, asked).one()
    if row.newest is not None and at - row.newest < CODE_PAUSE:
        left = int((CODE_PAUSE - (at - row.newest)).total_seconds()) + 1
        raise TooManyRequests("code_too_soon", f"验证码刚刚发过，请 {left} 秒后再试。", left)
    if row.sent >= CODES_A_DAY:
        raise TooManyRequests("too_many_codes", "今天发的验证码太多了，请明天再试，或到所在工会办理。", 86_400)


def direct_messages_of(session: Session, subject_id: uuid.UUID) -> tuple[DirectLine, ...]:
    """What was sent about something, the newest first."""
    rows = session.execute(_OF_SUBJECT, {"subject": subject_id})
    return tuple(
        DirectLine(DirectKind(row.kind), DirectState(row.state), row.created_at, row.sent_at, row.error) for row in rows
    )


# ---- the worker's part ----


@dataclass(frozen=True)
class TakenDirect:
    """A message in hand."""

    message_id: uuid.UUID
    tries: int
    message: Message


def take_next_direct(session: Session, world: World) -> TakenDirect | None:
    """Claim the message that is due longest; those whose time is over lapse first."""
    at = world.now()
    session.execute(_LAPSE, {"at": at})
    row = session.execute(_CLAIM, {"at": at, "until": at + CLAIM}).one_or_none()
    if row is None:
        return None
    vault = vault_of(session)
    message = Message(
        str(row.id), DirectKind(row.kind), vault.open(PHONE, row.phone), vault.open(WORDS, row.words)
    )  # fmt: skip
    return TakenDirect(row.id, row.tries, message)


def note_direct(session: Session, world: World, taken: TakenDirect, outcome: Outcome) -> None:
    """Write what became of it: sent, again in seconds, or never."""
    at = world.now()
    given: dict[str, Any] = {"id": taken.message_id, "tries": taken.tries}
    if isinstance(outcome, Accepted):
        session.execute(_SENT, {**given, "at": at, "provider": outcome.provider_id})
        return
    pause = pause_after_try(taken.tries, outcome.after) if isinstance(outcome, Later) else None
    if pause is not None:
        session.execute(_LATER, {**given, "next": at + pause, "error": outcome.error})
    else:
        session.execute(_FAILED, {**given, "error": outcome.error})


def fail_direct(session: Session) -> None:
    """No gateway is set up: what waits will never go out."""
    session.execute(_NO_GATEWAY)


# ---- pieces ----

_INSERT = text("""
    insert into direct_message (id, kind, subject_id, phone, phone_index, words, state, next_try_at, expires_at, created_at,
                                created_by)
    values (:id, :kind, :subject, :phone, :index, :words, 'waiting', :at, :until, :at, :actor)""")

_LATELY = text("""
    select max(created_at) as newest, count(*) as sent from direct_message
     where kind = :kind and created_at > :since and (subject_id = :subject or phone_index = :index)""")

_OF_SUBJECT = text("""
    select kind, state, created_at, sent_at, error from direct_message where subject_id = :subject
     order by created_at desc, id desc limit 50""")

_LAPSE = text("""
    update direct_message set state = 'lapsed', next_try_at = null, words = null
     where next_try_at is not null and expires_at <= :at""")

_CLAIM = text("""
    with due as (
        select id from direct_message where next_try_at <= :at order by next_try_at, id limit 1 for update skip locked
    )
    update direct_message m set tries = m.tries + 1, next_try_at = :until from due where m.id = due.id
    returning m.id, m.kind, m.phone, m.words, m.tries""")

_SENT = text("""
    update direct_message set state = 'sent', sent_at = :at, provider_id = :provider, next_try_at = null, words = null,
           error = null
     where id = :id and state in ('waiting', 'lapsed')""")

_LATER = text("""
    update direct_message set next_try_at = :next, error = :error
     where id = :id and tries = :tries and state = 'waiting'""")

_FAILED = text("""
    update direct_message set state = 'failed', next_try_at = null, words = null, error = :error
     where id = :id and tries = :tries and state = 'waiting'""")

_NO_GATEWAY = text("""
    update direct_message set state = 'failed', next_try_at = null, words = null, error = 'no_gateway'
     where state = 'waiting'""")
