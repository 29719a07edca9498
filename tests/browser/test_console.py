"""The console in Chromium: one officer of each tier takes a roster from the sheet to the cards, by hand and by keyboard."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from cardnet.access import services as access
from cardnet.access.rules import Role
from cardnet.credential import store
from cardnet.issuance import services as issuance
from cardnet.kernel.calendar import day_of
from cardnet.membership import services as membership
from tests.conftest import ACCEPTANCE
from tests.make import membership as make_membership
from tests.make.access import PASSWORD, code_now
from tests.make.browser import Site, keep

NAMES = ("周桂林", "王建国", "李秀英", "张伟", "欧阳海燕", "买买提·艾山")


@dataclass(frozen=True)
class Offices:
    """A tree with two officers in the unit, one in the township, one in the district; and a roster to send in."""

    accounts: dict[str, access.NewAccount]
    roster: Path


@pytest.fixture
def offices(site: Site, tmp_path: Path) -> Offices:
    world = site.world
    accounts = {}
    with site.session() as session:
        unions = make_membership.tree(session, world)
        store.ensure_keys(session, world)
        for name, display_name, code, role in (
            ("sender", "赵敏", "B1", Role.UNIT_OFFICER),
            ("unit", "沈洁", "B1", Role.UNIT_OFFICER),
            ("township", "钱立新", "D1", Role.TOWNSHIP_OFFICER),
            ("district", "孙志强", "C", Role.DISTRICT_OFFICER),
        ):
            union = unions[code]
            accounts[name] = access.create_account(
                session,
                world,
                access.CreateAccount(name, display_name, frozenset({role}), union.id, union.path, PASSWORD),
            )
        year = day_of(world.now()).year
        issuance.grant_quota(session, world, issuance.GrantQuota(year, 100, "云工〔2026〕1号"))
        issuance.spread_quota(session, world, issuance.SpreadQuota(year))
    lines = [make_membership.roster_line(serial, name=name) for serial, name in enumerate(NAMES)]
    lines.append(make_membership.roster_line(90, name="何晓红", consent=""))
    lines.append(make_membership.roster_line(91, name="罗杰", consent="否"))
    roster = tmp_path / "恒启精密办卡名单.xlsx"
    roster.write_bytes(make_membership.xlsx_file(make_membership.roster_cells(lines)))
    return Offices(accounts, roster)


@pytest.fixture
def sign_in(site: Site, offices: Offices, new_page: Callable[..., Page]) -> Callable[..., Page]:
    """A page on which this officer has signed in by typing."""

    def make(name: str, width: int = 1440, height: int = 900, **more: object) -> Page:
        account = offices.accounts[name]
        page = new_page(width, height, device_scale_factor=1, **more)
        page.goto("/console")
        page.get_by_label("用户名").fill(account.username)
        page.get_by_label("密码").fill(PASSWORD)
        page.get_by_label("动态口令").fill(code_now(account, site.world.now()))
        page.get_by_role("button", name="登录").click()
        expect(page).to_have_url(re.compile("/console$"))
        return page

    return make


def fits(page: Page) -> bool:
    """Nothing makes the page wider than its window."""
    return bool(page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth"))


def send_in(page: Page, offices: Offices) -> None:
    """From the inbox to a submitted roster, looking at everything on the way."""
    keep(page, "console-inbox-empty-1440", full=True)
    page.get_by_role("link", name="上传采集表").first.click()
    page.get_by_label("采集表文件").set_input_files(offices.roster)
    page.get_by_role("button", name="检查采集表").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("6 人可以提交，1 人需要改正")
    expect(page.get_by_role("row", name=re.compile("何晓红"))).to_contain_text("本人同意没有填写")
    keep(page, "console-check-1440", full=True)
    with page.expect_download() as book:
        page.get_by_role("link", name="下载检查结果").click()
    assert book.value.suggested_filename.endswith(".xlsx")
    page.get_by_role("button", name="提交审核").click()
    expect(page.get_by_role("status")).to_contain_text("采集表已提交")
    keep(page, "console-batch-1440", full=True)


def test_one_officer_of_each_tier_takes_a_sheet_to_cards(offices: Offices, sign_in: Callable[..., Page]) -> None:
    page = sign_in("sender")
    send_in(page, offices)
    batch = page.url

    for name, next_words in (("unit", "转由永泽街道总工会审核"), ("township", "转由云间区总工会审核")):
        reviewer = sign_in(name)
        reviewer.get_by_role("link", name=re.compile("审核.*的 6 份申请")).click()
        size = reviewer.viewport_size
        reviewer.set_viewport_size({"width": 360, "height": 740})
        reviewer.get_by_label("勾选本页全部").check()
        reviewer.get_by_label("勾选本页全部").uncheck()
        reviewer.set_viewport_size(size)
        reviewer.get_by_label("勾选本页全部").check()
        expect(reviewer.get_by_text("（6）")).to_be_visible()
        keep(reviewer, f"console-review-{name}-1440", full=True)
        reviewer.get_by_role("button", name="通过", exact=True).click()
        expect(reviewer.get_by_role("status")).to_contain_text(next_words)

    district = sign_in("district")
    district.get_by_role("link", name=re.compile("审核.*的 6 份申请")).click()
    district.get_by_label("选中 张伟").check()
    district.get_by_text("退回修改或不予通过").click()
    district.get_by_role("button", name="退回修改").click()
    expect(district.get_by_role("alert")).to_contain_text("请至少选一个原因")
    expect(district.get_by_label("选中 张伟")).to_be_checked()
    keep(district, "console-review-wrong-1440", full=True)
    district.get_by_label("R02 证件号校验错误").check()
    district.get_by_label("补充说明").fill("请核对身份证原件后再报。")
    district.get_by_role("button", name="退回修改").click()
    expect(district.get_by_role("status")).to_contain_text("已退回 1 人")
    district.get_by_label("全部等我审核的 5 人").check()
    district.get_by_role("button", name="通过", exact=True).click()
    expect(district.get_by_role("status")).to_contain_text("可以发卡")
    district.get_by_role("button", name="发 5 张卡").click()
    expect(district.get_by_role("heading", level=1)).to_have_text("已发 5 张卡")
    expect(district.locator(".slip")).to_have_count(5)
    assert district.get_by_role("img", name="激活二维码").first.is_visible()
    keep(district, "console-slips-1440", full=True)
    district.goto("/console/bulletin")
    expect(district.get_by_role("row", name=re.compile("永泽街道总工会"))).to_contain_text("5")
    keep(district, "console-bulletin-1440", full=True)

    page.goto(batch)
    expect(page.get_by_role("row", name=re.compile("张伟"))).to_contain_text("R02 证件号校验错误")
    page.get_by_role("link", name="会员卡与发放").click()
    page.get_by_label("选中 周桂林").check()
    page.get_by_role("button", name="登记发放").click()
    expect(page.get_by_role("status")).to_contain_text("已登记发放 1 张")
    keep(page, "console-hand-out-1440", full=True)


def test_a_file_dropped_on_the_zone_is_the_file_that_is_checked(offices: Offices, sign_in: Callable[..., Page]) -> None:
    page = sign_in("sender", 360, 740)
    page.goto("/console/rosters/new")
    keep(page, "console-upload-360", full=True)
    assert fits(page)
    content = list(offices.roster.read_bytes())
    dropped = page.evaluate_handle(
        """(bytes) => {
            const carried = new DataTransfer();
            carried.items.add(new File([new Uint8Array(bytes)], "名单.xlsx"));
            return carried;
        }""",
        content,
    )
    page.dispatch_event("[data-drop]", "dragover", {"dataTransfer": dropped})
    expect(page.locator("[data-drop]")).to_have_class(re.compile("drop--over"))
    page.dispatch_event("[data-drop]", "drop", {"dataTransfer": dropped})
    page.get_by_role("button", name="检查采集表").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("6 人可以提交，1 人需要改正")
    keep(page, "console-check-360", full=True)
    assert fits(page)


def test_a_reviewer_without_scripts_and_without_a_mouse_decides_as_well(
    site: Site, offices: Offices, sign_in: Callable[..., Page]
) -> None:
    with site.session() as session:
        sender = access.principal_of_username(session, "sender")
        command = issuance.SubmitRoster(offices.roster.read_bytes(), "名单.xlsx", "B1", sender)
        batch_id = issuance.submit_roster(session, site.world, command).batch_id
    page = sign_in("unit", 360, 740, java_script_enabled=False)
    page.goto(f"/console/batches/{batch_id}")
    keep(page, "console-review-360", full=True)
    expect(page.get_by_label("勾选本页全部")).to_be_hidden()
    page.get_by_label("选中 周桂林").focus()
    page.keyboard.press("Space")
    page.get_by_role("button", name="通过", exact=True).focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("status")).to_contain_text("已通过 1 人")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 1440])
def test_every_page_fits_its_window(site: Site, sign_in: Callable[..., Page], width: int, scheme: str) -> None:
    page = sign_in("district", width, color_scheme=scheme)
    for name, path in (
        ("front", "/"),
        ("account", "/account"),
        ("inbox", "/console"),
        ("rosters", "/console/rosters"),
        ("upload", "/console/rosters/new"),
        ("cards", "/console/cards"),
        ("quota", "/console/quota"),
        ("bulletin", "/console/bulletin"),
        ("nowhere", "/nowhere"),
    ):
        page.goto(path)
        assert fits(page), path
        keep(page, f"console-{name}-{width}-{scheme}", full=True)
    page.goto("/console")
    page.get_by_role("button", name="English").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Nothing waits for you")
    assert fits(page)


def test_the_demonstration_roster_of_the_acceptance_data_is_read_in_the_browser_too(
    site: Site, new_page: Callable[..., Page]
) -> None:
    with site.session() as session:
        content = (ACCEPTANCE / "organisations.csv").read_bytes()
        membership.import_organisations(session, site.world, membership.ImportOrganisations(content, "o.csv"))
        union = membership.union_of_code(session, "YJ-01-001")
        account = access.create_account(
            session,
            site.world,
            access.CreateAccount("unit", "赵敏", frozenset({Role.UNIT_OFFICER}), union.id, union.path, PASSWORD),
        )
    page = new_page(1440, 900, device_scale_factor=1)
    page.goto("/console/rosters/new")
    page.get_by_label("用户名").fill("unit")
    page.get_by_label("密码").fill(PASSWORD)
    page.get_by_label("动态口令").fill(code_now(account, site.world.now()))
    page.get_by_role("button", name="登录").click()
    page.get_by_label("采集表文件").set_input_files(ACCEPTANCE / "roster-messy.xlsx")
    page.get_by_role("button", name="检查采集表").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("17 人可以提交，14 人需要改正")
