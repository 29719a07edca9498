"""A year's 30,000 printed cards: indexes, signatures and rows by one service, then their PDF, as `cardnet cards print` does.

The floor is zxing-cpp drawing the same 30,000 codes, nothing else. Both run in one process on one core; a district of
two cores has the other one left for whoever pays meanwhile. Some of the PDF's codes are read back, or it counts for nothing.
"""

import resource
import time
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import pypdfium2
import zxingcpp

from benchmarks.harness import machine, postgres, report
from benchmarks.roster import ACCEPTANCE, START, Journey
from cardnet import create_app
from cardnet.config import Settings
from cardnet.issuance import services
from cardnet.issuance.services import PrintedCard
from cardnet.issuance.sheets import write_card_sheets
from cardnet.kernel.db import transaction
from cardnet.kernel.world import clock_started_at
from cardnet.migrations import schema

CARDS = 30_000
SECONDS, RATIO, MEMORY_MB = 180.0, 2.0, 400
_READ_BACK = (0, 1_499, 2_999)


def drawing_floor(cards: Sequence[PrintedCard]) -> float:
    """Seconds zxing-cpp takes to draw the codes."""
    begun = time.perf_counter()
    for card in cards:
        code = zxingcpp.create_barcode(card.code_text, zxingcpp.BarcodeFormat.QRCode, ec_level="Q")
        zxingcpp.write_barcode_to_image(code, scale=1, add_quiet_zones=False)
    return time.perf_counter() - begun


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
        journey = Journey(app, world, (ACCEPTANCE / "roster-30000.xlsx").read_bytes())
        with app.app_context():
            journey.prepare()
            journey.spread()
            batch = journey.submit()
            journey.approve(batch)
            journey.issue(batch)
            journey.content = b""
            begun = time.perf_counter()
            with transaction() as session:
                cards = services.print_cards(session, world, services.PrintCards(None, batch.batch_id))
            signing = time.perf_counter() - begun
        path = Path(data) / "cards.pdf"
        drawn_at = time.perf_counter()
        with path.open("wb") as target:
            write_card_sheets(cards, target)
        drawing = time.perf_counter() - drawn_at
        memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        floor = drawing_floor(cards)
        described = machine(server)
        assert len(cards) == CARDS
        assert read_back(path, cards) == 10 * len(_READ_BACK)
        whole = signing + drawing
        report(
            name="printing_30000", value=round(whole, 1), unit="s", reach=SECONDS, floor=round(floor, 1),
            ratio=round(whole / floor, 2), reach_ratio=RATIO, signing=round(signing, 1), drawing=round(drawing, 1),
            pdf_mb=round(path.stat().st_size / 2**20, 1), machine=described,
        )  # fmt: skip
        report(
            name="printing_peak_memory", value=round(memory), unit="MB", reach=MEMORY_MB, floor=None, ratio=None,
            machine=described,
        )  # fmt: skip
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
