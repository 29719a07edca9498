"""The chair's page: one sheet of A4 that says how far the year has come, what is missing, and where the money went."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

from flask import Blueprint, render_template, request
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from cardnet.access.rules import Principal, Role
from cardnet.benefits import services as benefits
from cardnet.benefits.services import ProgramUsage
from cardnet.issuance import services as issuance
from cardnet.issuance.services import CardCounts, UnionCounts
from cardnet.kernel.calendar import day_of
from cardnet.kernel.db import transaction
from cardnet.membership.rules import UnionNode
from cardnet.web.auth import OFFICERS, staff_page
from cardnet.web.content_line import content_line
from cardnet.web.formats import money
from cardnet.web.language import gettext
from cardnet.web.paging import page_of
from cardnet.web.stuck import Stuck, stuck_cards, stuck_in_finance, stuck_in_review
from cardnet.wiring import current_world


@dataclass(frozen=True)
class Span:
    """The year a paper is of, those to choose from, and its days so far: in January's closing window the year before."""

    year: int
    years: Sequence[int]
    first: date
    last: date


def span_of(session: Session, today: date, year: int | None) -> Span:
    """The year asked for, else the one that is open or, while it closes, closing."""
    known = issuance.years_shown(session, today)
    shown = known.asked(year)
    return Span(shown, known.choices, date(shown, 1, 1), min(today, date(shown, 12, 31)))


def year_of_address() -> int | None:
    """The year of the address, None when it names none."""
    text = request.args.get("year", "")
    return int(text) if text.isascii() and text.isdecimal() and len(text) == 4 else None


blueprint = Blueprint("overview", __name__, url_prefix="/overview")

_SHOWN = 8
"""As many rows a table of the sheet has at most; the rest is added up in one."""


@dataclass(frozen=True)
class Step:
    """One step from member to use: a word and a number of people."""

    word: str
    count: int


@dataclass(frozen=True)
class Missing:
    """People somebody still has to reach, and what is missing with them."""

    word: str
    count: int
    todo: str


@dataclass(frozen=True)
class Spent:
    """What one program or union cost: people, uses, the union's money."""

    name: str
    people: int
    uses: int
    union_fen: int


@dataclass(frozen=True)
class Sheet:
    """Everything the page shows."""

    year: int
    years: Sequence[int]
    at: datetime
    union: str
    counts: CardCounts
    used: int
    steps: Sequence[Step]
    missing: Sequence[Missing]
    programs: Sequence[Spent]
    unions: Sequence[Spent]
    before: Sequence[Spent]
    union_fen: int
    stuck: Sequence[Stuck]
    contentment: str

    @property
    def money(self) -> tuple[str, str]:
        """The union's money as a figure that fits: `¥6,746.00`, from a million yuan on `¥123.5` and its unit 万."""
        if self.union_fen < 100_000_000:
            return money(self.union_fen), ""
        return f"¥{self.union_fen / 1_000_000:,.1f}", gettext("万元")

    @property
    def any_term(self) -> bool:
        """Whether anything stuck has a day it should be done by."""
        return any(one.until for one in self.stuck)


@blueprint.get("")
@staff_page(Role.CHAIR, Role.DISTRICT_OFFICER, Role.AUDITOR)
def overview(principal: Principal) -> ResponseReturnValue:
    """The sheet of the reader's union and all below it."""
    at = current_world().now()
    with transaction() as session:
        sheet = _sheet(session, principal, at)
    return render_template("overview/overview.html", sheet=sheet)


@blueprint.get("/notice-board")
@staff_page(Role.CHAIR, *OFFICERS, Role.AUDITOR)
def notice_board(principal: Principal) -> ResponseReturnValue:
    """公示栏一张纸: what the union did for its members this year, in numbers nobody can be known by, for the wall."""
    at = current_world().now()
    path = principal.scope_path
    with transaction() as session:
        span = span_of(session, day_of(at), year_of_address())
        figures = issuance.card_counts(session, current_world(), path, span.year)
        used = benefits.people_served(session, path, span.first, span.last)
        usage = benefits.usage_report(session, first=span.first, last=span.last, path=path)
    live = [one for one in usage if one.uses]
    return render_template(
        "overview/notice_board.html",
        at=at,
        year=span.year,
        years=span.years,
        union=figures[0].union,
        counts=figures[0].total,
        used=used,
        programs=sorted(live, key=lambda one: (-one.people, one.name)),
        union_fen=sum(one.union_fen for one in live),
        few=FEW,
    )


@blueprint.get("/year-end")
@staff_page(Role.CHAIR, Role.DISTRICT_OFFICER, Role.AUDITOR)
def year_end(principal: Principal) -> ResponseReturnValue:
    """年终收口: what the year still has open, with whom, and what its end would do to it."""
    at = current_world().now()
    today, path = day_of(at), principal.scope_path
    with transaction() as session:
        span = span_of(session, today, year_of_address())
        figures = issuance.card_counts(session, current_world(), path, span.year)
        view = next((one for one in issuance.years(session) if one.year == span.year), None)
        end = issuance.preview_year_end(session, span.year, path) if view and view.state != "closed" else None
        used = benefits.holders_who_used(session, current_world(), path, span.first, span.last)
        stuck = (*stuck_in_review(session, principal), *stuck_in_finance(session, path, today))
    counts = figures[0].total
    lines = [one for one in figures if one.union.path.removeprefix(path).count("/") == 1 and one.union.path != path]
    behind = sorted((one for one in lines if one.total.quota), key=lambda one: one.total.issued / one.total.quota)
    return render_template(
        "overview/year_end.html",
        at=at,
        year=span.year,
        years=span.years,
        union=figures[0].union,
        counts=counts,
        used=used,
        view=view,
        end=end,
        to_do=to_do_of(counts),
        stuck=stuck,
        behind=behind[:_SHOWN],
        days_left=(date(span.year, 12, 31) - today).days,
    )


@blueprint.get("/untouched")
@staff_page(Role.CHAIR, Role.TOWNSHIP_OFFICER, Role.DISTRICT_OFFICER, Role.AUDITOR)
def untouched(principal: Principal) -> ResponseReturnValue:
    """一个都没享受的单位: units with members of whom nobody has used anything this year."""
    at = current_world().now()
    today, path = day_of(at), principal.scope_path
    with transaction() as session:
        span = span_of(session, today, year_of_address())
        figures = issuance.card_counts(session, current_world(), path, span.year)
        lines = untouched_of(session, figures, path, span)
    above = {one.union.id: one.union for one in figures}
    return render_template(
        "overview/untouched.html",
        at=at,
        over=span.year < today.year,
        year=span.year,
        years=span.years,
        union=figures[0].union,
        lines=lines,
        page=page_of(lines, 100),
        above=above,
        units=sum(1 for one in figures if one.own.members),
    )


def untouched_of(session: Session, figures: Sequence[UnionCounts], path: str, span: Span) -> list[UnionCounts]:
    """Unions with members of their own none of whom used anything, those with the most cards first."""
    # By the unit itself: what a bureau's units had does not stand for the bureau's own staff.
    touched = benefits.people_served_by_unit(session, path, span.first, span.last)
    nobody = [one for one in figures if one.own.members and one.union.path not in touched]
    return sorted(nobody, key=lambda one: (-one.own.holders, -one.own.members, one.union.path))


FEW = 3
"""Fewer people than this are not counted out on a wall: in a small unit a number is a name."""


def to_do_of(counts: CardCounts) -> tuple[Missing, ...]:
    """What is still to be done for people of this year, and by whom."""
    found = (
        Missing(gettext("还在审核"), counts.in_review, gettext("各级工会抓紧审核")),
        Missing(gettext("退回没改"), counts.returned, gettext("请单位改正后重交")),
        Missing(gettext("审核通过没发卡"), max(0, counts.approved - counts.issued), gettext("职工援助服务中心发卡")),
        Missing(gettext("候补等名额"), counts.waitlisted, gettext("追加名额或转入下年")),
        Missing(gettext("发了卡没到手"), max(0, counts.issued - counts.handed_out), gettext("请单位发放签领")),
        Missing(gettext("到手没激活"), max(0, counts.handed_out - counts.activated), gettext("请单位帮助激活")),
        Missing(gettext("没有答复"), counts.no_answer, gettext("请单位问本人")),
        Missing(gettext("名额没用完"), max(0, counts.quota - counts.issued), gettext("收回、调剂给候补多的单位")),
    )
    return tuple(one for one in found if one.count)


def _sheet(session: Session, principal: Principal, at: datetime) -> Sheet:
    today = day_of(at)
    span = span_of(session, today, year_of_address())
    path = principal.scope_path
    figures = issuance.card_counts(session, current_world(), path, span.year)
    counts = figures[0].total if figures else CardCounts()
    used = benefits.holders_who_used(session, current_world(), path, span.first, span.last)
    usage = benefits.usage_report(session, first=span.first, last=span.last, path=path)
    return Sheet(
        year=span.year,
        years=span.years,
        at=at,
        union=figures[0].union.name if figures else "",
        counts=counts,
        used=used,
        steps=steps_of(counts, used),
        missing=missing_of(counts, used),
        programs=spent_by_program(usage),
        unions=_spent_by_union(session, figures, path, span.first, span.last),
        before=imported_by_program(usage),
        union_fen=sum(one.union_fen for one in usage),
        stuck=(*stuck_in_review(session, principal), *stuck_cards(counts), *stuck_in_finance(session, path, today)),
        contentment=content_line(session, path, span.year),
    )


def steps_of(counts: CardCounts, used: int) -> tuple[Step, ...]:
    """From the quota to use, each step as people."""
    return (
        Step(gettext("计划名额"), counts.quota),
        Step(gettext("审核通过"), counts.approved),
        Step(gettext("已发卡"), counts.issued),
        Step(gettext("已发放"), counts.handed_out),
        Step(gettext("已激活"), counts.activated),
        Step(gettext("已使用"), used),
    )


def missing_of(counts: CardCounts, used: int) -> tuple[Missing, ...]:
    """Who is missing, by the step they wait at."""
    found = (
        Missing(gettext("没有答复"), counts.no_answer, gettext("请单位问本人")),
        Missing(gettext("本人暂不办"), counts.declined, gettext("尊重本人意愿")),
        Missing(gettext("退回修改"), counts.returned, gettext("请单位改正后重交")),
        Missing(gettext("候补"), counts.waitlisted, gettext("等名额")),
        Missing(gettext("卡未发到手"), max(0, counts.issued - counts.handed_out), gettext("请单位发放签领")),
        Missing(gettext("未激活"), max(0, counts.handed_out - counts.activated), gettext("请单位帮助激活")),
        Missing(gettext("激活后没用过"), max(0, counts.activated - used), gettext("提醒可享受的项目")),
    )
    return tuple(one for one in found if one.count)


def spent_by_program(usage: Sequence[ProgramUsage]) -> tuple[Spent, ...]:
    """Programs by the union's money, the dearest first; those nobody used are left out."""
    live = [Spent(one.name, one.people, one.uses, one.union_fen) for one in usage if one.uses]
    return _shortened(sorted(live, key=lambda one: (-one.union_fen, -one.uses, one.name)))


def imported_by_program(usage: Sequence[ProgramUsage]) -> tuple[Spent, ...]:
    """Uses of this year taken in from before cardnet: they count in limits, their money was spent elsewhere."""
    found = [Spent(one.name, one.imported_people, one.imported_uses, one.imported_fen) for one in usage]
    return _shortened(sorted((one for one in found if one.uses), key=lambda one: (-one.uses, one.name)))


def _spent_by_union(
    session: Session, figures: Sequence[UnionCounts], path: str, first: date, last: date
) -> tuple[Spent, ...]:
    below = benefits.usage_below(session, path, path.count("/"), first, last)
    spent = [
        Spent(union.name, used.people, used.uses, used.union_fen)
        for union in _directly_below([one.union for one in figures], path)
        if (used := below.get(union.path)) and used.uses
    ]
    return _shortened(sorted(spent, key=lambda one: (-one.union_fen, -one.uses, one.name)))


def _directly_below(unions: Sequence[UnionNode], path: str) -> list[UnionNode]:
    return [union for union in unions if union.path != path and union.path.removeprefix(path).count("/") == 1]


def _shortened(rows: Sequence[Spent]) -> tuple[Spent, ...]:
    """The first rows and what the others come to; people of several rows may be the same, so they are not added."""
    if len(rows) <= _SHOWN:
        return tuple(rows)
    rest = rows[_SHOWN - 1 :]
    others = Spent(
        gettext("其余 %(n)s 项", n=len(rest)), 0, sum(one.uses for one in rest), sum(one.union_fen for one in rest)
    )
    return (*rows[: _SHOWN - 1], others)
