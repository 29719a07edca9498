"""Papers of the demonstration as if they had been scanned: a heading, what was decided, the seals; each says what it is."""

import io
from dataclasses import dataclass
from datetime import date
from typing import Any

from reportlab.lib.pagesizes import A4
from reportlab.lib.units import mm
from reportlab.pdfgen.canvas import Canvas

from cardnet.kernel import fonts
from cardnet.kernel.paper import INK, RED, SOFT, centred, wrapped

_SEALS_AT = {1: (125 * mm,), 2: (45 * mm, 115 * mm)}


@dataclass(frozen=True)
class Paper:
    """One sheet. A document of an office has its `letterhead` in red; the day stands under the first seal."""

    number: str
    title: str
    paragraphs: tuple[str, ...]
    seals: tuple[str, ...]
    day: date
    letterhead: str = ""


def scanned(paper: Paper) -> bytes:
    """The paper as a PDF. The same paper gives the same bytes."""
    buffer = io.BytesIO()
    canvas = Canvas(buffer, pagesize=A4, pageCompression=1, invariant=1)
    canvas.setTitle(paper.number)
    base = A4[1] - 45 * mm
    for words, size, colour, below in _heads(paper):
        canvas.setFillColor(colour)
        centred(canvas, base, words, size, A4[0] - 40 * mm)
        base -= below * mm
    for paragraph in paper.paragraphs:
        for line in wrapped(paragraph, 13, A4[0] - 60 * mm):
            fonts.draw(canvas, 30 * mm, base, line, 13)
            base -= 9 * mm
        base -= 3 * mm
    places = _SEALS_AT[len(paper.seals)]
    canvas.setFillColor(RED)
    for at, seal in zip(places, paper.seals, strict=True):
        fonts.draw(canvas, at, 70 * mm, seal, 13)
    canvas.setFillColor(SOFT)
    fonts.draw(canvas, places[0], 60 * mm, f"{paper.day.year} 年 {paper.day.month} 月 {paper.day.day} 日", 11)
    centred(canvas, 20 * mm, "演示数据，云间区为虚构", 10, A4[0])
    canvas.save()
    return buffer.getvalue()


def _heads(paper: Paper) -> tuple[tuple[str, int, Any, int], ...]:
    """What stands above the paragraphs: words, size, colour, millimetres to what comes below."""
    if paper.letterhead:
        return (paper.letterhead, 26, RED, 13), (paper.number, 12, INK, 20), (paper.title, 17, INK, 20)
    return (paper.title, 24, INK, 11), (paper.number, 12, INK, 22)
