"""The bulletin as a workbook and on paper. Pure: an issue of the bulletin in, bytes out."""

import io
from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

import xlsxwriter
from reportlab.lib.colors import HexColor
from reportlab.lib.pagesizes import A4
from reportlab.lib.units import mm
from reportlab.pdfgen.canvas import Canvas

from cardnet.issuance.services import CardCounts
from cardnet.kernel import calendar, fonts
from cardnet.membership.rules import UnionNode


class BulletinLine(Protocol):
    """One union of a level."""

    @property
    def union(self) -> UnionNode: ...
    @property
    def counts(self) -> CardCounts: ...
    @property
    def used(self) -> int: ...
    @property
    def rank(self) -> int: ...


class BulletinLevel(Protocol):
    """A union and those directly below it."""

    @property
    def union(self) -> UnionNode: ...
    @property
    def total(self) -> CardCounts: ...
    @property
    def used(self) -> int: ...
    @property
    def lines(self) -> Sequence[BulletinLine]: ...


class BulletinIssue(Protocol):
    """What is sent round twice a month."""

    @property
    def year(self) -> int: ...
    @property
    def number(self) -> int: ...
    @property
    def at(self) -> datetime: ...
    @property
    def levels(self) -> Sequence[BulletinLevel]: ...


HEADINGS = (
    "会员", "计划", "采集", "合格", "通过", "发卡", "发放", "激活", "用过", "完成率", "激活率",
)  # fmt: skip
NOTE = "完成率＝发卡÷计划；激活率＝激活÷发放；按完成率排名。采集＝已提交和本人暂不办的人数，补换的卡不重复计算。"


def figures_of(counts: CardCounts, used: int) -> tuple[int, ...]:
    """The counts of one line, in the order of `HEADINGS` without the rates."""
    return (
        counts.members, counts.quota, counts.collected, counts.submitted, counts.approved, counts.issued,
        counts.handed_out, counts.activated, used,
    )  # fmt: skip


def rates_of(counts: CardCounts) -> tuple[float | None, float | None]:
    """Completion and activation; of nothing there is no rate."""
    return (
        counts.issued / counts.quota if counts.quota else None,
        counts.activated / counts.handed_out if counts.handed_out else None,
    )


def title_of(issue: BulletinIssue) -> str:
    """`2026 年第 22 期办卡进度通报`."""
    return f"{issue.year} 年第 {issue.number} 期办卡进度通报"


# ---- workbook ----


def bulletin_workbook(issue: BulletinIssue) -> bytes:
    """The reader's own level first, then every unit in one list to filter, then a sheet for each level below.

    Rates are numbers, names are texts, never formulas.
    """
    content = io.BytesIO()
    options = {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False}
    with xlsxwriter.Workbook(content, options) as book:
        styles = {
            "title": book.add_format({"bold": True, "font_size": 14}),
            "head": book.add_format({"bold": True, "bottom": 1, "align": "center"}),
            "rate": book.add_format({"num_format": "0.0%"}),
            "sum": book.add_format({"bold": True, "top": 1}),
            "sum_rate": book.add_format({"bold": True, "top": 1, "num_format": "0.0%"}),
        }
        names: set[str] = set()
        for number, level in enumerate(issue.levels):
            sheet = book.add_worksheet(_sheet_name(level.union.name, names))
            _fill(sheet, issue, level, styles)
            if not number and len(issue.levels) > 1:
                _fill_all(book.add_worksheet(_sheet_name("全部单位", names)), issue, styles)
    return content.getvalue()


def _fill_all(sheet, issue: BulletinIssue, styles) -> None:  # type: ignore[no-untyped-def]
    """Everybody who has no level of their own, whatever stands above them: six hundred units, filtered by township."""
    levels = {level.union.id for level in issue.levels}
    lines = [(level.union, line) for level in issue.levels for line in level.lines if line.union.id not in levels]
    for column, word in enumerate(("上级工会", "工会编码", "工会", *HEADINGS)):
        sheet.write_string(0, column, word, styles["head"])
    for row, (above, line) in enumerate(lines, start=1):
        sheet.write_string(row, 0, above.name)
        sheet.write_string(row, 1, line.union.code)
        sheet.write_string(row, 2, line.union.name)
        _numbers(sheet, row, line.counts, line.used, None, styles["rate"])
    sheet.autofilter(0, 0, max(1, len(lines)), 2 + len(HEADINGS))
    sheet.set_column(0, 0, 30)
    sheet.set_column(1, 1, 14)
    sheet.set_column(2, 2, 36)
    sheet.freeze_panes(1, 3)


def _fill(sheet, issue: BulletinIssue, level: BulletinLevel, styles) -> None:  # type: ignore[no-untyped-def]
    sheet.write_string(0, 0, f"{level.union.name} {title_of(issue)}", styles["title"])
    sheet.write_string(1, 0, f"截至 {calendar.local(issue.at):%Y-%m-%d %H:%M}")
    for column, word in enumerate(("名次", "工会编码", "工会", *HEADINGS)):
        sheet.write_string(3, column, word, styles["head"])
    for row, line in enumerate(level.lines, start=4):
        if line.counts.quota:
            sheet.write_number(row, 0, line.rank)
        sheet.write_string(row, 1, line.union.code)
        sheet.write_string(row, 2, line.union.name)
        _numbers(sheet, row, line.counts, line.used, None, styles["rate"])
    last = 4 + len(level.lines)
    sheet.write_string(last, 2, "合计", styles["sum"])
    _numbers(sheet, last, level.total, level.used, styles["sum"], styles["sum_rate"])
    sheet.write_string(last + 2, 0, NOTE)
    sheet.set_column(1, 1, 14)
    sheet.set_column(2, 2, 36)
    sheet.freeze_panes(4, 3)


def _numbers(sheet, row: int, counts: CardCounts, used: int, style, rate_style) -> None:  # type: ignore[no-untyped-def]
    figures = figures_of(counts, used)
    for column, value in enumerate(figures, start=3):
        sheet.write_number(row, column, value, style)
    for column, rate in enumerate(rates_of(counts), start=3 + len(figures)):
        if rate is None:
            sheet.write_string(row, column, "—", style)
        else:
            sheet.write_number(row, column, rate, rate_style)


def _sheet_name(name: str, taken: set[str]) -> str:
    """A name a workbook takes: 31 characters, no signs that formulas use, and not twice."""
    plain = "".join(" " if one in "[]:*?/\\'" else one for one in name).strip()[:28] or "通报"
    given, n = plain, 2
    while given.lower() in taken:
        given, n = f"{plain[:26]} {n}", n + 1
    taken.add(given.lower())
    return given


# ---- paper ----

_INK, _SOFT, _LINE, _BAR, _REST = (HexColor(c) for c in ("#16211F", "#50605C", "#D7DFDC", "#0B6B64", "#DFE6E4"))
_MARGIN = 12 * mm
_NAME = 50 * mm
_MOST_ROWS = 64
"""What one page holds in type that can still be read; a level with more goes on overleaf."""


def bulletin_pdf(issue: BulletinIssue) -> bytes:
    """One A4 page per level: the funnel of the whole, and a line per union below. The same issue, the same bytes."""
    buffer = io.BytesIO()
    canvas = Canvas(buffer, pagesize=A4, pageCompression=1, invariant=1)
    canvas.setTitle(title_of(issue))
    first = True
    for level in issue.levels:
        pages = [level.lines[n : n + _MOST_ROWS] for n in range(0, max(1, len(level.lines)), _MOST_ROWS)]
        for number, lines in enumerate(pages, start=1):
            if not first:
                canvas.showPage()
            first = False
            _draw_page(canvas, issue, level, lines, f"{number}/{len(pages)}" if len(pages) > 1 else "")
    canvas.save()
    return buffer.getvalue()


def _draw_page(
    canvas: Canvas, issue: BulletinIssue, level: BulletinLevel, lines: Sequence[BulletinLine], number: str
) -> None:
    width, height = A4
    canvas.setFillColor(_SOFT)
    fonts.draw(canvas, _MARGIN, height - 16 * mm, level.union.name, 10)
    canvas.setFillColor(_INK)
    fonts.draw(canvas, _MARGIN, height - 24 * mm, title_of(issue), 16)
    canvas.setFillColor(_SOFT)
    at = f"截至 {calendar.local(issue.at):%Y-%m-%d %H:%M}{'　第 ' + number + ' 页' if number else ''}"
    fonts.draw(canvas, width - _MARGIN - fonts.width(at, 8), height - 24 * mm, at, 8)
    top = _draw_funnel(canvas, level, height - 32 * mm)
    bottom = 18 * mm
    rows = len(lines) + 2
    step = min(7 * mm, (top - bottom) / rows)
    size = max(4.5, min(8.5, step / mm * 1.35))
    _draw_row(canvas, top - step, size, ("名次", "工会", *HEADINGS))
    canvas.setStrokeColor(_INK)
    canvas.line(_MARGIN, top - step - step * 0.3, width - _MARGIN, top - step - step * 0.3)
    canvas.setStrokeColor(_LINE)
    for place, line in enumerate(lines, start=2):
        y = top - place * step
        rank = str(line.rank) if line.counts.quota else "—"
        _draw_row(canvas, y, size, (rank, line.union.name, *_texts(line.counts, line.used)))
        canvas.line(_MARGIN, y - step * 0.3, width - _MARGIN, y - step * 0.3)
    _draw_row(canvas, top - rows * step, size, ("", "合计", *_texts(level.total, level.used)))
    canvas.setFillColor(_SOFT)
    fonts.draw(canvas, _MARGIN, 10 * mm, NOTE, 7)


def _draw_funnel(canvas: Canvas, level: BulletinLevel, top: float) -> float:
    """Bars from the plan to use; returns where the table may begin."""
    c = level.total
    steps = (
        ("会员", c.members), ("计划", c.quota), ("采集", c.collected), ("合格", c.submitted), ("通过", c.approved),
        ("发卡", c.issued), ("发放", c.handed_out), ("激活", c.activated), ("用过", level.used),
    )  # fmt: skip
    most = max(1, *(count for _, count in steps))
    left, full = _MARGIN + 14 * mm, 140 * mm
    for place, (word, count) in enumerate(steps):
        y = top - place * 5 * mm
        canvas.setFillColor(_SOFT)
        fonts.draw(canvas, _MARGIN, y, word, 8)
        canvas.setFillColor(_REST)
        canvas.rect(left, y - 0.6 * mm, full, 3.4 * mm, stroke=0, fill=1)
        canvas.setFillColor(_BAR)
        canvas.rect(left, y - 0.6 * mm, full * count / most, 3.4 * mm, stroke=0, fill=1)
        canvas.setFillColor(_INK)
        fonts.draw(canvas, left + full + 3 * mm, y, f"{count:,}", 8)
    return float(top - len(steps) * 5 * mm - 2 * mm)


def _texts(counts: CardCounts, used: int) -> tuple[str, ...]:
    rates = ("—" if rate is None else f"{rate * 100:.1f}%" for rate in rates_of(counts))
    return (*(f"{value:,}" for value in figures_of(counts, used)), *rates)


def _draw_row(canvas: Canvas, y: float, size: float, cells: Sequence[str]) -> None:
    canvas.setFillColor(_INK)
    rank, name, *rest = cells
    fonts.draw(canvas, _MARGIN, y, rank, size)
    left = _MARGIN + 9 * mm
    needed = fonts.width(name, size)
    fonts.draw(canvas, left, y, name, size if needed <= _NAME else size * _NAME / needed)
    room = (A4[0] - _MARGIN - left - _NAME) / len(rest)
    for place, text in enumerate(rest, start=1):
        fonts.draw(canvas, left + _NAME + place * room - fonts.width(text, size), y, text, size)
