"""Where merchants want to hear of events: addresses, what was sent there, and sending it again."""

import uuid

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from cardnet.access.rules import Principal, Role
from cardnet.kernel.db import transaction
from cardnet.kernel.errors import CardnetError, NotFound
from cardnet.merchant_api import services as hooks
from cardnet.merchant_api.schemas import EVENT_TYPES
from cardnet.merchants import services as merchants
from cardnet.web.auth import staff_page
from cardnet.web.console import blueprint
from cardnet.web.forms import wrong_of
from cardnet.web.language import gettext
from cardnet.wiring import current_settings, current_world

_FIELDS = {"merchant_unknown": "merchant", "webhook_url": "url", "too_many_endpoints": "merchant"}
_SHOWN = 50


@blueprint.get("/webhooks")
@staff_page(Role.DISTRICT_OFFICER)
def webhooks(principal: Principal) -> ResponseReturnValue:  # noqa: ARG001 - the guard's
    """Every address and how it fares; and the form for a new one."""
    return _page({})


@blueprint.post("/webhooks")
@staff_page(Role.DISTRICT_OFFICER)
def make_webhook(principal: Principal) -> ResponseReturnValue:
    """A new address. Its secret is shown on this one page."""
    try:
        with transaction() as session:
            merchant = merchants.merchant_of_code(session, request.form.get("merchant", "").strip())
            made = hooks.make_endpoint(
                session,
                current_world(),
                hooks.MakeEndpoint(
                    merchant.id, request.form.get("url", ""), chosen_kinds() or None, principal.account_id
                ),
                inside=current_settings().webhooks_inside,
            )
    except CardnetError as error:
        return _page(wrong_of(error, _FIELDS)), error.status
    return _page({}, made)


@blueprint.get("/webhooks/<uuid:endpoint_id>")
@staff_page(Role.DISTRICT_OFFICER)
def webhook(principal: Principal, endpoint_id: uuid.UUID) -> ResponseReturnValue:  # noqa: ARG001 - the guard's
    """What was sent to one address, newest first."""
    with transaction() as session:
        if not (one := hooks.endpoints(session, endpoint_id=endpoint_id)):
            raise NotFound("endpoint_unknown", gettext("没有这个接收地址，请核对。"))
        (found,) = one
        merchant = merchants.merchant_of_id(session, found.merchant_id)
        shown, more = deliveries_page(session, endpoint_id)
    return render_template(
        "console/webhook.html", endpoint=found, merchant=merchant, lines=shown, more=more, kinds=kind_words()
    )


@blueprint.post("/webhooks/<uuid:endpoint_id>/disable")
@staff_page(Role.DISTRICT_OFFICER)
def disable_webhook(principal: Principal, endpoint_id: uuid.UUID) -> ResponseReturnValue:
    """Send nothing more there."""
    with transaction() as session:
        hooks.disable_endpoint(session, current_world(), endpoint_id, gettext("由工会停用。"), principal.account_id)
    flash(gettext("已停用，等待中的消息不再发送。"), "good")
    return redirect(url_for("console.webhook", endpoint_id=endpoint_id), 303)


@blueprint.post("/webhooks/<uuid:endpoint_id>/enable")
@staff_page(Role.DISTRICT_OFFICER)
def enable_webhook(principal: Principal, endpoint_id: uuid.UUID) -> ResponseReturnValue:
    """Send again, from now on."""
    with transaction() as session:
        hooks.enable_endpoint(session, current_world(), endpoint_id, principal.account_id)
    flash(gettext("已启用，从现在起发送新的消息。"), "good")
    return redirect(url_for("console.webhook", endpoint_id=endpoint_id), 303)


@blueprint.post("/webhooks/<uuid:endpoint_id>/deliveries/<uuid:delivery_id>")
@staff_page(Role.DISTRICT_OFFICER)
def replay_webhook(principal: Principal, endpoint_id: uuid.UUID, delivery_id: uuid.UUID) -> ResponseReturnValue:
    """One message once more."""
    with transaction() as session:
        hooks.replay_delivery(session, current_world(), delivery_id, principal.account_id, endpoint_id=endpoint_id)
    flash(gettext("已排队补发，一分钟内送出。"), "good")
    return redirect(url_for("console.webhook", endpoint_id=endpoint_id), 303)


def chosen_kinds() -> tuple[str, ...]:
    """The kinds of events ticked in the form; none ticked stands for all."""
    return tuple(kind for kind in EVENT_TYPES if kind in request.form.getlist("kinds"))


def deliveries_page(session: Session, endpoint_id: uuid.UUID) -> tuple[list[hooks.DeliveryView], int | None]:
    """The messages of one address from the place the page asks for, and where the next page starts."""
    before = request.args.get("before", "")
    place = int(before) if before.isascii() and before.isdecimal() and len(before) < 18 else None
    lines = list(hooks.deliveries(session, endpoint_id, place, _SHOWN + 1))
    shown = lines[:_SHOWN]
    return shown, shown[-1].seq if len(lines) > len(shown) else None


def kind_words() -> dict[str, str]:
    """The kinds of events in words."""
    return {
        "redemption.captured": gettext("已核销"),
        "redemption.held": gettext("已预留"),
        "redemption.refused": gettext("未享受"),
        "redemption.reversed": gettext("已撤销"),
        "redemption.refunded": gettext("已退款"),
        "redemption.expired": gettext("预留已过期"),
    }


def _page(wrong: dict[str, str], made: hooks.NewEndpoint | None = None) -> str:
    with transaction() as session:
        known = {one.id: one for one in merchants.merchants(session)}
        lines = hooks.endpoints(session)
    return render_template(
        "console/webhooks.html",
        lines=lines,
        merchants=known,
        made=made,
        options=[(kind, word, "") for kind, word in kind_words().items()],
        given={} if made else {name: request.form.get(name, "") for name in ("merchant", "url")},
        chosen=request.form.getlist("kinds"),
        wrong=wrong,
    )
