"""A card is on one phone, or on two where the union says so; a third takes somebody's place, and loss stops them all."""

import time
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import text

from cardnet.access import services as access
from cardnet.credential import cose, store
from cardnet.credential.device import DeviceKey
from cardnet.credential.status import Status
from cardnet.issuance import rules, services
from cardnet.issuance.rules import BindingState
from cardnet.issuance.services import activation, desk
from cardnet.kernel.errors import Conflict, InvalidInput, NotAllowed, NotFound
from tests.make import membership as make_membership
from tests.make.issuance import activate, make_office
from tests.make.racing import ROUNDS, TRIES, Desk

LAST4 = make_membership.id_number(0)[-4:]
BESIDE = rules.PhoneChoice(None)


@pytest.fixture
def office(session, world):
    return make_office(session, world)


@pytest.fixture
def card(office):
    return office.issue(0)[0]


def allow(office, count, reason="区总〔2026〕8号"):
    command = services.SetPhonePolicy(count, reason, office["C1"])
    return services.set_phone_policy(office.session, office.world, command)


def indexes(office, card):
    return [one.index for one in services.phones_of(office.session, card.card_id)]


def by_code(office, card, choice=None):
    """Six digits of an officer, from a phone of its own."""
    session, world = office.session, office.world
    code = services.give_rebind_code(session, world, services.GiveRebindCode(card.card_id, office["U1"])).code
    with session.begin_nested():
        return activate(session, world, replace(card, activation_code=code), LAST4, choice=choice)


def by_session(office, card, session_id=None, choice=None):
    phone = DeviceKey.make(office.world)
    proof = cose.sign_es256(phone.private, rules.rebind_statement(card.number))
    command = services.RebindCard(card.person_id, card.number, phone.public, proof, session_id, choice)
    return services.rebind_card(office.session, office.world, command)


def told_of_another(session, card):
    return session.scalar(
        text("select count(*) from notice where kind = 'phone_added' and person_id = :id"), {"id": card.person_id}
    )


def session_of(office, token):
    return access.id_of_member_session(office.session, token)


def test_one_phone_unless_the_union_says_two_and_the_trail_tells_who_said_it(office, card, session):
    activate(session, office.world, card, LAST4)
    with pytest.raises(Conflict, match=r"illegal_transition.*换了手机"):
        activate(session, office.world, card, LAST4)
    for officer, error in ((office["U1"], NotAllowed), (office["D1u"], NotAllowed)):
        with pytest.raises(error):
            services.set_phone_policy(session, office.world, services.SetPhonePolicy(2, "试", officer))
    for wrong in (services.SetPhonePolicy(3, "试", office["C1"]), services.SetPhonePolicy(2, "  ", office["C1"])):
        with pytest.raises(InvalidInput):
            services.set_phone_policy(session, office.world, wrong)
    assert allow(office, 2) == 0
    view = services.phone_policy(session)
    assert (view.phones, view.reason, view.set_by) == (2, "区总〔2026〕8号", "C1同志")
    act = session.execute(text("select before, after from audit_event where action = 'phone_policy.set'")).one()
    assert (act.before["phones"], act.after["phones"]) == (1, 2)


def test_with_two_allowed_the_slip_binds_a_second_phone_and_each_has_its_own_code(office, card, session, world):
    allow(office, 2)
    first, second = (activate(session, world, card, LAST4) for _ in range(2))
    assert indexes(office, card) == [first.index, second.index]
    keys = {services.standing_of(session, one.index).binding_key for one in (first, second)}
    assert len(keys) == 2
    assert [event.action for event in desk.card_history(session, card.card_id)][-2:] == ["activate", "add_phone"]
    assert told_of_another(session, card) == 1
    with pytest.raises(Conflict, match="phones_full"):
        activate(session, world, card, LAST4)
    for done in (first, second):
        key = services.standing_of(session, done.index).binding_key
        assert (
            services.renew_credential(session, world, services.RenewCredential(card.person_id, key)).index == done.index
        )
    more = desk.card_more(session, card.card_id)
    assert [one.index for one in more.phones] == [first.index, second.index]
    assert office.breaches() == {}


def test_a_place_that_is_emptied_and_taken_again_by_the_slip_is_a_phone_bound_anew(office, card, session, world):
    allow(office, 2)
    activate(session, world, card, LAST4)
    for _ in range(3):
        second = activate(session, world, card, LAST4)
        services.stop_phone(session, world, services.StopPhone(second.index, person_id=card.person_id))
    # The first was the second phone; two since, and now the union sees who it is.
    with pytest.raises(Conflict, match="rebind_limit"):
        activate(session, world, card, LAST4)


def test_the_same_phone_that_did_not_hear_the_answer_is_no_second_phone(office, card, session, world):
    allow(office, 2)
    key = DeviceKey.make(world)
    assert activate(session, world, card, LAST4, key).index == activate(session, world, card, LAST4, key).index
    assert len(indexes(office, card)) == 1


def test_six_digits_ask_whose_place_it_is_and_what_is_chosen_happens(office, card, session, world, clock):
    allow(office, 2)
    first = activate(session, world, card, LAST4)
    assert told_of_another(session, card) == 0
    with pytest.raises(Conflict, match="choose_phone") as asked:
        by_code(office, card)
    assert asked.value.detail["may_add"] is True
    assert [one["index"] for one in asked.value.detail["phones"]] == [first.index]
    clock.advance(timedelta(minutes=1))
    second = by_code(office, card, BESIDE)
    assert indexes(office, card) == [first.index, second.index]
    with pytest.raises(Conflict, match="choose_phone") as asked:
        by_code(office, card, BESIDE)
    assert asked.value.detail["may_add"] is False
    with pytest.raises(Conflict, match="phone_unknown"):
        by_code(office, card, rules.PhoneChoice(1 << 31))
    clock.advance(timedelta(minutes=1))
    third = by_code(office, card, rules.PhoneChoice(first.index))
    assert told_of_another(session, card) == 2
    assert indexes(office, card) == [second.index, third.index]
    assert store.statuses_of(session, [first.index]) == {first.index: Status.INVALID}
    # Who was replaced is signed out, who stays is not.
    alive = [access.person_of_member_session(session, world, one.member_token) for one in (first, second, third)]
    assert alive == [None, card.person_id, card.person_id]
    assert office.breaches() == {}


def test_a_browser_that_lost_its_key_takes_its_own_place_again(office, card, session, world):
    allow(office, 2)
    first, second = (activate(session, world, card, LAST4) for _ in range(2))
    again = by_session(office, card, session_of(office, first.member_token))
    assert set(indexes(office, card)) == {second.index, again.index}
    # Another session of the member, whose phone is none of the two.
    with pytest.raises(Conflict, match="choose_phone"):
        by_session(office, card, world.new_id())
    assert by_session(office, card, world.new_id(), rules.PhoneChoice(second.index)).index != second.index
    assert len(indexes(office, card)) == 2


def test_where_one_is_allowed_nobody_is_asked_and_a_choice_changes_nothing(office, card, session, world):
    first = activate(session, world, card, LAST4)
    second = by_code(office, card, BESIDE)
    assert indexes(office, card) == [second.index] != [first.index]


def test_loss_suspends_both_and_finding_it_resumes_both(office, card, session, world):
    allow(office, 2)
    both = [activate(session, world, card, LAST4).index for _ in range(2)]
    change = services.ChangeCard(card.card_id, "遗失", office["U1"])
    services.suspend_card(session, world, change)
    assert set(store.statuses_of(session, both).values()) == {Status.SUSPENDED}
    services.resume_card(session, world, change)
    assert {services.standing_of(session, index).binding_state for index in both} == {BindingState.LIVE}
    services.replace_card(session, world, services.ReplaceCard(card.card_id, office["C1"], "遗失"))
    assert set(store.statuses_of(session, both).values()) == {Status.INVALID}
    assert office.breaches() == {}


def test_one_of_two_is_stopped_by_its_owner_or_an_officer_and_nobody_elses(office, session, world):
    allow(office, 2)
    mine, others = office.issue(0, 1)
    first, second = (activate(session, world, mine, LAST4) for _ in range(2))
    for stranger in (services.StopPhone(first.index, person_id=others.person_id), services.StopPhone(1 << 31)):
        with pytest.raises(NotFound, match="phone_unknown"):
            services.stop_phone(session, world, stranger)
    with pytest.raises(NotAllowed, match="out_of_scope"):
        services.stop_phone(session, world, services.StopPhone(first.index, "查", office["U2"]))
    services.stop_phone(session, world, services.StopPhone(first.index, person_id=mine.person_id))
    assert access.person_of_member_session(session, world, first.member_token) is None
    assert access.person_of_member_session(session, world, second.member_token) == mine.person_id
    services.stop_phone(session, world, services.StopPhone(second.index, "旧手机送人", office["U1"]))
    assert indexes(office, mine) == []
    assert office.breaches() == {}


def test_back_to_one_each_card_keeps_the_phone_bound_last(office, session, world, clock):
    allow(office, 2)
    cards = office.issue(0, 1, 2)
    done = []
    for serial, card in enumerate(cards):
        for _ in range(2 if serial < 2 else 1):
            clock.advance(timedelta(minutes=1))
            done.append(activate(session, world, card, make_membership.id_number(serial)[-4:]))
    bound = [one.index for one in done]
    services.suspend_card(session, world, services.ChangeCard(cards[1].card_id, "遗失", office["U1"]))
    assert services.phone_policy(session).two_bound == 2
    assert allow(office, 1) == 2
    assert [indexes(office, card) for card in cards] == [[bound[1]], [bound[3]], [bound[4]]]
    assert store.statuses_of(session, [bound[0], bound[2]]) == {bound[0]: Status.INVALID, bound[2]: Status.INVALID}
    assert services.phones_of(session, cards[0].card_id)[0].place == 1
    # Who was stopped is signed out, who stays is not.
    alive = [access.person_of_member_session(session, world, one.member_token) is not None for one in done]
    assert alive == [False, True, False, True, True]
    assert office.breaches() == {}


def test_both_phones_go_on_to_the_renewed_card_by_themselves(office, card, session, world, clock):
    allow(office, 2)
    keys = [DeviceKey.make(world) for _ in range(2)]
    for key in keys:
        activate(session, world, card, LAST4, key)
    last = services.card_of_number(session, card.number).valid_to
    clock.advance(timedelta(days=(last - world.now().date()).days - 10))
    services.renew_cards(session, world, services.RenewCards(office["C1"], (card.number,)))
    clock.advance(timedelta(days=12))
    renewed = [
        services.renew_credential(session, world, services.RenewCredential(card.person_id, key.public)) for key in keys
    ]
    assert len({one.index for one in renewed}) == 2 and {one.card.number for one in renewed} != {card.number}
    assert office.breaches() == {}


# ---- races ----


@pytest.fixture
def races(committing_app, world):
    return Desk(committing_app, world)


def third_and_fourth(races, allowed):
    """Phones that come at once: one more than there are places."""
    (serial,) = races.next_serials(1)
    card, last4 = races.arrange(lambda o: o.issue(serial))[0], make_membership.id_number(serial)[-4:]
    races.arrange(lambda o: allow(o, allowed))
    results = races.at_once(*[lambda o: activate(o.session, o.world, card, last4)] * (allowed + 1))
    assert len([one for one in results if isinstance(one, services.Activation)]) == allowed
    assert {one.code for one in results if isinstance(one, Exception)} == {
        "phones_full" if allowed > 1 else "illegal_transition"
    }
    assert races.breaches() == {}


@pytest.mark.parametrize("allowed", [1, 2])
def test_of_phones_that_come_at_once_as_many_are_bound_as_are_allowed(races, allowed):
    for _ in range(ROUNDS):
        third_and_fourth(races, allowed)


def test_planted_bug_counting_phones_without_the_cards_lock_is_caught(races, monkeypatch):
    real = activation._has_room

    def blind(session, bound):
        time.sleep(0.1)
        return real(session, bound[:1])

    monkeypatch.setattr(activation, "_has_room", blind)
    monkeypatch.setattr(rules, "free_place", lambda _: 2)
    with pytest.raises(AssertionError):
        for _ in range(TRIES):
            third_and_fourth(races, 2)


def changed_while_bound(races):
    """The union goes back to one phone at the moment a second is bound."""
    (serial,) = races.next_serials(1)
    card, last4 = races.arrange(lambda o: o.issue(serial))[0], make_membership.id_number(serial)[-4:]
    races.arrange(lambda o: (allow(o, 2), activate(o.session, o.world, card, last4)))
    results = races.at_once(
        lambda o: allow(o, 1), lambda o: activate(o.session, o.world, card, last4), lambda o: allow(o, 1)
    )
    assert not [one for one in results if isinstance(one, Exception) and not isinstance(one, Conflict)]
    assert races.breaches() == {}


def test_no_second_phone_slips_in_while_the_union_goes_back_to_one(races):
    for _ in range(ROUNDS):
        changed_while_bound(races)


def test_planted_bug_reading_the_policy_without_holding_to_it_lets_one_in(races, monkeypatch):
    def unheld(session):
        allowed = session.scalar(text("select phones from phone_policy"))
        time.sleep(0.3)
        return allowed

    monkeypatch.setattr(activation, "phones_allowed", unheld)
    with pytest.raises(AssertionError):
        for _ in range(TRIES):
            changed_while_bound(races)
