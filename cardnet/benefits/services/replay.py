"""Deciding a stored decision again (B9): the same inputs and rule versions must give the same answer."""

import uuid
from collections.abc import Mapping
from datetime import date
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from cardnet.benefits import document, rules
from cardnet.benefits.models_program import Program, RuleVersion
from cardnet.benefits.rules import Candidate, Decided
from cardnet.benefits.services.lookups import decision_of
from cardnet.benefits.services.records import DecisionView
from cardnet.benefits.terms import Case, Count, CounterKey, Member, Terms, compile_terms
from cardnet.benefits.words import ProgramKind, Scope
from cardnet.ledger.services import pools_of_codes


def replay(session: Session, redemption_id: uuid.UUID) -> bool:
    """Whether deciding again reproduces outcome, amounts and codes of every candidate. Raises NotFound("not_found").

    A refusal for the card or the code itself was no decision of rules; it has nothing to reproduce.
    """
    stored = decision_of(session, redemption_id)
    if "card" in stored.inputs:
        return True
    decided, _ = decide_again(session, stored)
    return _told(decided) == [
        (one["program"], one["outcome"], one["fen"], [fault["code"] for fault in one["faults"]], one["notes"])
        for one in stored.candidates
    ]


def explain(session: Session, redemption_id: uuid.UUID) -> dict[str, list[dict[str, Any]]]:
    """Per program the full trace of its conditions: what was expected, what was found, whether it held."""
    stored = decision_of(session, redemption_id)
    if "card" in stored.inputs:
        return {}
    decided, case = decide_again(session, stored)
    return {judged.candidate.program: rules.trace(judged.candidate, case) for judged in decided.judged}


def decide_again(session: Session, stored: DecisionView) -> tuple[Decided, Case]:
    """The decision made anew from what is stored, and the case it was made of."""
    case = _case(stored.inputs)
    return rules.decide(_candidates(session, stored), case), case


def _told(decided: Decided) -> list[tuple[str, str, int, list[str], list[str]]]:
    return [
        (one.candidate.program, one.outcome, one.fen, [fault.code for fault in one.faults], list(one.notes))
        for one in decided.judged
    ]


def _case(inputs: Mapping[str, Any]) -> Case:
    member = inputs["member"]
    return Case(
        event_on=date.fromisoformat(inputs["event_on"]),
        event_time=inputs["event_time"],
        accepted_on=date.fromisoformat(inputs["accepted_on"]),
        amount_fen=inputs["amount_fen"],
        service_code=inputs["service_code"],
        line_fen=tuple(inputs["line_fen"]),
        merchant_code=inputs["merchant_code"],
        merchant_category=inputs["merchant_category"],
        scope_keys={Scope.PERSON: "", Scope.PROGRAM: ""}
        | {Scope(scope): key for scope, key in inputs["scope_keys"].items()},
        member=Member(
            card_state=member.get("card_state"),
            membership_kind=member.get("membership_kind"),
            member_since=date.fromisoformat(member["member_since"]) if "member_since" in member else None,
            age=member.get("age"),
            sex=member.get("sex"),
            tags=frozenset(member.get("tags", ())),
            unit_path=member.get("unit_path"),
        ),
        counts={
            CounterKey(program, limit, period, Scope(scope), key): Count(n, fen)
            for program, limit, period, scope, key, n, fen in inputs["counts"]
        },
        pool_free=inputs["pool_free"],
    )


def _candidates(session: Session, stored: DecisionView) -> list[Candidate]:
    codes = [one["program"] for one in stored.candidates]
    programs = {program.code: program for program in session.scalars(select(Program).where(Program.code.in_(codes)))}
    ids = [uuid.UUID(one["version_id"]) for one in stored.candidates if one["version_id"]]
    versions = {row.id: row for row in session.scalars(select(RuleVersion).where(RuleVersion.id.in_(ids)))}
    found = []
    for one in stored.candidates:
        program = programs[one["program"]]
        head = (program.code, program.id, program.name, ProgramKind(program.kind))
        version = versions.get(uuid.UUID(one["version_id"])) if one["version_id"] else None
        if version is None:
            found.append(Candidate(*head))
            continue
        terms = _terms(version, stored.inputs["parameters"])
        pools = pools_of_codes(session, [limit.pool for limit in terms.limits if limit.pool is not None])
        units = {code: pool.unit for code, pool in pools.items()}
        found.append(Candidate(*head, version.id, version.no, version.content_hash, terms, units))
    return found


def _terms(version: RuleVersion, parameters: Mapping[str, int]) -> Terms:
    needed = document.parameters_of(version.body)
    return compile_terms(version.body, version.content_hash, {code: parameters[code] for code in needed})
