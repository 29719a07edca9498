"""Where merchants want to hear of events: addresses, what was sent there, and sending it again."""

import uuid
from collections.abc import Callable
from typing import Any

from cardnet.access.rules import Role
from cardnet.http.calls import Call
from cardnet.kernel.errors import NotFound
from cardnet.merchant_api import services as hooks
from cardnet.merchant_api.schemas import EVENT_TYPES
from cardnet.merchants import services as merchants
from cardnet.web.api.edge import Asked, serves
from cardnet.web.api.schemas import machinery as wire
from cardnet.web.api.schemas.common import Empty, NoBody
from cardnet.wiring import current_settings

_DISTRICT = (Role.DISTRICT_OFFICER,)
_ID = {"id": "uuid"}


@serves(Call("GET", "/webhooks", "Every address and how it fares", {200: wire.Webhooks}, roles=_DISTRICT,
             tag="webhooks"))  # fmt: skip
def list_webhooks(asked: Asked) -> dict[str, Any]:
    """GET /webhooks."""
    codes = {one.id: one.code for one in merchants.merchants(asked.session)}
    return {"items": [{**vars(one), "merchant_code": codes[one.merchant_id]} for one in hooks.endpoints(asked.session)]}


@serves(Call("POST", "/webhooks", "A new address of a merchant", {201: wire.NewWebhook}, body=wire.WebhookRequest,
             roles=_DISTRICT, tag="webhooks", takes_key=True, notes="The secret is in this answer and in no other.",
             example={"merchant": "M001", "url": "https://shop.example/hooks", "kinds": ["redemption.captured"]}),
        shown_once=True)  # fmt: skip
def make_webhook(asked: Asked) -> hooks.NewEndpoint:
    """POST /webhooks."""
    body = asked.body
    merchant = merchants.merchant_of_code(asked.session, body["merchant"])
    kinds = tuple(kind for kind in EVENT_TYPES if kind in (body["kinds"] or ()))
    command = hooks.MakeEndpoint(merchant.id, body["url"], kinds or None, asked.officer.account_id)
    return hooks.make_endpoint(asked.session, asked.world, command, inside=current_settings().webhooks_inside)


@serves(Call("GET", "/webhooks/{id}/deliveries", "What was sent to one address, newest first", {200: wire.Deliveries},
             query=wire.DeliveriesQuery, parameters=_ID, roles=_DISTRICT, tag="webhooks"))  # fmt: skip
def webhook_deliveries(asked: Asked, id: uuid.UUID) -> dict[str, Any]:  # noqa: A002 - the contract's own name
    """GET /webhooks/{id}/deliveries."""
    if not hooks.endpoints(asked.session, endpoint_id=id):
        raise NotFound("endpoint_unknown", "没有这个接收地址，请核对。")
    found = hooks.deliveries(asked.session, id, asked.place(), asked.query["limit"] + 1)
    return asked.by_key(list(found), lambda line: line.seq)


def _acts(
    path: str, summary: str, act: Callable[[Asked, uuid.UUID], object]
) -> Callable[[Asked, uuid.UUID], dict[str, Any]]:
    def do(asked: Asked, id: uuid.UUID) -> dict[str, Any]:  # noqa: A002
        act(asked, id)
        return {}

    do.__name__ = f"{path.rsplit('/', 1)[1]}_webhook"
    call = Call("POST", path, summary, {200: Empty}, body=NoBody, parameters=_ID, roles=_DISTRICT, tag="webhooks",
                example={})  # fmt: skip
    return serves(call)(do)


def _disabled(asked: Asked, endpoint_id: uuid.UUID) -> None:
    hooks.disable_endpoint(asked.session, asked.world, endpoint_id, "由工会停用。", asked.officer.account_id)


def _enabled(asked: Asked, endpoint_id: uuid.UUID) -> None:
    hooks.enable_endpoint(asked.session, asked.world, endpoint_id, asked.officer.account_id)


def _replayed(asked: Asked, delivery_id: uuid.UUID) -> None:
    hooks.replay_delivery(asked.session, asked.world, delivery_id, asked.officer.account_id)


disable_webhook = _acts("/webhooks/{id}/disable", "Send nothing more there; what waits is dropped", _disabled)
enable_webhook = _acts("/webhooks/{id}/enable", "Send again, from now on", _enabled)
replay_webhook = _acts("/webhook-deliveries/{id}/replay", "One message once more", _replayed)
