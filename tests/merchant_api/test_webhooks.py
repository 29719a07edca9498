"""Webhooks: signed as the standard says, tried again for 75 hours, never sent into the house, replayed by hand."""

import base64
import ipaddress
import json
import threading
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
from cardnet.merchant_api.jobs import send_due
from cardnet.merchant_api.services import MakeEndpoint
from cardnet.merchant_api.webhooks import (
    SCHEDULE,
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

    def sell(self, person=0, till="T01"):
        body = self.shop.request(self.shop.phones[person], f"R-{person}")
        return self.shop.post(self.client, "/redemptions", body, till=till)

    def send(self, door=DOOR):
        with self.app.app_context():
            return send_due(self.world, door)

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
    again = post.shop.request(post.shop.phones[0], "R-again")
    post.shop.post(post.client, "/redemptions", again)
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
