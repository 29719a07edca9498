"""The wallet's calls over HTTP, as acceptance/README.md names them."""

import base64
from datetime import timedelta

import pytest
from flask.testing import FlaskClient
from sqlalchemy import text
from sqlalchemy.orm import Session
from werkzeug.test import TestResponse

from cardnet.access.services import open_member_session
from cardnet.benefits.words import ProgramKind
from cardnet.credential import cose, store
from cardnet.credential.device import DeviceKey, base64url
from cardnet.credential.verify import Accepted, VerifyContext, verify
from cardnet.issuance.rules import is_card_number, rebind_statement
from cardnet.issuance.services import ChangeCard, IssuedCard, card_of_number, suspend_card
from cardnet.kernel.world import World
from tests.conftest import MovableWorld
from tests.make.benefits import health_check, make_shop
from tests.make.issuance import make_office
from tests.make.membership import id_number

SERIAL = 7
LAST4 = id_number(SERIAL)[-4:]


@pytest.fixture
def card(session: Session, world: World) -> IssuedCard:
    (issued,) = make_office(session, world).issue(SERIAL)
    session.flush()
    return issued


@pytest.fixture
def phone(world: World) -> DeviceKey:
    return DeviceKey.make(world)


def send(client: FlaskClient, card: IssuedCard, phone: DeviceKey, **changed: object) -> TestResponse:
    number = str(changed.get("card_number", card.number))
    code = str(changed.get("activation_code", card.activation_code))
    # What is no ASCII cannot be signed as ASCII; such a call is wrong for that alone.
    proof = phone.activation_proof(number if number.isascii() else "", code if code.isascii() else "")
    body = {
        "card_number": number,
        "activation_code": code,
        "id_last4": LAST4,
        "public_key": base64url(phone.public),
        "proof": base64url(proof),
    }
    return client.post("/wallet/api/activate", json=body | changed)


def test_an_activation_answers_a_credential_whose_codes_are_accepted(
    client: FlaskClient, session: Session, world: World, card: IssuedCard, phone: DeviceKey
) -> None:
    answer = send(client, card, phone)
    assert answer.status_code == 200, answer.text
    body = answer.get_json()
    credential = base64.urlsafe_b64decode(body["credential"] + "==")
    verdict = verify(
        phone.code(credential, world), store.trust_pack(session, world.now()), None, world.now(), VerifyContext()
    )
    assert isinstance(verdict, Accepted)
    assert (verdict.index, verdict.assurance) == (body["index"], "device")
    assert body["now"] == int(world.now().timestamp() * 1000)
    assert body["expires_at"] == "2026-12-05T10:00:00+08:00"
    assert body["card"]["number"] == card.number
    assert body["card"]["state"] == "active"


def test_an_activation_signs_the_phone_in_with_a_cookie_no_script_can_read(
    client: FlaskClient, card: IssuedCard, phone: DeviceKey
) -> None:
    cookie = send(client, card, phone).headers["Set-Cookie"]
    assert cookie.startswith("cardnet_member=cnm_")
    for part in ("HttpOnly", "SameSite=Lax", "Path=/wallet", "Max-Age=34560000"):
        assert part in cookie
    assert client.get("/wallet/api/card").status_code == 200


def test_a_wrong_code_and_an_unknown_card_get_the_same_answer(
    client: FlaskClient, card: IssuedCard, phone: DeviceKey
) -> None:
    wrong = send(client, card, phone, activation_code="AAAAAAAA")
    last = int(card.number[-2])
    unknown_number = next(
        number
        for number in (
            card.number[:-2] + str((last + step) % 10) + str(check) for step in range(1, 9) for check in range(10)
        )
        if is_card_number(number)
    )
    unknown = send(client, card, phone, card_number=unknown_number)
    assert (wrong.status_code, wrong.get_json()["code"]) == (unknown.status_code, unknown.get_json()["code"])
    assert wrong.get_json()["title"] == unknown.get_json()["title"]
    assert wrong.mimetype == "application/problem+json"


def test_after_five_wrong_tries_the_right_code_no_longer_helps(
    client: FlaskClient, card: IssuedCard, phone: DeviceKey
) -> None:
    codes = [send(client, card, phone, activation_code="AAAAAAAA").get_json()["code"] for _ in range(5)]
    assert codes == ["activation_refused"] * 4 + ["activation_locked"]
    assert send(client, card, phone).get_json()["code"] == "activation_locked"


def test_a_second_phone_cannot_take_a_card_that_is_bound(
    client: FlaskClient, world: World, card: IssuedCard, phone: DeviceKey
) -> None:
    first = send(client, card, phone).get_json()
    again = send(client, card, phone).get_json()
    assert again["index"] == first["index"], "the same phone may ask again when the answer was lost"
    other = send(client, card, DeviceKey.make(world))
    assert other.status_code == 409


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("card_number", None), ("card_number", 812), ("card_number", ""), ("card_number", "8" * 41),
        ("card_number", "8\x00"), ("card_number", "\ud800"), ("activation_code", "\ud83d"), ("activation_code", ["A"]),
        ("id_last4", True), ("id_last4", "123456789"), ("public_key", "***"), ("public_key", "AAAA"),
        ("public_key", "é"), ("proof", ""), ("proof", "AAAA"), ("proof", {"r": 1}),
    ],
)  # fmt: skip
def test_a_field_of_the_wrong_kind_is_named_and_never_a_fault(
    client: FlaskClient, card: IssuedCard, phone: DeviceKey, field: str, value: object
) -> None:
    answer = send(client, card, phone, **{field: value})
    assert answer.status_code == 422, answer.text
    assert answer.mimetype == "application/problem+json"


@pytest.mark.parametrize(
    ("body", "mimetype", "status"),
    [
        (b"[]", "application/json", 422), (b"{", "application/json", 400), (b"\xff", "application/json", 400),
        (b"{}", "text/plain", 415), (b'"' + b"9" * (2 << 20) + b'"', "application/json", 413), (b"", "application/json", 400),
    ],
)  # fmt: skip
def test_a_body_that_is_no_json_object_is_answered_as_what_it_is(
    client: FlaskClient, body: bytes, mimetype: str, status: int
) -> None:
    answer = client.post("/wallet/api/activate", data=body, content_type=mimetype)
    assert answer.status_code == status
    assert answer.mimetype == "application/problem+json"


def test_a_renewal_gives_the_same_key_fourteen_more_days(
    client: FlaskClient, clock: MovableWorld, card: IssuedCard, phone: DeviceKey
) -> None:
    first = send(client, card, phone).get_json()
    clock.advance(timedelta(days=8))
    renewed = client.post("/wallet/api/renew", json={"public_key": base64url(phone.public)})
    assert renewed.status_code == 200
    body = renewed.get_json()
    assert body["index"] == first["index"]
    assert body["expires_at"] == "2026-12-13T10:00:00+08:00"
    assert "Max-Age=34560000" in renewed.headers["Set-Cookie"]


def test_a_phone_that_is_not_signed_in_learns_nothing(client: FlaskClient, card: IssuedCard, phone: DeviceKey) -> None:
    index = send(client, card, phone).get_json()["index"]
    assert client.get(f"/wallet/api/card?index={index}").get_json()["bound"] is True
    client.delete_cookie("cardnet_member", path="/wallet")
    for answer in (
        client.get(f"/wallet/api/card?index={index}"),
        client.get("/wallet/api/card"),
        client.post("/wallet/api/renew", json={"public_key": base64url(phone.public)}),
    ):
        assert (answer.status_code, answer.get_json()["code"]) == (401, "member_session_ended")


@pytest.mark.parametrize("index", ["-1", "4294967296", "99999999999999999999"])
def test_another_index_is_not_this_members_card(
    client: FlaskClient, card: IssuedCard, phone: DeviceKey, index: str
) -> None:
    send(client, card, phone)
    assert client.get(f"/wallet/api/card?index={index}").status_code == 404


def test_a_suspended_card_says_so_on_the_phone(
    client: FlaskClient, session: Session, world: World, card: IssuedCard, phone: DeviceKey
) -> None:
    index = send(client, card, phone).get_json()["index"]
    view = card_of_number(session, card.number)
    suspend_card(session, world, ChangeCard(view.id, "lost", person_id=view.person_id))
    session.flush()
    assert client.get(f"/wallet/api/card?index={index}").get_json()["card"]["state"] == "suspended"


def test_who_is_signed_in_binds_a_lost_key_anew_and_is_asked_nothing(
    client: FlaskClient, world: World, card: IssuedCard, phone: DeviceKey
) -> None:
    first = send(client, card, phone).get_json()
    number = client.get("/wallet/api/card").get_json()["card"]["number"]
    fresh = DeviceKey.make(world)
    answer = client.post(
        "/wallet/api/rebind",
        json={
            "card_number": number,
            "public_key": base64url(fresh.public),
            "proof": base64url(cose.sign_es256(fresh.private, rebind_statement(number))),
        },
    )
    assert answer.status_code == 200, answer.text
    assert answer.get_json()["index"] != first["index"]
    assert client.get(f"/wallet/api/card?index={first['index']}").get_json()["bound"] is False


@pytest.mark.parametrize(("born", "large"), [("1976-11-20", True), ("1976-11-21", True), ("1976-11-22", False)])
def test_large_type_is_the_default_from_fifty_years_on_also_when_a_key_is_bound_anew(
    client: FlaskClient, session: Session, world: World, card: IssuedCard, phone: DeviceKey, born: str, large: bool
) -> None:
    session.execute(text("update person set birth_on = :born where id = :id"), {"born": born, "id": card.person_id})
    assert world.now().date().isoformat() == "2026-11-21"
    told = send(client, card, phone).get_json()
    assert (told["large_type"], told["rotation_seconds"]) == (large, 15)
    fresh = DeviceKey.make(world)
    proof = base64url(cose.sign_es256(fresh.private, rebind_statement(card.number)))
    body = {"card_number": card.number, "public_key": base64url(fresh.public), "proof": proof}
    assert client.post("/wallet/api/rebind", json=body).get_json()["large_type"] is large


def test_signing_out_ends_the_session_on_the_server_too(
    client: FlaskClient, card: IssuedCard, phone: DeviceKey
) -> None:
    token = send(client, card, phone).headers["Set-Cookie"].split(";")[0].split("=", 1)[1]
    assert client.post("/wallet/api/sign-out", json={}).status_code == 200
    client.set_cookie("cardnet_member", token, path="/wallet")
    assert client.get("/wallet/api/card").status_code == 401
    assert client.post("/wallet/api/sign-out", json={}).status_code == 200


def test_a_page_of_another_site_cannot_call_for_a_signed_in_member(
    client: FlaskClient, card: IssuedCard, phone: DeviceKey
) -> None:
    send(client, card, phone)
    answer = client.post("/wallet/api/sign-out", json={}, headers={"Sec-Fetch-Site": "cross-site"})
    assert answer.status_code == 403


def test_answers_of_the_api_are_never_kept(client: FlaskClient, world: World) -> None:
    answer = client.get("/wallet/api/time")
    assert answer.get_json() == {"now": int(world.now().timestamp() * 1000)}
    assert answer.headers["Cache-Control"] == "no-store"


def test_a_member_sees_her_own_uses_of_this_year_and_what_they_came_to(
    client: FlaskClient, session: Session, clock: MovableWorld, world: World
) -> None:
    shop = make_shop(session, world)
    shop.pool("P-HC", 2_000_000)
    shop.program("HC2026", health_check("P-HC"), ProgramKind.SUBSIDY)
    mine, other = shop.members(1, 2)
    client.set_cookie("cardnet_member", open_member_session(session, world, mine.person_id), path="/wallet")
    assert client.get("/wallet/api/redemptions").get_json()["lines"] == []
    assert client.get("/wallet/api/result").get_json()["newest"] is None
    shop.redeem(mine, 38_000, service_code="health_check", merchant_ref="R-1")
    session.flush()
    newest = client.get("/wallet/api/result").get_json()["newest"]
    assert (newest["at"], newest["line"]["benefit"]) == (int(world.now().timestamp() * 1000), "省 100.00 元")
    assert client.get(f"/wallet/api/result?after={newest['id']}").get_json()["newest"]["line"] is None
    shop.redeem(mine, 38_000, service_code="health_check", merchant_ref="R-2")
    shop.redeem(other, 38_000, service_code="health_check", merchant_ref="R-3")
    session.flush()
    body = client.get("/wallet/api/redemptions").get_json()
    assert [line["outcome"] for line in body["lines"]] == ["refused", "captured"]
    assert body["lines"][0]["why"]
    assert body["lines"][1]["benefit"] == "省 100.00 元"
    assert body["lines"][1]["merchant"] == "云间工人疗养院体检中心"
    assert (body["uses"], body["total_benefit"]) == (1, "100.00 元")
    assert client.get("/wallet/api/card").get_json()["still"] == "今年已为您节省 100.00 元"
    again = client.get(f"/wallet/api/result?after={newest['id']}").get_json()["newest"]["line"]
    assert again["outcome"] == "refused", "the other member's is not hers"
    clock.advance(timedelta(minutes=5))
    assert client.get("/wallet/api/result").get_json()["newest"]["line"] is None, "no answer to a code shown now"
    clock.advance(timedelta(days=60))
    assert client.get("/wallet/api/redemptions").get_json()["lines"] == []


def test_a_body_nested_without_end_is_malformed(client: FlaskClient) -> None:
    answer = client.post("/wallet/api/activate", data="[" * 100_000, content_type="application/json")
    assert (answer.status_code, answer.get_json()["code"]) == (400, "malformed_request")
