"""Refunds over HTTP: in part, by line, and never more than was captured."""

from datetime import timedelta

import pytest

from tests.make.redemptions import new_key

LINES = [
    {"line_no": 1, "amount_fen": 20_000, "category": "health"},
    {"line_no": 2, "amount_fen": 10_000, "category": "health"},
    {"line_no": 7, "amount_fen": 8_000, "category": "health"},
]


@pytest.fixture
def captured(shop, client) -> str:
    body = shop.request(shop.phones[0])
    body["purchase"]["lines"] = LINES
    answer = shop.post(client, "/redemptions", body)
    assert answer.json["benefits"][0]["lines"] == [
        {"line_no": 1, "benefit_fen": 5_263},
        {"line_no": 2, "benefit_fen": 2_632},
        {"line_no": 7, "benefit_fen": 2_105},
    ]
    return answer.json["id"]


def refund(shop, client, redemption_id, key=None, till="T01", **body):
    return shop.post(client, f"/redemptions/{redemption_id}/refunds", body, key, till)


def test_m8_refunds_add_up_to_what_was_captured_and_no_further(shop, client, captured):
    first = refund(shop, client, captured, benefit_fen=6_000, reason="returned")
    assert first.status_code == 201
    assert (first.json["outcome"], first.json["remaining_fen"]) == ("partly_refunded", 4_000)
    assert (first.json["use_returned"], first.json["redemption_id"]) == (False, captured)
    (row,) = client.get("/merchant/v1/redemptions", headers=shop.tills["T01"].headers).json["redemptions"]
    assert (row["outcome"], row["refunded_fen"], row["refunded_union_fen"]) == ("partly_refunded", 6_000, 6_000)
    assert (row["subsidy_fen"], row["union_fen"]) == (10_000, 10_000)
    too_much = refund(shop, client, captured, benefit_fen=6_000)
    assert (too_much.status_code, too_much.json["code"]) == (422, "refund_exceeds_captured")
    assert too_much.json["detail"] == {"remaining_fen": 4_000}
    last = refund(shop, client, captured, benefit_fen=4_000)
    assert (last.json["outcome"], last.json["remaining_fen"], last.json["use_returned"]) == ("refunded", 0, True)
    assert refund(shop, client, captured, benefit_fen=1).json["code"] == "refund_exceeds_captured"
    assert shop.pool_left() == 50_000_000
    assert shop.post(client, "/redemptions", shop.request(shop.phones[0], "R-2")).status_code == 201


@pytest.mark.parametrize("amount", [-1, 0, 1.5, "1", 9_223_372_036_854_775_808, True, None])
def test_m8_an_amount_that_is_none_is_pointed_at(shop, client, captured, amount):
    answer = refund(shop, client, captured, benefit_fen=amount)
    assert (answer.status_code, answer.json["errors"][0]["pointer"]) == (422, "/benefit_fen")


def test_without_an_amount_all_that_is_left_comes_back(shop, client, captured):
    refund(shop, client, captured, benefit_fen=1)
    assert refund(shop, client, captured).json["benefit_fen"] == 9_999


def test_a_line_gives_back_what_it_got_and_only_once(shop, client, captured):
    first = refund(shop, client, captured, lines=[{"line_no": 2}, {"line_no": 7}])
    assert (first.status_code, first.json["benefit_fen"], first.json["remaining_fen"]) == (201, 4_737, 5_263)
    again = refund(shop, client, captured, lines=[{"line_no": 2}])
    assert (again.json["code"], again.json["errors"][0]["pointer"]) == ("refund_exceeds_captured", "/lines")
    assert refund(shop, client, captured, lines=[{"line_no": 1}]).json["outcome"] == "refunded"


def test_a_line_cannot_give_back_what_a_sum_has_given_back_already(shop, client, captured):
    refund(shop, client, captured, benefit_fen=9_000)
    answer = refund(shop, client, captured, lines=[{"line_no": 1}])
    assert (answer.json["code"], answer.json["detail"]) == ("refund_exceeds_captured", {"remaining_fen": 1_000})
    assert answer.json["retry"] == "new_key"


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"lines": [{"line_no": 3}]}, "/lines/0/line_no"),
        ({"lines": [{"line_no": 1}, {"line_no": 4}]}, "/lines/1/line_no"),
        ({"lines": []}, "/lines"),
        ({"lines": [{"line_no": 1}, {"line_no": 1}]}, "/lines"),
        ({"lines": [{"line_no": 1}], "benefit_fen": 5}, "/lines"),
        ({"lines": [1]}, "/lines/0"),
        ({"why": "x"}, "/why"),
    ],
)
def test_what_makes_no_sense_is_pointed_at(shop, client, captured, body, pointer):
    answer = refund(shop, client, captured, **body)
    assert (answer.status_code, answer.json["errors"][0]["pointer"]) == (422, pointer)


def test_a_repeat_gives_back_once(shop, client, captured):
    key = new_key()
    first = refund(shop, client, captured, key, benefit_fen=100)
    again = refund(shop, client, captured, key, "T02", benefit_fen=100)
    assert (again.data, again.headers["Idempotency-Replayed"]) == (first.data, "true")
    assert shop.count("refund") == 1


def test_other_merchants_redemptions_look_absent(shop, client, captured):
    assert refund(shop, client, captured, till="other").json["code"] == "not_found"


def test_a_hold_and_a_refusal_have_nothing_to_give_back(shop, client):
    held = shop.post(client, "/redemptions", shop.request(shop.phones[0], capture=False)).json["id"]
    answer = refund(shop, client, held)
    assert (answer.status_code, answer.json["code"]) == (409, "invalid_state")


def test_an_organised_group_is_named_and_its_unit_pays_the_rest(shop, client):
    body = shop.request(shop.phones[0], group_ref="2026-11-TJ-03", payer="unit")
    answer = shop.post(client, "/redemptions", body)
    told = {"group_ref": "2026-11-TJ-03", "payer": "unit", "member_payable_fen": 0, "unit_payable_fen": 28_000}
    assert (answer.status_code, answer.json | told) == (201, answer.json)
    shown = shop.get(client, f"/redemptions/{answer.json['id']}").json
    assert shown | told == shown
    alone = shop.post(client, "/redemptions", shop.request(shop.phones[1], "R-2", payer="unit"))
    assert (alone.status_code, alone.json["errors"][0]["pointer"]) == (422, "/group_ref")
    member = shop.post(client, "/redemptions", shop.request(shop.phones[1], "R-3", group_ref="G"))
    assert (member.json["member_payable_fen"], member.json["unit_payable_fen"]) == (28_000, 0)


def test_the_day_is_over_a_reversal_is_not_possible_and_a_refund_is(shop, client, clock):
    made = shop.post(client, "/redemptions", shop.request(shop.phones[0]))
    clock.advance(timedelta(days=1))
    late = shop.post(client, "/reversals", {"redemption_id": made.json["id"]})
    assert (late.status_code, late.json["code"]) == (409, "day_closed")
    back = refund(shop, client, made.json["id"])
    assert (back.status_code, back.json["business_date"]) == (201, "2026-11-22")
