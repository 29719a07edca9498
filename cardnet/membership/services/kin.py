"""Kin of a member: whom to call. Sealed as the member is; ended, never deleted."""

import uuid
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from cardnet.access.rules import Principal
from cardnet.kernel import audit
from cardnet.kernel.errors import Conflict, InvalidInput, NotFound
from cardnet.kernel.vault import vault_of
from cardnet.kernel.world import World
from cardnet.membership.cleaning import name_of
from cardnet.membership.member_rules import Relation
from cardnet.membership.models import Kin
from cardnet.membership.services.phones import phone_typed
from cardnet.membership.services.scope import lock_people, must_see

KIN_NAME, KIN_PHONE = "kin.name", "kin.phone"
"""The vault's names of the sealed fields."""


@dataclass(frozen=True)
class AddKin:
    """Somebody close to a member."""

    person_id: uuid.UUID
    relation: Relation
    officer: Principal
    name: str = field(repr=False)
    phone: str = field(default="", repr=False)


@dataclass(frozen=True)
class KinView:
    """One of a member's kin, with the seals opened."""

    id: uuid.UUID
    relation: Relation
    name: str
    phone: str
    recorded_at: datetime
    ended_at: datetime | None


def add_kin(session: Session, world: World, command: AddKin) -> uuid.UUID:
    """Raises NotFound("person_unknown"), InvalidInput("name_missing", "phone_format")."""
    must_see(session, command.officer, command.person_id)
    name = name_of(command.name)[:50]
    if not name:
        raise InvalidInput("name_missing", "请输入家属姓名。")
    vault = vault_of(session)
    phone = vault.seal(KIN_PHONE, phone_typed(command.phone)) if command.phone.strip() else None
    kin = Kin(
        id=world.new_id(), person_id=command.person_id, relation=str(command.relation), name=vault.seal(KIN_NAME, name),
        phone=phone, recorded_at=world.now(),
    )  # fmt: skip
    session.add(kin)
    session.flush()
    after = {"kin": str(kin.id), "relation": kin.relation}
    audit.record(session, world, audit.Act("member.add_kin", "person", str(kin.person_id), command.officer.account_id, after=after))  # fmt: skip
    return kin.id


def end_kin(session: Session, world: World, kin_id: uuid.UUID, officer: Principal) -> None:
    """Raises NotFound("kin_unknown", "person_unknown"), Conflict("kin_over")."""
    kin = session.get(Kin, kin_id)
    if kin is None:
        raise NotFound("kin_unknown", "没有这条家属记录。")
    must_see(session, officer, kin.person_id)
    lock_people(session, [kin.person_id])
    session.refresh(kin)
    if kin.ended_at is not None:
        raise Conflict("kin_over", "这条家属记录已经停用。")
    kin.ended_at = world.now()
    session.flush()
    audit.record(session, world, audit.Act("member.end_kin", "person", str(kin.person_id), officer.account_id, after={"kin": str(kin.id)}))  # fmt: skip


def kin_of(session: Session, person_id: uuid.UUID) -> tuple[KinView, ...]:
    """Kin on record that count."""
    vault = vault_of(session)
    found = session.scalars(select(Kin).where(Kin.person_id == person_id, Kin.ended_at.is_(None)).order_by(Kin.id))
    return tuple(
        KinView(
            kin.id, Relation(kin.relation), vault.open(KIN_NAME, kin.name),
            vault.open(KIN_PHONE, kin.phone) if kin.phone else "", kin.recorded_at, kin.ended_at,
        )
        for kin in found
    )  # fmt: skip
