"""The order of events is settled only when every older transaction of the whole server is over, other tests' too."""

import time

from sqlalchemy import text

from cardnet.kernel.db import transaction


def settle(seconds: float = 60) -> None:
    """Wait until all that is committed now can be numbered: beside us other workers' tests hold transactions open."""
    until, committed = time.monotonic() + seconds, _edge("xmax")
    while _edge("xmin") < committed:
        assert time.monotonic() < until, "somebody holds a transaction open on this server"
        time.sleep(0.02)


def _edge(which: str) -> int:
    with transaction() as session:
        return int(session.scalar(text(f"select pg_snapshot_{which}(pg_current_snapshot())::text")))
