"""Every attack of the acceptance table, and the outcome it must get."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from cardnet.credential import codec, cose
from cardnet.credential.device import DeviceKey, challenge_nonce
from cardnet.credential.keys import Alg
from cardnet.credential.signing import code_text, sign_credential
from cardnet.credential.status import Status
from cardnet.credential.verify import Accepted, Rejected, VerifyContext, Window, replay_id, verify
from tests.conftest import ACCEPTANCE
from tests.credential.forge import header, issued, malleated, shown, token_of
from tests.make.credential import DAY, NOW, Issuer, make_key, moment

FULL_WIDTH = str.maketrans({chr(code): chr(code + 0xFEE0) for code in range(0x21, 0x7F)} | {" ": "\u3000"})


@pytest.fixture(scope="module")
def issuer():
    return Issuer()


def wrapped(issuer: Issuer, payload: bytes, protected: bytes | None = None) -> str:
    return code_text(shown(issuer.phone, protected or header(issuer.credential()), payload))


def one_character_off(text: str) -> str:
    """Another base45 character near the end, such that the text still decodes."""
    at = len(text) - 5
    for other in "0123456789ABCDEF":
        changed = text[:at] + other + text[at + 1 :]
        try:
            if changed != text and len(token_of(changed)) == len(token_of(text)):
                return changed
        except ValueError:
            continue
    raise AssertionError("no such character")


def again(issuer: Issuer) -> str:
    return issuer.answer(issuer.code(), seen={replay_id(1_234_567, issuer.proof().proof_id)})


def again_malleated(issuer: Issuer) -> str:
    text = issuer.code()
    assert malleated(text) != text
    assert issuer.answer(malleated(text)) == "accepted:device"
    return issuer.answer(malleated(text), seen={issuer.judge(text).rid})


def rogue(issuer: Issuer) -> str:
    key = make_key(issuer.world, issuer.card.issuer.kid, issuer.card.issuer.use)
    return issuer.answer(issuer.code(sign_credential(key, issuer.claims())))


def print_key_for_a_phone(issuer: Issuer) -> str:
    attacker = DeviceKey.make(issuer.world)
    claims = codec.encode_claims(issuer.claims(device_key=attacker.public))
    return issuer.answer(issuer.code(issued(issuer.print, claims), attacker))


def wrapped_print(issuer: Issuer) -> str:
    attacker = DeviceKey.make(issuer.world)
    printed = token_of(issuer.printed())
    return issuer.answer(issuer.code(printed, attacker))


def credential_says_es256(issuer: Issuer) -> str:
    protected = codec.credential_header(Alg.ES256, issuer.card.issuer.kid)
    return issuer.answer(issuer.code(issued(issuer.card, codec.encode_claims(issuer.claims()), protected)))


def proof_says_eddsa(issuer: Issuer) -> str:
    payload = codec.encode_proof(issuer.proof())
    return issuer.answer(wrapped(issuer, payload, header(issuer.credential(), Alg.EDDSA)))


def junk_unprotected(issuer: Issuer) -> str:
    token = token_of(issuer.code())
    protected, payload = codec._Reader(token).sign1()[:2]
    junk = b"\xd2\x84" + cose.bstr(protected) + b"\xa1\x18\x63\x01" + cose.bstr(payload) + token[-66:]
    return issuer.answer(code_text(junk))


IAT = cose.integer(NOW)
ID = b"\x48\0\0\0\1abcd"


def relabelled(issuer: Issuer, label: bytes) -> str:
    protected = b"\xa2" + label + b"\x26\x0d" + issuer.credential()
    return issuer.answer(wrapped(issuer, codec.encode_proof(issuer.proof()), protected))


def out_of_period(issuer: Issuer) -> str:
    early = issuer.claims(issued_at=issuer.card.issuer.nbf - 1)
    return issuer.answer(issuer.code(issued(issuer.card, codec.encode_claims(early))))


def with_key(issuer: Issuer, key) -> str:
    return issuer.answer(issuer.code(issued(key, codec.encode_claims(issuer.claims()))))


CASES: dict[str, Callable[[Issuer], str]] = {
    "fresh device code": lambda i: i.answer(i.code()),
    "printed code": lambda i: i.answer(i.printed()),
    "scanner lower-cased / full-width text (IME)": lambda i: i.answer(i.code().lower().translate(FULL_WIDTH)),
    "wrong prefix (a web link)": lambda i: i.answer("https://example.org/c?d=" + i.code()),
    "CN2: code": lambda i: i.answer(i.code().replace("CN1:", "CN2:")),
    "one character of the last signature changed to another base45 character that still decodes": lambda i: i.answer(
        one_character_off(i.code())
    ),
    "truncated": lambda i: i.answer(i.code()[:-3]),
    "trailing garbage byte inside": lambda i: i.answer(code_text(token_of(i.code()) + b"\0")),
    "unknown kid": lambda i: with_key(i, make_key(i.world, b"\x7f\x7f", i.card.issuer.use)),
    "revoked issuer key": lambda i: with_key(i, i.revoked),
    "credential signed by rogue issuer": rogue,
    "proof signed by another device key": lambda i: i.answer(i.code(phone=DeviceKey.make(i.world))),
    "level-2 stripped: bare device credential": lambda i: i.answer(code_text(i.credential())),
    "attacker's own key in a credential validly signed by a print key": print_key_for_a_phone,
    "printed credential wrapped in attacker's proof": wrapped_print,
    "alg confusion: credential says ES256": credential_says_es256,
    "alg confusion: proof says EdDSA": proof_says_eddsa,
    "expired credential": lambda i: i.answer(i.code(i.credential(expires_at=NOW - 1))),
    "screenshot 61 s old": lambda i: i.answer(i.code(), NOW + 61),
    "60 s old (limit)": lambda i: i.answer(i.code(), NOW + 60),
    "phone clock 31 s ahead": lambda i: i.answer(i.code(), NOW - 31),
    "phone clock 30 s ahead": lambda i: i.answer(i.code(), NOW - 30),
    "verifier clock one day back (credential iat in future)": lambda i: i.answer(
        i.code(i.credential(issued_at=NOW)), NOW - DAY
    ),
    "revoked card": lambda i: i.answer(i.code(), status=i.listing({1_234_567: Status.INVALID})),
    "suspended card": lambda i: i.answer(i.code(), status=i.listing({1_234_567: Status.SUSPENDED})),
    "same code again": again,
    "same proof, malleated signature (r, n−s): different bytes": again_malleated,
    "same proof, junk in unprotected header": junk_unprotected,
    "same proof, CBOR tag removed": lambda i: i.answer(code_text(token_of(i.code())[1:])),
    "duplicate iat key in proof (parser differential)": lambda i: i.answer(
        wrapped(i, b"\xa3\x06" + IAT + b"\x06" + cose.integer(NOW - 900) + b"\x07" + ID)
    ),
    "non-canonical map order, correctly signed": lambda i: i.answer(wrapped(i, b"\xa2\x07" + ID + b"\x06" + IAT)),
    "label 1 written as CBOR true (Python True==1==1.0)": lambda i: relabelled(i, b"\xf5"),
    "label 1 written as CBOR 1.0 (Python True==1==1.0)": lambda i: relabelled(i, b"\xf9\x3c\x00"),
    "iat as float": lambda i: i.answer(wrapped(i, b"\xa2\x06\xfb\x41\xda\xc0\x5f\xfd\x80\x00\x00\x07" + ID)),
    "bound code for merchant M-17, scanned at M-17": lambda i: i.answer(
        i.code(audience="M-17"), audiences=frozenset({"M-17", "T-4"})
    ),
    "bound code for M-17 scanned at M-99": lambda i: i.answer(i.code(audience="M-17"), audiences=frozenset({"M-99"})),
    "credential issued outside its key's period": out_of_period,
}


def expected() -> dict[str, str]:
    lines = (ACCEPTANCE / "cn1-attacks.md").read_text().splitlines()
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if line.startswith("|")]
    return {case: outcome.strip("`") for case, outcome in rows if case not in ("case", "---")}


@pytest.mark.parametrize(("case", "outcome"), list(expected().items()))
def test_the_attack_gets_its_outcome(issuer, case, outcome):
    assert CASES[case](issuer) == outcome


def test_every_attack_of_the_table_is_here():
    assert set(expected()) == set(CASES)
    assert len(CASES) == 37


@pytest.mark.parametrize(
    ("age", "online", "offline", "challenge"),
    [
        (-601, "future_proof", "future_proof", "future_proof"),
        (-600, "future_proof", "future_proof", "accepted:device-challenge"),
        (-31, "future_proof", "future_proof", "accepted:device-challenge"),
        (-30, "future_proof", "accepted:device", "accepted:device-challenge"),
        (-16, "future_proof", "accepted:device", "accepted:device-challenge"),
        (-15, "accepted:device", "accepted:device", "accepted:device-challenge"),
        (0, "accepted:device", "accepted:device", "accepted:device-challenge"),
        (35, "accepted:device", "accepted:device", "accepted:device-challenge"),
        (36, "stale_proof", "accepted:device", "accepted:device-challenge"),
        (60, "stale_proof", "accepted:device", "accepted:device-challenge"),
        (61, "stale_proof", "stale_proof", "accepted:device-challenge"),
        (600, "stale_proof", "stale_proof", "accepted:device-challenge"),
        (601, "stale_proof", "stale_proof", "stale_proof"),
    ],
)
def test_a_proof_is_accepted_at_the_ages_of_its_window(issuer, age, online, offline, challenge):
    digits = challenge_nonce("4711")
    assert issuer.answer(issuer.code(), NOW + age, window=Window.ONLINE) == online
    assert issuer.answer(issuer.code(), NOW + age, window=Window.OFFLINE) == offline
    answered = issuer.code(nonce=digits)
    assert issuer.answer(answered, NOW + age, window=Window.ONLINE, challenge=digits) == challenge
    assert issuer.answer(answered, NOW + age, window=Window.OFFLINE, challenge=digits) == challenge


def test_a_refused_age_says_how_far_off_the_clock_is(issuer):
    assert issuer.judge(issuer.code(), NOW + 90.9) == Rejected("stale_proof", 90)
    assert issuer.judge(issuer.code(), NOW - 45) == Rejected("future_proof", -45)


@pytest.mark.parametrize(
    ("nonce", "open_challenge", "outcome"),
    [
        (b"4711", None, "wrong_challenge"),
        (b"4711", b"4712", "wrong_challenge"),
        (None, b"4711", "wrong_challenge"),
        (b"4711", b"4711", "accepted:device-challenge"),
        (b"x" * 32, b"x" * 32, "accepted:device-challenge"),
    ],
)
def test_only_the_answer_to_the_open_challenge_counts(issuer, nonce, open_challenge, outcome):
    assert issuer.answer(issuer.code(nonce=nonce), challenge=open_challenge) == outcome


def test_a_wrong_answer_does_not_widen_the_window(issuer):
    assert issuer.answer(issuer.code(nonce=b"4711"), NOW + 61, challenge=b"4712") == "stale_proof"


def test_a_bound_code_is_refused_where_nobody_has_a_name(issuer):
    assert issuer.answer(issuer.code(audience="M-17")) == "wrong_audience"


@pytest.mark.parametrize(
    ("spoil", "outcome"),
    [
        ({"kid": True}, "unknown_key"),
        ({"expired": True, "stale": True}, "expired_credential"),
        ({"stale": True, "audience": "M-1"}, "stale_proof"),
        ({"audience": "M-1", "revoked": True}, "wrong_audience"),
        ({"revoked": True, "seen": True}, "revoked"),
        ({"seen": True}, "replayed"),
        ({"bare": True, "expired": True}, "proof_missing"),
        ({"out": True, "expired": True}, "key_out_of_period"),
    ],
)
def test_the_first_step_that_fails_gives_the_outcome(issuer, spoil, outcome):
    key = make_key(issuer.world, b"\x66\x66", issuer.card.issuer.use) if "kid" in spoil else issuer.card
    claims = issuer.claims()
    if "out" in spoil:
        claims = replace(claims, issued_at=key.issuer.nbf - 1)
    if "expired" in spoil:
        claims = replace(claims, expires_at=NOW - 1)
    credential = issued(key, codec.encode_claims(claims))
    text = issuer.code(credential, issued_at=NOW - 61 if "stale" in spoil else NOW, audience=spoil.get("audience"))
    if "bare" in spoil:
        text = code_text(credential)
    status = issuer.listing({claims.index: Status.INVALID}) if "revoked" in spoil else None
    seen = {replay_id(claims.index, issuer.proof().proof_id)} if "seen" in spoil else set()
    assert issuer.answer(text, status=status, seen=seen) == outcome


@pytest.mark.parametrize(
    ("text", "outcome"),
    [
        ("", "malformed"),
        ("CN1:", "malformed"),
        ("CN1:" + "0" * 697, "malformed"),
        ("CN1:" + "A" * 10_000_000, "malformed"),
        ("ﷺ" * 2_000, "malformed"),
        ("CN10:ABC", "unsupported_version"),
        ("cn2:abc", "unsupported_version"),
        ("CNX:ABC", "malformed"),
        ("weixin://wxpay/bizpayurl?pr=x", "malformed"),
        ("CN1:é", "malformed"),
        ("CN1:\ud800", "malformed"),
        ("\x00", "malformed"),
    ],
)
def test_a_text_that_is_no_code_is_refused_without_fuss(issuer, text, outcome):
    assert issuer.answer(text) == outcome


def test_line_breaks_of_a_scanner_do_no_harm(issuer):
    text = issuer.code()
    assert issuer.answer(f"\t{text[:100]}\r\n{text[100:]}\r\n") == "accepted:device"


def test_700_characters_are_read_and_701_are_not(issuer):
    """Nothing valid is that long; what counts is that the cap comes before the parser."""
    assert issuer.answer("CN1:" + "0" * 696) == "malformed"
    assert issuer.answer("\n" * 2_000 + issuer.code()) == "accepted:device"


def test_what_an_accepted_code_says(issuer):
    accepted = issuer.judge(issuer.code(audience="M-17"), audiences=frozenset({"M-17"}))
    assert accepted == Accepted(
        index=1_234_567,
        tier=2,
        group=37,
        assurance="device",
        rid=replay_id(1_234_567, b"\0\0\0\1abcd"),
        proof_id=b"\0\0\0\1abcd",
        proof_at=moment(NOW),
        device_key=issuer.phone.public,
        credential_expires_at=moment(NOW + 13 * DAY),
        credential_issued_at=moment(NOW - DAY),
        kid=b"\x01\x0a",
        audience="M-17",
        status="unchecked",
    )


def test_an_es256_issuer_key_works_as_well(issuer):
    assert with_key(issuer, issuer.es256) == "accepted:device"


def test_an_old_list_still_refuses_and_says_that_it_is_old(issuer):
    old = issuer.listing({1_234_567: Status.INVALID}, NOW - 100 * 3600)
    assert issuer.answer(issuer.code(), status=old) == "revoked"
    assert issuer.judge(issuer.code(), status=issuer.listing({}, NOW - 73 * 3600)).status == "stale"
    assert issuer.judge(issuer.code(), status=issuer.listing({}, NOW - 8 * DAY)).status == "expired"
    assert issuer.judge(issuer.code(), status=issuer.listing({}, NOW)).status == "fresh"


def test_a_status_nobody_has_defined_yet_does_not_pass(issuer):
    assert issuer.answer(issuer.code(), status=issuer.listing({1_234_567: 3})) == "revoked"


def test_a_printed_card_is_revoked_by_its_index_and_may_be_shown_twice(issuer):
    rid = issuer.judge(issuer.printed()).rid
    assert issuer.answer(issuer.printed(), seen={rid}) == "accepted:printed"
    assert issuer.answer(issuer.printed(), status=issuer.listing({1_234_567: Status.INVALID})) == "revoked"


def test_a_status_key_cannot_issue_cards(issuer):
    assert with_key(issuer, issuer.status) == "malformed"
    bare = codec.encode_claims(issuer.claims(device_key=None))
    assert issuer.answer(code_text(issued(issuer.status, bare))) == "malformed"
    assert issuer.answer(code_text(issued(issuer.card, bare))) == "malformed"


def test_a_key_that_is_no_point_of_the_curve_is_a_forgery(issuer):
    assert issuer.answer(issuer.code(issuer.credential(device_key=b"\x02" + b"\xff" * 32))) == "bad_signature"


@pytest.mark.parametrize("signature", [bytes(64), b"\xff" * 64, bytes(32) + b"\1" * 32])
def test_signatures_of_zero_or_beyond_the_order_are_forgeries(issuer, signature):
    token = token_of(issuer.code())
    assert issuer.answer(code_text(token[:-64] + signature)) == "bad_signature"


def test_a_verified_credential_that_is_remembered_changes_no_outcome(issuer):
    """The cache holds signatures, so a key revoked between two scans counts at the second."""
    text, context = issuer.code(), VerifyContext(window=Window.OFFLINE)
    assert isinstance(verify(text, issuer.pack, None, moment(NOW), context), Accepted)
    key = replace(issuer.card.issuer, state="revoked")
    spoiled = replace(issuer.pack, keys={**issuer.pack.keys, key.kid: key})
    assert verify(text, spoiled, None, moment(NOW), context) == Rejected("revoked_key")
    other = replace(issuer.card.issuer, public=issuer.print.issuer.public)
    swapped = replace(issuer.pack, keys={**issuer.pack.keys, key.kid: other})
    assert verify(text, swapped, None, moment(NOW), context) == Rejected("bad_signature")
