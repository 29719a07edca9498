"""The union's pages about merchants: guided onboarding, the file, four eyes over accounts, blacklist, terminals."""

import io
import re
from datetime import date

import pytest

from cardnet.access import services as access
from cardnet.access.rules import Role
from cardnet.merchants import services as merchants
from cardnet.merchants.rules import MerchantState
from tests.make.issuance import make_office, make_officer
from tests.make.merchants import CREDIT_CODE, PDF, make_partner
from tests.make.web import enter, submit, words_of


@pytest.fixture
def office(session, world):
    return make_office(session, world)


@pytest.fixture
def signed_in(app, session, world, office):
    """A browser of an officer of the district with this role."""

    def open_browser(role):
        officer = make_officer(session, world, office.unions["C"], f"the-{role}", role)
        browser = app.test_client()
        enter(browser, access.open_staff_session(session, world, officer.account_id).token)
        return browser

    return open_browser


def test_a_shop_is_taken_on_question_by_question_and_opened_at_the_end(session, world, signed_in):
    officer = signed_in(Role.DISTRICT_OFFICER)
    assert 'value="M1001"' in officer.get("/console/merchants/new").text
    form = {"name": "百禾超市", "code": "M1002", "credit_code": CREDIT_CODE[:-1] + "4", "category": "supermarket"}
    wrong = submit(officer, "/console/merchants/new", form | {"cycle": "monthly"})
    assert (wrong.status_code, "校验不通过" in wrong.text) == (422, True)
    done = submit(officer, "/console/merchants/new", form | {"credit_code": CREDIT_CODE, "cycle": "weekly"})
    one = merchants.merchant_of_code(session, "M1002")
    here = f"/console/merchants/{one.id}"
    assert (one.state, done.location) == (MerchantState.DRAFT, f"{here}/agreement")
    agreement = {"number": "云工合〔2026〕2号", "signed_on": "2026-04-02", "from_on": "2026-04-01", "until_on": ""}
    assert submit(officer, done.location, agreement | {"signed_on": "昨天"}).status_code == 422
    file = {"file": (io.BytesIO(PDF), "协议.pdf")}
    done = submit(officer, done.location, agreement | file, content_type="multipart/form-data")
    assert done.location == f"{here}/store"
    store = {"name": "永泽店", "code": "S01", "address": "永泽路 8 号", "opens-1": "8:30", "closes-1": "21:30"}
    assert "请选择门店在哪个镇、街道" in submit(officer, done.location, store).text
    assert "不是镇或街道" in submit(officer, done.location, store | {"township": "B1"}).text
    store["township"] = "D1"
    assert "周二的营业时间" in submit(officer, done.location, store | {"opens-2": "8点"}).text
    done = submit(officer, done.location, store)
    assert done.location == f"{here}/contact"
    assert "还不能启用" in submit(officer, f"{here}/state", {"state": "active"}).text
    done = submit(officer, done.location, {"kind": "daily", "name": "李会计", "phone": "13800000000"})
    assert done.location == here
    page = words_of(officer.get(here).text)
    for said in ("资料齐全，可以启用", "晚于起始日签订", "周一 08:30–21:30", "李会计", "每周结算"):
        assert said in page
    submit(officer, f"{here}/state", {"state": "active"})
    assert merchants.merchant_of_id(session, one.id).state is MerchantState.ACTIVE
    unexplained = submit(officer, f"{here}/state", {"state": "suspended", "reason": ""}).text
    assert ('href="#reason-suspended"' in unexplained, 'id="reason-suspended"' in unexplained) == (True, True)
    kept = officer.get(re.search(r"href=\"([^\"]+/file)\"", officer.get(here).text)[1])
    assert (kept.get_data(), kept.mimetype) == (PDF, "application/pdf")


def test_an_account_needs_two_people_of_finance(session, world, signed_in):
    one = make_partner(session, world)
    maker, checker = signed_in(Role.FINANCE_MAKER), signed_in(Role.FINANCE_CHECKER)
    here = f"/console/merchants/{one.id}"
    form = {"holder": "云间疗养院", "number": "6222000012345678", "bank": "农商银行", "evidence": "开户许可证"}
    assert submit(maker, f"{here}/account", form).status_code == 303
    account = merchants.waiting_accounts(session)[0]
    assert "收款账户等待复核" in checker.get("/console/merchants").text
    assert submit(maker, f"{here}/account/{account.id}/decide", {"answer": "approve", "words": "好"}).status_code == 403
    submit(checker, f"{here}/account/{account.id}/decide", {"answer": "approve", "words": "与原件一致"})
    assert merchants.payee_of(session, one.id, world.now()).number == "6222000012345678"
    page = checker.get(here).text
    assert "**** 5678" in page
    assert "6222000012345678" not in page


def test_a_listed_company_stops_at_once_and_cannot_come_back(session, world, signed_in):
    one = make_partner(session, world)
    officer = signed_in(Role.DISTRICT_OFFICER)
    entry = {"credit_code": CREDIT_CODE, "name": "云间疗养院", "reason": "虚假核销", "document": "云工〔2026〕40号"}
    assert submit(officer, "/console/merchants/blacklist", entry | {"document": ""}).status_code == 422
    submit(officer, "/console/merchants/blacklist", entry)
    assert merchants.merchant_of_id(session, one.id).state is MerchantState.SUSPENDED
    again = {"name": "新名字", "code": "M7", "credit_code": CREDIT_CODE, "category": "health", "cycle": "monthly"}
    assert "在黑名单里" in submit(officer, "/console/merchants/new", again).text
    (line,) = merchants.blacklist_lines(session)
    lifted = f"/console/merchants/blacklist/{line.id}/lift"
    assert submit(officer, lifted, {f"words-{line.id}": ""}).status_code == 422
    submit(officer, lifted, {f"words-{line.id}": "整改合格"})
    assert "已解除" in officer.get("/console/merchants/blacklist").text


def test_the_list_finds_partners_and_the_fleet_all_terminals(session, world, signed_in):
    make_partner(session, world)
    make_partner(session, world, "M2", name="百禾超市", credit_code=None, state=MerchantState.DRAFT)
    officer = signed_in(Role.DISTRICT_OFFICER)
    for query, found in (
        ("words=百禾", {"M2"}),
        ("state=active", {"M1001"}),
        ("state=ends_soon", set()),
        ("", {"M1001", "M2"}),
    ):
        page = officer.get(f"/console/merchants?{query}").text
        assert {code for code in ("M1001", "M2") if f">{code}<" in page} == found, query
    store = merchants.stores_of(session, merchants.merchant_of_code(session, "M1001").id)[0]
    here = f"/console/merchants/{store.merchant_id}/terminals"
    paired = submit(officer, here, {"store": str(store.id), "code": "T01", "name": "前台"})
    assert "pairing__code" in paired.text
    assert "等待配对到" in officer.get("/console/merchants/terminals").text
    assert "没有这样的终端" in officer.get("/console/merchants/terminals?standing=working").text
    (line,) = merchants.terminals_of(session, store.merchant_id)
    for act in ("suspend", "retire"):
        silent = submit(officer, f"{here}/{line.id}/{act}", {"reason": " "})
        assert (silent.status_code, f'id="reason-{line.id}-error"' in silent.text) == (422, True)
    submit(officer, f"{here}/{line.id}/suspend", {"reason": "维修"})
    submit(officer, f"{here}/{line.id}/retire", {"reason": "坏了"})
    assert "已报废" in officer.get(here).text
    trail = access.trail(
        session, access.TrailQuery("/", system=True, subject_id=str(line.id), action="terminal.state"), 9
    )
    assert {act.after["reason"] for act in trail} == {"维修", "坏了"}
    submit(officer, f"/console/merchants/{store.merchant_id}/signatures", {"signatures": "required"})
    assert merchants.merchant_of_code(session, "M1001").requires_signature
    assert "必须签名" in officer.get(f"/console/merchants/{store.merchant_id}").text


def test_a_manager_is_invited_by_the_union_and_named_in_the_file(session, world, signed_in):
    one = make_partner(session, world)
    officer = signed_in(Role.DISTRICT_OFFICER)
    form = {"role": "merchant_manager", "name": "王店长", "username": "wang"}
    page = submit(officer, f"/console/merchants/{one.id}/people", form)
    token = re.search(r"/invite/(cni_[\w-]+)", page.text)[1]
    assert "商户管理员" in officer.get(f"/invite/{token}").text
    assert "王店长" in officer.get(f"/console/merchants/{one.id}").text


def test_agreements_that_end_wait_on_the_first_page_of_who_renews_them(session, world, signed_in):
    """The last day 30 days from now is soon, 31 is not; yesterday is over."""
    officer, chair = signed_in(Role.DISTRICT_OFFICER), signed_in(Role.TOWNSHIP_OFFICER)
    assert "合作协议" not in words_of(officer.get("/console").text)
    for code, until in (
        ("M3001", (2026, 12, 21)),
        ("M3002", (2026, 12, 22)),
        ("M3003", (2026, 11, 20)),
        ("M3004", None),
    ):
        agreed = {"contract_number": code, "contract_signed_on": date(2025, 12, 1), "contract_from": date(2025, 12, 1)}
        made = merchants.MakeMerchant(code, code, "food", contract_until=until and date(*until), **agreed)
        merchants.make_merchant(session, world, made)
    assert merchants.ending_agreements(session, world) == merchants.EndingAgreements(soon=1, over=1)
    page = words_of(officer.get("/console").text)
    assert "续签或终止 2 家商户的合作协议" in page
    assert "1 家已经到期， 1 家 30 天内到期" in page
    assert "合作协议" not in words_of(chair.get("/console").text)
