"""The merchant's side in Chromium: an officer takes a shop on, its manager works in the portal; read at two widths."""

import re
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date

import pytest
from playwright.sync_api import Page, expect

from cardnet.access import services as access
from cardnet.access.rules import Role
from cardnet.credential import store
from cardnet.finance import services as finance
from cardnet.finance.rules import HoldReason
from cardnet.kernel.calendar import day_of
from cardnet.merchant_api import services as hooks
from cardnet.merchants import services as merchants
from tests.browser.test_cards_journey import fits
from tests.make.access import PASSWORD, code_now
from tests.make.browser import Site, faults_of_access, keep, signed_in
from tests.make.merchants import PDF
from tests.make.redemptions import make_shop


@dataclass(frozen=True)
class Story:
    """A merchant, one of its terminals, and the two people of this journey."""

    merchant_id: uuid.UUID
    terminal_id: uuid.UUID
    officer: access.NewAccount
    manager: access.NewAccount


def account(session, world, name, role, union_id, path):
    command = access.CreateAccount(
        name, {"d": "金晓红", "f": "贾佳怡", "s": "王店长"}[name[0]], frozenset({role}), union_id, path, PASSWORD
    )
    return access.create_account(session, world, command)


def read(page: Page, site: Site, paths: dict[str, str], say: str) -> None:
    """Each page at both widths: nothing sticks out, axe finds nothing."""
    for name, path in paths.items():
        page.goto(site.url + path)
        for width in (1440, 360):
            page.set_viewport_size({"width": width, "height": 900})
            assert fits(page), (name, width)
            keep(page, f"{say}-{name}-{width}", full=True)
        assert faults_of_access(page) == [], name


@pytest.fixture
def story(site: Site) -> Story:
    """M1001 in business, with something of everything its pages show."""
    world = site.world
    with site.session() as session:
        shop = make_shop(session, world, people=3)
        union = shop.office.unions["C"]
        one = merchants.merchant_of_code(session, "M1001")
        officer = account(session, world, "district", Role.DISTRICT_OFFICER, union.id, union.path)
        maker = account(session, world, "finance", Role.FINANCE_MAKER, union.id, union.path)
        manager = account(session, world, "shop", Role.MERCHANT_MANAGER, union.id, f"/C/~{one.id}/")
        signed = merchants.SignAgreement(
            one.id, "云工合〔2026〕1号", date(2026, 4, 2), date(2026, 4, 1), date(2026, 12, 15)
        )
        agreement = merchants.sign_agreement(session, world, signed)
        merchants.upload_signed_copy(session, world, merchants.UploadSignedCopy(agreement.id, PDF))
        form = merchants.ProposeAccount(
            one.id, "云间工人疗养院", "6222000012345678", "上海农商银行松江支行", "开户许可证", maker.account_id
        )
        merchants.propose_account(session, world, form)
        hooks.make_endpoint(session, world, hooks.MakeEndpoint(one.id, "https://pos.example.com/cardnet/events"))
        merchants.blacklist(
            session,
            world,
            merchants.Blacklist(
                "91310117MA1J2X3Y4T", "鸿运烟酒行", "20 天内虚假核销 400 余笔，每笔都正好到门槛", "云工〔2026〕40号"
            ),
        )
        limits = store.OfflineLimits(3_000, 2, 30, 80_000, 48, 1_000, 1)
        store.propose_limits(session, world, store.ProposeLimits(limits, "云工〔2026〕30号", maker.account_id))
    client = site.app.test_client()
    for number, phone in enumerate(shop.phones):
        body = shop.request(phone, f"R-{number}", 38_000 + number * 150)
        first = shop.post(client, "/redemptions", body).json["id"]
    assert shop.post(client, "/redemptions", shop.request(shop.phones[0], "R-9")).status_code == 422
    with site.session() as session:
        row = merchants.merchant_of_code(session, "M1001")
        held = finance.HoldBack(
            row.id,
            first,
            "capture",
            day_of(world.now()),
            10_000,
            HoldReason.MEMBER_DENIES,
            "会员答复“不是我”，正在核实",
            officer.account_id,
        )
        finance.hold_back(session, world, held)
        merchants.note_sync(session, world, shop.tills["T01"].venue.terminal_id)
    return Story(one.id, shop.tills["T01"].venue.terminal_id, officer, manager)


def test_an_officer_takes_a_shop_on_question_by_question(
    site: Site, story: Story, new_page: Callable[..., Page]
) -> None:
    page = new_page(1440, 900, device_scale_factor=1)
    signed_in(page, site, story.officer.account_id)
    page.goto(site.url + "/console/merchants/new")
    page.get_by_label("商户名称").fill("百禾超市")
    page.get_by_label("统一社会信用代码").fill("91350100M000100Y44")
    page.get_by_label("类别").select_option("supermarket")
    page.get_by_role("button", name="登记，下一步：合作协议").click()
    expect(page.get_by_role("alert")).to_contain_text("校验不通过")
    keep(page, "merchants-identity-wrong-1440", full=True)
    page.get_by_label("统一社会信用代码").fill("91350100M000100Y43")
    page.get_by_role("button", name="登记，下一步：合作协议").click()
    page.get_by_label("协议编号").fill("云工合〔2026〕2号")
    page.get_by_label("签订日期").fill("2026-11-20")
    page.get_by_label("从哪天起有效").fill("2026-11-20")
    page.locator("#file").set_input_files({"name": "协议.pdf", "mimeType": "application/pdf", "buffer": PDF})
    page.get_by_role("button", name="登记协议").click()
    page.get_by_label("门店名称").fill("永泽店")
    page.get_by_label("在哪个镇、街道").select_option("永泽街道")
    page.get_by_label("地址", exact=True).fill("方塔北路 128 号一层")
    for day in ("周一", "周二", "周三", "周四", "周五"):
        page.get_by_label(f"{day}几点开门").fill("8:30")
        page.get_by_label(f"{day}几点打烊").fill("21:30")
    keep(page, "merchants-store-1440", full=True)
    page.get_by_role("button", name="登记门店").click()
    page.get_by_label("姓名").fill("李会计")
    page.get_by_label("电话", exact=True).fill("13800000000")
    page.get_by_role("button", name="登记联系人").click()
    expect(page.get_by_role("heading", name="资料齐全，可以启用")).to_be_visible()
    keep(page, "merchants-file-draft-1440", full=True)
    page.get_by_role("button", name="启用商户").click()
    expect(page.get_by_text("终端一分钟内可以核销")).to_be_visible()
    here = re.sub(r".*/console", "/console", page.url)
    read(
        page, site,
        {
            "list": "/console/merchants", "new": "/console/merchants/new", "file": f"/console/merchants/{story.merchant_id}",
            "agreement": f"{here}/agreement", "store": f"{here}/store", "contact": f"{here}/contact",
            "people": f"{here}/people", "account": f"{here}/account", "terminals": f"/console/merchants/{story.merchant_id}/terminals",
            "fleet": "/console/merchants/terminals", "blacklist": "/console/merchants/blacklist",
            "limits": "/finance/offline-limits",
        },
        "merchants",
    )  # fmt: skip


def test_a_manager_works_in_the_portal_and_pairs_a_till(
    site: Site, story: Story, new_page: Callable[..., Page]
) -> None:
    page = new_page(360, 740, device_scale_factor=1)
    page.goto(site.url + "/")
    keep(page, "front-360", full=True)
    page.get_by_role("link", name="我是商户管理员").click()
    page.get_by_label("用户名").fill(story.manager.username)
    page.get_by_label("密码").fill(PASSWORD)
    page.get_by_label("动态口令").fill(code_now(story.manager, site.world.now()))
    page.get_by_role("button", name="登录").click()
    expect(page).to_have_url(f"{site.url}/merchant")
    expect(page.get_by_role("heading", name="今天核销 3 笔")).to_be_visible()
    read(
        page, site,
        {
            "today": "/merchant", "redemptions": "/merchant/redemptions", "settlements": "/merchant/settlements",
            "terminals": "/merchant/terminals", "people": "/merchant/people", "webhooks": "/merchant/webhooks",
            "profile": "/merchant/profile", "terminal": f"/merchant/terminals/{story.terminal_id}",
        },
        "portal",
    )  # fmt: skip
    page.set_viewport_size({"width": 360, "height": 740})
    page.goto(site.url + "/merchant/profile")
    expect(page.locator(".nav a[aria-current]")).to_be_in_viewport(ratio=1)
    page.goto(site.url + "/merchant/terminals")
    page.get_by_label("放在哪家门店").select_option(index=1)
    page.get_by_label("终端编号").fill("T09")
    page.get_by_role("button", name="加终端并生成配对码").click()
    code = page.locator(".pairing__code").inner_text().replace(" ", "")
    assert fits(page)
    assert faults_of_access(page) == []
    keep(page, "portal-pairing-360", full=True)
    # The square on the slip opens the till with the code already in its field; the code never reaches a server's log.
    page.goto(f"{site.url}/till#pair={code}")
    expect(page.locator("#pairing-code")).to_have_value(re.compile(code))
