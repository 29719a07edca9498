"""While maintenance is on nothing is written: whoever asks is told when to come back, and reads say so too.

Whether it is on is asked of the database every two seconds at most in each process, so a request pays for it once in
a while. When the database cannot be asked, what was known last counts.
"""

from typing import ClassVar

import structlog
from flask import Flask, Response, current_app, request
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from cardnet.kernel import maintenance
from cardnet.kernel.db import aside
from cardnet.kernel.errors import Unavailable
from cardnet.kernel.maintenance import Closed
from cardnet.kernel.world import monotonic_seconds

SECONDS = 2.0
HEADER = "Cardnet-Maintenance"
_KEPT = "cardnet.maintenance"
_READS = frozenset({"GET", "HEAD", "OPTIONS"})
_ALWAYS = frozenset({"auth.enter", "auth.leave", "home.choose_language"})
"""Writes that must go on: signing in to see why, and out again; the choice of a language is a cookie."""


class UnderMaintenance(Unavailable):
    """Nothing was done and nothing is left of it; the same request later."""

    retry_after_seconds: ClassVar[int] = 30


def install(app: Flask) -> None:
    """Turn writes away while it is on; give templates `maintenance` (a `Closed`, or None)."""
    app.before_request(_turn_away)
    app.after_request(_say_so)
    app.context_processor(lambda: {"maintenance": current()})


def current() -> Closed | None:
    """Whether it is on, as this process knows it."""
    kept = current_app.extensions
    known: tuple[float, Closed | None] | None = kept.get(_KEPT)
    at = monotonic_seconds()
    if known is not None and at - known[0] < SECONDS:
        return known[1]
    try:
        with aside() as session:
            found = maintenance.closed(session)
    except (DBAPIError, PoolTimeout) as error:
        structlog.get_logger("cardnet.http").warning("maintenance_unknown", error=type(error).__name__)
        found = known[1] if known else None
    kept[_KEPT] = at, found
    return found


def forget() -> None:
    """Ask again with the next request: whoever turns the switch in this process sees it at once."""
    current_app.extensions.pop(_KEPT, None)


def _turn_away() -> None:
    if request.method in _READS or request.endpoint in _ALWAYS:
        return
    if (closed := current()) is not None:
        about = f"（{closed.message}）" if closed.message else ""
        raise UnderMaintenance(
            "maintenance",
            f"系统维护中，暂时不能办理{about}。请稍后用同一请求再试。",
            {"since": closed.since.isoformat()},
        )


def _say_so(answer: Response) -> Response:
    known: tuple[float, Closed | None] | None = current_app.extensions.get(_KEPT)
    if known is not None and known[1] is not None:
        answer.headers[HEADER] = known[1].since.isoformat()
    return answer
