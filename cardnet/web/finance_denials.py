"""会员反映“不是我”: what members say was not theirs, kept out of settlement and answered here."""

import uuid
from collections.abc import Sequence
from typing import Any

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from cardnet.access.rules import Principal
from cardnet.benefits import services as benefits
from cardnet.benefits.services import DenialView, SettleDenial
from cardnet.benefits.words import DenialOutcome
from cardnet.finance import services as finance
from cardnet.finance.rules import HoldReason, net_of
from cardnet.kernel.db import transaction
from cardnet.kernel.errors import CardnetError
from cardnet.kernel.masking import name_for_list
from cardnet.kernel.world import World
from cardnet.membership import services as membership
from cardnet.merchants import services as merchants
from cardnet.web.auth import staff_page
from cardnet.web.finance import MAKERS, READERS, blueprint
from cardnet.web.forms import whole_id
from cardnet.web.language import gettext
from cardnet.web.paging import Page, asked_page
from cardnet.wiring import current_world


@blueprint.get("/denials")
@staff_page(*READERS)
def denials(principal: Principal) -> ResponseReturnValue:
    """Unanswered first; each with its sale, and whether it is kept out of settlement."""
    return _page(principal, {})


@blueprint.post("/denials/<denial_id>/hold")
@staff_page(*MAKERS)
def hold_denied(principal: Principal, denial_id: str) -> ResponseReturnValue:
    """Keep the sale out of settlement until it is cleared up."""
    try:
        with transaction() as session:
            hold(session, current_world(), whole_id(denial_id), principal)
    except CardnetError as error:
        return _page(principal, {denial_id: error.message}), error.status
    flash(gettext("这一笔已暂缓结算。"), "good")
    return redirect(url_for("finance.denials"), 303)


@blueprint.post("/denials/<denial_id>/settle")
@staff_page(*MAKERS)
def settle_denial(principal: Principal, denial_id: str) -> ResponseReturnValue:
    """Say what was found; the member reads it in the wallet."""
    outcome = request.form.get("outcome", "")
    if outcome not in list(DenialOutcome):
        return _page(principal, {denial_id: gettext("请选择查实的结果。")}), 422
    try:
        with transaction() as session:
            one = _one(session, principal, denial_id)
            command = benefits.SettleDenial(
                one.id, DenialOutcome(outcome), request.form.get("answer", ""), principal.account_id
            )
            settle(session, current_world(), one, command)
    except CardnetError as error:
        return _page(principal, {denial_id: error.message}), error.status
    flash(gettext("已答复会员。"), "good")
    return redirect(url_for("finance.denials"), 303)


def hold(session: Session, world: World, denial_id: uuid.UUID, officer: Principal) -> None:
    """Keep a denied use out of settlement. Raises what `benefits.denial_to_hold` and `finance.hold_back` raise."""
    one = benefits.denial_to_hold(session, denial_id, officer.scope_path)
    words = "会员反映不是本人使用，请提供小票和监控。"
    command = finance.HoldBack(
        one.merchant_id, one.redemption_id, "capture", one.business_date, net_of("capture", one.union_fen),
        HoldReason.MEMBER_DENIES, words, officer.account_id,
    )  # fmt: skip
    finance.hold_back(session, world, command)


def settle(session: Session, world: World, one: DenialView, command: SettleDenial) -> None:
    """Answer the member; a use that was theirs after all is paid with the next settlement.

    Raises what `benefits.settle_denial` raises.
    """
    benefits.settle_denial(session, world, command)
    if command.outcome is DenialOutcome.EXPLAINED:
        finance.release_denied(session, world, one.redemption_id, command.officer_id)


def _one(session: Session, principal: Principal, denial_id: str) -> DenialView:
    """Raises NotFound for what is not there or not below this officer."""
    return benefits.denial(session, whole_id(denial_id), principal.scope_path)


def _page(principal: Principal, wrong: dict[str, str]) -> str:
    size = 30
    with transaction() as session:
        number, path = asked_page(), principal.scope_path
        found, total = benefits.denials_page(session, path, size, (number - 1) * size)
        if not found and total:
            # Answered since the page was drawn: the last one there is.
            number = -(-total // size)
            found, total = benefits.denials_page(session, path, size, (number - 1) * size)
        lines = denial_lines(session, found)
    given = {name: request.form.get(name, "") for name in ("outcome", "answer")}
    return render_template(
        "finance/denials.html", page=Page(lines, number, size, total), wrong=wrong, given=given, principal=principal
    )


def denial_lines(session: Session, found: Sequence[DenialView]) -> list[dict[str, Any]]:
    """Each with its shop and its member, whose name is masked as a notice prints it."""
    names = membership.names(session, {one.person_id for one in found})
    shops = {merchant.id: merchant.name for merchant in merchants.merchants(session)} if found else {}
    held = finance.held_back(session, {one.redemption_id for one in found})
    return [
        {
            "id": str(one.id),
            "redemption_id": one.redemption_id,
            "member": name_for_list(names[one.person_id]),
            "merchant": shops.get(one.merchant_id, ""),
            "merchant_ref": one.merchant_ref,
            "happened_at": one.happened_at,
            "amount_fen": one.amount_fen,
            "union_fen": one.union_fen,
            "words": one.words,
            "at": one.at,
            "by_officer": one.noted_by is not None,
            "held": one.redemption_id in held,
            "outcome": one.outcome,
            "answer": one.answer,
            "settled_at": one.settled_at,
        }
        for one in found
    ]
