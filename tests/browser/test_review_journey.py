"""Review in Chromium: a unit with one officer and its chair, a township with a deputy, a district that decides many at once."""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from cardnet.access import services as access
from cardnet.access.rules import Role
from cardnet.credential import store
from cardnet.issuance import services as issuance
from cardnet.issuance.rules import Verdict
from cardnet.kernel.calendar import day_of
from tests.make import membership as make_membership
from tests.make.access import PASSWORD
from tests.make.browser import Site, faults_of_access, keep, signed_in

NAMES = ("周桂林", "王建国", "李秀英", "张伟", "欧阳海燕", "买买提·艾山")
PEOPLE = (
    ("sole", "何建平", "B2", Role.UNIT_OFFICER),
    ("sender", "赵敏", "B1", Role.UNIT_OFFICER),
    ("unit", "沈洁", "B1", Role.UNIT_OFFICER),
    ("township", "钱立新", "D1", Role.TOWNSHIP_OFFICER),
    ("deputy", "马文静", "D2", Role.TOWNSHIP_OFFICER),
    ("district", "孙志强", "C", Role.DISTRICT_OFFICER),
)


@dataclass
class Offices:
    """Two units with rosters sent in: B2 has one officer, B1 two. `batches` by unit."""

    accounts: dict[str, access.NewAccount] = field(default_factory=dict)
    batches: dict[str, str] = field(default_factory=dict)


@pytest.fixture
def offices(site: Site) -> Offices:
    world, offices = site.world, Offices()
    with site.session() as session:
        unions = make_membership.tree(session, world)
        store.ensure_keys(session, world)
        for name, display_name, code, role in PEOPLE:
            union = unions[code]
            offices.accounts[name] = access.create_account(
                session,
                world,
                access.CreateAccount(name, display_name, frozenset({role}), union.id, union.path, PASSWORD),
            )
        year = day_of(world.now()).year
        issuance.grant_quota(session, world, issuance.GrantQuota(year, 100, "云工〔2026〕1号"))
        issuance.spread_quota(session, world, issuance.SpreadQuota(year))
        for unit, sender, first in (("B2", "sole", 0), ("B1", "sender", 50)):
            lines = [make_membership.roster_line(first + n, name=name, unit=unit) for n, name in enumerate(NAMES)]
            content = make_membership.xlsx_file(make_membership.roster_cells(lines))
            principal = access.principal_of_username(session, sender)
            command = issuance.SubmitRoster(content, f"{unit}办卡名单.xlsx", unit, principal)
            offices.batches[unit] = str(issuance.submit_roster(session, world, command).batch_id)
    return offices


@pytest.fixture
def sign_in(site: Site, offices: Offices, new_page: Callable[..., Page]) -> Callable[..., Page]:
    def make(name: str, width: int = 1440, height: int = 900, **more: object) -> Page:
        page = new_page(width, height, device_scale_factor=1, **more)
        return signed_in(page, site, offices.accounts[name].account_id)

    return make


def fits(page: Page) -> bool:
    return bool(page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth"))


def looked_at(page: Page, name: str) -> None:
    """Kept as a picture at both widths, fitting its window, with nothing serious found by axe."""
    for width in (360, 1440):
        page.set_viewport_size({"width": width, "height": 800})
        assert fits(page), (name, width)
        keep(page, f"{name}-{width}", full=True)
    assert faults_of_access(page) == []


def test_a_unit_with_one_officer_has_its_list_confirmed_by_the_chair(
    offices: Offices, sign_in: Callable[..., Page], new_page: Callable[..., Page], tmp_path: Path
) -> None:
    page = sign_in("sole")
    page.goto(f"/console/batches/{offices.batches['B2']}")
    page.get_by_role("link", name="单位只有一位工会干部？请工会主席确认").click()
    page.get_by_label("工会主席姓名").fill("王建国")
    page.get_by_label("打印《办卡汇总审核表》").check()
    page.get_by_role("button", name="发起确认").click()
    with page.expect_download() as sheet:
        page.get_by_role("link", name="打印审核表").click()
    assert Path(sheet.value.path()).read_bytes().startswith(b"%PDF-")
    page.get_by_label("工会主席姓名").fill("王建国")
    page.get_by_label("发一次性链接").check()
    page.get_by_role("button", name="发起确认").click()
    link = page.locator(".notice .code").inner_text()
    looked_at(page, "review-unit-approval")
    chair = new_page(360, 740)
    chair.goto(link)
    expect(chair.get_by_role("heading", level=1)).to_have_text("请确认 6 人的办卡申请")
    looked_at(chair, "review-chair")
    chair.get_by_label("您的姓名").fill("王建国")
    chair.get_by_role("button", name="确认名单").click()
    expect(chair.get_by_role("heading", level=1)).to_have_text("已确认 6 人")
    page.goto(f"/console/batches/{offices.batches['B2']}")
    expect(page.get_by_text("6 人等永泽街道总工会审核")).to_be_visible()


def test_a_townships_deputy_returns_one_and_the_unit_corrects_it(
    site: Site, offices: Offices, sign_in: Callable[..., Page]
) -> None:
    with site.session() as session:
        reviewer = access.principal_of_username(session, "unit")
        command = issuance.Review(issuance_id(offices, "B1"), reviewer, Verdict.APPROVE)
        issuance.review(session, site.world, command)
    giver = sign_in("township")
    giver.get_by_role("link", name="委托审核").click()
    giver.get_by_label("请谁代审").fill("deputy")
    giver.get_by_label("到哪一天（含）").fill("2026-11-30")
    giver.get_by_label("原因").fill("外出培训")
    giver.get_by_role("button", name="办理委托").click()
    expect(giver.get_by_role("row", name=re.compile("马文静代钱立新"))).to_contain_text("进行中")
    looked_at(giver, "review-delegations")

    deputy = sign_in("deputy")
    looked_at(deputy, "review-inbox-deputy")
    deputy.get_by_role("link", name="看等待的 6 人").click()
    expect(deputy.get_by_text("您正以“马文静代钱立新”的名义审核")).to_be_visible()
    deputy.get_by_label("选中 张伟").check()
    deputy.get_by_text("退回修改或不予通过").click()
    deputy.get_by_label("R01 姓名与证件不符").check()
    looked_at(deputy, "review-list")
    deputy.get_by_role("button", name="退回修改").click()
    expect(deputy.get_by_role("status")).to_contain_text("已退回 1 人")

    unit = sign_in("sender")
    unit.get_by_role("link", name=re.compile("修改.*退回的 1 份申请")).click()
    unit.get_by_role("link", name="张伟").click()
    expect(unit.get_by_text("马文静代钱立新")).to_be_visible()
    looked_at(unit, "review-row-returned")
    unit.get_by_label("姓名").fill("张玮")
    unit.get_by_role("button", name="重新提交").click()
    expect(unit.get_by_role("status")).to_contain_text("已改正并重新提交")
    expect(unit.get_by_role("heading", level=1)).to_have_text("张玮")


def test_the_district_decides_many_at_once_and_sets_the_clock(
    site: Site, offices: Offices, sign_in: Callable[..., Page]
) -> None:
    with site.session() as session:
        for name in ("unit", "township"):
            officer = access.principal_of_username(session, name)
            issuance.review_open(session, site.world, issuance.ReviewOpen(officer, Verdict.APPROVE))
    page = sign_in("district")
    page.get_by_role("link", name="一次审核 6 人").click()
    page.get_by_label("选中 周桂林").focus()
    page.keyboard.press("Space")
    page.get_by_role("button", name="通过", exact=True).focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("status")).to_contain_text("已通过 1 人")
    page.get_by_label("全部等我审核的 5 人").check()
    page.get_by_role("button", name="通过", exact=True).click()
    expect(page.get_by_role("status")).to_contain_text("已通过 5 人，审核全部完成")
    looked_at(page, "review-list-empty")
    page.goto("/console/review-settings")
    page.get_by_label("基层工会的工作日数").fill("3")
    page.get_by_role("button", name="修改基层工会的时限").click()
    expect(page.get_by_role("status")).to_contain_text("办理时限已修改")
    page.get_by_label("到哪一天（含，可不填）").fill("2026-11-26")
    page.locator("#reason").fill("年终结转")
    page.get_by_role("button", name="冻结审核").click()
    page.get_by_label("放假的日子").fill("2027-01-01 2027-02-05")
    page.get_by_label("通知文号").fill("国办发明电〔2026〕9号")
    page.get_by_role("button", name="录入").click()
    expect(page.get_by_role("status")).to_contain_text("已录入 2 天")
    looked_at(page, "review-settings")
    # A form that becomes a file: the page shows the new state by itself.
    page.goto(f"/console/batches/{offices.batches['B1']}?show=approved")
    with page.expect_download() as book:
        page.get_by_role("button", name="发卡并存成表格").click()
    assert book.value.suggested_filename.endswith(".xlsx")
    expect(page.get_by_role("link", name="会员卡与发放")).to_be_visible()
    expect(page.get_by_role("button", name="正在发卡，请稍候")).to_have_count(0)


def issuance_id(offices: Offices, unit: str) -> object:
    import uuid

    return uuid.UUID(offices.batches[unit])
