"""Pairing a device: a code of ten characters becomes a terminal's token, once."""

import hmac
import uuid
from dataclasses import dataclass
from enum import StrEnum

from sqlalchemy import select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from cardnet.kernel.audit import Act, record
from cardnet.kernel.errors import Conflict, NotFound
from cardnet.kernel.vault import vault_of
from cardnet.kernel.world import World
from cardnet.merchants import rules
from cardnet.merchants.models import Merchant, PairingCode, Terminal
from cardnet.merchants.rules import PAIRING_LIFE, PAIRING_TRIES, MerchantState, TerminalState, Venue
from cardnet.merchants.services.callers import venue_of_terminal
from cardnet.merchants.services.keys import AddKey, add_key
from cardnet.merchants.services.terminals import IssueToken, issue_token

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
    """A device presents the code. `public_key`: base64url, see `rules.read_public_key`."""

    pairing_code: str
    name: str
    public_key: str | None = None


@dataclass(frozen=True)
class Enrolled:
    """The device is this terminal now; the token is shown this once. `key_id` is what its signatures call its key."""

    venue: Venue
    token: str
    key_id: str | None = None


@dataclass(frozen=True)
class EnrolmentRefused:
    """A value, not an error, because the failed try must stay counted."""

    code: EnrolmentRefusal = EnrolmentRefusal.PAIRING_CODE_INVALID
    message: str = "配对码不正确、已用过或已过期，请商户管理员重新生成。"


def make_pairing_code(session: Session, world: World, command: MakePairingCode) -> str:
    """A code good for 15 minutes and 5 tries; an older one of this terminal stops. Raises NotFound, Conflict."""
    state = session.scalar(select(Terminal.state).where(Terminal.id == command.terminal_id).with_for_update())
    if state is None:
        raise NotFound("terminal_unknown", "没有这台终端，请核对。")
    if state != TerminalState.ACTIVE:
        raise Conflict("terminal_state", "本终端已停用，不能配对。")
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

    Raises InvalidInput for an unusable name or key, Conflict("too_many_tokens", "too_many_keys", "key_taken").
    """
    name = rules.checked_name(command.name, "终端名称")
    if command.public_key:
        rules.read_public_key(command.public_key)  # a bad key must not cost a try
    code = rules.read_pairing_code(command.pairing_code)
    terminal_id = _use(session, world, code) if code else None
    if terminal_id is None:
        return EnrolmentRefused()
    session.execute(update(Terminal).where(Terminal.id == terminal_id).values(name=name))
    key = add_key(session, world, AddKey(terminal_id, command.public_key)) if command.public_key else None
    token = issue_token(session, world, IssueToken(terminal_id))
    record(session, world, Act("terminal.enrol", "terminal", str(terminal_id)))
    return Enrolled(venue_of_terminal(session, terminal_id), token.token, key.key_id if key else None)


def _use(session: Session, world: World, code: rules.PairingCode) -> uuid.UUID | None:
    """The terminal of a right code, which is used up by this; a wrong one costs a try."""
    at = world.now()
    open_row = (
        PairingCode.locator == code.locator,
        PairingCode.used_at.is_(None),
        PairingCode.expires_at > at,
        PairingCode.tries < PAIRING_TRIES,
    )
    tried = session.execute(
        update(PairingCode)
        .where(*open_row)
        .values(tries=PairingCode.tries + 1)
        .returning(PairingCode.terminal_id, PairingCode.secret_index)
    ).one_or_none()
    if tried is None or not hmac.compare_digest(tried.secret_index, vault_of(session).index(_SECRET_FIELD, str(code))):
        return None
    terminal_id: uuid.UUID = tried.terminal_id
    session.execute(update(PairingCode).where(PairingCode.terminal_id == terminal_id).values(used_at=at))
    usable = session.scalar(
        select(Terminal.id)
        .join(Merchant, Merchant.id == Terminal.merchant_id)
        .where(
            Terminal.id == terminal_id,
            Terminal.state == TerminalState.ACTIVE,
            Merchant.state == MerchantState.ACTIVE,
        )
    )
    return terminal_id if usable else None
