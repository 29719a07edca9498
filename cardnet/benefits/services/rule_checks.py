"""What a rule version must be before it is handed in and before it is in force."""

import uuid
from collections import Counter
from collections.abc import Mapping
from datetime import date
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from cardnet.benefits import document, rules
from cardnet.benefits.models_program import RuleParameter, RuleVersion
from cardnet.benefits.terms import scope_of
from cardnet.benefits.words import RuleState
from cardnet.kernel.errors import FieldError, InvalidInput
from cardnet.ledger.rules import PoolUnit
from cardnet.ledger.services import pools_of_codes


def check_period(first: date, end: date | None) -> None:
    """The end comes after the beginning. Raises InvalidInput("rule_period")."""
    if end is not None and end <= first:
        raise InvalidInput("rule_period", "结束日期应晚于生效日期（结束日当天不再有效）。")


def check_pools(session: Session, version: RuleVersion) -> None:
    """Every pool it names is there, and money of the union comes out of one. Raises InvalidInput("rule_invalid")."""
    limits = version.body.get("limits", [])
    named = [limit["pool"] for limit in limits if "pool" in limit]
    known = pools_of_codes(session, named)
    faults = [
        FieldError(f"/limits/{number}/pool", "There is no such pool.")
        for number, limit in enumerate(limits)
        if "pool" in limit and limit["pool"] not in known
    ]
    union_pays = any(payer["from"] == "union" for payer in version.body["funding"])
    if union_pays and not faults and not any(pool.unit is PoolUnit.FEN for pool in known.values()):
        faults.append(FieldError("/limits", "Union money needs a money pool among the limits."))
    if faults:
        raise InvalidInput("rule_invalid", "执行标准引用的资金池不存在，或缺少资金池。", faults)


def check_parameters(session: Session, version: RuleVersion) -> None:
    """Every parameter it names has a value on its first day. Raises InvalidInput("rule_invalid")."""
    needed = document.parameters_of(version.body)
    known = set(
        session.scalars(
            select(RuleParameter.code).where(
                RuleParameter.code.in_(needed), RuleParameter.effective_from <= version.effective_from
            )
        )
    )
    if missing := sorted(needed - known):
        found = [FieldError("", f"The parameter {code} has no value on {version.effective_from}.") for code in missing]
        raise InvalidInput("rule_invalid", "执行标准引用的参数在生效日还没有数值。", found)


def check_bound(session: Session, version: RuleVersion) -> None:
    """The engine's bound, counted for the merchant that would see most: programs naming it, its category, or nobody.

    Raises InvalidInput("rule_bound").
    """
    others = session.execute(
        select(RuleVersion.program_id, RuleVersion.body).where(
            RuleVersion.status == RuleState.APPROVED.value,
            RuleVersion.program_id != version.program_id,
            func.daterange(RuleVersion.effective_from, RuleVersion.effective_to).op("&&")(
                func.daterange(version.effective_from, version.effective_to)
            ),
        )
    )
    per_place: dict[_Place, dict[int, set[uuid.UUID]]] = {}
    for program_id, body in [*((row[0], row[1]) for row in others), (version.program_id, version.body)]:
        for place in _places(body):
            per_place.setdefault(place, {}).setdefault(body["stack"]["lane"], set()).add(program_id)
    own_merchants, own_categories = scope_of(version.body)
    merchants = own_merchants or frozenset(code for code, _ in per_place if code)
    categories = own_categories or frozenset(code for _, code in per_place if code)
    for merchant in (*merchants, None):
        for category in (*categories, None):
            seen: Counter[int] = Counter()
            for place in {(merchant, None), (None, category), (None, None)}:
                seen.update({lane: len(found) for lane, found in per_place.get(place, {}).items()})
            if problem := rules.too_many(seen):
                raise InvalidInput("rule_bound", problem)


_Place = tuple[str | None, str | None]
"""A merchant, a category of merchants, or neither: where a program can be met."""


def _places(body: Mapping[str, Any]) -> list[_Place]:
    merchants, categories = scope_of(body)
    if merchants is not None:
        return [(code, None) for code in merchants]
    return [(None, code) for code in categories] if categories is not None else [(None, None)]
