"""The evidence of an offline record says what the server said of it: by keys and limits as of the sale."""

import base64
import json
from dataclasses import replace
from datetime import timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from sqlalchemy import text

from cardnet.credential import store
from cardnet.credential.pack import peek_pack
from cardnet.credential.verify import normalise, read
from cardnet.issuance import services as issuance
from cardnet.merchant_api import evidence, services
from cardnet.merchant_api.signatures import record_bytes
from cardnet.merchants.services import AddKey, add_key
from tests.make.issuance import print_cards
from tests.make.membership import id_number
from tests.make.offline import approve, results, send
from tests.make.signing import SigningKey


@pytest.fixture
def signed(shop, world, record):
    """Makes a record of a sale now, signed by the key of T01."""
    key = SigningKey("es256")
    add_key(shop.session, world, AddKey(shop.tills["T01"].venue.terminal_id, key.public_text))

    def make(*what, **more):
        made = record(*what, **more) | {"key_id": key.key_id}
        message = record_bytes("M1001", "T01", made)
        r, s = decode_dss_signature(key.private.sign(message, ECDSA(SHA256())))
        signature = r.to_bytes(32, "big") + s.to_bytes(32, "big")
        return made | {"signature": base64.urlsafe_b64encode(signature).decode().rstrip("=")}

    return make


@pytest.fixture
def exported(shop, world):
    """The file of a record, read."""
    return lambda made: json.loads(services.offline_evidence(shop.session, world, "M1001", made["merchant_ref"]))


@pytest.fixture
def faults(shop, exported):
    """What the check says of a record's file, or of a file."""

    def check(made):
        said = made if "format" in made else exported(made)
        return evidence.check(json.dumps(said), store.roots(shop.session)).faults

    return check


def revoke_card_key(shop, world, made):
    kid = read(normalise(made["code"])).credential.kid
    store.revoke_key(shop.session, world, store.RevokeKey(kid, None, "被盗"))


def test_a_card_key_revoked_after_the_sale_does_not_unmake_it(shop, client, clock, world, signed, faults):
    made = signed()
    clock.advance(timedelta(hours=1))
    assert results(send(shop, client, made)) == [("captured", None)]
    clock.advance(timedelta(days=2))
    revoke_card_key(shop, world, made)
    assert faults(made) == ()
    # Long after, when further packs have come and gone.
    for _ in range(3):
        clock.advance(timedelta(days=20))
        store.ensure_keys(shop.session, world)
    assert faults(made) == ()


def test_a_card_key_revoked_between_sale_and_report_does_not_unmake_it(shop, client, clock, world, signed, faults):
    made = signed()
    clock.advance(timedelta(minutes=30))
    revoke_card_key(shop, world, made)
    clock.advance(timedelta(minutes=30))
    assert results(send(shop, client, made)) == [("captured", None)]
    assert faults(made) == ()


def test_a_card_key_revoked_before_the_sale_does(shop, client, clock, world, signed, faults, exported):
    before = store.signed_trust_pack(shop.session, world).content
    revoke_card_key(shop, world, signed(person=0))
    clock.advance(timedelta(minutes=30))
    made = signed(person=0)
    clock.advance(timedelta(minutes=30))
    assert results(send(shop, client, made)) == [("refused_advice", "revoked_key")]
    assert faults(made) == ("revoked_key",)
    # Whoever puts in the pack of before and leaves out the one that said so proves nothing.
    store.rotate_card_keys(shop.session, world)
    said = exported(made)
    said["trust_packs"] = [base64.b64encode(before).decode(), said["trust_packs"][-1]]
    assert faults(said) == ("revoked_key",)


def test_paper_is_nothing_without_its_key(shop, client, clock, world, signed, faults):
    shop.office.session, shop.office.world = shop.session, world
    (card,) = shop.office.issue(70)
    issuance.hand_out_cards(shop.session, world, issuance.HandOutCards(shop.office["C1"], numbers=(card.number,)))
    code = print_cards(shop.office, card.number)[0].code_text
    store.ensure_keys(shop.session, world)
    made = signed(900, person=0, code=code, decision=None, id_last4=id_number(70)[-4:])
    clock.advance(timedelta(minutes=30))
    assert results(send(shop, client, made)) == [("captured", None)]
    assert faults(made) == ()
    kid = shop.session.scalar(text("select kid from issuer_key where use = 'print' and print_run_id is not null"))
    store.revoke_key(shop.session, world, store.RevokeKey(bytes(kid), None, "丢失"))
    assert faults(made) == ("revoked_key",)


def slow(signed, clock, world):
    """A sale with a code 50 seconds old; 60 are allowed."""
    code = signed(seq=1, person=0)["code"]
    clock.advance(timedelta(seconds=50))
    return signed(person=0, code=code)


def test_limits_lowered_between_sale_and_report_do_not_unmake_it(shop, client, clock, world, signed, faults):
    made = slow(signed, clock, world)
    clock.advance(timedelta(minutes=30))
    approve(shop, replace(store.OfflineLimits(), offline_past_seconds=40))
    clock.advance(timedelta(minutes=30))
    assert results(send(shop, client, made)) == [("captured", None)]
    assert faults(made) == ()


@pytest.mark.parametrize(
    ("later", "answer", "found"),
    [
        (timedelta(hours=70), ("captured", None), ()),
        (timedelta(hours=74), ("refused_advice", "stale_proof"), ("stale_proof",)),
    ],
)
def test_limits_lowered_before_the_sale_count_once_every_till_has_them(
    shop, client, clock, world, signed, faults, exported, later, answer, found
):
    approve(shop, replace(store.OfflineLimits(), offline_past_seconds=40))
    clock.advance(later)
    made = slow(signed, clock, world)
    clock.advance(timedelta(minutes=30))
    assert results(send(shop, client, made)) == [answer]
    assert faults(made) == found
    allowed = [peek_pack(base64.b64decode(one)).policy.offline_past for one in exported(made)["trust_packs"]]
    assert allowed == sorted(allowed, reverse=True)


def test_limits_raised_after_the_sale_do_not_make_it_good(shop, client, clock, world, signed, faults):
    code = signed(seq=1, person=0)["code"]
    clock.advance(timedelta(seconds=90))
    made = signed(person=0, code=code)
    clock.advance(timedelta(minutes=10))
    approve(shop, replace(store.OfflineLimits(), offline_past_seconds=120, challenge_seconds=600))
    clock.advance(timedelta(minutes=10))
    assert results(send(shop, client, made)) == [("refused_advice", "stale_proof")]
    assert faults(made) == ("stale_proof",)


def test_a_file_without_a_pack_is_none(shop, client, clock, signed, exported, faults):
    made = signed()
    send(shop, client, made)
    with pytest.raises(ValueError, match="no trust pack"):
        faults(exported(made) | {"trust_packs": []})
