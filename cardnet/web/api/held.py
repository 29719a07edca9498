"""暂缓结算: sales kept out of settlement, and let go again."""

import uuid
from typing import Any

from cardnet.finance import services as finance
from cardnet.finance.rules import HoldReason
from cardnet.http.calls import Call
from cardnet.merchants import services as merchants
from cardnet.web.api.edge import Asked, serves
from cardnet.web.api.schemas import held as wire
from cardnet.web.api.schemas.common import Empty, PageQuery
from cardnet.web.finance import MAKERS, READERS
from cardnet.web.finance_held import held_page

_ID = {"id": "uuid"}


@serves(Call("GET", "/held", "What is kept out of settlement, the longest first", {200: wire.HeldLines},
             query=PageQuery, roles=READERS, tag="settlements", notes="`net_fen` counts with its sign."))  # fmt: skip
def list_held(asked: Asked) -> dict[str, Any]:
    """GET /held."""
    return asked.by_position(lambda limit, offset: held_page(asked.session, limit, offset))


@serves(Call("POST", "/held", "Keep a sale out of settlement; the merchant reads why", {201: wire.Held},
             body=wire.HoldRequest, roles=MAKERS, tag="settlements",
             example={"merchant": "M1001", "merchant_ref": "BH-2009", "reason": "fraud_flag",
                      "words": "闭店后连续九笔，请提供小票。"}))  # fmt: skip
def hold_sale(asked: Asked) -> dict[str, Any]:
    """POST /held."""
    body, session = asked.body, asked.session
    merchant_id = merchants.merchant_of_code(session, body["merchant"]).id
    reason = HoldReason(body["reason"])
    command = finance.HoldBackSale(merchant_id, body["merchant_ref"], reason, body["words"], asked.officer.account_id)
    return {"id": finance.hold_back_sale(session, asked.world, command)}


@serves(Call("POST", "/held/{id}/release", "Let it go into the next settlement", {200: Empty}, body=wire.ReleaseRequest,
             parameters=_ID, roles=MAKERS, tag="settlements", example={"words": "小票和监控已核对，无误。"}))  # fmt: skip
def release_held(asked: Asked, id: uuid.UUID) -> dict[str, Any]:  # noqa: A002 - the contract's own name
    """POST /held/{id}/release."""
    command = finance.Release(id, asked.body["words"], asked.officer.account_id)
    finance.release(asked.session, asked.world, command)
    return {}
