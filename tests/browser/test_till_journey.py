"""The cashier's journey: pair, scan by wedge, camera or paste, an answer nobody can misread, 撤销."""

import itertools
import json
import re
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from playwright.sync_api import Page, Playwright, Route, expect
from sqlalchemy import text

from cardnet.benefits.services import CreateProgram, create_program
from cardnet.benefits.words import ProgramKind
from cardnet.credential.device import DeviceKey
from cardnet.merchants.services import MakePairingCode, RevokeKey, keys_of, make_pairing_code, revoke_key
from tests.make.benefits import Shop as Made
from tests.make.benefits import health_check, make_shop, percent, rule
from tests.make.browser import SCREENSHOTS, Site, faults_of_access, keep, seeing, show
from tests.make.merchants import Till, make_till, second_till
from tests.make.phones import Card, Member, activate, cards_of, code_on, members_of

OpenPage = Callable[..., Page]
YES, NO, OPEN = re.compile("^yes$"), re.compile("^no$"), re.compile("^unknown$")
CHOICE = re.compile("^choice$")


NEWCOMERS = 60


@dataclass
class Town:
    """A clinic with the health check, a noodle shop with ten per cent off, and members."""

    site: Site
    members: Iterator[Member]
    terminals: Iterator[str]
    newcomers: Iterator[Card]


@dataclass
class Shop:
    """A terminal that may call, a member who comes in, and what became of it."""

    site: Site
    till: Till
    member: Member

    def code(self) -> str:
        """What the member's phone shows now."""
        return self.member.phone.code(self.member.credential, self.site.world)

    def count(self, *states: str) -> int:
        """This terminal's redemptions and refusals, of some states or of all."""
        with self.site.session() as session:
            rows = session.execute(
                text("select state from redemption where terminal_code = :code"),
                {"code": self.till.venue.terminal_code},
            )
            return sum(not states or row.state in states for row in rows)


@pytest.fixture(scope="module")
def site(served: Callable[[], AbstractContextManager[Site]]) -> Iterator[Site]:
    """One for the module: each test takes a member and a terminal of its own."""
    with served() as running:
        yield running


@pytest.fixture(scope="module")
def town(site: Site) -> Town:
    world = site.world
    with site.session() as session:
        clinic = make_shop(session, world)
        make_till(session, world, "M2002", category="food", name="醉白面馆")
        clinic.pool("P-HC", 2_000_000)
        make_program(clinic, "HC2026", "健康体检补贴", ProgramKind.SUBSIDY, health_check("P-HC"))
        here = {"op": "merchant_in", "codes": ["M2002"]}
        make_program(clinic, "D-10", "面馆九折", ProgramKind.DISCOUNT, rule(percent(1_000), here))
    terminals = (f"T{number}" for number in itertools.count(10))
    return Town(site, members_of(site, clinic.office), terminals, cards_of(site, clinic.office, NEWCOMERS))


def make_program(made: Made, code: str, name: str, kind: ProgramKind, body: dict[str, Any]) -> None:
    officer = made.office["C1"]
    command = CreateProgram(code, name, kind, "云工〔2026〕8号", officer.union_id, officer)
    create_program(made.session, made.world, command)
    made.version(code, body)


def open_shop(town: Town, merchant: str) -> Shop:
    with town.site.session() as session:
        terminal = second_till(session, town.site.world, merchant, next(town.terminals))
    return Shop(town.site, terminal, next(town.members))


@pytest.fixture
def shop(town: Town) -> Shop:
    """The noodle shop."""
    return open_shop(town, "M2002")


@pytest.fixture
def clinic(town: Town) -> Shop:
    return open_shop(town, "M1001")


@pytest.fixture
def till(new_page: OpenPage, built_pages: None, shop: Shop) -> Page:
    """The noodle shop's till on a phone, paired."""
    return paired(new_page(360, 640), shop)


@pytest.fixture
def plain_till(new_page: OpenPage, built_pages: None, shop: Shop) -> Page:
    """The same without a service worker, which would take requests past Playwright's own interception."""
    return paired(new_page(360, 640, service_workers="block"), shop)


def paired(page: Page, shop: Shop) -> Page:
    """Paired, and what it asks for at its start has come: nothing moves under a finger any more."""
    begun(page, shop)
    expect(page.locator('[data-part="menu-alone"]')).to_contain_text("到", use_inner_text=False)
    return page


def begun(page: Page, shop: Shop) -> None:
    page.goto("/till")
    page.get_by_label("配对码").fill(shop.till.token)
    page.get_by_role("button", name="开始使用").click()
    expect(page.locator("#sale")).to_be_visible()


_SHIFTED = {"$": "Digit4", "%": "Digit5", "*": "Digit8", "+": "Equal", ":": "Semicolon"}


def scan_with_wedge(page: Page, code: str) -> None:
    """Press the keys a USB scanner presses, whatever has the focus; what needs no Shift goes many at a time."""
    for run in re.findall(r"[$%*+:]|[^$%*+:]+", code):
        if run in _SHIFTED:
            page.keyboard.press(f"Shift+{_SHIFTED[run]}")
        else:
            page.keyboard.type(run)
    page.keyboard.press("Enter")


def paste(page: Page, code: str) -> None:
    if not page.locator("details.more").evaluate("it => it.open"):
        page.get_by_text("小票号、粘贴动态码").click()
    page.get_by_label("粘贴动态码").fill(code)
    page.get_by_role("button", name="用这个码").click()


def answer(page: Page, kind: re.Pattern[str]) -> str:
    """Wait for the answer; its colour, icon and words agree."""
    screen = page.locator("#answer")
    expect(screen).to_be_visible()
    expect(screen).to_have_attribute("data-kind", kind)
    shown = page.locator("#answer [data-icon]:visible")
    expect(shown).to_have_count(1)
    expect(shown).to_have_attribute("data-icon", kind)
    return screen.inner_text()


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


DISK_FULL = """() => {
  const put = IDBObjectStore.prototype.put;
  IDBObjectStore.prototype.put = function (value, key) {
    if (key === "pending") throw new DOMException("full", "QuotaExceededError");
    return put.call(this, value, key);
  };
  window.mended = () => (IDBObjectStore.prototype.put = put);
}"""


def test_a_sale_that_cannot_be_kept_is_not_sent_and_one_is_undone_on_the_same_day_and_the_list_says_so(
    till: Page, shop: Shop
) -> None:
    till.evaluate(DISK_FULL)
    till.get_by_label("原价多少元？").fill("1000")
    paste(till, shop.code())
    said = answer(till, NO)
    assert "没有核销" in said and "存储满了" in said and "没有发出去" in said and "12351" in said
    assert shop.count() == 0
    keep(till, "till-disk-full-360")
    till.evaluate("() => void window.mended()")
    till.get_by_role("button", name="下一位").click()
    till.get_by_label("原价多少元？").fill("1000")
    paste(till, shop.code())
    answer(till, YES)
    till.get_by_role("button", name="撤销这笔").click()
    till.locator("#undo-dialog").get_by_role("button", name="撤销", exact=True).click()
    assert "已撤销" in answer(till, re.compile("^done$"))
    keep(till, "till-undone-360")
    till.get_by_role("button", name="下一位").click()
    till.get_by_role("button", name="今日").click()
    row = till.locator("#today-list li").first
    expect(row.get_by_text("已撤销")).to_be_visible()
    expect(row.get_by_role("button", name="撤销")).to_be_hidden()
    expect(till.locator('[data-part="total-payable"]')).to_have_text("0.00")
    keep(till, "till-today-360", full=True)
    assert shop.count("reversed") == 1


def test_nobody_waits_for_the_days_list_and_a_scan_beside_a_question_is_told(plain_till: Page, shop: Shop) -> None:
    till, listing = plain_till, list[Route]()

    def keep_waiting(route: Route) -> None:
        listing.append(route)

    till.route("**/merchant/v1/redemptions?business_date=*", keep_waiting)
    for _ in range(2):
        till.get_by_label("原价多少元？").fill("1000")
        paste(till, shop.code())
        answer(till, YES)
        till.get_by_role("button", name="下一位").click()
    till.get_by_label("原价多少元？").fill("1000")
    paste(till, shop.code())
    answer(till, YES)
    till.get_by_role("button", name="撤销这笔").click()
    scan_with_wedge(till, shop.code())
    expect(till.locator("#unheard")).to_contain_text("没有用上")
    keep(till, "till-unheard-360")
    till.locator("#undo-dialog").get_by_role("button", name="撤销", exact=True).click()
    answer(till, re.compile("^done$"))
    assert (shop.count("captured"), shop.count("reversed")) == (2, 1)
    assert listing, "the list was asked for, and never came"


def lose_answers(page: Page, path: str, times: int | None = None) -> list[str]:
    """The server hears the request, the till never hears the answer. Gives the keys as they are sent."""
    keys: list[str] = []

    def lose(route: Route) -> None:
        if route.request.method != "POST":
            route.continue_()
            return
        keys.append(route.request.headers["idempotency-key"])
        route.fetch()
        route.abort()

    page.route(path, lose, **({} if times is None else {"times": times}))
    return keys


def test_a_lost_answer_is_asked_for_again_with_the_same_key_and_nothing_happens_twice(
    plain_till: Page, shop: Shop
) -> None:
    keys = lose_answers(plain_till, "**/merchant/v1/redemptions", times=2)
    plain_till.get_by_label("原价多少元？").fill("100")
    paste(plain_till, shop.code())
    expect(plain_till.locator("#answer")).to_be_visible()
    assert re.search(r"收\s*90\.00\s*元", answer(plain_till, YES))
    assert len(set(keys)) == 1
    assert shop.count() == 1


def test_an_open_outcome_survives_the_page_and_is_settled_at_the_next_start(plain_till: Page, shop: Shop) -> None:
    keys = lose_answers(plain_till, "**/merchant/v1/redemptions")
    plain_till.get_by_label("原价多少元？").fill("100")
    paste(plain_till, shop.code())
    expect(plain_till.locator("#answer")).to_be_visible()
    assert "还不知道结果" in answer(plain_till, OPEN)
    expect(plain_till.get_by_role("button", name="下一位")).to_be_hidden()
    keep(plain_till, "till-unknown-360")
    plain_till.unroute("**/merchant/v1/redemptions")
    plain_till.reload()
    assert re.search(r"收\s*90\.00\s*元", answer(plain_till, YES))
    assert len(set(keys)) == 1
    assert shop.count() == 1


def test_an_open_outcome_may_be_given_up_and_then_never_happened(plain_till: Page, shop: Shop) -> None:
    lose_answers(plain_till, "**/merchant/v1/redemptions")
    plain_till.get_by_label("原价多少元？").fill("100")
    paste(plain_till, shop.code())
    expect(plain_till.locator("#answer")).to_be_visible()
    plain_till.get_by_role("button", name="取消这笔").click()
    assert "已撤销" in answer(plain_till, re.compile("^done$"))
    assert shop.count("reversed") == 1
    assert shop.count("captured") == 0


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
    second.reload()
    expect(second.locator("#sale")).to_be_visible()
    expect(second.locator("#others")).to_be_hidden()
    third = new_page(360, 640)
    pair_with_a_code(third)
    expect(third.locator("#pairing-code-error")).to_contain_text("已经配对了两台设备")
    keep(third, "till-third-device-360")
    begun(third, shop)
    expect(third.locator("#others")).to_contain_text("只能联网核销")
    with shop.site.session() as session:
        (_, oldest) = keys_of(session, venue.terminal_id)
        revoke_key(session, shop.site.world, RevokeKey(oldest.key_id))
    with third.expect_response("**/terminals/keys") as asked:
        third.reload()
    assert asked.value.status == 201
    expect(third.locator("#others")).to_be_hidden()
    with shop.site.session() as session:
        assert len(keys_of(session, venue.terminal_id)) == 3


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
