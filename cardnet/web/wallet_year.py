"""今年工会为我: the member's own year in figures, how content they are with it, and “不是我用的”."""

import uuid
from datetime import date
from typing import Any

from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from sqlalchemy.orm import Session

from cardnet.benefits import services as benefits
from cardnet.benefits.services import OwnYear
from cardnet.benefits.words import Feeling, ProgramKind
from cardnet.finance import services as finance
from cardnet.issuance import services as issuance
from cardnet.kernel.calendar import day_of
from cardnet.kernel.db import transaction
from cardnet.kernel.errors import FieldError, InvalidInput
from cardnet.membership import services as membership
from cardnet.web.benefit_words import plain_yuan
from cardnet.web.formats import cn_date
from cardnet.web.forms import whole_id
from cardnet.web.member_lines import redemption_lines
from cardnet.web.wallet import blueprint
from cardnet.web.wallet_calls import Body, answer, member_of
from cardnet.wiring import current_world


@blueprint.get("/wallet/api/year")
def year() -> ResponseReturnValue:
    """What the year came to by kind and month, what was handed out, and what the member answered."""
    world = current_world()
    with transaction() as session:
        found = _year(session, member_of(session), day_of(world.now()).year)
    return answer(found, world.now())


@blueprint.post("/wallet/api/year/feeling")
def answer_year() -> ResponseReturnValue:
    """满意, 一般 or 不满意; the latest counts."""
    feeling = Body().text("feeling", 20)
    if feeling not in list(Feeling):
        said = _("请选择满意、一般或不满意。")
        raise InvalidInput("invalid_fields", said, [FieldError("/feeling", said)])
    world = current_world()
    with transaction() as session:
        person_id = member_of(session)
        this_year = day_of(world.now()).year
        benefits.answer_year(session, world, benefits.AnswerYear(person_id, this_year, Feeling(feeling)))
        found = _year(session, person_id, this_year)
    return answer(found, world.now())


@blueprint.post("/wallet/api/redemptions/<redemption_id>/deny")
def deny(redemption_id: str) -> ResponseReturnValue:
    """“不是我用的”: finance looks into it and answers here."""
    words = Body().words("words", 200)
    world = current_world()
    with transaction() as session:
        person_id = member_of(session)
        benefits.deny_redemption(session, world, benefits.DenyRedemption(person_id, whole_id(redemption_id), words))
        found = redemption_lines(session, person_id, world.now())
    return answer(found, world.now())


@blueprint.post("/wallet/api/redemptions/<redemption_id>/take-back")
def take_back(redemption_id: str) -> ResponseReturnValue:
    """It was the member's own after all: what was kept out of settlement for it is paid."""
    world, used = current_world(), whole_id(redemption_id)
    with transaction() as session:
        person_id = member_of(session)
        benefits.take_back_denial(session, world, person_id, used)
        finance.release_denied(session, world, used, None)
        found = redemption_lines(session, person_id, world.now())
    return answer(found, world.now())


def _year(session: Session, person_id: uuid.UUID, this_year: int) -> dict[str, Any]:
    own = benefits.own_year(session, person_id, this_year)
    span = date(this_year, 1, 1), date(this_year + 1, 1, 1)
    files = membership.ids_of_person(session, person_id)
    things = [one for file in files for one in issuance.received_by(session, file, *span)]
    feeling = benefits.feeling_of(session, person_id, this_year)
    return {
        "year": this_year,
        "total": _("%(yuan)s 元", yuan=plain_yuan(own.fen)),
        "times": own.times,
        "kinds": _kinds(own),
        "months": _months(own),
        "things": [_("%(title)s（%(day)s签收）", title=one.title, day=cn_date(one.at)) for one in things],
        "feeling": str(feeling) if feeling else "",
    }


def _kinds(own: OwnYear) -> list[dict[str, str]]:
    """Each kind with its sum, its programs under it."""
    kinds = dict.fromkeys(part.kind for part in own.parts)
    told = []
    for kind in kinds:
        parts = [part for part in own.parts if part.kind is kind]
        told.append(
            {
                "name": _kind_word(kind),
                "sum": str(_("%(yuan)s 元", yuan=plain_yuan(sum(part.fen for part in parts)))),
                "parts": "；".join(
                    str(_("%(name)s %(n)s 次 %(yuan)s 元", name=part.name, n=part.times, yuan=plain_yuan(part.fen)))
                    for part in parts
                ),
            }
        )
    return told


def _months(own: OwnYear) -> list[dict[str, Any]]:
    """From the first month with a use to the last; `share` is its part of the largest, 0 to 1,000."""
    if not own.months:
        return []
    by_month = {one.month: one for one in own.months}
    most = max(one.fen for one in own.months) or 1
    return [
        {
            "name": str(_("%(month)s 月", month=month)),
            "sum": str(_("%(yuan)s 元", yuan=plain_yuan(by_month[month].fen))) if month in by_month else "—",
            "share": by_month[month].fen * 1000 // most if month in by_month else 0,
        }
        for month in range(own.months[0].month, own.months[-1].month + 1)
    ]


def _kind_word(kind: ProgramKind) -> str:
    """In the words of a member: who gave it."""
    words = {
        ProgramKind.DISCOUNT: _("商户优惠"),
        ProgramKind.SUBSIDY: _("工会补贴"),
        ProgramKind.SERVICE_TICKET: _("服务券"),
        ProgramKind.INSURANCE: _("专项保障"),
        ProgramKind.CONTRIBUTORY: _("互助保障"),
        ProgramKind.MUTUAL_AID: _("一日捐帮扶"),
        ProgramKind.CONDOLENCE: _("慰问"),
        ProgramKind.RECUPERATION: _("疗休养"),
    }
    return str(words[kind])
