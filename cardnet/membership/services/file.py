"""The file of a person: found by name, document or phone within the officer's scope; every standing they had, by date."""

import uuid
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import Subquery, func, select, text
from sqlalchemy.orm import Session

from cardnet.access.rules import Principal
from cardnet.kernel import audit
from cardnet.kernel.vault import vault_of
from cardnet.kernel.world import World
from cardnet.membership.cleaning import phone_of, text_of
from cardnet.membership.member_rules import Ending
from cardnet.membership.models import Membership, Person
from cardnet.membership.rules import MembershipKind, PersonView, UnionNode
from cardnet.membership.services.people import PHONE, people, people_named, people_of_document, person_of_id
from cardnet.membership.services.scope import must_be_officer, must_see, within_scope
from cardnet.membership.services.unions import unions_of_ids


@dataclass(frozen=True)
class MembershipView:
    """One standing. `to` is the first day no longer; `ended_as` is empty where another standing followed it in place."""

    union: UnionNode
    kind: MembershipKind
    from_: date
    to: date | None
    ended_as: Ending | None
    member_since: date


@dataclass(frozen=True)
class PersonFile:
    """A person and their standings, the newest first; `merged` are the files that were merged into this one."""

    person: PersonView
    memberships: tuple[MembershipView, ...]
    phone_verified_at: datetime | None
    merged_into_id: uuid.UUID | None
    merged: tuple[uuid.UUID, ...]

    @property
    def ids(self) -> tuple[uuid.UUID, ...]:
        """Under which ids cards, applications and uses of this person stand."""
        return (self.person.id, *self.merged)


def find_people(session: Session, officer: Principal, asked: str) -> tuple[PersonView, ...]:
    """People of the scope with this document, phone or full name, in that order of trying.

    Raises NotAllowed("role_missing").
    """
    must_be_officer(officer)
    typed = text_of(asked)[:60]
    if not typed:
        return ()
    found = people_of_document(session, typed.replace(" ", "").upper())
    if not found and (phone := phone_of(typed)):
        index = vault_of(session).index(PHONE, phone)
        found = set(session.scalars(select(Person.id).where(Person.phone_index == index, Person.merged_into_id.is_(None))))  # fmt: skip
    if not found:
        found = people_named(session, typed)
    return tuple(sorted(people(session, within_scope(session, officer, found)).values(), key=_by_unit))


def _by_unit(person: PersonView) -> tuple[str, str, str]:
    return (person.unit.path if person.unit else "~", person.name, str(person.id))


def open_file(session: Session, world: World, officer: Principal, person_id: uuid.UUID) -> PersonFile:
    """The file; that it was opened, and by whom, is recorded.

    Raises NotAllowed("role_missing"), NotFound("person_unknown").
    """
    must_see(session, officer, person_id)
    found = file_of(session, person_id)
    audit.record(session, world, audit.Act("member.look", "person", str(person_id), officer.account_id))
    return found


def file_of(session: Session, person_id: uuid.UUID) -> PersonFile:
    """The file, for who was let in already. Raises NotFound("person_unknown")."""
    view = person_of_id(session, person_id)
    row = session.get_one(Person, person_id)
    ids = ids_of_person(session, person_id)
    return PersonFile(view, _memberships(session, ids), row.phone_verified_at, row.merged_into_id, ids[1:])


def ids_of_person(session: Session, person_id: uuid.UUID) -> tuple[uuid.UUID, ...]:
    """Under which ids what this person had may stand: their own, and those of files that were merged into it."""
    merged = session.scalars(select(Person.id).where(Person.merged_into_id == person_id).order_by(Person.id))
    return (person_id, *merged)


_FILES = text("""
    with kept as (select distinct coalesce(merged_into_id, id) as id from person where id = any(:ids))
    select p.id, p.id from kept join person p using (id)
    union all select p.id, k.id from kept k join person p on p.merged_into_id = k.id""")


def files_of(session: Session, ids: Collection[uuid.UUID]) -> dict[uuid.UUID, uuid.UUID]:
    """Of these people every id under which something of theirs may stand, and the file it counts for now."""
    return {row[0]: row[1] for row in session.execute(_FILES, {"ids": list(ids)})} if ids else {}


def files_as_they_count() -> Subquery:
    """Every file's `id` and the one it `counts_as` now, as part of a larger statement."""
    return select(Person.id, func.coalesce(Person.merged_into_id, Person.id).label("counts_as")).subquery()


def _memberships(session: Session, ids: Sequence[uuid.UUID]) -> tuple[MembershipView, ...]:
    rows = session.scalars(
        select(Membership).where(Membership.person_id.in_(ids)).order_by(Membership.from_.desc(), Membership.id.desc())
    ).all()
    unions = unions_of_ids(session, {row.union_id for row in rows})
    return tuple(
        MembershipView(
            unions[row.union_id], MembershipKind(row.kind), row.from_, row.to,
            Ending(row.ended_as) if row.ended_as else None, row.member_since or row.from_,
        )
        for row in rows
    )  # fmt: skip
