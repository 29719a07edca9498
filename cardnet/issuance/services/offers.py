"""The waiting list and its offers: a place held for the next in line until answered, and each place offered once.

An accepted offer enters review; one declined or run out ends its application, and the same transaction offers the
place to the next. Locks go as everywhere: nodes before the rows that wait.
"""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import text
from sqlalchemy.orm import Session

from cardnet.access.rules import Principal, Role, in_scope
from cardnet.issuance import rules
from cardnet.issuance.rules import ApplicationAction, ApplicationState, QuotaKind
from cardnet.issuance.services.deadlines import due_dates
from cardnet.issuance.services.waiting import lock_nodes, release_places
from cardnet.kernel import audit
from cardnet.kernel.errors import Conflict, InvalidInput, NotAllowed, NotFound
from cardnet.kernel.world import World
from cardnet.membership import services as membership
from cardnet.membership.rules import UnionNode
from cardnet.membership.services import notices


@dataclass(frozen=True)
class AnswerOffers:
    """An officer of the unit, or one above, says what the people chosen said. `applications` None: every open offer."""

    officer: Principal
    applications: tuple[uuid.UUID, ...] | None = None


@dataclass(frozen=True)
class Answered:
    """What the answer did: how many offers it answered, and how many places went on to the next in line."""

    answered: int
    moved_up: int = 0


@dataclass(frozen=True)
class Lapsed:
    """What the clock ended: offers nobody answered in time, and how many of their places were offered on."""

    offers: int
    moved_up: int


@dataclass(frozen=True)
class SetPriority:
    """Move somebody in the line: a smaller number goes first, 0 is the ordinary place. `words` say why.

    Who was carried over from the year before moves among those carried over, before everybody of the year.
    """

    application_id: uuid.UUID
    priority: int
    words: str
    officer: Principal


@dataclass(frozen=True)
class WaitingLine:
    """One person who waits. `place` counts from 1 in the unit's line; an offer has none, and `offer_until` instead."""

    application_id: uuid.UUID
    batch_id: uuid.UUID | None
    row: int | None
    person_id: uuid.UUID
    union: UnionNode
    year: int
    priority: int
    queued_at: datetime
    offer_until: datetime | None
    place: int | None

    @property
    def carried(self) -> bool:
        """Whether this person was waiting for a place of the year before."""
        return rules.was_carried(self.priority)

    @property
    def preferred(self) -> bool:
        """Whether an officer put this person before the others they stand with."""
        return self.priority < rules.moved_priority(self.priority, 0)


@dataclass(frozen=True)
class WaitingPage:
    """A page of the waiting list; `total` counts all who wait in the scope, `offered` those with an open offer."""

    lines: tuple[WaitingLine, ...]
    total: int
    offered: int


# The answer and the clock may meet: whoever locks the row first decides, the other finds it gone.
_ACCEPT = text("""
    with mine as (
        select id, path from application
         where state = 'waitlisted' and offer_until > :at and left(path, length(:scope)) = :scope
           and (cast(:ids as uuid[]) is null or id = any(cast(:ids as uuid[])))
         order by id for no key update
    ), taken as (
        update application a
           set state = :state, review_path = a.path, offer_until = null, submitted_at = :at, due_at = term.due_at,
               events = a.events + 1
          from mine join unnest(cast(:paths as text[]), cast(:dues as timestamptz[])) term(path, due_at) using (path)
         where a.id = mine.id
        returning a.id, a.events, a.round
    )
    insert into application_event (application_id, seq, at, action, from_state, to_state, round, actor_id)
    select id, events, :at, :action, 'waitlisted', :state, round, :actor from taken returning application_id""")

_OPEN_OFFERS = """
    state = 'waitlisted' and offer_until > :at and left(path, length(:scope)) = :scope
    and (cast(:ids as uuid[]) is null or id = any(cast(:ids as uuid[])))"""
_PATHS = text(f"select distinct path from application where {_OPEN_OFFERS}")  # noqa: S608 - the piece put in is ours
_RUN_OUT = "state = 'waitlisted' and offer_until <= :at"

_NODES = "select distinct quota_node_id from application where {which}"

# Ends offers and says which places they held.
_END = """
    with mine as (
        select id, quota_node_id from application where {which} order by id for no key update
    ), ended as (
        update application a set state = :state, quota_node_id = null, offer_until = null, events = a.events + 1
          from mine where a.id = mine.id
        returning a.id, a.events, a.round, mine.quota_node_id as node_id
    ), told as (
        insert into application_event (application_id, seq, at, action, from_state, to_state, round, actor_id)
        select id, events, :at, :action, 'waitlisted', :state, round, :actor from ended
    )
    select node_id, count(*) as places, array_agg(id) as ids from ended group by node_id"""


def accept_offers(session: Session, world: World, command: AnswerOffers) -> Answered:
    """The people still want their card: their applications go to review, the places stay held.

    Raises NotAllowed("role_missing"), Conflict("offer_gone") when one named has no open offer in the officer's scope.
    """
    _must_be_officer(command.officer)
    at = world.now()
    state = rules.next_application_state(ApplicationState.WAITLISTED, ApplicationAction.TAKE_PLACE)
    asked = _asked(command)
    paths = session.scalars(_PATHS, {**asked, "at": at}).all()
    due = due_dates(session, paths, at)
    done = session.scalars(
        _ACCEPT,
        {
            **asked, "at": at, "paths": list(due), "dues": list(due.values()), "state": str(state),
            "action": str(ApplicationAction.TAKE_PLACE),
        },
    ).all()  # fmt: skip
    notices.drop_notices(session, [notices.NoticeKind.PLACE_OFFERED], done)
    return _answered(session, world, command, "waiting.accept", len(done), 0)


def decline_offers(session: Session, world: World, command: AnswerOffers) -> Answered:
    """The people do not want the card any more: their applications end, the places go to the next in line.

    Raises as `accept_offers`.
    """
    _must_be_officer(command.officer)
    held = _end(session, world, _OPEN_OFFERS, ApplicationAction.DECLINE, _asked(command))
    moved = release_places(session, world, held, None, command.officer.account_id)
    return _answered(session, world, command, "waiting.decline", sum(held.values()), moved)


def lapse_overdue(session: Session, world: World) -> Lapsed:
    """End the offers whose time is over and offer their places on. Run by the worker; finds what is due."""
    held = _end(session, world, _RUN_OUT, ApplicationAction.LAPSE, {"actor": None})
    return Lapsed(sum(held.values()), release_places(session, world, held, None, None))


def set_priority(session: Session, world: World, command: SetPriority) -> int:
    """Move one person in the line and give the priority they have now; who already has an offer keeps it.

    Raises NotFound("application_unknown"), NotAllowed("role_missing", "out_of_scope"), InvalidInput
    ("priority_invalid", "words_missing"), Conflict("not_waiting").
    """
    officer = command.officer
    _must_be_officer(officer)
    if command.priority not in rules.PRIORITIES:
        raise InvalidInput("priority_invalid", f"优先级须在 {rules.PRIORITIES[0]} 至 {rules.PRIORITIES[-1]} 之间。")
    if not command.words.strip():
        raise InvalidInput("words_missing", "请写明调整候补次序的理由。")
    row = session.execute(
        text("select path, state, priority, offer_until from application where id = :id for no key update"),
        {"id": command.application_id},
    ).one_or_none()
    if row is None:
        raise NotFound("application_unknown", "没有这份申请，请从候补名单选择。")
    if not in_scope(officer.scope_path, row.path):
        raise NotAllowed("out_of_scope", f"这份申请不在{officer.display_name}的管理范围内。")
    if row.state != ApplicationState.WAITLISTED or row.offer_until is not None:
        raise Conflict("not_waiting", "这份申请已不在排队，请刷新候补名单。")
    priority = rules.moved_priority(row.priority, command.priority)
    session.execute(
        text("update application set priority = :priority where id = :id"),
        {"id": command.application_id, "priority": priority},
    )
    audit.record(
        session, world,
        audit.Act(
            "waiting.priority", "application", str(command.application_id), actor_id=officer.account_id,
            before={"priority": row.priority}, after={"priority": priority, "words": command.words.strip()[:200]},
        ),
    )  # fmt: skip
    return priority


_LIST = text("""
    with line as (
        select a.id, a.batch_id, a.row, a.person_id, a.union_id, a.quota_year, a.priority, a.queued_at, a.offer_until,
               case when a.offer_until is null then count(*) filter (where a.offer_until is null) over (
                   partition by a.union_id, a.quota_year order by a.priority, a.queued_at, a.row, a.id) end as place,
               a.path
          from application a
         where a.state = 'waitlisted' and a.quota_year = :year and left(a.path, length(:scope)) = :scope
    )
    select line.*, count(*) over () as total, count(offer_until) over () as offered from line
     order by offer_until nulls last, path, place limit :limit offset :offset""")


def waiting_list(session: Session, year: int, path: str, limit: int = 100, offset: int = 0) -> WaitingPage:
    """Who waits in the unions under `path`: open offers first, soonest to run out on top, then each unit's line."""
    rows = session.execute(_LIST, {"year": year, "scope": path, "limit": limit, "offset": offset}).all()
    unions = membership.unions_of_ids(session, {row.union_id for row in rows})
    lines = tuple(
        WaitingLine(
            row.id, row.batch_id, row.row, row.person_id, unions[row.union_id], row.quota_year, row.priority,
            row.queued_at, row.offer_until, row.place,
        )
        for row in rows
    )  # fmt: skip
    return WaitingPage(lines, rows[0].total if rows else 0, rows[0].offered if rows else 0)


def set_offer_days(session: Session, world: World, year: int, days: int, officer: Principal | None) -> None:
    """How long a place offered in a year is held, in days from 1 to 60; offers already made keep their time.

    Raises InvalidInput("offer_days_invalid"), NotFound("quota_year_unknown"), NotAllowed("role_missing").
    """
    membership.must_be_district(session, officer, "递补答复期限由职工援助服务中心设定。")
    if not 1 <= days <= 60:
        raise InvalidInput("offer_days_invalid", "递补答复期限须在 1 至 60 天之间。")
    changed = session.execute(
        text("update quota_year set offer_days = :days where year = :year and kind = :kind returning year"),
        {"days": days, "year": year, "kind": str(QuotaKind.NEW_CARD)},
    ).all()
    if not changed:
        raise NotFound("quota_year_unknown", f"{year} 年还没有核定名额，请先核定。")
    audit.record(
        session, world,
        audit.Act("quota.offer_days", "quota_year", str(year), actor_id=officer.account_id if officer else None,
                  after={"days": days}),
    )  # fmt: skip


# ---- pieces ----


def _must_be_officer(officer: Principal) -> None:
    if not officer.has(Role.UNIT_OFFICER, Role.TOWNSHIP_OFFICER, Role.DISTRICT_OFFICER):
        raise NotAllowed("role_missing", f"{officer.display_name}不是工会经办人员，不能处理候补。")


def _asked(command: AnswerOffers) -> dict[str, object]:
    return {
        "scope": command.officer.scope_path,
        "actor": command.officer.account_id,
        "ids": None if command.applications is None else sorted(set(command.applications)),
    }


def _end(
    session: Session, world: World, which: str, action: ApplicationAction, asked: Mapping[str, object]
) -> dict[uuid.UUID, int]:
    """End the offers found and give the places they held, by node."""
    given = {**asked, "at": world.now()}
    nodes = session.scalars(text(_NODES.format(which=which)), given).all()
    if not nodes:
        return {}
    lock_nodes(session, nodes)
    state = str(rules.next_application_state(ApplicationState.WAITLISTED, action))
    rows = session.execute(text(_END.format(which=which)), {**given, "action": str(action), "state": state}).all()
    notices.drop_notices(session, [notices.NoticeKind.PLACE_OFFERED], [one for row in rows for one in row.ids])
    return {row.node_id: row.places for row in rows}


def _answered(
    session: Session, world: World, command: AnswerOffers, action: str, count: int, moved_up: int
) -> Answered:
    named = None if command.applications is None else set(command.applications)
    if count == 0 or (named is not None and count < len(named)):
        raise Conflict("offer_gone", "所选人员中有的没有待确认的名额，或期限已过，请刷新候补名单。")
    audit.record(
        session, world,
        audit.Act(
            action, "union", str(command.officer.union_id), actor_id=command.officer.account_id,
            after={"answered": count, "moved_up": moved_up},
        ),
    )  # fmt: skip
    return Answered(count, moved_up)
