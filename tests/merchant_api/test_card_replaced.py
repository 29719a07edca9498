"""S18 at the till: what a merchant hears of a lost and of a replaced card, and what the member's counters make of it."""

from datetime import timedelta

import pytest
from sqlalchemy import text

from cardnet.credential import cose
from cardnet.credential.device import DeviceKey
from cardnet.issuance import rules
from cardnet.issuance import services as issuance
from cardnet.kernel.errors import InvalidInput, NotAllowed
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


@pytest.mark.parametrize(("honoured", "status"), [(None, 200), (True, 200), (False, 409)])
def test_s18_a_hold_made_a_minute_before_the_loss_is_used_where_the_union_honours_it(
    shop, client, session, world, clock, honoured, status
):
    phone, standing = shop.phones[0], owner(shop, shop.phones[0])
    if honoured is not None:
        issuance.set_loss_policy(
            session, world, issuance.SetLossPolicy(honoured, "云工〔2026〕12号", shop.office["C1"])
        )
    held = shop.post(client, "/redemptions", shop.request(phone, capture=False)).json
    clock.advance(timedelta(minutes=1))
    issuance.report_loss(session, world, issuance.ReportLoss(standing.person_id, issuance.Lost.CARD, "遗失"))
    clock.advance(timedelta(seconds=1))
    path = f"/redemptions/{held['id']}/capture"
    late = shop.post(client, path, {})
    assert late.status_code == status
    if status == 200:
        assert late.json["outcome"] == "captured"
        return
    assert late.json["code"] == "revoked"
    issuance.replace_card(session, world, issuance.ReplaceCard(standing.card_id, shop.office["C1"], "遗失"))
    assert shop.post(client, path, {}).json["code"] == "revoked", "the new card is no way to the old card's hold"
    clock.advance(timedelta(minutes=16))
    assert shop.post(client, path, {}).json["code"] == "hold_expired", "what it held is free again for the new card"
    assert session.scalar(text("select sum(held_n) from usage")) == 0
    assert breaches(session) == {}


def test_s18_a_card_that_was_found_again_uses_what_it_held(shop, client, session, world, clock):
    standing = owner(shop, shop.phones[0])
    issuance.set_loss_policy(session, world, issuance.SetLossPolicy(False, "云工〔2026〕12号"))
    held = shop.post(client, "/redemptions", shop.request(shop.phones[0], capture=False)).json
    issuance.report_loss(session, world, issuance.ReportLoss(standing.person_id, issuance.Lost.CARD, "遗失"))
    clock.advance(timedelta(minutes=1))
    issuance.resume_card(session, world, issuance.ChangeCard(standing.card_id, "找到了", shop.office["C1"]))
    assert shop.post(client, f"/redemptions/{held['id']}/capture", {}).status_code == 200


def test_a_member_who_moved_the_card_to_another_phone_uses_what_the_first_one_held(shop, client, session, world, clock):
    standing = owner(shop, shop.phones[0])
    issuance.set_loss_policy(session, world, issuance.SetLossPolicy(False, "云工〔2026〕12号"))
    held = shop.post(client, "/redemptions", shop.request(shop.phones[0], capture=False)).json
    clock.advance(timedelta(minutes=1))
    new = DeviceKey.make(world)
    proof = cose.sign_es256(new.private, rules.rebind_statement(standing.card_number))
    command = issuance.RebindCard(standing.person_id, standing.card_number, new.public, proof)
    issuance.rebind_card(session, world, command)
    assert shop.post(client, f"/redemptions/{held['id']}/capture", {}).status_code == 200


def test_s18_the_district_alone_decides_about_holds_with_a_reason_that_is_kept(shop, session, world):
    for officer in ("U1", "D1u"):
        with pytest.raises(NotAllowed):
            issuance.set_loss_policy(session, world, issuance.SetLossPolicy(False, "试", shop.office[officer]))
    with pytest.raises(InvalidInput):
        issuance.set_loss_policy(session, world, issuance.SetLossPolicy(False, " ", shop.office["C1"]))
    assert issuance.loss_policy(session).set_at is None
    view = issuance.set_loss_policy(
        session, world, issuance.SetLossPolicy(False, "云工〔2026〕12号", shop.office["C1"])
    )
    assert (view.honour_holds_on_loss, view.reason) == (False, "云工〔2026〕12号")
    act = session.execute(text("select before, after from audit_event where action = 'loss_policy.set'")).one()
    assert (act.before["honour_holds_on_loss"], act.after["honour_holds_on_loss"]) == (True, False)
