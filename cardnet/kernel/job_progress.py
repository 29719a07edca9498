"""How far a long piece of work is: one row beside it, written in transactions of its own and so seen before the end.

Whoever works tells it and hears from it whether to stop; whoever watches reads it; the round of every minute finds
by it what nobody is at work on any more. It belongs to whatever job has its id, and goes with it.
"""

import uuid
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Select, delete, select, text, update
from sqlalchemy.orm import Mapped, Session, mapped_column

from cardnet.kernel.db import Base
from cardnet.kernel.progress import JobCancelled
from cardnet.kernel.world import World

MOST_ATTEMPTS = 5
"""A job that ended its worker so often is given up."""
_QUIET = timedelta(seconds=30)
"""Who has told nothing for so long is not at work any more."""


class JobProgress(Base):
    """How far one job is. No foreign key: the jobs are of several tables, and their rows are locked by who works."""

    __tablename__ = "job_progress"

    job_id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    stage: Mapped[str]
    done: Mapped[int]
    total: Mapped[int]
    attempts: Mapped[int] = mapped_column(server_default="0")
    cancel_asked: Mapped[bool] = mapped_column(server_default=text("false"))
    told_at: Mapped[datetime]


@dataclass(frozen=True)
class HowFar:
    """What was told last; `at_work` when that was a moment ago."""

    stage: str
    done: int
    total: int
    at_work: bool
    cancel_asked: bool


def open_progress(session: Session, world: World, job_id: uuid.UUID) -> None:
    """A new job waits for somebody to work on it."""
    session.add(JobProgress(job_id=job_id, stage="waiting", done=0, total=0, told_at=world.now()))
    session.flush()


def begin_anew(session: Session, world: World, job_id: uuid.UUID) -> None:
    """The next piece of work on the same job waits; its attempts are counted from the start."""
    _set(session, world, job_id, stage="waiting", done=0, total=0, attempts=0, cancel_asked=False)


def ask_to_stop(session: Session, world: World, job_id: uuid.UUID) -> None:
    """Whoever works on it hears so between two pieces."""
    _set(session, world, job_id, cancel_asked=True)


def count_attempt(session: Session, world: World, job_id: uuid.UUID) -> int | None:
    """One more try; returns how many that makes, None when the job is gone."""
    return session.scalar(
        update(JobProgress)
        .where(JobProgress.job_id == job_id)
        .values(attempts=JobProgress.attempts + 1, told_at=world.now())
        .returning(JobProgress.attempts)
    )


def tell_progress(session: Session, world: World, job_id: uuid.UUID, stage: str, done: int, total: int) -> None:
    """Say how far the work is. Raises JobCancelled when somebody asked for it to stop."""
    asked = session.scalar(
        update(JobProgress)
        .where(JobProgress.job_id == job_id)
        .values(stage=stage, done=done, total=total, told_at=world.now())
        .returning(JobProgress.cancel_asked)
    )
    if asked:
        raise JobCancelled


def how_far(session: Session, world: World, job_id: uuid.UUID) -> HowFar:
    """What whoever watches is shown."""
    told = session.get_one(JobProgress, job_id, populate_existing=True)
    at_work = world.now() - told.told_at < _QUIET
    return HowFar(told.stage, told.done, told.total, at_work, told.cancel_asked)


def quiet_jobs(world: World) -> Select[uuid.UUID]:
    """The ids of jobs nobody has told anything of for a while, to be narrowed to those that are not finished."""
    return select(JobProgress.job_id).where(JobProgress.told_at < world.now() - _QUIET)


def forget_progress(session: Session, job_ids: Collection[uuid.UUID]) -> None:
    """The jobs are gone."""
    session.execute(delete(JobProgress).where(JobProgress.job_id.in_(job_ids)))


def _set(session: Session, world: World, job_id: uuid.UUID, **values: object) -> None:
    session.execute(update(JobProgress).where(JobProgress.job_id == job_id).values(told_at=world.now(), **values))
