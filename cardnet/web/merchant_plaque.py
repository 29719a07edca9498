"""What stands beside a till, as PDF on A5 or A6: the plaque for members, and the slip a device is paired with. Pure."""

import io
from dataclasses import dataclass, field

from reportlab.lib.pagesizes import A5, A6
from reportlab.lib.units import mm
from reportlab.pdfgen.canvas import Canvas

from cardnet.issuance.sheets import draw_mask, mask_of
from cardnet.kernel import fonts
from cardnet.kernel.paper import INK, RED, SOFT, WHITE, fitting, wrapped

SIZES = {"a5": A5, "a6": A6}


@dataclass(frozen=True)
class Plaque:
    """One page: a headline, whose shop, a square and what to do with it; `code` is printed large under the square."""

    headline: str
    shop: str
    store: str
    square: str = field(repr=False)
    steps: tuple[str, ...]
    foot: str
    code: str = field(default="", repr=False)


def plaque(what: Plaque, size: str) -> bytes:
    """The page. The same words give the same bytes; A6 is A5 made smaller by half."""
    wide, high = A5
    buffer = io.BytesIO()
    canvas = Canvas(buffer, pagesize=SIZES[size], pageCompression=1, invariant=1)
    canvas.setTitle(what.headline)
    shrink = SIZES[size][0] / wide
    canvas.scale(shrink, shrink)
    canvas.setFillColor(RED)
    canvas.rect(0, high - 42 * mm, wide, 42 * mm, stroke=0, fill=1)
    canvas.setFillColor(WHITE)
    _middle(canvas, high - 19 * mm, what.headline, 24)
    _middle(canvas, high - 32 * mm, f"{what.shop}　{what.store}" if what.store else what.shop, 14)
    side = 74 * mm if what.code else 82 * mm
    top = high - 50 * mm
    canvas.setFillColor(INK)
    draw_mask(canvas, mask_of(what.square, "Q"), (wide - side) / 2, top - side, side)
    base = top - side - (13 if what.code else 11) * mm
    if what.code:
        _middle(canvas, base, what.code, 26)
        base -= 10 * mm
    for number, step in enumerate(what.steps, start=1):
        canvas.setFillColor(RED)
        canvas.circle(18 * mm, base + 1.4 * mm, 3.4 * mm, stroke=0, fill=1)
        canvas.setFillColor(WHITE)
        fonts.draw(canvas, 18 * mm - fonts.width(str(number), 10) / 2, base, str(number), 10)
        canvas.setFillColor(INK)
        for line in wrapped(step, 12.5, wide - 38 * mm):
            fonts.draw(canvas, 25 * mm, base, line, 12.5)
            base -= 6.4 * mm
        base -= 2.6 * mm
    canvas.setFillColor(SOFT)
    _middle(canvas, 8 * mm, what.foot, 9.5)
    canvas.save()
    return buffer.getvalue()


def _middle(canvas: Canvas, base: float, text: str, size: float) -> None:
    size = fitting(text, size, A5[0] - 16 * mm)
    fonts.draw(canvas, (A5[0] - fonts.width(text, size)) / 2, base, text, size)
