"""A member proves by a code that a number is theirs: six digits to that number, typed into the wallet.

A wrong code is a recorded "no" and not an exception: the try must still count when the answer goes out.
"""

import hmac
import uuid
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlalchemy import text, update
from sqlalchemy.orm import Session

from cardnet.kernel import audit
from cardnet.kernel.errors import CardnetError, Conflict, NotAllowed
from cardnet.kernel.vault import Vault, vault_of
from cardnet.kernel.world import World
from cardnet.membership.models import Person
from cardnet.membership.models_direct import PhoneCode
from cardnet.membership.notices.direct import CODE_MINUTES, CODE_TRIES, DirectKind, six_digits
from cardnet.membership.services.notices.direct import SendDirect, must_not_flood, send_direct
from cardnet.membership.services.people import PHONE
from cardnet.membership.services.phones import phone_typed, take_phone

CODE = "phone_code"
"""The vault's name of the code, and of the number it goes to."""


@dataclass(frozen=True)
class AskPhoneCode:
    """A signed-in member wants to prove a number: a new one as typed, or (None) the one on record."""

    person_id: uuid.UUID
    phone: str | None = field(default=None, repr=False)


@dataclass(frozen=True)
class AskedCode:
    """Where the code went, in the clear for its owner, and until when it is good."""

    phone: str = field(repr=False)
    expires_at: datetime


@dataclass(frozen=True)
class ConfirmPhone:
    """What the member read on that phone."""

    person_id: uuid.UUID
    code: str = field(repr=False)


@dataclass(frozen=True)
class PhoneConfirmed:
    """The number counts as the member's own now; `taken_over` from how many who had verified it before."""

    phone: str = field(repr=False)
    taken_over: int


@dataclass(frozen=True)
class PhoneCodeRefused:
    """A recorded "no": the digits were wrong, used, or too late."""

    tries_left: int

    def error(self) -> CardnetError:
        """The same as an error, for the edge to raise once the try is committed."""
        if self.tries_left:
            return NotAllowed(
                "code_wrong", f"验证码不对，还可以试 {self.tries_left} 次。", {"tries_left": self.tries_left}
            )
        return NotAllowed("code_over", "验证码已用过、过时或试错太多，请重新获取。", {"tries_left": 0})


def verified_phone(session: Session, person_id: uuid.UUID) -> str | None:
    """The number this person has proven, if any and if they are alive."""
    person = session.get(Person, person_id)
    if person is None or person.phone is None or person.phone_verified_at is None or person.deceased_on is not None:
        return None
    return vault_of(session).open(PHONE, person.phone)


def ask_phone_code(session: Session, world: World, command: AskPhoneCode) -> AskedCode:
    """Send six digits that are good for ten minutes; an earlier code of this person is dead.

    Raises InvalidInput("phone_format"), Conflict("no_phone", "phone_unchanged"), TooManyRequests("code_too_soon",
    "too_many_codes").
    """
    vault, at = vault_of(session), world.now()
    person = session.get_one(Person, command.person_id)
    known = vault.open(PHONE, person.phone) if person.phone else None
    phone = phone_typed(command.phone) if command.phone is not None else known
    if phone is None:
        raise Conflict("no_phone", "还没有登记手机号，请先输入您的手机号。")
    if phone == known and person.phone_verified_at is not None:
        raise Conflict("phone_unchanged", "这个号码已经验证过了。")
    must_not_flood(session, at, DirectKind.PHONE_CODE, command.person_id, phone)
    code, until = six_digits(world.random_bytes(8)), at + timedelta(minutes=CODE_MINUTES)
    given = {
        "person": command.person_id, "phone": vault.seal(CODE, phone),
        "code": _index(vault, command.person_id, phone, code), "at": at, "until": until,
    }  # fmt: skip
    session.execute(_GIVE, given)
    values = {"code": code, "minutes": str(CODE_MINUTES)}
    send_direct(session, world, SendDirect(DirectKind.PHONE_CODE, command.person_id, phone, values, until))
    audit.record(session, world, audit.Act("member.ask_phone_code", "person", str(command.person_id)))
    return AskedCode(phone, until)


def confirm_phone(session: Session, world: World, command: ConfirmPhone) -> PhoneConfirmed | PhoneCodeRefused:
    """The number is the member's own from now on, whoever verified it before."""
    at = world.now()
    given = session.get(PhoneCode, command.person_id, with_for_update={"key_share": True}, populate_existing=True)
    if given is None or given.used_at is not None or at > given.expires_at or given.tries >= CODE_TRIES:
        return PhoneCodeRefused(0)
    vault = vault_of(session)
    phone = vault.open(CODE, given.phone)
    if not hmac.compare_digest(given.code_index, _index(vault, command.person_id, phone, command.code.strip())):
        counted: int = session.execute(
            update(PhoneCode)
            .where(PhoneCode.person_id == command.person_id, PhoneCode.tries < CODE_TRIES)
            .values(tries=PhoneCode.tries + 1)
            .returning(PhoneCode.tries)
        ).scalar_one()
        return PhoneCodeRefused(CODE_TRIES - counted)
    given.used_at = at
    session.flush()
    return PhoneConfirmed(phone, take_phone(session, world, command.person_id, phone, None))


_GIVE = text("""
    insert into phone_code (person_id, phone, code_index, tries, made_at, expires_at, used_at)
    values (:person, :phone, :code, 0, :at, :until, null)
    on conflict (person_id) do update
       set phone = excluded.phone, code_index = excluded.code_index, tries = 0, made_at = excluded.made_at,
           expires_at = excluded.expires_at, used_at = null""")


def _index(vault: Vault, person_id: uuid.UUID, phone: str, code: str) -> bytes:
    return vault.index(CODE, f"{person_id}:{phone}:{code}")
