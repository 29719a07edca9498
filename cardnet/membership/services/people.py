"""People, their memberships, tags and answers: bulk in, bulk out, always set-based."""

import uuid
from collections.abc import Callable, Collection, Iterable, Sequence
from datetime import date
from typing import Any

from sqlalchemy import Subquery, and_, func, or_, select, text
from sqlalchemy.orm import Session

from cardnet.kernel.calendar import day_of
from cardnet.kernel.errors import NotFound
from cardnet.kernel.vault import Vault, vault_of
from cardnet.kernel.world import World
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
    PersonRow,
    PersonView,
    Purpose,
    Sex,
    UnionNode,
)
from cardnet.membership.services.unions import node_of, unions_of_codes

ID_NUMBER, NAME, PHONE = "person.id_number", "person.name", "person.phone"
"""The vault's names of the sealed fields."""


def key_of(session: Session) -> Callable[[IdType, str], bytes]:
    """The function that gives a document's blind index: the key of a person everywhere outside this package."""
    vault = vault_of(session)
    return lambda id_type, number: _key(vault, id_type, number)


def save_people(session: Session, world: World, rows: Sequence[PersonRow]) -> dict[bytes, uuid.UUID]:
    """Make or find the people of a checked file, open their memberships, note their tags and answers.

    Set-based: a dozen statements, whatever the number of rows. Somebody already known keeps id, membership
    and verified phone; whoever is in another union today stays there, for a transfer is a decision and not
    a side effect. Of two rows of one person the first counts. Returns ids by blind index (`key_of`).
    Raises NotFound("unit_unknown") when a row names no union.
    """
    if not rows:
        return {}
    vault, at = vault_of(session), world.now()
    by_key: dict[bytes, PersonRow] = {}
    for row in rows:
        by_key.setdefault(_key(vault, row.id_type, row.id_number), row)
    unions = unions_of_codes(session, {row.unit_code for row in rows})
    if lost := next((row.unit_code for row in rows if row.unit_code not in unions), None):
        raise NotFound("unit_unknown", f"没有编码为“{lost}”的工会：请先导入组织机构表。", {"code": lost})
    known = _ids_of(session, by_key)
    if fresh := {key: row for key, row in by_key.items() if key not in known}:
        session.execute(_INSERT_PEOPLE, _new_people(vault, world, fresh))
        # Including the ones another transaction made while ours was reading: that insert yielded to theirs.
        known |= _ids_of(session, fresh)
    people = [(known[key], unions[row.unit_code], row) for key, row in by_key.items()]
    today = day_of(at)
    if told_again := [person for key, person in zip(by_key, people, strict=True) if key not in fresh]:
        session.execute(_UPDATE_PEOPLE, _told_again(vault, told_again, today))
    memberships = _memberships(world, people, today)
    session.execute(_INSERT_MEMBERSHIPS, memberships)
    session.execute(_UPDATE_MEMBERSHIPS, memberships)
    if tags := _tags(world, people, today):
        session.execute(_INSERT_TAGS, tags)
    if consents := _consents(world, people, today):
        session.execute(_SUPERSEDE_CONSENTS, consents)
        session.execute(_INSERT_CONSENTS, consents)
    return known


def _key(vault: Vault, id_type: IdType, number: str) -> bytes:
    return vault.index(ID_NUMBER, f"{id_type}:{number}")


def _ids_of(session: Session, keys: Collection[bytes]) -> dict[bytes, uuid.UUID]:
    found = session.execute(
        text("select id_number_index, coalesce(merged_into_id, id) from person where id_number_index = any(:keys)"),
        {"keys": list(keys)},
    )
    return {bytes(key): person_id for key, person_id in found}


def _columns(names: str, rows: Iterable[Sequence[Any]], **more: Any) -> dict[str, Any]:
    """Rows as one array per column, for `unnest`; the names of the arrays stand in one string."""
    lists: list[list[Any]] = [list(column) for column in zip(*rows, strict=True)]
    return dict(zip(names.split(), lists, strict=True)) | more if lists else {}


def _new_people(vault: Vault, world: World, fresh: dict[bytes, PersonRow]) -> dict[str, Any]:
    rows = [
        (
            world.new_id(),
            str(row.id_type),
            vault.seal(ID_NUMBER, row.id_number),
            key,
            row.id_valid_until,
            vault.seal(NAME, row.name),
            vault.index(NAME, row.name),
            row.birth_on,
            row.sex and str(row.sex),
            vault.seal(PHONE, row.phone) if row.phone else None,
            vault.index(PHONE, row.phone) if row.phone else None,
        )
        for key, row in fresh.items()
    ]
    names = "ids id_types id_numbers keys valid_untils names name_indexes birth_ons sexes phones phone_indexes"
    return _columns(names, rows, at=world.now())


# Two files naming the same new person at once: the second insert waits for the first, then does nothing.
_INSERT_PEOPLE = text(
    """
    insert into person (id, id_type, id_number, id_number_index, id_valid_until, name, name_index, birth_on, sex,
                        phone, phone_index, created_at)
    select r.*, cast(:at as timestamptz)
    from unnest(cast(:ids as uuid[]), cast(:id_types as text[]), cast(:id_numbers as bytea[]), cast(:keys as bytea[]),
                cast(:valid_untils as date[]), cast(:names as bytea[]), cast(:name_indexes as bytea[]),
                cast(:birth_ons as date[]), cast(:sexes as text[]), cast(:phones as bytea[]),
                cast(:phone_indexes as bytea[])) as r
    on conflict (id_type, id_number_index) do nothing
    """
)


def _told_again(vault: Vault, people: Sequence[tuple[uuid.UUID, UnionNode, PersonRow]], today: date) -> dict[str, Any]:
    rows = [
        (
            person_id,
            union.id,
            vault.seal(NAME, row.name),
            vault.index(NAME, row.name),
            vault.seal(PHONE, row.phone) if row.phone else None,
            vault.index(PHONE, row.phone) if row.phone else None,
            row.id_valid_until,
            row.sex and str(row.sex),
            row.birth_on,
        )
        for person_id, union, row in people
    ]
    names = "ids union_ids names name_indexes phones phone_indexes valid_untils sexes birth_ons"
    return _columns(names, rows, today=today)


# Only the person's own union may correct what is known, and a phone the person verified stays.
_UPDATE_PEOPLE = text(
    """
    update person p
    set name = case when p.name_index = r.name_index then p.name else r.name end,
        name_index = r.name_index,
        phone = case when r.replaces_phone then r.phone else p.phone end,
        phone_index = case when r.replaces_phone then r.phone_index else p.phone_index end,
        id_valid_until = coalesce(r.id_valid_until, p.id_valid_until),
        sex = coalesce(p.sex, r.sex),
        birth_on = coalesce(p.birth_on, r.birth_on)
    from (
        select u.*, (known.phone_verified_at is null and u.phone is not null
                     and known.phone_index is distinct from u.phone_index) as replaces_phone
        from unnest(cast(:ids as uuid[]), cast(:union_ids as uuid[]), cast(:names as bytea[]),
                    cast(:name_indexes as bytea[]), cast(:phones as bytea[]), cast(:phone_indexes as bytea[]),
                    cast(:valid_untils as date[]), cast(:sexes as text[]), cast(:birth_ons as date[]))
             as u (id, union_id, name, name_index, phone, phone_index, id_valid_until, sex, birth_on)
        join person known on known.id = u.id
        where not exists (
            select from membership m where m.person_id = u.id and m.union_id <> u.union_id
            and (m."to" is null or m."to" > :today)
        )
    ) r
    where p.id = r.id
      and (p.name_index <> r.name_index or r.replaces_phone
           or (r.id_valid_until is not null and p.id_valid_until is distinct from r.id_valid_until)
           or (p.sex is null and r.sex is not null) or (p.birth_on is null and r.birth_on is not null))
    """
)


def _memberships(world: World, people: Sequence[tuple[uuid.UUID, UnionNode, PersonRow]], today: date) -> dict[str, Any]:
    rows = [
        (
            world.new_id(),
            person_id,
            union.id,
            min(row.joined_on or today, today),
            row.joined_on,
            row.department,
            row.employment and str(row.employment),
        )
        for person_id, union, row in people
    ]
    names = "ids person_ids union_ids froms sinces departments employments"
    return _columns(names, rows, today=today, at=world.now())


_MEMBERSHIP_ROWS = """
    unnest(cast(:ids as uuid[]), cast(:person_ids as uuid[]), cast(:union_ids as uuid[]), cast(:froms as date[]),
           cast(:sinces as date[]), cast(:departments as text[]), cast(:employments as text[]))
        as r (id, person_id, union_id, "from", since, department, employment)
"""

# A first membership reaches back to 入会日期; after an earlier one the new one begins today.
_INSERT_MEMBERSHIPS = text(
    f"""
    insert into membership (id, person_id, union_id, kind, "from", member_since, department, employment, created_at)
    select r.id, r.person_id, r.union_id, 'active',
           case when exists (select from membership m where m.person_id = r.person_id) then :today else r."from" end,
           r.since, r.department, r.employment, :at
    from {_MEMBERSHIP_ROWS}
    where not exists (select from membership m where m.person_id = r.person_id and (m."to" is null or m."to" > :today))
    on conflict do nothing
    """  # noqa: S608 - no value is written into the text
)
_UPDATE_MEMBERSHIPS = text(
    f"""
    update membership m
    set department = coalesce(nullif(r.department, ''), m.department),
        employment = coalesce(r.employment, m.employment),
        member_since = coalesce(r.since, m.member_since)
    from {_MEMBERSHIP_ROWS}
    where m.person_id = r.person_id and m.union_id = r.union_id and (m."to" is null or m."to" > :today) and m.id <> r.id
      and ((r.department <> '' and r.department <> m.department)
           or (r.employment is not null and r.employment is distinct from m.employment)
           or (r.since is not null and r.since is distinct from m.member_since))
    """  # noqa: S608
)


def _tags(world: World, people: Sequence[tuple[uuid.UUID, UnionNode, PersonRow]], today: date) -> dict[str, Any]:
    rows = [
        (world.new_id(), person_id, str(tag.kind), tag.grade, tag.document)
        for person_id, _union, row in people
        for tag in row.tags
    ]
    return _columns("ids person_ids kinds grades documents", rows, today=today, at=world.now())


_INSERT_TAGS = text(
    """
    insert into tag (id, person_id, kind, grade, "from", document, created_at)
    select r.id, r.person_id, r.kind, r.grade, :today, r.document, :at
    from unnest(cast(:ids as uuid[]), cast(:person_ids as uuid[]), cast(:kinds as text[]), cast(:grades as text[]),
                cast(:documents as text[])) as r (id, person_id, kind, grade, document)
    on conflict (person_id, kind, grade) where "to" is null do nothing
    """
)


def _consents(world: World, people: Sequence[tuple[uuid.UUID, UnionNode, PersonRow]], today: date) -> dict[str, Any]:
    rows = [
        (
            world.new_id(),
            person_id,
            union.id,
            str(row.answer),
            str(row.method),
            row.answered_on or today,
            row.evidence,
        )
        for person_id, union, row in people
        if row.answer is not None
    ]
    names = "ids person_ids union_ids answers methods answered_ons evidences"
    return _columns(names, rows, at=world.now())


# The same answer again is no new answer; a withdrawn one that is given again is.
_SUPERSEDE_CONSENTS = text(
    """
    update consent c set superseded_at = :at
    from unnest(cast(:person_ids as uuid[]), cast(:answers as text[])) as r (person_id, answer)
    where c.person_id = r.person_id and c.purpose = 'card' and c.superseded_at is null
      and (c.answer <> r.answer or c.withdrawn_at is not null)
    """
)
_INSERT_CONSENTS = text(
    """
    insert into consent (id, person_id, union_id, purpose, answer, method, answered_on, evidence, recorded_at)
    select r.id, r.person_id, r.union_id, 'card', r.answer, r.method, r.answered_on, r.evidence, :at
    from unnest(cast(:ids as uuid[]), cast(:person_ids as uuid[]), cast(:union_ids as uuid[]),
                cast(:answers as text[]), cast(:methods as text[]), cast(:answered_ons as date[]),
                cast(:evidences as text[])) as r (id, person_id, union_id, answer, method, answered_on, evidence)
    on conflict (person_id, purpose) where superseded_at is null do nothing
    """
)


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
    if not keys:
        return {}
    query = (
        select(
            Person.id_number_index,
            Person.id,
            Union.path,
            Union.name,
            Membership.kind,
            Person.deceased_on,
            Consent.answer,
        )
        .outerjoin(Membership, and_(Membership.person_id == Person.id, _in_force(on)))
        .outerjoin(Union, Union.id == Membership.union_id)
        .outerjoin(Consent, _current_answer())
        .where(Person.id_number_index == func.any(list(keys)), Person.merged_into_id.is_(None))
    )
    return {
        bytes(key): KnownMember(
            person_id,
            path or "",
            name or "",
            MembershipKind(kind) if kind else None,
            deceased_on is not None or kind == MembershipKind.DECEASED,
            Answer(answer) if answer else None,
        )
        for key, person_id, path, name, kind, deceased_on, answer in session.execute(query)
    }


def people(session: Session, ids: Collection[uuid.UUID], on: date | None = None) -> dict[uuid.UUID, PersonView]:
    """People with the seals opened, and their union on a day (by default: the membership that is still open)."""
    if not ids:
        return {}
    vault = vault_of(session)
    when = _in_force(on) if on else Membership.to.is_(None)
    query = (
        select(Person, Membership, Union)
        .outerjoin(Membership, and_(Membership.person_id == Person.id, when))
        .outerjoin(Union, Union.id == Membership.union_id)
        .where(Person.id == func.any(list(ids)))
    )
    return {person.id: _view(vault, person, membership, union) for person, membership, union in session.execute(query)}


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


def _view(vault: Vault, person: Person, membership: Membership | None, union: Union | None) -> PersonView:
    return PersonView(
        id=person.id,
        name=vault.open(NAME, person.name),
        id_type=IdType(person.id_type),
        id_number=vault.open(ID_NUMBER, person.id_number),
        phone=vault.open(PHONE, person.phone) if person.phone else "",
        sex=Sex(person.sex) if person.sex else None,
        birth_on=person.birth_on,
        retired_on=person.retired_on,
        deceased_on=person.deceased_on,
        unit=node_of(union) if union else None,
        membership_kind=MembershipKind(membership.kind) if membership else None,
        member_since=membership.member_since or membership.from_ if membership else None,
        department=membership.department if membership else "",
        employment=Employment(membership.employment) if membership and membership.employment else None,
    )


def member_facts(on: date) -> Subquery:
    """What a standing needs, as a selectable to join by `person_id`: so a caller asks once and not four times.

    Columns: person_id, name (sealed, field `person.name`), birth_on, sex, unit_path, membership_kind,
    member_since, tags (an array of kinds). One row per person, whether in a union on that day or not.
    """
    tags = (
        select(func.array_agg(Tag.kind))
        .where(Tag.person_id == Person.id, Tag.from_ <= on, or_(Tag.to.is_(None), Tag.to > on))
        .scalar_subquery()
    )
    return (
        select(
            Person.id.label("person_id"),
            Person.name,
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
