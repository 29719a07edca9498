"""Damaged and forged codes by the thousand: none may be accepted.

A tenth runs in the normal suite; with CARDNET_SOAK set, 50,000 text mutations and 10,000 bit flips and more.
"""

import os
import random

import cbor2
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from cardnet.credential import base45, codec, cose
from cardnet.credential.codec import Claims, Malformed, Proof
from cardnet.credential.signing import code_text
from cardnet.credential.verify import Accepted, VerifyContext, Window, normalise, verify
from tests.credential.forge import header, issued, shown, token_of
from tests.make.credential import NOW, Issuer, moment

SOAK = bool(os.environ.get("CARDNET_SOAK"))
MUTATIONS = 50_000 if SOAK else 5_000
BIT_FLIPS = 10_000 if SOAK else 1_000
EXAMPLES = 20_000 if SOAK else 2_000

ISSUER = Issuer()
PACK = ISSUER.pack
GOOD = [
    ISSUER.code(),
    ISSUER.code(audience="M-123456"),
    ISSUER.code(nonce=b"4711"),
    ISSUER.printed(),
]
CONTEXT = VerifyContext(frozenset({"M-123456"}), None, Window.OFFLINE)
ANSWERING = VerifyContext(frozenset({"M-123456"}), b"4711", Window.OFFLINE)


def accepted(text: str) -> bool:
    at = moment(NOW)
    return any(isinstance(verify(text, PACK, None, at, context), Accepted) for context in (CONTEXT, ANSWERING))


def mutated(text: str, chance: random.Random) -> str:
    """One to three of the things that happen to a text: typing, smudges, cutting, pasting."""
    for _ in range(chance.choice((1, 1, 1, 2, 3))):
        at, to = sorted(chance.randrange(len(text) + 1) for _ in range(2))
        other = chance.choice(GOOD)
        letter = chance.choice("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:é中\0")
        text = (
            chance.choice(
                [
                    text[:at] + letter + text[at + 1 :],
                    text[:at] + letter + text[at:],
                    text[:at] + text[at + 1 :],
                    text[:at] + text[to:],
                    text[:at] + text[at:to][::-1] + text[to:],
                    text[:to] + text[at:],
                    text[:at] + other[at:],
                    text[:at] + text[at : at + 2][::-1] + text[at + 2 :],
                ]
            )
            or letter
        )
    return text


def accepted_among_mutations(count: int) -> int:
    chance, good = random.Random(45), set(GOOD)
    found = 0
    for _ in range(count):
        text = mutated(chance.choice(GOOD), chance)
        found += normalise(text) not in good and accepted(text)
    return found


def accepted_among_bit_flips(count: int) -> int:
    chance = random.Random(18)
    found = 0
    for _ in range(count):
        token = bytearray(token_of(chance.choice(GOOD)))
        for bit in {chance.randrange(8 * len(token)) for _ in range(chance.choice((1, 1, 1, 2, 8)))}:
            token[bit >> 3] ^= 1 << (bit & 7)
        found += accepted(code_text(bytes(token)))
    return found


def test_the_good_codes_are_good():
    assert all(accepted(text) for text in GOOD)


def test_no_mutated_text_is_accepted():
    assert accepted_among_mutations(MUTATIONS) == 0


def test_no_flipped_bit_is_accepted():
    assert accepted_among_bit_flips(BIT_FLIPS) == 0


@pytest.mark.parametrize("forgotten", ["issuer_signed", "device_signed"])
def test_a_verifier_that_forgets_one_signature_is_caught(monkeypatch, forgotten):
    """The planted bug of the two programmes above."""
    monkeypatch.setattr(cose, forgotten, lambda *_parts: True)
    assert accepted_among_bit_flips(500) > 0
    assert accepted_among_mutations(1_000) > 0


# ---- validly signed, mostly malformed: our reader against a second opinion made of cbor2 and exact types


def second_opinion(token: bytes) -> bool:
    """Whether a token has the shape of the CDDL, judged by a general decoder, exact types and re-encoding."""
    try:
        item = cbor2.loads(token)
        if cbor2.dumps(item, canonical=True) != token:
            return False
        header, payload = _sign1(item)
        if [type(key) for key in header] != [int, int] or set(header) not in ({1, 4}, {1, 13}):
            return False
        # A number of more than 64 bits is a tagged byte string in CBOR, not an integer.
        if type(header[1]) is not int or not -(2**64) <= header[1] < 2**64:
            return False
        if 13 not in header:
            return _is_credential(header, payload)
        inner_header, inner_payload = _sign1(header[13])
        return set(inner_header) == {1, 4} and _is_credential(inner_header, inner_payload) and _is_proof(payload)
    except (cbor2.CBORError, ValueError, TypeError, AttributeError, LookupError, OverflowError):
        return False


def _sign1(item):
    assert_that(type(item) is cbor2.CBORTag and item.tag == 18 and type(item.value) is list and len(item.value) == 4)
    protected, unprotected, payload, signature = item.value
    assert_that(type(protected) is bytes and type(payload) is bytes and type(signature) is bytes)
    assert_that(type(unprotected) is dict and unprotected == {} and len(signature) == 64)
    return _map(protected), _map(payload)


def _map(encoded):
    decoded = cbor2.loads(encoded)
    assert_that(type(decoded) is dict and cbor2.dumps(decoded, canonical=True) == encoded)
    assert_that(all(type(key) is int for key in decoded))
    return decoded


def _is_credential(head, claims):
    number = all(type(claims[key]) is int and 0 <= claims[key] < 2**32 for key in (4, 6))
    cnf = claims.get(8, {1: {1: 2, -1: 1, -2: bytes(32), -3: False}})
    point = cnf[1]
    standing = claims[-70001]
    assert_that(type(cnf) is dict and type(point) is dict)
    return (
        number
        and type(head[1]) is int
        and -(2**64) <= head[1] < 2**64
        and type(head[4]) is bytes
        and len(head[4]) == 2
        and set(claims) in ({4, 6, 7, -70001}, {4, 6, 7, 8, -70001})
        and type(claims[7]) is bytes
        and len(claims[7]) == 4
        and [(type(key), key) for key in cnf] == [(int, 1)]
        and sorted((key, type(key)) for key in point) == [(key, int) for key in (-3, -2, -1, 1)]
        and (type(point[1]), point[1], type(point[-1]), point[-1]) == (int, 2, int, 1)
        and type(point[-2]) is bytes
        and len(point[-2]) == 32
        and type(point[-3]) is bool
        and type(standing) is list
        and len(standing) in (1, 2)
        and all(type(part) is int and 0 <= part < 2**64 for part in standing)
    )


def _is_proof(claims):
    return (
        {6, 7} <= set(claims) <= {3, 6, 7, 39}
        and type(claims[6]) is int
        and 0 <= claims[6] < 2**32
        and type(claims[7]) is bytes
        and len(claims[7]) == 8
        and (3 not in claims or (type(claims[3]) is str and 1 <= len(claims[3].encode()) <= 24))
        and (39 not in claims or (type(claims[39]) is bytes and 4 <= len(claims[39]) <= 32))
    )


def assert_that(holds):
    if not holds:
        raise ValueError("shape")


POINT = ISSUER.phone.public[1:]
SIGN = b"\xf5" if ISSUER.phone.public[0] == 3 else b"\xf4"
# Items in their right form, in a longer form than the shortest, of a wrong type or size, tagged, endless.
ODD_VALUE_HEX = """
00 01 17 1818 1805 190005 1a6b014940 1b000000006b014940 1b0000000100000000 1bffffffffffffffff
20 26 27 3818 3805 3bffffffffffffffff f4 f5 f6 f7 e0 f8ff f93c00 fa4f2b0149 fb0000000000000000
c2446b014940 c249010000000000000000 c11a6b014940 d201 c06130
40 42010a 43010203 440012d687 456162636465 486162636465666768 58086162636465666768 5f4461626364 5f44616263644465666768ff
59000461626364 49616263646566676869
60 644d2d3137 62c3a9 61ff 7f614dff 80 8102 82021825 83010203 9f02ff 8202f5 81f4 811a00000001 a0 bfff a101a0
"""
ODD_POINTS = [
    b"\xa1\1\xa4\1\2\x20\1\x21\x58\x20" + POINT + b"\x22" + SIGN,
    b"\xa1\1\xa4\1\2\x20\1\x21\x58\x20" + POINT + b"\x22\x01",
    b"\xa1\1\xa4\1\xf5\x20\1\x21\x58\x20" + POINT + b"\x22\xf4",
    b"\xa1\xf5\xa4\1\2\x20\1\x21\x58\x20" + POINT + b"\x22\xf4",
]
ODD_STRINGS = [b"\x58\x20" + bytes(32), b"\x58\x21" + bytes(33), b"\x78\x18" + b"a" * 24, b"\x78\x19" + b"a" * 25]
ODD_VALUES = st.sampled_from([bytes.fromhex(item) for item in ODD_VALUE_HEX.split()] + ODD_POINTS + ODD_STRINGS)
ODD_KEY_HEX = """
00 01 03 04 06 07 08 0d 1804 1806 1827 190027 f5 f4 f6 f93c00 f94600 fb4018000000000000 20 6134 4106
3a00011170 3b0000000000011170 c24106 80
"""
ODD_KEYS = st.sampled_from([bytes.fromhex(item) for item in ODD_KEY_HEX.split()])
Entries = list[tuple[bytes, bytes]]


@st.composite
def damaged_map(draw: st.DrawFn, entries: Entries) -> bytes:
    """A map as it should be, or with one or two things wrong with it."""
    entries = list(entries)
    count = len(entries)
    head = None
    tail = b""
    for _ in range(draw(st.sampled_from((0, 0, 0, 0, 0, 0, 1, 1, 2)))):
        at = draw(st.integers(0, max(len(entries) - 1, 0)))
        what = draw(
            st.sampled_from(("value", "value", "key", "drop", "twice", "swap", "extra", "head", "tail", "count"))
        )
        if not entries and what not in ("extra", "head", "tail"):
            continue
        if what == "value":
            entries[at] = (entries[at][0], draw(ODD_VALUES))
        elif what == "key":
            entries[at] = (draw(ODD_KEYS), entries[at][1])
        elif what == "drop":
            del entries[at]
        elif what == "twice":
            entries.insert(at, entries[at])
        elif what == "swap":
            entries.insert(0, entries.pop(at))
        elif what == "extra":
            entries.insert(at, (draw(ODD_KEYS), draw(ODD_VALUES)))
        elif what == "head":
            head = draw(
                st.sampled_from(
                    (b"\xb8" + bytes((len(entries),)), b"\xbf", b"\xb9\0" + bytes((len(entries),)), b"\x84")
                )
            )
            tail = b"\xff" if head == b"\xbf" else tail
        elif what == "tail":
            tail = draw(st.sampled_from((b"\0", b"\xff", b"\xa0", b"\xf6")))
        count = len(entries) + (what == "count")
    return (head or cose.head(cose.MAP, count)) + b"".join(key + value for key, value in entries) + tail


CLAIMS: Entries = [
    (b"\x04", cose.integer(NOW + 86_400)),
    (b"\x06", cose.integer(NOW - 86_400)),
    (b"\x07", b"\x44\0\x12\xd6\x87"),
    (b"\x08", b"\xa1\1\xa4\1\2\x20\1\x21\x58\x20" + POINT + b"\x22" + SIGN),
    (b"\x3a\0\1\x11\x70", b"\x82\x02\x18\x25"),
]
PROOF: Entries = [(b"\x06", cose.integer(NOW)), (b"\x07", b"\x48\0\0\0\1abcd")]
OPTIONAL = {b"\x03": b"\x68M-123456", b"\x18\x27": b"\x444711"}
KID = (b"\x04", b"\x42" + ISSUER.card.issuer.kid)


@st.composite
def signed_tokens(draw: st.DrawFn) -> bytes:
    """A device code or a bare credential with every signature right, and something else perhaps wrong."""
    credential = issued(ISSUER.card, draw(damaged_map(CLAIMS)), draw(damaged_map([(b"\x01", b"\x27"), KID])))
    if draw(st.integers(0, 9)) == 0:
        return credential
    extra = draw(st.sampled_from(([], [b"\x03"], [b"\x18\x27"], [b"\x03", b"\x18\x27"])))
    proof = sorted(PROOF + [(key, OPTIONAL[key]) for key in extra])
    protected = draw(damaged_map([(b"\x01", b"\x26"), (b"\x0d", credential)]))
    token = shown(ISSUER.phone, protected, draw(damaged_map(proof)))
    return token + draw(st.sampled_from((b"", b"", b"", b"\0")))


UNDAMAGED = shown(ISSUER.phone, header(ISSUER.credential()), codec.encode_proof(Proof(NOW, b"\0\0\0\1abcd")))


@settings(max_examples=EXAMPLES, deadline=None)
@given(signed_tokens())
@example(UNDAMAGED)
def test_a_signed_token_is_read_exactly_when_a_second_reader_takes_it_and_is_written_back(token):
    try:
        code = codec.decode(token)
    except Malformed:
        assert not second_opinion(token)
        assert not accepted(code_text(token))
    else:
        assert second_opinion(token)
        assert _rebuilt(code) == token


def _rebuilt(code):
    if isinstance(code, codec.Credential):
        return cose.sign1(codec.credential_header(code.alg, code.kid), codec.encode_claims(code.claims), code.signature)
    protected = codec.device_header(code.alg, _rebuilt(code.credential))
    return cose.sign1(protected, codec.encode_proof(code.proof), code.signature)


def test_a_reader_that_takes_true_for_one_is_caught(monkeypatch):
    """The planted bug: a literal that compares as Python's dicts do."""
    strict = codec._Reader.literal

    def lax(reader, expected):
        if expected == b"\xa2\x01" and reader.data[reader.at : reader.at + 2] == b"\xa2\xf5":
            reader.at += 2
            return
        strict(reader, expected)

    monkeypatch.setattr(codec._Reader, "literal", lax)
    protected = b"\xa2\xf5\x26\x0d" + ISSUER.credential()
    token = shown(ISSUER.phone, protected, codec.encode_proof(ISSUER.proof()))
    assert isinstance(verify(code_text(token), PACK, None, moment(NOW), CONTEXT), Accepted)
    assert not second_opinion(token)


@settings(max_examples=EXAMPLES, deadline=None)
@given(st.binary(max_size=300))
def test_random_bytes_are_malformed_and_raise_nothing_else(token):
    with pytest.raises(Malformed):
        codec.decode(token)


# ---- base45 and the writers


@given(st.binary(max_size=600))
def test_base45_is_read_back_and_has_one_text_only(data):
    text = base45.encode(data)
    assert base45.decode(text) == data
    assert len(text) == len(data) // 2 * 3 + len(data) % 2 * 2


@given(st.text("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:", max_size=40))
def test_a_text_that_decodes_is_the_text_of_its_bytes(text):
    try:
        data = base45.decode(text)
    except ValueError:
        return
    assert base45.encode(data) == text


@pytest.mark.parametrize(
    ("data", "text"), [(b"AB", "BB8"), (b"Hello!!", "%69 VD92EX0"), (b"base-45", "UJCLQE7W581"), (b"", "")]
)
def test_base45_has_the_examples_of_the_rfc(data, text):
    assert base45.encode(data) == text
    assert base45.decode(text) == data


@pytest.mark.parametrize("text", ["A", "AAAA", "GGW", ":::", "::", "a", "É", "BB8a", "=00"])
def test_base45_refuses_what_no_encoder_makes(text):
    with pytest.raises(ValueError, match="base45"):
        base45.decode(text)


def _fits(text: str) -> bool:
    try:
        return len(text.encode()) <= 24
    except UnicodeEncodeError:
        return False


uint32 = st.integers(0, 2**32 - 1)
small = st.integers(0, 2**64 - 1)


@given(
    st.builds(
        Claims, uint32, uint32, uint32, small, st.none() | small, st.sampled_from([None, b"\2" + bytes(32), b"\3" * 33])
    )
)
def test_claims_are_read_back(claims):
    assert codec._claims(codec.encode_claims(claims)) == claims


@given(
    uint32,
    st.binary(min_size=8, max_size=8),
    st.none() | st.text(min_size=1, max_size=24).filter(_fits),
    st.none() | st.binary(min_size=4, max_size=32),
)
def test_proofs_are_read_back(issued_at, proof_id, audience, nonce):
    proof = Proof(issued_at, proof_id, audience, nonce)
    assert codec._proof(codec.encode_proof(proof)) == proof
