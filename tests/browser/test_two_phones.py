"""A second phone with six digits: the member chooses, both show codes, and the first is stopped from the second."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager

import pytest
from playwright.sync_api import Page, expect

from cardnet.issuance import services as issuance
from tests.make.browser import Site, faults_of_access, keep, signed_in
from tests.make.issuance import make_office
from tests.make.membership import id_number
from tests.make.phones import agree


@pytest.fixture(scope="module")
def site(served: Callable[[], AbstractContextManager[Site]]) -> Iterator[Site]:
    with served() as running:
        yield running


def enter_card(page: Page, number: str, code: str, last4: str) -> None:
    page.goto(f"/wallet#n={number}&c={code}")
    page.get_by_label("证件号码的最后四位？").fill(last4)
    page.get_by_role("button", name="激活", exact=True).click()


def test_a_second_phone_is_asked_and_the_first_is_stopped_from_it(
    site: Site, new_page: Callable[..., Page], built_pages: None
) -> None:
    last4 = id_number(1)[-4:]
    with site.session() as session:
        office = make_office(session, site.world)
        (card,) = office.issue(1)
        policy = issuance.SetPhonePolicy(2, "云工〔2026〕8号 主席办公会议纪要", office["C1"])
        issuance.set_phone_policy(session, site.world, policy)
    first, second = new_page(360, 740), new_page(360, 740)
    enter_card(first, card.number, card.activation_code, last4)
    agree(first)
    with site.session() as session:
        given = issuance.GiveRebindCode(card.card_id, office["U1"])
        code = issuance.give_rebind_code(session, site.world, given).code
    enter_card(second, card.number, code, last4)
    expect(second.locator("#step-choose")).to_be_visible()
    second.get_by_role("button", name="绑定这部手机").click()
    expect(second.locator("#choose-error")).to_contain_text("请先选一项")
    keep(second, "wallet-choose-phone-360", full=True)
    assert faults_of_access(second) == []
    second.get_by_label("两部手机都用").check()
    second.get_by_role("button", name="绑定这部手机").click()
    agree(second)
    expect(second.locator("#code")).to_be_visible()
    second.get_by_role("button", name="我的卡", exact=True).click()
    expect(second.locator("#phones-list li")).to_have_count(2)
    second.locator("#mine-phones").scroll_into_view_if_needed()
    keep(second, "wallet-two-phones-360", full=True)
    second.locator("#phones-list").get_by_role("button", name="停用").click()
    second.get_by_role("button", name="停用那部手机").click()
    expect(second.locator("#phones-list li")).to_have_count(1)
    first.reload()
    expect(first.get_by_text("这部手机已从会员卡上取下")).to_be_visible()

    for width in (360, 1440):
        desk = signed_in(new_page(width, 900), site, office["C1"].account_id, "/console/cards/settings")
        expect(desk.get_by_role("heading", name="一张卡可以绑定几部手机")).to_be_visible()
        keep(desk, f"card-settings-{width}", full=True)
        assert faults_of_access(desk) == []
