"""A union with others below it has people of its own: a bureau's staff, the head office of a plant with workshops."""

from datetime import date

import pytest

from cardnet.issuance import services
from cardnet.issuance.rules import Verdict
from cardnet.issuance.rules.answers import MemberAnswer
from cardnet.issuance.rules.unit_approval import ApprovalKind
from cardnet.issuance.services import self_filled
from cardnet.issuance.services.answers import answers_by_union, register_lines
from cardnet.membership import services as membership
from cardnet.membership.member_rules import Confirmed
from tests.make import membership as make_membership
from tests.make.issuance import lines_of, make_office, make_officer

WORKSHOPS = (("W1", "恒启精密机械一车间工会", "unit", "B1"), ("W2", "恒启精密机械二车间工会", "unit", "B1"))
MEMBERS = {"D1": range(4), "B1": range(10, 13), "W1": range(20, 22), "W2": range(30, 31), "B2": range(40, 45)}
"""Own people of each union, by serial: a bureau, a plant of it with two workshops, another unit."""


@pytest.fixture
def office(session, world):
    office = make_office(session, world)
    office.unions = make_membership.tree(session, world, make_membership.TREE + WORKSHOPS)
    office.officers["UW"] = make_officer(session, world, office.unions["W1"], "UW")
    for unit, serials in MEMBERS.items():
        register(office, unit, serials)
    return office


def register(office, unit, serials):
    lines = [make_membership.roster_line(n, unit=unit, consent="", phone="") for n in serials]
    content = make_membership.csv_file(make_membership.roster_cells(lines))
    membership.import_register(office.session, office.world, membership.ImportRegister(content, "名册.csv", unit))


def check(office, content, officer):
    unit = next(union for union in office.unions.values() if union.id == office[officer].union_id)
    command = services.CheckRoster(content, "名单.csv", unit.code, office[officer])
    return services.check_roster(office.session, office.world, command)


def named(office, officer, answer=None):
    lines, total = register_lines(office.session, office.world, office[officer], answer, 100, 0)
    assert total == len(lines)
    return {line.person.id_number for line in lines}


def numbers(unit):
    return {make_membership.id_number(n) for n in MEMBERS[unit]}


def test_three_levels_add_up_and_nobody_is_counted_twice(office):
    office.issue(10)
    office.give_unit("D1", 2)
    office.submit(office.roster(0, unit="D1"), "D1", "D1u")
    lines = {line.union.code: line for line in answers_by_union(office.session, office.world, "/C/")}
    assert {code: (lines[code].own.members, lines[code].total.members) for code in ("C", "D1", "B1", "W1", "B2")} == {
        "C": (0, 15), "D1": (4, 15), "B1": (3, 6), "W1": (2, 2), "B2": (5, 5),
    }  # fmt: skip
    assert (lines["D1"].own.in_progress, lines["B1"].own.has_card, lines["C"].total.no_answer) == (1, 1, 13)
    for code in ("C", "D1", "B1"):
        below = [line.total for line in lines.values() if line.union.parent_id == lines[code].union.id]
        assert sum(below, lines[code].own) == lines[code].total
    counts = {line.union.code: line for line in services.card_counts(office.session, office.world, "/C/", office.year)}
    assert (counts["D1"].own.members, counts["D1"].own.submitted, counts["B1"].own.issued) == (4, 1, 1)
    assert (counts["C"].total.members, counts["C"].total.submitted, counts["C"].total.issued) == (15, 2, 1)


@pytest.mark.parametrize(("officer", "unit"), [("D1u", "D1"), ("U1", "B1"), ("UW", "W1"), ("U2", "B2")])
def test_each_union_names_its_own_people_and_never_those_below(office, officer, unit):
    assert named(office, officer) == numbers(unit)
    assert named(office, officer, MemberAnswer.HAS_CARD) == set()


def test_a_place_missing_is_missing_in_the_persons_own_union(office):
    office.give_unit("D1", 2)
    office.give_unit("B1", 1)
    lines = [make_membership.roster_line(n, unit=unit) for unit in ("D1", "B1") for n in list(MEMBERS[unit])[:3]]
    lines.append(make_membership.roster_line(40, unit="B2"))
    checked = check(office, make_membership.csv_file(make_membership.roster_cells(lines)), "D1u")
    assert [row.row for row in checked.rows if "quota_short" in row.codes] == [3, 5, 6]
    assert (checked.quota_needed, checked.quota_free, checked.quota_short) == (7, 3, 3), "B2 was handed none down yet"
    receipt = office.submit(make_membership.csv_file(make_membership.roster_cells(lines)), "D1", "D1u")
    assert (receipt.submitted, receipt.waitlisted) == (3, 4)


def test_who_says_no_union_is_the_senders_own_where_nothing_is_below_it(office):
    def units(officer):
        cells = make_membership.roster_cells([make_membership.roster_line(77, unit="")])
        checked = check(office, make_membership.csv_file(cells), officer)
        return [(row.person.unit_code if row.person else None, row.codes) for row in checked.rows]

    assert units("D1u") == [(None, ("unit_unknown",))], "a bureau's list may well be of its units"
    assert units("UW") == [("W1", ())]
    alone = make_membership.tree(office.session, office.world, (("D8", "区档案局工会", "township", "C"),))["D8"]
    office.officers["D8u"] = make_officer(office.session, office.world, alone, "D8u")
    office.unions["D8"] = alone
    assert units("D8u") == [("D8", ())]


def test_a_bureaus_people_fill_in_its_chair_confirms_and_the_district_is_first_to_review(office, session, world):
    """D2 is a bureau with one officer, a unit below it and staff of its own."""
    office.give_unit("D2", 5)
    poster = self_filled.open_poster(session, world, self_filled.OpenPoster(office["D9u"], "D2", date(2026, 12, 20)))
    typed = {
        "name": "周桂林", "id_type": "居民身份证", "id_number": make_membership.id_number(60), "phone": "19900000060",
        "employment": "在编", "consent": "是",
    }  # fmt: skip
    self_filled.fill_in(session, world, self_filled.FillIn(poster.token, typed, "10.0.0.1"))
    (entry,) = self_filled.entries_of(session, world, office["D9u"], office.unions["D2"])
    taken = self_filled.take_entries(session, world, self_filled.TakeEntries(office["D9u"], (entry.id,)))
    (line,) = lines_of(session, taken.batch_id)
    assert (line.path, line.review_path) == ("/C/D2/", "/C/D2/")
    assert [(union.code, rows, officers) for union, rows, officers in services.awaiting_unit_approval(session, taken.batch_id, "/")] == [("D2", 1, 1)]  # fmt: skip
    ask = services.AskApproval(taken.batch_id, "D2", ApprovalKind.LINK, "王建国", office["D9u"])
    asked = services.ask_approval(session, world, ask)
    done = services.decide_by_link(session, world, services.DecideByLink(asked.token, "王建国", Verdict.APPROVE))
    assert (done.rows, done.next_path) == (1, "/C/")
    office.review(taken.batch_id, "C1")
    services.issue_cards(session, world, services.IssueCards(taken.batch_id, office["C1"]))
    assert named(office, "D9u", MemberAnswer.HAS_CARD) == {make_membership.id_number(60)}
    assert office.quota("D2").used == 1
    assert office.breaches() == {}


def test_rows_of_a_unit_that_stand_before_its_bureau_are_no_matter_of_the_bureaus_chair(office, session):
    office.give_unit("B9", 2)
    batch = office.submit(office.roster(70, unit="B9"), "B9", "U9").batch_id
    ask = services.ask_approval(session, office.world, services.AskApproval(batch, "B9", ApprovalKind.LINK, "王", office["U9"]))  # fmt: skip
    services.decide_by_link(session, office.world, services.DecideByLink(ask.token, "王", Verdict.APPROVE))
    assert [line.review_path for line in lines_of(session, batch)] == ["/C/D2/"]
    assert services.awaiting_unit_approval(session, batch, "/") == ()


def test_a_bureau_confirms_its_own_people_for_the_year(office, session, world):
    officer = office["D1u"]
    found = membership.confirmation_list(session, officer.union_id, office.year)
    assert {line.person.id_number for line in found.lines} == numbers("D1")
    one = found.lines[0].person.id
    command = membership.Confirm(officer.union_id, officer, (one,), Confirmed.RETIRED)
    assert services.confirm_members(session, world, command) == 1
    assert membership.confirm_the_rest(session, world, officer.union_id, officer) == 3
    counts = {line.union.code: (line.total, line.waiting) for line in membership.confirmation_counts(session, "/C/D1/", office.year)}  # fmt: skip
    assert counts == {"D1": (4, 0), "B1": (3, 3), "W1": (2, 2), "W2": (1, 1), "B2": (5, 5)}


def test_a_spread_keeps_the_places_of_a_unions_own_people_back(office, session, world):
    """15 members: 4 of D1 itself, 3 of B1 itself and 2 and 1 of its workshops, 5 of B2."""
    office.grant(30)
    services.spread_quota(session, world, services.SpreadQuota(office.year))
    lines = {line.union.code: (line.received, line.free) for line in services.quota_tree(session, office.year)}
    assert lines == {
        "C": (30, 0), "D1": (30, 8), "B1": (12, 6), "W1": (4, 4), "W2": (2, 2), "B2": (10, 10),
    }  # fmt: skip
