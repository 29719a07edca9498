"""Whatever is sent, every call answers with a problem of the catalogue and never with a 5xx."""

import json
import uuid

import pytest

from cardnet.merchant_api.problems import PROBLEMS, problems_of
from cardnet.merchant_api.routes.blueprint import CALLS
from cardnet.merchants.services import IssueToken, RevokeToken, issue_token, revoke_token

BASE = "/merchant/v1"
WITH_BODY = [call for call in CALLS if call.body]
WITH_KEY = [call for call in CALLS if call.takes_key]
SIGNED_IN = [call for call in CALLS if not call.open_to_all]
WITH_QUERY = [call for call in CALLS if call.query]

BAD_BODIES = [
    ("not JSON", b"{", 400, "malformed_request"),
    ("nothing", b"", 400, "malformed_request"),
    ("an array", b"[{}]", 400, "malformed_request"),
    ("a number", b"7", 400, "malformed_request"),
    ("null", b"null", 400, "malformed_request"),
    ("not UTF-8", b'{"a":"\xff"}', 400, "malformed_request"),
    ("a member twice", b'{"code":"a","code":"b"}', 400, "malformed_request"),
    ("100,000 brackets", b"[" * 100_000, 400, "malformed_request"),
    ("50,000 objects deep", b'{"a":' * 50_000 + b"1" + b"}" * 50_000, 400, "malformed_request"),
    ("an integer of 5,000 digits", b'{"a":' + b"9" * 5_000 + b"}", 400, "malformed_request"),
    ("NaN", b'{"a":NaN}', 400, "malformed_request"),
    ("ten megabytes", b'{"a":"' + b"x" * 10_000_000 + b'"}', 413, "payload_too_large"),
    ("an unknown member", b'{"surprise":1}', 422, "invalid_fields"),
    ("an unknown member of half a surrogate", b'{"\\ud800":1}', 422, "invalid_fields"),
    ("an unknown member with NUL", b'{"a\\u0000":1}', 422, "invalid_fields"),
    ("10,000 unknown members", json.dumps({f"m{n}": n for n in range(10_000)}).encode(), 422, "invalid_fields"),
]
BAD_VALUES = [
    None,
    -1,
    0,
    1.5,
    1e300,
    "",
    " ",
    "a\0b",
    "\ud800",
    "x" * 5_000,
    True,
    [],
    {},
    [[]],
    {"a": {}},
    2**63,
    10**30,
]
BAD_TOKENS = [
    "",
    "Bearer",
    "Bearer ",
    "Basic eDp5",
    "Bearer cnt_x",
    "Bearer cnt_" + "a" * 43,
    "Bearer " + "é" * 9,
    "Bearer a b c",
]


def path_of(call) -> str:
    path = call.path.replace("{id}", str(uuid.UUID(int=5)))
    return BASE + path.replace("{key}", "K" * 16).replace("{merchant_ref}", "R-1")


def send(client, call, body: bytes = b"{}", headers=None, **more):
    headers = {"Idempotency-Key": uuid.uuid4().hex, **(headers or {})}
    more = {"content_type": "application/json"} | more
    return client.open(path_of(call), method=call.method, data=body, headers=headers, **more)


def assert_problem(answer, status, code):
    assert (answer.status_code, answer.json["code"]) == (status, code)
    assert answer.content_type == "application/problem+json"
    assert answer.json["status"] == status
    assert answer.json["request_id"] == answer.headers["X-Request-Id"]
    assert code not in PROBLEMS or PROBLEMS[code][0] == status


@pytest.fixture
def till(shop):
    return shop.tills["T01"]


@pytest.mark.parametrize("call", WITH_BODY, ids=lambda call: call.path)
@pytest.mark.parametrize(("what", "body", "status", "code"), BAD_BODIES, ids=[bad[0] for bad in BAD_BODIES])
def test_a_body_that_cannot_be_read_is_a_problem(client, till, call, what, body, status, code):
    assert what
    assert_problem(send(client, call, body, till.headers), status, code)


@pytest.mark.parametrize("call", WITH_BODY, ids=lambda call: call.path)
@pytest.mark.parametrize(
    "more",
    [
        {"content_type": "text/plain"},
        {"content_type": "application/x-www-form-urlencoded"},
        {"content_type": None},
        {"content_type": "application/json", "headers": {"Content-Encoding": "gzip"}},
    ],
)
def test_another_media_type_is_415(client, till, call, more):
    headers = till.headers | more.get("headers", {})
    answer = send(client, call, b"{}", headers, content_type=more["content_type"])
    assert_problem(answer, 415, "unsupported_media_type")


@pytest.mark.parametrize("call", WITH_BODY, ids=lambda call: call.path)
@pytest.mark.parametrize("value", BAD_VALUES, ids=[repr(value)[:20] for value in BAD_VALUES])
def test_a_wrong_value_in_any_member_is_pointed_at(client, till, call, value):
    for name, field in call.body().fields.items():
        if value is None and field.allow_none and not any(other.required for other in call.body().fields.values()):
            continue  # null is how this member says that it is left out
        answer = send(client, call, json.dumps({name: value}).encode(), till.headers)
        assert_problem(answer, 422, "invalid_fields")
        assert answer.json["errors"]


@pytest.mark.parametrize("call", SIGNED_IN, ids=lambda call: f"{call.method} {call.path}")
@pytest.mark.parametrize("given", BAD_TOKENS)
def test_without_a_good_token_the_answer_is_401_before_anything_else(client, till, call, given):
    assert till
    answer = send(client, call, b"{", {"Authorization": given})
    assert_problem(answer, 401, "token_invalid")
    assert answer.headers["WWW-Authenticate"] == "Bearer"


@pytest.mark.parametrize("call", SIGNED_IN, ids=lambda call: f"{call.method} {call.path}")
def test_a_revoked_token_is_401(client, session, world, till, call):
    new = issue_token(session, world, IssueToken(till.venue.terminal_id))
    revoke_token(session, world, RevokeToken(new.token_id))
    assert_problem(send(client, call, b"{}", {"Authorization": f"Bearer {new.token}"}), 401, "token_invalid")


@pytest.mark.parametrize("call", WITH_KEY, ids=lambda call: call.path)
@pytest.mark.parametrize(
    ("key", "code"),
    [
        ("", "idempotency_key_required"),
        ("a" * 15, "idempotency_key_invalid"),
        ("a" * 65, "idempotency_key_invalid"),
        ("a" * 8 + " " + "a" * 8, "idempotency_key_invalid"),
        ("a" * 16 + "/", "idempotency_key_invalid"),
        ("é" * 16, "idempotency_key_invalid"),
    ],
)
def test_a_key_must_be_given_and_be_one(client, till, call, key, code):
    answer = send(client, call, b"{}", till.headers | {"Idempotency-Key": key})
    assert_problem(answer, 400, code)


@pytest.mark.parametrize("call", WITH_QUERY, ids=lambda call: call.path)
@pytest.mark.parametrize(
    "query",
    [
        "limit=0",
        "limit=201",
        "limit=x",
        "limit=1.5",
        "limit=",
        "x=1",
        "limit=1&limit=2",
        "cursor=x",
        "cursor=%00",
        "limit=" + "9" * 5_000,
        "business_date=2026-02-30",
        "business_date=21.11.2026",
        "business_date=%EF%BC%92",
        "terminal=%ff",
    ],
)
def test_a_wrong_query_is_pointed_at(client, till, call, query):
    answer = client.get(f"{path_of(call)}?{query}", headers=till.headers)
    assert_problem(answer, 422, "invalid_fields")
    assert answer.json["errors"][0]["pointer"].startswith("/")


@pytest.mark.parametrize(
    "path", ["/nothing", "/redemptions/not-a-uuid", "/redemptions/" + "0" * 400, "/%00", "/redemptions/%ff"]
)
def test_an_unknown_address_is_404(client, till, path):
    assert_problem(client.get(BASE + path, headers=till.headers), 404, "not_found")


def test_another_method_is_405(client, till):
    answer = client.delete(f"{BASE}/me", headers=till.headers)
    assert_problem(answer, 405, "method_not_allowed")
    assert "GET" in answer.headers["Allow"]


def test_every_problem_a_call_names_is_in_the_catalogue():
    for call in CALLS:
        assert set(problems_of(call)) <= set(PROBLEMS)
