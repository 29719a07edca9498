"""The bulletin (通报): how far each union is, from members to activated cards, as chart and table."""

from dataclasses import dataclass

from flask import render_template, request
from flask.typing import ResponseReturnValue

from cardnet.access.rules import Principal, Role
from cardnet.issuance import services as issuance
from cardnet.issuance.services import CardCounts, UnionCounts
from cardnet.kernel.calendar import day_of
from cardnet.kernel.db import transaction
from cardnet.membership.rules import UnionNode
from cardnet.web.auth import OFFICERS, staff_page
from cardnet.web.console import blueprint
from cardnet.web.language import gettext
from cardnet.web.paging import page_of
from cardnet.wiring import current_world

_SHOWN = 100


@dataclass(frozen=True)
class Line:
    """One union of the bulletin with its place among its siblings by completion (equal rates share a place)."""

    union: UnionNode
    counts: CardCounts
    rank: int
    opens: bool


@dataclass(frozen=True)
class Step:
    """One step of the funnel: its word and how many people came so far."""

    word: str
    count: int


@blueprint.get("/bulletin")
@staff_page(*OFFICERS, Role.CHAIR, Role.AUDITOR)
def bulletin(principal: Principal) -> ResponseReturnValue:
    """The figures of the reader's union and of the unions directly below it."""
    at = current_world().now()
    asked = request.args.get("under", "")
    top = asked if asked.startswith(principal.scope_path) else principal.scope_path
    with transaction() as session:
        figures = issuance.card_counts(session, top, day_of(at).year)
    whole = figures[0] if figures else None
    lines = ranked(figures, top)
    return render_template(
        "console/bulletin.html",
        at=at,
        whole=whole,
        page=page_of(lines, _SHOWN),
        steps=funnel(whole.total) if whole else (),
        is_top=top == principal.scope_path,
    )


def ranked(figures: tuple[UnionCounts, ...], top: str) -> list[Line]:
    """The unions directly below `top`, best completion first."""
    below = [f for f in figures if f.union.path != top and f.union.path[len(top) :].count("/") == 1]
    parents = {f.union.parent_id for f in figures}
    best = sorted(below, key=lambda f: (-completion(f.total), f.union.path))
    places = [completion(f.total) for f in best]
    return [Line(f.union, f.total, places.index(completion(f.total)) + 1, f.union.id in parents) for f in best]


def completion(counts: CardCounts) -> int:
    """Cards issued of those planned, in ten-thousandths; without a plan nothing is complete."""
    return counts.issued * 10_000 // counts.quota if counts.quota else 0


def funnel(counts: CardCounts) -> tuple[Step, ...]:
    """From members to activated cards."""
    return (
        Step(gettext("会员"), counts.members),
        Step(gettext("本人同意"), counts.consent),
        Step(gettext("审核通过"), counts.approved),
        Step(gettext("已发卡"), counts.issued),
        Step(gettext("已发放"), counts.handed_out),
        Step(gettext("已激活"), counts.activated),
    )
