"""Quota: places for new cards, granted to the root of the tree and handed down it."""

import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby

from sqlalchemy import select, text, update
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.orm import Session

from cardnet.access.rules import Principal, Role, in_scope
from cardnet.issuance import rules
from cardnet.issuance.models import QuotaNode, QuotaYear
from cardnet.issuance.rules import EntryKind, QuotaKind, YearState
from cardnet.issuance.services.nodes import (
    Move,
    existing_id,
    give_back,
    lock_unions,
    new_entry,
    node_for,
    node_of,
    pass_down,
    record,
    write_entries,
)
from cardnet.issuance.services.waiting import fill_waiting
from cardnet.kernel.errors import Conflict, InvalidInput, NotAllowed, NotFound
from cardnet.kernel.world import World
from cardnet.membership import services as membership
from cardnet.membership.rules import UnionNode


@dataclass(frozen=True)
class GrantQuota:
    """The service centre's decision gives the root `count` places for a year; a negative count takes free ones away.

    `document` is the number of the decision (文号). `officer` is None at the server's own console.
    """

    year: int
    count: int
    document: str
    officer: Principal | None = None
    kind: QuotaKind = QuotaKind.NEW_CARD


@dataclass(frozen=True)
class MoveQuota:
    """Hand `count` places from one union to another: down to a child, or across to a sibling."""

    year: int
    from_code: str
    to_code: str
    count: int
    officer: Principal | None = None
    kind: QuotaKind = QuotaKind.NEW_CARD


@dataclass(frozen=True)
class ReturnQuota:
    """Give free places back to the union above."""

    year: int
    from_code: str
    count: int
    officer: Principal | None = None
    kind: QuotaKind = QuotaKind.NEW_CARD


@dataclass(frozen=True)
class SpreadQuota:
    """Hand everything free down the tree by member counts, from the union `below_code` (None: the root)."""

    year: int
    below_code: str | None = None
    officer: Principal | None = None
    kind: QuotaKind = QuotaKind.NEW_CARD


@dataclass(frozen=True)
class Spread:
    """What a spread did. `evenly` says that no member is on record, so that every unit counted the same."""

    places: int
    nodes: int
    evenly: bool


@dataclass(frozen=True)
class QuotaLine:
    """One union's places of a year. `waiting` counts the applications on its waiting list."""

    union: UnionNode
    received: int
    passed_down: int
    held: int
    used: int
    waiting: int

    @property
    def free(self) -> int:
        """What may still be held or handed down."""
        return self.received - self.passed_down - self.held - self.used


def grant_quota(session: Session, world: World, command: GrantQuota) -> QuotaLine:
    """Open the year if it is new, and change what the root has received.

    Raises InvalidInput on a count of 0 or a missing document, Conflict("quota_not_returnable") when more is taken
    away than is free.
    """
    if command.count == 0 or abs(command.count) > _MOST:
        raise _count_invalid()
    if not command.document.strip():
        raise InvalidInput("document_missing", "请写明决策依据文号（--document）。")
    root = _root(session)
    _must_cover(command.officer, root)
    at = world.now()
    session.execute(
        upsert(QuotaYear).values(year=command.year, kind=command.kind, state=YearState.OPEN).on_conflict_do_nothing()
    )
    _must_be_open(session, command.year, command.kind)
    node_id = node_for(session, world, command.year, command.kind, root.id, None)
    granted = session.execute(
        update(QuotaNode)
        .where(
            QuotaNode.id == node_id,
            QuotaNode.received - QuotaNode.passed_down - QuotaNode.held - QuotaNode.used >= -command.count,
        )
        .values(received=QuotaNode.received + command.count)
        .returning(QuotaNode.id)
    ).all()
    if not granted:
        raise Conflict("quota_not_returnable", "要核减的名额超过尚未使用的名额，请先收回下级的空闲名额。")
    write_entries(
        session, world, at, command.officer,
        [new_entry(node_id, EntryKind.GRANT, received=command.count, document=command.document.strip())],
    )  # fmt: skip
    fill_waiting(session, world, [root.id], command.year)
    record(session, world, command.officer, "quota.grant", node_id, count=command.count, document=command.document)
    return _line(session, command.year, command.kind, root)


def allocate_quota(session: Session, world: World, command: MoveQuota) -> QuotaLine:
    """Hand places down to a child. Raises Conflict("quota_short"), InvalidInput("quota_not_child")."""
    _check_count(command.count)
    giver, taker = _union(session, command.from_code), _union(session, command.to_code)
    _must_cover(command.officer, giver)
    if taker.parent_id != giver.id:
        raise InvalidInput("quota_not_child", f"{taker.name}不是{giver.name}的直属下级，名额只能逐级下达。")
    _must_be_open(session, command.year, command.kind)
    parent_id = node_of(session, command.year, command.kind, giver)
    pass_down(session, world, command.officer, command.year, command.kind, [Move(parent_id, taker.id, command.count)])
    fill_waiting(session, world, [taker.id], command.year)
    record(session, world, command.officer, "quota.allocate", parent_id, count=command.count, to=command.to_code)
    return _line(session, command.year, command.kind, taker)


def return_quota(session: Session, world: World, command: ReturnQuota) -> QuotaLine:
    """Give free places back to the parent. Raises Conflict("quota_not_returnable")."""
    _check_count(command.count)
    giver = _union(session, command.from_code)
    _must_cover(command.officer, giver)
    _must_be_open(session, command.year, command.kind)
    parent_union = give_back(session, world, command.officer, command.year, command.kind, giver, command.count)
    fill_waiting(session, world, [parent_union], command.year)
    return _line(session, command.year, command.kind, giver)


def transfer_quota(session: Session, world: World, command: MoveQuota) -> QuotaLine:
    """Hand places from one child to another of the same parent, through the parent.

    Raises InvalidInput("quota_not_siblings"), Conflict("quota_not_returnable").
    """
    _check_count(command.count)
    giver, taker = _union(session, command.from_code), _union(session, command.to_code)
    if giver.parent_id is None or giver.parent_id != taker.parent_id or giver.id == taker.id:
        raise InvalidInput("quota_not_siblings", f"{giver.name}与{taker.name}不属同一上级，名额只能在同级之间调剂。")
    _must_cover(command.officer, membership.union_of_id(session, giver.parent_id))
    _must_be_open(session, command.year, command.kind)
    lock_unions(session, command.year, command.kind, [giver.parent_id, giver.id, taker.id])
    give_back(session, world, command.officer, command.year, command.kind, giver, command.count)
    parent_id = existing_id(session, command.year, command.kind, giver.parent_id)
    assert parent_id is not None
    pass_down(session, world, command.officer, command.year, command.kind, [Move(parent_id, taker.id, command.count)])
    fill_waiting(session, world, [taker.id], command.year)
    record(session, world, command.officer, "quota.transfer", parent_id, count=command.count, to=command.to_code)
    return _line(session, command.year, command.kind, taker)


def spread_quota(session: Session, world: World, command: SpreadQuota) -> Spread:
    """Hand every free place down by member counts, level by level; nothing stays behind where there are children.

    Raises Conflict("quota_short") when nothing is free at the top.
    """
    top = _root(session) if command.below_code is None else _union(session, command.below_code)
    _must_cover(command.officer, top)
    _must_be_open(session, command.year, command.kind)
    unions = membership.unions_under(session, top.path)
    top_node = node_of(session, command.year, command.kind, top)
    lock_unions(session, command.year, command.kind, [union.id for union in unions])
    counts = {union_id: counted.members for union_id, counted in membership.member_counts(session, top.path).items()}
    members = _members_below(unions, counts)
    evenly = not any(members.values())
    weights = _members_below(unions, _one_per_leaf(unions)) if evenly else members
    places, nodes = 0, 0
    for _, level in groupby(sorted(unions, key=_depth), key=_depth):
        moves = _level_moves(session, command, list(level), unions, weights)
        pass_down(session, world, command.officer, command.year, command.kind, moves)
        nodes += len(moves)
        places = places or sum(move.count for move in moves)
    if not nodes:
        raise Conflict("quota_short", f"{top.name}没有可下达的名额，请先核定或追加名额。")
    fill_waiting(session, world, [union.id for union in unions], command.year)
    record(session, world, command.officer, "quota.spread", top_node, count=places, nodes=nodes)
    return Spread(places, nodes, evenly)


def quota_tree(
    session: Session, year: int, path: str = "/", kind: QuotaKind = QuotaKind.NEW_CARD
) -> tuple[QuotaLine, ...]:
    """Every union under `path` that has places in the year or somebody waiting, parents first."""
    nodes = {node.union_id: node for node in session.scalars(select(QuotaNode).filter_by(year=year, kind=kind)).all()}
    waiting = _waiting(session, year)
    return tuple(
        _line_of(union, nodes.get(union.id), waiting.get(union.id, 0))
        for union in membership.unions_under(session, path)
        if union.id in nodes or union.id in waiting
    )


# ---- pieces ----

_MOST = 10_000_000


def _count_invalid() -> InvalidInput:
    return InvalidInput("count_invalid", f"名额数须是 1 至 {_MOST:,} 的整数。")


def _check_count(count: int) -> None:
    if not 0 < count <= _MOST:
        raise _count_invalid()


def _union(session: Session, code: str) -> UnionNode:
    return membership.union_of_code(session, code)


def _root(session: Session) -> UnionNode:
    for union in membership.unions_under(session, "/"):
        if union.parent_id is None:
            return union
    raise NotFound("unit_unknown", "还没有导入组织机构，请先运行 cardnet organisations import。")


def _must_cover(officer: Principal | None, union: UnionNode) -> None:
    if officer is None:
        return
    if not officer.has(Role.UNIT_OFFICER, Role.TOWNSHIP_OFFICER, Role.DISTRICT_OFFICER):
        raise NotAllowed("role_missing", f"{officer.display_name}不是工会经办人员，不能调整名额。")
    if not in_scope(officer.scope_path, union.path):
        raise NotAllowed("out_of_scope", f"{union.name}不在{officer.display_name}的管理范围内。")


def _must_be_open(session: Session, year: int, kind: QuotaKind) -> None:
    state = session.scalar(select(QuotaYear.state).filter_by(year=year, kind=kind))
    if state is None:
        raise NotFound("quota_year_unknown", f"{year} 年还没有核定名额，请先运行 cardnet quota grant。")
    if state == YearState.CLOSED:
        raise Conflict("quota_year_closed", f"{year} 年的名额已经结转，不能再调整。")


def _depth(union: UnionNode) -> int:
    return union.path.count("/")


def _members_below(unions: Iterable[UnionNode], own: dict[uuid.UUID, int]) -> dict[str, int]:
    """Path → members of the union and of all below it."""
    below: dict[str, int] = {}
    for union in unions:
        for path in rules.review_route(union.path):
            below[path] = below.get(path, 0) + own.get(union.id, 0)
    return below


def _one_per_leaf(unions: Sequence[UnionNode]) -> dict[uuid.UUID, int]:
    parents = {union.parent_id for union in unions}
    return {union.id: 1 for union in unions if union.id not in parents}


def _level_moves(
    session: Session, command: SpreadQuota, level: Sequence[UnionNode], unions: Sequence[UnionNode],
    weights: dict[str, int],
) -> list[Move]:  # fmt: skip
    """What each union of one level hands to its children."""
    children: dict[uuid.UUID, list[UnionNode]] = {}
    for union in unions:
        if union.parent_id is not None:
            children.setdefault(union.parent_id, []).append(union)
    nodes = session.execute(
        select(
            QuotaNode.union_id,
            QuotaNode.id,
            (QuotaNode.received - QuotaNode.passed_down - QuotaNode.held - QuotaNode.used).label("free"),
        ).where(
            QuotaNode.year == command.year,
            QuotaNode.kind == command.kind,
            QuotaNode.union_id.in_([union.id for union in level]),
        )
    )
    return [
        Move(node.id, child.id, count)
        for node in nodes
        if node.free and node.union_id in children
        for child, count in zip(
            children[node.union_id],
            rules.plan_spread(node.free, [weights[child.path] for child in children[node.union_id]]),
            strict=True,
        )
        if count
    ]


def _waiting(session: Session, year: int) -> dict[uuid.UUID, int]:
    rows = session.execute(
        text(
            "select union_id, count(*) as waiting from application where state = 'waitlisted' and quota_year = :year "
            "group by union_id"
        ),
        {"year": year},
    )
    return {row.union_id: row.waiting for row in rows}


def _line(session: Session, year: int, kind: QuotaKind, union: UnionNode) -> QuotaLine:
    node = session.execute(
        select(QuotaNode.received, QuotaNode.passed_down, QuotaNode.held, QuotaNode.used).filter_by(
            year=year, kind=kind, union_id=union.id
        )
    ).one()
    return QuotaLine(union, *node, _waiting(session, year).get(union.id, 0))


def _line_of(union: UnionNode, node: QuotaNode | None, waiting: int) -> QuotaLine:
    if node is None:
        return QuotaLine(union, 0, 0, 0, 0, waiting)
    return QuotaLine(union, node.received, node.passed_down, node.held, node.used, waiting)
