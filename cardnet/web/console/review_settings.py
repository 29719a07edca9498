"""The clock of review: each tier's working days, freezes, and days of the calendar that were recorded here."""

import re
from datetime import date

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from cardnet.access.rules import Principal, Role
from cardnet.issuance import services as issuance
from cardnet.issuance.rules import decided_days
from cardnet.kernel.calendar import day_of, end_of, published_through, start_of
from cardnet.kernel.db import transaction
from cardnet.kernel.errors import CardnetError
from cardnet.membership import services as membership
from cardnet.membership.rules import Tier
from cardnet.web.auth import OFFICERS, staff_page
from cardnet.web.console import blueprint
from cardnet.web.console.units import code_typed
from cardnet.web.forms import whole_id, whole_number, wrong_of
from cardnet.web.language import gettext
from cardnet.wiring import current_world

_DAY = re.compile(r"(\d{4})-(\d{1,2})-(\d{1,2})", re.ASCII)


@blueprint.get("/review-settings")
@staff_page(*OFFICERS)
def review_settings(principal: Principal) -> ResponseReturnValue:
    """Terms, freezes, calendar: everybody may read, the district changes."""
    return _page(principal, {})


@blueprint.post("/review-settings/term")
@staff_page(Role.DISTRICT_OFFICER)
def set_term(principal: Principal) -> ResponseReturnValue:
    """So many working days for a tier, from now on."""
    tier, days = request.form.get("tier", ""), whole_number(request.form.get("working_days", ""))
    if tier not in Tier.__members__.values() or days is None:
        return _page(principal, {"working_days": gettext("请写工作日数，例如 5。")}), 422
    try:
        with transaction() as session:
            issuance.set_term(session, current_world(), issuance.SetTerm(Tier(tier), days, principal))
    except CardnetError as error:
        return _page(principal, wrong_of(error, {"term_invalid": "working_days"})), error.status
    flash(gettext("办理时限已修改，此后送达的申请按新时限计算。"), "good")
    return redirect(url_for("console.review_settings"), 303)


@blueprint.post("/review-settings/transfers")
@staff_page(Role.DISTRICT_OFFICER)
def set_transfer_term(principal: Principal) -> ResponseReturnValue:
    """So many working days for an old union to answer a transfer, from now on."""
    days, reason = whole_number(request.form.get("transfer_days", "")) or 0, request.form.get("transfer_reason", "")
    try:
        with transaction() as session:
            command = membership.SetTransferTerm(days, reason, principal)
            membership.set_transfer_term(session, current_world(), command)
    except CardnetError as error:
        fields = {"term_invalid": "transfer_days", "reason_missing": "transfer_reason"}
        return _page(principal, wrong_of(error, fields)), error.status
    flash(gettext("原单位答复的时限已修改，此后提出的转接按新时限计算。"), "good")
    return redirect(url_for("console.review_settings"), 303)


@blueprint.post("/review-settings/freeze")
@staff_page(Role.DISTRICT_OFFICER)
def freeze_review(principal: Principal) -> ResponseReturnValue:
    """Whole days; a freeze that begins today begins now. Without a last day it holds until it is lifted."""
    now = current_world().now()
    first_on, last_on = _day(request.form.get("first_on", "")), _day(request.form.get("last_on", ""))
    if first_on is None:
        return _page(principal, {"first_on": gettext("请选择从哪一天开始冻结。")}), 422
    if request.form.get("last_on", "").strip() and last_on is None:
        return _page(principal, {"last_on": gettext("日期不对，请重新选择。")}), 422
    try:
        with transaction() as session:
            command = issuance.FreezeReview(
                code_typed(session, principal, request.form.get("union_code", "").strip()[:80], "union_code"),
                now if first_on == day_of(now) else start_of(first_on),
                end_of(last_on) if last_on else None,
                request.form.get("reason", ""),
                principal,
            )
            issuance.freeze_review(session, current_world(), command)
    except CardnetError as error:
        fields = {"freeze_invalid": "last_on", "reason_missing": "reason", "unit_unknown": "union_code"}
        return _page(principal, wrong_of(error, fields)), error.status
    flash(gettext("审核已冻结，期间不计办理时限。"), "good")
    return redirect(url_for("console.review_settings"), 303)


@blueprint.post("/review-settings/freezes/<freeze_id>/lift")
@staff_page(Role.DISTRICT_OFFICER)
def lift_freeze(principal: Principal, freeze_id: str) -> ResponseReturnValue:
    """Review goes on now, and the clock with it."""
    try:
        with transaction() as session:
            issuance.lift_freeze(session, current_world(), issuance.LiftFreeze(whole_id(freeze_id), principal))
    except CardnetError as error:
        return _page(principal, wrong_of(error)), error.status
    flash(gettext("冻结已解除，办理时限继续计算。"), "good")
    return redirect(url_for("console.review_settings"), 303)


@blueprint.post("/review-settings/days")
@staff_page(Role.DISTRICT_OFFICER)
def record_days(principal: Principal) -> ResponseReturnValue:
    """Days as the notice has them: free ones in one box, worked ones in the other."""
    free, worked = _days(request.form.get("free", "")), _days(request.form.get("worked", ""))
    if free is None:
        return _page(principal, {"free": gettext("日期请写成 2027-02-08，多个用空格隔开。")}), 422
    if worked is None:
        return _page(principal, {"worked": gettext("日期请写成 2027-02-08，多个用空格隔开。")}), 422
    try:
        days = decided_days(free, worked)
        with transaction() as session:
            command = issuance.RecordDays(days, request.form.get("document", ""), principal)
            moved = issuance.record_days(session, current_world(), command)
    except CardnetError as error:
        return _page(principal, wrong_of(error, {"days_missing": "free", "document_missing": "document"})), error.status
    flash(gettext("已录入 %(count)d 天，%(moved)d 份申请的期限随之调整。", count=len(days), moved=moved), "good")
    return redirect(url_for("console.review_settings"), 303)


def _page(principal: Principal, wrong: dict[str, str]) -> str:
    world = current_world()
    this_year = day_of(world.now()).year
    with transaction() as session:
        terms = issuance.terms_of(session)
        lines = issuance.freezes(session, world)
        recorded = [day for year in (this_year, this_year + 1) for day in membership.recorded_days(session, year)]
        transfers = membership.transfer_term(session)
        own = membership.union_of_id(session, principal.union_id)
    return render_template(
        "console/review_settings.html",
        terms=[(str(tier), terms[tier]) for tier in (Tier.UNIT, Tier.TOWNSHIP, Tier.DISTRICT)],
        transfers=transfers,
        freezes=lines,
        recorded=recorded,
        published=published_through(),
        next_year=this_year + 1,
        may_change=principal.has(Role.DISTRICT_OFFICER) and own.tier is Tier.DISTRICT,
        own=own,
        today=day_of(world.now()),
        given={name: request.form.get(name, "") for name in _GIVEN},
        wrong=wrong,
    )


_GIVEN = (
    "tier", "working_days", "union_code", "first_on", "last_on", "reason", "free", "worked", "document",
    "transfer_days", "transfer_reason",
)  # fmt: skip


def _days(text: str) -> list[date] | None:
    """The days in a box, however they are separated; None when something in it is no date."""
    found = [_day(word) for word in re.split(r"[\s,，、;；]+", text.strip()) if word]
    return None if None in found or len(found) > 120 else [day for day in found if day]


def _day(text: str) -> date | None:
    if not (match := _DAY.fullmatch(text.strip())):
        return None
    try:
        day = date(*map(int, match.groups()))
    except ValueError:
        return None
    return day if 2000 <= day.year <= 2999 else None
