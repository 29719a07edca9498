"""Uses from before cardnet: a list is taken in, a wrong one taken back."""

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from cardnet.access import services as access
from cardnet.access.rules import Principal
from cardnet.benefits import services as benefits
from cardnet.benefits.file_kinds import PAST_USES
from cardnet.benefits.services.past_uses import IMPORTERS
from cardnet.kernel.db import transaction
from cardnet.kernel.errors import CardnetError
from cardnet.web.auth import staff_page
from cardnet.web.console import blueprint
from cardnet.web.console.imports import MAX_BYTES, take_in
from cardnet.web.csrf import takes_upload
from cardnet.web.forms import whole_id, wrong_of
from cardnet.web.language import gettext
from cardnet.wiring import current_world


@blueprint.get("/cards/past-uses")
@staff_page(*IMPORTERS)
def past_uses(principal: Principal) -> ResponseReturnValue:
    """The form that takes a list, and the lists taken in before."""
    return _page(principal, {})


@blueprint.post("/cards/past-uses")
@takes_upload(MAX_BYTES)
@staff_page(*IMPORTERS)
def import_past_uses(principal: Principal) -> ResponseReturnValue:
    """Count the uses of a list."""
    given = request.files.get("file")
    if given is None or not given.filename:
        return _page(principal, {"file": gettext("请选择以往使用登记表。")}), 422
    try:
        return take_in(principal, PAST_USES, given.read(), given.filename, {})
    except CardnetError as error:
        return _page(principal, wrong_of(error, {error.code: "file"})), error.status


@blueprint.post("/cards/past-uses/take-back")
@staff_page(*IMPORTERS)
def take_back_past_uses(principal: Principal) -> ResponseReturnValue:
    """None of a list's uses counts any more."""
    try:
        with transaction() as session:
            asked = whole_id(request.form.get("import", ""))
            command = benefits.TakeBackPastUses(asked, principal, request.form.get("reason", ""))
            count = benefits.take_back_past_uses(session, current_world(), command)
    except CardnetError as error:
        return _page(principal, wrong_of(error, {"reason_missing": "reason"})), error.status
    flash(gettext("已撤回 %(n)s 条，这些使用不再计入限额。", n=count), "good")
    return redirect(url_for("console.past_uses"), 303)


def _page(principal: Principal, wrong: dict[str, str]) -> str:
    with transaction() as session:
        lists = benefits.past_use_imports(session, principal)
        programs = benefits.programs(session)
        names = access.display_names(session, [one.officer_id for one in lists])
    return render_template(
        "console/past_uses.html", wrong=wrong, lists=lists, names=names, programs=programs, limit_mb=MAX_BYTES >> 20
    )
