"""M11 (programme T6): the line breaks after COMMIT was sent. The same key tells the truth, every time."""

import os
import threading
import time

import psycopg
import pytest

from cardnet.kernel.db import transaction
from tests.conftest import make_app
from tests.make.proxy import LossyProxy, Trouble
from tests.make.redemptions import make_shop, new_key

REQUESTS = int(os.environ.get("CARDNET_LOSSY_REQUESTS", "160"))
"""Through a bad line (T6): 10,000 in `make soak`."""

TIMES = int(os.environ.get("CARDNET_LOST_COMMITS", "50"))


@pytest.fixture
def lossy(fresh_database, data_folder, world):
    proxy = LossyProxy(fresh_database)
    app = make_app(proxy.url, data_folder, world)
    with app.app_context(), transaction() as session:
        shop = make_shop(session, world, people=1, max_n=10_000)
    # The first redemption makes the merchant's account; what is lost below is the plain case.
    assert shop.post(app.test_client(), "/redemptions", shop.request(shop.phones[0], "R-first")).status_code == 201
    yield shop, app.test_client(), proxy
    with app.app_context():
        app.extensions["cardnet.sessions"].bind.dispose()
    proxy.close()


def lose_one(shop, client, proxy, number):
    """A redemption whose commit is heard by nobody: the request and its key."""
    body, key = shop.request(shop.phones[0], f"R-{number}"), new_key()
    proxy.lose_next_commit()
    answer = shop.post(client, "/redemptions", body, key)
    assert (answer.status_code, answer.json["code"], answer.json["retry"]) == (503, "outcome_unknown", "same_key")
    assert answer.headers["Retry-After"] == "1"
    return body, key


def test_m11_fifty_lost_commits_are_answered_503_and_told_truly_by_the_same_key(lossy, fresh_database):
    shop, client, proxy = lossy
    for number in range(TIMES):
        body, key = lose_one(shop, client, proxy, number)
        again = shop.post(client, "/redemptions", body, key)
        assert (again.status_code, again.headers.get("Idempotency-Replayed")) == (201, "true")
        assert again.json["merchant_ref"] == f"R-{number}"
    assert proxy.lost == TIMES
    with psycopg.connect(fresh_database) as connection:
        count, refs, total = connection.execute(
            "select count(*), count(distinct merchant_ref), sum(captured_fen)::bigint from redemption"
        ).fetchone()
        left = connection.execute("select sum(available)::bigint from pool_slice").fetchone()[0]
    assert (count, refs) == (TIMES + 1, TIMES + 1)
    assert left == 50_000_000 - total


def test_m11_a_till_that_takes_a_new_key_is_caught_by_its_reference_and_by_nothing_without_one(lossy, fresh_database):
    """The planted bug is the client's: a new key and a new number for the same sale, and it is there twice."""
    shop, client, proxy = lossy
    body, _ = lose_one(shop, client, proxy, 1)
    fenced = shop.post(client, "/redemptions", body, new_key())
    assert (fenced.status_code, fenced.json["code"]) == (409, "duplicate_merchant_reference")
    twice = shop.post(client, "/redemptions", shop.request(shop.phones[0], "R-1-again"), new_key())
    assert twice.status_code == 201
    with psycopg.connect(fresh_database) as connection:
        assert connection.execute("select count(*) from redemption").fetchone() == (3,)


def trade(shop, app, person, count, acknowledged):
    """A till that sends each sale until it is answered, and now and then once more for nothing."""
    client = app.test_client()
    for number in range(count):
        body, key = shop.request(shop.phones[person], f"L-{person}-{number}"), new_key()
        for _ in range(200):
            answer = shop.post(client, "/redemptions", body, key)
            if answer.status_code == 201:
                break
            assert answer.status_code in (409, 503), answer.json
            time.sleep(0.005)
        if number % 20 == 0:
            again = shop.post(client, "/redemptions", body, key)
            assert again.status_code in (201, 409, 503)
            assert again.status_code != 201 or again.data == answer.data
        acknowledged.append((answer.json["id"], answer.json["subsidy_fen"]))


def test_t6_every_request_counts_once_through_a_line_that_loses_cuts_and_delays(fresh_database, data_folder, world):
    tills = 4
    with_trouble = Trouble(lost=12 if REQUESTS > 1_000 else 60, cut=2, delayed=20, seed=6)
    plain = make_app(fresh_database, data_folder, world)
    with plain.app_context(), transaction() as session:
        shop = make_shop(session, world, people=tills, max_n=1_000_000, pool_fen=10**12)
    first = shop.post(plain.test_client(), "/redemptions", shop.request(shop.phones[0], "L-first"))
    proxy = LossyProxy(fresh_database, with_trouble)
    app = make_app(proxy.url, data_folder, world)
    acknowledged: list[tuple[str, int]] = [(first.json["id"], first.json["subsidy_fen"])]
    threads = [
        threading.Thread(target=trade, args=(shop, app, person, REQUESTS // tills, acknowledged))
        for person in range(tills)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for one in (plain, app):
        with one.app_context():
            one.extensions["cardnet.sessions"].bind.dispose()
    proxy.close()
    assert len(acknowledged) == REQUESTS // tills * tills + 1
    assert proxy.lost >= (20 if REQUESTS >= 10_000 else 1)
    with psycopg.connect(fresh_database) as connection:
        stored = dict(connection.execute("select id::text, subsidy_fen from redemption where state = 'captured'"))
        left = connection.execute("select sum(available)::bigint from pool_slice").fetchone()[0]
    assert stored == dict(acknowledged)
    assert left == 10**12 - sum(stored.values())
