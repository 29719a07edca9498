"""The members' pages over HTTP: what stands in addresses, who sees names, what a stranger's form changes, the workbook."""

import io
import re

import pytest
import python_calamine

from cardnet.access import services as access
from cardnet.membership import services as membership
from tests.make import membership as make_membership
from tests.make.issuance import make_office
from tests.make.web import enter, submit, words_of


@pytest.fixture
def office(app, session, world):
    return make_office(session, world)


@pytest.fixture
def people(office):
    return [card.person_id for card in office.issue(0, 1, 2)]


@pytest.fixture
def browser_of(app, session, world, office):
    def make(name):
        client = app.test_client()
        enter(client, access.open_staff_session(session, world, office[name].account_id).token)
        return client

    return make


def test_a_name_a_document_or_a_phone_never_stands_in_an_address(people, browser_of):
    client = browser_of("U1")
    found = submit(client, "/console/members/find", {"asked": make_membership.id_number(1)})
    assert (found.status_code, found.headers["Location"]) == (303, f"/console/members/{people[1]}")
    namesakes = submit(client, "/console/members/find", {"asked": "周桂林"})
    assert namesakes.status_code == 200 and namesakes.text.count("/console/members/01") == 3
    page = client.get(f"/console/members/{people[1]}").text
    assert make_membership.id_number(1) not in page and "19900000001" not in page
    assert "会员：查看档案" in words_of(page)


ACTS = ("transfer", "standing", "end", "phone", "tag", "kin", "consent", "end_tag", "end_kin", "withdraw_consent")
FORM = {
    "transfer_to_code": "B9", "standing_kind": "retired", "end_ending": "left", "phone_phone": "13800000009",
    "tag_kind": "hardship", "tag_document": "云工〔2026〕9号", "kin_relation": "spouse", "kin_name": "李秀英",
    "consent_purpose": "notices", "consent_answer": "given", "consent_method": "signed_form", "consent_evidence": "12 号",
    "withdraw_consent_which": "card", "end_tag_which": "01a1fbd4-0000-7000-8000-000000000000",
    "end_kin_which": "01a1fbd4-0000-7000-8000-000000000000",
}  # fmt: skip


@pytest.mark.parametrize("act", ACTS)
def test_nobody_of_another_unit_opens_a_file_or_changes_it(session, people, browser_of, act):
    before = membership.person_of_id(session, people[0])
    assert browser_of("U9").get(f"/console/members/{people[0]}").status_code == 404
    answer = submit(browser_of("U9"), f"/console/members/{people[0]}", {**FORM, "act": act})
    # The one thing a unit may do with somebody else's member is to ask for them.
    assert answer.status_code == (303 if act == "transfer" else 404)
    assert membership.person_of_id(session, people[0]) == before


@pytest.mark.parametrize("act", ["standing", "phone", "tag", "kin", "consent", "withdraw_consent", "end"])
def test_the_own_unit_does_all_of_it_and_comes_back_to_the_file(people, browser_of, act):
    answer = submit(browser_of("U1"), f"/console/members/{people[0]}", {**FORM, "act": act})
    assert (answer.status_code, answer.headers["Location"]) == (303, f"/console/members/{people[0]}")


def test_the_original_of_a_tag_is_kept_from_the_form_and_opened_by_who_sees_the_file(people, browser_of):
    client, path = browser_of("U1"), f"/console/members/{people[0]}"

    def send(content, filename, act="tag", **form):
        return submit(client, path, {**FORM, **form, f"{act}_file": (io.BytesIO(content), filename), "act": act})

    assert "这个文件是空的" in send(b"", "扫描件.pdf").text
    for content, sentence in ((b"MZ\x90\x00", "PDF、JPEG 或 PNG"), (b"%PDF-" + b"0" * (10 << 20), "超过 8 MB")):
        page = send(content, "扫描件.pdf")
        assert page.status_code == 422 and sentence in page.text and 'id="tag" open' in page.text
    assert send(b"%PDF-1.7 first", "扫描件.pdf").status_code == 303
    link = re.search(rf"{path}/tags/([-0-9a-f]+)/original", client.get(path).text)
    opened = client.get(link[0])
    assert (opened.data, opened.mimetype, opened.headers["Cache-Control"]) == (
        b"%PDF-1.7 first",
        "application/pdf",
        "no-store",
    )
    assert "attachment; filename=hardship-" in opened.headers["Content-Disposition"]
    assert "请先选择" in submit(client, path, {"act": "tag_original", "tag_original_which": link[1]}).text
    assert send(b"\x89PNG\r\n\x1a\n2", "照片.png", "tag_original", tag_original_which=link[1]).status_code == 303
    assert client.get(link[0]).mimetype == "image/png"
    assert "会员：打开依据文件原件" in words_of(client.get(path).text)
    assert browser_of("U9").get(link[0]).status_code == 404


@pytest.mark.parametrize(
    ("act", "change", "sentence"),
    [
        ("tag", {"tag_document": " "}, "请写明依据文件"),
        ("tag", {"tag_to_on": "9999-12-31"}, "日期写成"),
        ("standing", {"standing_on": "2026-02-30"}, "日期写成"),
        ("standing", {"standing_kind": "king"}, "请从列出的选项中选择"),
        ("end", {"end_ending": "transferred"}, "卡会一起转过去"),
        ("phone", {"phone_phone": "12"}, "11 位数字"),
        ("transfer", {"transfer_to_code": "X9"}, "没有编码为"),
        ("transfer", {"transfer_to_code": "B1"}, "已经在这个单位"),
    ],
)
def test_what_is_wrong_is_said_beside_the_form_and_nothing_is_lost(people, browser_of, act, change, sentence):
    page = submit(browser_of("U1"), f"/console/members/{people[0]}", {**FORM, **change, "act": act})
    assert page.status_code in (404, 409, 422)
    assert sentence in words_of(page.text) and f'id="{act}" open' in page.text


def test_a_unit_asks_for_a_member_only_by_name_and_document_together(people, browser_of):
    client = browser_of("U9")
    for name, number in (("周桂林", make_membership.id_number(9)), ("张三", make_membership.id_number(0)), ("", "")):
        refused = submit(client, "/console/register/transfers/ask", {"name": name, "id_number": number})
        assert refused.status_code == 422 and "姓名和证件号码都相符" in words_of(refused.text)
    asked = submit(
        client, "/console/register/transfers/ask", {"name": "周桂林", "id_number": make_membership.id_number(0)}
    )
    assert asked.status_code == 303
    assert "周桂林" in client.get("/console/register/transfers").text


def test_above_the_unit_the_confirmation_and_the_moves_name_nobody(people, browser_of):
    for path in ("/console/members/confirmation", "/console/members/moves?month=2018-04"):
        assert "周桂林" in browser_of("U1").get(path).text, path
        for officer in ("D1u", "C1"):
            page = browser_of(officer).get(path)
            assert "周桂林" not in page.text and "恒启精密机械" in page.text, path


def test_the_workbook_of_a_month_has_who_came_and_who_went(people, browser_of):
    client = browser_of("U1")
    submit(client, f"/console/members/{people[0]}", {**FORM, "act": "end"})
    answer = client.get("/console/members/moves?format=xlsx")
    book = python_calamine.CalamineWorkbook.from_filelike(io.BytesIO(answer.data))
    came, went = (book.get_sheet_by_name(name).to_python() for name in ("增加", "减少"))
    assert len(came) == 1 and went[1][0] == "周桂林" and went[1][5] == "离职"
    assert make_membership.id_number(0) not in str(went)


def test_only_the_district_sees_duplicates(browser_of, people):
    assert browser_of("C1").get("/console/members/duplicates").status_code == 200
    for officer in ("U1", "D1u"):
        assert browser_of(officer).get("/console/members/duplicates").status_code == 403
