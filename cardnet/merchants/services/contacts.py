"""Whom to ask at a merchant. Names and phones are sealed; lists show them masked."""

import uuid
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import insert, select, update
from sqlalchemy.orm import Session

from cardnet.kernel.audit import Act, record
from cardnet.kernel.masking import name_for_list, phone_for_office
from cardnet.kernel.vault import vault_of
from cardnet.kernel.world import World
from cardnet.merchants import rules
from cardnet.merchants.models import MerchantContact
from cardnet.merchants.partnership import ContactKind, checked_phone
from cardnet.merchants.services.partners import lock_merchant

NAME_FIELD, PHONE_FIELD = "merchant_contact.name", "merchant_contact.phone"


@dataclass(frozen=True)
class SetContact:
    """This is whom to ask from now on; whoever it was before stays in the books as ended."""

    merchant_id: uuid.UUID
    kind: ContactKind
    name: str = field(repr=False)
    phone: str = field(repr=False)
    actor_id: uuid.UUID | None = None


@dataclass(frozen=True)
class ContactView:
    """A contact of a merchant, in the clear: for the union's own officers, who must be able to call."""

    id: uuid.UUID
    kind: ContactKind
    name: str = field(repr=False)
    phone: str = field(repr=False)
    made_at: datetime

    @property
    def masked(self) -> str:
        """`李*计 138****5678`."""
        return f"{name_for_list(self.name)} {phone_for_office(self.phone)}"


def set_contact(session: Session, world: World, command: SetContact) -> None:
    """Raises NotFound("merchant_unknown"), InvalidInput("name_invalid", "phone_format"). The same again changes nothing."""
    name, phone = rules.checked_name(command.name, "联系人姓名"), checked_phone(command.phone)
    lock_merchant(session, command.merchant_id)
    known = next((one for one in contacts_of(session, command.merchant_id) if one.kind is command.kind), None)
    if known and (known.name, known.phone) == (name, phone):
        return
    at, vault = world.now(), vault_of(session)
    if known:
        session.execute(update(MerchantContact).where(MerchantContact.id == known.id).values(ended_at=at))
    row = {
        "id": world.new_id(),
        "merchant_id": command.merchant_id,
        "kind": command.kind.value,
        "name": vault.seal(NAME_FIELD, name),
        "phone": vault.seal(PHONE_FIELD, phone),
        "made_at": at,
        "made_by": command.actor_id,
    }
    session.execute(insert(MerchantContact).values(row))
    after = {"kind": command.kind.value}
    record(session, world, Act("merchant.contact", "merchant", str(command.merchant_id), command.actor_id, after=after))


def contacts_of(session: Session, merchant_id: uuid.UUID) -> list[ContactView]:
    """The contacts of today, in the order of `ContactKind`."""
    query = select(MerchantContact).where(
        MerchantContact.merchant_id == merchant_id, MerchantContact.ended_at.is_(None)
    )
    vault, order = vault_of(session), list(ContactKind)
    found = [
        ContactView(
            row.id,
            ContactKind(row.kind),
            vault.open(NAME_FIELD, row.name),
            vault.open(PHONE_FIELD, row.phone),
            row.made_at,
        )
        for row in session.scalars(query)
    ]
    return sorted(found, key=lambda one: order.index(one.kind))
