"""A printed card over HTTP: the till asks for the last four and sends a new request; the first answer is kept as it was."""

import pytest

from cardnet.issuance import services as issuance
from cardnet.merchant_api import schemas
from tests.make.issuance import print_cards
from tests.make.membership import id_number
from tests.make.redemptions import new_key

SERIAL = 70


@pytest.fixture
def paper(shop):
    """The text of a printed card that was handed out."""
    shop.office.session, shop.office.world = shop.session, shop.world
    (card,) = shop.office.issue(SERIAL)
    command = issuance.HandOutCards(shop.office["C1"], numbers=(card.number,))
    issuance.hand_out_cards(shop.session, shop.world, command)
    return print_cards(shop.office, card.number)[0].code_text


def request(paper, **more):
    purchase = {"amount_fen": 38_000, "service_code": "health_check"}
    return {"code": paper, "merchant_ref": "P-1", "purchase": purchase} | more


def test_without_the_last_four_the_answer_asks_for_them_and_a_new_key_redeems(shop, client, paper):
    key, last4 = new_key(), id_number(SERIAL)[-4:]
    asked = shop.post(client, "/redemptions", request(paper), key)
    assert (asked.status_code, asked.json["code"], asked.json["retry"]) == (422, "refused", "new_key")
    (reason,) = asked.json["reasons"]
    assert (reason["code"], reason["message"], reason["detail"]) == ("confirm_required", "请输入会员证件后四位。", {})
    assert schemas.Refusal().validate(asked.json) == {}
    done = shop.post(client, "/redemptions", request(paper, id_last4=last4))
    assert (done.status_code, done.json["payable_fen"], done.json["assurance"]) == (201, 28_000, "printed")
    again = shop.post(client, "/redemptions", request(paper), key)
    assert (again.status_code, again.data) == (422, asked.data)
    reused = shop.post(client, "/redemptions", request(paper, id_last4=last4), key)
    assert reused.json["code"] == "idempotency_key_reused"


def test_a_wrong_last_four_says_how_many_tries_are_left(shop, client, paper):
    wrong = f"{(int(id_number(SERIAL)[-4:-1]) + 1) % 1000:03d}0"
    refused = shop.post(client, "/redemptions", request(paper, id_last4=wrong))
    assert refused.json["reasons"][0]["detail"] == {"tries_left": 4}
    quoted = client.post("/merchant/v1/quotes", json=_quote(paper, wrong), headers=shop.tills["T01"].headers)
    assert (quoted.status_code, quoted.json["outcome"]) == (200, "refused")
    assert quoted.json["reasons"][0]["detail"] == {"tries_left": 3}
    right = client.post(
        "/merchant/v1/quotes", json=_quote(paper, id_number(SERIAL)[-4:]), headers=shop.tills["T01"].headers
    )
    assert (right.json["outcome"], right.json["subsidy_fen"]) == ("applicable", 10_000)
    assert schemas.Quote().validate(right.json) == {}


def _quote(paper, last4):
    body = request(paper, id_last4=last4)
    del body["merchant_ref"]
    return body


@pytest.mark.parametrize("last4", ["123", "12345", "12-4", "１２３４", 1234, ""])
def test_what_cannot_be_a_last_four_is_pointed_at(shop, client, paper, last4):
    answer = shop.post(client, "/redemptions", request(paper, id_last4=last4))
    assert (answer.status_code, answer.json["code"]) == (422, "invalid_fields")
    assert [error["pointer"] for error in answer.json["errors"]] == ["/id_last4"]


def test_the_published_document_has_the_field_as_an_addition(client):
    document = client.get("/merchant/v1/openapi.json").json
    for name in ("RedeemRequest", "QuoteRequest"):
        schema = document["components"]["schemas"][name]
        assert schema["properties"]["id_last4"]["pattern"] == "^[0-9A-Za-z]{4}$"
        assert "id_last4" not in schema["required"]
