"""The result of a check as a workbook: the file that was sent, with 状态 and 原因 behind it. Pure.

The same cells in the same order, so that it can be corrected where the words stand and sent again. Whatever a
cell says is written as a text or a number, never as a formula, and a text that could be taken for one keeps
its quotation prefix, so that opening, saving and converting it runs nothing.
"""

import io
import math
from collections.abc import Iterable, Iterator, Sequence
from datetime import date, datetime, time
from itertools import chain
from typing import Any, NamedTuple

import xlsxwriter

from cardnet.membership.cleaning import heading_of
from cardnet.membership.columns import HEADINGS, Column
from cardnet.membership.roster import CheckedRow, RosterCheck, RowStatus, Severity
from cardnet.membership.sheet import Header
from cardnet.membership.table import MAX_CELL_CHARS, Cell

STATUS, REASON = "状态", "原因"
STATUS_WORDS = {
    RowStatus.VALID: "可以提交",
    RowStatus.WARNING: "可以提交，有提醒",
    RowStatus.DECLINED: "本人暂不办",
    RowStatus.INVALID: "需要改正",
}
_COLOURS = {RowStatus.WARNING: "#FFF4D6", RowStatus.DECLINED: "#EEF1F5", RowStatus.INVALID: "#FDE7E4"}
_TEXT_COLUMNS = (Column.ID_NUMBER, Column.PHONE)
"""Typed as numbers they lose digits: whoever corrects them here types into a text column."""


def result_workbook(check: RosterCheck, only: frozenset[RowStatus] | None = None) -> bytes:
    """The checked sheet as XLSX with the verdict and the reasons of each row.

    `only` leaves out the rows of other verdicts, and whatever stands below the header and names nobody.
    """
    sheet = check.sheet
    verdicts = {row.line: row for row in check.rows}
    cells_by_line = {row.line: row.cells for row in sheet.rows}
    rows = sheet.table.rows

    def lines() -> Iterator[_Line]:
        for line, row in enumerate(rows, 1):
            verdict = verdicts.get(line)
            if only is None or line - 1 <= sheet.header.last or (verdict and verdict.status in only):
                words = _reasons(verdict) if verdict else ""
                yield _Line(cells_by_line.get(line, row), verdict.status if verdict else None, words)

    at = _result_column(rows, sheet.header)
    texts = [sheet.header.columns[column] for column in _TEXT_COLUMNS if column in sheet.header.columns]
    return _written(sheet.table.name, lines(), sheet.header.last, at, texts)


def kept_rows_workbook(
    header: Sequence[Cell], rows: Iterable[tuple[Sequence[Cell], RowStatus, str]], name: str = ""
) -> bytes:
    """Rows kept from a roster that was sent in, with verdicts and reasons, below their header."""
    headings = [heading_of(cell) for cell in header]
    at = len(headings) - 2 if headings[-2:] == [STATUS, REASON] else len(headings)
    texts = [place for place, word in enumerate(headings) if (HEADINGS.get(word) or (None,))[0] in _TEXT_COLUMNS]
    lines = (_Line(cells, status, words) for cells, status, words in rows)
    return _written(name, chain([_Line(header, None, "")], lines), 0, at, texts)


class _Line(NamedTuple):
    cells: Sequence[Cell]
    status: RowStatus | None
    words: str


def _written(name: str, lines: Iterable[_Line], header: int, at: int, texts: Sequence[int]) -> bytes:
    """`header` is the line of the headings (from 0), `at` the column of the verdict, `texts` the columns of digits."""
    out = io.BytesIO()
    # In memory but line by line: the size of the file does not decide how much of it is held.
    with xlsxwriter.Workbook(
        out, {"constant_memory": True, "strings_to_formulas": False, "strings_to_urls": False}
    ) as book:
        page = book.add_worksheet(_title(name))
        writer = _Writer(book, page)
        _lay_out(book, page, header, at, texts)
        for number, line in enumerate(lines):
            for column, cell in enumerate(line.cells[:at]):
                writer.write(number, column, cell, line.status)
            if number == header:
                writer.write(number, at, STATUS, None)
                writer.write(number, at + 1, REASON, None)
            elif line.status:
                writer.write(number, at, STATUS_WORDS[line.status], line.status)
                writer.write(number, at + 1, line.words, line.status)
    return out.getvalue()


def _title(name: str) -> str:
    clean = "".join(sign for sign in name if sign not in "[]:*?/\\" and sign.isprintable()).strip("'")[:31]
    return clean if clean and clean.lower() != "history" else "名单"


def _result_column(rows: Sequence[Sequence[Cell]], header: Header) -> int:
    """Behind the last column; the columns of an earlier result are replaced, not repeated."""
    headings = [heading_of(cell) for cell in rows[header.last]]
    if headings[-2:] == [STATUS, REASON]:
        return len(headings) - 2
    return max(len(row) for row in rows)


def _lay_out(book: Any, page: Any, header: int, at: int, texts: Sequence[int]) -> None:
    as_text = book.add_format({"num_format": "@"})
    for column in texts:
        page.set_column(column, column, 22, as_text)
    page.set_column(at, at, 18)
    page.set_column(at + 1, at + 1, 80)
    page.freeze_panes(header + 1, 0)


def _reasons(row: CheckedRow) -> str:
    return "\n".join(finding.message for finding in row.findings if _told(finding.severity, row.status))


def _told(severity: Severity, status: RowStatus) -> bool:
    return severity is not Severity.NOTE or status is RowStatus.DECLINED


class _Writer:
    def __init__(self, book: Any, page: Any) -> None:
        self.book = book
        self.page = page
        self.formats: dict[tuple[str, RowStatus | None], Any] = {}

    def write(self, line: int, column: int, cell: Cell, status: RowStatus | None) -> None:
        if isinstance(cell, str):
            if cell:
                kind = "quoted" if cell[0] in "=+-@\t\r" else "text"
                self.page.write_string(line, column, cell[:MAX_CELL_CHARS], self.format(kind, status))
        elif isinstance(cell, bool):
            self.page.write_boolean(line, column, cell, self.format("", status))
        elif isinstance(cell, float | int):
            if math.isfinite(cell):
                self.page.write_number(line, column, cell, self.format("", status))
        elif isinstance(cell, datetime) and cell.year >= 1900:
            self.page.write_datetime(line, column, cell, self.format("yyyy-mm-dd hh:mm:ss", status))
        elif isinstance(cell, date) and cell.year >= 1900:
            self.page.write_datetime(line, column, cell, self.format("yyyy-mm-dd", status))
        elif isinstance(cell, time):
            self.page.write_datetime(line, column, cell, self.format("hh:mm:ss", status))
        else:
            self.page.write_string(line, column, cell.isoformat(), self.format("text", status))

    def format(self, kind: str, status: RowStatus | None) -> Any:
        made = self.formats.get((kind, status))
        if made is None:
            properties: dict[str, Any] = {"num_format": "@" if kind in ("text", "quoted") else kind or "General"}
            if kind == "quoted":
                properties["quote_prefix"] = True
            if status in _COLOURS:
                properties["bg_color"] = _COLOURS[status]
            made = self.formats[kind, status] = self.book.add_format(properties)
        return made
