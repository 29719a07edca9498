"""Capturing a hold: use what was held, or less of it; the rest is free again in the same transaction."""

from collections import Counter
from dataclasses import dataclass

from sqlalchemy import update
from sqlalchemy.orm import Session

from cardnet.benefits.models import RedemptionLine
from cardnet.benefits.services.changes import (
    BenefitPart,
    Delta,
    Locked,
    announce,
    book,
    change_counters,
    locked,
    pool_moves,
)
from cardnet.benefits.services.expiry import expire
from cardnet.benefits.services.facts import payable_account
from cardnet.benefits.services.lookups import record_of
from cardnet.benefits.services.records import Capture, RedemptionRecord
from cardnet.benefits.words import ProgramKind, RedemptionState
from cardnet.issuance.services import hold_stands, note_printed_use
from cardnet.kernel.errors import Conflict, FieldError, InvalidInput, MoreThanLeft
from cardnet.kernel.money import allocate
from cardnet.kernel.world import World
from cardnet.ledger.rules import AccountCode, EntryKind
from cardnet.ledger.services import ensure_accounts


@dataclass(frozen=True, slots=True)
class _Share:
    """What of one benefit is captured."""

    benefit: BenefitPart
    fen: int
    union_fen: int


def capture_hold(session: Session, world: World, command: Capture) -> RedemptionRecord:
    """`held → captured`, or `held → expired` when its time is over.

    An expired hold is a value (`outcome: expired`), because releasing it must be kept; the edge answers 409
    `hold_expired`. Raises MoreThanLeft("capture_exceeds_held", with `held_fen`), InvalidInput("invalid_fields"),
    Conflict("invalid_state", "revoked" where the union does not honour holds of a lost card), NotFound("not_found").
    """
    at = world.now()
    target = locked(session, command.redemption_id, command.venue.merchant_id)
    row = target.row
    if row.state == RedemptionState.EXPIRED:
        return record_of(session, target)
    if row.state != RedemptionState.HELD:
        raise Conflict("invalid_state", "这笔记录不是预留，不能核销。", {"state": row.state})
    assert row.hold_expires_at is not None
    if at >= row.hold_expires_at:
        expire(session, world, target, patient=True)
        return record_of(session, target)
    if not command.given and not hold_stands(session, row.card_index):
        raise Conflict("revoked", "会员卡在预留以后挂失或停用了，预留不能再核销；请按原价收款，预留到期自动释放。")
    wanted = row.held_fen if command.benefit_fen is None else command.benefit_fen
    if wanted < 1:
        message = "核销金额应大于零；不用的预留请撤销。"
        raise InvalidInput("invalid_fields", message, [FieldError("/benefit_fen", message)])
    if wanted > row.held_fen:
        message = "核销金额不能超过预留金额。"
        raise MoreThanLeft(
            "capture_exceeds_held", message, [FieldError("/benefit_fen", message)], {"held_fen": row.held_fen}
        )
    _capture(session, world, target, wanted)
    return record_of(session, target)


def _capture(session: Session, world: World, target: Locked, wanted: int) -> None:
    row = target.row
    parts = allocate(wanted, [one.row.benefit_fen for one in target.benefits])
    shares = [_Share(one, fen, one.union_share(fen)) for one, fen in zip(target.benefits, parts, strict=True)]
    # Before the counters, as in a redemption: two first captures of one merchant must not wait for each other.
    ensure_accounts(session, [payable_account(row.merchant_id)])
    change_counters(
        session,
        row.id,
        [
            # B7: a benefit of which nothing was captured is not a use.
            Delta(one.benefit.row.program_id, int(one.fen > 0), -1, one.fen, -one.benefit.row.benefit_fen)
            for one in shares
        ],
    )
    moves = []
    for one in shares:
        used = int(one.fen > 0)
        rest = one.benefit.row.union_fen - one.union_fen
        moves += pool_moves(one.benefit, AccountCode.HELD, AccountCode.SPENT, one.union_fen, used)
        moves += pool_moves(one.benefit, AccountCode.HELD, AccountCode.AVAILABLE, rest, 1 - used)
    for one in shares:
        benefit = one.benefit.row
        captured = allocate(one.fen, [fen for _, fen in benefit.lines]) if benefit.lines else []
        benefit.lines = [[no, fen] for (no, _), fen in zip(benefit.lines, captured, strict=True)]
        benefit.benefit_fen, benefit.union_fen = one.fen, one.union_fen
        benefit.merchant_fen = one.fen - one.union_fen
    row.captured_fen = wanted
    row.discount_fen = sum(one.fen for one in shares if one.benefit.kind is ProgramKind.DISCOUNT)
    row.subsidy_fen = wanted - row.discount_fen
    row.union_fen = sum(one.union_fen for one in shares)
    row.state = RedemptionState.CAPTURED.value
    row.accepted_at = world.now()
    if row.assurance == "printed" and row.card_index is not None:
        note_printed_use(session, world, row.card_index)
    announce(session, world, row, "captured", {})
    session.flush()
    session.refresh(row, ["business_date"])
    _rewrite_lines(session, target)
    book(session, world, target, EntryKind.CAPTURE, moves, [(one.benefit, one.union_fen) for one in shares])


def _rewrite_lines(session: Session, target: Locked) -> None:
    """The order's lines carry what was captured."""
    sums: Counter[int] = Counter()
    for one in target.benefits:
        sums.update(dict(one.row.lines))
    if sums:
        session.execute(
            update(RedemptionLine),
            [{"redemption_id": target.row.id, "line_no": no, "benefit_fen": fen} for no, fen in sums.items()],
        )
