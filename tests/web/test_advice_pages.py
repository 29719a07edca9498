"""Pages of finance for offline records: the evidence, two people's decision, and exceptions closed with a word."""

import base64
import json
import re
from datetime import timedelta

import pytest

from cardnet.access import services as access
from cardnet.access.rules import Role
from cardnet.credential import store
from cardnet.merchant_api import evidence
from cardnet.merchant_api.signatures import record_bytes
from cardnet.merchants.services import AddKey, add_key
from tests.make import access as access_of
from tests.make.api import assert_problem, make_program, said
from tests.make.issuance import make_officer
from tests.make.redemptions import make_shop
from tests.make.signing import SigningKey
from tests.make.web import enter, submit, words_of


@pytest.fixture
def desks(app, session, world, clock):
    """A shop with one record held for review and one number missing; browsers of a maker and a checker."""
    shop = make_shop(session, world, people=2, floor_fen=20_000)
    records = [
        {
            "terminal_seq": seq,
            "occurred_at": world.now().isoformat(),
            "merchant_ref": f"OFF-{seq}",
            "code": phone.code(world),
            "purchase": {"amount_fen": 18_000, "service_code": "health_check"},
            "decision": {"benefit_fen": 10_000},
        }
        for seq, phone in zip((1, 3), shop.phones, strict=True)
    ]
    clock.advance(timedelta(hours=80))
    assert shop.post(app.test_client(), "/advices", {"records": records}).status_code == 200
    browsers = {}
    for name, role in (("maker", Role.FINANCE_MAKER), ("checker", Role.FINANCE_CHECKER)):
        officer = make_officer(session, world, shop.office.unions["C"], name, role)
        browsers[name] = app.test_client()
        enter(browsers[name], access.open_staff_session(session, world, officer.account_id).token)
    return shop, browsers["maker"], browsers["checker"]


def test_a_held_record_is_shown_with_its_evidence_accepted_by_one_and_confirmed_by_another(desks):
    shop, maker, checker = desks
    page = maker.get("/finance/advices").text
    assert words_of(page).count("超过 72 小时才上传") >= 2
    address = re.search(r"/finance/advices/[0-9a-f-]{36}", page)[0]
    seen = words_of(maker.get(address).text)
    for words in ("晚了 80 小时", "由项目资金承担", "接受后核销", "缺少这些序号的记录"):
        assert words in seen
    empty = submit(maker, f"{address}/accept", {"reason": " "})
    assert (empty.status_code, "请写明理由" in words_of(empty.text)) == (422, True)
    assert submit(maker, f"{address}/accept", {"reason": "停电，收据齐全"}).status_code == 303
    assert "要由另一人复核" in words_of(maker.get(address).text)
    assert submit(maker, f"{address}/confirm").status_code == 403
    assert "停电，收据齐全" in words_of(checker.get(address).text)
    assert submit(checker, f"{address}/confirm").status_code == 303
    assert "已经办结" in words_of(checker.get(address).text)
    again = submit(checker, f"{address}/confirm")
    assert (again.status_code, "已经有人办理" in words_of(again.text)) == (409, True)
    assert shop.count("redemption where state = 'captured'") == 1


def test_a_signed_record_is_taken_away_as_a_file_that_proves_itself(app, desks, session, world):
    """By the page and by a program alike; one without a key has nothing to prove it by, and is told so."""
    shop, maker, _ = desks
    address = re.search(r"/finance/advices/[0-9a-f-]{36}", maker.get("/finance/advices").text)[0]
    assert "下载证据文件" not in words_of(maker.get(address).text)
    assert maker.get(f"{address}/evidence").status_code == 409
    key = SigningKey()
    add_key(session, world, AddKey(shop.tills["T01"].venue.terminal_id, key.public_text))
    record = {
        "terminal_seq": 4,
        "occurred_at": world.now().isoformat(),
        "merchant_ref": "OFF-4",
        "code": shop.phones[0].code(world),
        "purchase": {"amount_fen": 900, "service_code": "health_check"},
        "clock_offset_seconds": 300,
        "key_id": key.key_id,
    }
    signature = key.private.sign(record_bytes("M1001", "T01", record))
    record["signature"] = base64.urlsafe_b64encode(signature).decode().rstrip("=")
    (told,) = shop.post(app.test_client(), "/advices", {"records": [record]}).json["results"]
    assert told["outcome"] == "held_for_review", told
    pages = re.findall(r"/finance/advices/[0-9a-f-]{36}", maker.get("/finance/advices").text)
    (mine,) = {one for one in pages if "下载证据文件" in words_of(maker.get(one).text)}
    file = maker.get(f"{mine}/evidence")
    assert file.headers["Content-Disposition"].startswith("attachment")
    assert evidence.check(file.text, store.roots(session)).faults == ()
    program = make_program(
        app.test_client(),
        session,
        world,
        make_officer(session, world, shop.office.unions["C"], "program", Role.FINANCE_MAKER),
    )
    same = program.get("/offline-evidence", merchant="M1001", merchant_ref="OFF-4")
    assert json.loads(same.data)["record"] == json.loads(file.data)["record"]
    assert_problem(program.get("/offline-evidence", merchant="M1001", merchant_ref="NONE"), 404, "advice_unknown")


def test_a_code_two_shops_took_is_shown_with_the_other_shop_and_its_moment(app, desks, clock, world):
    shop, maker, _ = desks
    now = world.now()
    online = shop.request(shop.phones[0], "R-1")
    alone = {
        "terminal_seq": 2,
        "occurred_at": (now + timedelta(seconds=20)).isoformat(),
        "list_issued_at": now.isoformat(),
        "merchant_ref": "OFF-2",
        "code": online["code"],
        "purchase": {"amount_fen": 18_000, "service_code": "health_check"},
    }
    assert shop.post(app.test_client(), "/redemptions", online, till="other").status_code == 201
    clock.advance(timedelta(hours=1))
    (told,) = shop.post(app.test_client(), "/advices", {"records": [alone]}).json["results"]
    assert (told["outcome"], told["code"]) == ("captured_with_exception", "replayed")
    assert "这个码已经用过 E11 先在 M2002 的终端" in words_of(maker.get("/finance/offline-exceptions").text)


def test_an_offline_exception_is_closed_with_a_word_and_a_name(desks):
    _, maker, _ = desks
    page = maker.get("/finance/offline-exceptions").text
    assert "缺少这些序号的记录" in words_of(page)
    asked = re.search(r'name="exception" value="([0-9a-f-]{36})"', page)[1]
    form = {"exception": asked, "kind": "exception", "words": ""}
    assert "请写明理由" in words_of(submit(maker, "/finance/offline-exceptions/close", form).text)
    form["words"] = "终端换机，找不回来"
    assert submit(maker, "/finance/offline-exceptions/close", form).status_code == 303
    assert "maker同志：终端换机，找不回来" in words_of(maker.get("/finance/offline-exceptions").text)
    assert submit(maker, "/finance/offline-exceptions/close", form).status_code == 409


def test_an_alarm_about_anything_but_offline_sales_is_not_finances_to_close(desks, session, world):
    _, maker, _ = desks
    alarm = store.Alarm(store.NOT_ISSUED, 7, b"\x01" * 8, world.new_id(), "M1001/T01", world.now())
    assert store.raise_alarm(session, world, alarm)
    (line,) = store.alarms(session, open_only=True)
    form = {"exception": str(line.id), "kind": "alarm", "words": "不归我管"}
    assert submit(maker, "/finance/offline-exceptions/close", form).status_code == 404
    assert store.alarms(session, open_only=True) == (line,)


def one_by_one(program, path, state):
    """What a list shows in pages of one."""
    seen, more = [], {}
    while True:
        page = said(program.get(path, state=state, limit=1, **more))
        seen += [one["merchant_ref"] for one in page["items"]]
        assert len(page["items"]) <= 1 and page["total"] == 2
        if page["next_cursor"] is None:
            return seen
        more = {"cursor": page["next_cursor"]}


def test_programs_decide_by_the_same_calls(desks, app, session, world):
    shop, *_ = desks
    unit = shop.office.unions["C"]
    maker, checker = (
        make_program(app.test_client(), session, world, make_officer(session, world, unit, f"p-{role}", role))
        for role in (Role.FINANCE_MAKER, Role.FINANCE_APPROVER)
    )
    waiting = said(maker.get("/advices"))["items"]
    assert one_by_one(maker, "/advices", "waiting") == [one["merchant_ref"] for one in waiting] == ["OFF-1", "OFF-3"]
    first, second = (f"/advices/{one['id']}" for one in waiting)
    assert said(maker.get(first))["if_accepted"] == {
        "outcome": "captured", "code": None, "fen": 10_000, "bearer": "program",
    }  # fmt: skip
    assert said(maker.post(f"{first}/accept", {"reason": "凭据齐全"}), 201)["state"] == "proposed"
    assert said(checker.post(f"{first}/confirm", {}))["outcome"] == "captured"
    assert said(maker.post(f"{second}/refuse", {"reason": "会员没有来过"}), 201)["state"] == "done"
    assert said(maker.get("/advices"))["items"] == []
    assert one_by_one(maker, "/advices", "decided") == ["OFF-3", "OFF-1"]
    (gap,) = said(maker.get("/offline-exceptions"))["items"]
    closed = said(maker.post(f"/offline-exceptions/{gap['id']}/close", {"reason": "找不回来"}))
    assert closed["closing_words"] == "找不回来"
    assert said(maker.get("/offline-exceptions", state="closed"))["total"] == 1


def test_a_limit_beyond_all_bounds_is_no_amount(app, session, world):
    """Found by reading: a number too large for decimal arithmetic is another error than one that is none, and was a 500."""
    maker = app.test_client()
    officer = access_of.make_officer(session, world, "maker", Role.FINANCE_MAKER)
    enter(maker, access.open_staff_session(session, world, officer.account_id).token)
    answer = submit(maker, "/finance/offline-limits", {"floor_fen": "9e999999", "document": "云工〔2026〕30号"})
    assert (answer.status_code, "请填写金额" in words_of(answer.text)) == (422, True)
