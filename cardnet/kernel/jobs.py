"""Work for later and work by the clock: PostgreSQL itself is the queue (procrastinate).

Packages declare their tasks in a `jobs.py` with `@jobs.task` or `@jobs.periodic`; `cardnet worker` runs them.
Cron lines are UTC: Shanghai's 00:15 is 16:15 of the day before.

A task may run twice, late, or be killed in the middle: it does its work in one transaction and finds for itself
what is still to be done. What a person watches meanwhile (`kernel.progress`) is told beside that transaction.
"""

from typing import Any

import procrastinate
from procrastinate.connector import BaseConnector
from procrastinate.exceptions import AlreadyEnqueued
from sqlalchemy import text
from sqlalchemy.orm import Session


class _Connector(procrastinate.PsycopgConnector):
    """The worker waits for jobs on connections of its own; whoever defers one gives the connection of a session.

    The library's connector, once open, would defer on that connection as if it were one of its own.
    """

    def get_sync_connector(self) -> BaseConnector:
        """The one that takes the connection it is given; it never opens another."""
        return _DEFERRING


_DEFERRING = procrastinate.SyncPsycopgConnector()

jobs = procrastinate.App(connector=_Connector())

AT_ONCE = 2
"""Tasks a worker runs side by side: a long roster must not keep expired holds waiting."""


def defer(session: Session, task: str, once: str, **arguments: Any) -> bool:
    """Put a task on the queue in the session's own transaction; False when one with the key `once` waits already.

    The job is there when, and only when, the transaction commits.
    """
    try:
        with session.begin_nested():
            driver = session.connection().connection.driver_connection
            jobs.configure_task(task, queueing_lock=once, connection=driver).defer(**arguments)
    except AlreadyEnqueued:
        return False
    return True


def failed_lately(session: Session) -> dict[str, int]:
    """How often which task failed within the last day, by the queue's own clock."""
    rows = session.execute(
        text(
            "select j.task_name, count(*) as times from procrastinate_jobs j join procrastinate_events e on e.job_id = j.id "
            "where j.status = 'failed' and e.type = 'failed' and e.at > now() - interval '1 day' group by 1 order by 1"
        )
    )
    return {row.task_name: row.times for row in rows}


def run_worker(database_url: str, *, wait: bool = True) -> None:
    """Run jobs until the process is told to stop, or, without `wait`, until none is left to do.

    `database_url` is in libpq's form.
    """
    with jobs.replace_connector(_Connector(conninfo=database_url)) as app:
        app.run_worker(concurrency=AT_ONCE, wait=wait, install_signal_handlers=wait)
