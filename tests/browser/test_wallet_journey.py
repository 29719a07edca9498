"""The member's journey on a phone: activate, show the code, show it again without a network."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from datetime import timedelta
from pathlib import Path

import pytest
import zxingcpp
from PIL import Image
from playwright.sync_api import Page, Playwright, expect
from sqlalchemy import text

from cardnet.credential import store
from cardnet.credential.device import bound_nonce
from cardnet.credential.verify import Accepted, Outcome, Rejected, VerifyContext, Window, verify
from cardnet.issuance.services import ChangeCard, card_of_number, suspend_card
from tests.make.browser import Site, faults_of_access, keep, seeing
from tests.make.issuance import make_office
from tests.make.phones import Card, activate, agree, cards_of, code_on

OpenPage = Callable[..., Page]


@pytest.fixture(scope="module")
def site(served: Callable[[], AbstractContextManager[Site]]) -> Iterator[Site]:
    """One for the module: each test takes a card of its own."""
    with served() as running:
        yield running


@pytest.fixture(scope="module")
def cards(site: Site) -> Iterator[Card]:
    """One after another, a card for each test."""
    with site.session() as session:
        office = make_office(session, site.world)
    return cards_of(site, office)


@pytest.fixture
def card(cards: Iterator[Card]) -> Card:
    return next(cards)


def verdict_on(site: Site, text: str) -> Accepted | Rejected:
    with site.session() as session:
        at = site.world.now()
        return verify(text, store.trust_pack(session, at), None, at, VerifyContext())


def test_a_member_activates_and_shows_a_code_that_is_accepted(
    site: Site, new_page: OpenPage, built_pages: None, card: Card
) -> None:
    page = new_page(360, 640)
    activate(page, card)
    verdict = verdict_on(site, code_on(page, "wallet-card-360"))
    assert isinstance(verdict, Accepted)
    assert verdict.assurance == "device"
    assert page.evaluate("document.documentElement.scrollHeight <= innerHeight"), "nothing scrolls before the code"
    panel = page.locator(".panel").bounding_box()
    assert panel is not None
    assert panel["width"] >= 296
    assert panel["y"] + panel["height"] <= 640
    assert page.evaluate("document.querySelector('.masthead').offsetHeight") == 48


def test_a_new_code_is_drawn_after_fifteen_seconds_and_when_the_page_comes_back(
    site: Site, new_page: OpenPage, built_pages: None, card: Card
) -> None:
    page = new_page(360, 640)
    page.clock.install()
    activate(page, card)
    drawn = "document.querySelector('#code').toDataURL()"
    page.wait_for_function("() => document.querySelector('#code').clientWidth > 200")
    first = page.evaluate(drawn)
    page.clock.fast_forward(15_100)
    page.wait_for_function("before => document.querySelector('#code').toDataURL() !== before", arg=first)
    second = page.evaluate(drawn)
    page.clock.fast_forward(3_000)
    page.evaluate("window.dispatchEvent(new Event('focus'))")
    page.wait_for_function("before => document.querySelector('#code').toDataURL() !== before", arg=second)


def test_without_a_network_the_card_still_draws_a_code_that_is_accepted(
    site: Site, new_page: OpenPage, built_pages: None, card: Card
) -> None:
    page = new_page(360, 640)
    activate(page, card)
    page.evaluate("navigator.serviceWorker.ready.then(() => true)")
    page.context.set_offline(True)
    page.reload()
    expect(page.locator("#offline")).to_be_visible()
    offline = code_on(page, "wallet-offline-360")
    page.context.set_offline(False)
    verdict = verdict_on(site, offline)
    assert isinstance(verdict, Accepted), verdict
    # The same journey must notice a code that is not the phone's: one character changed.
    wrong = offline[:-1] + ("A" if offline[-1] != "A" else "B")
    assert isinstance(verdict_on(site, wrong), Rejected)


def test_the_slip_fills_in_number_and_code_and_leaves_nothing_in_the_address(
    site: Site, new_page: OpenPage, built_pages: None, card: Card
) -> None:
    page = new_page(360, 640)
    page.goto(f"/wallet#n={card.number}&c={card.activation_code}")
    expect(page.get_by_label("证件号码的最后四位？")).to_be_focused()
    assert page.evaluate("location.href") == f"{site.url}/wallet"
    keep(page, "wallet-activate-last4-360")
    page.get_by_label("证件号码的最后四位？").fill(card.last4)
    page.get_by_role("button", name="激活", exact=True).click()
    agree(page)


def test_a_wrong_answer_says_what_to_do_and_the_right_one_still_works(
    site: Site, new_page: OpenPage, built_pages: None, card: Card
) -> None:
    page = new_page(360, 640)
    page.goto("/wallet")
    keep(page, "wallet-activate-360")
    page.get_by_role("button", name="下一步").click()
    expect(page.get_by_role("alert")).to_contain_text("请对照卡面再输一次")
    keep(page, "wallet-activate-wrong-360")
    page.goto(f"/wallet#n={card.number}&c={card.activation_code}")
    page.reload()
    page.goto("about:blank")
    page.goto(f"/wallet#n={card.number}&c={card.activation_code}")
    page.get_by_label("证件号码的最后四位？").fill("0000" if card.last4 != "0000" else "1111")
    page.get_by_role("button", name="激活", exact=True).click()
    expect(page.get_by_role("alert")).to_contain_text("请核对后再试")
    keep(page, "wallet-activate-refused-360")
    page.get_by_role("button", name="改卡号").click()
    expect(page.get_by_label("卡号是多少？")).to_be_focused()
    page.get_by_role("button", name="下一步").click()
    expect(page.get_by_label("激活码是什么？")).to_be_focused()
    # The browser's own 返回 leads to the question before, and forward again; what was typed is still there.
    page.go_back()
    expect(page.get_by_label("卡号是多少？")).to_be_focused()
    page.go_forward()
    expect(page.get_by_label("激活码是什么？")).to_be_focused()
    page.get_by_role("button", name="返回上一步").click()
    expect(page.get_by_label("卡号是多少？")).to_be_focused()
    page.get_by_role("button", name="下一步").click()
    page.get_by_role("button", name="下一步").click()
    page.get_by_label("证件号码的最后四位？").fill(card.last4)
    page.get_by_role("button", name="激活", exact=True).click()
    agree(page)


def test_a_card_taken_off_the_phone_in_one_tab_is_not_brought_back_by_another(
    site: Site, new_page: OpenPage, built_pages: None, card: Card
) -> None:
    page = new_page(360, 640)
    activate(page, card)
    other = page.context.new_page()
    other.goto("/wallet")
    expect(other.locator("#card")).to_be_visible()
    page.locator("#tabs [data-tab=more]").click()
    page.locator("#forget").click()
    page.locator("#forget-yes").click()
    expect(page.get_by_label("卡号是多少？")).to_be_visible()
    # The other tab hears of the network, asks how its card stands, and finds it gone from here.
    other.evaluate("window.dispatchEvent(new Event('online'))")
    expect(other.get_by_label("卡号是多少？")).to_be_visible()
    page.reload()
    expect(page.get_by_label("卡号是多少？")).to_be_visible()


def test_the_key_cannot_be_read_out_of_the_browser(
    site: Site, new_page: OpenPage, built_pages: None, card: Card
) -> None:
    page = new_page(360, 640)
    activate(page, card)
    tried = page.evaluate(
        """async () => {
            const db = await new Promise((done) => {
                const asked = indexedDB.open("cardnet-wallet");
                asked.onsuccess = () => done(asked.result);
            });
            const kept = await new Promise((done) => {
                const asked = db.transaction("card").objectStore("card").get("current");
                asked.onsuccess = () => done(asked.result);
            });
            return crypto.subtle.exportKey("pkcs8", kept.key.privateKey).then(() => "read", (error) => error.name);
        }"""
    )
    assert tried == "InvalidAccessError"


def test_an_answer_that_was_lost_does_not_bind_the_card_to_a_second_key(
    site: Site, new_page: OpenPage, built_pages: None, card: Card
) -> None:
    page = new_page(360, 640, service_workers="block")
    # The server binds the key, the answer never arrives.
    page.route("**/wallet/api/activate", lambda route: (route.fetch(), route.abort()), times=1)
    page.goto(f"/wallet#n={card.number}&c={card.activation_code}")
    page.get_by_label("证件号码的最后四位？").fill(card.last4)
    page.get_by_role("button", name="激活", exact=True).click()
    expect(page.get_by_role("alert")).to_contain_text("没有连上网络")
    page.get_by_role("button", name="激活", exact=True).click()
    agree(page)


def test_the_member_sees_the_purchase_a_till_asks_for_and_signs_it_without_a_network(
    site: Site, new_page: OpenPage, built_pages: None, card: Card
) -> None:
    page = new_page(360, 640)
    activate(page, card)
    plain = code_on(page, "wallet-card-360")
    page.context.set_offline(True)
    nonce, asked = (
        "00112233445566ff",
        "#m=M2002&t=T10&a=35000&x=00112233445566ff&s=%E9%86%89%E7%99%BD%E9%9D%A2%E9%A6%86",
    )
    page.evaluate("asked => { location.hash = asked; }", asked)
    dialog = page.locator("#purchase-dialog")
    expect(dialog).to_contain_text("醉白面馆")
    expect(dialog).to_contain_text("原价 350.00 元")
    keep(page, "wallet-purchase-360")
    dialog.get_by_role("button", name="不对，不用").click()
    expect(page.locator("#code-answers")).to_be_hidden()
    assert page.url.endswith("/wallet"), "nothing of the purchase stays in the address"
    page.evaluate("asked => { location.hash = asked; }", asked.replace("35000", "99900"))
    expect(dialog).to_contain_text("原价 999.00 元")
    page.evaluate("asked => { location.hash = asked; }", asked)
    expect(dialog).to_contain_text("原价 350.00 元")
    dialog.get_by_role("button", name="金额对，出示动态码").click()
    expect(page.locator("#code-answers")).to_be_visible()
    expect(page.locator("#code-answers")).to_contain_text("已确认 350.00 元，请出示给收银员")
    text = code_on(page, "wallet-agreed-360")
    here = VerifyContext(
        frozenset(("M2002", "T10")), bound_nonce("M2002", "T10", 35_000, bytes.fromhex(nonce)), Window.OFFLINE
    )
    elsewhere = VerifyContext(frozenset(("M1001",)), here.challenge, Window.OFFLINE)
    with site.session() as session:
        at = site.world.now()
        pack = store.trust_pack(session, at)
        good = verify(text, pack, None, at, here)
        assert (isinstance(good, Accepted) and good.audience, good.assurance) == ("M2002", "device-challenge")
        assert verify(text, pack, None, at, elsewhere).outcome == Outcome.WRONG_AUDIENCE
        assert verify(plain, pack, None, at, here).outcome == Outcome.WRONG_CHALLENGE


def test_the_wallets_camera_reads_the_square_of_a_till(
    playwright: Playwright, chromium: str, site: Site, built_pages: None, card: Card, tmp_path: Path
) -> None:
    address = f"{site.url}/wallet#m=M2002&t=T10&a=35000&x=00112233445566ff&s=%E9%9D%A2%E9%A6%86"
    square = zxingcpp.create_barcode(address, zxingcpp.BarcodeFormat.QRCode, ec_level="M").to_image(scale=8)
    frame = Image.new("RGB", (960, 720), "white")
    frame.paste(Image.fromarray(square).convert("RGB"), (200, 100))
    with seeing(playwright, chromium, site, frame, tmp_path) as page:
        activate(page, card)
        page.get_by_role("button", name="收银台要四位数字？").click()
        page.get_by_role("button", name="扫收银台的二维码").click()
        expect(page.locator("#purchase-dialog")).to_contain_text("原价 350.00 元")


def test_a_key_the_system_cleared_is_bound_again_in_one_tap(
    site: Site, new_page: OpenPage, built_pages: None, card: Card
) -> None:
    page = new_page(360, 640)
    activate(page, card)
    before = code_on(page, "wallet-card-360")
    page.goto("about:blank")
    clear = "new Promise((done) => { indexedDB.deleteDatabase('cardnet-wallet').onsuccess = () => done(true); })"
    page.goto("/wallet/api/time")
    page.evaluate(clear)
    page.goto("/wallet")
    expect(page.get_by_role("heading", name="重新绑定会员服务卡")).to_be_visible()
    keep(page, "wallet-rebind-360")
    page.get_by_role("button", name="重新绑定").click()
    expect(page.locator("#card")).to_be_visible()
    now, then = verdict_on(site, code_on(page, "wallet-rebound-360")), verdict_on(site, before)
    assert isinstance(now, Accepted)
    assert isinstance(then, Accepted), "the verifier here has no status list; the index tells the two apart"
    assert now.index != then.index


def test_a_suspended_card_says_so_in_place_of_a_code(
    site: Site, new_page: OpenPage, built_pages: None, card: Card
) -> None:
    page = new_page(360, 640)
    activate(page, card)
    with site.session() as session:
        view = card_of_number(session, card.number)
        suspend_card(session, site.world, ChangeCard(view.id, "lost", person_id=view.person_id))
    page.reload()
    expect(page.get_by_role("heading", name="这张卡已挂失")).to_be_visible()
    expect(page.locator("#code")).to_be_hidden()
    keep(page, "wallet-suspended-360")


def test_an_expired_credential_asks_for_a_network_and_then_works_also_without_a_session(
    site: Site, new_page: OpenPage, built_pages: None, card: Card
) -> None:
    page = new_page(360, 640)
    page.clock.install()
    activate(page, card)
    page.evaluate("navigator.serviceWorker.ready.then(() => true)")
    page.context.set_offline(True)
    page.reload()
    expect(page.locator("#offline")).to_be_visible()
    # The phone sleeps for fifteen days; its own clock is near the server's only by the remembered offset.
    page.evaluate(
        """async (passed) => {
            const db = await new Promise((done) => {
                const asked = indexedDB.open("cardnet-wallet");
                asked.onsuccess = () => done(asked.result);
            });
            const shelf = db.transaction("card", "readwrite").objectStore("card");
            const kept = await new Promise((done) => {
                const asked = shelf.get("current");
                asked.onsuccess = () => done(asked.result);
            });
            await new Promise((done) => {
                const put = shelf.put({ ...kept, issuedAt: kept.issuedAt - passed, expiresAt: kept.expiresAt - passed }, "current");
                put.onsuccess = () => done();
            });
        }""",
        int(timedelta(days=15).total_seconds() * 1000),
    )
    page.reload()
    expect(page.get_by_role("heading", name="电子卡要联网更新一次")).to_be_visible()
    page.get_by_role("button", name="联网更新").click()
    expect(page.locator("#refresh-note")).to_contain_text("没有网络")
    keep(page, "wallet-expired-360")
    page.context.clear_cookies()
    page.context.set_offline(False)
    page.get_by_role("button", name="联网更新").click()
    expect(page.locator("#code")).to_be_visible()
    assert [cookie["name"] for cookie in page.context.cookies()] == ["cardnet_member"], "its key signed it in again"
    with site.session() as session:
        past = {"day": "2026-01-01", "number": card.number}
        session.execute(text("update card set valid_from = :day, valid_to = :day where number = :number"), past)
    page.reload()
    expect(page.get_by_role("heading", name="这张卡已过有效期")).to_be_visible()
    expect(page.get_by_role("button", name="重新绑定这部手机")).to_be_visible()
    keep(page, "wallet-past-its-day-360")


@pytest.mark.parametrize(("width", "height", "scheme"), [(1440, 900, "light"), (360, 640, "dark")])
def test_the_card_looks_right_on_a_desk_and_in_the_dark(
    site: Site, new_page: OpenPage, built_pages: None, card: Card, width: int, height: int, scheme: str
) -> None:
    page = new_page(width, height, color_scheme=scheme)
    activate(page, card)
    assert isinstance(verdict_on(site, code_on(page, f"wallet-card-{width}-{scheme}")), Accepted)
    page.get_by_role("button", name="我的卡", exact=True).click()
    keep(page, f"wallet-more-{width}-{scheme}", full=True)


def test_large_type_still_shows_the_code_without_scrolling_to_it(
    site: Site, new_page: OpenPage, built_pages: None, card: Card
) -> None:
    page = new_page(360, 740)
    activate(page, card)
    page.get_by_role("button", name="我的卡", exact=True).click()
    page.get_by_label("大字").check()
    page.get_by_role("button", name="会员码").click()
    assert isinstance(verdict_on(site, code_on(page, "wallet-card-360-large")), Accepted)
    panel = page.locator(".panel").bounding_box()
    assert panel is not None
    assert panel["y"] + panel["height"] <= 740


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_serious_on_any_of_the_wallets_screens(
    site: Site, new_page: OpenPage, built_pages: None, card: Card, scheme: str
) -> None:
    page = new_page(360, 640, color_scheme=scheme)
    page.goto("/wallet")
    page.get_by_role("button", name="下一步").click()
    expect(page.get_by_role("alert")).to_be_visible()
    assert faults_of_access(page) == []
    activate(page, card)
    assert faults_of_access(page) == []
    for tab, words in (("权益", "现在没有可以用的项目"), ("今年", "今年还没有使用记录"), ("我的卡", "没有网络也能用")):
        page.get_by_role("button", name=tab, exact=True).click()
        expect(page.get_by_text(words)).to_be_visible()
        # Where nothing lies half under the row of tabs.
        page.evaluate("scrollTo(0, document.body.scrollHeight)")
        assert faults_of_access(page) == [], tab
    page.get_by_role("button", name="从这部手机移除电子卡").click()
    assert faults_of_access(page) == []


def test_axe_does_find_a_fault_that_was_planted(site: Site, new_page: OpenPage, built_pages: None) -> None:
    page = new_page(360, 640)
    page.goto("/wallet")
    page.locator("#card-number").wait_for()
    page.evaluate("document.querySelector('label[for=card-number]').remove()")
    assert any(fault.startswith("label:") for fault in faults_of_access(page))
