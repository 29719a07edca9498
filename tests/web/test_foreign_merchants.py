"""The authorisation matrix for tills and phones (T15): another merchant's redemptions, another member's card.

Every call of the merchant API is sent by a till of M2002 about a redemption of M1001; every call of the wallet is opened by
one member's phone about another's card. What is not one's own looks absent, and nothing of it changes.
"""

import re
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import text

from cardnet.access import services as access
from cardnet.issuance.services import desk
from cardnet.membership import services as membership
from cardnet.merchant_api.routes.blueprint import CALLS
from cardnet.web import wallet
from tests.make.redemptions import BASE, Shop, make_shop, new_key

REF = "R-ONLY-M1001"
KEY = "key-of-m1001-only"
_MONEY = """
    select md5(string_agg(t::text, ' ' order by t.id)) from redemption t union all
    select count(*)::text from entry union all select count(*)::text from posting"""


@pytest.fixture
def shop(session, world, client) -> Shop:
    shop = make_shop(session, world, people=2)
    answer = shop.post(client, "/redemptions", shop.request(shop.phones[0], REF), KEY)
    assert answer.status_code == 201
    shop.redemption_id = answer.json["id"]
    return shop


def asked(client: Any, shop: Shop, till: str, call: Any) -> Any:
    """The call about M1001's redemption, from this till."""
    given = {"id": shop.redemption_id, "key": KEY, "merchant_ref": REF}
    path = re.sub(r"\{(\w+)\}", lambda found: str(given.get(found[1], shop.redemption_id)), call.path)
    bodies = {
        "/reversals": {"redemption_id": shop.redemption_id},
        "/redemptions/{id}/refunds": {"benefit_fen": 100, "reason": "退货"},
    }
    headers = shop.tills[till].headers | {"Idempotency-Key": new_key()}
    body = bodies.get(call.path, {}) if call.method == "POST" else None
    return client.open(BASE + path, method=call.method, json=body, headers=headers)


def test_another_merchants_redemption_looks_absent_to_every_call(client, session, shop):
    before = session.execute(text(_MONEY)).all()
    wrong = []
    for call in CALLS:
        answer = asked(client, shop, "other", call)
        about = call.parameters or call.path == "/reversals"
        if about and not call.open_to_all and answer.status_code not in (404, 422):
            wrong.append((call.path, answer.status_code))
        told = answer.get_data().decode(errors="replace")
        if answer.status_code < 400 and (REF in told or shop.redemption_id in told):
            wrong.append((call.path, told[:200]))
    assert wrong == []
    assert session.execute(text(_MONEY)).all() == before


def test_the_merchant_itself_finds_it_at_the_same_addresses(client, shop):
    found = [asked(client, shop, "T01", call) for call in CALLS if call.method == "GET" and "redemptions" in call.path]
    assert [answer.status_code for answer in found] == [200] * 4
    assert all(shop.redemption_id in answer.text for answer in found)


def test_a_phone_shows_its_own_members_card_and_nobody_elses(app: Flask, session, world, shop):
    cards = desk.find_cards(session, shop.office["C1"], desk.CardFilter()).items
    served = next(card for card in cards if card.row == 1)
    other = next(card for card in cards if card is not served)
    secrets = {served.number, served.person.name, shop.redemption_id, str(served.person.id)}
    secrets -= {other.person.name}
    told = {}
    for who, person in (("own", served.person), ("other", other.person), ("nobody", None)):
        phone = app.test_client()
        if person:
            phone.set_cookie(wallet.COOKIE, access.open_member_session(session, world, person.id))
        told[who] = ""
        for rule in app.url_map.iter_rules():
            if rule.rule.startswith("/wallet/api/") and "GET" in rule.methods and not rule.arguments:
                answer = phone.get(rule.rule)
                assert answer.status_code < 500, rule.rule
                told[who] += answer.text
    assert membership.person_of_id(session, served.person.id)
    assert [secret for secret in secrets if secret in told["other"] + told["nobody"]] == []
    assert served.number in told["own"]
