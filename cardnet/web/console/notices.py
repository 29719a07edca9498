"""Notices to members: what was sent to whom, what failed and why, slips to print and to hand out."""

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from cardnet.access.rules import Principal
from cardnet.kernel.db import transaction
from cardnet.kernel.errors import CardnetError, InvalidInput, NotFound
from cardnet.membership import services as membership
from cardnet.membership.notices.slips import slip_sheets
from cardnet.membership.rules import UnionNode
from cardnet.membership.services import notices
from cardnet.web.auth import OFFICERS, staff_page
from cardnet.web.console import blueprint
from cardnet.web.console.card_acts import pdf_answer
from cardnet.web.console.units import unit_typed
from cardnet.web.forms import whole_id, wrong_of
from cardnet.web.language import gettext
from cardnet.web.paging import Page, asked_page
from cardnet.wiring import current_world

_SHOWN = 25
"""As many people a page lists: on a phone each is a card of its own."""
_FIELDS = {"nothing_chosen": "chosen", "phone_invalid": "phone"}


@blueprint.get("/cards/notices", endpoint="notices")
@staff_page(*OFFICERS)
def notices_page(principal: Principal) -> ResponseReturnValue:
    """Figures, the slips, one list."""
    return _page(principal, {})


@blueprint.post("/cards/notices/<act>")
@staff_page(*OFFICERS)
def handle_notices(principal: Principal, act: str) -> ResponseReturnValue:
    """Print slips, note that they were handed out, note phones as confirmed, set the number to ask at."""
    try:
        with transaction() as session:
            if act in ("print", "again"):
                command = notices.Slips(principal, _path(session, principal), act == "again")
                # Before the commit: slips that could not be drawn must not count as printed.
                content = slip_sheets(notices.print_slips(session, current_world(), command))
                return pdf_answer(content, gettext("通知单"))
            said = _do(session, principal, act)
    except CardnetError as error:
        return _page(principal, wrong_of(error, _FIELDS), error.status)
    flash(said, "good")
    return redirect(url_for("console.notices", unit=_typed() or None, list=_list()), 303)


def _do(session: Session, principal: Principal, act: str) -> str:
    world = current_world()
    if act == "hand_out":
        ids = tuple(whole_id(one) for one in request.form.getlist("notice"))
        everything = request.form.get("choose") == "all"
        command = notices.HandOutSlips(principal, _path(session, principal), None if everything else ids)
        return gettext("已记下 %(n)d 份通知单发给了本人。", n=notices.hand_out_slips(session, world, command))
    if act == "confirm":
        people = tuple(whole_id(one) for one in request.form.getlist("person"))
        count = notices.confirm_phones(session, world, notices.ConfirmPhones(principal, people))
        return gettext("已核对 %(n)d 人的手机号码，以后的通知发消息给他们。", n=count)
    if act == "phone":
        phone = request.form.get("phone", "")[:40]
        notices.set_union_phone(session, world, notices.SetUnionPhone(principal, principal.union_id, phone))
        return gettext("已保存咨询电话，从下一条通知起使用。")
    raise InvalidInput("act_unknown", gettext("请从通知页面选择要办理的事项。"))


def _typed() -> str:
    return request.values.get("unit", "").strip()[:80]


def _list() -> str:
    asked = request.values.get("list", "")
    return asked if asked in notices.LISTS else "all"


def _unit(session: Session, principal: Principal) -> UnionNode | None:
    return unit_typed(session, principal, _typed())


def _path(session: Session, principal: Principal) -> str:
    unit = _unit(session, principal)
    return unit.path if unit else principal.scope_path


def _page(principal: Principal, wrong: dict[str, str], status: int = 200) -> ResponseReturnValue:
    number = asked_page()
    with transaction() as session:
        units = membership.unions_under(session, principal.scope_path)
        try:
            unit = _unit(session, principal)
        except NotFound as error:
            unit, wrong = None, {**wrong, "unit": error.message}
        path = unit.path if unit else principal.scope_path
        counts = notices.notice_counts(session, path)
        lines = notices.notice_lines(session, path, _list(), limit=_SHOWN, offset=(number - 1) * _SHOWN)
        names = membership.names(session, {line.person_id for line in lines})
        own_phone = notices.union_phone(session, principal.union_id)
        asked_at = notices.contact_phones(session, [principal.union_id])[principal.union_id]
    page = render_template(
        "console/notices.html",
        total={name: sum(getattr(one, name) for one in counts) for name in _COUNTED},
        counts=counts,
        page=Page(lines, number, _SHOWN, lines[0].total if lines else 0),
        names=names,
        unions={one.id: one for one in units},
        units=units,
        unit_code=unit.code if unit else "",
        typed=_typed(),
        which=_list(),
        most_slips=notices.MOST_SLIPS,
        own_phone=request.form.get("phone", own_phone),
        asked_at=asked_at,
        chosen=set(request.form.getlist("notice") + request.form.getlist("person")),
        wrong=wrong,
    )
    return page, (422 if wrong and status == 200 else status)


_COUNTED = ("waiting", "sent", "failed", "to_print", "to_hand_out", "handed_out")
