"""Paper slips of notices: eight to an A4 sheet, cut along its halves and quarters. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

from reportlab.lib.units import mm
from reportlab.pdfgen.canvas import Canvas

from cardnet.kernel import fonts
from cardnet.kernel.paper import EIGHTH_HIGH, EIGHTH_WIDE, INK, RED, SOFT, eighths, fitting, wrapped

_EDGE = 9 * mm
_SIZE, _LEADING = 11, 6.2 * mm


@dataclass(frozen=True)
class NoticeSlip:
    """Whose it is, their union, what it says, and the day it was written."""

    name: str
    union_name: str
    words: str
    day: date


def slip_sheets(slips: Iterable[NoticeSlip]) -> bytes:
    """The slips as one PDF, in the order given."""
    return eighths("通知单", slips, _draw)


def _draw(canvas: Canvas, slip: NoticeSlip) -> None:
    width = EIGHTH_WIDE - 2 * _EDGE
    canvas.setFillColor(RED)
    fonts.draw(canvas, _EDGE, EIGHTH_HIGH - 13 * mm, "工会通知单", 10)
    canvas.setFillColor(INK)
    fonts.draw(canvas, _EDGE, EIGHTH_HIGH - 22 * mm, slip.name, fitting(slip.name, 16, width))
    for number, line in enumerate(wrapped(slip.words, _SIZE, width)[:6]):
        fonts.draw(canvas, _EDGE, EIGHTH_HIGH - 31 * mm - number * _LEADING, line, _SIZE)
    canvas.setFillColor(SOFT)
    day = f"{slip.day.year}年{slip.day.month}月{slip.day.day}日"
    room = width - fonts.width(day, 8) - 4 * mm
    fonts.draw(canvas, _EDGE, 8 * mm, slip.union_name, fitting(slip.union_name, 8, room))
    fonts.draw(canvas, EIGHTH_WIDE - _EDGE - fonts.width(day, 8), 8 * mm, day, 8)
