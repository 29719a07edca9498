"""Redeeming over HTTP: the scenarios M1–M3, M9 and M12, holds, look-ups, and what is refused how."""

import json
import uuid
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import text

from cardnet.merchant_api import schemas
from cardnet.merchant_api.invariants import INVARIANTS
from tests.make.redemptions import new_key


def problem(answer, status: int, code: str) -> dict:
    assert (answer.status_code, answer.json["code"]) == (status, code)
    assert answer.content_type == "application/problem+json"
    return answer.json


def test_m1_a_redemption_pays_the_subsidy_once_and_is_posted(shop, client):
    answer = shop.post(client, "/redemptions", shop.request(shop.phones[0]), "K1-aaaaaaaaaaaaaa")
    assert answer.status_code == 201
    said = answer.json
    assert said["subsidy_fen"] == 10_000
    assert said["payable_fen"] == 28_000
    assert (said["outcome"], said["business_date"]) == ("captured", "2026-11-21")
    postings = shop.session.execute(
        text("""
            select a.code, p.amount from posting p join entry e on e.id = p.entry_id join ledger_account a on a.id = p.account_id
             where e.kind = 'capture' order by 1, 2""")
    ).all()
    assert [tuple(row) for row in postings] == [
        ("2001", -10_000),
        ("5001", 10_000),
        ("8002", 10_000),
        ("8004", -10_000),
    ]
    assert shop.pool_left() == 49_990_000
    assert shop.count("outbox_event where kind like 'redemption%'") == 1


def test_the_answer_has_exactly_the_fields_of_the_contract_in_their_order(shop, client):
    body = shop.request(shop.phones[0])
    body["purchase"]["lines"] = [{"line_no": 1, "amount_fen": 38_000, "category": "health"}]
    answer = shop.post(client, "/redemptions", body)
    assert list(json.loads(answer.data)) == [
        "id", "outcome", "business_date", "merchant_ref", "amount_fen", "discount_fen", "subsidy_fen", "payable_fen",
        "event_at", "benefits", "not_applied", "member", "assurance", "held_until", "server_time",
    ]  # fmt: skip
    assert answer.json | {"id": None} == {
        "id": None,
        "outcome": "captured",
        "business_date": "2026-11-21",
        "merchant_ref": "R-0001",
        "amount_fen": 38_000,
        "discount_fen": 0,
        "subsidy_fen": 10_000,
        "payable_fen": 28_000,
        "event_at": "2026-11-21T10:00:00+08:00",
        "benefits": [
            {
                "program": "HC2026",
                "name": "健康体检补贴",
                "kind": "subsidy",
                "benefit_fen": 10_000,
                "union_fen": 10_000,
                "merchant_fen": 0,
                "rule_version": 1,
                "lines": [{"line_no": 1, "benefit_fen": 10_000}],
            }
        ],
        "not_applied": [],
        "member": {"display": "周*"},
        "assurance": "device",
        "held_until": None,
        "server_time": "2026-11-21T10:00:00+08:00",
    }
    assert uuid.UUID(answer.json["id"]).version == 7
    assert schemas.Redemption().validate(answer.json) == {}


def test_m2_a_repeat_is_byte_equal_also_from_another_terminal(shop, client, clock):
    key, body = new_key(), shop.request(shop.phones[0])
    first = shop.post(client, "/redemptions", body, key)
    rows = shop.count("redemption"), shop.count("posting"), shop.count("outbox_event")
    clock.advance(timedelta(seconds=40))  # the code is stale by now, and nobody minds
    for till in ("T01", "T02"):
        again = shop.post(client, "/redemptions", body, key, till)
        assert (again.status_code, again.data, again.content_type) == (201, first.data, first.content_type)
        assert again.headers["Idempotency-Replayed"] == "true"
    assert "Idempotency-Replayed" not in first.headers
    assert (shop.count("redemption"), shop.count("posting"), shop.count("outbox_event")) == rows
    other = shop.post(client, "/redemptions", shop.request(shop.phones[2]), key, "other")
    assert other.status_code == 201
    assert other.json["id"] != first.json["id"]


def test_m3_a_key_with_another_amount_is_refused_and_writes_nothing(shop, client):
    key, body = new_key(), shop.request(shop.phones[0])
    shop.post(client, "/redemptions", body, key)
    rows = shop.count("redemption"), shop.count("idempotency_key")
    body["purchase"]["amount_fen"] = 38_001
    found = problem(shop.post(client, "/redemptions", body, key), 422, "idempotency_key_reused")
    assert found["retry"] == "new_key"
    assert (shop.count("redemption"), shop.count("idempotency_key")) == rows


def test_m9_a_reversal_before_its_original_is_a_tombstone(shop, client):
    original, reversal = "K9-aaaaaaaaaaaaaa", new_key()
    body = {"original_idempotency_key": original, "reason": "timeout"}
    first = shop.post(client, "/reversals", body, reversal)
    assert (first.status_code, first.json["outcome"]) == (200, "tombstoned")
    late = shop.post(client, "/redemptions", shop.request(shop.phones[0]), original)
    problem(late, 409, "already_reversed")
    other = shop.request(shop.phones[1], "R-0002", amount_fen=50_000)
    assert shop.post(client, "/redemptions", other, original).data == late.data  # whatever its body
    again = shop.post(client, "/reversals", body, reversal)
    assert (again.status_code, again.data) == (200, first.data)
    assert shop.post(client, "/reversals", body, new_key()).json["outcome"] == "tombstoned"
    assert shop.count("usage") == 0
    assert shop.pool_left() == 50_000_000


def test_m12_the_business_date_is_shanghais_to_the_millisecond(shop, client, clock):
    shop.session.execute(text("set local timezone to 'America/Los_Angeles'"))
    clock.set(datetime(2026, 11, 21, 15, 59, 59, 900_000, UTC))
    before = shop.post(client, "/redemptions", shop.request(shop.phones[0], "R-1"))
    clock.set(datetime(2026, 11, 21, 16, 0, 0, 50_000, UTC))
    after = shop.post(client, "/redemptions", shop.request(shop.phones[1], "R-2"))
    assert (before.json["business_date"], after.json["business_date"]) == ("2026-11-21", "2026-11-22")
    days = shop.session.execute(text("select business_date::text from redemption order by id")).scalars().all()
    assert days == ["2026-11-21", "2026-11-22"]
    for day, answer in (("2026-11-21", before), ("2026-11-22", after)):
        listed = shop.get(client, f"/redemptions?business_date={day}").json["redemptions"]
        assert [row["id"] for row in listed] == [answer.json["id"]]


def test_a_refusal_is_stored_told_in_words_and_replayed_byte_for_byte(shop, client):
    shop.post(client, "/redemptions", shop.request(shop.phones[0], "R-1"))
    key, body = new_key(), shop.request(shop.phones[0], "R-2")
    refused = shop.post(client, "/redemptions", body, key)
    said = problem(refused, 422, "refused")
    assert said["retry"] == "new_key"
    assert said["reasons"][0]["program"] == "HC2026"
    assert said["reasons"][0]["code"] == "limit_count"
    assert said["reasons"][0]["detail"] == {"used": 1, "max": 1, "period": "2026"}
    assert schemas.Refusal().validate(said) == {}
    again = shop.post(client, "/redemptions", body, key)
    assert (again.status_code, again.data, again.headers["Idempotency-Replayed"]) == (422, refused.data, "true")
    shown = shop.get(client, f"/redemptions/{said['redemption_id']}").json
    assert (shown["outcome"], shown["payable_fen"]) == ("refused", 38_000)
    assert shop.pool_left() == 49_990_000


def test_a_stale_code_is_refused_and_recorded(shop, client, clock):
    body = shop.request(shop.phones[0])
    clock.advance(timedelta(seconds=36))
    said = problem(shop.post(client, "/redemptions", body), 422, "refused")
    assert said["reasons"][0] == {
        "program": None,
        "code": "stale_proof",
        "message": "这是 36 秒前的动态码，已过期，请会员出示现在的动态码。",
        "detail": {"delta_seconds": 36},
    }
    stored = shop.session.scalar(text("select reasons from redemption where state = 'refused'"))
    assert [reason["detail"] for reason in stored] == [{"delta_seconds": 36}]


def test_a_phone_that_is_ahead_is_told_by_how_much(shop, client, clock):
    clock.advance(timedelta(minutes=5))
    body = shop.request(shop.phones[0])
    clock.advance(timedelta(minutes=-5))
    (reason,) = problem(shop.post(client, "/redemptions", body), 422, "refused")["reasons"]
    assert (reason["code"], reason["detail"]) == ("future_proof", {"delta_seconds": -300})
    assert "快了 5 分钟" in reason["message"]


@pytest.mark.parametrize(
    ("code", "outcome"),
    [
        ("https://example.invalid/x", "malformed"),
        ("CN2:ABC", "unsupported_version"),
        ("CN1:" + "A" * 4_000, "malformed"),
        ("CN1:\n\t", "malformed"),
        ("１２３", "malformed"),
    ],
)
def test_whatever_else_was_scanned_is_refused_with_its_outcome(shop, client, code, outcome):
    body = shop.request(shop.phones[0]) | {"code": code}
    said = problem(shop.post(client, "/redemptions", body), 422, "refused")
    assert said["reasons"][0]["code"] == outcome


def test_a_code_made_out_to_another_merchant_is_refused(shop, client, world):
    body = shop.request(shop.phones[0]) | {"code": shop.phones[0].code(world, "M2002")}
    assert problem(shop.post(client, "/redemptions", body), 422, "refused")["reasons"][0]["code"] == "wrong_audience"
    bound = shop.request(shop.phones[1]) | {"code": shop.phones[1].code(world, "M1001")}
    assert shop.post(client, "/redemptions", bound).status_code == 201


def test_a_code_used_once_is_replayed_at_every_till_with_when_and_to_its_merchant_where(shop, client, clock):
    body = shop.request(shop.phones[0], "R-1")
    first = shop.post(client, "/redemptions", body)
    assert first.status_code == 201
    clock.advance(timedelta(seconds=20))
    when = {"used_at": first.json["event_at"]}
    own = when | {"store": shop.tills["T01"].venue.store_code, "terminal": "T01"}
    for till, detail in (("T01", own), ("T02", own), ("other", when)):
        answer = shop.post(client, "/redemptions", body | {"merchant_ref": f"R-{till}"}, till=till)
        (reason,) = problem(answer, 422, "refused")["reasons"]
        assert (reason["code"], reason["detail"]) == ("replayed", detail)
        assert ("收银台 T01 用过" in reason["message"]) is (till != "other")


def test_one_merchant_reference_is_one_live_redemption(shop, client):
    first = shop.post(client, "/redemptions", shop.request(shop.phones[0], "R-1")).json
    key, body = new_key(), shop.request(shop.phones[1], "R-1")
    second = shop.post(client, "/redemptions", body, key)
    said = problem(second, 409, "duplicate_merchant_reference")
    assert said["detail"] == {"redemption_id": first["id"], "href": f"/merchant/v1/redemptions/{first['id']}"}
    assert client.get(said["detail"]["href"], headers=shop.tills["T01"].headers).json["merchant_ref"] == "R-1"
    assert shop.post(client, "/redemptions", body, key).data == second.data  # kept, so a retry hears it again
    assert shop.post(client, "/redemptions", shop.request(shop.phones[1], "R-1"), till="other").status_code == 201
    assert shop.count("redemption") == 2


def test_a_quote_says_what_would_apply_and_stores_nothing(shop, client, world):
    body = {"code": shop.phones[0].code(world), "purchase": {"amount_fen": 38_000, "service_code": "health_check"}}
    answer = client.post("/merchant/v1/quotes", json=body, headers=shop.tills["T01"].headers)
    assert answer.status_code == 200
    assert (answer.json["outcome"], answer.json["payable_fen"]) == ("applicable", 28_000)
    assert "id" not in answer.json
    assert schemas.Quote().validate(answer.json) == {}
    wrong = client.post(
        "/merchant/v1/quotes",
        json=body | {"purchase": {"amount_fen": 100, "service_code": "haircut"}},
        headers=shop.tills["T01"].headers,
    )
    assert (wrong.status_code, wrong.json["outcome"]) == (200, "refused")
    assert wrong.json["reasons"]
    assert (shop.count("redemption"), shop.count("idempotency_key")) == (0, 0)


def test_a_hold_is_captured_in_part_and_the_rest_is_free_again(shop, client):
    held = shop.post(client, "/redemptions", shop.request(shop.phones[0], capture=False, hold_seconds=60))
    assert (held.status_code, held.json["outcome"]) == (201, "held")
    assert held.json["held_until"] == "2026-11-21T10:01:00+08:00"
    assert shop.pool_left() == 49_990_000
    path = f"/redemptions/{held.json['id']}/capture"
    key = new_key()
    used = shop.post(client, path, {"benefit_fen": 7_000}, key)
    assert (used.status_code, used.json["outcome"]) == (200, "captured")
    assert (used.json["subsidy_fen"], used.json["payable_fen"]) == (7_000, 31_000)
    assert used.json["released_fen"] == 3_000
    assert shop.pool_left() == 49_993_000
    assert shop.post(client, path, {"benefit_fen": 7_000}, key).data == used.data
    problem(shop.post(client, path, {"benefit_fen": 7_000}), 409, "invalid_state")


def test_capturing_more_than_is_held_is_refused_and_kept(shop, client):
    held = shop.post(client, "/redemptions", shop.request(shop.phones[0], capture=False)).json
    path, key = f"/redemptions/{held['id']}/capture", new_key()
    first = shop.post(client, path, {"benefit_fen": 10_001}, key)
    problem(first, 422, "capture_exceeds_held")
    assert first.json["retry"] == "new_key"
    assert shop.post(client, path, {"benefit_fen": 10_001}, key).data == first.data
    assert shop.post(client, path, {"benefit_fen": 10_000}).status_code == 200


def test_a_hold_that_has_run_out_is_released_by_the_late_capture(shop, client, clock):
    held = shop.post(client, "/redemptions", shop.request(shop.phones[0], capture=False, hold_seconds=60)).json
    clock.advance(timedelta(seconds=61))
    key, path = new_key(), f"/redemptions/{held['id']}/capture"
    late = shop.post(client, path, {"benefit_fen": 1}, key)
    problem(late, 409, "hold_expired")
    assert shop.pool_left() == 50_000_000
    assert shop.post(client, path, {"benefit_fen": 1}, key).data == late.data


def test_a_redemption_is_reversed_whole_by_key_or_by_id(shop, client):
    key = new_key()
    first = shop.post(client, "/redemptions", shop.request(shop.phones[0], "R-1"), key).json
    second = shop.post(client, "/redemptions", shop.request(shop.phones[1], "R-2")).json
    by_key = shop.post(client, "/reversals", {"original_idempotency_key": key, "reason": "timeout"})
    by_id = shop.post(client, "/reversals", {"redemption_id": second["id"], "reason": "customer_cancelled"})
    assert (by_key.json["outcome"], by_key.json["redemption_id"]) == ("reversed", first["id"])
    assert (by_id.json["outcome"], by_id.json["redemption_id"]) == ("reversed", second["id"])
    assert schemas.Reversal().validate(by_id.json) == {}
    assert shop.pool_left() == 50_000_000
    assert shop.get(client, f"/redemptions/{first['id']}").json["outcome"] == "reversed"
    assert shop.post(client, "/reversals", {"redemption_id": second["id"]}).json["outcome"] == "reversed"
    # The member may use it again, and the shop its number.
    assert shop.post(client, "/redemptions", shop.request(shop.phones[0], "R-1")).status_code == 201


def test_a_refused_original_leaves_nothing_to_reverse(shop, client, clock):
    key, body = new_key(), shop.request(shop.phones[0])
    clock.advance(timedelta(minutes=2))
    shop.post(client, "/redemptions", body, key)
    said = shop.post(client, "/reversals", {"original_idempotency_key": key, "reason": "timeout"})
    assert (said.status_code, said.json["outcome"]) == (200, "nothing_to_reverse")


def test_a_redemption_is_found_by_id_key_and_reference(shop, client):
    key, ref = new_key(), "店/2026 #0001"
    made = shop.post(client, "/redemptions", shop.request(shop.phones[0], ref), key)
    for path in (
        f"/redemptions/{made.json['id']}",
        f"/redemptions/by-key/{key}",
        f"/redemptions/by-ref/{ref.replace('#', '%23')}",
    ):
        found = shop.get(client, path)
        assert found.status_code == 200, path
        assert found.json == made.json | {"refunded_fen": 0, "refunded_union_fen": 0}
        problem(shop.get(client, path, "other"), 404, "not_found")


def test_nothing_of_another_merchant_can_be_touched(shop, client):
    made = shop.post(client, "/redemptions", shop.request(shop.phones[0], capture=False)).json
    problem(shop.post(client, f"/redemptions/{made['id']}/capture", {}, till="other"), 404, "not_found")
    problem(shop.post(client, "/reversals", {"redemption_id": made["id"]}, till="other"), 404, "not_found")
    assert shop.get(client, "/redemptions", "other").json["redemptions"] == []
    assert shop.post(client, f"/redemptions/{made['id']}/capture", {}, till="T02").status_code == 200


def test_the_days_list_is_read_page_by_page_newest_first(shop, client):
    made = [
        shop.post(client, "/redemptions", shop.request(phone, f"R-{n}")).json["id"]
        for n, phone in enumerate(shop.phones)
    ]
    page = shop.get(client, "/redemptions?limit=2").json
    assert [row["id"] for row in page["redemptions"]] == made[:0:-1]
    rest = shop.get(client, f"/redemptions?limit=2&cursor={page['next_cursor']}").json
    assert [row["id"] for row in rest["redemptions"]] == made[:1]
    assert rest["next_cursor"] is None
    assert [row["union_fen"] for row in page["redemptions"]] == [10_000] * 2
    assert schemas.RedemptionList().validate(page) == {}
    other_filter = f"/redemptions?limit=2&business_date=2026-11-20&cursor={page['next_cursor']}"
    assert problem(shop.get(client, other_filter), 422, "invalid_fields")["errors"][0]["pointer"] == "/cursor"
    assert problem(shop.get(client, f"/redemptions?cursor={page['next_cursor']}", "other"), 422, "invalid_fields")
    assert [row["terminal"] for row in shop.get(client, "/redemptions?terminal=T02").json["redemptions"]] == []


@pytest.mark.parametrize("amount", [-1, 0, 1.5, "100", True, 2**63, 10**12 + 1, None, 1e12])
def test_an_amount_is_a_whole_number_of_fen_within_bounds(shop, client, amount):
    body = shop.request(shop.phones[0])
    body["purchase"]["amount_fen"] = amount
    said = problem(shop.post(client, "/redemptions", body), 422, "invalid_fields")
    assert [error["pointer"] for error in said["errors"]] == ["/purchase/amount_fen"]
    assert (shop.count("redemption"), shop.count("idempotency_key")) == (0, 0)


@pytest.mark.parametrize(
    ("purchase", "pointer"),
    [
        ({"lines": [{"line_no": 1, "amount_fen": 37_999}]}, "/purchase/lines"),
        ({"lines": [{"line_no": 1, "amount_fen": 19_000}, {"line_no": 1, "amount_fen": 19_000}]}, "/purchase/lines"),
        ({"lines": [{"line_no": 0, "amount_fen": 38_000}]}, "/purchase/lines/0/line_no"),
        ({"lines": [{"line_no": 1, "amount_fen": 38_000, "x": 1}]}, "/purchase/lines/0/x"),
        ({"lines": {}}, "/purchase/lines"),
        ({"lines": [1]}, "/purchase/lines/0"),
        ({"service_on": "2026-11-22"}, "/purchase/service_on"),
        ({"service_on": "2026-02-30"}, "/purchase/service_on"),
        ({"service_code": "a b"}, "/purchase/service_code"),
    ],
)
def test_a_purchase_that_makes_no_sense_is_pointed_at(shop, client, purchase, pointer):
    body = shop.request(shop.phones[0])
    body["purchase"] |= purchase
    said = problem(shop.post(client, "/redemptions", body), 422, "invalid_fields")
    assert pointer in [error["pointer"] for error in said["errors"]]
    assert shop.count("idempotency_key") == 0


def test_a_retry_after_bad_input_may_use_the_same_key(shop, client):
    key, body = new_key(), shop.request(shop.phones[0])
    problem(shop.post(client, "/redemptions", body | {"merchant_ref": "a\0b"}, key), 422, "invalid_fields")
    assert shop.post(client, "/redemptions", body, key).status_code == 201


def test_every_redemption_has_one_stored_outcome(shop, client):
    shop.post(client, "/redemptions", shop.request(shop.phones[0]))
    assert shop.session.execute(text(INVARIANTS["L10"][1])).all() == []
