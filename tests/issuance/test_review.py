"""Applications and their review: scope, tiers, separation of duties, returns, rejections (S24 and issuance.md)."""

import pytest
from sqlalchemy import text

from cardnet.access.rules import Role
from cardnet.issuance import rules, services
from cardnet.issuance.rules import ApplicationAction, ApplicationState, Verdict
from cardnet.kernel.errors import Conflict, InvalidInput, NotAllowed, NotFound
from tests.make.issuance import make_office, make_officer


@pytest.fixture
def office(session, world):
    return make_office(session, world)


@pytest.fixture
def batch(office):
    office.give_unit("B1", 5)
    return office.submit(office.roster(0, 1, 2)).batch_id


def states(session, batch):
    return [line.state for line in services.applications_of(session, batch)]


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


def test_one_person_acts_once_across_tiers_also_for_somebody_else(office, batch, session, world):
    office.review(batch, "A1")
    stand_in = services.Review(
        batch,
        # A delegation lends the scope and the role of D1u to A1.
        office["D1u"].__class__(**{**vars(office["D1u"]), "account_id": office["A1"].account_id}),
        Verdict.APPROVE,
        on_behalf_of=office["D1u"].account_id,
    )
    with pytest.raises(NotAllowed, match="sod_violation"):
        services.review(session, world, stand_in)
    assert office.review(batch, "D2u").rows == 3


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
    line = services.applications_of(session, again.batch_id)[0]
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
    assert [line.place for line in services.applications_of(session, waiting.batch_id)] == [1, 2]
    receipt = office.review(first.batch_id, "A1", Verdict.REJECT, reasons=("R08",))
    assert receipt.moved_up == 1
    lines = services.applications_of(session, waiting.batch_id)
    # The first in line has an offer and no number in the line any more.
    assert [(line.state, line.place) for line in lines] == [
        (ApplicationState.WAITLISTED, None),
        (ApplicationState.WAITLISTED, 1),
    ]
    office.accept("U1")
    assert services.applications_of(session, waiting.batch_id)[0].state is ApplicationState.SUBMITTED
    assert office.breaches() == {}


def test_each_tier_has_five_working_days(office, batch, session):
    # START is Saturday 2026-11-21 10:00 +08:00; the fifth working day after it is Friday the 27th.
    due = services.applications_of(session, batch)[0].due_at
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
