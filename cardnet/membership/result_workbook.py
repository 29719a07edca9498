"""The result of a check as a workbook: the file that was sent, with 状态, 原因 and 代码 behind it. Pure.

The same cells in the same order, so that it can be corrected where the words stand and sent again. Whatever a
cell says is written as a text or a number, never as a formula, and a text that could be taken for one keeps
its quotation prefix, so that opening, saving and converting it runs nothing.
"""

import io
import math
from collections.abc import Collection, Iterable, Iterator, Sequence
from datetime import date, datetime, time
from itertools import chain
from typing import Any, NamedTuple

import xlsxwriter

from cardnet.membership.cleaning import heading_of
from cardnet.membership.columns import HEADINGS, Column
from cardnet.membership.english import Say, as_written, in_english
from cardnet.membership.roster import RUNNING, CheckedRow, Finding, RosterCheck, RowStatus, Severity
from cardnet.membership.sheet import Header
from cardnet.membership.table import MAX_CELL_CHARS, Cell

RESULT = ("状态", "原因", "代码")
"""The columns of the result: the verdict, why in sentences, and the codes of these for a program."""
_EARLIER = [
    [heading_of(say(word)) for word in words] for say in (as_written, in_english) for words in (RESULT, RESULT[:2])
]
"""How the columns of an earlier result are headed, whoever it was for; they once were two."""
STATUS_WORDS: dict[str, str] = {
    RowStatus.VALID: "可以提交",
    RowStatus.WARNING: "可以提交，有提醒",
    RowStatus.DECLINED: "本人暂不办",
    RowStatus.INVALID: "需要改正",
    RUNNING: "已在办理",
}
_COLOURS: dict[str, str] = {
    RowStatus.WARNING: "#FFF4D6",
    RowStatus.DECLINED: "#EEF1F5",
    RowStatus.INVALID: "#FDE7E4",
    RUNNING: "#EEF1F5",
}
_TEXT_COLUMNS = (Column.ID_NUMBER, Column.PHONE)
"""Typed as numbers they lose digits: whoever corrects them here types into a text column."""


def result_workbook(check: RosterCheck, only: Collection[str] | None = None, say: Say = as_written) -> bytes:
    """The checked sheet as XLSX with the verdict and the reasons of each row, as `say` says them.

    `only` (of a `RowStatus` or RUNNING) leaves out the rows of other verdicts, and whatever stands below the header
    and names nobody.
    """
    sheet = check.sheet
    verdicts = {row.line: row for row in check.rows}
    cells_by_line = {row.line: row.cells for row in sheet.rows}
    rows = sheet.table.rows

    def lines() -> Iterator[_Line]:
        for line, row in enumerate(rows, 1):
            verdict = verdicts.get(line)
            if only is None or line - 1 <= sheet.header.last or (verdict and verdict.shown in only):
                told = _told(verdict) if verdict else []
                words, codes = [one.message for one in told], [str(one.code) for one in told]
                yield _Line(cells_by_line.get(line, row), verdict.shown if verdict else None, words, codes)

    at = _result_column(rows, sheet.header)
    texts = [sheet.header.columns[column] for column in _TEXT_COLUMNS if column in sheet.header.columns]
    return _written(sheet.table.name, lines(), _Places(sheet.header.last, at, texts), say)


def kept_rows_workbook(
    header: Sequence[Cell],
    rows: Iterable[tuple[Sequence[Cell], str, Sequence[str], Sequence[str]]],
    say: Say = as_written,
) -> bytes:
    """Rows kept from a roster that was sent in, with verdicts, reasons and their codes, below their header."""
    headings = [heading_of(cell) for cell in header]
    at = _before_an_earlier_result(headings) or len(headings)
    texts = [place for place, word in enumerate(headings) if (HEADINGS.get(word) or (None,))[0] in _TEXT_COLUMNS]
    lines = (_Line(*row) for row in rows)
    return _written("", chain([_Line(header, None, (), ())], lines), _Places(0, at, texts), say)


class _Line(NamedTuple):
    cells: Sequence[Cell]
    status: str | None
    words: Sequence[str]
    codes: Sequence[str]


class _Places(NamedTuple):
    """`header` is the line of the headings (from 0), `at` the column of the verdict, `texts` the columns of digits."""

    header: int
    at: int
    texts: Sequence[int]


def _written(name: str, lines: Iterable[_Line], places: _Places, say: Say) -> bytes:
    header, at, texts = places
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
                for column, word in enumerate(RESULT, at):
                    writer.write(number, column, say(word), None)
            elif line.status:
                writer.write(number, at, say(STATUS_WORDS[line.status]), line.status)
                writer.write(number, at + 1, "\n".join(map(say, line.words)), line.status)
                writer.write(number, at + 2, " ".join(dict.fromkeys(line.codes)), line.status)
    return out.getvalue()


def _title(name: str) -> str:
    clean = "".join(sign for sign in name if sign not in "[]:*?/\\" and sign.isprintable()).strip("'")[:31]
    return clean if clean and clean.lower() != "history" else "名单"


def _result_column(rows: Sequence[Sequence[Cell]], header: Header) -> int:
    """Behind the last column; the columns of an earlier result are replaced, not repeated."""
    earlier = _before_an_earlier_result([heading_of(cell) for cell in rows[header.last]])
    return earlier or max(len(row) for row in rows)


def _before_an_earlier_result(headings: Sequence[str]) -> int | None:
    return next((len(headings) - len(one) for one in _EARLIER if list(headings[-len(one) :]) == one), None)


def _lay_out(book: Any, page: Any, header: int, at: int, texts: Sequence[int]) -> None:
    as_text = book.add_format({"num_format": "@"})
    for column in texts:
        page.set_column(column, column, 22, as_text)
    page.set_column(at, at, 18)
    page.set_column(at + 1, at + 1, 80)
    page.set_column(at + 2, at + 2, 24)
    page.freeze_panes(header + 1, 0)


def _told(row: CheckedRow) -> list[Finding]:
    declined = row.status is RowStatus.DECLINED
    return [finding for finding in row.findings if declined or finding.severity is not Severity.NOTE]


class _Writer:
    def __init__(self, book: Any, page: Any) -> None:
        self.book = book
        self.page = page
        self.formats: dict[tuple[str, str | None], Any] = {}

    def write(self, line: int, column: int, cell: Cell, status: str | None) -> None:
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

    def format(self, kind: str, status: str | None) -> Any:
        made = self.formats.get((kind, status))
        if made is None:
            properties: dict[str, Any] = {"num_format": "@" if kind in ("text", "quoted") else kind or "General"}
            if kind == "quoted":
                properties["quote_prefix"] = True
            if status in _COLOURS:
                properties["bg_color"] = _COLOURS[status]
            made = self.formats[kind, status] = self.book.add_format(properties)
        return made
