"""Rosters: the list of what was sent in, upload, the findings beside each row, submission."""

import io

from flask import flash, redirect, render_template, request, send_file, url_for
from flask.typing import ResponseReturnValue

from cardnet.access.rules import Principal
from cardnet.issuance import jobs
from cardnet.issuance import services as issuance
from cardnet.issuance.rules import RosterMode
from cardnet.issuance.rules.roster_jobs import UNFINISHED, RosterJobState
from cardnet.issuance.services import desk, roster_jobs
from cardnet.issuance.services.roster import batch_of_content
from cardnet.issuance.services.roster_jobs import AskSubmission, OpenRosterJob, ReportFilter, RosterJobView
from cardnet.kernel.db import transaction
from cardnet.kernel.errors import CardnetError
from cardnet.membership import services as membership
from cardnet.membership.result_workbook import result_workbook as roster_workbook
from cardnet.membership.roster import RowStatus
from cardnet.membership.rules import Tier, UnionNode
from cardnet.membership.template_workbook import template_workbook
from cardnet.web.auth import OFFICERS, staff_page
from cardnet.web.console import blueprint
from cardnet.web.csrf import takes_upload
from cardnet.web.finding_words import in_readers_language
from cardnet.web.forms import whole_id, wrong_of
from cardnet.web.language import gettext
from cardnet.web.paging import Page, asked_page
from cardnet.wiring import current_world

MAX_ROSTER_BYTES = 20 << 20
"""A roster of 100,000 people is about 9 MB; photographs pasted into a sheet are what makes one larger."""

_LISTED = 30
_SHOWN = 100
_SHOW = ("invalid", "warning", "declined", "running", "all")
_FIRST = ("invalid", "warning", "declined", "all")
"""What a result opens on: the first of these that has rows; who is in process already is no news."""
_IN_PROCESS = ("application_open", "note")
"""Rows in process at their own unit: counted apart, no problem."""
_XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


@blueprint.get("/rosters")
@staff_page(*OFFICERS)
def rosters(principal: Principal) -> ResponseReturnValue:
    """Every roster that touches the officer's scope, newest first; filtered by township and by what waits for me."""
    under = request.args.get("under", "")
    only_mine = request.args.get("show") == "mine"
    number = asked_page()
    with transaction() as session:
        townships = _townships(membership.unions_under(session, principal.scope_path))
        wanted = desk.BatchFilter(path=under or None, only_mine=only_mine)
        listed = desk.batches(session, principal, wanted, limit=_LISTED, offset=(number - 1) * _LISTED)
    page = Page(listed.items, listed.offset // _LISTED + 1, _LISTED, listed.total)
    return render_template("console/rosters.html", page=page, townships=townships, under=under, only_mine=only_mine)


@blueprint.get("/rosters/new")
@staff_page(*OFFICERS)
def new_roster(principal: Principal) -> ResponseReturnValue:
    """The form that takes a file."""
    return _upload_form(principal, {}, "")


@blueprint.get("/rosters/template.xlsx")
@staff_page(*OFFICERS)
def roster_template(_principal: Principal) -> ResponseReturnValue:
    """The empty sheet, for who has none of their own."""
    return _workbook(template_workbook(), gettext("办卡信息采集表"))


@blueprint.post("/rosters/check")
@takes_upload(MAX_ROSTER_BYTES)
@staff_page(*OFFICERS)
def check_roster(principal: Principal) -> ResponseReturnValue:
    """Keep a file, sealed, and check it: a small one now, a large one by the worker while its page tells how far it is."""
    given = request.files.get("file")
    unit_code = request.form.get("unit_code", "").strip()
    if given is None or not given.filename:
        return _upload_form(principal, {"file": gettext("请选择采集表文件。")}, unit_code), 422
    content, filename = given.read(), given.filename
    try:
        with transaction() as session:
            code = unit_code or membership.union_of_id(session, principal.union_id).code
            command = OpenRosterJob(content, filename, code, principal)
            job_id = roster_jobs.open_roster_job(session, current_world(), command)
            sent_before = batch_of_content(session, code, content)
            if sent_before is None and len(content) > jobs.AT_ONCE_BYTES:
                jobs.hand_over(session, job_id)
    except CardnetError as error:
        wrong = wrong_of(error, {error.code: "file", "unit_unknown": "unit_code", "out_of_scope": "unit_code"})
        return _upload_form(principal, wrong, unit_code), error.status
    if sent_before is not None:
        flash(gettext("这份文件以前已经提交过，没有重复生成。下面是它的进度。"), "calm")
        return redirect(url_for("console.batch", batch_id=sent_before), 303)
    if len(content) <= jobs.AT_ONCE_BYTES:
        jobs.run_roster_job(job_id)
        job = _job(principal, job_id)
        if job.state is RosterJobState.FAILED:
            return _upload_form(principal, {"file": in_readers_language(job.error_words or "")}, unit_code), 422
    return redirect(url_for("console.checked_roster", upload_id=job_id), 303)


@blueprint.get("/rosters/checks/<upload_id>")
@staff_page(*OFFICERS)
def checked_roster(principal: Principal, upload_id: str) -> ResponseReturnValue:
    """Where a file is: how far the work on it, what the check found and what can be done next, or its batch."""
    job = _job(principal, whole_id(upload_id))
    if job.state in UNFINISHED:
        return render_template("console/roster_progress.html", job=job)
    if job.state is RosterJobState.SUBMITTED:
        return _to_batch(job)
    if job.state is RosterJobState.CHECKED:
        wrong = {"": job.error_words} if job.error_words else {}
        return _result(job, wrong)
    words = job.error_words or gettext("检查已取消，什么都没有留下。需要时请重新上传。")
    return _upload_form(principal, {"file": in_readers_language(words)}, job.unit_code)


@blueprint.get("/rosters/checks/<upload_id>/progress")
@staff_page(*OFFICERS)
def roster_progress(principal: Principal, upload_id: str) -> ResponseReturnValue:
    """How far the work is, for the page to show in its place; 204 when it is done and the page is to be opened anew."""
    job = _job(principal, whole_id(upload_id))
    if job.state not in UNFINISHED:
        return "", 204
    return render_template("console/_roster_progress.html", job=job), {"Cache-Control": "no-store"}


@blueprint.post("/rosters/checks/<upload_id>/cancel")
@staff_page(*OFFICERS)
def cancel_roster(principal: Principal, upload_id: str) -> ResponseReturnValue:
    """Stop the work on a file; nothing of it remains."""
    with transaction() as session:
        roster_jobs.cancel_job(session, current_world(), whole_id(upload_id), principal.account_id)
    return redirect(url_for("console.checked_roster", upload_id=upload_id), 303)


@blueprint.get("/rosters/checks/<upload_id>/result.xlsx")
@staff_page(*OFFICERS)
def result_workbook(principal: Principal, upload_id: str) -> ResponseReturnValue:
    """The sheet as it came, with 状态, 原因 and 代码 beside each row: to be corrected and uploaded again."""
    world = current_world()
    job = _job(principal, whole_id(upload_id))
    if job.batch_id is not None:
        return redirect(url_for("console.batch_workbook", batch_id=job.batch_id, rows=request.args.get("rows")), 303)
    with transaction() as session:
        content = roster_jobs.content_of_job(session, world, job.id, principal.account_id)
        command = issuance.CheckRoster(content, job.filename, job.unit_code, principal)
        checked = issuance.check_roster(session, world, command)
    workbook = roster_workbook(checked, _asked_rows(), in_readers_language)
    return _workbook(workbook, gettext("检查结果"), job.filename)


@blueprint.get("/batches/<batch_id>/result.xlsx")
@staff_page(*OFFICERS)
def batch_workbook(principal: Principal, batch_id: str) -> ResponseReturnValue:
    """A roster that was sent in, as it was typed, with 状态, 原因 and 代码: to mend what was left out and send it again."""
    only = _asked_rows()
    with transaction() as session:
        batch = desk.batch_of(session, principal, whole_id(batch_id))
        header, rows = issuance.kept_roster(session, batch.batch_id, principal)
    kept = ((row.cells, row.shown, row.words, row.codes) for row in rows if only is None or row.shown in only)
    return _workbook(
        membership.kept_rows_workbook(header, kept, in_readers_language), gettext("检查结果"), batch.filename
    )


@blueprint.post("/rosters/checks/<upload_id>/submit")
@staff_page(*OFFICERS)
def submit_roster(principal: Principal, upload_id: str) -> ResponseReturnValue:
    """Make applications of the rows that are fit, for review: a few now, many by the worker."""
    job = _job(principal, whole_id(upload_id))
    mode = request.form.get("mode", "")
    if job.state is not RosterJobState.CHECKED:
        return redirect(url_for("console.checked_roster", upload_id=job.id), 303)
    if mode not in RosterMode.__members__.values():
        return _result(job, {"mode": gettext("请选择怎样提交。")}), 422
    with transaction() as session:
        content = roster_jobs.content_of_job(session, current_world(), job.id, principal.account_id)
        at_once = len(content) <= jobs.AT_ONCE_BYTES
        roster_jobs.ask_submission(session, current_world(), AskSubmission(job.id, principal, RosterMode(mode)))
        if not at_once:
            jobs.hand_over(session, job.id)
    if at_once:
        jobs.run_roster_job(job.id)
        job = _job(principal, job.id)
        if job.state is RosterJobState.SUBMITTED:
            return _to_batch(job)
        if job.state is RosterJobState.CHECKED:
            return _result(job, {"": job.error_words or gettext("没有提交，请再试一次。")}), 422
    return redirect(url_for("console.checked_roster", upload_id=job.id), 303)


def _job(principal: Principal, job_id: object) -> RosterJobView:
    with transaction() as session:
        return roster_jobs.job_of(session, current_world(), whole_id(str(job_id)), principal.account_id)


def _to_batch(job: RosterJobView) -> ResponseReturnValue:
    flash(gettext("采集表已提交。下一步由审核人员审核，您可以在这一页看到每个人走到哪一步。"), "good")
    return redirect(url_for("console.batch", batch_id=job.batch_id), 303)


def _asked_rows() -> frozenset[RowStatus] | None:
    """`?rows=invalid` keeps only what must be mended."""
    return frozenset({RowStatus.INVALID}) if request.args.get("rows") == "invalid" else None


def _upload_form(principal: Principal, wrong: dict[str, str], unit_code: str) -> str:
    with transaction() as session:
        own = membership.union_of_id(session, principal.union_id)
        units = [u for u in membership.open_unions_under(session, principal.scope_path) if u.id != own.id]
    return render_template(
        "console/roster_new.html",
        wrong=wrong,
        own=own,
        units=units,
        unit_code=unit_code,
        limit_mb=MAX_ROSTER_BYTES >> 20,
    )


def _result(job: RosterJobView, wrong: dict[str, str]) -> str:
    # A file checked before these were counted apart has neither.
    report = {"running": 0, "folded": [], **(job.report or {})}
    report["invalid"] -= report["running"]
    # What must be mended comes first; a clean sheet opens on its whole list.
    default = next((show for show in _FIRST if report[show]), "all")
    show = request.args.get("show", default)
    show = show if show in _SHOW else default
    code = request.args.get("code", "")
    code = code if code in {known for known, _severity, _count in report["codes"]} else ""
    number = asked_page()
    wanted = ReportFilter(
        status=None if show == "all" or code else show,
        code=code or None,
        severity="error" if show == "invalid" and not code else None,
    )
    with transaction() as session:
        rows, total = roster_jobs.report_rows(session, job.id, wanted, _SHOWN, (number - 1) * _SHOWN)
    return render_template(
        "console/roster_check.html",
        upload=job,
        report=report,
        problems=[one for one in report["codes"] if one[0] not in report["folded"] and tuple(one[:2]) != _IN_PROCESS],
        folded=[one for one in report["codes"] if one[0] in report["folded"]],
        show="" if code else show,
        code=code,
        page=Page(rows, number, _SHOWN, total),
        wrong=wrong,
        mode=request.form.get("mode", RosterMode.VALID_ROWS_ONLY),
    )


def _townships(unions: list[UnionNode]) -> list[UnionNode]:
    """What a list can be narrowed to: the townships of a district, the units of a township."""
    for tier in (Tier.TOWNSHIP, Tier.UNIT):
        if len(found := [union for union in unions if union.tier is tier]) > 1:
            return found
    return []


def _workbook(content: bytes, what: str, filename: str = "") -> ResponseReturnValue:
    stem = filename.rsplit(".", 1)[0][:80]
    answer = send_file(
        io.BytesIO(content),
        mimetype=_XLSX,
        as_attachment=True,
        download_name=f"{stem}-{what}.xlsx" if stem else f"{what}.xlsx",
    )
    answer.headers["Cache-Control"] = "no-store"
    return answer
