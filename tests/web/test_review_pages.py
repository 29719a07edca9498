"""Review as its pages show it: one list of what waits, deputies, corrections, terms and freezes, the chair's yes."""

import io
import re
from datetime import timedelta

import pytest
from flask.testing import FlaskClient
from sqlalchemy import text

from cardnet.access import services as access
from cardnet.access.rules import Principal
from cardnet.issuance import services
from cardnet.issuance.rules import Verdict
from tests.make import membership as make_membership
from tests.make.issuance import Office, lines_of, make_office
from tests.make.web import enter, form_token, submit, words_of


@pytest.fixture
def office(session, world) -> Office:
    office = make_office(session, world)
    office.give_unit("B1", 10)
    office.give_unit("B2", 10)
    return office


@pytest.fixture
def batch(office):
    return office.submit(office.roster(1, 2, 3)).batch_id


@pytest.fixture
def browser_of(app, session, world):
    def make(officer: Principal) -> FlaskClient:
        client = app.test_client()
        enter(client, access.open_staff_session(session, world, officer.account_id).token)
        return client

    return make


def ticked(page: str) -> list[str]:
    return re.findall(r'name="row" value="([^"]+)"', page)


def test_the_review_list_joins_what_waits_from_all_rosters_and_decides_in_one_step(office, browser_of, batch, session):
    other = office.submit(office.roster(7, department="二车间")).batch_id
    client = browser_of(office["A1"])
    page = client.get("/console/review")
    assert "4 人等您审核" in words_of(page.text)
    rows = ticked(page.text)
    form = {"choose": "selected", "row": [rows[0], rows[3]], "verdict": "return", "reason": "R04"}
    assert submit(client, "/console/review", form).status_code == 303
    assert [str(line.state) for one in (batch, other) for line in lines_of(session, one)] == [
        "returned", "submitted", "submitted", "returned",
    ]  # fmt: skip
    assert submit(client, "/console/review", {"choose": "all", "verdict": "approve"}).status_code == 303
    assert "没有等您审核的人" in words_of(client.get("/console/review").text)
    late = submit(client, "/console/review", {"choose": "selected", "row": rows[1], "verdict": "approve"})
    assert late.status_code == 409
    assert "A1同志" in words_of(late.text)


def test_a_row_sent_again_since_the_page_was_opened_is_not_decided_unseen(office, browser_of, batch, session, world):
    client = browser_of(office["A1"])
    page = client.get(f"/console/batches/{batch}").text
    office.review(batch, "A1", Verdict.RETURN, (2,), ("R01",))
    again = browser_of(office["U1"])
    path = f"/console/batches/{batch}/rows/2"
    form = {"name": "周桂霖", "id_type": "居民身份证", "employment": "合同"}
    assert submit(again, path + "/correct", form).status_code == 303
    assert "周桂霖" in again.get(path).text
    stale = submit(
        client, f"/console/batches/{batch}/review", {"choose": "selected", "row": ticked(page)[1], "verdict": "approve"}
    )
    assert stale.status_code == 409
    assert "已有变化" in words_of(stale.text)


def test_what_is_wrong_with_a_corrected_row_stands_beside_its_field(office, browser_of, batch):
    office.review(batch, "A1", Verdict.RETURN, (2,), ("R01",))
    client = browser_of(office["U1"])
    path = f"/console/batches/{batch}/rows/2"
    shown = words_of(client.get(path).text)
    assert "R01 姓名与证件不符" in shown
    assert "改正后重新提交" in shown
    assert make_membership.id_number(2) not in shown
    form = {"name": "", "id_type": "居民身份证", "id_number": "110105194912310021", "employment": "合同"}
    answer = submit(client, path + "/correct", form)
    assert answer.status_code == 422
    assert 'href="#name"' in answer.text
    assert 'href="#id_number"' in answer.text
    # The unit's other officer may correct too; a neighbour sees nothing of it.
    assert "改正后重新提交" in browser_of(office["A1"]).get(path).text
    assert "改正后重新提交" not in browser_of(office["C1"]).get(path).text
    assert browser_of(office["U9"]).get(path).status_code == 404


def test_a_unit_takes_a_row_back_on_its_page(office, browser_of, batch, session):
    client = browser_of(office["U1"])
    path = f"/console/batches/{batch}/rows/1"
    assert submit(client, path + "/withdraw", {"words": "本人不办了"}).status_code == 303
    assert "已撤回" in words_of(client.get(path).text)
    assert submit(client, path + "/withdraw", {}).status_code == 409
    assert office.quota("B1").held == 2


def test_a_deputy_works_in_the_name_of_another_and_the_history_shows_both(office, browser_of, batch, clock):
    office.review(batch, "A1")
    giver = browser_of(office["D1u"])
    form = {"deputy": "d9u", "first_on": "2026-11-21", "last_on": "2026-11-30", "reason": "外出培训"}
    assert submit(giver, "/console/delegations", form).status_code == 303
    assert "D9u同志代D1u同志" in words_of(giver.get("/console/delegations").text)
    deputy = browser_of(office["D9u"])
    inbox = deputy.get("/console").text
    assert "以“D9u同志代D1u同志”的名义" in words_of(inbox)
    address = re.search(r'href="(/console/batches/[^"]*behalf=[^"]*)"', inbox)[1].replace("&amp;", "&")
    page = deputy.get(address)
    assert "您正以“D9u同志代D1u同志”的名义审核" in words_of(page.text)
    behalf = str(office["D1u"].account_id)
    form = {"choose": "all", "verdict": "approve", "behalf": behalf}
    assert submit(deputy, f"/console/batches/{batch}/review", form).status_code == 303
    assert "D9u同志代D1u同志" in words_of(browser_of(office["C1"]).get(f"/console/batches/{batch}").text)
    clock.advance(timedelta(days=10))
    deputy, giver = browser_of(office["D9u"]), browser_of(office["D1u"])
    assert deputy.get(f"/console/review?behalf={behalf}").status_code == 403
    assert deputy.get("/console/review?behalf=nonsense").status_code == 404
    assert "已到期" in words_of(giver.get("/console/delegations").text)


def test_a_delegation_is_ended_and_its_form_says_what_is_missing(office, browser_of):
    client = browser_of(office["D1u"])
    empty = submit(client, "/console/delegations", {})
    assert empty.status_code == 422
    assert 'href="#deputy"' in empty.text
    wrong = {"deputy": "nobody", "first_on": "2026-11-21", "last_on": "2026-11-20", "reason": ""}
    assert submit(client, "/console/delegations", wrong).status_code == 422
    good = wrong | {"deputy": "d2u", "last_on": "2026-11-22", "reason": "休假"}
    assert (
        submit(client, "/console/delegations", wrong | {"last_on": "2026-11-25", "reason": "休假"}).status_code == 404
    )
    assert submit(client, "/console/delegations", good).status_code == 303
    assert submit(client, "/console/delegations", good).status_code == 409
    path = re.search(r'action="(/console/delegations/[^"]+/end)"', client.get("/console/delegations").text)[1]
    assert submit(browser_of(office["U9"]), path).status_code == 403
    assert submit(client, path).status_code == 303
    assert submit(client, path).status_code == 409


def test_the_district_sets_terms_freezes_and_days_and_everybody_reads_them(office, browser_of, batch, session):
    district, unit = browser_of(office["C1"]), browser_of(office["A1"])
    assert submit(district, "/console/review-settings/term", {"tier": "unit", "working_days": "2"}).status_code == 303
    assert submit(district, "/console/review-settings/term", {"tier": "unit", "working_days": "x"}).status_code == 422
    form = {"union_code": "D1", "first_on": "2026-11-21", "last_on": "2026-11-25", "reason": "年终盘点"}
    assert submit(district, "/console/review-settings/freeze", form).status_code == 303
    page = words_of(unit.get("/console/review").text)
    assert "审核冻结期" in page
    assert "年终盘点" in page
    refused = submit(unit, f"/console/batches/{batch}/review", {"choose": "all", "verdict": "approve"})
    assert refused.status_code == 409
    settings = unit.get("/console/review-settings").text
    assert "年终盘点" in settings
    assert "lift" not in settings
    path = re.search(r'action="([^"]+/lift)"', district.get("/console/review-settings").text)[1]
    assert submit(unit, path).status_code == 403
    assert submit(district, path).status_code == 303
    assert submit(unit, f"/console/batches/{batch}/review", {"choose": "all", "verdict": "approve"}).status_code == 303
    days = {"free": "2027-02-05 2027-02-08", "worked": "2027-02-06", "document": "国办发明电〔2026〕9号"}
    assert submit(district, "/console/review-settings/days", days).status_code == 303
    assert "国办发明电〔2026〕9号" in district.get("/console/review-settings").text
    assert submit(district, "/console/review-settings/days", days | {"free": "2027-02-30"}).status_code == 422
    both = submit(district, "/console/review-settings/days", days | {"free": "2027-02-08", "worked": "2027-02-08"})
    assert both.status_code == 422
    assert "2027-02-08 既写成放假又写成上班" in both.text
    assert 'href="#worked"' in both.text
    assert submit(unit, "/console/review-settings/days", days).status_code == 403


def test_the_browser_that_saw_the_link_does_not_answer_for_the_chair(office, browser_of, app, session):
    batch = office.submit(office.roster(0, 1, unit="B2"), "B2", "U2").batch_id
    officer = browser_of(office["U2"])
    page = f"/console/batches/{batch}/unit-approval"
    asked = submit(officer, page, {"kind": "link", "signer": "王建国"})
    link = re.search(r"http://localhost(/confirm/[\w-]+)", asked.text)[1]
    answer = {"answer": "confirm", "signer": "王建国"}
    refused = submit(officer, link, answer)
    assert refused.status_code == 403 and "请主席在自己的手机上打开" in refused.text
    # Signed out, or another officer of the unit's route in another browser: neither is the chair.
    submit(officer, "/sign-out")
    assert submit(officer, link, answer).status_code == 403
    assert submit(browser_of(office["D1u"]), link, answer).status_code == 403
    tried = session.scalars(text("select actor_id from audit_event where action = 'unit_approval.own_link'")).all()
    assert tried == [office["D1u"].account_id]
    assert submit(app.test_client(), link, answer).status_code == 200


def test_the_chair_confirms_on_a_phone_without_an_account(office, browser_of, app, session):
    batch = office.submit(office.roster(0, 1, unit="B2"), "B2", "U2").batch_id
    officer = browser_of(office["U2"])
    asked = submit(officer, f"/console/batches/{batch}/unit-approval", {"kind": "link", "signer": "王建国"})
    assert asked.headers["Cache-Control"] == "no-store"
    link = re.search(r"http://localhost(/confirm/[\w-]+)", asked.text)[1]
    chair = app.test_client()
    page = chair.get(link)
    assert page.headers["Referrer-Policy"] == "no-referrer"
    assert "请确认 2 人的办卡申请" in words_of(page.text)
    assert make_membership.id_number(0) not in page.text
    assert submit(chair, link, {"answer": "confirm", "signer": ""}).status_code == 422
    assert submit(chair, link, {"answer": "confirm", "signer": "李四"}).status_code == 422
    assert "已确认 2 人" in words_of(submit(chair, link, {"answer": "confirm", "signer": "王建国"}).text)
    assert "已经确认过了" in words_of(chair.get(link).text)
    assert chair.get("/confirm/nothing").status_code == 404
    assert {line.review_path for line in lines_of(session, batch)} == {"/C/D1/"}
    assert "单位确认 2 人" in words_of(browser_of(office["D1u"]).get(f"/console/batches/{batch}").text)


def test_the_stamped_summary_is_printed_uploaded_and_shown_to_the_tiers_above(office, browser_of, session):
    batch = office.submit(office.roster(0, 1, unit="B2"), "B2", "U2").batch_id
    officer = browser_of(office["U2"])
    path = f"/console/batches/{batch}/unit-approval"
    assert submit(officer, path, {"kind": "summary", "signer": "王建国"}).status_code == 303
    page = officer.get(path).text
    sheet = re.search(r'href="(/console/unit-approvals/[^"]+/summary.pdf)"', page)[1]
    assert officer.get(sheet).data.startswith(b"%PDF-")
    assert officer.get(sheet.replace("summary.pdf", "names.pdf")).data.startswith(b"%PDF-")
    (line,) = services.approvals_of_batch(session, office.world, office["U2"], batch)
    form = {"number": line.number, "code": line.check_code, "_token": form_token(officer)}
    send = lambda content: officer.post(  # noqa: E731
        path + "/upload", data=form | {"file": (io.BytesIO(content), "盖章.jpg")}, content_type="multipart/form-data"
    )
    assert send(b"not a picture").status_code == 422
    assert send(b"\xff\xd8\xff a photograph").status_code == 303
    stamped = sheet.replace("summary.pdf", "stamped")
    kept = browser_of(office["D1u"]).get(stamped)
    assert (kept.mimetype, kept.data) == ("image/jpeg", b"\xff\xd8\xff a photograph")
    assert browser_of(office["D9u"]).get(stamped).status_code == 404


def test_a_page_beyond_the_end_is_the_last_one(office, browser_of, batch):
    client = browser_of(office["A1"])
    for path, shown in (
        (f"/console/batches/{batch}", "周桂林"), ("/console/rosters", "名单.csv"), ("/console/review", "周桂林"),
    ):  # fmt: skip
        page = client.get(path + "?page=999999").text
        assert shown in page, path
        assert 'class="empty"' not in page, path


def test_a_row_that_took_a_place_no_longer_says_that_places_are_short(office, browser_of, session, world):
    batch = office.submit(office.roster(*range(20, 32))).batch_id
    client = browser_of(office["U1"])
    waiting = [line.row for line in lines_of(session, batch) if str(line.state) == "waitlisted"]
    assert waiting
    short = re.compile("名额.{0,12}不足|候补")
    assert short.search(words_of(client.get(f"/console/batches/{batch}/rows/{waiting[0]}").text))
    for line in lines_of(session, batch):
        if str(line.state) == "submitted":
            page = words_of(client.get(f"/console/batches/{batch}/rows/{line.row}").text)
            assert not re.search("名额.{0,12}不足", page), line.row


def test_issuing_into_a_file_marks_the_answer_for_the_page_that_waits(office, browser_of, batch):
    office.approve_all_the_way(batch)
    form = {"as": "workbook", "download": "1732"}
    answer = submit(browser_of(office["C1"]), f"/console/batches/{batch}/issue", form)
    assert "downloaded=1732" in answer.headers["Set-Cookie"]
    assert "HttpOnly" not in answer.headers["Set-Cookie"]


def test_a_link_is_taken_back_on_the_page_and_its_holder_reads_so(office, browser_of, app):
    batch = office.submit(office.roster(0, 1, unit="B2"), "B2", "U2").batch_id
    officer = browser_of(office["U2"])
    page = f"/console/batches/{batch}/unit-approval"
    asked = submit(officer, page, {"kind": "link", "signer": "王建国"})
    link = re.search(r"http://localhost(/confirm/[\w-]+)", asked.text)[1]
    path = re.search(r'action="([^"]+/withdraw)"', asked.text)[1]
    assert submit(browser_of(office["U9"]), path, {"words": "查"}).status_code == 404
    refused = submit(officer, path, {"words": ""})
    assert refused.status_code == 422 and "请写明为什么撤回" in refused.text
    done = submit(officer, path, {"words": "发错了人"}, follow_redirects=True)
    assert "已撤回" in done.text and "发错了人" in done.text and "withdraw" not in done.text
    assert "经办人撤回了这个链接" in app.test_client().get(link).text
    submit(officer, page, {"kind": "link", "signer": "王建国"})
    again = submit(officer, page, {"kind": "link", "signer": "王建国"})
    assert "已换成新链接" in again.text
