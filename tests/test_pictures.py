"""A picture is asked for again when Chromium says it cannot take one, and for no other reason."""

import pytest
from playwright.sync_api import Error

from tests.make import browser
from tests.make.browser import CANNOT_CAPTURE, picture_of


class Shown:
    """A page whose Chromium says these things, one after another, before it gives a picture."""

    def __init__(self, *says: str) -> None:
        self.says, self.asked = list(says), 0

    def screenshot(self, **_how: object) -> bytes:
        self.asked += 1
        if self.says:
            raise Error(self.says.pop(0))
        return b"PNG"


@pytest.fixture(autouse=True)
def at_once(monkeypatch):
    monkeypatch.setattr(browser, "AGAIN_SECONDS", 0)


def test_a_chromium_that_cannot_capture_is_asked_again():
    shown = Shown(*[f"Page.screenshot: Protocol error (Page.captureScreenshot): {CANNOT_CAPTURE}"] * 3)
    assert (picture_of(shown), shown.asked) == (b"PNG", 4)


def test_any_other_error_is_the_tests_own():
    shown = Shown("Page.screenshot: Target page, context or browser has been closed")
    with pytest.raises(Error, match="closed"):
        picture_of(shown)
    assert shown.asked == 1


def test_a_chromium_that_never_can_is_not_asked_for_ever(monkeypatch):
    monkeypatch.setattr(browser, "PATIENCE", 0)
    shown = Shown(*[CANNOT_CAPTURE] * 10_000)
    with pytest.raises(Error, match=CANNOT_CAPTURE):
        picture_of(shown)
