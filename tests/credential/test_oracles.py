"""python-cwt and pycose, which know nothing of us: they verify our tokens, and we verify theirs."""

import cbor2
import cwt
import pytest
from cwt import COSEKey
from pycose.algorithms import EdDSA, Es256
from pycose.headers import KID, Algorithm
from pycose.keys import EC2Key, OKPKey
from pycose.keys.curves import P256, Ed25519
from pycose.messages import Sign1Message

from cardnet.credential import codec, cose
from cardnet.credential.signing import code_text
from cardnet.credential.verify import Accepted
from tests.credential.forge import token_of, uncompressed
from tests.make.credential import NOW, Issuer

CNF = 8


@pytest.fixture(scope="module")
def issuer():
    return Issuer()


def cwt_key(public: bytes, kid: bytes | None = None, private: bytes | None = None):
    if len(public) == 32:
        params = {1: 1, 3: -8, -1: 6, -2: public}
    else:
        x, y = uncompressed(public)
        params = {1: 2, 3: -7, -1: 1, -2: x, -3: y}
    if kid is not None:
        params[2] = kid
    if private is not None:
        params[-4] = private
    return COSEKey.new(params)


def pycose_key(public: bytes, private: bytes = b""):
    if len(public) == 32:
        return OKPKey(crv=Ed25519, x=public, d=private)
    x, y = uncompressed(public)
    return EC2Key(crv=P256, x=x, y=y, d=private)


def claims_map(issuer: Issuer, device: bool) -> dict:
    claims = issuer.claims()
    members = {4: claims.expires_at, 6: claims.issued_at, 7: claims.index.to_bytes(4, "big"), -70001: [2, 37]}
    if device:
        public = claims.device_key
        members[CNF] = {1: {1: 2, -1: 1, -2: public[1:], -3: public[0] == 3}}
    return members


def phone_secret(issuer: Issuer) -> bytes:
    return issuer.phone.private.private_numbers().private_value.to_bytes(32, "big")


@pytest.mark.parametrize("device", [True, False])
def test_python_cwt_verifies_our_credential_and_reads_the_same_claims(issuer, device):
    credential = issuer.credential() if device else token_of(issuer.printed())
    key = (issuer.card if device else issuer.print).issuer
    payload = cwt.COSE.new().decode(credential, cwt_key(key.public, key.kid))
    # python-cwt decodes a CWT's claims itself; their bytes are what matters.
    read = cbor2.loads(payload) if isinstance(payload, bytes) else payload
    assert read == claims_map(issuer, device)


def test_python_cwt_verifies_our_proof_with_the_phones_key(issuer):
    code = token_of(issuer.code(audience="M-17", nonce=b"4711"))
    payload = cwt.COSE.new().decode(code, cwt_key(issuer.phone.public))
    assert cbor2.loads(payload) == {3: "M-17", 6: NOW, 7: b"\0\0\0\1abcd", 39: b"4711"}


def test_python_cwt_refuses_what_we_refuse(issuer):
    code = bytearray(token_of(issuer.code()))
    code[-1] ^= 1
    with pytest.raises(cwt.VerifyError):
        cwt.COSE.new().decode(bytes(code), cwt_key(issuer.phone.public))


@pytest.mark.parametrize("device", [True, False])
def test_pycose_verifies_our_credential(issuer, device):
    credential = issuer.credential() if device else token_of(issuer.printed())
    key = (issuer.card if device else issuer.print).issuer
    message = Sign1Message.decode(credential)
    message.key = pycose_key(key.public)
    assert message.verify_signature()
    assert message.phdr[KID] == key.kid
    assert cbor2.loads(message.payload) == claims_map(issuer, device)
    message.key = pycose_key(issuer.status.issuer.public)
    assert not message.verify_signature()


def test_pycose_verifies_our_proof_with_the_phones_key(issuer):
    message = Sign1Message.decode(token_of(issuer.code()))
    message.key = pycose_key(issuer.phone.public)
    assert message.phdr[Algorithm] is Es256
    assert message.verify_signature()


def python_cwt_credential(issuer: Issuer, device: bool) -> bytes:
    key = issuer.card if device else issuer.print
    signer = cwt_key(key.issuer.public, key.issuer.kid, key.private)
    payload = cbor2.dumps(claims_map(issuer, device), canonical=True)
    return cwt.COSE.new().encode_and_sign(payload, signer, protected={1: -8, 4: key.issuer.kid})


def pycose_credential(issuer: Issuer, device: bool) -> bytes:
    key = issuer.card if device else issuer.print
    payload = cbor2.dumps(claims_map(issuer, device), canonical=True)
    message = Sign1Message(phdr={Algorithm: EdDSA, KID: key.issuer.kid}, payload=payload)
    message.key = pycose_key(key.issuer.public, key.private)
    return message.encode()


@pytest.mark.parametrize("make", [python_cwt_credential, pycose_credential])
def test_a_credential_made_elsewhere_is_ours_byte_by_byte(issuer, make):
    # Ed25519 is deterministic, so the same claims under the same key are the same bytes whoever signs.
    assert make(issuer, True) == issuer.credential()
    assert make(issuer, False) == token_of(issuer.printed())


@pytest.mark.parametrize("make", [python_cwt_credential, pycose_credential])
def test_a_printed_code_made_elsewhere_is_accepted(issuer, make):
    assert issuer.answer(code_text(make(issuer, False))) == "accepted:printed"


def test_a_device_code_made_by_python_cwt_is_accepted(issuer):
    credential = python_cwt_credential(issuer, True)
    protected = cbor2.dumps({1: -7, 13: cbor2.loads(credential)}, canonical=True)
    signer = cwt_key(issuer.phone.public, private=phone_secret(issuer))
    payload = cbor2.dumps({6: NOW, 7: b"\0\0\0\2wxyz"}, canonical=True)
    signature = signer.sign(cose.to_be_signed(protected, payload))
    accepted = issuer.judge(code_text(cose.sign1(protected, payload, signature)))
    assert isinstance(accepted, Accepted)
    assert accepted.proof_id == b"\0\0\0\2wxyz"


def test_a_device_code_assembled_by_cbor2_is_the_token_we_write(issuer):
    token = token_of(issuer.code())
    assert cbor2.dumps(cbor2.loads(token), canonical=True) == token
    code = codec.decode(token)
    item = cbor2.CBORTag(
        18,
        [
            cbor2.dumps({1: -7, 13: cbor2.loads(issuer.credential())}, canonical=True),
            {},
            cbor2.dumps({6: NOW, 7: code.proof.proof_id}, canonical=True),
            code.signature,
        ],
    )
    assert cbor2.dumps(item, canonical=True) == token
