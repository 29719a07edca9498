"""What the calls say of redemptions, as plain JSON values in the order the schemas name them."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from cardnet.benefits.reasons import Reason
from cardnet.benefits.services import RedemptionRecord, RefundRecord
from cardnet.finance.services import SettlementStep, SettlementView
from cardnet.http.speech import ENGLISH, asked_language
from cardnet.http.wire import moment
from cardnet.kernel.sequence import NumberedEvent


def redemption(record: RedemptionRecord, now: datetime) -> dict[str, Any]:
    """A redemption as POST and GET answer it."""
    said: dict[str, Any] = {
        "id": str(record.id),
        "outcome": record.outcome,
        "business_date": record.business_date.isoformat(),
        **_decided(record, now),
    }
    if record.group_ref is not None:
        by_unit = record.payable_fen if record.payer == "unit" else 0
        said |= {"group_ref": record.group_ref, "payer": record.payer}
        said |= {"member_payable_fen": record.payable_fen - by_unit, "unit_payable_fen": by_unit}
    if record.reasons:
        said["reasons"] = reasons(record.reasons)
    return said


def found(record: RedemptionRecord, now: datetime) -> dict[str, Any]:
    """A redemption looked up: as it was at the sale, and what was given back since."""
    return redemption(record, now) | {
        "refunded_fen": record.refunded_fen,
        "refunded_union_fen": record.refunded_union_fen,
    }


def settlement(view: SettlementView) -> dict[str, Any]:
    """A settlement without its lines."""
    totals = view.totals
    return {
        "id": str(view.id),
        "number": view.number,
        "first_on": view.first_on.isoformat(),
        "last_on": view.last_on.isoformat(),
        "state": view.state.value,
        "line_count": totals.lines,
        "captured_fen": totals.captured_fen,
        "reversed_fen": totals.reversed_fen,
        "refunded_fen": totals.refunded_fen,
        "net_fen": totals.net_fen,
        "sealed_at": moment(view.sealed_at),
        "sha256": view.sha256.hex(),
        "kid": view.kid.hex(),
    }


def step(one: SettlementStep) -> dict[str, Any]:
    """Something that happened to a settlement; who it was stays with the union and the merchant's manager."""
    return {"state": one.state.value, "at": moment(one.at), "words": one.words}


def quote(record: RedemptionRecord, token: tuple[str, datetime] | None, now: datetime) -> dict[str, Any]:
    """A quote: the same without an id, with the token that stands for the code and how long it does."""
    text, until = token or (None, None)
    said: dict[str, Any] = {"outcome": record.outcome, "quote_token": text}
    said |= {"quote_expires_at": until and moment(until), **_decided(record, now)}
    if record.reasons:
        said["reasons"] = reasons(record.reasons)
    return said


def refund(made: RefundRecord, now: datetime) -> dict[str, Any]:
    """What was given back, and what is left."""
    return {
        "id": str(made.id),
        "redemption_id": str(made.redemption_id),
        "outcome": made.redemption_state.value,
        "benefit_fen": made.benefit_fen,
        "remaining_fen": made.remaining_fen,
        "use_returned": made.restored,
        "business_date": made.business_date.isoformat(),
        "reason": made.reason,
        "server_time": moment(now),
    }


def row(record: RedemptionRecord) -> dict[str, Any]:
    """One line of the day's list."""
    return {
        "id": str(record.id),
        "outcome": record.outcome,
        "business_date": record.business_date.isoformat(),
        "event_at": moment(record.event_at),
        "merchant_ref": record.merchant_ref,
        "terminal": record.terminal_code,
        **_amounts(record),
        "union_fen": record.union_fen,
        "refunded_fen": record.refunded_fen,
        "refunded_union_fen": record.refunded_union_fen,
        "reasons": reasons(record.reasons),
    }


def event(one: NumberedEvent) -> dict[str, Any]:
    """One event of the feed: thin, with what its kind says."""
    said = {"seq": one.seq, "id": str(one.id), "type": one.kind, "redemption_id": str(one.subject_id)}
    return {**said, "occurred_at": moment(one.created_at), **one.payload}


def reasons(found: Iterable[Reason]) -> list[dict[str, Any]]:
    """Why not, as a merchant may know it, in the language asked for."""
    return [reason.as_json() | {"message": _sentence(reason)} for reason in found]


def _sentence(reason: Reason) -> str:
    return reason.english if asked_language() == ENGLISH else reason.message


def _amounts(record: RedemptionRecord) -> dict[str, int]:
    return {
        "amount_fen": record.amount_fen,
        "discount_fen": record.discount_fen,
        "subsidy_fen": record.subsidy_fen,
        "payable_fen": record.payable_fen,
    }


def _decided(record: RedemptionRecord, now: datetime) -> dict[str, Any]:
    return {
        "merchant_ref": record.merchant_ref,
        **_amounts(record),
        "event_at": moment(record.event_at),
        "benefits": [
            {
                "program": benefit.program,
                "name": benefit.name,
                "kind": benefit.kind,
                "benefit_fen": benefit.benefit_fen,
                "union_fen": benefit.union_fen,
                "merchant_fen": benefit.merchant_fen,
                "rule_version": benefit.rule_version,
                "lines": [{"line_no": line.line_no, "benefit_fen": line.benefit_fen} for line in benefit.lines],
            }
            for benefit in record.benefits
        ],
        "not_applied": [
            {
                "program": other.program,
                "reasons": [{"code": reason.code, "message": _sentence(reason)} for reason in other.reasons],
            }
            for other in record.not_applied
        ],
        "member": {"display": record.member_display} if record.member_display else None,
        "assurance": record.assurance,
        "held_until": moment(record.held_until) if record.held_until else None,
        "server_time": moment(now),
    }
