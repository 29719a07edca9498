"""A member without a smartphone at the till: the printed code, the last four, what to charge."""

import re
from collections.abc import Callable
from dataclasses import dataclass

import pytest
from playwright.sync_api import Page, expect
from sqlalchemy import text

from cardnet.benefits.words import ProgramKind
from cardnet.issuance import services as issuance
from tests.browser.counter import answer, make_program, paste, scan_with_wedge
from tests.make.benefits import health_check, make_shop
from tests.make.browser import Site, faults_of_access, keep
from tests.make.issuance import print_cards
from tests.make.membership import id_number
from tests.make.merchants import second_till

SERIAL = 1
LAST4 = id_number(SERIAL)[-4:]


@dataclass
class Counter:
    """A paired till and the printed card in front of it."""

    page: Page
    site: Site
    code_text: str

    def tries(self) -> list[tuple[str, str | None]]:
        with self.site.session() as session:
            rows = session.execute(text("select state, reasons->0->>'code' from redemption order by id")).all()
            return [(state, code) for state, code in rows]


@pytest.fixture
def counter(site: Site, new_page: Callable[..., Page], built_pages: None) -> Counter:
    with site.session() as session:
        shop = make_shop(session, site.world)
        shop.pool("P", 2_000_000)
        make_program(shop, "HC2026", "健康体检补贴", ProgramKind.SUBSIDY, health_check("P"))
        (card,) = shop.office.issue(SERIAL)
        given = issuance.HandOutCards(shop.office["C1"], numbers=(card.number,))
        issuance.hand_out_cards(session, site.world, given)
        (printed,) = print_cards(shop.office, card.number)
        token = second_till(session, site.world, "M1001", "T10").token
    page = new_page(360, 640)
    page.goto("/till")
    page.get_by_label("配对码").fill(token)
    page.get_by_role("button", name="开始使用").click()
    page.get_by_label("原价多少元？").fill("380")
    page.get_by_label("健康体检").check()
    return Counter(page, site, printed.code_text)


def dialog(page: Page):
    found = page.get_by_role("dialog", name="实体卡：证件后四位")
    expect(found).to_be_visible()
    return found


def test_the_cashier_is_asked_for_the_last_four_and_then_charges_280(counter: Counter) -> None:
    page = counter.page
    scan_with_wedge(page, counter.code_text)
    asked = dialog(page)
    expect(asked).to_contain_text("请输入会员证件后四位。")
    assert faults_of_access(page) == []
    keep(page, "till-printed-card-360")
    asked.get_by_label("最后四位").fill("12")
    asked.get_by_role("button", name="核销").click()
    expect(asked).to_contain_text("请输入证件号码的最后四位")
    asked.get_by_label("最后四位").fill(LAST4.lower())
    page.keyboard.press("Enter")
    said = answer(page, re.compile("yes"))
    assert "280.00" in said
    assert "请核对持卡人" in said
    assert counter.tries() == [("refused", "confirm_required"), ("captured", None)]


def test_a_wrong_last_four_is_asked_again_and_the_cashier_may_give_up(counter: Counter) -> None:
    page = counter.page
    paste(page, counter.code_text)
    wrong = f"{(int(LAST4[:3]) + 1) % 1000:03d}0"
    asked = dialog(page)
    asked.get_by_label("最后四位").fill(wrong)
    page.keyboard.press("Enter")
    expect(dialog(page)).to_contain_text("今天还可以试 4 次")
    dialog(page).get_by_role("button", name="不用这张卡").click()
    said = answer(page, re.compile("no"))
    assert "按原价收 380.00 元" in said
    assert [state for state, _ in counter.tries()] == ["refused", "refused"]
