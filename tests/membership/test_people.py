"""Saving people: once each, in bulk, whoever else is saving at the same time."""

import threading
from datetime import date, timedelta

import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import IntegrityError

from cardnet.kernel.calendar import day_of
from cardnet.kernel.db import transaction
from cardnet.kernel.errors import NotFound
from cardnet.kernel.vault import vault_of
from cardnet.membership import services
from cardnet.membership.invariants import INVARIANTS
from cardnet.membership.models import Consent, Membership, Person, Tag
from cardnet.membership.rules import Answer, MembershipKind, NewTag, TagKind
from tests.make import membership as make


@pytest.fixture
def tree(session, world):
    return make.tree(session, world)


def rows_of(session, table):
    session.expire_all()
    return session.scalars(select(table).order_by(table.id)).all()


def save(session, world, *rows):
    ids = services.save_people(session, world, rows)
    key = services.key_of(session)
    return [ids[key(row.id_type, row.id_number)] for row in rows]


def test_a_person_is_stored_sealed_and_comes_back_whole(session, world, tree):
    tags = (NewTag(TagKind.MODEL_WORKER, "市级"),)
    [person_id] = save(session, world, make.person_row(1, department="一车间", tags=tags))
    stored = rows_of(session, Person)[0]
    assert make.id_number(1).encode() not in stored.id_number
    assert "周桂林".encode() not in stored.name
    person = services.person_of_id(session, person_id)
    assert (person.name, person.id_number, person.phone) == ("周桂林", make.id_number(1), "19900000001")
    assert (person.unit, person.department) == (tree["B1"], "一车间")
    assert (person.membership_kind, person.member_since) == (MembershipKind.ACTIVE, date(2018, 4, 28))
    facts = services.member_facts(day_of(world.now()))
    known = session.execute(select(facts).where(facts.c.person_id == person_id)).one()
    assert (known.unit_path, known.membership_kind, known.tags) == ("/C/D1/B1/", "active", ["model_worker"])
    assert vault_of(session).open("person.name", known.name) == "周桂林"


def test_the_same_file_twice_makes_nothing_twice(session, world, tree):
    rows = [make.person_row(serial, tags=(NewTag(TagKind.FRONT_LINE),)) for serial in range(50)]
    first = services.save_people(session, world, rows)
    assert services.save_people(session, world, rows) == first
    assert [len(rows_of(session, table)) for table in (Person, Membership, Consent, Tag)] == [50, 50, 50, 50]


def test_of_two_rows_of_one_person_the_first_counts(session, world, tree):
    [first, second] = save(session, world, make.person_row(1), make.person_row(1, name="别人"))
    assert first == second
    assert services.names(session, [first]) == {first: "周桂林"}


def test_the_own_union_corrects_and_another_union_does_not(session, world, tree):
    [person_id] = save(session, world, make.person_row(1))
    save(session, world, make.person_row(1, unit_code="B9", name="周桂琳", phone="13900000000", department="车队"))
    person = services.person_of_id(session, person_id)
    assert (person.name, person.phone, person.unit.code) == ("周桂林", "19900000001", "B1")
    save(session, world, make.person_row(1, name="周桂琳", phone="13900000000", department="二车间"))
    person = services.person_of_id(session, person_id)
    assert (person.name, person.phone, person.department) == ("周桂琳", "13900000000", "二车间")


def test_a_phone_its_holder_verified_is_not_overwritten_by_a_file(session, world, tree):
    [person_id] = save(session, world, make.person_row(1))
    session.execute(text("update person set phone_verified_at = now()"))
    save(session, world, make.person_row(1, phone="13900000000"))
    assert services.person_of_id(session, person_id).phone == "19900000001"


def test_a_later_file_without_a_phone_or_department_takes_nothing_away(session, world, tree):
    [person_id] = save(session, world, make.person_row(1, department="一车间"))
    save(session, world, make.person_row(1, phone="", department="", employment=None, joined_on=None, answer=None))
    person = services.person_of_id(session, person_id)
    assert (person.phone, person.department, person.member_since) == ("19900000001", "一车间", date(2018, 4, 28))
    assert services.members_under(session, "/C/")[0].answer is Answer.GIVEN


def test_a_changed_answer_supersedes_the_old_one_and_keeps_it(session, world, tree):
    save(session, world, make.person_row(1, answer=Answer.DECLINED))
    save(session, world, make.person_row(1, answer=Answer.GIVEN))
    answers = [(consent.answer, consent.superseded_at is None) for consent in rows_of(session, Consent)]
    assert answers == [("declined", False), ("given", True)]


@pytest.mark.parametrize(
    ("here", "there"), [(Answer.DECLINED, Answer.GIVEN), (Answer.GIVEN, Answer.DECLINED), (None, Answer.GIVEN)]
)
def test_a_file_of_another_union_changes_nothing_of_a_person_but_its_own_proposal(session, world, tree, here, there):
    (person_id,) = save(session, world, make.person_row(1, answer=here))
    before = [(c.answer, c.superseded_at, c.union_id) for c in rows_of(session, Consent)]
    tags = (NewTag(TagKind.HARDSHIP, "低保"),)
    assert save(session, world, make.person_row(1, unit_code="B9", answer=there, name="周桂霖", tags=tags)) == [
        person_id
    ]
    assert [(c.answer, c.superseded_at, c.union_id) for c in rows_of(session, Consent)] == before
    assert rows_of(session, Tag) == [] and services.person_of_id(session, person_id).name == "周桂林"


def test_everybody_has_exactly_one_answer_or_none(session, world, tree):
    rows = [
        make.person_row(i, answer=answer)
        for i, answer in enumerate([Answer.GIVEN, Answer.GIVEN, Answer.DECLINED, None])
    ]
    save(session, world, *rows, make.person_row(9, unit_code="B9"))
    counts = services.member_counts(session, "/C/D1/")[tree["B1"].id]
    assert (counts.members, counts.given, counts.declined, counts.no_answer) == (4, 2, 1, 1)
    assert sum(count.members for count in services.member_counts(session, "/").values()) == 5


def test_people_who_left_or_died_are_no_members(session, world, tree):
    ids = save(session, world, *(make.person_row(serial) for serial in range(4)))
    session.execute(text("update membership set kind = 'withdrawn' where person_id = :id"), {"id": ids[0]})
    session.execute(text("update membership set \"to\" = '2026-01-01' where person_id = :id"), {"id": ids[1]})
    session.execute(text("update person set deceased_on = '2026-01-01' where id = :id"), {"id": ids[2]})
    assert [member.person_id for member in services.members_under(session, "/")] == [ids[3]]


def test_whoever_comes_back_begins_again_today(session, world, clock, tree):
    [person_id] = save(session, world, make.person_row(1))
    session.execute(text("update membership set \"to\" = '2026-06-01'"))
    save(session, world, make.person_row(1, unit_code="B9"))
    begun = [(m.from_, m.to) for m in rows_of(session, Membership)]
    assert begun == [(date(2018, 4, 28), date(2026, 6, 1)), (date(2026, 11, 21), None)]
    assert services.people(session, [person_id], date(2026, 5, 31))[person_id].unit.code == "B1"
    assert services.people(session, [person_id], date(2026, 6, 1))[person_id].unit is None
    assert services.person_of_id(session, person_id).unit.code == "B9"


def test_known_members_says_where_somebody_is_and_that_somebody_died(session, world, tree):
    [person_id] = save(session, world, make.person_row(1))
    key = services.key_of(session)(make.person_row(1).id_type, make.id_number(1))
    today = day_of(world.now())
    known = services.known_members(session, [key, b"nobody"], today)[key]
    assert (known.person_id, known.unit_path, known.deceased) == (person_id, "/C/D1/B1/", False)
    session.execute(text("update person set deceased_on = '2026-01-01'"))
    assert services.known_members(session, [key], today)[key].deceased


def test_a_unit_nobody_knows_is_refused_and_nothing_is_stored(session, world, tree):
    with pytest.raises(NotFound, match="unit_unknown"):
        services.save_people(session, world, [make.person_row(1), make.person_row(2, unit_code="X")])
    assert rows_of(session, Person) == []


@pytest.mark.parametrize(
    ("begins", "ends", "allowed"),
    [("2018-01-01", "2018-04-28", True), ("2018-01-01", "2018-04-29", False), ("2026-01-01", None, False)],
)
def test_the_database_refuses_two_memberships_at_a_time(session, world, tree, begins, ends, allowed):
    [person_id] = save(session, world, make.person_row(1))
    second = {"p": person_id, "u": tree["B9"].id, "id": world.new_id(), "a": begins, "z": ends, "at": world.now()}
    statement = text(
        'insert into membership (id, person_id, union_id, kind, "from", "to", created_at) '
        "values (:id, :p, :u, 'active', cast(:a as date), cast(:z as date), :at)"
    )
    if allowed:
        session.execute(statement, second)
    else:
        with pytest.raises(IntegrityError, match="ex_membership_person_period"):
            session.execute(statement, second)


@pytest.mark.parametrize("round_", range(5))
def test_two_files_naming_the_same_new_people_at_once_make_each_once(committing_app, world, round_):
    rows = [make.person_row(serial, tags=(NewTag(TagKind.FRONT_LINE),)) for serial in range(40)]
    barrier, found, errors = threading.Barrier(2), [], []

    def send(order):
        with committing_app.app_context():
            try:
                with transaction() as session:
                    barrier.wait()
                    found.append(services.save_people(session, world, order))
            except Exception as error:  # noqa: BLE001 - the test says which
                errors.append(error)

    with committing_app.app_context(), transaction() as session:
        make.tree(session, world)
    threads = [threading.Thread(target=send, args=(rows,)) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert found[0] == found[1]
    with committing_app.app_context(), transaction() as session:
        assert [len(rows_of(session, table)) for table in (Person, Membership, Consent, Tag)] == [40] * 4
        for code, (sentence, query) in INVARIANTS.items():
            assert session.execute(text(query)).all() == [], (code, sentence)


def test_the_invariants_find_what_they_are_there_to_find(session, world, tree):
    broken = {
        "U1": "update union_node set path = '/X/B1/' where code = 'B1'",
        "U2": "alter table membership drop constraint ex_membership_person_period; "
        'insert into membership (id, person_id, union_id, kind, "from", created_at) '
        'select gen_random_uuid(), person_id, union_id, kind, "from", now() from membership',
        "U3": "drop index uq_consent_current; "
        "insert into consent (id, person_id, purpose, answer, method, answered_on, evidence, recorded_at) "
        "select gen_random_uuid(), person_id, purpose, answer, method, answered_on, '', now() from consent",
        "U4": "drop index uq_person_verified_phone; update person set phone_index = '\\x00', phone_verified_at = now()",
    }
    save(session, world, make.person_row(1), make.person_row(2))
    session.execute(text("reset role"))
    # U5 and later are those of members' files: test_members.py breaks them.
    assert broken.keys() == {"U1", "U2", "U3", "U4"}
    for code, breach in broken.items():
        sentence, query = INVARIANTS[code]
        assert session.execute(text(query)).all() == [], sentence
        with session.begin_nested() as savepoint:
            for statement in breach.split("; "):
                session.execute(text(statement))
            assert session.execute(text(query)).all() != [], sentence
            savepoint.rollback()


def test_thirty_days_later_a_new_member_is_saved_with_that_day(session, world, clock, tree):
    clock.advance(timedelta(days=30))
    save(session, world, make.person_row(1, joined_on=None))
    assert rows_of(session, Membership)[0].from_ == date(2026, 12, 21)
