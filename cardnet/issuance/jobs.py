"""Tasks of issuance: working on a roster that was handed in.

A small file is worked on at once by whoever serves the page, a large one by the worker; both call `run_roster_job`.
Killed in the middle, nothing of the work remains, and the round of every minute takes the file up again.
"""

import uuid

from sqlalchemy.orm import Session

from cardnet.issuance.services import roster_jobs, self_filled
from cardnet.kernel.db import aside, transaction
from cardnet.kernel.jobs import defer, jobs
from cardnet.kernel.progress import JobCancelled
from cardnet.wiring import current_world

AT_ONCE_BYTES = 192 * 1024
"""Up to about two thousand people a page can wait for."""

_TASK = "work_on_roster"


def hand_over(session: Session, job_id: uuid.UUID) -> None:
    """Let the worker do it, as soon as this transaction has committed."""
    defer(session, _TASK, f"{_TASK}:{job_id}", job_id=str(job_id))


@jobs.task(name=_TASK)
def work_on_roster(job_id: str) -> None:
    """The worker's turn."""
    run_roster_job(uuid.UUID(job_id))


def run_roster_job(job_id: uuid.UUID) -> None:
    """Check or submit, whichever is next; in one transaction, telling beside it how far it is."""
    world = current_world()
    with transaction() as session:
        if not roster_jobs.begin_attempt(session, world, job_id):
            return
    try:
        with transaction() as session:
            roster_jobs.work_on_job(session, world, job_id, lambda *how_far: _tell(job_id, *how_far))
    except JobCancelled:
        with transaction() as session:
            roster_jobs.job_stopped(session, job_id)


def _tell(job_id: uuid.UUID, stage: str, done: int, total: int) -> None:
    with aside() as session:
        roster_jobs.tell_progress(session, current_world(), job_id, stage, done, total)


@jobs.periodic(cron="* * * * *")
@jobs.task(queueing_lock="take_up_rosters")
def take_up_rosters(timestamp: int) -> None:  # noqa: ARG001 - the queue's own clock
    """Files whose worker was killed are put on the queue again."""
    with transaction() as session:
        for job_id in roster_jobs.unfinished_jobs(session, current_world()):
            hand_over(session, job_id)


@jobs.periodic(cron="25 17 * * *")
@jobs.task(queueing_lock="forget_rosters")
def forget_rosters(timestamp: int) -> None:  # noqa: ARG001
    """Files nobody sent in within their days are gone, and entries of posters nobody took over."""
    with transaction() as session:
        roster_jobs.forget_old_jobs(session, current_world())
        self_filled.forget_old_entries(session, current_world())
