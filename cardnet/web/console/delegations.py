"""Who stands in for whom: give a delegation for some days, end it, see what ran."""

from datetime import date

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from cardnet.access import services as access
from cardnet.access.rules import Principal
from cardnet.issuance import services as issuance
from cardnet.issuance.services.delegation import OFFICER_ROLES
from cardnet.kernel.calendar import day_of, end_of, start_of
from cardnet.kernel.db import transaction
from cardnet.kernel.errors import CardnetError
from cardnet.membership.rules import path_above
from cardnet.web.auth import OFFICERS, staff_page
from cardnet.web.console import blueprint
from cardnet.web.forms import whole_id, wrong_of
from cardnet.web.language import gettext
from cardnet.wiring import current_world

_FIELDS = {
    "delegation_window": "last_on", "delegation_to_self": "deputy", "account_unknown": "deputy",
    "delegate_not_officer": "deputy", "reason_missing": "reason", "out_of_scope": "giver",
}  # fmt: skip


@blueprint.get("/delegations")
@staff_page(*OFFICERS)
def delegations(principal: Principal) -> ResponseReturnValue:
    """What runs, what comes, what is over; and the form."""
    return _page(principal, {})


@blueprint.post("/delegations")
@staff_page(*OFFICERS)
def give_delegation(principal: Principal) -> ResponseReturnValue:
    """Somebody stands in from the first day to the last one, both whole days."""
    form = request.form
    first_on, last_on = _day(form.get("first_on", "")), _day(form.get("last_on", ""))
    wrong = {}
    if first_on is None:
        wrong["first_on"] = _not_that_day() if form.get("first_on") else gettext("请选择从哪一天开始。")
    if last_on is None:
        wrong["last_on"] = _not_that_day() if form.get("last_on") else gettext("请选择到哪一天为止。")
    if not form.get("deputy", "").strip():
        wrong["deputy"] = gettext("请填写受托人的用户名。")
    if wrong or first_on is None or last_on is None:
        return _page(principal, wrong), 422
    try:
        with transaction() as session:
            giver = form.get("giver", "").strip() or principal.username
            command = issuance.GiveDelegation(
                giver, form["deputy"], start_of(first_on), end_of(last_on), form.get("reason", ""), principal
            )
            issuance.give_delegation(session, current_world(), command)
    except CardnetError as error:
        return _page(principal, wrong_of(error, _FIELDS)), error.status
    flash(gettext("委托已生效登记。期间由对方代为审核，记录里写明两个人的名字。"), "good")
    return redirect(url_for("console.delegations"), 303)


@blueprint.post("/delegations/<delegation_id>/end")
@staff_page(*OFFICERS)
def end_delegation(principal: Principal, delegation_id: str) -> ResponseReturnValue:
    """From this moment on nobody stands in any more."""
    try:
        with transaction() as session:
            command = issuance.EndDelegation(whole_id(delegation_id), principal)
            issuance.end_delegation(session, current_world(), command)
    except CardnetError as error:
        return _page(principal, wrong_of(error)), error.status
    flash(gettext("委托已结束。"), "good")
    return redirect(url_for("console.delegations"), 303)


def _page(principal: Principal, wrong: dict[str, str]) -> str:
    world = current_world()
    with transaction() as session:
        lines = issuance.delegations(session, world, principal)
        below = access.principals_under(session, principal.scope_path, *OFFICER_ROLES)
        near = access.principals_under(session, _above(principal.scope_path), *OFFICER_ROLES)
    today = day_of(world.now())
    return render_template(
        "console/delegations.html",
        lines=lines,
        # Of a whole district every officer could be offered: those nearby come first, and any name can be typed.
        offered=[one for one in (*below, *near) if one.account_id != principal.account_id][:300],
        givers=[
            one for one in below if one.account_id != principal.account_id and one.scope_path != principal.scope_path
        ][:300],
        today=today,
        given={name: request.form.get(name, "") for name in ("giver", "deputy", "first_on", "last_on", "reason")},
        wrong=wrong,
        me=principal,
    )


def _above(path: str) -> str:
    parent = path_above(path)
    return parent if parent != "/" else path


def _not_that_day() -> str:
    return gettext("日期不对，请看看年份。")


def _day(text: str) -> date | None:
    try:
        day = date.fromisoformat(text.strip())
    except ValueError:
        return None
    return day if 2000 <= day.year <= 2999 else None
