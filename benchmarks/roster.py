"""A year's roster of 30,000: check, submit, three tiers of approval by 621 officers, issue.

Every step goes through the services the command line calls, each command in a transaction of its own, on a durable
PostgreSQL. The floor of every step is a bare COPY of the same 30,000 rows, as texts into a table without an index.
"""

import resource
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import psycopg
from flask import Flask
from python_calamine import CalamineWorkbook
from sqlalchemy import text

from benchmarks.harness import machine, postgres, report
from cardnet import create_app
from cardnet.access import services as access
from cardnet.access.rules import Principal, Role
from cardnet.config import Settings
from cardnet.credential import store
from cardnet.issuance import services
from cardnet.issuance.invariants import INVARIANTS
from cardnet.issuance.rules import Verdict
from cardnet.kernel.calendar import day_of
from cardnet.kernel.db import transaction
from cardnet.kernel.world import World, clock_started_at
from cardnet.membership import services as membership
from cardnet.membership.rules import Tier, UnionNode
from cardnet.migrations import schema
from tests.make.year_roster import ACCEPTANCE, year_roster

START = datetime(2026, 11, 21, 2, 0, tzinfo=UTC)
FIGURES = {"check": 6.0, "submit": 10.0, "approve": 10.0, "issue": 10.0}
"""Seconds to reach (issuance.md), on two cores."""
MEMORY_MB = 400

_ROLE = {Tier.UNIT: Role.UNIT_OFFICER, Tier.TOWNSHIP: Role.TOWNSHIP_OFFICER, Tier.DISTRICT: Role.DISTRICT_OFFICER}


@dataclass
class Journey:
    """From the organisations file to 30,000 cards; `took` has the seconds of each step."""

    app: Flask
    world: World
    content: bytes
    unions: list[UnionNode] = field(default_factory=list)
    officers: dict[str, Principal] = field(default_factory=dict)
    took: dict[str, float] = field(default_factory=dict)

    @property
    def root(self) -> UnionNode:
        return self.unions[0]

    @property
    def year(self) -> int:
        return day_of(self.world.now()).year

    def prepare(self) -> None:
        """Organisations, 621 reviewing officers and one who sends the roster in, and the year's quota."""
        organisations = (ACCEPTANCE / "organisations.csv").read_bytes()
        with transaction() as session:
            store.ensure_keys(session, self.world)
            membership.import_organisations(
                session, self.world, membership.ImportOrganisations(organisations, "organisations.csv")
            )
            self.unions = membership.unions_under(session, "/")
            wanted = [(f"o-{union.code.lower()}", union) for union in self.unions] + [("sender", self.root)]
            access.create_accounts(
                session,
                self.world,
                [
                    access.CreateAccount(
                        name, f"{union.name}经办", frozenset({_ROLE[union.tier]}), union.id, union.path
                    )
                    for name, union in wanted
                ],
            )
            self.officers = {name: access.principal_of_username(session, name) for name, _ in wanted}
        with transaction() as session:
            services.grant_quota(session, self.world, services.GrantQuota(self.year, 30_000, "云工〔2026〕1号"))

    def spread(self) -> None:
        """Hand the quota down: by members, of whom none is on record before the first roster."""
        with transaction() as session:
            services.spread_quota(session, self.world, services.SpreadQuota(self.year))

    def check(self) -> None:
        with self._timed("check"), transaction() as session:
            command = services.CheckRoster(self.content, "roster-30000.xlsx", self.root.code)
            checked = services.check_roster(session, self.world, command)
        assert (len(checked.rows), checked.valid) == (30_000, 30_000)

    def submit(self) -> services.RosterReceipt:
        with self._timed("submit"), transaction() as session:
            return services.submit_roster(
                session,
                self.world,
                services.SubmitRoster(self.content, "roster-30000.xlsx", self.root.code, self.officers["sender"]),
            )

    def approve(self, receipt: services.RosterReceipt) -> int:
        """Each of the 621 officers approves what stands before them; returns how many decisions that were."""
        decided = 0
        with self._timed("approve"):
            for tier in (Tier.UNIT, Tier.TOWNSHIP, Tier.DISTRICT):
                for union in self.unions:
                    if union.tier is tier:
                        officer = self.officers[f"o-{union.code.lower()}"]
                        with transaction() as session:
                            command = services.Review(receipt.batch_id, officer, Verdict.APPROVE)
                            decided += services.review(session, self.world, command).rows
        return decided

    def issue(self, receipt: services.RosterReceipt) -> tuple[services.IssuedCard, ...]:
        officer = self.officers[f"o-{self.root.code.lower()}"]
        with self._timed("issue"), transaction() as session:
            return services.issue_cards(session, self.world, services.IssueCards(receipt.batch_id, officer))

    def breaches(self) -> list[str]:
        """The invariants that do not hold."""
        with transaction() as session:
            return [code for code, (_, sql) in INVARIANTS.items() if session.execute(text(sql)).first()]

    @contextmanager
    def _timed(self, step: str) -> Iterator[None]:
        begun = time.perf_counter()
        yield
        self.took[step] = time.perf_counter() - begun


def copy_floor(url: str, rows: list[list[str]]) -> float:
    """Seconds of a bare COPY of the rows, best of three."""
    columns = ", ".join(f"c{number} text" for number in range(len(rows[0])))
    best = float("inf")
    with psycopg.connect(url) as connection:
        for _ in range(3):
            connection.execute(f"create table bare ({columns})")
            connection.commit()
            begun = time.perf_counter()
            with connection.cursor().copy("copy bare from stdin") as copy:
                for row in rows:
                    copy.write_row(row)
            connection.commit()
            best = min(best, time.perf_counter() - begun)
            connection.execute("drop table bare")
    return best


def main() -> int:
    path = year_roster()
    sheet = CalamineWorkbook.from_path(str(path)).get_sheet_by_index(0).to_python()
    rows = [[str(cell) for cell in row] for row in sheet[1:]]
    del sheet
    with postgres("roster") as server, TemporaryDirectory() as data:
        url = server.make_database("roster")
        schema.upgrade(url)
        floor = copy_floor(url, rows)
        rows.clear()
        world = clock_started_at(START)
        app = create_app(Settings(data=Path(data), database_url=url, rate_limits=False), world)
        journey = Journey(app, world, path.read_bytes())
        with app.app_context():
            _run(journey)
        described = machine(server)
        for step, reach in FIGURES.items():
            report(
                name=f"roster_{step}_30000", value=round(journey.took[step], 2), unit="s", reach=reach,
                floor=round(floor, 3), ratio=round(journey.took[step] / floor, 1), machine=described,
            )  # fmt: skip
        memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        report(name="roster_peak_memory", value=round(memory), unit="MB", reach=MEMORY_MB, floor=None, ratio=None, machine=described)  # fmt: skip
    return 0


def _run(journey: Journey) -> None:
    steps: list[Callable[[], object]] = [journey.prepare, journey.spread, journey.check]
    for step in steps:
        step()
    receipt = journey.submit()
    assert (receipt.submitted, receipt.waitlisted) == (30_000, 0), receipt
    assert journey.approve(receipt) == 90_000
    assert len(journey.issue(receipt)) == 30_000
    assert journey.breaches() == []


if __name__ == "__main__":
    raise SystemExit(main())
