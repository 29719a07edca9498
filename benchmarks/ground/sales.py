"""A union with members and tills, and what its tills send: the ground of every benchmark of the merchant API."""

import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from itertools import cycle

from sqlalchemy.orm import Session

from benchmarks.ground.members import Holder, make_members
from benchmarks.harness import postgres, request_bytes
from cardnet import create_app
from cardnet.config import Settings
from cardnet.kernel.db import transaction
from cardnet.kernel.postgres import EmbeddedServer
from cardnet.kernel.world import World, system_world
from cardnet.migrations import schema
from tests.make.merchants import Till

CODES_A_SECOND = 600
"""Codes prepared for each second of a round; a machine that needs more ends its round early."""


@dataclass
class Ground:
    """A database that is ready for sales. Each member of `holders` shows one code, once."""

    server: EmbeddedServer
    env: dict[str, str]
    holders: list[Holder]
    tills: Sequence[Till]
    world: World

    def requests(
        self,
        port: int,
        count: int,
        seconds: float,
        *,
        path: str = "/merchant/v1/redemptions",
        rich: bool = False,
        tills: Sequence[Till] | None = None,
    ) -> list[bytes]:
        """One sale of each of the next `count` members, at one of `tills` after the other.

        Codes are dated across the round, so that each is a few seconds old when it is shown.
        """
        chosen, self.holders = self.holders[:count], self.holders[count:]
        found = []
        for number, (holder, till) in enumerate(zip(chosen, cycle(tills or self.tills), strict=False)):
            shown_at = self.world.now() + timedelta(seconds=seconds * number / max(1, count))
            purchase: dict[str, object] = {"amount_fen": 38_000, "service_code": "health_check"}
            if rich:
                purchase["lines"] = [{"line_no": 1, "amount_fen": 38_000, "category": "health"}]
            body: dict[str, object] = {"code": holder.code(shown_at, self.world), "purchase": purchase}
            headers = dict(till.headers)
            if path.endswith("/redemptions"):
                body |= {"merchant_ref": f"R-{uuid.uuid4().hex[:12]}", "capture": True}
                headers["Idempotency-Key"] = uuid.uuid4().hex
            found.append(request_bytes(port, path, body, headers))
        return found


@contextmanager
def ground(name: str, members: int, offers: Callable[[Session, World], Sequence[Till]]) -> Iterator[Ground]:
    """A server of its own with `members` active cards, and the tills that `offers` makes."""
    world = system_world()
    with postgres(name) as server:
        url = server.make_database("cardnet")
        schema.upgrade(url)
        data = server.folder / "app"
        with create_app(Settings(data=data, database_url=url, rate_limits=False)).app_context():
            with transaction() as session:
                holders = make_members(session, world, members)
            with transaction() as session:
                tills = offers(session, world)
        env = {"CARDNET_DATABASE_URL": url, "CARDNET_DATA": str(data), "CARDNET_RATE_LIMITS": "off"}
        yield Ground(server, env, holders, tills, world)


def mostly(first: Till, others: Sequence[Till], share: int) -> list[Till]:
    """A hundred tills in a mixed order: `share` times the first, the others in turn for the rest."""
    rest = iter(cycle(others))
    return [first if number * share // 100 < (number + 1) * share // 100 else next(rest) for number in range(100)]
