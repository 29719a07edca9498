"""Quota: places granted to the root of the tree, handed down it, across and back; every change beside its entry."""

import uuid
from collections.abc import Collection
from dataclasses import dataclass

from sqlalchemy import select, update
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.orm import Session

from cardnet.access.rules import Principal, Role, in_scope
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
from cardnet.issuance.services.tree import QuotaLine, quota_line
from cardnet.issuance.services.waiting import fill_waiting
from cardnet.kernel.errors import Conflict, InvalidInput, NotAllowed, NotFound
from cardnet.kernel.world import World
from cardnet.membership import services as membership
from cardnet.membership.rules import UnionNode

_FREE = QuotaNode.received - QuotaNode.passed_down - QuotaNode.held - QuotaNode.used


@dataclass(frozen=True)
class GrantQuota:
    """The service centre's decision gives the root `count` places for a year; a negative count takes free ones away.

    `document` is the number of the decision (文号), `authority_id` the decision itself where it was recorded. `officer`
    is None at the server's own console.
    """

    year: int
    count: int
    document: str
    officer: Principal | None = None
    kind: QuotaKind = QuotaKind.NEW_CARD
    authority_id: uuid.UUID | None = None


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
class UseQuota:
    """An officer notes that `count` places of a kind without applications were used, for example 疗休养, and for what."""

    year: int
    code: str
    count: int
    words: str
    officer: Principal | None = None
    kind: QuotaKind = QuotaKind.RECUPERATION


def grant_quota(session: Session, world: World, command: GrantQuota) -> QuotaLine:
    """Open the year if it is new, and change what the root has received.

    Raises InvalidInput on a count of 0 or a missing document, Conflict("quota_not_returnable") when more is taken
    away than is free.
    """
    must_cover(command.officer, root_union(session))
    return grant_approved(session, world, command)


def grant_approved(session: Session, world: World, command: GrantQuota) -> QuotaLine:
    """The same where somebody else has found that this officer may: a raise was decided."""
    if command.count == 0 or abs(command.count) > MOST:
        raise InvalidInput("count_invalid", f"名额数须是不为 0 的整数，最多 {MOST:,}：核定填正数，核减填负数。")
    if not command.document.strip():
        raise InvalidInput("document_missing", "请写明决策依据文号（--document）。")
    root = root_union(session)
    at = world.now()
    session.execute(
        upsert(QuotaYear).values(year=command.year, kind=command.kind, state=YearState.OPEN).on_conflict_do_nothing()
    )
    must_be_open(session, command.year, command.kind)
    node_id = node_for(session, world, command.year, command.kind, root.id, None)
    granted = session.execute(
        update(QuotaNode)
        .where(QuotaNode.id == node_id, ~QuotaNode.closed, -command.count <= _FREE)
        .values(received=QuotaNode.received + command.count)
        .returning(QuotaNode.id)
    ).all()
    if not granted:
        raise Conflict("quota_not_returnable", "要核减的名额超过尚未使用的名额，请先收回下级的空闲名额。")
    document = command.document.strip()
    write_entries(
        session, world, at, command.officer,
        [
            new_entry(
                node_id, EntryKind.GRANT, received=command.count, document=document, authority_id=command.authority_id
            )
        ],
    )  # fmt: skip
    offer_free(session, world, command.year, command.kind, [root.id])
    record(session, world, command.officer, "quota.grant", node_id, count=command.count, document=document)
    return quota_line(session, command.year, command.kind, root)


def allocate_quota(session: Session, world: World, command: MoveQuota) -> QuotaLine:
    """Hand places down to a child. Raises Conflict("quota_short", "union_closed"), InvalidInput("quota_not_child")."""
    check_count(command.count)
    giver, taker = (
        membership.union_of_code(session, command.from_code),
        membership.union_of_code(session, command.to_code),
    )
    must_cover(command.officer, giver)
    taker = membership.unions_held(session, [giver.id, taker.id])[taker.id]
    if taker.parent_id != giver.id:
        raise InvalidInput("quota_not_child", f"{taker.name}不是{giver.name}的直属下级，名额只能逐级下达。")
    must_be_open(session, command.year, command.kind)
    parent_id = node_of(session, command.year, command.kind, giver)
    pass_down(session, world, command.officer, command.year, command.kind, [Move(parent_id, taker.id, command.count)])
    offer_free(session, world, command.year, command.kind, [taker.id])
    record(session, world, command.officer, "quota.allocate", parent_id, count=command.count, to=command.to_code)
    return quota_line(session, command.year, command.kind, taker)


def return_quota(session: Session, world: World, command: ReturnQuota) -> QuotaLine:
    """Give free places back to the parent. Raises Conflict("quota_not_returnable")."""
    check_count(command.count)
    giver = membership.union_of_code(session, command.from_code)
    must_cover(command.officer, giver)
    must_be_open(session, command.year, command.kind)
    parent_union = give_back(session, world, command.officer, command.year, command.kind, giver, command.count)
    offer_free(session, world, command.year, command.kind, [parent_union])
    return quota_line(session, command.year, command.kind, giver)


def transfer_quota(session: Session, world: World, command: MoveQuota) -> QuotaLine:
    """Hand places from one child to another of the same parent, through the parent.

    Raises InvalidInput("quota_not_siblings"), Conflict("quota_not_returnable").
    """
    check_count(command.count)
    giver, taker = (
        membership.union_of_code(session, command.from_code),
        membership.union_of_code(session, command.to_code),
    )
    if giver.parent_id is None or giver.parent_id != taker.parent_id or giver.id == taker.id:
        raise InvalidInput("quota_not_siblings", f"{giver.name}与{taker.name}不属同一上级，名额只能在同级之间调剂。")
    must_cover(command.officer, membership.union_of_id(session, giver.parent_id))
    membership.unions_held(session, [giver.parent_id, giver.id, taker.id])
    must_be_open(session, command.year, command.kind)
    lock_unions(session, command.year, command.kind, [giver.parent_id, giver.id, taker.id])
    give_back(session, world, command.officer, command.year, command.kind, giver, command.count)
    parent_id = existing_id(session, command.year, command.kind, giver.parent_id)
    assert parent_id is not None
    pass_down(session, world, command.officer, command.year, command.kind, [Move(parent_id, taker.id, command.count)])
    offer_free(session, world, command.year, command.kind, [taker.id])
    record(session, world, command.officer, "quota.transfer", parent_id, count=command.count, to=command.to_code)
    return quota_line(session, command.year, command.kind, taker)


def use_quota(session: Session, world: World, command: UseQuota) -> QuotaLine:
    """Count free places as used. Raises InvalidInput("kind_has_applications", "words_missing"), Conflict("quota_short")."""
    check_count(command.count)
    if command.kind is QuotaKind.NEW_CARD:
        raise InvalidInput("kind_has_applications", "新办卡名额随发卡自动使用，不能手工登记。")
    if not command.words.strip():
        raise InvalidInput("words_missing", "请写明用于哪一批、哪些人的活动。")
    union = membership.union_of_code(session, command.code)
    must_cover(command.officer, union)
    must_be_open(session, command.year, command.kind)
    node_id = node_of(session, command.year, command.kind, union)
    used = session.execute(
        update(QuotaNode)
        .where(QuotaNode.id == node_id, ~QuotaNode.closed, command.count <= _FREE)
        .values(used=QuotaNode.used + command.count)
        .returning(QuotaNode.id)
    ).all()
    if not used:
        raise Conflict("quota_short", f"{union.name}的空闲名额不足 {command.count} 个。")
    write_entries(session, world, world.now(), command.officer, [new_entry(node_id, EntryKind.USE, used=command.count)])
    record(
        session, world, command.officer, "quota.use", node_id, count=command.count, words=command.words.strip()[:200]
    )
    return quota_line(session, command.year, command.kind, union)


# ---- pieces ----

MOST = 10_000_000


def offer_free(session: Session, world: World, year: int, kind: QuotaKind, union_ids: Collection[uuid.UUID]) -> None:
    """What came free goes to who waits; only new cards have a waiting list."""
    if kind is QuotaKind.NEW_CARD:
        fill_waiting(session, world, union_ids, year)


def check_count(count: int) -> None:
    """Raises InvalidInput("count_invalid")."""
    if not 0 < count <= MOST:
        raise InvalidInput("count_invalid", f"名额数须是 1 至 {MOST:,} 的整数。")


def root_union(session: Session) -> UnionNode:
    """The union at the top of the tree. Raises NotFound("unit_unknown")."""
    for union in membership.unions_under(session, "/"):
        if union.parent_id is None:
            return union
    raise NotFound("unit_unknown", "还没有导入组织机构，请先运行 cardnet organisations import。")


def must_cover(officer: Principal | None, union: UnionNode) -> None:
    """Raises NotAllowed("role_missing", "out_of_scope"); at the server's own console (None) everything is covered."""
    if officer is None:
        return
    if not officer.has(Role.UNIT_OFFICER, Role.TOWNSHIP_OFFICER, Role.DISTRICT_OFFICER):
        raise NotAllowed("role_missing", f"{officer.display_name}不是工会经办人员，不能调整名额。")
    if not in_scope(officer.scope_path, union.path):
        raise NotAllowed("out_of_scope", f"{union.name}不在{officer.display_name}的管理范围内。")


def must_be_open(session: Session, year: int, kind: QuotaKind) -> None:
    """Raises NotFound("quota_year_unknown"), Conflict("quota_year_closed")."""
    state = session.scalar(select(QuotaYear.state).filter_by(year=year, kind=kind))
    if state is None:
        raise NotFound("quota_year_unknown", f"{year} 年还没有核定名额，请先运行 cardnet quota grant。")
    if state == YearState.CLOSED:
        raise Conflict("quota_year_closed", f"{year} 年的名额已经结转，不能再调整。")
