"""我的卡 on a phone: prove a number, answer each purpose, report a loss, ask for another card, see who looked, read English."""

import re
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import replace

import pytest
from playwright.sync_api import Page, expect
from sqlalchemy import text

from cardnet.issuance import services as issuance
from cardnet.issuance.rules import CardState
from cardnet.membership import services as membership
from cardnet.membership.jobs import gateways_of, send_direct_due
from cardnet.membership.notices.rules import Way
from cardnet.membership.notices.simulated import messages_on
from cardnet.membership.services import notices
from cardnet.membership.services.phones import take_phone
from tests.make.browser import Site, faults_of_access, keep
from tests.make.issuance import make_office
from tests.make.phones import Card, activate, agree, answer_steps, cards_of, code_on

OpenPage = Callable[..., Page]
NUMBER, OTHER_NUMBER, THIRD_NUMBER = "13800000009", "13800000010", "13800000011"
"""Each test has its own: of two messages of one moment nobody knows which came last."""


@pytest.fixture(scope="module")
def site(served: Callable[[], AbstractContextManager[Site]]) -> Iterator[Site]:
    with served() as running:
        settings = running.app.extensions["cardnet.settings"]
        running.app.extensions["cardnet.settings"] = replace(settings, simulated_phone=True, sms_sign="云间区总工会")
        yield running


@pytest.fixture(scope="module")
def cards(site: Site) -> Iterator[Card]:
    with site.session() as session:
        office = make_office(session, site.world)
    return cards_of(site, office)


def code_arrived(site: Site, number: str = NUMBER) -> str:
    """The worker sends, and the phone shows it."""
    with site.app.app_context():
        settings = site.app.extensions["cardnet.settings"]
        send_direct_due(site.world, gateways_of(settings, site.world)[Way.SMS])
    with site.session() as session:
        return messages_on(session, number)[-1].words.split("验证码")[1][:6]


def open_mine(page: Page) -> None:
    page.get_by_role("button", name="我的卡", exact=True).click()
    expect(page.locator("#phone-change")).to_be_visible()


def test_a_member_does_for_themselves_what_used_to_need_a_visit(
    site: Site, new_page: OpenPage, built_pages: None, cards: Iterator[Card]
) -> None:
    card = next(cards)
    page = new_page(360, 640)
    page.goto(f"/wallet#n={card.number}&c={card.activation_code}")
    page.get_by_label("证件号码的最后四位？").fill(card.last4)
    page.get_by_role("button", name="激活", exact=True).click()
    expect(page.locator("#agree")).to_be_visible()
    keep(page, "wallet-agree-360", full=True)
    assert faults_of_access(page) == []
    assert page.locator("#agree input:checked").count() == 0, "a tick that was there is no consent"
    page.locator("#agree-notices").check()
    page.get_by_role("button", name="继续").click()
    expect(page.locator("#agree-error")).to_contain_text("请勾选第一项")
    keep(page, "wallet-agree-wrong-360")
    agree(page)
    with site.session() as session:
        view = issuance.card_of_number(session, card.number)
        agreed = membership.agreed_purposes(session, view.person_id)
    assert {str(purpose) for purpose, one in agreed.items() if one and one.answer == "given"} == {"card", "notices"}
    open_mine(page)
    keep(page, "wallet-mine-360", full=True)
    # Where nothing lies half under the row of tabs.
    page.evaluate("scrollTo(0, document.body.scrollHeight)")
    assert faults_of_access(page) == []

    prove_a_phone(site, page)
    phone = new_page(360, 640)
    phone.goto("/phone")
    expect(phone.get_by_text("用于验证会员卡手机号").first).to_be_visible()
    see_what_was_known_offline(page)
    lose_and_ask_again(site, page, card)


def prove_a_phone(site: Site, page: Page) -> None:
    page.get_by_role("button", name="换个号码").click()
    page.get_by_label("手机号码").fill("138")
    page.get_by_role("button", name="发送验证码").click()
    expect(page.locator("#phone-form .field__error")).to_contain_text("11 位数字")
    page.get_by_label("手机号码").fill("138 0000 0009")
    page.get_by_role("button", name="发送验证码").click()
    expect(page.locator("#phone-sent")).to_contain_text("138****0009")
    keep(page, "wallet-phone-code-360")
    assert faults_of_access(page) == []
    page.get_by_label("验证码", exact=True).fill(code_arrived(site))
    page.get_by_role("button", name="确认", exact=True).click()
    expect(page.locator("#phone-good")).to_be_visible()
    assert "138****0009" in page.locator("#mine-phone").inner_text()


def see_what_was_known_offline(page: Page) -> None:
    """What was agreed to is shown as it was heard last, and cannot be changed until there is a network."""
    page.evaluate("navigator.serviceWorker.ready.then(() => true)")
    page.context.set_offline(True)
    page.reload()
    open_tab(page, "more")
    expect(page.locator("#mine-note")).to_contain_text("联网后可以修改")
    for purpose, given in (("card", True), ("cover_operator", False), ("notices", True)):
        expect(page.locator(f"#consent-{purpose}")).to_be_disabled()
        expect(page.locator(f"#consent-{purpose}")).to_be_checked(checked=given)
    expect(page.locator("#mine-phone")).to_contain_text("138****0009")
    expect(page.locator("#phone-change")).to_be_hidden()
    expect(page.locator("#lost-where")).to_contain_text(f"{page.evaluate('location.origin')}/lost")
    keep(page, "wallet-mine-offline-360", full=True)
    page.get_by_role("button", name="马上挂失").click()
    expect(page.locator("#loss-dialog")).to_contain_text("没有网络时，请拨打电话挂失：12351")
    page.get_by_role("button", name="确认挂失").click()
    expect(page.locator("#mine-note")).to_contain_text("请马上拨打 12351 挂失")
    page.context.set_offline(False)
    page.evaluate("dispatchEvent(new Event('online'))")
    expect(page.locator("#consent-notices")).to_be_enabled()


def open_tab(page: Page, name: str) -> None:
    page.locator(f"#tabs [data-tab={name}]").click()


def lose_and_ask_again(site: Site, page: Page, card: Card) -> None:
    page.get_by_role("button", name="马上挂失").click()
    keep(page, "wallet-loss-360")
    assert faults_of_access(page) == []
    page.get_by_role("button", name="确认挂失").click()
    expect(page.locator("#mine-note")).to_contain_text("已挂失")
    with site.session() as session:
        assert issuance.card_of_number(session, card.number).state is CardState.SUSPENDED
    page.get_by_role("button", name="会员码").click()
    expect(page.get_by_role("heading", name="这张卡已挂失")).to_be_visible()
    expect(page.locator("#code")).to_be_hidden()
    keep(page, "wallet-lost-360")
    page.get_by_role("button", name="去“我的卡”办理").click()
    expect(page.locator("#lose")).to_be_hidden()
    page.get_by_role("button", name="申请补卡", exact=True).click()
    page.get_by_role("button", name="提交补卡申请").click()
    expect(page.locator("#replace-form .field__error")).to_contain_text("请选择补卡的原因")
    page.locator("#replace-form [value=lost]").check()
    keep(page, "wallet-replace-360")
    page.get_by_role("button", name="提交补卡申请").click()
    expect(page.get_by_text("补卡申请：待审核")).to_be_visible()
    expect(page.locator("#replace")).to_be_hidden()
    page.get_by_role("button", name="查看记录").click()
    expect(page.locator("#looks-none")).to_be_visible()


def test_a_new_phone_is_bound_by_a_code_to_the_verified_number(
    site: Site, new_page: OpenPage, built_pages: None, cards: Iterator[Card]
) -> None:
    card = next(cards)
    old = new_page(360, 640)
    activate(old, card)
    with site.session() as session:
        person_id = issuance.card_of_number(session, card.number).person_id
        take_phone(session, site.world, person_id, THIRD_NUMBER, None)
    page = new_page(360, 640)
    page.goto("/wallet")
    page.get_by_label("卡号是多少？").fill(card.number)
    page.get_by_role("button", name="下一步").click()
    page.get_by_role("button", name="换了手机？用短信验证码绑定").click()
    page.get_by_label("确认本人：证件后四位？").fill(card.last4)
    keep(page, "wallet-new-phone-360")
    page.get_by_role("button", name="发送验证码").click()
    expect(page.locator("#rebind-sent")).to_be_visible()
    page.get_by_label("激活码是什么？").fill(code_arrived(site, THIRD_NUMBER))
    page.get_by_role("button", name="下一步").click()
    page.get_by_role("button", name="激活", exact=True).click()
    agree(page)
    code_on(page, "wallet-new-phone-card-360")
    with site.session() as session:
        states = session.execute(text("select state from binding where kind = 'device' order by bound_at desc limit 2"))
        assert [row.state for row in states] == ["live", "revoked"]
    see_the_old_phone_say_so(old, card)


def test_whoever_types_the_slip_of_a_card_in_use_again_is_led_to_the_code_by_text_message(
    site: Site, new_page: OpenPage, built_pages: None, cards: Iterator[Card]
) -> None:
    card = next(cards)
    activate(new_page(360, 640), card)
    with site.session() as session:
        person_id = issuance.card_of_number(session, card.number).person_id
        take_phone(session, site.world, person_id, OTHER_NUMBER, None)
    page = new_page(360, 640)
    answer_steps(page, card)
    expect(page.locator("#last4-error")).to_contain_text("这张卡已经绑定了手机，领卡单上的激活码不能再用")
    expect(page.locator("#check-typed")).to_be_hidden()
    keep(page, "wallet-in-use-360", full=True)
    assert faults_of_access(page) == []
    page.get_by_role("button", name="用短信验证码绑定", exact=True).click()
    expect(page.get_by_label("确认本人：证件后四位？")).to_have_value(card.last4)
    page.get_by_role("button", name="发送验证码").click()
    expect(page.locator("#rebind-sent")).to_be_visible()
    expect(page.get_by_label("激活码是什么？")).to_have_value("")
    page.get_by_label("激活码是什么？").fill(code_arrived(site, OTHER_NUMBER))
    page.get_by_role("button", name="下一步").click()
    page.locator("#step-last4 [data-back]").click()
    expect(page.get_by_label("激活码是什么？")).to_be_visible()
    page.get_by_role("button", name="下一步").click()
    page.get_by_role("button", name="激活", exact=True).click()
    agree(page)
    code_on(page, "wallet-in-use-bound-360")


def see_the_old_phone_say_so(old: Page, card: Card) -> None:
    """The phone the card moved away from: no code, no green word, and what to do; without a network the same."""
    told = old.get_by_role("heading", name="此卡已绑定到别的手机")
    code_on(old, "wallet-old-phone-before-360")
    old.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    expect(told).to_be_visible()
    expect(old.locator("#code")).to_be_hidden()
    expect(old.locator("#face [data-state=active]")).to_be_hidden()
    keep(old, "wallet-moved-360")
    assert faults_of_access(old) == []
    for tab, note in (("benefits", "#benefits-note"), ("records", "#records-note"), ("more", "#mine-note")):
        open_tab(old, tab)
        expect(old.locator(note)).to_contain_text("此卡已绑定到别的手机")
        expect(old.locator("#main")).not_to_contain_text("登录已过期")
    old.get_by_label("大字").check()
    keep(old, "wallet-moved-mine-large-360", full=True)
    old.evaluate("navigator.serviceWorker.ready.then(() => true)")
    old.context.set_offline(True)
    old.reload()
    expect(told).to_be_visible()
    # Nothing is forgotten for a tap that could not be answered.
    old.get_by_role("button", name="重新绑定这部手机").click()
    expect(old.locator("#rebind-note")).to_contain_text("没有网络，没有办成")
    expect(told).to_be_visible()
    keep(old, "wallet-moved-large-360", full=True)
    old.context.set_offline(False)
    old.reload()
    old.get_by_role("button", name="重新绑定这部手机").click()
    expect(old.get_by_label("激活码是什么？")).to_be_visible()
    assert old.get_by_label("卡号是多少？", exact=True).input_value().replace(" ", "") == card.number


@pytest.mark.parametrize(("width", "height"), [(360, 640), (1440, 900)])
def test_the_wallet_in_english_says_nothing_in_chinese_but_names(
    site: Site, new_page: OpenPage, built_pages: None, cards: Iterator[Card], width: int, height: int
) -> None:
    page = new_page(width, height)
    activate(page, next(cards))
    page.evaluate("navigator.serviceWorker.ready.then(() => true)")
    open_mine(page)
    page.get_by_role("button", name="English").click()
    expect(page.get_by_role("button", name="My card", exact=True)).to_be_visible()
    expect(page.locator("#phone-change")).to_be_visible()
    open_tab(page, "card")
    code_on(page, f"wallet-card-english-{width}")
    open_tab(page, "more")
    expect(page.locator("#phone-change")).to_be_visible()
    keep(page, f"wallet-mine-english-{width}", full=True)
    left = page.evaluate(
        """() => {
            const allowed = ['中文', ...['[data-part="more-name"]', '[data-part="more-union"]', '.face__name', '.face__union']
                .flatMap((one) => [...document.querySelectorAll(one)].map((node) => node.textContent))];
            const found = [];
            const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
            while (walk.nextNode()) {
                const text = walk.currentNode.textContent.trim();
                if (/[\\u4e00-\\u9fff]/.test(text) && !allowed.includes(text)) found.push(text);
            }
            return found;
        }"""
    )
    assert left == []


def test_a_member_binds_the_official_account_and_takes_it_back(
    site: Site, new_page: OpenPage, built_pages: None, cards: Iterator[Card]
) -> None:
    card = next(cards)
    page = new_page(360, 640)
    activate(page, card)
    page.get_by_role("button", name="我的卡", exact=True).click()
    page.get_by_role("button", name="同意并绑定公众号").click()
    shown = page.locator("#account-dialog [data-part=account-code]")
    expect(shown).to_have_text(re.compile(r"^\d{4} \d{4}$"))
    keep(page, "wallet-account-code-360")
    assert faults_of_access(page) == []
    page.get_by_role("button", name="发好了").click()
    expect(page.locator("#mine-note")).to_contain_text("还没有收到您发的数字")
    page.get_by_role("button", name="同意并绑定公众号").click()
    # The box opens with the new digits in it; the old ones may still be read in the closed one.
    expect(page.locator("#account-dialog")).to_be_visible()
    expect(shown).to_have_text(re.compile(r"^\d{4} \d{4}$"))
    with site.session() as session:
        sent = notices.BindByCode("demo-13800000009", shown.inner_text().replace(" ", ""))
        notices.bind_by_code(session, site.world, sent)
    page.get_by_role("button", name="发好了").click()
    expect(page.locator("#account-bound")).to_contain_text("已绑定")
    expect(page.locator("#consent-notices")).to_be_checked()
    page.locator("#mine-account").scroll_into_view_if_needed()
    keep(page, "wallet-account-360")
    page.get_by_role("button", name="解除绑定").click()
    expect(page.locator("#mine-note")).to_contain_text("已解除绑定")
    expect(page.get_by_role("button", name="同意并绑定公众号")).to_be_visible()
