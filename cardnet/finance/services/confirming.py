"""What a merchant says to a sealed settlement: 对账无误, or what is wrong with it; and all that happened to it since."""

import uuid
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import insert, select
from sqlalchemy.orm import Session

from cardnet.finance.models import Settlement, SettlementEvent
from cardnet.finance.rules import SettlementState, next_settlement_state
from cardnet.finance.services.settlements import SettlementView, reached, settlement
from cardnet.finance.services.words import said
from cardnet.kernel import audit
from cardnet.kernel.errors import NotFound
from cardnet.kernel.world import World


@dataclass(frozen=True)
class ConfirmSettlement:
    """对账无误: a manager of the merchant says that the settlement is right; no file is needed."""

    settlement_id: uuid.UUID
    merchant_id: uuid.UUID
    actor_id: uuid.UUID


@dataclass(frozen=True)
class DisputeSettlement:
    """A manager of the merchant says what is wrong. The settlement stays as it is: corrections are lines of a later one."""

    settlement_id: uuid.UUID
    merchant_id: uuid.UUID
    actor_id: uuid.UUID
    words: str


@dataclass(frozen=True)
class SettlementStep:
    """One thing that happened to a settlement. `words` are the merchant's objection; it is `sealed` then, as before."""

    state: SettlementState
    at: datetime
    actor_id: uuid.UUID | None
    words: str | None


def confirm_settlement(session: Session, world: World, command: ConfirmSettlement) -> SettlementView:
    """`sealed → confirmed`. Raises NotFound("not_found"), also for another merchant's, Conflict("illegal_transition")."""
    row = _own(session, command.settlement_id, command.merchant_id)
    state = next_settlement_state(SettlementState(row.state), SettlementState.CONFIRMED)
    row.state = state.value
    session.flush()
    reached(session, world, row.id, row.merchant_id, state, command.actor_id, row.net_fen)
    return settlement(session, row.id)


def dispute_settlement(session: Session, world: World, command: DisputeSettlement) -> None:
    """Note what the merchant objects to; finance sees it beside the settlement.

    Raises NotFound("not_found"), Conflict("illegal_transition") once it is confirmed, InvalidInput("words_missing").
    """
    words = said(command.words, "请写明哪一笔、哪里不对")
    row = _own(session, command.settlement_id, command.merchant_id)
    next_settlement_state(SettlementState(row.state), SettlementState.CONFIRMED)
    event = {"settlement_id": row.id, "state": row.state, "at": world.now(), "actor_id": command.actor_id}
    session.execute(insert(SettlementEvent).values(id=world.new_id(), **event, words=words))
    act = audit.Act("settlement.disputed", "settlement", str(row.id), command.actor_id, after={"words": words})
    audit.record(session, world, act)


def settlement_steps(session: Session, settlement_id: uuid.UUID) -> tuple[SettlementStep, ...]:
    """Everything that happened to a settlement, the oldest first."""
    rows = session.scalars(
        select(SettlementEvent).where(SettlementEvent.settlement_id == settlement_id).order_by(SettlementEvent.id)
    )
    return tuple(SettlementStep(SettlementState(row.state), row.at, row.actor_id, row.words) for row in rows)


def _own(session: Session, settlement_id: uuid.UUID, merchant_id: uuid.UUID) -> Settlement:
    """Locked: two managers at once decide one after the other."""
    row = session.scalar(
        select(Settlement)
        .where(Settlement.id == settlement_id, Settlement.merchant_id == merchant_id)
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    if row is None:
        raise NotFound("not_found", "没有这张结算单，请返回列表重新选择。")
    return row
