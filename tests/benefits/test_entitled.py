"""我的权益: what a member may still use, and why not the rest, while nothing is being bought."""

import uuid
from datetime import date, timedelta

import pytest

from cardnet.benefits import document
from cardnet.benefits.entitled import Chance, entitlement
from cardnet.benefits.rules import Candidate
from cardnet.benefits.services import benefits_of_person
from cardnet.benefits.terms import Count, CounterKey, Member, compile_terms
from cardnet.benefits.words import ProgramKind, Scope
from cardnet.ledger.rules import PoolUnit
from tests.make.benefits import fixed, health_check, make_shop, percent, rule

DAY = date(2026, 11, 24)
WOMAN = Member("active", "active", date(2020, 1, 1), 58, "female", frozenset({"model_worker"}), "/C/D1/U1/")


def stands(body, member=WOMAN, counts=(), available=None, kind=ProgramKind.DISCOUNT):
    document.check(body)
    pools = {limit["pool"]: PoolUnit.FEN for limit in body["limits"] if "pool" in limit}
    terms = compile_terms(body, str(uuid.uuid4()), {})
    candidate = Candidate("P", uuid.UUID(int=1), "某项目", kind, terms=terms, pools=pools)
    keys = {Scope.PERSON: "", Scope.PROGRAM: "", Scope.ORG_UNIT: "/C/D1/U1/", Scope.FAMILY: "f"}
    return entitlement(candidate, (None, None), member, DAY, keys, dict(counts), available or {})


def leaf(op, **more):
    return {"op": op, **more}


@pytest.mark.parametrize(
    ("when", "codes"),
    [
        # What somebody can choose by going elsewhere or buying more is no reason against it.
        ([leaf("merchant_in", codes=["M1"]), leaf("min_spend", fen=9_900), leaf("weekday_in", days=[6])], []),
        ([leaf("age_between", **{"from": 18, "to": 45})], ["age_out_of_range"]),
        ([leaf("sex_is", value="male"), leaf("tag_any", values=["hardship"])], ["sex_not_covered", "tag_missing"]),
        ([leaf("any", of=[leaf("tag_any", values=["hardship"]), leaf("merchant_in", codes=["M1"])])], []),
        ([leaf("any", of=[leaf("tag_any", values=["hardship"]), leaf("sex_is", value="male")])],
         ["tag_missing", "sex_not_covered"]),
        ([leaf("not", of=leaf("tag_any", values=["model_worker"]))], ["tag_missing"]),
        ([leaf("not", of=leaf("merchant_in", codes=["M1"]))], []),
        ([leaf("date_between", **{"from": "2026-03-01", "to": "2026-05-31"})], ["outside_dates"]),
        ([leaf("date_between", **{"from": "2026-11-01", "to": "2026-12-31"})], []),
    ],
)  # fmt: skip
def test_only_what_nobody_can_choose_counts_against_a_program(when, codes):
    found = stands(rule(percent(1_000), *when))
    assert [reason.code for reason in found.reasons] == codes
    assert found.chance is (Chance.NOT_ELIGIBLE if codes else Chance.OPEN)


YEARLY = {"id": "y", "scope": "person", "window": "calendar_year", "max_n": 2, "on_exceed": "refuse"}
UNIT = {"id": "u", "scope": "org_unit", "window": "calendar_year", "max_n": 3, "on_exceed": "refuse"}


def test_a_limit_says_what_is_left_and_a_full_one_why_nothing_is():
    key = CounterKey("P", "y", "2026", Scope.PERSON, "")
    body = rule(fixed(500), limits=[YEARLY])
    once, twice = stands(body, counts={key: Count(1, 500)}.items()), stands(body, counts={key: Count(2, 1_000)}.items())
    assert (once.chance, once.untouched, once.limits[0].used_n) == (Chance.OPEN, False, 1)
    assert (twice.chance, twice.reasons[0].message) == (Chance.USED_UP, "2026年已享受 2 次，限 2 次。")
    unit = CounterKey("P", "u", "2026", Scope.ORG_UNIT, "/C/D1/U1/")
    shared = stands(rule(fixed(500), limits=[UNIT]), counts={unit: Count(3, 0)}.items())
    assert (shared.chance, shared.limits) == (Chance.USED_UP, ()), (
        "the unit's limit is full, and is not the person's own"
    )


@pytest.mark.parametrize(("available", "chance"), [(499, Chance.EMPTY), (500, Chance.OPEN), (0, Chance.EMPTY)])
def test_an_empty_pool_closes_a_program_for_everybody(available, chance):
    body = rule(
        fixed(500),
        limits=[{"id": "p", "pool": "POOL", "on_exceed": "refuse"}],
        funding=[{"from": "union", "bp": 10_000}],
    )
    assert stands(body, available={"POOL": available}).chance is chance


def test_what_the_engine_grants_is_what_was_said_to_be_open(session, world, clock):
    """The same facts, the same limits: open before, used up after, open again next year."""
    shop = make_shop(session, world)
    shop.pool("HC2026", 1_000_000)
    shop.program("HC2026", health_check("HC2026"), ProgramKind.SUBSIDY)
    shop.program("D-10", rule(percent(1_000)))
    member = shop.member()

    def chances():
        return {one.program: one.chance for one in benefits_of_person(session, world, member.person_id)}

    assert chances() == {"HC2026": Chance.OPEN, "D-10": Chance.OPEN}
    assert next(iter(chances())) == "HC2026", "what the union gives comes first"
    assert not shop.redeem(member, 38_000, service_code="health_check").refused
    assert chances() == {"HC2026": Chance.USED_UP, "D-10": Chance.OPEN}
    clock.advance(timedelta(days=60))
    assert chances()["HC2026"] is Chance.OPEN
