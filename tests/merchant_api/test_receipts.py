"""Answers signed for who asks: checked by a plain RFC 9421 library under the trust pack's key."""

import base64
import hashlib

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from cardnet.credential import pack
from cardnet.credential.keys import KeyUse
from cardnet.credential.store import signed_trust_pack
from cardnet.merchant_api.receipts import TAG, label_asked_for
from tests.make.redemptions import BASE, new_key

ASKED = {"Accept-Signature": f'shop=("@status" "content-digest");tag="{TAG}"'}


def check(shop, answer, path, key, method="POST"):
    """As a till would, with what RFC 9421 says and the pack alone."""
    digest = base64.b64encode(hashlib.sha256(answer.data).digest()).decode()
    assert answer.headers["Content-Digest"] == f"sha-256=:{digest}:"
    label, _, parameters = answer.headers["Signature-Input"].partition("=")
    values = {
        '"@status"': str(answer.status_code),
        '"content-digest"': f"sha-256=:{digest}:",
        '"@method";req': method,
        '"@path";req': BASE + path,
        '"idempotency-key";req': key,
    }
    names = parameters[1 : parameters.index(")")].split(" ")
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
    looked = client.get(f"{BASE}/redemptions/{first.json['id']}?a=1", headers=shop.tills["T01"].headers | ASKED)
    check(shop, looked, f"/redemptions/{first.json['id']}", None, "GET")


def test_nobody_else_pays_for_a_signature(shop, client):
    answer = redeem(shop, client, shop.request(shop.phones[0]), new_key(), {})
    assert "Signature" not in answer.headers
    stranger = client.get(f"{BASE}/me", headers=ASKED)
    assert (stranger.status_code, "Signature" in stranger.headers) == (401, False)
    odd = {"Accept-Signature": 'sig1=("@status");tag="other"'}
    assert "Signature" not in client.get(f"{BASE}/me", headers=shop.tills["T01"].headers | odd).headers


@pytest.mark.parametrize(
    ("asked", "label"),
    [
        (f'a=();tag="{TAG}"', "a"),
        (f'a=("@status");created;keyid="x";tag="{TAG}"', "a"),
        (f'A=();tag="{TAG}"', None),
        (f"a=();tag={TAG}", None),
        ("", None),
        ("\x00" * 99, None),
    ],
)
def test_how_it_is_asked_for(asked, label):
    assert label_asked_for(asked) == label
