"""The stage a demonstration is played on: a step at a fixed moment, in a transaction of its own."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from cardnet.kernel.calendar import SHANGHAI
from cardnet.kernel.db import transaction
from cardnet.kernel.world import World, frozen_world


@dataclass(frozen=True)
class Step:
    """What a step works with."""

    session: Session
    world: World


@contextmanager
def step(moment: str, name: str = "") -> Iterator[Step]:
    """One step at a Shanghai moment such as `2026-03-02 09:00`; its chance depends on moment and name only."""
    world = world_at(moment, name)
    with transaction() as session:
        yield Step(session, world)
        session.flush()


def world_at(moment: str, name: str = "") -> World:
    """The frozen world of a step."""
    at = datetime.fromisoformat(moment).replace(tzinfo=SHANGHAI)
    return frozen_world(at, hashlib.sha256(f"{moment}|{name}".encode()).digest())
