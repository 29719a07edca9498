"""Who calls: the venue behind a terminal token."""

import threading
import uuid
from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import Any
from weakref import WeakKeyDictionary

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from cardnet.kernel.db import database_of
from cardnet.kernel.errors import NotSignedIn
from cardnet.kernel.world import World
from cardnet.merchants import rules
from cardnet.merchants.models import Merchant, Store, Terminal, TerminalKey, TerminalLockout, TerminalToken
from cardnet.merchants.rules import (
    CACHE_LIFE,
    Caller,
    KeyAlgorithm,
    MerchantState,
    SigningTerminal,
    TerminalState,
    Venue,
)

__all__ = [
    "Venue",
    "caller_of_token",
    "forget_merchant",
    "forget_terminal",
    "forget_token",
    "signing_terminal",
    "venue_of_terminal",
    "venue_of_token",
    "venues_of_terminals",
]

_MOST_REMEMBERED = 20_000

_VENUE = (
    Merchant.id,
    Merchant.code,
    Merchant.name,
    Merchant.category,
    Store.id,
    Store.code,
    Store.name,
    Terminal.id,
    Terminal.code,
    Terminal.name,
)
_STANDING = (
    Merchant.state,
    Terminal.state,
    Merchant.requires_signature,
    TerminalLockout.locked_until,
    Store.closed_on,
)


def _joined(wanted: Any, terminal_id: Any) -> Any:
    return (
        wanted.join(Terminal, Terminal.id == terminal_id)
        .join(Store, Store.id == Terminal.store_id)
        .join(Merchant, Merchant.id == Terminal.merchant_id)
        .outerjoin(TerminalLockout, TerminalLockout.terminal_id == Terminal.id)
    )


_CALLER = _joined(
    select(*_VENUE, *_STANDING, TerminalToken.expires_at, TerminalToken.scopes).select_from(TerminalToken),
    TerminalToken.terminal_id,
).where(TerminalToken.revoked_at.is_(None))
_SIGNER = _joined(
    select(
        *_VENUE,
        *_STANDING,
        TerminalKey.id,
        TerminalKey.algorithm,
        TerminalKey.public_key,
        func.least(TerminalKey.expires_at, TerminalKey.revoked_at),
    ).select_from(TerminalKey),
    TerminalKey.terminal_id,
)


class _Memory:
    """What this process remembers of tokens it has seen, each for at most `CACHE_LIFE`. Only found ones are kept."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.seen: OrderedDict[bytes, tuple[datetime, Any]] = OrderedDict()

    def get(self, key: bytes, at: datetime) -> Any:
        known = self.seen.get(key)
        # A clock set back must not keep a revoked token alive: an entry from the future is as bad as an old one.
        return known[1] if known and known[0] <= at < known[0] + CACHE_LIFE else None

    def put(self, key: bytes, at: datetime, known: Any) -> None:
        with self.lock:
            self.seen[key] = (at, known)
            self.seen.move_to_end(key)
            if len(self.seen) > _MOST_REMEMBERED:
                self.seen.popitem(last=False)

    def drop(self, key: bytes) -> None:
        with self.lock:
            self.seen.pop(key, None)

    def drop_where(self, whose: Callable[[Venue], bool]) -> None:
        with self.lock:
            for key in [key for key, (_, known) in self.seen.items() if whose(_venue_of(known))]:
                del self.seen[key]


def _venue_of(known: Caller | SigningTerminal) -> Venue:
    caller = known.caller if isinstance(known, SigningTerminal) else known
    return caller.venue


_memories: WeakKeyDictionary[Any, _Memory] = WeakKeyDictionary()
"""One memory per database (engine, or the connection of a test), so that two apps of a process never mix."""


def venue_of_token(session: Session, world: World, token: str) -> Venue:
    """The venue a terminal token stands for: one statement, or none when it was seen in the last 30 s.

    Raises NotSignedIn("token_invalid"), NotAllowed("merchant_suspended", "terminal_suspended" or "store_closed") and
    TooManyRequests.
    """
    return caller_of_token(session, world, token).venue


def caller_of_token(session: Session, world: World, token: str) -> Caller:
    """The same with what else is known of who calls."""
    at = world.now()
    caller = _caller(session, at, rules.token_hash(token)) if rules.is_token(token) else None
    if caller is None or (caller.expires_at and caller.expires_at <= at):
        raise NotSignedIn("token_invalid", "终端令牌无效或已停用，请重新配对终端。")
    if turned_away := rules.may_call(caller, at):
        raise turned_away
    return caller


def signing_terminal(session: Session, world: World, key_id: str) -> SigningTerminal:
    """The terminal behind a key, seen at most 30 s ago. Whether its signature is good is the caller's to find out.

    Raises NotSignedIn("signature_invalid") for a key nobody has, ("key_revoked") for one that has ended.
    """
    at, memory, place = world.now(), _memory(session), b"key:" + key_id.encode()
    known: SigningTerminal | None = memory.get(place, at)
    if known is None:
        row = session.execute(_SIGNER.where(TerminalKey.key_id == key_id)).one_or_none()
        if row is None:
            raise NotSignedIn("signature_invalid", "没有登记过这个签名密钥，请核对 keyid 或重新配对。")
        *caller, key, algorithm, public_key, ended_at = row
        known = SigningTerminal(_read(caller, None, None), key, KeyAlgorithm(algorithm), public_key, ended_at)
        memory.put(place, at, known)
    if known.ended_at and known.ended_at <= at:
        raise NotSignedIn("key_revoked", "这个签名密钥已停用，请使用新的密钥或重新配对。")
    return known


def venue_of_terminal(session: Session, terminal_id: uuid.UUID) -> Venue:
    """The venue of a terminal that exists."""
    return venues_of_terminals(session, [terminal_id])[terminal_id]


def venues_of_terminals(session: Session, terminals: Iterable[uuid.UUID]) -> dict[uuid.UUID, Venue]:
    """The venues of terminals that exist, asked for once."""
    joined = (
        select(*_VENUE).join(Store, Store.id == Terminal.store_id).join(Merchant, Merchant.id == Terminal.merchant_id)
    )
    rows: Sequence[Any] = session.execute(joined.where(Terminal.id.in_(set(terminals)))).all()
    return {venue.terminal_id: venue for venue in (Venue(*row) for row in rows)}


def forget_token(session: Session, *hashes: bytes) -> None:
    """Look these tokens up anew the next time, in this process."""
    memory = _memory(session)
    for key in hashes:
        memory.drop(key)


def forget_terminal(session: Session, terminal_id: uuid.UUID) -> None:
    """Look everything of this terminal up anew the next time, in this process."""
    _memory(session).drop_where(lambda venue: venue.terminal_id == terminal_id)


def forget_merchant(session: Session, merchant_id: uuid.UUID) -> None:
    """Look everything of this merchant's terminals up anew the next time, in this process."""
    _memory(session).drop_where(lambda venue: venue.merchant_id == merchant_id)


def _caller(session: Session, at: datetime, key: bytes) -> Caller | None:
    memory = _memory(session)
    known: Caller | None = memory.get(key, at)
    if known:
        return known
    row = session.execute(_CALLER.where(TerminalToken.token_hash == key)).one_or_none()
    if row is None:
        return None
    *standing, expires_at, scopes = row
    caller = _read(standing, expires_at, frozenset(scopes.split()) if scopes is not None else None)
    memory.put(key, at, caller)
    return caller


def _read(row: Sequence[Any], expires_at: datetime | None, scopes: frozenset[str] | None) -> Caller:
    *venue, merchant_state, terminal_state, requires_signature, locked_until, closed_on = row
    states = MerchantState(merchant_state), TerminalState(terminal_state)
    return Caller(Venue(*venue), *states, requires_signature, locked_until, expires_at, scopes, closed_on)


def _memory(session: Session) -> _Memory:
    bind = database_of(session)
    if (memory := _memories.get(bind)) is None:
        memory = _memories.setdefault(bind, _Memory())
    return memory
