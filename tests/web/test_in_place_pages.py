"""Replacement and renewal on the console: a unit applies, answers a return, renews its cards in one batch."""

from datetime import UTC, datetime

import pytest

from cardnet.access import services as access
from cardnet.issuance import services
from cardnet.issuance.rules import Verdict
from tests.issuance.test_in_place import ending_cards
from tests.make.issuance import make_office
from tests.make.web import enter, submit, words_of


@pytest.fixture
def office(app, session, world):
    return make_office(session, world)


def browser_of(app, office, name):
    client = app.test_client()
    enter(client, access.open_staff_session(office.session, office.world, office[name].account_id).token)
    return client


def test_a_unit_applies_and_a_desk_above_replaces_at_once(app, office):
    (card,) = office.issue(0)
    unit, desk = browser_of(app, office, "U1"), browser_of(app, office, "D1u")
    address = f"/console/cards/{card.card_id}"
    assert "补一张新卡" not in unit.get(address).text and "补一张新卡" in desk.get(address).text
    nothing = submit(unit, f"{address}/apply", {"reason": "磨损"})
    assert nothing.status_code == 422 and "请选择补卡的原因" in nothing.text
    sent = submit(unit, f"{address}/apply", {"why": "damaged", "reason": "磨损"})
    assert sent.status_code == 303
    page = words_of(unit.get(sent.headers["Location"]).text)
    assert "原卡" in page and "磨损" in page and "补卡申请" in page
    assert "补卡申请正在办理" in unit.get(address).text
    assert submit(unit, f"{address}/replace", {"reason": "x"}).status_code == 403
    assert submit(desk, f"{address}/replace", {"reason": "本人到场"}).status_code == 200
    assert "已撤回" in words_of(unit.get(sent.headers["Location"]).text)


def test_a_returned_replacement_is_answered_on_its_page(app, office, session, world):
    (card,) = office.issue(0)
    unit = browser_of(app, office, "U1")
    sent = submit(unit, f"/console/cards/{card.card_id}/apply", {"why": "damaged", "reason": "磨损"})
    address = sent.headers["Location"]
    (line,) = [one for one in services.applications_of_people(session, [card.person_id]) if one.kind == "replacement"]
    office.review(line.batch_id, "A1", Verdict.RETURN, reasons=("R11",))
    page = unit.get(address).text
    assert "答复后重新提交" in page and "证件类型" not in page
    assert submit(unit, f"{address}/resubmit", {"answer": " "}).status_code == 422
    assert submit(unit, f"{address}/resubmit", {"answer": "已补照片"}).status_code == 303
    assert "已补照片" in unit.get(address).text


def test_a_unit_renews_what_ends_soon_in_one_batch(app, session, world, clock):
    office, _ = ending_cards(session, world, clock, 3)
    clock.set(datetime(2025, 12, 1, 2, tzinfo=UTC))
    unit = browser_of(app, office, "U1")
    page = unit.get("/console/cards?list=ending").text
    assert "3 张卡可以换发" in page
    sent = submit(unit, "/console/cards/renewal", {"unit": ""})
    assert sent.status_code == 303 and "换卡申请 2025-12-01" in unit.get(sent.headers["Location"]).text
    again = submit(unit, "/console/cards/renewal", {"unit": ""})
    assert again.status_code == 409 and "没有可以换发的卡" in again.text
    assert "可以换发" not in unit.get("/console/cards?list=ending").text
