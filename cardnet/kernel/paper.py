"""What printed papers have in common: colours, lines that fit, eighths of a sheet, the steps of a poster. Pure."""

import io
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import lru_cache
from typing import TypeVar

from reportlab.lib.colors import HexColor
from reportlab.lib.pagesizes import A4
from reportlab.lib.units import mm
from reportlab.pdfgen.canvas import Canvas

from cardnet.kernel import fonts

RED, INK, SOFT, LINE, WHITE = (
    HexColor(colour) for colour in ("#B3262E", "#1B1F24", "#5B6470", "#C9CFD6", "#FFFFFF")
)  # fmt: skip

_ACROSS, _DOWN = 2, 4
EIGHTH_WIDE, EIGHTH_HIGH = A4[0] / _ACROSS, A4[1] / _DOWN
"""An eighth of A4 is A7: what fits into a hand and a window envelope."""

_NEVER_FIRST = frozenset("，。、：；！？）》”’")
"""Marks that do not begin a line (GB/T 15834)."""

Item = TypeVar("Item")


def eighths(title: str, items: Iterable[Item], draw: Callable[[Canvas, Item], None]) -> bytes:
    """One PDF of eight slips to an A4 sheet, to be cut along its halves and quarters, in the order given.

    `draw` has its eighth before it, the origin at its lower left. The same items give the same bytes.
    """
    buffer = io.BytesIO()
    canvas = Canvas(buffer, pagesize=A4, pageCompression=1, invariant=1)
    canvas.setTitle(title)
    for number, item in enumerate(items):
        place = number % (_ACROSS * _DOWN)
        if place == 0:
            if number:
                canvas.showPage()
            _draw_cuts(canvas)
        row, column = divmod(place, _ACROSS)
        canvas.saveState()
        canvas.translate(column * EIGHTH_WIDE, A4[1] - (row + 1) * EIGHTH_HIGH)
        draw(canvas, item)
        canvas.restoreState()
    canvas.save()
    return buffer.getvalue()


def _draw_cuts(canvas: Canvas) -> None:
    canvas.setStrokeColor(LINE)
    canvas.setLineWidth(0.4)
    canvas.setDash(2, 3)
    canvas.line(EIGHTH_WIDE, 0, EIGHTH_WIDE, A4[1])
    for row in range(1, _DOWN):
        canvas.line(0, row * EIGHTH_HIGH, A4[0], row * EIGHTH_HIGH)
    canvas.setDash()


def fitting(text: str, largest: float, width: float) -> float:
    """The type size, at most `largest`, at which a line is no wider than `width`."""
    needed = fonts.width(text, largest)
    return largest if needed <= width else largest * width / needed


def centred(canvas: Canvas, base: float, text: str, size: float, width: float) -> None:
    """One line in the middle of an A4 page, smaller where it would be wider than `width`."""
    size = fitting(text, size, width)
    fonts.draw(canvas, (A4[0] - fonts.width(text, size)) / 2, base, text, size)


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


def _pieces(text: str) -> Iterator[str]:
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


def draw_steps(canvas: Canvas, steps: Sequence[tuple[str, str]], top: float) -> None:
    """Numbered steps of a poster, each a word and what it means, the first one's line at `top`."""
    for number, (word, more) in enumerate(steps):
        base = top - 22 * mm * number
        canvas.setFillColor(RED)
        canvas.circle(38 * mm, base + 2.6 * mm, 6 * mm, stroke=0, fill=1)
        canvas.setFillColor(WHITE)
        digit = str(number + 1)
        fonts.draw(canvas, 38 * mm - fonts.width(digit, 18) / 2, base + 0.2 * mm, digit, 18)
        canvas.setFillColor(INK)
        fonts.draw(canvas, 52 * mm, base + 1.6 * mm, word, 19)
        canvas.setFillColor(SOFT)
        fonts.draw(canvas, 52 * mm, base - 5.4 * mm, more, 12)


def draw_masthead(canvas: Canvas, title: str, size: float, below: str) -> None:
    """The red head of a poster: what it is about, and whose it is."""
    wide, high = A4
    canvas.setFillColor(RED)
    canvas.rect(0, high - 62 * mm, wide, 62 * mm, stroke=0, fill=1)
    canvas.setFillColor(WHITE)
    centred(canvas, high - 30 * mm, title, size, wide - 30 * mm)
    centred(canvas, high - 48 * mm, below, 17, wide - 30 * mm)
