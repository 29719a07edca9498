"""What a till may give alone: rule documents simple enough to be applied without knowing who stands before it.

A program says so itself (`offline` in its document). Its amount must be one the till can work out, and its conditions
ones the till can see or the server answers for: what depends on the member's person, day or hour stays online. That a
use is left nobody can know there; within the limits the union bears it.
"""

from collections.abc import Iterator, Mapping
from typing import Any

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

    `{"calc": {"op", …}, "floor_fen", "min_spend_fen", "service_codes", "lane"}`; the last three None where anything goes.
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
        "service_codes": None if services is None else sorted(services),
        "lane": body["stack"]["lane"],
    }


def _leaves(node: Mapping[str, Any]) -> Iterator[Mapping[str, Any] | None]:
    """The conditions that must all hold; None where it is not as simple as that."""
    if node["op"] == "all":
        for inner in node["of"]:
            yield from _leaves(inner)
    elif node["op"] in ("any", "not"):
        yield None
    else:
        yield node
