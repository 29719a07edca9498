"""What a till may give alone: rule documents simple enough to be applied without knowing who stands before it.

A program says so itself (`offline` in its document). Its amount must be one the till can work out, and its conditions
ones the till can see or the server answers for: what depends on the member's person, day or hour stays online. That a
use is left nobody can know there; within the limits the union bears it.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from cardnet.benefits.words import Scope

_CALCULATORS = {
    "percent_off": ("bp", "max_fen"),
    "fixed_off": ("fen",),
    "subsidy_fixed": ("fen", "not_above_price"),
}
_SERVER_ANSWERS = frozenset(
    {"card_state_in", "membership_kind_in", "merchant_in", "provider_in", "merchant_category_in"}
)


def offer_of(body: Mapping[str, Any]) -> dict[str, Any] | None:
    """The offer of a rule document whose parameters are resolved; None when a till cannot apply it alone.

    `{"calc": {"op", …}, "floor_fen", "min_spend_fen", "threshold", "service_codes", "lane", "not_with", "limits"}`;
    floor, least spending and services are None where anything goes. `threshold` says whether the least spending looks at
    the whole `order` or at what earlier lanes left of it (`remaining`).
    """
    calc = body["calc"]
    wanted = _CALCULATORS.get(calc["op"])
    leaves = list(_leaves(body["when"]))
    if "offline" not in body or wanted is None or None in leaves:
        return None
    services, least = None, None
    for leaf in leaves:
        assert leaf is not None
        if leaf["op"] == "service_code_in":
            codes = set(leaf["codes"])
            services = codes if services is None else services & codes
        elif leaf["op"] == "min_spend":
            least = max(least or 0, leaf["fen"])
        elif leaf["op"] not in _SERVER_ANSWERS:
            return None
    return {
        "calc": {"op": calc["op"], **{name: calc[name] for name in wanted if calc.get(name) is not None}},
        "floor_fen": body["offline"].get("floor_fen"),
        "min_spend_fen": least,
        "threshold": body.get("threshold_basis", "order"),
        "service_codes": None if services is None else sorted(services),
        "lane": body["stack"]["lane"],
        "not_with": sorted(body["stack"].get("not_with", ())),
        "limits": [_limit(limit) for limit in body.get("limits", ()) if "pool" not in limit],
    }


def _limit(limit: Mapping[str, Any]) -> dict[str, Any]:
    """A limit as far as a till can keep it: what it gave this card itself, else what a first use may come to.

    Only what one person may have can be counted by a card; of every other scope a till sees a part nobody can name.
    """
    own = limit["scope"] == Scope.PERSON
    most = {"max_fen": limit.get("max_fen"), "trims": limit["on_exceed"] == "trim"}
    return {"window": limit["window"] if own else "per_use", "max_n": limit.get("max_n") if own else None, **most}


def _leaves(node: Mapping[str, Any]) -> Iterator[Mapping[str, Any] | None]:
    """The conditions that must all hold; None where it is not as simple as that."""
    if node["op"] == "all":
        for inner in node["of"]:
            yield from _leaves(inner)
    elif node["op"] in ("any", "not"):
        yield None
    else:
        yield node
