"""Holds whose time is over: what they held becomes free again."""

import uuid
from datetime import datetime

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from cardnet.benefits.models import Redemption, RedemptionBenefit
from cardnet.benefits.services import printed
from cardnet.benefits.services.changes import (
    Delta,
    Locked,
    announce,
    book,
    change_counters,
    free_reference,
    pool_moves,
    with_benefits,
)
from cardnet.benefits.words import RedemptionState
from cardnet.kernel.world import World
from cardnet.ledger.rules import AccountCode, EntryKind

_AT_ONCE = 100


def release_expired(session: Session, world: World, at: datetime, pool_id: uuid.UUID | None = None) -> int:
    """Release up to a hundred holds that ended at or before `at`, of one pool or of all. Says how many.

    It waits for nobody: a hold of which anything is locked is left for the next time. So it may be called in the
    middle of a redemption, whose own locks would else be taken out of order.
    """
    wanted = (
        select(Redemption)
        .where(Redemption.state == RedemptionState.HELD.value, Redemption.hold_expires_at <= at)
        .order_by(Redemption.hold_expires_at)
        .limit(_AT_ONCE)
        .with_for_update(skip_locked=True)
        .execution_options(populate_existing=True)
    )
    if pool_id is not None:
        from_pool = select(RedemptionBenefit.redemption_id).where(
            RedemptionBenefit.redemption_id == Redemption.id,
            RedemptionBenefit.takes.op("@>")(text("jsonb_build_array(jsonb_build_array(cast(:pool as text)))")),
        )
        wanted = wanted.where(from_pool.exists()).params(pool=str(pool_id))
    released = 0
    for row in session.scalars(wanted).all():
        with session.begin_nested() as point:
            if expire(session, world, with_benefits(session, row), patient=False):
                released += 1
            else:
                point.rollback()
    return released


def expire(session: Session, world: World, target: Locked, *, patient: bool) -> bool:
    """`held → expired`: counters, pools and the merchant's number are free again. False when it would have to wait."""
    if not printed.free(session, target.row, patient=patient):
        return False
    deltas = [Delta(one.row.program_id, held_n=-1, held_fen=-one.row.benefit_fen) for one in target.benefits]
    if not change_counters(session, target.row.id, deltas, patient=patient):
        return False
    target.row.state = RedemptionState.EXPIRED.value
    free_reference(session, target.row)
    announce(session, world, target.row, "expired", {})
    session.flush()
    moves = [
        move
        for one in target.benefits
        for move in pool_moves(one, AccountCode.HELD, AccountCode.AVAILABLE, one.row.union_fen, 1)
    ]
    return book(session, world, target, EntryKind.RELEASE, moves, patient=patient)
