"""What the tests of a till with a network share: a town of two shops, a member who comes in, a paired page.

A module takes its fixtures by name: `site, town, shop = counter.site, counter.town, counter.shop`.
"""

import itertools
import re
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

import pytest
from playwright.sync_api import Page, expect
from sqlalchemy import text

from cardnet.benefits.services import CreateProgram, create_program
from cardnet.benefits.words import ProgramKind
from tests.make.benefits import Shop as Made
from tests.make.benefits import health_check, make_shop, percent, rule
from tests.make.browser import Site
from tests.make.merchants import Till, make_till, second_till
from tests.make.phones import Card, Member, cards_of, members_of

OpenPage = Callable[..., Page]
YES, NO, OPEN = re.compile("^yes$"), re.compile("^no$"), re.compile("^unknown$")
CHOICE = re.compile("^choice$")


NEWCOMERS = 60


@dataclass
class Town:
    """A clinic with the health check, a noodle shop with ten per cent off, and members."""

    site: Site
    members: Iterator[Member]
    terminals: Iterator[str]
    newcomers: Iterator[Card]


@dataclass
class Shop:
    """A terminal that may call, a member who comes in, and what became of it."""

    site: Site
    till: Till
    member: Member

    def code(self) -> str:
        """What the member's phone shows now."""
        return self.member.phone.code(self.member.credential, self.site.world)

    def count(self, *states: str) -> int:
        """This terminal's redemptions and refusals, of some states or of all."""
        with self.site.session() as session:
            rows = session.execute(
                text("select state from redemption where terminal_code = :code"),
                {"code": self.till.venue.terminal_code},
            )
            return sum(not states or row.state in states for row in rows)


@pytest.fixture(scope="module")
def site(served: Callable[[], AbstractContextManager[Site]]) -> Iterator[Site]:
    """One for the module: each test takes a member and a terminal of its own."""
    with served() as running:
        yield running


@pytest.fixture(scope="module")
def town(site: Site) -> Town:
    world = site.world
    with site.session() as session:
        clinic = make_shop(session, world)
        make_till(session, world, "M2002", category="food", name="醉白面馆")
        clinic.pool("P-HC", 2_000_000)
        make_program(clinic, "HC2026", "健康体检补贴", ProgramKind.SUBSIDY, health_check("P-HC"))
        here = {"op": "merchant_in", "codes": ["M2002"]}
        make_program(clinic, "D-10", "面馆九折", ProgramKind.DISCOUNT, rule(percent(1_000), here))
    terminals = (f"T{number}" for number in itertools.count(10))
    return Town(site, members_of(site, clinic.office), terminals, cards_of(site, clinic.office, NEWCOMERS))


def make_program(made: Made, code: str, name: str, kind: ProgramKind, body: dict[str, Any]) -> None:
    officer = made.office["C1"]
    command = CreateProgram(code, name, kind, "云工〔2026〕8号", officer.union_id, officer)
    create_program(made.session, made.world, command)
    made.version(code, body)


def open_shop(town: Town, merchant: str) -> Shop:
    with town.site.session() as session:
        terminal = second_till(session, town.site.world, merchant, next(town.terminals))
    return Shop(town.site, terminal, next(town.members))


@pytest.fixture
def shop(town: Town) -> Shop:
    """The noodle shop."""
    return open_shop(town, "M2002")


@pytest.fixture
def clinic(town: Town) -> Shop:
    return open_shop(town, "M1001")


@pytest.fixture
def till(new_page: OpenPage, built_pages: None, shop: Shop) -> Page:
    """The noodle shop's till on a phone, paired."""
    return paired(new_page(360, 640), shop)


@pytest.fixture
def plain_till(new_page: OpenPage, built_pages: None, shop: Shop) -> Page:
    """The same without a service worker, which would take requests past Playwright's own interception."""
    return paired(new_page(360, 640, service_workers="block"), shop)


def paired(page: Page, shop: Shop) -> Page:
    """Paired, and what it asks for at its start has come: nothing moves under a finger any more."""
    begun(page, shop)
    expect(page.locator('[data-part="menu-alone"]')).to_contain_text("到", use_inner_text=False)
    return page


def begun(page: Page, shop: Shop) -> None:
    """Paired, whatever it may do."""
    page.goto("/till")
    page.get_by_label("配对码").fill(shop.till.token)
    page.get_by_role("button", name="开始使用").click()
    expect(page.locator("#sale")).to_be_visible()


_SHIFTED = {"$": "Digit4", "%": "Digit5", "*": "Digit8", "+": "Equal", ":": "Semicolon"}


def scan_with_wedge(page: Page, code: str) -> None:
    """Press the keys a USB scanner presses, whatever has the focus; what needs no Shift goes many at a time."""
    for run in re.findall(r"[$%*+:]|[^$%*+:]+", code):
        if run in _SHIFTED:
            page.keyboard.press(f"Shift+{_SHIFTED[run]}")
        else:
            page.keyboard.type(run)
    page.keyboard.press("Enter")


def paste(page: Page, code: str) -> None:
    if not page.locator("details.more").evaluate("it => it.open"):
        page.get_by_text("小票号、粘贴动态码").click()
    page.get_by_label("粘贴动态码").fill(code)
    page.get_by_role("button", name="用这个码").click()


def answer(page: Page, kind: re.Pattern[str]) -> str:
    """Wait for the answer; its colour, icon and words agree."""
    screen = page.locator("#answer")
    expect(screen).to_be_visible()
    expect(screen).to_have_attribute("data-kind", kind)
    shown = page.locator("#answer [data-icon]:visible")
    expect(shown).to_have_count(1)
    expect(shown).to_have_attribute("data-icon", kind)
    return screen.inner_text()
