"""Records of tills held for review, and all that is known of each: what people decide by."""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import Session

from cardnet.benefits.models import Redemption
from cardnet.benefits.models_advice import Advice, AdviceException, AdviceReview
from cardnet.benefits.services import printed
from cardnet.benefits.services.advices import CLOCK_OFF, Advise, Verdict, judge
from cardnet.benefits.services.lookups import redemption as redemption_of
from cardnet.benefits.services.records import Purchase, PurchaseLine
from cardnet.benefits.words import AdviceOutcome, ReviewKind, ReviewState
from cardnet.credential.device import asked_nonce
from cardnet.credential.store import AlarmLine, alarms, policy_as_of, trust_pack_as_of
from cardnet.credential.verify import Accepted, Outcome, Rejected, VerifyContext, Window, verify
from cardnet.kernel.errors import NotFound
from cardnet.kernel.world import World
from cardnet.merchants.rules import Venue
from cardnet.merchants.services import venue_of_terminal

GOOD = (AdviceOutcome.CAPTURED, AdviceOutcome.CAPTURED_WITH_EXCEPTION)


@dataclass(frozen=True)
class ReviewView:
    """What a person decided, and what came of it. Nobody decided a withdrawal: the till undid the sale (`maker_id` None)."""

    id: uuid.UUID
    kind: ReviewKind
    state: ReviewState
    reason: str
    maker_id: uuid.UUID | None
    made_at: datetime
    checker_id: uuid.UUID | None
    decided_at: datetime | None
    words: str | None
    outcome: AdviceOutcome | None
    redemption_id: uuid.UUID | None


@dataclass(frozen=True)
class HeldAdvice:
    """A record held for review. `review` is the live decision or proposal, None while nobody has looked."""

    id: uuid.UUID
    merchant_id: uuid.UUID
    terminal_id: uuid.UUID
    terminal_seq: int
    merchant_ref: str
    code: str
    given_fen: int | None
    amount_fen: int
    occurred_at: datetime
    received_at: datetime
    review: ReviewView | None


@dataclass(frozen=True)
class Judged:
    """What would come of accepting: outcome, code, what is captured. `bearer`: `program`, `union` (5902), `merchant`."""

    outcome: AdviceOutcome
    code: str | None
    fen: int
    bearer: str


@dataclass(frozen=True)
class CodeAsOf:
    """The code verified again as of one moment: None is good, else why not. `off_seconds`: how old the proof was then."""

    at: datetime
    outcome: Outcome | None
    off_seconds: int | None


@dataclass(frozen=True)
class Evidence:
    """All that is known of a held record. `as_told` by the terminal's clock, `corrected` by how far that was out."""

    advice: HeldAdvice
    venue: Venue
    service_code: str | None
    programs: tuple[str, ...]
    late: timedelta
    clock_off_seconds: int
    list_age: timedelta | None
    synced_at: datetime | None
    proof_at: datetime | None
    assurance: str | None
    confirmed: bool | None
    as_told: CodeAsOf
    corrected: CodeAsOf
    gaps: tuple[tuple[str, int, int], ...]
    of_card: int
    if_accepted: Judged | None
    reviews: tuple[ReviewView, ...]
    signed: bool
    """The terminal's own key signed it: it can be shown to others as it is."""


def held_advices(
    session: Session,
    *,
    waiting: bool = True,
    merchant_id: uuid.UUID | None = None,
    limit: int = 500,
    after: uuid.UUID | None = None,
) -> list[HeldAdvice]:
    """Records that wait for a person, the oldest first; with `waiting` false those decided, the newest first.

    `after`: those that come after this one in that order: a waiting record by its id, a decided one by its review's.
    """
    wanted = select(Advice, AdviceReview).outerjoin(AdviceReview, _LIVE).where(*_held(waiting=waiting))
    wanted = wanted.order_by(Advice.id) if waiting else wanted.order_by(AdviceReview.id.desc())
    if after is not None:
        wanted = wanted.where(Advice.id > after if waiting else AdviceReview.id < after)
    if merchant_id is not None:
        wanted = wanted.where(Advice.merchant_id == merchant_id)
    rows = session.execute(wanted.limit(limit).execution_options(populate_existing=True))
    return [_held_view(row, review) for row, review in rows]


def count_held_advices(session: Session, *, waiting: bool = True) -> int:
    """How many there are in all."""
    wanted = select(func.count()).select_from(Advice).outerjoin(AdviceReview, _LIVE).where(*_held(waiting=waiting))
    return session.scalar(wanted) or 0


_LIVE = (AdviceReview.advice_id == Advice.id) & (AdviceReview.state != ReviewState.DECLINED)


def _held(*, waiting: bool) -> tuple[ColumnElement[bool], ...]:
    undecided = AdviceReview.id.is_(None) | (AdviceReview.state == ReviewState.PROPOSED)
    held = Advice.outcome == AdviceOutcome.HELD_FOR_REVIEW.value
    return held, undecided if waiting else AdviceReview.state == ReviewState.DONE


def advice_evidence(session: Session, world: World, advice_id: uuid.UUID) -> Evidence:
    """Everything a person needs to decide. Raises NotFound("advice_unknown").

    What acceptance would bring is found by trying it and undoing it.
    """
    row = held_row(session, advice_id)
    venue = venue_of_terminal(session, row.terminal_id)
    told, corrected = _moments(row)
    as_told, corrected_code = (_code_as_of(session, world, row, venue, at) for at in (told, corrected))
    good = next((code for _, code in (as_told, corrected_code) if isinstance(code, Accepted)), None)
    reviews = reviews_of(session, advice_id)
    live = next((one for one in reviews if one.state is not ReviewState.DECLINED), None)
    open_case = live is None or live.state is ReviewState.PROPOSED
    record = row.record
    listed, synced = _moment(record.get("list_issued_at")), _moment(record.get("synced_at"))
    held = replace(_held_view(row, None), review=live)
    return Evidence(
        advice=held,
        venue=venue,
        service_code=record["purchase"].get("service_code"),
        programs=tuple((record.get("decision") or {}).get("programs") or ()),
        late=row.received_at - row.occurred_at,
        clock_off_seconds=row.clock_off_seconds,
        list_age=row.occurred_at - listed if listed else None,
        synced_at=synced,
        proof_at=good.proof_at if good else None,
        assurance=good.assurance if good else None,
        confirmed=row.confirmed,
        as_told=as_told[0],
        corrected=corrected_code[0],
        gaps=_gaps_around(session, row),
        of_card=_of_card(session, row, good),
        if_accepted=tried(session, world, row, venue) if open_case else None,
        reviews=reviews,
        signed=record.get("key_id") is not None,
    )


def offline_alarms(session: Session) -> tuple[AlarmLine, ...]:
    """Open alarms (copied phones, codes never issued) about what came in as advices, the newest first."""
    raised = alarms(session, open_only=True)
    ids = [one.alarm.redemption_id for one in raised if one.alarm.redemption_id]
    # By the sale's own number, which advices have an index of.
    same = (Advice.merchant_id == Redemption.merchant_id) & (Advice.merchant_ref == Redemption.merchant_ref)
    captured = select(Redemption.id).join(Advice, same & (Advice.redemption_id == Redemption.id))
    known = set(session.scalars(captured.where(Redemption.id.in_(ids))))
    known |= set(session.scalars(select(AdviceReview.redemption_id).where(AdviceReview.redemption_id.in_(ids))))
    return tuple(one for one in raised if one.alarm.advice_id or one.alarm.redemption_id in known)


# -- judging again


def _moments(row: Advice) -> tuple[datetime, datetime]:
    """When the terminal says it happened, and when that was by our clock."""
    return row.occurred_at, row.occurred_at - timedelta(seconds=row.clock_off_seconds)


def _code_as_of(
    session: Session, world: World, row: Advice, venue: Venue, at: datetime
) -> tuple[CodeAsOf, Accepted | Rejected]:
    merchant, terminal, said = venue.merchant_code, venue.terminal_code, row.record
    amount_fen = said["purchase"]["amount_fen"]
    asked = asked_nonce(merchant, terminal, amount_fen, said.get("challenge"), said.get("bound_nonce"))
    context = VerifyContext(frozenset((merchant, terminal)), asked, Window.OFFLINE)
    code = verify(said["code"], trust_pack_as_of(session, world.now(), at), None, at, context)
    if isinstance(code, Rejected):
        return CodeAsOf(at, code.outcome, code.delta_seconds), code
    age = int((at - code.proof_at).total_seconds()) if code.proof_at else None
    return CodeAsOf(at, None, age), code


def recalled(session: Session, world: World, row: Advice, venue: Venue) -> tuple[Advise, datetime]:
    """The record as a command, as of the first of its two moments at which the code is good; its own if at neither.

    Nothing is reported before it happened: paper carries no time of its own and would be good in any future.
    """
    told, corrected = _moments(row)
    possible = [at for at in dict.fromkeys((told, corrected)) if at <= row.received_at + CLOCK_OFF]
    judged = [(at, _code_as_of(session, world, row, venue, at)[1]) for at in possible]
    good = [one for one in judged if isinstance(one[1], Accepted)]
    at, code = [*good, *judged, (told, Rejected(Outcome.CLOCK_ERROR))][0]
    record = row.record
    decision = record.get("decision")
    command = Advise(
        venue=venue,
        terminal_seq=row.terminal_seq,
        occurred_at=at,
        merchant_ref=row.merchant_ref,
        code_text=record["code"],
        code=code,
        purchase=_purchase(record["purchase"]),
        record=record,
        digest=row.digest,
        signed=True,
        given_fen=decision["benefit_fen"] if decision else None,
        list_issued_at=_moment(record.get("list_issued_at")),
        synced_at=_moment(record.get("synced_at")),
        id_last4=printed.CONFIRMED if row.confirmed else None,
        bound=record.get("bound_nonce") is not None,
    )
    return command, at


def tried(session: Session, world: World, row: Advice, venue: Venue) -> Judged | None:
    """What accepting it now would bring; nothing of it stays. None when its number is taken by now."""
    asked, at = recalled(session, world, row, venue)
    with session.begin_nested() as point:
        told = _told(session, judge(session, world, asked, policy_as_of(session, at)))
        point.rollback()
    session.expire_all()
    return told


def _told(session: Session, verdict: Verdict) -> Judged | None:
    if verdict.outcome is AdviceOutcome.DUPLICATE:
        return None
    if verdict.outcome not in GOOD or verdict.redemption_id is None:
        return Judged(verdict.outcome, verdict.code, 0, "merchant")
    made = redemption_of(session, verdict.redemption_id, None)
    borne = session.scalar(select(Redemption.borne).where(Redemption.id == verdict.redemption_id))
    return Judged(verdict.outcome, verdict.code, made.captured_fen, "union" if borne else "program")


def _purchase(sent: Mapping[str, Any]) -> Purchase:
    lines = tuple(
        PurchaseLine(line["line_no"], line["amount_fen"], line.get("category")) for line in sent.get("lines") or ()
    )
    on = sent.get("service_on")
    return Purchase(sent["amount_fen"], sent.get("service_code"), lines, date.fromisoformat(on) if on else None)


def _moment(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None


def _gaps_around(session: Session, row: Advice) -> tuple[tuple[str, int, int], ...]:
    """What is open about the terminal's numbers next to this one."""
    found = session.execute(
        select(AdviceException.why, AdviceException.first_seq, AdviceException.last_seq)
        .where(
            AdviceException.terminal_id == row.terminal_id,
            AdviceException.code == "E12",
            AdviceException.closed_at.is_(None),
            AdviceException.first_seq <= row.terminal_seq + 1,
            AdviceException.last_seq >= row.terminal_seq - 1,
        )
        .order_by(AdviceException.first_seq)
    )
    return tuple((one.why, one.first_seq, one.last_seq) for one in found)


def _of_card(session: Session, row: Advice, code: Accepted | None) -> int:
    """How many other offline sales of the same card this terminal reported within a day around this one."""
    index = code.index if code else row.card_index
    if index is None:
        return 0
    day = timedelta(days=1)
    near = select(Advice.merchant_ref).where(
        Advice.terminal_id == row.terminal_id,
        Advice.card_index == index,
        Advice.id != row.id,
        Advice.merchant_ref != row.merchant_ref,
        Advice.occurred_at.between(row.occurred_at - day, row.occurred_at + day),
    )
    return len(set(session.scalars(near)))


# -- rows


def held_row(session: Session, advice_id: uuid.UUID) -> Advice:
    """Raises NotFound("advice_unknown")."""
    row = session.get(Advice, advice_id, populate_existing=True)
    if row is None or row.outcome != AdviceOutcome.HELD_FOR_REVIEW.value:
        raise NotFound("advice_unknown", "没有这条待核定的离线记录，请核对。")
    return row


def reviews_of(session: Session, advice_id: uuid.UUID) -> tuple[ReviewView, ...]:
    """All that was decided of a record, the newest first."""
    rows: Sequence[AdviceReview] = session.scalars(
        select(AdviceReview)
        .where(AdviceReview.advice_id == advice_id)
        .order_by(AdviceReview.id.desc())
        .execution_options(populate_existing=True)
    ).all()
    return tuple(review_view(row) for row in rows)


def review_view(row: AdviceReview) -> ReviewView:
    """The row as a value."""
    return ReviewView(
        row.id,
        ReviewKind(row.kind),
        ReviewState(row.state),
        row.reason,
        row.maker_id,
        row.made_at,
        row.checker_id,
        row.decided_at,
        row.words,
        AdviceOutcome(row.outcome) if row.outcome else None,
        row.redemption_id,
    )


def _held_view(row: Advice, review: AdviceReview | None) -> HeldAdvice:
    decision = row.record.get("decision")
    return HeldAdvice(
        row.id,
        row.merchant_id,
        row.terminal_id,
        row.terminal_seq,
        row.merchant_ref,
        row.code or "",
        decision["benefit_fen"] if decision else None,
        row.record["purchase"]["amount_fen"],
        row.occurred_at,
        row.received_at,
        review_view(review) if review else None,
    )
