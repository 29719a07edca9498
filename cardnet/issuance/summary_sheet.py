"""《办卡汇总审核表》 as a PDF: the list a unit approves by its stamp, with the number and check code on every page. Pure."""

import io
from collections.abc import Sequence
from datetime import datetime

from reportlab.lib.colors import HexColor
from reportlab.lib.pagesizes import A4
from reportlab.lib.units import mm
from reportlab.pdfgen.canvas import Canvas

from cardnet.issuance.rules.unit_approval import words_of
from cardnet.issuance.services.unit_approval import ApprovalList
from cardnet.kernel import fonts, masking
from cardnet.kernel.calendar import local
from cardnet.kernel.paper import fitting
from cardnet.membership.rules import EMPLOYMENT_NAMES, PersonView

_INK, _SOFT, _LINE = (HexColor(colour) for colour in ("#1B1F24", "#5B6470", "#9AA3AD"))
_LEFT, _TOP, _WIDTH = float(18 * mm), float(A4[1] - 18 * mm), float(A4[0] - 36 * mm)
_ROW = float(7.2 * mm)
_FIRST_PAGE, _PAGE = 22, 31
_SIGNING = 52 * mm
_COLUMNS = (("序号", 12), ("表中行", 15), ("姓名", 34), ("证件号码", 46), ("手机号码", 32), ("用工形式", 35))
"""Heading and width in mm; together the width of the page's text."""


def summary_sheet(asked: ApprovalList) -> bytes:
    """The PDF. The same list gives the same bytes. ID and phone numbers are masked: the sheet lies on desks."""
    buffer = io.BytesIO()
    canvas = Canvas(buffer, pagesize=A4, pageCompression=1, invariant=1)
    canvas.setTitle(f"{title_of(asked)} {asked.line.number}")
    pages = _pages(asked.people)
    for number, people in enumerate(pages, start=1):
        y = _head(canvas, asked) if number == 1 else _TOP
        y = _table(canvas, people, y, first=sum(len(page) for page in pages[: number - 1]) + 1)
        if number == len(pages):
            _signing(canvas, asked, y)
        _foot(canvas, asked, number, len(pages))
        canvas.showPage()
    canvas.save()
    return buffer.getvalue()


def title_of(asked: ApprovalList) -> str:
    """办卡汇总审核表, or what it is about where cards are replaced or renewed."""
    return f"{words_of(asked.origin).title}汇总审核表"


def _pages(people: Sequence[tuple[int, PersonView]]) -> list[Sequence[tuple[int, PersonView]]]:
    """The rows page by page; the last page keeps room for the stamp."""
    pages: list[Sequence[tuple[int, PersonView]]] = [people[:_FIRST_PAGE]]
    pages += [people[start : start + _PAGE] for start in range(_FIRST_PAGE, len(people), _PAGE)]
    room = (_FIRST_PAGE if len(pages) == 1 else _PAGE) - len(pages[-1])
    if room * _ROW < _SIGNING - 12 * mm:
        pages.append(())
    return pages


def _head(canvas: Canvas, asked: ApprovalList) -> float:
    line = asked.line
    canvas.setFillColor(_INK)
    title = title_of(asked)
    fonts.draw(canvas, (A4[0] - fonts.width(title, 20)) / 2, _TOP - 6 * mm, title, 20)
    facts = (
        ("单位", line.union.name),
        ("采集表", asked.filename),
        ("人数", f"{line.rows} 人"),
        ("编号", line.number),
        ("校验码", line.check_code),
        ("打印", f"{_in_words(line.made_at)}　经办人 {line.made_by}"),
    )
    y = _TOP - float(18 * mm)
    for label, value in facts:
        canvas.setFillColor(_SOFT)
        fonts.draw(canvas, _LEFT, y, label, 9.5)
        canvas.setFillColor(_INK)
        fonts.draw(canvas, _LEFT + 18 * mm, y, value, fitting(value, 10.5, _WIDTH - 18 * mm))
        y -= float(6 * mm)
    return y


def _table(canvas: Canvas, people: Sequence[tuple[int, PersonView]], y: float, *, first: int) -> float:
    if not people:
        return y
    cells = [tuple(heading for heading, _ in _COLUMNS)]
    cells += [
        (
            str(number), str(row), person.name, masking.id_number_for_office(person.id_number),
            masking.phone_for_office(person.phone) if person.phone else "",
            EMPLOYMENT_NAMES.get(person.employment, "") if person.employment else "",
        )
        for number, (row, person) in enumerate(people, start=first)
    ]  # fmt: skip
    canvas.setStrokeColor(_LINE)
    canvas.setLineWidth(0.4)
    for at, values in enumerate(cells):
        base, x = y - (at + 1) * _ROW, _LEFT
        for (_, width), value in zip(_COLUMNS, values, strict=True):
            canvas.rect(x, base, width * mm, _ROW, stroke=1, fill=0)
            canvas.setFillColor(_SOFT if at == 0 else _INK)
            fonts.draw(canvas, x + 1.6 * mm, base + 2.3 * mm, value, fitting(value, 9.5, width * mm - 3 * mm))
            x += width * mm
    return y - len(cells) * _ROW


def _signing(canvas: Canvas, asked: ApprovalList, y: float) -> None:
    y -= 10 * mm
    canvas.setFillColor(_INK)
    said = f"以上 {asked.line.rows} 人均为本单位工会会员，{words_of(asked.origin).agreement}，信息属实。"
    fonts.draw(canvas, _LEFT, y, said, fitting(said, 10.5, _WIDTH))
    y -= 14 * mm
    fonts.draw(canvas, _LEFT, y, f"工会主席（{asked.line.signer}）签字：", 10.5)
    fonts.draw(canvas, _LEFT + 100 * mm, y, "单位工会（盖章）：", 10.5)
    y -= 12 * mm
    fonts.draw(canvas, _LEFT + 100 * mm, y, "日期：　　　年　　月　　日", 10.5)


def _foot(canvas: Canvas, asked: ApprovalList, number: int, pages: int) -> None:
    canvas.setFillColor(_SOFT)
    left = f"{asked.line.number}　校验码 {asked.line.check_code}"
    fonts.draw(canvas, _LEFT, 11 * mm, left, 8)
    right = f"第 {number} 页，共 {pages} 页"
    fonts.draw(canvas, _LEFT + _WIDTH - fonts.width(right, 8), 11 * mm, right, 8)


def _in_words(at: datetime) -> str:
    on = local(at)
    return f"{on.year}年{on.month}月{on.day}日 {on:%H:%M}"
