"""Idempotency keys: one stored outcome per merchant and key, in the transaction of what it names.

The key's row is the first write of that transaction, so there is no durable "in progress": a crash leaves neither
the row nor anything behind it. A duplicate blocks on the row's unique index until the first commits or rolls back.

There are two ways. `once` takes the key before the work and writes the answer after it. `at_once` only asks whether the
key is free, and writes key, answer and all that the work has left to the commit in one journey, which is the whole
transaction: whoever finds a guard taken there has left nothing behind, and comes again by `once`.
"""

import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import psycopg
from psycopg.types.numeric import Int2
from sqlalchemy import delete, select
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from cardnet.kernel.statement import Question, Row, Statement, lost, or_lost, settled, without_begin
from cardnet.kernel.world import World
from cardnet.merchant_api.models import IdempotencyKey
from cardnet.merchant_api.rules import KEY_LIFE, LONGEST_WAIT_MS, REVERSE, Answer, InProgress, KeyReused
from cardnet.merchants.rules import Venue


@dataclass(frozen=True)
class Claim:
    """A request and the key it came under. `call` is one of the names in `rules`; `fingerprint` has 32 bytes.

    A fingerprint of None makes a tombstone: see `bury`.
    """

    merchant_id: uuid.UUID
    terminal_id: uuid.UUID
    key: str
    call: str
    fingerprint: bytes | None


@dataclass(frozen=True)
class KeptKey:
    """What is known of a key: `tombstone` when it was reversed before it came."""

    call: str
    subject_id: uuid.UUID | None
    created_at: datetime
    tombstone: bool


# lock_timeout is set by the statement it is for, which saves a round trip; it then bounds every wait of this
# transaction, so that no till waits longer than two seconds on anything.
_TAKE = Statement("""
with patience as materialized (select set_config('lock_timeout', %(longest_wait)s, true))
insert into idempotency_key (merchant_id, key, call, fingerprint, terminal_id, created_at, status, media_type, body)
select %(merchant_id)s, %(key)s, %(call)s, %(fingerprint)s, %(terminal_id)s, %(at)s, %(status)s, %(media_type)s, %(body)s
  from patience
on conflict do nothing returning true""")

_ANSWER = Statement("""
update idempotency_key
   set status = %(status)s, media_type = %(media_type)s, body = %(body)s, subject_id = %(subject_id)s
 where merchant_id = %(merchant_id)s and key = %(key)s returning true""")

_KEEP = Statement(
    """
with patience as materialized (select set_config('lock_timeout', %(longest_wait)s, true)), kept as (
insert into idempotency_key (merchant_id, key, call, fingerprint, terminal_id, created_at, status, media_type, body, subject_id)
select %(merchant_id)s, %(key)s, %(call)s, %(fingerprint)s, %(terminal_id)s, %(at)s, %(status)s, %(media_type)s, %(body)s, %(subject_id)s
  from patience
on conflict do nothing returning 1)
select """  # noqa: S608 - our own text
    + or_lost("exists (select from kept)")
)

_KEPT = Question("""
select fingerprint, status, media_type, body, subject_id from idempotency_key
 where merchant_id = %(merchant_id)s and key = %(key)s""")


def once(session: Session, world: World, claim: Claim, work: Callable[[], Answer]) -> Answer:
    """Do `work` under the key and store its answer, or give the answer that is stored.

    Raises KeyReused("idempotency_key_reused") when the key came with another request before, and
    InProgress("request_in_progress") when that request is still at work after two seconds. What `work` raises
    leaves no trace of the key once the caller's transaction has rolled back. The key is taken with the first thing
    `work` asks the database, which must be a question: where the key is kept already, work gets no further.
    """
    try:
        _TAKE.later(session, _row_of(world, claim, None), _taken)
        answer = work()
        settled(session)
    except _Kept:
        return _replay(session, claim)
    kept = {
        "merchant_id": claim.merchant_id,
        "key": claim.key,
        "status": Int2(answer.status),
        "media_type": answer.media_type,
        "body": answer.body,
        "subject_id": answer.subject_id,
    }
    _ANSWER.later(session, kept)
    return answer


def at_once(session: Session, world: World, claim: Claim, work: Callable[[], Answer]) -> Answer:
    """The same in one journey less, for work that asks first and leaves all it writes to the commit.

    Raises what `once` does, and Lost, here or with the commit, when something else has come first.
    """
    without_begin(session)
    try:
        _KEPT.later(session, {"merchant_id": claim.merchant_id, "key": claim.key}, _free)
        answer = work()
    except _Kept as kept:
        return _repeated(claim, kept.row)
    _KEEP.with_commit(session, _row_of(world, claim, answer), _keeping, ahead=True)
    return answer


class _Kept(Exception):
    """The key is there already, with this row if we have looked."""

    def __init__(self, row: Row = ()) -> None:
        self.row = row


def _free(row: Row | None, error: DBAPIError | None) -> None:
    if error is None and row is not None:
        raise _Kept(row)


def _keeping(error: DBAPIError) -> Exception:
    return _in_progress() if _waited(error) else lost(error)


def _taken(row: Row | None, error: DBAPIError | None) -> None:
    if error is not None and _waited(error):
        raise _in_progress() from None
    if error is None and row is None:
        raise _Kept


def _waited(error: DBAPIError) -> bool:
    return isinstance(error.orig, psycopg.errors.LockNotAvailable)


def _in_progress() -> InProgress:
    return InProgress("request_in_progress", "同一请求正在处理，请用同一个 Idempotency-Key 稍后再试。")


def bury(session: Session, world: World, venue: Venue, original_key: str, answer: Answer) -> KeptKey | None:
    """Take the key of a request that has not come: whatever comes under it will hear `answer`.

    None when that is done now; what is known of the key when something came before. Waits like `once`.
    """
    settled(session)  # our own key first: a repeated reversal must not get as far as writing this
    tombstone = Claim(venue.merchant_id, venue.terminal_id, original_key, REVERSE, None)
    _TAKE.later(session, _row_of(world, tombstone, answer), _taken)
    try:
        settled(session)
    except _Kept:
        return key_of(session, venue.merchant_id, original_key)
    return None


def key_of(session: Session, merchant_id: uuid.UUID, key: str) -> KeptKey | None:
    """What is known of a merchant's key."""
    row = session.execute(
        select(
            IdempotencyKey.call, IdempotencyKey.subject_id, IdempotencyKey.created_at, IdempotencyKey.fingerprint
        ).where(IdempotencyKey.merchant_id == merchant_id, IdempotencyKey.key == key)
    ).one_or_none()
    return KeptKey(row.call, row.subject_id, row.created_at, row.fingerprint is None) if row else None


def forget_keys(session: Session, world: World, limit: int = 10_000) -> int:
    """Delete up to `limit` keys older than 35 days, oldest first; how many there were."""
    old = (
        select(IdempotencyKey.merchant_id, IdempotencyKey.key)
        .where(IdempotencyKey.created_at < world.now() - KEY_LIFE)
        .order_by(IdempotencyKey.created_at)
        .limit(limit)
        .subquery()
    )
    gone = session.execute(
        delete(IdempotencyKey).where(IdempotencyKey.merchant_id == old.c.merchant_id, IdempotencyKey.key == old.c.key)
    )
    return int(gone.rowcount)  # type: ignore[attr-defined]


def _row_of(world: World, claim: Claim, answer: Answer | None) -> dict[str, Any]:
    """What `_TAKE` writes: the claim, and the answer where it is known before the request has come."""
    return {
        "longest_wait": str(LONGEST_WAIT_MS),
        "merchant_id": claim.merchant_id,
        "key": claim.key,
        "call": claim.call,
        "fingerprint": claim.fingerprint,
        "terminal_id": claim.terminal_id,
        "at": world.now(),
        "status": Int2(answer.status) if answer else None,
        "media_type": answer.media_type if answer else None,
        "body": answer.body if answer else None,
        "subject_id": answer.subject_id if answer else None,
    }


def _replay(session: Session, claim: Claim) -> Answer:
    return _repeated(claim, _KEPT.one(session, {"merchant_id": claim.merchant_id, "key": claim.key}))


def _repeated(claim: Claim, kept: Row) -> Answer:
    fingerprint, status, media_type, body, subject_id = kept
    if fingerprint is not None and fingerprint != claim.fingerprint:
        raise KeyReused("idempotency_key_reused", "这个 Idempotency-Key 已用于另一个请求；新的请求请换一个新的键。")
    return Answer(status, media_type, body, subject_id, replayed=True)
