"""The waiting list: who has a place to answer for, who stands in line and where; accept, decline, move in the line."""

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from cardnet.access.rules import Principal, Role
from cardnet.issuance import services as issuance
from cardnet.kernel.db import transaction
from cardnet.kernel.errors import CardnetError, InvalidInput
from cardnet.membership import services as membership
from cardnet.web.auth import OFFICERS, staff_page
from cardnet.web.console import blueprint
from cardnet.web.console.quota import asked_year, may_plan
from cardnet.web.forms import whole_id, wrong_of
from cardnet.web.language import gettext
from cardnet.web.paging import Page, asked_page
from cardnet.wiring import current_world

_SHOWN = 100


@blueprint.get("/quota/waiting")
@staff_page(*OFFICERS, Role.CHAIR, Role.AUDITOR)
def waiting(principal: Principal) -> ResponseReturnValue:
    """Open offers first, soonest to run out on top, then each unit's line. Names only where somebody must act."""
    return _page(principal, {})


@blueprint.post("/quota/waiting/<act>")
@staff_page(*OFFICERS)
def answer_offers(principal: Principal, act: str) -> ResponseReturnValue:
    """Say what people said about the places offered to them, or move one person in the line."""
    try:
        with transaction() as session:
            said = _answer(session, principal, act)
    except CardnetError as error:
        return _page(principal, wrong_of(error, {"words_missing": "words", "priority_invalid": "words"})), error.status
    flash(said, "good")
    return redirect(url_for("console.waiting", year=asked_year()), 303)


def _answer(session: Session, principal: Principal, act: str) -> str:
    world = current_world()
    if act in ("first", "back"):
        command = issuance.SetPriority(
            whole_id(request.form.get("application", "")),
            -1 if act == "first" else 0,
            request.form.get("words", ""),
            principal,
        )
        issuance.set_priority(session, world, command)
        return gettext("已调整候补次序。")
    chosen = tuple(whole_id(one) for one in request.form.getlist("application"))
    everybody = request.form.get("choose") == "all"
    offers = issuance.AnswerOffers(principal, None if everybody else chosen)
    if act not in ("accept", "decline"):
        raise InvalidInput("act_unknown", gettext("请从候补名单选择要办理的事项。"))
    if act == "accept":
        done = issuance.accept_offers(session, world, offers)
        return gettext("%(n)d 人确认递补，申请已转入审核。", n=done.answered)
    done = issuance.decline_offers(session, world, offers)
    return gettext("%(n)d 人放弃递补，名额已通知下一位（%(m)d 人）。", n=done.answered, m=done.moved_up)


def _page(principal: Principal, wrong: dict[str, str]) -> str:
    year, at = asked_year(), current_world().now()
    number = asked_page()
    with transaction() as session:
        found = issuance.waiting_list(session, year, principal.scope_path, _SHOWN, (number - 1) * _SHOWN)
        own = membership.union_of_id(session, principal.union_id)
        names = membership.names(session, [line.person_id for line in found.lines])
    return render_template(
        "console/waiting.html",
        own=own,
        year=year,
        at=at,
        found=found,
        offers=[line for line in found.lines if line.offer_until],
        page=Page([line for line in found.lines if not line.offer_until], number, _SHOWN, found.total),
        names=names,
        wrong=wrong,
        may_change=principal.has(*OFFICERS),
        may_plan=may_plan(principal),
    )
