"""Two files of one person: found by what they share, looked at by the district, merged without deleting anything."""

import uuid
from dataclasses import dataclass

from sqlalchemy import text
from sqlalchemy.orm import Session

from cardnet.access.rules import Principal
from cardnet.kernel import audit
from cardnet.kernel.calendar import day_of
from cardnet.kernel.errors import Conflict, InvalidInput, NotFound
from cardnet.kernel.world import World
from cardnet.membership.models import Person
from cardnet.membership.rules import IdType, PersonView
from cardnet.membership.services.decisions import must_be_district
from cardnet.membership.services.people import people
from cardnet.membership.services.scope import lock_people, within_scope

_REFUSAL = "重复档案由区总工会核对和合并。"


@dataclass(frozen=True)
class MergePeople:
    """`other_id` is the same person as `keep_id`; the district says so."""

    keep_id: uuid.UUID
    other_id: uuid.UUID
    officer: Principal
    words: str = ""


@dataclass(frozen=True)
class Suspected:
    """Two files that may be one person; `reasons` are among `name_birth`, `phone_birth`, `phone_name`."""

    first: PersonView
    second: PersonView
    reasons: tuple[str, ...]


# An unborn equality never holds: without birth date or phone there is nothing shared. Of two kinds of document one at
# least is not the resident ID that nearly everybody has, and few share a phone: looking begins with these few, which
# the indexes know.
_RARE = ", ".join(f"'{kind}'" for kind in IdType if kind is not IdType.RESIDENT)
_PAIRS = f"""
    with shared as materialized (
        select p.id, p.phone_index, p.name_index, p.birth_on from person p
         where p.merged_into_id is null and p.phone_index in (
               select phone_index from person where phone_index is not null group by phone_index having count(*) > 1)
    ), pairs as (
        select least(a.id, b.id) as low_id, greatest(a.id, b.id) as high_id, 'name_birth' as reason from person a
          join person b on b.name_index = a.name_index and b.birth_on = a.birth_on and b.id_type <> a.id_type
         where a.id_type in ({_RARE}) and a.merged_into_id is null and b.merged_into_id is null
        union
        select a.id, b.id, 'phone_birth' from shared a
          join shared b on b.phone_index = a.phone_index and b.birth_on = a.birth_on and b.id > a.id
        union
        select a.id, b.id, 'phone_name' from shared a
          join shared b on b.phone_index = a.phone_index and b.name_index = a.name_index and b.id > a.id
    )"""  # noqa: S608 - our own words
_NOT_DISTINCT = "not exists (select from distinct_people d where d.low_id = p.low_id and d.high_id = p.high_id)"
_SUSPECTED = text(f"""{_PAIRS}
    select low_id, high_id, array_agg(reason order by reason) as reasons from pairs p
     where {_NOT_DISTINCT}
     group by low_id, high_id order by count(*) desc, low_id, high_id limit :most""")  # noqa: S608 - our own text
_COUNT_SUSPECTED = text(f"{_PAIRS} select count(distinct (low_id, high_id)) from pairs p where {_NOT_DISTINCT}")  # noqa: S608


def suspected_duplicates(session: Session, officer: Principal, most: int = 200) -> tuple[Suspected, ...]:
    """Files that share phone and birth date, phone and name, or name and birth date under two kinds of document.

    Those nobody declared different. Raises NotAllowed("role_missing").
    """
    must_be_district(session, officer, _REFUSAL)
    rows = session.execute(_SUSPECTED, {"most": most}).all()
    ids = {one for row in rows for one in (row.low_id, row.high_id)}
    seen = within_scope(session, officer, ids)
    persons = people(session, seen)
    return tuple(
        Suspected(persons[row.low_id], persons[row.high_id], tuple(row.reasons))
        for row in rows
        if row.low_id in persons and row.high_id in persons
    )


def count_suspected(session: Session) -> int:
    """How many pairs of files the district has still to look at."""
    return session.scalar(_COUNT_SUSPECTED) or 0


def declare_distinct(session: Session, world: World, command: MergePeople) -> None:
    """These two are different people; they are not suspected again. Raises as `merge_people` does."""
    low, high = _pair(session, command)
    session.execute(
        text("""insert into distinct_people (low_id, high_id, decided_by, decided_at) values (:low, :high, :by, :at)
                on conflict do nothing"""),
        {"low": low, "high": high, "by": command.officer.account_id, "at": world.now()},
    )
    _record(session, world, command, "not_same")


_STATEMENTS = tuple(
    text(statement)
    for statement in (
        """update transfer_proposal set state = 'lapsed', decided_at = :at, decided_by = :by
            where person_id = :other and state = 'proposed'""",
        # The person is a member where the merged file was one, if nowhere else; then no period overlaps another.
        """insert into membership (id, person_id, union_id, kind, "from", member_since, department, employment, created_at)
           select :membership, :keep, m.union_id, m.kind, greatest(:today, m."from"), coalesce(m.member_since, m."from"),
                  m.department, m.employment, :at
             from membership m
            where m.person_id = :other and m."to" is null
              and not exists (select from membership k where k.person_id = :keep and (k."to" is null or k."to" > :today))""",
        """update membership set "to" = greatest(:today, "from"), ended_as = 'merged'
            where person_id = :other and "to" is null""",
        # What counts now counts for the file that stays; the merged one keeps its own rows as they were.
        """insert into tag (id, person_id, kind, grade, "from", "to", document, document_sha256, created_at)
           select gen_random_uuid(), :keep, kind, grade, "from", "to", document, document_sha256, :at
             from tag where person_id = :other and ("to" is null or "to" > :today)
           on conflict (person_id, kind, grade) where "to" is null do nothing""",
        """insert into consent (id, person_id, union_id, purpose, answer, method, answered_on, evidence, recorded_at, withdrawn_at)
           select gen_random_uuid(), :keep, union_id, purpose, answer, method, answered_on, evidence, :at, withdrawn_at
             from consent where person_id = :other and superseded_at is null
           on conflict (person_id, purpose) where superseded_at is null do nothing""",
        # One hop, however often files are merged: look-ups follow it without a loop.
        "update person set merged_into_id = :keep where merged_into_id = :other",
        "update person set merged_into_id = :keep, phone_verified_at = null where id = :other",
    )
)


def merge_people(session: Session, world: World, command: MergePeople) -> None:
    """From now on one file: look-ups of the other's document find this one. Nothing is deleted.

    Raises NotAllowed("role_missing"), NotFound("person_unknown"), InvalidInput("same_person"), Conflict("merged_already").
    """
    _pair(session, command)
    at = world.now()
    given = {
        "keep": command.keep_id, "other": command.other_id, "by": command.officer.account_id, "at": at,
        "today": day_of(at), "membership": world.new_id(),
    }  # fmt: skip
    for statement in _STATEMENTS:
        session.execute(statement, given)
    session.expire_all()
    _record(session, world, command, "merge")


def _pair(session: Session, command: MergePeople) -> tuple[uuid.UUID, uuid.UUID]:
    must_be_district(session, command.officer, _REFUSAL)
    pair = {command.keep_id, command.other_id}
    if len(pair) < 2:
        raise InvalidInput("same_person", "请选择两份不同的档案。")
    if within_scope(session, command.officer, pair) != pair:
        raise NotFound("person_unknown", "没有这个人，或者不在您的管理范围内。")
    lock_people(session, pair)
    if any(session.get_one(Person, one, populate_existing=True).merged_into_id for one in pair):
        raise Conflict("merged_already", "其中一份档案刚刚已并入别的档案，请刷新后查看。")
    low, high = sorted(pair)
    return low, high


def _record(session: Session, world: World, command: MergePeople, verb: str) -> None:
    words = command.words.strip()[:200]
    by = command.officer.account_id
    audit.record(
        session,
        world,
        *(
            audit.Act(f"member.{verb}", "person", str(one), by, after={"with": str(two), "kept": str(command.keep_id), "words": words})
            for one, two in ((command.keep_id, command.other_id), (command.other_id, command.keep_id))
        ),
    )  # fmt: skip
