"""Paper slips of notices: eight to an A4 sheet, cut along its halves and quarters. Pure."""

import io
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from functools import lru_cache

from reportlab.lib.colors import HexColor
from reportlab.lib.pagesizes import A4
from reportlab.lib.units import mm
from reportlab.pdfgen.canvas import Canvas

from cardnet.kernel import fonts

_RED, _INK, _SOFT, _LINE = (HexColor(colour) for colour in ("#B3262E", "#1B1F24", "#5B6470", "#C9CFD6"))
_ACROSS, _DOWN = 2, 4
_WIDE, _HIGH = A4[0] / _ACROSS, A4[1] / _DOWN
_EDGE = 9 * mm
_SIZE, _LEADING = 11, 6.2 * mm
_NEVER_FIRST = frozenset("，。、：；！？）》”’")
"""Marks that do not begin a line (GB/T 15834)."""


@dataclass(frozen=True)
class NoticeSlip:
    """Whose it is, their union, what it says, and the day it was written."""

    name: str
    union_name: str
    words: str
    day: date


def slip_sheets(slips: Iterable[NoticeSlip]) -> bytes:
    """The slips as one PDF, in the order given."""
    buffer = io.BytesIO()
    canvas = Canvas(buffer, pagesize=A4, pageCompression=1, invariant=1)
    canvas.setTitle("通知单")
    for number, slip in enumerate(slips):
        place = number % (_ACROSS * _DOWN)
        if place == 0:
            if number:
                canvas.showPage()
            _draw_cuts(canvas)
        row, column = divmod(place, _ACROSS)
        canvas.saveState()
        canvas.translate(column * _WIDE, A4[1] - (row + 1) * _HIGH)
        _draw(canvas, slip)
        canvas.restoreState()
    canvas.save()
    return buffer.getvalue()


def wrapped(text: str, size: float, width: float) -> list[str]:
    """Lines no wider than `width`; a mark that may not begin a line hangs at the end of the one before.

    A number is not torn apart unless it fills a line by itself.
    """
    lines, line, used = [], "", 0.0
    for piece in _pieces(text):
        wide = _width(piece, size)
        if line and used + wide > width and piece not in _NEVER_FIRST:
            lines.append(line)
            line, used = "", 0.0
        line, used = line + piece, used + wide
    return [*lines, line]


@lru_cache(maxsize=8192)
def _width(piece: str, size: float) -> float:
    return fonts.width(piece, size)


def _pieces(text: str) -> Iterable[str]:
    piece = ""
    for one in text:
        if one.isascii() and one.isalnum() and len(piece) < 30:
            piece += one
            continue
        if piece:
            yield piece
        piece = one if one.isascii() and one.isalnum() else ""
        if not piece:
            yield one
    if piece:
        yield piece


def _draw_cuts(canvas: Canvas) -> None:
    canvas.setStrokeColor(_LINE)
    canvas.setLineWidth(0.4)
    canvas.setDash(2, 3)
    canvas.line(_WIDE, 0, _WIDE, A4[1])
    for row in range(1, _DOWN):
        canvas.line(0, row * _HIGH, A4[0], row * _HIGH)
    canvas.setDash()


def _draw(canvas: Canvas, slip: NoticeSlip) -> None:
    width = _WIDE - 2 * _EDGE
    canvas.setFillColor(_RED)
    fonts.draw(canvas, _EDGE, _HIGH - 13 * mm, "工会通知单", 10)
    canvas.setFillColor(_INK)
    largest = 16.0
    natural = fonts.width(slip.name, largest)
    fonts.draw(canvas, _EDGE, _HIGH - 22 * mm, slip.name, largest if natural <= width else largest * width / natural)
    for number, line in enumerate(wrapped(slip.words, _SIZE, width)[:6]):
        fonts.draw(canvas, _EDGE, _HIGH - 31 * mm - number * _LEADING, line, _SIZE)
    canvas.setFillColor(_SOFT)
    day = f"{slip.day.year}年{slip.day.month}月{slip.day.day}日"
    room = width - fonts.width(day, 8) - 4 * mm
    union = fonts.width(slip.union_name, 8)
    fonts.draw(canvas, _EDGE, 8 * mm, slip.union_name, 8 if union <= room else 8 * room / union)
    fonts.draw(canvas, _WIDE - _EDGE - fonts.width(day, 8), 8 * mm, day, 8)
