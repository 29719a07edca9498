"""Terminals of merchants, pairing and plaques; and what a till may do alone."""

import uuid
from dataclasses import replace
from datetime import timedelta
from typing import Any

from cardnet.access.rules import Role
from cardnet.credential import store
from cardnet.http.calls import Call
from cardnet.kernel.errors import NotFound
from cardnet.merchants import services as merchants
from cardnet.merchants.rules import PAIRING_LIFE, TerminalState
from cardnet.web.api.edge import Asked, serves
from cardnet.web.api.schemas import merchants as wire
from cardnet.web.api.schemas.common import Count, NoBody
from cardnet.web.console.merchants import VIEWERS
from cardnet.web.finance import MAKERS, READERS

_DISTRICT = (Role.DISTRICT_OFFICER,)
_CHECKERS = (Role.FINANCE_CHECKER, Role.FINANCE_APPROVER)
_ID = {"id": "uuid"}
_LIMITS = {
    "floor_fen": 3000, "card_uses": 2, "uses": 30, "given_fen": 80000, "sync_hours": 48, "printed_floor_fen": 1000,
    "printed_card_uses": 1, "document": "云工〔2026〕30号",
}  # fmt: skip


@serves(Call("GET", "/terminals", "Terminals of all merchants or of one, with their last sync",
             {200: wire.Terminals}, query=wire.TerminalsQuery, roles=VIEWERS, tag="terminals"))  # fmt: skip
def list_terminals(asked: Asked) -> dict[str, Any]:
    """GET /terminals."""
    session, world, query = asked.session, asked.world, asked.query
    one = merchants.merchant_of_code(session, query["merchant"]) if query["merchant"] else None
    stale = world.now() - timedelta(seconds=store.trust_pack(session, world.now()).policy.offline_sync)
    wanted = merchants.FleetQuery(one.id if one else None, query["words"], query["standing"], stale)
    return asked.by_position(lambda limit, offset: merchants.fleet(session, world, wanted, limit, offset))


@serves(Call("POST", "/merchants/{id}/terminals", "A terminal in a store of the merchant", {201: wire.Terminal},
             body=wire.TerminalRequest, parameters=_ID, roles=_DISTRICT, tag="terminals", takes_key=True,
             example={"store_id": "01a1fbd4-0000-7000-8000-000000000000", "code": "T02", "name": "二楼"}))  # fmt: skip
def add_terminal(asked: Asked, id: uuid.UUID) -> merchants.FleetLine:  # noqa: A002 - the contract's own name
    """POST /merchants/{id}/terminals."""
    body = asked.body
    place = merchants.store_of_id(asked.session, body["store_id"], id)
    command = merchants.AddTerminal(place.id, body["code"], body["name"], asked.officer.account_id)
    terminal_id = merchants.add_terminal(asked.session, asked.world, command)
    return merchants.terminal_line(asked.session, asked.world, terminal_id)


@serves(Call("POST", "/terminals/{id}/pairing-code", "A code a device is paired with", {201: wire.PairingCode},
             body=NoBody, parameters=_ID, roles=_DISTRICT, tag="terminals", takes_key=True,
             notes="The code is in this answer and in no other; an older one of this terminal stops.", example={}),
        shown_once=True)  # fmt: skip
def make_pairing_code(asked: Asked, id: uuid.UUID) -> dict[str, Any]:  # noqa: A002
    """POST /terminals/{id}/pairing-code."""
    command = merchants.MakePairingCode(id, asked.officer.account_id)
    code = merchants.make_pairing_code(asked.session, asked.world, command)
    return {"code": code, "expires_at": asked.world.now() + PAIRING_LIFE}


@serves(Call("POST", "/terminals/{id}/revoke", "End its tokens, keys and open pairing code", {200: Count},
             body=wire.WhyRequest, parameters=_ID, roles=_DISTRICT, tag="terminals",
             notes="They stop within a minute. The terminal may be paired anew.",
             example={"reason": "手机丢失"}))  # fmt: skip
def revoke_terminal(asked: Asked, id: uuid.UUID) -> dict[str, Any]:  # noqa: A002
    """POST /terminals/{id}/revoke."""
    command = merchants.RevokeTerminal(id, asked.body["reason"], asked.officer.account_id)
    return {"count": merchants.revoke_terminal(asked.session, asked.world, command)}


def _sets(path: str, state: TerminalState, summary: str) -> None:
    def change(asked: Asked, id: uuid.UUID) -> merchants.FleetLine:  # noqa: A002
        reason = asked.body["reason"]
        command = merchants.SetTerminalState(id, state, reason, asked.officer.account_id)
        merchants.set_terminal_state(asked.session, asked.world, command)
        if state is TerminalState.RETIRED:
            revoked = merchants.RevokeTerminal(id, reason, asked.officer.account_id)
            merchants.revoke_terminal(asked.session, asked.world, revoked)
        return merchants.terminal_line(asked.session, asked.world, id)

    change.__name__ = f"{path}_terminal"
    call = Call(
        "POST", f"/terminals/{{id}}/{path}", summary, {200: wire.Terminal}, body=wire.WhyRequest, parameters=_ID,
        roles=_DISTRICT, tag="terminals", example={"reason": "维修"},
    )  # fmt: skip
    serves(call)(change)


_sets("suspend", TerminalState.SUSPENDED, "It stops within a minute")
_sets("resume", TerminalState.ACTIVE, "It works again")
_sets("retire", TerminalState.RETIRED, "It is gone for good, with its tokens and keys")


@serves(Call("GET", "/offline-limits", "What a till may do alone", {200: wire.LimitsState}, roles=READERS,
             tag="terminals"))  # fmt: skip
def offline_limits(asked: Asked) -> dict[str, Any]:
    """GET /offline-limits."""
    return {"in_force": store.limits_in_force(asked.session), "proposals": store.limits_history(asked.session)}


@serves(Call("POST", "/offline-limits", "Propose other limits", {201: wire.LimitsProposal}, body=wire.LimitsRequest,
             roles=MAKERS, tag="terminals", takes_key=True, example=_LIMITS,
             notes="Tills go on with the old ones until another of finance approves."))  # fmt: skip
def propose_limits(asked: Asked) -> store.LimitsView:
    """POST /offline-limits."""
    given = {name: value for name, value in asked.body.items() if name != "document"}
    limits = replace(store.limits_in_force(asked.session), **given)
    command = store.ProposeLimits(limits, asked.body["document"], asked.officer.account_id)
    return store.propose_limits(asked.session, asked.world, command)


@serves(Call("POST", "/offline-limits/{id}/decide", "Approve or reject what somebody else proposed",
             {200: wire.LimitsProposal}, body=wire.DecisionRequest, parameters=_ID, roles=_CHECKERS,
             tag="terminals", example={"approve": True, "words": "同意"}))  # fmt: skip
def decide_limits(asked: Asked, id: uuid.UUID) -> store.LimitsView:  # noqa: A002
    """POST /offline-limits/{id}/decide."""
    command = store.DecideLimits(id, asked.body["approve"], asked.body["words"], asked.officer.account_id)
    return store.decide_limits(asked.session, asked.world, command)


@serves(Call("POST", "/offline-limits/{id}/withdraw", "Who proposed them takes them back", {200: wire.LimitsProposal},
             body=NoBody, parameters=_ID, roles=MAKERS, tag="terminals", example={}))  # fmt: skip
def withdraw_limits(asked: Asked, id: uuid.UUID) -> store.LimitsView:  # noqa: A002
    """POST /offline-limits/{id}/withdraw."""
    me = asked.officer.account_id
    if not any(one.id == id and one.proposed_by == me for one in store.limits_history(asked.session)):
        raise NotFound("limits_unknown", "没有您提出的这份限额，请刷新后再看。")
    command = store.DecideLimits(id, approve=False, words="", actor_id=me)
    return store.decide_limits(asked.session, asked.world, command)
