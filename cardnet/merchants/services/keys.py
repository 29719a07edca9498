"""The keys terminals sign with: added at pairing or by the terminal itself, replaced with an overlap, revoked."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import case, func, insert, select, update
from sqlalchemy.orm import Session

from cardnet.kernel.audit import Act, record
from cardnet.kernel.errors import Conflict, NotFound
from cardnet.kernel.world import World
from cardnet.merchants import rules
from cardnet.merchants.models import Merchant, Terminal, TerminalKey
from cardnet.merchants.rules import ACTIVE_KEYS_PER_TERMINAL, KEY_OVERLAP, KeyAlgorithm
from cardnet.merchants.services.callers import forget_terminal


@dataclass(frozen=True)
class AddKey:
    """A terminal has a new key (`public_key` as `rules.read_public_key` takes it); the one before ends in seven days."""

    terminal_id: uuid.UUID
    public_key: str
    actor_id: uuid.UUID | None = None


@dataclass(frozen=True)
class RevokeKey:
    """A key must stop counting, for example because the device was stolen; every process heeds it within 30 s."""

    key_id: str
    actor_id: uuid.UUID | None = None


@dataclass(frozen=True)
class KeyView:
    """A key of a terminal. `ends_at`: from then on nothing it signs counts."""

    id: uuid.UUID
    terminal_id: uuid.UUID
    key_id: str
    algorithm: KeyAlgorithm
    public_key: bytes
    created_at: datetime
    ends_at: datetime | None


def add_key(session: Session, world: World, command: AddKey) -> KeyView:
    """Register a key; adding the same again is no change.

    Raises InvalidInput("public_key_invalid"), NotFound("terminal_unknown"), Conflict("too_many_keys") while two count,
    ("key_taken") when another terminal has it, or had it, or this one had it and it has ended.
    """
    algorithm, public_key = rules.read_public_key(command.public_key)
    at, key_id = world.now(), rules.key_id_of(public_key)
    if not session.scalar(select(Terminal.id).where(Terminal.id == command.terminal_id).with_for_update()):
        raise NotFound("terminal_unknown", "没有这台终端，请核对。")
    if known := _by_key_id(session, key_id):
        if known.terminal_id == command.terminal_id and (known.ends_at is None or known.ends_at > at):
            return known
        raise Conflict("key_taken", "这个密钥已登记过，请在设备上重新生成一个。")
    live = TerminalKey.terminal_id == command.terminal_id, TerminalKey.revoked_at.is_(None)
    session.execute(update(TerminalKey).where(*live, TerminalKey.expires_at <= at).values(revoked_at=at))
    taken = set(session.scalars(select(TerminalKey.slot).where(*live)))
    free = [slot for slot in range(1, ACTIVE_KEYS_PER_TERMINAL + 1) if slot not in taken]
    if not free:
        raise Conflict("too_many_keys", "本终端已有两个有效的签名密钥，请等旧的一个到期，或请商户管理员停用它。")
    session.execute(
        update(TerminalKey).where(*live, TerminalKey.expires_at.is_(None)).values(expires_at=at + KEY_OVERLAP)
    )
    row: dict[str, Any] = {
        "id": world.new_id(),
        "terminal_id": command.terminal_id,
        "key_id": key_id,
        "public_key": public_key,
        "algorithm": algorithm.value,
        "slot": free[0],
        "created_at": at,
    }
    session.execute(insert(TerminalKey).values(**row))
    session.execute(
        update(Terminal)
        .where(Terminal.id == command.terminal_id)
        .values(public_key=public_key, key_algorithm=algorithm.value)
    )
    after = {"key_id": key_id}
    record(session, world, Act("terminal_key.add", "terminal", str(command.terminal_id), command.actor_id, after=after))
    forget_terminal(session, command.terminal_id)
    return KeyView(row["id"], command.terminal_id, key_id, algorithm, public_key, at, None)


def revoke_key(session: Session, world: World, command: RevokeKey) -> None:
    """Stop a key for good; revoking twice is no error. Raises NotFound("key_unknown")."""
    known = _by_key_id(session, command.key_id)
    if known is None:
        raise NotFound("key_unknown", "没有这个签名密钥，请核对。")
    unrevoked = TerminalKey.id == known.id, TerminalKey.revoked_at.is_(None)
    session.execute(update(TerminalKey).where(*unrevoked).values(revoked_at=world.now()))
    forget_terminal(session, known.terminal_id)
    after = {"key_id": command.key_id}
    act = Act("terminal_key.revoke", "terminal", str(known.terminal_id), command.actor_id, after=after)
    record(session, world, act)


def keys_of(session: Session, terminal_id: uuid.UUID) -> list[KeyView]:
    """All keys a terminal ever had, newest first."""
    rows = session.execute(_VIEW.where(TerminalKey.terminal_id == terminal_id).order_by(TerminalKey.id.desc()))
    return [_view(row) for row in rows]


@dataclass(frozen=True)
class NamedKey:
    """A key and whose it is. `stopped_at`: somebody stopped it; None for one that counts, or was only replaced."""

    merchant: str
    terminal: str
    key: KeyView
    stopped_at: datetime | None


def named_keys(session: Session) -> list[NamedKey]:
    """Every key a terminal ever had."""
    # A key that was replaced is marked revoked too, once its days are over.
    early = TerminalKey.expires_at.is_(None) | (TerminalKey.revoked_at < TerminalKey.expires_at)
    stopped = case((early, TerminalKey.revoked_at))
    query = _VIEW.add_columns(Merchant.code, Terminal.code, stopped)
    joined = query.join(Terminal, Terminal.id == TerminalKey.terminal_id).join(
        Merchant, Merchant.id == Terminal.merchant_id
    )
    return [NamedKey(merchant, terminal, _view(key), at) for *key, merchant, terminal, at in session.execute(joined)]


def counting_keys(session: Session, world: World, terminal_id: uuid.UUID) -> list[KeyView]:
    """Those that count now, newest first; one that was replaced, until its `ends_at`."""
    live = TerminalKey.revoked_at.is_(None), TerminalKey.expires_at.is_(None) | (TerminalKey.expires_at > world.now())
    rows = session.execute(_VIEW.where(TerminalKey.terminal_id == terminal_id, *live).order_by(TerminalKey.id.desc()))
    return [_view(row) for row in rows]


def ending_key(session: Session, world: World, terminal_id: uuid.UUID) -> KeyView | None:
    """The key that was replaced and counts until its `ends_at`; None where no other device has been this terminal."""
    return next((key for key in counting_keys(session, world, terminal_id) if key.ends_at), None)


def _by_key_id(session: Session, key_id: str) -> KeyView | None:
    row = session.execute(_VIEW.where(TerminalKey.key_id == key_id)).one_or_none()
    return _view(row) if row else None


_VIEW = select(
    TerminalKey.id,
    TerminalKey.terminal_id,
    TerminalKey.key_id,
    TerminalKey.algorithm,
    TerminalKey.public_key,
    TerminalKey.created_at,
    func.least(TerminalKey.expires_at, TerminalKey.revoked_at).label("ends_at"),
)


def _view(row: Sequence[Any]) -> KeyView:
    key, terminal_id, key_id, algorithm, public_key, created_at, ends_at = row
    return KeyView(key, terminal_id, key_id, KeyAlgorithm(algorithm), public_key, created_at, ends_at)
