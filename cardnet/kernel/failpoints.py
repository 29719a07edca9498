"""Named places where a process dies on purpose (SIGKILL), for tests of what is left then.

`CARDNET_FAILPOINT=after_commit` dies the first time it gets there, `after_commit:20` the twentieth. Without the
variable nothing of this is imported by the code it is about: the places are wrapped by name when the app is made
(`install`), so the hot path knows nothing of them.
"""

import importlib
import os
import signal
from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import Any, Literal

VARIABLE = "CARDNET_FAILPOINT"


@dataclass(frozen=True)
class Place:
    """A function by the name under which its callers look it up: `module:attribute` or `module:Class.attribute`.

    Death comes before it is called or after it returned.
    """

    target: str
    when: Literal["before", "after"] = "after"


_EDGE, _KEYS = "cardnet.merchant_api.routes.edge", "cardnet.merchant_api.services"
_BENEFITS, _KERNEL = "cardnet.benefits.services", "cardnet.kernel"
_ACTS = ("holds", "undo", "expiry")


def _in_acts(name: str, *more: str) -> tuple[Place, ...]:
    return tuple(Place(f"{_BENEFITS}.{module}:{name}") for module in (*_ACTS, *more))


POINTS: dict[str, tuple[Place, ...]] = {
    # A call comes in.
    "request_received": (Place(f"{_EDGE}:caller", "before"),),
    "caller_known": (Place(f"{_EDGE}:caller"),),
    "request_read": (Place(f"{_EDGE}:load"),),
    "key_taken": (Place(f"{_KEYS}.keys:_taken"), Place(f"{_KEYS}.keys:_free")),
    # It is decided and written.
    "facts_read": (Place(f"{_BENEFITS}.redeem:read_facts"),),
    "decided": (Place("cardnet.benefits.rules:decide"),),
    "written": (
        Place(f"{_BENEFITS}.writes:write_at_once"),
        Place(f"{_BENEFITS}.writes:write_with_commit"),
        Place(f"{_BENEFITS}.advice_losses:_write_parts"),
    ),
    "locked": (Place(f"{_BENEFITS}.holds:locked"), Place(f"{_BENEFITS}.undo:locked")),
    "counted": _in_acts("change_counters"),
    "announced": _in_acts("announce", "advice_losses"),
    "booked": _in_acts("book"),
    "advice_judged": (Place(f"{_BENEFITS}.advices:judge"), Place(f"{_BENEFITS}.advice_reviews:judge")),
    "advice_kept": (Place(f"{_BENEFITS}.advices:_keep"),),
    "work_done": (Place(f"{_KEYS}:once"), Place(f"{_KEYS}:at_once")),
    # It is committed and answered.
    "before_commit": (Place(f"{_KERNEL}.line_session:LineSession.commit", "before"),),
    "commit_sent": (Place(f"{_KERNEL}.line:Line._wait", "before"),),
    "after_commit": (Place(f"{_KERNEL}.line_session:LineSession.commit"),),
    "answer_made": (Place(f"{_EDGE}:respond"),),
    # The worker: holds that run out, the close of a day, the seal of its settlements, events in order.
    "hold_released": (Place(f"{_BENEFITS}.expiry:expire"),),
    "day_marked": (Place("cardnet.ledger.services:mark_closing"),),
    "day_closed": (Place("cardnet.ledger.services:mark_closed"),),
    "settlement_written": (Place("cardnet.finance.services.settlements:_post", "before"),),
    "settlement_sealed": (Place("cardnet.finance.services.settlements:_seal"),),
    "events_numbered": (Place(f"{_KEYS}.webhooks:number_events"),),
}


def install() -> None:
    """Arm the place the environment names, if it names one. Raises ValueError for a name there is not."""
    if wanted := os.environ.get(VARIABLE):
        arm(wanted)


def arm(wanted: str, die: Callable[[], None] | None = None) -> None:
    """Wrap a place: `name` or `name:times`. From now on this process dies there; `die` does something else instead."""
    name, _, times = wanted.partition(":")
    if name not in POINTS or not (times or "1").isdecimal():
        raise ValueError(f"{VARIABLE}={wanted}: one of {', '.join(POINTS)}, with :N for the Nth time")
    fuse = _Fuse(int(times or 1), die or _die)
    for place in POINTS[name]:
        _wrap(place, fuse, committing=name == "commit_sent")


class _Fuse:
    def __init__(self, left: int, die: Callable[[], None]) -> None:
        self.left, self.die = left, die
        self.committing = False

    def reach(self) -> None:
        self.left -= 1
        if self.left == 0:
            self.die()


def _die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _wrap(place: Place, fuse: _Fuse, *, committing: bool) -> None:
    module, _, path = place.target.partition(":")
    owner: Any = importlib.import_module(module)
    *inner, attribute = path.split(".")
    for name in inner:
        owner = getattr(owner, name)
    original = getattr(owner, attribute)

    @wraps(original)
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        if place.when == "before" and (not committing or fuse.committing):
            fuse.reach()
        answer = original(*args, **kwargs)
        if place.when == "after":
            fuse.reach()
        return answer

    setattr(owner, attribute, wrapped)
    if committing:
        _watch_flights(owner, fuse)


def _watch_flights(line: Any, fuse: _Fuse) -> None:
    """A flight that commits has been sent whole when its first answer is waited for; only then is it `commit_sent`."""
    fly = line._fly

    @wraps(fly)
    def watched(self: Any, flight: Any) -> Any:
        fuse.committing = any(sent.statement.text == b"commit" or not self.begins for sent in flight)
        try:
            return fly(self, flight)
        finally:
            fuse.committing = False

    line._fly = watched
