"""The cashier's journey: scan by wedge, camera or paste, and an answer nobody can misread."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import Page, Playwright, expect

from cardnet.credential.device import DeviceKey
from tests.browser import counter
from tests.browser.counter import CHOICE, NO, YES, OpenPage, Shop, Town, answer, paired, paste, scan_with_wedge
from tests.make.browser import SCREENSHOTS, Site, faults_of_access, keep, seeing, show
from tests.make.phones import activate, code_on

site, town, shop, clinic = counter.site, counter.town, counter.shop, counter.clinic
till, plain_till = counter.till, counter.plain_till


NOTHING_BY_THE_CLOCK = """{
  const real = window.setTimeout;
  window.setTimeout = (act, ms, ...more) => real(act, ms > 14_000 ? 3_600_000 : ms === 2_500 ? 100 : ms, ...more);
}"""
"""No code is changed by its fifteen seconds here, and what came of it is asked for soon."""


def test_from_the_activation_on_the_phone_to_the_money_in_the_drawer(
    new_page: OpenPage, built_pages: None, town: Town, clinic: Shop
) -> None:
    phone, till = new_page(360, 640), paired(new_page(360, 640), clinic)
    phone.add_init_script(NOTHING_BY_THE_CLOCK)
    activate(phone, next(town.newcomers))
    expect(till.get_by_label("健康体检")).to_be_checked()
    till.get_by_label("原价多少元？").fill("380")
    paste(till, code_on(phone, "wallet-card-at-the-till-360"))
    used = phone.evaluate("document.querySelector('#code').toDataURL()")
    assert re.search(r"收\s*280\.00\s*元", answer(till, YES))
    expect(phone.locator("#code-result")).to_contain_text("云间工人疗养…：省 100.00 元")
    phone.wait_for_function("used => document.querySelector('#code').toDataURL() !== used", arg=used)
    keep(phone, "wallet-used-a-moment-ago-360")
    assert phone.evaluate("document.documentElement.scrollHeight <= innerHeight"), "nothing scrolls before the code"
    phone.get_by_role("button", name="今年", exact=True).click()
    expect(phone.get_by_text("云间工人疗养院体检中心")).to_be_visible()
    expect(phone.get_by_text("健康体检补贴", exact=True)).to_be_visible()
    expect(phone.locator('[data-part="total-benefit"]')).to_have_text("100 元")
    keep(phone, "wallet-records-360")
    till.get_by_role("button", name="撤销这笔").click()
    till.locator("#undo-dialog").get_by_role("button", name="撤销", exact=True).click()
    answer(till, re.compile("^done$"))
    phone.get_by_role("button", name="我的卡").click()
    phone.get_by_role("button", name="今年", exact=True).click()
    expect(phone.get_by_text("已撤销")).to_be_visible()
    expect(phone.locator("#year-figures")).to_be_hidden()


def test_amount_first_then_the_scanner_and_the_screen_says_what_to_charge(
    new_page: OpenPage, built_pages: None, clinic: Shop
) -> None:
    page = paired(new_page(360, 640), clinic)
    keep(page, "till-sale-360")
    page.get_by_label("健康体检").check()
    amount = page.get_by_label("原价多少元？")
    amount.fill("380")
    amount.focus()
    scan_with_wedge(page, clinic.code())
    said = answer(page, YES)
    keep(page, "till-yes-360")
    assert re.search(r"收\s*280\.00\s*元", said), said
    assert "原价 380.00 元" in said
    assert "工会承担 100.00 元" in said
    assert amount.input_value() == "380", "the scanner's keys are not typed into the amount"
    size = page.locator(".answer__number").evaluate("it => parseFloat(getComputedStyle(it).fontSize)")
    assert size >= 56
    for _ in range(4):
        page.keyboard.press("Tab")
        assert page.evaluate("!document.activeElement.matches('header *, main *, nav *')"), "nothing under the answer"
    assert clinic.count("captured") == 1


def test_a_second_check_in_the_year_is_refused_in_words(new_page: OpenPage, built_pages: None, clinic: Shop) -> None:
    page = paired(new_page(360, 640), clinic)
    for kind in (YES, NO):
        page.get_by_label("健康体检").check()
        page.get_by_label("原价多少元？").fill("380")
        paste(page, clinic.code())
        said = answer(page, kind)
        if kind is NO:
            keep(page, "till-no-360")
            assert "本次不能享受" in said
            assert "按原价收 380.00 元" in said
        page.get_by_role("button", name="下一位").click()
    assert (clinic.count("captured"), clinic.count("refused")) == (1, 1)


def test_a_used_code_costs_nobody_the_benefit_the_sale_waits_for_the_next_one(till: Page, shop: Shop) -> None:
    code = shop.code()
    amount, receipt = till.get_by_label("原价多少元？"), till.locator("#reference")
    amount.fill("100")
    paste(till, code)
    answer(till, YES)
    till.get_by_role("button", name="下一位").click()
    amount.fill("380")
    receipt.fill("A-101")
    paste(till, code)
    said = answer(till, CHOICE)
    keep(till, "till-fresh-code-360")
    assert "请会员出示新的动态码" in said
    # When and, being its own, where.
    assert re.search(r"这个动态码 \d+月\d+日 \d\d:\d\d 已经在本商户门店 \S+ 的收银台 \S+ 用过", said), said
    expect(till.get_by_role("button", name="不享受，按原价收 380.00 元")).to_be_visible()
    scan_with_wedge(till, shop.code())
    said = answer(till, YES)
    assert re.search(r"收\s*342\.00\s*元", said), said
    assert "A-101" in said
    assert (shop.count("captured"), shop.count("refused")) == (2, 1)


def test_the_code_may_come_before_the_amount(till: Page, shop: Shop) -> None:
    scan_with_wedge(till, shop.code())
    expect(till.get_by_text("已扫到会员码")).to_be_visible()
    expect(till.get_by_label("原价多少元？")).to_be_focused()
    keep(till, "till-code-first-360")
    till.keyboard.type("12.50")
    till.keyboard.press("Enter")
    assert re.search(r"收\s*11\.25\s*元", answer(till, YES))


def test_a_scan_while_an_answer_stands_begins_the_next_sale(till: Page, shop: Shop) -> None:
    till.get_by_label("原价多少元？").fill("100")
    scan_with_wedge(till, shop.code())
    answer(till, YES)
    scan_with_wedge(till, shop.code())
    expect(till.get_by_text("已扫到会员码")).to_be_visible()
    expect(till.locator("#answer")).to_be_hidden()
    assert till.get_by_label("原价多少元？").input_value() == ""


def test_what_is_no_amount_or_no_code_is_said_at_its_field_and_a_code_waits_for_a_right_one(
    till: Page, shop: Shop
) -> None:
    till.get_by_label("原价多少元？").fill("-5")
    scan_with_wedge(till, shop.code())
    expect(till.locator("#amount-error")).to_contain_text("请输入原价")
    expect(till.locator("#code-left")).to_contain_text("请输入原价")
    keep(till, "till-code-waits-360")
    till.get_by_label("原价多少元？").fill("50")
    till.keyboard.press("Enter")
    assert re.search(r"收\s*45\.00\s*元", answer(till, YES))
    till.get_by_role("button", name="下一位").click()
    till.get_by_label("原价多少元？").fill("三百八")
    till.keyboard.press("Enter")
    expect(till.locator("#amount-error")).to_contain_text("请输入原价")
    till.get_by_label("原价多少元？").fill("380")
    paste(till, "https://example.invalid/CN1:")
    expect(till.locator("#paste-error")).to_contain_text("这不是会员码")
    keep(till, "till-wrong-360", full=True)


def test_a_shop_that_gives_nothing_alone_turns_nobody_away_without_a_network(till: Page, shop: Shop) -> None:
    expect(till.locator('[data-part="menu-alone"]')).to_contain_text("没有断网可用的优惠", use_inner_text=False)
    till.context.set_offline(True)
    expect(till.locator("#offline")).to_contain_text("本店的优惠要联网才能核销")
    till.get_by_label("原价多少元？").fill("100")
    paste(till, shop.code())
    said = answer(till, CHOICE)
    keep(till, "till-offline-nothing-360")
    assert "没有网络" in said
    assert "不是会员不能享受，请联网后再试" in said
    till.get_by_role("button", name="等网络恢复").click()
    till.context.set_offline(False)
    expect(till.locator("#offline")).to_be_hidden()
    assert till.get_by_label("原价多少元？").input_value() == "100"
    paste(till, shop.code())
    assert re.search(r"收\s*90\.00\s*元", answer(till, YES))
    assert shop.count() == 1


def test_the_till_of_a_desk_shows_sale_and_day_side_by_side(
    new_page: OpenPage, built_pages: None, clinic: Shop
) -> None:
    page = paired(new_page(1440, 900, device_scale_factor=1), clinic)
    page.get_by_label("健康体检").check()
    page.get_by_label("原价多少元？").fill("3800.50")
    paste(page, clinic.code())
    answer(page, YES)
    keep(page, "till-yes-1440")
    page.get_by_role("button", name="下一位").click()
    expect(page.locator("#today-list li")).to_have_count(1)
    keep(page, "till-sale-1440")


@pytest.fixture
def camera(playwright: Playwright, chromium: str, site: Site, tmp_path: Path) -> Iterator[Page]:
    """A browser whose camera sees what `show` puts before it."""
    with seeing(playwright, chromium, site, Image.new("RGB", (960, 720), "#6b7370"), tmp_path) as page:
        yield page


def held_before_it(phone: Page) -> Image.Image:
    """What a camera sees of the wallet's own screen, a little askew."""
    frame = Image.new("RGB", (960, 720), "#6b7370")
    code_on(phone, "wallet-before-the-camera-360")
    with Image.open(SCREENSHOTS / "wallet-before-the-camera-360.png") as screen:
        picture = screen.convert("RGB").resize((390, 690)).rotate(4, expand=True, fillcolor="#6b7370")
    frame.paste(picture, ((960 - picture.width) // 2, (720 - picture.height) // 2))
    return frame


def test_the_camera_reads_the_phone_of_the_member(
    camera: Page, new_page: OpenPage, built_pages: None, town: Town, shop: Shop, tmp_path: Path
) -> None:
    page, phone = paired(camera, shop), new_page(360, 640)
    activate(phone, next(town.newcomers))
    page.get_by_label("原价多少元？").fill("100")
    # A code lives for half a minute: it is drawn when everything else is ready.
    show(held_before_it(phone), tmp_path)
    page.get_by_role("button", name="扫会员码").click()
    expect(page.locator("#answer")).to_be_visible()
    assert re.search(r"收\s*90\.00\s*元", answer(page, YES))


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_serious_on_any_of_the_tills_screens(
    new_page: OpenPage, built_pages: None, shop: Shop, scheme: str
) -> None:
    page = new_page(1440, 900, color_scheme=scheme)
    page.goto("/till")
    page.get_by_role("button", name="开始使用").click()
    assert faults_of_access(page) == []
    paired(page, shop)
    assert faults_of_access(page) == []
    code, forged = shop.code(), DeviceKey.make(shop.site.world).code(shop.member.credential, shop.site.world)
    for kind, shown in ((YES, code), (CHOICE, code), (NO, forged)):
        page.get_by_label("原价多少元？").fill("100")
        paste(page, shown)
        answer(page, kind)
        assert faults_of_access(page) == [], kind.pattern
        page.locator("#answer").get_by_role("button", name=re.compile("^下一位$|按原价收")).click()
    expect(page.locator("#today-list li")).to_have_count(3)
    assert faults_of_access(page) == []
    keep(page, f"till-today-1440-{scheme}")
    page.get_by_role("button", name="设置").click()
    assert faults_of_access(page) == []
