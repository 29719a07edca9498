"""A file on its way: opened, checked, submitted, cancelled; its report, row by row.

The work on a file is one transaction under the lock of its row: killed in the middle it never happened, and whoever
finds it next does it again. Asking it to stop and telling how far it is stand beside that transaction.
"""

import hashlib
import json
import uuid
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import islice
from typing import Any

from sqlalchemy import delete, func, select, update
from sqlalchemy.orm import Session, undefer

from cardnet.access import services as access
from cardnet.access.rules import Principal
from cardnet.issuance.models import RosterJob, RosterJobRow
from cardnet.issuance.rules import RosterMode
from cardnet.issuance.rules.roster_jobs import AFTER_CANCEL, UNFINISHED, RosterJobState, percent_done
from cardnet.issuance.services.bulk import copy_rows
from cardnet.issuance.services.roster import CheckRoster, SubmitRoster, check_roster, plain_filename, submit_roster
from cardnet.issuance.services.roster_check import must_cover
from cardnet.kernel import job_progress, masking
from cardnet.kernel.errors import CardnetError, Conflict, NotAllowed, NotFound
from cardnet.kernel.progress import Progress
from cardnet.kernel.vault import Vault, vault_of
from cardnet.kernel.world import World
from cardnet.membership import services as membership
from cardnet.membership.roster import RUNNING, CheckedRow, Column, FindingCode, RosterCheck, Severity, shown_status

CONTENT_FIELD, WORDS_FIELD = "roster_job.content", "roster_job.words"

KEPT = timedelta(days=3)
"""A file waits over a weekend for its officer; then it is gone."""
_AT_ONCE = 5_000
_WEIGHT = {Severity.ERROR: 0, Severity.WARNING: 1, Severity.NOTE: 2}


@dataclass(frozen=True)
class OpenRosterJob:
    """An officer hands in a file, to be checked for a union."""

    content: bytes = field(repr=False)
    filename: str
    unit_code: str
    officer: Principal


@dataclass(frozen=True)
class AskSubmission:
    """The officer wants the checked file sent in."""

    job_id: uuid.UUID
    officer: Principal
    mode: RosterMode


@dataclass(frozen=True)
class RosterJobView:
    """One file on its way. `report` is what the check found: counts, codes and notices; None before it.

    `at_work` says that somebody told something within the last half minute; `error_words` why it failed.
    """

    id: uuid.UUID
    union_id: uuid.UUID
    unit_code: str
    filename: str
    state: RosterJobState
    stage: str
    done: int
    total: int
    percent: int
    at_work: bool
    cancel_asked: bool
    error: str | None
    error_words: str | None
    report: Mapping[str, Any] | None
    batch_id: uuid.UUID | None
    asked_at: datetime


@dataclass(frozen=True)
class ReportFilter:
    """Which rows of a report: of one status (valid, warning, declined, invalid), with a finding of one code or severity.

    The status `running` are the invalid rows that need no mending.
    """

    status: str | None = None
    code: str | None = None
    severity: str | None = None


@dataclass(frozen=True)
class ReportFinding:
    """One finding as the page shows it."""

    column: str
    code: str
    severity: str
    message: str


@dataclass(frozen=True)
class ReportRow:
    """One row of a report; the ID number is masked."""

    row: int
    line: int
    status: str
    name: str
    id_number: str
    findings: tuple[ReportFinding, ...]

    @property
    def shown(self) -> str:
        """The status as people are told it."""
        return shown_status(self.status, (found.severity for found in self.findings))


def open_roster_job(session: Session, world: World, command: OpenRosterJob) -> uuid.UUID:
    """Keep a file, sealed, to be checked. The same bytes of the same officer that still wait to be checked are one job.

    Raises NotFound("unit_unknown"), NotAllowed("role_missing"), ("out_of_scope").
    """
    unit = membership.union_of_code(session, command.unit_code)
    must_cover(command.officer, unit)
    at = world.now()
    sha256 = hashlib.sha256(command.content).digest()
    waiting = session.scalar(
        select(RosterJob.id).where(
            RosterJob.officer_id == command.officer.account_id,
            RosterJob.union_id == unit.id,
            RosterJob.content_sha256 == sha256,
            RosterJob.state == RosterJobState.WAITING,
            RosterJob.expires_at > at,
        )
    )
    if waiting:
        return waiting
    job = RosterJob(
        id=world.new_id(),
        union_id=unit.id,
        officer_id=command.officer.account_id,
        filename=plain_filename(command.filename),
        content=vault_of(session).seal(CONTENT_FIELD, command.content),
        content_sha256=sha256,
        state=RosterJobState.WAITING,
        asked_at=at,
        expires_at=at + KEPT,
    )
    session.add(job)
    session.flush()
    job_progress.open_progress(session, world, job.id)
    return job.id


def work_on_job(session: Session, world: World, job_id: uuid.UUID, progress: Progress) -> RosterJobState | None:
    """Do what is next for this file; returns its state afterwards, None when somebody else is at it or it is gone.

    What is wrong with the file is the job's state and no error. Raises JobCancelled when `progress` does.
    """
    job = session.scalar(
        select(RosterJob)
        .where(RosterJob.id == job_id, RosterJob.state.in_(UNFINISHED))
        .options(undefer(RosterJob.content))
        # Two workers at one file: the second leaves it to the first.
        .with_for_update(skip_locked=True, key_share=True)
    )
    if job is None or job.content is None:
        return None
    content = vault_of(session).open_bytes(CONTENT_FIELD, job.content)
    try:
        officer = access.principals_of_ids(session, [job.officer_id]).get(job.officer_id)
        if officer is None:
            raise NotAllowed("account_disabled", "上传这份表的账号已停用，请换一个账号重新上传。")
        unit_code = membership.union_of_id(session, job.union_id).code
        with session.begin_nested():
            if job.state == RosterJobState.WAITING:
                _check(session, world, job, CheckRoster(content, job.filename, unit_code, officer), progress)
            else:
                mode = RosterMode(job.mode or RosterMode.VALID_ROWS_ONLY)
                _submit(session, world, job, SubmitRoster(content, job.filename, unit_code, officer, mode), progress)
    except CardnetError as error:
        checking = job.state == RosterJobState.WAITING
        job.state = RosterJobState.FAILED if checking else RosterJobState.CHECKED
        job.error, job.error_words = error.code, error.message
    session.flush()
    return RosterJobState(job.state)


def _check(session: Session, world: World, job: RosterJob, command: CheckRoster, progress: Progress) -> None:
    checked = check_roster(session, world, command, progress)
    session.execute(delete(RosterJobRow).where(RosterJobRow.job_id == job.id))
    _write_report(session, job.id, checked, progress)
    job.report = _summary(checked)
    job.error = job.error_words = None
    job.state = RosterJobState.CHECKED


def _submit(session: Session, world: World, job: RosterJob, command: SubmitRoster, progress: Progress) -> None:
    receipt = submit_roster(session, world, command, progress)
    session.execute(delete(RosterJobRow).where(RosterJobRow.job_id == job.id))
    job.batch_id, job.content = receipt.batch_id, None
    job.error = job.error_words = None
    job.state = RosterJobState.SUBMITTED


def ask_submission(session: Session, world: World, command: AskSubmission) -> None:
    """The checked file is to be sent in; `work_on_job` does it. Raises NotFound("upload_unknown"), Conflict("job_busy")."""
    job = _own(session, world, command.job_id, command.officer.account_id)
    done = session.execute(
        update(RosterJob)
        .where(RosterJob.id == job.id, RosterJob.state == RosterJobState.CHECKED)
        .values(state=RosterJobState.SUBMITTING, mode=str(command.mode), error=None, error_words=None)
        .returning(RosterJob.id)
    ).first()
    if done is None:
        raise Conflict("job_busy", "这份采集表正在检查或提交，请等它办完。", {"state": job.state})
    job_progress.begin_anew(session, world, job.id)


def cancel_job(session: Session, world: World, job_id: uuid.UUID, officer_id: uuid.UUID) -> None:
    """Ask the work on a file to stop. Not begun yet, it stops now; at work, between two pieces; done, nothing changes.

    Raises NotFound("upload_unknown").
    """
    job = _own(session, world, job_id, officer_id)
    job_progress.ask_to_stop(session, world, job.id)
    idle = session.scalar(
        select(RosterJob)
        .where(RosterJob.id == job.id, RosterJob.state.in_(UNFINISHED))
        .with_for_update(skip_locked=True, key_share=True)
        .execution_options(populate_existing=True)
    )
    if idle:
        _stop(session, idle)


def job_stopped(session: Session, job_id: uuid.UUID) -> None:
    """The work was broken off because somebody asked for it: nothing of it remains, and the file says so."""
    job = session.scalar(
        select(RosterJob).where(RosterJob.id == job_id, RosterJob.state.in_(UNFINISHED)).with_for_update(key_share=True)
    )
    if job:
        _stop(session, job)


def _stop(session: Session, job: RosterJob) -> None:
    job.state = AFTER_CANCEL[RosterJobState(job.state)]
    if job.state == RosterJobState.CANCELLED:
        job.content = None
    session.flush()


def begin_attempt(session: Session, world: World, job_id: uuid.UUID) -> bool:
    """Count one more try; False when it was tried too often, and then the file says that it failed."""
    tries = job_progress.count_attempt(session, world, job_id)
    if tries is None or tries <= job_progress.MOST_ATTEMPTS:
        return tries is not None
    job = session.scalar(
        select(RosterJob)
        .where(RosterJob.id == job_id, RosterJob.state.in_(UNFINISHED))
        .with_for_update(skip_locked=True, key_share=True)
    )
    if job:
        checking = job.state == RosterJobState.WAITING
        job.state = RosterJobState.FAILED if checking else RosterJobState.CHECKED
        job.error, job.error_words = (
            "job_failed",
            "试了几次都没有办成，没有留下任何申请：请稍后再传一次，仍不行请联系管理员。",
        )
        session.flush()
    return False


def unfinished_jobs(session: Session, world: World) -> list[uuid.UUID]:
    """Files somebody should be at work on and nobody is: a worker was killed, or none took them."""
    return list(
        session.scalars(
            select(RosterJob.id)
            .where(RosterJob.state.in_(UNFINISHED), RosterJob.id.in_(job_progress.quiet_jobs(world)))
            .order_by(RosterJob.asked_at)
            .with_for_update(of=RosterJob, skip_locked=True, key_share=True)
        )
    )


def forget_old_jobs(session: Session, world: World) -> int:
    """Files whose days are over are gone, with what was found in them; returns how many."""
    gone = session.scalars(delete(RosterJob).where(RosterJob.expires_at <= world.now()).returning(RosterJob.id)).all()
    job_progress.forget_progress(session, gone)
    return len(gone)


# ---- reading ----


def job_of(session: Session, world: World, job_id: uuid.UUID, officer_id: uuid.UUID) -> RosterJobView:
    """The officer's own file. Raises NotFound("upload_unknown") when there is none or its days are over."""
    job = _own(session, world, job_id, officer_id)
    told = job_progress.how_far(session, world, job.id)
    state = RosterJobState(job.state)
    return RosterJobView(
        id=job.id,
        union_id=job.union_id,
        unit_code=membership.union_of_id(session, job.union_id).code,
        filename=job.filename,
        state=state,
        stage=told.stage,
        done=told.done,
        total=told.total,
        percent=percent_done(state, told.stage, told.done, told.total),
        at_work=told.at_work,
        cancel_asked=told.cancel_asked,
        error=job.error,
        error_words=job.error_words,
        report=job.report,
        batch_id=job.batch_id,
        asked_at=job.asked_at,
    )


def content_of_job(session: Session, world: World, job_id: uuid.UUID, officer_id: uuid.UUID) -> bytes:
    """The file as it came. Raises NotFound("upload_unknown"), also once it was submitted."""
    job = _own(session, world, job_id, officer_id)
    sealed = session.scalar(select(RosterJob.content).where(RosterJob.id == job.id))
    if sealed is None:
        raise _unknown()
    return vault_of(session).open_bytes(CONTENT_FIELD, sealed)


def report_rows(
    session: Session, job_id: uuid.UUID, wanted: ReportFilter, limit: int, offset: int
) -> tuple[tuple[ReportRow, ...], int]:
    """One page of a report in the order of the file, and how many rows the filter has."""
    query = select(RosterJobRow).where(RosterJobRow.job_id == job_id)
    if wanted.status == RUNNING:
        query = query.where(RosterJobRow.status == "invalid", ~RosterJobRow.severities.contains(["error"]))
    elif wanted.status:
        query = query.where(RosterJobRow.status == wanted.status)
    if wanted.code:
        query = query.where(RosterJobRow.codes.contains([wanted.code]))
    if wanted.severity:
        query = query.where(RosterJobRow.severities.contains([wanted.severity]))
    total = session.scalar(select(func.count()).select_from(query.subquery())) or 0
    vault = vault_of(session)
    rows = session.scalars(query.order_by(RosterJobRow.row).limit(limit).offset(offset))
    return tuple(_opened(vault, row) for row in rows), total


def _opened(vault: Vault, row: RosterJobRow) -> ReportRow:
    words = json.loads(vault.open(WORDS_FIELD, row.words))
    return ReportRow(
        row.row,
        row.line,
        row.status,
        words["name"],
        words["id_number"],
        tuple(ReportFinding(*found) for found in words["findings"]),
    )


# ---- pieces ----


def _own(session: Session, world: World, job_id: uuid.UUID, officer_id: uuid.UUID) -> RosterJob:
    job = session.get(RosterJob, job_id, populate_existing=True)
    if job is None or job.officer_id != officer_id or job.expires_at <= world.now():
        raise _unknown()
    return job


def _unknown() -> NotFound:
    return NotFound("upload_unknown", "这次上传已过期或已提交，请重新上传采集表。")


def _summary(checked: RosterCheck) -> dict[str, Any]:
    """What the page shows above the rows; no name, no number."""
    codes: Counter[tuple[str, str]] = Counter()
    notes: dict[str, set[str]] = {}
    for row in checked.rows:
        codes.update({(str(found.code), str(row.told_severity(found))) for found in row.findings})
        for found in row.findings:
            if found.severity is Severity.NOTE and found.code is not FindingCode.CONSENT_DECLINED:
                notes.setdefault(str(found.code), set()).add(found.message)
    statuses = Counter(str(row.status) for row in checked.rows)
    return {
        "all": len(checked.rows),
        "valid": checked.valid,
        "warning": statuses["warning"],
        "clean": statuses["valid"],
        "declined": checked.declined,
        "invalid": checked.invalid,
        "running": checked.running,
        "quota_needed": checked.quota_needed,
        "quota_free": checked.quota_free,
        "quota_short": checked.quota_short,
        "notices": list(checked.notices),
        # A note that says the same of many rows is told once.
        "folded": sorted(
            code for code, said in notes.items() if len(said) == 1 and codes[code, str(Severity.NOTE)] > 1
        ),
        "sheet": checked.sheet.table.name,
        "codes": [
            [code, severity, count]
            for (code, severity), count in sorted(
                codes.items(), key=lambda item: (_WEIGHT[Severity(item[0][1])], -item[1], item[0][0])
            )
        ],
    }


_ROW_COLUMNS = {
    "job_id": "uuid",
    "row": "int8",
    "line": "int8",
    "status": "text",
    "codes": "varchar[]",
    "severities": "varchar[]",
    "words": "bytea",
}


def _write_report(session: Session, job_id: uuid.UUID, checked: RosterCheck, progress: Progress) -> None:
    rows = _report_rows(vault_of(session), job_id, checked)
    for done in range(0, len(checked.rows), _AT_ONCE):
        progress("report", done, len(checked.rows))
        copy_rows(session, "roster_job_row", _ROW_COLUMNS, islice(rows, _AT_ONCE))


def _report_rows(vault: Vault, job_id: uuid.UUID, checked: RosterCheck) -> Iterator[Sequence[Any]]:
    sheet = checked.sheet
    for row, typed in zip(checked.rows, sheet.rows, strict=True):
        name = str(sheet.cell(typed, Column.NAME)).strip()[:60]
        number = masking.id_number_for_office(str(sheet.cell(typed, Column.ID_NUMBER)).strip()[:30])
        yield (
            job_id,
            row.row,
            row.line,
            str(row.status),
            sorted({str(found.code) for found in row.findings}),
            sorted({str(row.told_severity(found)) for found in row.findings}),
            vault.seal(WORDS_FIELD, _words(name, number, row)),
        )


def _words(name: str, number: str, row: CheckedRow) -> str:
    # What must be mended comes first; a note never stands above an error.
    findings = sorted(row.findings, key=lambda found: _WEIGHT[row.told_severity(found)])
    told = [[found.column, str(found.code), str(row.told_severity(found)), found.message] for found in findings]
    document = {"name": name, "id_number": number, "findings": told}
    return json.dumps(document, ensure_ascii=False, separators=(",", ":"))
