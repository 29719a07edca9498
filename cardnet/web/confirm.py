"""`/confirm/…`: where a chair without an account says yes or no to the unit's list, once, by the link they were sent."""

from flask import Blueprint, render_template, request
from flask.typing import ResponseReturnValue

from cardnet.issuance import services as issuance
from cardnet.issuance.rules import ReviewReason, Verdict
from cardnet.kernel.db import transaction
from cardnet.kernel.errors import CardnetError
from cardnet.web.auth import signed_in
from cardnet.web.console.unit_approvals import SEEN_LINK
from cardnet.web.forms import wrong_of
from cardnet.web.language import gettext
from cardnet.web.words import word
from cardnet.wiring import current_world

blueprint = Blueprint("confirm", __name__)

_FIELDS = {"signer_wrong": "signer", "reason_missing": "reason", "reason_unknown": "reason"}


@blueprint.get("/confirm/<token>")
def asked(token: str) -> ResponseReturnValue:
    """The list, and what is asked."""
    return _page(token, {})


@blueprint.post("/confirm/<token>")
def decide(token: str) -> ResponseReturnValue:
    """The answer."""
    if SEEN_LINK in request.cookies:
        said = gettext("这台设备上的经办人员看到过链接，不能在这里确认，请主席在自己的手机上打开。")
        return _page(token, {"": said}, 403)
    verdict = {"confirm": Verdict.APPROVE, "decline": Verdict.RETURN}.get(request.form.get("answer", ""))
    wrong = {}
    if not request.form.get("signer", "").strip():
        wrong["signer"] = gettext("请填写您的姓名。")
    if verdict is None:
        wrong[""] = gettext("请选择确认或退回。")
    if wrong or verdict is None:
        return _page(token, wrong, 422)
    desk = signed_in()
    try:
        with transaction() as session:
            command = issuance.DecideByLink(
                token,
                request.form["signer"][:50],
                verdict,
                request.form.get("reason", "") if verdict is Verdict.RETURN else "",
                request.form.get("words", "").strip()[:300],
                request.remote_addr,
                desk,
            )
            done = issuance.decide_by_link(session, current_world(), command)
    except CardnetError as error:
        if error.code == "link_not_yours" and desk is not None:
            # Refused and forgotten by that transaction; that it was tried is kept by its own.
            with transaction() as session:
                issuance.note_own_link(session, current_world(), token, desk, request.remote_addr)
        return _page(token, wrong_of(error, _FIELDS), error.status)
    return render_template("confirm/done.html", confirmed=verdict is Verdict.APPROVE, count=done.rows), 200, _UNSEEN


_UNSEEN = {"Cache-Control": "no-store", "Referrer-Policy": "no-referrer", "X-Robots-Tag": "noindex"}
"""The address is the key: it goes into no cache and to no other site."""


def _page(token: str, wrong: dict[str, str], status: int = 200) -> ResponseReturnValue:
    with transaction() as session:
        listed = issuance.approval_by_link(session, current_world(), token)
    page = render_template(
        "confirm/asked.html",
        token=token,
        listed=listed,
        line=listed.line,
        reasons=[("", ""), *((str(one), f"{one} {word(one, 'reason')}") for one in ReviewReason)],
        given={name: request.form.get(name, "") for name in ("signer", "reason", "words")},
        wrong=wrong,
    )
    return page, status, _UNSEEN
