"""Applications for a card in the place of another: a unit asks for one card, renews its cards in one batch, answers a return."""

from flask import flash, redirect, request, url_for
from flask.typing import ResponseReturnValue

from cardnet.access.rules import Principal
from cardnet.issuance import services as issuance
from cardnet.issuance.rules import ReplacementReason
from cardnet.issuance.services import desk
from cardnet.kernel.db import transaction
from cardnet.kernel.errors import CardnetError
from cardnet.web.auth import OFFICERS, staff_page
from cardnet.web.console import blueprint
from cardnet.web.console.cards import card_page, list_page
from cardnet.web.console.rows import row_page
from cardnet.web.console.units import unit_typed
from cardnet.web.forms import whole_id, wrong_of
from cardnet.web.language import gettext
from cardnet.wiring import current_world


@blueprint.post("/cards/<card_id>/apply")
@staff_page(*OFFICERS)
def apply_for_replacement(principal: Principal, card_id: str) -> ResponseReturnValue:
    """One card is to be replaced: it goes up the route of every application."""
    typed = request.form.get("why", "")
    if typed not in list(ReplacementReason):
        return card_page(principal, card_id, {"why": gettext("请选择补卡的原因。")}, "apply"), 422
    try:
        with transaction() as session:
            line = desk.card_of_id(session, principal, whole_id(card_id))
            words = request.form.get("reason", "").strip()[:150]
            command = issuance.ApplyForReplacement(line.card_id, ReplacementReason(typed), words, principal)
            done = issuance.apply_for_replacement(session, current_world(), command)
    except CardnetError as error:
        return card_page(principal, card_id, wrong_of(error), "apply"), error.status
    flash(gettext("补卡申请已提交，从本单位审核开始；审核通过后由服务中心发新卡，不占名额。"), "good")
    return redirect(url_for("console.batch_row", batch_id=done.batch_id, row=1), 303)


@blueprint.post("/cards/renewal")
@staff_page(*OFFICERS)
def apply_for_renewal(principal: Principal) -> ResponseReturnValue:
    """Every card of the unit that ends soon goes up in one batch."""
    try:
        with transaction() as session:
            unit = unit_typed(session, principal, request.form.get("unit", "").strip()[:80])
            command = issuance.ApplyForRenewal(principal, path=unit.path if unit else None)
            done = issuance.apply_for_renewal(session, current_world(), command)
    except CardnetError as error:
        words = {"unit": request.form.get("unit", "").strip()[:80], "state": "", "list": "ending"}
        return list_page(principal, words, wrong=wrong_of(error, {"unit_unknown": "unit"}), status=error.status)
    flash(gettext("%(n)d 张卡的换卡申请已提交，从本单位审核开始；旧卡用到最后一天。", n=done.rows), "good")
    return redirect(url_for("console.batch", batch_id=done.batch_id), 303)


@blueprint.post("/batches/<batch_id>/rows/<int(max=9999999):row>/resubmit")
@staff_page(*OFFICERS)
def resubmit_in_place(principal: Principal, batch_id: str, row: int) -> ResponseReturnValue:
    """A returned replacement or renewal is answered and goes up again."""
    try:
        with transaction() as session:
            line = desk.batch_of(session, principal, whole_id(batch_id))
            desk.row_of(session, principal, line, row)
            command = issuance.ResubmitInPlace(line.batch_id, row, request.form.get("answer", ""), principal)
            issuance.resubmit_in_place(session, current_world(), command)
    except CardnetError as error:
        return row_page(principal, batch_id, row, wrong_of(error, {"words_missing": "answer"})), error.status
    flash(gettext("已重新提交，从本单位审核重新开始。"), "good")
    return redirect(url_for("console.batch_row", batch_id=batch_id, row=row), 303)
