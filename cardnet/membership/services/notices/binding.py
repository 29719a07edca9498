"""A member binds the union's official account (公众号) to themselves, and takes it back.

The wallet shows eight digits; sent to the account from the member's own chat they say whose chat it is. Asking for
them is the member's agreement to notices, so nothing is bound that nobody wanted; nobody learns an openid by it.
"""

import re
import uuid
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlalchemy import text
from sqlalchemy.orm import Session

from cardnet.kernel import audit
from cardnet.kernel.errors import TooManyRequests
from cardnet.kernel.vault import vault_of
from cardnet.kernel.world import World
from cardnet.membership.rules import Purpose
from cardnet.membership.services.consents import AnswerOwn, answer_own
from cardnet.membership.services.notices.contacts import bind_address
from cardnet.membership.services.notices.sending import ADDRESS

CODE = "account_code"
"""The vault's name of the digits."""
CODE_MINUTES = 10
_DIGITS = 8
TRIES_AN_HOUR = 10
_REFUSED = "contact.bind_refused"
_SENT = re.compile(r"(?<!\d)\d{8}(?!\d)")


@dataclass(frozen=True)
class AskedAccountCode:
    """What the member sends to the account, and until when it is good."""

    code: str = field(repr=False)
    expires_at: datetime


@dataclass(frozen=True)
class BindByCode:
    """What arrived at the official account: from whom, and the words."""

    address: str = field(repr=False)
    words: str = field(repr=False)


def ask_account_code(session: Session, world: World, person_id: uuid.UUID) -> AskedAccountCode:
    """Eight digits that are good for ten minutes; the ones before are dead. The member agrees to notices by it."""
    at = world.now()
    answer_own(session, world, AnswerOwn(person_id, {Purpose.NOTICES: True}))
    until = at + timedelta(minutes=CODE_MINUTES)
    vault = vault_of(session)
    while True:
        code = f"{int.from_bytes(world.random_bytes(8), 'big') % 10**_DIGITS:0{_DIGITS}d}"
        given = {"person": person_id, "code": vault.index(CODE, code), "at": at, "until": until}
        session.execute(_OVER, given)
        if session.scalar(_GIVE, given):
            break
    audit.record(session, world, audit.Act("member.ask_account_code", "person", str(person_id)))
    return AskedAccountCode(code, until)


def bind_by_code(session: Session, world: World, command: BindByCode) -> uuid.UUID | None:
    """The chat the digits came from is the member's from now on, whoever had either of them before; returns who it is.

    None for digits that are wrong, used or too late, which is recorded: ten an hour are all one chat gets. The same
    message again, of an account that did not hear our answer in time, is answered as before.
    Raises TooManyRequests("too_many_tries").
    """
    sent = _SENT.search(command.words)
    if sent is None:
        return None
    at, vault = world.now(), vault_of(session)
    chat = vault.index(ADDRESS, command.address)
    whose = chat.hex()[:32]
    if audit.count_since(session, _REFUSED, whose, at - timedelta(hours=1)) >= TRIES_AN_HOUR:
        raise TooManyRequests("too_many_tries", "试得太多了，请一小时后再试。", 3600)
    given = {"code": vault.index(CODE, sent[0]), "chat": chat, "at": at}
    if again := session.scalar(_SENT_BEFORE, given):
        return uuid.UUID(str(again))
    person_id: uuid.UUID | None = session.scalar(_USE, given)
    if person_id is None:
        audit.record(session, world, audit.Act(_REFUSED, "address", whose, address=whose))
        return None
    bind_address(session, world, person_id, command.address)
    audit.record(session, world, audit.Act("contact.bind", "person", str(person_id), after={"channel": "self"}))
    return person_id


def unbind_account(session: Session, world: World, person_id: uuid.UUID) -> bool:
    """The account hears no more of this member; whether one was bound. The agreement to notices stays as it is."""
    at = world.now()
    ended = session.scalar(_UNBIND, {"person": person_id, "at": at}) is not None
    session.execute(_DROP_CODE, {"person": person_id, "at": at})
    if ended:
        audit.record(session, world, audit.Act("contact.unbind", "person", str(person_id), after={"channel": "self"}))
    return ended


def account_bound_at(session: Session, person_id: uuid.UUID) -> datetime | None:
    """Since when an account is bound to this member, None without one."""
    bound_at: datetime | None = session.scalar(_BOUND_AT, {"person": person_id})
    return bound_at


# ---- pieces ----

# Digits whose time is over must not keep others from the same ones.
_OVER = text("""
    update account_code set used_at = expires_at
     where code_index = :code and used_at is null and expires_at <= :at and person_id <> :person""")

_GIVE = text("""
    insert into account_code (person_id, code_index, asked_at, expires_at)
    select :person, :code, :at, :until
     where not exists (
        select from account_code where code_index = :code and used_at is null and person_id <> :person)
    on conflict (person_id) do update
       set code_index = excluded.code_index, asked_at = excluded.asked_at, expires_at = excluded.expires_at,
           used_at = null
    returning true""")

_USE = text("""
    update account_code set used_at = :at
     where code_index = :code and used_at is null and expires_at > :at returning person_id""")

_SENT_BEFORE = text("""
    select c.person_id from account_code c join notice_address a on a.person_id = c.person_id
     where c.code_index = :code and c.used_at is not null and c.expires_at > :at
       and a.address_index = :chat and a.ended_at is null""")

_DROP_CODE = text("update account_code set used_at = :at where person_id = :person and used_at is null")

_UNBIND = text("""
    update notice_address set ended_at = :at where person_id = :person and ended_at is null returning person_id""")

_BOUND_AT = text("select bound_at from notice_address where person_id = :person and ended_at is null")
