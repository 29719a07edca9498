"""暂缓结算: sales kept out of settlement for a reason the merchant reads, and let go again once it is cleared up."""

import uuid
from collections.abc import Mapping, Sequence
from typing import Any

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from cardnet.access import services as access
from cardnet.access.rules import Principal
from cardnet.benefits import services as benefits
from cardnet.benefits.words import DenialOutcome
from cardnet.finance import services as finance
from cardnet.finance.rules import HoldReason
from cardnet.kernel.db import transaction
from cardnet.kernel.errors import CardnetError
from cardnet.merchants import services as merchants
from cardnet.web import finance_words
from cardnet.web.auth import staff_page
from cardnet.web.finance import MAKERS, READERS, blueprint
from cardnet.web.forms import whole_id, wrong_of
from cardnet.web.language import gettext
from cardnet.web.paging import Page, asked_page
from cardnet.wiring import current_world

BY_HAND = (HoldReason.FRAUD_FLAG, HoldReason.DISPUTED, HoldReason.EVIDENCE_MISSING)
"""What finance itself finds; what members say has a page of its own."""

_SIZE = 30
_FIELDS = ("merchant", "ref", "reason", "words")
_FIELD_OF = {
    "not_found": "ref",
    "nothing_to_settle": "ref",
    "already_settled": "ref",
    "already_held_back": "ref",
    "merchant_unknown": "merchant",
}


@blueprint.get("/held")
@staff_page(*READERS)
def held(principal: Principal) -> ResponseReturnValue:
    """What is kept back now, the longest first."""
    return _page(principal, {})


@blueprint.post("/held")
@staff_page(*MAKERS)
def hold_sale(principal: Principal) -> ResponseReturnValue:
    """Keep a sale back by the merchant's number of it."""
    given = _given()
    wrong = {}
    if not given["merchant"]:
        wrong["merchant"] = gettext("请选择商户。")
    if not given["ref"]:
        wrong["ref"] = gettext("请填写小票上的商户单号。")
    if given["reason"] not in list(BY_HAND):
        wrong["reason"] = gettext("请选择原因。")
    if wrong:
        return _page(principal, wrong), 422
    try:
        with transaction() as session:
            merchant_id = merchants.merchant_of_code(session, given["merchant"]).id
            reason = HoldReason(given["reason"])
            command = finance.HoldBackSale(merchant_id, given["ref"], reason, given["words"], principal.account_id)
            finance.hold_back_sale(session, current_world(), command)
    except CardnetError as error:
        return _page(principal, wrong_of(error, _FIELD_OF)), error.status
    flash(gettext("这一笔已暂缓结算。"), "good")
    return redirect(url_for("finance.held"), 303)


@blueprint.post("/held/release")
@staff_page(*MAKERS)
def release_held(principal: Principal) -> ResponseReturnValue:
    """What is ticked is cleared up: into the next settlement, all of it or nothing."""
    ticked = request.form.getlist("held")
    if not ticked:
        return _page(principal, {"": gettext("请先勾选要放行的核销。")}), 422
    try:
        with transaction() as session:
            for one in ticked:
                command = finance.Release(whole_id(one), request.form.get("found", ""), principal.account_id)
                finance.release(session, current_world(), command)
    except CardnetError as error:
        return _page(principal, {"found": error.message}), error.status
    flash(gettext("已放行 %(n)s 笔，会放进下一张结算单。", n=len(ticked)), "good")
    return redirect(url_for("finance.held"), 303)


def held_lines(session: Session, found: Sequence[finance.HeldView]) -> list[dict[str, Any]]:
    """Each with its shop, the number on its receipt and who keeps it back."""
    shops = {merchant.id: merchant for merchant in merchants.merchants(session)} if found else {}
    refs = benefits.references_of(session, [one.line.redemption_id for one in found])
    people = access.display_names(session, [one.held_by for one in found])
    denied = benefits.denials_standing(session, list(refs))
    return [
        {
            "id": str(one.id),
            "merchant_code": shops[one.merchant_id].code,
            "merchant": shops[one.merchant_id].name,
            "redemption_id": one.line.redemption_id,
            "merchant_ref": refs.get(one.line.redemption_id),
            "type": one.line.type,
            "business_date": one.line.business_date,
            "net_fen": one.line.net_fen,
            "reason": one.line.reason.value,
            "words": one.line.words,
            "held_at": one.held_at,
            "held_by": people[one.held_by],
            "denial": _denial(denied, one.line.redemption_id),
        }
        for one in found
    ]


def _denial(denied: Mapping[uuid.UUID, DenialOutcome | None], redemption_id: uuid.UUID) -> str | None:
    return (denied[redemption_id] or "open") if redemption_id in denied else None


def held_page(session: Session, limit: int, offset: int) -> tuple[list[dict[str, Any]], int]:
    """Some of what is kept back, and how much there is."""
    found, total = finance.held_page(session, limit, offset)
    return held_lines(session, found), total


def _given() -> dict[str, str]:
    return {name: request.form.get(name, "").strip() for name in _FIELDS}


def _page(principal: Principal, wrong: dict[str, str]) -> str:
    with transaction() as session:
        number = asked_page()
        lines, total = held_page(session, _SIZE, (number - 1) * _SIZE)
        if not lines and total:
            # Let go since the page was drawn: the last one there is.
            number = -(-total // _SIZE)
            lines, total = held_page(session, _SIZE, (number - 1) * _SIZE)
        shops = [(one.code, f"{one.code} {one.name}") for one in merchants.merchants(session)]
    return render_template(
        "finance/held.html",
        page=Page(lines, number, _SIZE, total),
        may=principal.has(*MAKERS),
        merchant_options=[("", gettext("请选择")), *shops],
        reasons=[(reason.value, finance_words.HOLDS[reason.value], "") for reason in BY_HAND],
        words=finance_words,
        wrong=wrong,
        given=_given(),
        found=request.form.get("found", ""),
        ticked=request.form.getlist("held"),
    )
