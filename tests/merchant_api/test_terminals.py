"""Pairing a till, asking who it is, and fetching what it needs offline."""

import base64
import hashlib
from datetime import timedelta

from sqlalchemy import text

from cardnet.credential import pack, status
from cardnet.credential.store import ensure_keys, roots, set_statuses
from cardnet.merchants.services import AddKey, MakePairingCode, RevokeKey, add_key, make_pairing_code, revoke_key
from tests.make.redemptions import new_key

BASE = "/merchant/v1"
_KEY, _OTHER_KEY = (
    base64.urlsafe_b64encode(hashlib.sha256(name).digest()).decode().rstrip("=") for name in (b"one", b"other")
)


def test_a_till_asks_who_it_is(session, world, client, shop):
    till = shop.tills["T01"]
    answer = client.get(f"{BASE}/me", headers=till.headers)
    assert answer.status_code == 200
    assert answer.json["merchant"] == {"code": "M1001", "name": "云间工人疗养院体检中心"}
    assert answer.json["server_time"] == "2026-11-21T10:00:00+08:00"


def test_a_pairing_code_is_traded_for_a_token_over_http(session, world, client, shop):
    till = shop.tills["T01"]
    code = make_pairing_code(session, world, MakePairingCode(till.venue.terminal_id))
    answer = client.post(f"{BASE}/terminals/enrol", json={"pairing_code": code, "name": "前台一号"})
    assert answer.status_code == 201
    assert answer.json["terminal"] == {"code": "T01", "name": "前台一号"}
    token = answer.json["token"]
    assert client.get(f"{BASE}/me", headers={"Authorization": f"Bearer {token}"}).status_code == 200
    again = client.post(f"{BASE}/terminals/enrol", json={"pairing_code": code, "name": "x"})
    assert (again.status_code, again.json["code"]) == (401, "pairing_code_invalid")


def test_a_device_whose_answer_was_lost_asks_again_and_takes_one_place(session, world, client, shop, clock):
    till = shop.tills["T02"]
    terminal_id = till.venue.terminal_id
    session.execute(text("delete from terminal_token where terminal_id = :id"), {"id": terminal_id})
    code = make_pairing_code(session, world, MakePairingCode(terminal_id))
    public_key = base64.urlsafe_b64encode(hashlib.sha256(b"till").digest()).decode().rstrip("=")
    body, once = {"pairing_code": code, "name": "前台", "public_key": public_key}, {"Idempotency-Key": new_key()}

    def ask(headers, **other):
        return client.post(f"{BASE}/terminals/enrol", json=body | other, headers=headers)

    lost = ask(once).json
    clock.advance(timedelta(seconds=3))
    got = ask(once)
    assert (got.status_code, got.json["key_id"], got.json["replaces"]) == (201, lost["key_id"], None)
    said = [client.get(f"{BASE}/me", headers={"Authorization": f"Bearer {one['token']}"}) for one in (lost, got.json)]
    assert [one.status_code for one in said] == [401, 200]
    # The code alone, or with another device's secret, is used up as ever.
    for other in ({}, {"Idempotency-Key": new_key()}):
        assert (ask(other).status_code, ask(other).json["code"]) == (401, "pairing_code_invalid")
    assert ask({"Idempotency-Key": "short"}).json["code"] == "idempotency_key_invalid"
    clock.advance(timedelta(minutes=15))
    assert ask(once).status_code == 401
    live = text("select count(*) from terminal_token where terminal_id = :id and revoked_at is null")
    assert session.scalar(live, {"id": terminal_id}) == 1


def test_a_second_device_of_a_terminal_hears_at_pairing_until_when_the_first_ones_key_counts(
    session, world, client, shop
):
    terminal_id = shop.tills["T02"].venue.terminal_id

    def pair(name):
        code = make_pairing_code(session, world, MakePairingCode(terminal_id))
        public_key = base64.urlsafe_b64encode(hashlib.sha256(name.encode()).digest()).decode().rstrip("=")
        body = {"pairing_code": code, "name": name, "public_key": public_key}
        return client.post(f"{BASE}/terminals/enrol", json=body)

    session.execute(text("delete from terminal_token where terminal_id = :id"), {"id": terminal_id})
    first, second, third = pair("one"), pair("two"), pair("three")
    assert first.json["replaces"] is None
    assert second.json["replaces"] == {"key_id": first.json["key_id"], "ends_at": "2026-11-28T10:00:00+08:00"}
    assert (third.status_code, third.json["code"]) == (409, "too_many_keys")


def test_a_till_hears_which_of_its_keys_count_and_until_when(session, world, client, shop, clock):
    till = shop.tills["T01"]
    first, second = (add_key(session, world, AddKey(till.venue.terminal_id, one)).key_id for one in (_KEY, _OTHER_KEY))

    def counting():
        return client.get(f"{BASE}/me", headers=till.headers).json["signing_keys"]

    over = {"key_id": first, "ends_at": "2026-11-28T10:00:00+08:00"}
    assert counting() == [{"key_id": second, "ends_at": None}, over]
    revoke_key(session, world, RevokeKey(second))
    assert counting() == [over]
    clock.advance(timedelta(days=7))
    assert counting() == []


def test_wrong_pairing_codes_stay_counted_although_they_are_refused(session, world, client, shop):
    till = shop.tills["T01"]
    code = make_pairing_code(session, world, MakePairingCode(till.venue.terminal_id))
    wrong = code[:-1] + ("A" if code[-1] != "A" else "B")
    for _ in range(5):
        assert client.post(f"{BASE}/terminals/enrol", json={"pairing_code": wrong, "name": "x"}).status_code == 401
    assert session.execute(text("select tries from pairing_code")).scalar() == 5
    assert client.post(f"{BASE}/terminals/enrol", json={"pairing_code": code, "name": "x"}).status_code == 401


def test_the_trust_pack_opens_under_the_root_and_comes_once(session, world, client, shop):
    till = shop.tills["T01"]
    ensure_keys(session, world)
    answer = client.get(f"{BASE}/trust-pack", headers=till.headers)
    assert (answer.status_code, answer.content_type) == (200, "application/cbor")
    assert pack.open_pack(answer.data, roots(session), int(world.now().timestamp())).keys
    etag = {"If-None-Match": answer.headers["ETag"]}
    again = client.get(f"{BASE}/trust-pack", headers=till.headers | etag)
    assert (again.status_code, again.data) == (304, b"")


def test_the_status_list_opens_under_the_packs_keys(session, world, client, shop, clock):
    till = shop.tills["T01"]
    ensure_keys(session, world)
    packed = client.get(f"{BASE}/trust-pack", headers=till.headers)
    keys = pack.open_pack(packed.data, roots(session), int(world.now().timestamp())).keys
    answer = client.get(f"{BASE}/status-list", headers=till.headers)
    assert status.open_list(answer.data, keys).issued_at == int(world.now().timestamp())
    clock.advance(timedelta(minutes=1))
    etag = {"If-None-Match": answer.headers["ETag"]}
    assert client.get(f"{BASE}/status-list", headers=till.headers | etag).status_code == 304


def test_a_till_that_has_a_list_fetches_only_what_changed(session, world, client, shop, clock):
    headers = shop.tills["T01"].headers
    keys = pack.open_pack(
        client.get(f"{BASE}/trust-pack", headers=headers).data, roots(session), int(world.now().timestamp())
    ).keys
    whole = client.get(f"{BASE}/status-list", headers=headers)
    had = status.open_list(whole.data, keys)
    clock.advance(timedelta(minutes=1))
    set_statuses(session, world, [3, 9], status.Status.SUSPENDED)
    answer = client.get(f"{BASE}/status-list?since={had.seq}", headers=headers)
    now = status.open_list(answer.data, keys, had)
    assert [now.of(index) for index in (2, 3, 9)] == [0, 2, 2]
    assert now == status.open_list(client.get(f"{BASE}/status-list", headers=headers).data, keys)
    etag = {"If-None-Match": answer.headers["ETag"]}
    assert client.get(f"{BASE}/status-list?since={now.seq}", headers=headers | etag).status_code == 304
    assert client.get(f"{BASE}/status-list?since=999", headers=headers).data[:2] == whole.data[:2]
    for wrong in ("0", "-1", "x", "1.5", "1&since=2", str(2**64)):
        refused = client.get(f"{BASE}/status-list?since={wrong}", headers=headers)
        assert (refused.status_code, refused.json["code"]) == (422, "invalid_fields")


def test_the_offline_documents_need_a_token(client):
    for path in ("trust-pack", "status-list"):
        answer = client.get(f"{BASE}/{path}")
        assert (answer.status_code, answer.json["code"]) == (401, "token_invalid")
