"""The published vectors of CN1."""

import json

import pytest

from cardnet.credential import base45, codec, cose
from cardnet.credential.codec import Proof
from cardnet.credential.keys import Alg, IssuerKey, KeyUse
from cardnet.credential.pack import TrustPack
from cardnet.credential.signing import code_text
from cardnet.credential.verify import Accepted, VerifyContext, Window, verify
from tests.conftest import ACCEPTANCE
from tests.make.credential import moment

VECTORS = json.loads((ACCEPTANCE / "cn1-vectors.json").read_text())
NOW = VECTORS["now"]


@pytest.fixture(scope="module")
def pack():
    def key(kid, public, use):
        kid, public = bytes.fromhex(VECTORS[kid]), bytes.fromhex(VECTORS[public])
        return kid, IssuerKey(kid, Alg.EDDSA, use, public, NOW - 40 * 86_400, NOW + 40 * 86_400)

    keys = dict([key("kid_card", "issuer_card_pub", KeyUse.CARD), key("kid_print", "issuer_print_pub", KeyUse.PRINT)])
    return TrustPack(1, NOW, NOW + 86_400, keys)


def judge(pack, text, **context):
    return verify(text, pack, None, moment(NOW), VerifyContext(window=Window.OFFLINE, **context))


def test_the_device_code_verifies_and_says_what_it_was_made_of(pack):
    accepted = judge(pack, VECTORS["device_code"])
    assert isinstance(accepted, Accepted)
    assert accepted.assurance == "device"
    assert accepted.index == 0x0012D687
    assert (accepted.tier, accepted.group) == (2, 0x1267)
    assert accepted.device_key.hex() == VECTORS["device_pub_compressed"]
    assert accepted.proof_at == moment(NOW)


def test_the_bound_code_verifies_for_its_merchant_only(pack):
    text = VECTORS["bound_code_aud_M-123456"]
    assert judge(pack, text, audiences=frozenset({"M-123456"})).audience == "M-123456"
    assert judge(pack, text, audiences=frozenset({"M-123457"})).outcome == "wrong_audience"


def test_the_printed_code_verifies(pack):
    accepted = judge(pack, VECTORS["printed_code"])
    assert isinstance(accepted, Accepted)
    assert (accepted.assurance, accepted.device_key, accepted.proof_id) == ("printed", None, None)


@pytest.mark.parametrize("name", ["device_code", "bound_code_aud_M-123456", "printed_code"])
def test_every_vector_is_rebuilt_from_its_values_byte_by_byte(name):
    token = base45.decode(VECTORS[name].removeprefix("CN1:"))
    assert rebuilt(codec.decode(token)) == token
    assert code_text(token) == VECTORS[name]


def test_sizes_are_those_of_the_design():
    device = base45.decode(VECTORS["device_code"].removeprefix("CN1:"))
    printed = base45.decode(VECTORS["printed_code"].removeprefix("CN1:"))
    assert (len(device), len(VECTORS["device_code"])) == (246, 373)
    assert (len(printed), len(VECTORS["printed_code"])) == (108, 166)
    assert bytes.fromhex(VECTORS["credential"]) in device


def rebuilt(code):
    if isinstance(code, codec.Credential):
        return cose.sign1(codec.credential_header(code.alg, code.kid), codec.encode_claims(code.claims), code.signature)
    header = codec.device_header(code.alg, rebuilt(code.credential))
    return cose.sign1(header, codec.encode_proof(code.proof), code.signature)


def test_a_proof_of_every_shape_is_written_and_read_back():
    for proof in (Proof(1, bytes(8), "é" * 12, bytes(32)), Proof(2**32 - 1, bytes(8), "M", None)):
        assert codec._proof(codec.encode_proof(proof)) == proof
