"""Who I am, and the tree of unions."""

from typing import Any

from cardnet.http.calls import Call
from cardnet.issuance import services as issuance
from cardnet.membership import services as membership
from cardnet.membership.rules import UnionNode
from cardnet.web.api.edge import Asked, serves
from cardnet.web.api.schemas import review as wire
from cardnet.web.api.schemas.common import Union
from cardnet.web.auth import OFFICERS
from cardnet.web.console.units import unit_typed
from cardnet.web.task_lines import everything_waiting, href_of


@serves(Call("GET", "/me", "Whose token this is, and what it may do", {200: wire.Me}, tag="me"))
def me(asked: Asked) -> dict[str, Any]:
    """GET /me."""
    officer = asked.officer
    givers = issuance.stands_in_for(asked.session, asked.world, officer)
    return {
        "account_id": officer.account_id,
        "username": officer.username,
        "display_name": officer.display_name,
        "roles": sorted(officer.roles),
        "union": membership.union_of_id(asked.session, officer.union_id),
        "stands_in_for": [
            {"account_id": giver, "display_name": one.display_name, "path": one.scope_path}
            for giver, one in givers.items()
        ],
        "server_time": asked.world.now(),
    }


@serves(Call("GET", "/unions", "The unions of your scope, parents first", {200: wire.UnionList},
             query=wire.UnionsQuery, tag="me"))  # fmt: skip
def unions(asked: Asked) -> dict[str, Any]:
    """GET /unions."""
    return {"items": membership.unions_under(asked.session, asked.path(asked.query["under"]))}


@serves(Call("GET", "/unions/{code}", "One union of your scope", {200: Union}, parameters={"code": "string"}, tag="me"))
def union(asked: Asked, code: str) -> UnionNode | None:
    """GET /unions/{code}."""
    return unit_typed(asked.session, asked.officer, code)


@serves(Call("GET", "/tasks", "What waits for you", {200: wire.Tasks}, roles=OFFICERS, tag="me"))
def tasks(asked: Asked) -> dict[str, Any]:
    """GET /tasks."""
    tasks = everything_waiting(asked.session, asked.world, asked.officer)
    return {"items": [{**vars(task), "href": href_of(task)} for task in tasks]}
