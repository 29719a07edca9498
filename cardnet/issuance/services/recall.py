"""Recall: after a date that was given with them, free places go back up without asking whoever did not use them."""

import uuid
from dataclasses import dataclass
from datetime import date

from sqlalchemy import text
from sqlalchemy.orm import Session

from cardnet.access.rules import Principal
from cardnet.issuance.rules import EntryKind, QuotaKind
from cardnet.issuance.services.nodes import lock_unions, new_entry, node_of, record, write_entries
from cardnet.issuance.services.quota import must_be_open, must_cover, offer_free
from cardnet.kernel.calendar import day_of
from cardnet.kernel.errors import Conflict, InvalidInput
from cardnet.kernel.world import World
from cardnet.membership import services as membership
from cardnet.membership.rules import UnionNode


@dataclass(frozen=True)
class SetRecallDate:
    """From the day after `after`, places still free below `code` may be taken back; None takes the date away."""

    year: int
    code: str
    after: date | None
    officer: Principal | None = None
    kind: QuotaKind = QuotaKind.NEW_CARD


@dataclass(frozen=True)
class RecallQuota:
    """Take back to the union `code` what is free below it and past its date."""

    year: int
    code: str
    officer: Principal | None = None
    kind: QuotaKind = QuotaKind.NEW_CARD


@dataclass(frozen=True)
class Recalled:
    """What came back to the union: places, and from how many unions."""

    union: UnionNode
    places: int
    unions: int


def set_recall_date(session: Session, world: World, command: SetRecallDate) -> int:
    """Give every union below `code` that has places this date. Returns how many unions.

    Raises NotAllowed, InvalidInput("recall_date_past"), Conflict("quota_short") when nothing was handed down.
    """
    union = membership.union_of_code(session, command.code)
    must_cover(command.officer, union)
    must_be_open(session, command.year, command.kind)
    if command.after is not None and command.after < day_of(world.now()):
        raise InvalidInput("recall_date_past", "收回日期不能早于今天。")
    node_id = node_of(session, command.year, command.kind, union)
    below = [one.id for one in membership.unions_under(session, union.path) if one.id != union.id]
    changed = session.execute(
        text("""
            update quota_node set recall_after = :after
             where year = :year and kind = :kind and union_id = any(:unions) and received > 0 returning id"""),
        {"after": command.after, "year": command.year, "kind": str(command.kind), "unions": below},
    ).all()
    if not changed:
        raise Conflict("quota_short", f"{union.name}还没有下达名额，没有可设收回日期的下级。")
    record(
        session, world, command.officer, "quota.recall_date", node_id, unions=len(changed),
        after=str(command.after) if command.after else None,
    )  # fmt: skip
    return len(changed)


def recall_quota(session: Session, world: World, command: RecallQuota) -> Recalled:
    """Take back, level by level from the bottom, what is free and past its date.

    Places held or used stay where they are. Raises NotAllowed, Conflict("recall_not_due") when there is nothing to take.
    """
    union = membership.union_of_code(session, command.code)
    must_cover(command.officer, union)
    must_be_open(session, command.year, command.kind)
    node_id = node_of(session, command.year, command.kind, union)
    unions = membership.unions_under(session, union.path)
    lock_unions(session, command.year, command.kind, [one.id for one in unions])
    before, gave = _free_at(session, node_id), set[uuid.UUID]()
    levels = sorted({one.path.count("/") for one in unions if one.id != union.id}, reverse=True)
    for depth in levels:
        level = [one.id for one in unions if one.path.count("/") == depth]
        gave |= _level_up(session, world, command, level)
    places = _free_at(session, node_id) - before
    if not gave:
        raise Conflict("recall_not_due", f"{union.name}的下级现在没有到期可收回的空闲名额。")
    offer_free(session, world, command.year, command.kind, [one.id for one in unions])
    record(session, world, command.officer, "quota.recall", node_id, count=places, unions=len(gave))
    return Recalled(union, places, len(gave))


_TAKE = text("""
    with due as (
        select id, parent_id, received - passed_down - held - used as free from quota_node
         where year = :year and kind = :kind and union_id = any(:unions) and recall_after < :today
           and received - passed_down - held - used > 0 and parent_id is not null and not closed
    ), given as (
        update quota_node q set received = q.received - due.free from due where q.id = due.id
    ), back as (
        update quota_node q set passed_down = q.passed_down - sums.free
          from (select parent_id, sum(free) as free from due group by parent_id) sums where q.id = sums.parent_id
    )
    select id, parent_id, free from due order by id""")


def _level_up(session: Session, world: World, command: RecallQuota, unions: list[uuid.UUID]) -> set[uuid.UUID]:
    """Free places of one level go to the level above; the caller holds every node's lock."""
    taken = session.execute(
        _TAKE,
        {"year": command.year, "kind": str(command.kind), "unions": unions, "today": day_of(world.now())},
    ).all()
    if taken:
        write_entries(
            session, world, world.now(), command.officer,
            [
                entry
                for row in taken
                for entry in (
                    new_entry(row.id, EntryKind.RECALL, received=-row.free, counterpart=row.parent_id),
                    new_entry(row.parent_id, EntryKind.RECALL, passed_down=-row.free, counterpart=row.id),
                )
            ],
        )  # fmt: skip
    return {row.id for row in taken}


def _free_at(session: Session, node_id: uuid.UUID) -> int:
    free: int = session.scalar(
        text("select received - passed_down - held - used from quota_node where id = :id"), {"id": node_id}
    )
    return free
