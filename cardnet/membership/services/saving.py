"""Saving the people of a file: one COPY into a table of this transaction, then a handful of statements."""

import uuid
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import islice
from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session

from cardnet.kernel.calendar import day_of
from cardnet.kernel.errors import NotFound
from cardnet.kernel.progress import Progress, unseen
from cardnet.kernel.vault import Vault, vault_of
from cardnet.kernel.world import World
from cardnet.membership.rules import PersonRow, UnionNode
from cardnet.membership.services.people import ID_NUMBER, NAME, PHONE, person_key
from cardnet.membership.services.unions import unions_of_codes


@dataclass(frozen=True, slots=True)
class _Known:
    """Somebody on record; the indexes tell whether a row says anything new."""

    id: uuid.UUID
    name_index: bytes
    phone_index: bytes | None


def save_people(
    session: Session,
    world: World,
    rows: Sequence[PersonRow],
    keys: Sequence[bytes] | None = None,
    progress: Progress = unseen,
) -> dict[bytes, uuid.UUID]:
    """Make or find the people of a checked file, open their memberships, note their tags and answers.

    Somebody already known keeps id, membership and verified phone; whoever is in another union today stays
    there with the answer given there, for a transfer is a decision and not a side effect. Of two rows of one person the first counts.
    `keys` are the blind indexes of the rows where the caller has them already.
    Returns ids by blind index (`key_of`). Raises NotFound("unit_unknown") when a row names no union.
    """
    if not rows:
        return {}
    vault = vault_of(session)
    by_key: dict[bytes, PersonRow] = {}
    for key, row in zip(keys or _keys(vault, rows), rows, strict=True):
        by_key.setdefault(key, row)
    unions = unions_of_codes(session, {row.unit_code for row in rows})
    if lost := next((row.unit_code for row in rows if row.unit_code not in unions), None):
        raise NotFound("unit_unknown", f"没有编码为“{lost}”的工会：请先导入组织机构表。", {"code": lost})
    when = {"at": world.now(), "today": day_of(world.now())}
    known = _known(session, by_key)
    _copy(session, _STAGED_PEOPLE, _people_rows(vault, world, by_key, known, unions, when["today"]))
    for done, statement in enumerate(_WRITE_PEOPLE, 1):
        progress("people", done, len(_WRITE_PEOPLE) + 1)
        session.execute(statement, when)
    ids = {
        bytes(key): person_id for key, person_id in session.execute(text("select key, person_id from staged_person"))
    }
    if any(row.tags for row in rows):
        _copy(session, _STAGED_TAGS, _tag_rows(world, by_key, ids))
        session.execute(_WRITE_TAGS, when)
    return ids


def _keys(vault: Vault, rows: Sequence[PersonRow]) -> Iterator[bytes]:
    return (person_key(vault, row.id_type, row.id_number) for row in rows)


def _known(session: Session, keys: Collection[bytes]) -> dict[bytes, _Known]:
    rest = iter(keys)
    pieces = iter(lambda: list(islice(rest, _AT_ONCE)), [])
    found = (row for piece in pieces for row in session.execute(_FIND_KNOWN, {"keys": piece}))
    return {bytes(key): _Known(i, bytes(name), phone and bytes(phone)) for key, i, name, phone in found}


_AT_ONCE = 10_000
"""Keys in one statement: 100,000 would be a text of many megabytes."""


_FIND_KNOWN = text(
    """
    select p.id_number_index, kept.id, kept.name_index, kept.phone_index
    from person p join person kept on kept.id = coalesce(p.merged_into_id, p.id)
    where p.id_number_index = any(:keys)
    """
)


def _people_rows(
    vault: Vault,
    world: World,
    by_key: Mapping[bytes, PersonRow],
    known: Mapping[bytes, _Known],
    unions: Mapping[str, UnionNode],
    today: date,
) -> Iterator[tuple[Any, ...]]:
    """One row for each person; what is on record already is not sealed again."""
    seal_number, seal_name, seal_phone = (vault.sealer(field) for field in (ID_NUMBER, NAME, PHONE))
    for key, row in by_key.items():
        old = known.get(key)
        name_index = vault.index(NAME, row.name)
        phone_index = vault.index(PHONE, row.phone) if row.phone else None
        new_phone = phone_index is not None and (old is None or phone_index != old.phone_index)
        yield (
            key,
            old is None,
            old.id if old else world.new_id(),
            row.id_type.value,
            None if old else seal_number(row.id_number),
            row.id_valid_until,
            None if old and old.name_index == name_index else seal_name(row.name),
            name_index,
            row.birth_on,
            row.sex and row.sex.value,
            seal_phone(row.phone) if new_phone else None,
            phone_index if new_phone else None,
            world.new_id(),
            unions[row.unit_code].id,
            min(row.joined_on or today, today),
            row.joined_on,
            row.department,
            row.employment and row.employment.value,
            row.answer and world.new_id(),
            row.answer and row.answer.value,
            row.method.value,
            row.answered_on or today,
            row.evidence,
        )


def _tag_rows(
    world: World, by_key: Mapping[bytes, PersonRow], ids: Mapping[bytes, uuid.UUID]
) -> Iterator[tuple[Any, ...]]:
    for key, row in by_key.items():
        for tag in row.tags:
            yield (world.new_id(), ids[key], tag.kind.value, tag.grade, tag.document)


@dataclass(frozen=True)
class _Staging:
    """A table that lives until the transaction ends."""

    name: str
    columns: Mapping[str, str]
    joined: tuple[str, ...]


_STAGED_PEOPLE = _Staging(
    "staged_person",
    {
        "key": "bytea",
        "fresh": "boolean",
        "person_id": "uuid",
        "id_type": "text",
        "id_number": "bytea",
        "id_valid_until": "date",
        "name": "bytea",
        "name_index": "bytea",
        "birth_on": "date",
        "sex": "text",
        "phone": "bytea",
        "phone_index": "bytea",
        "membership_id": "uuid",
        "union_id": "uuid",
        "begins_on": "date",
        "member_since": "date",
        "department": "text",
        "employment": "text",
        "consent_id": "uuid",
        "answer": "text",
        "method": "text",
        "answered_on": "date",
        "evidence": "text",
    },
    ("key", "fresh", "person_id", "union_id"),
)
_STAGED_TAGS = _Staging(
    "staged_tag",
    {"id": "uuid", "person_id": "uuid", "kind": "text", "grade": "text", "document": "text"},
    ("person_id",),
)


def _copy(session: Session, staging: _Staging, rows: Iterator[tuple[Any, ...]]) -> None:
    columns = ", ".join(f"{name} {kind}" for name, kind in staging.columns.items())
    session.execute(text(f"drop table if exists pg_temp.{staging.name}"))
    session.execute(text(f"create temporary table {staging.name} ({columns}) on commit drop"))
    driver: Any = session.connection().connection.driver_connection
    with driver.cursor() as cursor, cursor.copy(f"copy pg_temp.{staging.name} from stdin (format binary)") as copy:
        copy.set_types(list(staging.columns.values()))
        for row in rows:
            copy.write_row(row)
    # Only what is joined by: sampling the sealed columns would cost more than the plans gain.
    session.execute(text(f"analyze pg_temp.{staging.name} ({', '.join(staging.joined)})"))


_NOT_ELSEWHERE = """not exists (
              select from membership m
              where m.person_id = s.person_id and m.union_id <> s.union_id and (m."to" is null or m."to" > :today))"""
"""Whoever is named by their own union, or is in none."""

_WRITE_PEOPLE = [
    text(statement)
    for statement in (
        # Two files naming the same new people at once: the second insert waits for the first, then does nothing; in the
        # order of their keys, so that neither waits for the other,
        """
        insert into person (id, id_type, id_number, id_number_index, id_valid_until, name, name_index, birth_on, sex,
                            phone, phone_index, created_at)
        select person_id, id_type, id_number, key, id_valid_until, name, name_index, birth_on, sex,
               phone, phone_index, :at
        from staged_person where fresh order by key
        on conflict (id_type, id_number_index) do nothing
        """,
        # and goes on with the person the first one made, who is known from here on.
        """
        update staged_person s set person_id = p.id, fresh = false
        from person p
        where s.fresh and p.id_type = s.id_type and p.id_number_index = s.key and p.id <> s.person_id
        """,
        # Only the person's own union may correct what is known, and a phone the person verified stays.
        f"""
        update person p
        set name = coalesce(s.name, p.name),
            name_index = s.name_index,
            phone = case when p.phone_verified_at is null then coalesce(s.phone, p.phone) else p.phone end,
            phone_index = case when p.phone_verified_at is null then coalesce(s.phone_index, p.phone_index)
                               else p.phone_index end,
            id_valid_until = coalesce(s.id_valid_until, p.id_valid_until),
            sex = coalesce(p.sex, s.sex),
            birth_on = coalesce(p.birth_on, s.birth_on)
        from staged_person s
        where p.id = s.person_id and not s.fresh
          and (s.name is not null or s.phone is not null
               or (s.id_valid_until is not null and p.id_valid_until is distinct from s.id_valid_until)
               or (p.sex is null and s.sex is not null) or (p.birth_on is null and s.birth_on is not null))
          and {_NOT_ELSEWHERE}
        """,  # noqa: S608 - our own text
        """
        update membership m
        set department = coalesce(nullif(s.department, ''), m.department),
            employment = coalesce(s.employment, m.employment),
            member_since = coalesce(s.member_since, m.member_since)
        from staged_person s
        where m.person_id = s.person_id and m.union_id = s.union_id and (m."to" is null or m."to" > :today)
          and ((s.department <> '' and s.department <> m.department)
               or (s.employment is not null and s.employment is distinct from m.employment)
               or (s.member_since is not null and s.member_since is distinct from m.member_since))
        """,
        # Of somebody made a moment ago nobody else can know: no search for what might be in the way, which costs as much
        # as writing the row. Were there anything after all, the exclusion constraint says so.
        """
        insert into membership (id, person_id, union_id, kind, "from", member_since, department, employment, created_at)
        select membership_id, person_id, union_id, 'active', begins_on, member_since, department, employment, :at
        from staged_person where fresh
        """,
        # A first membership reaches back to 入会日期; after an earlier one the new one begins today.
        """
        insert into membership (id, person_id, union_id, kind, "from", member_since, department, employment, created_at)
        select s.membership_id, s.person_id, s.union_id, 'active',
               case when exists (select from membership m where m.person_id = s.person_id) then :today
                    else s.begins_on end,
               s.member_since, s.department, s.employment, :at
        from staged_person s
        where not s.fresh and not exists (
            select from membership m where m.person_id = s.person_id and (m."to" is null or m."to" > :today))
        on conflict do nothing
        """,
        # The same answer again is no new answer; one that was withdrawn and is given again is. Of somebody in another
        # union only that union may say what they answered: the new one asks once the transfer has happened.
        f"""
        update consent c set superseded_at = :at
        from staged_person s
        where c.person_id = s.person_id and c.purpose = 'card' and c.superseded_at is null
          and s.answer is not null and (c.answer <> s.answer or c.withdrawn_at is not null) and {_NOT_ELSEWHERE}
        """,  # noqa: S608
        f"""
        insert into consent (id, person_id, union_id, purpose, answer, method, answered_on, evidence, recorded_at)
        select s.consent_id, s.person_id, s.union_id, 'card', s.answer, s.method, s.answered_on, s.evidence, :at
        from staged_person s where s.answer is not null and {_NOT_ELSEWHERE}
        on conflict (person_id, purpose) where superseded_at is null do nothing
        """,  # noqa: S608
    )
]
_WRITE_TAGS = text(
    f"""
    insert into tag (id, person_id, kind, grade, "from", document, created_at)
    select t.id, t.person_id, t.kind, t.grade, :today, t.document, :at from staged_tag t
     where exists (select from staged_person s where s.person_id = t.person_id and {_NOT_ELSEWHERE})
    on conflict (person_id, kind, grade) where "to" is null do nothing
    """  # noqa: S608
)
