"""Files taken in beside the request: kept sealed, worked on in one transaction, told how far, stopped on request.

A package says how files of a kind are taken in (`@takes_in("register")`, in its `jobs.py`); whoever finds a job does
that under the lock of its row. Killed in the middle nothing of it remains, and whoever finds it next does it again.
What was found is sealed with the rest: a finding may quote what stands in the file.
"""

import enum
import hashlib
import json
import uuid
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import CheckConstraint, Index, delete, select
from sqlalchemy.orm import Mapped, Session, mapped_column, undefer

from cardnet.kernel import job_progress
from cardnet.kernel.db import Base
from cardnet.kernel.errors import CardnetError, NotFound
from cardnet.kernel.job_progress import HowFar
from cardnet.kernel.progress import Progress
from cardnet.kernel.taken_in import Found, TakenIn
from cardnet.kernel.vault import vault_of
from cardnet.kernel.world import World

CONTENT_FIELD, OUTCOME_FIELD = "file_job.content", "file_job.outcome"
KEPT = timedelta(days=3)
"""The outcome waits over a weekend for its officer."""
MOST_FINDINGS = 5_000
"""More are counted and not kept: whoever has mended these sends the file again."""


class FileJobState(enum.StrEnum):
    """`waiting → done`, or it failed or was cancelled; then nothing of the file was taken in."""

    WAITING = "waiting"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


class FileJob(Base):
    """One file on its way in. The content is gone as soon as the work on it has ended, however it ended."""

    __tablename__ = "file_job"
    __table_args__ = (
        CheckConstraint("state in ('cancelled', 'done', 'failed', 'waiting')", name="state"),
        CheckConstraint("(content is not null) = (state = 'waiting')", name="content"),
        CheckConstraint("(outcome is not null) = (state = 'done')", name="outcome"),
        # The button pressed twice is one file.
        Index(
            "uq_file_job_waiting",
            "officer_id",
            "kind",
            "content_sha256",
            unique=True,
            postgresql_where="state = 'waiting'",
        ),
        Index(None, "officer_id", "asked_at"),
        Index(None, "expires_at"),
    )

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    kind: Mapped[str]
    officer_id: Mapped[uuid.UUID]
    filename: Mapped[str]
    options: Mapped[dict[str, Any]]
    content: Mapped[bytes | None] = mapped_column(deferred=True, deferred_raiseload=True)
    content_sha256: Mapped[bytes]
    state: Mapped[str]
    error: Mapped[str | None]
    error_words: Mapped[str | None]
    outcome: Mapped[bytes | None]
    asked_at: Mapped[datetime]
    expires_at: Mapped[datetime]


@dataclass(frozen=True)
class FileAtWork:
    """What the work is about; `options` are what the officer chose beside the file."""

    job_id: uuid.UUID
    content: bytes = field(repr=False)
    filename: str
    officer_id: uuid.UUID
    options: Mapping[str, str]


TakeIn = Callable[[Session, World, FileAtWork, Progress], TakenIn]
_KINDS: dict[str, TakeIn] = {}


def takes_in(kind: str) -> Callable[[TakeIn], TakeIn]:
    """Files of this kind are taken in by the function below."""

    def known(work: TakeIn) -> TakeIn:
        _KINDS[kind] = work
        return work

    return known


@dataclass(frozen=True)
class OpenFileJob:
    """An officer hands in a file of a kind."""

    kind: str
    content: bytes = field(repr=False)
    filename: str
    officer_id: uuid.UUID
    options: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class FileJobView:
    """One file on its way; `taken_in` once it is done, `error_words` when it failed."""

    id: uuid.UUID
    kind: str
    filename: str
    state: FileJobState
    progress: HowFar
    percent: int
    error_words: str | None
    taken_in: TakenIn | None


def open_file_job(session: Session, world: World, command: OpenFileJob) -> uuid.UUID:
    """Keep a file, sealed, to be taken in. The same bytes that still wait are one job."""
    sha256 = hashlib.sha256(command.content).digest()
    waiting = session.scalar(
        select(FileJob.id).where(
            FileJob.officer_id == command.officer_id,
            FileJob.kind == command.kind,
            FileJob.content_sha256 == sha256,
            FileJob.state == FileJobState.WAITING,
        )
    )
    if waiting:
        return waiting
    at = world.now()
    job = FileJob(
        id=world.new_id(),
        kind=command.kind,
        officer_id=command.officer_id,
        filename="".join(filter(str.isprintable, command.filename))[:200],
        options=dict(command.options),
        content=vault_of(session).seal(CONTENT_FIELD, command.content),
        content_sha256=sha256,
        state=FileJobState.WAITING,
        asked_at=at,
        expires_at=at + KEPT,
    )
    session.add(job)
    session.flush()
    job_progress.open_progress(session, world, job.id)
    return job.id


def work_on_job(session: Session, world: World, job_id: uuid.UUID, progress: Progress) -> FileJobState | None:
    """Take the file in; returns its state afterwards, None when somebody else is at it or it is not waiting.

    What is wrong with the file is the job's state and no error. Raises JobCancelled when `progress` does.
    """
    job = session.scalar(
        _waiting(job_id).options(undefer(FileJob.content)).with_for_update(skip_locked=True, key_share=True)
    )
    if job is None or job.content is None:
        return None
    content = vault_of(session).open_bytes(CONTENT_FIELD, job.content)
    at_work = FileAtWork(job.id, content, job.filename, job.officer_id, job.options)
    try:
        with session.begin_nested():
            done = _KINDS[job.kind](session, world, at_work, progress)
    except CardnetError as error:
        _end(session, job, FileJobState.FAILED, error.code, error.message)
    else:
        kept = TakenIn(
            done.counts, done.findings[:MOST_FINDINGS], done.notices, max(0, len(done.findings) - MOST_FINDINGS)
        )
        job.outcome = vault_of(session).seal(OUTCOME_FIELD, json.dumps(asdict(kept), ensure_ascii=False))
        _end(session, job, FileJobState.DONE)
    return FileJobState(job.state)


def cancel_job(session: Session, world: World, job_id: uuid.UUID, officer_id: uuid.UUID) -> None:
    """Ask the work to stop: not begun yet, it stops now; at work, between two pieces; done, nothing changes.

    Raises NotFound("upload_unknown").
    """
    _own(session, world, job_id, officer_id)
    job_progress.ask_to_stop(session, world, job_id)
    idle = session.scalar(
        _waiting(job_id).with_for_update(skip_locked=True, key_share=True).execution_options(populate_existing=True)
    )
    if idle:
        _end(session, idle, FileJobState.CANCELLED)


def job_stopped(session: Session, job_id: uuid.UUID) -> None:
    """The work was broken off because somebody asked for it: nothing of it remains, and the file says so."""
    if job := session.scalar(_waiting(job_id).with_for_update(key_share=True)):
        _end(session, job, FileJobState.CANCELLED)


def begin_attempt(session: Session, world: World, job_id: uuid.UUID) -> bool:
    """Count one more try; False when it was tried too often, and then the file says that it failed."""
    tries = job_progress.count_attempt(session, world, job_id)
    if tries is None or tries <= job_progress.MOST_ATTEMPTS:
        return tries is not None
    if job := session.scalar(_waiting(job_id).with_for_update(skip_locked=True, key_share=True)):
        words = "试了几次都没有办成，没有留下任何内容：请稍后再传一次，仍不行请联系管理员。"
        _end(session, job, FileJobState.FAILED, "job_failed", words)
    return False


def unfinished_jobs(session: Session, world: World) -> list[uuid.UUID]:
    """Files somebody should be at work on and nobody is: a worker was killed, or none took them."""
    return list(
        session.scalars(
            select(FileJob.id)
            .where(FileJob.state == FileJobState.WAITING, FileJob.id.in_(job_progress.quiet_jobs(world)))
            .order_by(FileJob.asked_at)
            .with_for_update(of=FileJob, skip_locked=True, key_share=True)
        )
    )


def forget_old_jobs(session: Session, world: World) -> int:
    """Files whose days are over are gone, with what was found in them; returns how many."""
    gone = session.scalars(delete(FileJob).where(FileJob.expires_at <= world.now()).returning(FileJob.id)).all()
    job_progress.forget_progress(session, gone)
    return len(gone)


def file_job_of(session: Session, world: World, job_id: uuid.UUID, officer_id: uuid.UUID) -> FileJobView:
    """The officer's own file. Raises NotFound("upload_unknown") when there is none or its days are over."""
    job = _own(session, world, job_id, officer_id)
    told, state = job_progress.how_far(session, world, job.id), FileJobState(job.state)
    return FileJobView(
        job.id, job.kind, job.filename, state, told, _percent(state, told), job.error_words,
        _opened(session, job.outcome) if job.outcome else None,
    )  # fmt: skip


# ---- pieces ----

_STAGES = (("read", 20), ("check", 35), ("people", 45), ("write", 45))
"""As long as they take with 30,000 rows; a kind has one of the last two."""


def _percent(state: FileJobState, told: HowFar) -> int:
    if state is not FileJobState.WAITING:
        return 100
    before = 0
    for stage, weight in _STAGES:
        if stage == told.stage:
            return min(99, before + (weight * min(told.done, told.total) // told.total if told.total > 0 else 0))
        before += weight if stage != "people" else 0
    return 0


def _opened(session: Session, sealed: bytes) -> TakenIn:
    said = json.loads(vault_of(session).open(OUTCOME_FIELD, sealed))
    findings = tuple(Found(*found) for found in said["findings"])
    return TakenIn(said["counts"], findings, tuple(said["notices"]), said["more"])


def _end(
    session: Session, job: FileJob, state: FileJobState, error: str | None = None, words: str | None = None
) -> None:
    job.state, job.content, job.error, job.error_words = state, None, error, words
    session.flush()


def _waiting(job_id: uuid.UUID) -> Any:
    return select(FileJob).where(FileJob.id == job_id, FileJob.state == FileJobState.WAITING)


def _own(session: Session, world: World, job_id: uuid.UUID, officer_id: uuid.UUID) -> FileJob:
    job = session.get(FileJob, job_id, populate_existing=True)
    if job is None or job.officer_id != officer_id or job.expires_at <= world.now():
        raise NotFound("upload_unknown", "这次上传已过期，请重新上传。")
    return job
