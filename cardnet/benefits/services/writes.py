"""The writes of a redemption, composed into as few statements as can be.

The order of locks is the same in every transaction: merchant's reference, proof, the person's counters, shared
counters, pools by their ids. Each guard hangs on the one before, so a lost one leaves the later ones alone; the
caller's savepoint undoes the earlier ones. The rows of the redemption hang on all guards together: in the common
case guards and rows are one statement. The texts depend only on which parts are present, so the driver prepares
each of the few shapes once.
"""

import uuid
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import lru_cache, partial
from typing import Any

from psycopg.types.numeric import Int8
from sqlalchemy.orm import Session

from cardnet.benefits.reasons import Reason
from cardnet.benefits.rules import Decided, Granted
from cardnet.benefits.services.facts import payable_account
from cardnet.benefits.services.records import Purchase, Redeem
from cardnet.benefits.terms import Case
from cardnet.benefits.words import ProgramKind, RedemptionState, Scope
from cardnet.credential.verify import Accepted
from cardnet.issuance.rules import Standing
from cardnet.kernel.arrays import array
from cardnet.kernel.calendar import day_of
from cardnet.kernel.compact import compact
from cardnet.kernel.statement import Statement, lost, or_lost
from cardnet.kernel.values import values_parameters, values_text
from cardnet.kernel.world import World
from cardnet.ledger.rules import Account, AccountCode, EntryKind, PostingLine, move
from cardnet.ledger.services import (
    PoolView,
    ensure_accounts,
    entry_parameters,
    pool_account,
    post_entry,
    post_lines,
    slices_parameters,
    take_slices,
)

# ---- guards ----

_REFERENCE = """reference as (
  insert into merchant_reference (merchant_id, merchant_ref, redemption_id)
  values (%(merchant_id)s, %(merchant_ref)s, %(id)s) on conflict do nothing returning 1)"""

_PROOF = """proof as (
  insert into proof_used as p (card_index, proof_id, terminal_id, redemption_id, seen_at)
  select %(card_index)s, %(proof_id)s, %(terminal_id)s, %(id)s, %(at)s {when}
  on conflict (card_index, proof_id) do update set redemption_id = excluded.redemption_id
    where p.redemption_id is null and p.terminal_id = excluded.terminal_id
  returning 1)"""

_GUARD = """
  on conflict ({key}) do update set
    used_n = u.used_n + excluded.used_n, held_n = u.held_n + excluded.held_n,
    used_fen = u.used_fen + excluded.used_fen, held_fen = u.held_fen + excluded.held_fen,
    max_n = excluded.max_n, max_fen = excluded.max_fen
    where (excluded.max_n is null
           or u.used_n + u.held_n + excluded.used_n + excluded.held_n <= excluded.max_n)
      and (excluded.max_fen is null
           or u.used_fen + u.held_fen + excluded.used_fen + excluded.held_fen <= excluded.max_fen)
  returning 1)"""

_PERSON_KEY = "person_id, program_id, limit_code, period"
_PERSON_TYPES = ("uuid", "text", "text", "bigint", "bigint", "bigint")
_PERSON = """person as (
  insert into usage as u (person_id, program_id, limit_code, period, used_n, held_n, used_fen, held_fen, max_n, max_fen)
  select %(person_id)s, program_id, limit_code, period, %(use)s, 1 - %(use)s, fen * %(use)s, fen * (1 - %(use)s), max_n, max_fen
  from ({values}) as t(program_id, limit_code, period, fen, max_n, max_fen) {when}
  order by program_id, limit_code, period {guard}"""

_SHARED_KEY = "program_id, limit_code, period, scope, scope_key"
_SHARED_TYPES = ("uuid", "text", "text", "text", "text", "bigint", "bigint", "bigint")
_SHARED = """shared as (
  insert into shared_counter as u (program_id, limit_code, period, scope, scope_key, used_n, held_n, used_fen, held_fen,
    max_n, max_fen)
  select program_id, limit_code, period, scope, scope_key, %(use)s, 1 - %(use)s, fen * %(use)s, fen * (1 - %(use)s), max_n, max_fen
  from ({values}) as t(program_id, limit_code, period, scope, scope_key, fen, max_n, max_fen) {when}
  order by program_id, limit_code, period, scope, scope_key {guard}"""

# ---- rows ----

_REDEMPTION = """redemption_row as (
  insert into redemption (id, person_id, card_index, proof_id, assurance, unit_path, merchant_id, merchant_code, store_id,
    store_code, terminal_id, terminal_code, merchant_ref, service_code, service_on, code_text, amount_fen, discount_fen,
    subsidy_fen, union_fen, held_fen, captured_fen, refunded_fen, state, reasons, hold_expires_at, event_at, accepted_at)
  select %(id)s, %(person_id)s::uuid, %(card_index)s::bigint, %(proof_id)s::bytea, %(assurance)s, %(unit_path)s, %(merchant_id)s,
    %(merchant_code)s, %(store_id)s, %(store_code)s, %(terminal_id)s, %(terminal_code)s, %(merchant_ref)s,
    %(service_code)s, %(service_on)s, %(code_text)s, %(amount_fen)s, %(discount_fen)s, %(subsidy_fen)s, %(union_fen)s,
    %(held_fen)s, %(captured_fen)s, 0, %(state)s, %(reasons)s::jsonb, %(hold_expires_at)s::timestamptz, %(at)s, %(at)s {when})"""

_DECISION = """decision_row as (
  insert into decision (id, redemption_id, person_id, mode, event_at, inputs, candidates, chosen, created_at)
  select %(decision_id)s, %(id)s, %(person_id)s::uuid, 'commit', %(at)s, %(inputs)s::jsonb, %(candidates)s::jsonb,
    %(chosen)s::jsonb, %(at)s {when})"""

_OUTBOX = """outbox_row as (
  insert into outbox_event (id, kind, subject_id, merchant_id, payload, created_at)
  select %(outbox_id)s, %(outbox_kind)s, %(id)s, %(merchant_id)s, '{{}}'::jsonb, %(at)s {when})"""

_BENEFIT_TYPES = ("uuid", "uuid", "bigint", "bigint", "jsonb", "jsonb")
_BENEFITS = """benefit_rows as (
  insert into redemption_benefit (redemption_id, program_id, rule_version_id, benefit_fen, union_fen, merchant_fen,
    refunded_fen, refunded_union_fen, lines, takes)
  select %(id)s, program_id, version_id, fen, union_fen, fen - union_fen, 0, 0, lines, takes
  from ({values}) as t(program_id, version_id, fen, union_fen, lines, takes) {when})"""

_LINES = """line_rows as (
  insert into redemption_line (redemption_id, line_no, amount_fen, category, benefit_fen)
  select %(id)s, line_no, amount_fen, category, benefit_fen
  from unnest(%(l_no)s::bigint[], %(l_fen)s::bigint[], %(l_category)s::text[], %(l_benefit)s::bigint[])
    as t(line_no, amount_fen, category, benefit_fen) {when})"""

_ENTRY_TYPES = ("uuid", "text", "text", "text", "text", "bigint")
_ENTRIES = """usage_rows as (
  insert into usage_entry (redemption_id, act, program_id, limit_code, person_id, scope, scope_key, period, used_n, held_n,
    used_fen, held_fen)
  select %(id)s, 0, program_id, limit_code, %(person_id)s, scope, scope_key, period, %(use)s, 1 - %(use)s, fen * %(use)s,
    fen * (1 - %(use)s)
  from ({values}) as t(program_id, limit_code, scope, scope_key, period, fen) {when})"""

# A refused attempt pins its proof to this terminal; it does not consume it.
_SEEN = """seen as (
  insert into proof_used (card_index, proof_id, terminal_id, redemption_id, seen_at)
  values (%(card_index)s, %(proof_id)s, %(terminal_id)s, null, %(at)s) on conflict do nothing)"""

_DAY_OPEN = "not exists (select from business_day where day = %(today)s and state <> 'open')"


@dataclass(frozen=True, slots=True)
class Shape:
    """Which parts a statement has, and how many rows those with several have."""

    reference: bool = False
    proof: bool = False
    person: int = 0
    shared: int = 0
    pools: int = 0
    guards: bool = True
    rows: bool = True
    benefits: int = 0
    lines: bool = False
    entries: int = 0
    postings: int = 0
    seen: bool = False


@lru_cache(maxsize=256)
def _statement(shape: Shape, *, firm: bool = False) -> Statement:
    """`firm`: a guard that is lost is an error, and so is a day that is open no longer (see ledger.services.days)."""
    guards = _guards(shape) if shape.guards else []
    won = guards[-1][2] if guards else "true"
    parts = [text for _, text, _ in guards]
    if shape.rows:
        parts += _rows(shape, f"where {won}")
    if firm:
        won = or_lost(f"{won} and {_DAY_OPEN}")
    return Statement("with " + ",\n".join(parts) + f"\nselect {won}")


def _guards(shape: Shape) -> list[tuple[str, str, str]]:
    """Name, text and condition of each guard. Who has won one has won all before it: each hangs on the last alone."""
    guards: list[tuple[str, str, str]] = []

    def add(name: str, count: int, text: Callable[[str], str]) -> None:
        won = f"exists (select from {name})" if count == 1 else f"(select count(*) from {name}) = {count}"  # noqa: S608
        guards.append((name, text(guards[-1][2] if guards else "true"), won))

    if shape.reference:
        add("reference", 1, lambda _: _REFERENCE)
    if shape.proof:
        add("proof", 1, lambda before: _PROOF.format(when=f"where {before}"))
    for name, count, types, key, template in (
        ("person", shape.person, _PERSON_TYPES, _PERSON_KEY, _PERSON),
        ("shared", shape.shared, _SHARED_TYPES, _SHARED_KEY, _SHARED),
    ):
        if count:
            values, guard = values_text(name, types, count), _GUARD.format(key=key)
            add(name, count, partial(_counter, template, values, guard))
    if shape.pools:
        add("pools", shape.pools, lambda before: "pools as (" + take_slices(shape.pools, before) + ")")
    return guards


def _counter(template: str, values: str, guard: str, before: str) -> str:
    return template.format(values=values, when=f"where {before}", guard=guard)


def _rows(shape: Shape, when: str) -> list[str]:
    """The rows of a redemption, each hanging on `when`."""
    rows = [_REDEMPTION.format(when=when), _DECISION.format(when=when), _OUTBOX.format(when=when)]
    for name, count, types, template in (
        ("benefit", shape.benefits, _BENEFIT_TYPES, _BENEFITS),
        ("entry", shape.entries, _ENTRY_TYPES, _ENTRIES),
    ):
        if count:
            rows.append(template.format(values=values_text(name, types, count), when=when))
    if shape.lines:
        rows.append(_LINES.format(when=when))
    if shape.postings:
        rows.append("entry_row as (" + post_entry(when) + ")")
        rows.append("posting_rows as (" + post_lines(shape.postings, when) + ")")
    if shape.seen:
        rows.append(_SEEN)
    return rows


@dataclass(frozen=True, slots=True)
class Writing:
    """One redemption about to be written: its shape and every parameter of its statements."""

    shape: Shape
    parameters: dict[str, Any]
    pools: tuple[tuple[PoolView, int, bool], ...]
    """Pool, amount, and whether the limit trims (then only the exact path may take)."""
    accounts: tuple[Account, ...]
    id: uuid.UUID


def prepare(
    world: World,
    command: Redeem,
    standing: Standing,
    case: Case,
    parameters: Mapping[str, int],
    decided: Decided,
    pools: Mapping[str, PoolView],
    at: datetime,
) -> Writing:
    """Everything a grant writes, as parameters."""
    ids = {granted.candidate.program: granted.candidate.program_id for granted in decided.granted}
    takes = [take for granted in decided.granted for take in granted.takes]
    person = sorted(
        (ids[take.key.program], take.key.limit, take.key.period, take.fen, take.max_n, take.max_fen)
        for take in takes
        if take.key.scope is Scope.PERSON
    )
    shared = sorted(
        (
            ids[take.key.program],
            take.key.limit,
            take.key.period,
            take.key.scope.value,
            take.key.scope_key,
            take.fen,
            take.max_n,
            take.max_fen,
        )
        for take in takes
        if take.key.scope is not Scope.PERSON
    )
    entries = [
        (ids[take.key.program], take.key.limit, take.key.scope.value, take.key.scope_key, take.key.period, take.fen)
        for take in takes
    ]
    drawn = _drawn(decided, pools)
    numbers = [line.line_no for line in command.purchase.lines]
    discount, subsidy = kind_sums(decided.granted)
    total = discount + subsidy
    lines = posting_lines(decided, command.venue.merchant_id, pools, capture=command.capture)
    given = _redemption(world, command, standing, at) | {
        "discount_fen": Int8(discount),
        "subsidy_fen": Int8(subsidy),
        "union_fen": Int8(sum(granted.union_fen for granted in decided.granted)),
        "held_fen": Int8(total),
        "captured_fen": Int8(total if command.capture else 0),
        "state": (RedemptionState.CAPTURED if command.capture else RedemptionState.HELD).value,
        "reasons": None,
        "hold_expires_at": None if command.capture else hold_end(command, at),
        "outbox_kind": "redemption.captured" if command.capture else "redemption.held",
        "use": Int8(command.capture),
        **decision_parameters(case, parameters, decided),
        **_order_lines(command.purchase, decided.granted),
    }
    given |= values_parameters("benefit", [_benefit_row(one, numbers, pools) for one in decided.granted])
    given |= values_parameters("person", person)
    given |= values_parameters("shared", shared)
    given |= values_parameters("entry", entries)
    given |= slices_parameters(world, [(pool, amount) for pool, amount, _ in drawn])
    if lines:
        given |= entry_parameters(world.new_id(), EntryKind.CAPTURE if command.capture else EntryKind.HOLD, lines)
    assert isinstance(command.code, Accepted)
    shape = Shape(
        reference=command.merchant_ref is not None,
        proof=command.code.proof_id is not None,
        person=len(person),
        shared=len(shared),
        pools=len(drawn),
        benefits=len(decided.granted),
        lines=bool(command.purchase.lines),
        entries=len(entries),
        postings=len(lines),
    )
    accounts = (
        (payable_account(command.venue.merchant_id),) if any(line.account.ledger == "cny" for line in lines) else ()
    )
    return Writing(shape, given, drawn, accounts, given["id"])


def write_at_once(session: Session, writing: Writing) -> bool:
    """Guards and rows in one statement. Says whether every guard won."""
    return _run(session, writing.shape, writing.parameters)


def write_with_commit(session: Session, writing: Writing) -> None:
    """The same in one journey with the commit, which raises Lost when a guard does not win."""
    _statement(writing.shape, firm=True).with_commit(session, writing.parameters, lost)


def write_guards(session: Session, writing: Writing) -> bool:
    """Every guard but the pools, which the caller takes one by one before `write_rows`."""
    return _run(session, replace(writing.shape, pools=0, rows=False), writing.parameters)


def write_rows(session: Session, writing: Writing) -> None:
    """The rows alone, after all guards are won."""
    _run(session, replace(writing.shape, guards=False), writing.parameters)


def write_refusal(
    session: Session,
    world: World,
    command: Redeem,
    standing: Standing | None,
    reasons: Sequence[Reason],
    decision: Mapping[str, Any],
    at: datetime,
    *,
    with_commit: bool = False,
) -> uuid.UUID:
    """Store a "no": redemption, decision, outbox; counters and pools stay as they are. Says its id."""
    given = _redemption(world, command, standing, at) | {
        "discount_fen": Int8(0),
        "subsidy_fen": Int8(0),
        "union_fen": Int8(0),
        "held_fen": Int8(0),
        "captured_fen": Int8(0),
        "state": RedemptionState.REFUSED.value,
        "reasons": _compact([reason.as_json() for reason in reasons]),
        "hold_expires_at": None,
        "outbox_kind": "redemption.refused",
        **decision,
        **_order_lines(command.purchase, ()),
    }
    seen = isinstance(command.code, Accepted) and command.code.proof_id is not None
    shape = Shape(guards=False, seen=seen, lines=bool(command.purchase.lines))
    if with_commit:
        _statement(shape, firm=True).with_commit(session, given, lost)
    else:
        _run(session, shape, given)
    refused_id: uuid.UUID = given["id"]
    return refused_id


def make_accounts(session: Session, writing: Writing) -> None:
    """The merchant's payable account, when this is the first union money it earns."""
    ensure_accounts(session, writing.accounts)


def posting_lines(
    decided: Decided, merchant_id: uuid.UUID, pools: Mapping[str, PoolView], *, capture: bool
) -> tuple[PostingLine, ...]:
    """The table of finance.md: a capture spends budget and owes the merchant, a hold sets budget aside.

    What the merchant bears moves no union money and posts nothing.
    """
    lines: list[PostingLine] = []
    for pool, amount, _ in _drawn(decided, pools):
        spent = AccountCode.SPENT if capture else AccountCode.HELD
        lines += move(pool_account(AccountCode.AVAILABLE, pool), pool_account(spent, pool), amount)
    if capture:
        for granted in decided.granted:
            expense = expense_account(granted.candidate.kind, granted.candidate.program_id)
            lines += move(expense, payable_account(merchant_id), granted.union_fen)
    return tuple(lines)


def expense_account(kind: ProgramKind, program_id: uuid.UUID) -> Account:
    """Where the union's share of a program is booked: a share of discounts apart from subsidies."""
    code = AccountCode.DISCOUNT_SHARE if kind is ProgramKind.DISCOUNT else AccountCode.SUBSIDY
    return Account(code, owner_id=program_id)


def hold_end(command: Redeem, at: datetime) -> datetime:
    """The first moment at which a hold made now can no longer be captured."""
    return at + timedelta(seconds=command.hold_seconds)


def kind_sums(granted: Sequence[Granted]) -> tuple[int, int]:
    """What discounts take off, and what everything else does."""
    discount = sum(one.fen for one in granted if one.candidate.kind is ProgramKind.DISCOUNT)
    return discount, sum(one.fen for one in granted) - discount


def _drawn(decided: Decided, pools: Mapping[str, PoolView]) -> tuple[tuple[PoolView, int, bool], ...]:
    """What each pool gives to all benefits together, by pool id; a pool any limit may trim by is taken exactly."""
    amounts: dict[str, int] = defaultdict(int)
    trims: set[str] = set()
    for granted in decided.granted:
        for pool, amount in granted.pools:
            amounts[pool] += amount
        terms = granted.candidate.terms
        trims |= {limit.pool for limit in (terms.limits if terms else ()) if limit.pool is not None and limit.trims}
    drawn = [(pools[code], amount, code in trims) for code, amount in amounts.items()]
    return tuple(sorted(drawn, key=lambda one: one[0].id))


def _run(session: Session, shape: Shape, given: Mapping[str, Any]) -> bool:
    won: bool = _statement(shape).one(session, given)[0]
    return won


def _redemption(world: World, command: Redeem, standing: Standing | None, at: datetime) -> dict[str, Any]:
    venue, code, purchase = command.venue, command.code, command.purchase
    accepted = code if isinstance(code, Accepted) else None
    today = day_of(at)
    return {
        "id": world.new_id(),
        "decision_id": world.new_id(),
        "outbox_id": world.new_id(),
        "at": at,
        "today": today,
        "person_id": standing.person_id if standing else None,
        "unit_path": standing.unit_path if standing else None,
        "card_index": Int8(accepted.index) if accepted else None,
        "proof_id": accepted.proof_id if accepted else None,
        "assurance": accepted.assurance if accepted else None,
        "merchant_id": venue.merchant_id,
        "merchant_code": venue.merchant_code,
        "store_id": venue.store_id,
        "store_code": venue.store_code,
        "terminal_id": venue.terminal_id,
        "terminal_code": venue.terminal_code,
        "merchant_ref": command.merchant_ref,
        "service_code": purchase.service_code,
        "service_on": purchase.service_on or today,
        "code_text": command.code_text[:700].replace("\0", ""),
        "amount_fen": Int8(purchase.amount_fen),
    }


def _benefit_row(one: Granted, numbers: Sequence[int], pools: Mapping[str, PoolView]) -> tuple[Any, ...]:
    candidate = one.candidate
    lines = _compact(list(zip(numbers, one.line_fen, strict=False)))
    takes = _compact([[str(pools[pool].id), pools[pool].unit.value, amount] for pool, amount in one.pools])
    return candidate.program_id, candidate.version_id, one.fen, one.union_fen, lines, takes


def _order_lines(purchase: Purchase, granted: Sequence[Granted]) -> dict[str, Any]:
    if not purchase.lines:
        return {}
    benefit = [sum(parts) for parts in zip(*(one.line_fen for one in granted), strict=True)] or [0] * len(
        purchase.lines
    )
    return {
        "l_no": array(line.line_no for line in purchase.lines),
        "l_fen": array(line.amount_fen for line in purchase.lines),
        "l_category": array(line.category for line in purchase.lines),
        "l_benefit": array(benefit),
    }


def decision_parameters(case: Case, parameters: Mapping[str, int], decided: Decided) -> dict[str, Any]:
    """The decision as a document: enough to decide the same again with the rule versions it names (B9)."""
    member = case.member
    asked = {
        "card_state": member.card_state,
        "membership_kind": member.membership_kind,
        "member_since": member.member_since and member.member_since.isoformat(),
        "age": member.age,
        "sex": member.sex,
        "tags": sorted(member.tags),
        "unit_path": member.unit_path,
    }
    inputs = {
        "event_on": case.event_on.isoformat(),
        "event_time": case.event_time,
        "accepted_on": case.accepted_on.isoformat(),
        "amount_fen": case.amount_fen,
        "service_code": case.service_code,
        "line_fen": case.line_fen,
        "merchant_code": case.merchant_code,
        "merchant_category": case.merchant_category,
        "scope_keys": {scope.value: key for scope, key in case.scope_keys.items() if key},
        "member": {name: value for name, value in asked.items() if value},
        "counts": [[*key, *count] for key, count in case.counts.items()],
        "pool_free": dict(case.pool_free),
        "parameters": dict(parameters),
    }
    candidates = [
        {
            "program": judged.candidate.program,
            "version_id": judged.candidate.version_id and str(judged.candidate.version_id),
            "version": judged.candidate.version_no,
            "content_hash": judged.candidate.content_hash,
            "outcome": judged.outcome,
            "fen": judged.fen,
            "notes": judged.notes,
            "faults": [
                {name: value for name, value in fault._asdict().items() if value is not None} for fault in judged.faults
            ],
        }
        for judged in decided.judged
    ]
    chosen = [
        {
            "program": granted.candidate.program,
            "fen": granted.fen,
            "union_fen": granted.union_fen,
            "merchant_fen": granted.merchant_fen,
            "line_fen": granted.line_fen,
        }
        for granted in decided.granted
    ]
    return {"inputs": _compact(inputs), "candidates": _compact(candidates), "chosen": _compact(chosen)}


def card_decision_parameters(code: str) -> dict[str, Any]:
    """The decision when the card or the code itself was the reason: no candidate was looked at."""
    return {"inputs": _compact({"card": code}), "candidates": "[]", "chosen": "[]"}


def _compact(value: Any) -> str:
    return compact(value).decode()
