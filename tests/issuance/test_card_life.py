"""A card's whole life beyond its activation: lost, found, replaced, renewed, transferred, ended. S18 and the card of S19."""

from datetime import UTC, date, datetime, timedelta

import pytest
from sqlalchemy import text

from cardnet.access import services as access
from cardnet.credential import status, store
from cardnet.credential.device import DeviceKey
from cardnet.credential.status import Status
from cardnet.credential.verify import Outcome, Rejected, VerifyContext, verify
from cardnet.issuance import services
from cardnet.issuance.rules import CardState
from cardnet.issuance.services import ChangeCard, Lost, RenewCards, ReplaceCard, ReportLoss
from cardnet.kernel.errors import Conflict, NotAllowed
from cardnet.membership.services import save_people
from tests.make import membership as make_membership
from tests.make.issuance import activate, make_office, print_cards

LAST4 = make_membership.id_number(0)[-4:]


@pytest.fixture
def office(session, world):
    return make_office(session, world)


@pytest.fixture
def card(office):
    return office.issue(0)[0]


def published(session, world):
    """The status list as a till reads it, with the server's own keys."""
    pack = store.trust_pack(session, world.now())
    return status.open_list(store.status_list(session, world).content, pack.keys)


def outcome_at_a_till(session, world, code):
    """What a till with the newest list makes of a code now."""
    judged = verify(
        code, store.trust_pack(session, world.now()), published(session, world), world.now(), VerifyContext()
    )
    return judged.outcome if isinstance(judged, Rejected) else None


def quota_used(session):
    """Places used, by unit, of every year."""
    return dict(session.execute(text("select union_id, sum(used) from quota_node group by union_id")).all())


# ---- S18 ----


@pytest.mark.parametrize(
    ("lost_at", "ends", "person"),
    [
        (datetime(2025, 5, 10, 2, 0, tzinfo=UTC), date(2025, 12, 31), 0),
        (datetime(2027, 2, 28, 15, 59, 59, tzinfo=UTC), date(2027, 3, 1), 7),
    ],
)
def test_s18_loss_and_replacement_to_the_second(app, session, world, clock, lost_at, ends, person):
    clock.set(lost_at - timedelta(days=60))
    office = make_office(session, world)
    office.give_unit("B1", 1)
    batch = office.submit(office.roster(person)).batch_id
    office.approve_all_the_way(batch)
    (k1,) = services.issue_cards(session, world, services.IssueCards(batch, office["C1"], ends))
    last4 = make_membership.id_number(person)[-4:]
    phone = DeviceKey.make(world)
    activate(session, world, k1, last4, phone)
    used = quota_used(session)
    clock.set(lost_at)
    renewed = services.renew_credential(session, world, services.RenewCredential(k1.person_id, phone.public))
    services.report_loss(session, world, ReportLoss(k1.person_id, Lost.PHONE, "遗失"))
    assert services.card_of_number(session, k1.number).state is CardState.SUSPENDED
    clock.set(lost_at + timedelta(seconds=1))
    old_code = phone.code(renewed.credential, world)
    assert outcome_at_a_till(session, world, old_code) is Outcome.SUSPENDED
    k2 = services.replace_card(session, world, ReplaceCard(k1.card_id, office["C1"], "遗失"))
    clock.advance(timedelta(seconds=16))
    assert outcome_at_a_till(session, world, old_code) is Outcome.REVOKED
    old, new = (services.card_of_number(session, card.number) for card in (k1, k2))
    assert (old.state, new.replaces_id, new.valid_to) == (CardState.REPLACED, old.id, ends)
    assert new.person_id == old.person_id
    assert quota_used(session) == used
    for found in (services.resume_card, services.suspend_card):
        with pytest.raises(Conflict, match="illegal_transition"):
            found(session, world, ChangeCard(k1.card_id, "找到了", office["C1"]))
    with pytest.raises(Conflict, match="illegal_transition"):
        activate(session, world, k1, last4)
    with pytest.raises(Conflict, match="illegal_transition"):
        services.replace_card(session, world, ReplaceCard(k1.card_id, office["C2"], "遗失"))
    assert office.breaches() == {}


def test_a_phone_lost_takes_its_sessions_with_it_and_a_lost_card_does_not(office, session, world):
    first, second = office.issue(0, 1)
    tokens = [
        activate(session, world, card, make_membership.id_number(serial)[-4:]).member_token
        for serial, card in enumerate((first, second))
    ]
    services.report_loss(session, world, ReportLoss(first.person_id, Lost.PHONE, "手机遗失", office["U1"]))
    services.report_loss(session, world, ReportLoss(second.person_id, Lost.CARD, "卡丢了", office["U1"]))
    assert access.person_of_member_session(session, world, tokens[0]) is None
    assert access.person_of_member_session(session, world, tokens[1]) == second.person_id
    with pytest.raises(Conflict, match="nothing_to_suspend"):
        services.report_loss(session, world, ReportLoss(first.person_id, Lost.CARD, "", office["U1"]))
    assert office.breaches() == {}


def test_loss_stops_phone_and_print_at_once_and_finding_it_brings_both_back(office, card, session, world):
    index = activate(session, world, card, LAST4).index
    (sheet,) = print_cards(office, card.number)
    printed = session.scalar(text("select card_index from binding where kind = 'printed' and state = 'live'"))
    services.report_loss(session, world, ReportLoss(card.person_id, Lost.CARD, "丢失", office["U1"]))
    listed = published(session, world)
    assert (listed.of(index), listed.of(printed)) == (Status.SUSPENDED, Status.SUSPENDED)
    assert outcome_at_a_till(session, world, sheet.code_text) is Outcome.SUSPENDED
    services.resume_card(session, world, ChangeCard(card.card_id, "找到了", office["U1"]))
    assert set(store.statuses_of(session, [index, printed]).values()) == {Status.VALID}
    assert office.breaches() == {}


def test_an_unactivated_cards_slip_is_worth_nothing_while_it_is_reported_lost(office, card, session, world):
    services.report_loss(session, world, ReportLoss(card.person_id, Lost.CARD, "激活单丢失", office["U1"]))
    with pytest.raises(Conflict, match="illegal_transition"):
        activate(session, world, card, LAST4)
    services.resume_card(session, world, ChangeCard(card.card_id, "找到了", office["U1"]))
    assert isinstance(activate(session, world, card, LAST4), services.Activation)


def test_a_chain_of_replacements_has_one_end_the_same_person_and_the_same_last_day(office, card, session, world):
    last, numbers = card, {card.number}
    for _ in range(4):
        last = services.replace_card(session, world, ReplaceCard(last.card_id, office["C1"], "遗失"))
        numbers.add(last.number)
    views = services.cards_of_person(session, card.person_id)
    assert len(numbers) == len(views) == 5
    assert sorted(view.state for view in views) == ["ordered", *["replaced"] * 4]
    assert {view.valid_to for view in views} == {card.valid_to}
    assert office.quota("B1").used == 1
    assert office.breaches() == {}


# ---- renewal ----


def near_the_end(clock, card, days=20):
    clock.set(
        datetime(card.valid_to.year, card.valid_to.month, card.valid_to.day, 4, tzinfo=UTC) - timedelta(days=days)
    )


def test_a_renewed_card_begins_the_day_after_and_the_old_one_works_until_its_last(office, card, session, world, clock):
    activate(session, world, card, LAST4)
    used = quota_used(session)
    near_the_end(clock, card)
    (new,) = services.renew_cards(session, world, RenewCards(office["D1u"]))
    old_view, new_view = services.card_of_number(session, card.number), services.card_of_number(session, new.number)
    assert (old_view.state, new_view.state) == (CardState.ACTIVE, CardState.ORDERED)
    assert (new_view.valid_from, new_view.valid_to) == (date(2031, 1, 1), date(2035, 12, 31))
    assert new_view.replaces_id == card.card_id
    assert quota_used(session) == used
    with pytest.raises(Conflict, match="nothing_to_renew"):
        services.renew_cards(session, world, RenewCards(office["D1u"]))
    counted = services.activation_figures(session, office["U1"])
    assert (counted.people, counted.activated) == (1, 1)
    assert office.breaches() == {}


def test_nothing_is_renewed_long_before_its_end_nor_lost_nor_of_somebody_who_left(office, session, world, clock):
    lost, left, good, foreign = office.issue(0, 1, 2, 3)
    with pytest.raises(Conflict, match="nothing_to_renew"):
        services.renew_cards(session, world, RenewCards(office["C1"]))
    services.suspend_card(session, world, ChangeCard(lost.card_id, "遗失", office["C1"]))
    session.execute(text('update membership set "to" = :on where person_id = :p'), {"on": date(2026, 11, 30), "p": left.person_id})  # fmt: skip
    near_the_end(clock, good)
    with pytest.raises(Conflict, match="nothing_to_renew"):
        services.renew_cards(session, world, RenewCards(office["D9u"], (good.number,)))
    made = services.renew_cards(session, world, RenewCards(office["C1"]))
    assert {new.person_id for new in made} == {good.person_id, foreign.person_id}
    assert office.breaches() == {}


def test_a_card_that_somebody_else_has_given_out_is_not_renewed_by_us(office, session, world, clock):
    (ours,) = office.issue(0)
    (member,) = save_people(session, world, [make_membership.person_row(7)]).values()
    tied = services.TieCard(member, office["U1"], "6230000123456789", "工商银行", ours.valid_to)
    services.tie_card(session, world, tied)
    near_the_end(clock, ours)
    assert services.cards_to_renew(session, world, office["C1"]) == 1
    (new,) = services.renew_cards(session, world, RenewCards(office["C1"]))
    assert new.person_id == ours.person_id


def test_a_card_that_ended_long_ago_is_renewed_from_today(office, card, session, world, clock):
    clock.set(datetime(2031, 6, 15, 4, tzinfo=UTC))
    (new,) = services.renew_cards(
        session, world, RenewCards(office["D1u"], (card.number,), valid_to=date(2031, 12, 31))
    )
    assert services.card_of_number(session, new.number).valid_from == date(2031, 6, 15)
    assert office.breaches() == {}


def test_a_card_lost_after_its_renewal_is_followed_by_the_renewed_one_at_once(office, card, session, world, clock):
    index = activate(session, world, card, LAST4).index
    near_the_end(clock, card)
    (new,) = services.renew_cards(session, world, RenewCards(office["D1u"]))
    services.report_loss(session, world, ReportLoss(card.person_id, Lost.PHONE, "遗失", office["U1"]))
    assert services.card_of_number(session, new.number).state is CardState.ORDERED, "it lies at the desk, not lost"
    with pytest.raises(Conflict) as refused:
        services.replace_card(session, world, ReplaceCard(card.card_id, office["D1u"], "遗失"))
    assert (refused.value.code, refused.value.detail) == ("already_renewed", {"card": str(new.card_id)})
    started = services.start_renewed_card(session, world, ReplaceCard(card.card_id, office["U1"], "遗失"))
    assert started.valid_from == date(2030, 12, 11)
    assert services.card_of_number(session, card.number).state is CardState.REPLACED
    assert store.statuses_of(session, [index])[index] is Status.INVALID
    assert isinstance(activate(session, world, new, LAST4), services.Activation)
    with pytest.raises(Conflict, match="not_renewed"):
        services.start_renewed_card(session, world, ReplaceCard(new.card_id, office["U1"], "遗失"))
    assert office.breaches() == {}


# ---- S19, the card of it ----


def test_s19_the_card_goes_with_its_holder_same_number_same_code_no_quota(office, card, session, world, clock):
    phone = DeviceKey.make(world)
    done = activate(session, world, card, LAST4, phone)
    before = quota_used(session)
    clock.advance(timedelta(days=3))
    follow = services.FollowTransfer(card.person_id, office.unions["B9"].id, office["C1"].account_id)
    assert services.follow_transfer(session, world, follow) == 1
    assert services.follow_transfer(session, world, follow) == 0
    view = services.card_of_number(session, card.number)
    assert (view.id, view.state, view.union_id) == (card.card_id, CardState.ACTIVE, office.unions["B9"].id)
    assert store.statuses_of(session, [done.index])[done.index] is Status.VALID
    renewed = services.renew_credential(session, world, services.RenewCredential(card.person_id, phone.public))
    assert renewed.index == done.index
    assert quota_used(session) == before
    # The new unit's officer may act on it now, the old one's no more.
    with pytest.raises(NotAllowed, match="out_of_scope"):
        services.suspend_card(session, world, ChangeCard(card.card_id, "", office["U1"]))
    services.suspend_card(session, world, ChangeCard(card.card_id, "", office["U9"]))
    new = services.replace_card(session, world, ReplaceCard(card.card_id, office["D9u"], "遗失"))
    assert services.card_of_number(session, new.number).union_id == office.unions["B9"].id
    # Where it came into use stays where it was.
    where = session.scalar(text("select activated_union_id from card where id = :c"), {"c": card.card_id})
    assert where == office.unions["B1"].id
    assert office.breaches() == {}


def test_a_card_that_is_over_goes_nowhere(office, card, session, world):
    services.revoke_card(session, world, ChangeCard(card.card_id, "退会", office["C1"]))
    follow = services.FollowTransfer(card.person_id, office.unions["B9"].id)
    assert services.follow_transfer(session, world, follow) == 0


# ---- an officer's six digits ----


def rebind_by_code(session, world, card, code, last4=LAST4, phone=None):
    phone = phone or DeviceKey.make(world)
    command = services.ActivateCard(card.number, code, last4, phone.public, phone.activation_proof(card.number, code))
    return services.activate_card(session, world, command)


def given_code(office, card, officer="U1"):
    command = services.GiveRebindCode(card.card_id, office[officer])
    return services.give_rebind_code(office.session, office.world, command)


def test_the_officers_six_digits_bind_a_new_phone_and_the_old_one_is_dead(office, card, session, world):
    old = activate(session, world, card, LAST4)
    given = given_code(office, card)
    assert len(given.code) == 6 and given.code.isdigit()
    assert given.code not in repr(given)
    phone = DeviceKey.make(world)
    new = rebind_by_code(session, world, card, given.code, phone=phone)
    assert isinstance(new, services.Activation)
    assert store.statuses_of(session, [old.index, new.index]) == {old.index: Status.INVALID, new.index: Status.VALID}
    assert access.person_of_member_session(session, world, old.member_token) is None
    assert access.person_of_member_session(session, world, new.member_token) == card.person_id
    # The answer was lost on its way: the same phone is answered again, another one is not.
    assert rebind_by_code(session, world, card, given.code, phone=phone).index == new.index
    assert rebind_by_code(session, world, card, given.code).code == "activation_locked"
    assert office.breaches() == {}


def test_the_six_digits_are_good_for_fifteen_minutes_five_tries_and_with_the_right_id(
    office, card, session, world, clock
):
    activate(session, world, card, LAST4)
    given = given_code(office, card)
    assert rebind_by_code(session, world, card, given.code, last4="0000").tries_left == 4
    wrong = f"{(int(given.code) + 1) % 10**6:06d}"
    assert [rebind_by_code(session, world, card, wrong).tries_left for _ in range(4)] == [3, 2, 1, 0]
    assert rebind_by_code(session, world, card, given.code).code == "activation_locked"
    given = given_code(office, card)
    clock.advance(timedelta(minutes=15, seconds=1))
    assert rebind_by_code(session, world, card, given.code).code == "activation_locked"
    given = given_code(office, card)
    clock.advance(timedelta(minutes=15))
    assert isinstance(rebind_by_code(session, world, card, given.code), services.Activation)


def test_six_digits_are_given_only_for_a_card_in_use_by_an_officer_of_its_unit(office, card, session, world):
    with pytest.raises(Conflict, match="not_in_use"):
        given_code(office, card)
    assert rebind_by_code(session, world, card, "123456").code == "activation_locked"
    activate(session, world, card, LAST4)
    with pytest.raises(NotAllowed, match="out_of_scope"):
        given_code(office, card, "U9")
    given = given_code(office, card)
    services.suspend_card(session, world, ChangeCard(card.card_id, "遗失", office["U1"]))
    with pytest.raises(Conflict, match="illegal_transition"):
        rebind_by_code(session, world, card, given.code)


def test_wrong_six_digits_do_not_lock_the_activation_code(office, card, session, world):
    for _ in range(7):
        rebind_by_code(session, world, card, "000000")
    assert isinstance(activate(session, world, card, LAST4), services.Activation)


# ---- how a card came into use ----


def test_channel_and_unit_of_the_first_use_are_kept(office, session, world):
    by_phone, by_print = office.issue(0, 1)
    activate(session, world, by_phone, LAST4)
    services.hand_out_cards(session, world, services.HandOutCards(office["U1"], numbers=(by_print.number,)))
    print_cards(office, by_print.number)
    index = session.scalar(text("select card_index from binding where kind = 'printed'"))
    assert services.note_printed_use(session, world, index)
    kept = session.execute(text("select id, activated_channel, activated_union_id from card")).all()
    unit = office.unions["B1"].id
    assert set(kept) == {(by_phone.card_id, "self", unit), (by_print.card_id, "printed_first_use", unit)}
    # The phone that joins later does not rewrite history.
    activate(session, world, by_print, make_membership.id_number(1)[-4:])
    channel = session.scalar(text("select activated_channel from card where id = :c"), {"c": by_print.card_id})
    assert channel == "printed_first_use"
    assert office.breaches() == {}


def test_the_rate_is_per_person_and_a_replacement_neither_raises_nor_lowers_it(office, session, world):
    cards = office.issue(0, 1, 2)
    activate(session, world, cards[0], LAST4)
    before = services.activation_figures(session, office["C1"])
    assert (before.people, before.activated) == (3, 1)
    services.replace_card(session, world, ReplaceCard(cards[0].card_id, office["C1"], "遗失"))
    services.replace_card(session, world, ReplaceCard(cards[1].card_id, office["C1"], "遗失"))
    assert services.activation_figures(session, office["C1"]) == before
    counted = services.card_counts(session, world, "/", office.year)[0].total
    assert (counted.issued, counted.activated) == (3, 1)
    assert {line.person_id for line in services.inactive_cards(session, world, office["U1"])} == {
        cards[1].person_id,
        cards[2].person_id,
    }
