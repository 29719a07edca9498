"""The clock of review: when a tier must have decided, what stops the clock, and who hears of it when it has run out.

A deadline is set when rows reach a tier. Recording a freeze or a day of the calendar moves the deadlines that have
not passed; one that has passed stays as it was.
"""

import uuid
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from cardnet.access import services as access
from cardnet.access.rules import Principal
from cardnet.issuance import rules
from cardnet.issuance.models import ReviewFreeze, ReviewTerm
from cardnet.issuance.rules.applications import ApplicationAction
from cardnet.issuance.rules.deadlines import Freeze, due_at
from cardnet.kernel import audit, calendar
from cardnet.kernel.errors import Conflict, InvalidInput, NotFound
from cardnet.kernel.world import World
from cardnet.membership import services as membership
from cardnet.membership.rules import Tier, UnionNode, code_of

_REFUSAL = "审核时限、冻结和工作日由区总工会决定。"


@dataclass(frozen=True)
class SetTerm:
    """From now on a tier has this many working days, 1 to 60; rows already there keep their deadline."""

    tier: Tier
    working_days: int
    officer: Principal | None = None


@dataclass(frozen=True)
class FreezeReview:
    """Nobody in `union_code` and below reviews from `from_at` until before `to_at` (None: until lifted)."""

    union_code: str
    from_at: datetime
    to_at: datetime | None
    reason: str
    officer: Principal | None = None


@dataclass(frozen=True)
class LiftFreeze:
    """A freeze ends now, before its time or because it had none."""

    freeze_id: uuid.UUID
    officer: Principal | None = None


@dataclass(frozen=True)
class RecordDays:
    """Days as a notice decides them: day → worked. They overrule the built-in table. `document` names the notice."""

    days: Mapping[date, bool]
    document: str
    officer: Principal | None = None


@dataclass(frozen=True)
class FreezeLine:
    """One freeze in a list; `by` set it."""

    id: uuid.UUID
    union: UnionNode | None
    from_at: datetime
    to_at: datetime | None
    reason: str
    by: str
    running: bool


@dataclass(frozen=True)
class ReviewClock:
    """What deadlines are made of at one moment: asked for once in a transaction, whatever is read off it."""

    terms: Mapping[Tier, int]
    freezes: tuple[Freeze, ...]
    decided: Mapping[date, bool]
    tiers: Mapping[str, Tier]

    def due(self, path: str, arrived: datetime) -> datetime | None:
        """When the union at `path` must have decided what reached it then; None while its clock stands still."""
        stops = (freeze for freeze in self.freezes if path.startswith(freeze.path))
        return due_at(arrived, self.terms[self.tiers[path]], stops, self.decided)

    def frozen(self, path: str, at: datetime) -> Freeze | None:
        """The freeze that holds for the union at `path` at that moment, the first to have begun."""
        return next((freeze for freeze in self.freezes if freeze.covers(path, at)), None)

    def must_run(self, path: str, at: datetime) -> None:
        """Raises Conflict("frozen") when review at `path` is stopped."""
        if found := self.frozen(path, at):
            until = f"到{calendar.local(found.to_at):%Y年%m月%d日 %H:%M}" if found.to_at else ""
            raise Conflict(
                "frozen",
                f"现在是审核冻结期（{found.reason}）{until}，期间不计办理时限，冻结结束后再审核。",
                {"until": found.to_at.isoformat() if found.to_at else None},
            )


# One journey for all of it, each row of its own kind: hundreds of officers ask within minutes.
_CLOCK = text(f"""
    select 'term', tier, working_days, null::timestamptz, null::timestamptz, null::date, null::boolean, null
      from review_term
    union all select 'freeze', path, null, from_at, to_at, null, null, reason from review_freeze
    union all select 'day', null, null, null, null, day, works, null from ({membership.DECIDED_DAYS}) days
    union all select 'union', path, null, null, null, null, null, tier from ({membership.TIERS_OF_PATHS}) of_paths
     order by 4""")  # noqa: S608 - the pieces put in are membership's own


def review_clock(session: Session, paths: Collection[str]) -> ReviewClock:
    """The clock of the unions at these paths."""
    terms = dict.fromkeys(Tier, rules.REVIEW_WORKING_DAYS)
    freezes: list[Freeze] = []
    decided: dict[date, bool] = {}
    tiers: dict[str, Tier] = {}
    for kind, name, days, from_at, to_at, day, works, said in session.execute(_CLOCK, {"paths": list(paths)}).all():
        match kind:
            case "term":
                terms[Tier(name)] = days
            case "freeze":
                freezes.append(Freeze(name, from_at, to_at, said))
            case "union":
                tiers[name] = Tier(said)
            case _:
                decided[day] = works
    return ReviewClock(terms, tuple(freezes), decided, tiers)


def due_dates(session: Session, paths: Collection[str], arrived: datetime) -> dict[str, datetime | None]:
    """When each of these unions must have decided what reaches it at that moment."""
    wanted = set(paths)
    if not wanted:
        return {}
    clock = review_clock(session, wanted)
    return {path: clock.due(path, arrived) for path in wanted}


def freeze_over(session: Session, path: str, at: datetime) -> Freeze | None:
    """The freeze that holds for the union at `path` at that moment."""
    return review_clock(session, ()).frozen(path, at)


# ---- terms ----


def terms_of(session: Session) -> Mapping[Tier, int]:
    """How many working days each tier has."""
    return review_clock(session, ()).terms


def set_term(session: Session, world: World, command: SetTerm) -> None:
    """Change a tier's term. Raises InvalidInput("term_invalid"), NotAllowed("role_missing")."""
    membership.must_be_district(session, command.officer, _REFUSAL)
    if not 1 <= command.working_days <= 60:
        raise InvalidInput("term_invalid", "办理时限请写 1 到 60 个工作日。")
    before = terms_of(session)[command.tier]
    values = {"working_days": command.working_days, "set_by": _id(command.officer), "set_at": world.now()}
    session.execute(
        insert(ReviewTerm)
        .values(tier=str(command.tier), **values)
        .on_conflict_do_update(index_elements=[ReviewTerm.tier], set_=values)
    )
    act = audit.Act(
        "review.term", "tier", str(command.tier), actor_id=_id(command.officer),
        before={"working_days": before}, after={"working_days": command.working_days},
    )  # fmt: skip
    audit.record(session, world, act)


# ---- freezes ----


def freeze_review(session: Session, world: World, command: FreezeReview) -> uuid.UUID:
    """Stop review and its clock in a part of the tree.

    Raises InvalidInput("freeze_invalid", "reason_missing"), NotFound("unit_unknown"), NotAllowed("role_missing").
    """
    membership.must_be_district(session, command.officer, _REFUSAL)
    if command.to_at is not None and command.to_at <= command.from_at:
        raise InvalidInput("freeze_invalid", "冻结的结束时间须晚于开始时间。")
    reason = membership.why(command.reason, "请写明为什么冻结审核。")
    union = membership.union_of_code(session, command.union_code)
    freeze = ReviewFreeze(
        id=world.new_id(), path=union.path, from_at=command.from_at, to_at=command.to_at,
        reason=reason, set_by=_id(command.officer), set_at=world.now(), lifted_by=None,
    )  # fmt: skip
    session.add(freeze)
    session.flush()
    moved = _move_deadlines(session, union.path, command.from_at)
    audit.record(
        session, world,
        audit.Act(
            "review.freeze", "review_freeze", str(freeze.id), actor_id=_id(command.officer),
            after={
                "path": union.path, "from": command.from_at.isoformat(),
                "to": command.to_at.isoformat() if command.to_at else None, "deadlines": moved,
            },
        ),
    )  # fmt: skip
    return freeze.id


def lift_freeze(session: Session, world: World, command: LiftFreeze) -> None:
    """End a freeze now; the clock goes on. Raises NotFound("freeze_unknown"), Conflict("freeze_over")."""
    membership.must_be_district(session, command.officer, _REFUSAL)
    at = world.now()
    freeze = session.get(ReviewFreeze, command.freeze_id, with_for_update=True, populate_existing=True)
    if freeze is None:
        raise NotFound("freeze_unknown", "没有这次冻结，请刷新后再看。")
    if freeze.to_at is not None and freeze.to_at <= at:
        raise Conflict("freeze_over", "这次冻结已经结束。")
    # One that had not begun never was.
    freeze.to_at = max(at, freeze.from_at)
    freeze.lifted_by = _id(command.officer)
    session.flush()
    moved = _move_deadlines(session, freeze.path, freeze.from_at)
    act = audit.Act(
        "review.lift", "review_freeze", str(freeze.id), actor_id=_id(command.officer), after={"deadlines": moved}
    )
    audit.record(session, world, act)


def freezes(session: Session, world: World) -> tuple[FreezeLine, ...]:
    """Every freeze that is not over, then the last ones that were; running ones first."""
    at = world.now()
    rows = session.scalars(select(ReviewFreeze).order_by(ReviewFreeze.from_at.desc()).limit(50)).all()
    unions = membership.unions_of_codes(session, [code_of(row.path) for row in rows])
    names = access.display_names(session, [row.set_by for row in rows if row.set_by])
    lines = [
        FreezeLine(
            row.id, unions.get(code_of(row.path)), row.from_at, row.to_at, row.reason,
            names.get(row.set_by, "") if row.set_by else "", row.to_at is None or row.to_at > at,
        )
        for row in rows
    ]  # fmt: skip
    return tuple(sorted(lines, key=lambda line: not line.running))


# ---- the calendar ----


def record_days(session: Session, world: World, command: RecordDays) -> int:
    """Record worked and free days; returns how many deadlines moved. Raises InvalidInput("days_missing", "document_missing")."""
    membership.must_be_district(session, command.officer, _REFUSAL)
    if not command.days:
        raise InvalidInput("days_missing", "请至少写一个日期。")
    if not command.document.strip():
        raise InvalidInput("document_missing", "请写明放假通知的文号。")
    at, document = world.now(), command.document.strip()[:100]
    transfers = membership.keep_days(session, command.days, document, _id(command.officer), at)
    moved = _move_deadlines(session, "/", at)
    days = {day.isoformat(): works for day, works in sorted(command.days.items())}
    after = {"days": days, "deadlines": moved, "transfers": transfers}
    act = audit.Act("review.calendar", "calendar", document, actor_id=_id(command.officer), after=after)
    audit.record(session, world, act)
    return moved


# ---- running out ----

# Desk by desk, each by its own end of the index: an index of all that is late would be written with every approval.
_LATE = text("""
    select desk.path from unnest(cast(:paths as text[])) desk(path)
     where exists (select from application a
                    where a.review_path = desk.path and a.due_at < :at and a.escalated_at is null)
     order by desk.path""")

# Skipping what somebody is deciding at this moment: if it stays late, the next round finds it.
_ESCALATE = text("""
    with late as (
        select a.id from application a
         where a.review_path = any(:paths) and a.escalated_at is null and a.due_at < :at
         order by a.id for no key update of a skip locked
    ), told as (
        update application a set escalated_at = :at, events = a.events + 1
          from late where a.id = late.id and a.escalated_at is null
        returning a.id, a.events, a.round, a.state, a.review_path, a.batch_id
    ), noted as (
        insert into application_event
            (application_id, seq, at, action, from_state, to_state, review_path, round, words)
        select told.id, told.events, :at, :action, told.state, told.state, told.review_path, told.round, whom.name
          from told join unnest(cast(:paths as text[]), cast(:names as text[])) whom(path, name)
            on whom.path = told.review_path
    )
    select review_path, batch_id, count(*) as rows from told group by review_path, batch_id""")


def escalate_overdue(session: Session, world: World) -> int:
    """Tell the union above of every row whose term has run out: once for each stay at a tier. Returns how many rows.

    May run as often as one likes: it finds only what nobody was told of yet.
    """
    at = world.now()
    desks = [union.path for union in membership.unions_under(session, "/")]
    paths = list(session.scalars(_LATE, {"at": at, "paths": desks}))
    if not paths:
        return 0
    above = {path: rules.review_route(path)[1:2] or (path,) for path in paths}
    unions = membership.unions_of_codes(session, {code_of(up[0]) for up in above.values()})
    told = session.execute(
        _ESCALATE,
        {
            "at": at, "action": str(ApplicationAction.ESCALATE), "paths": paths,
            "names": [unions[code_of(above[path][0])].name for path in paths],
        },
    ).all()  # fmt: skip
    audit.record(
        session, world,
        *(
            audit.Act(
                "application.escalate", "batch", str(row.batch_id or row.review_path),
                after={"rows": row.rows, "at": row.review_path, "to": above[row.review_path][0]},
            )
            for row in told
        ),
    )  # fmt: skip
    return sum(row.rows for row in told)


# ---- pieces ----

_ARRIVED = text("""
    select a.review_path, e.at, array_agg(a.id) as ids
      from application a
      join lateral (
          select at from application_event
           where application_id = a.id and action in ('submit', 'take_place', 'resubmit', 'pass_on', 'confirm')
           order by seq desc limit 1) e on true
     where a.review_path is not null and starts_with(a.review_path, :path) and (a.due_at is null or a.due_at > :since)
     group by a.review_path, e.at""")

_MOVE = text("""
    update application a set due_at = given.due_at
      from unnest(cast(:ids as uuid[]), cast(:dues as timestamptz[])) given(id, due_at)
     where a.id = given.id and a.review_path is not null and a.due_at is distinct from given.due_at""")


def _move_deadlines(session: Session, path: str, since: datetime) -> int:
    """Work out anew every deadline at or below `path` that had not passed by `since`."""
    arrived = session.execute(_ARRIVED, {"path": path, "since": since}).all()
    if not arrived:
        return 0
    clock = review_clock(session, {row.review_path for row in arrived})
    dues = [(row.ids, clock.due(row.review_path, row.at)) for row in arrived]
    moved = session.execute(
        _MOVE,
        {
            "ids": [application_id for ids, _ in dues for application_id in ids],
            "dues": [due for ids, due in dues for _ in ids],
        },
    )
    return int(moved.rowcount)  # type: ignore[attr-defined]


def _id(officer: Principal | None) -> uuid.UUID | None:
    return officer.account_id if officer else None
