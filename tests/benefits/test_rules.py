"""The pure decision: properties against an oracle that tries everything, and tables of single rules."""

import itertools
import os
import uuid
from dataclasses import replace
from datetime import date

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cardnet.benefits import document
from cardnet.benefits.reasons import PERSONAL, WORDS, Reason
from cardnet.benefits.rules import Candidate, counter_key, decide, too_many, trace
from cardnet.benefits.terms import Case, Count, Member, compile_terms, full_years, period_of
from cardnet.benefits.words import ProgramKind, Scope
from cardnet.kernel.money import allocate, share
from cardnet.ledger.rules import PoolUnit
from tests.make.benefits import fixed, percent, rule

DAY = date(2026, 11, 21)
EXAMPLES = int(os.environ.get("CARDNET_EXAMPLES", "400"))
"""T1 binds 2,000 in `make soak`; the suite of every day runs a fifth."""
CASE = Case(
    event_on=DAY,
    event_time="10:00",
    accepted_on=DAY,
    amount_fen=10_000,
    service_code="health_check",
    line_fen=(),
    merchant_code="M1001",
    merchant_category="food",
    scope_keys={Scope.PERSON: "", Scope.PROGRAM: ""},
    member=Member(
        card_state="active",
        membership_kind="active",
        member_since=date(2018, 4, 28),
        age=41,
        sex="male",
        tags=frozenset({"hardship"}),
        unit_path="/C/D1/B1/",
    ),
)


def candidate(program, body, parameters=None, **pools):
    hash_ = document.content_hash(body)
    terms = compile_terms(body, hash_, parameters or {})
    units = {code: PoolUnit.FEN for code in (limit.pool for limit in terms.limits) if code} | pools
    program_id = uuid.uuid5(uuid.NAMESPACE_OID, program)
    return Candidate(program, program_id, program, ProgramKind.DISCOUNT, program_id, 1, hash_, terms, units)


# ---- the oracle ----


def calculators():
    return st.one_of(
        st.builds(percent, st.integers(1, 10_000)),
        st.builds(lambda bp, most: percent(bp, max_fen=most), st.integers(1, 10_000), st.integers(1, 3_000)),
        st.builds(fixed, st.integers(1, 6_000)),
        st.builds(
            lambda low, step, fen, bp: {
                "op": "tiers",
                "tiers": [{"from_fen": low, "fen": fen}, {"from_fen": low + step, "bp": bp}],
            },
            st.integers(0, 9_000),
            st.integers(1, 5_000),
            st.integers(1, 3_000),
            st.integers(1, 5_000),
        ),
    )


@st.composite
def bodies(draw, basis="order"):
    limits = []
    if draw(st.booleans()):
        limits.append(
            {
                "id": "cap",
                "scope": "person",
                "window": draw(st.sampled_from(["month", "calendar_year", "per_use", "lifetime"])),
                "max_fen": draw(st.integers(1, 4_000)),
                "on_exceed": draw(st.sampled_from(["trim", "refuse"])),
            }
        )
    when = [{"op": "min_spend", "fen": draw(st.integers(1, 12_000))}] if draw(st.booleans()) else []
    others = draw(st.lists(st.sampled_from("ABCDE"), unique=True, max_size=2))
    body = rule(draw(calculators()), *when, lane=draw(st.sampled_from([10, 20, 30])), limits=limits)
    body["stack"]["not_with"] = others
    if basis == "any" and draw(st.booleans()):
        body["threshold_basis"] = "remaining"
    return body


def price_by_hand(body, amount, base, used):
    """What one benefit gives: written again from the words of the design, without the engine."""
    basis = base if body.get("threshold_basis") == "remaining" else amount
    for condition in body["when"]["of"]:
        if condition["op"] == "min_spend" and basis < condition["fen"]:
            return 0
    calc = body["calc"]
    if calc["op"] == "tiers":
        steps = [tier for tier in calc["tiers"] if tier["from_fen"] <= basis]
        if not steps:
            return 0
        calc = steps[-1]
    fen = share(base, calc["bp"]) if "bp" in calc else calc["fen"]
    fen = min(fen, calc.get("max_fen", fen), base)
    for limit in body["limits"]:
        room = limit["max_fen"] - (0 if limit["window"] == "per_use" else used)
        if fen > room:
            fen = room if limit["on_exceed"] == "trim" and room > 0 else 0
    return fen


def best_by_hand(programs, amount, used):
    """Every subset of programs, each tried in lane order; no cleverness at all."""
    found = []
    for size in range(len(programs) + 1):
        for subset in itertools.combinations(sorted(programs), size):
            lanes = [programs[code]["stack"]["lane"] for code in subset]
            if len(set(lanes)) < len(lanes):
                continue
            if any(
                other in programs[code]["stack"]["not_with"] for code in subset for other in subset if other != code
            ):
                continue
            left, fens = amount, {}
            for code in sorted(subset, key=lambda code: programs[code]["stack"]["lane"]):
                fens[code] = price_by_hand(programs[code], amount, left, used.get(code, 0))
                left -= fens[code]
            if all(fens.values()):
                found.append((-(amount - left), len(subset), list(subset), fens))
    return min(found, key=lambda one: one[:3])[3]


def case_with(programs, amount, used, **other):
    counts = {}
    for code, body in programs.items():
        for limit in candidate(code, body).terms.limits:
            key = counter_key(code, limit, DAY, CASE.scope_keys)
            if key and used.get(code):
                counts[key] = Count(1, used[code])
    return replace(CASE, amount_fen=amount, counts=counts, **other)


@settings(max_examples=50, deadline=None)
@given(bodies(basis="any"))
def test_what_the_oracle_is_fed_are_lawful_documents(body):
    assert document.check(body) == body


@settings(max_examples=EXAMPLES, deadline=None)
@given(
    st.dictionaries(st.sampled_from("ABCDE"), bodies(basis="any"), max_size=5),
    st.integers(1, 20_000),
    st.dictionaries(st.sampled_from("ABCDE"), st.integers(0, 4_000)),
)
def test_the_engine_chooses_what_trying_everything_chooses(programs, amount, used):
    decided = decide([candidate(code, body) for code, body in programs.items()], case_with(programs, amount, used))
    assert {one.candidate.program: one.fen for one in decided.granted} == best_by_hand(programs, amount, used)
    assert decided.total_fen <= amount
    assert all(judged.codes or judged.outcome == "granted" for judged in decided.judged)
    if not decided.granted:
        assert decided.refusal()


@settings(max_examples=EXAMPLES // 4, deadline=None)
@given(
    st.dictionaries(st.sampled_from("ABCDE"), bodies(basis="any"), min_size=2, max_size=5),
    st.integers(1, 20_000),
    st.randoms(use_true_random=False),
)
def test_b11_the_order_of_candidates_does_not_matter(programs, amount, chance):
    candidates = [candidate(code, body) for code, body in programs.items()]
    first = decide(candidates, case_with(programs, amount, {}))
    chance.shuffle(candidates)
    assert decide(candidates, case_with(programs, amount, {})) == first


@settings(max_examples=EXAMPLES // 4, deadline=None)
@given(
    st.dictionaries(st.sampled_from("ABCDE"), bodies(basis="any"), min_size=1, max_size=4),
    st.lists(st.integers(0, 5_000), min_size=1, max_size=6).filter(any),
)
def test_b4_allocations_add_up_and_no_line_goes_below_nothing(programs, lines):
    case = case_with(programs, sum(lines), {}, line_fen=tuple(lines))
    decided = decide([candidate(code, body) for code, body in programs.items()], case)
    assert all(sum(one.line_fen) == one.fen == one.union_fen + one.merchant_fen for one in decided.granted)
    taken = [sum(one.line_fen[i] for one in decided.granted) for i in range(len(lines))]
    assert all(0 <= part <= line for part, line in zip(taken, lines, strict=True))


@settings(max_examples=EXAMPLES // 4, deadline=None)
@given(st.dictionaries(st.sampled_from("ABC"), bodies(), min_size=1, max_size=3), st.integers(1, 20_000), st.data())
def test_b12_a_higher_cap_never_lowers_the_total(programs, amount, data):
    """While thresholds look at the order: nothing depends on what is left but the amount itself."""
    code = data.draw(st.sampled_from(sorted(programs)))
    before = decide([candidate(c, b) for c, b in programs.items()], case_with(programs, amount, {})).total_fen
    limits = [limit | {"max_fen": limit["max_fen"] + 500} for limit in programs[code]["limits"]]
    raised = programs | {code: programs[code] | {"limits": limits}}
    assert decide([candidate(c, b) for c, b in raised.items()], case_with(raised, amount, {})).total_fen >= before


# ---- funding and pools ----


def test_a_co_funded_offer_is_borne_as_written():
    body = rule(
        {"op": "tiers", "tiers": [{"from_fen": 10_000, "fen": 2_000}]},
        limits=[{"id": "pool", "pool": "P", "on_exceed": "refuse"}],
        funding=[{"from": "merchant", "fen": 1_400}, {"from": "union", "fen": 600}],
    )
    (granted,) = decide([candidate("T100", body)], CASE).granted
    assert (granted.fen, granted.union_fen, granted.merchant_fen) == (2_000, 600, 1_400)
    assert [(take.pool, take.amount) for take in granted.pools] == [("P", 600)]
    refused = decide([candidate("T100", body)], replace(CASE, amount_fen=9_999))
    assert [fault.detail for fault in refused.judged[0].faults] == [{"min_fen": 10_000, "amount_fen": 9_999}]


def test_a_cinema_ticket_of_45_is_borne_by_three():
    body = rule(
        fixed(3_500),
        limits=[{"id": "pool", "pool": "P", "on_exceed": "refuse"}],
        funding=[{"from": "merchant", "fen": 2_000}, {"from": "union", "fen": 1_500}],
    )
    (granted,) = decide([candidate("FILM", body)], replace(CASE, amount_fen=4_500)).granted
    assert (4_500 - granted.fen, granted.merchant_fen, granted.union_fen) == (1_000, 2_000, 1_500)


@given(st.integers(1, 20_000), st.integers(0, 2_000), st.integers(1, 9_999))
def test_a_short_pool_trims_to_the_largest_benefit_it_can_bear(amount, free, bp):
    shares = [{"from": "union", "bp": bp}, {"from": "merchant", "bp": 10_000 - bp}]
    limits = [{"id": "pool", "pool": "P", "on_exceed": "trim"}]
    one = candidate("A", rule(percent(5_000), limits=limits, funding=shares))
    full = share(amount, 5_000)
    decided = decide([one], replace(CASE, amount_fen=amount, pool_free={"P": free}))
    fits = [fen for fen in range(full + 1) if allocate(fen, [bp, 10_000 - bp])[0] <= free]
    best = max(fits) if free or max(fits) == full else 0
    assert decided.total_fen == best
    if not decided.granted and full:
        assert decided.judged[0].codes == ("pool_exhausted",)


def test_two_benefits_of_one_short_pool_share_what_is_left():
    limits = [{"id": "pool", "pool": "P", "on_exceed": "refuse"}]
    union = [{"from": "union", "bp": 10_000}]
    first = candidate("A", rule(fixed(600), limits=limits, funding=union))
    second = candidate("B", rule(fixed(500), lane=20, limits=limits, funding=union))
    decided = decide([first, second], replace(CASE, pool_free={"P": 1_000}))
    assert [one.candidate.program for one in decided.granted] == ["A"]


# ---- conditions ----


@pytest.mark.parametrize(
    ("condition", "holds", "code"),
    [
        ({"op": "card_state_in", "values": ["suspended"]}, False, "card_not_active"),
        ({"op": "membership_kind_in", "values": ["active", "retired"]}, True, None),
        ({"op": "membership_kind_in", "values": ["retired"]}, False, "membership_kind"),
        ({"op": "member_since_at_least", "months": 102}, True, None),
        ({"op": "member_since_at_least", "months": 103}, False, "member_too_new"),
        ({"op": "age_between", "from": 41, "to": 41}, True, None),
        ({"op": "age_between", "to": 40}, False, "age_out_of_range"),
        ({"op": "age_between", "from": 42}, False, "age_out_of_range"),
        ({"op": "sex_is", "value": "female"}, False, "sex_not_covered"),
        ({"op": "tag_any", "values": ["hardship", "model_worker"]}, True, None),
        ({"op": "tag_any", "values": ["model_worker"]}, False, "tag_missing"),
        ({"op": "org_under", "codes": ["D1"]}, True, None),
        ({"op": "org_under", "codes": ["D"]}, False, "org_scope"),
        ({"op": "merchant_in", "codes": ["M1001"]}, True, None),
        ({"op": "provider_in", "codes": ["M2002"]}, False, "provider_not_in_program"),
        ({"op": "merchant_category_in", "codes": ["health"]}, False, "category_not_covered"),
        ({"op": "service_code_in", "codes": ["massage"]}, False, "service_not_covered"),
        ({"op": "min_spend", "fen": 10_000}, True, None),
        ({"op": "min_spend", "fen": 10_001}, False, "below_min_spend"),
        ({"op": "weekday_in", "days": [6]}, True, None),
        ({"op": "weekday_in", "days": [1, 2, 3, 4, 5]}, False, "outside_dates"),
        ({"op": "local_time_between", "from": "10:00", "to": "10:01"}, True, None),
        ({"op": "local_time_between", "from": "09:00", "to": "10:00"}, False, "outside_hours"),
        ({"op": "local_time_between", "from": "22:00", "to": "10:01"}, True, None),
        ({"op": "date_between", "from": "2026-11-21", "to": "2026-11-21"}, True, None),
        ({"op": "date_between", "from": "2026-11-22", "to": "2026-12-31"}, False, "outside_dates"),
    ],
)  # fmt: skip
def test_each_condition_holds_or_says_why_not(condition, holds, code):
    one = candidate("A", rule(fixed(100), condition))
    decided = decide([one], CASE)
    assert bool(decided.granted) is holds
    assert [fault.code for fault in decided.judged[0].faults] == ([] if holds else [code])
    inverted = decide([candidate("A", rule(fixed(100), {"op": "not", "of": condition}))], CASE)
    assert bool(inverted.granted) is not holds


def test_every_condition_is_looked_at_and_traced():
    body = rule(
        fixed(100),
        {"op": "card_state_in", "values": ["suspended"]},
        {"op": "any", "of": [{"op": "sex_is", "value": "female"}, {"op": "tag_any", "values": ["model_worker"]}]},
        {"op": "min_spend", "fen": 100},
    )
    one = candidate("A", body)
    (judged,) = decide([one], CASE).judged
    assert [(fault.path, fault.code) for fault in judged.faults] == [
        ("when.of[0]", "card_not_active"),
        ("when.of[1].of[0]", "sex_not_covered"),
        ("when.of[1].of[1]", "tag_missing"),
    ]
    assert [(step["path"], step["ok"]) for step in trace(one, CASE)] == [
        ("when.of[0]", False),
        ("when.of[1].of[0]", False),
        ("when.of[1].of[1]", False),
        ("when.of[2]", True),
    ]


def test_a_day_without_a_version_is_a_refusal_of_its_own():
    head = candidate("A", rule(fixed(100)))
    bare = replace(head, version_id=None, version_no=None, content_hash=None, terms=None)
    assert decide([bare], CASE).refusal() == [Reason("A", "no_rule_version")]


def test_a_merchant_without_programs_hears_so():
    assert [reason.code for reason in decide([], CASE).refusal()] == ["provider_not_in_program"]


def test_a_merchant_never_hears_what_kind_of_person_the_member_is():
    for code in PERSONAL:
        told = Reason("A", code, {"actual": "hardship"}).for_merchant()
        assert (told.code, told.detail) == ("not_eligible_member", None)
    assert all(WORDS.values())


def test_parameters_come_from_the_dated_table():
    body = rule({"op": "fixed_off", "fen": {"param": "gift_fen"}})
    assert document.parameters_of(body) == {"gift_fen"}
    assert decide([candidate("A", body, {"gift_fen": 700})], CASE).total_fen == 700
    assert decide([candidate("A", body, {"gift_fen": 900})], CASE).total_fen == 900


@pytest.mark.parametrize(
    ("window", "period"),
    [("day", "2026-11-21"), ("month", "2026-11"), ("calendar_year", "2026"), ("lifetime", "")],
)
def test_periods_are_named_by_the_calendar(window, period):
    assert period_of(window, DAY) == period


def test_born_on_29_february_is_a_year_older_on_1_march():
    born = date(2004, 2, 29)
    assert [full_years(born, date(2026, 2, 28)), full_years(born, date(2026, 3, 1))] == [21, 22]


def test_the_bound_of_the_engine():
    assert too_many({10: 8, 20: 8, 30: 8, 40: 8}) is None
    assert too_many({10: 9})
    assert too_many(dict.fromkeys(range(5), 1))
