"""A server that is slow, drips or never ends has its deadline and its share, and the next has its turn."""

import contextlib
import socket
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from cardnet.merchant_api import jobs, services
from cardnet.merchant_api.jobs import Run
from cardnet.merchant_api.services import MakeEndpoint
from cardnet.merchant_api.webhooks import (
    Deadline,
    Door,
)
from tests.make.webhooks import DOOR


@contextlib.contextmanager
def dripping(said):
    """A server that says these bytes, one every tenth of a second; `done` is set when it could say them all."""
    server, done = socket.create_server(("127.0.0.1", 0)), threading.Event()

    def drip():
        line, _ = server.accept()
        with line, contextlib.suppress(OSError):
            for byte in said:
                line.sendall(bytes([byte]))
                time.sleep(0.1)
            line.sendall(b"\r\n\r\n")
            done.set()

    thread = threading.Thread(target=drip)
    thread.start()
    yield f"http://127.0.0.1:{server.getsockname()[1]}/", done
    thread.join()
    server.close()


def test_a_server_that_drips_its_answer_is_left_at_the_deadline():
    with dripping(b"HTTP/1.1 200 O" + b"K" * 600) as (url, done):
        assert Door(inside=True, seconds=0.3).send(url, {}, b"{}") == (None, "TimeoutError")
        assert not done.is_set()


def test_the_dripping_test_catches_a_door_that_gives_every_read_its_own_time():
    """The planted bug: the timeout starts anew with each byte."""

    class Always(Deadline):
        def left(self):
            return 30

    class Patient(Door):
        def _deadline(self):
            return Always(0)

    with dripping(b"HTTP/1.1 200 OK") as (url, done):
        assert Patient(inside=True).send(url, {}, b"{}") == (200, None)
        assert done.wait(60)


def test_an_answer_without_end_is_not_read_to_its_end():
    server = socket.create_server(("127.0.0.1", 0))

    def pour():
        line, _ = server.accept()
        with line, contextlib.suppress(OSError):
            line.sendall(b"HTTP/1.1 200 OK\r\n")
            while True:
                line.sendall(b"X: " + b"x" * 50_000 + b"\r\n")

    thread = threading.Thread(target=pour)
    thread.start()
    assert DOOR.send(f"http://127.0.0.1:{server.getsockname()[1]}/", {}, b"{}") == (None, "HTTPException")
    thread.join()
    server.close()


class _Slow(Door):
    """Every exchange takes five seconds of the clock of `slow`; who was called is written down."""

    def send(self, url, headers, body):
        self.clock.seconds += 5
        self.called.append(url)
        return 503, None


@pytest.fixture
def slow(monkeypatch):
    """A door behind which all are slow, by a clock of the test's own."""

    class Clock:
        seconds = 0.0

        def monotonic(self):
            return self.seconds

    door = _Slow(inside=True)
    object.__setattr__(door, "called", [])
    object.__setattr__(door, "clock", Clock())
    monkeypatch.setattr(jobs, "time", door.clock)
    return door


def test_a_slow_merchant_takes_its_share_and_the_next_has_its_turn(post, receiver, slow):
    with post.transaction() as session:
        other = post.shop.tills["other"].venue.merchant_id
        services.make_endpoint(session, post.world, MakeEndpoint(other, f"{receiver.url}/other"), inside=True)
    for person in range(3):
        post.sell(person)
    post.sell(3, "other")
    assert post.send(slow, Run(share=4)) == 2
    assert sorted(url.rpartition("/")[2] for url in slow.called) == ["hook?a=1", "other"]
    assert post.send(slow, Run(seconds=0)) == 0
    assert post.send(slow, Run(seconds=4)) == 1


def test_while_one_run_is_at_it_another_does_nothing(post):
    post.sell()
    began = []

    class Calling(Door):
        def send(self, url, headers, body):
            began.append(post.send())
            return 204, None

    assert post.send(Calling(inside=True)) == 1
    assert began == [0]
    assert post.send() == 0


def test_a_server_that_never_answers_is_a_failure_and_no_traceback():
    closed = ThreadingHTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler)
    url = f"http://127.0.0.1:{closed.server_port}/"
    closed.server_close()
    assert DOOR.send(url, {}, b"{}") == (None, "ConnectionRefusedError")
