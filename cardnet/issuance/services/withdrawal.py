"""Ending applications without a card: withdrawn by who sent them in, or lapsed because a return was not answered."""

import uuid
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import text
from sqlalchemy.orm import Session

from cardnet.access.rules import Principal
from cardnet.issuance import rules
from cardnet.issuance.rules import ApplicationAction, ApplicationState, QuotaKind
from cardnet.issuance.services.batches import batch_of
from cardnet.issuance.services.delegation import OFFICER_ROLES
from cardnet.issuance.services.nodes import lock_unions
from cardnet.issuance.services.waiting import release_places
from cardnet.kernel import audit
from cardnet.kernel.errors import Conflict, NotAllowed, NotFound
from cardnet.kernel.world import World


@dataclass(frozen=True)
class Withdraw:
    """Take back rows of a batch that are not approved yet; `rows` None means all of them that still can be."""

    batch_id: uuid.UUID
    officer: Principal
    rows: tuple[int, ...] | None = None
    words: str = ""


@dataclass(frozen=True)
class Withdrawn:
    """How many were taken back, and how many waiting moved up into their places."""

    rows: int
    moved_up: int


@dataclass(frozen=True, slots=True)
class OpenRow:
    """An application that is to end, as it is under its lock; `node_id` is where its place is held."""

    id: uuid.UUID
    row: int
    state: ApplicationState
    node_id: uuid.UUID | None


def withdraw(session: Session, world: World, command: Withdraw) -> Withdrawn:
    """End applications at the wish of the unit; their places go to the next in line.

    Only who sent them in, and the officers of the applicant's own union, may. Raises NotFound("batch_unknown",
    "row_unknown"), NotAllowed("out_of_scope"), Conflict("illegal_transition" for a row named that cannot be taken
    back any more, "nothing_to_withdraw").
    """
    batch = batch_of(session, command.batch_id)
    given: dict[str, object] = {
        "batch": batch.id,
        "rows": None if command.rows is None else sorted(set(command.rows)),
        "me": command.officer.account_id,
        "own": command.officer.scope_path if command.officer.has(*OFFICER_ROLES) else "",
    }
    if command.rows is not None:
        _must_be_theirs(session, command, given)
    # Reviewers lock rows before quota nodes, whoever fills a waiting list locks the node before the rows that wait:
    # so rows in review first, then the nodes, then those that wait.
    locked = [*_locked(session, given, waiting=False)]
    places = session.execute(_WAITING_UNIONS, given).all()
    for year in sorted({place.quota_year for place in places}):
        unions = [place.union_id for place in places if place.quota_year == year]
        lock_unions(session, year, QuotaKind.NEW_CARD, unions)
    locked += _locked(session, given, waiting=True)
    if command.rows is not None:
        for row in locked:
            rules.next_application_state(row.state, ApplicationAction.WITHDRAW)
        if len(locked) < len(set(command.rows)):
            raise Conflict("illegal_transition", "有的申请刚刚有变化，请刷新后再撤回。")
    ending = [row for row in locked if (row.state, ApplicationAction.WITHDRAW) in rules.APPLICATION_STEPS]
    if not ending:
        raise Conflict("nothing_to_withdraw", "没有可以撤回的申请：审核通过、已发卡和已办结的不能撤回。")
    at, actor = world.now(), command.officer.account_id
    end_applications(session, at, ending, ApplicationAction.WITHDRAW, actor, command.words.strip()[:500] or None)
    audit.record(
        session, world,
        audit.Act("application.withdraw", "batch", str(batch.id), actor_id=actor, after={"rows": len(ending)}),
    )  # fmt: skip
    return Withdrawn(len(ending), release_places(session, world, _held(ending), batch.id, actor))


_LAPSING = text("""
    select a.id, a.row, a.state, a.quota_node_id, a.batch_id from application a
     where a.state = 'returned' and a.hold_until <= :at
     order by a.id for no key update of a skip locked""")


def lapse_returned(session: Session, world: World) -> int:
    """Returned applications nobody answered in time lapse, and their places go to the next in line; returns how many.

    May run as often as one likes; a row that is being answered at this moment is left to its officer.
    """
    at = world.now()
    rows = session.execute(_LAPSING, {"at": at}).all()
    if not rows:
        return 0
    ending = [OpenRow(row.id, row.row, ApplicationState(row.state), row.quota_node_id) for row in rows]
    end_applications(session, at, ending, ApplicationAction.LAPSE, None, None)
    batches = Counter(row.batch_id for row in rows)
    audit.record(
        session, world,
        *(
            audit.Act("application.lapse", "batch", str(batch_id), after={"rows": count})
            for batch_id, count in batches.items()
        ),
    )  # fmt: skip
    release_places(session, world, _held(ending), None, None)
    return len(ending)


_MINE = "(a.submitted_by = :me or a.path = :own)"

_LOCKED = """
    select a.id, a.row, a.state, a.quota_node_id from application a
     where a.batch_id = :batch and (cast(:rows as bigint[]) is null or a.row = any(cast(:rows as bigint[])))
       and {mine} and (a.state = 'waitlisted') = :waiting
     order by a.id for no key update of a"""

_WAITING_UNIONS = text(f"""
    select distinct a.union_id, a.quota_year from application a
     where a.batch_id = :batch and (cast(:rows as bigint[]) is null or a.row = any(cast(:rows as bigint[])))
       and {_MINE} and a.state = 'waitlisted'""")  # noqa: S608 - the piece put in is ours


def _locked(session: Session, given: dict[str, object], *, waiting: bool) -> list[OpenRow]:
    rows = session.execute(text(_LOCKED.format(mine=_MINE)), {**given, "waiting": waiting})
    return [OpenRow(row.id, row.row, ApplicationState(row.state), row.quota_node_id) for row in rows]


def _must_be_theirs(session: Session, command: Withdraw, given: dict[str, object]) -> None:
    rows = session.execute(
        text(f"""
            select a.row, {_MINE} as mine from application a
             where a.batch_id = :batch and a.row = any(cast(:rows as bigint[]))"""),  # noqa: S608
        given,
    ).all()
    if missing := sorted(set(command.rows or ()) - {row.row for row in rows}):
        listed = "、".join(map(str, missing[:10]))
        raise NotFound("row_unknown", f"批次里没有第 {listed} 行的申请。", {"rows": missing})
    if not all(row.mine for row in rows):
        raise NotAllowed("out_of_scope", "只有提交人和本单位的工作人员可以撤回申请。")


_END = text("""
    with ended as (
        update application a
           set state = given.to_state, review_path = null, due_at = null, escalated_at = null, hold_until = null,
               offer_until = null, quota_node_id = null, events = a.events + 1
          from unnest(cast(:ids as uuid[]), cast(:states as text[]), cast(:after as text[])) given(id, state, to_state)
         where a.id = given.id and a.state = given.state
        returning a.id, a.events, a.round, given.state as from_state, a.state as to_state
    )
    insert into application_event (application_id, seq, at, action, from_state, to_state, round, actor_id, words)
    select id, events, :at, :action, from_state, to_state, round, :actor, :words from ended""")


def end_applications(
    session: Session,
    at: datetime,
    rows: Sequence[OpenRow],
    action: ApplicationAction,
    actor: uuid.UUID | None,
    words: str | None,
) -> None:
    """End these applications, locked by the caller, with an event each; whoever calls gives up their places."""
    session.execute(
        _END,
        {
            "ids": [row.id for row in rows],
            "states": [str(row.state) for row in rows],
            "after": [str(rules.next_application_state(row.state, action)) for row in rows],
            "at": at, "action": str(action), "actor": actor, "words": words,
        },
    )  # fmt: skip


def _held(rows: Collection[OpenRow]) -> Counter[uuid.UUID]:
    return Counter(row.node_id for row in rows if row.node_id is not None)
