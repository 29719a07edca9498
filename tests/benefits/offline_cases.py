"""Writes `offline-cases.json`: rule documents as a till sees them, purchases, and what the engine decides.

The till's TypeScript (`frontend/src/till/offers.ts`) must come to the same. After a change of the engine or of the
offers: `python -m tests.benefits.offline_cases`.
"""

import json
import random
import uuid
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from cardnet.benefits.offline import offer_of
from cardnet.benefits.rules import Candidate, Decided, decide
from cardnet.benefits.terms import Case, Count, CounterKey, Member, compile_terms, period_of
from cardnet.benefits.words import ProgramKind, Scope

FILE = Path(__file__).with_name("offline-cases.json")
TODAY = date(2026, 11, 24)
PERSON = "p"
_SERVICES = (None, "health_check", "haircut")


def all_cases() -> list[dict[str, Any]]:
    """The same ones at every call."""
    chance = random.Random(20261124)
    return [one_case(chance, number) for number in range(150)]


def one_case(chance: random.Random, number: int) -> dict[str, Any]:
    """One purchase before some offers, with what the same card had here before."""
    bodies = {f"P{place}": _body(chance) for place in range(chance.choice((1, 2, 3, 3, 4)))}
    amount = chance.choice((1, 49, 50, 999, 5_000, 12_345, 18_000, 38_000, chance.randrange(1, 60_000)))
    service = chance.choice(_SERVICES)
    before = [
        {"program": code, "day": (TODAY - timedelta(days=back)).isoformat(), "fen": chance.randrange(1, 6_000)}
        for code in bodies
        for back in chance.sample((0, 3, 40, 400), chance.choice((0, 0, 1, 2)))
    ]
    offers = [_offer(code, body) for code, body in bodies.items()]
    decided = decided_on(bodies, amount, service, before)
    return {
        "name": f"case {number}",
        "offers": offers,
        "purchase": {"amountFen": amount, "service": service or "", "day": TODAY.isoformat()},
        "before": before,
        "given": [[granted.candidate.program, granted.fen] for granted in decided.granted],
    }


def decided_on(bodies: dict[str, Any], amount: int, service: str | None, before: list[dict[str, Any]]) -> Decided:
    """What the engine says for a member all conditions hold for, who used only what is told."""
    candidates = [
        Candidate(code, uuid.UUID(int=0), code, _kind(body), uuid.UUID(int=1), 1, code, _terms(code, body))
        for code, body in bodies.items()
    ]
    counts: dict[CounterKey, Count] = {}
    for candidate in candidates:
        assert candidate.terms is not None
        for limit in candidate.terms.limits:
            period = period_of(limit.window, TODAY)
            if limit.scope is not Scope.PERSON or limit.window == "per_use":
                continue
            uses = [
                use
                for use in before
                if use["program"] == candidate.program
                and period_of(limit.window, date.fromisoformat(use["day"])) == period
            ]
            key = CounterKey(candidate.program, limit.id, period, Scope.PERSON, PERSON)
            counts[key] = Count(len(uses), sum(use["fen"] for use in uses))
    case = Case(
        event_on=TODAY,
        event_time="10:00",
        accepted_on=TODAY,
        amount_fen=amount,
        service_code=service,
        line_fen=(),
        merchant_code="M1001",
        merchant_category="health",
        scope_keys={Scope.PERSON: PERSON},
        member=Member(card_state="active"),
        counts=counts,
    )
    return decide(candidates, case)


def _terms(code: str, body: dict[str, Any]) -> Any:
    return compile_terms(body, f"{code}:{json.dumps(body, sort_keys=True)}", {})


def _kind(body: dict[str, Any]) -> ProgramKind:
    return ProgramKind.SUBSIDY if body["calc"]["op"] == "subsidy_fixed" else ProgramKind.DISCOUNT


def _offer(code: str, body: dict[str, Any]) -> dict[str, Any]:
    said = offer_of(body)
    assert said is not None
    return {"program": code, "name": code, "kind": _kind(body).value, "rule_version": 1, **said}


def _body(chance: random.Random) -> dict[str, Any]:
    conditions: list[dict[str, Any]] = [{"op": "card_state_in", "values": ["active"]}]
    if chance.random() < 0.4:
        conditions.append({"op": "service_code_in", "codes": chance.sample(["health_check", "haircut", "other"], 2)})
    if chance.random() < 0.4:
        conditions.append({"op": "min_spend", "fen": chance.choice((50, 5_000, 12_345, 20_000))})
    stack: dict[str, Any] = {"lane": chance.choice((10, 10, 20, 30))}
    if chance.random() < 0.25:
        stack["not_with"] = [f"P{chance.randrange(4)}"]
    return {
        "schema": "cardnet.rule/1",
        "when": {"op": "all", "of": conditions},
        "calc": _calc(chance),
        "limits": [_limit(chance, place) for place in range(chance.choice((0, 0, 1, 2)))],
        "stack": stack,
        "threshold_basis": chance.choice(("order", "order", "remaining")),
        "offline": {"floor_fen": 100_000},
        "doc_ref": "云工〔2026〕8号",
        "funding": [{"from": "merchant", "bp": 10_000}],
    }


def _calc(chance: random.Random) -> dict[str, Any]:
    match chance.choice(("percent_off", "percent_off", "fixed_off", "subsidy_fixed")):
        case "percent_off":
            most = {"max_fen": chance.choice((500, 3_000))} if chance.random() < 0.4 else {}
            return {"op": "percent_off", "bp": chance.choice((1, 333, 1_000, 2_500, 10_000)), **most}
        case "fixed_off":
            return {"op": "fixed_off", "fen": chance.choice((1, 100, 2_000, 40_000))}
        case _:
            return {"op": "subsidy_fixed", "fen": chance.choice((100, 10_000)), "not_above_price": True}


def _limit(chance: random.Random, place: int) -> dict[str, Any]:
    window = chance.choice(("per_use", "day", "month", "calendar_year", "lifetime"))
    limit: dict[str, Any] = {"id": f"l{place}", "window": window, "on_exceed": chance.choice(("refuse", "trim"))}
    limit["scope"] = chance.choice(("person", "person", "person", "program", "merchant"))
    if window != "per_use" and chance.random() < 0.6:
        limit["max_n"] = chance.choice((1, 2))
    if "max_n" not in limit or chance.random() < 0.4:
        limit["max_fen"] = chance.choice((100, 2_500, 8_000))
    return limit


if __name__ == "__main__":
    lines = ",\n".join(json.dumps(one, ensure_ascii=False, separators=(",", ":")) for one in all_cases())
    FILE.write_text(f"[\n{lines}\n]\n")
