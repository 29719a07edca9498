"""The blacklist of merchants, by credit code."""

import uuid

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from cardnet.access.rules import Principal, Role
from cardnet.kernel.db import transaction
from cardnet.kernel.errors import CardnetError
from cardnet.merchants import services as merchants
from cardnet.web.auth import staff_page
from cardnet.web.console import blueprint
from cardnet.web.console.merchants import VIEWERS
from cardnet.web.forms import wrong_of
from cardnet.web.language import gettext
from cardnet.wiring import current_world

_NAMES = ("credit_code", "name", "reason", "document")
_FIELDS = {
    "credit_code_invalid": "credit_code", "blacklisted_already": "credit_code", "name_invalid": "name",
    "reason_missing": "reason", "document_missing": "document",
}  # fmt: skip


@blueprint.get("/merchants/blacklist")
@staff_page(*VIEWERS)
def merchant_blacklist(principal: Principal) -> ResponseReturnValue:
    """Every entry, and the form for one more."""
    return _page(principal, {})


@blueprint.post("/merchants/blacklist")
@staff_page(Role.DISTRICT_OFFICER)
def blacklist_merchant(principal: Principal) -> ResponseReturnValue:
    """List a credit code; what it runs with us stops."""
    given = {name: request.form.get(name, "") for name in _NAMES}
    try:
        with transaction() as session:
            command = merchants.Blacklist(**given, actor_id=principal.account_id)
            stopped = merchants.blacklist(session, current_world(), command)
    except CardnetError as error:
        return _page(principal, wrong_of(error, _FIELDS)), error.status
    if stopped:
        flash(gettext("已列入黑名单，并暂停了商户 %(codes)s。", codes="、".join(stopped)), "good")
    else:
        flash(gettext("已列入黑名单。"), "good")
    return redirect(url_for("console.merchant_blacklist"), 303)


@blueprint.post("/merchants/blacklist/<uuid:entry_id>/lift")
@staff_page(Role.DISTRICT_OFFICER)
def lift_blacklist(principal: Principal, entry_id: uuid.UUID) -> ResponseReturnValue:
    """The reason is gone."""
    words = request.form.get(f"words-{entry_id}", "")
    try:
        with transaction() as session:
            command = merchants.LiftBlacklist(entry_id, words, principal.account_id)
            merchants.lift_blacklist(session, current_world(), command)
    except CardnetError as error:
        return _page(principal, wrong_of(error, {"reason_missing": f"words-{entry_id}"})), error.status
    flash(gettext("已解除黑名单；被暂停的商户要另行恢复。"), "good")
    return redirect(url_for("console.merchant_blacklist"), 303)


def _page(principal: Principal, wrong: dict[str, str]) -> str:
    with transaction() as session:
        lines = merchants.blacklist_lines(session)
    return render_template(
        "console/merchant_blacklist.html",
        lines=lines,
        may_change=principal.has(Role.DISTRICT_OFFICER),
        given={name: request.form.get(name, "") for name in _NAMES},
        wrong=wrong,
    )
