"""Advices: M13 and the merchant's half of S18: what is taken in, once, what is kept of it, and what cannot be read."""

from datetime import timedelta

import pytest
from sqlalchemy import text

from cardnet.benefits.services import advice_exceptions
from tests.make.offline import MORNING, results, send, sound
from tests.make.redemptions import BASE, new_key


def test_m13_three_records_of_the_evening_one_sent_four_times_one_over_the_floor_one_number_missing(
    shop, client, clock, record
):
    first = record()
    clock.advance(timedelta(minutes=5))
    second = record()
    clock.advance(timedelta(minutes=5))
    third = record(25_000, seq=44)
    clock.set(MORNING)
    answer = send(shop, client, first).json["results"][0]
    assert (answer["terminal_seq"], answer["outcome"], answer["late_for"]) == (41, "captured", "2026-11-20")
    assert answer["redemption"]["business_date"] == "2026-11-21"
    assert answer["redemption"]["event_at"] == "2026-11-20T22:10:00+08:00"
    answers = [send(shop, client, second, key=new_key()) for _ in range(4)]
    assert [results(one)[0] for one in answers] == [
        ("captured", None),
        *[("duplicate", "duplicate_merchant_reference")] * 3,
    ]
    # The same record again: what became of it first is told, should that answer have been lost.
    assert answers[3].json["results"][0]["first"] == {"outcome": "captured", "code": None, "message": None}
    last = send(shop, client, third)
    assert results(last) == [("refused_advice", "online_required")]
    assert last.json["missing"] == [{"first_seq": 43, "last_seq": 43}]
    found = [(one.code, one.first_seq, one.last_seq, one.fen) for one in advice_exceptions(shop.session)]
    assert found == [("E11", 44, 44, 10_000), ("E12", 43, 43, 0)]
    assert shop.count("advice") == 6
    assert shop.count("redemption where state = 'captured'") == 2
    assert shop.pool_left() == 49_980_000
    sound(shop)


def test_m13_a_missing_number_that_comes_later_closes_its_gap(shop, client, clock, record):
    made = {seq: record(seq=seq) for seq in (41, 42, 43, 44, 45)}
    clock.set(MORNING)
    assert send(shop, client, made[41], made[45]).json["missing"] == [{"first_seq": 42, "last_seq": 44}]
    assert send(shop, client, made[43]).json["missing"] == [
        {"first_seq": 42, "last_seq": 42},
        {"first_seq": 44, "last_seq": 44},
    ]
    assert send(shop, client, made[42], made[44]).json["missing"] == []
    assert advice_exceptions(shop.session) == []


def test_the_same_request_again_is_replayed_byte_for_byte(shop, client, clock, record):
    made, key = record(), new_key()
    clock.set(MORNING)
    first = send(shop, client, made, key=key)
    clock.advance(timedelta(hours=1))
    again = send(shop, client, made, key=key)
    assert (again.data, again.headers["Idempotency-Replayed"]) == (first.data, "true")
    assert shop.count("advice") == 1


def test_what_the_till_took_off_is_what_is_captured(shop, client, clock, record):
    less = record(decision={"benefit_fen": 6_000})
    more = record(decision={"benefit_fen": 12_000})
    clock.set(MORNING)
    found = send(shop, client, less, more).json["results"]
    assert [one["redemption"]["subsidy_fen"] for one in found] == [6_000, 10_000]
    assert [(one["outcome"], one["code"]) for one in found] == [
        ("captured", None),
        ("captured_with_exception", "limit_trimmed"),
    ]
    assert [one.fen for one in advice_exceptions(shop.session)] == [2_000]
    sound(shop)


def test_what_is_kept_of_a_record_does_not_tell_how_the_members_number_ends(shop, client, clock, record):
    made = record(id_last4="1234")
    clock.set(MORNING)
    send(shop, client, made)
    kept = shop.session.execute(text("select record from advice")).scalar_one()
    assert "id_last4" not in kept
    assert kept["code"] == made["code"]


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"occurred_at": "2026-11-20 22:10"}, "/records/0/occurred_at"),
        ({"occurred_at": "2026-11-20T22:10:00"}, "/records/0/occurred_at"),
        ({"terminal_seq": 0}, "/records/0/terminal_seq"),
        ({"terminal_seq": 2**53}, "/records/0/terminal_seq"),
        ({"signature": "short"}, "/records/0/signature"),
        ({"decision": {"benefit_fen": 0}}, "/records/0/decision/benefit_fen"),
        ({"surprise": 1}, "/records/0/surprise"),
        ({"bound_nonce": "ABCD1234"}, "/records/0/bound_nonce"),
        ({"bound_nonce": "0123456"}, "/records/0/bound_nonce"),
        ({"bound_nonce": "01234567", "challenge": "1234"}, "/records/0/bound_nonce"),
    ],
)
def test_what_cannot_be_read_is_pointed_at(shop, client, record, change, pointer):
    answer = send(shop, client, record() | change)
    assert (answer.status_code, answer.json["errors"][0]["pointer"]) == (422, pointer)


def test_ten_records_at_most(shop, client, record):
    made = record()
    assert (
        client.post(
            f"{BASE}/advices",
            json={"records": [made] * 11},
            headers=shop.tills["T01"].headers | {"Idempotency-Key": new_key()},
        ).json["errors"][0]["pointer"]
        == "/records"
    )


def test_what_cannot_have_been_bought_is_refused_by_itself_and_the_records_beside_it_are_heard(shop, client, record):
    tomorrow = {"amount_fen": 18_000, "service_code": "health_check", "service_on": "2026-11-21"}
    answer = send(shop, client, record(purchase=tomorrow), record())
    assert results(answer) == [("refused_advice", "invalid_fields"), ("captured", None)]
    assert answer.json["results"][0]["message"].startswith("这条记录的购买内容不能成立")
    sound(shop)
