"""The administrator's page of keys: what tills can trust, and an alarm looked into and closed."""

import re
import uuid
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from cardnet.access import services as access
from cardnet.access.rules import Role
from cardnet.credential import store
from tests.make import membership as make_membership
from tests.make.access import PASSWORD, code_now
from tests.make.browser import Site, faults_of_access, keep


@pytest.fixture
def administrator(site: Site) -> access.NewAccount:
    """A union with keys, two open alarms, and who looks after it."""
    with site.session() as session:
        union = make_membership.tree(session, site.world)["C"]
        store.ensure_keys(session, site.world)
        kid = store.key_lines(session, site.world.now())[0].key.kid
        for kind, index, terminal in (
            (store.NOT_ISSUED, 48_213, "M1001/T01"),
            (store.CLONE_SUSPECTED, 771, "M2002/T03"),
        ):
            alarm = store.Alarm(kind, index, kid, uuid.uuid4(), terminal, site.world.now())
            store.raise_alarm(session, site.world, alarm)
        roles = frozenset({Role.ADMIN})
        command = access.CreateAccount("guanli", "方敏", roles, union.id, union.path, PASSWORD)
        return access.create_account(session, site.world, command)


def test_an_administrator_sees_what_tills_trust_and_closes_an_alarm(
    site: Site, administrator: access.NewAccount, new_page: Callable[..., Page]
) -> None:
    page = new_page(1440, 900, device_scale_factor=1)
    page.goto("/sign-in")
    page.get_by_label("用户名").fill("guanli")
    page.get_by_label("密码", exact=True).fill(PASSWORD)
    page.get_by_label("动态口令").fill(code_now(administrator, site.world.now()))
    page.get_by_role("button", name="登录").click()
    page.get_by_role("link", name="密钥").click()
    expect(page.get_by_text("根密钥在服务器上")).to_be_visible()
    expect(page.get_by_role("rowheader", name=re.compile("没有签发过的码"))).to_be_visible()
    assert faults_of_access(page) == []
    keep(page, "keys-1440", full=True)
    row = page.get_by_role("row", name=re.compile("手机疑似被复制"))
    row.get_by_role("button", name="已查清").click()
    expect(page.get_by_role("alert")).to_contain_text("请写明查清的结果")
    row.get_by_label("查清的结果").fill("会员换了备份恢复的手机，已重新绑定")
    row.get_by_role("button", name="已查清").click()
    expect(page.get_by_role("heading", name="查清过的警报")).to_be_visible()
    expect(page.get_by_role("cell", name="方敏")).to_be_visible()
    page.set_viewport_size({"width": 360, "height": 740})
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    keep(page, "keys-360", full=True)
