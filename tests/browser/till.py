"""What tests of the till share beyond one journey: a shop that may give alone, a paired page, a Chromium one can kill.

A module takes its fixtures by name: `site, town, customer = till.site, till.town, till.customer`.
"""

import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import Browser, Page, Playwright, expect
from sqlalchemy import text

from cardnet.benefits.words import ProgramKind
from cardnet.credential.device import DeviceKey, bound_nonce, challenge_nonce
from cardnet.issuance.services import HandOutCards, hand_out_cards
from tests.browser.counter import make_program
from tests.make.benefits import health_check, make_shop, percent, rule
from tests.make.browser import ARGS, PATIENCE, PATIENT_PAGE, Site
from tests.make.issuance import print_cards
from tests.make.membership import id_number
from tests.make.merchants import Till, make_till, second_till
from tests.make.phones import members_of

FLOOR_FEN = 20_000
PAPER = 90
TOLD = 2
"""Lines of the file in which a Chromium says where it can be reached."""


@dataclass
class Customer:
    """Somebody with an active card in a phone whose clock may be wrong."""

    site: Site
    phone: DeviceKey
    credential: bytes

    def code(self, clock_off: int = 0, digits: str | None = None) -> str:
        """What the phone shows now; `clock_off` seconds ahead, and bound to the digits of a till."""
        now = self.site.world.now
        world = replace(self.site.world, now=lambda: now() + timedelta(seconds=clock_off))
        return self.phone.code(self.credential, world, nonce=challenge_nonce(digits) if digits else None)

    def agree(self, address: str) -> str:
        """What the phone shows once its holder has agreed to the purchase in the square of a till."""
        said = {name: values[0] for name, values in parse_qs(urlsplit(address).fragment).items()}
        nonce = bound_nonce(said["m"], said["t"], int(said["a"]), bytes.fromhex(said["x"]))
        return self.phone.code(self.credential, self.site.world, audience=said["m"], nonce=nonce)


@dataclass
class Counter:
    """A terminal of the noodle shop, and what the server knows of it."""

    site: Site
    till: Till

    def redemptions(self) -> list[tuple[str, int, int]]:
        """State, subsidy and discount of each, in their order."""
        with self.site.session() as session:
            rows = session.execute(
                text("select state, subsidy_fen, discount_fen from redemption where terminal_code = :code order by id"),
                {"code": self.till.venue.terminal_code},
            ).all()
            return [(row.state, row.subsidy_fen, row.discount_fen) for row in rows]

    def events(self, what: str) -> int:
        """How often this happened to its redemptions."""
        with self.site.session() as session:
            kind = {"refunded": "redemption.refunded", "reversed": "redemption.reversed"}[what]
            rows = session.execute(
                text(
                    "select count(*) from outbox_event e join redemption r on r.id = e.subject_id "
                    "where r.terminal_code = :code and e.kind = :kind"
                ),
                {"code": self.till.venue.terminal_code, "kind": kind},
            )
            return int(rows.scalar_one())

    def advices(self) -> list[tuple[int, str]]:
        """Number and outcome of each record it sent."""
        with self.site.session() as session:
            rows = session.execute(
                text("select terminal_seq, outcome from advice where terminal_id = :id order by id"),
                {"id": self.till.venue.terminal_id},
            ).all()
            return [(row.terminal_seq, row.outcome) for row in rows]


@dataclass
class Town:
    """Who comes in, the terminals there are, and one printed card: its code and the last four of its holder."""

    customers: Iterator[Customer]
    counters: Iterator[Counter]
    printed: tuple[str, str]


def open_town(site: Site) -> Town:
    """A noodle shop with ten per cent off and a check of 100 yuan, both up to 200 yuan without a network."""
    alone = {"offline": {"floor_fen": FLOOR_FEN}}
    with site.session() as session:
        clinic = make_shop(session, site.world)
        make_till(session, site.world, "M2002", category="food", name="醉白面馆")
        clinic.pool("P-HC", 20_000_000)
        make_program(clinic, "HC2026", "健康体检补贴", ProgramKind.SUBSIDY, health_check("P-HC", **alone))
        here = {"op": "merchant_in", "codes": ["M2002"]}
        make_program(clinic, "D-10", "面馆九折", ProgramKind.DISCOUNT, rule(percent(1_000), here, **alone))
        (paper,) = clinic.office.issue(PAPER)
        hand_out_cards(session, site.world, HandOutCards(clinic.office["C1"], numbers=(paper.number,)))
        (printed,) = print_cards(clinic.office, paper.number)

    def counters() -> Iterator[Counter]:
        for number in range(10, 99):
            with site.session() as session:
                till = second_till(session, site.world, "M2002", f"T{number}")
            yield Counter(site, till)

    customers = (Customer(site, one.phone, one.credential) for one in members_of(site, clinic.office))
    return Town(customers, counters(), (printed.code_text, id_number(PAPER)[-4:]))


@pytest.fixture(scope="module")
def site(served: Callable[[], AbstractContextManager[Site]]) -> Iterator[Site]:
    """One for the module: each test takes customers and a terminal of its own."""
    with served() as running:
        yield running


@pytest.fixture(scope="module")
def town(site: Site) -> Town:
    return open_town(site)


@pytest.fixture
def customer(town: Town) -> Customer:
    return next(town.customers)


@pytest.fixture
def counter(town: Town) -> Counter:
    return next(town.counters)


def pair(page: Page, counter: Counter) -> Page:
    """Pair the page, and wait until it could go on alone: page, roots, pack, list and offers are here."""
    page.goto("/till" if page.context.browser is None else f"{counter.site.url}/till")
    page.get_by_label("配对码").fill(counter.till.token)
    page.get_by_role("button", name="开始使用").click()
    expect(page.locator("#sale")).to_be_visible()
    page.evaluate(
        """async () => {
          const { serviceWorker } = navigator;
          if (!serviceWorker.controller) await new Promise((held) => (serviceWorker.oncontrollerchange = held));
        }"""
    )
    expect(page.locator('[data-part="menu-alone"]')).to_contain_text("到", use_inner_text=False)
    return page


class Killable:
    """A Chromium of our own with a profile on the disk, which is killed as if the power went."""

    def __init__(self, playwright: Playwright, chromium: str, profile: Path) -> None:
        self.playwright, self.chromium, self.profile = playwright, chromium, profile
        self.process: subprocess.Popen[bytes] | None = None
        self.connection: Browser | None = None

    def open(self) -> Page:
        """Start it, with whatever the one before left on the disk."""
        told = self.profile / "DevToolsActivePort"
        told.unlink(missing_ok=True)
        words = [
            self.chromium, *ARGS, "--headless=new", f"--user-data-dir={self.profile}", "--no-first-run",
            "--remote-debugging-port=0", "--lang=zh-CN", "about:blank",
        ]  # fmt: skip
        # A session of its own: the whole group of its processes is killed, and nothing else.
        self.process = subprocess.Popen(
            words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
        )
        until = time.monotonic() + PATIENCE / 1_000
        # The port it found for itself, and a line that says where its browser is.
        while not (told.exists() and len(told.read_text().splitlines()) == TOLD):
            assert time.monotonic() < until and self.process.poll() is None, "Chromium does not open its port"
            time.sleep(0.02)
        port = told.read_text().splitlines()[0]
        self.connection = self.playwright.chromium.connect_over_cdp(f"http://127.0.0.1:{port}", timeout=PATIENCE)
        context = self.connection.contexts[0]
        context.set_default_timeout(PATIENCE)
        context.add_init_script(PATIENT_PAGE)
        return context.new_page()

    def kill(self) -> None:
        """SIGKILL, to every process of it."""
        assert self.process is not None
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()

    def gone(self) -> None:
        """Wait until it has been killed from elsewhere."""
        assert self.process is not None
        self.process.wait(PATIENCE / 1_000)


@contextmanager
def killable(playwright: Playwright, chromium: str, profile: Path) -> Iterator[Killable]:
    """A `Killable` that is dead at the end."""
    browser = Killable(playwright, chromium, profile)
    try:
        yield browser
    finally:
        browser.kill()
