"""Two phones on one card: what the wallet asks and shows, and where an officer sees, stops and allows them."""

from datetime import timedelta

import pytest

from cardnet.credential.device import DeviceKey, base64url
from cardnet.issuance import services as issuance
from tests.make.access import make_session
from tests.make.issuance import make_office
from tests.make.membership import id_number
from tests.make.web import enter, submit

LAST4 = id_number(0)[-4:]


@pytest.fixture
def office(session, world):
    made = make_office(session, world)
    issuance.set_phone_policy(session, world, issuance.SetPhonePolicy(2, "区总〔2026〕8号", made["C1"]))
    return made


@pytest.fixture
def card(office):
    return office.issue(0)[0]


def activate(client, world, card, code, **more):
    phone = DeviceKey.make(world)
    proof = phone.activation_proof(card.number, code)
    body = {
        "card_number": card.number, "activation_code": code, "id_last4": LAST4, "public_key": base64url(phone.public),
        "proof": base64url(proof), **more,
    }  # fmt: skip
    return client.post("/wallet/api/activate", json=body)


def test_a_phone_that_comes_with_six_digits_is_asked_whose_place_it_takes(client, office, card, world, clock):
    first = activate(client, world, card, card.activation_code).get_json()
    given = issuance.GiveRebindCode(card.card_id, office["U1"])
    code = issuance.give_rebind_code(office.session, world, given).code
    asked = activate(client, world, card, code)
    assert (asked.status_code, asked.get_json()["code"]) == (409, "choose_phone")
    told = asked.get_json()["detail"]
    assert (told["may_add"], [one["index"] for one in told["phones"]]) == (True, [first["index"]])
    clock.advance(timedelta(minutes=1))
    second = activate(client, world, card, code, beside=True).get_json()
    me = client.get("/wallet/api/me").get_json()
    assert [one["index"] for one in me["phones"]] == [first["index"], second["index"]]
    left = client.post("/wallet/api/phones/stop", json={"index": first["index"]}).get_json()
    assert [one["index"] for one in left["phones"]] == [second["index"]]
    assert client.post("/wallet/api/phones/stop", json={"index": first["index"]}).status_code == 404
    for wrong in ({"index": "x"}, {"index": -1}, {}):
        assert client.post("/wallet/api/phones/stop", json=wrong).status_code == 422
    assert activate(client, world, card, code, instead_of="x").status_code == 422


def test_the_district_decides_on_the_page_and_everybody_reads_it(client, office, card, session, world):
    for _ in range(2):
        activate(client, world, card, card.activation_code)
    enter(client, make_session(session, world, office["U1"]))
    page = client.get("/console/cards/settings").text
    assert "每张卡 2 部手机" in page and "区总〔2026〕8号" in page and "由区总工会决定" in page
    assert client.get(f"/console/cards/{card.card_id}").text.count("绑定的手机</span>") == 2
    enter(client, make_session(session, world, office["C1"]))
    refused = submit(client, "/console/cards/settings", {"phones": "1", "reason": ""})
    assert refused.status_code == 422 and "请写明为什么修改" in refused.text
    done = submit(client, "/console/cards/settings", {"phones": "1", "reason": "多人共用"}, follow_redirects=True)
    assert "停用了 1 部先绑定的手机" in done.text and "每张卡 1 部手机" in done.text


def test_an_officer_stops_one_phone_and_says_why(client, office, card, session, world):
    first, second = (activate(client, world, card, card.activation_code).get_json()["index"] for _ in range(2))
    enter(client, make_session(session, world, office["U1"]))
    address = f"/console/cards/{card.card_id}"
    for data in ({"phone": "", "reason": "查"}, {"phone": str(first), "reason": ""}):
        assert submit(client, f"{address}/stop-phone", data).status_code in {404, 422}
    data = {"phone": str(first), "reason": "旧手机送人"}
    assert submit(client, f"{address}/stop-phone", data).status_code == 303
    assert [one.index for one in issuance.phones_of(session, card.card_id)] == [second]
