"""The appendix of the trust pack: what a merchant's tills may give alone, signed by the pack's own key for it."""

import json
from datetime import timedelta

import pytest

from cardnet.benefits.offline import offer_of
from cardnet.credential import document, pack
from cardnet.credential.keys import Alg, IssuerKey, KeyUse
from cardnet.credential.store import ensure_keys, roots
from cardnet.merchant_api.services.offers import LIMITS, MERCHANT, OFFERS
from tests.make.redemptions import health_check


def rule(*conditions, **more):
    return health_check() | {"when": {"op": "all", "of": list(conditions)}, "offline": {"floor_fen": 20_000}} | more


def test_a_simple_subsidy_can_be_given_alone():
    assert offer_of(health_check(floor_fen=20_000)) == {
        "calc": {"op": "subsidy_fixed", "fen": 10_000, "not_above_price": True},
        "floor_fen": 20_000,
        "min_spend_fen": None,
        "threshold": "order",
        "service_codes": ["health_check"],
        "lane": 20,
        "not_with": [],
        "limits": [{"window": "calendar_year", "max_n": 1, "max_fen": None, "trims": False}],
    }


def test_a_limit_of_others_than_the_person_bounds_a_single_use():
    shared = {"id": "day", "scope": "program", "window": "day", "max_n": 5, "max_fen": 900, "on_exceed": "trim"}
    pool = {"id": "pool", "pool": "P", "on_exceed": "refuse"}
    found = offer_of(rule(limits=[shared, pool]))
    assert found["limits"] == [{"window": "per_use", "max_n": None, "max_fen": 900, "trims": True}]


def test_what_says_nothing_of_offline_stays_online():
    assert offer_of(health_check()) is None


@pytest.mark.parametrize(
    "condition",
    [
        {"op": "tag_any", "tags": ["hardship"]},
        {"op": "age_between", "low": 18, "high": 60},
        {"op": "weekday_in", "days": [1]},
        {"op": "any", "of": [{"op": "service_code_in", "codes": ["a"]}]},
        {"op": "not", "of": [{"op": "service_code_in", "codes": ["a"]}]},
    ],
)
def test_what_depends_on_the_person_the_day_or_a_choice_stays_online(condition):
    assert offer_of(rule(condition)) is None


def test_spending_and_services_are_told():
    found = offer_of(
        rule(
            {"op": "min_spend", "fen": 5_000},
            {"op": "min_spend", "fen": 8_000},
            {"op": "service_code_in", "codes": ["a", "b"]},
            {"op": "service_code_in", "codes": ["b", "c"]},
            calc={"op": "percent_off", "bp": 1_000, "max_fen": 500},
        )
    )
    assert (found["min_spend_fen"], found["service_codes"]) == (8_000, ["b"])
    assert found["calc"] == {"op": "percent_off", "bp": 1_000, "max_fen": 500}


def test_tiers_are_for_the_server():
    assert offer_of(rule(calc={"op": "tiers", "tiers": [{"from_fen": 1, "bp": 100}]})) is None


def test_the_offers_open_under_the_packs_key_and_name_their_merchant(shop, client, session, world, clock):
    till = shop.tills["T01"]
    ensure_keys(session, world)
    packed = client.get("/merchant/v1/trust-pack", headers=till.headers)
    keys = pack.open_pack(packed.data, roots(session), int(world.now().timestamp())).keys
    answer = client.get("/merchant/v1/offline-offers", headers=till.headers)
    assert (answer.status_code, answer.content_type) == (200, "application/cbor")
    claims = document.unseal(answer.data, keys, KeyUse.OFFERS)
    assert (claims[MERCHANT], claims[OFFERS]) == ("M1001", [])
    assert (claims[LIMITS]["floor_fen"], claims[4] - claims[6]) == (5_000, 72 * 3_600)
    clock.advance(timedelta(minutes=20))
    again = client.get("/merchant/v1/offline-offers", headers=till.headers | {"If-None-Match": answer.headers["ETag"]})
    assert again.status_code == 304
    assert json.dumps(claims[LIMITS])
    with pytest.raises(ValueError, match="signature"):
        document.unseal(answer.data[:-1] + bytes([answer.data[-1] ^ 1]), keys, KeyUse.OFFERS)


def test_a_till_pins_the_root_of_today_and_the_next(shop, client, session, world):
    headers = shop.tills["T01"].headers
    assert client.get("/merchant/v1/roots").status_code == 401
    first, following = client.get("/merchant/v1/roots", headers=headers).json["roots"]
    assert first["exp"] < following["exp"]
    pinned = {
        bytes.fromhex(one["kid"]): IssuerKey(
            bytes.fromhex(one["kid"]), Alg.EDDSA, KeyUse.ROOT, bytes.fromhex(one["public"]), one["nbf"], one["exp"]
        )
        for one in (first, following)
    }
    packed = client.get("/merchant/v1/trust-pack", headers=headers).data
    now = int(world.now().timestamp())
    assert pack.open_pack(packed, pinned, now).seq == 1
    with pytest.raises(ValueError, match="signed document"):
        pack.open_pack(packed, {bytes.fromhex(following["kid"]): pinned[bytes.fromhex(following["kid"])]}, now)


def test_a_till_hears_how_far_its_numbers_have_come_and_when_it_is_settled_with(shop, client):
    me = client.get("/merchant/v1/me", headers=shop.tills["T01"].headers).json
    assert me["last_terminal_seq"] == 0
    assert me["services"] == [{"code": "health_check", "programs": ["健康体检补贴"]}]
    assert me["next_settlement"] == {"cycle": "monthly", "ends_on": "2026-11-30"}
