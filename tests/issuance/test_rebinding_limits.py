"""A phone bound anew is one tap, twice a month; indexes nobody holds come back after sixty days."""

from datetime import timedelta

import pytest
from sqlalchemy import text

from cardnet.credential import cose, store
from cardnet.credential.clones import SeenCode
from cardnet.credential.device import DeviceKey
from cardnet.credential.status import Status
from cardnet.issuance import rules, services
from cardnet.kernel.errors import Conflict
from tests.make import membership as make_membership
from tests.make.issuance import activate, make_office

LAST4 = make_membership.id_number(0)[-4:]


@pytest.fixture
def office(session, world):
    return make_office(session, world)


@pytest.fixture
def card(office, session, world):
    return office.issue(0)[0]


def rebind(session, world, card, member_session=None):
    phone = DeviceKey.make(world)
    proof = cose.sign_es256(phone.private, rules.rebind_statement(card.number))
    command = services.RebindCard(card.person_id, card.number, phone.public, proof, member_session)
    return services.rebind_card(session, world, command)


def test_two_a_month_without_an_officer_and_then_the_union_sees_who_it_is(office, card, session, world, clock):
    activate(session, world, card, LAST4)
    for _ in range(2):
        rebind(session, world, card)
        clock.advance(timedelta(days=3))
    with pytest.raises(Conflict, match="rebind_limit"):
        rebind(session, world, card)
    given = services.give_rebind_code(
        session, world, services.GiveRebindCode(services.card_of_number(session, card.number).id, office["U1"])
    )
    phone = DeviceKey.make(world)
    proof = phone.activation_proof(card.number, given.code)
    command = services.ActivateCard(card.number, given.code, LAST4, phone.public, proof)
    assert isinstance(services.activate_card(session, world, command), services.Activation)
    # The officer's does not count; the month does.
    with pytest.raises(Conflict, match="rebind_limit"):
        rebind(session, world, card)
    clock.advance(timedelta(days=25))
    assert rebind(session, world, card).credential


def test_a_browser_that_forgets_its_key_again_and_again_is_one_member_session(card, session, world):
    activate(session, world, card, LAST4)
    mine, other = world.new_id(), world.new_id()
    for _ in range(5):
        rebind(session, world, card, mine)
    rebind(session, world, card, other)
    rebind(session, world, card, mine)
    with pytest.raises(Conflict, match="rebind_limit"):
        rebind(session, world, card, world.new_id())


def test_a_credential_says_when_half_of_its_life_is_over(card, session, world):
    done = activate(session, world, card, LAST4)
    assert done.renew_after == world.now() + timedelta(days=7)


def test_an_index_is_given_out_again_sixty_days_after_its_last_credential(card, session, world, clock):
    first = activate(session, world, card, LAST4)
    second = rebind(session, world, card)
    shown = SeenCode(b"\0\0\0\5abcd", int(world.now().timestamp()))
    store.note_codes(session, [store.ShownCode(first.index, b"\1\0", world.new_id(), "M/T", shown)])
    clock.advance(timedelta(days=14 + 60, seconds=-1))
    assert services.recycle_indexes(session, world) == 0
    clock.advance(timedelta(seconds=2))
    assert services.recycle_indexes(session, world) == 1
    assert services.recycle_indexes(session, world) == 0
    # A phone that was not opened for months keeps its index: its card is in use.
    assert services.standing_of(session, second.index) is not None
    assert services.standing_of(session, first.index) is None
    assert store.statuses_of(session, [first.index]) == {first.index: Status.VALID}
    assert first.index in store.allocate_indexes(session, world, 3)
    again = SeenCode(b"\0\0\0\1wxyz", int(world.now().timestamp()))
    assert store.note_codes(session, [store.ShownCode(first.index, b"\1\0", world.new_id(), "M/T", again)]) == ()


def test_free_indexes_come_back_in_no_order_and_to_one_only(session, world):
    drawn = store.allocate_indexes(session, world, 400)
    store.recycle_indexes(session, world, drawn[:300])
    again = store.allocate_indexes(session, world, 350)
    assert set(drawn[:300]) < set(again)
    assert len(set(again)) == 350
    assert again[:300] != sorted(drawn[:300])
    assert session.execute(text("select count(*) from card_index_free")).scalar() == 0
