"""Who calls: the venue behind a terminal token."""

import threading
import uuid
from collections import OrderedDict
from collections.abc import Sequence
from datetime import datetime
from typing import Any
from weakref import WeakKeyDictionary

from sqlalchemy import select
from sqlalchemy.orm import Session

from cardnet.kernel.db import database_of
from cardnet.kernel.errors import NotSignedIn
from cardnet.kernel.world import World
from cardnet.merchants import rules
from cardnet.merchants.models import Merchant, Store, Terminal, TerminalToken
from cardnet.merchants.rules import CACHE_LIFE, Caller, MerchantState, TerminalState, Venue

__all__ = ["Venue", "forget_token", "venue_of_terminal", "venue_of_token"]

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
_CALLER = (
    select(*_VENUE, Merchant.state, Terminal.state, TerminalToken.expires_at)
    .join(Terminal, Terminal.id == TerminalToken.terminal_id)
    .join(Store, Store.id == Terminal.store_id)
    .join(Merchant, Merchant.id == Terminal.merchant_id)
    .where(TerminalToken.revoked_at.is_(None))
)


class _Memory:
    """What this process remembers of tokens it has seen, each for at most `CACHE_LIFE`. Only found ones are kept."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.seen: OrderedDict[bytes, tuple[datetime, Caller]] = OrderedDict()

    def get(self, key: bytes, at: datetime) -> Caller | None:
        known = self.seen.get(key)
        # A clock set back must not keep a revoked token alive: an entry from the future is as bad as an old one.
        return known[1] if known and known[0] <= at < known[0] + CACHE_LIFE else None

    def put(self, key: bytes, at: datetime, caller: Caller) -> None:
        with self.lock:
            self.seen[key] = (at, caller)
            self.seen.move_to_end(key)
            if len(self.seen) > _MOST_REMEMBERED:
                self.seen.popitem(last=False)

    def drop(self, key: bytes) -> None:
        with self.lock:
            self.seen.pop(key, None)


_memories: WeakKeyDictionary[Any, _Memory] = WeakKeyDictionary()
"""One memory per database (engine, or the connection of a test), so that two apps of a process never mix."""


def venue_of_token(session: Session, world: World, token: str) -> Venue:
    """The venue a terminal token stands for: one statement, or none when it was seen in the last 30 s.

    Raises NotSignedIn("token_invalid"), NotAllowed("merchant_suspended" or "terminal_suspended").
    """
    at = world.now()
    caller = _caller(session, at, rules.token_hash(token)) if rules.is_token(token) else None
    if caller is None or (caller.expires_at and caller.expires_at <= at):
        raise NotSignedIn("token_invalid", "终端令牌无效或已停用，请重新配对终端。")
    if turned_away := rules.may_call(caller):
        raise turned_away
    return caller.venue


def venue_of_terminal(session: Session, terminal_id: uuid.UUID) -> Venue:
    """The venue of a terminal that exists."""
    joined = (
        select(*_VENUE).join(Store, Store.id == Terminal.store_id).join(Merchant, Merchant.id == Terminal.merchant_id)
    )
    row: Sequence[Any] = session.execute(joined.where(Terminal.id == terminal_id)).one()
    return Venue(*row)


def forget_token(session: Session, *hashes: bytes) -> None:
    """Look these tokens up anew the next time, in this process."""
    memory = _memory(session)
    for key in hashes:
        memory.drop(key)


def _caller(session: Session, at: datetime, key: bytes) -> Caller | None:
    memory = _memory(session)
    if known := memory.get(key, at):
        return known
    row = session.execute(_CALLER.where(TerminalToken.token_hash == key)).one_or_none()
    if row is None:
        return None
    *venue, merchant_state, terminal_state, expires_at = row
    caller = Caller(Venue(*venue), MerchantState(merchant_state), TerminalState(terminal_state), expires_at)
    memory.put(key, at, caller)
    return caller


def _memory(session: Session) -> _Memory:
    bind = database_of(session)
    if (memory := _memories.get(bind)) is None:
        memory = _memories.setdefault(bind, _Memory())
    return memory
