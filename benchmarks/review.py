"""Review at 30,000 open rows before one district: its pages, and ten thousand rows approved in one action.

The pages are asked for as a browser would, through the whole app, signed in; the floor of a page is the same page
with one hundred rows before another desk. The floor of the approval is a bare COPY of ten thousand rows.
"""

import statistics
import time
import uuid
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

from flask.testing import FlaskClient
from python_calamine import CalamineWorkbook

from benchmarks.harness import machine, postgres, report
from benchmarks.roster import Journey, copy_floor
from cardnet import create_app
from cardnet.access import services as access
from cardnet.access.rules import Principal
from cardnet.config import Settings
from cardnet.issuance import services
from cardnet.issuance.rules import Verdict
from cardnet.kernel.db import transaction
from cardnet.kernel.world import clock_started_at
from cardnet.membership.rules import Tier
from cardnet.migrations import schema
from tests.make.year_roster import year_roster

START = datetime(2026, 11, 21, 2, 0, tzinfo=UTC)
PAGE_MS, APPROVE_SECONDS = 150, 5.0
TIMES, MANY = 15, 10_000


def main() -> int:
    path = year_roster()
    sheet = CalamineWorkbook.from_path(str(path)).get_sheet_by_index(0).to_python()
    rows = [[str(cell) for cell in row] for row in sheet[1 : MANY + 1]]
    with postgres("review") as server, TemporaryDirectory() as data:
        url = server.make_database("review")
        schema.upgrade(url)
        floor = copy_floor(url, rows)
        world = clock_started_at(START)
        app = create_app(Settings(data=Path(data), database_url=url, rate_limits=False), world)
        journey = Journey(app, world, path.read_bytes())
        with app.app_context():
            batch = _before_the_district(journey)
            district = journey.officers[f"o-{journey.root.code.lower()}"]
            small = next(one for one in journey.unions if one.tier is Tier.UNIT)
            unit = journey.officers[f"o-{small.code.lower()}"]
            pages = {
                "list": "/console/review",
                "last_page": "/console/review?page=300",
                "batch": f"/console/batches/{batch}?show=mine",
                "inbox": "/console",
            }
            big, little = _signed_in(journey, district), _signed_in(journey, unit)
        described = machine(server)
        for name, address in pages.items():
            took, bare = _milliseconds(big, address), _milliseconds(little, address)
            report(
                name=f"review_{name}_30000", value=round(took, 1), unit="ms", reach=PAGE_MS, floor=round(bare, 1),
                ratio=round(took / bare, 2), machine=described,
            )  # fmt: skip
        with app.app_context():
            seconds = _approve(journey, batch, district)
        report(
            name="review_approve_10000", value=round(seconds, 2), unit="s", reach=APPROVE_SECONDS,
            floor=round(floor, 3), ratio=round(seconds / floor, 1), machine=described,
        )  # fmt: skip
    return 0


def _before_the_district(journey: Journey) -> uuid.UUID:
    """Everybody below has approved; thirty thousand rows stand before one desk, and nobody has seen them yet."""
    journey.prepare()
    journey.spread()
    receipt = journey.submit()
    for tier in (Tier.UNIT, Tier.TOWNSHIP):
        for union in journey.unions:
            if union.tier is tier:
                officer = journey.officers[f"o-{union.code.lower()}"]
                with transaction() as session:
                    services.review(session, journey.world, services.Review(receipt.batch_id, officer, Verdict.APPROVE))
    return receipt.batch_id


def _signed_in(journey: Journey, officer: Principal) -> FlaskClient:
    client = journey.app.test_client()
    with transaction() as session:
        token = access.open_staff_session(session, journey.world, officer.account_id).token
    with client.session_transaction() as cookie:
        cookie["staff"] = token
    return client


def _milliseconds(client: FlaskClient, address: str) -> float:
    """The median of some requests, after two that warm what production keeps warm."""
    took = []
    for number in range(TIMES + 2):
        begun = time.perf_counter()
        answer = client.get(address)
        seconds = time.perf_counter() - begun
        assert answer.status_code == 200, (address, answer.status_code)
        if number >= 2:
            took.append(1_000 * seconds)
    return statistics.median(took)


def _approve(journey: Journey, batch: uuid.UUID, officer: Principal) -> float:
    chosen = tuple(range(1, MANY + 1))
    begun = time.perf_counter()
    with transaction() as session:
        command = services.Review(batch, officer, Verdict.APPROVE, chosen)
        assert services.review(session, journey.world, command).rows == MANY
    return time.perf_counter() - begun


if __name__ == "__main__":
    raise SystemExit(main())
