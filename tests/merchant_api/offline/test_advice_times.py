"""S20, the times of a record: when the sale was, when it came, and what the terminal's clock is worth."""

from datetime import timedelta

import pytest
from sqlalchemy import text

from cardnet.issuance.services import standing_of
from cardnet.kernel import calendar
from tests.make.offline import EVENING, MORNING, results, send


def test_s20_the_moment_of_the_sale_decides_whether_the_card_was_valid(shop, client, clock, record):
    valid_to = standing_of(shop.session, shop.phones[0].index).valid_to
    last_second = calendar.start_of(valid_to + timedelta(days=1)) - timedelta(seconds=1)
    shop.session.execute(text("update binding set credential_expires_at = credential_expires_at + interval '3 years'"))
    outcomes = []
    for at in (last_second - timedelta(hours=2), last_second + timedelta(minutes=11)):
        clock.set(at)
        outcomes.append((at, record(decision=None)))
    clock.set(last_second + timedelta(hours=9))
    found = [results(send(shop, client, made))[0] for _, made in outcomes]
    # Phones' credentials end with the card, so the second code says so by itself.
    assert found[1][0] == "refused_advice"
    assert found[1][1] in ("card_expired", "expired_credential")
    assert found[0][1] not in ("card_expired",)


@pytest.mark.parametrize(
    ("more", "record_more"),
    [
        ({"sent_at": "2026-11-21T10:02:01+08:00"}, {}),
        ({}, {"clock_offset_seconds": -121}),
        # It says that its device was an hour ahead, and it is not; or the other way round.
        ({"sent_at": "2026-11-21T10:00:00+08:00"}, {"clock_offset_seconds": 3_600}),
        ({"sent_at": "2026-11-21T11:00:00+08:00"}, {"clock_offset_seconds": -3_600}),
    ],
)
def test_s20_a_terminal_whose_clock_was_off_is_held_for_review(shop, client, clock, record, more, record_more):
    made = record(**record_more)
    clock.set(MORNING)
    answer = send(shop, client, made, **more)
    assert results(answer) == [("held_for_review", "clock_error")]
    assert shop.count("redemption") == 0


@pytest.mark.parametrize(("sent_at", "said"), [("2026-11-21T11:00:00+08:00", 3_600), ("2026-11-21T09:57:55+08:00", -6)])
def test_s20_a_device_that_is_off_as_its_records_say_is_believed(shop, client, clock, record, sent_at, said):
    """Its times are ours: it knew by how much it was off, and has signed that."""
    made = record(clock_offset_seconds=said)
    clock.set(MORNING)
    assert results(send(shop, client, made, sent_at=sent_at)) == [("captured", None)]


def test_only_what_waits_for_a_person_is_told_to_wait(shop, client, clock, record):
    """The same code refuses a sale from before the code's own card was issued, and nobody looks at that one."""
    other = record(clock_offset_seconds=-121)
    clock.set(EVENING - timedelta(hours=48))
    early = record()
    clock.set(MORNING)
    told = [send(shop, client, made).json["results"][0] for made in (other, early)]
    assert [(one["outcome"], one["code"]) for one in told] == [
        ("held_for_review", "clock_error"),
        ("refused_advice", "clock_error"),
    ]
    assert ["等待工会核对" in one["message"] for one in told] == [True, False]


def test_s20_records_older_than_seventy_two_hours_are_held_for_review(shop, client, clock, record):
    made, other = record(), record()
    clock.set(EVENING + timedelta(hours=72))
    assert results(send(shop, client, made)) == [("captured", None)]
    clock.advance(timedelta(seconds=1))
    assert results(send(shop, client, other)) == [("held_for_review", "late_submission")]
    again = send(shop, client, other)
    assert results(again) == [("duplicate", "duplicate_merchant_reference")]


@pytest.mark.parametrize("word", ["synced_at", "list_issued_at"])
def test_what_a_till_had_before_the_sale_cannot_be_younger_than_it(shop, client, clock, record, word):
    just, late = record(**{word: "2026-11-20T22:12:00+08:00"}), record(**{word: "2026-11-20T22:12:01+08:00"})
    clock.set(MORNING)
    assert results(send(shop, client, just, late)) == [("captured", None), ("held_for_review", "clock_error")]
