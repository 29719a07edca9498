"""Keys, fingerprints, and which answers are kept."""

import json

import pytest
import rfc8785
from hypothesis import given, settings
from hypothesis import strategies as st

from cardnet.http.wire import Malformed, read_json
from cardnet.kernel.compact import canonical
from cardnet.kernel.errors import Conflict, InvalidInput, NotAllowed, NotFound, Unavailable
from cardnet.merchant_api import rules

words = st.text(st.characters(codec="utf-8"), max_size=30)
names = st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=8)
values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | words,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(names, inner, max_size=4),
    max_leaves=20,
)


@settings(max_examples=2_000)
@given(values)
def test_our_canonical_form_is_that_of_rfc_8785(value):
    assert canonical(value) == rfc8785.dumps(value)


@given(values, words, words)
def test_the_order_of_members_and_the_spacing_do_not_change_a_fingerprint(value, first, second):
    body = {"a": value, "b": first, "c": second}
    other = json.loads(json.dumps(dict(reversed(body.items())), indent=3))
    assert rules.fingerprint("POST", "/x", {}, body) == rules.fingerprint("POST", "/x", {}, other)


def test_method_route_and_path_are_part_of_a_fingerprint():
    prints = {
        rules.fingerprint("POST", "/x", {"id": "1"}, {}),
        rules.fingerprint("PUT", "/x", {"id": "1"}, {}),
        rules.fingerprint("POST", "/y", {"id": "1"}, {}),
        rules.fingerprint("POST", "/x", {"id": "2"}, {}),
        rules.fingerprint("POST", "/x", {"id": "1"}, {"a": 1}),
        rules.fingerprint("POST", "/x", {"id": "1"}, {"a": True}),
        rules.fingerprint("POST", "/x", {"id": "1"}, {"a": "1"}),
    }
    assert len(prints) == 7
    assert {len(found) for found in prints} == {32}


@pytest.mark.parametrize(
    ("key", "good"),
    [
        ("a" * 16, True),
        ("A-z_09" * 10, True),
        ("a" * 15, False),
        ("a" * 65, False),
        ("a" * 15 + " ", False),
        ("a" * 15 + "é", False),
        ("a" * 16 + "\n", False),
        ("", False),
    ],
)
def test_a_key_has_16_to_64_plain_characters(key, good):
    assert rules.is_key(key) is good


@pytest.mark.parametrize(
    ("error", "kept"),
    [
        (Conflict("duplicate_merchant_reference", ""), True),
        (Conflict("hold_expired", ""), True),
        (Conflict("already_reversed", ""), True),
        (Conflict("day_closed", ""), True),
        (InvalidInput("capture_exceeds_held", ""), True),
        (InvalidInput("refund_exceeds_captured", ""), True),
        (rules.InProgress("request_in_progress", ""), False),
        (rules.KeyReused("idempotency_key_reused", ""), False),
        (InvalidInput("invalid_fields", ""), False),
        (NotFound("not_found", ""), False),
        (NotAllowed("terminal_suspended", ""), False),
        (Unavailable("outcome_unknown", ""), False),
    ],
)
def test_an_error_that_settles_the_request_is_kept_and_others_leave_the_key_free(error, kept):
    assert rules.is_stored(error) is kept


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b"1",
        b'"x"',
        b"{}{}",
        b"\xff\xfe{}",
        b"\xef\xbb\xbf{}",
        '{"a":"中"}'.encode("gb18030"),
        b'{"a":1,"a":2}',
        b'{"x":{"a":1,"a":2}}',
        b'{"a":NaN}',
        b'{"a":-Infinity}',
        b"{'a':1}",
        b'{"a":1,}',
        b'{"a":' + b"9" * 5_000 + b"}",
        b'{"a":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
        b'{"a":' * 50_000 + b"1" + b"}" * 50_000,
    ],
)
def test_what_is_no_json_object_is_malformed(body):
    with pytest.raises(Malformed, match="malformed_request"):
        read_json(body)
