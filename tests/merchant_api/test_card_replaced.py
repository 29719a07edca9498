"""S18 at the till: what a merchant hears of a lost and of a replaced card, and what the member's counters make of it."""

from datetime import timedelta

import pytest

from cardnet.credential.device import DeviceKey
from cardnet.issuance import services as issuance
from tests.make.issuance import activate, breaches
from tests.make.membership import id_number
from tests.make.redemptions import Phone, new_key


def owner(shop, phone):
    return issuance.standing_of(shop.session, phone.index)


def codes(answer):
    return [reason["code"] for reason in answer.json["reasons"]]


@pytest.mark.parametrize(("member", "amount_fen"), [(0, 38_000), (1, 25_050)])
def test_s18_a_merchant_hears_suspended_then_revoked_and_the_counter_stays_with_the_person(
    shop, client, session, world, clock, member, amount_fen
):
    phone = shop.phones[member]
    key = new_key()
    bought = shop.post(client, "/redemptions", shop.request(phone, "R-1", amount_fen), key)
    assert (bought.status_code, bought.json["outcome"]) == (201, "captured")
    standing = owner(shop, phone)
    clock.advance(timedelta(minutes=1))
    lost = issuance.ReportLoss(standing.person_id, issuance.Lost.PHONE, "遗失")
    issuance.report_loss(session, world, lost)
    clock.advance(timedelta(seconds=1))
    assert codes(shop.post(client, "/redemptions", shop.request(phone, "R-2", amount_fen))) == ["suspended"]
    new = issuance.replace_card(session, world, issuance.ReplaceCard(standing.card_id, shop.office["C1"], "遗失"))
    clock.advance(timedelta(seconds=1))
    assert codes(shop.post(client, "/redemptions", shop.request(phone, "R-3", amount_fen))) == ["revoked"]
    new_phone = DeviceKey.make(world)
    active = activate(session, world, new, id_number(member)[-4:], new_phone)
    second = Phone(new_phone, active.credential, active.index)
    again = shop.post(client, "/redemptions", shop.request(second, "R-4", amount_fen))
    assert (again.json["code"], codes(again)) == ("refused", ["limit_count"]), "used is used, whichever card"
    # What was bought with the old card can still be undone, and the place comes back to the person.
    clock.advance(timedelta(seconds=1))
    undone = shop.post(client, "/reversals", {"original_idempotency_key": key, "reason": "timeout"})
    assert (undone.status_code, undone.json["outcome"]) == (200, "reversed")
    third = shop.post(client, "/redemptions", shop.request(second, "R-5", amount_fen))
    assert third.json["outcome"] == "captured"
    assert breaches(session) == {}
