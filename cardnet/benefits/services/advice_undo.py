"""A sale made offline that the cashier undid: named by its number, since a record held for review has no redemption."""

import uuid
from dataclasses import dataclass
from typing import Literal

from sqlalchemy import insert, update
from sqlalchemy.orm import Session

from cardnet.benefits.models_advice import AdviceReview
from cardnet.benefits.services.advices import advice_of_ref, as_it_stands, one_at_a_time
from cardnet.benefits.services.records import NothingToReverse, Reverse
from cardnet.benefits.services.undo import reverse
from cardnet.benefits.words import AdviceOutcome, ReviewKind, ReviewState
from cardnet.kernel import audit
from cardnet.kernel.errors import NotFound
from cardnet.kernel.world import World
from cardnet.merchants.rules import Venue
from cardnet.merchants.services import venue_of_terminal

WITHDRAWN = "withdrawn"


@dataclass(frozen=True)
class UndoAdvice:
    """A till of the merchant undoes what was reported under this number of the merchant's."""

    venue: Venue
    merchant_ref: str
    reason: str


@dataclass(frozen=True)
class AdviceUndone:
    """`withdrawn`: it was held for review and nobody can accept it any more; the others as for any redemption."""

    outcome: Literal["withdrawn", "reversed", "nothing_to_reverse"]
    redemption_id: uuid.UUID | None = None


def undo_advice(session: Session, world: World, command: UndoAdvice) -> AdviceUndone:
    """Undo an offline sale wherever it stands: held, accepted by people meanwhile, or captured at once.

    Doing it again changes nothing. Raises NotFound("not_found") when no such record has come, and what `reverse` does.
    """
    row = advice_of_ref(session, command.venue.merchant_id, command.merchant_ref)
    if row is None:
        raise NotFound("not_found", "没有收到过这个商户单号的离线记录，请先上传，再撤销。")
    # Whoever proposes, refuses or confirms it takes this too.
    one_at_a_time(session, venue_of_terminal(session, row.terminal_id))
    redemption_id, outcome, code = as_it_stands(session, row)
    if redemption_id is not None:
        done = reverse(session, world, Reverse(command.venue, redemption_id, command.reason))
        told: Literal["reversed", "nothing_to_reverse"] = "reversed"
        return AdviceUndone("nothing_to_reverse" if isinstance(done, NothingToReverse) else told, redemption_id)
    if code == WITHDRAWN:
        return AdviceUndone("withdrawn")
    if outcome is not AdviceOutcome.HELD_FOR_REVIEW:
        return AdviceUndone("nothing_to_reverse")
    _withdraw(session, world, row.id, command)
    return AdviceUndone("withdrawn")


def _withdraw(session: Session, world: World, advice_id: uuid.UUID, command: UndoAdvice) -> None:
    at = world.now()
    waiting = AdviceReview.advice_id == advice_id, AdviceReview.state == ReviewState.PROPOSED
    session.execute(update(AdviceReview).where(*waiting).values(state=ReviewState.DECLINED, decided_at=at))
    values = {
        "id": world.new_id(),
        "advice_id": advice_id,
        "kind": ReviewKind.WITHDRAW.value,
        "state": ReviewState.DONE.value,
        "reason": command.reason,
        "made_at": at,
        "decided_at": at,
        "code": WITHDRAWN,
    }
    session.execute(insert(AdviceReview).values(**values))
    told = {"merchant_ref": command.merchant_ref, "terminal": command.venue.terminal_code, "reason": command.reason}
    audit.record(session, world, audit.Act("advice.withdraw", "advice", str(advice_id), after=told))
