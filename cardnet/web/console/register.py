"""The member register: who has a card, who is on the way, who said no and who has not said."""

from datetime import date

from flask import render_template, request
from flask.typing import ResponseReturnValue

from cardnet.access.rules import Principal, in_scope
from cardnet.benefits import services as benefits
from cardnet.issuance.file_kinds import REGISTER
from cardnet.issuance.rules.answers import MemberAnswer
from cardnet.issuance.services import answers, self_filled
from cardnet.kernel.calendar import day_of
from cardnet.kernel.db import transaction
from cardnet.kernel.errors import CardnetError, NotFound
from cardnet.membership import services as membership
from cardnet.membership.rules import UnionNode
from cardnet.web.auth import OFFICERS, staff_page
from cardnet.web.console import blueprint
from cardnet.web.console.imports import MAX_BYTES, take_in
from cardnet.web.csrf import takes_upload
from cardnet.web.forms import wrong_of
from cardnet.web.language import gettext
from cardnet.web.paging import Page, asked_page
from cardnet.wiring import current_world

_SHOWN = 50


@blueprint.get("/register")
@staff_page(*OFFICERS)
def register(principal: Principal) -> ResponseReturnValue:
    """A union's own people by name and answer; of the unions below it counts, never a name."""
    return _page(principal)


@blueprint.post("/register")
@takes_upload(MAX_BYTES)
@staff_page(*OFFICERS)
def import_register(principal: Principal) -> ResponseReturnValue:
    """Take in a 会员名册; rows that are wrong are said and left out."""
    given = request.files.get("file")
    unit_code = request.form.get("unit_code", "").strip()
    if given is None or not given.filename:
        return _page(principal, wrong={"file": gettext("请选择会员名册文件。")}, status=422)
    try:
        with transaction() as session:
            own = membership.union_of_id(session, principal.union_id)
            unit = membership.union_of_code(session, unit_code) if unit_code else own
            if not in_scope(principal.scope_path, unit.path):
                raise NotFound("unit_unknown", gettext("没有这个工会编码，请核对。"))
        return take_in(principal, REGISTER, given.read(), given.filename, {"unit_code": unit.code})
    except CardnetError as error:
        return _page(principal, wrong=wrong_of(error, {error.code: "file", "unit_unknown": "unit_code"}), status=error.status)  # fmt: skip


def _page(principal: Principal, status: int = 200, **more: object) -> ResponseReturnValue:
    world = current_world()
    today = day_of(world.now())
    under = request.args.get("under", "")
    shown = request.args.get("show", "")
    answer = MemberAnswer(shown) if shown in MemberAnswer.__members__.values() else None
    number = asked_page()
    with transaction() as session:
        own = membership.union_of_id(session, principal.union_id)
        path = under if under and in_scope(own.path, under) else own.path
        figures = answers.answers_by_union(session, world, path)
        alone = len(figures) == 1 and path == own.path
        inside = alone or (path == own.path and bool(request.values.get("own")))
        used = benefits.card_use(session, world, path, date(today.year, 1, 1), today)
        asked = {
            "own": own,
            "here": figures[0].union if figures else own,
            "alone": alone,
            "total": (figures[0].own if inside else figures[0].total) if figures else answers.AnswerCounts(),
            "used": used.own.get(own.path, 0) if inside else used.total.get(path, 0),
            "answer": answer,
            "leaving": membership.open_transfers(session, own.id),
            "filled": self_filled.waiting_entries(session, own.id),
            "units": [] if inside else [line.union for line in figures],
        }
        if inside:
            lines, total = answers.register_lines(session, world, principal, answer, _SHOWN, (number - 1) * _SHOWN)
            asked["page"] = Page(lines, number, _SHOWN, total)
    if not inside:
        above = {line.union.parent_id for line in figures}
        asked["rows"] = [
            (
                line,
                used.total.get(line.union.path, 0),
                line.union.id in above,
            )
            for line in figures[1:]
            if _is_child(line.union, figures[0].union) and (line.union.closed_on is None or line.total.members)
        ]
        asked["own_line"] = (figures[0].own, used.own.get(path, 0)) if figures and figures[0].own.members else None
    template = "console/register.html" if inside else "console/register_counts.html"
    return render_template(template, **{"wrong": {}, **asked, **more}), status


def _is_child(union: UnionNode, parent: UnionNode) -> bool:
    return union.parent_id == parent.id
