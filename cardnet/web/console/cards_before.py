"""Cards issued before and cards of others: a list is taken in, what is wrong is said row by row."""

from flask import render_template, request
from flask.typing import ResponseReturnValue

from cardnet.access.rules import Principal
from cardnet.issuance.file_kinds import CARDS_BEFORE
from cardnet.kernel.db import transaction
from cardnet.kernel.errors import CardnetError
from cardnet.membership import services as membership
from cardnet.web.auth import OFFICERS, staff_page
from cardnet.web.console import blueprint
from cardnet.web.console.imports import MAX_BYTES, take_in
from cardnet.web.csrf import takes_upload
from cardnet.web.forms import wrong_of
from cardnet.web.language import gettext


@blueprint.get("/cards/import")
@staff_page(*OFFICERS)
def cards_import(_principal: Principal) -> ResponseReturnValue:
    """The form that takes a list."""
    return _page({})


@blueprint.post("/cards/import")
@takes_upload(MAX_BYTES)
@staff_page(*OFFICERS)
def import_cards(principal: Principal) -> ResponseReturnValue:
    """Tie the cards of a list to their members."""
    given = request.files.get("file")
    if given is None or not given.filename:
        return _page({"file": gettext("请选择已发卡登记表。")}), 422
    issuer = request.form.get("issuer", "").strip()[:60] or gettext("已有工会卡")
    try:
        with transaction() as session:
            own = membership.union_of_id(session, principal.union_id)
        options = {"unit_code": own.code, "issuer": issuer}
        return take_in(principal, CARDS_BEFORE, given.read(), given.filename, options)
    except CardnetError as error:
        return _page(wrong_of(error, {error.code: "file"})), error.status


def _page(wrong: dict[str, str]) -> str:
    return render_template("console/cards_import.html", wrong=wrong, limit_mb=MAX_BYTES >> 20)
