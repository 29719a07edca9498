"""Staff accounts of an administrator's scope, one's own sessions, and the audit trail."""

import uuid
from collections.abc import Callable
from typing import Any

from flask import request

from cardnet.access import services as access
from cardnet.access.rules import AccountState, Role, username_of
from cardnet.http.calls import Call
from cardnet.kernel import audit
from cardnet.kernel.calendar import end_of, start_of
from cardnet.membership import services as membership
from cardnet.membership.rules import UnionNode
from cardnet.web.api.edge import Asked, File, serves
from cardnet.web.api.rosters import XLSX
from cardnet.web.api.schemas import office as wire
from cardnet.web.api.schemas.common import Empty, NoBody
from cardnet.web.console.audit_trail import MOST_EXPORTED, WRITERS

_ID = {"id": "uuid"}
_ADMIN = (Role.ADMIN,)
_READERS = (Role.ADMIN, Role.AUDITOR)


@serves(Call("GET", "/accounts", "Accounts of your scope", {200: wire.AccountList}, query=wire.AccountsQuery,
             roles=_ADMIN, tag="accounts"))  # fmt: skip
def list_accounts(asked: Asked) -> dict[str, Any]:
    """GET /accounts."""
    session, query = asked.session, asked.query
    wanted = access.AccountQuery(
        asked.officer.scope_path,
        query["words"],
        Role(query["role"]) if query["role"] else None,
        AccountState(query["state"]) if query["state"] else None,
    )

    def read(limit: int, offset: int) -> tuple[Any, int]:
        lines, total = access.accounts_under(session, wanted, limit, offset)
        unions = membership.unions_of_ids(session, {line.union_id for line in lines})
        return [vars(line) | {"union": unions[line.union_id]} for line in lines], total

    return asked.by_position(read)


@serves(
    Call(
        "POST", "/accounts", "Invite somebody", {201: wire.Invitation}, body=wire.InviteRequest, roles=_ADMIN,
        tag="accounts", takes_key=True, notes="A username is taken once. The token is in this answer and in no other.",
        example={"username": "li.xy", "display_name": "李秀英", "roles": ["unit_officer"], "unit": "B1"},
    ),
    shown_once=True,
)  # fmt: skip
def invite(asked: Asked) -> access.Invitation:
    """POST /accounts."""
    body, union = asked.body, _union(asked)
    roles = frozenset(map(Role, body["roles"]))
    command = access.Invite(body["username"], body["display_name"], roles, union.id, union.path, asked.officer)
    return access.invite(asked.session, asked.world, command)


@serves(Call("GET", "/accounts/{id}", "One account", {200: wire.Account}, parameters=_ID, roles=_ADMIN,
             tag="accounts"))  # fmt: skip
def show_account(asked: Asked, id: uuid.UUID) -> dict[str, Any]:  # noqa: A002 - the contract's own name
    """GET /accounts/{id}."""
    return _said(asked, id)


@serves(Call("POST", "/accounts/{id}/change", "Another name, other roles, another union", {200: wire.Account},
             body=wire.AccountRequest, parameters=_ID, roles=_ADMIN, tag="accounts",
             example={"display_name": "李秀英", "roles": ["unit_officer"], "unit": "B1"}))  # fmt: skip
def change_account(asked: Asked, id: uuid.UUID) -> dict[str, Any]:  # noqa: A002
    """POST /accounts/{id}/change."""
    body, union = asked.body, _union(asked)
    roles = frozenset(map(Role, body["roles"]))
    command = access.ChangeAccount(id, body["display_name"], roles, union.id, union.path, asked.officer)
    access.change_account(asked.session, asked.world, command)
    return _said(asked, id)


def _switches(act: str, verb: Callable[..., None], summary: str) -> Callable[[Asked, uuid.UUID], dict[str, Any]]:
    def switch(asked: Asked, id: uuid.UUID) -> dict[str, Any]:  # noqa: A002
        verb(asked.session, asked.world, access.SwitchAccount(id, asked.officer))
        return _said(asked, id)

    switch.__name__ = f"{act}_account"
    call = Call(
        "POST", f"/accounts/{{id}}/{act}", summary, {200: wire.Account}, body=NoBody, parameters=_ID, roles=_ADMIN,
        tag="accounts", example={},
    )  # fmt: skip
    return serves(call)(switch)


close_account = _switches("close", access.close_account, "Its sessions and tokens end at once")
open_account = _switches("open", membership.open_account, "It works again, with the old password")
unlock_account = _switches("unlock", access.unlock_account, "It may try its password again")


@serves(Call("POST", "/accounts/{id}/invite", "A new link; the one before is dead", {200: wire.Invitation},
             body=NoBody, parameters=_ID, roles=_ADMIN, tag="accounts", takes_key=True, example={}),
        shown_once=True)  # fmt: skip
def invite_again(asked: Asked, id: uuid.UUID) -> access.Invitation:  # noqa: A002
    """POST /accounts/{id}/invite."""
    return access.invite_again(asked.session, asked.world, access.InviteAgain(id, asked.officer))


@serves(Call("GET", "/sessions", "Where you are signed in, and your tokens", {200: wire.Sessions}, tag="accounts"))
def sessions(asked: Asked) -> dict[str, Any]:
    """GET /sessions."""
    return {"items": access.sessions_of(asked.session, asked.world, asked.officer.account_id)}


@serves(Call("POST", "/sessions/{id}/end", "End one of them, this token too", {200: Empty}, body=NoBody,
             parameters=_ID, tag="accounts", example={}))  # fmt: skip
def end_session(asked: Asked, id: uuid.UUID) -> dict[str, Any]:  # noqa: A002
    """POST /sessions/{id}/end."""
    access.end_session(asked.session, asked.world, asked.officer.account_id, id)
    return {}


@serves(Call("GET", "/audit", "The audit trail of your scope, newest first", {200: wire.Trail}, query=wire.TrailQuery,
             roles=_READERS, tag="audit"))  # fmt: skip
def trail(asked: Asked) -> dict[str, Any]:
    """GET /audit."""
    place = asked.place()
    before = uuid.UUID(place) if place else None
    lines = access.trail(asked.session, _wanted(asked), asked.query["limit"] + 1, before)
    told = [vars(line) | {"actor": _actor(line.actor), "on_behalf_of": _actor(line.behalf)} for line in lines]
    return asked.by_key(told, lambda line: str(line["id"]))


@serves(Call("GET", "/audit.csv", "The same acts as a file; taking it away is itself an act",
             {200: "text/csv"}, query=wire.TrailFilter, roles=_READERS, tag="audit"))  # fmt: skip
def export_trail(asked: Asked) -> File:
    """GET /audit.csv."""
    return _exported(asked, "csv")


@serves(Call("GET", "/audit.xlsx", "The same as a workbook", {200: XLSX}, query=wire.TrailFilter, roles=_READERS,
             tag="audit"))  # fmt: skip
def export_trail_workbook(asked: Asked) -> File:
    """GET /audit.xlsx."""
    return _exported(asked, "xlsx")


def _exported(asked: Asked, kind: str) -> File:
    filters = {name: str(value) for name, value in asked.query.items() if value}
    content, media_type = WRITERS[kind](asked.session, access.whole_trail(asked.session, _wanted(asked), MOST_EXPORTED))
    act = audit.Act("audit.export", "audit", kind, asked.officer.account_id, address=request.remote_addr, after=filters)
    audit.record(asked.session, asked.world, act)
    return File(content.getvalue(), media_type, f"audit.{kind}")


def _wanted(asked: Asked) -> access.TrailQuery:
    query, scope = asked.query, asked.officer.scope_path
    return access.TrailQuery(
        scope,
        # What no account did, such as the worker's rounds, concerns the whole district.
        system=scope.count("/") == 2,
        from_at=start_of(query["first_on"]) if query["first_on"] else None,
        to_at=end_of(query["last_on"]) if query["last_on"] else None,
        action=query["action"],
        username=username_of(query["username"]),
        subject_id=query["subject"],
    )


def _actor(actor: tuple[str, str] | None) -> dict[str, str] | None:
    return {"username": actor[0], "display_name": actor[1]} if actor else None


def _said(asked: Asked, account_id: uuid.UUID) -> dict[str, Any]:
    line = access.account_line(asked.session, account_id, asked.officer.scope_path)
    return vars(line) | {"union": membership.union_of_id(asked.session, line.union_id)}


def _union(asked: Asked) -> UnionNode:
    union = asked.unit(asked.body["unit"]) or membership.union_of_id(asked.session, asked.officer.union_id)
    membership.refuse_foreign_roles(union, frozenset(map(Role, asked.body["roles"])))
    return union
