"""A device becomes a terminal once, hears of the others, and why it may work no more."""

import json

from playwright.sync_api import Page, expect

from cardnet.merchants.services import MakePairingCode, RevokeKey, keys_of, make_pairing_code, revoke_key
from tests.browser import counter
from tests.browser.counter import OpenPage, Shop, begun, paired
from tests.make.browser import keep

site, town, shop, clinic = counter.site, counter.town, counter.shop, counter.clinic
till, plain_till = counter.till, counter.plain_till


def test_a_till_is_paired_by_a_code_once(new_page: OpenPage, built_pages: None, shop: Shop) -> None:
    with shop.site.session() as session:
        code = make_pairing_code(session, shop.site.world, MakePairingCode(shop.till.venue.terminal_id))
    page = new_page(360, 640)
    page.goto("/till")
    keep(page, "till-pair-360")
    page.get_by_label("配对码").fill("2345")
    page.get_by_role("button", name="开始使用").click()
    expect(page.locator("#pairing-code-error")).to_contain_text("10 位")
    page.get_by_label("配对码").fill("ZZZZZZZZZZ")
    page.get_by_role("button", name="开始使用").click()
    expect(page.locator("#pairing-code-error")).to_contain_text("重新生成")
    page.get_by_label("配对码").fill(f"{code[:5]} {code[5:]}".lower())
    page.get_by_label("这台设备叫什么？").fill("前台手机")
    page.get_by_role("button", name="开始使用").click()
    expect(page.locator("#sale")).to_be_visible()
    expect(page.locator("#who")).to_contain_text("前台手机")
    page.reload()
    expect(page.locator("#sale")).to_be_visible()
    other = new_page(360, 640)
    other.goto("/till")
    other.get_by_label("配对码").fill(code)
    other.get_by_role("button", name="开始使用").click()
    expect(other.locator("#pairing-code-error")).to_be_visible()


def test_a_second_device_of_a_terminal_is_told_of_the_first_and_a_third_how_to_get_in(
    new_page: OpenPage, built_pages: None, shop: Shop
) -> None:
    venue = shop.till.venue

    def pair_with_a_code(page: Page) -> None:
        with shop.site.session() as session:
            code = make_pairing_code(session, shop.site.world, MakePairingCode(venue.terminal_id))
        page.goto("/till")
        page.get_by_label("配对码").fill(code)
        page.get_by_role("button", name="开始使用").click()

    first = paired(new_page(360, 640), shop)
    expect(first.locator("#others")).to_be_hidden()
    second = new_page(360, 640)
    pair_with_a_code(second)
    expect(second.locator("#others")).to_contain_text(f"终端 {venue.terminal_code} 以前配对的设备到 12月1日 周二")
    keep(second, "till-second-device-360")
    second.get_by_role("button", name="知道了").click()
    expect(second.locator("#others")).to_be_hidden()
    second.reload()
    expect(second.locator("#sale")).to_be_visible()
    expect(second.locator("#others")).to_be_hidden()
    first.reload()
    expect(first.locator("#others")).to_contain_text(
        f"终端 {venue.terminal_code} 配对了另一台设备：这台到 12月1日 周二"
    )
    keep(first, "till-first-device-ends-360")
    third = new_page(360, 640)
    pair_with_a_code(third)
    expect(third.locator("#pairing-code-error")).to_contain_text("已经配对了两台设备")
    keep(third, "till-third-device-360")
    begun(third, shop)
    expect(third.locator("#others")).to_contain_text("只能联网核销")
    with shop.site.session() as session:
        (_, oldest) = keys_of(session, venue.terminal_id)
        revoke_key(session, shop.site.world, RevokeKey(oldest.key_id))
    # What it asked before the key was stopped may still be answered no.
    with third.expect_response(lambda answer: answer.url.endswith("/terminals/keys") and answer.status == 201):
        third.reload()
    expect(third.locator("#others")).to_be_hidden()
    with shop.site.session() as session:
        assert len(keys_of(session, venue.terminal_id)) == 3
    first.reload()
    expect(first.locator("#others")).to_contain_text("签名密钥已停用")
    first.get_by_role("button", name="知道了").click()
    expect(first.locator("#others")).to_be_hidden()
    # It takes no third place by itself, also after a reload.
    with first.expect_response("**/merchant/v1/me"):
        first.reload()
    expect(first.locator('[data-part="menu-alone"]')).to_contain_text("只能联网核销", use_inner_text=False)
    with shop.site.session() as session:
        assert len(keys_of(session, venue.terminal_id)) == 3


def test_a_suspended_terminal_hears_why(plain_till: Page, shop: Shop) -> None:
    problem = {
        "code": "terminal_suspended",
        "title": "本终端已停用，请商户管理员重新启用或重新配对。",
        "retry": "never",
    }
    plain_till.route(
        "**/merchant/v1/me",
        lambda route: route.fulfill(status=403, body=json.dumps(problem), content_type="application/problem+json"),
    )
    plain_till.reload()
    expect(plain_till.get_by_role("alert").filter(has_text="本终端已停用")).to_be_visible()
