"""The console as officers of three tiers meet it: from a sheet to cards in members' hands, without any script."""

import io
import re

import pytest
from flask.testing import FlaskClient
from sqlalchemy import text

from cardnet.access import services as access
from cardnet.access.rules import Principal, Role
from cardnet.issuance.rules import Verdict
from tests.conftest import ACCEPTANCE
from tests.make import membership as make_membership
from tests.make.issuance import Office, lines_of, make_office, make_officer
from tests.make.web import enter, form_token, submit, words_of


@pytest.fixture
def office(session, world) -> Office:
    return make_office(session, world)


@pytest.fixture
def batch(office):
    office.give_unit("B1", 10)
    return office.submit(office.roster(1, 2, 3)).batch_id


@pytest.fixture
def browser_of(app, session, world):
    """A browser in which this officer has signed in."""

    def make(officer: Principal) -> FlaskClient:
        client = app.test_client()
        enter(client, access.open_staff_session(session, world, officer.account_id).token)
        return client

    return make


def send(client: FlaskClient, content: bytes, filename: str, unit_code: str = "B1"):
    """Upload a file as the form does."""
    data = {"file": (io.BytesIO(content), filename), "unit_code": unit_code, "_token": form_token(client)}
    return client.post("/console/rosters/check", data=data, content_type="multipart/form-data")


def mixed_roster() -> bytes:
    """One good row, one without an answer, one who said no."""
    lines = [
        make_membership.roster_line(1, name="王建国"),
        make_membership.roster_line(2, name="李秀英", consent=""),
        make_membership.roster_line(3, name="张伟", consent="否"),
    ]
    return make_membership.xlsx_file(make_membership.roster_cells(lines))


def test_an_officer_of_each_tier_takes_a_roster_to_cards(office, browser_of):
    office.give_unit("B1", 10)
    sender, first, second, third = (browser_of(office[name]) for name in ("U1", "A1", "D1u", "C1"))

    checked = send(sender, mixed_roster(), "名单.xlsx")
    assert checked.status_code == 303
    page = sender.get(checked.headers["Location"]).text
    assert "1 人可以提交，1 人需要改正" in page
    submitted = submit(sender, checked.headers["Location"] + "/submit", {"mode": "valid_rows_only"})
    assert submitted.status_code == 303
    batch_path = submitted.headers["Location"]

    assert "审核恒启精密机械有限公司工会委员会的 1 份申请" in words_of(first.get("/console").text)
    assert "王建国" in first.get(batch_path).text
    for reviewer in (first, second, third):
        answer = submit(reviewer, batch_path + "/review", {"choose": "selected", "row": "1", "verdict": "approve"})
        assert answer.status_code == 303, words_of(answer.text)
    assert "审核全部完成，可以发卡" in third.get(batch_path).text

    slips = submit(third, batch_path + "/issue")
    assert slips.status_code == 200
    assert slips.headers["Cache-Control"] == "no-store"
    assert "激活码只显示这一次" in slips.text
    assert re.search(r"[2-9A-HJ-NP-Z]{4}-[2-9A-HJ-NP-Z]{4}", slips.text)
    assert submit(third, batch_path + "/issue").status_code == 409

    handed = submit(sender, batch_path + "/hand-out", {"choose": "all"})
    assert handed.status_code == 303
    assert "已登记发放 1 张" in sender.get(batch_path + "/cards").text


def test_a_sheet_as_offices_send_it_shows_every_finding_beside_its_row(session, world, browser_of):
    content = (ACCEPTANCE / "organisations.csv").read_bytes()
    from cardnet.membership import services as membership

    membership.import_organisations(session, world, membership.ImportOrganisations(content, "organisations.csv"))
    officer = make_officer(session, world, membership.union_of_code(session, "YJ-01-001"), "unit")
    client = browser_of(officer)
    checked = send(client, (ACCEPTANCE / "roster-messy.xlsx").read_bytes(), "roster-messy.xlsx", "YJ-01-001")
    page = client.get(checked.headers["Location"])
    assert "17 人可以提交，14 人需要改正" in page.text
    assert page.text.count("finding--error") >= 14
    book = client.get(checked.headers["Location"] + "/result.xlsx")
    assert book.data[:2] == b"PK"
    assert "attachment" in book.headers["Content-Disposition"]


@pytest.mark.parametrize(
    ("content", "filename"),
    [
        (b"", "empty.xlsx"),
        (b"not a workbook", "broken.xlsx"),
        (b"\x00\xff" * 500, "noise.csv"),
        ("没有表头的文字".encode(), "words.csv"),
        (b"PK\x03\x04 truncated", "zip.xlsx"),
        (b"%PDF-1.7", "scan.pdf"),
    ],
)
def test_a_file_that_is_no_roster_gets_a_sentence_at_the_file_field(office, browser_of, content, filename):
    answer = send(browser_of(office["U1"]), content, filename)
    assert answer.status_code == 422
    assert 'href="#file"' in answer.text
    assert 'id="file-error"' in answer.text


def test_no_file_is_asked_for_and_an_unknown_unit_is_told_at_its_field(office, browser_of):
    client = browser_of(office["C1"])
    assert "请选择采集表文件" in submit(client, "/console/rosters/check").text
    answer = send(client, mixed_roster(), "名单.xlsx", "NOPE")
    assert answer.status_code == 404
    assert 'href="#unit_code"' in answer.text
    assert 'value="NOPE"' in answer.text


def test_a_checked_roster_is_its_uploaders_only_and_gone_after_its_submission(office, browser_of):
    office.give_unit("B1", 10)
    client, other = browser_of(office["U1"]), browser_of(office["A1"])
    path = send(client, mixed_roster(), "名单.xlsx").headers["Location"]
    assert other.get(path).status_code == 404
    assert submit(other, path + "/submit", {"mode": "valid_rows_only"}).status_code == 404
    assert submit(client, path + "/submit", {"mode": "nonsense"}).status_code == 422
    strict = submit(client, path + "/submit", {"mode": "all_or_nothing"})
    assert strict.status_code == 422
    done = submit(client, path + "/submit", {"mode": "valid_rows_only"})
    assert "/console/batches/" in done.headers["Location"]
    assert client.get(path).headers["Location"] == done.headers["Location"]
    sheet = client.get(path + "/result.xlsx?rows=invalid")
    assert sheet.headers["Location"] == done.headers["Location"] + "/result.xlsx?rows=invalid"
    assert client.get(sheet.headers["Location"]).data[:2] == b"PK"
    assert other.get(path + "/result.xlsx").status_code == 404


def test_what_is_kept_between_check_and_submission_shows_no_name(office, browser_of, session):
    send(browser_of(office["U1"]), mixed_roster(), "名单.xlsx")
    for table in ("roster_job", "roster_job_row"):
        kept = session.scalars(text(f"select {table}::text from {table}")).all()
        assert kept
        assert not any("王建国" in row or "王建国".encode().hex() in row for row in kept)


def test_a_return_needs_a_reason_and_keeps_what_was_ticked(office, browser_of, batch):
    client = browser_of(office["A1"])
    form = {"choose": "selected", "row": "2", "verdict": "return", "words": "请核对"}
    answer = submit(client, f"/console/batches/{batch}/review", form)
    assert answer.status_code == 422
    assert 'href="#reason"' in answer.text
    assert re.search(r'value="2:1" checked', answer.text)
    assert "请核对" in answer.text
    done = submit(client, f"/console/batches/{batch}/review", {**form, "reason": ["R02", "R04"]})
    assert done.status_code == 303
    page = browser_of(office["U1"]).get(f"/console/batches/{batch}?show=returned").text
    assert "R02 证件号校验错误" in page
    assert "请核对" in page


def test_nothing_ticked_and_no_verdict_are_told_in_words(office, browser_of, batch):
    client = browser_of(office["A1"])
    path = f"/console/batches/{batch}/review"
    assert "请先勾选要办理的人员" in submit(client, path, {"verdict": "approve"}).text
    assert "请选择通过、退回修改或不予通过" in submit(client, path, {"choose": "all"}).text
    strange = submit(client, path, {"verdict": "approve", "row": "abc"})
    assert strange.status_code == 404
    assert "刷新后再选一次" in strange.text


def test_the_second_of_two_officers_is_told_who_was_first(office, browser_of, batch):
    submit(browser_of(office["A1"]), f"/console/batches/{batch}/review", {"choose": "all", "verdict": "approve"})
    first, second = browser_of(office["D1u"]), browser_of(office["D2u"])
    form = {"choose": "selected", "row": ["1", "2"], "verdict": "approve"}
    assert submit(first, f"/console/batches/{batch}/review", form).status_code == 303
    late = submit(second, f"/console/batches/{batch}/review", form)
    assert late.status_code == 409
    assert "D1u同志" in late.text


def test_the_submitter_never_reviews_their_own_roster(office, browser_of, batch):
    answer = submit(
        browser_of(office["U1"]), f"/console/batches/{batch}/review", {"choose": "all", "verdict": "approve"}
    )
    assert answer.status_code == 403
    assert "须由另一位" in answer.text


def test_all_of_one_unit_are_approved_and_the_rest_stay(office, browser_of):
    lines = [make_membership.roster_line(i, unit=unit) for i, unit in enumerate(["B1", "B2", "B1"])]
    office.give_unit("B1", 5)
    office.give_unit("B2", 5)
    content = make_membership.csv_file(make_membership.roster_cells(lines))
    batch_id = office.submit(content, unit="C", officer="C1").batch_id
    office.review(batch_id, "A1")
    office.review(batch_id, "U2")
    form = {"choose": "all", "verdict": "approve", "under": "/C/D1/B1/"}
    answer = submit(browser_of(office["D1u"]), f"/console/batches/{batch_id}/review", form)
    assert answer.status_code == 303
    states = {line.row: line.review_path for line in lines_of(office.session, batch_id)}
    assert states == {1: "/C/", 2: "/C/D1/", 3: "/C/"}


@pytest.mark.parametrize("path", ["", "/review", "/issue", "/cards", "/hand-out", "/rows/1"])
def test_a_batch_of_another_township_is_not_found(office, browser_of, batch, path):
    client = browser_of(office["D9u"])
    address = f"/console/batches/{batch}{path}"
    if path in ("", "/cards", "/rows/1"):
        assert client.get(address).status_code == 404
    else:
        form = {"choose": "all", "verdict": "approve"}
        assert submit(client, address, form).status_code in (403, 404)


@pytest.mark.parametrize("path", ["/console/batches/nonsense", "/console/cards/nonsense", "/console/rosters/checks/x"])
def test_an_address_that_names_nothing_is_a_page_that_says_so(office, browser_of, path):
    assert browser_of(office["U1"]).get(path).status_code == 404


def test_only_the_service_centre_issues_cards(office, browser_of, batch):
    office.approve_all_the_way(batch)
    assert submit(browser_of(office["D1u"]), f"/console/batches/{batch}/issue").status_code == 403
    as_workbook = submit(browser_of(office["C1"]), f"/console/batches/{batch}/issue", {"as": "workbook"})
    assert as_workbook.data[:2] == b"PK"


def test_a_card_is_found_suspended_and_resumed_with_a_reason(office, browser_of):
    card = office.issue(1)[0]
    client = browser_of(office["U1"])
    listed = client.get(f"/console/cards?number={card.number[-4:]}").text
    assert str(card.card_id) in listed
    path = f"/console/cards/{card.card_id}"
    assert 'href="#reason"' in submit(client, path + "/suspend").text
    assert submit(client, path + "/suspend", {"reason": "手机遗失"}).status_code == 303
    page = client.get(path).text
    assert "已挂失" in page
    assert "手机遗失" in page
    assert submit(client, path + "/suspend", {"reason": "再挂一次"}).status_code == 409
    assert submit(client, path + "/resume", {"reason": "找回"}).status_code == 303
    assert submit(browser_of(office["U9"]), path + "/suspend", {"reason": "x"}).status_code == 404


@pytest.mark.parametrize(
    ("query", "field"), [("number=12a4", "asked"), ("number=12345678901234", "asked"), ("unit=NOPE", "unit")]
)
def test_a_search_that_makes_no_sense_is_told_at_its_field(office, browser_of, query, field):
    answer = browser_of(office["C1"]).get(f"/console/cards?{query}")
    assert answer.status_code == 422
    assert f'href="#{field}"' in answer.text


def test_quota_is_granted_handed_down_moved_and_returned(office, browser_of):
    client = browser_of(office["C1"])
    year = str(office.year)

    def act(name: str, **form: str):
        return submit(client, f"/console/quota/{name}", {"year": year, "act": name, **form})

    assert act("grant", count="1,000", document="云工〔2026〕1号").status_code == 303
    assert act("allocate", giver="C", taker="D1", count="600").status_code == 303
    assert act("allocate", giver="C", taker="D2", count="400").status_code == 303
    assert act("transfer", giver="D1", taker="D2", count="100").status_code == 303
    assert act("return", giver="D2", count="50").status_code == 303
    page = words_of(client.get(f"/console/quota?year={year}").text)
    assert "永泽街道总工会 D1" in page
    assert office.quota("D1").received == 500
    assert office.quota("D2").received == 450
    assert office.quota("C").free == 50
    assert act("spread", giver="D1").status_code == 303
    assert office.quota("D1").free == 0


@pytest.mark.parametrize(
    ("act", "form", "field"),
    [
        ("grant", {"count": "", "document": ""}, "document"),
        ("grant", {"count": "-5", "document": "x"}, "count"),
        ("grant", {"count": "许多", "document": "x"}, "count"),
        ("allocate", {"giver": "C", "taker": "", "count": "5"}, "taker"),
        ("allocate", {"giver": "C", "taker": "D1", "count": "999"}, "count"),
        ("allocate", {"giver": "C", "taker": "B1", "count": "1"}, "taker"),
        ("transfer", {"giver": "D1", "taker": "B9", "count": "1"}, "taker"),
        ("return", {"giver": "NOPE", "count": "1"}, "giver"),
    ],
)
def test_what_is_wrong_with_a_change_of_quota_stands_at_its_field(office, browser_of, act, form, field):
    office.grant(10)
    answer = submit(browser_of(office["C1"]), f"/console/quota/{act}", {"year": str(office.year), "act": act, **form})
    assert answer.status_code in (404, 409, 422)
    assert f'href="#{field}"' in answer.text
    assert f'id="{field}"' in answer.text


def test_a_township_may_not_touch_the_quota_of_another(office, browser_of):
    office.grant(10)
    form = {"year": str(office.year), "act": "allocate", "giver": "D2", "taker": "B9", "count": "1"}
    assert submit(browser_of(office["D1u"]), "/console/quota/allocate", form).status_code == 403
    assert submit(browser_of(office["D1u"]), "/console/quota/steal", form).status_code == 422


def test_the_bulletin_ranks_the_unions_below_and_adds_them_up(office, browser_of, session, world):
    office.issue(1, 2)
    make_membership.people(session, world, 3, "B9")
    page = browser_of(office["C1"]).get("/console/bulletin").text
    words = words_of(page)
    assert re.search(r"1 永泽街道总工会 .*? 2 .* 100\.0%", words)
    assert "方塔街道总工会" in words
    assert "合计" in words
    assert "<svg" in page
    unit = words_of(browser_of(office["U9"]).get("/console/bulletin?under=/C/").text)
    assert "永泽" not in unit


def test_the_chair_reads_quota_and_bulletin_and_changes_nothing(office, browser_of, session, world):
    chair = browser_of(make_officer(session, world, office.unions["C"], "chair", Role.CHAIR))
    office.grant(10)
    assert chair.get("/console/bulletin").status_code == 200
    page = chair.get("/console/quota")
    assert "调整名额" not in page.text
    assert submit(chair, "/console/quota/grant", {"count": "1", "document": "x"}).status_code == 403
    assert chair.get("/console").status_code == 403


@pytest.mark.parametrize("path", ["", "/rosters", "/rosters/new", "/cards", "/quota", "/bulletin"])
def test_every_page_of_the_console_opens_for_a_unit_and_asks_strangers_to_sign_in(office, browser_of, client, path):
    assert browser_of(office["U1"]).get("/console" + path).status_code == 200
    assert client.get("/console" + path).headers["Location"].startswith("/sign-in")


@pytest.mark.parametrize(
    "query", ["page=0", "page=-1", "page=99999999", "page=x", "show=none", "under=/X/", "year=abcd", "year=99999"]
)
def test_an_address_somebody_played_with_never_breaks_a_page(office, browser_of, batch, query):
    client = browser_of(office["C1"])
    for path in ("/rosters", f"/batches/{batch}", f"/batches/{batch}/cards", "/cards", "/quota", "/bulletin"):
        assert client.get(f"/console{path}?{query}").status_code in (200, 422), path


def test_a_thousand_rows_are_paged_and_decided_at_once(office, browser_of):
    office.give_unit("B1", 1000)
    batch_id = office.submit(office.roster(*range(1000))).batch_id
    client = browser_of(office["A1"])
    page = client.get(f"/console/batches/{batch_id}").text
    assert "第 1–100 条，共 1,000 条" in page
    assert page.count('name="row"') == 100
    last = client.get(f"/console/batches/{batch_id}?page=10").text
    assert "第 901–1,000 条" in last
    answer = submit(client, f"/console/batches/{batch_id}/review", {"choose": "all", "verdict": "approve"})
    assert answer.status_code == 303
    assert "已通过 1000 人" in client.get(f"/console/batches/{batch_id}").text
    assert office.review(batch_id, "D1u", Verdict.RETURN, (5,), ("R02",)).rows == 1
