"""The activation kit: who has not activated, reminders, letters with new codes, a poster for the wall."""

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from cardnet.access.rules import Principal
from cardnet.issuance import services as issuance
from cardnet.issuance.papers import letter_sheets, poster
from cardnet.kernel.db import transaction
from cardnet.kernel.errors import CardnetError, NotFound
from cardnet.membership import services as membership
from cardnet.membership.rules import UnionNode
from cardnet.membership.services import notices
from cardnet.web.auth import OFFICERS, staff_page
from cardnet.web.console import blueprint
from cardnet.web.console.card_acts import pdf_answer
from cardnet.web.console.units import unit_typed
from cardnet.web.forms import wrong_of
from cardnet.web.language import gettext
from cardnet.web.paging import Page, asked_page
from cardnet.wiring import current_world

_SHOWN = 100


@blueprint.get("/cards/activation")
@staff_page(*OFFICERS)
def activation(principal: Principal) -> ResponseReturnValue:
    """How far activation is, and who is missing."""
    return _page(principal, {})


@blueprint.post("/cards/activation")
@staff_page(*OFFICERS)
def chase(principal: Principal) -> ResponseReturnValue:
    """For the ticked, or all of the unit: remind them, or make letters with new codes."""
    numbers = tuple(request.form.getlist("number"))
    everybody = request.form.get("choose") == "all"
    if not numbers and not everybody:
        return _page(principal, {"number": gettext("请先勾选人员，或选择“全部未激活的人”。")})
    channel, content, done = request.form.get("act", ""), b"", issuance.Reminded(0)
    try:
        with transaction() as session:
            unit = _unit(session, principal)
            path = unit.path if unit else principal.scope_path
            world = current_world()
            whole, some = (path, None) if everybody else (None, numbers)
            if channel == "letters":
                command = issuance.MakeLetters(principal, path=whole, numbers=some)
                letters = issuance.make_letters(session, world, command)
                content = letter_sheets(letters, request.url_root, notices.help_phone(session))
            else:
                done = issuance.remind(session, world, issuance.Remind(principal, channel, some, whole))
    except CardnetError as error:
        return _page(principal, wrong_of(error, {"channel_unknown": "act"}), error.status)
    if content:
        return pdf_answer(content, gettext("激活单"))
    flash(_said(done), "good" if done.people else "calm")
    return redirect(url_for("console.activation", unit=request.form.get("unit", "")[:80] or None), 303)


@blueprint.get("/cards/activation/poster.pdf")
@staff_page(*OFFICERS)
def activation_poster(principal: Principal) -> ResponseReturnValue:
    """The poster of one unit."""
    with transaction() as session:
        unit = _unit(session, principal) or membership.union_of_id(session, principal.union_id)
        phone = notices.help_phone(session)
    return pdf_answer(poster(unit.name, request.url_root, phone), gettext("激活海报"))


def _said(done: issuance.Reminded) -> str:
    if not done.people:
        return gettext("这些人今天都已提醒过，没有重复提醒。")
    if done.slips:
        return gettext(
            "今天提醒 %(n)d 人：发消息 %(m)d 人，%(s)d 人要打印通知单，请到“通知”打印。",
            n=done.people, m=done.messages, s=done.slips,
        )  # fmt: skip
    if done.messages:
        return gettext("今天提醒 %(n)d 人，都用消息发送，夜里的等到早上八点。", n=done.people)
    return gettext("已记下今天提醒了 %(n)d 人。", n=done.people)


def _page(principal: Principal, wrong: dict[str, str], status: int = 422) -> ResponseReturnValue:
    number = asked_page()
    with transaction() as session:
        units = membership.unions_under(session, principal.scope_path)
        try:
            unit = _unit(session, principal)
        except NotFound as error:
            unit, wrong = None, {**wrong, "unit": error.message}
        path = unit.path if unit else None
        figures = issuance.activation_figures(session, principal, path)
        found = issuance.inactive_cards(
            session, current_world(), principal, path, limit=_SHOWN, offset=(number - 1) * _SHOWN
        )
        people = membership.people(session, {line.person_id for line in found})
        by_id = {one.id: one for one in units}
    page = render_template(
        "console/activation.html",
        figures=figures,
        page=Page(found, number, _SHOWN, found[0].total if found else 0),
        people=people,
        unions=by_id,
        units=units,
        unit_code=unit.code if unit else "",
        typed=request.values.get("unit", ""),
        chosen=set(request.form.getlist("number")),
        wrong=wrong,
    )
    return page, status if wrong else 200


def _unit(session: Session, principal: Principal) -> UnionNode | None:
    return unit_typed(session, principal, request.values.get("unit", "").strip()[:80])
