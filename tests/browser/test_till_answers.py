"""An answer that comes late, or never; what cannot be kept; what is undone on the same day."""

import re

from playwright.sync_api import Page, Route, expect

from tests.browser import counter
from tests.browser.counter import NO, OPEN, YES, Shop, answer, paste, scan_with_wedge
from tests.make.browser import keep

site, town, shop, clinic = counter.site, counter.town, counter.shop, counter.clinic
till, plain_till = counter.till, counter.plain_till


DISK_FULL = """() => {
  const put = IDBObjectStore.prototype.put;
  IDBObjectStore.prototype.put = function (value, key) {
    if (key === "pending") throw new DOMException("full", "QuotaExceededError");
    return put.call(this, value, key);
  };
  window.mended = () => (IDBObjectStore.prototype.put = put);
}"""


def test_a_sale_that_cannot_be_kept_is_not_sent_and_one_is_undone_on_the_same_day_and_the_list_says_so(
    till: Page, shop: Shop
) -> None:
    till.evaluate(DISK_FULL)
    till.get_by_label("原价多少元？").fill("1000")
    paste(till, shop.code())
    said = answer(till, NO)
    assert "没有核销" in said and "存储满了" in said and "没有发出去" in said and "12351" in said
    assert shop.count() == 0
    keep(till, "till-disk-full-360")
    till.evaluate("() => void window.mended()")
    till.get_by_role("button", name="下一位").click()
    till.get_by_label("原价多少元？").fill("1000")
    paste(till, shop.code())
    answer(till, YES)
    till.get_by_role("button", name="撤销这笔").click()
    till.locator("#undo-dialog").get_by_role("button", name="撤销", exact=True).click()
    assert "已撤销" in answer(till, re.compile("^done$"))
    keep(till, "till-undone-360")
    till.get_by_role("button", name="下一位").click()
    till.get_by_role("button", name="今日").click()
    row = till.locator("#today-list li").first
    expect(row.get_by_text("已撤销")).to_be_visible()
    expect(row.get_by_role("button", name="撤销")).to_be_hidden()
    expect(till.locator('[data-part="total-payable"]')).to_have_text("0.00")
    keep(till, "till-today-360", full=True)
    assert shop.count("reversed") == 1


def test_nobody_waits_for_the_days_list_and_a_scan_beside_a_question_is_told(plain_till: Page, shop: Shop) -> None:
    till, listing = plain_till, list[Route]()

    def keep_waiting(route: Route) -> None:
        listing.append(route)

    till.route("**/merchant/v1/redemptions?business_date=*", keep_waiting)
    for _ in range(2):
        till.get_by_label("原价多少元？").fill("1000")
        paste(till, shop.code())
        answer(till, YES)
        till.get_by_role("button", name="下一位").click()
    till.get_by_label("原价多少元？").fill("1000")
    paste(till, shop.code())
    answer(till, YES)
    till.get_by_role("button", name="撤销这笔").click()
    scan_with_wedge(till, shop.code())
    expect(till.locator("#unheard")).to_contain_text("没有用上")
    keep(till, "till-unheard-360")
    till.locator("#undo-dialog").get_by_role("button", name="撤销", exact=True).click()
    answer(till, re.compile("^done$"))
    assert (shop.count("captured"), shop.count("reversed")) == (2, 1)
    assert listing, "the list was asked for, and never came"


def test_a_code_scanned_while_another_sale_is_asked_about_is_told_and_a_second_reading_of_the_same_is_not(
    plain_till: Page, shop: Shop
) -> None:
    till, waiting = plain_till, list[Route]()

    def keep_waiting(route: Route) -> None:
        waiting.append(route)

    till.route("**/merchant/v1/redemptions", keep_waiting)
    first, second = shop.code(), shop.code()
    till.get_by_label("原价多少元？").fill("1000")
    paste(till, first)
    expect(till.locator("#asking")).to_have_text("正在核销…")
    scan_with_wedge(till, first)
    # Its keys have been heard once they are pressed.
    expect(till.locator("#unheard")).to_be_hidden()
    scan_with_wedge(till, second)
    expect(till.locator("#unheard")).to_contain_text("没有用上")
    keep(till, "till-unheard-while-asking-360")
    for request in waiting:
        request.continue_()
    till.unroute("**/merchant/v1/redemptions")
    answer(till, YES)
    assert shop.count() == 1


def lose_answers(page: Page, path: str, times: int | None = None) -> list[str]:
    """The server hears the request, the till never hears the answer. Gives the keys as they are sent."""
    keys: list[str] = []

    def lose(route: Route) -> None:
        if route.request.method != "POST":
            route.continue_()
            return
        keys.append(route.request.headers["idempotency-key"])
        route.fetch()
        route.abort()

    page.route(path, lose, **({} if times is None else {"times": times}))
    return keys


def test_a_lost_answer_is_asked_for_again_with_the_same_key_and_nothing_happens_twice(
    plain_till: Page, shop: Shop
) -> None:
    keys = lose_answers(plain_till, "**/merchant/v1/redemptions", times=2)
    plain_till.get_by_label("原价多少元？").fill("100")
    paste(plain_till, shop.code())
    expect(plain_till.locator("#answer")).to_be_visible()
    assert re.search(r"收\s*90\.00\s*元", answer(plain_till, YES))
    assert len(set(keys)) == 1
    assert shop.count() == 1


def test_an_open_outcome_survives_the_page_and_is_settled_at_the_next_start(plain_till: Page, shop: Shop) -> None:
    keys = lose_answers(plain_till, "**/merchant/v1/redemptions")
    plain_till.get_by_label("原价多少元？").fill("100")
    paste(plain_till, shop.code())
    expect(plain_till.locator("#answer")).to_be_visible()
    assert "还不知道结果" in answer(plain_till, OPEN)
    expect(plain_till.get_by_role("button", name="下一位")).to_be_hidden()
    keep(plain_till, "till-unknown-360")
    plain_till.unroute("**/merchant/v1/redemptions")
    plain_till.reload()
    assert re.search(r"收\s*90\.00\s*元", answer(plain_till, YES))
    assert len(set(keys)) == 1
    assert shop.count() == 1


def test_an_open_outcome_may_be_given_up_and_then_never_happened(plain_till: Page, shop: Shop) -> None:
    lose_answers(plain_till, "**/merchant/v1/redemptions")
    plain_till.get_by_label("原价多少元？").fill("100")
    paste(plain_till, shop.code())
    expect(plain_till.locator("#answer")).to_be_visible()
    plain_till.get_by_role("button", name="取消这笔").click()
    assert "已撤销" in answer(plain_till, re.compile("^done$"))
    assert shop.count("reversed") == 1
    assert shop.count("captured") == 0
