"""A rule document compiled once into frozen values: what `rules.decide` works with. Pure.

Compiled terms are cached by the document's content hash and the parameter values it resolved to, so a process
compiles each version once, whoever asks.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date
from functools import lru_cache
from typing import Any, Literal, NamedTuple

from cardnet.benefits.document import resolved
from cardnet.benefits.words import Scope
from cardnet.kernel.money import allocate, share


@dataclass(frozen=True, slots=True)
class Member:
    """What conditions may ask of the member on the event day. Fields no candidate asks for stay None or empty."""

    card_state: str | None = None
    membership_kind: str | None = None
    member_since: date | None = None
    age: int | None = None
    sex: str | None = None
    tags: frozenset[str] = frozenset()
    unit_path: str | None = None


class CounterKey(NamedTuple):
    """One counter: `scope_key` is the person's, family's, unit's or merchant's key, `` for the whole program."""

    program: str
    limit: str
    period: str
    scope: Scope
    scope_key: str


class Count(NamedTuple):
    """What a counter says, held included."""

    n: int
    fen: int


@dataclass(frozen=True, slots=True)
class Case:
    """Everything a decision depends on.

    `counts` lists counters that are not zero. `pool_free` lists pools known to be short, by code; a pool that is
    not listed is taken to have enough, because only the guarded take can know.
    """

    event_on: date
    event_time: str
    accepted_on: date
    amount_fen: int
    service_code: str | None
    line_fen: tuple[int, ...]
    merchant_code: str
    merchant_category: str
    scope_keys: Mapping[Scope, str]
    member: Member
    counts: Mapping[CounterKey, Count] = field(default_factory=dict)
    pool_free: Mapping[str, int] = field(default_factory=dict)


class Leaf(NamedTuple):
    """One condition: `ask` reads the actual value out of the case, `holds` compares it."""

    path: str
    op: str
    expected: Any
    code: str
    ask: Callable[[Case], Any]
    holds: Callable[[Any], bool]


class Node(NamedTuple):
    """`all`, `any` or `not` of nodes and leaves."""

    op: str
    of: tuple["Leaf | Node", ...]


@dataclass(frozen=True, slots=True)
class LimitTerms:
    """A limit per scope and window, or a pool by its code."""

    id: str
    trims: bool
    pool: str | None
    scope: Scope
    window: str
    max_n: int | None
    max_fen: int | None


class Tier(NamedTuple):
    """From `from_fen` on: `bp` of the base, or `fen`."""

    from_fen: int
    bp: int | None
    fen: int | None
    max_fen: int | None


@dataclass(frozen=True, slots=True)
class Terms:
    """One rule version as the engine reads it."""

    when: "Leaf | Node"
    tiers: tuple[Tier, ...]
    limits: tuple[LimitTerms, ...]
    lane: int
    not_with: frozenset[str]
    threshold: Literal["order", "remaining"]
    min_spend_fen: int | None
    late_submission_days: int
    basis: str
    shares: tuple[int, int]
    asks: frozenset[str]
    offline_floor_fen: int | None = None

    def split(self, fen: int) -> tuple[int, int]:
        """What of `fen` the union bears, and the merchant."""
        if not self.shares[1]:
            return fen, 0
        if not self.shares[0]:
            return 0, fen
        union, merchant = allocate(fen, self.shares)
        return union, merchant

    def benefit_with_union_share(self, most: int, fen: int) -> int:
        """The largest benefit up to `fen` of which the union bears at most `most`; it is halved into, never searched."""
        low, high = 0, fen
        while low < high:
            middle = (low + high + 1) // 2
            if self.split(middle)[0] <= most:
                low = middle
            else:
                high = middle - 1
        return low


def compile_terms(body: Mapping[str, Any], hash_: str, parameters: Mapping[str, int]) -> Terms:
    """Terms of a document `document.check` accepted. Raises KeyError when it names a parameter without a value."""
    return _compiled(_Body(hash_, tuple(sorted(parameters.items())), body))


class _Body:
    """A document that is equal to another when hash and parameter values are."""

    __slots__ = ("body", "key")

    def __init__(self, hash_: str, parameters: tuple[tuple[str, int], ...], body: Mapping[str, Any]) -> None:
        self.key, self.body = (hash_, parameters), body

    def __hash__(self) -> int:
        return hash(self.key)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Body) and other.key == self.key


@lru_cache(maxsize=8192)
def _compiled(source: _Body) -> Terms:
    body = resolved(dict(source.body), dict(source.key[1]))
    asks: set[str] = set()
    remaining = body.get("threshold_basis") == "remaining"
    when = _condition(body["when"], "when", asks)
    limits = tuple(_limit(limit) for limit in body.get("limits", ()))
    payers = {payer["from"]: payer.get("bp", payer.get("fen", 0)) for payer in body["funding"]}
    return Terms(
        when=_without_min_spend(when) if remaining else when,
        tiers=_tiers(body["calc"]),
        # Pools come last: what a counter refuses must not look like an empty pool.
        limits=tuple(sorted(limits, key=lambda limit: limit.pool is not None)),
        lane=body["stack"]["lane"],
        not_with=frozenset(body["stack"].get("not_with", ())),
        threshold="remaining" if remaining else "order",
        min_spend_fen=_min_spend(when) if remaining else None,
        late_submission_days=body.get("late_submission_days", 0),
        basis=body.get("basis", "event_date"),
        shares=(payers.get("union", 0), payers.get("merchant", 0)),
        asks=frozenset(asks),
        offline_floor_fen=body.get("offline", {}).get("floor_fen"),
    )


def scope_of(body: Mapping[str, Any]) -> tuple[frozenset[str] | None, frozenset[str] | None]:
    """The merchant codes and merchant categories a document is confined to; None where any may."""
    return _required(body["when"], ("merchant_in", "provider_in")), _required(body["when"], ("merchant_category_in",))


def _limit(limit: Mapping[str, Any]) -> LimitTerms:
    return LimitTerms(
        id=limit["id"],
        trims=limit["on_exceed"] == "trim",
        pool=limit.get("pool"),
        scope=Scope(limit.get("scope", Scope.PROGRAM)),
        window=limit.get("window", "lifetime"),
        max_n=limit.get("max_n"),
        max_fen=limit.get("max_fen"),
    )


def _tiers(calc: Mapping[str, Any]) -> tuple[Tier, ...]:
    """Every calculator is a ladder: the simple ones have one step, from nothing."""
    if calc["op"] == "tiers":
        return tuple(Tier(t["from_fen"], t.get("bp"), t.get("fen"), t.get("max_fen")) for t in calc["tiers"])
    return (Tier(0, calc.get("bp"), calc.get("fen"), calc.get("max_fen")),)


def tier_amount(tier: Tier, base_fen: int) -> tuple[int, bool]:
    """What a step gives on `base_fen`, never more than it, and whether its own maximum cut it."""
    fen = share(base_fen, tier.bp) if tier.bp is not None else (tier.fen or 0)
    if tier.max_fen is not None and fen > tier.max_fen:
        return min(tier.max_fen, base_fen), True
    return min(fen, base_fen), False


def period_of(window: str, day: date) -> str:
    """The name of the period `day` falls in: `2026`, `2026-11`, `2026-11-21`; `` for a lifetime."""
    if window == "calendar_year":
        return str(day.year)
    if window == "month":
        return day.isoformat()[:7]
    return day.isoformat() if window == "day" else ""


def full_years(since: date, on: date) -> int:
    """Full years from `since` to `on`; who was born on 29 February is a year older on 1 March of common years."""
    return on.year - since.year - ((on.month, on.day) < (since.month, since.day))


def _full_months(since: date, on: date) -> int:
    return (on.year - since.year) * 12 + on.month - since.month - (on.day < since.day)


# ---- conditions ----


def _condition(node: Mapping[str, Any], path: str, asks: set[str]) -> Leaf | Node:
    op = node["op"]
    if op in ("all", "any"):
        return Node(op, tuple(_condition(inner, f"{path}.of[{i}]", asks) for i, inner in enumerate(node["of"])))
    if op == "not":
        return Node(op, (_condition(node["of"], f"{path}.of", asks),))
    make, asked = _LEAVES[op]
    asks.update(f"tag:{tag}" for tag in node["values"]) if asked == "tags" else asks.add(asked or op)
    expected, code, ask, holds = make(node)
    return Leaf(path, op, expected, code, ask, holds)


_Made = tuple[Any, str, Callable[[Case], Any], Callable[[Any], bool]]


def _in(values: list[str], code: str, ask: Callable[[Case], Any]) -> _Made:
    return values, code, ask, frozenset(values).__contains__


def _card_state(node: Mapping[str, Any]) -> _Made:
    return _in(node["values"], "card_not_active", lambda case: case.member.card_state)


def _membership_kind(node: Mapping[str, Any]) -> _Made:
    return _in(node["values"], "membership_kind", lambda case: case.member.membership_kind)


def _member_since(node: Mapping[str, Any]) -> _Made:
    months = node["months"]

    def ask(case: Case) -> int | None:
        since = case.member.member_since
        return None if since is None else _full_months(since, case.event_on)

    return months, "member_too_new", ask, lambda actual: actual is not None and actual >= months


def _age(node: Mapping[str, Any]) -> _Made:
    low, high = node.get("from", 0), node.get("to", 1000)
    return (
        [node.get("from"), node.get("to")],
        "age_out_of_range",
        lambda case: case.member.age,
        lambda actual: actual is not None and low <= actual <= high,
    )


def _sex(node: Mapping[str, Any]) -> _Made:
    return node["value"], "sex_not_covered", lambda case: case.member.sex, node["value"].__eq__


def _tags(node: Mapping[str, Any]) -> _Made:
    wanted = frozenset(node["values"])
    # Only the wanted tags are looked at, so a decision never records what else the person carries.
    return sorted(wanted), "tag_missing", lambda case: sorted(case.member.tags & wanted), bool


def _org(node: Mapping[str, Any]) -> _Made:
    marks = [f"/{code}/" for code in node["codes"]]
    return (
        node["codes"],
        "org_scope",
        lambda case: case.member.unit_path,
        lambda actual: actual is not None and any(mark in actual for mark in marks),
    )


def _merchant(node: Mapping[str, Any]) -> _Made:
    return _in(node["codes"], "provider_not_in_program", lambda case: case.merchant_code)


def _category(node: Mapping[str, Any]) -> _Made:
    return _in(node["codes"], "category_not_covered", lambda case: case.merchant_category)


def _service(node: Mapping[str, Any]) -> _Made:
    return _in(node["codes"], "service_not_covered", lambda case: case.service_code)


def _spend(node: Mapping[str, Any]) -> _Made:
    fen = node["fen"]
    return fen, "below_min_spend", lambda case: case.amount_fen, lambda actual: actual >= fen


def _weekday(node: Mapping[str, Any]) -> _Made:
    return node["days"], "outside_dates", lambda case: case.event_on.isoweekday(), frozenset(node["days"]).__contains__


def _time(node: Mapping[str, Any]) -> _Made:
    first, last = node["from"], node["to"]

    def holds(actual: str) -> bool:
        return bool(first <= actual < last if first < last else actual >= first or actual < last)

    return [first, last], "outside_hours", lambda case: case.event_time, holds


def _dates(node: Mapping[str, Any]) -> _Made:
    first, last = node["from"], node["to"]
    return (
        [first, last],
        "outside_dates",
        lambda case: case.event_on.isoformat(),
        lambda actual: first <= actual <= last,
    )


_LEAVES: Mapping[str, tuple[Callable[[Mapping[str, Any]], _Made], str | None]] = {
    "card_state_in": (_card_state, "card_state"),
    "membership_kind_in": (_membership_kind, "membership_kind"),
    "member_since_at_least": (_member_since, "member_since"),
    "age_between": (_age, "age"),
    "sex_is": (_sex, "sex"),
    "tag_any": (_tags, "tags"),
    "org_under": (_org, "unit_path"),
    "merchant_in": (_merchant, None),
    "provider_in": (_merchant, None),
    "merchant_category_in": (_category, None),
    "service_code_in": (_service, None),
    "min_spend": (_spend, None),
    "weekday_in": (_weekday, None),
    "local_time_between": (_time, None),
    "date_between": (_dates, None),
}
"""Each leaf's maker, and the field of `Member` it asks for."""


def _required(node: Mapping[str, Any], ops: tuple[str, ...]) -> frozenset[str] | None:
    """The codes every grant must match, read off the top of `when`; None when any may."""
    if node["op"] in ops:
        return frozenset(node["codes"])
    if node["op"] != "all":
        return None
    found = [codes for inner in node["of"] if (codes := _required(inner, ops)) is not None]
    return frozenset.intersection(*found) if found else None


def _min_spend(node: Leaf | Node) -> int | None:
    """The threshold that looks at the amount left: the highest `min_spend` that must hold."""
    if isinstance(node, Leaf):
        return node.expected if node.op == "min_spend" else None
    if node.op != "all":
        return None
    return max((fen for inner in node.of if (fen := _min_spend(inner)) is not None), default=None)


def _without_min_spend(node: Leaf | Node) -> Leaf | Node:
    """The same conditions, those on the amount left to the moment when it is known what is left."""
    if isinstance(node, Leaf):
        return node._replace(holds=lambda _actual: True) if node.op == "min_spend" else node
    return Node(node.op, tuple(_without_min_spend(inner) for inner in node.of)) if node.op == "all" else node
