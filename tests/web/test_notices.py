"""The pages of notices: the desk of a unit, counts above it, the phone that only a demonstration has."""

from dataclasses import replace

import pytest
from sqlalchemy import text

from cardnet.access import services as access
from cardnet.issuance import services as issuance
from cardnet.membership import jobs
from cardnet.membership.notices.rules import Message, NoticeKind, Way
from cardnet.membership.notices.simulated import SimulatedPhone, messages_on
from cardnet.membership.services import notices
from tests.make import membership as make_membership
from tests.make.issuance import activate, make_office
from tests.make.web import enter, submit, words_of


@pytest.fixture
def office(session, world):
    office = make_office(session, world)
    office.cards = office.issue(1, 2, 3)
    return office


@pytest.fixture
def browser(app, session, world, office):
    def make(name):
        client = app.test_client()
        enter(client, access.open_staff_session(session, world, office[name].account_id).token)
        return client

    return make


def confirm(session, world, office, card):
    notices.confirm_phones(session, world, notices.ConfirmPhones(office["U1"], (card.person_id,)))


def demonstration(app):
    settings = app.extensions["cardnet.settings"]
    app.extensions["cardnet.settings"] = replace(settings, simulated_phone=True)


def test_one_tap_reminds_by_message_and_by_slip_and_the_desk_shows_both(session, world, office, browser):
    confirm(session, world, office, office.cards[0])
    unit = browser("U1")
    answer = submit(unit, "/console/cards/activation", {"act": "notice", "choose": "all"}, follow_redirects=True)
    assert "今天提醒 3 人：发消息 1 人，2 人要打印通知单" in words_of(answer.text)
    page = words_of(unit.get("/console/cards/notices").text)
    assert "等待发送 1" in page and "打印 2 份通知单" in page and "没有同意接收通知" in page
    again = submit(unit, "/console/cards/activation", {"act": "notice", "choose": "all"}, follow_redirects=True)
    assert "今天都已提醒过" in words_of(again.text)


def test_slips_are_one_pdf_and_are_ticked_off(session, world, office, browser):
    unit = browser("U1")
    submit(unit, "/console/cards/activation", {"act": "slip", "choose": "all"})
    pdf = submit(unit, "/console/cards/notices/print")
    assert pdf.data.startswith(b"%PDF") and pdf.headers["Cache-Control"] == "no-store"
    assert submit(unit, "/console/cards/notices/print").status_code == 409
    ids = [str(line.notice_id) for line in notices.notice_lines(session, "/C/", "to_hand_out")]
    assert submit(unit, "/console/cards/notices/hand_out", {"list": "to_hand_out"}).status_code == 422
    submit(unit, "/console/cards/notices/hand_out", {"notice": ids[0]})
    submit(unit, "/console/cards/notices/hand_out", {"choose": "all"})
    (counts,) = notices.notice_counts(session, "/C/")
    assert (counts.to_hand_out, counts.handed_out) == (0, 3)


def test_the_district_sees_counts_of_units_and_a_neighbour_nothing(session, world, office, browser):
    submit(browser("U1"), "/console/cards/activation", {"act": "slip", "choose": "all"})
    assert office.unions["B1"].name in browser("C1").get("/console/cards/notices").text
    neighbour = browser("U9")
    assert "还没有通知" in neighbour.get("/console/cards/notices").text
    assert submit(neighbour, "/console/cards/notices/print", {"unit": "B1"}).status_code == 404


def test_a_phone_confirmed_at_the_desk_is_reached_next_time(session, world, office, browser):
    unit = browser("U1")
    person = office.cards[1].person_id
    submit(unit, "/console/cards/notices/confirm", {"person": str(person)})
    submit(unit, "/console/cards/activation", {"act": "notice", "choose": "selected", "number": office.cards[1].number})
    assert [line.way for line in notices.notice_lines(session, "/C/")] == [Way.SMS]


def test_the_helpline_of_a_unit_stands_in_its_notices(session, world, office, browser):
    unit = browser("U1")
    assert submit(unit, "/console/cards/notices/phone", {"phone": "请打我"}).status_code == 422
    submit(unit, "/console/cards/notices/phone", {"phone": "021-6780 1102"})
    submit(unit, "/console/cards/activation", {"act": "slip", "choose": "all"})
    assert "咨询021-6780 1102" in unit.get("/console/cards/notices").text


# ---- what tells people ----


def kinds(session):
    return session.scalars(text("select kind from notice where state <> 'dropped' order by id")).all()


def test_new_cards_losses_and_places_tell_whom_they_concern(session, world, office):
    confirm(session, world, office, office.cards[0])
    card = office.cards[0]
    issuance.report_loss(session, world, issuance.ReportLoss(card.person_id, issuance.Lost.CARD, "丢了"))
    assert kinds(session) == [NoticeKind.CARD_SUSPENDED]
    issuance.resume_card(session, world, issuance.ChangeCard(card.card_id, "找到", office["U1"]))
    assert kinds(session) == [], "found before anybody was told: nothing to tell"


def test_somebody_next_in_line_hears_of_the_place_and_until_when(session, world, office):
    receipt = office.submit(office.roster(11, 12))
    office.grant(1)
    office.allocate("C", "D1", 1)
    office.allocate("D1", "B1", 1)
    (line,) = notices.notice_lines(session, "/C/")
    assert line.kind is NoticeKind.PLACE_OFFERED and "保留到11月28日10时" in line.words
    office.accept("U1")
    assert kinds(session) == [] and receipt.batch_id


def test_who_activates_first_is_not_reminded_any_more(session, world, office):
    confirm(session, world, office, office.cards[0])
    issuance.remind(session, world, issuance.Remind(office["U1"], "notice", (office.cards[0].number,)))
    assert kinds(session) == [NoticeKind.ACTIVATION_REMINDER]
    activate(session, world, office.cards[0], make_membership.id_number(1)[-4:])
    assert kinds(session) == []


# ---- the demonstration's phone ----


def test_without_the_demonstration_there_is_no_phone(client):
    assert client.get("/phone").status_code == 404
    assert submit(client, "/phone", {"phone": "13800000001"}).status_code == 404


def test_the_demonstrations_phone_shows_what_its_number_received_once(app, session, world, client):
    demonstration(app)
    ways = jobs.gateways_of(app.extensions["cardnet.settings"], world)
    assert isinstance(ways[Way.SMS], SimulatedPhone)
    message = Message("01a1fbd4-0000-7000-8000-000000000001", NoticeKind.CARD_ISSUED, "13800000001", "<b>卡已办好</b>")
    with app.app_context():
        ways[Way.SMS].send(message)
        ways[Way.SMS].send(message)
    assert len(messages_on(session, "13800000001")) == 1
    page = submit(client, "/phone", {"phone": "138 0000 0001"}).text
    assert "【区总工会】&lt;b&gt;卡已办好" in page
    assert submit(client, "/phone", {"phone": "12"}).status_code == 422
    assert "还没有收到消息" in submit(client, "/phone", {"phone": "13800000002"}).text
