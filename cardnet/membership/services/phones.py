"""A member's phone number: a verified binding, which the newest verified holder takes over; never a key of a person."""

import uuid
from dataclasses import dataclass, field
from datetime import datetime

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
    actor = command.officer.account_id
    if command.verified:
        return take_phone(session, world, command.person_id, phone, actor)
    index = vault_of(session).index(PHONE, phone)
    lock_people(session, [command.person_id])
    person = session.get_one(Person, command.person_id, populate_existing=True)
    if person.phone_index is not None and bytes(person.phone_index) == index:
        raise Conflict("phone_unchanged", "手机号码和登记的一样，没有变化。")
    _set(session, world, person, phone, None, 0, actor)
    return 0


def take_phone(session: Session, world: World, person_id: uuid.UUID, phone: str, actor_id: uuid.UUID | None) -> int:
    """The person has shown that the number is theirs: whoever verified it before loses it. Returns how many did.

    `actor_id` is None when the member proved it by a code. Raises Conflict("phone_unchanged").
    """
    index = vault_of(session).index(PHONE, phone)
    # Two members verifying one number at once: the second waits here, then takes it over.
    session.execute(text("select pg_advisory_xact_lock(hashtextextended(encode(cast(:index as bytea), 'hex'), 16))"), {"index": index})  # fmt: skip
    holders = session.scalars(select(Person.id).where(Person.phone_index == index, Person.phone_verified_at.is_not(None))).all()  # fmt: skip
    lock_people(session, {*holders, person_id})
    person = session.get_one(Person, person_id, populate_existing=True)
    if _holds(person, index):
        raise Conflict("phone_unchanged", "手机号码和登记的一样，没有变化。")
    taken = 0
    for holder_id in sorted(set(holders) - {person_id}):
        holder = session.get(Person, holder_id, populate_existing=True)
        if holder is not None and _holds(holder, index):
            holder.phone_verified_at = None
            taken += 1
            audit.record(session, world, audit.Act("member.lose_phone", "person", str(holder_id), actor_id))
    # The old binding must be gone before the new one is there (one verified holder of a number).
    session.flush()
    _set(session, world, person, phone, world.now(), taken, actor_id)
    return taken


def _holds(person: Person, index: bytes) -> bool:
    """Whether this is the number the person verified."""
    return (
        person.phone_verified_at is not None and person.phone_index is not None and bytes(person.phone_index) == index
    )


def _set(
    session: Session, world: World, person: Person, phone: str, verified_at: datetime | None, taken: int,
    actor_id: uuid.UUID | None,
) -> None:  # fmt: skip
    vault = vault_of(session)
    person.phone, person.phone_index = vault.seal(PHONE, phone), vault.index(PHONE, phone)
    person.phone_verified_at = verified_at
    session.flush()
    after = {"verified": verified_at is not None, "taken_over": taken}
    audit.record(session, world, audit.Act("member.phone", "person", str(person.id), actor_id, after=after))
