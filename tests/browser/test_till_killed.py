"""Nothing is lost when the browser is killed in the middle of a step: a real Chromium, SIGKILL to its processes.

Each kills it where an answer has been decided or is on its way: a sale online and alone, forwarding, the last four, 撤销,
退款, giving up. Two plant the bugs that the others are to find.
"""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from flask import Response, request
from playwright.sync_api import Page, Playwright, expect

from tests.browser import till as given
from tests.browser.counter import YES, answer, paste
from tests.browser.till import Counter, Customer, Killable, Town, killable, pair
from tests.make.browser import PATIENCE, Site

site, town, customer, counter = given.site, given.town, given.customer, given.counter
DONE, UNKNOWN = re.compile("^done$"), re.compile("^unknown$")

WHEN_SHOWN = """
addEventListener("DOMContentLoaded", () => {
  const screen = document.querySelector("#answer");
  new MutationObserver(() => {
    if (screen.hidden || screen.dataset.kind !== "yes") return;
    window.shown();
    // Nothing that the page still meant to do is done.
    for (;;) ;
  }).observe(screen, { attributes: true });
});
"""
"""The cashier has seen what to charge: from here on the sale must be kept, whatever happens to the browser."""

WRITES_AFTER_IT_ANSWERS = """
const add = IDBObjectStore.prototype.add;
IDBObjectStore.prototype.add = function (value) {
  if (this.name !== "queue") return add.call(this, value);
  setTimeout(() => {
    const opening = indexedDB.open("cardnet-till");
    opening.onsuccess = () => add.call(opening.result.transaction("queue", "readwrite").objectStore("queue"), value);
  }, 20);
  return this.get("");
};
"""
"""The planted bug: the queue says that it has the record, and writes it a moment later."""


@pytest.fixture
def chrome(playwright: Playwright, chromium: str, tmp_path: Path, built_pages: None) -> Iterator[Killable]:
    with killable(playwright, chromium, tmp_path / "profile") as browser:
        yield browser


@contextmanager
def killed_at(site: Site, chrome: Killable, path: str, *, after: bool, saying: str = "") -> Iterator[list[str]]:
    """Kill the browser when the server has been asked for `path` (its end) by a body with `saying`, before it does it or
    after; once. Gives the keys.
    """
    keys: list[str] = []

    def hook(response: Response | None = None) -> Response | None:
        if not request.path.endswith(path) or request.method != "POST" or saying not in request.get_data(as_text=True):
            return response
        keys.append(request.headers["Idempotency-Key"])
        if len(keys) == 1:
            chrome.kill()
            return response or Response(status=503)
        return response

    hooks = site.app.after_request_funcs if after else site.app.before_request_funcs
    hooks.setdefault(None, []).append(hook)  # type: ignore[arg-type]
    try:
        yield keys
    finally:
        hooks[None].remove(hook)  # type: ignore[arg-type]


@contextmanager
def no_answer(site: Site, path: str) -> Iterator[None]:
    """Whatever the server does there, it cannot say so."""

    def hook(response: Response) -> Response:
        return Response(status=503) if request.path == path and request.method == "POST" else response

    site.app.after_request_funcs.setdefault(None, []).append(hook)
    try:
        yield
    finally:
        site.app.after_request_funcs[None].remove(hook)


def opened_again(chrome: Killable, counter: Counter) -> Page:
    page = chrome.open()
    page.goto(f"{counter.site.url}/till")
    return page


def type_sale(page: Page, code: str) -> None:
    page.get_by_label("原价多少元？").fill("100")
    paste(page, code)


@pytest.mark.parametrize("after", [False, True], ids=["before the server does it", "when the server has done it"])
def test_killed_while_the_server_is_asked_the_till_finds_its_sale_by_its_key(
    chrome: Killable, counter: Counter, customer: Customer, after: bool
) -> None:
    page = pair(chrome.open(), counter)
    with killed_at(counter.site, chrome, "/merchant/v1/redemptions", after=after) as keys:
        with pytest.raises(Exception, match=r"closed|Target|Connection"):
            type_sale(page, customer.code())
            page.wait_for_timeout(PATIENCE)
        chrome.gone()
        again = opened_again(chrome, counter)
        assert re.search(r"收\s*90\.00\s*元", answer(again, YES))
    assert len(keys) >= 2
    assert len(set(keys)) == 1
    assert counter.redemptions() == [("captured", 0, 1_000)]


def sell_until_shown(chrome: Killable, counter: Counter, customer: Customer, *scripts: str) -> None:
    """A sale without a network; the browser dies when the screen says what to charge."""
    page = pair(chrome.open(), counter)
    page.context.expose_function("shown", chrome.kill)
    for script in (WHEN_SHOWN, *scripts):
        page.context.add_init_script(script)
    page.context.set_offline(True)
    page.reload()
    with pytest.raises(Exception, match=r"closed|Target|Connection"):
        type_sale(page, customer.code())
        page.wait_for_timeout(PATIENCE)
    chrome.gone()


def test_killed_when_the_screen_says_what_to_charge_the_sale_is_kept_and_sent(
    chrome: Killable, counter: Counter, customer: Customer
) -> None:
    sell_until_shown(chrome, counter, customer)
    page = opened_again(chrome, counter)
    expect(page.locator("#records-list li")).to_have_count(1)
    expect(page.locator("#waiting")).to_be_hidden()
    assert counter.advices() == [(1, "captured")]
    assert counter.redemptions() == [("captured", 0, 1_000)]


def test_a_queue_that_writes_after_it_answers_is_caught(chrome: Killable, counter: Counter, customer: Customer) -> None:
    sell_until_shown(chrome, counter, customer, WRITES_AFTER_IT_ANSWERS)
    page = chrome.open()
    # The day is asked for when the page has shown what it kept itself.
    with page.expect_response(lambda told: "/merchant/v1/redemptions?" in told.url):
        page.goto(f"{counter.site.url}/till")
    assert page.locator("#records-list li").count() == 0
    assert counter.advices() == []


@pytest.mark.parametrize("later", [0, 61_000], ids=["at once", "after a minute"])
def test_killed_while_it_sends_the_till_learns_what_became_of_each_record_and_sends_none_twice(
    chrome: Killable, counter: Counter, customer: Customer, later: int
) -> None:
    page = pair(chrome.open(), counter)
    page.context.set_offline(True)
    type_sale(page, customer.code())
    answer(page, YES)
    with killed_at(counter.site, chrome, "/merchant/v1/advices", after=True) as keys:
        page.context.set_offline(False)
        chrome.gone()
        again = chrome.open()
        again.context.add_init_script(f"const real = Date.now; Date.now = () => real() + {later};")
        again.goto(f"{counter.site.url}/till")
        expect(again.locator("#records-list li")).to_have_count(1)
        expect(again.locator("#waiting")).to_be_hidden()
        expect(again.locator("#records-list .badge")).to_have_text("已核销")
    assert len(set(keys)) == (2 if later else 1)
    assert counter.redemptions() == [("captured", 0, 1_000)]


FORGETS = """
const put = IDBObjectStore.prototype.put;
IDBObjectStore.prototype.put = function (value, key) {
  return key === "pending" || this.name === "later" ? this.get("") : put.call(this, value, key);
};
"""
"""The planted bug: what must be answered, or sent when there is a network, is in the page's memory alone."""

IMPATIENT = "{ const real = setTimeout; window.setTimeout = (f, ms, ...more) => real(f, [700, 1500, 3000].includes(ms) ? 0 : ms, ...more); }"
"""A till asks four times before it says that it does not know; here without the pauses."""


def confirm(page: Page, dialog: str, button: str) -> None:
    page.locator(dialog).get_by_role("button", name=button, exact=True).click()


def undo(page: Page) -> None:
    page.get_by_role("button", name="撤销这笔").click()
    confirm(page, "#undo-dialog", "撤销")


def refund(page: Page) -> None:
    page.get_by_role("button", name="下一位").click()
    page.get_by_role("button", name="今日").click()
    page.locator("#today-list li").get_by_role("button", name="退款").click()
    confirm(page, "#refund-dialog", "退款")


def dies(chrome: Killable, page: Page, act: Callable[[], None]) -> None:
    with pytest.raises(Exception, match=r"closed|Target|Connection"):
        act()
        page.wait_for_timeout(PATIENCE)
    chrome.gone()


GIVEN_BACK = {
    "undo": (undo, "/reversals", "已撤销", "reversed"),
    "refund": (refund, "/refunds", "退给会员 90.00 元", "refunded"),
}


@pytest.mark.parametrize("what", GIVEN_BACK)
def test_killed_while_it_gives_back_the_till_shows_what_became_of_it_and_gives_back_once(
    chrome: Killable, counter: Counter, customer: Customer, what: str
) -> None:
    act, path, said, state = GIVEN_BACK[what]
    page = pair(chrome.open(), counter)
    type_sale(page, customer.code())
    answer(page, YES)
    with killed_at(counter.site, chrome, path, after=True) as keys:
        dies(chrome, page, lambda: act(page))
        shown = answer(opened_again(chrome, counter), DONE)
    assert said in " ".join(shown.split())
    assert len(keys) >= 2
    assert len(set(keys)) == 1
    assert [one[0] for one in counter.redemptions()] == [state]
    assert counter.events(state) == 1


def test_a_till_that_forgets_what_must_be_answered_is_caught(
    chrome: Killable, counter: Counter, customer: Customer
) -> None:
    page = pair(chrome.open(), counter)
    type_sale(page, customer.code())
    answer(page, YES)
    page.evaluate(f"() => {{ {FORGETS} }}")
    with killed_at(counter.site, chrome, "/reversals", after=False) as keys:
        dies(chrome, page, lambda: undo(page))
        page = chrome.open()
        # The day is asked for when the page has shown what it kept itself.
        with page.expect_response(lambda told: "/merchant/v1/redemptions?" in told.url):
            page.goto(f"{counter.site.url}/till")
    assert len(keys) == 1, "nobody asks for it again"
    assert [one[0] for one in counter.redemptions()] == ["captured"], "the cashier has paid back, the union has not"


def test_killed_while_a_sale_is_given_up_it_is_undone_when_the_till_is_back(
    chrome: Killable, counter: Counter, customer: Customer
) -> None:
    page = pair(chrome.open(), counter)
    with killed_at(counter.site, chrome, "/merchant/v1/redemptions", after=True):
        dies(chrome, page, lambda: type_sale(page, customer.code()))
    page = chrome.open()
    page.context.add_init_script(IMPATIENT)
    with no_answer(counter.site, "/merchant/v1/redemptions"):
        page.goto(f"{counter.site.url}/till")
        answer(page, UNKNOWN)
        with killed_at(counter.site, chrome, "/reversals", after=True) as keys:
            dies(chrome, page, page.get_by_role("button", name="取消这笔").click)
            page = chrome.open()
            with page.expect_response(lambda told: told.url.endswith("/reversals")) as told:
                page.goto(f"{counter.site.url}/till")
            assert told.value.status == 200
    assert len(set(keys)) == 1
    assert [one[0] for one in counter.redemptions()] == ["reversed"]
    assert counter.events("reversed") == 1


def test_killed_after_the_last_four_the_till_finds_the_sale_and_asks_nobody_again(
    chrome: Killable, counter: Counter, town: Town
) -> None:
    code, last4 = town.printed
    page = pair(chrome.open(), counter)
    type_sale(page, code)
    page.get_by_label("会员证件号码的最后四位").fill(last4)
    with killed_at(counter.site, chrome, "/merchant/v1/redemptions", after=True, saying="id_last4") as keys:
        dies(chrome, page, lambda: confirm(page, "#last4-dialog", "核销"))
        assert re.search(r"收\s*90\.00\s*元", answer(opened_again(chrome, counter), YES))
    assert len(keys) >= 2
    assert len(set(keys)) == 1
    assert sorted(one[0] for one in counter.redemptions()) == ["captured", "refused"]
