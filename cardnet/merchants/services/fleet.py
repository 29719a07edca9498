"""The terminals of one merchant or of all: how they stand, when they last synchronised; and ending what they hold."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, exists, func, or_, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from cardnet.kernel.audit import Act, record
from cardnet.kernel.errors import NotFound
from cardnet.kernel.world import World
from cardnet.merchants.models import (
    Merchant,
    PairingCode,
    Store,
    Terminal,
    TerminalKey,
    TerminalLockout,
    TerminalSync,
    TerminalToken,
)
from cardnet.merchants.rules import KeyAlgorithm, TerminalState
from cardnet.merchants.services.callers import forget_terminal

_KEPT_TO = timedelta(minutes=1)
"""A sync is not written down more often than that: a till asks for three documents at once."""


@dataclass(frozen=True)
class FleetQuery:
    """Which terminals: of a merchant, by words of code, name, store or merchant, by how they stand.

    `standing`: `working`, `unpaired`, `stale` (no sync since `stale_before`), `suspended`, `retired`; empty for all.
    """

    merchant_id: uuid.UUID | None = None
    words: str = ""
    standing: str = ""
    stale_before: datetime | None = None


STANDINGS = ("working", "unpaired", "stale", "suspended", "retired")


@dataclass(frozen=True)
class FleetLine:
    """A terminal with its place. `paired`: it holds a token that works; `synced_at` None: never.

    `key_algorithm`: of the newest key that counts, if any does.
    """

    id: uuid.UUID
    code: str
    name: str
    state: TerminalState
    merchant_id: uuid.UUID
    merchant_code: str
    merchant_name: str
    store_id: uuid.UUID
    store_code: str
    store_name: str
    tokens: int
    key_algorithm: KeyAlgorithm | None
    pairing_until: datetime | None
    locked_until: datetime | None
    synced_at: datetime | None
    created_at: datetime
    stopped_by_union: bool

    @property
    def paired(self) -> bool:
        """Whether anything may call as this terminal."""
        return self.tokens > 0


@dataclass(frozen=True)
class TokenView:
    """A token of a terminal; the token itself is known to nobody but the till."""

    id: uuid.UUID
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None
    scopes: tuple[str, ...] | None


@dataclass(frozen=True)
class RevokeTerminal:
    """A device is lost or goes elsewhere: nothing it holds may work; the terminal itself may be paired anew."""

    terminal_id: uuid.UUID
    reason: str
    actor_id: uuid.UUID | None = None


def fleet(session: Session, world: World, query: FleetQuery, limit: int, offset: int) -> tuple[list[FleetLine], int]:
    """One page of terminals by merchant and code, and how many there are."""
    at = world.now()
    wanted = _wanted(query, at)
    total = session.scalar(_placed(select(func.count()).select_from(Terminal)).where(*wanted)) or 0
    page = _lines(at).where(*wanted).order_by(Merchant.code, Terminal.code).limit(limit).offset(offset)
    return [_line(row) for row in session.execute(page)], total


def terminal_line(
    session: Session, world: World, terminal_id: uuid.UUID, merchant_id: uuid.UUID | None = None
) -> FleetLine:
    """One terminal, of this merchant when named. Raises NotFound("terminal_unknown")."""
    wanted = [Terminal.id == terminal_id]
    if merchant_id is not None:
        wanted.append(Terminal.merchant_id == merchant_id)
    row = session.execute(_lines(world.now()).where(*wanted)).one_or_none()
    if row is None:
        raise NotFound("terminal_unknown", "没有这台终端，请核对。")
    return _line(row)


def tokens_of(session: Session, terminal_id: uuid.UUID) -> list[TokenView]:
    """Every token a terminal had, the newest first."""
    rows = session.scalars(
        select(TerminalToken)
        .where(TerminalToken.terminal_id == terminal_id)
        .order_by(TerminalToken.id.desc())
        .execution_options(populate_existing=True)
    )
    return [
        TokenView(
            row.id,
            row.created_at,
            row.expires_at,
            row.revoked_at,
            tuple(row.scopes.split()) if row.scopes is not None else None,
        )
        for row in rows
    ]


def revoke_terminal(session: Session, world: World, command: RevokeTerminal) -> int:
    """End every token, key and open pairing code of a terminal; how many ended. Every process heeds it within 30 s.

    Raises NotFound("terminal_unknown").
    """
    at = world.now()
    if not session.scalar(select(Terminal.id).where(Terminal.id == command.terminal_id).with_for_update()):
        raise NotFound("terminal_unknown", "没有这台终端，请核对。")
    ended = 0
    for table in (TerminalToken, TerminalKey):
        live = update(table).where(table.terminal_id == command.terminal_id, table.revoked_at.is_(None))
        ended += len(session.execute(live.values(revoked_at=at).returning(table.id)).all())
    codes = update(PairingCode).where(PairingCode.terminal_id == command.terminal_id, PairingCode.used_at.is_(None))
    session.execute(codes.values(expires_at=func.least(PairingCode.expires_at, at)))
    forget_terminal(session, command.terminal_id)
    after = {"reason": command.reason.strip()[:200], "ended": ended}
    record(session, world, Act("terminal.revoke", "terminal", str(command.terminal_id), command.actor_id, after=after))
    return ended


def note_sync(session: Session, world: World, terminal_id: uuid.UUID) -> None:
    """A terminal has fetched what it needs offline; written down once a minute at most."""
    at = world.now()
    row = insert(TerminalSync).values(terminal_id=terminal_id, synced_at=at)
    session.execute(
        row.on_conflict_do_update(
            index_elements=["terminal_id"], set_={"synced_at": at}, where=TerminalSync.synced_at < at - _KEPT_TO
        )
    )


def _placed(query: Any) -> Any:
    return (
        query.join(Store, Store.id == Terminal.store_id)
        .join(Merchant, Merchant.id == Terminal.merchant_id)
        .outerjoin(TerminalSync, TerminalSync.terminal_id == Terminal.id)
    )


def _live_token(at: datetime) -> tuple[ColumnElement[bool], ...]:
    return (
        TerminalToken.terminal_id == Terminal.id,
        TerminalToken.revoked_at.is_(None),
        or_(TerminalToken.expires_at.is_(None), TerminalToken.expires_at > at),
    )


def _counting_key(at: datetime) -> Any:
    """The algorithm of the newest key that counts."""
    live = TerminalKey.revoked_at.is_(None), or_(TerminalKey.expires_at.is_(None), TerminalKey.expires_at > at)
    query = select(TerminalKey.algorithm).where(TerminalKey.terminal_id == Terminal.id, *live)
    return query.order_by(TerminalKey.id.desc()).limit(1).scalar_subquery()


def _lines(at: datetime) -> Any:
    tokens = select(func.count()).select_from(TerminalToken).where(*_live_token(at)).scalar_subquery()
    open_code = (PairingCode.terminal_id == Terminal.id, PairingCode.used_at.is_(None), PairingCode.expires_at > at)
    return _placed(
        select(
            Terminal.id,
            Terminal.code,
            Terminal.name,
            Terminal.state,
            Merchant.id,
            Merchant.code,
            Merchant.name,
            Store.id,
            Store.code,
            Store.name,
            tokens,
            _counting_key(at),
            select(PairingCode.expires_at).where(*open_code).scalar_subquery(),
            select(TerminalLockout.locked_until)
            .where(TerminalLockout.terminal_id == Terminal.id, TerminalLockout.locked_until > at)
            .scalar_subquery(),
            TerminalSync.synced_at,
            Terminal.created_at,
            Terminal.stopped_by_union,
        ).select_from(Terminal)
    )


def _wanted(query: FleetQuery, at: datetime) -> Sequence[ColumnElement[bool]]:
    wanted: list[ColumnElement[bool]] = []
    if query.merchant_id is not None:
        wanted.append(Terminal.merchant_id == query.merchant_id)
    if query.words:
        columns = (Terminal.code, Terminal.name, Store.name, Merchant.name, Merchant.code)
        wanted.append(or_(*(column.icontains(query.words, autoescape=True) for column in columns)))
    has_token = exists().where(*_live_token(at))
    stale_before = query.stale_before or at
    standing: dict[str, list[ColumnElement[bool]]] = {
        "working": [Terminal.state == TerminalState.ACTIVE, has_token],
        "unpaired": [Terminal.state == TerminalState.ACTIVE, ~has_token],
        "stale": [
            Terminal.state == TerminalState.ACTIVE,
            has_token,
            or_(TerminalSync.synced_at.is_(None), TerminalSync.synced_at < stale_before),
        ],
        "suspended": [Terminal.state == TerminalState.SUSPENDED],
        "retired": [Terminal.state == TerminalState.RETIRED],
    }
    return wanted + standing.get(query.standing, [])


def _line(row: Sequence[Any]) -> FleetLine:
    values = list(row)
    values[3] = TerminalState(values[3])
    values[11] = KeyAlgorithm(values[11]) if values[11] else None
    return FleetLine(*values)
