"""Finance and the chair at their pages, without any script."""

import io
import json
import re
from datetime import timedelta

import pytest
from flask import g
from sqlalchemy import text as sql

from cardnet.access import services as access
from cardnet.access.rules import Role
from cardnet.finance import services
from cardnet.finance.rules import (
    CARRY_WORDS,
    DOUBT_WORDS,
    EXPLANATIONS,
    GROUP_WORDS,
    MOVER_WORDS,
    STATE_WORDS,
    TITLES,
    TYPE_WORDS,
    UNREAD_EXPLANATION,
    ExceptionState,
)
from cardnet.kernel.db import transaction
from cardnet.web import finance_words
from tests.finance.test_days_and_settlements import NEXT, at
from tests.make.finance import DAY, sales, statement_csv
from tests.make.issuance import make_officer
from tests.make.web import enter, form_token, submit, words_of


@pytest.fixture
def browser_of(shop, shop_app, world):
    """A browser in which somebody with these roles has signed in."""

    def make(*roles):
        with transaction() as session:
            union = access_union(session)
            officer = make_officer(session, world, union, "-".join(roles), *roles)
            token = access.open_staff_session(session, world, officer.account_id).token
        # These tests stand inside the app's context, where a request finds what the one before left in `g`.
        g.pop("principal", None)
        client = shop_app.test_client()
        enter(client, token)
        return client

    return make


def access_union(session):
    from cardnet.membership import services as membership

    return min(membership.unions_under(session, "/"), key=lambda union: len(union.path))


def upload(client, content, filename="百禾十月.csv", merchant="M1001", first=DAY, last=DAY, confirmed=""):
    data = {
        "file": (io.BytesIO(content), filename),
        "merchant": merchant,
        "first_on": str(first),
        "last_on": str(last),
        "confirmed": confirmed,
        "_token": form_token(client),
    }
    return client.post("/finance/reconciliation", data=data, content_type="multipart/form-data")


@pytest.fixture
def difference_of_five_yuan(shop, clock):
    """Ours 4 lines 24.00, theirs 3 lines 19.00: one is missing (6.00), one is booked as 7.00."""
    refs = sales(shop, clock, [at(DAY, 9, minute) for minute in range(4)])
    clock.set(at(NEXT, 9))
    return statement_csv([(refs[0], DAY, "6.00"), (refs[1], DAY, "7.00"), (refs[2], DAY, "6.00")])


def test_the_maker_closes_the_day_and_finds_the_settlement_signed(shop, browser_of, clock):
    shop.redeem(0)
    clock.set(at(NEXT, 9))
    maker = browser_of(Role.FINANCE_MAKER)
    home = maker.get("/finance").text
    assert "未日结" in words_of(home)
    done = submit(maker, "/finance/days/close", {"day": str(DAY), "scope": "everyone"})
    assert done.status_code == 303
    listed = maker.get("/finance/settlements").text
    assert "JS-M1001-20261121" in listed
    assert "¥100.00" in listed
    (address,) = set(re.findall(r"/finance/settlements/[0-9a-f-]{36}", listed))
    page = maker.get(address).text
    assert "核验通过" in page
    signed = maker.get(f"{address}/statement.json")
    with transaction() as session:
        assert services.verify_settlement(session, shop.world, signed.data) == []
    table = maker.get(f"{address}/statement.csv")
    assert table.data.startswith(b"\xef\xbb\xbfline_no,")
    assert table.headers["Content-Disposition"] == 'attachment; filename="JS-M1001-20261121.csv"'
    assert maker.get(f"{address}/statement.pdf").status_code == 404
    assert json.loads(signed.data)["statement"]["totals"]["net_fen"] == 10_000


def test_a_day_that_is_not_over_is_refused_beside_its_field(browser_of):
    maker = browser_of(Role.FINANCE_MAKER)
    answer = submit(maker, "/finance/days/close", {"day": str(DAY), "scope": "due"})
    assert answer.status_code == 409
    assert "还没有结束" in words_of(answer.text)
    assert submit(maker, "/finance/days/close", {"day": "昨天"}).status_code == 422


def test_the_five_yuan_are_explained_side_by_side(browser_of, difference_of_five_yuan):
    maker = browser_of(Role.FINANCE_MAKER)
    sent = upload(maker, difference_of_five_yuan)
    assert sent.status_code == 303
    text = words_of(maker.get(sent.location).text)
    for words in (
        "我方 ¥24.00",
        "商户方 ¥19.00",
        "相差 ¥5.00",
        "我有他无",
        "金额不符",
        "商户多 1.00 元",
        "商户文件里没有",
    ):
        assert words in text, words
    only = words_of(maker.get(f"{sent.location}?group=amount").text)
    assert "商户多 1.00 元" in only
    assert "商户文件里没有" not in only
    second = upload(maker, difference_of_five_yuan, "again.csv")
    assert second.status_code == 409
    assert "百禾十月.csv" in words_of(second.text)
    assert sent.location in second.text
    again = submit(maker, f"{sent.location}/again")
    assert again.status_code == 303
    assert "结果与上次相同" in maker.get(again.location).text


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"merchant": ""}, "请选择商户"),
        ({"merchant": "NONE"}, "商户"),
        ({"first": "2026-11-22", "last": "2026-11-01"}, "晚于截止日"),
        ({"first": "x"}, "起始日期"),
        ({"content": b""}, "空"),
        ({"content": b"%PDF-1.7 ..."}, "PDF"),
        ({"content": b"a,b\n1,2\n"}, "没有找到表头"),
    ],
)
def test_a_file_that_cannot_be_taken_comes_back_with_a_sentence(browser_of, change, field):
    maker = browser_of(Role.FINANCE_MAKER)
    answer = upload(maker, change.pop("content", b"ref,amount\nR,1\n"), **change)
    assert answer.status_code in (404, 409, 422)
    assert field in words_of(answer.text)


PAGES = ("/finance", "/finance/settlements", "/finance/reconciliation", "/overview")


@pytest.mark.parametrize(
    ("role", "opened", "may_act"),
    [
        (Role.FINANCE_MAKER, {*PAGES} - {"/overview"}, True),
        (Role.FINANCE_CHECKER, {*PAGES} - {"/overview"}, False),
        (Role.AUDITOR, {*PAGES}, False),
        (Role.CHAIR, {*PAGES}, False),
        (Role.DISTRICT_OFFICER, {*PAGES}, False),
        (Role.UNIT_OFFICER, set(), False),
    ],
)
def test_each_role_opens_what_suits_it(browser_of, role, opened, may_act):
    client = browser_of(role)
    assert {page for page in PAGES if client.get(page).status_code == 200} == opened
    assert (client.get("/finance/reconciliation/new").status_code == 200) == may_act
    assert (upload(client, b"ref,amount\nR,1\n").status_code == 303) == may_act
    assert (submit(client, "/finance/days/close", {"day": str(DAY)}).status_code == 403) != may_act


@pytest.mark.parametrize(
    "path", ["/finance/settlements/none", "/finance/reconciliation/01a1fbd4-0000-7000-8000-000000000000"]
)
def test_an_unknown_id_is_not_found(browser_of, path):
    assert browser_of(Role.AUDITOR).get(path).status_code == 404


def test_the_chair_sees_one_page_with_people_money_and_what_is_stuck(shop, browser_of, difference_of_five_yuan, clock):
    upload(browser_of(Role.FINANCE_MAKER), difference_of_five_yuan)
    clock.advance(timedelta(hours=1))
    text = words_of(browser_of(Role.CHAIR).get("/overview").text)
    for words in ("计划完成", "覆盖", "激活", "使用", "健康体检补贴", "¥24.00", "对账差异", "业务日未日结"):
        assert words in text, words


def test_the_words_of_the_pages_are_those_of_the_rules():
    def plain(table):
        return {str(code): str(word[1] if isinstance(word, tuple) else word) for code, word in table.items()}

    assert plain(finance_words.GROUPS) == plain(GROUP_WORDS)
    assert plain(finance_words.TITLES) == plain(TITLES)
    assert plain(finance_words.SENTENCES) == plain(EXPLANATIONS)
    assert plain(finance_words.TYPES) == plain(TYPE_WORDS)
    assert plain(finance_words.MOVERS) == plain(MOVER_WORDS)
    assert plain(finance_words.SETTLEMENT_STATES) == plain(STATE_WORDS)
    assert plain(finance_words.CARRIED) == plain(CARRY_WORDS)
    assert str(finance_words.UNREAD) == UNREAD_EXPLANATION
    assert plain(finance_words.DOUBTS) == plain(DOUBT_WORDS)
    assert set(finance_words.EXCEPTION_STATES) == {state.value for state in ExceptionState}


@pytest.mark.parametrize("day", ["0001-01-01", "9999-12-31", "2026-02-30"])
def test_days_no_calendar_of_ours_holds_are_asked_for_again(browser_of, day):
    maker = browser_of(Role.FINANCE_MAKER)
    assert submit(maker, "/finance/days/close", {"day": day}).status_code == 422
    assert upload(maker, b"ref,amount\nR,1\n", first=day, last=day).status_code == 422


def test_a_strange_file_is_doubted_confirmed_told_and_set_aside(shop, browser_of, clock):
    refs = sales(shop, clock, [at(DAY, 9, minute) for minute in range(5)])
    clock.set(at(NEXT, 9))
    maker = browser_of(Role.FINANCE_MAKER)
    late = statement_csv([(ref, DAY - timedelta(days=30), "6.00") for ref in refs])
    doubted = upload(maker, late)
    assert (doubted.status_code, "与所选期间不符" in words_of(doubted.text)) == (409, True)
    token = re.search(r'name="confirmed" value="([0-9a-f]{64})"', doubted.text)[1]
    assert upload(maker, late + b"\r\n", confirmed=token).status_code == 409, "a tick is for one file only"
    sent = upload(maker, late, confirmed=token)
    assert sent.status_code == 303
    text = words_of(maker.get(sent.location).text)
    for words in ("5 行（日期在 2026年10月22日 至 2026年10月22日 之间）", "与所选期间不符", "作废"):
        assert words in text, words
    assert submit(maker, f"{sent.location}/set-aside", {"reason": " "}).status_code == 422
    assert submit(maker, f"{sent.location}/set-aside", {"reason": "传错了月份"}).status_code == 303
    gone = words_of(maker.get(sent.location).text)
    assert "传错了月份" in gone
    assert "随对账作废" in gone
    assert "已作废" in words_of(maker.get("/finance/reconciliation?show=all").text)
    assert "百禾" not in words_of(maker.get("/finance/reconciliation").text)
    assert submit(maker, f"{sent.location}/set-aside", {"reason": "再来"}).status_code == 409


def test_a_page_contradicts_nothing(shop, browser_of, clock):
    refs = sales(shop, clock, [at(DAY, 9, minute) for minute in range(3)])
    clock.set(at(NEXT, 9))
    maker = browser_of(Role.FINANCE_MAKER)
    other_day = upload(maker, statement_csv([(refs[0], NEXT, "6.00"), *((ref, DAY, "6.00") for ref in refs[1:])]))
    text = words_of(maker.get(other_day.location).text)
    assert "已按跨日记账" in text
    assert "没有计入" not in text
    assert "影响" not in text
    refused = upload(maker, statement_csv([(refs[0], DAY, "6.00"), ("合计", "", "7.00")]), "wrong.csv")
    text = words_of(maker.get(refused.location).text)
    assert "仍以那一次为准" in text
    assert "其他 ¥0.00" not in text
    assert "相差" not in text


def test_days_before_the_books_are_refused_and_a_day_without_trade_is_not_called_open(shop, browser_of, clock):
    clock.set(at(NEXT + timedelta(days=2), 9))
    maker = browser_of(Role.FINANCE_MAKER)
    answer = submit(maker, "/finance/days/close", {"day": "2020-01-01", "scope": "due"})
    assert (answer.status_code, "没有任何账目" in words_of(answer.text)) == (409, True)
    home = maker.get("/finance").text
    assert "没有交易" in words_of(home)
    assert "未日结" not in words_of(home).replace("有交易未日结", "")


def test_a_settlement_says_who_bears_what(shop, browser_of, clock):
    shop.redeem(0)
    clock.set(at(NEXT, 9))
    shop.settle(DAY)
    with transaction() as session:
        (sealed,) = services.settlements(session)
        session.execute(sql("update redemption set captured_fen = 12000, held_fen = 12000, discount_fen = 2000"))
    page = words_of(browser_of(Role.AUDITOR).get(f"/finance/settlements/{sealed.id}").text)
    assert "合计优惠 商户承担 工会承担" in page
    assert "¥380.00 ¥120.00 ¥20.00 ¥100.00" in page
    assert "商户让利" not in page
