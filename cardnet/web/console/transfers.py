"""Transfers between units: who is to leave, who is to come, what the two units say; a unit asks for somebody by document."""

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from cardnet.access.rules import Principal
from cardnet.issuance import services as issuance
from cardnet.kernel.db import transaction
from cardnet.kernel.errors import CardnetError, InvalidInput, NotFound
from cardnet.membership import services as membership
from cardnet.membership.rules import TransferState
from cardnet.web.auth import OFFICERS, staff_page
from cardnet.web.console import blueprint
from cardnet.web.console.members import typed_day
from cardnet.web.console.units import unit_typed
from cardnet.web.forms import whole_id, wrong_of
from cardnet.web.language import gettext
from cardnet.wiring import current_world

_PAST = frozenset(TransferState) - {TransferState.PROPOSED}
_SHOWN = 50


@blueprint.get("/register/transfers")
@staff_page(*OFFICERS)
def transfers(principal: Principal) -> ResponseReturnValue:
    """Members another unit names as its own now, and those this unit named: with names, because these two must act."""
    return _page(principal, {})


@blueprint.post("/register/transfers/ask")
@staff_page(*OFFICERS)
def ask_transfer(principal: Principal) -> ResponseReturnValue:
    """Ask for a member of another unit: name and document must both fit, so that nobody looks for people here."""
    name, number = (request.form.get(field, "").strip()[:60] for field in ("name", "id_number"))
    world = current_world()
    try:
        with transaction() as session:
            unit = unit_typed(session, principal, request.form.get("unit", "").strip()[:80])
            target = unit or membership.union_of_id(session, principal.union_id)
            people = membership.people_of_document(session, number.upper()) & membership.people_named(session, name)
            if not name or not number or len(people) != 1:
                raise InvalidInput(
                    "person_unknown", gettext("没有姓名和证件号码都相符的会员，请核对；从未入会的人请放进采集表。")
                )
            command = membership.StartTransfer(
                people.pop(), target.id, principal, typed_day(request.form.get("on", "").strip()),
                request.form.get("words", "").strip()[:200],
            )  # fmt: skip
            done = issuance.transfer_member(session, world, command)
            days = membership.transfer_days(session)
    except CardnetError as error:
        fields = {"person_unknown": "id_number", "unit_unknown": "unit", "date": "on", "effective_in_future": "on", "effective_before_membership": "on"}  # fmt: skip
        return _page(principal, wrong_of(error, fields)), error.status
    asked = gettext("转接已提出，等原单位答复；%(n)s 个工作日不答复即自动转出。", n=days)
    flash(gettext("已转入本单位。") if done else asked, "good")
    return redirect(url_for("console.transfers"), 303)


@blueprint.post("/register/transfers/<transfer_id>")
@staff_page(*OFFICERS)
def answer_transfer(principal: Principal, transfer_id: str) -> ResponseReturnValue:
    """Release, object, or take back."""
    command = membership.AnswerTransfer(whole_id(transfer_id), principal, request.form.get("words", "").strip()[:200])
    act, world = request.values.get("act", ""), current_world()
    try:
        with transaction() as session:
            if act == "accept":
                issuance.accept_transfer(session, world, command)
                said = gettext("已放行，会籍和卡已转到新单位。")
            elif act == "object":
                membership.object_to_transfer(session, world, command)
                said = gettext("异议已登记，会籍留在本单位，新单位会看到原因。")
            elif act == "withdraw":
                membership.withdraw_transfer(session, world, command)
                said = gettext("转接已撤回。")
            else:
                raise NotFound("not_found", gettext("没有这项办理，请返回重新选择。"))
    except CardnetError as error:
        if isinstance(error, NotFound):
            raise
        return _page(principal, {f"words-{transfer_id}" if error.code == "words_missing" else "": error.message}), error.status  # fmt: skip
    flash(said, "good")
    return redirect(url_for("console.transfers"), 303)


def _page(principal: Principal, wrong: dict[str, str]) -> str:
    with transaction() as session:
        own = membership.union_of_id(session, principal.union_id)
        lines = membership.transfers_of(session, own.id)
        past = membership.transfers_of(session, own.id, _PAST)
        units = membership.open_unions_under(session, principal.scope_path)
    recent = sorted(past, key=lambda line: line.decided_at or line.proposed_at, reverse=True)[:_SHOWN]
    return render_template(
        "console/transfers.html", own=own, leaving=[line for line in lines if line.from_union.id == own.id],
        coming=[line for line in lines if line.to_union.id == own.id], past=recent, now=current_world().now(),
        wrong=wrong, units=units if len(units) > 1 else (),
    )  # fmt: skip
