"""Programme T5, the web processes: gunicorn's workers and then its master are killed under load; tills send the same keys
again. What was acknowledged is there, once. Short here; `CARDNET_KILLS=12 CARDNET_SALES=500` in `make soak`.
"""

import contextlib
import itertools
import os
import random
import signal
import socket
import subprocess
import threading
import time
from pathlib import Path

import psycopg
import pytest

from cardnet.benefits.invariants import INVARIANTS
from cardnet.demo.running import web_command
from cardnet.kernel.db import transaction
from cardnet.kernel.world import system_world
from cardnet.merchant_api.invariants import INVARIANTS as KEYS
from tests.conftest import make_app
from tests.make.bad_line import send
from tests.make.ports import free_port
from tests.make.redemptions import make_shop, new_key

KILLS = int(os.environ.get("CARDNET_KILLS", "2"))
SALES = int(os.environ.get("CARDNET_SALES", "10"))
"""Of each till."""
TILLS = 4


class Web:
    """gunicorn with two workers, which its master replaces; a dead master is started again by whoever is on call."""

    def __init__(self, url, data, **more):
        self.port = free_port()
        self.env = {**os.environ, "CARDNET_DATABASE_URL": url, "CARDNET_DATA": str(data), "CARDNET_RATE_LIMITS": "off"}
        self.env |= more
        self.begin()

    def begin(self):
        self.master = subprocess.Popen(web_command(self.port), env=self.env, stderr=subprocess.DEVNULL)
        until = time.monotonic() + 120
        while time.monotonic() < until:
            with contextlib.suppress(OSError):
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                return
            time.sleep(0.05)
        raise AssertionError("gunicorn does not listen")

    def workers(self):
        children = Path(f"/proc/{self.master.pid}/task/{self.master.pid}/children").read_text()
        return [int(pid) for pid in children.split()]

    def kill_a_worker(self):
        found = self.workers()
        if found:
            os.kill(random.choice(found), signal.SIGKILL)

    def kill_the_master(self):
        """Its workers notice and end, or are ended: nobody answers until a new master has the port."""
        self.end()
        self.begin()

    def end(self):
        orphans = self.workers()
        self.master.kill()
        self.master.wait()
        for pid in orphans:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


def trade(web, shop, person, acknowledged, tries, killed):
    """Sales of one till, and more of them until all was killed that is to be killed."""
    token, numbers = shop.tills["T01"].token, itertools.count()
    while (number := next(numbers)) < SALES or not killed.is_set():
        key, body = new_key(), shop.request(shop.phones[person], f"W-{person}-{number}")
        for _ in range(600):
            answer = send(web.port, token, body, key)
            tries.append(answer is None)
            if answer is not None and answer[0] == 201:
                acknowledged.append((answer[1]["id"], answer[1]["subsidy_fen"]))
                break
            if answer is not None and answer[0] == 422:
                # The web was away longer than the code lives: that is a no, and it is kept.
                assert answer[1]["reasons"][0]["code"] == "stale_proof", answer
                break
            assert answer is None or answer[0] in (409, 503), answer
            time.sleep(0.1)


@pytest.fixture
def shop(fresh_database, data_folder):
    world = system_world()
    app = make_app(fresh_database, data_folder, world)
    with app.app_context(), transaction() as session:
        shop = make_shop(session, world, people=TILLS, max_n=1_000_000, pool_fen=10**12)
    with app.app_context():
        app.extensions["cardnet.sessions"].bind.dispose()
    return shop


@pytest.fixture
def web(fresh_database, data_folder, shop, request):
    """Running; a parameter is where each of its workers dies."""
    started = Web(fresh_database, data_folder, **getattr(request, "param", {}))
    yield started
    started.end()


def test_t5_nothing_acknowledged_is_lost_or_doubled_when_web_processes_are_killed(web, shop, fresh_database):
    acknowledged, tries, killed = [], [], threading.Event()
    tills = [
        threading.Thread(target=trade, args=(web, shop, person, acknowledged, tries, killed), daemon=True)
        for person in range(TILLS)
    ]
    for till in tills:
        till.start()
    for number in range(1, KILLS + 1):
        # In the middle of the trade, however fast the machine is.
        while len(acknowledged) < number * TILLS * SALES / (KILLS + 1) and any(till.is_alive() for till in tills):
            time.sleep(0.01)
        if number == KILLS:
            web.kill_the_master()
        else:
            web.kill_a_worker()
    killed.set()
    for till in tills:
        till.join()
    assert len(acknowledged) > TILLS * SALES / 2
    assert any(tries), "nobody noticed a kill"
    assert len({one[0] for one in acknowledged}) == len(acknowledged)
    audit(fresh_database, acknowledged)


@pytest.mark.parametrize("web", [{"CARDNET_FAILPOINT": "answer_made"}], indirect=True)
def test_t5_catches_a_till_that_begins_anew_when_a_worker_died_before_it_answered(web, shop, fresh_database):
    """The planted bug is the till's: another key, number and code for the same sale, and it is there twice."""
    for number in range(2):
        body = shop.request(shop.phones[0], f"W-anew-{number}")
        assert send(web.port, shop.tills["T01"].token, body, new_key()) is None
    with pytest.raises(AssertionError, match="not told"):
        audit(fresh_database, [])
    with psycopg.connect(fresh_database) as connection:
        assert connection.execute("select count(*) from redemption where state = 'captured'").fetchone() == (2,)


def audit(url, acknowledged):
    """What was acknowledged is there, once, and nothing else; the books are whole."""
    with psycopg.connect(url) as connection:
        stored = dict(connection.execute("select id::text, subsidy_fen from redemption where state = 'captured'"))
        doubled = connection.execute(
            "select merchant_ref from redemption where state = 'captured' group by 1 having count(*) > 1"
        ).fetchall()
        owed = connection.execute(
            "select coalesce(sum(amount), 0)::bigint from posting where ledger = 'cny'"
        ).fetchone()
        queries = {name: INVARIANTS[name][1] for name in ("L6", "L8", "B4", "proof")} | {
            name: query for name, (_, query) in KEYS.items()
        }
        broken = [name for name, query in queries.items() if connection.execute(query).fetchall()]
    assert [one for one in acknowledged if stored.get(one[0]) != one[1]] == []
    assert set(stored) == {one[0] for one in acknowledged}, "stored and not told"
    assert (doubled, owed[0], broken) == ([], 0, [])
