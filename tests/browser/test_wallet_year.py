"""权益 and 今年工会为我 on a phone, “不是我用的”, a phone whose clock is wrong, a browser that cannot keep a key."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from datetime import timedelta

import pytest
from playwright.sync_api import Page, expect

from cardnet.access.rules import Role
from cardnet.benefits import services as benefits
from cardnet.benefits.services import Purchase, Redeem
from cardnet.benefits.words import Feeling, ProgramKind
from cardnet.credential import store
from cardnet.credential.device import challenge_nonce
from cardnet.credential.verify import Accepted, Outcome, Rejected, VerifyContext, verify
from cardnet.issuance.services import card_of_number
from cardnet.membership import services as membership
from cardnet.merchants import services as merchants
from tests.make.access import PASSWORD, code_now, make_account
from tests.make.benefits import health_check, make_shop, percent, rule
from tests.make.browser import Site, faults_of_access, keep
from tests.make.phones import Card, activate, cards_of, code_on

OpenPage = Callable[..., Page]


@pytest.fixture(scope="module")
def site(served: Callable[[], AbstractContextManager[Site]]) -> Iterator[Site]:
    with served() as running:
        yield running


@pytest.fixture(scope="module")
def cards(site: Site) -> Iterator[Card]:
    """A shop with a health check once a year and ten per cent off, a cinema for another union only; a card for whoever asks."""
    with site.session() as session:
        shop = make_shop(session, site.world)
        # One in the street of the members' union, one in another.
        for venue, township in ((shop.venue, "D1"), (shop.till("M1005", "cinema"), "D2")):
            merchants.place_store(session, site.world, merchants.PlaceStore(venue.store_id, township))
        shop.pool("HC2026", 1_000_000)
        shop.program("HC2026", health_check("HC2026"), ProgramKind.SUBSIDY, name="体检")
        shop.program("D-10", rule(percent(1_000), {"op": "merchant_in", "codes": ["M1001"]}), name="九折")
        shop.program("YY", rule(percent(5_000), {"op": "tag_any", "values": ["model_worker"]}), name="观影")
        site.app.extensions["tests.venue"] = shop.venue
    return cards_of(site, shop.office)


def judged(site: Site, text: str, challenge: str = "") -> Accepted | Rejected:
    with site.session() as session:
        at = site.world.now()
        context = VerifyContext(challenge=challenge_nonce(challenge) if challenge else None)
        return verify(text, store.trust_pack(session, at), None, at, context)


def tab(page: Page, name: str) -> None:
    page.get_by_role("button", name=name, exact=True).click()


def says_not_me(page: Page) -> None:
    """“不是我用的” under the newest use, with where the member was."""
    page.get_by_role("button", name="不是我用的").click()
    page.get_by_label("当时您在哪里").fill("那天在上班")
    keep(page, "wallet-deny-360")
    assert faults_of_access(page) == []
    page.context.set_offline(True)
    page.locator("#deny-form").get_by_role("button", name="不是我用的").click()
    expect(page.locator("#deny-form .field__error")).to_contain_text("没有办成。请连上网络后再试")
    page.context.set_offline(False)
    page.locator("#deny-form").get_by_role("button", name="不是我用的").click()
    expect(page.locator("#records-list").get_by_text("已反映“不是我”")).to_be_visible()
    keep(page, "wallet-year-360", full=True)


def finance_answers(site: Site, page: Page) -> None:
    """The maker sees what was denied, keeps it out of settlement and says what was found."""
    with site.session() as session:
        district = membership.unions_under(session, "/")[0]
        maker = make_account(
            session,
            site.world,
            "jingban",
            Role.FINANCE_MAKER,
            union_id=district.id,
            scope_path="/C/",
            password=PASSWORD,
        )
    page.goto("/finance/denials")
    page.get_by_label("用户名").fill("jingban")
    page.get_by_label("密码").fill(PASSWORD)
    page.get_by_label("动态口令").fill(code_now(maker, site.world.now()))
    page.get_by_role("button", name="登录").click()
    expect(page.get_by_role("heading", name="会员反映“不是我”")).to_be_visible()
    expect(page.get_by_text("那天在上班")).to_be_visible()
    keep(page, "finance-denials-360", full=True)
    assert faults_of_access(page) == []
    page.set_viewport_size({"width": 1440, "height": 900})
    keep(page, "finance-denials-1440")
    page.get_by_role("button", name="暂缓结算这一笔").click()
    expect(page.locator("li .badge", has_text="已暂缓结算")).to_be_visible()
    page.get_by_label("不是本人使用").check()
    page.get_by_label("给会员的答复").fill("已查实不是您，款项不付给商户。")
    page.get_by_role("button", name="答复会员").click()
    expect(page.get_by_text("查实：不是本人")).to_be_visible()


def finds_shops(page: Page) -> None:
    """The near one first, by town, by a word."""
    shops = page.locator("#place-list li")
    expect(shops).to_have_count(2)
    expect(shops.first).to_contain_text("离单位近")
    expect(shops.last.get_by_text("离单位近")).to_be_hidden()
    page.get_by_label("在哪个镇、街道").select_option("方塔街道")
    expect(shops).to_have_count(1)
    expect(shops).to_contain_text("方塔街道")
    page.get_by_label("在哪个镇、街道").select_option("永泽街道（我单位所在）")
    expect(shops).to_contain_text("九折")
    keep(page, "wallet-places-360", full=True)
    page.get_by_label("在哪个镇、街道").select_option("全区")
    page.get_by_label("找商户").fill("没有这家")
    expect(page.locator("#place-none")).to_be_visible()
    page.get_by_label("找商户").fill("九折")
    expect(page.locator("#place-list li")).to_have_count(1)


def test_a_member_sees_what_is_left_what_the_year_gave_and_says_not_me(
    site: Site, new_page: OpenPage, built_pages: None, cards: Iterator[Card]
) -> None:
    card = next(cards)
    page = new_page(360, 640)
    activate(page, card)
    expect(page.locator("#still")).to_have_text("还可享受 体检 100 元")
    assert page.evaluate("document.documentElement.scrollHeight <= innerHeight"), "nothing scrolls before the code"
    code = judged(site, text := code_on(page, "wallet-still-360"))
    tab(page, "权益")
    expect(page.locator("#owed-list")).to_contain_text("补贴 100 元")
    expect(page.locator("#open-list")).to_contain_text("打 9 折")
    page.get_by_text("现在不能用的，为什么").click()
    expect(page.locator("#closed-list")).to_contain_text("不在本项目的名单内。")
    expect(page.locator("#closed-list").get_by_role("link", name="12351")).to_be_visible()
    finds_shops(page)
    keep(page, "wallet-benefits-360", full=True)
    page.evaluate("scrollTo(0, document.body.scrollHeight)")
    assert faults_of_access(page) == []
    assert isinstance(code, Accepted)
    with site.session() as session:
        command = Redeem(site.app.extensions["tests.venue"], text, code, Purchase(38_000, "health_check"), "TJ-1")
        used = benefits.redeem(session, site.world, command)
    tab(page, "今年")
    expect(page.locator("#year-figures")).to_contain_text("138 元")
    expect(page.locator("#kinds")).to_contain_text("体检 1 次 100 元")
    page.get_by_role("button", name="满意", exact=True).click()
    expect(page.locator("#feeling-said")).to_contain_text("已经记下")
    says_not_me(page)
    with site.session() as session:
        person = card_of_number(session, card.number).person_id
        assert benefits.feeling_of(session, person, 2026) is Feeling.SATISFIED
        (said,) = benefits.denials(session, person_id=person)
        assert (said.redemption_id, said.words) == (used.id, "那天在上班")
    finance_answers(site, new_page(360, 640))
    tab(page, "会员码")
    tab(page, "今年")
    expect(page.locator("#records-list")).to_contain_text("工会答复：已查实不是您")
    # Without a network the same pages say what they said last.
    page.evaluate("navigator.serviceWorker.ready.then(() => true)")
    page.context.set_offline(True)
    page.reload()
    expect(page.locator("#still")).to_contain_text("还可享受")
    tab(page, "权益")
    expect(page.locator("#benefits-note")).to_contain_text("上次联网")
    expect(page.locator("#open-list")).to_contain_text("打 9 折")
    page.context.set_offline(False)


def test_a_phone_three_minutes_fast_shows_codes_of_the_unions_time_and_after_a_jump_answers_the_till(
    site: Site, new_page: OpenPage, built_pages: None, cards: Iterator[Card]
) -> None:
    page = new_page(360, 640)
    page.clock.install(time=site.world.now() + timedelta(minutes=3))
    activate(page, next(cards))
    right = judged(site, code_on(page, "wallet-skewed-360"))
    assert isinstance(right, Accepted), right
    # Somebody sets the clock while there is no network: the codes carry the phone's own time and say so.
    page.context.set_offline(True)
    page.clock.set_system_time(site.world.now() + timedelta(minutes=5))
    page.evaluate("window.dispatchEvent(new Event('focus'))")
    page.clock.fast_forward(15_100)
    expect(page.locator("#time-unsure")).to_be_visible()
    wrong = judged(site, code_on(page, "wallet-unsure-360"))
    assert isinstance(wrong, Rejected)
    assert wrong.outcome is Outcome.FUTURE_PROOF
    page.locator("#time-unsure").get_by_role("button", name="输入四位数字").click()
    page.get_by_role("textbox", name="四位数字").fill("47")
    page.get_by_role("button", name="换成新的码").click()
    expect(page.get_by_role("alert")).to_contain_text("四位数字")
    page.get_by_role("textbox", name="四位数字").fill("4718")
    keep(page, "wallet-challenge-360")
    assert faults_of_access(page) == []
    page.get_by_role("button", name="换成新的码").click()
    expect(page.locator("#code-answers")).to_be_visible()
    expect(page.locator("#code-answers")).to_contain_text("4718")
    answered = judged(site, code_on(page, "wallet-answers-360"), "4718")
    assert isinstance(answered, Accepted), answered
    assert answered.assurance == "device-challenge"
    page.context.set_offline(False)


def test_a_browser_that_cannot_keep_a_key_says_so_before_anything_is_typed(
    site: Site, new_page: OpenPage, built_pages: None
) -> None:
    page = new_page(360, 640)
    # As Firefox does in a private window: a key cannot be cloned into the database.
    page.add_init_script(
        "const put = IDBObjectStore.prototype.put; IDBObjectStore.prototype.put = function (value, key) {"
        " if (value && value.privateKey) throw new DOMException('no', 'DataCloneError'); return put.call(this, value, key); };"
    )
    page.goto("/wallet")
    expect(page.locator("#cannot-hold")).to_be_visible()
    expect(page.locator("#cannot-hold")).to_contain_text("实体卡")
    keep(page, "wallet-cannot-hold-360")


@pytest.mark.parametrize(("scheme", "language"), [("dark", "中文"), ("light", "English")])
def test_large_type_and_every_line_of_the_first_screen_fit_without_scrolling(
    site: Site, new_page: OpenPage, built_pages: None, cards: Iterator[Card], scheme: str, language: str
) -> None:
    page = new_page(360, 740, color_scheme=scheme)
    activate(page, next(cards))
    tab(page, "我的卡")
    page.get_by_label("大字").check()
    with page.expect_navigation():
        page.get_by_role("button", name=language).click()
    # The page of the other language opens where the button was pressed.
    expect(page.locator("#more")).to_be_visible()
    page.locator("#tabs [data-tab=card]").click()
    expect(page.locator("#still")).not_to_be_empty()
    code_on(page, f"wallet-large-{scheme}-{language}")
    panel = page.locator(".panel").bounding_box()
    assert panel is not None
    assert panel["y"] + panel["height"] <= 740 - page.locator("#tabs").bounding_box()["height"]
    assert faults_of_access(page) == []


def test_inside_wechat_the_page_says_where_to_open_it_and_promises_nothing_without_a_network(
    site: Site, new_page: OpenPage, built_pages: None, cards: Iterator[Card]
) -> None:
    page = new_page(360, 640, user_agent="Mozilla/5.0 (Linux; Android 14) Chrome/116 Mobile MicroMessenger/8.0.50")
    page.goto("/wallet")
    expect(page.locator("#in-wechat")).to_contain_text("在浏览器打开")
    activate(page, next(cards))
    tab(page, "我的卡")
    expect(page.locator("#offline-wechat")).to_contain_text("没有网络时，微信里可能打不开")
    expect(page.get_by_text("飞行模式下也能出示")).to_be_hidden()
    page.locator("#offline-wechat").scroll_into_view_if_needed()
    keep(page, "wallet-wechat-360")
    page.context.set_offline(True)
    expect(page.locator("#offline")).to_have_text("没有网络，微信里可能打不开")
    page.context.set_offline(False)
