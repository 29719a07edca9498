"""The nodes of the quota tree: finding, locking, and moving places between a parent and its children.

Every change is a guarded UPDATE whose row count says whether it happened, beside an entry of the ledger. Nodes are
locked in the order of their ids; two officers moving places cannot wait for each other in a circle. Locks are NO KEY UPDATE, as the UPDATEs' own:
a stronger one would stand in the way of the foreign keys' checks, which nobody can put in order.
"""

import uuid
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import insert, select, text, update
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.orm import Session

from cardnet.access.rules import Principal
from cardnet.issuance.models import QuotaEntry, QuotaNode
from cardnet.issuance.rules import EntryKind, QuotaKind
from cardnet.kernel import audit
from cardnet.kernel.errors import Conflict, InvalidInput
from cardnet.kernel.world import World
from cardnet.membership import services as membership
from cardnet.membership.rules import UnionNode


@dataclass(frozen=True)
class Move:
    """`count` places go from the node `parent_id` to the union `child_union_id` below it."""

    parent_id: uuid.UUID
    child_union_id: uuid.UUID
    count: int


def existing_id(session: Session, year: int, kind: QuotaKind, union_id: uuid.UUID) -> uuid.UUID | None:
    """The node of a union in a year, None when it never received a place."""
    found: uuid.UUID | None = session.scalar(select(QuotaNode.id).filter_by(year=year, kind=kind, union_id=union_id))
    return found


def node_of(session: Session, year: int, kind: QuotaKind, union: UnionNode) -> uuid.UUID:
    """The same where there must be one. Raises Conflict("quota_short")."""
    node_id = existing_id(session, year, kind, union.id)
    if node_id is None:
        raise Conflict("quota_short", f"{union.name} {year} 年还没有名额。")
    return node_id


def node_for(
    session: Session, world: World, year: int, kind: QuotaKind, union_id: uuid.UUID, parent_id: uuid.UUID | None
) -> uuid.UUID:
    """The node of a union, made when it is not there yet."""
    session.execute(
        upsert(QuotaNode)
        .values(id=world.new_id(), year=year, kind=kind, union_id=union_id, parent_id=parent_id)
        .on_conflict_do_nothing()
    )
    node_id = existing_id(session, year, kind, union_id)
    assert node_id is not None
    return node_id


def ensure_nodes(session: Session, world: World, year: int, kind: QuotaKind, union_ids: Iterable[uuid.UUID]) -> None:
    """Every one of these unions has a node, made empty below its parents' where there was none, top down.

    Somebody who comes to wait needs a node to lock: else a place handed down at that very moment would not see them.
    """
    wanted = set(union_ids)
    known = _node_ids(session, year, kind, wanted)
    if not (missing := wanted - known.keys()):
        return
    tree = {union.id: union for union in membership.unions_under(session, "/")}
    chain: dict[uuid.UUID, UnionNode] = {}
    for union_id in missing:
        above: uuid.UUID | None = union_id
        while above is not None and above not in chain:
            chain[above] = tree[above]
            above = tree[above].parent_id
    for level in sorted({union.path.count("/") for union in chain.values()}):
        unions = [union for union in chain.values() if union.path.count("/") == level]
        parents = _node_ids(session, year, kind, [union.parent_id for union in unions if union.parent_id])
        session.execute(
            upsert(QuotaNode)
            .values(
                [
                    {
                        "id": world.new_id(), "year": year, "kind": kind, "union_id": union.id,
                        "parent_id": parents[union.parent_id] if union.parent_id else None,
                    }
                    for union in unions
                ]
            )
            .on_conflict_do_nothing()
        )  # fmt: skip


def _node_ids(
    session: Session, year: int, kind: QuotaKind, union_ids: Collection[uuid.UUID]
) -> dict[uuid.UUID, uuid.UUID]:
    rows = session.execute(
        select(QuotaNode.union_id, QuotaNode.id).where(
            QuotaNode.year == year, QuotaNode.kind == kind, QuotaNode.union_id.in_(union_ids)
        )
    )
    return {row.union_id: row.id for row in rows}


def lock_unions(session: Session, year: int, kind: QuotaKind, union_ids: Iterable[uuid.UUID]) -> None:
    """Lock the nodes of these unions, in the one order everybody locks them in."""
    session.execute(
        text(
            "select id from quota_node where year = :year and kind = :kind and union_id = any(:unions) "
            "order by id for no key update"
        ),
        {"year": year, "kind": str(kind), "unions": list(union_ids)},
    ).all()


def pass_down(
    session: Session, world: World, officer: Principal | None, year: int, kind: QuotaKind, moves: Sequence[Move]
) -> None:
    """Take from each parent under its guard, give to the children, write both sides of the ledger."""
    if not moves:
        return
    at = world.now()
    # After a union was moved a child's node may be older than its parent's: so both are locked in the one order first.
    session.execute(
        text("""
            select id from quota_node
             where id = any(:parents) or (union_id = any(:children) and year = :year and kind = :kind)
             order by id for no key update"""),
        {
            "parents": [move.parent_id for move in moves], "children": [move.child_union_id for move in moves],
            "year": year, "kind": str(kind),
        },
    ).all()  # fmt: skip
    by_parent: dict[uuid.UUID, int] = {}
    for move in moves:
        by_parent[move.parent_id] = by_parent.get(move.parent_id, 0) + move.count
    taken = session.execute(
        text("""
            update quota_node q set passed_down = passed_down + giver.count
              from unnest(cast(:ids as uuid[]), cast(:counts as bigint[])) giver(id, count)
             where q.id = giver.id and q.received - q.passed_down - q.held - q.used >= giver.count and not q.closed
            returning q.id"""),
        {"ids": sorted(by_parent), "counts": [by_parent[parent] for parent in sorted(by_parent)]},
    ).all()
    if len(taken) != len(by_parent):
        raise Conflict("quota_short", "上级空闲名额不足，请减少下达数或先追加名额。")
    children = _receive(session, world, year, kind, moves)
    write_entries(
        session, world, at, officer,
        [
            entry
            for move in moves
            for child in (children[move.child_union_id],)
            for entry in (
                new_entry(move.parent_id, EntryKind.ALLOCATE, passed_down=move.count, counterpart=child),
                new_entry(child, EntryKind.ALLOCATE, received=move.count, counterpart=move.parent_id),
            )
        ],
    )  # fmt: skip


def _receive(
    session: Session, world: World, year: int, kind: QuotaKind, moves: Sequence[Move]
) -> dict[uuid.UUID, uuid.UUID]:
    rows = session.execute(
        text("""
            insert into quota_node (id, year, kind, union_id, parent_id, received)
            select child.id, :year, :kind, child.union_id, child.parent_id, child.count
              from unnest(cast(:ids as uuid[]), cast(:unions as uuid[]), cast(:parents as uuid[]),
                          cast(:counts as bigint[])) child(id, union_id, parent_id, count)
            on conflict (year, kind, union_id) do update set received = quota_node.received + excluded.received
            returning union_id, id"""),
        {
            "year": year,
            "kind": str(kind),
            "ids": [world.new_id() for _ in moves],
            "unions": [move.child_union_id for move in moves],
            "parents": [move.parent_id for move in moves],
            "counts": [move.count for move in moves],
        },
    )
    return {row.union_id: row.id for row in rows}


def give_back(
    session: Session, world: World, officer: Principal | None, year: int, kind: QuotaKind, giver: UnionNode, count: int
) -> uuid.UUID:
    """Free places of `giver` go back to its parent; returns the parent's union."""
    if giver.parent_id is None:
        raise InvalidInput("quota_not_returnable", f"{giver.name}没有上级，核减名额请用负数核定。")
    lock_unions(session, year, kind, [giver.parent_id, giver.id])
    given = session.execute(
        update(QuotaNode)
        .where(
            QuotaNode.year == year,
            QuotaNode.kind == kind,
            QuotaNode.union_id == giver.id,
            ~QuotaNode.closed,
            QuotaNode.received - QuotaNode.passed_down - QuotaNode.held - QuotaNode.used >= count,
        )
        .values(received=QuotaNode.received - count)
        .returning(QuotaNode.id, QuotaNode.parent_id)
    ).one_or_none()
    if given is None:
        raise Conflict("quota_not_returnable", f"{giver.name}的空闲名额不足 {count} 个，已占用或已使用的名额不能交回。")
    session.execute(
        update(QuotaNode).where(QuotaNode.id == given.parent_id).values(passed_down=QuotaNode.passed_down - count)
    )
    write_entries(
        session, world, world.now(), officer,
        [
            new_entry(given.id, EntryKind.RETURN, received=-count, counterpart=given.parent_id),
            new_entry(given.parent_id, EntryKind.RETURN, passed_down=-count, counterpart=given.id),
        ],
    )  # fmt: skip
    record(session, world, officer, "quota.return", given.id, count=count)
    return giver.parent_id


def new_entry(node_id: uuid.UUID, kind: EntryKind, **changes: object) -> dict[str, object]:
    """A ledger row with the signed changes named; what is not named did not change."""
    empty = {
        "received": 0,
        "passed_down": 0,
        "held": 0,
        "used": 0,
        "counterpart": None,
        "batch_id": None,
        "document": None,
        "authority_id": None,
    }
    row = {**empty, **changes}
    row["counterpart_id"] = row.pop("counterpart")
    return {"node_id": node_id, "kind": str(kind), **row}


def write_entries(
    session: Session, world: World, at: datetime, officer: Principal | None, entries: Sequence[dict[str, object]]
) -> None:
    """Write ledger rows."""
    actor_id = officer.account_id if officer else None
    session.execute(insert(QuotaEntry), [{"id": world.new_id(), "at": at, "actor_id": actor_id, **e} for e in entries])


def record(
    session: Session, world: World, officer: Principal | None, action: str, node_id: uuid.UUID, **after: object
) -> None:
    """Say in the audit trail who changed the quota, and how."""
    actor_id = officer.account_id if officer else None
    audit.record(session, world, audit.Act(action, "quota_node", str(node_id), actor_id=actor_id, after=after))
