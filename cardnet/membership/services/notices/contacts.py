"""How members can be reached, and whom they can ask: phones confirmed at the desk, bound accounts, a union's number."""

import re
import uuid
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from sqlalchemy import text
from sqlalchemy.orm import Session

from cardnet.access.rules import Principal
from cardnet.kernel import audit
from cardnet.kernel.calendar import day_of
from cardnet.kernel.errors import Conflict, InvalidInput
from cardnet.kernel.vault import vault_of
from cardnet.kernel.world import World
from cardnet.membership.services.notices.desk import must_be_officer_over
from cardnet.membership.services.notices.sending import ADDRESS
from cardnet.membership.services.unions import union_of_id

_PHONE = re.compile(r"\+?[0-9][0-9 -]{3,18}[0-9]")


@dataclass(frozen=True)
class ConfirmPhones:
    """These people stood at the desk: the phone on record rings in their pocket, and they want to be told by it."""

    officer: Principal
    person_ids: tuple[uuid.UUID, ...]


@dataclass(frozen=True)
class BindAccount:
    """The openid under which somebody follows the union's official account."""

    person_id: uuid.UUID
    address: str = field(repr=False)


@dataclass(frozen=True)
class SetUnionPhone:
    """Where members of a union may ask; empty takes the number back, and the union above answers."""

    officer: Principal
    union_id: uuid.UUID
    phone: str


def confirm_phones(session: Session, world: World, command: ConfirmPhones) -> int:
    """Note phones as verified and the people's consent to notices, in person; returns how many people.

    Somebody else who had the same number verified has it no longer: a number belongs to whoever holds it now. Raises
    NotAllowed("role_missing", "out_of_scope"), InvalidInput("nothing_chosen", "phone_twice"), Conflict("phone_missing").
    """
    ids = sorted(set(command.person_ids))
    if not ids:
        raise InvalidInput("nothing_chosen", "请先勾选已当面核对手机号码的人。")
    rows = session.execute(_PEOPLE, {"ids": ids, "today": day_of(world.now())}).all()
    must_be_officer_over(command.officer, [row.path or "/" for row in rows])
    if len(rows) < len(ids) or any(row.phone_index is None for row in rows):
        raise Conflict("phone_missing", "所选人员中有的没有登记手机号码，请先在名册中补上。")
    if any(count > 1 for count in Counter(bytes(row.phone_index) for row in rows).values()):
        raise InvalidInput("phone_twice", "所选人员中有两人登记了同一个手机号码，请先核对是谁的。")
    given = {"ids": ids, "at": world.now(), "today": day_of(world.now())}
    # As with one phone: two desks verifying a number at once come one after the other.
    session.execute(_QUEUE, given).all()
    session.execute(_RELEASE, given)
    session.execute(_VERIFY, given)
    session.execute(_SUPERSEDE, given)
    session.execute(_CONSENT, {**given, "consents": [world.new_id() for _ in rows], "people": [row.id for row in rows]})
    audit.record(
        session, world,
        *(audit.Act("contact.confirm", "person", str(row.id), command.officer.account_id) for row in rows),
    )  # fmt: skip
    return len(rows)


def bind_accounts(session: Session, world: World, bindings: Sequence[BindAccount]) -> int:
    """Bind accounts to people, the newest binding of a person and of an account counts; returns how many were new."""
    new = sum(bind_address(session, world, one.person_id, one.address) for one in bindings)
    if new:
        audit.record(session, world, audit.Act("contact.bind", "account", "official_account", after={"people": new}))
    return new


def bind_address(session: Session, world: World, person_id: uuid.UUID, address: str) -> bool:
    """This account is this person's from now on; whether it was not before."""
    vault = vault_of(session)
    given = {"person": person_id, "index": vault.index(ADDRESS, address), "at": world.now()}
    if session.scalar(_BOUND, given):
        return False
    session.execute(_UNBIND, given)
    session.execute(_BIND, {**given, "id": world.new_id(), "address": vault.seal(ADDRESS, address)})
    return True


def set_union_phone(session: Session, world: World, command: SetUnionPhone) -> None:
    """Set or take back a union's number. Raises NotAllowed as ever, InvalidInput("phone_invalid")."""
    union = union_of_id(session, command.union_id)
    must_be_officer_over(command.officer, [union.path])
    phone = command.phone.strip()
    if phone and not _PHONE.fullmatch(phone):
        raise InvalidInput("phone_invalid", "咨询电话请填数字，可带区号，如 021-12345678；不填则用上级工会的号码。")
    given = {"id": union.id, "phone": phone, "at": world.now(), "by": command.officer.account_id}
    session.execute(_SET_PHONE if phone else _NO_PHONE, given)
    act = audit.Act("contact.set_phone", "union", union.code, command.officer.account_id, after={"phone": phone})
    audit.record(session, world, act)


def union_phone(session: Session, union_id: uuid.UUID) -> str:
    """The union's own number, empty when it has set none."""
    return session.scalar(text("select phone from union_contact where union_id = :id"), {"id": union_id}) or ""


# ---- pieces ----

_PEOPLE = text("""
    select p.id, p.phone_index, u.path from person p
      left join membership m on m.person_id = p.id and m."from" <= :today and (m."to" is null or m."to" > :today)
      left join union_node u on u.id = m.union_id
     where p.id = any(:ids) and p.merged_into_id is null and p.deceased_on is null
     order by p.id for no key update of p""")

_QUEUE = text("""
    select pg_advisory_xact_lock(hashtextextended(encode(phone_index, 'hex'), 16))
      from (select phone_index from person where id = any(:ids) order by phone_index) one""")

_RELEASE = text("""
    update person p set phone_verified_at = null from person mine
     where mine.id = any(:ids) and p.phone_index = mine.phone_index and not p.id = any(:ids)
       and p.phone_verified_at is not null""")

_VERIFY = text("update person set phone_verified_at = :at where id = any(:ids)")

_SUPERSEDE = text("""
    update consent set superseded_at = :at
     where person_id = any(:ids) and purpose = 'notices' and superseded_at is null
       and (answer <> 'given' or withdrawn_at is not null)""")

_CONSENT = text("""
    insert into consent (id, person_id, union_id, purpose, answer, method, answered_on, evidence, recorded_at)
    select n.id, n.person_id, m.union_id, 'notices', 'given', 'in_person', :today, '当面核对手机号码', :at
      from unnest(cast(:consents as uuid[]), cast(:people as uuid[])) n(id, person_id)
      left join membership m on m.person_id = n.person_id and m."from" <= :today and (m."to" is null or m."to" > :today)
    on conflict (person_id, purpose) where superseded_at is null do nothing""")

_BOUND = text("""
    select true from notice_address
     where person_id = :person and address_index = :index and ended_at is null""")
_UNBIND = text("""
    update notice_address set ended_at = :at
     where (person_id = :person or address_index = :index) and ended_at is null""")
_BIND = text("""
    insert into notice_address (id, person_id, address, address_index, bound_at)
    values (:id, :person, :address, :index, :at)""")

_SET_PHONE = text("""
    insert into union_contact (union_id, phone, set_at, set_by) values (:id, :phone, :at, :by)
    on conflict (union_id) do update set phone = excluded.phone, set_at = excluded.set_at, set_by = excluded.set_by""")
_NO_PHONE = text("delete from union_contact where union_id = :id")
