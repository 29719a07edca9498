"""Printing: codes of their own, a spoiled print that costs nothing, and sheets whose codes a scanner reads."""

import json
import uuid
from datetime import date, timedelta

import pypdfium2
import pytest
import zxingcpp
from reportlab.lib.pagesizes import A4
from reportlab.lib.units import mm
from sqlalchemy import text

from cardnet.access.rules import Role
from cardnet.credential import codec, store
from cardnet.credential.status import Status
from cardnet.credential.verify import Accepted
from cardnet.issuance import services, sheets
from cardnet.issuance.rules import CardState
from cardnet.issuance.services import PrintCards, PrintedCard
from cardnet.issuance.sheets import card_sheets
from cardnet.kernel import fonts
from cardnet.kernel.errors import Conflict, InvalidInput, NotAllowed, NotFound
from cardnet.kernel.grouping import in_groups
from tests.issuance.test_cli import run  # noqa: F401 - the fixture
from tests.make import membership as make_membership
from tests.make.credential import Issuer
from tests.make.issuance import activate, breaches, judge, make_office, make_officer, print_cards


@pytest.fixture
def office(app, session, world):
    return make_office(session, world)


def codes_on(pdf: bytes, dots_per_inch: int = 300):
    """Every code a scanner reads off the sheets, page by page."""
    with pypdfium2.PdfDocument(pdf) as document:
        pictures = [page.render(scale=dots_per_inch / 72).to_pil() for page in document]
    return [zxingcpp.read_barcodes(picture) for picture in pictures]


def sheet_of(count, name="周桂林", union="松嘉环卫有限公司工会委员会"):
    issuer = Issuer()
    return [
        PrintedCard(
            uuid.UUID(int=n), f"8{n:012d}", name, union, date(2031, 12, 31), date(2028, 4, 6), issuer.printed(index=n)
        )
        for n in range(count)
    ]


# ---- codes ----


def test_a_printed_code_is_accepted_as_printed_and_stands_for_the_card(office, session, world):
    (card,) = office.issue(0)
    (sheet,) = print_cards(office, card.number)
    code = judge(session, world, sheet.code_text)
    assert isinstance(code, Accepted)
    assert (code.assurance, code.proof_id, code.device_key) == ("printed", None, None)
    standing = services.standing_of(session, code.index)
    assert (standing.card_id, standing.binding_key) == (card.card_id, None)
    last4 = make_membership.id_number(0)[-4:]
    assert services.holder_confirms(session, standing, last4)
    assert not services.holder_confirms(session, standing, last4[::-1])
    assert make_membership.id_number(0) not in repr(standing)


def test_a_card_shows_name_union_number_and_both_last_days(office, world):
    (card,) = office.issue(0)
    (sheet,) = print_cards(office, card.number)
    assert (sheet.number, sheet.name, sheet.valid_to) == (card.number, "周桂林", date(2030, 12, 31))
    assert sheet.union_name == office.unions["B1"].name
    # 24 months of the mean year from noon: the last whole day is the one before.
    assert sheet.code_until == date(2028, 11, 19)
    assert in_groups("8123456789012") == "8123 4567 8901 2"


def test_a_printed_code_never_outlives_its_card(office, session, world):
    office.give_unit("B1", 1)
    receipt = office.submit(office.roster(0))
    office.approve_all_the_way(receipt.batch_id)
    ends = date(2027, 1, 31)
    services.issue_cards(session, world, services.IssueCards(receipt.batch_id, office["C1"], ends))
    (sheet,) = services.print_cards(session, world, PrintCards(None, receipt.batch_id))
    assert sheet.code_until == ends
    code = judge(session, world, sheet.code_text)
    assert code.credential_expires_at.isoformat() == "2027-01-31T15:59:59+00:00"


def test_printing_again_voids_the_old_print_and_costs_no_quota(office, session, world):
    (card,) = office.issue(0)
    before = office.quota("B1")
    first, second = (judge(session, world, print_cards(office, card.number)[0].code_text).index for _ in range(2))
    assert first != second
    assert store.statuses_of(session, [first, second]) == {first: Status.INVALID, second: Status.VALID}
    assert str(services.standing_of(session, first).binding_state) == "revoked"
    assert office.quota("B1") == before
    assert breaches(session) == {}


def test_a_phone_goes_on_when_its_card_is_printed(office, session, world):
    (card,) = office.issue(0)
    done = activate(session, world, card, make_membership.id_number(0)[-4:])
    (sheet,) = print_cards(office, card.number)
    printed = judge(session, world, sheet.code_text).index
    assert store.statuses_of(session, [done.index, printed]) == {done.index: Status.VALID, printed: Status.VALID}
    # Loss stops both.
    services.suspend_card(session, world, services.ChangeCard(card.card_id, "丢失", office["C1"]))
    assert set(store.statuses_of(session, [done.index, printed]).values()) == {Status.SUSPENDED}
    assert breaches(session) == {}


# ---- who, which, and what is written down ----


def test_a_batch_is_printed_in_the_order_of_its_roster_and_noted_on_every_card(office, session, world):
    cards = office.issue(0, 1, 2)
    services.hand_out_cards(session, world, services.HandOutCards(office["C1"], numbers=(cards[1].number,)))
    batch_id = session.scalar(text("select batch_id from application limit 1"))
    printed = services.print_cards(session, world, PrintCards(office["C1"], batch_id))
    assert [sheet.number for sheet in printed] == [card.number for card in cards]
    states = [services.card_of_number(session, card.number).state for card in cards]
    assert states == [CardState.PRODUCED, CardState.DELIVERED, CardState.PRODUCED]
    events = session.execute(
        text("select c.number, e.action, e.to_state from card_event e join card c on c.id = e.card_id "
             "where e.seq = c.events order by c.number")
    )  # fmt: skip
    expected = sorted(
        (card.number, "print" if card is cards[1] else "produce", "delivered" if card is cards[1] else "produced")
        for card in cards
    )
    assert [tuple(event) for event in events] == expected
    act = session.execute(text("select action, after from audit_event where action = 'card.print'")).one()
    assert tuple(act) == ("card.print", {"cards": 3, "reprinted": 0, "batch": str(batch_id)})
    assert breaches(session) == {}


def test_of_a_batch_cards_that_are_over_or_lost_are_left_out(office, session, world):
    cards = office.issue(0, 1, 2)
    services.suspend_card(session, world, services.ChangeCard(cards[0].card_id, "丢失", office["C1"]))
    services.revoke_card(session, world, services.ChangeCard(cards[1].card_id, "退会", office["C1"]))
    batch_id = session.scalar(text("select batch_id from application limit 1"))
    printed = services.print_cards(session, world, PrintCards(None, batch_id))
    assert [sheet.number for sheet in printed] == [cards[2].number]


def test_what_cannot_be_printed_is_refused_with_a_reason(office, session, world, clock):
    (card,) = office.issue(0)

    def refused(error, command):
        with pytest.raises(error) as caught:
            services.print_cards(session, world, command)
        return caught.value.code

    number = (card.number,)
    assert refused(InvalidInput, PrintCards(office["C1"])) == "nothing_chosen"
    assert refused(NotFound, PrintCards(office["C1"], uuid.UUID(int=1))) == "batch_unknown"
    assert refused(InvalidInput, PrintCards(office["C1"], numbers=("8000000000008",))) == "card_unknown"
    # Another township's officer does not learn that the card exists.
    assert refused(InvalidInput, PrintCards(office["D9u"], numbers=number)) == "card_unknown"
    cashier = make_officer(session, world, office.unions["C"], "cashier", Role.CASHIER)
    assert refused(NotAllowed, PrintCards(cashier, numbers=number)) == "role_missing"
    services.suspend_card(session, world, services.ChangeCard(card.card_id, "丢失", office["C1"]))
    assert refused(Conflict, PrintCards(office["C1"], numbers=number)) == "illegal_transition"
    services.resume_card(session, world, services.ChangeCard(card.card_id, "找到", office["C1"]))
    clock.advance(timedelta(days=5 * 366))
    assert refused(Conflict, PrintCards(office["C1"], numbers=number)) == "card_expired"
    batch_id = session.scalar(text("select batch_id from application limit 1"))
    assert refused(Conflict, PrintCards(office["C1"], batch_id)) == "nothing_to_print"


# ---- sheets ----


def test_every_code_of_the_sheets_is_read_back_as_it_was_signed():
    cards = sheet_of(13)
    pages = codes_on(card_sheets(cards))
    assert [len(page) for page in pages] == [10, 3]
    found = {code.text for page in pages for code in page}
    assert found == {card.code_text for card in cards}
    assert {code.extra["ECLevel"] for page in pages for code in page} == {"Q"}


def test_an_office_printer_and_an_old_scanner_are_enough():
    (page,) = codes_on(card_sheets(sheet_of(10)), dots_per_inch=110)
    assert len(page) == 10


def test_a_planted_fault_in_the_drawing_is_noticed(monkeypatch):
    """The bug: a row of the code is drawn one module too far to the right."""
    real = sheets.zxingcpp.write_barcode_to_image

    def shifted(code, **how):
        picture = real(code, **how)
        size, light = picture.shape[0], memoryview(picture).tobytes()
        rows = [b"\xff" + light[at : at + size - 1] for at in range(0, size * size, size)]
        return memoryview(b"".join(rows)).cast("B", (size, size))

    monkeypatch.setattr(sheets.zxingcpp, "write_barcode_to_image", shifted)
    (page,) = codes_on(card_sheets(sheet_of(10)))
    assert len(page) < 10


def test_ten_cards_of_bank_card_size_fit_an_a4_sheet_and_the_code_is_large_enough():
    assert A4[0] > sheets.COLUMNS * sheets.CARD_WIDTH
    assert A4[1] > sheets.ROWS * sheets.CARD_HEIGHT
    (page,) = codes_on(card_sheets(sheet_of(1)))
    position = page[0].position
    side = (position.top_right.x - position.top_left.x) / 300 * 25.4
    assert side >= 25
    assert (sheets.CARD_WIDTH / mm, sheets.CARD_HEIGHT / mm) == pytest.approx((85.6, 54))


def words_on(pdf: bytes) -> str:
    with pypdfium2.PdfDocument(pdf) as document:
        return document[0].get_textpage().get_text_range()


def test_the_face_says_who_where_which_and_until_when():
    (card,) = sheet_of(1)
    words = words_on(card_sheets([card]))
    for expected in (card.name, card.union_name, "8000 0000 0000 0", "有效期至 2031年12月31日", "2028-04-06"):
        assert expected in words


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("阿依古丽·买买提江·阿布都热合曼", "阿依古丽·买买提江·阿布都热合曼"),
        ("Anna-Maria Müller", "Anna-Maria Müller"),
        ("龑䶮", "龑䶮"),
        ("王𬭎", "王〓"),
    ],
)
def test_names_of_every_length_and_script_stay_on_the_card(name, shown):
    pdf = card_sheets(sheet_of(1, name, "中国石油化工股份有限公司云间分公司物资装备中心工会委员会"))
    assert shown in words_on(pdf)
    assert len(codes_on(pdf)[0]) == 1


def test_the_chinese_font_is_in_the_file_and_what_it_lacks_is_named():
    assert b"/FontFile2" in card_sheets(sheet_of(1))
    assert fonts.missing("王𬭎·Li") == "𬭎"


def test_the_same_cards_give_the_same_bytes():
    cards = sheet_of(3)
    assert card_sheets(cards) == card_sheets(cards)


# ---- the command ----


def test_cards_print_writes_the_sheets_of_a_batch(office, session, run, tmp_path):  # noqa: F811
    cards = office.issue(0, 1)
    batch = str(session.scalar(text("select batch_id from application limit 1")))
    out = tmp_path / "卡.pdf"
    code, said, _ = run("cards", "print", "--batch", batch, "--out", out, "--as", "C1", "--json")
    document = json.loads(said)
    assert (code, document["printed"], document["file"], document["write_by_hand"]) == (0, 2, str(out), [])
    assert [card["number"] for card in document["cards"]] == [card.number for card in cards]
    assert [len(page) for page in codes_on(out.read_bytes())] == [2]
    assert "CN1:" not in said
    assert run("cards", "print", "--number", cards[0].number, "--out", out)[0] == 0
    assert [path.name for path in tmp_path.iterdir()] == ["卡.pdf"]


def test_a_file_that_cannot_be_written_leaves_the_earlier_print_good(office, session, world, run, tmp_path):  # noqa: F811
    (card,) = office.issue(0)
    index = judge(session, world, print_cards(office, card.number)[0].code_text).index
    assert run("cards", "print", "--number", card.number, "--out", tmp_path / "no" / "卡.pdf")[0] == 1
    assert store.statuses_of(session, [index]) == {index: Status.VALID}


def test_codec_knows_a_printed_credential_has_no_key(office, session, world):
    (card,) = office.issue(0)
    (sheet,) = print_cards(office, card.number)
    from cardnet.credential.verify import normalise, read

    token = read(normalise(sheet.code_text))
    assert isinstance(token, codec.Credential)
    assert token.claims.device_key is None
