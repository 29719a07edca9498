"""Finance and the chair in Chromium: the five yuan explained, the day closed, the sheet printed on one A4."""

import re
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from cardnet.access.rules import Role
from cardnet.access.services import CreateAccount, NewAccount, create_account
from cardnet.membership import services as membership
from tests.conftest import MovableWorld
from tests.make.access import PASSWORD, code_now
from tests.make.browser import Site, keep
from tests.make.finance import open_shop, sales, statement_csv

OCTOBER = datetime(2026, 10, 1, 1, 0, tzinfo=UTC)
PEOPLE = (
    ("jingban", "贾佳怡", Role.FINANCE_MAKER),
    ("jingshen", "俞明", Role.AUDITOR),
    ("zhuxi", "邵宏伟", Role.CHAIR),
)


@pytest.fixture
def accounts(site: Site) -> dict[str, NewAccount]:
    """The maker, the auditor and the chair of the district."""
    with site.session() as session:
        district = min(membership.unions_under(session, "/"), key=lambda union: len(union.path))
        return {
            name: create_account(
                session,
                site.world,
                CreateAccount(name, words, frozenset({role}), district.id, district.path, PASSWORD),
            )
            for name, words, role in PEOPLE
        }


@pytest.fixture(autouse=True)
def october(site: Site, tmp_path: Path) -> Path:
    """48 sales of ours in October, 288.00; and the shop's own file: 47 lines, 283.00."""
    clock = MovableWorld(OCTOBER)
    with site.app.app_context():
        shop = open_shop(clock.world(), people=8)
        moments = [OCTOBER + timedelta(hours=1 + 4 * n) for n in range(48)]
        refs = sales(shop, clock, moments, fen=600)
    days = [clock_day(moment) for moment in moments]
    lines = [(ref, day, "6.00") for ref, day in zip(refs, days, strict=True)]
    lines[30] = (refs[30], days[30], "7.00")
    del lines[19]
    path = tmp_path / "百禾超市2026年10月.csv"
    path.write_bytes(statement_csv([*lines, ("合计 47 笔", "", "283.00")], "gb18030"))
    return path


def clock_day(moment: datetime) -> date:
    return (moment + timedelta(hours=8)).date()


@pytest.fixture
def sign_in(site: Site, accounts: dict[str, NewAccount], new_page: Callable[..., Page]) -> Callable[..., Page]:
    """A page on which this person has signed in by typing."""

    def make(name: str, width: int = 1440, height: int = 900, **more: object) -> Page:
        page = new_page(width, height, device_scale_factor=1, **more)
        page.goto("/sign-in")
        page.get_by_label("用户名").fill(name)
        page.get_by_label("密码").fill(PASSWORD)
        page.get_by_label("动态口令").fill(code_now(accounts[name], site.world.now()))
        page.get_by_role("button", name="登录").click()
        expect(page.get_by_role("button", name="退出登录")).to_be_visible()
        return page

    return make


def fits(page: Page) -> bool:
    """Nothing makes the page wider than its window."""
    return bool(page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth"))


def test_finance_explains_the_five_yuan_and_closes_the_day(october: Path, sign_in: Callable[..., Page]) -> None:
    page = sign_in("jingban")
    expect(page).to_have_url(re.compile("/finance$"))
    page.get_by_role("link", name="上传商户文件").click()
    page.get_by_role("button", name="开始核对").click()
    expect(page.get_by_role("alert")).to_contain_text("请选择商户发来的文件")
    page.get_by_label("商户", exact=True).select_option("M1001")
    page.get_by_label("商户的对账文件").set_input_files(october)
    page.get_by_role("button", name="开始核对").click()

    expect(page.locator(".balance")).to_contain_text("¥288.00")
    expect(page.locator(".balance")).to_contain_text("48 笔")
    expect(page.locator(".balance")).to_contain_text("¥283.00")
    expect(page.locator(".balance")).to_contain_text("47 笔")
    expect(page.locator(".equation")).to_have_text(re.compile(r"¥5\.00 ＝\s*我有他无 ¥6\.00 ＋\s*金额不符 -¥1\.00"))
    missing, amount = page.locator(".difference").all()
    expect(missing).to_contain_text("E01")
    expect(missing.get_by_role("region", name="商户方")).to_contain_text("没有这一笔")
    expect(amount).to_contain_text("E06")
    expect(amount.get_by_role("region", name="我方")).to_contain_text("¥6.00")
    expect(amount.get_by_role("region", name="商户方")).to_contain_text("¥7.00")
    expect(amount).to_contain_text("商户多 1.00 元")
    keep(page, "finance-reconciliation-1440", full=True)
    page.set_viewport_size({"width": 360, "height": 740})
    assert fits(page)
    keep(page, "finance-reconciliation-360", full=True)

    page.set_viewport_size({"width": 1440, "height": 900})
    page.goto("/finance")
    page.get_by_label("结到哪一天").fill("2026-10-31")
    page.get_by_text("所有有交易的商户").click()
    page.get_by_role("button", name="日结并生成结算单").click()
    expect(page.get_by_role("status").first).to_contain_text("2026年10月31日 已日结，生成 1 张结算单")
    keep(page, "finance-settlements-1440", full=True)
    page.locator("tbody th a").first.click()
    expect(page.get_by_text("核验通过")).to_be_visible()
    with page.expect_download() as signed:
        page.get_by_role("link", name="下载签名文件 JSON").click()
    assert signed.value.suggested_filename == "JS-M1001-20261031.json"
    keep(page, "finance-settlement-1440", full=True)
    for path in ("/finance", "/finance/settlements", page.url, "/finance/reconciliation/new"):
        page.set_viewport_size({"width": 360, "height": 740})
        page.goto(path)
        assert fits(page), path
    page.goto("/finance")
    keep(page, "finance-home-360", full=True)


def test_the_auditor_reads_and_changes_nothing(sign_in: Callable[..., Page]) -> None:
    page = sign_in("jingshen")
    page.goto("/finance")
    expect(page.get_by_text("由财务经办办理")).to_be_visible()
    expect(page.get_by_role("button", name="日结并生成结算单")).to_have_count(0)
    page.goto("/finance/reconciliation/new")
    expect(page.get_by_text("没有办理这项事务的权限").first).to_be_visible()


def test_the_chairs_sheet_fits_one_a4(sign_in: Callable[..., Page], tmp_path: Path) -> None:
    page = sign_in("zhuxi")
    expect(page).to_have_url(re.compile("/overview$"))
    expect(page.get_by_role("heading", level=1)).to_contain_text("一页通")
    assert page.locator("svg.chart title").text_content()
    expect(page.get_by_role("row", name=re.compile("健康体检补贴"))).to_contain_text("¥288.00")
    page.get_by_text("看数字").click()
    expect(page.get_by_role("row", name=re.compile("已使用"))).to_contain_text("8")
    keep(page, "overview-1440", full=True)
    page.pdf(path=str(tmp_path / "sheet.pdf"), prefer_css_page_size=True)
    sheet = (tmp_path / "sheet.pdf").read_bytes()
    assert len(re.findall(rb"/Type\s*/Page\b", sheet)) == 1
    page.set_viewport_size({"width": 360, "height": 740})
    assert fits(page)
    keep(page, "overview-360", full=True)
