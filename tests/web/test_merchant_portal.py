"""`/merchant`: a manager sees and moves everything of the own shop, a cashier the day only, and nobody anything of another."""

import base64
import hashlib
import re
from datetime import timedelta

import pypdfium2
import pytest
import zxingcpp
from sqlalchemy import text

from cardnet.access import services as access
from cardnet.access.rules import Role
from cardnet.credential.store import trust_pack
from cardnet.credential.terminals import open_certificate
from cardnet.finance import services as finance
from cardnet.finance.rules import HoldReason
from cardnet.kernel.calendar import day_of
from cardnet.merchant_api import services as hooks
from cardnet.merchant_api.services import certify_terminals
from cardnet.merchants import services as merchants
from cardnet.merchants.rules import TerminalState
from tests.make.issuance import make_officer
from tests.make.merchants import make_manager
from tests.make.redemptions import make_shop
from tests.make.web import enter, form_token, submit, words_of

HOOK = "https://hooks.example.com/cardnet"


@pytest.fixture
def shop(session, world, client):
    shop = make_shop(session, world, people=2)
    shop.merchant = merchants.merchant_of_code(session, "M1001")
    shop.other = merchants.merchant_of_code(session, "M2002")
    answer = shop.post(client, "/redemptions", shop.request(shop.phones[0], "R-0001"))
    shop.redemption_id = answer.json["id"]
    return shop


def browser_of(app, session, world, principal):
    browser = app.test_client()
    enter(browser, access.open_staff_session(session, world, principal.account_id).token)
    return browser


@pytest.fixture
def manager(app, session, world, shop):
    return browser_of(app, session, world, make_manager(session, world, shop.merchant))


@pytest.fixture
def cashier(app, session, world, shop):
    return browser_of(app, session, world, make_manager(session, world, shop.merchant, role=Role.MERCHANT_CASHIER))


def test_after_signing_in_a_manager_is_at_home_in_the_portal(manager):
    assert manager.get("/sign-in").location == "/merchant"


def test_today_says_what_members_pay_what_the_union_owes_and_what_is_held_back(session, world, shop, manager):
    finance.hold_back(
        session,
        world,
        finance.HoldBack(
            shop.merchant.id, shop.redemption_id, "capture", day_of(world.now()), 10_000, HoldReason.MEMBER_DENIES,
            "会员说不是本人", shop.office["C1"].account_id,
        ),
    )  # fmt: skip
    page = words_of(manager.get("/merchant").text)
    for said in (
        "今天核销 1 笔",
        "¥380.00",
        "¥280.00",
        "¥100.00",
        "R-0001",
        "暂缓结算 1 笔，¥100.00",
        "会员说不是本人",
    ):
        assert said in page


def test_a_reversed_sale_is_taken_off_the_day(client, shop, manager):
    answer = shop.post(client, "/reversals", {"redemption_id": shop.redemption_id})
    assert answer.status_code == 200, answer.json
    page = words_of(manager.get("/merchant").text)
    assert "另有 1 笔撤销" in page
    assert re.search(r"应向会员收\s+¥0\.00", page)


def test_a_refund_does_not_make_members_pay_more(client, shop, manager):
    answer = shop.post(client, f"/redemptions/{shop.redemption_id}/refunds", {"benefit_fen": 4_000})
    assert answer.status_code in (200, 201), answer.json
    page = words_of(manager.get("/merchant").text)
    assert "另有 1 笔退款" in page
    assert re.search(r"应向会员收\s+¥280\.00", page)
    assert re.search(r"工会补贴\s+¥60\.00", page)


def test_redemptions_are_found_by_number_day_and_state_and_taken_away_as_a_file(client, shop, manager):
    refused = shop.post(client, "/redemptions", shop.request(shop.phones[0], "=R-0002"))
    assert refused.status_code == 422
    for query, found in (
        ("words=R-0001", {"R-0001"}),
        ("state=refused", {"=R-0002"}),
        ("first=2026-11-21&last=2026-11-21", {"R-0001", "=R-0002"}),
        ("first=2026-11-20&last=2026-11-20", set()),
        ("words=T01", {"R-0001", "=R-0002"}),
    ):
        page = manager.get(f"/merchant/redemptions?{query}").text
        assert {ref for ref in ("R-0001", "=R-0002") if f">{ref}<" in page} == found, query
    backwards = "first=2026-11-21&last=2026-11-20"
    assert manager.get(f"/merchant/redemptions?{backwards}").status_code == 422
    assert manager.get(f"/merchant/redemptions.csv?{backwards}").status_code == 422
    lines = manager.get("/merchant/redemptions.csv").get_data().decode("utf-8-sig").splitlines()
    assert len(lines) == 3
    assert "380.00,100.00,280.00,100.00" in lines[2]
    # Nothing in a cell starts a formula.
    assert "'=R-0002" in lines[1]


def test_a_settlement_is_read_verified_and_taken_away(session, world, clock, shop, manager):
    clock.advance(timedelta(days=12))
    last = day_of(world.now()) - timedelta(days=1)
    for day in finance.days_to_close(session, world, last):
        step = finance.CloseDay(day)
        while step:
            step = finance.close_day(session, world, step).next_step
    (sealed,) = finance.settle(session, world, finance.Settle(last, shop.office["C1"].account_id, True)).sealed
    account = browser_session(session, world, manager, shop)
    listed = account.get("/merchant/settlements").text
    assert sealed.number in listed
    page = words_of(account.get(f"/merchant/settlements/{sealed.id}").text)
    assert "应付本店 ¥100.00" in page
    assert "核验通过" in page
    assert account.get(f"/merchant/settlements/{sealed.id}/statement.json").json["statement"]
    assert "R-0001" in account.get(f"/merchant/settlements/{sealed.id}/statement.csv").text
    here = f"/merchant/settlements/{sealed.id}"
    assert submit(account, f"{here}/dispute", {"words": " "}).status_code == 422
    assert submit(account, f"{here}/dispute", {"words": "R-0001 应为 90 元"}).status_code == 303
    assert "R-0001 应为 90 元" in words_of(account.get(here).text)
    assert submit(account, f"{here}/confirm").status_code == 303
    page = words_of(account.get(here).text)
    assert ("商户已确认" in page, "对账无误" in page.split("逐笔明细")[0].split("已确认对账无误")[-1]) == (True, False)
    assert submit(account, f"{here}/confirm").status_code == 409
    said = [(step.state.value, step.words) for step in finance.settlement_steps(session, sealed.id)]
    assert said == [("sealed", None), ("sealed", "R-0001 应为 90 元"), ("confirmed", None)]


def browser_session(session, world, manager, shop):
    """The same browser, signed in anew: twelve days have passed."""
    principal = access.principal_of_username(session, "manager-m1001")
    enter(manager, access.open_staff_session(session, world, principal.account_id).token)
    return manager


def test_a_terminal_is_added_paired_changed_and_revoked(client, session, world, shop, manager):
    store = merchants.stores_of(session, shop.merchant.id)[0]
    page = submit(manager, "/merchant/terminals", {"store": str(store.id), "code": "T09", "name": "二楼收银台"})
    assert page.headers["Cache-Control"] == "no-store"
    code = re.search(r"pairing__code\">([A-Z0-9 ]+)<", page.text)[1]
    paired = client.post("/merchant/v1/terminals/enrol", json={"pairing_code": code, "name": "前台手机"})
    assert (paired.status_code, paired.json["terminal"]) == (201, {"code": "T09", "name": "二楼收银台"})
    line = next(line for line in merchants.terminals_of(session, shop.merchant.id) if line.code == "T09")
    here = f"/merchant/terminals/{line.id}"
    slip = submit(manager, f"{here}/pair", {"size": "a6"})
    assert slip.mimetype == "application/pdf"
    token = re.search(r"cnt_[A-Za-z0-9_-]{43}", submit(manager, f"{here}/token").text)[0]
    assert client.get("/merchant/v1/me", headers={"Authorization": f"Bearer {token}"}).status_code == 200
    newest = merchants.tokens_of(session, line.id)[0]
    submit(manager, f"{here}/revoke-token", {"token": str(newest.id)})
    assert client.get("/merchant/v1/me", headers={"Authorization": f"Bearer {token}"}).status_code == 401
    for name in (b"first", b"second"):
        public_key = base64.urlsafe_b64encode(hashlib.sha256(name).digest()).decode().rstrip("=")
        merchants.add_key(session, world, merchants.AddKey(line.id, public_key))
    second, first = merchants.keys_of(session, line.id)
    assert merchants.ending_key(session, world, line.id) == first
    kept = submit(manager, f"{here}/revoke-key", {"key": first.key_id})
    assert "不能再断网核销" in manager.get(kept.location).text
    assert merchants.ending_key(session, world, line.id) is None
    assert merchants.keys_of(session, line.id)[0] == second
    submit(manager, f"{here}/revoke")
    assert merchants.terminal_line(session, world, line.id).tokens == 0
    submit(manager, f"{here}/suspend")
    assert "已停用" in manager.get("/merchant/terminals").text
    merchants.set_terminal_state(session, world, merchants.SetTerminalState(line.id, TerminalState.SUSPENDED, "核查"))
    stopped = manager.get("/merchant/terminals").text
    assert ("由工会停用" in stopped, f"{here}/resume" in stopped) == (True, False)
    submit(manager, f"{here}/resume")
    assert merchants.terminal_line(session, world, line.id).state is TerminalState.SUSPENDED


def test_the_page_with_a_pairing_code_loaded_again_says_that_the_terminal_is_there(session, shop, manager):
    store = merchants.stores_of(session, shop.merchant.id)[0]
    form = {"store": str(store.id), "code": "T09", "name": "二楼收银台"}
    assert submit(manager, "/merchant/terminals", form).status_code == 200
    again = submit(manager, "/merchant/terminals", form)
    assert again.status_code == 409
    assert "终端 T09 已经加过了：要给它配对，请在终端列表里点它的“办理”，生成新的配对码" in words_of(again.text)


def test_a_terminal_is_called_what_its_manager_calls_it(client, session, shop, manager):
    till = shop.tills["T01"]
    here = f"/merchant/terminals/{till.venue.terminal_id}"

    def name():
        return client.get("/merchant/v1/me", headers=till.headers).json["terminal"]["name"]

    assert submit(manager, f"{here}/rename", {"name": " 二楼收银台 "}).location == here
    page = words_of(manager.get(here).text)
    assert ("名称已保存" in page, "叫什么 二楼收银台" in page, name()) == (True, True, "二楼收银台")
    assert f'<a href="{here}"><span class="code">T01</span> 二楼收银台</a>' in manager.get("/merchant/terminals").text
    wrong = submit(manager, f"{here}/rename", {"name": "长" * 81})
    assert (wrong.status_code, "长" * 81 in wrong.text) == (422, True)
    assert "终端名称应为 1–80 个字" in words_of(wrong.text)
    submit(manager, f"{here}/rename", {"name": ""})
    assert ("还没有起名" in manager.get(here).text, name()) == (True, "T01")


def test_the_unions_certificate_of_a_key_stands_at_its_terminal(session, world, shop, manager):
    terminal_id = shop.tills["T01"].venue.terminal_id
    public_key = base64.urlsafe_b64encode(hashlib.sha256(b"key").digest()).decode().rstrip("=")
    key = merchants.add_key(session, world, merchants.AddKey(terminal_id, public_key))
    here = f"/merchant/terminals/{terminal_id}"
    assert "一分钟内签发" in manager.get(here).text
    address = f"{here}/keys/{key.key_id}.cwt"
    assert manager.get(address).status_code == 404
    certify_terminals(session, world)
    assert address in manager.get(here).text
    got = manager.get(address)
    said = open_certificate(got.data, trust_pack(session, world.now()).keys)
    assert (got.mimetype, said.merchant, said.terminal, said.public) == (
        "application/cwt", "M1001", "T01", key.public_key,
    )  # fmt: skip
    (elsewhere, *_) = (one.id for one in merchants.terminals_of(session, shop.other.id))
    assert manager.get(f"/merchant/terminals/{elsewhere}/keys/{key.key_id}.cwt").status_code == 404


def test_the_plaque_and_the_pairing_slip_are_pages_a_phone_reads(session, shop, manager):
    plaque = manager.get("/merchant/plaque.pdf?store=S01&size=a5").get_data()
    slip = submit(manager, f"/merchant/terminals/{shop.tills['T01'].venue.terminal_id}/pair", {"size": "a6"}).get_data()
    for content, millimetres, said, address in (
        (plaque, 148, "欢迎使用", r"http://localhost/wallet$"),
        (slip, 105, "终端配对单", r"http://localhost/till#pair=[2-9A-Z]{10}$"),
    ):
        page = pypdfium2.PdfDocument(content)[0]
        assert round(page.get_width() * 25.4 / 72) == millimetres
        assert said in page.get_textpage().get_text_range()
        (square,) = zxingcpp.read_barcodes(page.render(scale=3).to_pil())
        assert re.match(address, square.text)


def test_a_manager_invites_and_removes_people_of_the_own_shop_only(app, session, world, shop, manager):
    invited = submit(manager, "/merchant/people", {"role": "merchant_cashier", "name": "李收银", "username": "li"})
    assert "/invite/" in invited.text
    page = manager.get("/merchant/people").text
    assert "李收银" in page
    (account_id,) = re.findall(r"/merchant/people/([0-9a-f-]{36})/remove", page)
    submit(manager, f"/merchant/people/{account_id}/remove")
    assert "已移除" in manager.get("/merchant/people").text
    # Somebody else's officer, or another shop's manager, is nobody here.
    stranger = make_manager(session, world, shop.other)
    for person in (stranger.account_id, shop.office["C1"].account_id):
        assert submit(manager, f"/merchant/people/{person}/remove").status_code == 404
    admin = submit(manager, "/merchant/people", {"role": "admin", "name": "x", "username": "xx"})
    assert admin.status_code == 422


def test_a_cashier_sees_the_day_and_nothing_else(cashier):
    assert cashier.get("/merchant").status_code == 200
    assert cashier.get("/merchant/redemptions").status_code == 200
    closed = ("redemptions.csv", "settlements", "terminals", "people", "webhooks", "profile", "plaque.pdf")
    assert {cashier.get(f"/merchant/{page}").status_code for page in closed} == {403}


def test_a_manager_proposes_an_account_and_finance_decides(session, world, shop, manager):
    form = {"holder": "云间疗养院", "number": "6222 0000 1234 5678", "bank": "农商银行", "evidence": "开户许可证"}
    assert submit(manager, "/merchant/profile/account", form | {"number": "12"}).status_code == 422
    submit(manager, "/merchant/profile/account", form)
    page = words_of(manager.get("/merchant/profile").text)
    assert "新账户 **** 5678 等待区总工会财务复核" in page
    assert "6222" not in page
    assert [one.merchant_id for one in merchants.waiting_accounts(session)] == [shop.merchant.id]


def test_an_officer_has_no_portal_and_a_manager_no_console(app, session, world, shop, manager):
    officer = browser_of(app, session, world, shop.office["C1"])
    assert officer.get("/merchant").status_code == 403
    assert {manager.get(page).status_code for page in ("/console", "/finance", "/console/merchants", "/overview")} == {
        403
    }
    # A role alone is no shop.
    lost = make_manager(session, world, shop.merchant, "lost")
    session.execute(text("update account set scope_path = '/C/' where username = 'lost'"))
    alone = browser_of(app, session, world, lost)
    assert alone.get("/merchant").status_code == 403


def test_no_slip_of_an_administrator_makes_an_officer_of_a_shops_manager(app, session, world, shop):
    office = shop.office["C1"]
    invited = merchants.InviteStaff(shop.merchant.id, "zhenghui", "郑慧", Role.MERCHANT_MANAGER, office)
    person = merchants.invite_staff(session, world, invited)
    admin = browser_of(app, session, world, make_officer(session, world, shop.office.unions["C"], "admin", Role.ADMIN))
    page = f"/console/accounts/{person.account_id}"
    shown = admin.get(page).text
    assert ("郑慧" in shown, f"{page}/change" in shown) == (True, False)
    given = {"name": "郑慧", "unit": "", "role": "district_officer"}
    assert submit(admin, f"{page}/change", given).status_code == 422
    (line,) = merchants.staff_of(session, shop.merchant.id, office)
    assert line.roles == (Role.MERCHANT_MANAGER,)


def test_nothing_of_another_merchant_is_shown_or_moved(app, session, world, client, shop, manager):
    """T15 for the portal: every route with an id in it, asked about what belongs to M2002."""
    other = make_manager(session, world, shop.other)
    hook = hooks.make_endpoint(session, world, hooks.MakeEndpoint(shop.other.id, HOOK))
    own_hook = hooks.make_endpoint(session, world, hooks.MakeEndpoint(shop.merchant.id, HOOK))
    told = shop.post(client, "/redemptions", shop.request(shop.phones[1], "R-ONLY-M2002"), till="other")
    theirs = merchants.terminals_of(session, shop.other.id)[0].id
    public_key = base64.urlsafe_b64encode(hashlib.sha256(b"theirs").digest()).decode().rstrip("=")
    key = merchants.add_key(session, world, merchants.AddKey(theirs, public_key))
    certify_terminals(session, world)
    ids = {
        "terminal_id": theirs,
        "key_id": key.key_id,
        "account_id": other.account_id,
        "endpoint_id": hook.endpoint_id,
        "delivery_id": own_hook.endpoint_id,
        "settlement_id": shop.other.id,
        "act": "pair",
        "kind": "json",
    }
    before = session.execute(text(_STATE)).all()
    token, wrong, asked = form_token(manager), [], 0
    for rule in app.url_map.iter_rules():
        if not rule.endpoint.startswith("merchant."):
            continue
        acts = (
            "remove",
            "invite",
            "restore",
            "pair",
            "token",
            "revoke",
            "rename",
            "suspend",
            "disable",
            "enable",
            "json",
        )
        for act in acts if {"act", "kind"} & rule.arguments else ("",):
            path = re.sub(r"<(?:[^<>]+:)?(\w+)>", lambda found, act=act: str({**ids, "act": act}[found[1]]), rule.rule)
            if "POST" in rule.methods and rule.arguments:
                answer = manager.post(path, data={"_token": token})
            elif "GET" in rule.methods:
                answer = manager.get(path)
            else:
                continue
            asked += 1
            if rule.arguments and answer.status_code not in (404, 405):
                wrong.append((rule.rule, act, answer.status_code))
            if "R-ONLY-M2002" in answer.get_data().decode(errors="replace") or "M2002" in answer.get_data().decode(
                errors="replace"
            ):
                wrong.append((rule.rule, "tells"))
    assert told.status_code in (201, 422)
    assert asked > 20
    assert wrong == []
    assert session.execute(text(_STATE)).all() == before


_STATE = """
    select md5(coalesce(string_agg(t::text, ' ' order by t.id), '')) from terminal t union all
    select md5(coalesce(string_agg(t::text, ' ' order by t.id), '')) from terminal_token t union all
    select md5(coalesce(string_agg(t::text, ' ' order by t.id), '')) from webhook_endpoint t union all
    select count(*)::text from account_invitation union all select string_agg(state, ' ' order by id) from account"""
