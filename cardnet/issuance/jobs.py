"""Tasks of issuance: working on a roster or another file that was handed in.

A small file is worked on at once by whoever serves the page, a large one by the worker; both call the same function.
Killed in the middle, nothing of the work remains, and the round of every minute takes the file up again.
"""

import uuid
from typing import Protocol

from sqlalchemy.orm import Session

from cardnet.issuance import file_kinds  # noqa: F401 - registers and lists of cards are taken in here
from cardnet.issuance.services import roster_jobs, self_filled
from cardnet.kernel import file_jobs
from cardnet.kernel.db import aside, transaction
from cardnet.kernel.job_progress import tell_progress
from cardnet.kernel.jobs import defer, jobs
from cardnet.kernel.progress import JobCancelled, Progress
from cardnet.kernel.world import World
from cardnet.wiring import current_world

AT_ONCE_BYTES = 192 * 1024
"""Up to about two thousand people a page can wait for."""

_ROSTER, _FILE = "work_on_roster", "take_in_file"


def hand_over(session: Session, job_id: uuid.UUID) -> None:
    """Let the worker do it, as soon as this transaction has committed."""
    defer(session, _ROSTER, f"{_ROSTER}:{job_id}", job_id=str(job_id))


def hand_over_file(session: Session, job_id: uuid.UUID) -> None:
    """The same for a file of another kind."""
    defer(session, _FILE, f"{_FILE}:{job_id}", job_id=str(job_id))


@jobs.task(name=_ROSTER)
def work_on_roster(job_id: str) -> None:
    """The worker's turn."""
    run_roster_job(uuid.UUID(job_id))


@jobs.task(name=_FILE)
def take_in_file(job_id: str) -> None:
    """The worker's turn."""
    run_file_job(uuid.UUID(job_id))


def run_roster_job(job_id: uuid.UUID) -> None:
    """Check or submit, whichever is next."""
    _run(roster_jobs, job_id)


def run_file_job(job_id: uuid.UUID) -> None:
    """Take the file in."""
    _run(file_jobs, job_id)


class _Jobs(Protocol):
    """What both sorts of jobs can do."""

    def begin_attempt(self, session: Session, world: World, job_id: uuid.UUID) -> bool: ...

    def work_on_job(self, session: Session, world: World, job_id: uuid.UUID, progress: Progress) -> object: ...

    def job_stopped(self, session: Session, job_id: uuid.UUID) -> None: ...


def _run(of: _Jobs, job_id: uuid.UUID) -> None:
    """The work in one transaction, telling beside it how far it is."""
    world = current_world()
    with transaction() as session:
        if not of.begin_attempt(session, world, job_id):
            return
    try:
        with transaction() as session:
            of.work_on_job(session, world, job_id, lambda *how_far: _tell(job_id, *how_far))
    except JobCancelled:
        with transaction() as session:
            of.job_stopped(session, job_id)


def _tell(job_id: uuid.UUID, stage: str, done: int, total: int) -> None:
    with aside() as session:
        tell_progress(session, current_world(), job_id, stage, done, total)


@jobs.periodic(cron="* * * * *")
@jobs.task(queueing_lock="take_up_rosters")
def take_up_rosters(timestamp: int) -> None:  # noqa: ARG001 - the queue's own clock
    """Files whose worker was killed are put on the queue again."""
    world = current_world()
    with transaction() as session:
        for job_id in roster_jobs.unfinished_jobs(session, world):
            hand_over(session, job_id)
        for job_id in file_jobs.unfinished_jobs(session, world):
            hand_over_file(session, job_id)


@jobs.periodic(cron="25 17 * * *")
@jobs.task(queueing_lock="forget_rosters")
def forget_rosters(timestamp: int) -> None:  # noqa: ARG001
    """Files nobody sent in within their days are gone, and entries of posters nobody took over."""
    with transaction() as session:
        roster_jobs.forget_old_jobs(session, current_world())
        file_jobs.forget_old_jobs(session, current_world())
        self_filled.forget_old_entries(session, current_world())
