"""Answers signed for who asks: checked by a plain RFC 9421 library under the trust pack's key."""

import base64
import hashlib
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from sqlalchemy import text
from structlog.testing import capture_logs

from cardnet.credential import pack
from cardnet.credential.keys import KeyUse
from cardnet.credential.store import ensure_keys, signed_trust_pack
from cardnet.merchant_api.receipts import TAG, label_asked_for
from tests.make.redemptions import BASE, new_key

ASKED = {"Accept-Signature": f'shop=("@status" "content-digest");tag="{TAG}"'}


def check(shop, answer, path, key, method="POST", query=None, terminal=None):
    """As a till would, with what RFC 9421 says and the pack alone."""
    digest = base64.b64encode(hashlib.sha256(answer.data).digest()).decode()
    assert answer.headers["Content-Digest"] == f"sha-256=:{digest}:"
    venue = shop.tills["T01"].venue
    terminal = terminal or f"{venue.merchant_code}/{venue.terminal_code}"
    assert answer.headers["Cardnet-Terminal"] == terminal
    label, _, parameters = answer.headers["Signature-Input"].partition("=")
    values = {
        '"@status"': str(answer.status_code),
        '"content-digest"': f"sha-256=:{digest}:",
        '"cardnet-terminal"': terminal,
        '"@method";req': method,
        '"@path";req': BASE + path,
        **({'"@query";req': query} if query else {}),
        **({'"idempotency-key";req': key} if key else {}),
    }
    names = parameters[1 : parameters.index(")")].split(" ")
    assert names == list(values)
    base = [f"{name}: {values[name]}" for name in names] + [f'"@signature-params": {parameters}']
    kid = bytes.fromhex(parameters.partition('keyid="')[2][:4])
    issuer = pack.peek_pack(signed_trust_pack(shop.session, shop.world).content).keys[kid]
    assert issuer.use is KeyUse.RECEIPT
    signature = base64.b64decode(answer.headers["Signature"].removeprefix(f"{label}=:").removesuffix(":"))
    Ed25519PublicKey.from_public_bytes(issuer.public).verify(signature, "\n".join(base).encode())


def redeem(shop, client, body, key, headers=ASKED):
    return client.post(
        f"{BASE}/redemptions", json=body, headers=shop.tills["T01"].headers | {"Idempotency-Key": key} | headers
    )


def test_an_answer_a_replay_and_a_refusal_are_signed_for_who_asks(shop, client):
    body, key = shop.request(shop.phones[0]), new_key()
    first, again = redeem(shop, client, body, key), redeem(shop, client, body, key)
    assert (first.status_code, again.data, again.headers["Idempotency-Replayed"]) == (201, first.data, "true")
    refused = redeem(shop, client, shop.request(shop.phones[0], ref="R-0002"), other := new_key())
    assert (refused.status_code, refused.json["code"]) == (422, "refused")
    for answer, used in ((first, key), (again, key), (refused, other)):
        assert answer.headers["Signature-Input"].startswith("shop=(")
        check(shop, answer, "/redemptions", used)
    with pytest.raises(InvalidSignature):
        check(shop, first, "/redemptions", other)
    looked = client.get(f"{BASE}/redemptions/{first.json['id']}", headers=shop.tills["T01"].headers | ASKED)
    check(shop, looked, f"/redemptions/{first.json['id']}", None, "GET")


def test_a_list_is_of_its_day_and_of_its_terminal_alone(shop, client):
    asked = shop.tills["T01"].headers | ASKED
    query = "?business_date=2026-11-20&limit=%35"
    answer = client.get(f"{BASE}/redemptions{query}", headers=asked)
    assert answer.json["redemptions"] == []
    check(shop, answer, "/redemptions", None, "GET", query)
    with pytest.raises(InvalidSignature):
        check(shop, answer, "/redemptions", None, "GET", "?business_date=2026-11-21&limit=%35")
    answer.headers["Cardnet-Terminal"] = "M9999/T01"
    with pytest.raises(InvalidSignature):
        check(shop, answer, "/redemptions", None, "GET", query, "M9999/T01")


def test_a_sale_that_is_done_is_answered_without_proof_when_no_proof_can_be_made(shop, client):
    assert "Signature" in client.get(f"{BASE}/me", headers=shop.tills["T01"].headers | ASKED).headers
    shop.session.execute(text("update issuer_key set private_sealed = '\\x00' where use = 'receipt'"))
    shop.session.commit()
    with capture_logs() as logged:
        sold = redeem(shop, client, shop.request(shop.phones[0]), new_key())
    assert (sold.status_code, shop.count("redemption where state = 'captured'")) == (201, 1)
    assert {"Signature", "Signature-Input", "Cardnet-Terminal"}.isdisjoint(sold.headers.keys())
    assert [one["event"] for one in logged] == ["answer_not_signed"]


def test_at_the_turn_of_the_year_the_clock_is_read_once(shop, client, clock):
    before = datetime(2026, 12, 31, 15, 59, 59, 900000, tzinfo=UTC)
    clock.set(before - timedelta(days=3))
    ensure_keys(shop.session, shop.world)
    shop.session.commit()
    clock.set(before + timedelta(days=1))
    readings = []

    def passing(turn):
        readings.append(turn)
        return before if len(readings) <= turn else before + timedelta(milliseconds=200)

    kids, turn = set(), 0
    while turn <= len(readings):
        readings.clear()
        client.application.extensions["cardnet.world"] = replace(shop.world, now=lambda turn=turn: passing(turn))
        answer = client.get(f"{BASE}/me", headers=shop.tills["T01"].headers | ASKED)
        check(shop, answer, "/me", None, "GET")
        kids.add(answer.headers["Signature-Input"].partition('keyid="')[2][:4])
        turn += 1
    assert len(kids) == 2


def test_what_fails_behind_an_answer_is_our_fault_and_may_have_been_done(shop, client, monkeypatch):
    def fails(_answer):
        raise OSError

    app = client.application
    monkeypatch.setitem(app.after_request_funcs, "merchant_api", [fails])
    monkeypatch.setitem(app.config, "PROPAGATE_EXCEPTIONS", False)
    answer = client.get(f"{BASE}/me", headers=shop.tills["T01"].headers)
    assert (answer.status_code, answer.json["code"], answer.json["retry"]) == (500, "internal", "same_key")


def test_nobody_else_pays_for_a_signature(shop, client):
    answer = redeem(shop, client, shop.request(shop.phones[0]), new_key(), {})
    assert "Signature" not in answer.headers
    odd = {"Accept-Signature": 'sig1=("@status");tag="other"'}
    assert "Signature" not in client.get(f"{BASE}/me", headers=shop.tills["T01"].headers | odd).headers


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("GET", "/me", None, 401),
        ("GET", "/openapi.json", None, 200),
        ("GET", "/nothing", None, 404),
        ("POST", "/terminals/enrol", {"pairing_code": 5}, 422),
    ],
)
def test_a_stranger_gets_no_signature_whatever_is_answered(shop, client, method, path, body, status):
    assert "Signature" in client.get(f"{BASE}/me", headers=shop.tills["T01"].headers | ASKED).headers
    answer = client.open(f"{BASE}{path}", method=method, json=body, headers=ASKED)
    assert (answer.status_code, "Signature" in answer.headers) == (status, False)


@pytest.mark.parametrize("asked", ["a=(" + ")" * 4000 + ";" * 4000, "a=(" + ");" * 200 + ";tag" * 100, "a=(" * 2666])
def test_no_wish_takes_long_to_read(asked):
    started = time.perf_counter()
    assert label_asked_for(asked) is None
    assert time.perf_counter() - started < 0.1


@pytest.mark.parametrize(
    ("asked", "label"),
    [
        (f'a=();tag="{TAG}"', "a"),
        (f'a=("@status");created;keyid="x";tag="{TAG}"', "a"),
        (f'other=();tag="b", a=("@method";req "content-digest");tag="{TAG}";alg="ed25519"', "a"),
        (f'a=();tag="{TAG}";nonce="{"n" * 460}"', "a"),
        (f'a=();tag="{TAG}";nonce="{"n" * 470}"', None),
        (f'a;tag="{TAG}"', None),
        (f'a="();tag={TAG}"', None),
        (f'A=();tag="{TAG}"', None),
        (f"a=();tag={TAG}", None),
        ("", None),
        ("\x00" * 99, None),
    ],
)
def test_how_it_is_asked_for(asked, label):
    assert label_asked_for(asked) == label
