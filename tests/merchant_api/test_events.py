"""The feed: M15 and programme T9. Writers commit out of order; whoever pages misses nothing and hears nothing twice."""

import itertools
import os
import random
import threading
import time
import uuid
from datetime import timedelta

import psycopg
import pytest

from cardnet.kernel.db import transaction
from cardnet.kernel.sequence import events_after, number_events
from tests.make.racing import TRIES
from tests.make.redemptions import BASE, make_shop

SECONDS = float(os.environ.get("CARDNET_FEED_SECONDS", "3"))
"""How long writers write; 10 in the scenario, which the long programme runs."""


@pytest.fixture
def trading(committing_app, world):
    """A shop whose redemptions really commit."""
    with committing_app.app_context(), transaction() as session:
        shop = make_shop(session, world, people=4)
    return shop, committing_app.test_client()


def page(shop, client, cursor=None, till="T01", **query):
    asked = "&".join(f"{name}={value}" for name, value in query.items())
    if cursor:
        asked += f"&cursor={cursor}"
    return client.get(f"{BASE}/events?{asked}", headers=shop.tills[till].headers)


def test_the_feed_tells_everything_in_order_and_each_merchant_its_own(trading, clock):
    shop, client = trading
    held = shop.post(client, "/redemptions", shop.request(shop.phones[0], capture=False)).json["id"]
    shop.post(client, f"/redemptions/{held}/capture", {"benefit_fen": 7_000})
    shop.post(client, f"/redemptions/{held}/refunds", {"benefit_fen": 2_000})
    shop.post(client, "/redemptions", shop.request(shop.phones[0], "R-2"))
    shop.post(client, "/redemptions", shop.request(shop.phones[1], "R-3"), till="other")
    found = page(shop, client).json
    kinds = ["held", "captured", "refunded", "refused"]
    assert [event["type"] for event in found["events"]] == [f"redemption.{kind}" for kind in kinds]
    assert [event["redemption_id"] for event in found["events"][:3]] == [held] * 3
    assert found["events"][2]["benefit_fen"] == 2_000
    assert found["more"] is False
    assert len(page(shop, client, till="other").json["events"]) == 1
    assert page(shop, client, found["next_cursor"]).json["events"] == []


def test_pages_follow_each_other_without_a_gap(trading):
    shop, client = trading
    for number, phone in enumerate(shop.phones):
        shop.post(client, "/redemptions", shop.request(phone, f"R-{number}"))
    seen, cursor = [], None
    for _ in range(4):
        found = page(shop, client, cursor, limit=1).json
        seen += [event["seq"] for event in found["events"]]
        cursor = found["next_cursor"]
        assert found["more"] is (len(seen) < 4)
    assert seen == sorted(set(seen))
    assert len(seen) == 4


def test_m15_a_cursor_belongs_to_its_filter_and_its_merchant(trading):
    shop, client = trading
    shop.post(client, "/redemptions", shop.request(shop.phones[0]))
    cursor = page(shop, client).json["next_cursor"]
    for answer in (
        page(shop, client, cursor, type="redemption.captured"),
        page(shop, client, cursor, till="other"),
        page(shop, client, cursor[:-2] + "AA"),
    ):
        assert (answer.status_code, answer.json["errors"][0]["pointer"]) == (422, "/cursor")
    answer = page(shop, client, type="redemption.nonsense")
    assert (answer.status_code, answer.json["errors"][0]["pointer"]) == (422, "/type")


_WRITE = """insert into outbox_event (id, kind, subject_id, merchant_id, payload, created_at)
            values (%s, 'redemption.captured', %s, %s, '{}', now())"""


def write_out_of_order(url, merchant_id, seconds, written):
    """Eight writers, each transaction open for up to 50 ms after its row was written."""

    def writer(seed: int) -> None:
        chance = random.Random(seed)
        with psycopg.connect(url) as connection:
            until = time.monotonic() + seconds
            while time.monotonic() < until:
                event = uuid.uuid4()
                connection.execute(_WRITE, (event, event, merchant_id))
                time.sleep(chance.random() * 0.05)
                connection.commit()
                written.append(str(event))

    threads = [threading.Thread(target=writer, args=(seed,)) for seed in range(8)]
    for thread in threads:
        thread.start()
    return threads


def listen(ask, threads):
    """Page every 20 ms while the writers write, and once more until nothing new comes."""
    heard, place = [], None
    while True:
        done = not any(thread.is_alive() for thread in threads)
        found, place = ask(place)
        heard += found
        if done and not found:
            return heard
        time.sleep(0.02)


def test_m15_t9_every_event_once_while_writers_commit_out_of_order(trading, fresh_database):
    shop, client = trading
    written: list[str] = []
    threads = write_out_of_order(fresh_database, shop.tills["T01"].venue.merchant_id, SECONDS, written)

    def ask(cursor):
        answer = page(shop, client, cursor, limit=200).json
        return [event["redemption_id"] for event in answer["events"]], answer["next_cursor"]

    heard = listen(ask, threads)
    assert len(written) > 10 * SECONDS
    assert SECONDS < 20 or len(written) >= 5_000
    assert len(heard) == len(set(heard))
    assert set(heard) == set(written)
    with psycopg.connect(fresh_database) as connection:
        count, highest = connection.execute("select count(*), max(seq) from event_sequence").fetchone()
    assert count == highest  # gapless


def test_t9_the_test_catches_a_feed_that_pages_on_ids(fresh_database):
    """The planted bug: `id > last`, the ids being in the order of time. Rows committed late are never seen."""
    assert any(missed_by_ids(fresh_database) for _ in range(TRIES))


def missed_by_ids(url):
    """What a reader of ids has not seen when eight writers are done."""
    written: list[str] = []
    threads = write_out_of_order(url, uuid.uuid4(), 1.5, written)
    with psycopg.connect(url, autocommit=True) as connection:

        def ask(last):
            rows = connection.execute(
                "select created_at, subject_id::text from outbox_event "
                "where (created_at, id) > (%s, %s) order by created_at, id",
                last or ("-infinity", uuid.UUID(int=0)),
            ).fetchall()
            return [row[1] for row in rows], (rows[-1][0], uuid.UUID(rows[-1][1])) if rows else last

        heard = listen(ask, threads)
    return set(written) - set(heard)


def pages_through(ask, most=200):
    """Everything one reader is shown, page by page to the end."""
    seen, place = [], None
    for _ in range(most):
        found, place = ask(place)
        seen += found
        if place is None:
            return seen
    raise AssertionError("no end")


@pytest.fixture
def busy_shop(committing_app, world):
    """24 sales of the day, and a till that goes on selling while somebody pages."""
    with committing_app.app_context(), transaction() as session:
        shop = make_shop(session, world, people=2, max_n=10_000, pool_fen=10**9)
    client = committing_app.test_client()

    numbers = itertools.count()

    def sell(person=0):
        return shop.post(client, "/redemptions", shop.request(shop.phones[person], f"P-{next(numbers)}")).json["id"]

    return shop, client, {sell() for _ in range(24)}, sell


def test_t9_a_list_paged_while_others_sell_shows_what_was_there_once(busy_shop):
    shop, client, before, sell = busy_shop

    def ask(cursor):
        sell(1)
        more = f"&cursor={cursor}" if cursor else ""
        found = shop.get(client, f"/redemptions?limit=5{more}").json
        return [row["id"] for row in found["redemptions"]], found["next_cursor"]

    seen = pages_through(ask)
    assert len(seen) == len(set(seen))
    assert before <= set(seen)


def test_t9_catches_a_list_that_pages_on_places(busy_shop, fresh_database):
    """The planted bug: `offset`. Whatever is sold meanwhile pushes the rest down, and it is shown again."""
    _, _, _, sell = busy_shop
    with psycopg.connect(fresh_database, autocommit=True) as connection:

        def ask(place):
            sell(1)
            rows = connection.execute(
                "select id::text from redemption order by id desc offset %s limit 5", (place or 0,)
            ).fetchall()
            return [one for (one,) in rows], (place or 0) + 5 if len(rows) == 5 else None

        seen = pages_through(ask)
    assert len(seen) > len(set(seen))


def test_two_who_number_at_once_give_each_place_once(committing_app, fresh_database):
    written: list[str] = []
    threads = write_out_of_order(fresh_database, uuid.UUID(int=1), 1, written)

    def number() -> None:
        with committing_app.app_context():
            while any(thread.is_alive() for thread in threads):
                with transaction() as session:
                    number_events(session, limit=7)

    numbering = [threading.Thread(target=number) for _ in range(4)]
    for thread in numbering:
        thread.start()
    for thread in (*threads, *numbering):
        thread.join()
    with committing_app.app_context():
        counts = [1]
        while counts[-1]:
            with transaction() as session:
                counts.append(number_events(session))
        with transaction() as session:
            found = events_after(session, 0, len(written) + 1)
    assert [one.seq for one in found] == list(range(1, len(written) + 1))


def test_on_another_server_what_is_left_is_numbered_and_what_comes_after_too(trading, fresh_database, clock):
    """After a restore transaction ids start anew: the old rows' are far ahead, the new ones' far behind."""
    shop, client = trading
    shop.post(client, "/redemptions", shop.request(shop.phones[0]))
    assert len(page(shop, client).json["events"]) == 1
    shop.post(client, "/redemptions", shop.request(shop.phones[1], "R-2"))
    with psycopg.connect(fresh_database) as connection:
        connection.execute("update sequencer set cluster = 'another', next_xact = 4000000000")
        connection.execute("alter table outbox_event disable trigger user")
        connection.execute("update outbox_event set xact = xact + 3999000000")
    first = page(shop, client).json
    assert len(first["events"]) == 2
    clock.advance(timedelta(seconds=1))
    shop.post(client, "/redemptions", shop.request(shop.phones[2], "R-3"))
    assert len(page(shop, client, first["next_cursor"]).json["events"]) == 1
