"""The end of a quota year: what closing it would do now, from when, and until when its holds may still be used."""

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from cardnet.access.rules import Principal, Role
from cardnet.issuance import services as issuance
from cardnet.kernel.db import transaction
from cardnet.kernel.errors import CardnetError, InvalidInput
from cardnet.membership import services as membership
from cardnet.web.auth import OFFICERS, staff_page
from cardnet.web.console import blueprint
from cardnet.web.console.quota import asked_year, day_typed, may_plan
from cardnet.web.forms import whole_number, wrong_of
from cardnet.web.language import gettext
from cardnet.wiring import current_world


@blueprint.get("/quota/year-end")
@staff_page(*OFFICERS, Role.CHAIR, Role.AUDITOR)
def year_end(principal: Principal) -> ResponseReturnValue:
    """Where the year stands, and what its end would do now."""
    return _page(principal, {})


@blueprint.post("/quota/year-end/<act>")
@staff_page(Role.DISTRICT_OFFICER)
def change_year(principal: Principal, act: str) -> ResponseReturnValue:
    """Begin closing, close, or say how long an offer is held."""
    world, year, form = current_world(), asked_year(), request.form
    try:
        with transaction() as session:
            if act == "closing":
                until = day_typed(form.get("until", ""))
                if until is None:
                    raise InvalidInput("closing_until_invalid", gettext("请选择收口期限。"))
                issuance.begin_closing(session, world, issuance.BeginClosing(year, until, principal))
                said = gettext("%(year)d 年开始收口，占用的名额用到 %(day)s。", year=year, day=until.isoformat())
            elif act == "close":
                end = issuance.close_year(session, world, issuance.CloseYear(year, principal))
                said = gettext(
                    "%(year)d 年已结转：%(carried)d 个占用转入 %(into)d 年，%(requeued)d 人排到候补最前。",
                    year=year,
                    carried=end.carried,
                    into=end.into,
                    requeued=end.requeued,
                )
            elif act == "offer_days":
                days = whole_number(form.get("days", "")) or 0
                issuance.set_offer_days(session, world, year, days, principal)
                said = gettext("递补答复期限改为 %(n)d 天。", n=days)
            else:
                raise InvalidInput("act_unknown", gettext("请从名额页面选择要办理的事项。"))
    except CardnetError as error:
        fields = {"closing_until_invalid": "until", "offer_days_invalid": "days"}
        return _page(principal, wrong_of(error, fields)), error.status
    flash(said, "good")
    return redirect(url_for("console.year_end", year=year), 303)


def _page(principal: Principal, wrong: dict[str, str]) -> str:
    year = asked_year()
    with transaction() as session:
        own = membership.union_of_id(session, principal.union_id)
        view = next((one for one in issuance.years(session) if one.year == year), None)
        end = (
            issuance.preview_year_end(session, year, principal.scope_path) if view and view.state != "closed" else None
        )
    return render_template(
        "console/year_end.html",
        own=own,
        year=year,
        view=view,
        end=end,
        form=request.form,
        wrong=wrong,
        may_change=principal.has(Role.DISTRICT_OFFICER),
        may_plan=may_plan(principal),
    )
