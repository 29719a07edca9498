"""Cards: find one by its number, or many by unit, state and last digits; suspend and resume."""

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from cardnet.access.rules import Principal
from cardnet.issuance import services as issuance
from cardnet.issuance.rules import CardState, typed_number
from cardnet.issuance.services import desk
from cardnet.kernel.calendar import day_of
from cardnet.kernel.db import transaction
from cardnet.kernel.errors import CardnetError
from cardnet.membership import services as membership
from cardnet.web.auth import OFFICERS, staff_page
from cardnet.web.console import blueprint
from cardnet.web.forms import whole_id, wrong_of
from cardnet.web.language import gettext
from cardnet.web.paging import Page, asked_page
from cardnet.wiring import current_world

_SHOWN = 50
_WHOLE = 13


@blueprint.get("/cards")
@staff_page(*OFFICERS)
def cards(principal: Principal) -> ResponseReturnValue:
    """Search by whole number or last digits; narrow by unit and state."""
    number = asked_page()
    asked, unit_code, state = (request.args.get(name, "").strip() for name in ("number", "unit", "state"))
    wrong: dict[str, str] = {}
    digits = typed_number(asked)
    if digits and not (digits.isascii() and digits.isdigit() and len(digits) <= _WHOLE):
        wrong["number"] = gettext("卡号是 13 位数字；只记得后几位，就输入后几位。")
        digits = ""
    with transaction() as session:
        units = membership.unions_under(session, principal.scope_path)
        unit = next((u for u in units if unit_code in (u.code, u.name)), None) if unit_code else None
        if unit_code and unit is None:
            wrong["unit"] = gettext("您的管理范围内没有这个工会，请输入编码或全称，或从提示中选择。")
        wanted = desk.CardFilter(
            number=digits if len(digits) == _WHOLE else "",
            ending=digits if len(digits) < _WHOLE else "",
            path=unit.path if unit else None,
            states=frozenset({CardState(state)}) if state in CardState.__members__.values() else frozenset(),
        )
        listed = (
            desk.Listed((), 0)
            if wrong
            else desk.find_cards(session, principal, wanted, limit=_SHOWN, offset=(number - 1) * _SHOWN)
        )
    page = render_template(
        "console/cards.html",
        page=Page(listed.items, number, _SHOWN, listed.total),
        asked=asked,
        unit_code=unit_code,
        state=state,
        states=list(CardState),
        units=units,
        wrong=wrong,
    )
    return page, 422 if wrong else 200


@blueprint.get("/cards/<card_id>")
@staff_page(*OFFICERS)
def card(principal: Principal, card_id: str) -> ResponseReturnValue:
    """One card: whose, in what state, and everything that happened to it."""
    return _card_page(principal, card_id, {})


@blueprint.post("/cards/<card_id>/suspend")
@staff_page(*OFFICERS)
def suspend(principal: Principal, card_id: str) -> ResponseReturnValue:
    """Loss reported: the card stops at once."""
    return _change(principal, card_id, suspending=True)


@blueprint.post("/cards/<card_id>/resume")
@staff_page(*OFFICERS)
def resume(principal: Principal, card_id: str) -> ResponseReturnValue:
    """Found again: the card works again."""
    return _change(principal, card_id, suspending=False)


def _change(principal: Principal, card_id: str, *, suspending: bool) -> ResponseReturnValue:
    reason = request.form.get("reason", "").strip()[:200]
    if not reason:
        return _card_page(principal, card_id, {"reason": gettext("请写明原因，会记入这张卡的履历。")}), 422
    act = issuance.suspend_card if suspending else issuance.resume_card
    try:
        with transaction() as session:
            line = desk.card_of_id(session, principal, whole_id(card_id))
            act(session, current_world(), issuance.ChangeCard(line.card_id, reason, principal))
    except CardnetError as error:
        return _card_page(principal, card_id, wrong_of(error)), error.status
    flash(
        gettext("已挂失，这张卡现在不能使用。") if suspending else gettext("已解挂，这张卡恢复使用。"),
        "good",
    )
    return redirect(url_for("console.card", card_id=card_id), 303)


def _card_page(principal: Principal, card_id: str, wrong: dict[str, str]) -> str:
    world = current_world()
    with transaction() as session:
        line = desk.card_of_id(session, principal, whole_id(card_id))
        history = desk.card_history(session, line.card_id)
    return render_template(
        "console/card.html",
        card=line,
        history=history,
        wrong=wrong,
        reason=request.form.get("reason", ""),
        expired=line.valid_to < day_of(world.now()),
    )
