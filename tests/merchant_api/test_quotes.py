"""Quote tokens: a slow customer's code for two minutes, at one terminal, used once."""

from datetime import timedelta

import pytest

from cardnet.credential.device import bound_nonce
from tests.make.redemptions import new_key

PURCHASE = {"amount_fen": 38_000, "service_code": "health_check"}


def quote(shop, client, **body):
    return client.post(
        "/merchant/v1/quotes", json={"purchase": PURCHASE} | body, headers=shop.tills[body.pop("till", "T01")].headers
    )


@pytest.fixture
def token(shop, client, world) -> str:
    answer = quote(shop, client, code=shop.phones[0].code(world))
    assert (answer.status_code, answer.json["outcome"], answer.json["subsidy_fen"]) == (200, "applicable", 10_000)
    assert answer.json["quote_expires_at"] == "2026-11-21T10:02:00+08:00"
    return answer.json["quote_token"]


def redeem(shop, client, token, till="T01", key=None, **more):
    body = {"quote_token": token, "purchase": PURCHASE, "merchant_ref": new_key()} | more
    return shop.post(client, "/redemptions", body, key, till)


def reasons(answer) -> list[str]:
    assert (answer.status_code, answer.json["code"]) == (422, "refused")
    return [reason["code"] for reason in answer.json["reasons"]]


@pytest.mark.parametrize(("seconds", "counts"), [(0, True), (119, True), (120, True), (121, False)])
def test_a_token_counts_for_a_hundred_and_twenty_seconds(shop, client, clock, token, seconds, counts):
    clock.advance(timedelta(seconds=seconds))
    answer = redeem(shop, client, token)
    if counts:
        assert (answer.status_code, answer.json["outcome"]) == (201, "captured")
        assert (answer.json["assurance"], answer.json["member"]) == ("device", {"display": "周*"})
    else:
        assert reasons(answer) == ["stale_proof"]


def test_redeeming_consumes_the_proof_for_token_and_code_alike(shop, client, world):
    code = shop.phones[0].code(world)
    token = quote(shop, client, code=code).json["quote_token"]
    assert redeem(shop, client, token).status_code == 201
    assert reasons(redeem(shop, client, token)) == ["replayed"]
    by_code = shop.post(client, "/redemptions", {"code": code, "purchase": PURCHASE, "merchant_ref": "R-9"})
    assert reasons(by_code) == ["replayed"]


def test_a_token_is_bound_to_the_terminal_it_was_made_at(shop, client, token):
    assert reasons(redeem(shop, client, token, "T02")) == ["wrong_audience"]
    assert redeem(shop, client, token).status_code == 201


def test_a_changed_token_is_worth_nothing(shop, client, token):
    for place in (0, 30, len(token) // 2, len(token) - 2):
        changed = token[:place] + ("A" if token[place] != "A" else "B") + token[place + 1 :]
        assert reasons(redeem(shop, client, changed)) == ["bad_signature"]
    assert reasons(redeem(shop, client, "nonsense!")) == ["malformed"]


def test_asking_again_by_token_does_not_lengthen_its_life(shop, client, clock, token):
    clock.advance(timedelta(seconds=100))
    again = quote(shop, client, quote_token=token)
    assert (again.json["quote_token"], again.json["quote_expires_at"]) == (token, "2026-11-21T10:02:00+08:00")
    clock.advance(timedelta(seconds=30))
    late = quote(shop, client, quote_token=token)
    assert (late.json["outcome"], late.json["quote_token"]) == ("refused", None)


def test_redeeming_decides_anew(shop, client, world, token):
    taken = shop.post(client, "/redemptions", shop.request(shop.phones[0], "R-first"))
    assert taken.status_code == 201
    assert reasons(redeem(shop, client, token)) == ["limit_count"]


def test_a_refused_purchase_still_gets_a_token_but_a_refused_card_none(shop, client, world):
    other = quote(shop, client, code=shop.phones[0].code(world), purchase={"amount_fen": 100, "service_code": "spa"})
    assert other.json["outcome"] == "refused"
    assert redeem(shop, client, other.json["quote_token"]).status_code == 201
    assert quote(shop, client, code="CN1:NOTHING").json["quote_token"] is None


def test_code_and_token_are_not_given_together_nor_left_out(shop, client, world, token):
    for body in ({}, {"code": "CN1:X", "quote_token": token}):
        answer = shop.post(client, "/redemptions", {"purchase": PURCHASE, "merchant_ref": "R-1"} | body)
        assert (answer.status_code, answer.json["errors"][0]["pointer"]) == (422, "/code")


def test_a_repeat_after_the_token_has_died_gets_the_first_answer(shop, client, clock, token):
    body = {"quote_token": token, "purchase": PURCHASE, "merchant_ref": "R-1"}
    first = shop.post(client, "/redemptions", body, "K" * 16)
    clock.advance(timedelta(minutes=10))
    again = shop.post(client, "/redemptions", body, "K" * 16)
    assert (again.status_code, again.data) == (201, first.data)


def test_a_code_made_for_one_purchase_answers_for_its_amount_here_also_by_token(shop, client, world):
    nonce = "00112233445566778899"
    asked = bound_nonce("M1001", "T01", 38_000, bytes.fromhex(nonce))

    def code() -> str:
        return shop.phones[0].code(world, audience="M1001", nonce=asked)

    token = quote(shop, client, code=code(), bound_nonce=nonce).json["quote_token"]
    dearer = redeem(shop, client, token, purchase=PURCHASE | {"amount_fen": 38_001})
    assert reasons(dearer) == ["wrong_challenge"]
    answer = redeem(shop, client, token)
    assert (answer.status_code, answer.json["assurance"]) == (201, "device-challenge")
    for given, body in [("T02", {"bound_nonce": nonce}), ("T01", {"bound_nonce": nonce[::-1]}), ("T01", {})]:
        request = {"code": code(), "purchase": PURCHASE, "merchant_ref": new_key()} | body
        assert reasons(shop.post(client, "/redemptions", request, till=given)) == ["wrong_challenge"]
    twice = {"code": code(), "purchase": PURCHASE, "bound_nonce": nonce, "challenge": "1234"}
    assert client.post("/merchant/v1/quotes", json=twice, headers=shop.tills["T01"].headers).status_code == 422
