"""Printed cards as a PDF: A4 sheets of ten cards of 85.6 × 54 mm, to be cut along the hairlines. Pure.

The code is a QR of level Q, 28 mm wide without its quiet zone, drawn as shapes: it stays sharp on any printer.
"""

import io
import re
from collections.abc import Sequence
from datetime import date
from typing import Any

import zxingcpp
from reportlab.lib.colors import HexColor
from reportlab.lib.pagesizes import A4
from reportlab.lib.units import mm
from reportlab.pdfgen.canvas import Canvas

from cardnet.issuance.services.printing import PrintedCard
from cardnet.kernel import fonts

CARD_WIDTH, CARD_HEIGHT = 85.6 * mm, 54 * mm
COLUMNS, ROWS = 2, 5
QR_SIDE = 28 * mm
"""Without the quiet zone of four modules: at least 25 mm, so that an old till's camera reads it (ISO/IEC 18004)."""

_RED, _INK, _SOFT, _LINE = (HexColor(colour) for colour in ("#B3262E", "#1B1F24", "#5B6470", "#D5DAE0"))
_MARGIN, _BAND = 5 * mm, 11 * mm
_TEXT_WIDTH = CARD_WIDTH - QR_SIDE - 3 * _MARGIN
_TITLE = "工会会员服务卡"
_DARK = re.compile(rb"\0+")
_USE = "出示时请报证件后四位，每天限用一次。"
_LOST = "遗失请告知所在工会，旧卡即停用。"


def card_sheets(cards: Sequence[PrintedCard]) -> bytes:
    """The PDF, in the order of `cards`. The same cards give the same bytes."""
    buffer = io.BytesIO()
    canvas = Canvas(buffer, pagesize=A4, pageCompression=1, invariant=1)
    canvas.setTitle(_TITLE)
    left = (A4[0] - COLUMNS * CARD_WIDTH) / 2
    top = (A4[1] + ROWS * CARD_HEIGHT) / 2
    for number, card in enumerate(cards):
        place = number % (COLUMNS * ROWS)
        if number and place == 0:
            canvas.showPage()
        row, column = divmod(place, COLUMNS)
        canvas.saveState()
        canvas.translate(left + column * CARD_WIDTH, top - (row + 1) * CARD_HEIGHT)
        _draw_card(canvas, card)
        canvas.restoreState()
    canvas.save()
    return buffer.getvalue()


def grouped(number: str) -> str:
    """`8123 4567 89012`, as the wallet shows it."""
    return f"{number[:4]} {number[4:8]} {number[8:]}"


def _draw_card(canvas: Canvas, card: PrintedCard) -> None:
    canvas.setFillColor(_RED)
    canvas.rect(0, CARD_HEIGHT - _BAND, CARD_WIDTH, _BAND, stroke=0, fill=1)
    canvas.setFillColor(HexColor("#FFFFFF"))
    fonts.draw(canvas, _MARGIN, CARD_HEIGHT - _BAND + 3.8 * mm, _TITLE, 11)
    _draw_words(canvas, card)
    canvas.setFillColor(_INK)
    side = CARD_WIDTH - _MARGIN - QR_SIDE
    _draw_code(canvas, card.code_text, side, 9.5 * mm)
    canvas.setFillColor(_SOFT)
    until = f"此码用至 {card.code_until.isoformat()}"
    fonts.draw(canvas, side + (QR_SIDE - fonts.width(until, 6)) / 2, 4.6 * mm, until, 6)
    # Last, so that the cut can be seen over the band.
    canvas.setStrokeColor(_LINE)
    canvas.setLineWidth(0.3)
    canvas.rect(0, 0, CARD_WIDTH, CARD_HEIGHT, stroke=1, fill=0)


def _draw_words(canvas: Canvas, card: PrintedCard) -> None:
    canvas.setFillColor(_INK)
    fonts.draw(canvas, _MARGIN, 34 * mm, card.name, _size_for(card.name, 16))
    canvas.setFillColor(_SOFT)
    for line, base in zip(_two_lines(card.union_name, 7.5), (29 * mm, 25.6 * mm), strict=False):
        fonts.draw(canvas, _MARGIN, base, line, min(7.5, _size_for(line, 7.5)))
    canvas.setFillColor(_INK)
    fonts.draw(canvas, _MARGIN, 17.4 * mm, grouped(card.number), 12)
    fonts.draw(canvas, _MARGIN, 12.6 * mm, f"有效期至 {_in_words(card.valid_to)}", 7.5)
    canvas.setFillColor(_SOFT)
    fonts.draw(canvas, _MARGIN, 7.4 * mm, _USE, 6)
    fonts.draw(canvas, _MARGIN, 4.6 * mm, _LOST, 6)


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


def _draw_code(canvas: Canvas, code_text: str, x: float, y: float) -> None:
    code = zxingcpp.create_barcode(code_text, zxingcpp.BarcodeFormat.QRCode, ec_level="Q")
    picture: Any = zxingcpp.write_barcode_to_image(code, scale=1, add_quiet_zones=False)
    size, light = picture.shape[0], memoryview(picture).tobytes()
    # Dark modules side by side are one shape.
    shapes = [
        f"{dark.start()} {size - row} {dark.end() - dark.start()} 1 re"
        for row in range(1, size + 1)
        for dark in _DARK.finditer(light[(row - 1) * size : row * size])
    ]
    canvas.saveState()
    canvas.translate(x, y)
    canvas.scale(QR_SIDE / size, QR_SIDE / size)
    path = canvas.beginPath()
    # The operators of `path.rect` in one piece: seven hundred calls a card would be minutes more for 30,000.
    path._code_append(" ".join(shapes))
    canvas.drawPath(path, stroke=0, fill=1)
    canvas.restoreState()
