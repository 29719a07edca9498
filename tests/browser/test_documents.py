"""The pages of the APIs in Chromium: wide tables stay in their box, everything opens with a key, axe finds nothing."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.browser.test_cards_journey import fits
from tests.make.browser import faults_of_access, keep


@pytest.mark.parametrize("width", [360, 1440])
@pytest.mark.parametrize("name", ["back-office", "merchant"])
def test_the_page_of_an_api_is_read_with_the_keyboard(new_page: Callable[..., Page], name: str, width: int) -> None:
    page = new_page(width, 800)
    page.goto(f"/docs/{name}")
    call = page.locator("details.call").nth(8)
    call.locator("summary").focus()
    page.keyboard.press("Enter")
    expect(call).to_have_attribute("open", "")
    call.scroll_into_view_if_needed()
    assert fits(page)
    assert faults_of_access(page) == []
    keep(page, f"documents-{name}-{width}")
