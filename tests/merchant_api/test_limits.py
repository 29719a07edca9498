"""Rate limits: buckets per terminal, merchant and address, one apart for undoing, and lockouts after bad codes."""

import threading
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cardnet.config import Rate, Rates, Settings, settings_from
from cardnet.kernel.errors import InvalidInput, TooManyRequests
from cardnet.merchant_api.limits import Buckets, gate_of
from tests.conftest import START
from tests.make.redemptions import BASE, new_key


@pytest.fixture
def limited(app, data_folder):
    """The app with small limits: terminal 2/s at most 4, merchant 3/s at most 6, strangers 1/s at most 3."""
    rates = Rates(Rate(2, 4), Rate(3, 6), Rate(10, 20), Rate(1, 3), failed_codes=3)
    app.extensions["cardnet.merchant_api.gate"] = gate_of(Settings(data=data_folder, rates=rates))
    return app


def statuses(ask, times: int) -> list[int]:
    return [ask().status_code for _ in range(times)]


def test_a_terminal_has_its_burst_and_then_its_rate(limited, shop, client, clock):
    def ask():
        return shop.get(client, "/me")

    assert statuses(ask, 5) == [200] * 4 + [429]
    refused = ask()
    assert (refused.json["code"], refused.json["retry"]) == ("rate_limited", "after")
    assert refused.headers["Retry-After"] == "1"
    clock.advance(timedelta(seconds=1))
    assert statuses(ask, 3) == [200, 200, 429]


def test_a_merchants_terminals_share_the_merchants_bucket_and_others_do_not(limited, shop, client):
    assert statuses(lambda: shop.get(client, "/me", "T01"), 4) == [200] * 4
    assert statuses(lambda: shop.get(client, "/me", "T02"), 3) == [200, 200, 429]
    assert shop.get(client, "/me", "other").status_code == 200


def test_a_reversal_is_never_held_up_behind_ordinary_calls(limited, shop, client):
    made = shop.post(client, "/redemptions", shop.request(shop.phones[0]))
    statuses(lambda: shop.get(client, "/me"), 10)
    assert shop.get(client, "/me").status_code == 429
    answer = shop.post(client, "/reversals", {"redemption_id": made.json["id"]})
    assert (answer.status_code, answer.json["outcome"]) == (200, "reversed")


def test_a_limited_request_leaves_its_key_free(limited, shop, client, clock):
    statuses(lambda: shop.get(client, "/me"), 4)
    key, body = new_key(), shop.request(shop.phones[0])
    assert shop.post(client, "/redemptions", body, key).status_code == 429
    clock.advance(timedelta(seconds=2))
    assert shop.post(client, "/redemptions", body, key).status_code == 201


def test_who_guesses_tokens_or_pairing_codes_is_slowed_by_address(limited, shop, client):
    wrong = {"Authorization": "Bearer cnt_" + "A" * 43}
    assert statuses(lambda: client.get(f"{BASE}/me", headers=wrong), 4) == [401] * 3 + [429]
    enrol = {"pairing_code": "AAAAAAAAAA", "name": "x"}
    assert client.post(f"{BASE}/terminals/enrol", json=enrol).status_code == 429
    assert shop.get(client, "/me").status_code == 200


def test_bad_codes_in_a_row_lock_the_terminal_for_a_minute(limited, shop, client, clock, world):
    def bad(n):
        return shop.post(client, "/redemptions", shop.request(shop.phones[0], f"B-{n}", code="CN1:NOTHING"))

    assert [bad(n).status_code for n in range(3)] == [422] * 3
    clock.advance(timedelta(seconds=2))
    locked = shop.post(client, "/redemptions", shop.request(shop.phones[0]))
    assert (locked.status_code, locked.json["code"], locked.headers["Retry-After"]) == (429, "rate_limited", "59")
    assert shop.get(client, "/me", "T02").status_code == 200
    clock.advance(timedelta(seconds=58))
    assert shop.post(client, "/redemptions", shop.request(shop.phones[0])).status_code == 201
    assert shop.count("terminal_lockout") == 1


def test_bad_codes_spread_over_minutes_lock_nobody_and_stale_ones_never_do(limited, shop, client, clock, world):
    for n in range(5):
        clock.advance(timedelta(seconds=40))
        bad = shop.request(shop.phones[0], f"B-{n}", code="CN1:NOTHING")
        assert shop.post(client, "/redemptions", bad).status_code == 422
    stale = shop.phones[0].code(world)
    clock.advance(timedelta(minutes=5))
    for n in range(6):
        clock.advance(timedelta(seconds=1))
        old = shop.request(shop.phones[0], f"S-{n}", code=stale)
        assert shop.post(client, "/redemptions", old).status_code == 422


def test_a_quote_counts_bad_codes_too(limited, shop, client, clock):
    body = {"code": "CN1:NOTHING", "purchase": {"amount_fen": 100}}
    assert statuses(lambda: client.post(f"{BASE}/quotes", json=body, headers=shop.tills["T01"].headers), 4) == [
        200,
        200,
        200,
        429,
    ]


def test_limits_that_are_off_are_off(shop, client):
    assert statuses(lambda: shop.get(client, "/me"), 150) == [200] * 150


@given(
    calls=st.lists(st.floats(0, 3), min_size=1, max_size=60),
    per_second=st.integers(1, 20),
    burst=st.integers(1, 50),
)
def test_no_window_ever_sees_more_than_burst_and_rate(calls, per_second, burst):
    buckets, at, let_in = Buckets(), START, []
    for pause in calls:
        at += timedelta(seconds=pause)
        try:
            buckets.take(("t", 1), Rate(per_second, burst), at)
        except TooManyRequests as error:
            assert 1 <= error.retry_after_seconds <= burst + 1
        else:
            let_in.append(at)
    for first in range(len(let_in)):
        for last in range(first, len(let_in)):
            window = (let_in[last] - let_in[first]).total_seconds()
            assert last - first + 1 <= burst + per_second * window + 1e-6


def take_at_once(take) -> int:
    """How many of forty threads were let in."""
    let_in, barrier = [], threading.Barrier(40)

    def one() -> None:
        barrier.wait()
        try:
            take()
        except TooManyRequests:
            return
        let_in.append(1)

    threads = [threading.Thread(target=one) for _ in range(40)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return len(let_in)


def test_forty_at_once_share_one_bucket_exactly():
    for _ in range(20):
        buckets = Buckets()
        assert take_at_once(lambda bucket=buckets: bucket.take(("t", 1), Rate(1, 10), START)) == 10


def test_several_workers_share_the_rate():
    assert Rate(20, 100).share(4) == Rate(5, 25)
    assert Rate(2, 1).share(4) == Rate(0.5, 1)


def test_rates_are_settings(tmp_path):
    env = {"CARDNET_DATA": str(tmp_path), "CARDNET_RATE_TERMINAL": "5/9", "CARDNET_WORKERS": "3"}
    settings = settings_from(env)
    assert (settings.rates.terminal, settings.rates.merchant, settings.workers) == (Rate(5, 9), Rate(100, 400), 3)
    for wrong in ("5", "5/", "a/b", "0/5", "5/0", "-1/3"):
        with pytest.raises(InvalidInput, match="bad_setting"):
            settings_from(env | {"CARDNET_RATE_TERMINAL": wrong})
