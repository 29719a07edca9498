"""A union is moved below another, merged into another or closed: applications, places and cards go along (S19).

Work in hand is carried and never lost: what stands before a desk that is above the union no more goes to the new one
above it; places go down the new branch instead of the old; a merger takes over holds, offers and the waiting list. What
was done stays where it was done: issued places with the union that issued them, closed years as they were closed.
"""

import itertools
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Row, text
from sqlalchemy.orm import Session

from cardnet.access.rules import Principal, in_scope
from cardnet.issuance import rules
from cardnet.issuance.rules import ApplicationAction, EntryKind, QuotaKind
from cardnet.issuance.services.deadlines import due_dates
from cardnet.issuance.services.moving import follow
from cardnet.issuance.services.nodes import ensure_nodes, lock_unions, new_entry, write_entries
from cardnet.issuance.services.self_filled import carry_entries
from cardnet.issuance.services.union_facts import UnionFacts, must_be_empty, must_be_ready_to_merge, union_facts
from cardnet.issuance.services.waiting import fill_waiting
from cardnet.kernel import audit
from cardnet.kernel.errors import Conflict, InvalidInput
from cardnet.kernel.world import World
from cardnet.membership import services as membership
from cardnet.membership.rules import UnionNode, code_of, must_stand_below, path_above


@dataclass(frozen=True)
class MergeUnion:
    """The people, applications and places of `code` are those of `into_code` from today on, as `document` decided."""

    code: str
    into_code: str
    document: str
    officer: Principal


@dataclass(frozen=True)
class Moved:
    """A union below another one: its applications in hand, how many of them changed desk, the places that went along.

    `was` is its path before.
    """

    union: UnionNode
    was: str
    applications: int
    changed_desk: int
    places: int


@dataclass(frozen=True)
class Merged:
    """What went over: members with their cards, applications in hand, places; and accounts that were closed."""

    into: UnionNode
    members: int
    cards: int
    applications: int
    places: int
    moved_up: int
    accounts: int


def facts_of_union(session: Session, union: UnionNode) -> UnionFacts:
    """What a union has in hand now."""
    return union_facts(session, union.id)


def move_union(session: Session, world: World, command: membership.MoveUnion) -> Moved:
    """Put a union with all below it under another one.

    Raises what `membership.move_union` raises.
    """
    moved = membership.move_union(session, world, command)
    old, new = moved.before.path, moved.union.path
    parent = path_above(new)
    carried = _carry_in_place(session, world, command.officer, old, new, parent)
    _rewrite_paths(session, old, new)
    places = _reroute(session, world, command.officer, moved)
    return Moved(moved.union, old, len(carried), sum(row.changed for row in carried), places)


def merge_union(session: Session, world: World, command: MergeUnion) -> Merged:
    """One union goes into another: members by transfer, with cards; applications and places are carried; the old one ends.

    Raises NotAllowed("role_missing"), NotFound("unit_unknown"), InvalidInput("document_missing", "root_stays",
    "same_union", "tier_wrong"), Conflict("union_closed", "union_busy" with what to finish first).
    """
    officer = command.officer
    old = membership.union_to_change(session, officer, command.code)
    into = membership.union_of_code(session, command.into_code)
    membership.must_be_open_union(into)
    if old.parent_id is None or into.parent_id is None:
        raise InvalidInput("root_stays", "区总工会不能并入别的工会，也不能让别的工会直接并入：请选择镇街委局工会或基层工会。")  # fmt: skip
    if old.id == into.id:
        raise InvalidInput("same_union", "请选择另一个工会：不能并入自己。")
    must_stand_below(old, into)
    document = membership.document_of(command.document)
    must_be_ready_to_merge(old, union_facts(session, old.id))
    membership.hold_calendar(session)
    membership.lock_members(session, old)
    applications, places = _hand_over(session, world, officer, old, into)
    released = membership.transfer_everybody(session, world, old, into, officer.account_id)
    cards = follow(session, world, released, officer.account_id)
    carry_entries(session, world, old.id, into.id, officer)
    _rewrite_files(session, old, into)
    moved_up = sum(fill_waiting(session, world, [into.id], year) for year in _open_years(session, into.id))
    closing = membership.CloseUnion(old.code, document, officer)
    accounts = membership.end_union(session, world, old, closing, into)
    return Merged(into, len(released), cards, applications, places, moved_up, accounts)


def close_union(session: Session, world: World, command: membership.CloseUnion) -> int:
    """A union that has nobody and nothing left ends; returns how many accounts of it were closed.

    Raises NotAllowed("role_missing"), NotFound("unit_unknown"), InvalidInput("document_missing", "root_stays"),
    Conflict("union_closed", "union_not_empty" with all that is still there).
    """
    union = membership.union_to_change(session, command.officer, command.code)
    if union.parent_id is None:
        raise InvalidInput("root_stays", "区总工会不能撤销。")
    membership.document_of(command.document)
    must_be_empty(union, union_facts(session, union.id))
    carry_entries(session, world, union.id, None, command.officer)
    return membership.end_union(session, world, union, command, None)


# ---- applications ----

# The events below have no actor: who reorganises has reviewed nobody. The audit trail says who it was.

_OPEN = sorted(map(str, rules.OPEN_APPLICATION))

# Rows in review first, then nodes, then those that wait: the order of every withdrawal.
_LOCK = text("""
    select id, review_path from application
     where starts_with(path, :old) and state = any(:open) and (state = 'waitlisted') = :waiting
     order by id for no key update""")

_CARRY = text("""
    with placed as (
        select a.id, a.review_path as was,
               case when a.review_path is null then null
                    when starts_with(a.review_path, :old) then :new || substr(a.review_path, length(:old) + 1)
                    when starts_with(:new, a.review_path) then a.review_path
                    else :parent end as desk
          from application a where starts_with(a.path, :old) and a.state = any(:open)
    ), carried as (
        update application a
           set path = :new || substr(a.path, length(:old) + 1), review_path = placed.desk, events = a.events + 1,
               due_at = case when placed.was is not null and placed.desk = :parent and placed.was <> :parent
                             then cast(:due as timestamptz) else a.due_at end,
               escalated_at = case when placed.was is not null and placed.desk = :parent and placed.was <> :parent
                                   then null else a.escalated_at end
          from placed where a.id = placed.id
        returning a.id, a.events, a.round, a.state, a.review_path, placed.was
    ), told as (
        insert into application_event (application_id, seq, at, action, from_state, to_state, round, words)
        select id, events, :at, :action, state, state, round,
               case when was is not null and not starts_with(was, :old) and review_path <> was then :changed else :words end
          from carried
    )
    select id, was is not null and not starts_with(was, :old) and review_path <> was as changed from carried""")


def _carry_in_place(
    session: Session, world: World, officer: Principal, old: str, new: str, parent: str
) -> Sequence[Row[Any]]:  # fmt: skip
    """Open applications of a branch stand in it where it is now; a desk above it no more gives way to its new parent.

    Whoever moves the union has reviewed none of them: the event names them in words, not as its actor.
    """
    for waiting in (False, True):
        session.execute(_LOCK, {"old": old, "open": _OPEN, "waiting": waiting}).all()
    at = world.now()
    given = {
        "old": old, "new": new, "parent": parent, "open": _OPEN, "at": at,
        "due": due_dates(session, [parent], at)[parent], "action": str(ApplicationAction.REASSIGN),
        "words": f"单位划转（{officer.display_name}办理）",
        "changed": f"单位划转（{officer.display_name}办理），由{_name_at(session, parent)}接着审核",
    }  # fmt: skip
    return session.execute(_CARRY, given).all()


def _name_at(session: Session, path: str) -> str:
    return membership.union_of_code(session, code_of(path)).name


_TABLES_WITH_PATHS = ("application", "batch", "handout", "unit_approval", "review_freeze")


def _rewrite_paths(session: Session, old: str, new: str) -> None:
    """A union's files go along: its officers go on seeing them, and so does whoever stands above it now."""
    for table in _TABLES_WITH_PATHS:
        session.execute(
            text(f"update {table} set path = :new || substr(path, length(:old) + 1) where starts_with(path, :old)"),  # noqa: S608
            {"old": old, "new": new},
        )
    session.expire_all()


def _rewrite_files(session: Session, old: UnionNode, into: UnionNode) -> None:
    """Rosters and hand-outs of a union that is no more are read by the one its people are in."""
    for table in ("batch", "handout", "unit_approval"):
        session.execute(
            text(f"update {table} set path = :new where path = :old"),  # noqa: S608 - our own names
            {"old": old.path, "new": into.path},
        )
    session.expire_all()


# ---- places ----


@dataclass(frozen=True)
class _Branches:
    """The unions between the lowest common one and two places of the tree, without it: `old` loses, `new` gains."""

    common: UnionNode
    old: tuple[UnionNode, ...]
    new: tuple[UnionNode, ...]

    @property
    def unions(self) -> list[uuid.UUID]:
        """All that are concerned."""
        return [self.common.id, *(union.id for union in (*self.old, *self.new))]


def _reroute(session: Session, world: World, officer: Principal, moved: membership.MovedUnion) -> int:
    """The places of a moved union come down the new branch; those of closed years stay as they were handed down."""
    tree = {union.path: union for union in membership.unions_under(session, "/")}
    common = moved.common.path
    branches = _Branches(
        moved.common,
        tuple(_between(tree, common, moved.before.path)),
        tuple(_between(tree, common, moved.union.path)),
    )
    places = 0
    for year, kind in _open_quotas(session, [moved.union.id]):
        parent = membership.union_of_id(session, moved.union.parent_id) if moved.union.parent_id else moved.common
        ensure_nodes(session, world, year, kind, [parent.id, *(union.id for union in branches.new)])
        lock_unions(session, year, kind, [moved.union.id, *branches.unions])
        count = _node(session, year, kind, moved.union.id).received
        _shift(session, world, officer, year, kind, branches, count)
        session.execute(
            text("""
                update quota_node q set parent_id = p.id from quota_node p
                 where q.union_id = :union and q.year = :year and q.kind = :kind
                   and p.union_id = :parent and p.year = :year and p.kind = :kind"""),
            {"union": moved.union.id, "parent": parent.id, "year": year, "kind": str(kind)},
        )
        places += count
    session.expire_all()
    return places


_TAKE_OVER = text("""
    with placed as (
        select a.id, n.id as node_id, a.review_path as was,
               case when a.review_path is null then null
                    when a.review_path = cast(:old_path as text) then cast(:new_path as text)
                    when starts_with(cast(:new_path as text), a.review_path) then a.review_path
                    else cast(:parent as text) end as desk
          from application a
          left join quota_node n on n.union_id = :into and n.year = a.quota_year and n.kind = 'new_card'
         where a.union_id = :old and a.state = any(:open)
    ), carried as (
        update application a
           set union_id = :into, path = cast(:new_path as text), review_path = placed.desk, events = a.events + 1,
               quota_node_id = case when a.quota_node_id is not null then placed.node_id end,
               due_at = case when placed.desk in (placed.was, cast(:new_path as text)) or placed.was is null
                             then a.due_at else cast(:due as timestamptz) end,
               escalated_at = case when placed.desk = placed.was then a.escalated_at end
          from placed where a.id = placed.id
        returning a.id, a.events, a.round, a.state
    ), told as (
        insert into application_event (application_id, seq, at, action, from_state, to_state, round, words)
        select id, events, :at, :action, state, state, round, :words from carried
    )
    select count(*) from carried""")


def _hand_over(
    session: Session, world: World, officer: Principal, old: UnionNode, into: UnionNode
) -> tuple[int, int]:  # fmt: skip
    """Open applications with their holds, offers and places in line, and every free place, are the other union's."""
    parent = path_above(into.path)
    session.execute(_LOCK, {"old": old.path, "open": _OPEN, "waiting": False}).all()
    tree = {union.path: union for union in membership.unions_under(session, "/")}
    common = membership.common_above(session, into, old)
    places = 0
    quotas = _open_quotas(session, [old.id])
    branches = _Branches(
        common, tuple(_between(tree, common.path, old.path)), tuple(_between(tree, common.path, into.path))
    )
    for year, kind in quotas:
        ensure_nodes(session, world, year, kind, [into.id])
        lock_unions(session, year, kind, [old.id, into.id, *branches.unions])
        session.execute(_LOCK, {"old": old.path, "open": _OPEN, "waiting": True}).all()
        node = _node(session, year, kind, old.id)
        count = node.received - node.passed_down - node.used
        _shift(session, world, officer, year, kind, branches, count)
        _shift_own(session, world, officer, year, kind, old, into, count, node.held)
        places += count
    at = world.now()
    taken = session.scalar(
        _TAKE_OVER,
        {
            "old": old.id, "into": into.id, "old_path": old.path, "new_path": into.path, "parent": parent, "open": _OPEN,
            "due": due_dates(session, [parent], at)[parent], "at": at, "action": str(ApplicationAction.REASSIGN),
            "words": f"{old.name}并入{into.name}（{officer.display_name}办理）",
        },
    )  # fmt: skip
    session.expire_all()
    return int(taken or 0), places


def _between(tree: Mapping[str, UnionNode], top: str, path: str) -> Iterator[UnionNode]:
    """The unions below `top` and above `path`, without both."""
    for above in itertools.islice(rules.review_route(path), 1, None):
        if above == top or not in_scope(top, above):
            return
        yield tree[above]


def _open_quotas(session: Session, union_ids: Sequence[uuid.UUID]) -> list[tuple[int, QuotaKind]]:
    rows = session.execute(
        text("select distinct year, kind from quota_node where union_id = any(:unions) and not closed order by 1, 2"),
        {"unions": list(union_ids)},
    )
    return [(row.year, QuotaKind(row.kind)) for row in rows]


def _open_years(session: Session, union_id: uuid.UUID) -> list[int]:
    return [year for year, kind in _open_quotas(session, [union_id]) if kind is QuotaKind.NEW_CARD]


def _node(session: Session, year: int, kind: QuotaKind, union_id: uuid.UUID) -> Row[Any]:
    return session.execute(
        text("""
            select id, received, passed_down, held, used from quota_node
             where union_id = :union and year = :year and kind = :kind"""),
        {"union": union_id, "year": year, "kind": str(kind)},
    ).one()


_CHANGE = text("""
    update quota_node q set received = q.received + given.received, passed_down = q.passed_down + given.passed_down,
           held = q.held + given.held
      from unnest(cast(:unions as uuid[]), cast(:received as bigint[]), cast(:passed_down as bigint[]),
                  cast(:held as bigint[])) given(union_id, received, passed_down, held)
     where q.union_id = given.union_id and q.year = :year and q.kind = :kind
    returning q.id, given.received, given.passed_down, given.held""")


def _shift(
    session: Session, world: World, officer: Principal, year: int, kind: QuotaKind, branches: _Branches, count: int
) -> None:
    """`count` places pass through the unions of the new branch and no more through those of the old."""
    changes = {union.id: (-count, -count, 0) for union in branches.old}
    changes |= {union.id: (count, count, 0) for union in branches.new}
    _change(session, world, officer, year, kind, changes if count else {})


def _shift_own(
    session: Session, world: World, officer: Principal, year: int, kind: QuotaKind, old: UnionNode, into: UnionNode,
    count: int, held: int,
) -> None:  # fmt: skip
    """The places themselves: from one union to the other, with what is held of them.

    Into a union that stands above, they come back: it had passed them down.
    """
    back = in_scope(into.path, old.path)
    changes = {old.id: (-count, 0, -held), into.id: (0, -count, held) if back else (count, 0, held)}
    _change(session, world, officer, year, kind, changes if count else {})


def _change(
    session: Session, world: World, officer: Principal, year: int, kind: QuotaKind,
    changes: Mapping[uuid.UUID, tuple[int, int, int]],
) -> None:  # fmt: skip
    if not changes:
        return
    given = {
        "unions": list(changes), "received": [one[0] for one in changes.values()],
        "passed_down": [one[1] for one in changes.values()], "held": [one[2] for one in changes.values()],
        "year": year, "kind": str(kind),
    }  # fmt: skip
    rows = session.execute(_CHANGE, given).all()
    if len(rows) != len(changes):
        raise Conflict("quota_changed", "名额刚刚有变化，请重新办理。")
    write_entries(
        session, world, world.now(), officer,
        [
            new_entry(row.id, EntryKind.REORGANISE, received=row.received, passed_down=row.passed_down, held=row.held)
            for row in rows
        ],
    )  # fmt: skip
    acts = (audit.Act("quota.reorganise", "quota_node", str(row.id), officer.account_id, after={"received": row.received, "passed_down": row.passed_down, "held": row.held}) for row in rows)  # fmt: skip
    audit.record(session, world, *acts)
