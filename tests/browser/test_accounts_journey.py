"""Accounts in Chromium: an administrator invites, the invited one lets herself in, the auditor finds who did what."""

import re
from collections.abc import Callable
from datetime import timedelta

import pytest
from playwright.sync_api import Page, expect

from cardnet.access import rules
from cardnet.access import services as access
from cardnet.access.rules import Role
from tests.make import membership as make_membership
from tests.make.access import PASSWORD, code_now
from tests.make.browser import Site, faults_of_access, keep

PEOPLE = (
    ("guanli", "系统管理员", "C", Role.ADMIN),
    ("shenji", "经审周敏", "C", Role.AUDITOR),
    ("qianlixin", "钱立新", "D1", Role.TOWNSHIP_OFFICER),
    ("shenjie", "沈洁", "B1", Role.UNIT_OFFICER),
)


@pytest.fixture
def accounts(site: Site) -> dict[str, access.NewAccount]:
    made = {}
    with site.session() as session:
        unions = make_membership.tree(session, site.world)
        for name, display_name, code, role in PEOPLE:
            union = unions[code]
            command = access.CreateAccount(name, display_name, frozenset({role}), union.id, union.path, PASSWORD)
            made[name] = access.create_account(session, site.world, command)
    return made


def enter(page: Page, name: str, code: str, path: str) -> None:
    page.goto(path)
    page.get_by_label("用户名").fill(name)
    page.get_by_label("密码", exact=True).fill(PASSWORD)
    page.get_by_label("动态口令").fill(code)
    page.get_by_role("button", name="登录").click()
    expect(page).not_to_have_url(re.compile("/sign-in"))


def invite(admin: Page) -> str:
    """Two mistakes, then the link."""
    admin.get_by_role("link", name="邀请新成员").click()
    admin.get_by_role("button", name="生成邀请链接").click()
    expect(admin.get_by_role("alert")).to_contain_text("请填写姓名")
    admin.get_by_label("姓名").fill("马文静")
    admin.get_by_label("用户名").fill("mawenjing")
    admin.get_by_label("所属工会").fill("D2")
    admin.get_by_label("基层工会干部").check()
    admin.get_by_role("button", name="生成邀请链接").click()
    expect(admin.get_by_role("alert")).to_contain_text("请换一个工会或角色")
    admin.get_by_label("基层工会干部").uncheck()
    admin.get_by_label("镇、街道、委局工会干部").check()
    keep(admin, "account-new-1440")
    admin.get_by_role("button", name="生成邀请链接").click()
    address = admin.locator(".invitation__address")
    expect(address).to_be_visible()
    keep(admin, "invitation-1440")
    return address.inner_text()


def let_herself_in(phone: Page, site: Site, address: str) -> None:
    """One wrong code, then the right one, then the sign-in."""
    phone.goto(address)
    expect(phone.get_by_role("heading", name="马文静，请启用您的账号")).to_be_visible()
    phone.get_by_text("不能扫码，手工输入密钥").click()
    secret = phone.locator(".invitation__address").inner_text()
    keep(phone, "invite-360")
    assert faults_of_access(phone) == []
    phone.get_by_label("密码", exact=True).fill(PASSWORD)
    phone.get_by_label("再输一遍密码").fill(PASSWORD)
    phone.get_by_label("动态口令").fill("000000")
    phone.get_by_role("button", name="启用账号").click()
    expect(phone.get_by_role("alert")).to_contain_text("还可以试 9 次")
    phone.get_by_label("密码", exact=True).fill(PASSWORD)
    phone.get_by_label("再输一遍密码").fill(PASSWORD)
    phone.get_by_label("动态口令").fill(rules.totp_code(secret, site.world.now()))
    phone.get_by_role("button", name="启用账号").click()
    expect(phone.get_by_text("账号已启用")).to_be_visible()
    # The code that proved the authenticator is used up; the next one, half a minute on, lets her in.
    enter(phone, "mawenjing", rules.totp_code(secret, site.world.now() + timedelta(seconds=30)), "/sign-in")
    expect(phone).to_have_url(re.compile("/console$"))
    assert phone.goto(address).status == 404


def find_in_the_trail(auditor: Page) -> None:
    """Who invited, who accepted; taken away as a workbook."""
    auditor.goto("/console/audit")
    expect(auditor.get_by_role("link", name="账号：邀请")).to_be_visible()
    keep(auditor, "audit-1440")
    assert faults_of_access(auditor) == []
    auditor.get_by_role("row", name=re.compile("账号：接受")).get_by_role("link", name="马文静").first.click()
    expect(auditor.get_by_role("rowheader")).to_have_count(2)
    with auditor.expect_download() as file:
        auditor.get_by_role("link", name="存成表格").click()
    assert file.value.suggested_filename.endswith(".xlsx")
    auditor.set_viewport_size({"width": 360, "height": 740})
    keep(auditor, "audit-360")
    assert auditor.goto("/console/accounts").status == 403


def test_an_invitation_from_link_to_sign_in_and_into_the_trail(
    site: Site, accounts: dict[str, access.NewAccount], new_page: Callable[..., Page]
) -> None:
    admin = new_page(1440, 900, device_scale_factor=1)
    enter(admin, "guanli", code_now(accounts["guanli"], site.world.now()), "/sign-in")
    expect(admin).to_have_url(re.compile("/console/accounts$"))
    expect(admin.get_by_role("rowheader", name="沈洁")).to_be_visible()
    keep(admin, "accounts-1440")
    assert faults_of_access(admin) == []
    address = invite(admin)
    phone = new_page(360, 740)
    let_herself_in(phone, site, address)
    auditor = new_page(1440, 900, device_scale_factor=1)
    enter(auditor, "shenji", code_now(accounts["shenji"], site.world.now()), "/sign-in")
    find_in_the_trail(auditor)
    admin.goto("/console/accounts")
    admin.get_by_role("link", name="马文静").click()
    keep(admin, "account-1440")
    admin.set_viewport_size({"width": 360, "height": 740})
    keep(admin, "account-360")
    admin.get_by_role("button", name="停用账号").click()
    expect(admin.get_by_text("账号已停用，它的登录和令牌立即失效。")).to_be_visible()
    phone.goto("/console")
    expect(phone).to_have_url(re.compile("/sign-in"))
