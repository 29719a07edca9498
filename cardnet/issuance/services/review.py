"""Review: one tier's officer decides the rows of a batch that stand before that tier.

Gather what stands there (and lock it), decide whether this officer may, write. Ten thousand rows are the same three
statements as one. Two officers deciding one row: the second waits for the first's commit, then finds nothing
standing before the tier and is told who was first.
"""

import json
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import Row, text
from sqlalchemy.orm import Session

from cardnet.access import services as access
from cardnet.access.rules import Principal, Role
from cardnet.issuance import rules
from cardnet.issuance.rules import ApplicationAction, ApplicationState, Verdict
from cardnet.issuance.services.batches import BatchView, batch_of
from cardnet.issuance.services.waiting import release_places, review_deadline
from cardnet.kernel import audit
from cardnet.kernel.calendar import local
from cardnet.kernel.errors import CardnetError, Conflict, NotAllowed, NotFound
from cardnet.kernel.world import World
from cardnet.membership import services as membership
from cardnet.membership.rules import Tier


@dataclass(frozen=True)
class Review:
    """An officer's verdict on rows of a batch; `rows` None means all that stand before the officer's tier.

    `reasons` are R01–R13 and needed for a return or a rejection; `words` say more. `on_behalf_of` is whom the officer
    stands in for, when `officer` is the scope of a delegation.
    """

    batch_id: uuid.UUID
    officer: Principal
    verdict: Verdict
    rows: tuple[int, ...] | None = None
    reasons: tuple[str, ...] = ()
    words: str = ""
    on_behalf_of: uuid.UUID | None = None


@dataclass(frozen=True)
class ReviewReceipt:
    """What the verdict did: how many rows, their state now, and the path of the union whose turn it is next."""

    batch_id: uuid.UUID
    verdict: Verdict
    rows: int
    state: ApplicationState
    next_path: str | None
    moved_up: int


_OFFICER_OF_TIER = {
    Tier.UNIT: Role.UNIT_OFFICER,
    Tier.TOWNSHIP: Role.TOWNSHIP_OFFICER,
    Tier.DISTRICT: Role.DISTRICT_OFFICER,
}

_ACTION = {
    Verdict.APPROVE: ApplicationAction.PASS_ON,
    Verdict.RETURN: ApplicationAction.RETURN,
    Verdict.REJECT: ApplicationAction.REJECT,
}


def review(session: Session, world: World, command: Review) -> ReviewReceipt:
    """Decide rows of one batch at the officer's tier.

    Raises NotFound("batch_unknown", "row_unknown"), NotAllowed("role_missing", "out_of_scope", "sod_violation"),
    Conflict("already_decided" with the winner's name, "not_at_your_tier", "nothing_to_review").
    """
    rules.reasons_of(command.reasons, command.verdict)
    batch = batch_of(session, command.batch_id)
    _must_hold_the_tiers_role(session, command.officer)
    standing = _standing_before(session, command)
    if standing.found == 0 or (command.rows is not None and standing.found < len(set(command.rows))):
        raise _why_not(session, batch, command)
    if standing.acted:
        raise NotAllowed(
            "sod_violation",
            f"{command.officer.display_name}已提交或在其他层级审核过其中 {standing.acted} 人，须由另一位工作人员审核。",
            {"rows": standing.acted},
        )
    action, state, next_path = _step(command)
    _write(session, world, command, standing, action, state, next_path)
    audit.record(
        session, world,
        audit.Act(
            f"application.{command.verdict}", "batch", str(batch.id),
            actor_id=command.officer.account_id, on_behalf_of=command.on_behalf_of,
            after={"rows": standing.found, "at": command.officer.scope_path, "reasons": list(command.reasons)},
        ),
    )  # fmt: skip
    moved_up = 0
    if command.verdict is Verdict.REJECT:
        moved_up = release_places(session, world, standing.held, batch.id, command.officer.account_id)
    return ReviewReceipt(batch.id, command.verdict, standing.found, state, next_path, moved_up)


def _must_hold_the_tiers_role(session: Session, officer: Principal) -> None:
    tier = membership.union_of_id(session, officer.union_id).tier
    if not officer.has(_OFFICER_OF_TIER[tier]):
        raise NotAllowed("role_missing", f"{officer.display_name}不是本级工会的审核人员，不能审核办卡申请。")


def _step(command: Review) -> tuple[ApplicationAction, ApplicationState, str | None]:
    """The action, the state it leads to and whose turn is next: the same for every row before one officer."""
    above = rules.review_route(command.officer.scope_path)[1:]
    if command.verdict is Verdict.APPROVE and not above:
        return ApplicationAction.APPROVE, ApplicationState.APPROVED, None
    action = _ACTION[command.verdict]
    state = rules.next_application_state(ApplicationState.SUBMITTED, action)
    return action, state, above[0] if command.verdict is Verdict.APPROVE else None


_SELECTED = """
    a.batch_id = :batch and a.review_path = :scope and a.state in ('submitted', 'in_review')
    and (cast(:rows as bigint[]) is null or a.row = any(cast(:rows as bigint[])))"""

_GATHER = text(f"""
    with mine as (
        select a.id, a.quota_node_id,
               exists (select from application_event e
                        where e.application_id = a.id and e.review_path is distinct from a.review_path
                          and (e.actor_id in (:me, :other) or e.on_behalf_of in (:me, :other))) as acted
          from application a where {_SELECTED} order by a.id for no key update of a
    )
    select quota_node_id, array_agg(id) as ids, count(*) as found, count(*) filter (where acted) as acted
      from mine group by quota_node_id""")  # noqa: S608 - the piece put in is ours

# Exactly the rows that were looked at: one that came to stand here since then (a place freed elsewhere, the tier below
# passing on) has neither been asked who acted on it nor had its place counted.
# `submitted` stands before its own union, `in_review` before one above.
_DECIDE = text("""
    with decided as (
        update application a
           set state = :state, review_path = :next_path, due_at = :due, escalated_at = null, hold_until = :hold_until,
               quota_node_id = case when :releases then null else a.quota_node_id end, events = a.events + 1
         where a.id = any(:ids) and a.review_path = :scope and a.state in ('submitted', 'in_review')
        returning a.id, a.events, a.round, a.path
    )
    insert into application_event
        (application_id, seq, at, action, from_state, to_state, review_path, round, actor_id, on_behalf_of,
         reasons, words)
    select id, events, :at, :action, case path when :scope then 'submitted' else 'in_review' end, :state, :scope,
           round, :actor, :behalf, cast(:reasons as jsonb), :words
      from decided""")


@dataclass(frozen=True)
class _Standing:
    """What stands before the officer, locked: which rows, in how many the officer acted elsewhere, places held by node."""

    ids: tuple[uuid.UUID, ...]
    acted: int
    held: Mapping[uuid.UUID, int]

    @property
    def found(self) -> int:
        """How many rows."""
        return len(self.ids)


def _standing_before(session: Session, command: Review) -> _Standing:
    rows = session.execute(
        _GATHER,
        {
            **_selection(command),
            "me": command.officer.account_id,
            "other": command.on_behalf_of or command.officer.account_id,
        },
    ).all()
    held = {row.quota_node_id: row.found for row in rows if row.quota_node_id is not None}
    ids = tuple(application_id for row in rows for application_id in row.ids)
    return _Standing(ids, sum(row.acted for row in rows), held)


def _selection(command: Review) -> dict[str, object]:
    return {
        "batch": command.batch_id,
        "scope": command.officer.scope_path,
        "rows": None if command.rows is None else sorted(set(command.rows)),
    }


def _write(
    session: Session,
    world: World,
    command: Review,
    standing: _Standing,
    action: ApplicationAction,
    state: ApplicationState,
    next_path: str | None,
) -> None:
    """Move the rows and write their history, in one statement."""
    at = world.now()
    returned = command.verdict is Verdict.RETURN
    session.execute(
        _DECIDE,
        {
            "ids": list(standing.ids),
            "scope": command.officer.scope_path,
            "state": str(state),
            "next_path": next_path,
            "at": at,
            "due": review_deadline(at) if next_path else None,
            "hold_until": at + timedelta(days=rules.RETURNED_HOLD_DAYS) if returned else None,
            "releases": command.verdict is Verdict.REJECT,
            "action": str(action),
            "actor": command.officer.account_id,
            "behalf": command.on_behalf_of,
            "reasons": json.dumps(list(command.reasons)) if command.reasons else None,
            "words": command.words.strip() or None,
        },
    )


_WHERE_ROWS_STAND = text("""
    select a.row, a.state, a.review_path, a.path, e.actor_id, e.at, e.action
      from application a
      left join lateral (
          select actor_id, at, action from application_event e
           where e.application_id = a.id and e.review_path = :scope order by e.seq desc limit 1) e on true
     where a.batch_id = :batch and (cast(:rows as bigint[]) is null or a.row = any(cast(:rows as bigint[])))
       and (a.review_path is distinct from :scope or a.state not in ('submitted', 'in_review'))
     order by left(a.path, length(:scope)) = :scope desc, e.at desc nulls last, a.row""")


def _why_not(session: Session, batch: BatchView, command: Review) -> CardnetError:
    """Why what was asked for does not stand before this officer, in the order a person would ask."""
    scope, officer = command.officer.scope_path, command.officer
    rows = session.execute(_WHERE_ROWS_STAND, _selection(command)).all()
    if command.rows is not None and (missing := _not_in_batch(session, command)):
        listed = "、".join(map(str, missing[:10]))
        return NotFound("row_unknown", f"批次里没有第 {listed} 行的申请。", {"rows": missing})
    outside = [row.row for row in rows if not row.path.startswith(scope)]
    if outside and (command.rows is not None or len(outside) == len(rows)):
        return NotAllowed("out_of_scope", f"这些申请不在{officer.display_name}的管理范围内。", {"rows": outside[:100]})
    if rows and rows[0].actor_id is not None:
        return _decided_before(session, rows[0])
    if command.rows is not None:
        named = [row.row for row in rows]
        return Conflict(
            "not_at_your_tier",
            f"第 {'、'.join(map(str, named[:10]))} 行现在不在您这一级审核。",
            {"rows": named[:100]},
        )
    return Conflict("nothing_to_review", f"批次“{batch.filename}”现在没有等您这一级审核的申请。")


def _decided_before(session: Session, row: Row[Any]) -> Conflict:
    winner = access.display_names(session, [row.actor_id]).get(row.actor_id, "")
    when = local(row.at).strftime("%Y-%m-%d %H:%M:%S")
    done = rules.ACTION_WORDS[ApplicationAction(row.action)]
    return Conflict(
        "already_decided",
        f"第 {row.row} 行已由{winner}于 {when} 处理（{done}），请刷新后再看。",
        {"row": row.row, "by": winner, "at": row.at.isoformat(), "action": row.action},
    )


def _not_in_batch(session: Session, command: Review) -> list[int]:
    wanted = sorted(set(command.rows or ()))
    known = session.scalars(
        text("select row from application where batch_id = :batch and row = any(cast(:rows as bigint[]))"),
        {"batch": command.batch_id, "rows": wanted},
    ).all()
    return sorted(set(wanted) - set(known))
