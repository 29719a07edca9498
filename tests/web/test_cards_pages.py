"""The console's card pages over HTTP: what stands in addresses, who may see and do what, files that are sent."""

import io
import zipfile
from datetime import date

import pytest
from sqlalchemy import text

from cardnet.access import services as access
from cardnet.issuance import services
from cardnet.issuance.papers import wallet_address
from cardnet.issuance.rules import CardState, HandoutKind
from cardnet.web.console import printing
from tests.issuance.test_printing import codes_on
from tests.make import membership as make_membership
from tests.make.issuance import activate, make_office
from tests.make.web import enter, form_token, submit, words_of

CARDS = "/console/cards"


@pytest.fixture
def office(app, session, world):
    return make_office(session, world)


@pytest.fixture
def cards(office):
    return office.issue(0, 1, 2)


@pytest.fixture
def browser_of(app, session, world, office):
    def make(name):
        client = app.test_client()
        enter(client, access.open_staff_session(session, world, office[name].account_id).token)
        return client

    return make


def find(client, asked, **more):
    return submit(client, f"{CARDS}/find", {"asked": asked, **more})


# ---- finding ----


def test_digits_go_on_by_their_address_and_a_name_or_document_never_does(cards, browser_of):
    client = browser_of("U1")
    by_number = find(client, cards[0].number)
    assert (by_number.status_code, by_number.headers["Location"]) == (303, f"{CARDS}?number={cards[0].number}")
    assert find(client, cards[0].number[-4:]).headers["Location"] == f"{CARDS}?number={cards[0].number[-4:]}"
    by_name = find(client, "周桂林")
    assert by_name.status_code == 200
    assert all(card.number[:4] in words_of(by_name.text) for card in cards)
    by_document = find(client, make_membership.id_number(1))
    assert by_document.status_code == 200
    assert by_document.text.count("/console/cards/01") == 1
    assert "没有找到会员卡" in words_of(find(client, "周桂").text)


def test_nobody_finds_a_card_of_another_unit_by_whatever(cards, browser_of):
    other = browser_of("U9")
    for asked in (cards[0].number[-4:], "周桂林", make_membership.id_number(0)):
        answer = find(other, asked)
        page = other.get(answer.headers["Location"]) if answer.status_code == 303 else answer
        assert "没有找到会员卡" in words_of(page.text)


ACTS = (
    "suspend", "resume", "cancel", "replace", "renew", "start-renewed", "reprint-slip", "rebind-code", "void-print", "print",
    "hand-out",
)  # fmt: skip


@pytest.mark.parametrize("act", ACTS)
def test_no_act_on_a_card_of_another_unit_changes_anything(cards, browser_of, session, act):
    answer = submit(browser_of("U9"), f"{CARDS}/{cards[0].card_id}/{act}", {"reason": "试", "seen": "yes"})
    assert answer.status_code == 404
    assert session.scalar(text("select events from card where id = :c"), {"c": cards[0].card_id}) == 1


def test_every_act_says_its_consequence_before(cards, browser_of, session, world):
    activate(session, world, cards[0], make_membership.id_number(0)[-4:])
    page = words_of(browser_of("D1u").get(f"{CARDS}/{cards[0].card_id}").text)
    for consequence in (
        "从本单位开始逐级审核",
        "这张卡马上停用",
        "立刻都不能使用",
        "永远不能再用",
        "永久停用",
        "旧手机立即停用",
        "以前打印的那张立即作废",
    ):
        assert consequence in page


# ---- what is shown once ----


def test_a_slip_and_six_digits_are_shown_once_and_kept_in_no_cache(cards, browser_of, session, world):
    client, path = browser_of("U1"), f"{CARDS}/{cards[0].card_id}"
    slip = submit(client, f"{path}/reprint-slip")
    assert (slip.status_code, slip.headers["Cache-Control"]) == (200, "no-store")
    assert "激活码只显示这一次" in words_of(slip.text)
    refused = submit(client, f"{path}/rebind-code", {"seen": "yes"})
    assert refused.status_code == 409
    activate(session, world, cards[1], make_membership.id_number(1)[-4:])
    six = submit(client, f"{CARDS}/{cards[1].card_id}/rebind-code", {"seen": "yes"})
    assert (six.status_code, six.headers["Cache-Control"]) == (200, "no-store")


def test_a_batch_is_issued_with_its_letters_as_one_pdf(office, browser_of, session):
    office.give_unit("B1", 3)
    batch = office.submit(office.roster(5, 6, 7)).batch_id
    office.approve_all_the_way(batch)
    answer = submit(browser_of("C1"), f"/console/batches/{batch}/issue", {"as": "letters"})
    assert (answer.mimetype, answer.headers["Cache-Control"]) == ("application/pdf", "no-store")
    (page,) = codes_on(answer.data, 200)
    assert len(page) == 3 and all("/wallet#n=" in code.text for code in page)


def test_the_last_day_of_the_cards_is_the_programs_own_and_never_past(office, browser_of, session):
    office.give_unit("B1", 1)
    batch = office.submit(office.roster(5)).batch_id
    office.approve_all_the_way(batch)
    client, address = browser_of("C1"), f"/console/batches/{batch}/issue"
    for typed in ("2026-11-20", "2030-13-01"):
        wrong = submit(client, address, {"valid_to": typed})
        assert (wrong.status_code, 'id="valid_to-error"' in wrong.text) == (422, True)
    assert submit(client, address, {"valid_to": "2028-06-30"}).status_code == 200
    assert session.scalars(text("select valid_to from card")).all() == [date(2028, 6, 30)]


# ---- printing ----


def test_many_cards_come_as_one_pdf_a_unit_while_they_are_drawn(office, cards, browser_of, session, monkeypatch):
    monkeypatch.setattr(printing, "_ONE_FILE", 2)
    services.follow_transfer(session, office.world, services.FollowTransfer(cards[0].person_id, office.unions["B2"].id))
    answer = submit(browser_of("C1"), f"{CARDS}/printing", {"which": "new", "layout": "sheets"})
    assert answer.mimetype == "application/zip"
    book = zipfile.ZipFile(io.BytesIO(answer.data))
    assert book.testzip() is None
    assert [name.rsplit("-", 1)[1] for name in book.namelist()] == ["2.pdf", "1.pdf"]
    assert [len(codes_on(book.read(name))[0]) for name in book.namelist()] == [2, 1]
    nothing = submit(browser_of("C1"), f"{CARDS}/printing", {"which": "new"})
    assert nothing.status_code == 409


def test_a_unit_outside_the_scope_is_not_printed(cards, browser_of):
    assert submit(browser_of("U9"), f"{CARDS}/printing", {"path": "/C/D1/B1/", "which": "all"}).status_code == 422


# ---- hand-outs ----


def test_a_scan_is_answered_in_json_to_a_script_and_by_a_sentence_to_a_form(office, cards, browser_of, session, world):
    opened = services.open_handout(session, world, services.OpenHandout(office["U1"], HandoutKind.CARD, "发放会员卡"))
    client, path = browser_of("U1"), f"{CARDS}/handouts/{opened.id}/scan"
    headers = {"Accept": "application/json", "X-CSRF-Token": form_token(client)}
    slip = wallet_address("https://card.example.org", cards[0].number, cards[0].activation_code)
    answer = client.post(path, data={"read": slip}, headers=headers)
    assert (answer.json["outcome"], answer.json["name"], answer.json["signed"]) == ("signed", "周桂林", 1)
    assert answer.headers["Cache-Control"] == "no-store"
    assert client.post(path, data={"read": slip}, headers=headers).json["outcome"] == "signed_before"
    assert client.post(path, data={"read": slip}).status_code == 403, "a form of nobody's signs nothing"
    by_form = submit(client, path, {"read": cards[1].number}, follow_redirects=True)
    assert "周桂林：已签领" in words_of(by_form.text)
    assert browser_of("U9").get(path).status_code == 404


def test_the_batch_page_takes_all_but_the_ticked(cards, browser_of, session):
    batch = session.scalar(text("select batch_id from application limit 1"))
    form = {"choose": "except", "number": cards[2].number}
    assert submit(browser_of("U1"), f"/console/batches/{batch}/hand-out", form).status_code == 303
    states = [services.card_of_number(session, card.number).state for card in cards]
    assert states == [CardState.DELIVERED, CardState.DELIVERED, CardState.ORDERED]


def test_everybody_under_a_filter_but_the_ticked_has_signed(cards, browser_of, session):
    form = {"choose": "except", "number": cards[0].number, "list": "unsigned", "unit": "B1"}
    assert submit(browser_of("C1"), f"{CARDS}/hand-out", form).status_code == 303
    states = [services.card_of_number(session, card.number).state for card in cards]
    assert states == [CardState.ORDERED, CardState.DELIVERED, CardState.DELIVERED]
    wrong = submit(browser_of("C1"), f"{CARDS}/hand-out", {"choose": "all", "unit": "NOPE"})
    assert wrong.status_code == 404
