"""The half-monthly bulletin (通报): how far each union is, from the plan to use; issues sent round, as they were sent."""

import io
from collections.abc import Sequence
from dataclasses import dataclass, replace

from flask import flash, redirect, render_template, request, send_file, url_for
from flask.typing import ResponseReturnValue
from flask_babel import lazy_gettext
from sqlalchemy.orm import Session

from cardnet.access.rules import Principal, Role, in_scope
from cardnet.benefits import services as benefits
from cardnet.benefits.bulletin import HEADINGS, Change, Figures, Issue, Level, check_of, week_rows
from cardnet.benefits.bulletin_changes import changes_between
from cardnet.benefits.bulletin_files import bulletin_pdf, bulletin_workbook
from cardnet.issuance import services as issuance
from cardnet.kernel.calendar import day_of
from cardnet.kernel.db import transaction
from cardnet.kernel.errors import CardnetError
from cardnet.membership import services as membership
from cardnet.web.auth import OFFICERS, staff_page
from cardnet.web.console import blueprint
from cardnet.web.forms import whole_id, wrong_of
from cardnet.web.language import gettext
from cardnet.web.paging import Page, asked_page, page_of
from cardnet.wiring import current_world

_SHOWN = 100
_SHADED = 20
_LISTED = 50
_XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


@dataclass(frozen=True)
class Step:
    """One step of the funnel: its word and how many people came so far."""

    word: str
    count: int


@blueprint.get("/bulletin")
@staff_page(*OFFICERS, Role.CHAIR, Role.AUDITOR)
def bulletin(principal: Principal) -> ResponseReturnValue:
    """The figures of the reader's union and of the unions directly below it, as they stand now."""
    world = current_world()
    with transaction() as session:
        top = _top(principal, session)
        years = issuance.years_shown(session, day_of(world.now()))
        year = years.asked(year_of_address())
        issue = benefits.issue_of(session, world, top, year, every_level=False)
        sent = benefits.issue_sent(session, top, year, issue.number)
        issues, count = benefits.bulletin_issues(session, principal, limit=3)
    return _shown(
        issue,
        issue.first,
        under=top,
        is_top=top == principal.scope_path,
        years=years.choices,
        issues=issues,
        more_issues=count > len(issues),
        sent=sent,
        may_publish=benefits.may_publish(principal, top) and bool(issue.first.lines),
    )


@blueprint.get("/bulletin.xlsx")
@staff_page(*OFFICERS, Role.CHAIR, Role.AUDITOR)
def bulletin_xlsx(principal: Principal) -> ResponseReturnValue:
    """The same as a workbook, every union below in one sheet after the summary."""
    return _workbook(_whole(principal))


@blueprint.get("/bulletin.pdf")
@staff_page(*OFFICERS, Role.CHAIR, Role.AUDITOR)
def bulletin_paper(principal: Principal) -> ResponseReturnValue:
    """The same on paper."""
    return _paper(_whole(principal))


@blueprint.get("/bulletin/issues")
@staff_page(*OFFICERS, Role.CHAIR, Role.AUDITOR)
def bulletin_issues(principal: Principal) -> ResponseReturnValue:
    """Every issue that the reader's unions sent or were sent."""
    with transaction() as session:
        number = asked_page()
        issues, count = benefits.bulletin_issues(session, principal, None, _LISTED, (number - 1) * _LISTED)
        own = membership.union_of_id(session, principal.union_id)
    page = Page(issues, number, _LISTED, count)
    return render_template("console/bulletin_issues.html", page=page, own=own, check_of=check_of)


@blueprint.get("/bulletin/issues/<issue_id>")
@staff_page(*OFFICERS, Role.CHAIR, Role.AUDITOR)
def bulletin_issue(principal: Principal, issue_id: str) -> ResponseReturnValue:
    """One issue exactly as it was sent; `under` opens the page of a union in it."""
    kept = _kept(principal, issue_id)
    level = kept.issue.level_of(request.args.get("under", "")) or kept.issue.first
    return _shown(
        kept.issue,
        level,
        under=level.union.path,
        is_top=level is kept.issue.first,
        kept=kept.line,
        check=check_of(kept.line.sha256),
        before=check_of(kept.issue.sent.before) if kept.issue.sent and kept.issue.sent.before else "",
        may_publish=benefits.may_publish(principal, kept.line.union.path) and kept.line.corrected_by is None,
    )


@blueprint.get("/bulletin/issues/<issue_id>/bulletin.xlsx")
@staff_page(*OFFICERS, Role.CHAIR, Role.AUDITOR)
def bulletin_issue_xlsx(principal: Principal, issue_id: str) -> ResponseReturnValue:
    """The workbook of an issue that was sent."""
    return _workbook(_kept(principal, issue_id).issue)


@blueprint.get("/bulletin/issues/<issue_id>/bulletin.pdf")
@staff_page(*OFFICERS, Role.CHAIR, Role.AUDITOR)
def bulletin_issue_paper(principal: Principal, issue_id: str) -> ResponseReturnValue:
    """An issue that was sent, on paper."""
    return _paper(_kept(principal, issue_id).issue)


@blueprint.get("/bulletin/publish")
@staff_page(*benefits.PUBLISHERS)
def bulletin_to_publish(principal: Principal) -> ResponseReturnValue:
    """What would be sent now, to whom; with `corrects` in place of which issue."""
    return _to_publish(principal, {})


@blueprint.post("/bulletin/publish")
@staff_page(*benefits.PUBLISHERS)
def publish_bulletin(principal: Principal) -> ResponseReturnValue:
    """Send the issue round; its numbers stay as they are now."""
    form = request.form
    corrects = form.get("corrects", "")
    if not form.getlist("to"):
        return _to_publish(principal, {"to": gettext("请至少选一个下级工会。")}), 422
    try:
        command = benefits.PublishBulletin(
            principal,
            year_of_address(),
            tuple(form.getlist("to")),
            form.get("copies", ""),
            form.get("words", ""),
            whole_id(corrects) if corrects else None,
            form.get("reason", ""),
            unchanged_too=form.get("unchanged") == "yes",
        )
        with transaction() as session:
            kept = benefits.publish_bulletin(session, current_world(), command)
    except CardnetError as error:
        if error.code == "issue_unknown":
            raise
        fields = {"reason_missing": "reason", "words_too_long": "words", "addressee_unknown": "to"}
        fields |= {"nothing_corrected": "unchanged"}
        return _to_publish(principal, wrong_of(error, fields)), error.status
    flash(gettext("%(title)s已发出，数字不再变动。", title=kept.issue.title), "good")
    return redirect(url_for("console.bulletin_issue", issue_id=kept.line.id), 303)


def year_of_address() -> int | None:
    """The year of the address or the form, None when it names none."""
    text = request.values.get("year", "")
    return int(text) if text.isascii() and text.isdecimal() and len(text) == 4 else None


def funnel(figures: Figures) -> tuple[Step, ...]:
    """From members to use."""
    return tuple(Step(heading(what), count) for what, count in figures.steps)


def heading(what: str) -> str:
    """One of `bulletin.HEADINGS` in the reader's language."""
    return str(_HEADINGS[what])


_HEADINGS = {
    "会员": lazy_gettext("会员"),
    "持卡": lazy_gettext("持卡"),
    "办理中": lazy_gettext("办理中"),
    "未答复": lazy_gettext("未答复"),
    "暂不办": lazy_gettext("暂不办"),
    "计划": lazy_gettext("计划"),
    "采集": lazy_gettext("采集"),
    "合格": lazy_gettext("合格"),
    "通过": lazy_gettext("通过"),
    "发卡": lazy_gettext("发卡"),
    "发放": lazy_gettext("发放"),
    "激活": lazy_gettext("激活"),
    "用过": lazy_gettext("用过"),
}


def _shown(issue: Issue, level: Level, **more: object) -> str:
    weeks = week_rows(issue, level, _SHADED)
    return render_template(
        "console/bulletin.html",
        issue=issue,
        level=level,
        page=page_of(level.lines, _SHOWN),
        steps=funnel(level.total),
        headings=[heading(what) for what in HEADINGS],
        changes=None if issue.changes is None else _changed(issue.changes, level),
        weeks=weeks,
        by_week=[sum(row.weeks[n] for row in weeks) for n in range(len(issue.mondays))],
        most=max((count for row in weeks for count in row.weeks), default=0),
        **more,
    )


def _changed(changes: Sequence[Change], level: Level) -> list[tuple[Change, str]]:
    """Those of one page, each with the word of what changed."""
    return [(one, heading(one.what)) for one in changes if one.level == level.union.path]


def _would_change(before: Issue, issue: Issue) -> list[tuple[Change, str]]:
    """What the issuer's own page would say otherwise, before the correction is sent."""
    return _changed(changes_between(replace(before, levels=before.levels[:1]), issue), issue.first)


def _to_publish(principal: Principal, wrong: dict[str, str]) -> str:
    world, given = current_world(), request.values
    with transaction() as session:
        years = issuance.years_shown(session, day_of(world.now()))
        before = benefits.kept_issue(session, principal, whole_id(given["corrects"])) if given.get("corrects") else None
        year = before.line.year if before else years.asked(year_of_address())
        issue = benefits.issue_of(session, world, principal.scope_path, year, every_level=False)
        sent = benefits.issue_sent(session, principal.scope_path, year, issue.number)
        sent_line = benefits.kept_issue(session, principal, sent).line if sent else None
    chosen = set(request.form.getlist("to")) if request.method == "POST" else None
    lines = sorted((line for line in issue.first.lines if not line.own), key=lambda line: line.union.path)
    return render_template(
        "console/bulletin_publish.html",
        issue=issue,
        level=issue.first,
        before=before,
        changes=_would_change(before.issue, issue) if before else None,
        sent=sent_line,
        years=years.choices,
        lines=lines,
        chosen={line.union.code for line in lines} if chosen is None else chosen,
        given=given,
        wrong=wrong,
    )


def _kept(principal: Principal, issue_id: str) -> benefits.KeptIssue:
    with transaction() as session:
        return benefits.kept_issue(session, principal, whole_id(issue_id))


def _whole(principal: Principal) -> Issue:
    world = current_world()
    with transaction() as session:
        year = issuance.years_shown(session, day_of(world.now())).asked(year_of_address())
        return benefits.issue_of(session, world, _top(principal, session), year, every_level=True)


def _workbook(issue: Issue) -> ResponseReturnValue:
    return _file(bulletin_workbook(issue), _XLSX, f"{_name(issue)}.xlsx")


def _paper(issue: Issue) -> ResponseReturnValue:
    return _file(bulletin_pdf(issue), "application/pdf", f"{_name(issue)}.pdf")


def _name(issue: Issue) -> str:
    if issue.sent:
        return f"{gettext('通报')}-{issue.year}-{issue.number:02d}-{issue.sent.edition}"
    return f"{gettext('通报')}-{day_of(issue.at):%Y%m%d}"


def _file(content: bytes, kind: str, name: str) -> ResponseReturnValue:
    return send_file(io.BytesIO(content), mimetype=kind, as_attachment=True, download_name=name)


def _top(principal: Principal, session: Session) -> str:
    """The union asked for, when it is one of the reader's; else the reader's own."""
    asked = request.args.get("under", "")
    if in_scope(principal.scope_path, asked):
        return next(
            (one.path for one in membership.unions_under(session, asked) if one.path == asked), principal.scope_path
        )
    return principal.scope_path
