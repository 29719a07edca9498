"""Files taken in beside the request: registers, cards from before, uses from before. One page shows how far each is."""

from collections.abc import Mapping

from flask import redirect, render_template, url_for
from flask.typing import ResponseReturnValue

from cardnet.access.rules import Principal
from cardnet.benefits.file_kinds import PAST_USES
from cardnet.issuance import jobs
from cardnet.issuance.file_kinds import CARDS_BEFORE, REGISTER
from cardnet.kernel import file_jobs
from cardnet.kernel.db import transaction
from cardnet.kernel.errors import InvalidInput
from cardnet.kernel.file_jobs import FileJobState, FileJobView, OpenFileJob
from cardnet.web.auth import OFFICERS, staff_page
from cardnet.web.console import blueprint
from cardnet.web.forms import whole_id
from cardnet.web.language import gettext
from cardnet.wiring import current_world

MAX_BYTES = 20 << 20
"""A list of 100,000 people is about 9 MB."""
_SHOWN = 200
_FROM = {REGISTER: "console.register", CARDS_BEFORE: "console.cards_import", PAST_USES: "console.past_uses"}
"""The page each kind of file is handed in at."""


def take_in(
    principal: Principal, kind: str, content: bytes, filename: str, options: Mapping[str, str]
) -> ResponseReturnValue:
    """Keep a file and go to its page: a small one is worked on first, a large one by the worker.

    Raises InvalidInput with what is wrong with a small file, so that its form says it at the field.
    """
    small = len(content) <= jobs.AT_ONCE_BYTES
    with transaction() as session:
        command = OpenFileJob(kind, content, filename, principal.account_id, options)
        job_id = file_jobs.open_file_job(session, current_world(), command)
        if not small:
            jobs.hand_over_file(session, job_id)
    if small:
        jobs.run_file_job(job_id)
        job = _job(principal, str(job_id))
        if job.state is FileJobState.FAILED:
            raise InvalidInput("file_refused", job.error_words or gettext("没有导入，请再试一次。"))
    return redirect(url_for("console.import_state", job_id=job_id), 303)


@blueprint.get("/imports/<job_id>")
@staff_page(*OFFICERS)
def import_state(principal: Principal, job_id: str) -> ResponseReturnValue:
    """How far the work on a file is, or what became of it."""
    job = _job(principal, job_id)
    back = url_for(_FROM[job.kind])
    if job.state is FileJobState.WAITING:
        return render_template("console/import_progress.html", job=job, back=back)
    findings = job.taken_in.findings if job.taken_in else ()
    more = len(findings[_SHOWN:]) + (job.taken_in.more if job.taken_in else 0)
    return render_template("console/import_done.html", job=job, back=back, findings=findings[:_SHOWN], more=more)


@blueprint.get("/imports/<job_id>/progress")
@staff_page(*OFFICERS)
def import_progress(principal: Principal, job_id: str) -> ResponseReturnValue:
    """How far the work is, for the page to show in its place; 204 when it is done and the page is to be opened anew."""
    job = _job(principal, job_id)
    if job.state is not FileJobState.WAITING:
        return "", 204
    return render_template("console/_import_progress.html", job=job), {"Cache-Control": "no-store"}


@blueprint.post("/imports/<job_id>/cancel")
@staff_page(*OFFICERS)
def cancel_import(principal: Principal, job_id: str) -> ResponseReturnValue:
    """Stop the work on a file; nothing of it remains."""
    with transaction() as session:
        file_jobs.cancel_job(session, current_world(), whole_id(job_id), principal.account_id)
    return redirect(url_for("console.import_state", job_id=job_id), 303)


def _job(principal: Principal, job_id: str) -> FileJobView:
    with transaction() as session:
        return file_jobs.file_job_of(session, current_world(), whole_id(job_id), principal.account_id)
