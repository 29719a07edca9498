"""Reversals (whole, same open business day) and refunds (part or all, any time): new rows, never edits of old ones."""

import uuid
from collections.abc import Sequence
from typing import Any

from sqlalchemy import insert, select
from sqlalchemy.orm import Session

from cardnet.benefits.models import RedemptionLine, Refund
from cardnet.benefits.services import printed
from cardnet.benefits.services.changes import (
    BenefitPart,
    Delta,
    Locked,
    announce,
    book,
    change_counters,
    free_reference,
    locked,
    pool_moves,
)
from cardnet.benefits.services.expiry import expire
from cardnet.benefits.services.records import GiveBack, NothingToReverse, RefundRecord, Reverse
from cardnet.benefits.words import ProgramKind, RedemptionState, RefundKind
from cardnet.kernel.calendar import day_of
from cardnet.kernel.errors import Conflict, FieldError, InvalidInput, MoreThanLeft
from cardnet.kernel.money import allocate
from cardnet.kernel.world import World
from cardnet.ledger.rules import AccountCode, DayState, EntryKind
from cardnet.ledger.services import day_state

_NOTHING = frozenset({RedemptionState.REFUSED, RedemptionState.EXPIRED})
_SPENT_BY_REFUNDS = frozenset({RedemptionState.PARTLY_REFUNDED, RedemptionState.REFUNDED})


def reverse(session: Session, world: World, command: Reverse) -> RefundRecord | NothingToReverse:
    """`captured → reversed` while its business day is today's and open, `held → reversed` on any day.

    The uses go back to the periods they were taken from, the pools and postings as well, and the merchant may use
    its number again. Repeating it returns the same reversal; a refused or expired original has nothing to reverse.
    Raises Conflict("day_closed"), ("invalid_state") after a refund, NotFound("not_found").
    """
    target = locked(session, command.redemption_id, command.venue.merchant_id)
    state = RedemptionState(target.row.state)
    if state is RedemptionState.REVERSED:
        return _made(session, target)
    if state in _NOTHING:
        return NothingToReverse(target.row.id, state)
    if state in _SPENT_BY_REFUNDS:
        raise Conflict("invalid_state", "这笔核销已经退过款，请继续用退款处理。", {"state": state.value})
    if state is RedemptionState.HELD:
        return _release(session, world, target, command)
    # The lock on the redemption was our first write at the latest, so the close waits for us: ledger.services.days.
    today = day_of(world.now())
    if target.row.business_date != today or day_state(session, today) is not DayState.OPEN:
        raise Conflict(
            "day_closed",
            "这笔核销的业务日已经结束，不能撤销，请改为退款。",
            {"business_date": target.row.business_date.isoformat()},
        )
    return _undo(session, world, target, command, RefundKind.REVERSAL, _spread(target, target.row.captured_fen))


def refund(session: Session, world: World, command: GiveBack) -> RefundRecord:
    """Give back `benefit_fen`, the stored shares of `lines`, or all that is left.

    Money is free again at once, the use only when all is refunded. Raises MoreThanLeft("refund_exceeds_captured", with
    `remaining_fen`), ("invalid_fields"), Conflict("invalid_state"), NotFound("not_found").
    """
    target = locked(session, command.redemption_id, command.venue.merchant_id)
    row = target.row
    if row.state not in (RedemptionState.CAPTURED, RedemptionState.PARTLY_REFUNDED, RedemptionState.REFUNDED):
        raise Conflict("invalid_state", "只有已核销的记录可以退款。", {"state": row.state})
    remaining = row.captured_fen - row.refunded_fen
    if command.lines:
        shares = _shares_of_lines(session, target, command.lines, remaining)
        return _undo(session, world, target, command, RefundKind.REFUND, shares)
    wanted = remaining if command.benefit_fen is None else command.benefit_fen
    if command.benefit_fen is not None and command.benefit_fen < 1:
        message = "退款金额应为大于零的整数（分）。"
        raise InvalidInput("invalid_fields", message, [FieldError("/benefit_fen", message)])
    if wanted > remaining or remaining == 0:
        raise _too_much("/benefit_fen", remaining)
    return _undo(session, world, target, command, RefundKind.REFUND, _spread(target, wanted))


def _too_much(pointer: str, remaining: int) -> MoreThanLeft:
    message = "退款合计不能超过核销金额。"
    return MoreThanLeft(
        "refund_exceeds_captured", message, [FieldError(pointer, message)], {"remaining_fen": remaining}
    )


def _spread(target: Locked, wanted: int) -> list[int]:
    """An amount over the benefits, in proportion to what each has left."""
    return allocate(wanted, [one.left_fen for one in target.benefits])


def _shares_of_lines(session: Session, target: Locked, lines: Sequence[int], remaining: int) -> list[int]:
    """What each benefit took off these lines. A line is given back once; what is back already cannot come twice."""
    known = session.scalars(select(RedemptionLine.line_no).where(RedemptionLine.redemption_id == target.row.id)).all()
    for place, line in enumerate(lines):
        if line not in known:
            message = "原记录没有这一行，请核对行号。"
            raise InvalidInput("invalid_fields", message, [FieldError(f"/lines/{place}/line_no", message)])
    before = session.scalars(
        select(Refund.lines).where(Refund.redemption_id == target.row.id, Refund.lines.is_not(None))
    )
    returned = {line for one in before for line in one or ()}
    shares = [sum(fen for number, fen in one.row.lines if number in lines) for one in target.benefits]
    again = any(line in returned for line in lines)
    if again or any(fen > one.left_fen for fen, one in zip(shares, target.benefits, strict=True)):
        raise _too_much("/lines", remaining)
    if not sum(shares):
        message = "这些行没有享受优惠，没有可退的金额。"
        raise InvalidInput("invalid_fields", message, [FieldError("/lines", message)])
    return shares


def _release(session: Session, world: World, target: Locked, command: Reverse) -> RefundRecord:
    fen, union_fen = target.row.held_fen, target.row.union_fen
    expire(session, world, target, patient=True)
    target.row.state = RedemptionState.REVERSED.value
    parts = [(one, one.row.benefit_fen, one.row.union_fen) for one in target.benefits]
    _write(session, world, target, command, RefundKind.RELEASE, (fen, union_fen), parts)
    session.flush()
    return _made(session, target)


def _undo(
    session: Session,
    world: World,
    target: Locked,
    command: Reverse | GiveBack,
    kind: RefundKind,
    shares: Sequence[int],
) -> RefundRecord:
    row, wanted = target.row, sum(shares)
    whole = wanted == row.captured_fen - row.refunded_fen
    if kind is RefundKind.REVERSAL:
        printed.free(session, row)
    parts = [(one, fen, one.union_share(fen)) for one, fen in zip(target.benefits, shares, strict=True)]
    # A benefit that was captured with nothing took no use, so none comes back.
    uses = {one.row.program_id: int(whole and one.row.benefit_fen > 0) for one in target.benefits}
    change_counters(
        session,
        row.id,
        [Delta(one.row.program_id, used_n=-uses[one.row.program_id], used_fen=-fen) for one, fen, _ in parts],
    )
    moves = [
        move
        for one, _, union_fen in parts
        for move in pool_moves(one, AccountCode.SPENT, AccountCode.AVAILABLE, union_fen, uses[one.row.program_id])
    ]
    for one, fen, union_fen in parts:
        one.row.refunded_fen += fen
        one.row.refunded_union_fen += union_fen
    row.refunded_fen += wanted
    if kind is RefundKind.REVERSAL:
        row.state = RedemptionState.REVERSED.value
        free_reference(session, row)
    else:
        row.state = (RedemptionState.REFUNDED if whole else RedemptionState.PARTLY_REFUNDED).value
    union_total = sum(union_fen for _, _, union_fen in parts)
    # What the union bore of an offline sale had counted no use, so none is said to come back.
    act_id = _write(
        session, world, target, command, kind, (wanted, union_total), parts, restored=whole and not row.borne
    )
    event = "reversed" if kind is RefundKind.REVERSAL else "refunded"
    announce(session, world, row, event, {"refund_id": str(act_id), "benefit_fen": wanted})
    session.flush()
    entry = EntryKind.REVERSAL if kind is RefundKind.REVERSAL else EntryKind.REFUND
    book(session, world, target, entry, moves, [(one, -union_fen) for one, _, union_fen in parts])
    return _made(session, target)


def _write(
    session: Session,
    world: World,
    target: Locked,
    command: Reverse | GiveBack,
    kind: RefundKind,
    amounts: tuple[int, int],
    parts: list[tuple[BenefitPart, int, int]],
    *,
    restored: bool = True,
) -> uuid.UUID:
    venue = command.venue
    lines = list(command.lines) if isinstance(command, GiveBack) and command.lines else None
    values: dict[str, Any] = {
        "id": world.new_id(),
        "redemption_id": target.row.id,
        "kind": kind.value,
        "fen": amounts[0],
        "union_fen": amounts[1],
        "discount_fen": sum(fen for one, fen, _ in parts if one.kind is ProgramKind.DISCOUNT),
        "benefits": [[str(one.row.program_id), fen, union_fen] for one, fen, union_fen in parts if fen],
        "restored": restored,
        "lines": lines,
        "reason": command.reason,
        "merchant_id": venue.merchant_id,
        "store_code": venue.store_code,
        "terminal_code": venue.terminal_code,
        "terminal_id": venue.terminal_id,
        "accepted_at": world.now(),
    }
    session.execute(insert(Refund).values(**values))
    act_id: uuid.UUID = values["id"]
    return act_id


def _made(session: Session, target: Locked) -> RefundRecord:
    """The newest refund of a redemption."""
    row = session.scalars(
        select(Refund).where(Refund.redemption_id == target.row.id).order_by(Refund.id.desc()).limit(1)
    ).one()
    return RefundRecord(
        row.id,
        row.redemption_id,
        RefundKind(row.kind),
        row.fen,
        row.union_fen,
        row.restored,
        row.reason,
        row.accepted_at,
        row.business_date,
        RedemptionState(target.row.state),
        target.row.captured_fen - target.row.refunded_fen,
    )
