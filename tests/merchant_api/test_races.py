"""M4 and M5 over a real server with real threads and real commits, and the planted bugs these tests must catch."""

import contextlib
import importlib
import json
import os
import threading
import time
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import psycopg
import pytest
from werkzeug.serving import make_server

from cardnet.benefits.services import writes
from cardnet.kernel import calendar
from cardnet.kernel.db import transaction
from cardnet.merchant_api.invariants import INVARIANTS
from tests.make.merchants import make_till
from tests.make.redemptions import Shop, make_shop, new_key

AT_ONCE = 32
ROUNDS = int(os.environ.get("CARDNET_ROUNDS", "1"))
"""`make soak` runs 200; each is a member's own."""

redeem_module = importlib.import_module("cardnet.benefits.services.redeem")


@dataclass(frozen=True)
class Heard:
    """What one client heard, and how long it took."""

    status: int
    body: bytes
    replayed: bool
    retry_after: str | None
    seconds: float

    @property
    def code(self) -> str:
        return json.loads(self.body).get("code", "")


@dataclass
class Running:
    """A shop behind a real server on a database of its own."""

    shop: Shop
    url: str
    database: str

    def post(self, path: str, body: Any, key: str, till: str = "T01") -> Heard:
        headers = self.shop.tills[till].headers | {"Idempotency-Key": key, "Content-Type": "application/json"}
        request = urllib.request.Request(self.url + path, json.dumps(body).encode(), headers)
        begun = time.monotonic()
        try:
            with urllib.request.urlopen(request, timeout=120) as answer:
                status, said, found = answer.status, answer.read(), answer.headers
        except urllib.error.HTTPError as error:
            status, said, found = error.code, error.read(), error.headers
        replayed = found.get("Idempotency-Replayed") == "true"
        return Heard(status, said, replayed, found.get("Retry-After"), time.monotonic() - begun)

    def all_at_once(self, requests: list[tuple[str, Any, str, str]]) -> list[Heard]:
        barrier = threading.Barrier(len(requests))

        def one(request: tuple[str, Any, str, str]) -> Heard:
            barrier.wait()
            return self.post(*request)

        with ThreadPoolExecutor(len(requests)) as pool:
            return list(pool.map(one, requests))

    def sql(self, query: str) -> list[Any]:
        with psycopg.connect(self.database) as connection:
            cursor = connection.execute(query)
            return cursor.fetchall() if cursor.description else []

    def slow_down(self, seconds: float) -> None:
        """Every redemption takes so much longer, inside its transaction."""
        self.sql("drop trigger if exists slow on redemption")
        self.sql(
            "create or replace function slow() returns trigger language plpgsql as "
            f"$$ begin perform pg_sleep({seconds}); return new; end $$"
        )
        self.sql("create trigger slow before insert on redemption for each row execute function slow()")


@pytest.fixture
def running(committing_app, fresh_database, world) -> Iterator[Running]:
    with committing_app.app_context(), transaction() as session:
        shop = make_shop(session, world, people=max(4, ROUNDS))
        for number in range(8):
            shop.tills[f"M{number}"] = make_till(session, world, f"M30{number:02d}")
    server = make_server("127.0.0.1", 0, committing_app, threaded=True)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    yield Running(shop, f"http://127.0.0.1:{server.server_port}/merchant/v1", fresh_database)
    server.shutdown()
    thread.join()


def same_request(running: Running, person: int, key: str) -> list[tuple[str, Any, str, str]]:
    body = running.shop.request(running.shop.phones[person], f"R-{person}")
    return [("/redemptions", body, key, "T01")] * AT_ONCE


@pytest.fixture
def patient(monkeypatch):
    """Whoever is first may be kept waiting by the machine: nobody is told to come back before a minute is over."""
    monkeypatch.setattr("cardnet.merchant_api.services.keys.LONGEST_WAIT_MS", 60_000)


def test_m4_thirty_two_at_once_are_one_redemption_and_thirty_one_repeats(running, patient):
    running.slow_down(0.05)
    slowest = []
    for person in range(ROUNDS):
        heard = running.all_at_once(same_request(running, person, new_key()))
        assert Counter(one.status for one in heard) == {201: AT_ONCE}
        assert len({one.body for one in heard}) == 1
        assert sum(one.replayed for one in heard) == AT_ONCE - 1
        slowest.append(max(one.seconds for one in heard))
    # In a round in which the machine did not stand still.
    assert min(slowest) < 2.5
    assert running.sql("select count(*) from redemption") == [(ROUNDS,)]
    assert running.sql("select sum(available)::bigint from pool_slice") == [(50_000_000 - 10_000 * ROUNDS,)]
    assert running.sql(INVARIANTS["L10"][1]) == []


def test_m4_when_the_first_takes_three_seconds_the_others_are_told_to_come_back(running):
    running.slow_down(3)
    requests = same_request(running, 0, "K4-bbbbbbbbbbbbbb")
    heard = running.all_at_once(requests)
    told = [one for one in heard if one.status == 409]
    assert told
    assert {(one.code, one.retry_after) for one in told} == {("request_in_progress", "1")}
    assert {one.status for one in heard} <= {201, 409}
    running.slow_down(0)
    later = running.post(*requests[0])
    assert (later.status, later.replayed) == (201, True)
    assert running.sql("select count(*) from redemption") == [(1,)]


def test_m4_a_key_that_does_not_hold_is_caught(running):
    """The planted bug: the table of keys lets two rows of one key in, so the second request does not wait."""
    running.sql("alter table idempotency_key drop constraint pk_idempotency_key")
    running.slow_down(0.05)
    heard = running.all_at_once(same_request(running, 0, "K4-cccccccccccccc"))
    assert len({one.body for one in heard}) > 1


def test_m5_thirty_two_tills_at_once_give_one_member_one_benefit(running, patient):
    for person in range(ROUNDS):
        phone = running.shop.phones[person]
        requests = [
            ("/redemptions", running.shop.request(phone, f"R5-{person}-{n}"), new_key(), f"M{n % 8}")
            for n in range(AT_ONCE)
        ]
        heard = running.all_at_once(requests)
        assert Counter(one.status for one in heard) == {201: 1, 422: AT_ONCE - 1}
        for one, request in zip(heard, requests, strict=True):
            if one.status == 422:
                reason = json.loads(one.body)["reasons"][0]
                assert (reason["code"], reason["detail"]) == ("limit_count", {"used": 1, "max": 1, "period": "2026"})
                assert running.post(*request).body == one.body
    assert running.sql("select sum(available)::bigint from pool_slice") == [(50_000_000 - 10_000 * ROUNDS,)]


def everybody_has_decided(monkeypatch) -> None:
    """Nobody writes before all have read that it is free: then the guards in the database alone decide."""
    real, met = redeem_module._write, threading.local()
    barrier = threading.Barrier(AT_ONCE)

    def write(*args, **named):
        if named["with_commit"] and not getattr(met, "done", False):
            met.done = True
            with contextlib.suppress(threading.BrokenBarrierError):
                barrier.wait(60)
        return real(*args, **named)

    monkeypatch.setattr(redeem_module, "_write", write)


def last_use_at_32_tills(running, monkeypatch) -> list[Heard]:
    phone = running.shop.phones[2]
    assert running.post("/redemptions", running.shop.request(running.shop.phones[3], "R6"), new_key()).status == 201
    everybody_has_decided(monkeypatch)
    requests = [("/redemptions", running.shop.request(phone, f"R6-{n}"), f"K6-{n:014d}", "T01") for n in range(AT_ONCE)]
    return running.all_at_once(requests)


def test_writes_that_travel_with_their_commit_give_the_last_use_once(running, monkeypatch, patient):
    heard = last_use_at_32_tills(running, monkeypatch)
    assert Counter(one.status for one in heard) == {201: 1, 422: AT_ONCE - 1}
    assert running.sql("select sum(available)::bigint from pool_slice") == [(49_980_000,)]
    assert running.sql("select max(used_n)::int from usage") == [(1,)]


def test_a_write_that_keeps_silent_about_a_lost_guard_is_caught(running, monkeypatch, patient):
    """The planted bug: a guard that is lost writes nothing, and does not stop the commit and the answer either."""
    real = writes._statement.__wrapped__
    monkeypatch.setattr(writes, "_statement", lambda shape, **_: real(shape))
    heard = last_use_at_32_tills(running, monkeypatch)
    assert sum(one.status == 201 for one in heard) > 1


def the_day_closes_before_the_write(running, monkeypatch) -> Heard:
    """The close of the day is marked after a redemption has read that it is open."""
    phones = running.shop.phones
    assert running.post("/redemptions", running.shop.request(phones[3], "R8"), new_key()).status == 201
    real = redeem_module._write

    def write(*args, **named):
        running.sql(
            "insert into business_day (day, state, closing_at) values ('2026-11-21', 'closing', now()) on conflict do nothing"
        )
        return real(*args, **named)

    monkeypatch.setattr(redeem_module, "_write", write)
    return running.post("/redemptions", running.shop.request(phones[2], "R9"), new_key())


def test_what_is_written_with_the_commit_asks_once_more_whether_the_day_is_open(running, monkeypatch):
    heard = the_day_closes_before_the_write(running, monkeypatch)
    assert (heard.status, heard.code) == (503, "day_closing")
    assert running.sql("select count(*) from redemption") == [(1,)]


def test_a_write_that_does_not_ask_for_the_day_again_is_caught(running, monkeypatch):
    monkeypatch.setattr(writes, "_DAY_OPEN", "true")
    writes._statement.cache_clear()
    assert the_day_closes_before_the_write(running, monkeypatch).status == 201
    writes._statement.cache_clear()


def test_a_reversal_racing_its_original_either_undoes_it_or_buries_it(running):
    for turn in range(12):
        person, key = turn % 4, new_key()
        redeem = ("/redemptions", running.shop.request(running.shop.phones[person], f"R-{turn}"), key, "T01")
        undo = ("/reversals", {"original_idempotency_key": key, "reason": "timeout"}, new_key(), "T02")
        first, second = running.all_at_once([redeem, undo])
        outcome = json.loads(second.body).get("outcome")
        assert (first.status, outcome) in {(201, "reversed"), (409, "tombstoned")}
        assert running.sql("select sum(available)::bigint from pool_slice") == [(50_000_000,)]
    assert running.sql("select count(*) from usage where used_n <> 0") == [(0,)]


def test_one_answer_for_each_key_when_different_bodies_race(running):
    key = "K7-aaaaaaaaaaaaaa"
    requests = [
        ("/redemptions", running.shop.request(running.shop.phones[n % 4], f"R7-{n}"), key, "T01") for n in range(16)
    ]
    heard = running.all_at_once(requests)
    assert Counter((one.status, one.code) for one in heard) == {(201, ""): 1, (422, "idempotency_key_reused"): 15}
    assert running.sql("select count(*) from redemption") == [(1,)]


def outcomes_of_two_tills_of_one_shop(running) -> Counter[str]:
    """Both report the same code, which another shop has used on line; each record waits in its transaction."""
    shop = running.shop
    said = calendar.local(shop.world.now()).isoformat(timespec="seconds")
    code = shop.phones[0].code(shop.world)
    online = shop.request(shop.phones[0], "R-1", code=code)
    assert running.post("/redemptions", online, new_key(), "other").status == 201
    running.slow_down(0.3)
    records = [
        {
            "terminal_seq": 1,
            "occurred_at": said,
            "list_issued_at": said,
            "merchant_ref": f"OFF-{till}",
            "code": code,
            "purchase": {"amount_fen": 4_000, "service_code": "health_check"},
        }
        for till in ("T01", "T02")
    ]
    heard = running.all_at_once(
        [("/advices", {"records": [record]}, new_key(), record["merchant_ref"][-3:]) for record in records]
    )
    return Counter(json.loads(one.body)["results"][0]["outcome"] for one in heard)


def test_two_tills_of_one_shop_are_paid_once_for_a_code_used_elsewhere(running):
    assert outcomes_of_two_tills_of_one_shop(running) == {"captured_with_exception": 1, "replayed": 1}


def test_reports_of_one_code_that_do_not_take_turns_are_caught(running, monkeypatch):
    monkeypatch.setattr("cardnet.benefits.services.advice_losses._hold_proof", lambda *_: None)
    assert outcomes_of_two_tills_of_one_shop(running) == {"captured_with_exception": 2}
