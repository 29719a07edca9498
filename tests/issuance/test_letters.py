"""The activation kit: letters with new codes, who has not activated, reminders, the poster; and prints that were spoiled."""

from datetime import timedelta

import pypdfium2
import pytest
import zxingcpp
from sqlalchemy import text

from cardnet.access.rules import Role
from cardnet.credential import store
from cardnet.credential.status import Status
from cardnet.issuance import services
from cardnet.issuance.papers import letter_sheets, poster
from cardnet.issuance.rules import CardState
from cardnet.issuance.services import ChangeCard, MakeLetters, PrintCards, Remind, VoidPrints
from cardnet.issuance.sheets import Layout, card_sheets
from cardnet.kernel.errors import Conflict, InvalidInput, NotAllowed, NotFound
from tests.issuance.test_printing import codes_on, sheet_of
from tests.make import membership as make_membership
from tests.make.issuance import activate, judge, make_office, make_officer
from tests.make.papers import words_on


@pytest.fixture
def office(session, world):
    return make_office(session, world)


@pytest.fixture
def cards(office):
    return office.issue(0, 1, 2)


def last4(serial):
    return make_membership.id_number(serial)[-4:]


def by_code(session, world, letter, serial):
    card = services.IssuedCard(
        letter.card_id, letter.number, letter.code, letter.card_id, letter.union_id, None, letter.valid_to
    )
    return activate(session, world, card, last4(serial))


# ---- letters ----


def test_new_letters_kill_the_old_slips_and_leave_out_who_is_active(office, cards, session, world):
    activate(session, world, cards[2], last4(2))
    batch = session.scalar(text("select batch_id from application limit 1"))
    letters = services.make_letters(session, world, MakeLetters(office["U1"], batch_id=batch))
    assert [letter.number for letter in letters] == [cards[0].number, cards[1].number]
    assert isinstance(activate(session, world, cards[0], last4(0)), services.ActivationRefused)
    assert isinstance(by_code(session, world, letters[0], 0), services.Activation)
    assert all(letter.code not in repr(letter) for letter in letters)
    assert office.breaches() == {}


def test_a_new_letter_gives_its_five_tries_back(office, cards, session, world):
    for _ in range(5):
        activate(session, world, cards[0], "0000")
    assert activate(session, world, cards[0], last4(0)).code == "activation_locked"
    (letter,) = services.make_letters(session, world, MakeLetters(office["U1"], numbers=(cards[0].number,)))
    assert isinstance(by_code(session, world, letter, 0), services.Activation)


def test_letters_are_for_the_own_scope_and_for_cards_that_wait(office, cards, session, world):
    with pytest.raises(Conflict, match="nothing_to_activate"):
        services.make_letters(session, world, MakeLetters(office["U9"], path="/C/D1/B1/"))
    with pytest.raises(InvalidInput, match="nothing_chosen"):
        services.make_letters(session, world, MakeLetters(office["U1"]))
    cashier = make_officer(session, world, office.unions["B1"], "cashier", Role.CASHIER)
    with pytest.raises(NotAllowed, match="role_missing"):
        services.make_letters(session, world, MakeLetters(cashier, path="/C/D1/B1/"))
    services.suspend_card(session, world, ChangeCard(cards[0].card_id, "遗失", office["U1"]))
    letters = services.make_letters(session, world, MakeLetters(office["D1u"], path="/C/D1/"))
    assert len(letters) == 2


def test_every_square_of_the_letters_fills_in_number_and_code_behind_the_hash(office, session, world):
    cards = office.issue(*range(11))
    letters = services.make_letters(session, world, MakeLetters(office["U1"], path="/C/D1/B1/"))
    pdf = letter_sheets(letters, "https://card.example.org/", "021-67812351")
    pages = codes_on(pdf, 200)
    assert [len(page) for page in pages] == [8, 3]
    expected = {f"https://card.example.org/wallet#n={one.number}&c={one.code}" for one in letters}
    assert {code.text for page in pages for code in page} == expected
    words = "".join(words_on(pdf))
    assert words.count("021-67812351") == len(letters)
    for one in letters:
        assert f"{one.code[:4]}-{one.code[4:]}" in words
    assert len(cards) == len(letters)


def test_a_single_slip_is_made_again_with_its_line_in_the_cards_history(office, cards, session, world):
    code = services.reprint_code(session, world, cards[0].card_id, office["U1"])
    assert code != cards[0].activation_code
    events = session.scalars(
        text("select action from card_event where card_id = :c order by seq"), {"c": cards[0].card_id}
    ).all()
    assert events == ["issue", "reprint_code"]
    activate(session, world, cards[1], last4(1))
    with pytest.raises(Conflict, match="illegal_transition"):
        services.reprint_code(session, world, cards[1].card_id, office["U1"])
    assert office.breaches() == {}


def test_the_poster_leads_to_the_wallet_and_names_its_unit():
    pdf = poster("松嘉环卫有限公司工会委员会", "https://card.example.org/", "021-67812351")
    ((code,),) = codes_on(pdf, 100)
    assert code.text == "https://card.example.org/wallet"
    (words,) = words_on(pdf)
    assert "松嘉环卫有限公司工会委员会" in words and "021-67812351" in words


# ---- who is missing ----


def test_the_list_of_the_inactive_is_the_longest_waiting_first_with_their_reminders(office, session, world, clock):
    first = office.issue(0)
    clock.advance(timedelta(days=1))
    rest = office.issue(1, 2)
    activate(session, world, rest[1], last4(2))
    lines = services.inactive_cards(session, world, office["U1"])
    assert [line.card_id for line in lines] == [first[0].card_id, rest[0].card_id]
    assert {line.total for line in lines} == {2}
    assert services.remind(session, world, Remind(office["U1"], "call", (first[0].number,))).people == 1
    assert services.remind(session, world, Remind(office["A1"], "slip", (first[0].number,))).people == 0, "once a day"
    clock.advance(timedelta(days=1))
    assert services.remind(session, world, Remind(office["C1"], "notice", path="/C/")).people == 2
    lines = services.inactive_cards(session, world, office["U1"])
    assert [(line.reminded, line.last_reminded_at) for line in lines] == [(2, world.now()), (1, world.now())]
    assert services.inactive_cards(session, world, office["U9"]) == ()
    (second,) = services.inactive_cards(session, world, office["U1"], limit=1, offset=1)
    assert (second.card_id, second.total) == (rest[0].card_id, 2)


def test_a_reminder_needs_somebody_and_a_way(office, cards, session, world):
    with pytest.raises(InvalidInput, match="nothing_chosen"):
        services.remind(session, world, Remind(office["U1"]))
    with pytest.raises(InvalidInput, match="channel_unknown"):
        services.remind(session, world, Remind(office["U1"], "pigeon", path="/C/"))
    assert services.remind(session, world, Remind(office["U9"], numbers=(cards[0].number,))).people == 0


# ---- spoiled prints ----


def test_a_spoiled_run_dies_with_all_its_codes_and_costs_nothing(office, cards, session, world):
    used = office.quota("B1")
    sheets = services.print_cards(session, world, PrintCards(office["U1"], path="/C/D1/B1/"))
    indexes = [judge(session, world, sheet.code_text).index for sheet in sheets]
    (run,) = services.print_runs(session, office["U1"])
    assert (run.cards, run.live, run.union.code, run.actor) == (3, 3, "B1", "U1同志")
    assert services.void_prints(session, world, VoidPrints(office["U1"], "卡纸", run_id=run.id)) == 3
    assert set(store.statuses_of(session, indexes).values()) == {Status.INVALID}
    with pytest.raises(Conflict, match="nothing_to_void"):
        services.void_prints(session, world, VoidPrints(office["U1"], "卡纸", run_id=run.id))
    (counted,) = services.print_counts(session, world, office["U1"])
    assert (counted.cards, counted.unprinted) == (3, 3)
    again = services.print_cards(session, world, PrintCards(office["U1"], path="/C/D1/B1/", only_unprinted=True))
    assert len(again) == 3
    assert office.quota("B1") == used
    assert [services.card_of_number(session, card.number).state for card in cards] == [CardState.PRODUCED] * 3
    assert office.breaches() == {}


def test_a_printed_card_lost_while_the_phone_is_there_loses_only_its_paper(office, cards, session, world):
    phone = activate(session, world, cards[0], last4(0))
    (sheet,) = services.print_cards(session, world, PrintCards(office["U1"], numbers=(cards[0].number,)))
    printed = judge(session, world, sheet.code_text).index
    services.void_prints(session, world, VoidPrints(office["U1"], "实体卡遗失", numbers=(cards[0].number,)))
    assert store.statuses_of(session, [phone.index, printed]) == {phone.index: Status.VALID, printed: Status.INVALID}
    assert services.card_of_number(session, cards[0].number).state is CardState.ACTIVE
    assert office.breaches() == {}


def test_only_what_was_never_printed_is_printed_when_asked(office, cards, session, world):
    services.print_cards(session, world, PrintCards(office["U1"], numbers=(cards[1].number,)))
    rest = services.print_cards(session, world, PrintCards(office["C1"], path="/C/", only_unprinted=True))
    assert {sheet.number for sheet in rest} == {cards[0].number, cards[2].number}
    with pytest.raises(Conflict, match="nothing_to_print"):
        services.print_cards(session, world, PrintCards(office["C1"], path="/C/", only_unprinted=True))


def test_what_cannot_be_voided_is_said(office, cards, session, world):
    services.print_cards(session, world, PrintCards(office["C1"], numbers=(cards[1].number,)))
    (run,) = services.print_runs(session, office["C1"])
    for error, code, command in (
        (InvalidInput, "nothing_chosen", VoidPrints(office["U1"], "卡纸")),
        (InvalidInput, "reason_missing", VoidPrints(office["U1"], " ", numbers=(cards[1].number,))),
        (NotFound, "print_run_unknown", VoidPrints(office["U1"], "卡纸", run_id=world.new_id())),
        (NotFound, "print_run_unknown", VoidPrints(office["U9"], "卡纸", run_id=run.id)),
        (Conflict, "nothing_to_void", VoidPrints(office["U9"], "卡纸", numbers=(cards[1].number,))),
    ):
        with pytest.raises(error, match=code):
            services.void_prints(session, world, command)


# ---- sheets ----


def test_a_card_printers_page_is_a_card_of_real_size():

    pdf = card_sheets(sheet_of(3), Layout.SINGLE)
    with pypdfium2.PdfDocument(pdf) as document:
        sizes = {tuple(round(side / 72 * 25.4, 1) for side in page.get_size()) for page in document}
        assert len(document) == 3
    assert sizes == {(85.6, 54.0)}
    assert [len(page) for page in codes_on(pdf)] == [1, 1, 1]


def test_cards_of_two_units_keep_their_own_names_days_and_codes():
    one, other = sheet_of(2, union="甲工会"), sheet_of(2, union="乙工会")
    cards = [one[0], other[1]]
    (words,) = words_on(card_sheets(cards))
    assert "甲工会" in words and "乙工会" in words
    ((first, second),) = codes_on(card_sheets(cards))
    assert {first.text, second.text} == {cards[0].code_text, cards[1].code_text}


def test_colour_runs_over_the_cut_and_marks_say_where_it_is():
    """At the cut's own edge the band is red on both sides of it: a guillotine half a millimetre out leaves no white."""

    with pypdfium2.PdfDocument(card_sheets(sheet_of(10))) as document:
        picture = document[0].render(scale=300 / 72).to_pil().convert("RGB")
    dots = 300 / 25.4
    left, top = (210 - 2 * 88.6) / 2 + 1.5, (297 - 5 * 57) / 2 + 1.5
    for off in (-1.2, -0.6, 0.6, 1.2):
        assert picture.getpixel((round((left + off) * dots), round((top + 4) * dots))) == (179, 38, 46)
        assert picture.getpixel((round((left + 20) * dots), round((top + off) * dots))) == (179, 38, 46)
    column = [picture.getpixel((round(left * dots) + dx, round((top - 4) * dots))) for dx in range(-2, 3)]
    assert min(sum(dot) for dot in column) < 300, "a cut mark stands above the card's left edge"


def test_letters_are_read_by_any_phone_at_the_size_they_are_printed():
    pdf = letter_sheets(
        [_Address(f"8{n:012d}", "ABCD2345", "周桂林", "甲工会") for n in range(8)], "https://c.example/", "12351"
    )
    (page,) = codes_on(pdf, 110)
    assert len(page) == 8
    assert {code.format for code in page} == {zxingcpp.BarcodeFormat.QRCode}


class _Address:
    def __init__(self, number, code, name, union_name):
        self.number, self.code, self.name, self.union_name = number, code, name, union_name
