"""Papers of the activation kit and of hand-outs as PDF: letters with codes, a unit's poster, a list to sign. Pure."""

import io
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import groupby
from typing import Protocol
from urllib.parse import urlencode

from reportlab.lib.pagesizes import A4
from reportlab.lib.units import mm
from reportlab.pdfgen.canvas import Canvas

from cardnet.issuance.sheets import draw_mask, mask_of
from cardnet.kernel import fonts
from cardnet.kernel.grouping import in_groups
from cardnet.kernel.paper import (
    EIGHTH_HIGH,
    EIGHTH_WIDE,
    INK,
    RED,
    SOFT,
    centred,
    draw_masthead,
    draw_steps,
    eighths,
    fitting,
    wrapped,
)

# ---- letters: eight to a sheet, A7 each ----

_EDGE = 8 * mm
_LETTER_QR = 30 * mm


def wallet_address(site: str, number: str, code: str) -> str:
    """Where the square leads: number and code stand behind `#`, which no browser ever sends to a server."""
    return f"{site.rstrip('/')}/wallet#{urlencode({'n': number, 'c': code})}"


def spaced(code: str) -> str:
    """`ABCD-EFGH`, easier to copy by hand; the wallet takes it with or without the dash."""
    return f"{code[:4]}-{code[4:]}"


class Addressed(Protocol):
    """What a letter says: whose it is, and the number and code nobody else may have."""

    @property
    def number(self) -> str: ...
    @property
    def code(self) -> str: ...
    @property
    def name(self) -> str: ...
    @property
    def union_name(self) -> str: ...


def letter_sheets(letters: Iterable[Addressed], site: str, phone: str) -> bytes:
    """Code letters, eight to an A4 sheet along its halves and quarters, in the order given; `phone` is whom to ask."""
    return eighths("激活单", letters, lambda canvas, letter: _draw_letter(canvas, letter, site, phone))


def _draw_letter(canvas: Canvas, letter: Addressed, site: str, phone: str) -> None:
    text_width = EIGHTH_WIDE - 2 * _EDGE - _LETTER_QR - 4 * mm
    canvas.setFillColor(RED)
    fonts.draw(canvas, _EDGE, EIGHTH_HIGH - 13 * mm, "工会会员服务卡 · 激活单", 10)
    canvas.setFillColor(INK)
    fonts.draw(canvas, _EDGE, EIGHTH_HIGH - 23 * mm, letter.name, fitting(letter.name, 17, text_width))
    canvas.setFillColor(SOFT)
    for line, base in zip(wrapped(letter.union_name, 8, text_width)[:2], (28.5, 32.3), strict=False):
        fonts.draw(canvas, _EDGE, EIGHTH_HIGH - base * mm, line, fitting(line, 8, text_width))
    for label, value, size, base, above in (
        ("卡号", in_groups(letter.number), 11, 41.5, 4.6),
        ("激活码", spaced(letter.code), 15, 53, 5.8),
    ):
        canvas.setFillColor(SOFT)
        fonts.draw(canvas, _EDGE, EIGHTH_HIGH - (base - above) * mm, label, 7)
        canvas.setFillColor(INK)
        fonts.draw(canvas, _EDGE, EIGHTH_HIGH - base * mm, value, size)
    left = EIGHTH_WIDE - _EDGE - _LETTER_QR
    draw_mask(
        canvas, mask_of(wallet_address(site, letter.number, letter.code), "M"), left, EIGHTH_HIGH - 47 * mm, _LETTER_QR
    )
    canvas.setFillColor(SOFT)
    fonts.draw(canvas, left, EIGHTH_HIGH - 51.5 * mm, "用手机扫一扫", 7)
    fonts.draw(canvas, _EDGE, 12 * mm, "扫码后只需输入证件号码后四位。不要把激活码告诉别人。", 7.5)
    fonts.draw(canvas, _EDGE, 8 * mm, f"丢了激活单请找所在工会补打，旧码即作废。咨询 {phone}", 7.5)


# ---- the poster of a unit ----


_STEPS = (
    ("拿出激活单", "单上有卡号和激活码；直接扫单上的码更快"),
    ("输入证件号码后四位", "身份证末位是 X 的，输入 X"),
    ("完成，出示动态码就能用", "没有网络也能出示"),
)


def poster(union_name: str, site: str, phone: str) -> bytes:
    """One A4 sheet for the wall: where to activate, in three steps, and whom to ask. It carries nobody's number or code."""
    buffer = io.BytesIO()
    canvas = Canvas(buffer, pagesize=A4, pageCompression=1, invariant=1)
    canvas.setTitle("激活海报")
    wide, high = A4
    draw_masthead(canvas, "激活您的工会会员服务卡", 34, union_name)
    side = 96 * mm
    canvas.setFillColor(INK)
    draw_mask(canvas, mask_of(f"{site.rstrip('/')}/wallet", "Q"), (wide - side) / 2, high - 176 * mm, side)
    canvas.setFillColor(SOFT)
    centred(canvas, high - 187 * mm, "微信、支付宝或手机相机扫一扫", 14, wide)
    draw_steps(canvas, _STEPS, high - 206 * mm)
    canvas.setFillColor(SOFT)
    centred(canvas, 18 * mm, f"没有激活单或遇到问题，请找本单位工会，或拨打服务热线 {phone}", 12, wide - 20 * mm)
    canvas.save()
    return buffer.getvalue()


# ---- the list to sign ----


@dataclass(frozen=True)
class SignRow:
    """One line of the list: `signed` says how somebody signed before it was printed, else there is room to."""

    union_name: str
    name: str
    document: str
    number: str
    signed: str = ""


@dataclass(frozen=True)
class SignList:
    """What is handed out (`title`), by whose decision, and the day of printing."""

    title: str
    document: str
    on: date


_TABLE_TOP, _ROW, _ROWS_A_PAGE = A4[1] - 44 * mm, 8.6 * mm, 25
_COLUMNS: tuple[tuple[str, float], ...] = (
    ("序号", 12 * mm),
    ("姓名", 34 * mm),
    ("证件号码", 42 * mm),
    ("卡号", 36 * mm),
    ("本人签名", 38 * mm),
    ("日期", 24 * mm),
)
_LEFT = (A4[0] - sum(width for _, width in _COLUMNS)) / 2


def sign_sheets(rows: Sequence[SignRow], about: SignList) -> bytes:
    """发放签领表: every unit begins a page of its own, is counted for itself, and has room for two signatures below."""
    buffer = io.BytesIO()
    canvas = Canvas(buffer, pagesize=A4, pageCompression=1, invariant=1)
    canvas.setTitle("发放签领表")
    for union_name, found in groupby(rows, key=lambda row: row.union_name):
        mine = list(found)
        pages = math.ceil(len(mine) / _ROWS_A_PAGE)
        for page in range(pages):
            part = mine[page * _ROWS_A_PAGE : (page + 1) * _ROWS_A_PAGE]
            _draw_head(canvas, union_name, about, len(mine), page + 1, pages)
            _draw_table(canvas, part, page * _ROWS_A_PAGE + 1)
            canvas.showPage()
    canvas.save()
    return buffer.getvalue()


def _draw_head(canvas: Canvas, union_name: str, about: SignList, people: int, page: int, pages: int) -> None:
    canvas.setFillColor(INK)
    centred(canvas, A4[1] - 20 * mm, "发放签领表", 18, A4[0])
    fonts.draw(canvas, _LEFT, A4[1] - 30 * mm, union_name, fitting(union_name, 11, 120 * mm))
    canvas.setFillColor(SOFT)
    said = f"{about.title}（{about.document}）" if about.document else about.title
    fonts.draw(canvas, _LEFT, A4[1] - 37 * mm, said, fitting(said, 9, 120 * mm))
    for base, words in ((30, f"共 {people} 人，第 {page}／{pages} 页"), (37, f"打印日期 {about.on.isoformat()}")):
        width = fonts.width(words, 9)
        fonts.draw(canvas, A4[0] - _LEFT - width, A4[1] - base * mm, words, 9)
    foot = 17 * mm
    fonts.draw(canvas, _LEFT, foot, "经办人签字：＿＿＿＿＿＿＿＿", 10)
    fonts.draw(canvas, _LEFT + 95 * mm, foot, "日期：＿＿＿＿年＿＿月＿＿日", 10)


def _draw_table(canvas: Canvas, rows: Sequence[SignRow], first: int) -> None:
    canvas.setStrokeColor(SOFT)
    canvas.setLineWidth(0.4)
    right = A4[0] - _LEFT
    bottom = _TABLE_TOP - (len(rows) + 1) * _ROW
    for line in range(len(rows) + 2):
        canvas.line(_LEFT, _TABLE_TOP - line * _ROW, right, _TABLE_TOP - line * _ROW)
    x = _LEFT
    for _, width in (*_COLUMNS, ("", 0)):
        canvas.line(x, _TABLE_TOP, x, bottom)
        x += width
    canvas.setFillColor(SOFT)
    _draw_cells(canvas, [word for word, _ in _COLUMNS], _TABLE_TOP - _ROW, 9)
    canvas.setFillColor(INK)
    for place, row in enumerate(rows):
        number = in_groups(row.number) if row.number else ""
        cells = [str(first + place), row.name, row.document, number, row.signed, ""]
        _draw_cells(canvas, cells, _TABLE_TOP - (place + 2) * _ROW, 10)


def _draw_cells(canvas: Canvas, cells: Sequence[str], bottom: float, size: float) -> None:
    x = _LEFT
    for cell, (_, width) in zip(cells, _COLUMNS, strict=True):
        if cell:
            fonts.draw(canvas, x + 1.6 * mm, bottom + 2.9 * mm, cell, fitting(cell, size, width - 3.2 * mm))
        x += width
