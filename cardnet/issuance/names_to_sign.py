"""《办卡确认签名表》（补卡、换卡） as a PDF: the people of the list a chair confirms, each to be ticked and signed. Pure.

It belongs to the 《办卡汇总审核表》 or the link of the same number: whoever holds both sees by the check code in the
footer that they are about the same people.
"""

import io
from collections.abc import Sequence

from reportlab.lib.colors import HexColor
from reportlab.lib.pagesizes import A4
from reportlab.lib.units import mm
from reportlab.pdfgen.canvas import Canvas

from cardnet.issuance.rules.unit_approval import words_of
from cardnet.issuance.services.unit_approval import ApprovalList
from cardnet.kernel import fonts, masking
from cardnet.kernel.paper import fitting
from cardnet.membership.rules import EMPLOYMENT_NAMES, PersonView

_INK, _SOFT, _LINE = (HexColor(colour) for colour in ("#1B1F24", "#5B6470", "#9AA3AD"))
_LEFT, _TOP, _WIDTH = float(15 * mm), float(A4[1] - 16 * mm), float(A4[0] - 30 * mm)
_ROW, _HEADING = float(9.2 * mm), float(8 * mm)
_FIRST_PAGE, _PAGE = 23, 27
_AGREED = "同意"
_COLUMNS = (
    ("序号", 11), ("姓名", 30), ("证件号码", 42), ("用工形式", 27), ("信息无误", 17), (_AGREED, 17), ("本人签名", 36),
)  # fmt: skip
"""Heading and width in mm; together the width of the page's text. What is agreed to is said in the batch's words."""
_TICKED = ("信息无误", _AGREED)


def names_to_sign(asked: ApprovalList) -> bytes:
    """The PDF. The same list gives the same bytes; the rows are those the approval was asked for, in their order."""
    buffer = io.BytesIO()
    canvas = Canvas(buffer, pagesize=A4, pageCompression=1, invariant=1)
    canvas.setTitle(f"{title_of(asked)} {asked.line.number}")
    pages = _pages(asked.people)
    done = 0
    for number, people in enumerate(pages, start=1):
        y = _head(canvas, asked, first=number == 1)
        _table(canvas, asked, people, y, done + 1)
        done += len(people)
        _foot(canvas, asked, number, len(pages))
        canvas.showPage()
    canvas.save()
    return buffer.getvalue()


def title_of(asked: ApprovalList) -> str:
    """办卡确认签名表, or what it is about where cards are replaced or renewed."""
    return f"{words_of(asked.origin).title}确认签名表"


def _pages(people: Sequence[tuple[int, PersonView]]) -> list[Sequence[tuple[int, PersonView]]]:
    rest = people[_FIRST_PAGE:]
    return [people[:_FIRST_PAGE], *(rest[start : start + _PAGE] for start in range(0, len(rest), _PAGE))]


def _head(canvas: Canvas, asked: ApprovalList, *, first: bool) -> float:
    """Title and what it belongs to on the first page, one line on the others; where the table begins."""
    line, title, words = asked.line, title_of(asked), words_of(asked.origin)
    if not first:
        canvas.setFillColor(_SOFT)
        fonts.draw(canvas, _LEFT, _TOP - 2 * mm, f"{title}（续）　{line.union.name}", 9)
        return _TOP - float(5 * mm)
    canvas.setFillColor(_INK)
    fonts.draw(canvas, (A4[0] - fonts.width(title, 18)) / 2, _TOP - 5 * mm, title, 18)
    said = f"{line.union.name}　共 {line.rows} 人　编号 {line.number}"
    fonts.draw(canvas, _LEFT, _TOP - 15 * mm, said, fitting(said, 10.5, _WIDTH))
    canvas.setFillColor(_SOFT)
    how = f"核对本人信息，在“信息无误”和“{words.agreed}”下打勾并签名；{words.left_out}"
    fonts.draw(canvas, _LEFT, _TOP - 21 * mm, how, fitting(how, 9, _WIDTH))
    return _TOP - float(25 * mm)


def _table(canvas: Canvas, asked: ApprovalList, people: Sequence[tuple[int, PersonView]], y: float, first: int) -> None:
    canvas.setStrokeColor(_LINE)
    canvas.setLineWidth(0.4)
    agreed = words_of(asked.origin).agreed
    headings = tuple(agreed if heading == _AGREED else heading for heading, _ in _COLUMNS)
    _row(canvas, y - _HEADING, _HEADING, headings, heading=True)
    y -= _HEADING
    for number, (_, person) in enumerate(people, start=first):
        y -= _ROW
        employment = EMPLOYMENT_NAMES.get(person.employment, "") if person.employment else ""
        cells = (str(number), person.name, masking.id_number_for_office(person.id_number), employment, "", "", "")
        _row(canvas, y, _ROW, cells)


def _row(canvas: Canvas, base: float, height: float, cells: Sequence[str], *, heading: bool = False) -> None:
    x = _LEFT
    for (word, width), value in zip(_COLUMNS, cells, strict=True):
        canvas.rect(x, base, width * mm, height, stroke=1, fill=0)
        if word in _TICKED and not heading:
            side = 4 * mm
            canvas.rect(x + (width * mm - side) / 2, base + (height - side) / 2, side, side, stroke=1, fill=0)
        canvas.setFillColor(_SOFT if heading else _INK)
        size = fitting(value, 9.5, width * mm - 3 * mm)
        fonts.draw(canvas, x + 1.6 * mm, base + height / 2 - 1.2 * mm, value, size)
        x += width * mm


def _foot(canvas: Canvas, asked: ApprovalList, number: int, pages: int) -> None:
    canvas.setFillColor(_SOFT)
    fonts.draw(canvas, _LEFT, 14 * mm, "工会主席签字：　　　　　　　　　　　　日期：　　　年　　月　　日", 9.5)
    fonts.draw(canvas, _LEFT, 8 * mm, f"{asked.line.number}　校验码 {asked.line.check_code}", 8)
    right = f"第 {number} 页，共 {pages} 页"
    fonts.draw(canvas, _LEFT + _WIDTH - fonts.width(right, 8), 8 * mm, right, 8)
