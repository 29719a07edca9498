"""Who bears what a till gave without a network: cards withdrawn, benefits used up meanwhile, codes another shop took."""

from datetime import timedelta

import pytest
from sqlalchemy import text

from cardnet.benefits.services import advice_exceptions, replay
from cardnet.issuance import services as issuance
from cardnet.ledger.rules import AccountCode
from tests.make.issuance import breaches
from tests.make.offline import EVENING, MORNING, results, send, sound


def suspend(shop, person, at):
    """The card behind a phone is reported lost at a moment."""
    shop.session.execute(
        text("update card set state = 'suspended' from binding b where b.card_id = card.id and b.card_index = :i"),
        {"i": shop.phones[person].index},
    )
    shop.session.execute(
        text(
            "insert into card_event (card_id, seq, at, action, from_state, to_state, channel) "
            "select card_id, 900, :at, 'suspend', 'active', 'suspended', 'console' from binding where card_index = :i"
        ),
        {"i": shop.phones[person].index, "at": at},
    )


@pytest.mark.parametrize(
    ("lost_after", "found"),
    [(timedelta(minutes=10), ("captured", None)), (timedelta(minutes=-10), ("captured_with_exception", "revoked"))],
)
def test_what_a_till_gave_is_taken_in_though_the_union_does_not_honour_holds_of_lost_cards(
    shop, client, session, world, clock, record, lost_after, found
):
    issuance.set_loss_policy(session, world, issuance.SetLossPolicy(False, "云工〔2026〕12号"))
    made, beside = (record(person=person, list_issued_at="2026-11-20T21:55:00+08:00") for person in (0, 1))
    suspend(shop, 0, EVENING + lost_after)
    clock.set(MORNING)
    assert results(send(shop, client, made, beside)) == [found, ("captured", None)]


def test_s20_a_card_withdrawn_before_the_sale_is_refused_unless_the_till_could_not_know(shop, client, clock, record):
    lost_at = EVENING - timedelta(minutes=10)
    knew = record(person=0, list_issued_at="2026-11-20T22:05:00+08:00")
    could_not = record(person=1, list_issued_at="2026-11-20T21:55:00+08:00")
    silent = record(person=2)
    for person in range(3):
        suspend(shop, person, lost_at)
    clock.set(MORNING)
    assert results(send(shop, client, knew, could_not, silent)) == [
        ("refused_advice", "suspended"),
        ("captured_with_exception", "revoked"),
        ("refused_advice", "suspended"),
    ]
    sound(shop)


@pytest.mark.parametrize(
    ("more", "record_more", "found"),
    [
        ({"sent_at": "2026-11-21T10:00:00+08:00"}, {}, ("captured", None)),
        ({}, {"list_issued_at": "2026-11-20T21:55:00+08:00"}, ("captured", None)),
        # Its own word is all that makes it a sale of before.
        ({}, {}, ("held_for_review", "evidence_missing")),
    ],
)
def test_a_card_withdrawn_after_the_sale_is_captured_as_of_then_unless_nothing_stands_for_its_time(
    shop, client, clock, record, more, record_more, found
):
    made = record(person=0, **record_more)
    suspend(shop, 0, EVENING + timedelta(hours=1))
    clock.set(MORNING)
    answer = send(shop, client, made, **more)
    assert results(answer) == [found]
    if found[1]:
        assert "等待工会核对" in answer.json["results"][0]["message"]
        return
    online = shop.post(client, "/redemptions", shop.request(shop.phones[0]))
    assert [reason["code"] for reason in online.json["reasons"]] == ["suspended"]


def test_what_was_used_up_meanwhile_is_borne_by_the_union_within_the_limits(shop, client, clock, record):
    made = record(person=0)
    clock.set(MORNING)
    assert shop.post(client, "/redemptions", shop.request(shop.phones[0])).status_code == 201
    answer = send(shop, client, made)
    assert results(answer) == [("captured_with_exception", "limit_count")]
    told = answer.json["results"][0]["redemption"]
    assert (told["subsidy_fen"], told["payable_fen"], told["benefits"][0]["rule_version"]) == (10_000, 8_000, 1)
    postings = shop.session.execute(
        text(
            "select a.code, p.amount from posting p join entry e on e.id = p.entry_id "
            "join ledger_account a on a.id = p.account_id where e.source_id = :id order by 1"
        ),
        {"id": told["id"]},
    ).all()
    assert [tuple(row) for row in postings] == [("2001", -10_000), ("5902", 10_000)]
    assert shop.pool_left() == 49_990_000
    assert [(one.code, one.why, one.fen) for one in advice_exceptions(shop.session)] == [("E11", "limit_count", 10_000)]
    assert replay(shop.session, told["id"])
    sound(shop)
    assert breaches(shop.session) == {}


def offline_books(shop, kind):
    """Account and amount of what acts of a kind booked, in the order they were made."""
    rows = shop.session.execute(
        text(
            "select a.code, p.amount from posting p join entry e on e.id = p.entry_id "
            "join ledger_account a on a.id = p.account_id where e.kind = :kind order by e.id, a.code"
        ),
        {"kind": kind},
    )
    return [tuple(row) for row in rows]


@pytest.fixture
def borne(shop, client, clock, record) -> str:
    """A redemption of 100 yuan the union bore out of 5902."""
    made = record(person=0)
    clock.set(MORNING)
    assert shop.post(client, "/redemptions", shop.request(shop.phones[0])).status_code == 201
    return send(shop, client, made).json["results"][0]["redemption"]["id"]


def test_refunds_of_what_the_union_bore_go_back_to_offline_loss_in_part_and_whole(shop, client, borne):
    loss = AccountCode.OFFLINE_LOSS.value
    assert shop.post(client, f"/redemptions/{borne}/refunds", {"benefit_fen": 3_000}).status_code == 201
    assert offline_books(shop, "refund") == [("2001", 3_000), (loss, -3_000)]
    last = shop.post(client, f"/redemptions/{borne}/refunds", {})
    # None was counted: the use was another sale's.
    assert (last.status_code, last.json["use_returned"]) == (201, False)
    assert offline_books(shop, "refund") == [("2001", 3_000), (loss, -3_000), ("2001", 7_000), (loss, -7_000)]
    # The use online stays, and the pool it was taken from.
    assert shop.pool_left() == 49_990_000
    sound(shop)
    assert breaches(shop.session) == {}


def test_a_reversal_of_what_the_union_bore_goes_back_to_offline_loss(shop, client, borne):
    assert shop.post(client, "/reversals", {"redemption_id": borne}).status_code == 200
    assert offline_books(shop, "reversal") == [("2001", 10_000), (AccountCode.OFFLINE_LOSS.value, -10_000)]
    assert shop.pool_left() == 49_990_000
    sound(shop)
    assert breaches(shop.session) == {}


def test_a_refund_of_what_a_program_paid_stays_with_the_program(shop, client, clock, record):
    made = record()
    clock.set(MORNING)
    done = send(shop, client, made).json["results"][0]["redemption"]["id"]
    shop.post(client, f"/redemptions/{done}/refunds", {})
    assert AccountCode.OFFLINE_LOSS.value not in {code for code, _ in offline_books(shop, "refund")}
    sound(shop)


def test_a_code_the_shop_itself_used_before_is_replayed(shop, client, clock, record):
    made = record(person=0)
    online = shop.request(shop.phones[0], code=made["code"], amount_fen=18_000)
    assert shop.post(client, "/redemptions", online, till="T02").status_code == 201
    clock.set(MORNING)
    assert results(send(shop, client, made)) == [("replayed", "replayed")]


LIST = "2026-11-20T09:00:00+08:00"


def test_of_two_shops_alone_that_take_one_code_both_are_paid_and_finance_sees_which_was_first(
    shop, client, clock, record
):
    first = record(person=0, list_issued_at=LIST)
    clock.advance(timedelta(seconds=20))
    given = {"benefit_fen": 6_000, "programs": ["HC2026"]}
    later = record(6_000, person=0, seq=7, code=first["code"], list_issued_at=LIST, decision=given)
    again = later | {"terminal_seq": 8, "merchant_ref": "OFF-8"}
    clock.set(MORNING)
    # The later scan is reported first.
    assert results(send(shop, client, later, till="other")) == [("captured", None)]
    assert results(send(shop, client, first)) == [("captured_with_exception", "replayed")]
    # One shop is paid for a code once, whatever it sends.
    assert results(send(shop, client, again, till="other")) == [("replayed", "replayed")]
    (exception,) = advice_exceptions(shop.session)
    (other,) = exception.other_uses
    assert (exception.why, exception.fen, other.merchant_code, other.first) == ("replayed", 10_000, "M2002", False)
    assert offline_books(shop, "capture")[-2:] == [("2001", -10_000), (AccountCode.OFFLINE_LOSS.value, 10_000)]
    # The member used the check once, and the pool paid it once.
    assert shop.pool_left() == 50_000_000 - 6_000
    sound(shop)
    assert breaches(shop.session) == {}


def test_a_shop_alone_is_paid_for_a_code_another_shop_took_on_line(shop, client, clock, record):
    made = record(person=0, list_issued_at=LIST)
    clock.advance(timedelta(seconds=10))
    online = shop.request(shop.phones[0], code=made["code"], amount_fen=18_000)
    assert shop.post(client, "/redemptions", online, till="other").status_code == 201
    clock.set(MORNING)
    answer = send(shop, client, made)
    assert results(answer) == [("captured_with_exception", "replayed")]
    assert answer.json["results"][0]["redemption"]["benefits"][0]["benefit_fen"] == 10_000
    sound(shop)


@pytest.mark.parametrize(
    ("more", "code"),
    [({}, "replayed"), ({"list_issued_at": "2026-11-17T22:09:59+08:00"}, "replayed"), ({"amount_fen": 25_000}, None)],
)
def test_a_shop_alone_that_did_not_keep_the_rules_bears_a_code_used_elsewhere(shop, client, clock, record, more, code):
    """No list it can show, one older than 72 hours, a price above the floor."""
    amount = more.pop("amount_fen", 9_000)
    made = record(amount, person=0, **(more if code else {"list_issued_at": LIST}))
    online = shop.request(shop.phones[0], code=made["code"])
    assert shop.post(client, "/redemptions", online, till="other").status_code == 201
    clock.set(MORNING)
    assert results(send(shop, client, made)) == [
        ("replayed", "replayed") if code else ("refused_advice", "online_required")
    ]
    assert shop.count("redemption where borne") == 0
