"""扫码自填海报 as PDF: one A4 sheet for the wall of a unit, its square leading to the form. Pure."""

import io
from datetime import date

from reportlab.lib.pagesizes import A4
from reportlab.lib.units import mm
from reportlab.pdfgen.canvas import Canvas

from cardnet.issuance.sheets import draw_mask, mask_of
from cardnet.kernel.paper import INK, SOFT, centred, draw_masthead, draw_steps

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
    draw_masthead(canvas, "办工会会员服务卡，扫码自己填", 32, union_name)
    side = 92 * mm
    canvas.setFillColor(INK)
    draw_mask(canvas, mask_of(address, "Q"), (wide - side) / 2, high - 172 * mm, side)
    canvas.setFillColor(SOFT)
    centred(
        canvas,
        high - 183 * mm,
        f"{last_day.year}年{last_day.month}月{last_day.day}日前有效，限本单位职工",
        14,
        wide - 30 * mm,
    )
    draw_steps(canvas, _STEPS, high - 204 * mm)
    centred(canvas, 16 * mm, "办不办由本人决定，不办不影响会籍。不会用手机的，请找本单位工会。", 12, wide - 30 * mm)
    canvas.save()
    return buffer.getvalue()
