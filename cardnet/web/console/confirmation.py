"""The yearly confirmation of members, and who joined or left in a month: names inside the union, counts above it."""

import io
from collections import Counter
from collections.abc import Sequence
from datetime import date

import xlsxwriter
from flask import flash, redirect, render_template, request, send_file, url_for
from flask.typing import ResponseReturnValue

from cardnet.access.rules import Principal
from cardnet.issuance import services as issuance
from cardnet.kernel.calendar import day_of
from cardnet.kernel.db import transaction
from cardnet.kernel.errors import CardnetError, InvalidInput
from cardnet.kernel.masking import id_number_for_office
from cardnet.membership import services as membership
from cardnet.membership.member_rules import Confirmed
from cardnet.membership.rules import UnionNode
from cardnet.web.auth import OFFICERS, staff_page
from cardnet.web.console import blueprint
from cardnet.web.console.members import chosen, typed_day
from cardnet.web.forms import whole_id, wrong_of
from cardnet.web.language import gettext
from cardnet.web.paging import Page, asked_page
from cardnet.web.words import word
from cardnet.wiring import current_world

_SHOWN = 100


@blueprint.get("/members/confirmation")
@staff_page(*OFFICERS)
def confirmation(principal: Principal) -> ResponseReturnValue:
    """Every one of the union's own people with the year's answer; of the unions below it, how far each is."""
    return _page(principal, {})


@blueprint.post("/members/confirmation")
@staff_page(*OFFICERS)
def confirm(principal: Principal) -> ResponseReturnValue:
    """One answer for the chosen, or 在册 for all that are left."""
    world = current_world()
    try:
        with transaction() as session:
            if request.values.get("act", "") == "rest":
                count = membership.confirm_the_rest(session, world, principal.union_id, principal)
            else:
                answer = chosen(Confirmed, request.form.get("answer", ""))
                ids = tuple(dict.fromkeys(whole_id(one) for one in request.form.getlist("person")[:_SHOWN]))
                if not ids:
                    raise InvalidInput("nobody_chosen", gettext("请先勾选会员。"))
                on = typed_day(request.form.get("on", "").strip())
                command = membership.Confirm(principal.union_id, principal, ids, answer, on)
                count = issuance.confirm_members(session, world, command)
    except CardnetError as error:
        fields = {"nobody_chosen": "person", "date": "on", "effective_in_future": "on", "choice": "answer"}
        return _page(principal, wrong_of(error, {**fields, "effective_before_membership": "on"})), error.status
    said = gettext("已确认 %(n)d 人。", n=count) if count else gettext("这些人此前都已确认，没有变化。")
    flash(said, "good" if count else "calm")
    return redirect(url_for("console.confirmation", own=request.values.get("own") and 1), 303)


@blueprint.get("/members/moves")
@staff_page(*OFFICERS)
def moves(principal: Principal) -> ResponseReturnValue:
    """Who joined and who left in a month, as page and as workbook."""
    today = day_of(current_world().now())
    first = _month(request.args.get("month", ""), today)
    after = date(first.year + first.month // 12, first.month % 12 + 1, 1)
    with transaction() as session:
        own = membership.union_of_id(session, principal.union_id)
        came = membership.joiners(session, own.path, first, after)
        went = membership.leavers(session, own.path, first, after)
        alone = len(membership.unions_under(session, own.path)) == 1
    # Names are the union's own people's; of the unions below it there are counts.
    ours = [line for line in came if line.union.id == own.id], [line for line in went if line.union.id == own.id]
    if request.args.get("format") == "xlsx":
        return _workbook(own, first, *ours)
    by_union = Counter(line.union for line in came), Counter(line.union for line in went)
    counts = [(union, by_union[0][union], by_union[1][union]) for union in sorted({*by_union[0], *by_union[1]}, key=lambda u: u.path)]  # fmt: skip
    return render_template(
        "console/members_moves.html", own=own, first=first, came=ours[0], went=ours[1], alone=alone, counts=counts, totals=(len(came), len(went)), month=f"{first:%Y-%m}",
        months=[_before(today, n) for n in range(13)],
    )  # fmt: skip


def _page(principal: Principal, wrong: dict[str, str]) -> str:
    year = day_of(current_world().now()).year
    number = asked_page()
    with transaction() as session:
        own = membership.union_of_id(session, principal.union_id)
        alone = len(membership.unions_under(session, own.path)) == 1
        if not alone and not request.values.get("own"):
            return render_template(
                "console/members_confirmation_counts.html",
                own=own,
                year=year,
                lines=membership.confirmation_counts(session, own.path, year),
            )
        found = membership.confirmation_list(session, own.id, year, _SHOWN, (number - 1) * _SHOWN)
    return render_template(
        "console/members_confirmation.html", own=own, year=year, page=Page(found.lines, number, _SHOWN, found.total), alone=alone,
        counts=found.counts, total=found.total, waiting=found.counts.get(None, 0), answers=list(Confirmed), wrong=wrong,
        chosen_people=set(request.form.getlist("person")), today=day_of(current_world().now()),
    )  # fmt: skip


def _month(typed: str, today: date) -> date:
    try:
        asked = date.fromisoformat(f"{typed}-01")
    except ValueError:
        asked = today
    return asked.replace(day=1) if 2000 <= asked.year <= 2200 else today.replace(day=1)


def _before(today: date, months: int) -> str:
    year, month = divmod(today.year * 12 + today.month - 1 - months, 12)
    return f"{year}-{month + 1:02d}"


def _workbook(
    own: UnionNode, first: date, came: Sequence[membership.MoveLine], went: Sequence[membership.MoveLine]
) -> ResponseReturnValue:
    out = io.BytesIO()
    with xlsxwriter.Workbook(out, {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False}) as book:
        head = book.add_format({"bold": True})
        for name, lines, other in (
            (gettext("增加"), came, gettext("原单位")),
            (gettext("减少"), went, gettext("新单位")),
        ):
            sheet = book.add_worksheet(name)
            sheet.set_column(0, 6, 20)
            sheet.write_row(0, 0, [gettext("姓名"), gettext("证件号码"), gettext("工会编码"), gettext("工会名称"), gettext("日期"), gettext("原因"), other], head)  # fmt: skip
            for row, line in enumerate(lines, 1):
                cells = (
                    line.person.name, id_number_for_office(line.person.id_number), line.union.code, line.union.name,
                    line.on.isoformat(), word(line.how, "move"), line.other.name if line.other else "",
                )  # fmt: skip
                for column, cell in enumerate(cells):
                    sheet.write_string(row, column, cell)
    out.seek(0)
    answer = send_file(
        out, as_attachment=True, download_name=gettext("%(unit)s会员增减%(month)s.xlsx", unit=own.name, month=f"{first:%Y-%m}"),
        mimetype="application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    )  # fmt: skip
    answer.headers["Cache-Control"] = "no-store"
    return answer
