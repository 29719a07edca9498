"""A card used faster than anybody shops, or at two places between which nobody travels so quickly. Pure.

What is left of a relayed code or a copied card after everything that the code itself proves: the use looks good, the
number and the places of the uses do not. No store has coordinates here: how soon somebody can be at another store is a
setting of the district.
"""

import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple


@dataclass(frozen=True)
class Pace:
    """What is too fast: the use that makes `uses` within `within`, or one at another store less than `travel` after the last."""

    uses: int
    within: timedelta
    travel: timedelta

    @property
    def look_back(self) -> timedelta:
        """How far before a use others matter to it."""
        return max(self.within, self.travel)


class Use(NamedTuple):
    """One use of a card: when, which, at which store. `told` is a till's own time of it, which may be minutes off."""

    at: datetime
    id: uuid.UUID
    store_id: uuid.UUID
    told: bool = False


def too_fast(uses: Iterable[Use], pace: Pace, since: datetime) -> list[uuid.UUID]:
    """The uses from `since` on that no honest holder makes; of a whole rush the one that makes it one.

    `uses` are those of one card, all of them from `since` less `pace.look_back` on.
    """
    ordered = sorted(uses)
    found = []
    first = 0
    before: Use | None = None
    for place, use in enumerate(ordered):
        while use.at - ordered[first].at >= pace.within:
            first += 1
        rushed = place - first + 1 == pace.uses
        flown = (
            before is not None and not use.told and before.store_id != use.store_id and use.at - before.at < pace.travel
        )
        before = before if use.told else use
        if use.at >= since and (rushed or flown):
            found.append(use.id)
    return found
