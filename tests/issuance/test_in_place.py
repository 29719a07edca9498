"""Replacement and renewal as applications: up the same route without quota, made by the same rules, moved with the member."""

from datetime import UTC, date, datetime, timedelta

import pytest
from sqlalchemy import text

from cardnet.credential import cose
from cardnet.credential.device import DeviceKey
from cardnet.issuance import services
from cardnet.issuance.rules import (
    ApplicationKind,
    ApplicationState,
    CardState,
    ReplacementReason,
    Verdict,
    binding_statement,
)
from cardnet.issuance.services import ApplyForRenewal, ApplyForReplacement, ReplaceCard
from cardnet.kernel.errors import Conflict, InvalidInput, NotAllowed, NotFound
from cardnet.membership import services as membership
from cardnet.membership.member_rules import Ending
from tests.make import membership as make_membership
from tests.make.issuance import activate, judge, lines_of, make_office

LAST4 = make_membership.id_number(0)[-4:]
LOST, DAMAGED = ReplacementReason.LOST, ReplacementReason.DAMAGED


@pytest.fixture
def office(session, world):
    return make_office(session, world)


@pytest.fixture
def card(office):
    return office.issue(0)[0]


def apply(office, card, officer="U1", reason=LOST, words=""):
    command = ApplyForReplacement(card.card_id, reason, words, office[officer])
    return services.apply_for_replacement(office.session, office.world, command).batch_id


def issue(office, batch, valid_to=None):
    return services.issue(office.session, office.world, services.IssueCards(batch, office["C1"], valid_to))


def state_of(office, card):
    office.session.expire_all()
    return services.card_of_number(office.session, card.number).state


def quota_used(session):
    return dict(session.execute(text("select union_id, sum(used + held) from quota_node group by union_id")).all())


# ---- replacement ----


@pytest.mark.parametrize(("reason", "meanwhile"), [(LOST, CardState.SUSPENDED), (DAMAGED, CardState.ACTIVE)])
def test_a_unit_applies_the_tiers_approve_and_one_card_comes_of_it(office, card, session, world, reason, meanwhile):
    activate(session, world, card, LAST4)
    before = quota_used(session)
    batch = apply(office, card, reason=reason)
    assert state_of(office, card) is meanwhile
    office.approve_all_the_way(batch)
    (new,) = issue(office, batch).cards
    view = services.card_of_number(session, new.number)
    assert (state_of(office, card), view.replaces_id, view.valid_to) == (
        CardState.REPLACED,
        card.card_id,
        card.valid_to,
    )
    (row,) = services.applications_of_people(session, [card.person_id])[:1]
    assert (row.kind, row.state) == (ApplicationKind.REPLACEMENT, ApplicationState.ISSUED)
    assert quota_used(session) == before and office.breaches() == {}


def test_a_member_asks_from_the_phone_and_their_own_unit_reviews_first(office, card, session, world):
    activate(session, world, card, LAST4)
    command = ApplyForReplacement(card.card_id, DAMAGED, "卡面磨损", person_id=card.person_id)
    batch = services.apply_for_replacement(session, world, command).batch_id
    office.review(batch, "U1")
    office.review(batch, "D1u")
    office.review(batch, "C1")
    assert len(issue(office, batch).cards) == 1 and office.breaches() == {}


def test_nobody_asks_for_a_card_that_is_not_theirs_or_not_in_their_scope(office, card, session, world):
    (stranger,) = make_membership.people(session, world, 1, "B9", id_number=make_membership.id_number(77))
    with pytest.raises(NotFound):
        services.apply_for_replacement(session, world, ApplyForReplacement(card.card_id, LOST, person_id=stranger))
    with pytest.raises(NotAllowed, match="out_of_scope"):
        apply(office, card, "U9")


def test_who_applied_for_it_does_not_approve_it(office, card):
    batch = apply(office, card, "D1u")
    office.review(batch, "A1")
    with pytest.raises(NotAllowed, match="sod_violation"):
        office.review(batch, "D1u")
    office.review(batch, "D2u")


def test_a_card_has_one_open_application_and_a_desk_above_ends_it(office, card, session, world):
    batch = apply(office, card)
    with pytest.raises(Conflict, match="application_open"):
        apply(office, card, "A1")
    new = services.replace_card(session, world, ReplaceCard(card.card_id, office["D1u"], "本人到场"))
    assert [one.state for one in lines_of(session, batch)] == [ApplicationState.WITHDRAWN]
    assert services.card_of_number(session, new.number).replaces_id == card.card_id
    assert office.breaches() == {}


@pytest.mark.parametrize("approved", [False, True])
def test_a_card_given_up_takes_its_application_with_it(office, card, session, world, approved):
    batch = apply(office, card)
    if approved:
        office.approve_all_the_way(batch)
    services.revoke_card(session, world, services.ChangeCard(card.card_id, "退会", office["C1"]))
    expected = ApplicationState.REJECTED if approved else ApplicationState.WITHDRAWN
    assert [one.state for one in lines_of(session, batch)] == [expected]
    assert office.breaches() == {}


def test_a_unit_does_not_replace_or_renew_by_itself(office, card, session, world):
    with pytest.raises(NotAllowed, match="role_missing"):
        services.replace_card(session, world, ReplaceCard(card.card_id, office["U1"], "遗失"))
    with pytest.raises(NotAllowed, match="role_missing"):
        services.renew_cards(session, world, services.RenewCards(office["U1"]))


def test_a_returned_application_is_answered_and_goes_up_again(office, card, session, world):
    batch = apply(office, card, reason=DAMAGED)
    office.review(batch, "A1")
    office.review(batch, "D1u", Verdict.RETURN, reasons=("R11",))
    with pytest.raises(InvalidInput, match="words_missing"):
        services.resubmit_in_place(session, world, services.ResubmitInPlace(batch, 1, " ", office["U1"]))
    with pytest.raises(NotAllowed, match="out_of_scope"):
        services.resubmit_in_place(session, world, services.ResubmitInPlace(batch, 1, "已补", office["U9"]))
    assert services.resubmit_in_place(session, world, services.ResubmitInPlace(batch, 1, "已补照片", office["U1"])) == 2
    with pytest.raises(Conflict, match="illegal_transition"):
        services.resubmit_in_place(session, world, services.ResubmitInPlace(batch, 1, "再来", office["U1"]))
    for officer in ("A1", "D2u", "C1"):
        office.review(batch, officer)
    assert len(issue(office, batch).cards) == 1 and office.breaches() == {}


def test_rejected_a_found_card_is_used_again(office, card, session, world):
    activate(session, world, card, LAST4)
    batch = apply(office, card)
    office.review(batch, "A1", Verdict.REJECT, reasons=("R10",))
    services.resume_card(session, world, services.ChangeCard(card.card_id, "找到了", office["U1"]))
    assert state_of(office, card) is CardState.ACTIVE and office.breaches() == {}


# ---- S19: the pending replacement ----


@pytest.mark.parametrize(
    ("approved_by", "on"),
    [((), date(2025, 9, 1)), (("A1",), date(2025, 9, 1)), (("A1", "D1u"), date(2025, 8, 15))],
)
def test_s19_a_pending_replacement_is_cancelled_and_begins_again_at_the_new_unit(
    session, world, clock, approved_by, on
):
    clock.set(datetime(2025, 4, 1, 2, tzinfo=UTC))
    office = make_office(session, world)
    (card,) = office.issue(0)
    activate(session, world, card, LAST4)
    clock.set(datetime(2025, 9, 1, 2, tzinfo=UTC))
    before = quota_used(session)
    batch = apply(office, card, words="地铁上丢失")
    for officer in approved_by:
        office.review(batch, officer)
    start = membership.StartTransfer(card.person_id, office.unions["B9"].id, office["C1"], on)
    services.transfer_member(session, world, start)
    assert [one.state for one in lines_of(session, batch)] == [ApplicationState.WITHDRAWN]
    again, first = services.applications_of_people(session, [card.person_id])[:2]
    assert (first.batch_id, first.state) == (batch, ApplicationState.WITHDRAWN)
    assert (again.kind, again.state, again.union.code) == (
        ApplicationKind.REPLACEMENT,
        ApplicationState.SUBMITTED,
        "B9",
    )
    (line,) = lines_of(session, again.batch_id)
    # From its first review, whatever D1 had said.
    assert line.review_path == office.unions["B9"].path
    for officer in ("U9", "D9u", "C1"):
        office.review(again.batch_id, officer)
    (new,) = issue(office, again.batch_id).cards
    assert new.union_id == office.unions["B9"].id and state_of(office, card) is CardState.REPLACED
    assert quota_used(session) == before and office.breaches() == {}


def test_who_leaves_for_good_takes_the_application_along_and_it_is_not_opened_again(office, card, session, world):
    batch = apply(office, card)
    services.end_membership(session, world, membership.EndMembership(card.person_id, Ending.LEFT, office["U1"]))
    assert [one.state for one in lines_of(session, batch)] == [ApplicationState.WITHDRAWN]
    assert len(services.applications_of_people(session, [card.person_id])) == 2
    with pytest.raises(Conflict, match="not_a_member"):
        apply(office, card, "C1")


# ---- renewal ----


def ending_cards(session, world, clock, people, ends=date(2025, 12, 31)):
    clock.set(datetime(2025, 3, 3, 2, tzinfo=UTC))
    office = make_office(session, world)
    office.give_unit("B1", people)
    batch = office.submit(office.roster(*range(people))).batch_id
    office.approve_all_the_way(batch)
    cards = services.issue_cards(session, world, services.IssueCards(batch, office["C1"], ends))
    return office, cards


def test_s20_a_unit_renews_in_one_batch_and_no_day_has_two_cards(session, world, clock):
    office, cards = ending_cards(session, world, clock, 3)
    used = quota_used(session)
    clock.set(datetime(2025, 10, 1, 2, tzinfo=UTC))
    with pytest.raises(Conflict, match="nothing_to_renew"):
        services.apply_for_renewal(session, world, ApplyForRenewal(office["U1"]))
    clock.set(datetime(2025, 12, 1, 2, tzinfo=UTC))
    services.suspend_card(session, world, services.ChangeCard(cards[2].card_id, "遗失", office["U1"]))
    assert services.cards_to_renew(session, world, office["U1"]) == 2
    done = services.apply_for_renewal(session, world, ApplyForRenewal(office["U1"]))
    assert done.rows == 2 and services.cards_to_renew(session, world, office["U1"]) == 0
    with pytest.raises(Conflict, match="nothing_to_renew"):
        services.apply_for_renewal(session, world, ApplyForRenewal(office["U1"]))
    with pytest.raises(Conflict, match="nothing_to_renew"):
        services.renew_cards(session, world, services.RenewCards(office["C1"]))
    clock.set(datetime(2025, 12, 20, 2, tzinfo=UTC))
    office.approve_all_the_way(done.batch_id)
    made = issue(office, done.batch_id, date(2026, 12, 31)).cards
    views = [services.card_of_number(session, card.number) for card in made]
    assert {(view.valid_from, view.valid_to) for view in views} == {(date(2026, 1, 1), date(2026, 12, 31))}
    assert [view.replaces_id for view in views] == [card.card_id for card in cards[:2]]
    assert {state_of(office, card) for card in cards[:2]} == {CardState.ORDERED}
    assert quota_used(session) == used and office.breaches() == {}


def test_what_became_of_a_card_before_its_renewal_is_issued_is_skipped_and_said(session, world, clock):
    office, cards = ending_cards(session, world, clock, 3)
    clock.set(datetime(2025, 12, 1, 2, tzinfo=UTC))
    batch = services.apply_for_renewal(session, world, ApplyForRenewal(office["U1"])).batch_id
    office.approve_all_the_way(batch)
    services.suspend_card(session, world, services.ChangeCard(cards[1].card_id, "遗失", office["U1"]))
    done = issue(office, batch)
    assert (len(done.cards), done.skipped) == (2, (2,))
    assert [one.state for one in lines_of(session, batch)] == ["issued", "rejected", "issued"]
    assert office.breaches() == {}


@pytest.mark.parametrize(
    ("ends", "open_until"),
    [(date(2025, 12, 31), date(2026, 12, 31)), (date(2026, 2, 28), date(2031, 12, 31))],
)
def test_the_phone_goes_on_to_the_renewed_card_by_itself(session, world, clock, ends, open_until):
    office, (card,) = ending_cards(session, world, clock, 1, ends)
    phone = DeviceKey.make(world)
    first = activate(session, world, card, LAST4, phone)
    midnight = datetime(ends.year, ends.month, ends.day, 16, tzinfo=UTC)
    clock.set(midnight - timedelta(days=20))
    batch = services.apply_for_renewal(session, world, ApplyForRenewal(office["U1"])).batch_id
    office.approve_all_the_way(batch)
    (new,) = issue(office, batch, open_until).cards

    def contact():
        return services.renew_credential(session, world, services.RenewCredential(card.person_id, phone.public))

    clock.set(midnight - timedelta(seconds=1))
    last = contact()
    assert (last.index, last.card.number, last.expires_at) == (
        first.index,
        card.number,
        midnight - timedelta(seconds=1),
    )
    clock.set(midnight)
    rolled = contact()
    assert rolled.index != first.index
    assert (rolled.card.number, rolled.card.valid_to, rolled.card.state) == (new.number, open_until, CardState.ACTIVE)
    # An answer lost on its way is asked for again and is the same card.
    assert contact().index == rolled.index
    clock.set(midnight + timedelta(seconds=20))
    judged = judge(session, world, phone.code(contact().credential, world))
    assert judged.index == rolled.index
    standing = services.standing_of(session, rolled.index)
    assert (standing.card_number, standing.card_state) == (new.number, CardState.ACTIVE)
    assert services.activation_figures(session, office["C1"]).activated == 1
    assert office.breaches() == {}


def test_a_phone_that_missed_its_renewed_card_hears_how_that_one_stands(session, world, clock):
    ends = date(2025, 12, 31)
    office, (card,) = ending_cards(session, world, clock, 1, ends)
    phone = DeviceKey.make(world)
    first = activate(session, world, card, LAST4, phone)
    clock.set(datetime(2025, 12, 1, 2, tzinfo=UTC))
    batch = services.apply_for_renewal(session, world, ApplyForRenewal(office["U1"])).batch_id
    office.approve_all_the_way(batch)
    (new,) = issue(office, batch).cards
    clock.set(datetime(2026, 1, 1, 2, tzinfo=UTC))
    services.renew_credential(session, world, services.RenewCredential(card.person_id, phone.public))

    def standing():
        at = int(world.now().timestamp() * 1000)
        proof = cose.sign_es256(phone.private, binding_statement(first.index, at))
        found = services.binding_standing(session, world, services.AskBinding(first.index, at, proof, "192.0.2.1"))
        return found.state, found.why

    assert standing() == ("live", "renewed")
    services.suspend_card(session, world, services.ChangeCard(new.card_id, "遗失", person_id=card.person_id))
    assert standing() == ("suspended", "loss")


def test_a_phone_whose_card_was_not_renewed_is_told_where_to_go(session, world, clock):
    _, (card,) = ending_cards(session, world, clock, 1)
    phone = DeviceKey.make(world)
    activate(session, world, card, LAST4, phone)
    clock.set(datetime(2026, 1, 5, 2, tzinfo=UTC))
    with pytest.raises(Conflict, match="card_expired"):
        services.renew_credential(session, world, services.RenewCredential(card.person_id, phone.public))
