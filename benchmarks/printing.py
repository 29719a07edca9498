"""A year's 30,000 printed cards: indexes, signatures and rows by one service, then their PDF, as `cardnet cards print` does.

The floor is zxing-cpp drawing the same 30,000 codes, nothing else. Both run in one process on one core, a process of
their own, so that its memory is printing's: a district of two cores has the other core left for whoever pays meanwhile.
The ratio is of CPU seconds, which a busy neighbour on the machine cannot spoil; the seconds a clerk waits are reported
beside it. Some of the PDF's codes are read back, or it counts for nothing.
"""

import json
import resource
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Sequence
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import pypdfium2
import zxingcpp
from flask import Flask
from sqlalchemy.orm import Session

from benchmarks.harness import machine, postgres, report
from benchmarks.roster import START, Journey
from cardnet import create_app
from cardnet.access import services as access
from cardnet.config import Settings
from cardnet.issuance import services
from cardnet.issuance.rules import HandoutKind
from cardnet.issuance.services import PrintedCard, desk
from cardnet.issuance.sheets import write_card_sheets
from cardnet.kernel.db import transaction
from cardnet.kernel.world import World, clock_started_at
from cardnet.migrations import schema
from tests.make.year_roster import year_roster

CARDS = 30_000
SECONDS, RATIO, MEMORY_MB = 180.0, 2.0, 400
PAGE_SECONDS = {
    "list": 0.15,
    "list_last_page": 0.15,
    "unsigned": 0.15,
    "inactive": 0.5,
    "figures": 0.5,
    "to_print": 0.5,
}
"""What an officer waits for a page; acts on all 30,000 are reported."""

_READ_BACK = (0, 1_499, 2_999)


def drawing_floor(cards: Sequence[PrintedCard]) -> float:
    """CPU seconds zxing-cpp takes to draw the codes."""
    begun = time.process_time()
    for card in cards:
        code = zxingcpp.create_barcode(card.code_text, zxingcpp.BarcodeFormat.QRCode, ec_level="Q")
        zxingcpp.write_barcode_to_image(code, scale=1, add_quiet_zones=False)
    return time.process_time() - begun


def read_back(path: Path, cards: Sequence[PrintedCard]) -> int:
    """How many codes of three sheets a scanner reads as they were signed."""
    with pypdfium2.PdfDocument(path) as document:
        found = [
            code.text
            for page in _READ_BACK
            for code in zxingcpp.read_barcodes(document[page].render(scale=200 / 72).to_pil())
        ]
    signed = {card.code_text for page in _READ_BACK for card in cards[page * 10 : page * 10 + 10]}
    return len(signed & set(found))


def main() -> int:
    with postgres("printing") as server, TemporaryDirectory() as data:
        url = server.make_database("printing")
        schema.upgrade(url)
        world = clock_started_at(START)
        app = create_app(Settings(data=Path(data), database_url=url, rate_limits=False), world)
        journey = Journey(app, world, year_roster().read_bytes())
        with app.app_context():
            journey.prepare()
            journey.spread()
            batch = journey.submit()
            journey.approve(batch)
            journey.issue(batch)
        child = [sys.executable, "-m", "benchmarks.printing", url, data, str(batch.batch_id)]
        answer = subprocess.run(child, check=True, stdout=subprocess.PIPE, text=True).stdout
        took = json.loads(answer.splitlines()[-1])
        whole, described = took["signing"] + took["drawing"], machine(server)
        report(
            name="printing_30000", value=round(whole, 1), unit="s", reach=SECONDS, floor=round(took["floor"], 1),
            ratio=round(took["cpu"] / took["floor"], 2), reach_ratio=RATIO, cpu=round(took["cpu"], 1), signing=round(took["signing"], 1),
            drawing=round(took["drawing"], 1), pdf_mb=round(took["pdf_mb"], 1), machine=described,
        )  # fmt: skip
        for name, value in took["pages"].items():
            report(
                name=f"cards_{name}_30000", value=round(value, 2), unit="s", reach=PAGE_SECONDS.get(name), floor=None,
                ratio=None, machine=described,
            )  # fmt: skip
        report(
            name="printing_peak_memory", value=round(took["memory_mb"]), unit="MB", reach=MEMORY_MB, floor=None,
            ratio=None, machine=described,
        )  # fmt: skip
    return 0


def measure(url: str, data: str, batch_id: str) -> None:
    """Print the batch, draw the floor, read some back; the figures as one line of JSON."""
    world = clock_started_at(START + timedelta(hours=1))
    app = create_app(Settings(data=Path(data), database_url=url, rate_limits=False), world)
    begun, cpu = time.perf_counter(), time.process_time()
    with app.app_context(), transaction() as session:
        cards = services.print_cards(session, world, services.PrintCards(None, uuid.UUID(batch_id)))
    signed_at = time.perf_counter()
    path = Path(data) / "cards.pdf"
    with path.open("wb") as target:
        write_card_sheets(cards, target)
    drawn_at, cpu = time.perf_counter(), time.process_time() - cpu
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    floor = drawing_floor(cards)
    assert len(cards) == CARDS
    assert read_back(path, cards) == 10 * len(_READ_BACK)
    figures = {
        "signing": signed_at - begun,
        "drawing": drawn_at - signed_at,
        "cpu": cpu,
        "floor": floor,
        "memory_mb": memory,
        "pdf_mb": path.stat().st_size / 2**20,
        "pages": pages(app, world),
    }
    print(json.dumps(figures), flush=True)


def pages(app: Flask, world: World) -> dict[str, float]:
    """Seconds of what a district officer with 30,000 cards opens and presses, each in a transaction of its own."""
    with app.app_context():
        with transaction() as session:
            officer = access.principal_of_username(session, "sender")
        took: dict[str, float] = {}
        handout: list[uuid.UUID] = []

        def timed(name: str, act: Callable[[Session], object]) -> None:
            begun = time.perf_counter()
            with transaction() as session:
                act(session)
            took[name] = time.perf_counter() - begun

        timed("list", lambda session: desk.find_cards(session, officer, desk.CardFilter()))
        timed("list_last_page", lambda session: desk.find_cards(session, officer, desk.CardFilter(), offset=29_950))
        timed("unsigned", lambda session: desk.find_cards(session, officer, desk.CardFilter(unsigned=True)))
        timed("inactive", lambda session: services.inactive_cards(session, world, officer))
        timed("figures", lambda session: services.activation_figures(session, officer))
        timed("to_print", lambda session: services.print_counts(session, world, officer))
        opened = services.OpenHandout(officer, HandoutKind.CARD, "发卡")
        timed("open_handout", lambda session: handout.append(services.open_handout(session, world, opened).id))
        everybody = services.SignAllExcept(officer, handout[0])
        timed("sign_all", lambda session: services.sign_all_except(session, world, everybody))
        return took


if __name__ == "__main__":
    if len(sys.argv) > 1:
        measure(*sys.argv[1:])
        raise SystemExit(0)
    raise SystemExit(main())
