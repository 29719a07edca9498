"""What a till must be able to say is bought: read off the rules, whatever shape their conditions have."""

import pytest

from cardnet.benefits.bought import Bought, bought
from cardnet.benefits.services import bought_at, offline_offers
from cardnet.benefits.terms import compile_terms
from tests.make.benefits import fixed, make_shop, rule

CHECK = {"op": "service_code_in", "codes": ["health_check"]}
HERE, THERE = ({"op": "merchant_in", "codes": [code]} for code in ("M1", "M2"))
OLD = {"op": "age_between", "from": 60}


def said(*conditions):
    body = rule(fixed(100), *conditions)
    return bought([("P", compile_terms(body, repr(body), {}))], "M1", "food")


@pytest.mark.parametrize(
    ("conditions", "codes"),
    [
        ((OLD,), [None]),
        ((HERE, CHECK), ["health_check"]),
        ((THERE, CHECK), []),
        (({"op": "merchant_category_in", "codes": ["clinic"]}, CHECK), []),
        (({"op": "not", "of": CHECK},), [None]),
        (({"op": "not", "of": {"op": "all", "of": [CHECK, OLD]}},), [None, "health_check"]),
        (({"op": "any", "of": [{"op": "all", "of": [THERE, CHECK]}, {"op": "all", "of": [HERE, OLD]}]},), [None, "health_check"]),
        (({"op": "service_code_in", "codes": ["b", "a"]}, {"op": "service_code_in", "codes": ["b", "c"]}), ["b"]),
    ],
)  # fmt: skip
def test_what_may_be_bought_is_what_some_rule_may_hold_for(conditions, codes):
    assert [one.code for one in said(*conditions)] == codes


def test_each_is_told_with_the_programs_it_may_have():
    bodies = {"满减": rule(fixed(100)), "体检": rule(fixed(100), CHECK)}
    terms = [(name, compile_terms(body, name, {})) for name, body in bodies.items()]
    assert bought(terms, "M1", "food") == (Bought(None, ("满减",)), Bought("health_check", ("满减", "体检")))


def test_an_offer_says_how_union_and_merchant_bear_it_and_a_new_rule_what_is_bought(session, world):
    shop = make_shop(session, world)
    assert bought_at(session, world, shop.venue) == ()
    shop.pool("B", 1_000_000)
    shares = {"funding": [{"from": "merchant", "fen": 1_400}, {"from": "union", "fen": 600}]}
    limits = {"limits": [{"id": "pool", "pool": "B", "on_exceed": "refuse"}], "offline": {"floor_fen": 20_000}}
    shop.program("D20", rule(fixed(2_000), CHECK, **shares, **limits))
    assert bought_at(session, world, shop.venue) == (Bought("health_check", ("D20",)),)
    (offer,) = offline_offers(session, world, shop.venue)
    assert offer["shares"] == [600, 1_400]
