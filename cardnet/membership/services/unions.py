"""The organisation tree: look-ups."""

import uuid
from collections.abc import Collection

from sqlalchemy import ColumnElement, func, select, text
from sqlalchemy.orm import Session

from cardnet.kernel.errors import Conflict, NotFound
from cardnet.membership.models import Union
from cardnet.membership.rules import Tier, UnionNode


def union_of_code(session: Session, code: str) -> UnionNode:
    """The union with this code. Raises NotFound("unit_unknown")."""
    # An address may hold what no column can.
    found = _unions(session, Union.code == code) if "\0" not in code else []
    if not found:
        raise NotFound(
            "unit_unknown", f"没有编码为“{code}”的工会：请核对工会编码，或先导入组织机构表。", {"code": code}
        )
    return found[0]


def union_of_id(session: Session, union_id: uuid.UUID) -> UnionNode:
    """The union with this id. Raises NotFound("unit_unknown")."""
    found = _unions(session, Union.id == union_id)
    if not found:
        raise NotFound("unit_unknown", "没有这个工会：请回到工会列表重新选择。")
    return found[0]


def unions_of_codes(session: Session, codes: Collection[str]) -> dict[str, UnionNode]:
    """The unions that exist among these codes."""
    return {node.code: node for node in _unions(session, Union.code == func.any(list(codes)))} if codes else {}


def unions_of_ids(session: Session, ids: Collection[uuid.UUID]) -> dict[uuid.UUID, UnionNode]:
    """The unions that exist among these ids."""
    return {node.id: node for node in _unions(session, Union.id == func.any(list(ids)))} if ids else {}


def unions_under(session: Session, path: str) -> list[UnionNode]:
    """The union of this path and all below it, parents before children; every union for `/`."""
    return _unions(session, Union.path.startswith(path, autoescape=True))


def open_unions_under(session: Session, path: str) -> list[UnionNode]:
    """The same without those that were closed: what somebody may choose from."""
    return [union for union in unions_under(session, path) if union.closed_on is None]


_HELD = text("""
    select id from union_node where id = any(cast(:ids as uuid[])) order by id for share""")


def unions_held(session: Session, ids: Collection[uuid.UUID]) -> dict[uuid.UUID, UnionNode]:
    """These unions as they are, and as they stay until the transaction ends: none of them is moved or closed meanwhile.

    Raises Conflict("union_closed").
    """
    session.execute(_HELD, {"ids": list(ids)}).all()
    found = unions_of_ids(session, ids)
    for union in found.values():
        must_be_open_union(union)
    return found


def must_be_open_union(union: UnionNode) -> None:
    """Raises Conflict("union_closed"): nobody is taken in by a union that is no more."""
    if union.closed_on is not None:
        raise Conflict("union_closed", f"{union.name}（{union.code}）已撤销，请改为接收它的工会。")


TIERS_OF_PATHS = "select path, tier from union_node where path = any(cast(:paths as text[]))"
"""The tiers of unions by path, as SQL to be part of a statement that is asked often."""


def route_of(session: Session, union_id: uuid.UUID) -> list[UnionNode]:
    """The chain from a union to the root, itself first: the review route of its applications."""
    node = union_of_id(session, union_id)
    above = unions_of_codes(session, node.path.strip("/").split("/"))
    return sorted(above.values(), key=lambda n: -len(n.path))


def _unions(session: Session, condition: ColumnElement[bool]) -> list[UnionNode]:
    rows = session.execute(_NODE.where(condition).order_by(Union.path)).all()
    return [UnionNode(i, code, name, Tier(tier), path, above, to) for i, code, name, tier, path, above, to in rows]


# One array and no list of six hundred parameters, which the driver would parse anew each time.
# Columns and no entities: every act asks for a union or two, and an entity costs five times as much to make.
_NODE = select(Union.id, Union.code, Union.name, Union.tier, Union.path, Union.parent_id, Union.to)
