"""`/lost`: a member whose phone is gone stops the card from any other phone, by name and document. Nobody signs in."""

from flask import Blueprint, render_template, request
from flask.typing import ResponseReturnValue

from cardnet.issuance import services as issuance
from cardnet.kernel.db import transaction
from cardnet.kernel.errors import TooManyRequests
from cardnet.web.language import gettext
from cardnet.web.offline import help_phone
from cardnet.wiring import current_world

blueprint = Blueprint("lost", __name__, url_prefix="/lost")


@blueprint.get("")
def form() -> ResponseReturnValue:
    """Two fields and what will happen."""
    return _form({})


@blueprint.post("")
def report() -> ResponseReturnValue:
    """Stop every card of the person both fields fit."""
    name, number = (request.form.get(field, "").strip()[:60] for field in ("name", "id_number"))
    wrong = {}
    if not name:
        wrong["name"] = gettext("请输入姓名。")
    if not number:
        wrong["id_number"] = gettext("请输入证件号码。")
    if wrong:
        return _form(wrong), 422
    try:
        with transaction() as session:
            command = issuance.ReportLossByDocument(name, number, request.remote_addr or "")
            stopped = issuance.report_loss_by_document(session, current_world(), command)
    except TooManyRequests as error:
        return _form({"": error.message}), error.status, {"Retry-After": str(error.retry_after_seconds)}
    if stopped is None:
        said = gettext("姓名和证件号码对不上有卡的会员，请核对后再试；或者拨打 %(phone)s。", phone=help_phone())
        return _form({"id_number": said}), 422
    return render_template("lost/done.html", stopped=stopped, help_phone=help_phone())


def _form(wrong: dict[str, str]) -> str:
    # What was typed stays in the form after a mistake, but a document's number is typed again.
    return render_template(
        "lost/form.html", wrong=wrong, name=request.form.get("name", "")[:60], help_phone=help_phone()
    )
