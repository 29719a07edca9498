"""Deciding which benefits apply to one purchase. Pure: the same case and candidates give the same answer for ever.

Every candidate is judged with all its conditions, so that the answer to "why not" is complete. Of the legal
combinations (at most one benefit per lane, no forbidden pair) the one with the largest total for the member wins;
among equals the one with fewer benefits, then the smallest list of program codes.
"""

import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any, Literal, NamedTuple

from cardnet.benefits.reasons import Reason, of_clock
from cardnet.benefits.terms import (
    Case,
    Count,
    CounterKey,
    Leaf,
    LimitTerms,
    Node,
    Terms,
    period_of,
    tier_amount,
)
from cardnet.benefits.words import ProgramKind
from cardnet.credential.verify import Accepted, Rejected
from cardnet.issuance.rules import BindingState, CardState, Standing
from cardnet.kernel.money import allocate
from cardnet.ledger.rules import PoolUnit


@dataclass(frozen=True, slots=True)
class Candidate:
    """A program that might apply, with the rule version of the day; without one, `terms` is None.

    `pools` gives the unit of each pool its terms name.
    """

    program: str
    program_id: uuid.UUID
    name: str
    kind: ProgramKind
    version_id: uuid.UUID | None = None
    version_no: int | None = None
    content_hash: str | None = None
    terms: Terms | None = None
    pools: Mapping[str, PoolUnit] = field(default_factory=dict)


class Fault(NamedTuple):
    """One reason against a candidate; `path` and `actual` where a condition failed."""

    code: str
    detail: Mapping[str, Any] | None = None
    path: str | None = None
    expected: Any = None
    actual: Any = None


class Take(NamedTuple):
    """One use that a counter must take, guarded by the limit as the rule version states it."""

    key: CounterKey
    fen: int
    max_n: int | None
    max_fen: int | None


class PoolTake(NamedTuple):
    """What a pool must give: fen or places."""

    pool: str
    amount: int


@dataclass(frozen=True, slots=True)
class Granted:
    """One benefit of the chosen combination. `fen = union_fen + merchant_fen = Σ line_fen` (when there are lines)."""

    candidate: Candidate
    fen: int
    union_fen: int
    merchant_fen: int
    notes: tuple[str, ...]
    line_fen: tuple[int, ...]
    takes: tuple[Take, ...]
    pools: tuple[PoolTake, ...]


@dataclass(frozen=True, slots=True)
class Judged:
    """What became of one candidate: granted in full, trimmed, refused with faults, or not the best."""

    candidate: Candidate
    outcome: Literal["granted", "trimmed", "refused", "not_chosen"]
    fen: int
    notes: tuple[str, ...]
    faults: tuple[Fault, ...]

    @property
    def codes(self) -> tuple[str, ...]:
        """All codes, faults first."""
        return (*(fault.code for fault in self.faults), *self.notes)

    def reasons(self) -> list[Reason]:
        """The faults as reasons, each code once."""
        seen = {fault.code: fault for fault in reversed(self.faults)}
        return [
            Reason(self.candidate.program, fault.code, fault.detail)
            for fault in self.faults
            if seen.get(fault.code) is fault
        ]


@dataclass(frozen=True, slots=True)
class Decided:
    """The answer: what applies (nothing, when all is refused) and what became of every candidate, by program code."""

    granted: tuple[Granted, ...]
    judged: tuple[Judged, ...]

    @property
    def total_fen(self) -> int:
        """What the member saves."""
        return sum(granted.fen for granted in self.granted)

    def refusal(self) -> list[Reason]:
        """Why nothing applies: at least one reason (B8). Meant for when nothing was granted."""
        reasons = [reason for judged in self.judged for reason in judged.reasons()]
        return reasons or [Reason(None, "provider_not_in_program")]


def decide(candidates: Iterable[Candidate], case: Case) -> Decided:
    """Choose the best legal combination of benefits for one purchase. The order of `candidates` does not matter (B11)."""
    ordered = sorted(candidates, key=lambda candidate: candidate.program)
    faults = {candidate.program: tuple(_not_eligible(candidate, case)) for candidate in ordered}
    best = _best([candidate for candidate in ordered if not faults[candidate.program]], case)
    granted = _with_lines(best, case)
    chosen = {one.candidate.program: one for one in granted}
    judged = []
    for candidate in ordered:
        program = candidate.program
        if one := chosen.get(program):
            judged.append(Judged(candidate, "trimmed" if one.notes else "granted", one.fen, one.notes, ()))
        elif found := faults[program] or _price(candidate, _terms(candidate), case, case.amount_fen, {}).faults:
            judged.append(Judged(candidate, "refused", 0, (), found))
        else:
            judged.append(Judged(candidate, "not_chosen", 0, (), (Fault("not_best_combination"),)))
    return Decided(granted, tuple(judged))


def _terms(candidate: Candidate) -> Terms:
    assert candidate.terms is not None
    return candidate.terms


# ---- one candidate ----


class Traced(NamedTuple):
    """One leaf's part of the trace."""

    leaf: Leaf
    actual: Any
    ok: bool


def trace(candidate: Candidate, case: Case) -> list[dict[str, Any]]:
    """Every condition of a candidate with what was expected and found; nothing is cut short."""
    found: list[Traced] = []
    if candidate.terms is not None:
        _holds(candidate.terms.when, case, found)
    return [
        {"path": leaf.path, "op": leaf.op, "expected": leaf.expected, "actual": actual, "ok": ok, "code": leaf.code}
        for leaf, actual, ok in found
    ]


def _not_eligible(candidate: Candidate, case: Case) -> Iterator[Fault]:
    terms = candidate.terms
    if terms is None:
        yield Fault("no_rule_version")
        return
    days = (case.accepted_on - case.event_on).days
    if days > terms.late_submission_days:
        yield Fault("late_submission", {"days": days, "max_days": terms.late_submission_days})
    culprits = _holds(terms.when, case, [])
    for leaf, actual, _ in culprits or ():
        yield Fault(_code(leaf, actual), _detail(leaf, case), leaf.path, leaf.expected, actual)


def _code(leaf: Leaf, actual: Any) -> str:
    return "not_a_member" if leaf.op == "membership_kind_in" and actual is None else leaf.code


def _detail(leaf: Leaf, case: Case) -> Mapping[str, Any] | None:
    return {"min_fen": leaf.expected, "amount_fen": case.amount_fen} if leaf.op == "min_spend" else None


def _holds(node: Leaf | Node, case: Case, found: list[Traced]) -> list[Traced]:
    """The leaves that are to blame, none when the node holds; every leaf looked at is added to `found`."""
    if isinstance(node, Leaf):
        actual = node.ask(case)
        traced = Traced(node, actual, node.holds(actual))
        found.append(traced)
        return [] if traced.ok else [traced]
    if node.op == "not":
        before = len(found)
        if _holds(node.of[0], case, found):
            return []
        return [one for one in found[before:] if one.ok] or found[before : before + 1]
    blame = [_holds(inner, case, found) for inner in node.of]
    if node.op == "any" and not all(blame):
        return []
    return [one for inner in blame for one in inner]


class _Price(NamedTuple):
    fen: int
    notes: tuple[str, ...]
    faults: tuple[Fault, ...]


def _price(candidate: Candidate, terms: Terms, case: Case, base_fen: int, taken: Mapping[str, int]) -> _Price:
    """What one benefit gives on `base_fen`, after its limits; `taken` is what earlier lanes take from short pools."""
    threshold = case.amount_fen if terms.threshold == "order" else base_fen
    if terms.min_spend_fen is not None and base_fen < terms.min_spend_fen:
        return _below(terms.min_spend_fen, base_fen)
    reached = [tier for tier in terms.tiers if tier.from_fen <= threshold]
    if not reached:
        return _below(terms.tiers[0].from_fen, threshold)
    fen, cut = tier_amount(reached[-1], base_fen)
    notes: tuple[str, ...] = ("limit_trimmed",) if cut else ()
    for limit in terms.limits:
        if limit.pool is None:
            after, fault = _within(limit, case, candidate.program, _day(terms, case), fen)
            note = "limit_trimmed"
        else:
            after, fault = _from_pool(limit.pool, limit, candidate, terms, case, fen, taken)
            note = "pool_trimmed"
        if fault:
            return _Price(0, (), (fault,))
        if after < fen:
            fen = after
            notes = notes if note in notes else (*notes, note)
    if fen <= 0:
        return _Price(0, (), (Fault("no_effect"),))
    return _Price(fen, notes, ())


def _below(min_fen: int, amount_fen: int) -> _Price:
    return _Price(0, (), (Fault("below_min_spend", {"min_fen": min_fen, "amount_fen": amount_fen}),))


def _day(terms: Terms, case: Case) -> date:
    return case.accepted_on if terms.basis == "submission_date" else case.event_on


def counter_key(program: str, limit: LimitTerms, day: date, scope_keys: Mapping[Any, str]) -> CounterKey | None:
    """The counter a limit looks at; None for pools and for what is limited per single use."""
    if limit.pool is not None or limit.window == "per_use":
        return None
    key = scope_keys.get(limit.scope, "")
    return CounterKey(program, limit.id, period_of(limit.window, day), limit.scope, key)


_NOTHING = Count(0, 0)


def _within(limit: LimitTerms, case: Case, program: str, day: date, fen: int) -> tuple[int, Fault | None]:
    key = counter_key(program, limit, day, case.scope_keys)
    used = case.counts.get(key, _NOTHING) if key else _NOTHING
    period = key.period if key else ""
    if limit.max_n is not None and used.n >= limit.max_n:
        return 0, Fault("limit_count", {"used": used.n, "max": limit.max_n, "period": period})
    if limit.max_fen is None or fen <= limit.max_fen - used.fen:
        return fen, None
    room = max(0, limit.max_fen - used.fen)
    if room and limit.trims:
        return room, None
    return 0, Fault("limit_amount", {"used_fen": used.fen, "max_fen": limit.max_fen, "period": period})


def _from_pool(
    pool: str, limit: LimitTerms, candidate: Candidate, terms: Terms, case: Case, fen: int, taken: Mapping[str, int]
) -> tuple[int, Fault | None]:
    free = case.pool_free.get(pool)
    if free is None:
        return fen, None
    free -= taken.get(pool, 0)
    if _need(candidate, terms, pool, fen) <= free:
        return fen, None
    if limit.trims and candidate.pools[pool] is PoolUnit.FEN and free > 0:
        room = terms.benefit_with_union_share(free, fen)
        if room > 0:
            return room, None
    return 0, Fault("pool_exhausted")


def _need(candidate: Candidate, terms: Terms, pool: str, fen: int) -> int:
    """What a benefit of `fen` takes from a pool: a place, or the union's share."""
    return 1 if candidate.pools[pool] is PoolUnit.PERSONS else terms.split(fen)[0]


# ---- combinations ----


class _Chosen(NamedTuple):
    candidate: Candidate
    fen: int
    notes: tuple[str, ...]


def _best(eligible: Sequence[Candidate], case: Case) -> tuple[_Chosen, ...]:
    lanes: dict[int, list[Candidate]] = {}
    for candidate in eligible:
        lanes.setdefault(_terms(candidate).lane, []).append(candidate)
    ordered = [lanes[lane] for lane in sorted(lanes)]
    return min(_combinations(ordered, case, (), case.amount_fen, {}), key=_rank)


def _rank(chosen: tuple[_Chosen, ...]) -> tuple[int, int, list[str]]:
    return -sum(one.fen for one in chosen), len(chosen), sorted(one.candidate.program for one in chosen)


def _combinations(
    lanes: Sequence[Sequence[Candidate]],
    case: Case,
    chosen: tuple[_Chosen, ...],
    left_fen: int,
    taken: Mapping[str, int],
) -> Iterator[tuple[_Chosen, ...]]:
    """Every legal combination, none of a lane included; a benefit that comes to nothing is as good as none."""
    if not lanes:
        yield chosen
        return
    yield from _combinations(lanes[1:], case, chosen, left_fen, taken)
    for candidate in lanes[0]:
        terms = _terms(candidate)
        if any(_forbidden(one.candidate, candidate) for one in chosen):
            continue
        price = _price(candidate, terms, case, left_fen, taken)
        if price.fen:
            after = dict(taken)
            for pool in case.pool_free.keys() & candidate.pools.keys():
                after[pool] = after.get(pool, 0) + _need(candidate, terms, pool, price.fen)
            one = _Chosen(candidate, price.fen, price.notes)
            yield from _combinations(lanes[1:], case, (*chosen, one), left_fen - price.fen, after)


def _forbidden(one: Candidate, other: Candidate) -> bool:
    return other.program in _terms(one).not_with or one.program in _terms(other).not_with


def _with_lines(chosen: Sequence[_Chosen], case: Case) -> tuple[Granted, ...]:
    left = list(case.line_fen)
    granted = []
    for candidate, fen, notes in chosen:
        # In proportion to what is left of each line, so that no line goes below nothing.
        parts = allocate(fen, left) if left else []
        left = [line - part for line, part in zip(left, parts, strict=True)] if left else left
        terms = _terms(candidate)
        union, merchant = terms.split(fen)
        takes, pools = _takes(candidate, terms, case, fen)
        granted.append(Granted(candidate, fen, union, merchant, notes, tuple(parts), takes, pools))
    return tuple(granted)


def _takes(candidate: Candidate, terms: Terms, case: Case, fen: int) -> tuple[tuple[Take, ...], tuple[PoolTake, ...]]:
    takes, pools = [], []
    for limit in terms.limits:
        if limit.pool is not None:
            if need := _need(candidate, terms, limit.pool, fen):
                pools.append(PoolTake(limit.pool, need))
        elif key := counter_key(candidate.program, limit, _day(terms, case), case.scope_keys):
            takes.append(Take(key, fen, limit.max_n, limit.max_fen))
    return tuple(takes), tuple(pools)


MAX_LANES = 4
MAX_PER_LANE = 8


def too_many(lanes: Mapping[int, int]) -> str | None:
    """What breaks the bound of the engine, given how many candidates one merchant may see per lane; None when nothing does.

    Refused at approval and not at the till: at most 9⁴ combinations are ever looked at.
    """
    if len(lanes) > MAX_LANES:
        return f"同一商户最多 {MAX_LANES} 条同享规则，现在会有 {len(lanes)} 条。"
    crowded = [lane for lane, count in lanes.items() if count > MAX_PER_LANE]
    if crowded:
        return f"同一商户同一条同享规则下最多 {MAX_PER_LANE} 个项目，第 {crowded[0]} 条超出。"
    return None


# ---- the card behind the code ----

_BINDING = {BindingState.REVOKED: "revoked", BindingState.SUSPENDED: "suspended"}
_CARD = {
    CardState.REPLACED: "revoked",
    CardState.CANCELLED: "revoked",
    CardState.SUSPENDED: "suspended",
}


def judge_card(code: Accepted | Rejected, standing: Standing | None, on: date) -> Reason | None:
    """Why this card may not be used on `on`; None when it may. A code of another time says how old it is (Δ).

    A good signature over an index nobody was given, or over a key other than the one bound to it, is `not_issued`:
    that is how a stolen issuer key would look.
    """
    if isinstance(code, Rejected):
        return of_clock(code.outcome.value, code.delta_seconds)
    refused = _judge_standing(code, standing, on)
    return Reason(None, refused) if refused else None


def _judge_standing(code: Accepted, standing: Standing | None, on: date) -> str | None:
    if standing is None or standing.binding_key != code.device_key:
        return "not_issued"
    if refused := _BINDING.get(standing.binding_state) or _CARD.get(standing.card_state):
        return refused
    if on > standing.valid_to:
        return "card_expired"
    if on < standing.valid_from:
        return "card_not_yet_valid"
    return None if in_use(standing).card_state is CardState.ACTIVE else "card_not_active"


def as_it_was(standing: Standing) -> Standing:
    """The standing of a card before it was withdrawn: what a till without a network rightly went by."""
    withdrawn = standing.card_state in _CARD
    return replace(
        standing,
        card_state=CardState.ACTIVE if withdrawn else standing.card_state,
        binding_state=BindingState.LIVE,
    )


def in_use(standing: Standing) -> Standing:
    """The standing a decision sees: a printed card that was handed out counts as active, since its first use makes it so.

    The receipt says that its holder has it; a phone's key is bound by an activation and never without one.
    """
    if standing.binding_key is None and standing.card_state is CardState.DELIVERED:
        return replace(standing, card_state=CardState.ACTIVE)
    return standing
