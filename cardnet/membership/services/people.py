"""People, their memberships, tags and answers: bulk in, bulk out, always set-based."""

import uuid
from collections.abc import Callable, Collection
from datetime import date
from itertools import islice
from typing import Any

from sqlalchemy import Subquery, and_, func, or_, select
from sqlalchemy.orm import Session, aliased

from cardnet.kernel.errors import NotFound
from cardnet.kernel.vault import Vault, vault_of
from cardnet.membership.cleaning import name_of
from cardnet.membership.models import Consent, Membership, Person, Tag, Union
from cardnet.membership.rules import (
    MEMBER_KINDS,
    Answer,
    Employment,
    IdType,
    KnownMember,
    Member,
    MemberCounts,
    MembershipKind,
    PersonView,
    Purpose,
    Sex,
    Tier,
    UnionNode,
)

ID_NUMBER, NAME, PHONE = "person.id_number", "person.name", "person.phone"
"""The vault's names of the sealed fields."""
_AT_ONCE = 10_000


def key_of(session: Session) -> Callable[[IdType, str], bytes]:
    """The function that gives a document's blind index: the key of a person everywhere outside this package."""
    vault = vault_of(session)
    return lambda id_type, number: person_key(vault, id_type, number)


def person_key(vault: Vault, id_type: IdType, number: str) -> bytes:
    """The blind index of a document."""
    return vault.index(ID_NUMBER, f"{id_type.value}:{number}")


def _in_force(on: date) -> Any:
    return and_(Membership.from_ <= on, or_(Membership.to.is_(None), Membership.to > on))


def _current_answer() -> Any:
    return and_(
        Consent.person_id == Person.id,
        Consent.purpose == Purpose.CARD,
        Consent.superseded_at.is_(None),
        Consent.withdrawn_at.is_(None),
    )


def known_members(session: Session, keys: Collection[bytes], on: date) -> dict[bytes, KnownMember]:
    """What is on record on a day about the people with these blind indexes."""
    # A document of a merged file is that of the file it was merged into.
    named = aliased(Person)
    query = (
        select(
            named.id_number_index,
            Person.id,
            Union.path,
            Union.name,
            Membership.kind,
            Person.deceased_on,
            Consent.answer,
        )
        .select_from(named)
        .join(Person, Person.id == func.coalesce(named.merged_into_id, named.id))
        .outerjoin(Membership, and_(Membership.person_id == Person.id, _in_force(on)))
        .outerjoin(Union, Union.id == Membership.union_id)
        .outerjoin(Consent, _current_answer())
    )
    # In pieces: 100,000 keys in one statement are a text of many megabytes, several times over.
    rest = iter(keys)
    pieces = iter(lambda: list(islice(rest, _AT_ONCE)), [])
    found = (row for piece in pieces for row in session.execute(query.where(named.id_number_index == func.any(piece))))
    return {
        bytes(key): KnownMember(
            person_id,
            path or "",
            name or "",
            MembershipKind(kind) if kind else None,
            deceased_on is not None or kind == MembershipKind.DECEASED,
            Answer(answer) if answer else None,
        )
        for key, person_id, path, name, kind, deceased_on, answer in found
    }


def people(session: Session, ids: Collection[uuid.UUID], on: date | None = None) -> dict[uuid.UUID, PersonView]:
    """People with the seals opened, and their union on a day (by default: the membership that is still open)."""
    if not ids:
        return {}
    vault = vault_of(session)
    when = _in_force(on) if on else Membership.to.is_(None)
    query = (
        _PERSON.outerjoin(Membership, and_(Membership.person_id == Person.id, when))
        .outerjoin(Union, Union.id == Membership.union_id)
        .where(Person.id == func.any(list(ids)))
    )
    return {row.id: _view(vault, row) for row in session.execute(query)}


def people_named(session: Session, name: str) -> set[uuid.UUID]:
    """Everybody of exactly this name, as it is typed: a name is sealed, so there is no looking for part of one."""
    sealed_as = vault_of(session).index(NAME, name_of(name))
    return set(
        session.scalars(select(Person.id).where(Person.name_index == sealed_as, Person.merged_into_id.is_(None)))
    )


def people_of_document(session: Session, number: str) -> set[uuid.UUID]:
    """Who has this document's number, of whatever kind of document."""
    vault = vault_of(session)
    keys = [person_key(vault, id_type, number) for id_type in IdType]
    query = select(func.coalesce(Person.merged_into_id, Person.id)).where(Person.id_number_index == func.any(keys))
    return set(session.scalars(query))


def people_with_tags(session: Session, kinds: Collection[str], on: date) -> set[uuid.UUID]:
    """Everybody who has one of these standings on a day."""
    query = select(Tag.person_id).where(Tag.kind.in_(kinds), Tag.from_ <= on, or_(Tag.to.is_(None), Tag.to > on))
    return set(session.scalars(query))


def person_of_id(session: Session, person_id: uuid.UUID) -> PersonView:
    """One person. Raises NotFound("person_unknown")."""
    found = people(session, [person_id])
    if not found:
        raise NotFound("person_unknown", "没有这个人：请回到名册重新选择。")
    return found[person_id]


def names(session: Session, ids: Collection[uuid.UUID]) -> dict[uuid.UUID, str]:
    """Only the names, for lists: one seal each."""
    if not ids:
        return {}
    vault = vault_of(session)
    query = select(Person.id, Person.name).where(Person.id == func.any(list(ids)))
    return {person_id: vault.open(NAME, sealed) for person_id, sealed in session.execute(query)}


# Columns and no entities: a page of a hundred people asks for three entities each, and uses a third of what they hold.
_PERSON = select(
    Person.id, Person.name, Person.id_type, Person.id_number, Person.phone, Person.sex, Person.birth_on,
    Person.retired_on, Person.deceased_on, Membership.kind, Membership.member_since,
    Membership.from_.label("member_from"),
    Membership.department, Membership.employment, Union.id.label("union_id"), Union.code, Union.name.label("union_name"),
    Union.tier, Union.path, Union.parent_id,
).select_from(Person)  # fmt: skip


def _view(vault: Vault, row: Any) -> PersonView:
    unit = (
        UnionNode(row.union_id, row.code, row.union_name, Tier(row.tier), row.path, row.parent_id)
        if row.union_id
        else None
    )
    return PersonView(
        id=row.id,
        name=vault.open(NAME, row.name),
        id_type=IdType(row.id_type),
        id_number=vault.open(ID_NUMBER, row.id_number),
        phone=vault.open(PHONE, row.phone) if row.phone else "",
        sex=Sex(row.sex) if row.sex else None,
        birth_on=row.birth_on,
        retired_on=row.retired_on,
        deceased_on=row.deceased_on,
        unit=unit,
        membership_kind=MembershipKind(row.kind) if row.kind else None,
        member_since=row.member_since or row.member_from if row.kind else None,
        department=row.department if row.kind else "",
        employment=Employment(row.employment) if row.employment else None,
    )


def member_facts(on: date) -> Subquery:
    """What a standing needs, as a selectable to join by `person_id`: so a caller asks once and not four times.

    Columns: person_id, counts_as (the file this one was merged into, else itself), name and id_number (sealed, fields
    `person.name` and `person.id_number`), birth_on, sex, unit_path, membership_kind, member_since, tags (an array of
    kinds). One row per person, whether in a union on that day or not.
    """
    tags = (
        select(func.array_agg(Tag.kind))
        .where(Tag.person_id == Person.id, Tag.from_ <= on, or_(Tag.to.is_(None), Tag.to > on))
        .scalar_subquery()
    )
    return (
        select(
            Person.id.label("person_id"),
            func.coalesce(Person.merged_into_id, Person.id).label("counts_as"),
            Person.name,
            Person.id_number,
            Person.birth_on,
            Person.sex,
            Union.path.label("unit_path"),
            Membership.kind.label("membership_kind"),
            func.coalesce(Membership.member_since, Membership.from_).label("member_since"),
            tags.label("tags"),
        )
        .outerjoin(Membership, and_(Membership.person_id == Person.id, _in_force(on)))
        .outerjoin(Union, Union.id == Membership.union_id)
        .subquery("member_facts")
    )


def _members(path: str, on: date | None) -> Any:
    in_force = _in_force(on) if on else Membership.to.is_(None)
    return (
        select(Person.id, Membership.union_id, Membership.kind, Consent.answer)
        .join(Membership, and_(Membership.person_id == Person.id, in_force))
        .join(Union, Union.id == Membership.union_id)
        .outerjoin(Consent, _current_answer())
        .where(
            Union.path.startswith(path, autoescape=True),
            Membership.kind.in_(MEMBER_KINDS),
            Person.deceased_on.is_(None),
        )
    )


def member_answers(path: str, on: date) -> Subquery:
    """Every member under `path` on a day with the current answer about the card, as a selectable to join.

    Columns: person_id, union_id, kind, answer (None: not asked, or not said). One row per person.
    """
    member = _members(path, on).subquery()
    return select(member.c.id.label("person_id"), member.c.union_id, member.c.kind, member.c.answer).subquery(
        "member_answers"
    )


def members_under(session: Session, path: str, on: date | None = None) -> list[Member]:
    """Every member of a union and those below it, with the answer about the card: the 会员名册, card or not."""
    return [
        Member(person_id, union_id, MembershipKind(kind), Answer(answer) if answer else None)
        for person_id, union_id, kind, answer in session.execute(_members(path, on).order_by(Person.id))
    ]


def member_counts(session: Session, path: str, on: date | None = None) -> dict[uuid.UUID, MemberCounts]:
    """Members and answers of each union under a path, by union id; a union without members is not among them."""
    member = _members(path, on).subquery()
    query = select(
        member.c.union_id,
        func.count(),
        func.count().filter(member.c.answer == Answer.GIVEN),
        func.count().filter(member.c.answer == Answer.DECLINED),
        func.count().filter(member.c.answer.is_(None)),
    ).group_by(member.c.union_id)
    return {
        union_id: MemberCounts(members, given, declined, no_answer)
        for union_id, members, given, declined, no_answer in session.execute(query)
    }
