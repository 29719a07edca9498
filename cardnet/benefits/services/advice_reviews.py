"""Records of tills that nobody could date, or prove, decided by people.

A clock that was out, a record that came after three days, paper under a key that was stolen meanwhile: the till was
told `held_for_review`, and nothing was captured. One person proposes to accept it and another agrees, since money is
owed by it; then it is judged as any other record, as of the moment the sale is taken to have happened, and whoever
the rules name bears it. One person refuses it, with a reason: then the merchant bears it.
"""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import insert, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from cardnet.access.rules import Principal, Role
from cardnet.benefits.models_advice import Advice, AdviceReview
from cardnet.benefits.services.advice_gaps import reason_of, refuse_unless
from cardnet.benefits.services.advices import judge, one_at_a_time, open_over_limit
from cardnet.benefits.services.held_advices import GOOD, ReviewView, held_row, recalled, review_view, reviews_of, tried
from cardnet.benefits.words import ReviewKind, ReviewState
from cardnet.credential.store import policy_as_of
from cardnet.kernel import audit
from cardnet.kernel.errors import Conflict, NotAllowed
from cardnet.kernel.world import World
from cardnet.merchants.services import venue_of_terminal

MAKERS = (Role.FINANCE_MAKER,)
CHECKERS = (Role.FINANCE_CHECKER, Role.FINANCE_APPROVER)


@dataclass(frozen=True)
class ProposeAcceptance:
    """The maker believes the record and says why. Another person has to agree."""

    advice_id: uuid.UUID
    officer: Principal
    reason: str


@dataclass(frozen=True)
class RefuseAdvice:
    """The record is not believed: the merchant bears what it gave."""

    advice_id: uuid.UUID
    officer: Principal
    reason: str


@dataclass(frozen=True)
class ConfirmAcceptance:
    """The checker agrees; the money is owed from now on."""

    advice_id: uuid.UUID
    officer: Principal


@dataclass(frozen=True)
class DeclineAcceptance:
    """The checker does not agree; the record waits again."""

    advice_id: uuid.UUID
    officer: Principal
    words: str


def propose_acceptance(session: Session, world: World, command: ProposeAcceptance) -> ReviewView:
    """A maker wants it accepted.

    Raises InvalidInput("reason_missing"), NotFound("advice_unknown"), Conflict("advice_decided"), and
    Conflict("advice_not_good") when the rules would refuse it all the same.
    """
    refuse_unless(command.officer, *MAKERS)
    reason = reason_of(command.reason)
    row = _undecided(session, command.advice_id)
    found = tried(session, world, row, venue_of_terminal(session, row.terminal_id))
    if found is None or found.outcome not in GOOD:
        raise _not_good(found.code if found else None)
    return _write(session, world, row, ReviewKind.ACCEPT, reason, command.officer, ReviewState.PROPOSED)


def refuse_advice(session: Session, world: World, command: RefuseAdvice) -> ReviewView:
    """The record is settled: nothing is owed for it. Raises what `propose_acceptance` does but "advice_not_good"."""
    refuse_unless(command.officer, *MAKERS)
    reason = reason_of(command.reason)
    row = _undecided(session, command.advice_id)
    return _write(session, world, row, ReviewKind.REFUSE, reason, command.officer, ReviewState.DONE)


def confirm_acceptance(session: Session, world: World, command: ConfirmAcceptance) -> ReviewView:
    """Another person agrees: the sale is captured as of when it happened, booked on today.

    Raises NotFound("advice_unknown"), Conflict("advice_decided"), NotAllowed("four_eyes") to the maker,
    Conflict("advice_not_good") when the rules refuse it by now, Unavailable("day_closing", "busy").
    """
    refuse_unless(command.officer, *CHECKERS)
    row = held_row(session, command.advice_id)
    venue = venue_of_terminal(session, row.terminal_id)
    one_at_a_time(session, venue)
    # The lock is our first write, so the close of the day waits for us.
    review = _proposed(session, row.id)
    _other_eyes(review, command.officer)
    asked, at = recalled(session, world, row, venue)
    verdict = judge(session, world, asked, policy_as_of(session, at))
    if verdict.outcome not in GOOD or verdict.redemption_id is None:
        raise _not_good(verdict.code)
    open_over_limit(session, world, asked, verdict, row.id)
    review.state, review.checker_id, review.decided_at = ReviewState.DONE, command.officer.account_id, world.now()
    review.outcome, review.code, review.redemption_id = verdict.outcome, verdict.code, verdict.redemption_id
    review.happened_at = at
    session.flush()
    _note(session, world, "advice.accept", row, command.officer, {"redemption": str(verdict.redemption_id)})
    return review_view(review)


def decline_acceptance(session: Session, world: World, command: DeclineAcceptance) -> ReviewView:
    """Another person does not agree: the record waits again, the proposal stays on record. Raises as `confirm`."""
    refuse_unless(command.officer, *CHECKERS)
    words = reason_of(command.words)
    row = held_row(session, command.advice_id)
    review = _proposed(session, row.id)
    _other_eyes(review, command.officer)
    review.state, review.checker_id, review.decided_at = ReviewState.DECLINED, command.officer.account_id, world.now()
    review.words = words
    session.flush()
    _note(session, world, "advice.decline", row, command.officer, {"words": words})
    return review_view(review)


# -- rows


def _undecided(session: Session, advice_id: uuid.UUID) -> Advice:
    row = held_row(session, advice_id)
    # The till may be undoing it: what it says and what we write come one after the other.
    one_at_a_time(session, venue_of_terminal(session, row.terminal_id))
    live = select(AdviceReview.id).where(
        AdviceReview.advice_id == advice_id, AdviceReview.state != ReviewState.DECLINED
    )
    if session.scalar(live):
        raise _decided()
    return row


def _proposed(session: Session, advice_id: uuid.UUID) -> AdviceReview:
    """The proposal, locked. Raises Conflict("advice_decided") when there is none any more."""
    review = session.scalar(
        select(AdviceReview)
        .where(AdviceReview.advice_id == advice_id, AdviceReview.state == ReviewState.PROPOSED)
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    if review is None:
        raise _decided()
    return review


def _other_eyes(review: AdviceReview, officer: Principal) -> None:
    if review.maker_id == officer.account_id:
        raise NotAllowed("four_eyes", "经办人不能复核自己提出的核定，请由另一人复核。")


def _decided() -> Conflict:
    return Conflict("advice_decided", "这条离线记录已经有人办理，请刷新后再看。")


def _not_good(code: str | None) -> Conflict:
    return Conflict(
        "advice_not_good", "按当时的情况这笔不能由工会承担，只能退回由商户承担。", {"code": code} if code else {}
    )


def _write(
    session: Session,
    world: World,
    row: Advice,
    kind: ReviewKind,
    reason: str,
    officer: Principal,
    state: ReviewState,
) -> ReviewView:
    at = world.now()
    values = {
        "id": world.new_id(),
        "advice_id": row.id,
        "kind": kind.value,
        "state": state.value,
        "reason": reason,
        "maker_id": officer.account_id,
        "made_at": at,
        "decided_at": at if state is ReviewState.DONE else None,
    }
    try:
        with session.begin_nested():
            session.execute(insert(AdviceReview).values(**values))
    except IntegrityError:
        raise _decided() from None
    verb = "advice.refuse" if kind is ReviewKind.REFUSE else "advice.propose"
    _note(session, world, verb, row, officer, {"reason": reason})
    return reviews_of(session, row.id)[0]


def _note(
    session: Session, world: World, action: str, row: Advice, officer: Principal, after: Mapping[str, Any]
) -> None:
    told = {"merchant_ref": row.merchant_ref, "terminal_seq": row.terminal_seq, **after}
    audit.record(session, world, audit.Act(action, "advice", str(row.id), actor_id=officer.account_id, after=told))
