"""The end of a quota year: open → closing until a date → closed.

While a year is closing, what it holds may still be approved and issued, and counts for it; new rosters count for the
next year. When it closes, every open hold moves to the next year in the order of submission while there is room, and
whoever finds none stands first in that year's line. What nobody used ends with the year.
"""

import uuid
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from sqlalchemy import Row, select, text
from sqlalchemy.orm import Session

from cardnet.access.rules import Principal
from cardnet.issuance import rules
from cardnet.issuance.models import QuotaYear
from cardnet.issuance.rules import ApplicationAction, ApplicationState, EntryKind, QuotaKind, YearState
from cardnet.issuance.services.nodes import ensure_nodes, new_entry, write_entries
from cardnet.issuance.services.waiting import fill_waiting, hold_on_nodes
from cardnet.kernel import audit
from cardnet.kernel.calendar import day_of
from cardnet.kernel.errors import Conflict, InvalidInput, NotFound
from cardnet.kernel.world import World
from cardnet.membership import services as membership

_REFUSAL = "年终收口由职工援助服务中心办理。"


@dataclass(frozen=True)
class BeginClosing:
    """The service centre says until which day what a year holds may still be used; the day is the last one."""

    year: int
    until: date
    officer: Principal | None = None
    kind: QuotaKind = QuotaKind.NEW_CARD


@dataclass(frozen=True)
class CloseYear:
    """Close a year whose last day is over. `officer` is None when the worker does it."""

    year: int
    officer: Principal | None = None
    kind: QuotaKind = QuotaKind.NEW_CARD


@dataclass(frozen=True)
class YearView:
    """Where a quota year stands. `closing_until` is the last day on which its holds may be used."""

    year: int
    kind: QuotaKind
    state: YearState
    closing_until: date | None
    offer_days: int


@dataclass(frozen=True)
class YearEnd:
    """What closing a year did, or would do now: places used, holds carried over, people put in line, places unused."""

    year: int
    into: int
    used: int
    carried: int
    requeued: int
    waiting: int
    unused: int


def years(session: Session, kind: QuotaKind = QuotaKind.NEW_CARD) -> tuple[YearView, ...]:
    """Every year that was ever granted, the first one first."""
    rows = session.scalars(select(QuotaYear).filter_by(kind=kind).order_by(QuotaYear.year))
    return tuple(YearView(r.year, kind, YearState(r.state), r.closing_until, r.offer_days) for r in rows)


def quota_year_of(session: Session, on: date, kind: QuotaKind = QuotaKind.NEW_CARD) -> int:
    """The year that what is sent in on a day counts for: its own, or the next one that is not closing or closed."""
    ended = {view.year for view in years(session, kind) if view.state is not YearState.OPEN}
    year = on.year
    while year in ended:
        year += 1
    return year


@dataclass(frozen=True)
class YearsShown:
    """Which year figures are shown of unless another is asked for, and those there are to choose from, oldest first."""

    shown: int
    choices: tuple[int, ...]

    def asked(self, year: int | None) -> int:
        """The year asked for where it is one of the choices."""
        return year if year in self.choices else self.shown


def years_shown(session: Session, on: date) -> YearsShown:
    """The year that is open on a day; while one is closing, that one, with the new one to change to."""
    views = years(session)
    open_year = quota_year_of(session, on)
    closing = [view.year for view in views if view.state is YearState.CLOSING]
    shown = max(closing, default=open_year)
    choices = sorted({view.year for view in views if view.year <= max(on.year, open_year)} | {shown, open_year})
    return YearsShown(shown, tuple(choices[-_CHOICES:]))


def begin_closing(session: Session, world: World, command: BeginClosing) -> YearView:
    """Open → closing; a closing year may be given another last day.

    Raises NotAllowed("role_missing"), InvalidInput("closing_until_invalid"), NotFound("quota_year_unknown"), Conflict
    ("quota_year_closed").
    """
    membership.must_be_district(session, command.officer, _REFUSAL)
    year = _locked_year(session, command.year, command.kind)
    if not day_of(world.now()) <= command.until <= date(command.year + 1, 12, 31):
        raise InvalidInput("closing_until_invalid", "收口期限须从今天起，最迟到下一年年底。")
    if year.state == YearState.CLOSED:
        raise Conflict("quota_year_closed", f"{command.year} 年已经结转，不能再改收口期限。")
    before = {"state": year.state, "until": str(year.closing_until)}
    year.state, year.closing_until = YearState.CLOSING, command.until
    session.flush()
    _record(session, world, command.officer, "quota_year.closing", command.year, before, {"until": str(command.until)})
    return YearView(command.year, command.kind, YearState.CLOSING, command.until, year.offer_days)


def preview_year_end(session: Session, year: int, under: str = "/") -> YearEnd:
    """What closing the year now would do to the unions under a path: nothing is changed."""
    into = _next_year(session, year)
    # A hold finds room in its own union only: those under the path are carried over alike, whoever else there is.
    holds = session.execute(_ASSIGN, {"year": year, "next": into, "under": under}).all()
    totals = session.execute(_TOTALS, {"year": year, "kind": str(QuotaKind.NEW_CARD), "under": under}).one()
    carried = sum(1 for row in holds if row.carries)
    return YearEnd(
        year, into, totals.used, carried, len(holds) - carried, _waiters(session, year, under), totals.unused
    )  # fmt: skip


def close_year(session: Session, world: World, command: CloseYear) -> YearEnd:
    """Closing → closed, the open holds moved.

    Locks go as everywhere: applications that hold a place, then nodes, then those who wait. Raises NotAllowed
    ("role_missing"), NotFound("quota_year_unknown"), Conflict("quota_year_closed", "quota_year_not_closing",
    "closing_not_over").
    """
    membership.must_be_district(session, command.officer, _REFUSAL)
    view = _locked_year(session, command.year, command.kind)
    _must_be_over(view, day_of(world.now()))
    into = _next_year(session, command.year, command.kind)
    end = YearEnd(command.year, into, 0, 0, 0, 0, 0)
    if command.kind is QuotaKind.NEW_CARD:
        end = _move_applications(session, world, command, into)
    else:
        _lock_and_close_nodes(session, command.year, into, command.kind)
    totals = session.execute(_TOTALS, {"year": command.year, "kind": str(command.kind), "under": "/"}).one()
    view.state = YearState.CLOSED
    session.flush()
    end = YearEnd(
        command.year, into, totals.used, end.carried, end.requeued, end.waiting, totals.unused
    )  # fmt: skip
    _record(session, world, command.officer, "quota_year.closed", command.year, None, dict(vars(end)))
    return end


def close_due_years(session: Session, world: World) -> tuple[YearEnd, ...]:
    """Close every year whose last day is over. Run by the worker; finds what is due."""
    today = day_of(world.now())
    due = [
        view
        for kind in QuotaKind
        for view in years(session, kind)
        if view.state is YearState.CLOSING and view.closing_until is not None and view.closing_until < today
    ]
    return tuple(close_year(session, world, CloseYear(view.year, None, view.kind)) for view in due)


# ---- pieces ----

_CHOICES = 6
"""As many years are offered to look at; older ones are asked for by their number where a call takes one."""

_HOLDS = "a.kind = 'new' and a.quota_year = :year and a.quota_node_id is not null and a.state <> 'issued'"

# In the order in which people sent in, which a return and an offer do not change: the first event's moment.
_ASSIGN = text(f"""
    select a.id, n.id as node_id, a.quota_node_id as old_node_id, coalesce(first.at, a.submitted_at) as since,
           row_number() over (
               partition by a.union_id order by coalesce(first.at, a.submitted_at), a.row, a.id
           ) <= coalesce(n.received - n.passed_down - n.held - n.used, 0) as carries
      from application a
      left join application_event first on first.application_id = a.id and first.seq = 1
      left join quota_node n
             on n.union_id = a.union_id and n.year = :next and n.kind = 'new_card' and not n.closed
     where {_HOLDS} and starts_with(a.path, :under)""")  # noqa: S608 - the piece put in is ours

_TOTALS = text("""
    select coalesce(sum(n.used), 0)::bigint as used,
           coalesce(sum(n.received - n.passed_down - n.held - n.used), 0)::bigint as unused
      from quota_node n join union_node u on u.id = n.union_id
     where n.year = :year and n.kind = :kind and starts_with(u.path, :under)""")

_CARRY = text("""
    with moved as (
        update application a set quota_year = :next, quota_node_id = given.node_id, events = a.events + 1
          from unnest(cast(:ids as uuid[]), cast(:nodes as uuid[])) given(id, node_id) where a.id = given.id
        returning a.id, a.events, a.round, a.state
    )
    insert into application_event (application_id, seq, at, action, from_state, to_state, round, actor_id)
    select id, events, :at, :action, state, state, round, :actor from moved""")

_REQUEUE = text("""
    with before as (
        select a.id, a.state, given.since from application a
          join unnest(cast(:ids as uuid[]), cast(:since as timestamptz[])) given(id, since) using (id)
    ), moved as (
        update application a
           set state = :state, quota_year = :next, quota_node_id = null, review_path = null, due_at = null,
               escalated_at = null, hold_until = null, offer_until = null, priority = :priority,
               queued_at = before.since, round = a.round + 1, events = a.events + 1
          from before where a.id = before.id
        returning a.id, a.events, a.round, before.state as was
    )
    insert into application_event (application_id, seq, at, action, from_state, to_state, round, actor_id)
    select id, events, :at, :action, was, :state, round, :actor from moved""")

_WAITERS = text("""
    with mine as (
        select id from application where state = 'waitlisted' and offer_until is null and quota_year = :year
         order by id for no key update
    ), moved as (
        update application a set quota_year = :next, events = a.events + 1 from mine where a.id = mine.id
        returning a.id, a.events, a.round
    )
    insert into application_event (application_id, seq, at, action, from_state, to_state, round, actor_id)
    select id, events, :at, :action, 'waitlisted', 'waitlisted', round, :actor from moved""")


def _move_applications(session: Session, world: World, command: CloseYear, into: int) -> YearEnd:
    year, actor = command.year, command.officer.account_id if command.officer else None
    lock = f"select a.id from application a where {_HOLDS} {{more}} order by a.id for no key update"  # noqa: S608
    session.execute(text(lock.format(more="and a.state <> 'waitlisted'")), {"year": year}).all()
    unions = set(
        session.scalars(
            text(
                "select distinct union_id from application where quota_year = :year and kind = 'new' "
                "and (state = 'waitlisted' or (quota_node_id is not null and state <> 'issued'))"
            ),
            {"year": year},
        )
    )
    ensure_nodes(session, world, into, QuotaKind.NEW_CARD, unions)
    _lock_and_close_nodes(session, year, into, command.kind)
    # Nobody can take or give up a place of the year any more; offers, and what came in since the first look, now.
    session.execute(text(lock.format(more="")), {"year": year}).all()
    holds = session.execute(_ASSIGN, {"year": year, "next": into, "under": "/"}).all()
    carried, requeued = [row for row in holds if row.carries], [row for row in holds if not row.carries]
    _carry(session, world, into, actor, carried)
    _requeue(session, world, into, actor, requeued)
    _release(session, world, command.officer, Counter(row.old_node_id for row in holds))
    hold_on_nodes(session, world, EntryKind.CARRY, Counter(row.node_id for row in carried), None, actor)
    waiting = session.connection().execute(
        _WAITERS,
        {
            "year": year, "next": into, "at": world.now(), "actor": actor,
            "action": str(ApplicationAction.CARRY_OVER),
        },
    )  # fmt: skip
    unions |= set(
        session.scalars(
            text("select distinct union_id from application where state = 'waitlisted' and quota_year = :next"),
            {"next": into},
        )
    )
    fill_waiting(session, world, unions, into)
    return YearEnd(year, into, 0, len(carried), len(requeued), waiting.rowcount, 0)


def _lock_and_close_nodes(session: Session, year: int, into: int, kind: QuotaKind) -> None:
    keys = {"year": year, "next": into, "kind": str(kind)}
    session.execute(
        text("select id from quota_node where year in (:year, :next) and kind = :kind order by id for no key update"),
        keys,
    ).all()
    session.execute(text("update quota_node set closed = true where year = :year and kind = :kind"), keys)


def _carry(
    session: Session, world: World, into: int, actor: uuid.UUID | None, rows: list[Row[tuple[object, ...]]]
) -> None:
    session.execute(
        _CARRY,
        {
            "ids": [row.id for row in rows], "nodes": [row.node_id for row in rows], "next": into, "at": world.now(),
            "action": str(ApplicationAction.CARRY_OVER), "actor": actor,
        },
    )  # fmt: skip


def _requeue(
    session: Session, world: World, into: int, actor: uuid.UUID | None, rows: list[Row[tuple[object, ...]]]
) -> None:
    session.execute(
        _REQUEUE,
        {
            "ids": [row.id for row in rows], "since": [row.since for row in rows], "next": into, "at": world.now(),
            "priority": rules.CARRIED_PRIORITY, "action": str(ApplicationAction.REQUEUE), "actor": actor,
            "state": str(rules.next_application_state(ApplicationState.SUBMITTED, ApplicationAction.REQUEUE)),
        },
    )  # fmt: skip


def _release(session: Session, world: World, officer: Principal | None, held: Mapping[uuid.UUID, int]) -> None:
    if not held:
        return
    rows = session.execute(
        text("""
            update quota_node q set held = q.held - given.count
              from unnest(cast(:nodes as uuid[]), cast(:counts as bigint[])) given(id, count)
             where q.id = given.id and q.held >= given.count returning q.id"""),
        {"nodes": list(held), "counts": list(held.values())},
    ).all()
    assert len(rows) == len(held), "a hold was carried over twice"
    write_entries(
        session, world, world.now(), officer,
        [new_entry(node, EntryKind.CARRY, held=-count) for node, count in held.items()],
    )  # fmt: skip


def _next_year(session: Session, year: int, kind: QuotaKind = QuotaKind.NEW_CARD) -> int:
    return quota_year_of(session, date(year + 1, 1, 1), kind)


def _waiters(session: Session, year: int, under: str) -> int:
    waiting: int = session.scalar(
        text(
            "select count(*) from application where state = 'waitlisted' and offer_until is null and quota_year = :year "
            "and starts_with(path, :under)"
        ),
        {"year": year, "under": under},
    )
    return waiting


def _locked_year(session: Session, year: int, kind: QuotaKind) -> QuotaYear:
    found = session.scalar(select(QuotaYear).filter_by(year=year, kind=kind).with_for_update())
    if found is None:
        raise NotFound("quota_year_unknown", f"{year} 年还没有核定名额，请先核定。")
    return found


def _must_be_over(view: QuotaYear, today: date) -> None:
    if view.state == YearState.CLOSED:
        raise Conflict("quota_year_closed", f"{view.year} 年已经结转。")
    if view.state == YearState.OPEN or view.closing_until is None:
        raise Conflict("quota_year_not_closing", f"{view.year} 年还没有开始收口，请先设定收口期限。")
    if today <= view.closing_until:
        raise Conflict("closing_not_over", f"{view.year} 年的收口期限到 {view.closing_until}，之后才能结转。")


def _record(
    session: Session, world: World, officer: Principal | None, action: str, year: int,
    before: Mapping[str, object] | None, after: Mapping[str, object],
) -> None:  # fmt: skip
    audit.record(
        session, world,
        audit.Act(
            action, "quota_year", str(year), actor_id=officer.account_id if officer else None,
            before=dict(before) if before else None, after=dict(after),
        ),
    )  # fmt: skip
