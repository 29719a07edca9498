"""Handing places down to many at once: seen before it is done, adding up to the place, and done in one statement each.

By members, by last year's use, or as typed; largest remainder, so that nothing is lost. `spread_quota` does the whole
tree by members in one go.
"""

import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import groupby

from sqlalchemy import select, text, update
from sqlalchemy.orm import Session

from cardnet.access.rules import Principal
from cardnet.issuance import rules
from cardnet.issuance.models import QuotaNode
from cardnet.issuance.rules import AllocationBasis, QuotaKind
from cardnet.issuance.services.nodes import Move, lock_unions, node_of, pass_down, record
from cardnet.issuance.services.quota import MOST, check_count, must_be_open, must_cover, offer_free, root_union
from cardnet.issuance.services.tree import quota_line
from cardnet.kernel.errors import Conflict, InvalidInput
from cardnet.kernel.world import World
from cardnet.membership import services as membership
from cardnet.membership.rules import UnionNode


@dataclass(frozen=True)
class AllocateMany:
    """Hand `total` places of one union to the unions directly below it, divided on a basis.

    `shares` (code → places) is what an officer typed; with `hand` it must come to `total`. A plan that was shown is done
    by sending its shares as `hand`, so that what was seen is what happens. `recall_after` is the last day on which the
    places are the receivers' own.
    """

    year: int
    from_code: str
    total: int
    basis: AllocationBasis
    shares: Mapping[str, int] | None = None
    recall_after: date | None = None
    officer: Principal | None = None
    kind: QuotaKind = QuotaKind.NEW_CARD


@dataclass(frozen=True)
class Share:
    """What one union gets: `weight` is what it was divided by (members, cards of last year), `before` what it has."""

    union: UnionNode
    weight: int
    before: int
    count: int

    @property
    def after(self) -> int:
        """What it will have received."""
        return self.before + self.count


@dataclass(frozen=True)
class AllocationPlan:
    """An allocation as it would be done. `evenly` says that there was nothing to weigh by, so that each counts alike.

    `short` is how many places are missing; a plan that is short cannot be done.
    """

    year: int
    union: UnionNode
    basis: AllocationBasis
    total: int
    free: int
    shares: tuple[Share, ...]
    evenly: bool

    @property
    def left(self) -> int:
        """What stays free at the union."""
        return max(0, self.free - self.total)

    @property
    def short(self) -> int:
        """What is missing to do it."""
        return max(0, self.total - self.free)


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


def preview_allocation(session: Session, command: AllocateMany) -> AllocationPlan:
    """Every share, the sum and what stays, before anything is done.

    Raises InvalidInput("count_invalid", "allocation_sum", "share_invalid", "quota_not_child", "no_union_below"),
    NotAllowed, NotFound("quota_year_unknown"), Conflict("quota_year_closed").
    """
    check_count(command.total)
    giver = membership.union_of_code(session, command.from_code)
    must_cover(command.officer, giver)
    must_be_open(session, command.year, command.kind)
    children = [union for union in membership.open_unions_under(session, giver.path) if union.parent_id == giver.id]
    if not children:
        raise InvalidInput("no_union_below", f"{giver.name}没有直属下级，不需要再下达。")
    weights = _weights(session, command, giver, children)
    evenly = command.basis is not AllocationBasis.HAND and not any(weights)
    if command.basis is AllocationBasis.HAND:
        rules.must_add_up(command.total, weights)
        counts = weights
    else:
        counts = rules.plan_spread(command.total, weights)
    before = _received(session, command, children)
    line = quota_line(session, command.year, command.kind, giver)
    shares = tuple(
        Share(child, weight, before.get(child.id, 0), count)
        for child, weight, count in zip(children, weights, counts, strict=True)
    )
    return AllocationPlan(command.year, giver, command.basis, command.total, line.free, shares, evenly)


def allocate_many(session: Session, world: World, command: AllocateMany) -> AllocationPlan:
    """Do what `preview_allocation` shows. Raises as it does, and Conflict("quota_short")."""
    _held(session, membership.union_of_code(session, command.from_code))
    plan = preview_allocation(session, command)
    given = [share for share in plan.shares if share.count]
    lock_unions(session, command.year, command.kind, [plan.union.id, *(share.union.id for share in given)])
    parent_id = node_of(session, command.year, command.kind, plan.union)
    moves = [Move(parent_id, share.union.id, share.count) for share in given]
    pass_down(session, world, command.officer, command.year, command.kind, moves)
    receivers = [share.union.id for share in given]
    if command.recall_after is not None:
        session.execute(
            update(QuotaNode)
            .where(
                QuotaNode.year == command.year, QuotaNode.kind == command.kind, QuotaNode.union_id.in_(receivers)
            )
            .values(recall_after=command.recall_after)
        )  # fmt: skip
    offer_free(session, world, command.year, command.kind, receivers)
    record(
        session, world, command.officer, "quota.allocate_many", parent_id, count=plan.total, unions=len(given),
        basis=str(command.basis), recall_after=str(command.recall_after) if command.recall_after else None,
    )  # fmt: skip
    return plan


def _held(session: Session, top: UnionNode) -> list[UnionNode]:
    """The open unions from `top` on, parents first; none of them is moved or closed while places are handed down."""
    membership.unions_held(session, [union.id for union in membership.open_unions_under(session, top.path)])
    return membership.open_unions_under(session, top.path)


def spread_quota(session: Session, world: World, command: SpreadQuota) -> Spread:
    """Hand every free place down by member counts, level by level; what stays behind is for a union's own people.

    Raises Conflict("quota_short") when nothing is free at the top.
    """
    top = root_union(session) if command.below_code is None else membership.union_of_code(session, command.below_code)
    must_cover(command.officer, top)
    must_be_open(session, command.year, command.kind)
    unions = _held(session, top)
    top_node = node_of(session, command.year, command.kind, top)
    lock_unions(session, command.year, command.kind, [union.id for union in unions])
    members = _members_below(unions, _own_members(session, top))
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
    offer_free(session, world, command.year, command.kind, [union.id for union in unions])
    record(session, world, command.officer, "quota.spread", top_node, count=places, nodes=nodes)
    return Spread(places, nodes, evenly)


# ---- weights ----


def _weights(session: Session, command: AllocateMany, giver: UnionNode, children: Sequence[UnionNode]) -> list[int]:
    if command.basis is AllocationBasis.HAND:
        return _typed(command, children)
    unions = membership.open_unions_under(session, giver.path)
    own = _own_members(session, giver)
    if command.basis is AllocationBasis.LAST_YEAR:
        own = _used_last_year(session, command.year - 1, command.kind)
    below = _members_below(unions, own)
    return [below.get(child.path, 0) for child in children]


def _typed(command: AllocateMany, children: Sequence[UnionNode]) -> list[int]:
    shares = dict(command.shares or {})
    if strangers := shares.keys() - {child.code for child in children}:
        raise InvalidInput("quota_not_child", f"{'、'.join(sorted(strangers)[:5])} 不是直属下级，名额只能逐级下达。")
    if any(not 0 <= count <= MOST for count in shares.values()):
        raise InvalidInput("share_invalid", "每个单位的名额须是 0 或正整数。")
    return [shares.get(child.code, 0) for child in children]


def _own_members(session: Session, top: UnionNode) -> dict[uuid.UUID, int]:
    return {union_id: counted.members for union_id, counted in membership.member_counts(session, top.path).items()}


def _used_last_year(session: Session, year: int, kind: QuotaKind) -> dict[uuid.UUID, int]:
    rows = session.execute(
        text("select union_id, used from quota_node where year = :year and kind = :kind"),
        {"year": year, "kind": str(kind)},
    )
    return {row.union_id: row.used for row in rows}


def _received(session: Session, command: AllocateMany, children: Sequence[UnionNode]) -> dict[uuid.UUID, int]:
    rows = session.execute(
        select(QuotaNode.union_id, QuotaNode.received).where(
            QuotaNode.year == command.year,
            QuotaNode.kind == command.kind,
            QuotaNode.union_id.in_([child.id for child in children]),
        )
    )
    return {row.union_id: row.received for row in rows}


def _depth(union: UnionNode) -> int:
    return union.path.count("/")


def _members_below(unions: Iterable[UnionNode], own: Mapping[uuid.UUID, int]) -> dict[str, int]:
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
    at = {union.id: union.path for union in level}
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
            _parts(node.free, [weights[child.path] for child in children[node.union_id]], weights[at[node.union_id]]),
            strict=True,
        )
        if count
    ]


def _parts(free: int, below: Sequence[int], total: int) -> list[int]:
    """The children's parts of what is free; where the union has people of its own, theirs is kept back."""
    own = total - sum(below)
    return rules.plan_spread(free, [*below, own])[: len(below)] if own else rules.plan_spread(free, below)
