"""Terminals and their tokens."""

import uuid
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from cardnet.kernel.audit import Act, record
from cardnet.kernel.errors import Conflict, NotFound
from cardnet.kernel.world import World
from cardnet.merchants import rules
from cardnet.merchants.models import Store, Terminal, TerminalToken
from cardnet.merchants.rules import ACTIVE_TOKENS_PER_TERMINAL, Scope, TerminalState
from cardnet.merchants.services.callers import forget_terminal, forget_token
from cardnet.merchants.services.keys import AddKey, add_key
from cardnet.merchants.services.unique import add_unique


@dataclass(frozen=True)
class TerminalView:
    """A terminal as other packages see it."""

    id: uuid.UUID
    merchant_id: uuid.UUID
    store_id: uuid.UUID
    code: str
    name: str
    state: TerminalState
    public_key: bytes | None


@dataclass(frozen=True)
class MakeTerminal:
    """A device is set up in a store, with a token of its own at once; `make_pairing_code` is the way without."""

    store_id: uuid.UUID
    code: str
    name: str = ""
    public_key: str | None = None
    actor_id: uuid.UUID | None = None


@dataclass(frozen=True)
class AddTerminal:
    """A merchant's manager sets up a device that will pair itself: no token yet."""

    store_id: uuid.UUID
    code: str
    name: str = ""
    actor_id: uuid.UUID | None = None


@dataclass(frozen=True)
class NewTerminal:
    """The token is shown this once."""

    terminal_id: uuid.UUID
    token: str


@dataclass(frozen=True)
class IssueToken:
    """A terminal changes its token; `expires_at` None lasts until revoked, `scopes` None may do everything."""

    terminal_id: uuid.UUID
    expires_at: datetime | None = None
    actor_id: uuid.UUID | None = None
    scopes: frozenset[Scope] | None = None


@dataclass(frozen=True)
class NewToken:
    """The token is shown this once."""

    token_id: uuid.UUID
    token: str


@dataclass(frozen=True)
class RevokeToken:
    """A token must stop working; every process heeds it within 30 s, this one from its next look."""

    token_id: uuid.UUID
    actor_id: uuid.UUID | None = None


@dataclass(frozen=True)
class SetTerminalState:
    """A terminal is suspended, resumed or retired, by the union or by its merchant's manager."""

    terminal_id: uuid.UUID
    state: TerminalState
    reason: str
    actor_id: uuid.UUID | None = None
    by_merchant: bool = False


@dataclass(frozen=True)
class RenameTerminal:
    """What people call a terminal; without a name, by its code."""

    terminal_id: uuid.UUID
    name: str
    actor_id: uuid.UUID | None = None


def make_terminal(session: Session, world: World, command: MakeTerminal) -> NewTerminal:
    """Add a terminal with one token. Raises NotFound("store_unknown") and Conflict("terminal_code_taken")."""
    terminal_id = add_terminal(
        session, world, AddTerminal(command.store_id, command.code, command.name, command.actor_id)
    )
    if command.public_key:
        add_key(session, world, AddKey(terminal_id, command.public_key, command.actor_id))
    token = issue_token(session, world, IssueToken(terminal_id, actor_id=command.actor_id))
    return NewTerminal(terminal_id, token.token)


def add_terminal(session: Session, world: World, command: AddTerminal) -> uuid.UUID:
    """Add a terminal nothing calls as yet.

    Raises NotFound("store_unknown"), Conflict("terminal_code_taken", "store_closed").
    """
    code = rules.checked_code(command.code, "终端编号")
    store = session.get(Store, command.store_id)
    if store is None:
        raise NotFound("store_unknown", "没有这家门店，请核对。")
    if store.closed_on is not None:
        raise Conflict("store_closed", "这家门店已停业，不能再加终端。")
    known = select(Terminal.id).where(Terminal.merchant_id == store.merchant_id, Terminal.code == code)
    taken = Conflict(
        "terminal_code_taken",
        f"终端 {code} 已经加过了：要给它配对，请在终端列表里点它的“办理”，生成新的配对码；要另加一台，请换一个编号。",
    )
    if session.scalar(known):
        raise taken
    terminal = Terminal(
        id=world.new_id(),
        merchant_id=store.merchant_id,
        store_id=store.id,
        code=code,
        name=rules.checked_name(command.name or code, "终端名称"),
        state=TerminalState.ACTIVE,
        created_at=world.now(),
    )
    add_unique(session, terminal, taken)
    record(session, world, Act("terminal.make", "terminal", str(terminal.id), command.actor_id, after={"code": code}))
    return terminal.id


def rename_terminal(session: Session, world: World, command: RenameTerminal) -> None:
    """Call it something else. Raises NotFound("terminal_unknown"), InvalidInput("name_invalid")."""
    terminal = session.get(Terminal, command.terminal_id, populate_existing=True, with_for_update=True)
    if terminal is None:
        raise NotFound("terminal_unknown", "没有这台终端，请核对。")
    before, terminal.name = terminal.name, rules.checked_name(command.name.strip() or terminal.code, "终端名称")
    session.flush()
    forget_terminal(session, terminal.id)
    change = {"name": before}, {"name": terminal.name}
    record(session, world, Act("terminal.rename", "terminal", str(terminal.id), command.actor_id, None, None, *change))


def issue_token(session: Session, world: World, command: IssueToken) -> NewToken:
    """Give a terminal one more token, at most two at a time. Raises NotFound, Conflict("too_many_tokens")."""
    at = world.now()
    # Locked, so that two managers at once see each other's token.
    if not session.scalar(select(Terminal.id).where(Terminal.id == command.terminal_id).with_for_update()):
        raise NotFound("terminal_unknown", "没有这台终端，请核对。")
    live = TerminalToken.terminal_id == command.terminal_id, TerminalToken.revoked_at.is_(None)
    session.execute(update(TerminalToken).where(*live, TerminalToken.expires_at <= at).values(revoked_at=at))
    taken = set(session.scalars(select(TerminalToken.slot).where(*live)))
    free = [slot for slot in range(1, ACTIVE_TOKENS_PER_TERMINAL + 1) if slot not in taken]
    if not free:
        raise Conflict("too_many_tokens", "本终端已有两个有效令牌，请先停用旧的一个。")
    token, token_id = rules.new_token(world.random_bytes), world.new_id()
    session.execute(
        insert(TerminalToken).values(
            id=token_id,
            terminal_id=command.terminal_id,
            token_hash=rules.token_hash(token),
            slot=free[0],
            scopes=None if command.scopes is None else " ".join(sorted(command.scopes)),
            created_at=at,
            expires_at=command.expires_at,
        )
    )
    record(session, world, Act("terminal_token.issue", "terminal", str(command.terminal_id), command.actor_id))
    return NewToken(token_id, token)


def revoke_token(session: Session, world: World, command: RevokeToken) -> None:
    """Stop a token for good; revoking twice is no error. Raises NotFound("token_unknown")."""
    token = session.get(TerminalToken, command.token_id, populate_existing=True)
    if token is None:
        raise NotFound("token_unknown", "没有这个令牌，请核对。")
    unrevoked = TerminalToken.id == token.id, TerminalToken.revoked_at.is_(None)
    session.execute(update(TerminalToken).where(*unrevoked).values(revoked_at=world.now()))
    forget_token(session, token.token_hash)
    record(session, world, Act("terminal_token.revoke", "terminal", str(token.terminal_id), command.actor_id))


def set_terminal_state(session: Session, world: World, command: SetTerminalState) -> None:
    """Suspend, resume or retire.

    Raises NotFound, Conflict("terminal_state") once retired, and Conflict("stopped_by_union") when a manager resumes
    what the union has suspended.
    """
    terminal = session.get(Terminal, command.terminal_id, populate_existing=True, with_for_update=True)
    if terminal is None:
        raise NotFound("terminal_unknown", "没有这台终端，请核对。")
    before = terminal.state
    if before == TerminalState.RETIRED:
        raise Conflict("terminal_state", "这台终端已报废，不能再启用；请新建终端。")
    if command.by_merchant and terminal.stopped_by_union and command.state is TerminalState.ACTIVE:
        raise Conflict("stopped_by_union", "这台终端是工会停用的，请联系区总工会援助服务中心恢复。")
    terminal.state = command.state
    stopped = not command.by_merchant or terminal.stopped_by_union
    terminal.stopped_by_union = command.state is TerminalState.SUSPENDED and stopped
    session.flush()
    forget_terminal(session, terminal.id)
    after = {"state": command.state, "reason": command.reason}
    act = Act("terminal.state", "terminal", str(terminal.id), command.actor_id, None, None, {"state": before}, after)
    record(session, world, act)


def terminals_of(session: Session, merchant_id: uuid.UUID) -> list[TerminalView]:
    """The terminals of a merchant, by code."""
    found = session.scalars(select(Terminal).where(Terminal.merchant_id == merchant_id).order_by(Terminal.code))
    return [
        TerminalView(t.id, t.merchant_id, t.store_id, t.code, t.name, TerminalState(t.state), t.public_key)
        for t in found
    ]
