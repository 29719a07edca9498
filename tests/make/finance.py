"""Lines of both sides for reconciliation, as the tests of finance need them."""

import itertools
import uuid
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date, datetime

import pyarrow as pa

from cardnet.access.services import principal_of_username
from cardnet.benefits import services as benefits
from cardnet.benefits.services import Purchase, Redeem
from cardnet.credential import store
from cardnet.credential.verify import VerifyContext, verify
from cardnet.finance.closing import close_until
from cardnet.finance.matching import OURS, THEIRS
from cardnet.finance.services import Settle, settle
from cardnet.kernel.db import transaction
from cardnet.kernel.world import World
from cardnet.merchants.rules import Venue
from tests.make.redemptions import make_shop

EPOCH = date(1970, 1, 1)
DAY = date(2026, 11, 21)


def day_no(day: date) -> int:
    return (day - EPOCH).days


def ours(*lines: dict) -> pa.Table:
    """Lines of ours: `{"id": "a", "fen": 600}` is a capture of 6.00 on the 21st under reference R-a."""
    return _table(OURS, [_our(no, **line) for no, line in enumerate(lines)])


def theirs(*lines: dict) -> pa.Table:
    """Lines of theirs: `{"ref": "R-a", "fen": 600}`."""
    return _table(THEIRS, [_their(no, **line) for no, line in enumerate(lines)])


def _our(
    no,
    id,  # noqa: A002 - the words of the lines these stand for
    fen=600,
    type="capture",  # noqa: A002
    day=DAY,
    at=None,
    terminal="T01",
    ref=None,
    original=None,
    gross=10_000,
    discount=1_400,
    within=True,
    foreign=False,
    paired=None,
):
    at = day_no(day) * 86_400 + no * 1_000 if at is None else at
    ref = f"R-{id}" if ref is None else ref
    return (
        no,
        id,
        original,
        ref or None,
        type,
        day_no(day),
        at,
        terminal,
        fen,
        discount,
        discount + fen,
        gross,
        within,
        foreign,
        None if paired is None else day_no(paired),
    )


def _their(no, fen=600, ref=None, id=None, type="capture", day=DAY, at=None, terminal=None, within=True):  # noqa: A002
    return (no, id, ref, type, None if day is None else day_no(day), at, terminal, fen, within)


def _table(schema: pa.Schema, rows: list[tuple]) -> pa.Table:
    columns = list(zip(*rows, strict=True)) if rows else [[] for _ in schema.names]
    return pa.table(
        [pa.array(column, field.type) for column, field in zip(columns, schema, strict=True)], schema=schema
    )


@dataclass
class OpenShop:
    """M1001 at work on a database that commits: every call is a transaction of its own."""

    world: World
    phones: list
    venue: Venue
    actor_id: uuid.UUID
    _refs: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    def in_world(self, world: World) -> "OpenShop":
        """The same shop, in a copy of its database and at another time."""
        return OpenShop(world, self.phones, self.venue, self.actor_id)

    def act(self, use_case):
        with transaction() as session:
            return use_case(session)

    def redeem(self, member: int, amount_fen: int = 38_000, ref: str | None = None):
        """A health check of one member: 100 yuan from the union, never above the price."""
        phone = self.phones[member]
        ref = ref or f"R-{next(self._refs):04d}"
        with transaction() as session:
            code = phone.code(self.world)
            pack = store.trust_pack(session, self.world.now())
            judged = verify(code, pack, None, self.world.now(), VerifyContext())
            purchase = Purchase(amount_fen, "health_check")
            record = benefits.redeem(session, self.world, Redeem(self.venue, code, judged, purchase, ref))
        assert record.outcome == "captured", record
        return record

    def settle(self, day: date, everyone: bool = True):
        close_until(day, None)
        return self.act(lambda session: settle(session, self.world, Settle(day, everyone=everyone)))


def open_shop(world: World, people: int = 3) -> OpenShop:
    """Members with phones, the health check in force, one till; all committed."""
    with transaction() as session:
        shop = make_shop(session, world, people, max_n=1_000)
        officer = principal_of_username(session, "author")
    return OpenShop(world, shop.phones, shop.tills["T01"].venue, officer.account_id)


def sales(shop: OpenShop, clock, moments: Iterable[datetime], fen: int = 600) -> list[str]:
    """One sale at each moment, all of it borne by the union; gives the shop's numbers. The clock stays at the last."""
    refs = []
    for moment in moments:
        clock.set(moment)
        refs.append(f"S-{next(shop._refs):04d}")
        shop.redeem(len(refs) % len(shop.phones), fen, refs[-1])
    return refs


def statement_csv(lines: list[tuple], encoding: str = "utf-8-sig") -> bytes:
    """A merchant's file as a till exports it: reference, day, amount in yuan."""
    rows = [("商户单号", "业务日期", "金额（元）"), *lines]
    return "".join(",".join(str(cell) for cell in row) + "\r\n" for row in rows).encode(encoding)
