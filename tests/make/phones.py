"""What a member does with the wallet's page, for the journeys of more than one page."""

from dataclasses import dataclass

import zxingcpp
from PIL import Image
from playwright.sync_api import Page, expect

from tests.make.browser import keep


@dataclass(frozen=True)
class Card:
    """A card handed out to somebody who has not activated it."""

    number: str
    activation_code: str
    last4: str


def activate(page: Page, card: Card) -> None:
    """The three steps, typed as a member types them."""
    page.goto("/wallet")
    page.get_by_label("卡号是多少？").fill(f"{card.number[:4]} {card.number[4:8]} {card.number[8:]}")
    page.get_by_role("button", name="下一步").click()
    page.get_by_label("激活码是什么？").fill(card.activation_code.lower())
    page.get_by_role("button", name="下一步").click()
    page.get_by_label("证件号码的最后四位？").fill(card.last4)
    page.get_by_role("button", name="激活").click()
    agree(page)


def agree(page: Page) -> None:
    """The three questions after an activation, left as they stand."""
    expect(page.locator("#agree")).to_be_visible()
    page.get_by_role("button", name="继续").click()
    expect(page.locator("#card")).to_be_visible()


def code_on(page: Page, name: str) -> str:
    """The text a scanner reads off a screenshot of the page."""
    expect(page.locator("#code")).to_be_visible()
    while page.locator("#code").bounding_box()["width"] < 200:
        page.wait_for_timeout(50)
    with Image.open(keep(page, name)) as picture:
        found = zxingcpp.read_barcodes(picture)
    assert len(found) == 1, "the screen shows exactly one code"
    return found[0].text
