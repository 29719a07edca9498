"""Redeeming: facts, one pure decision, one write.

What happens to the proof of a refused attempt: it is pinned to the terminal that showed it. The same terminal may
try it again while it is fresh, with a mended amount under a new key; at any other terminal it is `replayed`. Only a
capture or a hold consumes it, and a reversal does not bring it back.

A guard that is lost to another transaction sends us back to the savepoint, to fresh facts and to a new decision:
the next-best combination, or a refusal that is stored. Nothing is repeated that is not decided anew.
"""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from cardnet.benefits import rules
from cardnet.benefits.reasons import Reason, for_merchants
from cardnet.benefits.rules import Decided
from cardnet.benefits.services import catalogue, printed, proofs, writes
from cardnet.benefits.services.expiry import release_expired
from cardnet.benefits.services.facts import Facts, Keys, keys_of, line_amounts, member_of, read_facts, scope_keys_of
from cardnet.benefits.services.records import (
    MAX_HOLD_SECONDS,
    MIN_HOLD_SECONDS,
    BenefitLine,
    BenefitRecord,
    NotApplied,
    Purchase,
    Quote,
    Redeem,
    RedemptionRecord,
)
from cardnet.benefits.terms import Case
from cardnet.benefits.words import Scope
from cardnet.credential.verify import Accepted
from cardnet.issuance.rules import Standing
from cardnet.issuance.services import note_printed_use, standing_of
from cardnet.kernel.calendar import day_of, local
from cardnet.kernel.errors import Conflict, FieldError, InvalidInput, Unavailable
from cardnet.kernel.money import MAX_FEN
from cardnet.kernel.statement import Lost, Statement
from cardnet.kernel.world import World
from cardnet.ledger.rules import DayState
from cardnet.ledger.services import day_is_closing, take, take_exactly

_ATTEMPTS = 8
"""Lost guards in a row before we say that it is too busy; each one means that somebody else has won."""

_SAVEPOINT, _UNDO = Statement("savepoint redemption"), Statement("rollback to savepoint redemption")


def redeem(session: Session, world: World, command: Redeem, *, with_commit: bool = False) -> RedemptionRecord:
    """Use or hold benefits for one purchase, or store why not.

    The caller makes its first write (the idempotency key) before calling, so that the close of the day waits for it;
    or it leaves all writes to the journey of the commit (`with_commit`), the key's before ours. Then the record holds
    only if that does not raise Lost, and the same is raised here for what cannot be written without asking: begin
    again without it.

    Raises InvalidInput("invalid_fields") for a purchase that makes no sense, Conflict("duplicate_merchant_reference")
    naming the first, and Unavailable("day_closing", "busy").
    """
    at = world.now()
    _check(command.purchase, at)
    if not command.capture and not MIN_HOLD_SECONDS <= command.hold_seconds <= MAX_HOLD_SECONDS:
        raise _invalid("/hold_seconds", f"预留时间应为 {MIN_HOLD_SECONDS}–{MAX_HOLD_SECONDS} 秒。")
    sight = _Sight(session, command, at, command.merchant_ref)
    if with_commit and sight.printed:
        raise Lost
    pool_free: dict[str, int] = {}
    sight.look()
    for attempt in range(_ATTEMPTS):
        if sight.facts.reference is not None:
            raise _duplicate(sight.facts.reference)
        if sight.facts.day is not DayState.OPEN:
            raise day_is_closing()
        if refused := sight.refusal():
            return _refuse(session, world, command, sight, [refused], None, with_commit=with_commit)
        case = sight.case(pool_free)
        decided = rules.decide(sight.offer.candidates, case)
        if not decided.granted:
            why = decided.refusal()
            return _refuse(session, world, command, sight, why, (case, decided), with_commit=with_commit)
        written = _write(session, world, command, sight, case, decided, with_commit=with_commit)
        if isinstance(written, uuid.UUID):
            return _granted(command, sight, decided, written)
        pool_free |= written
        if attempt < _ATTEMPTS - 1:
            sight.look()
    raise Unavailable("busy", "同时使用的人太多，请用同一请求再试一次。")


def quote(session: Session, world: World, command: Quote) -> RedemptionRecord:
    """What would apply now, what would not and why. Raises InvalidInput("invalid_fields").

    Writes nothing, but counts a wrong `id_last4`: an answer that cost nothing could be asked for ten thousand times.
    """
    at = world.now()
    _check(command.purchase, at)
    asked = Redeem(command.venue, "", command.code, command.purchase, id_last4=command.id_last4)
    sight = _Sight(session, asked, at, None)
    sight.look()
    if refused := sight.refusal():
        return _record(asked, sight, None, "refused", None, [refused])
    decided = rules.decide(sight.offer.candidates, sight.case({}))
    if not decided.granted:
        return _record(asked, sight, None, "refused", decided, decided.refusal())
    return _record(asked, sight, None, "applicable", decided, ())


def due_but_for_use(session: Session, world: World, command: Redeem) -> tuple[Decided, dict[str, Any]] | None:
    """What would be due had nothing been used before: no limit, no pool, not the code. With the decision as it is kept.

    None where something else stands in the way.
    """
    sight = _Sight(session, command, world.now(), None)
    sight.look()
    sight.facts = replace(sight.facts, proof_taken=False, counts={})
    if sight.refusal():
        return None
    case = sight.case({})
    decided = rules.decide(sight.offer.candidates, case)
    return (decided, writes.decision_parameters(case, sight.offer.parameters, decided)) if decided.granted else None


class _Sight:
    """What one redemption sees of the world; `look` reads it again."""

    facts: Facts
    offer: catalogue.Offer

    def __init__(self, session: Session, command: Redeem, at: datetime, merchant_ref: str | None) -> None:
        self.session, self.command, self.at, self.merchant_ref = session, command, at, merchant_ref
        self.today = day_of(at)
        self.happened_at = command.happened_at or at
        self.day_then = day_of(self.happened_at)
        self.event_on = command.purchase.service_on or self.day_then
        self.code = command.code if isinstance(command.code, Accepted) else None
        self.catalogue = catalogue.catalogue_of(session)
        self.scope_keys: Mapping[Scope, str] = {}

    def look(self) -> None:
        """Read the facts; when the rules have changed since they were loaded, load them and read again."""
        for _ in range(_ATTEMPTS):
            self._look()
            if self.facts.token == self.catalogue.token:
                return
            self.catalogue = catalogue.reload(self.session)
        raise Unavailable("busy", "执行标准正在更新，请用同一请求再试一次。")

    def _look(self) -> None:
        venue = self.command.venue
        self.offer = self.catalogue.offer(venue.merchant_code, venue.merchant_category, self.event_on, self.today)
        keys = Keys()
        if self.code is not None:
            self.scope_keys = scope_keys_of(self.session, self.offer, venue, self._whose)
            keys = keys_of(self.offer.candidates, self.scope_keys, self.event_on, self.today)
        self.facts = read_facts(self.session, venue, self.code, self.merchant_ref, keys, self.event_on, self.today)

    def _whose(self) -> Standing | None:
        return standing_of(self.session, self.code.index, self.event_on) if self.code else None

    @property
    def standing(self) -> Standing | None:
        """Who stands behind the code, as of the last look."""
        standing = self.facts.standing
        return rules.as_it_was(standing) if standing and self.command.card_was_good else standing

    def refusal(self) -> Reason | None:
        """Why the code or the card behind it may not be used: first what the card says, then what paper needs besides."""
        refused = rules.judge_card(self.command.code, self.standing, self.day_then)
        if refused is None and self.facts.proof_taken:
            refused = proofs.used_before(self.session, self.code, self.command.venue)
        if refused or not self.printed:
            return refused
        assert self.standing is not None
        return printed.refusal(self.session, self.standing, self.command.id_last4, self.day_then, self.today)

    @property
    def printed(self) -> bool:
        """Whether it is paper that was shown."""
        return self.code is not None and self.code.assurance == "printed"

    def case(self, pool_free: Mapping[str, int]) -> Case:
        """The facts as the decision takes them. Only after `refusal` said nothing."""
        venue, purchase = self.command.venue, self.command.purchase
        assert self.standing is not None
        return Case(
            event_on=self.event_on,
            event_time=local(self.happened_at).time().isoformat("minutes"),
            accepted_on=self.day_then,
            amount_fen=purchase.amount_fen,
            service_code=purchase.service_code,
            line_fen=line_amounts(purchase),
            merchant_code=venue.merchant_code,
            merchant_category=venue.merchant_category,
            scope_keys=self.scope_keys,
            member=member_of(rules.in_use(self.standing), self.offer.asks, self.event_on),
            counts=self.facts.counts,
            pool_free=dict(pool_free),
        )


def _write(
    session: Session, world: World, command: Redeem, sight: _Sight, case: Case, decided: Decided, *, with_commit: bool
) -> uuid.UUID | dict[str, int]:
    """Guarded writes and rows: the redemption's id, or what short pools had left (none: other guards)."""
    assert sight.standing is not None
    pools = sight.catalogue.pools
    writing = writes.prepare(world, command, sight.standing, case, sight.offer.parameters, decided, pools, sight.at)
    first_earned = writing.accounts and not sight.facts.payable_known
    exact = any(trims for _, _, trims in writing.pools)
    if with_commit:
        if first_earned or exact:
            raise Lost
        writes.write_with_commit(session, writing)
        return writing.id
    if first_earned:
        writes.make_accounts(session, writing)
    _SAVEPOINT.later(session, {})
    if not exact:
        won = writes.write_at_once(session, writing)
        if won and _use_paper(session, world, sight, writing.id, capture=command.capture):
            return writing.id
        _UNDO.one_or_none(session, {})
        if not writing.pools:
            return {}
    short = _write_in_turn(session, world, writing, sight.at)
    if isinstance(short, uuid.UUID):
        if _use_paper(session, world, sight, short, capture=command.capture):
            return short
        short = {}
    _UNDO.one_or_none(session, {})
    return short


def _write_in_turn(session: Session, world: World, writing: writes.Writing, at: datetime) -> uuid.UUID | dict[str, int]:
    """The same one guard after the other, each pool with all its passes."""
    if not writes.write_guards(session, writing):
        return {}
    for pool, amount, trims in writing.pools:

        def make_room(pool_id: uuid.UUID = pool.id) -> None:
            release_expired(session, world, at, pool_id=pool_id)

        left = (
            take_exactly(session, pool, amount, make_room) if trims else take(session, world, pool, amount, make_room)
        )
        if left is not None:
            return {pool.code: left}
    writes.write_rows(session, writing)
    return writing.id


def _use_paper(session: Session, world: World, sight: _Sight, redemption_id: uuid.UUID, *, capture: bool) -> bool:
    """The day of a printed card is taken, and its first capture activates the card. False: another one has the day."""
    if not sight.printed:
        return True
    assert sight.standing is not None
    if not printed.use(session, sight.standing, sight.day_then, redemption_id):
        return False
    if capture:
        note_printed_use(session, world, sight.standing.card_index)
    return True


def _refuse(
    session: Session,
    world: World,
    command: Redeem,
    sight: _Sight,
    reasons: Sequence[Reason],
    decision: tuple[Case, Decided] | None,
    *,
    with_commit: bool,
) -> RedemptionRecord:
    if decision is None:
        given, decided = writes.card_decision_parameters(reasons[0].code), None
    else:
        case, decided = decision
        given = writes.decision_parameters(case, sight.offer.parameters, decided)
    standing = sight.standing
    refused = writes.write_refusal(session, world, command, standing, reasons, given, sight.at, with_commit=with_commit)
    return _record(command, sight, refused, "refused", decided, reasons)


def _granted(command: Redeem, sight: _Sight, decided: Decided, redemption_id: uuid.UUID) -> RedemptionRecord:
    return _record(command, sight, redemption_id, "captured" if command.capture else "held", decided, ())


def _record(
    command: Redeem,
    sight: _Sight,
    redemption_id: uuid.UUID | None,
    outcome: str,
    decided: Decided | None,
    reasons: Sequence[Reason],
) -> RedemptionRecord:
    venue, purchase = command.venue, command.purchase
    granted = decided.granted if decided else ()
    discount, subsidy = writes.kind_sums(granted)
    held = outcome == "held"
    return RedemptionRecord(
        id=redemption_id,
        outcome=outcome,
        merchant_id=venue.merchant_id,
        merchant_code=venue.merchant_code,
        store_code=venue.store_code,
        terminal_code=venue.terminal_code,
        merchant_ref=command.merchant_ref,
        service_code=purchase.service_code,
        service_on=sight.event_on,
        amount_fen=purchase.amount_fen,
        discount_fen=discount,
        subsidy_fen=subsidy,
        union_fen=sum(one.union_fen for one in granted),
        captured_fen=discount + subsidy if outcome == "captured" else 0,
        refunded_fen=0,
        benefits=tuple(_benefit(one, purchase) for one in granted),
        not_applied=_not_applied(decided) if granted else (),
        reasons=tuple(for_merchants(reasons)),
        member_display=sight.standing.display if sight.standing else None,
        assurance=sight.code.assurance if sight.code else None,
        event_at=sight.at,
        accepted_at=sight.at,
        business_date=sight.today,
        held_until=writes.hold_end(command, sight.at) if held else None,
        person_id=sight.standing.person_id if sight.standing else None,
    )


def _benefit(one: rules.Granted, purchase: Purchase) -> BenefitRecord:
    candidate = one.candidate
    assert candidate.version_no is not None
    assert candidate.content_hash is not None
    return BenefitRecord(
        candidate.program,
        candidate.name,
        candidate.kind,
        one.fen,
        one.union_fen,
        one.merchant_fen,
        candidate.version_no,
        candidate.content_hash,
        one.notes,
        tuple(BenefitLine(line.line_no, fen) for line, fen in zip(purchase.lines, one.line_fen, strict=False) if fen),
    )


def _not_applied(decided: Decided | None) -> tuple[NotApplied, ...]:
    return tuple(
        NotApplied(
            judged.candidate.program,
            judged.candidate.name,
            tuple(for_merchants(judged.reasons())),
        )
        for judged in (decided.judged if decided else ())
        if judged.faults
    )


def _check(purchase: Purchase, at: datetime) -> None:
    if not 1 <= purchase.amount_fen <= MAX_FEN:
        raise _invalid("/purchase/amount_fen", f"金额应为 1 到 {MAX_FEN} 分的整数。")
    if purchase.service_on is not None and purchase.service_on > day_of(at):
        raise _invalid("/purchase/service_on", "服务日期不能晚于今天。")
    if not purchase.lines:
        return
    if any(line.amount_fen < 0 for line in purchase.lines):
        raise _invalid("/purchase/lines", "明细金额不能为负。")
    if len({line.line_no for line in purchase.lines}) != len(purchase.lines):
        raise _invalid("/purchase/lines", "明细行号不能重复。")
    if sum(line.amount_fen for line in purchase.lines) != purchase.amount_fen:
        raise _invalid("/purchase/lines", "明细金额之和应等于总金额。")


def _invalid(pointer: str, message: str) -> InvalidInput:
    return InvalidInput("invalid_fields", message, [FieldError(pointer, message)])


def _duplicate(first: uuid.UUID) -> Conflict:
    message = "这个商户单号已经核销过，请先查询原记录。"
    return Conflict("duplicate_merchant_reference", message, {"redemption_id": str(first)})
