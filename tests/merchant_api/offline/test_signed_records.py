"""Records a terminal signs, each naming the one before it."""

import base64
import hashlib

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256

from cardnet.benefits.services import advice_exceptions
from cardnet.merchant_api.signatures import record_bytes
from cardnet.merchants.services import AddKey, add_key
from tests.make.offline import MORNING, results, send, sound
from tests.make.signing import SigningKey


def signed(key: SigningKey, made: dict, **more) -> dict:
    made = made | {"key_id": key.key_id} | more
    message = record_bytes("M1001", "T01", made)
    if key.kind == "ed25519":
        signature = key.private.sign(message)
    else:
        r, s = decode_dss_signature(key.private.sign(message, ECDSA(SHA256())))
        signature = r.to_bytes(32, "big") + s.to_bytes(32, "big")
    return made | {"signature": base64.urlsafe_b64encode(signature).decode().rstrip("=")}


@pytest.mark.parametrize("kind", ["ed25519", "es256"])
def test_a_terminal_with_a_key_signs_its_records(shop, client, clock, world, record, kind):
    key = SigningKey(kind)
    add_key(shop.session, world, AddKey(shop.tills["T01"].venue.terminal_id, key.public_text))
    good, bare, changed = signed(key, record()), record(seq=42), signed(key, record(seq=43))
    changed["purchase"] = {"amount_fen": 19_999, "service_code": "health_check"}
    strange = signed(SigningKey(kind), record(seq=44), key_id=key.key_id)
    clock.set(MORNING)
    found = results(send(shop, client, good, bare, changed, strange))
    assert found == [("captured", None)] + [("refused_advice", "signature_invalid")] * 3
    # A forged record does not stand in the way of the true one.
    assert results(send(shop, client, signed(key, {**bare, "prev_hash": digest(good)}))) == [("captured", None)]
    assert [one.code for one in advice_exceptions(shop.session)] == []


def digest(made: dict) -> str:
    found = hashlib.sha256(record_bytes("M1001", "T01", made)).digest()
    return base64.urlsafe_b64encode(found).decode().rstrip("=")


def test_a_record_that_follows_another_one_than_ours_breaks_the_chain(shop, client, clock, record):
    first = record()
    second = record(prev_hash=digest(first))
    third = record(prev_hash=digest(first))
    clock.set(MORNING)
    assert len(results(send(shop, client, first, second, third))) == 3
    assert [(one.code, one.why, one.first_seq) for one in advice_exceptions(shop.session)] == [("E12", "chain", 43)]


def test_a_signed_record_that_names_none_before_it_is_flagged_and_a_row_of_them_once(
    shop, client, clock, world, record
):
    """Whoever leaves the link away could leave out a record just as well: finance looks, the sale is answered as ever."""
    key = SigningKey("es256")
    add_key(shop.session, world, AddKey(shop.tills["T01"].venue.terminal_id, key.public_text))
    first, second, third, fourth = (signed(key, record()) for _ in range(4))
    fifth = signed(key, record(prev_hash=digest(fourth)))
    clock.set(MORNING)
    assert results(send(shop, client, first, second)) == [("captured", None)] * 2
    assert _breaks(shop) == [("unlinked", 42, 42)]
    assert results(send(shop, client, third, fourth, fifth)) == [("captured", None)] * 3
    send(shop, client, second)
    assert _breaks(shop) == [("unlinked", 42, 44)]
    assert shop.get(client, "/me").json["last_record_hash"] == digest(fifth)
    sound(shop)


def test_a_record_that_comes_late_is_held_against_the_one_that_named_it(shop, client, clock, record):
    first, true, other = record(seq=41), record(seq=42), record(seq=42)
    third = record(seq=43, prev_hash=digest(true))
    other["merchant_ref"] = "OFF-OTHER"
    clock.set(MORNING)
    send(shop, client, first, third)
    assert _breaks(shop) == [("gap", 42, 42)]
    send(shop, client, other)
    assert _breaks(shop) == [("chain", 43, 43)]


def _breaks(shop) -> list[tuple[str, int, int]]:
    return [(one.why, one.first_seq, one.last_seq) for one in advice_exceptions(shop.session)]
