"""The bulletin as a workbook and on paper. Pure: an issue of the bulletin in, bytes out; the same issue, the same bytes."""

import io
from collections.abc import Sequence

import xlsxwriter
from reportlab.lib.colors import HexColor
from reportlab.lib.pagesizes import A4, landscape
from reportlab.lib.units import mm
from reportlab.pdfgen.canvas import Canvas

from cardnet.benefits.bulletin import (
    GROUPS,
    HEADINGS,
    NOTE,
    RATES,
    Change,
    Figures,
    Issue,
    Level,
    Line,
    check_of,
)
from cardnet.kernel import calendar, fonts
from cardnet.kernel.paper import fitting, wrapped

_ALL = (*HEADINGS, *RATES)
_CHANGED = ("工会编码", "工会", "项目", "原来", "更正后", "增减")
_UNCHANGED = "数字与原来的一期相同。"


def facts_of(issue: Issue) -> tuple[tuple[str, str], ...]:
    """What stands under the title: until when, and of an issue that was sent by whom, to whom, in place of which."""
    at = calendar.local(issue.at)
    facts = [("截至", f"{at:%Y-%m-%d %H:%M}")]
    if (sent := issue.sent) is None:
        return (*facts, ("状态", "未发出，数字随办理变动"))
    facts.append(("发出", f"{issue.first.union.name}　{sent.by}"))
    facts.append(("发至", "、".join(name for _, name in sent.addressees)))
    if sent.copies:
        facts.append(("抄送", sent.copies))
    if sent.before:
        facts.append(("更正", f"代替校验码 {check_of(sent.before)} 的那一份：{sent.reason}"))
    if sent.words:
        facts.append(("说明", sent.words))
    return tuple(facts)


# ---- workbook ----


def bulletin_workbook(issue: Issue) -> bytes:
    """The reader's own level first, then every unit in one list to filter, then a sheet for each level below.

    Rates are numbers, names are texts, never formulas.
    """
    content = io.BytesIO()
    options = {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False}
    with xlsxwriter.Workbook(content, options) as book:
        book.set_properties({"title": issue.title, "created": calendar.local(issue.at).replace(tzinfo=None)})
        styles = {
            "title": book.add_format({"bold": True, "font_size": 14}),
            "group": book.add_format({"bold": True, "align": "center", "bottom": 1, "left": 4}),
            "head": book.add_format({"bold": True, "bottom": 1, "align": "center"}),
            "rate": book.add_format({"num_format": "0.0%"}),
            "sum": book.add_format({"bold": True, "top": 1}),
            "sum_rate": book.add_format({"bold": True, "top": 1, "num_format": "0.0%"}),
        }
        names: set[str] = set()
        for number, level in enumerate(issue.levels):
            sheet = book.add_worksheet(_sheet_name(level.union.name, names))
            _fill(sheet, issue, level, styles)
            if not number and issue.changes is not None:
                _fill_changes(book.add_worksheet(_sheet_name("更正内容", names)), issue.changes, styles)
            if not number and len(issue.levels) > 1:
                _fill_all(book.add_worksheet(_sheet_name("全部单位", names)), issue, styles)
    return content.getvalue()


def _fill_changes(sheet, changes: Sequence[Change], styles) -> None:  # type: ignore[no-untyped-def]
    """A line a number that is another one now."""
    for column, word in enumerate(_CHANGED):
        sheet.write_string(0, column, word, styles["head"])
    if not changes:
        sheet.write_string(1, 0, _UNCHANGED)
    for row, one in enumerate(changes, start=1):
        sheet.write_string(row, 0, one.union.code if one.union else "")
        sheet.write_string(row, 1, one.name)
        sheet.write_string(row, 2, one.what)
        for column, value in ((3, one.before), (4, one.after), (5, one.more)):
            if value is not None:
                sheet.write_number(row, column, value)
    sheet.set_column(0, 0, 14)
    sheet.set_column(1, 1, 36)
    sheet.freeze_panes(1, 0)


def _fill_all(sheet, issue: Issue, styles) -> None:  # type: ignore[no-untyped-def]
    """Everybody who has no level of their own, whatever stands above them: six hundred units, filtered by township."""
    levels = {level.union.id for level in issue.levels}
    lines = [
        (level.union, line)
        for level in issue.levels
        for line in level.lines
        if line.own or line.union.id not in levels
    ]  # fmt: skip
    for column, word in enumerate(("上级工会", "工会编码", "工会", *_ALL)):
        sheet.write_string(0, column, word, styles["head"])
    for row, (above, line) in enumerate(lines, start=1):
        sheet.write_string(row, 0, above.name)
        sheet.write_string(row, 1, line.union.code)
        sheet.write_string(row, 2, line.name)
        _numbers(sheet, row, line.figures, None, styles["rate"])
    sheet.autofilter(0, 0, max(1, len(lines)), 2 + len(_ALL))
    sheet.set_column(0, 0, 30)
    sheet.set_column(1, 1, 14)
    sheet.set_column(2, 2, 36)
    sheet.freeze_panes(1, 3)


def _fill(sheet, issue: Issue, level: Level, styles) -> None:  # type: ignore[no-untyped-def]
    sheet.write_string(0, 0, f"{level.union.name} {issue.title}", styles["title"])
    row = 1
    for label, value in (*facts_of(issue), *((("校验码", check_of(issue.sha256)),) if issue.sent else ())):
        sheet.write_string(row, 0, label)
        sheet.write_string(row, 1, value)
        row += 1
    row += 1
    column = 3
    for word, wide in GROUPS:
        sheet.merge_range(row, column, row, column + wide - 1, word, styles["group"])
        column += wide
    for column, word in enumerate(("名次", "工会编码", "工会", *_ALL)):
        sheet.write_string(row + 1, column, word, styles["head"])
    first = row + 2
    for place, line in enumerate(level.lines, start=first):
        if line.rank:
            sheet.write_number(place, 0, line.rank)
        sheet.write_string(place, 1, line.union.code)
        sheet.write_string(place, 2, line.name)
        _numbers(sheet, place, line.figures, None, styles["rate"])
    last = first + len(level.lines)
    sheet.write_string(last, 2, "合计", styles["sum"])
    _numbers(sheet, last, level.total, styles["sum"], styles["sum_rate"])
    sheet.write_string(last + 2, 0, NOTE)
    sheet.set_column(1, 1, 14)
    sheet.set_column(2, 2, 36)
    sheet.freeze_panes(first, 3)
    sheet.set_landscape()
    sheet.set_paper(9)
    sheet.fit_to_pages(1, 0)
    sheet.repeat_rows(row, row + 1)


def _numbers(sheet, row: int, figures: Figures, style, rate_style) -> None:  # type: ignore[no-untyped-def]
    for column, value in enumerate(figures.row, start=3):
        sheet.write_number(row, column, value, style)
    for column, (part, whole) in enumerate(figures.parts, start=3 + len(HEADINGS)):
        if whole:
            sheet.write_number(row, column, part / whole, rate_style)
        else:
            sheet.write_string(row, column, "—", style)


def _sheet_name(name: str, taken: set[str]) -> str:
    """A name a workbook takes: 31 characters, no signs that formulas use, and not twice."""
    plain = "".join(" " if one in "[]:*?/\\'" else one for one in name).strip()[:28] or "通报"
    given, n = plain, 2
    while given.lower() in taken:
        given, n = f"{plain[:26]} {n}", n + 1
    taken.add(given.lower())
    return given


# ---- paper ----

_INK, _SOFT, _LINE, _BAR, _REST, _SHADE = (
    HexColor(c) for c in ("#16211F", "#50605C", "#D7DFDC", "#0B6B64", "#DFE6E4", "#F1F5F4")
)
_PAGE = landscape(A4)
_MARGIN, _FOOT = float(12 * mm), float(9 * mm)
_RANK, _NAME = float(9 * mm), float(52 * mm)
_STEP, _SIZE = float(5.4 * mm), 7.5
"""Height of a row, and its type."""


def bulletin_pdf(issue: Issue) -> bytes:
    """For each level the funnel of the whole and a line per union below, on as many A4 pages as they take."""
    buffer = io.BytesIO()
    canvas = Canvas(buffer, pagesize=_PAGE, pageCompression=1, invariant=1)
    canvas.setTitle(issue.title)
    pages = 0
    for level in issue.levels:
        rest: Sequence[Line] = level.lines
        first = True
        while first or rest:
            pages += 1
            top = _head(canvas, issue, level, first=first)
            room = max(1, int((top - _FOOT - 9 * mm) / _STEP) - 3)
            lines, rest = rest[:room], rest[room:]
            _table(canvas, level, lines, top, last=not rest)
            _foot(canvas, issue, pages)
            canvas.showPage()
            first = False
    if issue.changes is not None:
        _changes(canvas, issue, issue.changes, pages)
    canvas.save()
    return buffer.getvalue()


_CHANGE_ENDS = (32.0, 128.0, 160.0, 195.0, 230.0, 262.0)
"""Where the columns of the differences end, in mm from the margin; the words begin, the numbers end there."""


def _changes(canvas: Canvas, issue: Issue, changes: Sequence[Change], pages: int) -> None:
    """What a correction says otherwise, on pages of their own behind the others."""
    rest, left = changes, True
    while left:
        pages += 1
        canvas.setFillColor(_INK)
        fonts.draw(canvas, _MARGIN, _PAGE[1] - 16 * mm, f"更正内容　{issue.title}", 12)
        y = float(_PAGE[1] - 24 * mm)
        room = int((y - _FOOT - 9 * mm) / _STEP)
        lines, rest = rest[:room], rest[room:]
        left = bool(rest)
        canvas.setFillColor(_SOFT)
        _change(canvas, y, _CHANGED)
        canvas.setStrokeColor(_LINE)
        canvas.setFillColor(_INK)
        if not changes:
            fonts.draw(canvas, _MARGIN, y - _STEP, _UNCHANGED, _SIZE)
        for one in lines:
            y -= _STEP
            numbers = ("—" if value is None else f"{value:,}" for value in (one.before, one.after))
            _change(canvas, y, (one.union.code if one.union else "", one.name, one.what, *numbers, f"{one.more:+,}"))
            canvas.line(_MARGIN, y - _STEP * 0.3, _MARGIN + _CHANGE_ENDS[-1] * mm, y - _STEP * 0.3)
        _foot(canvas, issue, pages)
        canvas.showPage()


def _change(canvas: Canvas, y: float, cells: Sequence[str]) -> None:
    begins = (0.0, *_CHANGE_ENDS)
    for place, text in enumerate(cells):
        wide = (_CHANGE_ENDS[place] - begins[place] - 2) * mm
        size = fitting(text, _SIZE, wide)
        x = _MARGIN + (begins[place] * mm if place < 3 else _CHANGE_ENDS[place] * mm - fonts.width(text, size))
        fonts.draw(canvas, x, y, text, size)


def _head(canvas: Canvas, issue: Issue, level: Level, *, first: bool) -> float:
    """Title, facts and the funnel on the first page of a level, one line on the others; where the table begins."""
    width, height = _PAGE
    if not first:
        canvas.setFillColor(_SOFT)
        fonts.draw(canvas, _MARGIN, height - 13 * mm, f"{level.union.name}　{issue.title}（续）", 9)
        return float(height - 17 * mm)
    canvas.setFillColor(_SOFT)
    fonts.draw(canvas, _MARGIN, height - 14 * mm, level.union.name, 10)
    canvas.setFillColor(_INK)
    fonts.draw(canvas, _MARGIN, height - 22 * mm, issue.title, 16)
    half = (width - 2 * _MARGIN) / 2
    bottom = _facts(canvas, issue, level, height - 29 * mm, half - 6 * mm)
    return min(bottom, _funnel(canvas, level, _MARGIN + half, height - 15 * mm, half)) - float(2 * mm)


def _facts(canvas: Canvas, issue: Issue, level: Level, y: float, wide: float) -> float:
    for label, value in facts_of(issue):
        canvas.setFillColor(_SOFT)
        fonts.draw(canvas, _MARGIN, y, label, 8)
        canvas.setFillColor(_INK)
        for line in _few(wrapped(value, 8, wide - 11 * mm), 4 if label == "发至" else 8):
            fonts.draw(canvas, _MARGIN + 11 * mm, y, line, 8)
            y -= float(4.2 * mm)
    rates = (f"{word} {percent}" for word, percent in zip(RATES, level.total.percents, strict=True))
    canvas.setFillColor(_INK)
    fonts.draw(canvas, _MARGIN, y - 1.5 * mm, "　".join(rates), 9.5)
    return y - float(4 * mm)


def _few(lines: list[str], most: int) -> list[str]:
    """The first lines; the last of them says that there is more."""
    return lines if len(lines) <= most else [*lines[: most - 1], lines[most - 1][:-2] + "…等"]


def _funnel(canvas: Canvas, level: Level, left: float, top: float, wide: float) -> float:
    """Bars from members to use; returns where they end."""
    steps = level.total.steps
    most = max(1, *(count for _, count in steps))
    bar = left + float(11 * mm)
    full = wide - float(27 * mm)
    for place, (word, count) in enumerate(steps):
        y = top - place * 4.4 * mm
        canvas.setFillColor(_SOFT)
        fonts.draw(canvas, left, y, word, 8)
        canvas.setFillColor(_REST)
        canvas.rect(bar, y - 0.5 * mm, full, 3 * mm, stroke=0, fill=1)
        canvas.setFillColor(_BAR)
        canvas.rect(bar, y - 0.5 * mm, full * count / most, 3 * mm, stroke=0, fill=1)
        canvas.setFillColor(_INK)
        fonts.draw(canvas, bar + full + 2 * mm, y, f"{count:,}", 8)
    return float(top - len(steps) * 4.4 * mm)


def _columns() -> list[float]:
    """The right edges of the numbers' columns."""
    left = _MARGIN + _RANK + _NAME
    room = (_PAGE[0] - _MARGIN - left) / len(_ALL)
    return [left + room * place for place in range(1, len(_ALL) + 1)]


def _table(canvas: Canvas, level: Level, lines: Sequence[Line], top: float, *, last: bool) -> None:
    edges, right = _columns(), _PAGE[0] - _MARGIN
    y = top - _STEP
    canvas.setFillColor(_SHADE)
    canvas.rect(_MARGIN, y - _STEP * 1.3, right - _MARGIN, _STEP * 2, stroke=0, fill=1)
    canvas.setFillColor(_SOFT)
    place, left = 0, _MARGIN + _RANK + _NAME
    canvas.setStrokeColor(_LINE)
    for word, wide in GROUPS:
        end = edges[place + wide - 1]
        fonts.draw(canvas, left + (end - left - fonts.width(word, _SIZE)) / 2, y - _STEP * 0.1, word, _SIZE)
        if place:
            canvas.line(left + 0.8 * mm, y - _STEP * 1.3, left + 0.8 * mm, y + _STEP * 0.7)
        place, left = place + wide, end
    y -= _STEP
    _row(canvas, y, edges, "名次", "工会", _ALL)
    canvas.setStrokeColor(_INK)
    canvas.line(_MARGIN, y - _STEP * 0.3, right, y - _STEP * 0.3)
    canvas.setStrokeColor(_LINE)
    for line in lines:
        y -= _STEP
        _row(canvas, y, edges, str(line.rank) if line.rank else "—", line.name, _texts(line.figures))
        canvas.line(_MARGIN, y - _STEP * 0.3, right, y - _STEP * 0.3)
    if last:
        _row(canvas, y - _STEP, edges, "", "合计", _texts(level.total))


def _texts(figures: Figures) -> tuple[str, ...]:
    return (*(f"{value:,}" for value in figures.row), *figures.percents)


def _row(canvas: Canvas, y: float, edges: Sequence[float], rank: str, name: str, cells: Sequence[str]) -> None:
    canvas.setFillColor(_INK)
    fonts.draw(canvas, _MARGIN, y, rank, _SIZE)
    fonts.draw(canvas, _MARGIN + _RANK, y, name, fitting(name, _SIZE, _NAME - 2 * mm))
    for edge, text in zip(edges, cells, strict=True):
        fonts.draw(canvas, edge - fonts.width(text, _SIZE), y, text, _SIZE)


def _foot(canvas: Canvas, issue: Issue, number: int) -> None:
    canvas.setFillColor(_SOFT)
    fonts.draw(canvas, _MARGIN, _FOOT + 4 * mm, NOTE, fitting(NOTE, 7, _PAGE[0] - 2 * _MARGIN))
    fonts.draw(canvas, _MARGIN, _FOOT, f"校验码 {check_of(issue.sha256)}" if issue.sent else "未发出", 7)
    page = f"第 {number} 页"
    fonts.draw(canvas, _PAGE[0] - _MARGIN - fonts.width(page, 7), _FOOT, page, 7)
