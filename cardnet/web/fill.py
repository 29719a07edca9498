"""`/fill/<token>`: a member who scanned the unit's poster fills in six columns and answers for themselves.

Open to everybody with the poster before them, so it tells nothing: the same page and the same thanks for a member, a
stranger, somebody with a card and somebody who filled in before.
"""

from flask import Blueprint, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from cardnet.issuance.services import self_filled
from cardnet.issuance.services.self_filled import FIELD_NAMES, FillIn
from cardnet.kernel.db import transaction
from cardnet.kernel.errors import InvalidInput, NotFound, TooManyRequests
from cardnet.membership.rules import EMPLOYMENT_NAMES, ID_TYPE_NAMES
from cardnet.web.forms import wrong_of
from cardnet.web.language import gettext
from cardnet.wiring import current_world

blueprint = Blueprint("fill", __name__, url_prefix="/fill")


@blueprint.get("/<token>")
def form(token: str) -> ResponseReturnValue:
    """The form of one unit."""
    return _form(token, {}, {})


@blueprint.post("/<token>")
def send(token: str) -> ResponseReturnValue:
    """Keep what was typed for the unit's officer."""
    typed = {name: request.form.get(name, "") for name in FIELD_NAMES.values()}
    # A field no person sees and every machine fills in: thanked like everybody, kept by nobody.
    if request.form.get("website"):
        return redirect(url_for("fill.thanks", token=token), 303)
    try:
        with transaction() as session:
            self_filled.fill_in(session, current_world(), FillIn(token, typed, request.remote_addr or ""))
    except InvalidInput as error:
        return _form(token, typed, _to_the_member(wrong_of(error), typed), error.status)
    except TooManyRequests as error:
        return _form(token, typed, {"": error.message}, error.status)
    except NotFound:
        return render_template("fill/closed.html"), 404
    return redirect(url_for("fill.thanks", token=token), 303)


@blueprint.get("/<token>/thanks")
def thanks(token: str) -> ResponseReturnValue:
    """It was received: said without a look at who it was."""
    return render_template("fill/thanks.html", token=token)


def _to_the_member(wrong: dict[str, str], typed: dict[str, str]) -> dict[str, str]:
    """What was left out, in words for who fills in for oneself: a roster's sentences speak to an officer."""
    blank = {
        "name": gettext("请填写您的姓名，照证件写。"),
        "id_number": gettext("请填写您的证件号码。"),
        "phone": gettext("请填写您本人的 11 位手机号。"),
        "employment": gettext("请选择用工形式；不清楚的选“合同”。"),
        "consent": gettext("办还是不办，请在下面选一项。"),
    }
    return {
        field: blank[field] if field in blank and not typed.get(field, "").strip() else said
        for field, said in wrong.items()
    }


def _form(token: str, typed: dict[str, str], wrong: dict[str, str], status: int = 200) -> ResponseReturnValue:
    try:
        with transaction() as session:
            poster = self_filled.poster_of_token(session, current_world(), token)
    except NotFound:
        return render_template("fill/closed.html"), 404
    page = render_template(
        "fill/form.html",
        union=poster.union,
        token=token,
        typed=typed,
        wrong=wrong,
        id_types=[(word, word) for word in ID_TYPE_NAMES.values()],
        employments=[(word, word) for word in EMPLOYMENT_NAMES.values()],
    )
    return page, status
