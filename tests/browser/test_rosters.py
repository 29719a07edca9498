"""Rosters in Chromium: a file dropped, findings by kind, a long check watched; register, transfers, poster and the phone's form."""

import re
import uuid
from collections.abc import Callable
from datetime import timedelta

import pytest
from playwright.sync_api import Page, expect

from cardnet.access import services as access
from cardnet.access.rules import Role
from cardnet.benefits import services as benefits
from cardnet.benefits.words import ProgramKind
from cardnet.issuance import jobs
from cardnet.issuance.services import self_filled
from cardnet.kernel.calendar import day_of
from cardnet.membership import services as membership
from cardnet.membership.roster import Column
from tests.make import membership as make_membership
from tests.make.access import PASSWORD, make_officer
from tests.make.benefits import ONCE_A_YEAR, fixed, rule
from tests.make.browser import Site, faults_of_access, keep, signed_in

NAMES = ("周桂林", "王建国", "李秀英", "张伟", "欧阳海燕", "买买提·艾山", "陈静", "刘洋")


@pytest.fixture
def officers(site: Site) -> dict[str, access.NewAccount]:
    made = {}
    with site.session() as session:
        unions = make_membership.tree(session, site.world)
        for name, words, code, role in (
            ("unit", "沈洁", "B1", Role.UNIT_OFFICER),
            ("district", "孙志强", "C", Role.DISTRICT_OFFICER),
        ):
            union = unions[code]
            made[name] = access.create_account(
                session,
                site.world,
                access.CreateAccount(name, words, frozenset({role}), union.id, union.path, PASSWORD),
            )
        lines = [
            make_membership.roster_line(n, name=name, consent="否" if n == 3 else "") for n, name in enumerate(NAMES)
        ]
        content = make_membership.csv_file(make_membership.roster_cells(lines))
        membership.import_register(session, site.world, membership.ImportRegister(content, "名册.csv", "B1"))
        make_membership.people(session, site.world, 60, "B2")
    return made


@pytest.fixture
def sign_in(site: Site, officers: dict[str, access.NewAccount], new_page: Callable[..., Page]) -> Callable[..., Page]:
    def make(name: str, width: int = 1440, height: int = 900) -> Page:
        page = new_page(width, height, device_scale_factor=1)
        return signed_in(page, site, officers[name].account_id)

    return make


def mixed() -> bytes:
    lines = [make_membership.roster_line(100 + n, name=name) for n, name in enumerate(NAMES)]
    lines[1][Column.CONSENT] = ""
    lines[2][Column.JOINED_ON] = "不详"
    lines[4][Column.ID_NUMBER] = "3.19900198505E+17"
    lines[5][Column.PHONE] = "1380013"
    lines[6][Column.CONSENT] = "否"
    lines[7][Column.ID_NUMBER] = make_membership.id_number(100)
    return make_membership.xlsx_file(make_membership.roster_cells(lines))


def seen(page: Page, name: str) -> None:
    """Kept at both widths, and without a serious fault of access."""
    for width, height in ((1440, 900), (360, 740)):
        page.set_viewport_size({"width": width, "height": height})
        keep(page, f"{name}-{width}", full=True)
        assert page.evaluate("document.documentElement.scrollWidth") <= width, f"{name} is wider than the window"
    assert faults_of_access(page) == []
    page.set_viewport_size({"width": 1440, "height": 900})


def test_a_dropped_file_its_findings_by_kind_and_the_rest_to_mend(site, sign_in):
    page = sign_in("unit")
    page.goto("/console/rosters/new")
    page.set_input_files("#file", {"name": "办卡名单.xlsx", "mimeType": "application/octet-stream", "buffer": mixed()})
    seen(page, "roster-new")
    page.get_by_role("button", name="检查采集表").click()
    expect(page.get_by_role("heading", name="问题汇总")).to_be_visible()
    seen(page, "roster-findings")
    page.get_by_role("link", name=re.compile("缺本人同意")).click()
    expect(page.get_by_role("rowheader", name="王建国")).to_be_visible()
    expect(page.get_by_role("rowheader", name="买买提·艾山")).to_have_count(0)
    with page.expect_download() as download:
        page.get_by_role("link", name="只下载需要改正的").click()
    assert download.value.suggested_filename == "办卡名单-检查结果.xlsx"


def test_a_long_check_tells_how_far_it_is_and_opens_by_itself(site, sign_in, monkeypatch):
    monkeypatch.setattr(jobs, "AT_ONCE_BYTES", 10)
    page = sign_in("unit")
    page.goto("/console/rosters/new")
    page.set_input_files("#file", {"name": "三万人.xlsx", "mimeType": "application/octet-stream", "buffer": mixed()})
    page.get_by_role("button", name="检查采集表").click()
    expect(page.get_by_role("progressbar")).to_be_visible()
    job_id = page.url.rsplit("/", 1)[1]
    with site.app.app_context():
        jobs._tell(uuid.UUID(job_id), "check", 12_000, 30_000)
    expect(page.get_by_text("第 12,000 行，共 30,000 行")).to_be_visible()
    seen(page, "roster-progress")
    with site.app.app_context():
        jobs.run_roster_job(uuid.UUID(job_id))
    expect(page.get_by_role("heading", name="问题汇总")).to_be_visible()


def test_register_transfers_poster_and_the_form_on_a_phone(site, sign_in, new_page):
    with site.session() as session:
        officer = access.principal_of_username(session, "unit")
        last_day = day_of(site.world.now()) + timedelta(days=20)
        poster = self_filled.open_poster(session, site.world, self_filled.OpenPoster(officer, "B1", last_day))
        content = make_membership.csv_file(make_membership.roster_cells([make_membership.roster_line(n + 10, unit="B1") for n in range(3)]))  # fmt: skip
        membership.import_register(session, site.world, membership.ImportRegister(content, "名册2.csv", "B1"))
    phone = new_page(360, 740)
    phone.goto(f"/fill/{poster.token}")
    keep(phone, "fill-form-360", full=True)
    assert faults_of_access(phone) == []
    phone.get_by_label("姓名").fill("古丽·阿依")
    phone.get_by_label("证件号码").fill(make_membership.id_number(200))
    phone.get_by_role("button", name="提交").click()
    expect(phone.get_by_role("alert")).to_be_visible()
    keep(phone, "fill-wrong-360", full=True)
    phone.get_by_label("手机号码").fill("138 0013 8000")
    phone.get_by_label("用工形式").select_option("合同")
    phone.get_by_text("同意办理").click()
    phone.get_by_role("button", name="提交").click()
    expect(phone.get_by_text("已收到，谢谢")).to_be_visible()
    keep(phone, "fill-thanks-360")
    page = sign_in("unit")
    for path, name in (("/console/register", "register"), ("/console/register/transfers", "transfers"), ("/console/register/self-fill", "self-fill"), ("/console/cards/import", "cards-import")):  # fmt: skip
        page.goto(path)
        seen(page, name)
    district = sign_in("district")
    district.goto("/console/register")
    seen(district, "register-counts")
    page.goto("/console/register/self-fill")
    expect(page.get_by_role("rowheader", name="古丽·阿依")).to_be_visible()
    page.get_by_role("button", name=re.compile("提交勾选的人")).click()
    expect(page).to_have_url(re.compile("/console/batches/"))


def test_uses_from_before_are_watched_on_their_way_in_and_taken_back(site, sign_in, monkeypatch):
    monkeypatch.setattr(jobs, "AT_ONCE_BYTES", 10)
    day = day_of(site.world.now()).replace(day=1)
    with site.session() as session:
        union = membership.union_of_code(session, "C")
        author, approver = (
            make_officer(session, site.world, name, Role.DISTRICT_OFFICER, union_id=union.id, scope_path=union.path)
            for name in ("author", "approver")
        )
        command = benefits.CreateProgram(
            "health-check", "职工健康体检补贴", ProgramKind.SUBSIDY, "云工〔2026〕8号", union.id, author
        )
        benefits.create_program(session, site.world, command)
        draft = benefits.DraftRule("health-check", rule(fixed(10_000), limits=[ONCE_A_YEAR]), day, author)
        version = benefits.draft_rule(session, site.world, draft)
        benefits.submit_rule(session, site.world, benefits.SubmitRule(version.id, author))
        benefits.approve_rule(session, site.world, benefits.ApproveRule(version.id, approver))
    rows = [["姓名", "证件号码", "项目编号", "使用日期", "金额（元）", "体检机构"]]
    rows += [[name, make_membership.id_number(n), "health-check", "2026-03-12", "100", "区疗休养院"] for n, name in enumerate(NAMES[:5])]  # fmt: skip
    rows += [["无此人", make_membership.id_number(4_000), "health-check", "2026-03-12", "100", ""], [NAMES[0], make_membership.id_number(0), "体检", "三月", "一百", ""]]  # fmt: skip
    page = sign_in("district")
    page.goto("/console/cards/past-uses")
    seen(page, "past-uses")
    content = make_membership.csv_file(rows)
    page.set_input_files("#file", {"name": "三月体检名单.csv", "mimeType": "text/csv", "buffer": content})
    page.get_by_role("button", name="导入", exact=True).click()
    expect(page.get_by_role("progressbar")).to_be_visible()
    seen(page, "import-progress")
    with site.app.app_context():
        jobs.run_file_job(uuid.UUID(page.url.rsplit("/", 1)[1]))
    expect(page.get_by_role("heading", name="导入好了，有 2 行没有导入")).to_be_visible()
    seen(page, "import-done")
    page.goto("/console/members")
    page.locator("[name=asked]").fill(make_membership.id_number(0))
    page.locator("[name=asked]").press("Enter")
    expect(page.get_by_role("heading", name="以往使用")).to_be_visible()
    expect(page.locator("#past-uses")).to_contain_text("区疗休养院")
    seen(page, "member-past-uses")
    page.goto("/console/cards/past-uses")
    page.get_by_text("撤回", exact=True).click()
    seen(page, "past-uses-list")
    page.get_by_label("为什么撤回？").fill("医院给错了名单")
    page.get_by_role("button", name="撤回这份登记表").click()
    expect(page.get_by_text("已撤回 5 条")).to_be_visible()
