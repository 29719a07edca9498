"""What the district does to unions: rename, move, merge, close; what they have in hand and what became of them."""

from typing import Any

from cardnet.access.rules import Role
from cardnet.benefits import services as benefits
from cardnet.http.calls import Call
from cardnet.issuance import services as issuance
from cardnet.kernel.errors import NotFound
from cardnet.membership import services as membership
from cardnet.membership.rules import UnionNode
from cardnet.web.api.edge import Asked, serves
from cardnet.web.api.schemas import unions as wire
from cardnet.web.api.schemas.common import Union
from cardnet.web.auth import OFFICERS

_CODE = {"code": "string"}
_DISTRICT = (Role.DISTRICT_OFFICER,)
_PAPER = {"document": "云工〔2026〕18号"}


def _union(asked: Asked, code: str) -> UnionNode:
    found = asked.unit(code)
    if found is None:
        raise NotFound("unit_unknown", "没有这个工会编码，请核对。")
    return found


@serves(Call("GET", "/unions/{code}/history", "What a union has in hand, and what became of it",
             {200: wire.UnionHistory}, parameters=_CODE, roles=OFFICERS, tag="unions"))  # fmt: skip
def union_history(asked: Asked, code: str) -> dict[str, Any]:
    """GET /unions/{code}/history."""
    union = _union(asked, code)
    return {
        "union": union,
        "closed_on": union.closed_on,
        "in_hand": issuance.facts_of_union(asked.session, union),
        "changes": membership.changes_of(asked.session, union.id),
    }


@serves(Call("POST", "/unions/{code}/rename", "Give a union another name: its code stays", {200: Union},
             body=wire.RenameUnionRequest, parameters=_CODE, roles=_DISTRICT, tag="unions", takes_key=True,
             notes="Papers made before `on` go on showing the name of their day.",
             example={**_PAPER, "name": "云间区新材料产业园工会联合会", "on": "2026-11-01"}))  # fmt: skip
def rename_union(asked: Asked, code: str) -> UnionNode:
    """POST /unions/{code}/rename."""
    body = asked.body
    command = membership.RenameUnion(
        _union(asked, code).code, body["name"], body["document"], asked.officer, body["on"]
    )
    return membership.rename_union(asked.session, asked.world, command)


@serves(Call("POST", "/unions/{code}/move", "Put a union, with all below it, under another one",
             {200: wire.UnionMoved}, body=wire.MoveUnionRequest, parameters=_CODE, roles=_DISTRICT, tag="unions",
             takes_key=True, notes="People, accounts, places and open applications go along.",
             example={**_PAPER, "parent": "D2"}))  # fmt: skip
def move_union(asked: Asked, code: str) -> issuance.Moved:
    """POST /unions/{code}/move."""
    body = asked.body
    command = membership.MoveUnion(_union(asked, code).code, body["parent"], body["document"], asked.officer)
    return benefits.move_union(asked.session, asked.world, command)


@serves(Call("POST", "/unions/{code}/merge", "Merge a union into another one, which takes everything over",
             {200: wire.UnionMerged}, body=wire.MergeUnionRequest, parameters=_CODE, roles=_DISTRICT, tag="unions",
             takes_key=True, notes="`union_busy` says what is to be finished first.",
             example={**_PAPER, "into": "B2"}))  # fmt: skip
def merge_union(asked: Asked, code: str) -> issuance.Merged:
    """POST /unions/{code}/merge."""
    body = asked.body
    command = issuance.MergeUnion(_union(asked, code).code, body["into"], body["document"], asked.officer)
    return issuance.merge_union(asked.session, asked.world, command)


@serves(Call("POST", "/unions/{code}/close", "Close a union that has nobody and nothing left",
             {200: wire.UnionClosed}, body=wire.CloseUnionRequest, parameters=_CODE, roles=_DISTRICT, tag="unions",
             takes_key=True, notes="`union_not_empty` says all that is still there.", example=_PAPER))  # fmt: skip
def close_union(asked: Asked, code: str) -> dict[str, Any]:
    """POST /unions/{code}/close."""
    command = membership.CloseUnion(_union(asked, code).code, asked.body["document"], asked.officer)
    return {"accounts": issuance.close_union(asked.session, asked.world, command)}
