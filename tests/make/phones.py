"""What a member does with the wallet's page, for the journeys of more than one page."""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, replace
from io import BytesIO

import zxingcpp
from PIL import Image
from playwright.sync_api import Page, expect

from cardnet.credential.device import DeviceKey
from cardnet.issuance.services import Activation
from tests.make import issuance as make_issuance
from tests.make.browser import Site, keep
from tests.make.membership import id_number


@dataclass(frozen=True)
class Card:
    """A card handed out to somebody who has not activated it."""

    number: str
    activation_code: str
    last4: str


@dataclass(frozen=True)
class Member:
    """Somebody with an active card in a phone."""

    phone: DeviceKey
    credential: bytes


def cards_of(site: Site, office: make_issuance.Office, first: int = 1) -> Iterator[Card]:
    """One card after another, each issued to a new person when it is asked for."""
    for serial in itertools.count(first):
        with site.session() as session:
            (card,) = replace(office, session=session).issue(serial)
        yield Card(card.number, card.activation_code, id_number(serial)[-4:])


def members_of(site: Site, office: make_issuance.Office, first: int = 1) -> Iterator[Member]:
    """The same with the card in a phone."""
    for card in cards_of(site, office, first):
        phone = DeviceKey.make(site.world)
        with site.session() as session:
            done = make_issuance.activate(session, site.world, card, card.last4, phone)
        assert isinstance(done, Activation)
        yield Member(phone, done.credential)


def activate(page: Page, card: Card) -> None:
    """The three steps, and the questions after them."""
    answer_steps(page, card)
    agree(page)


def answer_steps(page: Page, card: Card) -> None:
    """The three steps, typed as a member types them."""
    page.goto("/wallet")
    page.get_by_label("卡号是多少？").fill(f"{card.number[:4]} {card.number[4:8]} {card.number[8:]}")
    page.get_by_role("button", name="下一步").click()
    page.get_by_label("激活码是什么？").fill(card.activation_code.lower())
    page.get_by_role("button", name="下一步").click()
    page.get_by_label("证件号码的最后四位？").fill(card.last4)
    page.get_by_role("button", name="激活", exact=True).click()


def agree(page: Page) -> None:
    """The three questions after an activation: yes to the card, the others left as they stand."""
    expect(page.locator("#agree")).to_be_visible()
    page.locator("#agree-card").check()
    page.get_by_role("button", name="继续").click()
    expect(page.locator("#card")).to_be_visible()


def read_square(picture: bytes) -> str:
    """What a phone's camera reads off a square on a screen."""
    with Image.open(BytesIO(picture)) as shown:
        (found,) = zxingcpp.read_barcodes(shown)
    return str(found.text)


def code_on(page: Page, name: str) -> str:
    """The text a scanner reads off a screenshot of the page."""
    expect(page.locator("#code")).to_be_visible()
    # A function: a bare expression is evaluated at every look, and the page allows that to nobody.
    page.wait_for_function("() => document.querySelector('#code').clientWidth >= 200")
    with Image.open(keep(page, name)) as picture:
        found = zxingcpp.read_barcodes(picture)
    assert len(found) == 1, "the screen shows exactly one code"
    return found[0].text
