"""扫码自填: a unit's poster, and what members filled in, ticked off by the officer who knows them."""

import io
import uuid
from datetime import date, timedelta

from flask import flash, redirect, render_template, request, send_file, url_for
from flask.typing import ResponseReturnValue

from cardnet.access.rules import Principal, Role
from cardnet.issuance.fill_poster import fill_poster
from cardnet.issuance.services import self_filled
from cardnet.issuance.services.self_filled import MOST_DAYS, OpenPoster, TakeEntries
from cardnet.kernel.calendar import day_of
from cardnet.kernel.db import transaction
from cardnet.kernel.errors import CardnetError
from cardnet.membership import services as membership
from cardnet.membership.roster import Severity
from cardnet.web.auth import staff_page
from cardnet.web.console import blueprint
from cardnet.web.forms import whole_id, wrong_of
from cardnet.web.language import gettext
from cardnet.wiring import current_world

_DAYS = 30
FILLED_IN_BY = (Role.UNIT_OFFICER, Role.TOWNSHIP_OFFICER)
"""Officers of unions that have people of their own; the district has unions only."""


@blueprint.get("/register/self-fill")
@staff_page(*FILLED_IN_BY)
def self_fill(principal: Principal) -> ResponseReturnValue:
    """The poster's state and the entries that wait."""
    return _page(principal, {})


@blueprint.post("/register/self-fill/poster")
@staff_page(*FILLED_IN_BY)
def open_poster(principal: Principal) -> ResponseReturnValue:
    """Make the unit's poster, or let it hang longer."""
    try:
        last_day = date.fromisoformat(request.form.get("last_day", ""))
    except ValueError:
        return _page(principal, {"last_day": gettext("请选择截止日期。")}), 422
    try:
        with transaction() as session:
            own = membership.union_of_id(session, principal.union_id)
            self_filled.open_poster(session, current_world(), OpenPoster(principal, own.code, last_day))
    except CardnetError as error:
        return _page(principal, wrong_of(error, {"last_day_invalid": "last_day"})), error.status
    flash(gettext("海报已生成，下载后贴在单位里即可。"), "good")
    return redirect(url_for("console.self_fill"), 303)


@blueprint.post("/register/self-fill/poster/close")
@staff_page(*FILLED_IN_BY)
def close_poster(principal: Principal) -> ResponseReturnValue:
    """Take the poster down: its square leads nowhere from now on."""
    with transaction() as session:
        self_filled.close_poster(session, current_world(), principal, whole_id(request.form.get("poster", "")))
    flash(gettext("海报已停用，已填写的仍可以处理。"), "good")
    return redirect(url_for("console.self_fill"), 303)


@blueprint.get("/register/self-fill/poster.pdf")
@staff_page(*FILLED_IN_BY)
def poster_sheet(principal: Principal) -> ResponseReturnValue:
    """The poster to print."""
    with transaction() as session:
        own = membership.union_of_id(session, principal.union_id)
        poster = self_filled.poster_of(session, current_world(), own)
    if poster is None:
        return redirect(url_for("console.self_fill"), 303)
    address = url_for("fill.form", token=poster.token, _external=True)
    last_day = day_of(poster.closes_at - timedelta(seconds=1))
    sheet = fill_poster(own.name, address, last_day)
    return send_file(
        io.BytesIO(sheet), "application/pdf", as_attachment=True, download_name=f"{gettext('扫码自填海报')}.pdf"
    )


@blueprint.post("/register/self-fill/entries")
@staff_page(*FILLED_IN_BY)
def decide_entries(principal: Principal) -> ResponseReturnValue:
    """Send the ticked people in as one batch, or put them aside."""
    command = TakeEntries(principal, _ticked())
    if request.form.get("act") == "dismiss":
        with transaction() as session:
            put_aside = self_filled.dismiss_entries(session, current_world(), command)
        flash(gettext("已放在一边 %(n)s 人，填写的内容已删除。", n=put_aside), "good")
        return redirect(url_for("console.self_fill"), 303)
    try:
        with transaction() as session:
            receipt = self_filled.take_entries(session, current_world(), command)
    except CardnetError as error:
        return _page(principal, wrong_of(error)), error.status
    flash(gettext("已提交 %(n)s 人，进入审核。", n=receipt.submitted + receipt.waitlisted), "good")
    return redirect(url_for("console.batch", batch_id=receipt.batch_id), 303)


def _ticked() -> list[uuid.UUID]:
    return [whole_id(entry) for entry in request.form.getlist("entry")[:5_000]]


def _page(principal: Principal, wrong: dict[str, str]) -> str:
    world = current_world()
    today = day_of(world.now())
    with transaction() as session:
        own = membership.union_of_id(session, principal.union_id)
        poster = self_filled.poster_of(session, world, own)
        entries = self_filled.entries_of(session, world, principal, own)
    return render_template(
        "console/self_fill.html",
        own=own,
        poster=poster,
        address=url_for("fill.form", token=poster.token, _external=True) if poster else "",
        last_day=day_of(poster.closes_at - timedelta(seconds=1)) if poster else None,
        entries=[(entry, [f for f in entry.checked.findings if f.severity is not Severity.NOTE]) for entry in entries],
        wrong=wrong,
        today=today.isoformat(),
        until=(today + timedelta(days=_DAYS)).isoformat(),
        latest=(today + timedelta(days=MOST_DAYS)).isoformat(),
    )
