"""Rosters: send a file, see how far it is and what was found, send it in, get it back with the findings."""

import uuid
from dataclasses import replace
from typing import Any

from sqlalchemy.orm import Session

from cardnet.http.calls import Call
from cardnet.issuance import jobs
from cardnet.issuance import services as issuance
from cardnet.issuance.rules import RosterMode
from cardnet.issuance.rules.roster_jobs import RosterJobState
from cardnet.issuance.services import desk, roster_jobs
from cardnet.issuance.services.roster import batch_of_content
from cardnet.issuance.services.roster_jobs import AskSubmission, OpenRosterJob, ReportFilter, RosterJobView
from cardnet.kernel.errors import Conflict, InvalidInput
from cardnet.membership import services as membership
from cardnet.membership.result_workbook import result_workbook
from cardnet.membership.roster import RowStatus
from cardnet.membership.template_workbook import template_workbook
from cardnet.web.api.edge import Asked, File, Then, serves
from cardnet.web.api.schemas import review as wire
from cardnet.web.api.schemas.common import NoBody
from cardnet.web.auth import OFFICERS
from cardnet.web.finding_words import in_readers_language
from cardnet.wiring import current_world

XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
SHEETS = ("application/octet-stream", "text/csv", XLSX, "application/vnd.ms-excel")

_ID = {"id": "uuid"}


@serves(
    Call(
        "POST", "/rosters", "Send in a file to be checked", {201: wire.Roster}, query=wire.RosterQuery,
        takes_file=SHEETS, roles=OFFICERS, tag="rosters",
        notes="The body is the file itself. A small file is checked at once, a large one by the worker: ask `GET "
        "/rosters/{id}` until `state` is `checked`. The check stores nothing but its report. The same bytes again are "
        "the same work; once they were submitted, `roster_sent_before` with `detail.batch_id`.",
    )
)  # fmt: skip
def send_roster(asked: Asked) -> Then:
    """POST /rosters."""
    session, officer = asked.session, asked.officer
    code = asked.query["unit"] or membership.union_of_id(session, officer.union_id).code
    command = OpenRosterJob(asked.file, asked.query["filename"], code, officer)
    job_id = roster_jobs.open_roster_job(session, asked.world, command)
    if sent_before := batch_of_content(session, code, asked.file):
        raise Conflict(
            "roster_sent_before",
            "这份文件以前已经提交过，没有重复生成；detail.batch_id 是它的批次。",
            {"batch_id": str(sent_before)},
        )
    return _worked_on(asked, job_id, small=len(asked.file) <= jobs.AT_ONCE_BYTES)


@serves(Call("GET", "/rosters/{id}", "How far a file is", {200: wire.Roster}, parameters=_ID, roles=OFFICERS,
             tag="rosters"))  # fmt: skip
def show_roster(asked: Asked, id: uuid.UUID) -> dict[str, Any]:  # noqa: A002 - the contract's own name
    """GET /rosters/{id}."""
    return _said(_job(asked.session, asked, id))


@serves(Call("GET", "/rosters/{id}/rows", "What the check found, row by row", {200: wire.RosterFindingsList},
             query=wire.FindingsQuery, parameters=_ID, roles=OFFICERS, tag="rosters"))  # fmt: skip
def roster_rows(asked: Asked, id: uuid.UUID) -> dict[str, Any]:  # noqa: A002
    """GET /rosters/{id}/rows."""
    job = _job(asked.session, asked, id)
    wanted = ReportFilter(asked.query["status"], asked.query["code"])
    return asked.by_position(
        lambda limit, offset: roster_jobs.report_rows(asked.session, job.id, wanted, limit, offset)
    )


@serves(Call("GET", "/rosters/{id}/result.xlsx", "The sheet as it came, with 状态, 原因 and 代码 beside each row", {200: XLSX},
             query=wire.RowsQuery, parameters=_ID, roles=OFFICERS, tag="rosters",
             notes="Once the file is submitted, the sheet of its batch."))  # fmt: skip
def roster_result(asked: Asked, id: uuid.UUID) -> File:  # noqa: A002
    """GET /rosters/{id}/result.xlsx."""
    job = _job(asked.session, asked, id)
    if job.batch_id is not None:
        return sheet_of_batch(asked, job.batch_id)
    content = roster_jobs.content_of_job(asked.session, asked.world, job.id, asked.officer.account_id)
    command = issuance.CheckRoster(content, job.filename, job.unit_code, asked.officer)
    checked = issuance.check_roster(asked.session, asked.world, command)
    return File(result_workbook(checked, _only(asked), in_readers_language), XLSX, "result.xlsx")


@serves(
    Call(
        "POST", "/rosters/{id}/submit", "Make applications of the rows that are fit", {200: wire.Roster},
        body=wire.SubmitRequest, parameters=_ID, roles=OFFICERS, tag="rosters",
        notes="Needs `state` `checked`; a file that is submitted answers its batch again. A file that is refused (`all_or_"
        "nothing` with a mistake in it) stays `checked`: the answer is the problem, of a large file `error` of `GET "
        "/rosters/{id}`.",
        example={"mode": "valid_rows_only"},
    )
)  # fmt: skip
def submit_roster(asked: Asked, id: uuid.UUID) -> dict[str, Any] | Then:  # noqa: A002
    """POST /rosters/{id}/submit."""
    session, officer = asked.session, asked.officer
    job = _job(session, asked, id)
    if job.state is RosterJobState.SUBMITTED:
        return _said(job)
    if job.state is not RosterJobState.CHECKED:
        raise Conflict("roster_not_checked", "这份表还没有检查完，或者已经取消，请先查看它的状态。")
    content = roster_jobs.content_of_job(session, asked.world, job.id, officer.account_id)
    command = AskSubmission(job.id, officer, RosterMode(asked.body["mode"]))
    roster_jobs.ask_submission(session, asked.world, command)
    then = _worked_on(asked, job.id, small=len(content) <= jobs.AT_ONCE_BYTES)
    return replace(then, read=lambda session: _said(_not_refused(_job(session, asked, job.id))))


@serves(Call("POST", "/rosters/{id}/cancel", "Stop the work on a file; nothing of it remains", {200: wire.Roster},
             body=NoBody, parameters=_ID, roles=OFFICERS, tag="rosters", example={}))  # fmt: skip
def cancel_roster(asked: Asked, id: uuid.UUID) -> dict[str, Any]:  # noqa: A002
    """POST /rosters/{id}/cancel."""
    roster_jobs.cancel_job(asked.session, asked.world, id, asked.officer.account_id)
    return _said(_job(asked.session, asked, id))


@serves(Call("GET", "/roster-template.xlsx", "The empty sheet", {200: XLSX}, roles=OFFICERS, tag="rosters"))
def roster_template(_asked: Asked) -> File:
    """GET /roster-template.xlsx."""
    return File(template_workbook(), XLSX, "template.xlsx")


def sheet_of_batch(asked: Asked, batch_id: uuid.UUID) -> File:
    """The sheet of a roster that was sent in, the rows asked for. Raises as `kept_roster`."""
    batch = desk.batch_of(asked.session, asked.officer, batch_id)
    header, rows = issuance.kept_roster(asked.session, batch.batch_id, asked.officer)
    only = _only(asked)
    kept = ((row.cells, row.shown, row.words, row.codes) for row in rows if only is None or row.shown in only)
    return File(membership.kept_rows_workbook(header, kept, in_readers_language), XLSX, "result.xlsx")


def _worked_on(asked: Asked, job_id: uuid.UUID, *, small: bool) -> Then:
    if not small:
        jobs.hand_over(asked.session, job_id)

    def work() -> None:
        if small:
            jobs.run_roster_job(job_id)

    return Then(work, lambda session: _said(_job(session, asked, job_id)))


def _job(session: Session, asked: Asked, job_id: uuid.UUID) -> RosterJobView:
    return roster_jobs.job_of(session, current_world(), job_id, asked.officer.account_id)


_OVERTAKEN = frozenset({"application_open", "union_closed", "job_failed"})


def _not_refused(job: RosterJobView) -> RosterJobView:
    """The file, which was to be sent in; raises what was found against it, so that nobody takes it for sent."""
    if job.state is RosterJobState.CHECKED and job.error:
        refusal = Conflict if job.error in _OVERTAKEN else InvalidInput
        raise refusal(job.error, job.error_words or "没有提交，请再试一次。")
    return job


def _said(job: RosterJobView) -> dict[str, Any]:
    report = job.report and {
        **{name: job.report.get(name, 0) for name in ("valid", "warning", "declined", "invalid")},
        "rows": job.report.get("all", 0),
        "codes": [
            {"code": code, "severity": severity, "count": count} for code, severity, count in job.report["codes"]
        ],
    }
    return {**vars(job), "report": report}


def _only(asked: Asked) -> frozenset[RowStatus] | None:
    return frozenset({RowStatus.INVALID}) if asked.query["rows"] == "invalid" else None
