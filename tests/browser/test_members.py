"""Members in Chromium: a unit and the district find somebody, open the file, transfer, confirm the year, mend a duplicate."""

import re
from collections.abc import Callable
from dataclasses import replace
from datetime import date

import pytest
from playwright.sync_api import Page, expect

from cardnet.access import services as access
from cardnet.access.rules import Role
from cardnet.issuance import services as issuance
from cardnet.membership import services as membership
from cardnet.membership.rules import IdType
from tests.make import membership as make_membership
from tests.make.access import PASSWORD
from tests.make.browser import Site, faults_of_access, keep, signed_in
from tests.make.issuance import make_office

NAMES = ("周桂林", "王建国", "李秀英", "张伟", "欧阳海燕", "买买提·艾山")


@pytest.fixture
def accounts(site: Site) -> dict[str, access.NewAccount]:
    made, world = {}, site.world
    with site.session() as session:
        office = make_office(session, world)
        for name, display_name, code, role in (
            ("unit", "沈洁", "B1", Role.UNIT_OFFICER),
            ("other", "顾晓峰", "B9", Role.UNIT_OFFICER),
            ("district", "孙志强", "C", Role.DISTRICT_OFFICER),
        ):
            union = office.unions[code]
            command = access.CreateAccount(name, display_name, frozenset({role}), union.id, union.path, PASSWORD)
            made[name] = access.create_account(session, world, command)
        office.give_unit("B1", len(NAMES))
        lines = [make_membership.roster_line(serial, name=name) for serial, name in enumerate(NAMES)]
        batch = office.submit(make_membership.csv_file(make_membership.roster_cells(lines))).batch_id
        office.approve_all_the_way(batch)
        issuance.issue_cards(session, world, issuance.IssueCards(batch, office["C1"]))
        twin = make_membership.person_row(77, "B9", name="张伟", phone="19900000003", birth_on=date(1985, 5, 1))
        membership.save_people(session, world, [replace(twin, id_type=IdType.PASSPORT, id_number="E12345678")])
    return made


@pytest.fixture
def sign_in(site: Site, accounts, new_page: Callable[..., Page]) -> Callable[..., Page]:
    def make(name: str, width: int = 1440, height: int = 900) -> Page:
        page = new_page(width, height, device_scale_factor=1)
        return signed_in(page, site, accounts[name].account_id)

    return make


def fits(page: Page) -> bool:
    return bool(page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth"))


def looked_at(page: Page, name: str) -> None:
    """At a desk and on a phone: nothing sticks out, nothing is hidden from a screen reader, and a picture is kept."""
    for width, height in ((1440, 900), (360, 740)):
        page.set_viewport_size({"width": width, "height": height})
        assert fits(page), (name, width)
        keep(page, f"members-{name}-{width}")
    assert faults_of_access(page) == []
    page.set_viewport_size({"width": 1440, "height": 900})


def open_deed(page: Page, word: str) -> None:
    page.locator(".deed > summary").filter(has_text=re.compile(f"^{word}$")).click()


def find(page: Page, asked: str) -> None:
    page.get_by_role("navigation").get_by_role("link", name="会员", exact=True).click()
    page.get_by_label("姓名全称、证件号码或手机号码").fill(asked)
    page.get_by_role("button", name="查找").click()


def test_a_unit_finds_a_member_and_keeps_the_file(sign_in: Callable[..., Page]) -> None:
    page = sign_in("unit")
    page.get_by_role("navigation").get_by_role("link", name="会员", exact=True).click()
    looked_at(page, "search")
    find(page, "买买提·艾山")
    expect(page.get_by_role("heading", level=1)).to_have_text("买买提·艾山")
    open_deed(page, "登记身份")
    page.locator("#tag_kind").select_option("hardship")
    page.get_by_label("等级").fill("深度困难")
    page.get_by_role("button", name="登记身份").click()
    expect(page.get_by_role("alert")).to_contain_text("依据文件")
    looked_at(page, "file-refused")
    page.get_by_label("依据文件和文号").fill("云工〔2026〕21号")
    scan = {"name": "a.pdf", "mimeType": "application/pdf", "buffer": b"%PDF-1.7"}
    page.get_by_label("依据文件原件（可不填）").set_input_files(scan)
    page.get_by_role("button", name="登记身份").click()
    expect(page.get_by_text("困难职工 深度困难").first).to_be_visible()
    with page.expect_download() as original:
        page.get_by_role("link", name="原件（PDF）").click()
    assert original.value.suggested_filename.endswith(".pdf")
    open_deed(page, "补传依据文件原件")
    open_deed(page, "登记家属")
    page.get_by_label("姓名", exact=True).fill("古丽")
    page.get_by_label("手机号码", exact=True).fill("13800000005")
    page.get_by_role("button", name="登记家属").click()
    open_deed(page, "登记本人答复")
    page.locator("#consent_purpose").select_option("notices")
    page.get_by_label("同意", exact=True).check()
    page.get_by_label("凭据").fill("同意书 12 号，档案柜 3")
    page.get_by_role("button", name="登记答复").click()
    expect(page.get_by_text("接收通知").first).to_be_visible()
    looked_at(page, "file")


def test_a_member_is_asked_for_by_one_unit_and_let_go_by_the_other(sign_in: Callable[..., Page]) -> None:
    page = sign_in("other")
    page.goto("/console/register/transfers")
    page.get_by_label("姓名").fill("王建国")
    page.get_by_label("证件号码").fill(make_membership.id_number(1))
    page.get_by_label("说明").fill("十一月一日起在我单位上班")
    page.get_by_role("button", name="申请转入").click()
    expect(page.get_by_role("status")).to_contain_text("等原单位答复")
    looked_at(page, "transfers-new")
    old = sign_in("unit")
    old.goto("/console/register/transfers")
    looked_at(old, "transfers-old")
    old.get_by_role("button", name="放行王建国").click()
    expect(old.get_by_role("status")).to_contain_text("已放行")
    find(page, "王建国")
    expect(page.get_by_role("heading", level=1)).to_have_text("王建国")
    looked_at(page, "file-moved")


def test_the_year_is_confirmed_row_by_row_and_the_rest_at_once(sign_in: Callable[..., Page]) -> None:
    page = sign_in("unit")
    page.goto("/console/members/confirmation")
    page.get_by_label("选中 李秀英").check()
    page.get_by_label("身故", exact=False).last.check()
    page.get_by_role("button", name="确认勾选的人").click()
    expect(page.get_by_role("status")).to_contain_text("已确认 1 人")
    page.get_by_role("button", name=re.compile("其余 5 人全部在册")).click()
    expect(page.get_by_role("status")).to_contain_text("已确认 5 人")
    looked_at(page, "confirmation")
    page.goto("/console/members/moves")
    looked_at(page, "moves")


def test_the_district_sees_counts_and_mends_a_duplicate(sign_in: Callable[..., Page]) -> None:
    page = sign_in("district")
    page.goto("/console/members/confirmation")
    expect(page.get_by_text("周桂林")).to_have_count(0)
    looked_at(page, "confirmation-district")
    page.goto("/console/members/duplicates")
    looked_at(page, "duplicates")
    page.get_by_role("button", name=re.compile("新桥港")).click()
    expect(page.get_by_role("alert")).to_contain_text("有会员卡的那份档案要留下")
    page.get_by_role("button", name=re.compile("恒启精密")).click()
    expect(page.get_by_role("heading", level=1)).to_have_text("张伟")
