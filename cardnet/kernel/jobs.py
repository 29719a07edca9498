"""Work for later and work by the clock: PostgreSQL itself is the queue (procrastinate).

Packages declare their tasks in a `jobs.py` with `@jobs.task` or `@jobs.periodic`; `cardnet worker` runs them.
Cron lines are UTC: Shanghai's 00:15 is 16:15 of the day before.
"""

import procrastinate

jobs = procrastinate.App(connector=procrastinate.PsycopgConnector())


def run_worker(database_url: str) -> None:
    """Run jobs until the process is told to stop. `database_url` is in libpq's form."""
    with jobs.replace_connector(procrastinate.PsycopgConnector(conninfo=database_url)) as app:
        app.run_worker(concurrency=1)
