"""Whatever is sent, every call answers with a problem of the catalogue and never with a 5xx."""

import json
import re

import pytest

from cardnet.access import services as access
from cardnet.http.wire import Day
from cardnet.web.api import API
from tests.make.api import BASE, assert_problem

NOBODY = "01a1fbd4-0000-7000-8000-000000000000"
CALLS = [call for call in API.calls if not call.open_to_all]
WITH_BODY = [call for call in CALLS if call.body]
BAD_BODIES = [
    (b"{", 400, "malformed_request"),
    (b"", 400, "malformed_request"),
    (b"[{}]", 400, "malformed_request"),
    (b'{"a":"\xff"}', 400, "malformed_request"),
    (b'{"a":1,"a":2}', 400, "malformed_request"),
    (b"[" * 100_000, 400, "malformed_request"),
    (b'{"a":NaN}', 400, "malformed_request"),
    (b'{"a":"' + b"x" * 10_000_000 + b'"}', 413, "payload_too_large"),
    (b'{"surprise":1}', 422, "invalid_fields"),
    (b'{"\\ud800":1}', 422, "invalid_fields"),
]
BAD_VALUES = [
    -1,
    0,
    1.5,
    "",
    " ",
    "a\0b",
    "\ud800",
    "x" * 5_000,
    True,
    [],
    {},
    [[]],
    2**63,
    "9999-99-99",
    [{}],
    ["a\0"],
]


def path_of(call) -> str:
    path = re.sub(r"\{(row|year)\}", "1", call.path)
    return BASE + re.sub(r"\{\w+\}", NOBODY, path)


@pytest.mark.parametrize(("body", "status", "code"), BAD_BODIES, ids=[repr(bad[0][:12]) for bad in BAD_BODIES])
def test_a_body_that_cannot_be_read_is_a_problem(client, able, body, status, code):
    for call in WITH_BODY:
        headers = able(call).headers
        answer = client.post(path_of(call), data=body, content_type="application/json", headers=headers)
        assert_problem(answer, status, code)


def test_another_media_type_is_415(client, able):
    for call in WITH_BODY:
        for kind in ("text/plain", "application/x-www-form-urlencoded", None):
            answer = client.post(path_of(call), data=b"{}", content_type=kind, headers=able(call).headers)
            assert_problem(answer, 415, "unsupported_media_type")
    for call in (call for call in CALLS if call.takes_file):
        answer = client.post(path_of(call), data=b"{}", content_type="application/json", headers=able(call).headers)
        needed = call.query and any(field.required for field in call.query().fields.values())
        assert_problem(answer, *((422, "invalid_fields") if needed else (415, "unsupported_media_type")))


@pytest.mark.parametrize("value", BAD_VALUES, ids=[repr(value)[:20] for value in BAD_VALUES])
def test_a_wrong_value_in_any_member_breaks_nothing(client, able, value):
    for call in WITH_BODY:
        for name in call.body().fields:
            body = json.dumps({**call.example, name: value})
            answer = client.post(path_of(call), data=body, content_type="application/json", headers=able(call).headers)
            # A day is closed once all who write have finished; on a server with others that may take longer than a call.
            waits = answer.status_code == 503 and answer.json["code"] == "day_closing"
            assert waits or answer.status_code < 500, (call.path, name, answer.text)


@pytest.mark.parametrize("day", ["9999-12-31", "0001-01-01"])
def test_a_day_no_clock_has_is_pointed_at_wherever_one_is_asked(client, able, day):
    """The last of all days has no end and the first no beginning in Shanghai: both were a 500 once they were reckoned with."""
    asked = 0
    for call in CALLS:
        sent = {"headers": able(call).headers, "method": call.method}
        for name in (name for name, field in call.body().fields.items() if isinstance(field, Day)) if call.body else ():
            answer = client.open(path_of(call), json={**call.example, name: day}, **sent)
            assert_problem(answer, 422, "invalid_fields")
            asked += 1
        for name in (
            (name for name, field in call.query().fields.items() if isinstance(field, Day)) if call.query else ()
        ):
            answer = client.open(path_of(call), query_string={name: day}, **sent)
            assert answer.status_code in (400, 415, 422), (call.path, answer.text)
            asked += 1
    assert asked > 20


@pytest.mark.parametrize("year", [0, 1, 2999, 9999])
def test_a_year_nobody_granted_is_not_there_whatever_it_is(client, able, year):
    """What follows the year 9999 has no last day: to begin closing it was a 500."""
    calls = [call for call in CALLS if "/{year}/" in call.path]
    for call in calls:
        sent = {"json": call.example} if call.body else {}
        path = path_of(call).replace("/1/", f"/{year}/")
        answer = client.open(path, method=call.method, headers=able(call).headers, **sent)
        assert answer.status_code < 500, (call.path, answer.text)
    assert len(calls) >= 4


@pytest.mark.parametrize(
    "query", ["limit=0", "limit=201", "limit=x", "x=1", "cursor=x", "cursor=%00", "cursor=" + "A" * 300]
)
def test_a_wrong_query_is_pointed_at(client, programs, able, query):
    for call in (call for call in CALLS if call.query and "cursor" in call.query().fields and not call.parameters):
        needed = "".join(f"&{name}=M1" for name, field in call.query().fields.items() if field.required)
        answer = client.get(f"{path_of(call)}?{query}{needed}", headers=able(call).headers)
        if needed and answer.status_code == 404:
            continue  # the merchant is looked for before the cursor is opened
        if "names_inside" in answer.text:
            continue
        assert_problem(answer, 422, "invalid_fields")
        assert answer.json["errors"][0]["pointer"].startswith("/")


@pytest.mark.parametrize("given", ["", "Bearer", "Basic eDp5", "Bearer cna_x", "Bearer " + "é" * 9, "Bearer a b"])
def test_without_a_good_token_the_answer_is_401_before_anything_else(client, programs, given):
    assert programs
    for call in CALLS:
        answer = client.open(path_of(call), method=call.method, data=b"{", headers={"Authorization": given})
        assert_problem(answer, 401, "token_invalid")
        assert answer.headers["WWW-Authenticate"] == "Bearer"


def test_a_token_ends_with_its_account(session, world, office, programs):
    assert programs["U1"].get("/me").status_code == 200
    access.close_account(session, world, access.SwitchAccount(office["U1"].account_id, office["boss"]))
    assert_problem(programs["U1"].get("/me"), 401, "token_invalid")


def test_a_token_ends_when_its_owner_ends_it(programs):
    (mine,) = programs["U1"].get("/sessions").json["items"]
    assert programs["U2"].post(f"/sessions/{mine['id']}/end").status_code == 200
    assert programs["U1"].get("/me").status_code == 200
    assert programs["U1"].post(f"/sessions/{mine['id']}/end").status_code == 200
    assert_problem(programs["U1"].get("/me"), 401, "token_invalid")


def test_the_cookie_of_a_page_opens_no_call(client, session, world, office):
    with client.session_transaction() as cookie:
        cookie["staff"] = access.open_staff_session(session, world, office["C1"].account_id).token
    assert_problem(client.get(f"{BASE}/me"), 401, "token_invalid")


@pytest.mark.parametrize("key", ["short", "a" * 65, "a" * 15 + "/", "é" * 16])
def test_a_key_must_be_one(programs, key):
    assert_problem(programs["C1"].post("/quota/spread", {"year": 2026}, key=key), 400, "idempotency_key_invalid")


def test_an_empty_file_and_a_huge_one_are_told_so(programs):
    assert_problem(programs["U1"].send_file("/rosters", b""), 400, "malformed_request")
    assert_problem(programs["U1"].send_file("/rosters", b"x" * (21 << 20)), 413, "payload_too_large")


@pytest.mark.parametrize("path", ["/nothing", "/cards/not-a-uuid", "/batches/" + "0" * 400, "/%00", "/unions/%ff"])
def test_an_unknown_address_is_404(programs, path):
    assert programs["C1"].get(path).status_code == 404
