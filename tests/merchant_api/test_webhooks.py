"""Webhooks: signed as the standard says, tried again for 75 hours, never sent into the house, replayed by hand."""

import base64
import contextlib
import ipaddress
import json
import socket
import threading
import time
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from standardwebhooks import Webhook

from cardnet.kernel.db import transaction
from cardnet.kernel.errors import Conflict, InvalidInput
from cardnet.kernel.world import system_world
from cardnet.merchant_api import services
from cardnet.merchant_api.jobs import Run, forget_old_keys, send_due
from cardnet.merchant_api.services import MakeEndpoint
from cardnet.merchant_api.webhooks import (
    SCHEDULE,
    Deadline,
    Door,
    Signer,
    body_of,
    checked_url,
    may_be_called,
    next_try,
    public_text,
    secret_text,
)
from tests.make.redemptions import make_shop
from tests.make.settling import settle


class Receiver:
    """A merchant's server: keeps what it was sent and answers what it is told to."""

    def __init__(self):
        self.heard, self.answers = [], []
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                receiver.heard.append(({name.lower(): value for name, value in self.headers.items()}, body))
                status = receiver.answers.pop(0) if receiver.answers else 204
                self.send_response(status)
                if 300 <= status < 400:
                    self.send_header("Location", receiver.url + "/elsewhere")
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_args):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        self.thread = threading.Thread(target=self.server.serve_forever)
        self.thread.start()

    def close(self):
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()


@pytest.fixture
def receiver():
    made = Receiver()
    yield made
    made.close()


DOOR = Door(inside=True)


class Post:
    """A shop whose merchant M1001 listens at the receiver."""

    def __init__(self, app, world, clock, receiver, kinds=None):
        self.app, self.world, self.clock, self.receiver = app, world, clock, receiver
        self.client = app.test_client()
        with self.transaction() as session:
            self.shop = make_shop(session, world, people=4)
        self.merchant = self.shop.tills["T01"].venue.merchant_id
        with self.transaction() as session:
            self.made = services.make_endpoint(
                session, world, MakeEndpoint(self.merchant, f"{receiver.url}/hook?a=1", kinds), inside=True
            )

    def transaction(self):
        return _In(self.app)

    def sell(self, person=0, till="T01", receipt="R"):
        """A sale whose place in the order is settled."""
        body = self.shop.request(self.shop.phones[person], f"{receipt}-{person}")
        answer = self.shop.post(self.client, "/redemptions", body, till=till)
        with self.app.app_context():
            settle()
        return answer

    def send(self, door=DOOR, run=None):
        with self.app.app_context():
            return send_due(self.world, door, run)

    @property
    def endpoint(self):
        with self.transaction() as session:
            return services.endpoints(session, self.merchant)[0]

    @property
    def deliveries(self):
        with self.transaction() as session:
            return services.deliveries(session, self.made.endpoint_id)


class _In:
    def __init__(self, app):
        self.context, self.block = app.app_context(), transaction()

    def __enter__(self):
        self.context.push()
        return self.block.__enter__()

    def __exit__(self, *error):
        self.block.__exit__(*error)
        self.context.pop()


@pytest.fixture
def post(committing_app, world, clock, receiver):
    return Post(committing_app, world, clock, receiver)


def test_a_merchant_hears_of_its_own_events_once_in_a_signed_thin_message(post, receiver):
    made = post.sell().json
    post.sell(1, "other")
    assert post.send() == 1
    assert post.send() == 0
    ((headers, body),) = receiver.heard
    said = json.loads(body)
    assert (said["type"], said["timestamp"]) == ("redemption.captured", "2026-11-21T02:00:00Z")
    assert said["data"]["redemption_id"] == made["id"]
    assert set(said["data"]) == {"event_id", "seq", "redemption_id"}
    (delivery,) = post.deliveries
    assert headers["webhook-id"] == f"msg_{delivery.id.hex}"
    assert (delivery.state, delivery.tries, delivery.last_status) == ("delivered", 1, 204)


def test_both_signatures_are_those_of_the_standard():
    """v1 by the standard's own library, v1a by the public key alone."""
    world = system_world()
    secret, private = world.random_bytes(32), world.random_bytes(32)
    body = body_of("redemption.captured", world.now(), {"name": "健康体检"})
    headers = Signer(secret, private).headers("msg_1", world.now(), body)
    assert Webhook(secret_text(secret)).verify(body, headers)["data"] == {"name": "健康体检"}
    shared, own = headers["webhook-signature"].split(" ")
    assert (shared[:3], own[:4]) == ("v1,", "v1a,")
    public = Ed25519PrivateKey.from_private_bytes(private).public_key().public_bytes_raw()
    key = Ed25519PublicKey.from_public_bytes(base64.b64decode(public_text(public).removeprefix("whpk_")))
    message = f"msg_1.{headers['webhook-timestamp']}.".encode() + body
    key.verify(base64.b64decode(own.removeprefix("v1a,")), message)


def test_the_same_signature_is_made_whatever_time_zone_the_moment_comes_in(world):
    """The library reads a moment that is not UTC wrongly; we never give it one."""
    signer, body = Signer(b"s" * 32, b"p" * 32), b"{}"
    there = world.now().astimezone(ZoneInfo("Asia/Shanghai"))
    assert signer.headers("m", there, body) == signer.headers("m", world.now(), body)


def test_failures_are_tried_again_for_seventy_five_hours_and_then_given_up(post, receiver, clock):
    post.sell()
    receiver.answers = [500] * 20
    tried = []
    for _ in range(20):
        post.send()
        (delivery,) = post.deliveries
        tried.append(clock.at)
        if delivery.next_try_at is None:
            break
        clock.set(delivery.next_try_at)
    assert (delivery.state, delivery.tries, delivery.last_status) == ("failed", 10, 500)
    waits = [later - earlier for earlier, later in pairwise(tried)]
    assert len(waits) == len(SCHEDULE)
    assert all(usual <= wait <= usual * 1.1 for wait, usual in zip(waits, SCHEDULE, strict=True))
    assert sum(SCHEDULE, timedelta()) >= timedelta(hours=75)
    assert len({headers["webhook-id"] for headers, _ in receiver.heard}) == 1
    assert post.endpoint.failed == 1


def test_a_message_that_failed_comes_through_later_in_its_own_time(post, receiver, clock):
    post.sell()
    receiver.answers = [503]
    post.send()
    assert post.send() == 0
    clock.advance(timedelta(seconds=6))
    post.send()
    assert [one.state for one in post.deliveries] == ["delivered"]


def test_410_disables_the_endpoint_and_what_waits_is_dropped(post, receiver):
    post.sell(0)
    post.sell(1)
    receiver.answers = [410]
    post.send()
    assert not post.endpoint.active
    assert "410" in post.endpoint.disabled_why
    assert sorted(one.state for one in post.deliveries) == ["dropped", "dropped"]
    post.sell(2)
    assert post.send() == 0


def test_redirects_are_not_followed(post, receiver):
    post.sell()
    receiver.answers = [302]
    post.send()
    assert len(receiver.heard) == 1
    assert [(one.state, one.last_status) for one in post.deliveries] == [("waiting", 302)]


def test_a_message_is_replayed_by_hand(post, receiver, clock):
    post.sell()
    post.send()
    (delivery,) = post.deliveries
    with post.transaction() as session:
        services.replay_delivery(session, post.world, delivery.id)
    post.send()
    first, second = receiver.heard
    assert first[0]["webhook-id"] == second[0]["webhook-id"]
    assert first[1] == second[1]
    with post.transaction() as session:
        services.disable_endpoint(session, post.world, post.made.endpoint_id, "x")
    with pytest.raises(Conflict, match="endpoint_disabled"), post.transaction() as session:
        services.replay_delivery(session, post.world, delivery.id)
    with post.transaction() as session:
        services.enable_endpoint(session, post.world, post.made.endpoint_id)
    assert post.endpoint.active


def test_an_endpoint_hears_only_the_kinds_it_asked_for_and_nothing_from_before(committing_app, world, clock, receiver):
    post = Post(committing_app, world, clock, receiver, kinds=("redemption.refused",))
    post.sell()
    post.sell(receipt="again")
    post.send()
    assert [json.loads(body)["type"] for _, body in receiver.heard] == ["redemption.refused"]
    with post.transaction() as session:
        services.make_endpoint(session, world, MakeEndpoint(post.merchant, f"{receiver.url}/late"), inside=True)
    assert post.send() == 0


def test_a_worker_that_dies_with_a_message_loses_it_to_the_next(post, receiver, clock):
    post.sell()
    with post.transaction() as session:
        services.spread_events(session, post.world)
    with post.transaction() as session:
        taken = services.take_message(session, post.world)
    assert taken is not None
    assert post.send() == 0
    clock.advance(timedelta(minutes=2))
    assert post.send() == 1
    assert receiver.heard[0][0]["webhook-id"] == taken.headers(post.world.now())["webhook-id"]


def test_two_workers_make_each_message_once(post, receiver):
    for person in range(3):
        post.sell(person)
    threads = [threading.Thread(target=post.send) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(receiver.heard) == 3
    assert len({headers["webhook-id"] for headers, _ in receiver.heard}) == 3


@pytest.fixture
def dripping():
    """A server that says something every tenth of a second, and is done after a second and a half."""
    server = socket.create_server(("127.0.0.1", 0))

    def drip():
        line, _ = server.accept()
        with line, contextlib.suppress(OSError):
            for byte in b"HTTP/1.1 200 OK":
                line.sendall(bytes([byte]))
                time.sleep(0.1)
            line.sendall(b"\r\n\r\n")

    thread = threading.Thread(target=drip)
    thread.start()
    yield f"http://127.0.0.1:{server.getsockname()[1]}/"
    thread.join()
    server.close()


def test_a_server_that_drips_its_answer_is_left_at_the_deadline(dripping):
    begun = time.monotonic()
    assert Door(inside=True, seconds=0.3).send(dripping, {}, b"{}") == (None, "TimeoutError")
    assert time.monotonic() - begun < 1


def test_the_dripping_test_catches_a_door_that_gives_every_read_its_own_time(dripping):
    """The planted bug: the timeout starts anew with each byte."""

    class Always(Deadline):
        def left(self):
            return 0.3

    class Patient(Door):
        def _deadline(self):
            return Always(0)

    assert Patient(inside=True).send(dripping, {}, b"{}") == (200, None)


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
    """Every exchange takes its time; who was called is written down."""

    def send(self, url, headers, body):
        time.sleep(0.05)
        self.called.append(url)
        return 503, None


def test_a_slow_merchant_takes_its_share_and_the_next_has_its_turn(post, receiver):
    with post.transaction() as session:
        other = post.shop.tills["other"].venue.merchant_id
        services.make_endpoint(session, post.world, MakeEndpoint(other, f"{receiver.url}/other"), inside=True)
    for person in range(3):
        post.sell(person)
    post.sell(3, "other")
    door = _Slow(inside=True)
    object.__setattr__(door, "called", [])
    assert post.send(door, Run(share=0.04)) == 2
    assert sorted(url.rpartition("/")[2] for url in door.called) == ["hook?a=1", "other"]
    assert post.send(door, Run(seconds=0)) == 0
    assert post.send(door, Run(seconds=0.04)) == 1


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


def test_old_messages_are_forgotten_and_come_not_again(post, receiver, clock):
    post.sell(0)
    post.send()
    post.sell(1)
    receiver.answers = [410]
    post.send()
    with post.transaction() as session:
        services.enable_endpoint(session, post.world, post.made.endpoint_id)
    for days, left in ((35, ["delivered", "dropped"]), (1, ["dropped"]), (54, ["dropped"]), (1, [])):
        clock.advance(timedelta(days=days))
        with post.app.app_context():
            forget_old_keys()
        assert sorted(one.state for one in post.deliveries) == left
    assert post.send() == 0


def _two_at_once(post, receiver):
    """What becomes of two who add an endpoint to a merchant that has four."""
    with post.transaction() as session:
        for number in range(3):
            command = MakeEndpoint(post.merchant, f"{receiver.url}/{number}")
            services.make_endpoint(session, post.world, command, inside=True)
    met, outcomes = threading.Barrier(2), []

    def make():
        met.wait()
        try:
            with post.transaction() as session:
                services.make_endpoint(session, post.world, MakeEndpoint(post.merchant, receiver.url), inside=True)
                time.sleep(0.1)
        except Conflict as error:
            outcomes.append(error.code)
        else:
            outcomes.append("made")

    threads = [threading.Thread(target=make) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sorted(outcomes)


def test_two_at_once_do_not_make_a_sixth_endpoint(post, receiver):
    assert _two_at_once(post, receiver) == ["made", "too_many_endpoints"]


def test_the_race_for_the_fifth_endpoint_catches_a_count_without_a_lock(post, receiver, monkeypatch):
    """The planted bug: nobody locks the merchant."""
    monkeypatch.setattr("cardnet.merchants.services.lock_merchant", lambda *_: None)
    assert _two_at_once(post, receiver) == ["made", "made"]


def test_a_merchant_has_five_endpoints_at_most(post, receiver):
    with pytest.raises(Conflict, match="too_many_endpoints"), post.transaction() as session:
        for number in range(5):
            command = MakeEndpoint(post.merchant, f"{receiver.url}/{number}")
            services.make_endpoint(session, post.world, command, inside=True)


@pytest.mark.parametrize(
    "url",
    [
        "http://shop.example.com/hook",
        "https://shop.example.com@evil.example/",
        "https://user:pass@shop.example.com/",
        "https://localhost/",
        "https://intranet/",
        "https://127.0.0.1/",
        "https://10.1.2.3/",
        "https://192.168.0.1/",
        "https://169.254.169.254/latest/meta-data",
        "https://100.64.0.1/",
        "https://[::1]/",
        "https://[fd00::1]/",
        "https://[::ffff:10.0.0.1]/",
        "https://[64:ff9b::a00:1]/",
        "https://0.0.0.0/",
        "https://224.0.0.1/",
        "ftp://shop.example.com/",
        "https://shop.example.com/#x",
        "https://shop.example.com:99999/",
        "https://shop .example.com/",
        "https:///path",
        "javascript:alert(1)",
        "",
        "https://shop.example.com/" + "x" * 600,
    ],
)
def test_an_address_that_leads_into_the_house_is_refused(url):
    with pytest.raises(InvalidInput, match="webhook_url"):
        checked_url(url, inside=False)


def test_an_address_outside_is_taken():
    found = checked_url("https://hooks.shop.example.com:8443/cardnet?till=1", inside=False)
    assert (found.host, found.port, found.target) == ("hooks.shop.example.com", 8443, "/cardnet?till=1")


@pytest.mark.parametrize("number", ["8.8.8.8", "1.1.1.1", "2606:4700:4700::1111"])
def test_addresses_on_the_internet_may_be_called(number):
    assert may_be_called(ipaddress.ip_address(number))


@pytest.mark.parametrize(
    "found", [["10.0.0.5"], ["8.8.8.8", "127.0.0.1"], ["::1"], ["::ffff:192.168.1.1"], ["fe80::1%eth0"], []]
)
def test_a_name_that_points_into_the_house_is_not_called(found, receiver):
    status, error = Door(resolve=lambda _host, _port: found).send("https://shop.example.com/", {}, b"{}")
    assert status is None
    assert error
    assert receiver.heard == []


def test_the_connection_goes_to_the_address_that_was_looked_at(receiver, monkeypatch):
    """DNS rebinding: the second answer of the name leads inside, and nobody ever asks a second time."""
    answers, went = iter([["203.0.113.9"], ["127.0.0.1"]]), []

    def connect(place, _timeout):
        went.append(place[0])
        raise OSError("no such network here")

    monkeypatch.setattr("socket.create_connection", connect)
    monkeypatch.setattr("cardnet.merchant_api.webhooks.may_be_called", lambda number: str(number) != "127.0.0.1")
    Door(resolve=lambda _host, _port: next(answers)).send("https://rebind.example.com/", {}, b"{}")
    assert went == ["203.0.113.9"]


def test_the_rebinding_test_catches_a_door_that_resolves_again(receiver, monkeypatch):
    """The planted bug: looks at one answer, then connects by name."""
    answers, went = iter([["203.0.113.9"], ["127.0.0.1"]]), []

    class Naive(Door):
        def _pinned(self, address):
            super()._pinned(address)
            return self.resolve(address.host, address.port)[0]

    def connect(place, _timeout):
        went.append(place[0])
        raise OSError

    monkeypatch.setattr("socket.create_connection", connect)
    monkeypatch.setattr("cardnet.merchant_api.webhooks.may_be_called", lambda number: str(number) != "127.0.0.1")
    Naive(resolve=lambda _host, _port: next(answers)).send("https://rebind.example.com/", {}, b"{}")
    assert went == ["127.0.0.1"]


def test_a_server_that_never_answers_is_a_failure_and_no_traceback():
    closed = ThreadingHTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler)
    url = f"http://127.0.0.1:{closed.server_port}/"
    closed.server_close()
    assert DOOR.send(url, {}, b"{}") == (None, "ConnectionRefusedError")


def test_jitter_stays_within_a_tenth(world):
    for tries, usual in enumerate(SCHEDULE, 1):
        for chance in (b"\0\0\0\0", b"\xff\xff\xff\xff", b"\0\0\3\xe8"):
            assert usual <= next_try(tries, world.now(), chance) - world.now() <= usual * 1.1
    assert next_try(len(SCHEDULE) + 1, world.now(), b"\0" * 4) is None
