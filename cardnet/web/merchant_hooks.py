"""Where a merchant wants to hear of its events: the same parts as the console's page, for one merchant's own addresses."""

import uuid

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from cardnet.access.rules import Principal
from cardnet.kernel.db import transaction
from cardnet.kernel.errors import CardnetError, NotFound
from cardnet.merchant_api import services as hooks
from cardnet.merchants import services as merchants
from cardnet.web.auth import staff_page
from cardnet.web.console.webhooks import chosen_kinds, deliveries_page, kind_words
from cardnet.web.forms import wrong_of
from cardnet.web.language import gettext
from cardnet.web.merchant import MANAGER, blueprint, own
from cardnet.wiring import current_settings, current_world


@blueprint.get("/webhooks")
@staff_page(*MANAGER)
def webhooks(principal: Principal) -> ResponseReturnValue:
    """The addresses and how they fare; the form for a new one."""
    return _page(principal, {})


@blueprint.post("/webhooks")
@staff_page(*MANAGER)
def make_webhook(principal: Principal) -> ResponseReturnValue:
    """A new address. Its secret is shown on this one page."""
    try:
        with transaction() as session:
            command = hooks.MakeEndpoint(
                own(session, principal).id, request.form.get("url", ""), chosen_kinds() or None, principal.account_id
            )
            made = hooks.make_endpoint(session, current_world(), command, inside=current_settings().webhooks_inside)
    except CardnetError as error:
        return _page(principal, wrong_of(error, {"webhook_url": "url", "too_many_endpoints": "url"})), error.status
    return _page(principal, {}, made)


@blueprint.get("/webhooks/<uuid:endpoint_id>")
@staff_page(*MANAGER)
def webhook(principal: Principal, endpoint_id: uuid.UUID) -> ResponseReturnValue:
    """What was sent to one address, newest first."""
    with transaction() as session:
        shop, found = _own(session, principal, endpoint_id)
        shown, more = deliveries_page(session, endpoint_id)
    return render_template(
        "merchant/webhook.html", merchant=shop, endpoint=found, lines=shown, more=more, kinds=kind_words()
    )


@blueprint.post("/webhooks/<uuid:endpoint_id>/<any(enable, disable):act>")
@staff_page(*MANAGER)
def switch_webhook(principal: Principal, endpoint_id: uuid.UUID, act: str) -> ResponseReturnValue:
    """Send nothing more there, or again from now on."""
    try:
        with transaction() as session:
            _own(session, principal, endpoint_id)
            if act == "disable":
                why = gettext("由商户停用。")
                hooks.disable_endpoint(session, current_world(), endpoint_id, why, principal.account_id)
            else:
                hooks.enable_endpoint(session, current_world(), endpoint_id, principal.account_id)
    except CardnetError as error:
        if error.status == 404:
            raise
        flash(error.message, "bad")
        return redirect(url_for("merchant.webhook", endpoint_id=endpoint_id), 303)
    flash(
        gettext("已停用，等待中的消息不再发送。") if act == "disable" else gettext("已启用，从现在起发送新的消息。"),
        "good",
    )
    return redirect(url_for("merchant.webhook", endpoint_id=endpoint_id), 303)


@blueprint.post("/webhooks/<uuid:endpoint_id>/deliveries/<uuid:delivery_id>")
@staff_page(*MANAGER)
def replay_webhook(principal: Principal, endpoint_id: uuid.UUID, delivery_id: uuid.UUID) -> ResponseReturnValue:
    """One message once more."""
    with transaction() as session:
        _own(session, principal, endpoint_id)
        hooks.replay_delivery(session, current_world(), delivery_id, principal.account_id, endpoint_id=endpoint_id)
    flash(gettext("已排队补发，一分钟内送出。"), "good")
    return redirect(url_for("merchant.webhook", endpoint_id=endpoint_id), 303)


def _own(
    session: Session, principal: Principal, endpoint_id: uuid.UUID
) -> tuple[merchants.MerchantView, hooks.EndpointView]:
    shop = own(session, principal)
    found = hooks.endpoints(session, shop.id, endpoint_id=endpoint_id)
    if not found:
        raise NotFound("endpoint_unknown", gettext("没有这个接收地址，请核对。"))
    return shop, found[0]


def _page(principal: Principal, wrong: dict[str, str], made: hooks.NewEndpoint | None = None) -> str:
    with transaction() as session:
        shop = own(session, principal)
        lines = hooks.endpoints(session, shop.id)
    return render_template(
        "merchant/webhooks.html",
        shop=shop,
        lines=lines,
        made=made,
        options=[(kind, word, "") for kind, word in kind_words().items()],
        given={} if made else {"url": request.form.get("url", "")},
        chosen=request.form.getlist("kinds"),
        wrong=wrong,
    )
