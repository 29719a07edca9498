"""What an officer does to one card. Each act says its consequence before, and asks for the reason it will be kept with."""

import io
import uuid
from collections.abc import Callable
from typing import Any

from flask import Response, flash, redirect, render_template, request, send_file, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from cardnet.access.rules import Principal
from cardnet.issuance import services as issuance
from cardnet.issuance.services import desk
from cardnet.issuance.sheets import Layout, card_sheets
from cardnet.kernel.db import transaction
from cardnet.kernel.errors import CardnetError, NotFound
from cardnet.kernel.world import World
from cardnet.web.auth import OFFICERS, staff_page
from cardnet.web.console import blueprint, slips
from cardnet.web.console.cards import card_page
from cardnet.web.forms import whole_id, wrong_of
from cardnet.web.language import gettext
from cardnet.wiring import current_world

_Act = Callable[[Session, World, desk.CardLine, str], Any]


@blueprint.post("/cards/<card_id>/suspend")
@staff_page(*OFFICERS)
def suspend(principal: Principal, card_id: str) -> ResponseReturnValue:
    """Loss reported: whatever the person could pay with stops at once; with the phone its sessions end too."""
    lost = issuance.Lost.PHONE if request.form.get("lost") == "phone" else issuance.Lost.CARD

    def act(session: Session, world: World, line: desk.CardLine, reason: str) -> None:
        assert line.person is not None
        issuance.report_loss(session, world, issuance.ReportLoss(line.person.id, lost, reason, principal))

    return _done(
        principal, card_id, "suspend", act, gettext("已挂失，现在不能使用。商户最迟在下次更新名单时拒收旧码。")
    )


@blueprint.post("/cards/<card_id>/resume")
@staff_page(*OFFICERS)
def resume(principal: Principal, card_id: str) -> ResponseReturnValue:
    """Found again: the card works again."""
    return _done(
        principal, card_id, "resume", _changing(principal, issuance.resume_card), gettext("已解挂，这张卡恢复使用。")
    )


@blueprint.post("/cards/<card_id>/cancel")
@staff_page(*OFFICERS)
def cancel(principal: Principal, card_id: str) -> ResponseReturnValue:
    """The card ends without a successor."""
    return _done(
        principal, card_id, "cancel", _changing(principal, issuance.revoke_card), gettext("已注销，这张卡不能再用。")
    )


@blueprint.post("/cards/<card_id>/start-renewed")
@staff_page(*OFFICERS)
def start_renewed(principal: Principal, card_id: str) -> ResponseReturnValue:
    """The renewed card begins today in the place of the lost one."""

    def act(session: Session, world: World, line: desk.CardLine, reason: str) -> None:
        command = issuance.ReplaceCard(line.card_id, principal, reason)
        issuance.start_renewed_card(session, world, command)

    return _done(principal, card_id, "start_renewed", act, gettext("新卡从今天起可以使用，旧卡已停用。"))


@blueprint.post("/cards/<card_id>/void-print")
@staff_page(*OFFICERS)
def void_print(principal: Principal, card_id: str) -> ResponseReturnValue:
    """The printed code dies, the phone goes on."""

    def act(session: Session, world: World, line: desk.CardLine, reason: str) -> None:
        issuance.void_prints(session, world, issuance.VoidPrints(principal, reason, numbers=(line.number,)))

    said = gettext("这张实体卡上的码已作废，手机上的卡不受影响。可以重新打印，不占名额。")
    return _done(principal, card_id, "void_print", act, said)


@blueprint.post("/cards/<card_id>/stop-phone")
@staff_page(*OFFICERS)
def stop_phone(principal: Principal, card_id: str) -> ResponseReturnValue:
    """One phone is taken off the card, the other goes on."""
    asked = request.form.get("phone", "")

    def act(session: Session, world: World, line: desk.CardLine, reason: str) -> None:
        index = next((one.index for one in issuance.phones_of(session, line.card_id) if str(one.index) == asked), None)
        if index is None:
            raise NotFound("phone_unknown", gettext("请选择要停用的手机；刚被换下的，刷新后就不在了。"))
        issuance.stop_phone(session, world, issuance.StopPhone(index, reason, principal))

    said = gettext("这部手机上的码已停用，另一部手机和实体卡不受影响。")
    return _done(principal, card_id, "stop_phone", act, said)


@blueprint.post("/cards/<card_id>/hand-out")
@staff_page(*OFFICERS)
def hand_out_card(principal: Principal, card_id: str) -> ResponseReturnValue:
    """The member signed for the card."""

    def act(session: Session, world: World, line: desk.CardLine, reason: str) -> None:  # noqa: ARG001 - as every act
        command = issuance.HandOutCards(principal, numbers=(line.number,), channel="typed")
        issuance.hand_out_cards(session, world, command)

    return _done(principal, card_id, "hand_out", act, gettext("已登记签领。"), reason_needed=False)


@blueprint.post("/cards/<card_id>/replace")
@staff_page(*OFFICERS)
def replace(principal: Principal, card_id: str) -> ResponseReturnValue:
    """A new card with a new number; its slip is shown once."""

    def act(session: Session, world: World, line: desk.CardLine, reason: str) -> issuance.IssuedCard:
        return issuance.replace_card(session, world, issuance.ReplaceCard(line.card_id, principal, reason))

    return _with_slip(principal, card_id, "replace", act, gettext("已补卡，旧卡已停用"))


@blueprint.post("/cards/<card_id>/renew")
@staff_page(*OFFICERS)
def renew(principal: Principal, card_id: str) -> ResponseReturnValue:
    """A new card from the day after this one ends; its slip is shown once."""

    def act(session: Session, world: World, line: desk.CardLine, reason: str) -> issuance.IssuedCard:  # noqa: ARG001
        (made,) = issuance.renew_cards(session, world, issuance.RenewCards(principal, (line.number,)))
        return made

    return _with_slip(principal, card_id, "renew", act, gettext("已换发新卡"), reason_needed=False)


@blueprint.post("/cards/<card_id>/reprint-slip")
@staff_page(*OFFICERS)
def reprint_slip(principal: Principal, card_id: str) -> ResponseReturnValue:
    """A new code on a new slip, shown once; the lost one is dead."""

    def act(session: Session, world: World, line: desk.CardLine, reason: str) -> slips.Slip:  # noqa: ARG001
        code = issuance.reprint_code(session, world, line.card_id, principal)
        return _slip(line, line.number, code)

    return _with_slip(principal, card_id, "reprint_slip", act, gettext("新的激活单"), reason_needed=False)


@blueprint.post("/cards/<card_id>/rebind-code")
@staff_page(*OFFICERS)
def give_rebind_code(principal: Principal, card_id: str) -> ResponseReturnValue:
    """Six digits for the member who stands here, shown once."""

    def act(session: Session, world: World, line: desk.CardLine) -> issuance.GivenCode:
        return issuance.give_rebind_code(session, world, issuance.GiveRebindCode(line.card_id, principal))

    if request.form.get("seen") != "yes":
        wrong = {"seen": gettext("请先当面核对本人和证件，再勾选。")}
        return card_page(principal, card_id, wrong, "rebind_code"), 422
    try:
        with transaction() as session:
            line = desk.card_of_id(session, principal, whole_id(card_id))
            given = act(session, current_world(), line)
    except CardnetError as error:
        return card_page(principal, card_id, wrong_of(error), "rebind_code"), error.status
    return render_template("console/rebind_code.html", card=line, given=given), 200, {"Cache-Control": "no-store"}


@blueprint.post("/cards/<card_id>/print")
@staff_page(*OFFICERS)
def print_card(principal: Principal, card_id: str) -> ResponseReturnValue:
    """One printed card as a PDF; an earlier print of it is void."""
    layout = Layout.SINGLE if request.form.get("layout") == Layout.SINGLE else Layout.SHEETS
    try:
        with transaction() as session:
            line = desk.card_of_id(session, principal, whole_id(card_id))
            command = issuance.PrintCards(principal, numbers=(line.number,))
            content = card_sheets(issuance.print_cards(session, current_world(), command), layout)
    except CardnetError as error:
        return card_page(principal, card_id, wrong_of(error), "print"), error.status
    return pdf_answer(content, gettext("会员卡"))


def pdf_answer(content: bytes, name: str) -> Response:
    """A PDF to keep; what stands in it must not stay in any cache."""
    answer = send_file(io.BytesIO(content), mimetype="application/pdf", as_attachment=True, download_name=f"{name}.pdf")
    answer.headers["Cache-Control"] = "no-store"
    return answer


# ---- pieces ----


def _changing(principal: Principal, change: Callable[[Session, World, issuance.ChangeCard], object]) -> _Act:
    def act(session: Session, world: World, line: desk.CardLine, reason: str) -> None:
        change(session, world, issuance.ChangeCard(line.card_id, reason, principal))

    return act


def _done(
    principal: Principal, card_id: str, name: str, act: _Act, said: str, *, reason_needed: bool = True
) -> ResponseReturnValue:
    """Do it and come back to the card, or say at the form why not."""
    refused, _ = _do(principal, card_id, name, act, reason_needed=reason_needed)
    if refused is not None:
        return refused
    flash(said, "good")
    return redirect(url_for("console.card", card_id=card_id), 303)


def _with_slip(
    principal: Principal, card_id: str, name: str, act: _Act, said: str, *, reason_needed: bool = True
) -> ResponseReturnValue:
    """Do it and show the slip that comes of it, this once."""
    refused, made = _do(principal, card_id, name, act, reason_needed=reason_needed)
    if refused is not None:
        return refused
    with transaction() as session:
        new_id = made.card_id if isinstance(made, issuance.IssuedCard) else uuid.UUID(card_id)
        line = desk.card_of_id(session, principal, new_id)
    slip = made if isinstance(made, slips.Slip) else _slip(line, made.number, made.activation_code)
    page = render_template(
        "console/slip.html", card=line, slip=slip, square=slips.code_svg(slip, request.url_root), said=said
    )
    return page, 200, {"Cache-Control": "no-store"}


def _do(
    principal: Principal, card_id: str, name: str, act: _Act, *, reason_needed: bool
) -> tuple[ResponseReturnValue | None, Any]:
    reason = request.form.get("reason", "").strip()[:200]
    if reason_needed and not reason:
        wrong = {"reason": gettext("请写明原因，会记入这张卡的履历。")}
        return (card_page(principal, card_id, wrong, name), 422), None
    try:
        with transaction() as session:
            line = desk.card_of_id(session, principal, whole_id(card_id))
            return None, act(session, current_world(), line, reason)
    except CardnetError as error:
        wrong = wrong_of(error, {"phone_unknown": "phone"})
        return (card_page(principal, card_id, wrong, name), error.status), None


def _slip(line: desk.CardLine, number: str, code: str) -> slips.Slip:
    assert line.person is not None and line.union is not None
    return slips.Slip(number, code, line.person.name, line.union.name, line.row)
