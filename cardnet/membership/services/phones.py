"""A member's phone number: a verified binding, which the newest verified holder takes over; never a key of a person."""

import uuid
from dataclasses import dataclass, field

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from cardnet.access.rules import Principal
from cardnet.kernel import audit
from cardnet.kernel.errors import Conflict, InvalidInput
from cardnet.kernel.vault import vault_of
from cardnet.kernel.world import World
from cardnet.membership.cleaning import phone_of
from cardnet.membership.models import Person
from cardnet.membership.services.people import PHONE
from cardnet.membership.services.scope import lock_people, must_see


@dataclass(frozen=True)
class ChangePhone:
    """A member's new number; the officer saw the member answer it (`verified`), or only wrote down what was said."""

    person_id: uuid.UUID
    officer: Principal
    phone: str = field(repr=False)
    verified: bool = False


def phone_typed(typed: str) -> str:
    """The number in its one form. Raises InvalidInput("phone_format")."""
    phone = phone_of(typed)
    if not phone:
        raise InvalidInput("phone_format", "手机号码应为 11 位数字，以 1 开头，请核对。")
    return phone


def change_phone(session: Session, world: World, command: ChangePhone) -> int:
    """Set the number; verified, it is taken over from whoever verified it before. Returns from how many.

    An unverified number never displaces a verified one of somebody else, and of this member only by a new one.
    Raises NotFound("person_unknown"), InvalidInput("phone_format"), Conflict("phone_unchanged").
    """
    must_see(session, command.officer, command.person_id)
    phone = phone_typed(command.phone)
    vault = vault_of(session)
    index = vault.index(PHONE, phone)
    # Two members verifying one number at once: the second waits here, then takes it over.
    session.execute(text("select pg_advisory_xact_lock(hashtextextended(encode(cast(:index as bytea), 'hex'), 16))"), {"index": index})  # fmt: skip
    holders = session.scalars(select(Person.id).where(Person.phone_index == index, Person.phone_verified_at.is_not(None))).all()  # fmt: skip
    lock_people(session, {*holders, command.person_id})
    person = session.get(Person, command.person_id, populate_existing=True)
    assert person is not None, "must_see found the person"
    same = person.phone_index is not None and bytes(person.phone_index) == index
    if same and (person.phone_verified_at is not None or not command.verified):
        raise Conflict("phone_unchanged", "手机号码和登记的一样，没有变化。")
    taken = 0
    if command.verified:
        for holder_id in sorted(set(holders) - {command.person_id}):
            holder = session.get(Person, holder_id, populate_existing=True)
            if holder is not None and holder.phone_verified_at is not None and holder.phone_index is not None and bytes(holder.phone_index) == index:  # fmt: skip
                holder.phone_verified_at = None
                taken += 1
                audit.record(session, world, audit.Act("member.lose_phone", "person", str(holder_id), command.officer.account_id))  # fmt: skip
        # The old binding must be gone before the new one is there (one verified holder of a number).
        session.flush()
    person.phone, person.phone_index = vault.seal(PHONE, phone), index
    person.phone_verified_at = world.now() if command.verified else None
    session.flush()
    after = {"verified": command.verified, "taken_over": taken}
    audit.record(session, world, audit.Act("member.phone", "person", str(person.id), command.officer.account_id, after=after))  # fmt: skip
    return taken
