"""Printed cards as a PDF of real size: A4 sheets of ten with bleed and cut marks, or one card a page. Pure.

The code is a QR of level Q, 28 mm wide without its quiet zone. It is drawn as a mask of 424 dots a side: every module
is eight dots wide, so that one module is one byte of what zxing-cpp draws, no edge is out by more than a hair however
a printer scales it, and 30,000 of them cost little more than their drawing.
"""

import enum
import hashlib
import io
import zlib
from collections.abc import Iterable
from datetime import date
from tempfile import TemporaryFile
from typing import Any, BinaryIO

import zxingcpp
from reportlab import rl_config
from reportlab.lib.colors import HexColor
from reportlab.lib.pagesizes import A4
from reportlab.lib.units import mm
from reportlab.pdfbase.pdfdoc import PDFDictionary, PDFName, PDFStream
from reportlab.pdfgen.canvas import Canvas

from cardnet.issuance.services.printing import PrintedCard
from cardnet.kernel import fonts
from cardnet.kernel.grouping import in_groups

# Streams as bytes, not as ASCII: a fifth less to write, and no reader of PDF 1.2 or later minds.
rl_config.useA85 = 0


class Layout(enum.StrEnum):
    """`sheets`: A4, ten cards to be cut out. `single`: a page is a card, for printers of plastic cards."""

    SHEETS = "sheets"
    SINGLE = "single"


CARD_WIDTH, CARD_HEIGHT = 85.6 * mm, 54 * mm
"""ID-1 of ISO/IEC 7810, as every wallet and card printer has it."""

COLUMNS, ROWS = 2, 5
BLEED = 1.5 * mm
"""So far colour runs over the cut, for no guillotine is exact; two bleeds lie between neighbours."""

QR_SIDE = 28 * mm
"""Without the quiet zone of four modules: at least 25 mm, so that an old till's camera reads it (ISO/IEC 18004)."""

_MARK, _MARK_GAP = 3.5 * mm, 0.5 * mm
_RED, _INK, _SOFT, _WHITE = (HexColor(colour) for colour in ("#B3262E", "#1B1F24", "#5B6470", "#FFFFFF"))
_MARGIN, _BAND = 5 * mm, 11 * mm
_TEXT_WIDTH = CARD_WIDTH - QR_SIDE - 3 * _MARGIN
_TITLE = "工会会员服务卡"
_USE = "出示时请报证件后四位，每天限用一次。"
_LOST = "遗失请告知所在工会，旧卡即停用。"
_FACE = "face"
_DOTS = 8


def card_sheets(cards: Iterable[PrintedCard], layout: Layout = Layout.SHEETS) -> bytes:
    """The PDF, in the order of `cards`. The same cards give the same bytes."""
    buffer = io.BytesIO()
    write_card_sheets(cards, buffer, layout)
    return buffer.getvalue()


def write_card_sheets(cards: Iterable[PrintedCard], target: BinaryIO, layout: Layout = Layout.SHEETS) -> int:
    """Write the PDF to an open file; returns how many cards there were."""
    page = A4 if layout is Layout.SHEETS else (CARD_WIDTH, CARD_HEIGHT)
    canvas = Canvas(target, pagesize=page, pageCompression=1, invariant=1)
    canvas.setTitle(_TITLE)
    _prepare_face(canvas)
    places = _places() if layout is Layout.SHEETS else [(0.0, 0.0)]
    count = 0
    with TemporaryFile() as aside:
        for count, card in enumerate(cards, start=1):
            place = (count - 1) % len(places)
            if place == 0:
                if count > 1:
                    _finish_page(canvas, aside)
                if layout is Layout.SHEETS:
                    _draw_cut_marks(canvas)
                canvas.setFillColor(_INK)
            canvas.saveState()
            canvas.translate(*places[place])
            _draw_card(canvas, card)
            canvas.restoreState()
        if count:
            _finish_page(canvas, aside)
        canvas.save()
    return count


def _finish_page(canvas: Canvas, aside: BinaryIO) -> None:
    """End the page and lay it aside, deflated: 3,000 pages would else wait in memory for the end of the file."""
    canvas.showPage()
    page = canvas._doc.Pages.pages[-1]
    page.Contents = _LaidAside(aside, zlib.compress(page.stream.encode("latin-1")))
    page.stream = None


class _LaidAside(PDFStream):  # type: ignore[misc] # reportlab has no types
    """A page's content in a file of its own until the PDF is written."""

    def __init__(self, aside: BinaryIO, deflated: bytes) -> None:
        self.dictionary, self.filters = PDFDictionary({"Filter": PDFName("FlateDecode")}), ()
        self._aside, self._at, self._size = aside, aside.seek(0, io.SEEK_END), aside.write(deflated)

    @property
    def content(self) -> bytes:
        """Read when the file is written, and asked for once."""
        self._aside.seek(self._at)
        return self._aside.read(self._size)


def _places() -> list[tuple[float, float]]:
    """The lower left corners of the ten cards, from the top left on, with a bleed on every side of each."""
    step_x, step_y = CARD_WIDTH + 2 * BLEED, CARD_HEIGHT + 2 * BLEED
    left = (A4[0] - COLUMNS * step_x) / 2 + BLEED
    bottom = (A4[1] - ROWS * step_y) / 2 + BLEED
    return [
        (left + column * step_x, bottom + row * step_y) for row in reversed(range(ROWS)) for column in range(COLUMNS)
    ]


def _draw_cut_marks(canvas: Canvas) -> None:
    """Where to cut, outside the cards: at both edges of every row and column."""
    places = _places()
    canvas.setStrokeColor(_INK)
    canvas.setLineWidth(0.25)
    near_x, far_x = places[0][0] - BLEED - _MARK_GAP, places[1][0] + CARD_WIDTH + BLEED + _MARK_GAP
    near_y, far_y = places[-1][1] - BLEED - _MARK_GAP, places[0][1] + CARD_HEIGHT + BLEED + _MARK_GAP
    for x in sorted({edge for left, _ in places for edge in (left, left + CARD_WIDTH)}):
        canvas.line(x, near_y - _MARK, x, near_y)
        canvas.line(x, far_y, x, far_y + _MARK)
    for y in sorted({edge for _, bottom in places for edge in (bottom, bottom + CARD_HEIGHT)}):
        canvas.line(near_x - _MARK, y, near_x, y)
        canvas.line(far_x, y, far_x + _MARK, y)


def _prepare_face(canvas: Canvas) -> None:
    """What stands on every card, once in the file. The band runs over the cut."""
    canvas.beginForm(_FACE, -BLEED, -BLEED, CARD_WIDTH + BLEED, CARD_HEIGHT + BLEED)
    canvas.setFillColor(_RED)
    canvas.rect(-BLEED, CARD_HEIGHT - _BAND, CARD_WIDTH + 2 * BLEED, _BAND + BLEED, stroke=0, fill=1)
    canvas.setFillColor(_WHITE)
    fonts.draw(canvas, _MARGIN, CARD_HEIGHT - _BAND + 3.8 * mm, _TITLE, 11)
    canvas.setFillColor(_SOFT)
    fonts.draw(canvas, _MARGIN, 7.4 * mm, _USE, 6)
    fonts.draw(canvas, _MARGIN, 4.6 * mm, _LOST, 6)
    canvas.endForm()


def _draw_card(canvas: Canvas, card: PrintedCard) -> None:
    canvas.doForm(_FACE)
    canvas.doForm(_shared_by_a_unit(canvas, card))
    fonts.draw(canvas, _MARGIN, 34 * mm, card.name, _size_for(card.name, 16))
    fonts.draw(canvas, _MARGIN, 17.4 * mm, in_groups(card.number), 12)
    draw_mask(canvas, mask_of(card.code_text, "Q"), CARD_WIDTH - _MARGIN - QR_SIDE, 9.5 * mm, QR_SIDE)


def _shared_by_a_unit(canvas: Canvas, card: PrintedCard) -> str:
    """Unit and days, which a whole batch of cards has in common: in the file once, however many cards show them."""
    form = f"{card.union_name}|{card.valid_to}|{card.code_until}"
    name = hashlib.sha256(form.encode()).hexdigest()
    if canvas.hasForm(name):
        return name
    canvas.beginForm(name, 0, 0, CARD_WIDTH, CARD_HEIGHT)
    canvas.setFillColor(_INK)
    fonts.draw(canvas, _MARGIN, 12.6 * mm, f"有效期至 {_in_words(card.valid_to)}", 7.5)
    canvas.setFillColor(_SOFT)
    for line, base in zip(_two_lines(card.union_name, 7.5), (29 * mm, 25.6 * mm), strict=False):
        fonts.draw(canvas, _MARGIN, base, line, min(7.5, _size_for(line, 7.5)))
    until = f"此码用至 {card.code_until.isoformat()}"
    side = CARD_WIDTH - _MARGIN - QR_SIDE
    fonts.draw(canvas, side + (QR_SIDE - fonts.width(until, 6)) / 2, 4.6 * mm, until, 6)
    canvas.endForm()
    return name


def _size_for(text: str, largest: float) -> float:
    """The type size at which a line fits beside the code."""
    needed = fonts.width(text, largest)
    return largest if needed <= _TEXT_WIDTH else largest * _TEXT_WIDTH / needed


def _two_lines(text: str, size: float) -> tuple[str, ...]:
    """A long name broken near its middle, where its first part still fits."""
    if fonts.width(text, size) <= _TEXT_WIDTH:
        return (text,)
    half = (len(text) + 1) // 2
    return text[:half], text[half:]


def _in_words(day: date) -> str:
    return f"{day.year}年{day.month}月{day.day}日"


def mask_of(text: str, level: str) -> tuple[int, str]:
    """A QR's dots a side, and its mask: deflated, as hexadecimal, for a picture inside a page's own text."""
    code = zxingcpp.create_barcode(text, zxingcpp.BarcodeFormat.QRCode, ec_level=level)
    picture: Any = zxingcpp.write_barcode_to_image(code, scale=1, add_quiet_zones=False)
    # A byte a module, 0 where it is dark: as eight dots of one bit they are the module, eight times wider.
    modules, light = picture.shape[0], memoryview(picture).tobytes()
    rows = b"".join(light[at : at + modules] * _DOTS for at in range(0, modules * modules, modules))
    return modules * _DOTS, zlib.compress(rows, 1).hex()


def draw_mask(canvas: Canvas, mask: tuple[int, str], x: float, y: float, side: float) -> None:
    """Draw a mask in the colour of the moment, `side` wide and high from its lower left corner."""
    dots, bits = mask
    # A picture in the page's own text: 30,000 objects beside the pages would be the larger part of the file.
    canvas._code.append(
        f"q {side:.3f} 0 0 {side:.3f} {x:.3f} {y:.3f} cm BI /W {dots} /H {dots} /BPC 1 /IM true /I false "
        f"/F [/AHx /Fl] ID {bits}> EI Q"
    )
