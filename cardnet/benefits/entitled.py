"""What a member may still use while nothing is being bought: what the rules ask of the person, and what limits leave. Pure.

Where, when, what and how much somebody buys is theirs to choose, so a condition on the purchase is neither met nor
missed here; only what nobody can choose counts against a program.
"""

import enum
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, NamedTuple

from cardnet.benefits.reasons import Reason
from cardnet.benefits.rules import Candidate, counter_key
from cardnet.benefits.terms import Case, Count, CounterKey, Leaf, Member, Node, Terms, Tier
from cardnet.benefits.words import ProgramKind, Scope
from cardnet.ledger.rules import PoolUnit

_OF_THE_PERSON = frozenset(
    {"card_state_in", "membership_kind_in", "member_since_at_least", "age_between", "sex_is", "tag_any", "org_under"}
)


class Chance(enum.StrEnum):
    """`open`: usable now. `used_up`: this period's share is used. `empty`: nothing is left for anybody."""

    OPEN = "open"
    USED_UP = "used_up"
    EMPTY = "empty"
    NOT_ELIGIBLE = "not_eligible"


class Left(NamedTuple):
    """What one limit has counted in its period, and how far it goes; None where it does not count that."""

    window: str
    used_n: int
    max_n: int | None
    used_fen: int
    max_fen: int | None


@dataclass(frozen=True, slots=True)
class Entitlement:
    """One program as it stands for one member today.

    `reasons` say why it is not open, complete. `merchants` and `categories` are where it may be used, None anywhere.
    `last_on` is the last day of a campaign, `weekdays` (ISO) and `hours` when in the week it may be used.
    """

    program: str
    name: str
    kind: ProgramKind
    chance: Chance
    reasons: tuple[Reason, ...]
    tiers: tuple[Tier, ...]
    min_spend_fen: int | None
    limits: tuple[Left, ...]
    merchants: frozenset[str] | None
    categories: frozenset[str] | None
    last_on: date | None
    weekdays: tuple[int, ...]
    hours: tuple[str, str] | None

    @property
    def untouched(self) -> bool:
        """Nothing of what is limited has been used in its period."""
        return all(limit.used_n == 0 and limit.used_fen == 0 for limit in self.limits)

    def usable_at(self, merchant: str, category: str) -> bool:
        """Whether a merchant is one of those where it may be used."""
        return (self.merchants is None or merchant in self.merchants) and (
            self.categories is None or category in self.categories
        )


def entitlement(
    candidate: Candidate,
    where: tuple[frozenset[str] | None, frozenset[str] | None],
    member: Member,
    day: date,
    scope_keys: Mapping[Scope, str],
    counts: Mapping[CounterKey, Count],
    available: Mapping[str, int],
) -> Entitlement:
    """How `candidate`, whose terms are those of `day`, stands for `member`. `available` is what pools have left."""
    terms = candidate.terms
    assert terms is not None
    case = _without_purchase(member, day, scope_keys)
    barred = _reasons(candidate.program, _blame(terms.when, case) or ())
    left, exhausted = _limits(candidate, terms, day, scope_keys, counts)
    dry = _dry(candidate, terms, available)
    chance, reasons = Chance.OPEN, tuple(barred)
    if barred:
        chance = Chance.NOT_ELIGIBLE
    elif exhausted:
        chance, reasons = Chance.USED_UP, exhausted
    elif dry:
        chance, reasons = Chance.EMPTY, (Reason(candidate.program, "pool_exhausted"),)
    dates = _asked(terms.when, "date_between")
    weekdays, hours = _asked(terms.when, "weekday_in"), _asked(terms.when, "local_time_between")
    return Entitlement(
        candidate.program,
        candidate.name,
        candidate.kind,
        chance,
        reasons,
        terms.tiers,
        terms.min_spend_fen or _asked(terms.when, "min_spend"),
        left,
        *where,
        date.fromisoformat(dates[1]) if dates else None,
        tuple(weekdays or ()),
        (hours[0], hours[1]) if hours else None,
    )


def _without_purchase(member: Member, day: date, scope_keys: Mapping[Scope, str]) -> Case:
    return Case(
        event_on=day, event_time="12:00", accepted_on=day, amount_fen=0, service_code=None, line_fen=(),
        merchant_code="", merchant_category="", scope_keys=scope_keys, member=member,
    )  # fmt: skip


def _blame(node: Leaf | Node, case: Case) -> tuple[Leaf, ...] | None:
    """Why a condition can never hold for this person; () when it holds whatever is bought, None when that decides."""
    if isinstance(node, Leaf):
        return _blame_one(node, case)
    found = [_blame(inner, case) for inner in node.of]
    undecided = None in found
    missed = tuple(leaf for blame in found for leaf in blame or ())
    if node.op == "not":
        return None if undecided else () if missed else tuple(_leaves(node.of[0]))
    if node.op == "all":
        return missed or (None if undecided else ())
    return () if () in found else None if undecided else missed


def _blame_one(leaf: Leaf, case: Case) -> tuple[Leaf, ...] | None:
    if leaf.op in _OF_THE_PERSON:
        return () if leaf.holds(leaf.ask(case)) else (leaf,)
    over = leaf.op == "date_between" and case.event_on.isoformat() > leaf.expected[1]
    return (leaf,) if over else None


def _leaves(node: Leaf | Node) -> Iterable[Leaf]:
    if isinstance(node, Leaf):
        return (node,) if node.op in _OF_THE_PERSON else ()
    return [leaf for inner in node.of for leaf in _leaves(inner)]


def _reasons(program: str, leaves: Iterable[Leaf]) -> list[Reason]:
    return [Reason(program, code) for code in dict.fromkeys(leaf.code for leaf in leaves)]


def _limits(
    candidate: Candidate,
    terms: Terms,
    day: date,
    scope_keys: Mapping[Scope, str],
    counts: Mapping[CounterKey, Count],
) -> tuple[tuple[Left, ...], tuple[Reason, ...]]:
    """The person's own limits, and why nothing is left of one (of anybody's they share in)."""
    left, exhausted = [], []
    for limit in terms.limits:
        # What one merchant has left is known at that merchant only.
        if limit.scope is Scope.MERCHANT or (key := counter_key(candidate.program, limit, day, scope_keys)) is None:
            continue
        used = counts.get(key, Count(0, 0))
        if limit.scope is Scope.PERSON:
            left.append(Left(limit.window, used.n, limit.max_n, used.fen, limit.max_fen))
        if limit.max_n is not None and used.n >= limit.max_n:
            detail = {"used": used.n, "max": limit.max_n, "period": key.period}
            exhausted.append(Reason(candidate.program, "limit_count", detail))
        elif limit.max_fen is not None and used.fen >= limit.max_fen:
            detail = {"used_fen": used.fen, "max_fen": limit.max_fen, "period": key.period}
            exhausted.append(Reason(candidate.program, "limit_amount", detail))
    return tuple(left), tuple(exhausted)


def _dry(candidate: Candidate, terms: Terms, available: Mapping[str, int]) -> bool:
    """Whether a pool has too little left for even the smallest benefit."""
    for limit in terms.limits:
        if limit.pool is None or limit.pool not in available:
            continue
        least = 1
        if candidate.pools[limit.pool] is PoolUnit.FEN and not limit.trims:
            steps = [tier.fen for tier in terms.tiers if tier.fen is not None]
            least = max(terms.split(min(steps))[0], 1) if len(steps) == len(terms.tiers) else 1
        if available[limit.pool] < least:
            return True
    return False


def _asked(node: Leaf | Node, op: str) -> Any:
    """What a condition that every grant must meet asks for; None where there is none of that kind."""
    if isinstance(node, Leaf):
        return node.expected if node.op == op else None
    if node.op != "all":
        return None
    return next((found for inner in node.of if (found := _asked(inner, op)) is not None), None)
