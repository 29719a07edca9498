"""扫码自填海报 as PDF: one A4 sheet for the wall of a unit, its square leading to the form. Pure."""

import io
from datetime import date

from reportlab.lib.colors import HexColor
from reportlab.lib.pagesizes import A4
from reportlab.lib.units import mm
from reportlab.pdfgen.canvas import Canvas

from cardnet.issuance.papers import fitting
from cardnet.issuance.sheets import draw_mask, mask_of
from cardnet.kernel import fonts

_RED, _INK, _SOFT, _PAPER = (HexColor(colour) for colour in ("#B3262E", "#1B1F24", "#5B6470", "#FFFFFF"))
_STEPS = (
    ("扫一扫", "微信、支付宝或手机相机都可以"),
    ("填六项，选同意或暂不办", "照着证件填，只用于办理会员服务卡"),
    ("等本单位工会核对", "办好后会通知您激活；填错了再扫一次重填"),
)


def fill_poster(union_name: str, address: str, last_day: date) -> bytes:
    """The poster. The same words give the same bytes."""
    buffer = io.BytesIO()
    canvas = Canvas(buffer, pagesize=A4, pageCompression=1, invariant=1)
    canvas.setTitle("扫码自填海报")
    wide, high = A4
    canvas.setFillColor(_RED)
    canvas.rect(0, high - 62 * mm, wide, 62 * mm, stroke=0, fill=1)
    canvas.setFillColor(_PAPER)
    _centred(canvas, high - 30 * mm, "办工会会员服务卡，扫码自己填", 32)
    _centred(canvas, high - 48 * mm, union_name, 17)
    side = 92 * mm
    canvas.setFillColor(_INK)
    draw_mask(canvas, mask_of(address, "Q"), (wide - side) / 2, high - 172 * mm, side)
    canvas.setFillColor(_SOFT)
    _centred(canvas, high - 183 * mm, f"{last_day.year}年{last_day.month}月{last_day.day}日前有效，限本单位职工", 14)
    for step, (word, more) in enumerate(_STEPS):
        base = high - (204 + 22 * step) * mm
        canvas.setFillColor(_RED)
        canvas.circle(38 * mm, base + 2.6 * mm, 6 * mm, stroke=0, fill=1)
        canvas.setFillColor(_PAPER)
        digit = str(step + 1)
        fonts.draw(canvas, 38 * mm - fonts.width(digit, 18) / 2, base + 0.2 * mm, digit, 18)
        canvas.setFillColor(_INK)
        fonts.draw(canvas, 52 * mm, base + 1.6 * mm, word, 19)
        canvas.setFillColor(_SOFT)
        fonts.draw(canvas, 52 * mm, base - 5.4 * mm, more, 12)
    _centred(canvas, 16 * mm, "办不办由本人决定，不办不影响会籍。不会用手机的，请找本单位工会。", 12)
    canvas.save()
    return buffer.getvalue()


def _centred(canvas: Canvas, base: float, text: str, size: float) -> None:
    size = fitting(text, size, A4[0] - 30 * mm)
    fonts.draw(canvas, (A4[0] - fonts.width(text, size)) / 2, base, text, size)
