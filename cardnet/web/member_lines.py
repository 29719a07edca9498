"""A member's own redemptions in words: what the wallet lists, and the one line under the code."""

import uuid
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from flask_babel import gettext as _
from sqlalchemy.orm import Session

from cardnet.benefits import services as benefits
from cardnet.benefits.services import RedemptionRecord
from cardnet.kernel import calendar
from cardnet.kernel.money import yuan
from cardnet.merchants import services as merchants
from cardnet.web.formats import cn_datetime

MOST_LINES = 500
"""More uses than a member has in a year; older ones are not this year's anyway."""


def redemption_lines(session: Session, person_id: uuid.UUID, now: datetime) -> dict[str, Any]:
    """This year's redemptions and refusals, newest first, and what they came to."""
    records = _of_this_year(session, person_id, now)
    names = {merchant.id: merchant.name for merchant in merchants.merchants(session)} if records else {}
    uses = [record for record in records if _worth(record) > 0]
    return {
        "year": calendar.day_of(now).year,
        "total_benefit": _("%(yuan)s 元", yuan=yuan(sum(map(_worth, uses)))),
        "uses": len(uses),
        "lines": [_line(record, names.get(record.merchant_id, record.merchant_code)) for record in records],
    }


def still_line(session: Session, person_id: uuid.UUID, now: datetime) -> str:
    """What stands under the code: what the card was worth so far this year; empty when it was not used yet."""
    total = sum(map(_worth, _of_this_year(session, person_id, now)))
    return _("今年已为您节省 %(yuan)s 元", yuan=yuan(total)) if total else ""


def _of_this_year(session: Session, person_id: uuid.UUID, now: datetime) -> Sequence[RedemptionRecord]:
    year = calendar.day_of(now).year
    found = benefits.redemptions_of_person(session, person_id, MOST_LINES)
    return [record for record in found if record.business_date.year == year]


def _worth(record: RedemptionRecord) -> int:
    """What the member was spared by it, in fen; what was given back is taken off."""
    return record.captured_fen - record.refunded_fen


def _line(record: RedemptionRecord, merchant: str) -> dict[str, Any]:
    worth = _worth(record)
    named = "、".join(benefit.name for benefit in record.benefits)
    return {
        "id": str(record.id),
        "outcome": record.outcome,
        "merchant": merchant,
        "occurred_at": cn_datetime(record.event_at),
        "what": named,
        "why": "".join(dict.fromkeys(reason.message for reason in record.reasons)),
        "benefit": _("省 %(yuan)s 元", yuan=yuan(worth)) if worth else "",
        "payable": "" if record.refused else _("原价 %(yuan)s 元", yuan=yuan(record.amount_fen)),
    }
