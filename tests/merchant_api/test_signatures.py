"""Signed terminals: M14, replayed nonces, rotation with an overlap, revocation, merchants that require it."""

import json
from datetime import timedelta

import pytest
from http_message_signatures import HTTPMessageVerifier, algorithms

from cardnet.kernel.errors import Conflict
from cardnet.merchant_api.services import forget_nonces
from cardnet.merchant_api.signatures import SignedRequest
from cardnet.merchants.rules import CACHE_LIFE, Scope
from cardnet.merchants.services import (
    AddKey,
    IssueToken,
    MakePairingCode,
    RequireSignature,
    RevokeKey,
    add_key,
    issue_token,
    make_pairing_code,
    require_signature,
    revoke_key,
)
from tests.make.redemptions import BASE, new_key
from tests.make.signing import SigningKey

PATH = f"{BASE}/redemptions"


@pytest.fixture
def key(shop, session, world) -> SigningKey:
    made = SigningKey()
    add_key(session, world, AddKey(shop.tills["T01"].venue.terminal_id, made.public_text))
    return made


def code_of(answer) -> tuple[int, str]:
    return answer.status_code, answer.json["code"]


@pytest.mark.parametrize("kind", ["ed25519", "es256"])
def test_m14_a_signed_request_needs_no_token(shop, client, session, world, kind):
    key = SigningKey(kind)
    add_key(session, world, AddKey(shop.tills["T01"].venue.terminal_id, key.public_text))
    body = shop.request(shop.phones[0])
    assert key.post(client, PATH, body, world.now(), new_key()).status_code == 201
    me = key.get(client, f"{BASE}/me", world.now())
    assert (me.status_code, me.json["terminal"]["code"]) == (200, "T01")
    assert key.get(client, f"{PATH}?limit=5", world.now()).status_code == 200


@pytest.mark.parametrize(
    "covered",
    [
        ("@method",),
        ("@method", "@path"),
        ("@method", "@path", "content-digest"),
        ("@method", "@path", "idempotency-key"),
        ("@path", "content-digest", "idempotency-key"),
        ("content-digest", "idempotency-key"),
    ],
)
def test_m14_a_signature_that_covers_too_little_is_invalid(shop, client, world, key, covered):
    answer = key.post(client, PATH, shop.request(shop.phones[0]), world.now(), new_key(), covered=covered)
    assert code_of(answer) == (401, "signature_invalid")
    assert shop.count("redemption") == 0


def test_m14_the_library_alone_would_accept_a_signature_of_the_method_only(world):
    """The planted bug: what happens when nobody says what must be covered."""
    made = SigningKey()
    headers = made.headers("POST", PATH, b'{"amount": 1}', world.now(), covered=("@method",), tag=None)

    class Lenient(HTTPMessageVerifier):
        def validate_created_and_expires(self, sig_input, max_age=None):
            return None

    made.resolve_public_key = lambda _key_id: made.private.public_key()
    changed = SignedRequest("POST", f"https://localhost{PATH}", headers, b'{"amount": 9}')
    assert Lenient(signature_algorithm=algorithms.ED25519, key_resolver=made).verify(changed)


def test_m14_a_body_changed_after_signing_is_invalid(shop, client, world, key):
    sent = json.dumps(shop.request(shop.phones[0])).encode()
    headers = key.headers("POST", PATH, sent, world.now(), key=new_key())
    changed = sent.replace(b"38000", b"99000")
    assert changed != sent
    assert code_of(client.post(PATH, data=changed, headers=headers)) == (401, "signature_invalid")
    other = {**headers, "Idempotency-Key": new_key()}
    assert code_of(client.post(PATH, data=sent, headers=other)) == (401, "signature_invalid")
    assert code_of(client.post(f"{BASE}/quotes", data=sent, headers=headers)) == (401, "signature_invalid")


@pytest.mark.parametrize(("minutes", "good"), [(-10, False), (10, False), (-5, True), (5, True)])
def test_m14_a_clock_that_is_far_off_hears_ours(shop, client, world, key, minutes, good):
    at = world.now() + timedelta(minutes=minutes)
    answer = key.post(client, PATH, shop.request(shop.phones[0]), at, new_key())
    if good:
        assert answer.status_code == 201
    else:
        assert code_of(answer) == (401, "clock_skew")
        assert answer.json["server_time"] == "2026-11-21T10:00:00+08:00"


def test_m14_a_revoked_key_ends_within_a_minute(shop, client, session, world, clock, key):
    assert key.get(client, f"{BASE}/me", world.now()).status_code == 200
    revoke_key(session, world, RevokeKey(key.key_id))
    clock.advance(CACHE_LIFE)
    assert timedelta(seconds=60) >= CACHE_LIFE
    assert code_of(key.get(client, f"{BASE}/me", world.now())) == (401, "key_revoked")


def test_m14_the_key_before_counts_for_seven_more_days(shop, client, session, world, clock, key):
    second = SigningKey("es256")
    body = {"public_key": second.public_text}
    answer = key.post(client, f"{BASE}/terminals/keys", body, world.now(), new_key())
    assert (answer.status_code, answer.json["key_id"]) == (201, second.key_id)
    assert answer.json["replaces"] == {"key_id": key.key_id, "ends_at": "2026-11-28T10:00:00+08:00"}
    clock.advance(timedelta(days=7) - timedelta(seconds=1))
    assert key.post(client, PATH, shop.request(shop.phones[0]), world.now(), new_key()).status_code == 201
    clock.advance(timedelta(seconds=1))
    assert code_of(key.get(client, f"{BASE}/me", world.now())) == (401, "key_revoked")
    assert second.get(client, f"{BASE}/me", world.now()).status_code == 200


def test_a_terminal_has_two_keys_at_most_and_a_key_one_terminal(shop, session, world, clock, key):
    venue, other = shop.tills["T01"].venue, shop.tills["T02"].venue
    add_key(session, world, AddKey(venue.terminal_id, SigningKey().public_text))
    with pytest.raises(Conflict, match="too_many_keys"):
        add_key(session, world, AddKey(venue.terminal_id, SigningKey().public_text))
    with pytest.raises(Conflict, match="key_taken"):
        add_key(session, world, AddKey(other.terminal_id, key.public_text))
    clock.advance(timedelta(days=7))
    add_key(session, world, AddKey(venue.terminal_id, SigningKey().public_text))


def test_a_nonce_counts_once(shop, client, session, world, clock, key):
    body, again = shop.request(shop.phones[0]), new_key()
    assert key.post(client, PATH, body, world.now(), again, nonce="the-same-nonce").status_code == 201
    replayed = key.post(client, PATH, body, world.now(), again, nonce="the-same-nonce")
    assert code_of(replayed) == (401, "signature_invalid")
    fresh = key.post(client, PATH, body, world.now(), again)
    assert (fresh.status_code, fresh.headers["Idempotency-Replayed"]) == (201, "true")
    clock.advance(timedelta(hours=2))
    assert forget_nonces(session, world) == 2


@pytest.mark.parametrize("how", [{"tag": None}, {"tag": "other"}, {"nonce": None}, {"nonce": "short"}])
def test_tag_and_nonce_are_asked_for(shop, client, world, key, how):
    answer = key.post(client, PATH, shop.request(shop.phones[0]), world.now(), new_key(), **how)
    assert code_of(answer) == (401, "signature_invalid")


@pytest.mark.parametrize(
    "headers",
    [
        {"Signature-Input": "nonsense", "Signature": "x"},
        {"Signature-Input": 'sig1=("@method");keyid="x";tag="cardnet-v1"'},
        {"Signature-Input": 'sig1=("@method");keyid=5;tag="cardnet-v1"', "Signature": "sig1=:AA==:"},
        {"Signature-Input": 'sig1=("@method");tag="cardnet-v1"', "Signature": "sig1=:AA==:"},
        {"Signature-Input": 'sig1=5;tag="cardnet-v1"', "Signature": "sig1=:AA==:"},
        {"Signature-Input": "é", "Signature": "é"},
        {
            "Signature-Input": 'a=("@method");keyid="x";tag="cardnet-v1", b=("@method");keyid="x";tag="cardnet-v1"',
            "Signature": "a=:AA==:, b=:AA==:",
        },
    ],
)
def test_headers_that_are_no_signature_are_refused_and_nothing_breaks(shop, client, headers):
    for more in ({}, shop.tills["T01"].headers):
        assert code_of(client.get(f"{BASE}/me", headers=headers | more)) == (401, "signature_invalid")


def test_an_unknown_key_is_refused(shop, client, world):
    assert code_of(SigningKey().get(client, f"{BASE}/me", world.now())) == (401, "signature_invalid")


def test_a_merchant_can_require_signatures(shop, client, session, world, clock, key):
    venue = shop.tills["T01"].venue
    assert shop.get(client, "/me").status_code == 200
    require_signature(session, world, RequireSignature(venue.merchant_id, required=True))
    clock.advance(CACHE_LIFE)
    assert code_of(shop.get(client, "/me")) == (401, "signature_invalid")
    assert key.get(client, f"{BASE}/me", world.now()).status_code == 200
    assert shop.get(client, "/me", "other").status_code == 200


def test_token_and_signature_must_be_of_one_terminal(shop, client, world, key):
    for till, status in (("T01", 200), ("T02", 401)):
        headers = key.headers("GET", f"{BASE}/me", b"", world.now()) | shop.tills[till].headers
        assert client.get(f"{BASE}/me", headers=headers).status_code == status


def test_enrolling_with_a_key_lets_the_terminal_sign_at_once(shop, client, session, world):
    made = SigningKey("es256")
    pairing = make_pairing_code(session, world, MakePairingCode(shop.tills["T01"].venue.terminal_id))
    body = {"pairing_code": pairing, "name": "前台", "public_key": made.public_text}
    answer = client.post(f"{BASE}/terminals/enrol", json=body)
    assert (answer.status_code, answer.json["key_id"]) == (201, made.key_id)
    assert made.get(client, f"{BASE}/me", world.now()).status_code == 200


def test_a_token_may_do_only_what_its_scopes_say(shop, client, session, world):
    terminal = shop.tills["T01"].venue.terminal_id
    reader = issue_token(session, world, IssueToken(terminal, scopes=frozenset({Scope.READ})))
    headers = {"Authorization": f"Bearer {reader.token}"}
    assert client.get(f"{BASE}/me", headers=headers).status_code == 200
    refused = client.post(PATH, json=shop.request(shop.phones[0]), headers=headers | {"Idempotency-Key": new_key()})
    assert code_of(refused) == (403, "scope_denied")
