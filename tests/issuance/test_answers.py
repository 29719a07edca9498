"""The register and its answers: every member in exactly one, names inside the unit only."""

from datetime import UTC, date, datetime, timedelta

import pytest

from cardnet.issuance import services
from cardnet.issuance.rules import Verdict
from cardnet.issuance.rules.answers import ANSWER_WORDS, MemberAnswer
from cardnet.issuance.services.answers import answers_by_union, register_lines
from cardnet.membership import services as membership
from cardnet.membership.member_rules import Ending
from cardnet.membership.rules import TransferState
from cardnet.web.words import ANSWERS
from tests.make import membership as make_membership
from tests.make.issuance import make_office


@pytest.fixture
def office(session, world):
    return make_office(session, world)


def register(office, serials, unit="B1", **cells):
    lines = [make_membership.roster_line(n, unit=unit, **{"consent": "", "phone": "", **cells}) for n in serials]
    content = make_membership.csv_file(make_membership.roster_cells(lines))
    return membership.import_register(
        office.session, office.world, membership.ImportRegister(content, "名册.csv", unit)
    )


def figures(office, path="/C/"):
    lines = answers_by_union(office.session, office.world, path)
    return {line.union.code: line for line in lines}


def lines_of(office, answer=None, officer="U1"):
    lines, total = register_lines(office.session, office.world, office[officer], answer, 100, 0)
    assert len(lines) == total
    return lines


def test_every_member_is_in_exactly_one_answer_and_the_sum_is_the_register(office):
    register(office, range(20))
    office.issue(0, 1)
    office.give_unit("B1", 2)
    receipt = office.submit(office.roster(2, 3, 4))
    office.submit(office.roster(5, 6, consent="否"))
    office.review(receipt.batch_id, "A1", Verdict.REJECT, (1,), ("R08",))
    own = figures(office)["B1"].own
    assert (own.members, own.has_card, own.in_progress, own.declined, own.no_answer) == (20, 2, 3, 2, 13)
    assert own.to_submit == 1, "the yes of the rejected one stands, and somebody must act on it"
    assert own.members == own.has_card + own.in_progress + own.declined + own.no_answer
    assert figures(office)["C"].total == figures(office)["D1"].total == own
    assert figures(office)["B2"].total.members == 0


def test_a_waitlisted_and_a_returned_application_are_in_progress(office):
    register(office, range(3))
    office.give_unit("B1", 1)
    receipt = office.submit(office.roster(0, 1))
    office.review(receipt.batch_id, "A1", Verdict.RETURN, (1,), ("R02",))
    assert figures(office)["B1"].own.in_progress == 2
    assert [line.answer for line in lines_of(office)] == ["no_answer", "in_progress", "in_progress"]


def test_a_no_after_a_yes_counts_and_a_card_counts_before_any_answer(office):
    office.issue(0)
    office.submit(office.roster(1, consent="否"))
    register(office, [0, 1, 2])
    assert {line.answer for line in lines_of(office, MemberAnswer.HAS_CARD)} == {"has_card"}
    assert len(lines_of(office, MemberAnswer.DECLINED)) == 1
    assert [line.person.id_number for line in lines_of(office, MemberAnswer.NO_ANSWER)] == [
        make_membership.id_number(2)
    ]


def test_a_member_who_left_or_died_is_not_in_the_register(office, session):
    from sqlalchemy import text

    register(office, range(3))
    session.execute(text('update membership set "to" = "from" where person_id = (select min(person_id::text)::uuid from membership)'))  # fmt: skip
    session.execute(text("update person set deceased_on = '2026-01-01' where id = (select max(person_id::text)::uuid from membership)"))  # fmt: skip
    assert figures(office)["B1"].own.members == 1


@pytest.mark.parametrize("officer", ["D1u", "C1", "D9u"])
def test_above_the_unit_there_are_no_names(office, officer):
    register(office, range(2))
    assert lines_of(office, officer=officer) == ()


def test_sending_the_register_again_adds_nobody(office):
    first, again = register(office, range(5)), register(office, range(5))
    assert ((first.added, first.known), (again.added, again.known)) == ((5, 0), (0, 5))


def test_words_of_pages_and_rules_are_the_same():
    assert {key: str(word) for key, (_, word) in ANSWERS.items()} == {str(k): word for k, word in ANSWER_WORDS.items()}


# ---- members of another unit ----


def test_a_roster_row_of_another_units_member_becomes_a_proposal_for_both_units(office, session, world):
    register(office, range(3), unit="B2")
    office.give_unit("B1", 5)
    receipt = office.submit(office.roster(0, 1, 7))
    assert (receipt.submitted, receipt.transfers) == (3, 2)
    for unit in ("B1", "B2"):
        lines = membership.transfers_of(session, office.unions[unit].id)
        assert [(line.from_union.code, line.to_union.code, line.state) for line in lines] == [
            ("B2", "B1", "proposed")
        ] * 2
    assert membership.transfers_of(session, office.unions["B9"].id) == ()
    assert membership.open_transfers(session, office.unions["B2"].id) == 2
    assert figures(office)["B2"].own.members == 3, "nobody has moved yet"
    assert lines[0].due_at > lines[0].proposed_at
    assert membership.transfers_of(session, office.unions["B1"].id, frozenset({TransferState.RELEASED})) == ()


def test_the_same_person_is_proposed_to_one_unit_once_however_often_they_are_named(office, session):
    register(office, [0], unit="B2")
    office.give_unit("B1", 5)
    office.submit(office.roster(0, consent="否"))
    register(office, [0], unit="B1")
    office.submit(office.roster(0, consent="否", remark="再报"))
    assert len(membership.transfers_of(session, office.unions["B2"].id)) == 1


def test_who_holds_a_card_elsewhere_keeps_it_uses_no_quota_and_is_only_proposed(office, session, world):
    office.issue(0)
    content = office.roster(0, unit="B2")
    check = services.check_roster(session, world, services.CheckRoster(content, "x.csv", "B2", office["U2"]))
    assert (check.rows[0].codes, check.quota_needed) == (("member_elsewhere",), 0)
    assert "原卡继续用" in check.rows[0].findings[-1].message
    receipt = office.submit(content, "B2", "U2")
    assert (receipt.submitted, receipt.waitlisted, receipt.transfers) == (0, 0, 1)
    assert office.breaches() == {}


def test_coverage_is_one_figure_whether_cards_expire_or_their_people_leave_or_move(office, session, world, clock):
    kept, left, moved = office.issue(10, 11, 12)

    def holders():
        """已办卡 of the register and 持卡 of the overview, of B1, of B9 and of all."""
        register = {line.union.code: line for line in answers_by_union(session, world, "/")}
        overview = {line.union.code: line for line in services.card_counts(session, world, "/", office.year)}
        both = {code: (register[code].own.has_card, overview[code].own.holders) for code in ("B1", "B9")}
        whole = (register["C"].total.has_card, overview["C"].total.holders)
        assert all(one.own.holders <= one.own.members for one in overview.values())
        return both["B1"], both["B9"], whole

    assert holders() == ((3, 3), (0, 0), (3, 3))
    end = membership.EndMembership(left.person_id, Ending.LEFT, office["U1"])
    services.end_membership(session, world, end)
    target = membership.union_of_code(session, "B9")
    transfer = membership.StartTransfer(moved.person_id, target.id, office["C1"])
    services.transfer_member(session, world, transfer)
    clock.advance(timedelta(days=1))
    assert holders() == ((1, 1), (1, 1), (2, 2))
    clock.set(datetime(2031, 1, 1, 2, tzinfo=UTC))
    assert holders() == ((0, 0), (0, 0), (0, 0))
    assert services.card_of_number(session, kept.number).valid_to == date(2030, 12, 31)
