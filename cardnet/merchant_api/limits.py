"""Rate limits of one process: token buckets in memory. Each of several worker processes takes its share of the rate.

Nothing here is exact across processes, and need not be: it keeps one till from using up what all share.
"""

import threading
from collections import OrderedDict
from dataclasses import dataclass
from datetime import datetime
from math import ceil

from cardnet.config import Rate, Settings
from cardnet.kernel.errors import TooManyRequests

_MOST_BUCKETS = 20_000


@dataclass(frozen=True)
class Limits:
    """What one process lets through; None everywhere when the limits are off."""

    terminal: Rate
    merchant: Rate
    undoing: Rate
    address: Rate
    failed_codes: int


class Buckets:
    """A bucket per name: full at first, refilled by the second, emptied by one a call."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._filled: OrderedDict[tuple[str, object], tuple[float, float]] = OrderedDict()

    def take(self, name: tuple[str, object], rate: Rate, at: datetime) -> None:
        """Take one. Raises TooManyRequests("rate_limited") saying when there will be one again."""
        now = at.timestamp()
        with self._lock:
            left, since = self._filled.get(name, (float(rate.burst), now))
            # A clock set back refills nothing.
            left = min(float(rate.burst), left + max(0.0, now - since) * rate.per_second)
            short = left < 1
            self._filled[name] = (left if short else left - 1, max(now, since))
            self._filled.move_to_end(name)
            if len(self._filled) > _MOST_BUCKETS:
                self._filled.popitem(last=False)
        if short:
            wait = max(1, ceil((1 - left) / rate.per_second))
            raise TooManyRequests("rate_limited", f"请求太频繁，请 {wait} 秒后再试。", wait)


@dataclass(frozen=True)
class Gate:
    """The limits and buckets of one app."""

    limits: Limits
    buckets: Buckets

    def admit_caller(self, terminal: object, merchant: object, at: datetime, *, undoing: bool) -> None:
        """A call of a terminal. Undoing and reporting have a bucket of their own, so that they are never held up."""
        if undoing:
            self.buckets.take(("undoing", terminal), self.limits.undoing, at)
            return
        self.buckets.take(("terminal", terminal), self.limits.terminal, at)
        self.buckets.take(("merchant", merchant), self.limits.merchant, at)

    def admit_stranger(self, address: str, at: datetime) -> None:
        """A call of somebody who has not said who they are, or not convincingly."""
        self.buckets.take(("address", address), self.limits.address, at)


def gate_of(settings: Settings) -> Gate | None:
    """The gate of a process with these settings; None when limits are off."""
    if not settings.rate_limits:
        return None
    rates = settings.rates
    usual = rates.terminal, rates.merchant, rates.undoing, rates.address
    terminal, merchant, undoing, address = (rate.share(settings.workers) for rate in usual)
    return Gate(Limits(terminal, merchant, undoing, address, rates.failed_codes), Buckets())
