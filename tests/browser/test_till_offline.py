"""The till without a network: it opens, decides, keeps, sends, and says what became of each."""

import re
from collections.abc import Callable
from dataclasses import replace

import pytest
from playwright.sync_api import Page, expect

from cardnet.credential.device import DeviceKey
from cardnet.merchants.services import MakePairingCode, RevokeKey, keys_of, make_pairing_code, revoke_key
from tests.browser import till as given
from tests.browser.counter import NO, YES, answer, paste
from tests.browser.till import Counter, Customer, Town, pair
from tests.make.browser import faults_of_access, keep, picture_of
from tests.make.phones import read_square

site, town, customer, counter = given.site, given.town, given.customer, given.counter
CHOICE, DONE = re.compile("^choice$"), re.compile("^done$")


@pytest.fixture
def till(new_page: Callable[..., Page], built_pages: None, counter: Counter) -> Page:
    return pair(new_page(360, 640), counter)


def sell(
    page: Page, yuan: str, code: str, kind: re.Pattern[str], service: str = "普通消费", picture: str | None = None
) -> str:
    """Type, paste, read what the screen says (and keep its picture); the next customer comes."""
    page.get_by_label(service).check()
    page.get_by_label("原价多少元？").fill(yuan)
    paste(page, code)
    said = answer(page, kind)
    if picture:
        keep(page, picture)
    page.locator("#answer").get_by_role("button", name=re.compile("^下一位$|按原价收")).click()
    return said


WAITING_TWO = re.compile(r"^\s*待上传 2 周[一二三四五六日] \d\d:\d\d 前\s*$")
"""How many wait, and until when they must be sent: three days after the first of them."""


def all_is_sent(page: Page) -> None:
    """The network comes back, and nothing waits any more."""
    expect(page.locator("#waiting")).to_be_visible()
    page.context.set_offline(False)
    expect(page.locator("#waiting")).to_be_hidden()


def say_records(page: Page, *said: str) -> None:
    """What the list says of each sale made alone."""
    expect(page.locator("#records-list li .badge")).to_have_text(said)


def test_in_flight_mode_from_a_cold_start_the_till_sells_keeps_and_sends_when_it_is_back(
    till: Page, counter: Counter, customer: Customer
) -> None:
    context = till.context
    till.close()
    context.set_offline(True)
    page = context.new_page()
    page.goto("/till")
    expect(page.get_by_text("没有网络，可以照常扫码")).to_be_visible()
    keep(page, "till-offline-360")
    said = sell(page, "100", customer.code(), YES)
    assert re.search(r"收\s*90\.00\s*元", said)
    assert "面馆九折，商户承担 10.00 元" in said
    assert "断网核销，联网后自动上传" in said
    again = customer.code()
    said = sell(page, "180", again, YES, "健康体检", "till-offline-yes-360")
    assert re.search(r"收\s*62\.00\s*元", said), "18 off by the shop, 100 by the union"
    assert "已经在这里用过" in sell(page, "100", again, CHOICE)
    expect(page.locator("#waiting")).to_have_text(WAITING_TWO)
    page.set_viewport_size({"width": 1440, "height": 900})
    expect(page.locator('[data-part="total-payable"]')).to_have_text("152.00")
    expect(page.locator('[data-part="total-union"]')).to_have_text("100.00")
    keep(page, "till-offline-waiting-1440")
    page.set_viewport_size({"width": 360, "height": 640})
    page.reload()
    expect(page.locator("#waiting")).to_have_text(WAITING_TWO)
    keep(page, "till-offline-waiting-360")
    assert counter.advices() == []
    all_is_sent(page)
    assert counter.advices() == [(1, "captured"), (2, "captured")]
    assert counter.redemptions() == [("captured", 0, 1_000), ("captured", 10_000, 1_800)]
    page.get_by_role("button", name="今日").click()
    say_records(page, "已核销", "已核销")
    expect(page.locator("#today-list li")).to_have_count(2)
    keep(page, "till-offline-sent-360", full=True)
    assert faults_of_access(page) == []


def test_what_only_the_server_may_decide_is_amber_and_what_is_forged_is_red_at_once(
    till: Page, counter: Counter, customer: Customer
) -> None:
    forged = replace(customer, phone=DeviceKey.make(counter.site.world)).code()
    till.context.set_offline(True)
    assert "伪造" in sell(till, "100", forged, NO, picture="till-forged-360")
    with till.expect_response("**/merchant/v1/redemptions") as told:
        till.context.set_offline(False)
    assert told.value.json()["reasons"][0]["code"] == "bad_signature", (
        "the union hears of it as soon as there is a network"
    )
    assert counter.redemptions() == [("refused", 0, 0)]
    till.context.set_offline(True)
    said = sell(till, "200.01", customer.code(), CHOICE, picture="till-choice-360")
    assert "断网时每笔原价不能超过 200.00 元" in said
    assert re.search(r"收\s*200\.01\s*元", said)
    for _ in range(2):
        sell(till, "20", customer.code(), YES)
    assert "次数已满" in sell(till, "20", customer.code(), CHOICE)
    all_is_sent(till)
    assert counter.advices() == [(1, "captured"), (2, "captured")]


def test_above_the_floor_the_members_phone_signs_the_amount(
    till: Page, counter: Counter, customer: Customer, town: Town
) -> None:
    till.context.set_offline(True)
    till.get_by_label("普通消费").check()
    till.get_by_label("原价多少元？").fill("350")
    paste(till, customer.code())
    assert "断网时每笔原价不能超过 200.00 元" in answer(till, CHOICE)
    till.get_by_role("button", name="请会员用手机确认金额").click()
    assert "确认 350.00 元" in answer(till, CHOICE)
    keep(till, "till-square-360")
    address = read_square(picture_of(till.locator("#answer-square")))
    assert address.startswith(f"{counter.site.url}/wallet#m=M2002&t={counter.till.venue.terminal_code}&a=35000&")
    paste_over(till, next(town.customers).agree(address.replace("a=35000", "a=30000")))
    assert "请会员扫这个码" in answer(till, CHOICE), "for another amount: asked once more"
    paste_over(till, customer.agree(read_square(picture_of(till.locator("#answer-square")))))
    assert re.search(r"收\s*315\.00\s*元", answer(till, YES))
    till.get_by_role("button", name="下一位").click()
    all_is_sent(till)
    assert counter.advices() == [(1, "captured")]
    assert counter.redemptions() == [("captured", 0, 3_500)]


def test_a_printed_card_is_asked_for_its_last_four_and_gets_little(till: Page, counter: Counter, town: Town) -> None:
    code, last4 = town.printed
    till.context.set_offline(True)
    till.get_by_label("原价多少元？").fill("10")
    paste(till, code)
    dialog = till.locator("#last4-dialog")
    expect(dialog).to_be_visible()
    dialog.get_by_label("最后四位").fill(last4)
    till.keyboard.press("Enter")
    said = answer(till, YES)
    assert re.search(r"收\s*9\.00\s*元", said)
    assert "请核对持卡人" in said
    till.get_by_role("button", name="下一位").click()
    assert "次数已满" in sell(till, "5", code, CHOICE)
    all_is_sent(till)
    assert counter.advices() == [(1, "captured")]


def test_a_sale_undone_before_it_was_sent_is_undone_when_the_server_has_it(
    till: Page, counter: Counter, customer: Customer
) -> None:
    till.context.set_offline(True)
    till.get_by_label("原价多少元？").fill("100")
    paste(till, customer.code())
    answer(till, YES)
    till.get_by_role("button", name="撤销这笔").click()
    till.locator("#undo-dialog").get_by_role("button", name="撤销", exact=True).click()
    assert "联网后自动撤销" in answer(till, DONE)
    till.get_by_role("button", name="下一位").click()
    till.get_by_role("button", name="今日").click()
    say_records(till, "待撤销")
    all_is_sent(till)
    expect(till.locator("#today-list").get_by_text("已撤销")).to_be_visible()
    assert counter.redemptions() == [("reversed", 0, 1_000)]


def test_a_till_whose_key_was_stopped_sells_nothing_alone_and_does_again_once_it_is_paired_anew(
    till: Page, counter: Counter, customer: Customer
) -> None:
    venue, world = counter.till.venue, counter.site.world
    with counter.site.session() as session:
        (own,) = keys_of(session, venue.terminal_id)
        revoke_key(session, world, RevokeKey(own.key_id))
    till.reload()
    expect(till.locator("#others")).to_contain_text("签名密钥已停用，只能联网核销")
    keep(till, "till-key-stopped-360")
    till.context.set_offline(True)
    expect(till.locator("#offline")).to_contain_text("不能断网核销：它的签名密钥已停用")
    assert "签名密钥已停用" in sell(till, "100", customer.code(), CHOICE, picture="till-key-stopped-amber-360")
    till.context.set_offline(False)
    till.reload()
    till.get_by_role("button", name="设置").click()
    keep(till, "till-key-stopped-settings-360")
    till.get_by_role("button", name="取消配对").click()
    with counter.site.session() as session:
        code = make_pairing_code(session, world, MakePairingCode(venue.terminal_id))
    till.get_by_label("配对码").fill(code)
    till.get_by_role("button", name="开始使用").click()
    expect(till.locator('[data-part="menu-alone"]')).to_contain_text("到", use_inner_text=False)
    till.context.set_offline(True)
    expect(till.locator("#offline")).to_be_visible()
    assert "断网核销" in sell(till, "100", customer.code(), YES)
    all_is_sent(till)
    assert counter.advices() == [(1, "captured")]


def test_a_code_another_till_of_the_shop_used_meanwhile_is_told_for_what_it_is(
    till: Page, counter: Counter, customer: Customer, town: Town
) -> None:
    other, code = next(town.counters), customer.code()
    till.context.set_offline(True)
    sell(till, "100", code, YES)
    body = {"code": code, "merchant_ref": "ELSEWHERE", "purchase": {"amount_fen": 10_000}}
    answered = till.context.request.post(
        f"{counter.site.url}/merchant/v1/redemptions",
        data=body,
        headers=other.till.headers | {"Idempotency-Key": "elsewhere-000000000001"},
    )
    assert answered.status == 201
    all_is_sent(till)
    till.get_by_role("button", name="今日").click()
    say_records(till, "这个码已经用过")


def test_a_phone_whose_clock_is_off_answers_four_digits(till: Page, counter: Counter, customer: Customer) -> None:
    till.get_by_label("原价多少元？").fill("100")
    paste(till, customer.code(clock_off=-240))
    said = answer(till, CHOICE)
    keep(till, "till-challenge-360")
    digits = till.locator("#answer .answer__number").inner_text()
    assert re.fullmatch(r"\d{4}", digits)
    assert "请会员输入" in said
    paste_over(till, customer.code(clock_off=-240, digits="0000" if digits != "0000" else "1111"))
    assert "不一样" in answer(till, CHOICE)
    assert till.locator("#answer .answer__number").inner_text() == digits
    paste_over(till, customer.code(clock_off=-240, digits=digits))
    assert re.search(r"收\s*90\.00\s*元", answer(till, YES))
    till.get_by_role("button", name="下一位").click()
    till.get_by_label("原价多少元？").fill("100")
    paste(till, customer.code(clock_off=240))
    answer(till, CHOICE)
    # The phone has found the time meanwhile: its code needs no digits.
    paste_over(till, customer.code())
    answer(till, YES)
    assert counter.redemptions() == [("captured", 0, 1_000)] * 2


def paste_over(page: Page, code: str) -> None:
    """The cashier scans while an answer stands, and it goes: a wedge reaches the page whatever is on it."""
    page.evaluate(
        """async code => {
          const standing = document.querySelector("#answer");
          const gone = new Promise((done) =>
            new MutationObserver(() => standing.hidden && done()).observe(standing, { attributes: true }));
          const shifted = {"$": "Digit4", "%": "Digit5", "*": "Digit8", "+": "Equal", ":": "Semicolon"};
          const plain = {" ": "Space", "-": "Minus", ".": "Period", "/": "Slash"};
          const press = (code, shiftKey) => window.dispatchEvent(new KeyboardEvent("keydown", {code, shiftKey}));
          for (const one of code) {
            if (/\\d/.test(one)) press(`Digit${one}`, false);
            else if (/[A-Z]/.test(one)) press(`Key${one}`, true);
            else press(shifted[one] ?? plain[one], one in shifted);
          }
          press("Enter", false);
          await gone;
        }""",
        code,
    )


def test_a_refund_gives_back_a_part_or_all_whoever_bears_the_benefit_and_the_whole_needs_no_amount(
    till: Page, counter: Counter, customer: Customer
) -> None:
    sell(till, "380", customer.code(), YES, "健康体检")
    sell(till, "100", customer.code(), YES)
    till.get_by_role("button", name="今日").click()
    rows = till.locator("#today-list li")
    expect(rows).to_have_count(2)
    dialog = till.locator("#refund-dialog")
    rows.nth(1).get_by_role("button", name="退款").click()
    expect(dialog).to_contain_text("退了什么？")
    dialog.get_by_label("退一部分").check()
    dialog.get_by_role("button", name="退款").click()
    expect(dialog).to_contain_text("请输入退回商品的原价")
    keep(till, "till-refund-360")
    assert faults_of_access(till) == []
    dialog.get_by_label("退回了多少元的商品？").fill("190")
    dialog.get_by_role("button", name="退款").click()
    # 138 off 380 (38 by the shop, 100 by the union): half of the goods, half of it.
    said = answer(till, DONE)
    assert re.search(r"退给会员\s*121\.00\s*元", said), said
    till.get_by_role("button", name="下一位").click()
    # Ten per cent of 100, all of it the shop's: 40 of the goods come back, then the rest.
    rows.nth(0).get_by_role("button", name="退款").click()
    expect(dialog).to_contain_text("要退给会员 90.00 元")
    dialog.get_by_label("退一部分").check()
    dialog.get_by_label("退回了多少元的商品？").fill("40")
    expect(dialog).to_contain_text("要退给会员 36.00 元")
    dialog.get_by_role("button", name="退款").click()
    assert re.search(r"退给会员\s*36\.00\s*元", answer(till, DONE))
    keep(till, "till-refunded-360")
    verb = till.locator("#answer-verb .answer__verb")
    assert verb.evaluate("it => it.getClientRects().length") == 1, "the verb stays on one line"
    till.get_by_role("button", name="下一位").click()
    rows.nth(0).get_by_role("button", name="退款").click()
    expect(dialog).to_contain_text("其中 4.00 元已经退回")
    dialog.get_by_label("退一部分").check()
    dialog.get_by_label("退回了多少元的商品？").fill("70")
    dialog.get_by_role("button", name="退款").click()
    expect(dialog).to_contain_text("只剩 6.00 元没有退回")
    keep(till, "till-refund-beyond-360")
    dialog.get_by_label("剩下的全部退").check()
    dialog.get_by_role("button", name="退款").click()
    answer(till, DONE)
    till.get_by_role("button", name="下一位").click()
    assert sorted(state for state, _, _ in counter.redemptions()) == ["partly_refunded", "refunded"]
    expect(till.get_by_text("每月结算：下次 11月30日 周一")).to_be_visible()
    # What is left in the drawer: 242 for the check, less the 121 that went back; nothing of the other sale.
    expect(till.locator('[data-part="total-payable"]')).to_have_text("121.00")
    expect(till.locator('[data-part="estimated"]')).to_be_hidden()


def test_an_earlier_sale_is_found_by_its_receipt(till: Page, customer: Customer) -> None:
    till.get_by_label("原价多少元？").fill("100")
    till.locator("details.more").evaluate("it => it.open = true")
    till.get_by_label("小票号").first.fill("A-77")
    paste(till, customer.code())
    answer(till, YES)
    till.get_by_role("button", name="下一位").click()
    till.get_by_role("button", name="今日").click()
    till.get_by_text("找以前的一笔").click()
    till.locator("#find-ref").fill("A-78")
    till.get_by_role("button", name="查找").click()
    expect(till.locator("#find-ref-error")).to_contain_text("没有这个小票号")
    till.locator("#find-ref").fill("A-77")
    till.keyboard.press("Enter")
    expect(till.locator("#find-result li")).to_contain_text("A-77")
    expect(till.locator("#find-result").get_by_role("button", name="退款")).to_be_visible()
