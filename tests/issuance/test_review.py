"""Applications and their review: scope, tiers, separation of duties, returns, rejections (S24 and issuance.md)."""

from datetime import timedelta

import pytest
from sqlalchemy import text

from cardnet.access.rules import Role
from cardnet.issuance import rules, services
from cardnet.issuance.rules import ApplicationAction, ApplicationState, Verdict
from cardnet.issuance.services import desk
from cardnet.kernel.errors import Conflict, InvalidInput, NotAllowed, NotFound
from cardnet.membership.columns import Column
from tests.make import membership as make_membership
from tests.make.issuance import lines_of, make_office, make_officer


@pytest.fixture
def office(session, world):
    return make_office(session, world)


@pytest.fixture
def batch(office):
    office.give_unit("B1", 5)
    return office.submit(office.roster(0, 1, 2)).batch_id


def states(session, batch):
    return [line.state for line in lines_of(session, batch)]


def correction(batch, row, officer, **values):
    """A returned row of `office.roster` corrected: what is not named stays as the roster had it."""
    serial = values.pop("serial", row - 1)
    typed = {
        Column.NAME: "周桂林", Column.ID_TYPE: "居民身份证", Column.ID_NUMBER: make_membership.id_number(serial),
        Column.PHONE: f"199{serial:08d}", Column.EMPLOYMENT: "合同制",
    }  # fmt: skip
    return services.CorrectRow(
        batch, row, officer, typed | {Column[name.upper()]: value for name, value in values.items()}
    )


def test_a_roster_passes_three_tiers_and_is_issued(office, batch, session, world):
    assert office.review(batch, "A1").next_path == "/C/D1/"
    assert office.review(batch, "D1u").state is ApplicationState.IN_REVIEW
    assert office.review(batch, "C1") == services.ReviewReceipt(
        batch, Verdict.APPROVE, 3, ApplicationState.APPROVED, None, 0
    )
    cards = services.issue_cards(session, world, services.IssueCards(batch, office["C1"]))
    assert [card.row for card in cards] == [1, 2, 3]
    assert all(rules.is_card_number(card.number) for card in cards)
    assert len({card.activation_code for card in cards}) == 3
    assert states(session, batch) == [ApplicationState.ISSUED] * 3
    assert (office.quota("B1").held, office.quota("B1").used, office.quota("B1").free) == (0, 3, 2)
    assert office.breaches() == {}


def test_cards_are_issued_once(office, batch, session, world):
    office.approve_all_the_way(batch)
    services.issue_cards(session, world, services.IssueCards(batch, office["C1"]))
    with pytest.raises(Conflict, match=r"nothing_to_issue.*已发卡 3 人"):
        services.issue_cards(session, world, services.IssueCards(batch, office["C1"]))


def test_an_activation_code_is_stored_nowhere_in_the_clear(office, batch, session, world):
    office.approve_all_the_way(batch)
    card = services.issue_cards(session, world, services.IssueCards(batch, office["C1"]))[0]
    for table in ("activation_code", "card", "card_event", "audit_event", "application_event"):
        for row in session.execute(text(f"select {table}::text from {table}")).scalars():
            assert card.activation_code not in row
            assert card.activation_code.encode().hex() not in row
    assert card.activation_code not in repr(card)


def test_only_the_service_centre_issues(office, batch, session, world):
    office.approve_all_the_way(batch)
    with pytest.raises(NotAllowed, match="role_missing"):
        services.issue_cards(session, world, services.IssueCards(batch, office["D1u"]))


def test_a_districts_role_on_an_account_of_a_unit_issues_nothing(office, batch, session, world):
    office.approve_all_the_way(batch)
    climber = make_officer(session, world, office.unions["B1"], "climber", Role.DISTRICT_OFFICER)
    with pytest.raises(NotAllowed, match="role_missing"):
        services.issue_cards(session, world, services.IssueCards(batch, climber))


def test_the_submitter_never_approves(office, batch):
    for verdict, reasons in ((Verdict.APPROVE, ()), (Verdict.RETURN, ("R02",)), (Verdict.REJECT, ("R08",))):
        with pytest.raises(NotAllowed, match="sod_violation"):
            office.review(batch, "U1", verdict, reasons=reasons)


def test_all_leaves_out_whom_one_has_acted_on_and_says_how_many(office, session, world):
    office.give_unit("B1", 5)
    mixed = office.submit(office.roster(0, 1)).batch_id
    # A1 is the unit's reviewer and sends one row in again: so that one row is another's to decide.
    office.review(mixed, "A1", Verdict.RETURN, (1,), ("R04",))
    services.correct_row(session, world, correction(mixed, 1, office["A1"]))
    assert office.review(mixed, "A1").left == 1
    with pytest.raises(NotAllowed, match="sod_violation"):
        office.review(mixed, "A1", rows=(1,))


def test_each_tier_acts_only_when_it_is_its_turn_and_only_in_its_scope(office, batch):
    with pytest.raises(Conflict, match="nothing_to_review"):
        office.review(batch, "C1")
    with pytest.raises(NotAllowed, match="out_of_scope"):
        office.review(batch, "U2")
    with pytest.raises(Conflict, match="not_at_your_tier"):
        office.review(batch, "D1u", rows=(1,))
    with pytest.raises(NotFound, match=r"row_unknown.*第 9 行"):
        office.review(batch, "A1", rows=(1, 9))
    with pytest.raises(NotFound, match="batch_unknown"):
        office.review(office.unions["C"].id, "A1")


def test_the_second_officer_is_told_who_was_first(office, batch):
    office.review(batch, "A1")
    office.review(batch, "D1u", rows=(2,))
    with pytest.raises(Conflict, match=r"already_decided.*D1u同志") as refused:
        office.review(batch, "D2u", Verdict.REJECT, rows=(2,), reasons=("R05",))
    assert refused.value.detail["by"] == "D1u同志"
    assert office.review(batch, "D2u").rows == 2
    with pytest.raises(Conflict, match="already_decided"):
        office.review(batch, "D1u")


def test_a_finance_account_in_the_same_union_reviews_nothing(office, batch, session, world):
    from cardnet.access.rules import Role
    from tests.make.issuance import make_officer

    maker = make_officer(session, world, office.unions["B1"], "maker", Role.FINANCE_MAKER)
    with pytest.raises(NotAllowed, match="role_missing"):
        services.review(session, world, services.Review(batch, maker, Verdict.APPROVE))


def test_a_return_needs_a_known_reason(office, batch):
    with pytest.raises(InvalidInput, match="reason_missing"):
        office.review(batch, "A1", Verdict.RETURN)
    with pytest.raises(InvalidInput, match="reason_unknown"):
        office.review(batch, "A1", Verdict.REJECT, reasons=("R14",))


def test_a_returned_row_keeps_its_place_and_comes_back_in_round_two(office, batch, session, world):
    office.review(batch, "A1")
    office.review(batch, "D1u", Verdict.RETURN, (2,), ("R02",))
    assert states(session, batch)[1] is ApplicationState.RETURNED
    assert office.quota("B1").held == 3
    again = office.submit(office.roster(1, department="二车间"))
    assert (again.submitted, again.resubmitted, office.quota("B1").held) == (1, 1, 3)
    line = lines_of(session, again.batch_id)[0]
    assert (line.round, line.state, line.review_path) == (2, ApplicationState.SUBMITTED, "/C/D1/B1/")
    # Round two goes through the same people; nobody is barred for what they did at their own tier before.
    office.review(again.batch_id, "A1")
    office.review(again.batch_id, "D1u")
    assert office.breaches() == {}


def test_a_rejection_gives_the_place_to_the_next_in_line(office, session, world):
    office.give_unit("B1", 1)
    first = office.submit(office.roster(0))
    waiting = office.submit(office.roster(1, 2))
    assert (waiting.submitted, waiting.waitlisted) == (0, 2)
    assert [line.place for line in lines_of(session, waiting.batch_id)] == [1, 2]
    receipt = office.review(first.batch_id, "A1", Verdict.REJECT, reasons=("R08",))
    assert receipt.moved_up == 1
    lines = lines_of(session, waiting.batch_id)
    # The first in line has an offer and no number in the line any more.
    assert [(line.state, line.place) for line in lines] == [
        (ApplicationState.WAITLISTED, None),
        (ApplicationState.WAITLISTED, 1),
    ]
    office.accept("U1")
    assert lines_of(session, waiting.batch_id)[0].state is ApplicationState.SUBMITTED
    assert office.breaches() == {}


def test_each_tier_has_five_working_days(office, batch, session):
    # START is Saturday 2026-11-21 10:00 +08:00; the fifth working day after it is Friday the 27th.
    due = lines_of(session, batch)[0].due_at
    assert due.isoformat() == "2026-11-27T02:00:00+00:00"


@pytest.mark.parametrize("state", list(ApplicationState))
@pytest.mark.parametrize("action", list(ApplicationAction))
def test_everything_not_listed_is_an_illegal_transition(state, action):
    if (state, action) in rules.APPLICATION_STEPS:
        assert isinstance(rules.next_application_state(state, action), ApplicationState)
    else:
        with pytest.raises(Conflict, match="illegal_transition"):
            rules.next_application_state(state, action)


def test_a_bureau_whose_own_staff_apply_has_two_tiers(office, session, world):
    """The route is the chain from the row's union to the root, however long."""
    assert rules.review_route("/C/D1/B1/") == ("/C/D1/B1/", "/C/D1/", "/C/")
    assert rules.review_route("/C/") == ("/C/",)
    office.give_unit("D1", 1)
    batch = office.submit(office.roster(0, unit="D1"), "D1", "D1u").batch_id
    office.review(batch, "D2u")
    office.review(batch, "C1")
    assert states(session, batch) == [ApplicationState.APPROVED]


# ---- correcting, withdrawing, lapsing ----


def returned(office, session, world, *rows):
    batch = office.submit(office.roster(0, 1, 2)).batch_id
    office.review(batch, "A1")
    office.review(batch, "D1u", Verdict.RETURN, rows, ("R01",))
    return batch


def test_one_returned_row_is_corrected_by_itself_and_stays_in_its_batch(office, session, world, clock):
    office.give_unit("B1", 3)
    batch = returned(office, session, world, 2)
    clock.advance(timedelta(days=1))
    done = services.correct_row(session, world, correction(batch, 2, office["U1"], name="周桂霖"))
    assert (done.round, done.review_path) == (2, "/C/D1/B1/")
    line = lines_of(session, batch)[1]
    assert (line.round, line.state, line.hold_until) == (2, ApplicationState.SUBMITTED, None)
    shown = desk.row_of(session, office["U1"], desk.batch_of(session, office["U1"], batch), 2)
    assert shown.person.name == "周桂霖"
    assert office.quota("B1").held == 3
    actions = [act.action for act in desk.application_history(session, office["C1"], line.application_id)]
    assert actions == ["submit", "pass_on", "return", "resubmit"]
    office.review(batch, "A1", rows=(2,))
    assert office.breaches() == {}


def test_a_corrected_row_is_checked_like_a_whole_roster(office, session, world):
    office.give_unit("B1", 3)
    batch = returned(office, session, world, 2)
    with pytest.raises(InvalidInput, match="row_has_errors") as refused:
        services.correct_row(
            session, world, correction(batch, 2, office["U1"], id_number="110105194912310021", phone="12345")
        )
    assert {error.code for error in refused.value.errors} >= {"id_checksum", "phone_format"}
    # Somebody else's document, who is in review already.
    with pytest.raises(InvalidInput, match="row_has_errors") as refused:
        services.correct_row(session, world, correction(batch, 2, office["U1"], serial=0))
    assert {error.code for error in refused.value.errors} == {"application_open"}
    with pytest.raises(Conflict, match="illegal_transition"):
        services.correct_row(session, world, correction(batch, 1, office["U1"]))
    with pytest.raises(NotAllowed, match="out_of_scope"):
        services.correct_row(session, world, correction(batch, 2, office["U2"]))
    with pytest.raises(NotFound, match="row_unknown"):
        services.correct_row(session, world, correction(batch, 9, office["U1"]))


def test_a_wrong_document_corrected_is_another_person_with_the_same_place(office, session, world):
    office.give_unit("B1", 3)
    batch = returned(office, session, world, 2)
    before = lines_of(session, batch)[1]
    services.correct_row(session, world, correction(batch, 2, office["U1"], serial=77))
    after = lines_of(session, batch)[1]
    assert (after.application_id, after.round) == (before.application_id, 2)
    assert after.person_id != before.person_id
    assert office.breaches() == {}


def test_what_was_seen_must_still_be_what_stands_there(office, session, world):
    office.give_unit("B1", 3)
    batch = returned(office, session, world, 2)
    services.correct_row(session, world, correction(batch, 2, office["U1"]))
    office.review(batch, "A1", rows=(2,))
    stale = services.Review(batch, office["D1u"], Verdict.APPROVE, (1, 2), seen={1: 1, 2: 1})
    with pytest.raises(Conflict, match="changed_since_seen"):
        services.review(session, world, stale)
    fresh = services.Review(batch, office["D1u"], Verdict.APPROVE, (1, 2), seen={1: 1, 2: 2})
    assert services.review(session, world, fresh).rows == 2


def test_a_unit_takes_back_what_is_not_approved_and_its_places_move_on(office, session, world):
    office.give_unit("B1", 2)
    batch = office.submit(office.roster(0, 1, 2)).batch_id
    assert [str(state) for state in states(session, batch)] == ["submitted", "submitted", "waitlisted"]
    office.review(batch, "A1", rows=(1,))
    with pytest.raises(NotAllowed, match="out_of_scope"):
        services.withdraw(session, world, services.Withdraw(batch, office["D1u"], (1,)))
    with pytest.raises(NotFound, match="row_unknown"):
        services.withdraw(session, world, services.Withdraw(batch, office["U1"], (8,)))
    taken = services.withdraw(session, world, services.Withdraw(batch, office["U1"], (1,), "本人改变主意"))
    assert (taken.rows, taken.moved_up) == (1, 1)
    assert office.quota("B1").held == 2
    assert services.withdraw(session, world, services.Withdraw(batch, office["A1"])).rows == 2
    assert office.quota("B1").held == 0
    assert states(session, batch) == [ApplicationState.WITHDRAWN] * 3
    with pytest.raises(Conflict, match="nothing_to_withdraw"):
        services.withdraw(session, world, services.Withdraw(batch, office["U1"]))
    with pytest.raises(Conflict, match="illegal_transition"):
        services.withdraw(session, world, services.Withdraw(batch, office["U1"], (1,)))
    assert office.breaches() == {}


def test_what_is_approved_cannot_be_taken_back(office, batch, session, world):
    office.approve_all_the_way(batch)
    with pytest.raises(Conflict, match="illegal_transition"):
        services.withdraw(session, world, services.Withdraw(batch, office["U1"], (1,)))


def test_a_return_nobody_answers_lapses_after_ten_days_once_and_gives_up_its_place(office, session, world, clock):
    office.give_unit("B1", 3)
    batch = returned(office, session, world, 2)
    waiting = office.submit(office.roster(7)).batch_id
    clock.advance(timedelta(days=10) - timedelta(seconds=1))
    assert services.lapse_returned(session, world) == 0
    clock.advance(timedelta(seconds=1))
    assert services.lapse_returned(session, world) == 1
    assert services.lapse_returned(session, world) == 0
    assert states(session, batch)[1] is ApplicationState.LAPSED
    # The place is the next one's: taken at once, or offered.
    assert office.quota("B1").held == 3
    assert lines_of(session, waiting)[0].place is None
    with pytest.raises(Conflict, match="illegal_transition"):
        services.correct_row(session, world, correction(batch, 2, office["U1"]))
    # The person may begin anew.
    assert office.submit(office.roster(1, department="三车间")).waitlisted == 1
    assert office.breaches() == {}


# ---- many batches at once ----


def test_one_verdict_on_applications_of_many_batches(office, session, world):
    office.give_unit("B1", 3)
    office.give_unit("B2", 3)
    one, two = (
        office.submit(office.roster(0, 1)).batch_id,
        office.submit(office.roster(5, 6, unit="B2"), "B2", "U2").batch_id,
    )
    office.review(one, "A1")
    services.review(
        session, world, services.Review(two, make_officer(session, world, office.unions["B2"], "A2"), Verdict.APPROVE)
    )
    listed = desk.open_rows(session, world, office["D1u"])
    assert (listed.total, [row.row for row in listed.items]) == (4, [1, 2, 1, 2])
    chosen = {row.application_id: row.round for row in listed.items[1:3]}
    receipt = services.review_open(
        session, world, services.ReviewOpen(office["D1u"], Verdict.RETURN, chosen, reasons=("R10",))
    )
    assert (receipt.rows, receipt.batch_id) == (2, None)
    rest = services.review_open(session, world, services.ReviewOpen(office["D1u"], Verdict.APPROVE, under="/C/D1/B2/"))
    assert rest.rows == 1
    with pytest.raises(Conflict, match="already_decided"):
        services.review_open(session, world, services.ReviewOpen(office["D2u"], Verdict.APPROVE, chosen))
    audited = session.scalars(text("select subject_id from audit_event where action = 'application.return'")).all()
    assert sorted(audited) == sorted([str(one), str(two)])
    assert services.review_open(session, world, services.ReviewOpen(office["D2u"], Verdict.APPROVE)).rows == 1
    with pytest.raises(Conflict, match="nothing_to_review"):
        services.review_open(session, world, services.ReviewOpen(office["D2u"], Verdict.APPROVE))


# ---- issuing ----


def test_who_got_a_card_meanwhile_is_left_out_and_the_others_get_theirs(office, session, world):
    office.give_unit("B1", 3)
    batch = office.submit(office.roster(0, 1, 2)).batch_id
    waiting = office.submit(office.roster(9)).batch_id
    office.approve_all_the_way(batch)
    line = lines_of(session, batch)[1]
    session.execute(
        text("""
            with made as (
                insert into card (id, number, person_id, union_id, state, valid_from, valid_to, issued_at, events)
                values (:id, '8000000000005', :person, :union, 'ordered', '2026-01-01', '2030-12-31', now(), 1))
            insert into card_event (card_id, seq, at, action, to_state, channel)
            values (:id, 1, now(), 'issue', 'ordered', 'office')"""),
        {"id": world.new_id(), "person": line.person_id, "union": line.union_id},
    )
    done = services.issue(session, world, services.IssueCards(batch, office["C1"]))
    assert ([card.row for card in done.cards], done.skipped) == ([1, 3], (2,))
    assert [str(state) for state in states(session, batch)] == ["issued", "rejected", "issued"]
    history = desk.application_history(session, office["C1"], line.application_id)
    assert (history[-1].action, history[-1].reasons) == ("reject", ("R05",))
    assert (office.quota("B1").used, office.quota("B1").held) == (2, 1)
    assert lines_of(session, waiting)[0].place is None
    assert office.breaches() == {}
