"""Hand-outs: the list as it was opened, scans that sign, "all have signed except …", taking back, two tables at once."""

from datetime import timedelta

import pytest
from sqlalchemy import text

from cardnet.access.rules import Role
from cardnet.credential.device import DeviceKey
from cardnet.issuance import services
from cardnet.issuance.papers import SignList, SignRow, sign_sheets, wallet_address
from cardnet.issuance.rules import CardState, HandoutKind, ScanOutcome
from cardnet.issuance.services import ChangeCard, OnePerson, OpenHandout, ReplaceCard, Scan, SignAllExcept, desk
from cardnet.kernel.errors import Conflict, InvalidInput, NotAllowed, NotFound
from tests.issuance.test_printing import codes_on
from tests.make import membership as make_membership
from tests.make.issuance import activate, make_office, make_officer, print_cards
from tests.make.papers import words_on

GIFT = {"kind": HandoutKind.GIFT, "title": "中秋慰问品", "document": "云工〔2026〕21号"}


@pytest.fixture
def office(session, world):
    return make_office(session, world)


@pytest.fixture
def cards(office):
    return office.issue(0, 1, 2)


def last4(serial):
    return make_membership.id_number(serial)[-4:]


def opened(office, officer="U1", **command):
    given = {**GIFT, **command}
    return services.open_handout(office.session, office.world, OpenHandout(office[officer], **given))


def scan(office, handout, read, officer="U1"):
    return services.sign_by_scan(office.session, office.world, Scan(office[officer], handout.id, read))


def signed(office, handout, show="signed"):
    lines = desk.receipt_lines(office.session, handout, show).items
    return {line.person.id: line.channel for line in lines}


# ---- goods ----


def test_a_members_live_code_signs_and_the_list_builds_itself(office, cards, session, world):
    phone = DeviceKey.make(world)
    done = activate(session, world, cards[0], last4(0), phone)
    handout = opened(office)
    assert (handout.people, handout.signed) == (3, 0)
    came = scan(office, handout, phone.code(done.credential, world))
    assert (came.outcome, came.name, came.signed, came.people) == (ScanOutcome.SIGNED, "周桂林", 1, 3)
    again = scan(office, handout, phone.code(done.credential, world))
    assert (again.outcome, again.signed_at, again.signed) == (ScanOutcome.SIGNED_BEFORE, came.signed_at, 1)
    assert signed(office, handout) == {cards[0].person_id: "scan"}
    (newest,) = desk.newest_receipts(session, handout)
    assert (newest.person.id, newest.actor) == (cards[0].person_id, "U1同志")
    assert office.breaches() == {}


def test_a_forwarded_picture_of_a_code_signs_for_nobody(office, cards, session, world, clock):
    phone = DeviceKey.make(world)
    done = activate(session, world, cards[0], last4(0), phone)
    handout, code = opened(office), phone.code(done.credential, world)
    clock.advance(timedelta(seconds=36))
    assert scan(office, handout, code).outcome is ScanOutcome.STALE
    assert signed(office, handout) == {}


@pytest.mark.parametrize(
    "read", ["", "8000000000000", "CN1:ABC", "https://example.org/", "CN1:" + "0" * 200, "周桂林", "\x00"]
)
def test_what_is_no_code_is_said_and_signs_nothing(office, cards, read):
    handout = opened(office)
    assert scan(office, handout, read).outcome is ScanOutcome.NOT_A_CODE
    assert signed(office, handout) == {}


def test_lost_replaced_and_cancelled_cards_sign_nothing(office, cards, session, world):
    phone = DeviceKey.make(world)
    done = activate(session, world, cards[0], last4(0), phone)
    services.suspend_card(session, world, ChangeCard(cards[0].card_id, "遗失", office["U1"]))
    handout = opened(office)
    assert scan(office, handout, phone.code(done.credential, world)).outcome is ScanOutcome.NOT_VALID
    assert scan(office, handout, cards[0].number).outcome is ScanOutcome.NOT_VALID
    new = services.replace_card(session, world, ReplaceCard(cards[0].card_id, office["D1u"], "遗失"))
    assert scan(office, handout, phone.code(done.credential, world)).outcome is ScanOutcome.NOT_VALID
    assert scan(office, handout, new.number).outcome is ScanOutcome.SIGNED
    services.revoke_card(session, world, ChangeCard(cards[1].card_id, "退会", office["U1"]))
    assert scan(office, handout, cards[1].number).outcome is ScanOutcome.NOT_VALID


def test_a_printed_card_signs_for_goods_and_that_is_its_first_use(office, cards, session, world):
    (sheet,) = print_cards(office, cards[0].number)
    services.hand_out_cards(session, world, services.HandOutCards(office["U1"], numbers=(cards[0].number,)))
    handout = opened(office)
    assert scan(office, handout, sheet.code_text).outcome is ScanOutcome.SIGNED
    assert services.card_of_number(session, cards[0].number).state is CardState.ACTIVE
    assert office.breaches() == {}


def test_somebody_of_another_unit_is_not_listed_and_only_their_name_is_said(office, cards, session, world):
    make_membership.people(session, world, 1, "B2", id_number=make_membership.id_number(77))
    handout = opened(office, "U2")
    came = scan(office, handout, cards[0].number, "U2")
    assert (came.outcome, came.name, came.signed) == (ScanOutcome.NOT_LISTED, "周桂林", 0)


def test_goods_against_the_heat_are_for_who_stands_in_it(office, session, world):
    office.give_unit("B1", 3)
    batch = office.submit(office.roster(0, 1, special_post="高温", front_line="是")).batch_id
    office.submit(office.roster(2, special_post="", front_line=""))
    narrowed = opened(office, kind=HandoutKind.HEAT, title="防暑饮品", tags=frozenset({"special_post"}))
    assert narrowed.people == 2
    assert opened(office, kind=HandoutKind.HEAT, title="防暑饮品").people == 3
    assert batch


def test_a_receipt_of_goods_can_be_taken_back_with_a_reason_and_a_cards_cannot(office, cards, session, world):
    handout, person = opened(office), cards[0].person_id
    one = OnePerson(office["U1"], handout.id, person)
    assert services.sign_by_hand(session, world, one)
    assert not services.sign_by_hand(session, world, one)
    with pytest.raises(InvalidInput, match="reason_missing"):
        services.take_back(session, world, one)
    services.take_back(session, world, OnePerson(office["U1"], handout.id, person, "扫错人"))
    assert signed(office, handout) == {}
    with pytest.raises(Conflict, match="not_signed"):
        services.take_back(session, world, OnePerson(office["U1"], handout.id, person, "扫错人"))
    act = session.execute(text("select after from audit_event where action = 'handout.take_back'")).scalar_one()
    assert act == {"person": str(person), "reason": "扫错人"}
    handed = opened(office, kind=HandoutKind.CARD, title="发卡", document="")
    services.sign_by_hand(session, world, OnePerson(office["U1"], handed.id, person))
    with pytest.raises(Conflict, match="receipt_stands"):
        services.take_back(session, world, OnePerson(office["U1"], handed.id, person, "扫错人"))


# ---- cards ----


def test_cards_are_signed_for_by_the_slips_own_square(office, cards, session, world):
    handout = opened(office, kind=HandoutKind.CARD, title="发卡", document="")
    address = wallet_address("https://card.example.org/", cards[0].number, cards[0].activation_code)
    came = scan(office, handout, address)
    assert came.outcome is ScanOutcome.SIGNED
    view = services.card_of_number(session, cards[0].number)
    assert (view.state, view.delivered_at) == (CardState.DELIVERED, world.now())
    (event,) = session.execute(text("select channel from card_event where action = 'deliver'")).scalars()
    assert event == "scan"
    # A new list has only who has not signed yet.
    assert opened(office, kind=HandoutKind.CARD, title="补发", document="").people == 2
    assert office.breaches() == {}


def test_a_printed_card_is_signed_for_by_its_receipt_and_activated_only_by_its_first_use(office, cards, session, world):
    (sheet,) = print_cards(office, cards[0].number)
    handout = opened(office, kind=HandoutKind.CARD, title="发卡", document="")
    assert scan(office, handout, sheet.code_text).outcome is ScanOutcome.SIGNED
    view = services.card_of_number(session, cards[0].number)
    assert (view.state, view.activated_at) == (CardState.DELIVERED, None)
    figures = services.activation_figures(session, office["U1"])
    assert (figures.people, figures.delivered, figures.activated) == (3, 1, 0)


def test_a_card_lost_after_the_list_was_opened_is_not_signed_for_and_its_successor_is(office, cards, session, world):
    handout = opened(office, kind=HandoutKind.CARD, title="发卡", document="")
    services.suspend_card(session, world, ChangeCard(cards[0].card_id, "遗失", office["U1"]))
    person = cards[0].person_id
    assert not services.sign_by_hand(session, world, OnePerson(office["U1"], handout.id, person))
    assert services.sign_all_except(session, world, SignAllExcept(office["U1"], handout.id)) == 2
    new = services.replace_card(session, world, ReplaceCard(cards[0].card_id, office["D1u"], "遗失"))
    assert scan(office, handout, new.number).outcome is ScanOutcome.SIGNED
    assert services.card_of_number(session, new.number).state is CardState.DELIVERED
    assert office.breaches() == {}


@pytest.mark.parametrize(("people", "absent"), [(3, (1,)), (5, ()), (5, (0, 4)), (2, (0, 1))])
def test_all_have_signed_except(office, session, world, people, absent):
    cards = office.issue(*range(people))
    handout = opened(office, kind=HandoutKind.CARD, title="发卡", document="")
    away = frozenset(cards[n].person_id for n in absent)
    command = SignAllExcept(office["U1"], handout.id, away)
    assert services.sign_all_except(session, world, command) == people - len(absent)
    assert services.sign_all_except(session, world, command) == 0
    states = [services.card_of_number(session, card.number).state for card in cards]
    assert states == ["ordered" if n in absent else "delivered" for n in range(people)]
    assert set(signed(office, handout, "unsigned")) == away
    assert office.breaches() == {}


def test_an_exception_that_is_not_on_the_list_signs_for_nobody(office, cards, session, world):
    handout = opened(office)
    with pytest.raises(InvalidInput, match="person_not_listed"):
        services.sign_all_except(session, world, SignAllExcept(office["U1"], handout.id, frozenset({world.new_id()})))
    assert signed(office, handout) == {}
    with pytest.raises(InvalidInput, match="card_unknown"):
        batch = session.scalar(text("select batch_id from application limit 1"))
        but = services.HandOutCards(office["U1"], batch, except_numbers=("8000000000008",))
        services.hand_out_cards(session, world, but)


def test_receipts_by_number_stand_in_the_audit_trail_of_each_card(office, cards, session, world):
    numbers = tuple(card.number for card in cards[:2])
    services.hand_out_cards(session, world, services.HandOutCards(office["U1"], numbers=numbers, channel="scan"))
    acts = session.execute(
        text("select subject_kind, subject_id, after from audit_event where action = 'card.deliver'")
    ).all()
    assert {tuple(act)[:2] for act in acts} == {("card", str(card.card_id)) for card in cards[:2]}
    assert {act.after["channel"] for act in acts} == {"scan"}
    batch = session.scalar(text("select batch_id from application limit 1"))
    services.hand_out_cards(session, world, services.HandOutCards(office["U1"], batch_id=batch))
    last = session.execute(
        text("select subject_id, after from audit_event where action = 'card.deliver' and subject_kind = 'batch'")
    ).one()
    assert tuple(last) == (str(batch), {"cards": 1, "channel": "signed_list"})


# ---- who may, and when ----


def test_only_officers_of_the_union_see_it_and_nobody_signs_after_it_closed(office, cards, session, world):
    handout = opened(office)
    for name in ("U9", "U2"):
        with pytest.raises(NotFound, match="handout_unknown"):
            services.handout_of(session, office[name], handout.id)
        with pytest.raises(NotFound, match="handout_unknown"):
            scan(office, handout, cards[0].number, name)
    assert services.handout_of(session, office["C1"], handout.id).id == handout.id
    assert services.handouts(session, office["U9"]) == ()
    cashier = make_officer(session, world, office.unions["B1"], "cashier", Role.CASHIER)
    with pytest.raises(NotAllowed, match="role_missing"):
        services.open_handout(session, world, OpenHandout(cashier, **GIFT))
    closed = services.close_handout(session, world, office["U1"], handout.id)
    assert closed.closed_at == world.now()
    for act in (
        lambda: scan(office, handout, cards[0].number),
        lambda: services.sign_all_except(session, world, SignAllExcept(office["U1"], handout.id)),
        lambda: services.close_handout(session, world, office["U1"], handout.id),
    ):
        with pytest.raises(Conflict, match="handout_closed"):
            act()


def test_what_is_missing_when_one_is_opened_is_said(office, cards):
    for error, code, command in (
        (InvalidInput, "title_missing", {"title": "  "}),
        (InvalidInput, "document_missing", {"document": ""}),
        (NotFound, "unit_unknown", {"path": "/C/D2/"}),
        (Conflict, "nobody_to_hand_out", {"officer": "U2"}),
    ):
        with pytest.raises(error, match=code):
            opened(office, **command)


# ---- paper ----


def test_the_list_to_sign_begins_every_unit_on_a_page_of_its_own_and_names_who_signed_by_phone():
    rows = [
        SignRow("甲工会", f"王{n}", "319900********7008", f"8{n:012d}", "扫码签领" if n == 3 else "") for n in range(30)
    ]
    rows += [SignRow("乙工会", "阿依古丽·买买提江", "319900********7008", "")]
    pdf = sign_sheets(rows, SignList("高温慰问", "云工〔2026〕21号", make_membership.date(2026, 11, 24)))
    pages = words_on(pdf)
    assert len(pages) == 3
    assert "甲工会" in pages[0] and "共 30 人，第 1／2 页" in pages[0] and "扫码签领" in pages[0]
    assert "第 2／2 页" in pages[1] and "王29" in pages[1]
    assert "乙工会" in pages[2] and "共 1 人" in pages[2] and "阿依古丽·买买提江" in pages[2]
    assert "云工〔2026〕21号" in pages[0]
    assert codes_on(pdf) == [[], [], []]
