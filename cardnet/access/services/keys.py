"""Keys under which a program's request is done once: the answer is kept beside the key, sealed."""

import uuid
from dataclasses import dataclass, field
from datetime import timedelta

from sqlalchemy import delete, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from cardnet.access.models import ApiKey
from cardnet.kernel.errors import InvalidInput
from cardnet.kernel.vault import vault_of
from cardnet.kernel.world import World

BODY_FIELD = "api_key.body"
KEY_LIFE = timedelta(days=7)


@dataclass(frozen=True)
class TakeKey:
    """An account's program asks under this key for what `fingerprint` (32 bytes) stands for."""

    account_id: uuid.UUID
    key: str
    fingerprint: bytes


@dataclass(frozen=True)
class KeptAnswer:
    """What was answered; `body` is None when it held a secret that is shown once."""

    status: int
    media_type: str
    body: bytes | None = field(repr=False)


def take_key(session: Session, world: World, command: TakeKey) -> KeptAnswer | None:
    """None when the request is new and now to be done, else what it was answered before.

    A second request under the key waits here until the first has committed or failed.
    Raises InvalidInput("idempotency_key_reused").
    """
    values = {**vars(command), "created_at": world.now()}
    fresh = session.scalar(insert(ApiKey).values(values).on_conflict_do_nothing().returning(ApiKey.key))
    if fresh:
        return None
    row = session.scalars(
        select(ApiKey).where(ApiKey.account_id == command.account_id, ApiKey.key == command.key)
    ).one()
    if row.fingerprint != command.fingerprint or row.status is None:
        raise InvalidInput("idempotency_key_reused", "这个 Idempotency-Key 已经用于另一个请求，请换一个新的键。")
    body = vault_of(session).open_bytes(BODY_FIELD, row.body) if row.body else None
    return KeptAnswer(row.status, row.media_type or "", body)


def keep_answer(session: Session, command: TakeKey, answer: KeptAnswer) -> None:
    """Put the answer beside the key this transaction took."""
    body = None if answer.body is None else vault_of(session).seal(BODY_FIELD, answer.body)
    session.execute(
        update(ApiKey)
        .where(ApiKey.account_id == command.account_id, ApiKey.key == command.key)
        .values(status=answer.status, media_type=answer.media_type, body=body)
    )


def forget_keys(session: Session, world: World) -> int:
    """Keys older than seven days are gone; returns how many."""
    gone = session.execute(delete(ApiKey).where(ApiKey.created_at < world.now() - KEY_LIFE).returning(ApiKey.key))
    return len(gone.all())
