"""Review: one tier's officer decides rows that stand before that tier, of one batch or of many.

Gather what stands there (and lock it), decide whether this officer may, write. Ten thousand rows are the same three
statements as one. Two officers deciding one row: the second waits for the first's commit, then finds nothing
standing before the tier and is told who was first.
"""

import json
import uuid
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session

from cardnet.access.rules import Principal, Role
from cardnet.issuance import rules
from cardnet.issuance.rules import ApplicationAction, ApplicationState, Verdict
from cardnet.issuance.services.deadlines import ReviewClock, review_clock
from cardnet.issuance.services.delegation import stand_in
from cardnet.issuance.services.standing_elsewhere import Asked, why_not
from cardnet.issuance.services.waiting import release_places
from cardnet.kernel import audit
from cardnet.kernel.errors import Conflict, NotAllowed
from cardnet.kernel.world import World
from cardnet.membership.rules import Tier
from cardnet.membership.services import notices


@dataclass(frozen=True)
class Review:
    """An officer's verdict on rows of a batch; `rows` None means all that stand before the officer's tier.

    `reasons` are R01–R13 and needed for a return or a rejection; `words` say more. `on_behalf_of` is whom the officer
    stands in for. `seen` (row → round) is what the officer had before them when deciding.
    """

    batch_id: uuid.UUID
    officer: Principal
    verdict: Verdict
    rows: tuple[int, ...] | None = None
    reasons: tuple[str, ...] = ()
    words: str = ""
    on_behalf_of: uuid.UUID | None = None
    seen: Mapping[int, int] = field(default_factory=dict)


@dataclass(frozen=True)
class ReviewOpen:
    """The same for applications of any batch: those `chosen`, or all under a path.

    `chosen` maps an application to the round in which it was seen, or to None where nobody looked.
    """

    officer: Principal
    verdict: Verdict
    chosen: Mapping[uuid.UUID, int | None] | None = None
    under: str | None = None
    reasons: tuple[str, ...] = ()
    words: str = ""
    on_behalf_of: uuid.UUID | None = None


@dataclass(frozen=True)
class ReviewReceipt:
    """What the verdict did: how many rows, their state now, and the path of the union whose turn it is next.

    `left` rows were not decided because this officer had acted on them before; only "all" leaves any.
    """

    batch_id: uuid.UUID | None
    verdict: Verdict
    rows: int
    state: ApplicationState
    next_path: str | None
    moved_up: int
    left: int = 0


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

    Raises NotFound("batch_unknown", "row_unknown"), NotAllowed("role_missing", "out_of_scope", "sod_violation",
    "delegation_unknown", "delegation_out_of_window"), Conflict("already_decided" with the winner's name,
    "changed_since_seen", "not_at_your_tier", "nothing_to_review", "frozen").
    """
    rules.reasons_of(command.reasons, command.verdict)
    asked = Asked(batch_id=command.batch_id, rows=None if command.rows is None else tuple(sorted(set(command.rows))))
    return _decide(session, world, command, asked, command.seen)


def review_open(session: Session, world: World, command: ReviewOpen) -> ReviewReceipt:
    """Decide applications of any batch at the officer's tier. Raises as `review`, less what is about one batch."""
    rules.reasons_of(command.reasons, command.verdict)
    chosen = command.chosen
    asked = Asked(ids=None if chosen is None else tuple(sorted(chosen)), under=command.under)
    return _decide(session, world, command, asked, chosen or {})


def _decide(
    session: Session, world: World, command: Review | ReviewOpen, asked: Asked, seen: Mapping[Any, int | None]
) -> ReviewReceipt:
    at = world.now()
    officer = command.officer
    if command.on_behalf_of is not None and command.on_behalf_of != officer.account_id:
        officer = stand_in(session, world, officer, command.on_behalf_of)
    route = rules.review_route(officer.scope_path)
    clock = review_clock(session, route[:2])
    _must_hold_the_tiers_role(clock, officer)
    clock.must_run(officer.scope_path, at)
    standing = _standing_before(session, officer, asked, command.on_behalf_of)
    if not standing or len(standing) < asked.named:
        raise why_not(session, asked, officer)
    _must_be_what_was_seen(standing, asked, seen)
    mine = tuple(row for row in standing if not row.acted)
    acted = len(standing) - len(mine)
    if acted and (asked.named or not mine):
        raise NotAllowed(
            "sod_violation",
            f"{officer.display_name}已提交或在其他层级审核过其中 {acted} 人，须由另一位工作人员审核。",
            {"rows": acted},
        )
    action, state, next_path = _step(route[1:], command.verdict)
    due = clock.due(next_path, at) if next_path else None
    _write(session, at, command, officer, mine, action, state, next_path, due)
    _record(session, world, command, officer, mine)
    moved_up = 0
    if command.verdict is Verdict.RETURN:
        _tell_returned(session, world, officer, mine)
    if command.verdict is Verdict.REJECT:
        held = Counter(row.node_id for row in mine if row.node_id is not None)
        moved_up = release_places(session, world, held, asked.batch_id, officer.account_id)
    return ReviewReceipt(asked.batch_id, command.verdict, len(mine), state, next_path, moved_up, acted)


def _must_hold_the_tiers_role(clock: ReviewClock, officer: Principal) -> None:
    tier = clock.tiers.get(officer.scope_path)
    if tier is None or not officer.has(_OFFICER_OF_TIER[tier]):
        raise NotAllowed("role_missing", f"{officer.display_name}不是本级工会的审核人员，不能审核办卡申请。")


def _step(above: Sequence[str], verdict: Verdict) -> tuple[ApplicationAction, ApplicationState, str | None]:
    """The action, the state it leads to and whose turn is next: the same for every row before one officer."""
    if verdict is Verdict.APPROVE and not above:
        return ApplicationAction.APPROVE, ApplicationState.APPROVED, None
    action = _ACTION[verdict]
    state = rules.next_application_state(ApplicationState.SUBMITTED, action)
    return action, state, above[0] if verdict is Verdict.APPROVE else None


@dataclass(frozen=True, slots=True)
class _Row:
    """One row that stands before the officer, locked; `acted` says that they acted on it at another desk."""

    id: uuid.UUID
    batch_id: uuid.UUID | None
    row: int | None
    round: int
    node_id: uuid.UUID | None
    acted: bool


_GATHER = text("""
    with mine as (
        select a.id, a.batch_id, a.row, a.round, a.quota_node_id,
               exists (select from application_event e
                        where e.application_id = a.id and e.review_path is distinct from a.review_path
                          and (e.actor_id in (:me, :other) or e.on_behalf_of in (:me, :other))) as acted
          from application a
         where a.review_path = :scope and a.state in ('submitted', 'in_review')
           and (cast(:batch as uuid) is null or a.batch_id = :batch)
           and (cast(:rows as bigint[]) is null or a.row = any(cast(:rows as bigint[])))
           and (cast(:ids as uuid[]) is null or a.id = any(cast(:ids as uuid[])))
           and starts_with(a.path, :under)
         order by a.id for no key update of a
    )
    select id, batch_id, row, round, quota_node_id, acted from mine""")


def _standing_before(
    session: Session, officer: Principal, asked: Asked, for_whom: uuid.UUID | None
) -> tuple[_Row, ...]:
    given = {**asked.terms(officer), "me": officer.account_id, "other": for_whom or officer.account_id}
    return tuple(_Row(*row) for row in session.execute(_GATHER, given).all())


def _must_be_what_was_seen(standing: tuple[_Row, ...], asked: Asked, seen: Mapping[Any, int | None]) -> None:
    """A row that was returned and sent again since the officer looked is not the row they decide about."""
    changed = [
        row
        for row in standing
        if (round_seen := seen.get(row.row if asked.batch_id else row.id)) is not None and round_seen != row.round
    ]
    if changed:
        raise Conflict(
            "changed_since_seen",
            f"有 {len(changed)} 人在您打开页面后退回并重新提交过，内容已有变化，请刷新后再审核。",
            {"rows": [row.row for row in changed[:100]]},
        )


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


def _write(
    session: Session,
    at: datetime,
    command: Review | ReviewOpen,
    officer: Principal,
    rows: tuple[_Row, ...],
    action: ApplicationAction,
    state: ApplicationState,
    next_path: str | None,
    due: datetime | None,
) -> None:
    """Move the rows and write their history, in one statement."""
    returned = command.verdict is Verdict.RETURN
    session.execute(
        _DECIDE,
        {
            "ids": [row.id for row in rows],
            "scope": officer.scope_path,
            "state": str(state),
            "next_path": next_path,
            "at": at,
            "due": due,
            "hold_until": at + timedelta(days=rules.RETURNED_HOLD_DAYS) if returned else None,
            "releases": command.verdict is Verdict.REJECT,
            "action": str(action),
            "actor": officer.account_id,
            "behalf": command.on_behalf_of,
            "reasons": json.dumps(list(command.reasons)) if command.reasons else None,
            "words": command.words.strip() or None,
        },
    )


def _tell_returned(session: Session, world: World, officer: Principal, rows: tuple[_Row, ...]) -> None:
    """Who can be reached brings the right papers sooner; the unit sees the row on its own desk in any case."""
    found = session.execute(
        text("select id, person_id, union_id from application where id = any(:ids)"), {"ids": [row.id for row in rows]}
    ).all()
    people = [notices.Recipient(row.person_id, row.union_id, row.id) for row in found]
    kind = notices.NoticeKind.APPLICATION_RETURNED
    notices.tell(session, world, notices.Tell(kind, people, officer.account_id))


def _record(
    session: Session, world: World, command: Review | ReviewOpen, officer: Principal, rows: tuple[_Row, ...]
) -> None:
    """One act of the audit trail for each batch that was touched."""
    touched = Counter(row.batch_id for row in rows)
    audit.record(
        session, world,
        *(
            audit.Act(
                f"application.{command.verdict}", "batch", str(batch_id), actor_id=officer.account_id,
                on_behalf_of=command.on_behalf_of,
                after={"rows": count, "at": officer.scope_path, "reasons": list(command.reasons)},
            )
            for batch_id, count in touched.items()
        ),
    )  # fmt: skip
