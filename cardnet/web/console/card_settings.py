"""What the district decides about every card, for everybody to read: phones, how long it works, holds of a lost one."""

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from cardnet.access.rules import Principal, Role
from cardnet.issuance import services as issuance
from cardnet.issuance.rules import CardEnd, CardKind
from cardnet.kernel.db import transaction
from cardnet.kernel.errors import CardnetError, InvalidInput
from cardnet.membership import services as membership
from cardnet.membership.rules import Tier
from cardnet.web.auth import OFFICERS, staff_page
from cardnet.web.console import blueprint
from cardnet.web.forms import whole_number, wrong_of
from cardnet.web.language import gettext
from cardnet.wiring import current_world


@blueprint.get("/cards/settings")
@staff_page(*OFFICERS)
def card_settings(principal: Principal) -> ResponseReturnValue:
    """What holds now, since when, and what a change would do to the cards there are."""
    return _page(principal, {})


@blueprint.post("/cards/settings")
@staff_page(Role.DISTRICT_OFFICER)
def set_phone_policy(principal: Principal) -> ResponseReturnValue:
    """One phone or two, from now on."""
    phones = whole_number(request.form.get("phones", "")) or 0
    try:
        with transaction() as session:
            command = issuance.SetPhonePolicy(phones, request.form.get("reason", ""), principal)
            stopped = issuance.set_phone_policy(session, current_world(), command)
    except CardnetError as error:
        fields = {"phones_invalid": "phones", "reason_missing": "reason"}
        return _page(principal, wrong_of(error, fields)), error.status
    said = gettext("已改为每张卡可以绑定 %(n)s 部手机。", n=phones)
    if stopped:
        said += gettext("停用了 %(n)s 部先绑定的手机。", n=stopped)
    flash(said, "good")
    return redirect(url_for("console.card_settings"), 303)


@blueprint.post("/cards/settings/loss")
@staff_page(Role.DISTRICT_OFFICER)
def set_loss_policy(principal: Principal) -> ResponseReturnValue:
    """What was held before a loss may be used, or may not, from now on."""
    chosen = request.form.get("honour", "")
    if chosen not in ("yes", "no"):
        return _page(principal, {"honour": gettext("请选择照常核销或不再核销。")}), 422
    try:
        with transaction() as session:
            command = issuance.SetLossPolicy(chosen == "yes", request.form.get("why", ""), principal)
            issuance.set_loss_policy(session, current_world(), command)
    except CardnetError as error:
        return _page(principal, wrong_of(error, {"reason_missing": "why"})), error.status
    flash(
        gettext("挂失以前的预留，挂失后照常核销。") if chosen == "yes" else gettext("挂失以前的预留，挂失后不再核销。"),
        "good",
    )
    return redirect(url_for("console.card_settings"), 303)


@blueprint.post("/cards/settings/life")
@staff_page(Role.DISTRICT_OFFICER)
def set_card_life(principal: Principal) -> ResponseReturnValue:
    """How long cards of a kind work that are made from now on."""
    kind, ends = request.form.get("kind", ""), request.form.get("ends", "")
    years, reason = whole_number(request.form.get("years", "")) or 0, request.form.get("life_reason", "")
    mistakes = membership.Mistakes()
    with mistakes.about("kind"):
        if kind not in CardKind.__members__.values():
            raise InvalidInput("kind_unknown", gettext("请选择哪一种卡。"))
    with mistakes.about("ends"):
        if ends not in CardEnd.__members__.values():
            raise InvalidInput("ends_unknown", gettext("请选择哪一天到期。"))
    fields = {"years_invalid": "years", "reason_missing": "life_reason"}
    try:
        mistakes.tell()
        with transaction() as session:
            command = issuance.SetCardLife(CardKind(kind), years, CardEnd(ends), reason, principal)
            issuance.set_card_life(session, current_world(), command)
    except CardnetError as error:
        return _page(principal, wrong_of(error, fields)), error.status
    flash(gettext("有效期已修改，此后做的卡按新的规定到期。"), "good")
    return redirect(url_for("console.card_settings"), 303)


def _page(principal: Principal, wrong: dict[str, str]) -> str:
    with transaction() as session:
        loss = issuance.loss_policy(session)
        lives = issuance.card_lives(session)
        policy = issuance.phone_policy(session)
        own = membership.union_of_id(session, principal.union_id)
    return render_template(
        "console/card_settings.html",
        policy=policy,
        loss=loss,
        lives=lives,
        may_change=principal.has(Role.DISTRICT_OFFICER) and own.tier is Tier.DISTRICT,
        given={name: request.form.get(name, "") for name in _GIVEN} | {"kind": request.values.get("kind", "")},
        wrong=wrong,
    )


_GIVEN = ("phones", "reason", "honour", "why", "kind", "years", "ends", "life_reason")
