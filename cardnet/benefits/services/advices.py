"""Advices: what a till gave while nobody could be asked, judged as of then and kept whatever the answer is.

Nothing here can be declined away: the member has left with the discount. So the question is who bears it. Within what
a till may do alone the union does, even where the use or the money was gone by then (5902); beyond it the merchant.
"""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import func, insert, select, text, update
from sqlalchemy.orm import Session

from cardnet.benefits.models import Redemption
from cardnet.benefits.models_advice import Advice, AdviceException, AdviceReview
from cardnet.benefits.services import catalogue
from cardnet.benefits.services.advice_evidence import list_gone, untimed
from cardnet.benefits.services.advice_losses import OfflineSale, Over, bear, due_beyond
from cardnet.benefits.services.holds import capture_hold
from cardnet.benefits.services.lookups import redemption as redemption_of
from cardnet.benefits.services.records import MIN_HOLD_SECONDS, Capture, Purchase, Redeem, RedemptionRecord
from cardnet.benefits.services.redeem import redeem
from cardnet.benefits.words import AdviceOutcome, ReviewState
from cardnet.credential.limits import OfflineUse, judge_use
from cardnet.credential.pack import Policy
from cardnet.credential.status import StatusAge
from cardnet.credential.verify import Accepted, Outcome, Rejected
from cardnet.issuance.services import holder_confirms, standing_of, withdrawn_at
from cardnet.kernel.calendar import day_of, start_of
from cardnet.kernel.errors import Conflict, InvalidInput
from cardnet.kernel.world import World
from cardnet.merchants.rules import Venue

OLDEST = timedelta(hours=72)
CLOCK_OFF = timedelta(seconds=120)
LIST_STALE = timedelta(hours=72)

DUPLICATE, UNSIGNED = "duplicate_merchant_reference", "signature_invalid"
OVER_LIMIT, GAP = "E11", "E12"

_ACCEPTED = (AdviceOutcome.CAPTURED.value, AdviceOutcome.CAPTURED_WITH_EXCEPTION.value)


@dataclass(frozen=True)
class Advise:
    """One record of a till. `given_fen` is what it took off; None leaves it to us to say what was due.

    `code` is what the verifier said as of `occurred_at`, `signed` whether the record is the terminal's own word.
    `list_issued_at` is how new the till's status list was, `synced_at` when it says it had last been heard, `clock_off`
    how far its clock was out. `digest` is the SHA-256 of the record, `follows` the one it says came before it.
    `key_withdrawn`: the issuer key under the code has been revoked since.
    """

    venue: Venue
    terminal_seq: int
    occurred_at: datetime
    merchant_ref: str
    code_text: str
    code: Accepted | Rejected
    purchase: Purchase
    record: Mapping[str, Any]
    digest: bytes
    signed: bool
    given_fen: int | None = None
    follows: bytes | None = None
    list_issued_at: datetime | None = None
    synced_at: datetime | None = None
    clock_off: timedelta = timedelta(0)
    id_last4: str | None = field(default=None, repr=False)
    """Of a printed card; `printed.CONFIRMED` where that was asked when the record came."""
    key_withdrawn: bool = False
    bound: bool = False
    """The till asked the phone for a code of this very purchase: one that names us lifts the floor."""
    clock_shown: bool = True
    """Its clock could be compared with ours when the record came."""
    has_key: bool = False
    """Its records are signed, and each has to name the one before."""


@dataclass(frozen=True)
class Advised:
    """What became of one record. `late_for` is the day it belongs to when that is not the day it was booked on."""

    terminal_seq: int
    merchant_ref: str
    outcome: AdviceOutcome
    code: str | None
    redemption: RedemptionRecord | None
    late_for: date | None
    first_redemption_id: uuid.UUID | None = None
    first: tuple[AdviceOutcome, str | None] | None = None
    """What became of this very record when it came before: its answer may have been lost on the way."""


@dataclass(frozen=True)
class Verdict:
    """What becomes of one record, and who bears it."""

    outcome: AdviceOutcome
    code: str | None = None
    redemption_id: uuid.UUID | None = None
    over_fen: int = 0
    """What finance must look at, and why nothing if zero."""
    first: tuple[AdviceOutcome, str | None] | None = None


def one_at_a_time(session: Session, venue: Venue) -> None:
    """Take the reports of one terminal one after the other: their numbers and hashes follow each other."""
    session.execute(
        text("select pg_advisory_xact_lock(hashtextextended(:place, 0))"), {"place": f"advices:{venue.terminal_id}"}
    )


def advise(session: Session, world: World, command: Advise, policy: Policy) -> Advised:
    """Judge one record and keep it. The caller holds the terminal (`one_at_a_time`). Raises Unavailable("day_closing")."""
    verdict = _verdict(session, world, command, policy)
    advice_id = _keep(session, world, command, verdict)
    open_over_limit(session, world, command, verdict, advice_id)
    made = verdict.redemption_id if verdict.outcome in (*_ACCEPTED, AdviceOutcome.REFUSED) else None
    record = redemption_of(session, made, command.venue.merchant_id) if made else None
    then = day_of(command.occurred_at)
    late = record is not None and not record.refused and record.business_date != then
    return Advised(
        command.terminal_seq,
        command.merchant_ref,
        verdict.outcome,
        verdict.code,
        record,
        then if late else None,
        verdict.redemption_id if verdict.outcome is AdviceOutcome.DUPLICATE else None,
        verdict.first,
    )


def open_over_limit(session: Session, world: World, command: Advise, verdict: Verdict, advice_id: uuid.UUID) -> None:
    """E11, where something was given beyond what a till may give alone."""
    if verdict.over_fen:
        _open_exception(session, world, command, OVER_LIMIT, verdict.code or "", advice_id, verdict.over_fen)


def last_record_of(session: Session, terminal_id: uuid.UUID) -> tuple[int, bytes | None]:
    """The highest number a terminal's records have reached, and that record's SHA-256; 0 and None before the first.

    A till paired anew counts on from the one and names the other.
    """
    mine = Advice.terminal_id == terminal_id, Advice.code.is_distinct_from(UNSIGNED)
    last = select(Advice.terminal_seq, Advice.digest).where(*mine).order_by(Advice.terminal_seq.desc(), Advice.id)
    row = session.execute(last.limit(1)).one_or_none()
    return (row.terminal_seq, row.digest) if row else (0, None)


def _verdict(session: Session, world: World, command: Advise, policy: Policy) -> Verdict:
    return _paper(session, world, command) or judge(session, world, command, policy)


def _paper(session: Session, world: World, command: Advise) -> Verdict | None:
    """What the record itself says against it, before anybody looks at the card."""
    if first := advice_of_ref(session, command.venue.merchant_id, command.merchant_ref):
        redemption_id, outcome, code = as_it_stands(session, first)
        told = (outcome, code) if first.digest == command.digest else None
        return Verdict(AdviceOutcome.DUPLICATE, DUPLICATE, redemption_id, first=told)
    if not command.signed:
        return Verdict(AdviceOutcome.REFUSED, UNSIGNED)
    unsure = _unsure(command, world.now()) or _unproven(command) or _untimed(session, command)
    return Verdict(AdviceOutcome.HELD_FOR_REVIEW, unsure) if unsure else None


def judge(session: Session, world: World, command: Advise, policy: Policy) -> Verdict:
    """What the card, the limits and the rules say of a record whose time is believed, as of then; captures if they agree."""
    if isinstance(command.code, Rejected):
        return _refused(command.code.outcome.value)
    withdrawn = withdrawn_at(session, command.code.index)
    knew = command.list_issued_at is None or withdrawn is None or command.list_issued_at >= withdrawn
    good = withdrawn is not None and (withdrawn > command.occurred_at or not knew)
    gone = list_gone(command.list_issued_at, command.occurred_at)
    if limit := gone or _over_limit(session, command, command.code, policy):
        return _refused(limit, max(command.given_fen or 0, 1))
    verdict = _give(session, world, command, card_was_good=good)
    if verdict.outcome is AdviceOutcome.CAPTURED and withdrawn and withdrawn <= command.occurred_at:
        # The till could not know; the union bears what a withdrawn card was given.
        given = redemption_of(session, verdict.redemption_id, None).captured_fen if verdict.redemption_id else 0
        return replace(verdict, outcome=AdviceOutcome.CAPTURED_WITH_EXCEPTION, code="revoked", over_fen=given)
    return verdict


def _refused(code: str, over_fen: int = 0) -> Verdict:
    replayed = code == "replayed"
    return Verdict(AdviceOutcome.REPLAYED if replayed else AdviceOutcome.REFUSED, code, None, over_fen)


def advice_of_ref(session: Session, merchant_id: uuid.UUID, merchant_ref: str) -> Advice | None:
    """The record that came first under this number. A forged one does not stand in the way of the true one."""
    return session.scalar(
        select(Advice)
        .where(
            Advice.merchant_id == merchant_id,
            Advice.merchant_ref == merchant_ref,
            Advice.outcome != AdviceOutcome.DUPLICATE.value,
            Advice.code.is_distinct_from(UNSIGNED),
        )
        .order_by(Advice.id)
        .limit(1)
    )


def _unsure(command: Advise, now: datetime) -> str | None:
    """Why nobody can say when this happened."""
    # What the till had before the sale cannot be younger than the sale.
    before = (one for one in (command.synced_at, command.list_issued_at) if one is not None)
    after_sale = any(one > command.occurred_at + CLOCK_OFF for one in before)
    if abs(command.clock_off) > CLOCK_OFF or command.occurred_at > now + CLOCK_OFF or after_sale:
        return "clock_error"
    return "late_submission" if now - command.occurred_at > OLDEST else None


def _unproven(command: Advise) -> str | None:
    """Paper under a key that was revoked after the sale: nothing but that key says that the card is ours."""
    printed = isinstance(command.code, Accepted) and command.code.assurance == "printed"
    return Outcome.REVOKED_KEY.value if printed and command.key_withdrawn else None


def _untimed(session: Session, command: Advise) -> str | None:
    """Neither list nor clock, where the sale is good only if it was before the card was withdrawn."""
    said = command.occurred_at, command.list_issued_at
    return untimed(session, command.code, *said, clock_shown=command.clock_shown)


def as_it_stands(session: Session, advice: Advice) -> tuple[uuid.UUID | None, AdviceOutcome, str | None]:
    """What became of a record: redemption, outcome and code, also when people decided it after it was held."""
    review = session.scalar(
        select(AdviceReview).where(AdviceReview.advice_id == advice.id, AdviceReview.state == ReviewState.DONE)
    )
    if review is None:
        return advice.redemption_id, AdviceOutcome(advice.outcome), advice.code
    if review.outcome is None:
        return None, AdviceOutcome.REFUSED, review.code or advice.code
    return review.redemption_id, AdviceOutcome(review.outcome), review.code


def _over_limit(session: Session, command: Advise, code: Accepted, policy: Policy) -> str | None:
    """Why the till should have asked: the floor of the purchase, or how often it had given alone."""
    then = command.occurred_at
    reviewed = select(AdviceReview.advice_id).where(AdviceReview.redemption_id.is_not(None))
    given_alone = Advice.outcome.in_(_ACCEPTED) | Advice.id.in_(reviewed)
    mine = Advice.terminal_id == command.venue.terminal_id, given_alone
    today = start_of(day_of(then))
    # Nothing was received before it happened, so that the terminal's years before this day are not looked through.
    of_today = Advice.received_at >= today - CLOCK_OFF, Advice.occurred_at >= today, Advice.occurred_at <= then
    card_uses = session.scalar(select(func.count()).where(*mine, Advice.card_index == code.index, *of_today))
    synced_at = command.synced_at or _last_heard(session, command) or then - timedelta(seconds=policy.offline_sync)
    # What waited in the till at that moment by our own book: its word on when it synced does not empty its queue.
    uses, given = session.execute(
        select(func.count(), func.coalesce(func.sum(Advice.given_fen), 0)).where(
            *mine, Advice.occurred_at <= then, Advice.received_at > then
        )
    ).one()
    use = OfflineUse(
        purchase_fen=command.purchase.amount_fen,
        benefit_fen=command.given_fen or 0,
        card_uses=card_uses or 0,
        uses=uses,
        given_fen=int(given),
        synced_at=int(synced_at.timestamp()),
        floor_fen=_floor(session, command),
        confirmed=command.id_last4 is not None,
    )
    bound = command.bound and code.audience is not None
    found = judge_use(use, policy, int(then.timestamp()), _list_age(command), code.assurance, bound=bound)
    return found.value if found else None


def _list_age(command: Advise) -> StatusAge:
    """How old the till's status list was at the moment of the sale."""
    issued_at = command.list_issued_at
    old = issued_at is not None and command.occurred_at - issued_at > LIST_STALE
    return StatusAge.STALE if old else StatusAge.FRESH


def _last_heard(session: Session, command: Advise) -> datetime | None:
    """When the terminal last reported before this happened."""
    return session.scalar(
        select(func.max(Advice.received_at)).where(
            Advice.terminal_id == command.venue.terminal_id, Advice.received_at <= command.occurred_at
        )
    )


def _floor(session: Session, command: Advise) -> int | None:
    """The highest floor a program of this merchant names for itself; None takes the union's."""
    then, venue = day_of(command.occurred_at), command.venue
    offer = catalogue.catalogue_of(session).offer(venue.merchant_code, venue.merchant_category, then, then)
    floors = [one.terms.offline_floor_fen for one in offer.candidates if one.terms and one.terms.offline_floor_fen]
    return max(floors, default=None)


def _give(session: Session, world: World, command: Advise, *, card_was_good: bool) -> Verdict:
    """Redeem as of then. What the till took off is what is captured, never more than was due."""
    asked = Redeem(
        command.venue,
        command.code_text,
        command.code,
        command.purchase,
        command.merchant_ref,
        capture=command.given_fen is None,
        hold_seconds=MIN_HOLD_SECONDS,
        id_last4=command.id_last4,
        happened_at=command.occurred_at,
        card_was_good=card_was_good,
    )
    with session.begin_nested() as point:
        verdict, over = _try(session, world, command, asked)
        if over is not None:
            point.rollback()
    return verdict if over is None else _borne(session, world, command, over)


def _try(session: Session, world: World, command: Advise, asked: Redeem) -> tuple[Verdict, Over | None]:
    """What came of redeeming; with what was due all the same, where the till could not know what stood in the way."""
    try:
        record = redeem(session, world, asked)
    except Conflict as error:
        first = error.detail.get("redemption_id")
        return Verdict(AdviceOutcome.DUPLICATE, DUPLICATE, uuid.UUID(first) if first else None), None
    except InvalidInput as error:
        # Such as a day of service after the sale: no reason to turn away the records beside it.
        return _refused(error.code), None
    assert record.id is not None
    if record.refused:
        fresh = command.list_issued_at is not None and _list_age(command) is StatusAge.FRESH
        over = due_beyond(session, world, asked, record, fresh_list=fresh)
        return replace(_refused(record.reasons[0].code), redemption_id=record.id), over
    over_fen = 0
    if command.given_fen is not None:
        due = record.discount_fen + record.subsidy_fen
        over_fen = max(0, command.given_fen - due)
        capture_hold(session, world, Capture(command.venue, record.id, min(command.given_fen, due), given=True))
    session.execute(update(Redemption).where(Redemption.id == record.id).values(event_at=command.occurred_at))
    if over_fen:
        return Verdict(AdviceOutcome.CAPTURED_WITH_EXCEPTION, "limit_trimmed", record.id, over_fen), None
    return Verdict(AdviceOutcome.CAPTURED, None, record.id), None


def _borne(session: Session, world: World, command: Advise, over: Over) -> Verdict:
    assert isinstance(command.code, Accepted)
    sale = OfflineSale(
        command.venue,
        command.merchant_ref,
        command.code_text,
        command.code,
        command.purchase,
        command.occurred_at,
        command.given_fen,
    )
    made = bear(session, world, sale, over)
    if made is None:
        return Verdict(AdviceOutcome.REPLAYED, "replayed")
    return Verdict(AdviceOutcome.CAPTURED_WITH_EXCEPTION, over.code, made.id, made.captured_fen)


def _keep(session: Session, world: World, command: Advise, verdict: Verdict) -> uuid.UUID:
    advice_id = world.new_id()
    given = command.given_fen
    if given is None:
        taken = verdict.redemption_id if verdict.outcome in _ACCEPTED else None
        given = redemption_of(session, taken, None).captured_fen if taken else 0
    values = {
        "id": advice_id,
        "merchant_id": command.venue.merchant_id,
        "terminal_id": command.venue.terminal_id,
        "terminal_seq": command.terminal_seq,
        "merchant_ref": command.merchant_ref,
        "record": dict(command.record),
        "digest": command.digest,
        "card_index": command.code.index if isinstance(command.code, Accepted) else None,
        "given_fen": given,
        "outcome": verdict.outcome.value,
        "code": verdict.code,
        "redemption_id": verdict.redemption_id,
        "occurred_at": command.occurred_at,
        "received_at": world.now(),
        "clock_off_seconds": int(command.clock_off.total_seconds()),
        "confirmed": _confirmed(session, command) if verdict.outcome is AdviceOutcome.HELD_FOR_REVIEW else None,
    }
    session.execute(insert(Advice).values(**values))
    return advice_id


def _confirmed(session: Session, command: Advise) -> bool | None:
    """Whether the last four were the holder's: asked now, since they are not kept. The till is not told."""
    code = command.code
    if command.id_last4 is None or not isinstance(code, Accepted) or code.assurance != "printed":
        return None
    standing = standing_of(session, code.index, day_of(command.occurred_at))
    return standing is not None and holder_confirms(session, standing, command.id_last4)


def _open_exception(
    session: Session, world: World, command: Advise, code: str, why: str, advice_id: uuid.UUID, fen: int
) -> None:
    values = {
        "id": world.new_id(),
        "merchant_id": command.venue.merchant_id,
        "terminal_id": command.venue.terminal_id,
        "code": code,
        "why": why,
        "advice_id": advice_id,
        "first_seq": command.terminal_seq,
        "last_seq": command.terminal_seq,
        "fen": fen,
        "opened_at": world.now(),
    }
    session.execute(insert(AdviceException).values(**values))
