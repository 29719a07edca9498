"""Chinese type for documents, embedded in what is printed, so that no reader's computer needs a font.

`DroidSansFallbackFull.ttf` is of the Android Open Source Project, © 2006–2010 Google Corp., Apache License 2.0. It has
the unified ideographs and extension A, and no Latin letters: those are Helvetica's, which every PDF reader has.
"""

from functools import cache, lru_cache
from itertools import groupby
from pathlib import Path

from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFont
from reportlab.pdfgen.canvas import Canvas

LATIN, HAN = "Helvetica", "cardnet-han"
MISSING = "〓"
"""The printers' sign for type that is not in the case: an officer writes the character by hand."""

_FILE = Path(__file__).with_name("DroidSansFallbackFull.ttf")


@cache
def _glyphs() -> frozenset[int]:
    """The characters of the Chinese font, which is registered with the first call."""
    font = TTFont(HAN, str(_FILE))
    pdfmetrics.registerFont(font)
    return frozenset(font.face.charToGlyph)


def missing(text: str) -> str:
    """The characters of `text` that cannot be printed, each once."""
    return "".join(dict.fromkeys(one for one in text if not _is_latin(one) and ord(one) not in _glyphs()))


def runs(text: str) -> list[tuple[str, str]]:
    """`text` as (font, part) from left to right; what no font has stands as `MISSING`."""
    gone = set(missing(text))
    shown = "".join(MISSING if one in gone else one for one in text)
    return [(font, "".join(part)) for font, part in groupby(shown, key=lambda one: LATIN if _is_latin(one) else HAN)]


def width(text: str, size: float) -> float:
    """How wide `text` is in points."""
    return float(sum(pdfmetrics.stringWidth(part, font, size) for font, part in runs(text)))


def draw(canvas: Canvas, x: float, y: float, text: str, size: float) -> None:
    """Write one line from (x, y), its base line."""
    for font, part in runs(text):
        canvas.setFont(font, size)
        canvas.drawString(x, y, part)
        x += pdfmetrics.stringWidth(part, font, size)


@lru_cache(maxsize=4096)
def _is_latin(character: str) -> bool:
    # Windows-1252 is what the standard fonts are written in; the middle dot of names is among it.
    try:
        return bool(character.encode("cp1252")) and character.isprintable()
    except UnicodeEncodeError:
        return False
