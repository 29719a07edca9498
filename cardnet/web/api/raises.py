"""Asking for more places, and deciding about it."""

import uuid
from collections.abc import Callable
from typing import Any

from cardnet.access.rules import Role
from cardnet.http.calls import Call
from cardnet.issuance import services as issuance
from cardnet.issuance.rules import QuotaKind
from cardnet.membership import services as membership
from cardnet.membership.rules import Tier
from cardnet.web.api.edge import Asked, serves
from cardnet.web.api.quota import READERS, year_asked
from cardnet.web.api.schemas import quota as wire
from cardnet.web.api.schemas.common import Made
from cardnet.web.auth import OFFICERS

_ID = {"id": "uuid"}


@serves(Call("GET", "/quota/raises", "Requests for more, open ones first", {200: wire.Raises}, query=wire.YearQuery,
             roles=READERS, tag="quota"))  # fmt: skip
def list_raises(asked: Asked) -> dict[str, Any]:
    """GET /quota/raises."""
    kind = QuotaKind(asked.query["kind"])
    return {"items": issuance.raises(asked.session, asked.officer, year_asked(asked), kind)}


@serves(
    Call(
        "POST", "/quota/raises", "Ask the union above for more", {201: Made}, body=wire.RaiseRequest, roles=OFFICERS,
        tag="quota", takes_key=True, example={"year": 2026, "count": 3, "reason": "新入职"},
        notes="The district states its decision: in `authority`, or with its original by `POST /authorities` and "
        "then `authority_id`.",
    )
)  # fmt: skip
def ask_for_more(asked: Asked) -> dict[str, Any]:
    """POST /quota/raises."""
    body = asked.body
    own = membership.union_of_id(asked.session, asked.officer.union_id)
    command = issuance.AskForMore(
        body["year"],
        own.code,
        body["count"],
        body["reason"],
        asked.officer,
        _authority(body) if own.tier is Tier.DISTRICT else None,
        QuotaKind(body["kind"]),
    )
    return {"id": issuance.ask_for_more(asked.session, asked.world, command)}


def _authority(body: Any) -> issuance.NewAuthority | uuid.UUID | None:
    if body["authority_id"] is not None or body["authority"] is None:
        return body["authority_id"]  # type: ignore[no-any-return] # the schema has read it
    return issuance.NewAuthority(**body["authority"])


def _decides(act: str, verb: Callable[..., issuance.RaiseView]) -> Callable[[Asked, uuid.UUID], issuance.RaiseView]:
    def decide(asked: Asked, id: uuid.UUID) -> issuance.RaiseView:  # noqa: A002 - the contract's own name
        return verb(asked.session, asked.world, issuance.DecideRaise(id, asked.officer, asked.body["words"]))

    decide.__name__ = f"{act}_raise"
    call = Call(
        "POST", f"/quota/raises/{{id}}/{act}", f"{act.capitalize()} a request for more", {200: wire.Raise},
        body=wire.WordsRequest, parameters=_ID, roles=(*OFFICERS, Role.CHAIR), tag="quota", takes_key=True,
        example={"words": "同意"},
    )  # fmt: skip
    return serves(call)(decide)


approve_raise = _decides("approve", issuance.approve_raise)
refuse_raise = _decides("refuse", issuance.refuse_raise)
withdraw_raise = _decides("withdraw", issuance.withdraw_raise)
