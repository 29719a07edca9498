"""Messages: signed as the standard says, tried again for 75 hours, once each, replayed by hand, forgotten in the end."""

import base64
import json
import threading
from datetime import timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from standardwebhooks import Webhook

from cardnet.kernel.errors import Conflict
from cardnet.kernel.world import system_world
from cardnet.merchant_api import services
from cardnet.merchant_api.jobs import forget_old_keys
from cardnet.merchant_api.services import MakeEndpoint
from cardnet.merchant_api.webhooks import (
    SCHEDULE,
    Signer,
    body_of,
    next_try,
    public_text,
    secret_text,
)
from tests.make.webhooks import Post


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


def test_jitter_stays_within_a_tenth(world):
    for tries, usual in enumerate(SCHEDULE, 1):
        for chance in (b"\0\0\0\0", b"\xff\xff\xff\xff", b"\0\0\3\xe8"):
            assert usual <= next_try(tries, world.now(), chance) - world.now() <= usual * 1.1
    assert next_try(len(SCHEDULE) + 1, world.now(), b"\0" * 4) is None
