"""The file of a person: who may open it, standings by date, tags, kin, consents, phones, confirmation, duplicates."""

import hashlib
from dataclasses import replace
from datetime import date, timedelta

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from cardnet.access import services as access
from cardnet.access.rules import Role
from cardnet.kernel.calendar import day_of
from cardnet.kernel.errors import Conflict, InvalidInput, NotAllowed, NotFound
from cardnet.membership import services
from cardnet.membership.invariants import INVARIANTS
from cardnet.membership.member_rules import Confirmed, Ending, Relation
from cardnet.membership.rules import Answer, ConsentMethod, IdType, MembershipKind, Purpose, TagKind
from tests.make import membership as make
from tests.make.access import make_officer


@pytest.fixture
def tree(session, world):
    return make.tree(session, world)


@pytest.fixture
def officers(session, world, tree):
    roles = {"C": Role.DISTRICT_OFFICER, "D1": Role.TOWNSHIP_OFFICER}
    return {
        code: make_officer(
            session, world, f"o-{code}", roles.get(code, Role.UNIT_OFFICER), union_id=node.id, scope_path=node.path
        )
        for code, node in tree.items()
    }


@pytest.fixture
def person(session, world, tree):
    return make.people(session, world)[0]


def kinds(session, world, officer, person_id):
    file = services.open_file(session, world, officer, person_id)
    return [(m.kind, m.from_, m.to) for m in file.memberships]


# ---- who may look ----


def test_a_file_is_found_by_name_document_or_phone_within_the_scope_only(session, world, officers, person):
    for asked in ("周桂林", make.id_number(0), " 199 0000 0000", make.id_number(0).lower()):
        for code in ("B1", "D1", "C"):
            assert [found.id for found in services.find_people(session, officers[code], asked)] == [person], asked
        for code in ("B2", "B9", "D2"):
            assert services.find_people(session, officers[code], asked) == ()
    with pytest.raises(NotFound):
        services.open_file(session, world, officers["B9"], person)


def test_who_left_is_still_found_by_the_last_unit_and_nobody_else(session, world, officers, person):
    services.end_membership(session, world, services.EndMembership(person, Ending.LEFT, officers["B1"]))
    assert len(services.find_people(session, officers["B1"], "周桂林")) == 1
    assert services.find_people(session, officers["B9"], "周桂林") == ()


def test_every_look_is_on_record(session, world, officers, person):
    for code in ("B1", "C", "C"):
        services.open_file(session, world, officers[code], person)
    lines = access.trail(session, access.TrailQuery("/", subject_id=str(person), action="member.look"), 10)
    assert [line.actor[0] for line in lines] == ["o-c", "o-c", "o-b1"]


def test_without_the_role_nothing_is_done(session, world, officers, person, tree):
    cashier = make_officer(session, world, "cash", Role.CASHIER, union_id=tree["C"].id, scope_path="/C/")
    with pytest.raises(NotAllowed):
        services.open_file(session, world, cashier, person)
    with pytest.raises(NotAllowed):
        services.suspected_duplicates(session, officers["B1"])


# ---- standings ----


def test_retirement_is_a_date_on_the_person_whatever_the_age(session, world, officers, person):
    change = services.ChangeStanding(person, MembershipKind.RETIRED, officers["B1"], date(2026, 7, 1))
    services.change_standing(session, world, change)
    assert services.person_of_id(session, person).retired_on == date(2026, 7, 1)
    assert kinds(session, world, officers["B1"], person) == [
        (MembershipKind.RETIRED, date(2026, 7, 1), None),
        (MembershipKind.ACTIVE, date(2018, 4, 28), date(2026, 7, 1)),
    ]
    with pytest.raises(Conflict) as same:
        services.change_standing(session, world, change)
    services.change_standing(session, world, replace(change, kind=MembershipKind.ACTIVE, on=date(2026, 9, 1)))
    assert same.value.code == "standing_unchanged"
    assert services.person_of_id(session, person).retired_on is None
    # A member all the time, retired or not.
    assert services.person_of_id(session, person).member_since == date(2018, 4, 28)


@pytest.mark.parametrize("on", [date(2018, 4, 27), date(2026, 11, 23), date(2100, 1, 1)])
def test_no_standing_begins_in_the_future_or_before_the_one_it_ends(session, world, officers, person, on):
    with pytest.raises(InvalidInput):
        services.change_standing(session, world, services.ChangeStanding(person, MembershipKind.RETAINED, officers["B1"], on))  # fmt: skip
    with pytest.raises(InvalidInput):
        services.end_membership(session, world, services.EndMembership(person, Ending.LEFT, officers["B1"], on))


@pytest.mark.parametrize("ending", [Ending.LEFT, Ending.WITHDRAWN, Ending.DECEASED])
def test_whoever_left_is_no_member_and_joins_again_only_alive(session, world, officers, person, ending):
    services.end_membership(session, world, services.EndMembership(person, ending, officers["B1"], date(2026, 10, 1)))
    assert services.members_under(session, "/C/") == []
    with pytest.raises(Conflict) as gone:
        services.end_membership(session, world, services.EndMembership(person, ending, officers["B1"]))
    assert gone.value.code == "not_a_member"
    known = services.known_members(session, [services.key_of(session)(IdType.RESIDENT, make.id_number(0))], day_of(world.now()))  # fmt: skip
    assert next(iter(known.values())).deceased is (ending is Ending.DECEASED)


# ---- tags, kin, consents ----


def test_a_tag_carries_its_document_and_its_hash_and_is_ended_not_deleted(session, world, officers, person):
    give = services.GiveTag(person, TagKind.MODEL_WORKER, officers["B1"], "市级", "云工〔2026〕9号", date(2026, 5, 1), None, hashlib.sha256(b"scan").digest())  # fmt: skip
    tag = services.give_tag(session, world, give)
    assert tag.document_sha256 == hashlib.sha256(b"scan").hexdigest()
    with pytest.raises(Conflict):
        services.give_tag(session, world, give)
    today = day_of(world.now())
    assert services.people_with_tags(session, ["model_worker"], today) == {person}
    services.end_tag(session, world, services.EndTag(tag.id, officers["B1"]))
    assert services.people_with_tags(session, ["model_worker"], today) == set()
    assert services.people_with_tags(session, ["model_worker"], today - timedelta(days=1)) == {person}
    (kept,) = services.tags_of(session, person)
    assert (kept.id, kept.from_, kept.to) == (tag.id, date(2026, 5, 1), today)
    with pytest.raises(Conflict):
        services.end_tag(session, world, services.EndTag(tag.id, officers["B1"]))
    # And given again later, by another document.
    services.give_tag(session, world, replace(give, from_on=today, document="云工〔2027〕1号", sha256=None))


PDF = b"%PDF-1.7 \xe4\xba\x91"


def test_the_original_of_a_tag_is_sealed_opened_on_record_and_the_newest_counts(session, world, officers, person):
    give = services.GiveTag(person, TagKind.HARDSHIP, officers["B1"], "", "云工〔2026〕9号", original=PDF)
    tag = services.give_tag(session, world, give)
    assert (tag.original, tag.document_sha256) == ("application/pdf", hashlib.sha256(PDF).hexdigest())
    assert PDF not in session.scalar(text("select content from tag_original"))
    better = services.KeepTagOriginal(tag.id, officers["D1"], b"\xff\xd8\xff better")
    assert services.keep_tag_original(session, world, better).original == "image/jpeg"
    opened = services.open_tag_original(session, world, officers["B1"], tag.id)
    assert (opened.media_type, opened.content) == ("image/jpeg", better.content)
    assert opened.filename.startswith("hardship-") and opened.filename.endswith(".jpg")
    assert services.tags_of(session, person)[0].original == "image/jpeg"
    for act in (
        lambda: services.open_tag_original(session, world, officers["B9"], tag.id),
        lambda: services.keep_tag_original(session, world, replace(better, officer=officers["B9"])),
    ):
        with pytest.raises(NotFound) as refused:
            act()
        assert refused.value.code == "person_unknown"
    trail = access.trail(session, access.TrailQuery("/", subject_id=str(person)), 10)
    assert [line.action for line in reversed(trail)] == [
        "member.tag", "member.keep_original", "member.keep_original", "member.open_original",
    ]  # fmt: skip
    with pytest.raises(DBAPIError), session.begin_nested():
        session.execute(text("delete from tag_original"))


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"", "file_empty"),
        (b"MZ\x90\x00 a program named scan.pdf", "file_type"),
        (b"<html>", "file_type"),
        (b"PK\x03\x04 a document", "file_type"),
        (PDF + b"0" * (10 << 20), "file_too_large"),
    ],
)
def test_what_is_no_scan_is_not_kept_and_gives_no_tag(session, world, officers, person, content, code):
    give = services.GiveTag(person, TagKind.HARDSHIP, officers["B1"], "", "云工〔2026〕9号", original=content)
    with pytest.raises(InvalidInput) as refused, session.begin_nested():
        services.give_tag(session, world, give)
    assert refused.value.code == code
    assert services.tags_of(session, person) == ()


@pytest.mark.parametrize(
    ("change", "code"),
    [({"document": "  "}, "document_missing"), ({"to_on": date(2026, 4, 30)}, "period")],
)
def test_a_tag_without_a_document_or_with_a_backward_period_is_refused(session, world, officers, person, change, code):
    give = services.GiveTag(person, TagKind.HARDSHIP, officers["B1"], "", "云工〔2026〕9号", date(2026, 5, 1))
    with pytest.raises(InvalidInput) as refused:
        services.give_tag(session, world, replace(give, **change))
    assert refused.value.code == code


def test_kin_are_sealed_and_put_out_of_use_not_deleted(session, world, officers, person):
    kin_id = services.add_kin(session, world, services.AddKin(person, Relation.SPOUSE, officers["B1"], "李秀英", "138 0000 0005"))  # fmt: skip
    stored = session.execute(text("select name, phone from kin")).one()
    assert "李秀英".encode() not in stored.name and b"13800000005" not in stored.phone
    assert [(k.name, k.phone) for k in services.kin_of(session, person)] == [("李秀英", "13800000005")]
    services.end_kin(session, world, kin_id, officers["B1"])
    assert services.kin_of(session, person) == ()
    assert session.scalar(text("select count(*) from kin")) == 1


def test_each_purpose_is_answered_on_its_own_and_a_withdrawal_is_dated(session, world, officers, person):
    def answer(purpose, said, evidence="同意书 12 号"):
        services.record_consent(session, world, services.RecordConsent(person, purpose, said, ConsentMethod.SIGNED_FORM, officers["B1"], evidence))  # fmt: skip

    answer(Purpose.COVER_OPERATOR, Answer.GIVEN)
    answer(Purpose.NOTICES, Answer.DECLINED, "")
    with pytest.raises(InvalidInput) as unproved:
        answer(Purpose.NOTICES, Answer.GIVEN, " ")
    assert unproved.value.code == "evidence_missing"
    services.withdraw_consent(session, world, services.WithdrawConsent(person, Purpose.COVER_OPERATOR, officers["B1"]))
    now = {one.purpose: one for one in services.consents_of(session, person) if one.superseded_at is None}
    assert now[Purpose.CARD].counts and now[Purpose.NOTICES].answer is Answer.DECLINED
    assert not now[Purpose.COVER_OPERATOR].counts
    with pytest.raises(Conflict):
        services.withdraw_consent(session, world, services.WithdrawConsent(person, Purpose.NOTICES, officers["B1"]))
    answer(Purpose.COVER_OPERATOR, Answer.GIVEN, "同意书 30 号")
    assert len([one for one in services.consents_of(session, person) if one.purpose is Purpose.COVER_OPERATOR]) == 2


# ---- phones ----


def test_the_newest_verified_holder_takes_a_number_over(session, world, officers, tree):
    first, second, third = make.people(session, world, 3)

    def change(person_id, verified, phone="138 0000 1234"):
        return services.change_phone(session, world, services.ChangePhone(person_id, officers["B1"], phone, verified))

    assert change(first, True) == 0
    assert change(second, True) == 1
    # Written down, not verified: nobody loses anything.
    assert change(third, False) == 0
    verified = session.scalars(text("select id from person where phone_verified_at is not null")).all()
    assert verified == [second]
    assert services.person_of_id(session, first).phone == "13800001234"
    with pytest.raises(InvalidInput):
        change(first, True, "12345")
    with pytest.raises(Conflict):
        change(second, True)


# ---- joiners and leavers ----


def test_who_came_and_who_went_in_a_month(session, world, officers, tree):
    stays, moves, retires = make.people(session, world, 3, joined_on=date(2026, 10, 8))
    (old,) = services.save_people(session, world, [make.person_row(50, joined_on=date(2026, 9, 30))]).values()
    services.change_standing(session, world, services.ChangeStanding(retires, MembershipKind.RETIRED, officers["B1"], date(2026, 11, 2)))  # fmt: skip
    started = services.start_transfer(session, world, services.StartTransfer(moves, tree["B9"].id, officers["C"], date(2026, 11, 3)))  # fmt: skip
    services.accept_transfer(session, world, services.AnswerTransfer(started.transfer_id, officers["B1"]))
    services.end_membership(session, world, services.EndMembership(old, Ending.LEFT, officers["B1"], date(2026, 11, 20)))  # fmt: skip
    october, november, december = date(2026, 10, 1), date(2026, 11, 1), date(2026, 12, 1)
    assert {m.person.id for m in services.joiners(session, "/C/D1/B1/", october, november)} == {stays, moves, retires}
    gone = {m.person.id: (m.how, m.other and m.other.code) for m in services.leavers(session, "/C/D1/B1/", november, december)}  # fmt: skip
    # Retirement is no departure.
    assert gone == {moves: ("transferred", "B9"), old: ("left", None)}
    (came,) = services.joiners(session, "/C/D2/", november, december)
    assert (came.person.id, came.how, came.other.code) == (moves, "transferred", "B1")


# ---- duplicates ----


@pytest.fixture
def twins(session, world, tree):
    """One human in two forms: 居民身份证 at B1, a passport at B9, the same phone and birth date."""
    first = make.person_row(0, "B1")
    second = make.person_row(1, "B9", id_type=IdType.PASSPORT, id_number="E12345678", phone=first.phone)
    ids = services.save_people(session, world, [first, second])
    key = services.key_of(session)
    return tuple(ids[key(row.id_type, row.id_number)] for row in (first, second))


def test_two_files_of_one_person_are_found_and_merged_and_both_documents_lead_to_one(
    session, world, officers, twins, tree
):
    keep, other = twins
    (pair,) = services.suspected_duplicates(session, officers["C"])
    assert {pair.first.id, pair.second.id} == {keep, other}
    assert pair.reasons == ("name_birth", "phone_birth", "phone_name")
    tag = services.give_tag(session, world, services.GiveTag(other, TagKind.HARDSHIP, officers["B9"], "", "云工〔2026〕9号", original=PDF))  # fmt: skip
    services.merge_people(session, world, services.MergePeople(keep, other, officers["C"], "核对过护照"))
    assert services.suspected_duplicates(session, officers["C"]) == ()
    assert services.people_of_document(session, "E12345678") == services.people_of_document(session, make.id_number(0)) == {keep}  # fmt: skip
    key = services.key_of(session)(IdType.PASSPORT, "E12345678")
    assert services.known_members(session, [key], day_of(world.now()))[key].person_id == keep
    assert services.save_people(session, world, [make.person_row(1, "B1", id_type=IdType.PASSPORT, id_number="E12345678")]) == {key: keep}  # fmt: skip
    file = services.open_file(session, world, officers["C"], keep)
    assert file.ids == (keep, other) and {m.union.code for m in file.memberships} == {"B1", "B9"}
    assert services.people_with_tags(session, ["hardship"], day_of(world.now())) >= {keep}
    assert services.open_tag_original(session, world, officers["B1"], tag.id).content == PDF, (
        "it stands in their file now"
    )
    assert session.scalar(text("select count(*) from person")) == 2
    with pytest.raises(Conflict):
        services.merge_people(session, world, services.MergePeople(keep, other, officers["C"]))
    trail = access.trail(session, access.TrailQuery("/", action="member.merge"), 10)
    assert {line.subject_id for line in trail} == {str(keep), str(other)}
    assert not [code for code, (_, sql) in INVARIANTS.items() if session.execute(text(sql)).first()]


def test_two_people_who_only_look_alike_are_not_shown_again(session, world, officers, twins):
    services.declare_distinct(session, world, services.MergePeople(*twins, officers["C"]))
    services.declare_distinct(session, world, services.MergePeople(*twins[::-1], officers["C"]))
    assert services.suspected_duplicates(session, officers["C"]) == ()
    with pytest.raises(InvalidInput):
        services.merge_people(session, world, services.MergePeople(twins[0], twins[0], officers["C"]))


# ---- the yearly confirmation ----


def test_a_unit_confirms_its_own_people_only(session, world, officers, tree):
    here = make.people(session, world, 2)
    with pytest.raises(NotFound):
        services.confirm_members(session, world, services.Confirm(tree["B1"].id, officers["B9"], tuple(here), Confirmed.STAYS))  # fmt: skip
    with pytest.raises(Conflict):
        services.confirm_members(session, world, services.Confirm(tree["B9"].id, officers["C"], tuple(here), Confirmed.STAYS))  # fmt: skip
    assert services.confirm_the_rest(session, world, tree["B1"].id, officers["B1"]) == 2
    (line,) = services.confirmation_counts(session, "/C/", 2026)
    assert (line.union.code, line.total, line.waiting) == ("B1", 2, 0)
    (again,) = services.confirmation_counts(session, "/C/", 2027)
    assert again.waiting == 2


BROKEN = [
    ("U5", "update membership set \"to\" = current_date where \"to\" is null"),
    ("U6", "update person set deceased_on = current_date"),
    ("U7", "insert into transfer_proposal (id, person_id, from_union_id, to_union_id, state, origin, proposed_at, due_at, working_days, decided_at) "
           "select gen_random_uuid(), m.person_id, m.union_id, (select id from union_node where code = 'B9'), 'released', 'officer', now(), now(), 5, now() from membership m"),
    ("U8", "update person set merged_into_id = (select id from person p where p.id <> person.id limit 1)"),
]  # fmt: skip


@pytest.mark.parametrize(("code", "breach"), BROKEN)
def test_each_invariant_finds_its_planted_breach(session, world, tree, code, breach):
    make.people(session, world, 2)
    assert session.execute(text(INVARIANTS[code][1])).first() is None
    session.execute(text(breach))
    assert session.execute(text(INVARIANTS[code][1])).first() is not None
