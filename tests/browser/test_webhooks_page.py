"""The page of webhooks in Chromium: read at two widths, an address added with the keyboard's own means."""

from collections.abc import Callable
from typing import ClassVar

from playwright.sync_api import Page, expect

from cardnet.access import services as access
from cardnet.access.rules import Role
from cardnet.merchant_api.jobs import send_due
from cardnet.merchant_api.webhooks import Door
from tests.browser.test_cards_journey import fits
from tests.make.access import PASSWORD
from tests.make.browser import Site, faults_of_access, keep, signed_in
from tests.make.redemptions import make_shop
from tests.make.settling import settle


class _Sometimes(Door):
    """Every other message is heard."""

    said: ClassVar[list[int]] = [503, 204]

    def send(self, url, headers, body):
        self.said.reverse()
        return self.said[0], None


def test_an_officer_adds_an_address_and_sees_what_was_sent(site: Site, new_page: Callable[..., Page]) -> None:
    world = site.world
    with site.session() as session:
        shop = make_shop(session, world, people=3)
        union = shop.office.unions["C"]
        roles = frozenset({Role.DISTRICT_OFFICER})
        account = access.CreateAccount("hooks", "孙志强", roles, union.id, union.path, PASSWORD)
        made = access.create_account(session, world, account)
    page = new_page(1440, 900, device_scale_factor=1)
    signed_in(page, site, made.account_id)
    page.goto(site.url + "/console/webhooks")
    page.get_by_label("商户编号").fill("M1001")
    page.get_by_label("接收地址").fill("https://hooks.sanatorium.example.com/cardnet/events?shop=1001")
    page.get_by_role("button", name="添加接收地址").click()
    expect(page.get_by_text("接收地址已添加")).to_be_visible()
    assert faults_of_access(page) == []
    keep(page, "webhooks-added-1440")
    client = site.app.test_client()
    for number, phone in enumerate(shop.phones):
        assert shop.post(client, "/redemptions", shop.request(phone, f"R-{number}")).status_code == 201
    with site.app.app_context():
        settle()
        assert send_due(world, _Sometimes()) == 3
    for width in (1440, 360):
        page.set_viewport_size({"width": width, "height": 900})
        page.goto(site.url + "/console/webhooks")
        assert fits(page)
        keep(page, f"webhooks-{width}")
        page.get_by_role("link", name="云间工人疗养院体检中心").click()
        expect(page.get_by_text("已送到").first).to_be_visible()
        assert fits(page)
        assert faults_of_access(page) == []
        keep(page, f"webhook-{width}")
