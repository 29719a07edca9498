"""Pairing a device: a code of ten characters becomes a terminal's token, once."""

import hmac
import uuid
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from sqlalchemy import select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from cardnet.kernel.audit import Act, record
from cardnet.kernel.errors import Conflict, NotFound
from cardnet.kernel.vault import vault_of
from cardnet.kernel.world import World
from cardnet.merchants import rules
from cardnet.merchants.models import Merchant, PairingCode, Store, Terminal, TerminalToken
from cardnet.merchants.rules import PAIRING_LIFE, PAIRING_TRIES, MerchantState, TerminalState, Venue
from cardnet.merchants.services.callers import venue_of_terminal
from cardnet.merchants.services.keys import AddKey, KeyView, add_key, ending_key
from cardnet.merchants.services.terminals import IssueToken, RevokeToken, issue_token, revoke_token

_SECRET_FIELD = "pairing_code.secret"  # noqa: S105 - the name of a field


class EnrolmentRefusal(StrEnum):
    """Why a device was not paired. The caller learns no more than that the code is no good."""

    PAIRING_CODE_INVALID = "pairing_code_invalid"


@dataclass(frozen=True)
class MakePairingCode:
    """A merchant's manager wants to pair a device with a terminal."""

    terminal_id: uuid.UUID
    actor_id: uuid.UUID | None = None


@dataclass(frozen=True)
class Enrol:
    """A device presents the code. `public_key`: base64url, see `rules.read_public_key`.

    `name` is what the device calls itself: the terminal's, unless somebody has named that already; it may be empty.
    `once` is a secret of the device's own: should the answer be lost, the code works again for it, and for nobody else.
    """

    pairing_code: str
    name: str = ""
    public_key: str | None = None
    once: str | None = field(default=None, repr=False)


@dataclass(frozen=True)
class Enrolled:
    """The device is this terminal now; the token is shown this once. `key_id` is what its signatures call its key.

    `replaces` is the key of the device that was this terminal before, while it counts.
    """

    venue: Venue
    token: str
    key_id: str | None = None
    replaces: KeyView | None = None


@dataclass(frozen=True)
class EnrolmentRefused:
    """A value, not an error, because the failed try must stay counted."""

    code: EnrolmentRefusal = EnrolmentRefusal.PAIRING_CODE_INVALID
    message: str = "配对码不正确、已用过或已过期，请商户管理员重新生成。"


def make_pairing_code(session: Session, world: World, command: MakePairingCode) -> str:
    """A code good for 15 minutes and 5 tries; an older one of this terminal stops. Raises NotFound, Conflict."""
    found = session.execute(
        select(Terminal.state, Store.closed_on)
        .join(Store, Store.id == Terminal.store_id)
        .where(Terminal.id == command.terminal_id)
        .with_for_update(of=Terminal)
    ).one_or_none()
    if found is None:
        raise NotFound("terminal_unknown", "没有这台终端，请核对。")
    if found.state != TerminalState.ACTIVE:
        raise Conflict("terminal_state", "本终端已停用，不能配对。")
    if found.closed_on is not None:
        raise Conflict("store_closed", "这家门店已停业，终端不能配对；恢复营业后再生成配对码。")
    code = rules.new_pairing_code(world.random_bytes)
    while session.scalar(select(PairingCode.terminal_id).where(PairingCode.locator == code.locator)):
        code = rules.new_pairing_code(world.random_bytes)
    at = world.now()
    fields = {
        "locator": code.locator,
        "secret_index": vault_of(session).index(_SECRET_FIELD, str(code)),
        "tries": 0,
        "created_at": at,
        "expires_at": at + PAIRING_LIFE,
        "used_at": None,
    }
    row = insert(PairingCode).values(terminal_id=command.terminal_id, **fields)
    session.execute(row.on_conflict_do_update(index_elements=["terminal_id"], set_=fields))
    record(session, world, Act("pairing_code.make", "terminal", str(command.terminal_id), command.actor_id))
    return str(code)


def enrol(session: Session, world: World, command: Enrol) -> Enrolled | EnrolmentRefused:
    """Trade a pairing code for a token.

    A repeat with the same `once` while the code would still count gets a new token in the place of the one whose answer
    was lost, which ends; with the same `public_key` the device keeps its key's place.
    Raises InvalidInput for an unusable name or key, Conflict("too_many_tokens", "too_many_keys", "key_taken").
    """
    name = rules.checked_name(command.name, "终端名称") if command.name.strip() else None
    if command.public_key:
        rules.read_public_key(command.public_key)  # a bad key must not cost a try
    code = rules.read_pairing_code(command.pairing_code)
    terminal_id = _use(session, world, code, command.once) if code else None
    if terminal_id is None:
        return EnrolmentRefused()
    if name is not None:
        # What its manager called it stays: the same terminal is paired again with every new device.
        unnamed = Terminal.id == terminal_id, Terminal.name == Terminal.code
        session.execute(update(Terminal).where(*unnamed).values(name=name))
    key = add_key(session, world, AddKey(terminal_id, command.public_key)) if command.public_key else None
    token = issue_token(session, world, IssueToken(terminal_id))
    record(session, world, Act("terminal.enrol", "terminal", str(terminal_id)))
    venue, before = venue_of_terminal(session, terminal_id), ending_key(session, world, terminal_id) if key else None
    return Enrolled(venue, token.token, key.key_id if key else None, before)


def _use(session: Session, world: World, code: rules.PairingCode, once: str | None) -> uuid.UUID | None:
    """The terminal of a right code, which is used up by this but for the same `once`; a wrong one costs a try."""
    at = world.now()
    # The terminal before its code, as whoever makes a code or revokes a terminal: the other way round we would wait
    # for each other.
    owner = select(PairingCode.terminal_id).where(PairingCode.locator == code.locator)
    session.execute(select(Terminal.id).where(Terminal.id.in_(owner)).with_for_update())
    tried = session.execute(
        update(PairingCode)
        .where(PairingCode.locator == code.locator, PairingCode.expires_at > at, PairingCode.tries < PAIRING_TRIES)
        .values(tries=PairingCode.tries + 1)
        .returning(PairingCode.terminal_id, PairingCode.secret_index, PairingCode.used_at)
    ).one_or_none()
    vault = vault_of(session)
    of_the_device = vault.index(_SECRET_FIELD, f"{code} {once}") if once else b""
    if tried is None:
        return None
    asked = vault.index(_SECRET_FIELD, str(code)) if tried.used_at is None else of_the_device
    if not hmac.compare_digest(tried.secret_index, asked):
        return None
    terminal_id: uuid.UUID = tried.terminal_id
    if tried.used_at is not None:
        _take_back(session, world, terminal_id, tried.used_at)
    mine = {"used_at": at} | ({"secret_index": of_the_device} if once else {})
    session.execute(update(PairingCode).where(PairingCode.terminal_id == terminal_id).values(**mine))
    usable = session.scalar(
        select(Terminal.id)
        .join(Merchant, Merchant.id == Terminal.merchant_id)
        .join(Store, Store.id == Terminal.store_id)
        .where(
            Store.closed_on.is_(None),
            Terminal.id == terminal_id,
            Terminal.state == TerminalState.ACTIVE,
            Merchant.state == MerchantState.ACTIVE,
        )
    )
    return terminal_id if usable else None


def _take_back(session: Session, world: World, terminal_id: uuid.UUID, used_at: datetime) -> None:
    """End the token nobody received: the first that was issued once the code was used."""
    lost = session.execute(
        select(TerminalToken.id, TerminalToken.revoked_at)
        .where(TerminalToken.terminal_id == terminal_id, TerminalToken.created_at >= used_at)
        .order_by(TerminalToken.created_at)
        .limit(1)
    ).one_or_none()
    if lost is not None and lost.revoked_at is None:
        revoke_token(session, world, RevokeToken(lost.id))
