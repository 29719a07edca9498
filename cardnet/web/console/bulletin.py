"""The half-monthly bulletin (通报): how far each union is, from the plan to use, as page, workbook and PDF."""

import io
import uuid
from collections.abc import Sequence, Set
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from flask import render_template, request, send_file
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from cardnet.access.rules import Principal, Role, in_scope
from cardnet.benefits import services as benefits
from cardnet.issuance import services as issuance
from cardnet.issuance.services import CardCounts, UnionCounts
from cardnet.kernel import calendar
from cardnet.kernel.calendar import day_of
from cardnet.kernel.db import transaction
from cardnet.membership import services as membership
from cardnet.membership.rules import UnionNode
from cardnet.web.auth import OFFICERS, staff_page
from cardnet.web.bulletin_files import bulletin_pdf, bulletin_workbook
from cardnet.web.console import blueprint
from cardnet.web.language import gettext
from cardnet.web.paging import page_of
from cardnet.wiring import current_world

_SHOWN = 100
WEEKS = 12
_SHADED = 20


@dataclass(frozen=True)
class Line:
    """One union of the bulletin with its place among its siblings by completion (equal rates share a place)."""

    union: UnionNode
    counts: CardCounts
    used: int
    rank: int
    opens: bool


@dataclass(frozen=True)
class Step:
    """One step of the funnel: its word and how many people came so far."""

    word: str
    count: int


@dataclass(frozen=True)
class WeekRow:
    """One union's activations by week, the oldest first; the row without a union is of all the others together."""

    union: UnionNode | None
    weeks: tuple[int, ...]

    @property
    def total(self) -> int:
        """Of all the weeks shown."""
        return sum(self.weeks)


@dataclass(frozen=True)
class Level:
    """One union, its figures and those of the unions directly below it: a page of the bulletin."""

    union: UnionNode
    total: CardCounts
    used: int
    lines: tuple[Line, ...]


@dataclass(frozen=True)
class Issue:
    """The bulletin of one moment: its number in the year (two a month), and its levels, the top one first."""

    year: int
    number: int
    at: datetime
    levels: tuple[Level, ...]

    @property
    def first(self) -> Level:
        """The reader's own level."""
        return self.levels[0]


@blueprint.get("/bulletin")
@staff_page(*OFFICERS, Role.CHAIR, Role.AUDITOR)
def bulletin(principal: Principal) -> ResponseReturnValue:
    """The figures of the reader's union and of the unions directly below it."""
    at = current_world().now()
    with transaction() as session:
        top = _top(principal, session)
        issue = issue_of(session, top, at, every_level=False)
        weeks = _weeks(session, issue.first, at)
    return render_template(
        "console/bulletin.html",
        at=at,
        issue=issue,
        level=issue.first,
        page=page_of(issue.first.lines, _SHOWN),
        steps=funnel(issue.first.total, issue.first.used),
        mondays=_mondays(at),
        weeks=weeks,
        by_week=[sum(row.weeks[n] for row in weeks) for n in range(WEEKS)],
        most=max((count for row in weeks for count in row.weeks), default=0),
        is_top=top == principal.scope_path,
        under=top,
    )


@blueprint.get("/bulletin.xlsx")
@staff_page(*OFFICERS, Role.CHAIR, Role.AUDITOR)
def bulletin_xlsx(principal: Principal) -> ResponseReturnValue:
    """The same as a workbook, every union below in one sheet after the summary."""
    issue = _whole(principal)
    return send_file(
        io.BytesIO(bulletin_workbook(issue)),
        mimetype="application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
        as_attachment=True,
        download_name=f"{gettext('通报')}-{day_of(issue.at):%Y%m%d}.xlsx",
    )


@blueprint.get("/bulletin.pdf")
@staff_page(*OFFICERS, Role.CHAIR, Role.AUDITOR)
def bulletin_paper(principal: Principal) -> ResponseReturnValue:
    """The same on paper: one A4 page per level, to be printed and sent round."""
    issue = _whole(principal)
    return send_file(
        io.BytesIO(bulletin_pdf(issue)),
        mimetype="application/pdf",
        as_attachment=True,
        download_name=f"{gettext('通报')}-{day_of(issue.at):%Y%m%d}.pdf",
    )


def _whole(principal: Principal) -> Issue:
    at = current_world().now()
    with transaction() as session:
        return issue_of(session, _top(principal, session), at, every_level=True)


def _top(principal: Principal, session: Session) -> str:
    """The union asked for, when it is one of the reader's; else the reader's own."""
    asked = request.args.get("under", "")
    if in_scope(principal.scope_path, asked):
        return next(
            (one.path for one in membership.unions_under(session, asked) if one.path == asked), principal.scope_path
        )
    return principal.scope_path


def issue_of(session: Session, top: str, at: datetime, *, every_level: bool) -> Issue:
    """The bulletin of the unions under `top`, which is a union's path; with every level, a page for each union that has others below it."""
    today = day_of(at)
    figures = issuance.card_counts(session, top, today.year)
    used = _used(session, figures, top, today)
    parents = {one.union.parent_id for one in figures}
    tops = [one for one in figures if one.union.path == top or (every_level and one.union.id in parents)]
    levels = tuple(_level(one, figures, used, parents) for one in tops)
    number = 2 * (today.month - 1) + (1 if today.day <= 15 else 2)
    return Issue(today.year, number, at, levels)


def _level(
    top: UnionCounts, figures: Sequence[UnionCounts], used: dict[str, int], parents: Set[uuid.UUID | None]
) -> Level:
    return Level(
        top.union, top.total, used.get(top.union.path, 0), tuple(ranked(figures, top.union.path, used, parents))
    )


def _used(session: Session, figures: Sequence[UnionCounts], top: str, today: date) -> dict[str, int]:
    """People who used a benefit this year, by union: one statement per level of the tree, not per union."""
    used: dict[str, int] = {}
    for depth in sorted({one.union.path.count("/") - 1 for one in figures}):
        below = benefits.usage_below(session, top, depth, date(today.year, 1, 1), today)
        used.update({path: usage.people for path, usage in below.items()})
    return used


def ranked(
    figures: Sequence[UnionCounts], top: str, used: dict[str, int], parents: Set[uuid.UUID | None]
) -> list[Line]:
    """The unions directly below `top`, best completion first."""
    below = [f for f in figures if f.union.path.startswith(top) and f.union.path[len(top) :].count("/") == 1]
    best = sorted(below, key=lambda f: (-completion(f.total), f.union.path))
    places: dict[int, int] = {}
    for place, one in enumerate(best, start=1):
        places.setdefault(completion(one.total), place)
    return [
        Line(f.union, f.total, used.get(f.union.path, 0), places[completion(f.total)], f.union.id in parents)
        for f in best
    ]


def completion(counts: CardCounts) -> int:
    """Cards issued of those planned, in ten-thousandths; without a plan nothing is complete."""
    return counts.issued * 10_000 // counts.quota if counts.quota else 0


def funnel(counts: CardCounts, used: int) -> tuple[Step, ...]:
    """From members to use."""
    return (
        Step(gettext("会员"), counts.members),
        Step(gettext("采集"), counts.collected),
        Step(gettext("合格"), counts.submitted),
        Step(gettext("审核通过"), counts.approved),
        Step(gettext("已发卡"), counts.issued),
        Step(gettext("已发放"), counts.handed_out),
        Step(gettext("已激活"), counts.activated),
        Step(gettext("今年用过"), used),
    )


def _mondays(at: datetime) -> tuple[date, ...]:
    today = day_of(at)
    this_week = today - timedelta(days=today.weekday())
    return tuple(this_week - timedelta(weeks=WEEKS - 1 - n) for n in range(WEEKS))


def _weeks(session: Session, level: Level, at: datetime) -> tuple[WeekRow, ...]:
    """Activations by week of the unions directly below, the most first; what does not fit is added up in one row."""
    mondays = _mondays(at)
    since, until = calendar.start_of(mondays[0]), calendar.end_of(day_of(at))
    counted = issuance.activations_by_week(session, level.union.path, since, until)
    direct = {line.union.path: line.union for line in level.lines}
    paths = {union.id: union.path for union in membership.unions_under(session, level.union.path)}
    rows: dict[UnionNode, list[int]] = {}
    for one in counted:
        # The path of the union directly below the level: its codes and one more.
        child = "/".join(paths[one.union_id].split("/")[: level.union.path.count("/") + 1]) + "/"
        rows.setdefault(direct.get(child, level.union), [0] * WEEKS)[mondays.index(one.monday)] += one.activated
    best: list[tuple[UnionNode | None, list[int]]] = sorted(rows.items(), key=lambda item: -sum(item[1]))
    shown = [WeekRow(union, tuple(weeks)) for union, weeks in best[:_SHADED]]
    if rest := best[_SHADED:]:
        shown.append(WeekRow(None, tuple(sum(weeks[n] for _, weeks in rest) for n in range(WEEKS))))
    return tuple(shown)
