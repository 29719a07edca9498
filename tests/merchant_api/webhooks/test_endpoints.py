"""Addresses: five a merchant at most, and none that leads into the house."""

import contextlib
import ipaddress
import threading

import pytest

from cardnet.kernel.errors import Conflict, InvalidInput
from cardnet.merchant_api import services
from cardnet.merchant_api.services import MakeEndpoint
from cardnet.merchant_api.webhooks import (
    Door,
    checked_url,
    may_be_called,
)


def _two_at_once(post, receiver, patience):
    """What becomes of two who add an endpoint to a merchant that has four, and meet before they commit, if they can."""
    with post.transaction() as session:
        for number in range(3):
            command = MakeEndpoint(post.merchant, f"{receiver.url}/{number}")
            services.make_endpoint(session, post.world, command, inside=True)
    met, outcomes = threading.Barrier(2), []

    def make():
        try:
            with post.transaction() as session:
                services.make_endpoint(session, post.world, MakeEndpoint(post.merchant, receiver.url), inside=True)
                with contextlib.suppress(threading.BrokenBarrierError):
                    met.wait(patience)
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
    assert _two_at_once(post, receiver, 0.3) == ["made", "too_many_endpoints"]


def test_the_race_for_the_fifth_endpoint_catches_a_count_without_a_lock(post, receiver, monkeypatch):
    """The planted bug: nobody locks the merchant."""
    monkeypatch.setattr("cardnet.merchants.services.lock_merchant", lambda *_: None)
    assert _two_at_once(post, receiver, 60) == ["made", "made"]


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
