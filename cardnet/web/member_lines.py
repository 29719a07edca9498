"""A member's own redemptions in words: what the wallet lists, and the one line under the code."""

import uuid
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from flask_babel import gettext as _
from sqlalchemy.orm import Session

from cardnet.benefits import services as benefits
from cardnet.benefits.entitled import Chance, Entitlement
from cardnet.benefits.services import DenialView, RedemptionRecord
from cardnet.kernel import calendar
from cardnet.kernel.money import yuan
from cardnet.kernel.world import World
from cardnet.merchants import services as merchants
from cardnet.web.benefit_words import GIVEN_BY_UNION, sentence, short
from cardnet.web.formats import cn_datetime

MOST_LINES = 500
"""More uses than a member has in a year; older ones are not this year's anyway."""


def redemption_lines(session: Session, person_id: uuid.UUID, now: datetime) -> dict[str, Any]:
    """This year's redemptions and refusals, newest first, and what they came to."""
    records = _of_this_year(session, person_id, now)
    names = {merchant.id: merchant.name for merchant in merchants.merchants(session)} if records else {}
    denied = {one.redemption_id: one for one in benefits.denials(session, person_id=person_id)} if records else {}
    uses = [record for record in records if _worth(record) > 0]
    return {
        "year": calendar.day_of(now).year,
        "total_benefit": _("%(yuan)s 元", yuan=yuan(sum(map(_worth, uses)))),
        "uses": len(uses),
        "lines": [
            _line(
                record,
                names.get(record.merchant_id, record.merchant_code),
                denied.get(record.id) if record.id else None,
            )
            for record in records
        ],
    }


def newest_line(session: Session, person_id: uuid.UUID) -> dict[str, Any] | None:
    """The newest of them as `redemption_lines` has it: what the phone shows when a code was used a moment ago."""
    records = benefits.redemptions_of_person(session, person_id, 1)
    if not records:
        return None
    (record,) = records
    return _line(record, merchants.merchant_of_id(session, record.merchant_id).name, None)


def still_line(session: Session, world: World, person_id: uuid.UUID) -> str:
    """What stands under the code: what the union still owes the member, else what is open, else the year so far."""
    found = benefits.benefits_of_person(session, world, person_id)
    still = owed(found) or [one for one in found if one.chance is Chance.OPEN]
    if len(still) > 1:
        return str(_("还可享受 %(what)s 等 %(n)s 项", what=short(still[0]), n=len(still)))
    if still:
        return str(_("还可享受 %(what)s", what=short(still[0])))
    total = sum(map(_worth, _of_this_year(session, person_id, world.now())))
    return str(_("今年已为您节省 %(yuan)s 元", yuan=yuan(total))) if total else ""


def owed(found: Sequence[Entitlement]) -> list[Entitlement]:
    """应享未享: what the union gives, is open, and has not been touched in its period."""
    return [one for one in found if one.chance is Chance.OPEN and one.kind in GIVEN_BY_UNION and one.untouched]


def _of_this_year(session: Session, person_id: uuid.UUID, now: datetime) -> Sequence[RedemptionRecord]:
    year = calendar.day_of(now).year
    found = benefits.redemptions_of_person(session, person_id, MOST_LINES)
    return [record for record in found if record.business_date.year == year]


def _worth(record: RedemptionRecord) -> int:
    """What the member was spared by it, in fen; what was given back is taken off."""
    return record.captured_fen - record.refunded_fen


def _line(record: RedemptionRecord, merchant: str, denial: DenialView | None) -> dict[str, Any]:
    worth = _worth(record)
    named = "、".join(benefit.name for benefit in record.benefits)
    return {
        "id": str(record.id),
        "outcome": record.outcome,
        "merchant": merchant,
        "occurred_at": cn_datetime(record.event_at),
        "what": named,
        "why": "".join(dict.fromkeys(map(sentence, record.reasons))),
        "benefit": _("省 %(yuan)s 元", yuan=yuan(worth)) if worth else "",
        "payable": "" if record.refused else _("原价 %(yuan)s 元", yuan=yuan(record.amount_fen)),
        "denial": _denial(record, denial),
        "denial_answer": denial.answer if denial else "",
    }


def _denial(record: RedemptionRecord, denial: DenialView | None) -> str:
    """`may`: “不是我用的” can be said; `open`: it was; else what finance found. Empty where nothing was used."""
    if denial is not None:
        return str(denial.outcome) if denial.outcome else "open"
    return "may" if record.captured_fen else ""
