"""What a till may give without a network: how often, up to which price, by a list how old, and for a code whose time is off."""

from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import select, text

from cardnet.benefits.models_advice import Advice
from cardnet.benefits.services import advices as advice_services
from cardnet.benefits.services.held_advices import tried
from cardnet.credential import store
from cardnet.credential.device import bound_nonce
from cardnet.issuance.services import standing_of
from cardnet.membership.services import person_of_id
from tests.make.offline import MORNING, approve, results, send, sound


def test_a_till_alone_gives_one_card_twice_a_day(shop, client, clock, record):
    made = [record(person=0, decision=None, seq=41 + n) for n in range(3)]
    clock.set(MORNING)
    found = results(send(shop, client, *made))
    assert found[0] == ("captured", None)
    assert found[1] == ("captured_with_exception", "limit_count")
    assert found[2] == ("refused_advice", "limit_exceeded")


@pytest.mark.parametrize(
    ("issued", "amount_fen", "found"),
    [
        # FRESH, STALE (the floor of 200 yuan is halved), and one second beyond its seven days: none at all.
        ("2026-11-17T22:10:00+08:00", 18_000, ("captured", None)),
        ("2026-11-17T22:09:59+08:00", 18_000, ("refused_advice", "online_required")),
        ("2026-11-17T22:09:59+08:00", 9_000, ("captured", None)),
        ("2026-11-13T22:10:00+08:00", 9_000, ("captured", None)),
        ("2026-11-13T22:09:59+08:00", 9_000, ("refused_advice", "online_required")),
    ],
)
def test_the_older_the_tills_list_the_less_it_may_give(shop, client, clock, record, issued, amount_fen, found):
    made = record(amount_fen, list_issued_at=issued, decision=None)
    clock.set(MORNING)
    assert results(send(shop, client, made)) == [found]


def test_a_till_not_heard_of_for_three_days_gives_nothing(shop, client, clock, record):
    made = record(synced_at="2026-11-17T22:09:59+08:00")
    clock.set(MORNING)
    assert results(send(shop, client, made)) == [("refused_advice", "online_required")]


def test_a_till_that_says_it_synced_with_every_sale_still_fills_its_limits(shop, client, clock, record, monkeypatch):
    """Three uses between two reports; one reported before the sale is out of the queue."""
    seen = []
    judged = advice_services.judge_use
    monkeypatch.setattr(advice_services, "judge_use", lambda use, *a, **k: seen.append(use) or judged(use, *a, **k))
    word = "2026-11-20T22:10:00+08:00"
    earlier = record(synced_at=word)
    clock.advance(timedelta(minutes=1))
    send(shop, client, earlier)
    clock.advance(timedelta(minutes=1))
    said = [record(synced_at="2026-11-20T22:12:00+08:00") for _ in range(3)]
    clock.set(MORNING)
    send(shop, client, *said)
    assert [(use.uses, use.given_fen) for use in seen] == [(0, 0), (0, 0), (1, 10_000), (2, 20_000)]


@pytest.mark.parametrize("let_pass", [False, True])
def test_a_code_whose_time_is_off_is_worth_what_paper_is_where_the_district_lets_it(
    shop, client, clock, record, let_pass
):
    """Five minutes slow and nobody asked for digits: refused by default, else the printed card's limits hold."""
    if let_pass:
        approve(shop, replace(store.OfflineLimits(), as_printed_seconds=600))
    clock.advance(timedelta(minutes=1))
    last4 = person_of_id(shop.session, standing_of(shop.session, shop.phones[0].index).person_id).id_number[-4:]
    wrong = "0000" if last4 != "0000" else "1111"
    codes = [shop.phones[n].code(shop.world) for n in (0, 0, 1, 0)]
    clock.advance(timedelta(minutes=5))
    asked = {"decision": None, "person": 0}
    made = [
        record(1_001, code=codes[0], id_last4=last4, **asked),
        record(900, code=codes[1], id_last4=wrong, **asked),
        record(900, code=codes[2], **asked),
        record(900, code=codes[3], id_last4=last4, **asked),
    ]
    clock.set(MORNING)
    found = results(send(shop, client, *made))
    if not let_pass:
        assert found == [("refused_advice", "stale_proof")] * 4
        return
    assert found == [
        ("refused_advice", "online_required"),
        ("refused_advice", "confirm_required"),
        ("refused_advice", "confirm_required"),
        ("captured", None),
    ]
    assert shop.session.scalar(text("select assurance from redemption where state = 'captured'")) == "printed"
    sound(shop)


def bound_to(shop, world, amount_fen, nonce="0123456789abcdef", person=5, **other):
    """A code a phone made for one purchase at T01 of M1001, as `shown`."""
    asked = {"merchant": "M1001", "terminal": "T01", "amount_fen": amount_fen} | other
    phone = shop.phones[person]
    return phone.code(world, audience=asked["merchant"], nonce=bound_nonce(**asked, nonce=bytes.fromhex(nonce)))


def test_a_purchase_the_phone_signed_may_be_above_the_floor(shop, client, clock, world, record):
    """20 000 fen are the floor of HC2026; 25 000 are given where the member agreed to 25 000, here, once."""
    nonce = "0123456789abcdef"
    good = record(25_000, code=bound_to(shop, world, 25_000), bound_nonce=nonce)
    dearer = record(26_000, code=bound_to(shop, world, 25_000, person=6), bound_nonce=nonce)
    elsewhere = record(25_000, code=bound_to(shop, world, 25_000, person=6, terminal="T02"), bound_nonce=nonce)
    unasked = record(25_000, code=bound_to(shop, world, 25_000, person=6))
    nobody = bound_nonce("M1001", "T01", 25_000, bytes.fromhex(nonce))
    unnamed = record(25_000, code=shop.phones[6].code(world, nonce=nobody), bound_nonce=nonce)
    plain = record(25_000, person=7, bound_nonce=nonce)
    clock.set(MORNING)
    found = results(send(shop, client, good, dearer, elsewhere, unasked, unnamed, plain))
    wrong = ("refused_advice", "wrong_challenge")
    assert found == [("captured", None), wrong, wrong, wrong, ("refused_advice", "online_required"), wrong]
    sound(shop)


def test_a_held_record_of_a_signed_purchase_is_judged_again_as_such(shop, client, clock, world, record):
    made = record(25_000, code=bound_to(shop, world, 25_000), bound_nonce="0123456789abcdef", clock_offset_seconds=121)
    clock.set(MORNING)
    assert results(send(shop, client, made)) == [("held_for_review", "clock_error")]
    row = shop.session.scalars(select(Advice)).one()
    told = tried(shop.session, world, row, shop.tills["T01"].venue)
    assert (told.outcome, told.code) == ("captured", None)


def test_the_floor_test_catches_a_server_that_forgets_it(shop, client, clock, record, monkeypatch):
    """The planted bug: limits of what a till may do alone are not looked at."""
    made = record(25_000)
    clock.set(MORNING)
    monkeypatch.setattr("cardnet.benefits.services.advices.judge_use", lambda *_a, **_k: None)
    assert results(send(shop, client, made)) == [("captured", None)]
