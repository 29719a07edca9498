"""Run as a process of its own by `workbook.py`: reads a workbook from standard input, writes its cells as JSON lines.

A workbook is a stranger's file. A cell far to the south-east, a bomb of zeroes or a lying header can make any
parser ask for all memory there is, which ends the process that asks; so the process that asks is this one,
with limits on memory and time, and it imports nothing of cardnet.

Lines: `["sheet", name, seen]`, `["hidden", lines]`, `["merged", ranges]`, `["rows", first_line, rows]`, `["end"]` or
`["error", code]`. A date, a time or a moment is `{"d": …}`, `{"t": …}`, `{"m": …}`; an empty cell is "".
"""

import contextlib
import datetime
import html
import io
import json
import re
import resource
import sys
import zipfile
from collections.abc import Iterator
from typing import Any
from xml.etree import ElementTree

from python_calamine import CalamineError, CalamineWorkbook, PasswordError, SheetTypeEnum, SheetVisibleEnum

ROWS_AT_ONCE = 500
MAX_MARKS = 50_000
"""Errors and formulas without a result that are told one by one."""


def main(_kind: str, memory_bytes: int, seconds: int, max_rows: int, max_columns: int, max_cells: int) -> None:
    """Read the workbook within these limits and say what is in it, or why not."""
    resource.setrlimit(resource.RLIMIT_AS, (memory_bytes, memory_bytes))
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    try:
        _read(sys.stdin.buffer.read(), max_rows, max_columns, max_cells)
    except PasswordError:
        _say("error", "encrypted")
    except MemoryError:
        _say("error", "too_large")
    except _TooMuchError as error:
        _say("error", str(error))
    except BaseException as error:  # noqa: BLE001 - a panic of the parser is no Exception, and any of them means the same
        words = str(error).lower()
        _say("error", "encrypted" if "password" in words or "encrypt" in words else "unreadable")
    sys.stdout.flush()


class _TooMuchError(Exception):
    pass


def _read(content: bytes, max_rows: int, max_columns: int, max_cells: int) -> None:
    book = CalamineWorkbook.from_filelike(io.BytesIO(content))
    rows_left, cells_left = max_rows, max_cells
    for about in book.sheets_metadata:
        if about.typ != SheetTypeEnum.WorkSheet:
            continue
        try:
            sheet = book.get_sheet_by_name(about.name)
        except CalamineError:
            if about.visible == SheetVisibleEnum.Visible:
                raise
            continue
        _say("sheet", about.name, about.visible == SheetVisibleEnum.Visible)
        if sheet.start is None:
            continue
        _say("merged", _merged(sheet))
        marks = _Marks()
        # What the parser does not tell is read beside it; a file it cannot be read from has none.
        with contextlib.suppress(KeyError, ValueError, OSError, zipfile.BadZipFile, ElementTree.ParseError):
            marks.read(content, about.name)
        _say("hidden", sorted(marks.hidden))
        batch: list[list[Any]] = []
        # calamine counts rows from the top of the sheet, but columns from the first that holds anything.
        first, left = sheet.start[0] + 1, [""] * sheet.start[1]
        for line, row in enumerate(sheet.iter_rows(), 1):
            if line < first:
                continue
            cells = _plain(_marked_up([*left, *row], marks.cells.get(line))[:max_columns])
            rows_left -= bool(cells)
            cells_left -= len(cells)
            if rows_left < 0:
                raise _TooMuchError("too_many_rows")
            if cells_left < 0:
                raise _TooMuchError("too_large")
            batch.append(cells)
            if len(batch) == ROWS_AT_ONCE:
                _say("rows", first, batch)
                first, batch = line + 1, []
        _say("rows", first, batch)
    _say("end")


class _Marks:
    """What stands in the XML of a sheet and calamine does not tell: hidden lines, errors, formulas never computed."""

    def __init__(self) -> None:
        self.hidden: set[int] = set()
        self.cells: dict[int, dict[int, str]] = {}
        self._left = MAX_MARKS

    def read(self, content: bytes, sheet: str) -> None:
        if not content.startswith(b"PK"):
            self._old(content, sheet)
            return
        with zipfile.ZipFile(io.BytesIO(content)) as archive, archive.open(_part_of(archive, sheet)) as file:
            for piece in _pieces(file):
                self._rows(piece)
                self._errors(piece)
                self._formulas(piece)

    def _old(self, content: bytes, sheet: str) -> None:
        """Excel 97: hidden lines, and cells whose record says an error ([MS-XLS] 2.4.24, 2.4.127, 2.4.221)."""
        for kind, data in _records_of(_stream(content), sheet):
            if kind == _ROW_RECORD and len(data) >= 14 and data[12] & 0x20:
                self.hidden.add(int.from_bytes(data[:2], "little") + 1)
            elif kind == _BOOL_ERR and len(data) >= 8 and data[7] == 1:
                self._old_error(data, data[6])
            elif kind == _FORMULA_RECORD and len(data) >= 14 and data[6] == 2 and data[12:14] == b"\xff\xff":
                self._old_error(data, data[8])

    def _old_error(self, data: bytes, code: int) -> None:
        line, column = (int.from_bytes(data[at : at + 2], "little") for at in (0, 2))
        if code in _OLD_ERRORS and self._left:
            self._left -= 1
            self.cells.setdefault(line + 1, {})[column] = _OLD_ERRORS[code]

    def _rows(self, piece: bytes) -> None:
        for at in (*_places(piece, b'hidden="1"'), *_places(piece, b'hidden="true"')):
            tag = piece[piece.rfind(b"<", 0, at) : at]
            line = _LINE.search(piece, piece.rfind(b"<", 0, at), piece.find(b">", at))
            if line and _ROW.match(tag):
                self.hidden.add(int(line[1]))

    def _errors(self, piece: bytes) -> None:
        for at in _places(piece, b't="e"'):
            cell = _cell_around(piece, at)
            value = cell and _VALUE.search(cell)
            if cell and value:
                self._mark(cell, value[1])

    def _formulas(self, piece: bytes) -> None:
        for token in (b"<f>", b"<f ", b":f>", b":f "):
            for at in _places(piece, token):
                if piece[at - 2 : at] == b"</" or piece[at - 3 : at - 1] == b"</":
                    continue
                cell = _cell_around(piece, at)
                value = cell and _VALUE.search(cell)
                if cell and not (value and value[1].strip()) and not _TEXT_RESULT.match(cell):
                    formula = _FORMULA.search(cell)
                    self._mark(cell, b"=" + (formula[1] if formula and formula[1] else b"?"))

    def _mark(self, cell: bytes, text: bytes) -> None:
        place = _PLACE.search(cell, 0, cell.find(b">") + 1)
        if place and self._left:
            self._left -= 1
            column = 0
            for letter in place[1]:
                column = column * 26 + letter - 64
            self.cells.setdefault(int(place[2]), {})[column - 1] = html.unescape(text.decode("utf-8", "replace"))[:500]


_ROW_RECORD, _BOOL_ERR, _FORMULA_RECORD, _BOUND_SHEET, _EOF = 0x0208, 0x0205, 0x0006, 0x0085, 0x000A
_OLD_ERRORS = {0: "#NULL!", 7: "#DIV/0!", 15: "#VALUE!", 23: "#REF!", 29: "#NAME?", 36: "#NUM!", 42: "#N/A"}
_LAST_SECTOR = 0xFFFFFFF9


def _stream(content: bytes) -> bytes:
    """The stream `Workbook` of a compound file ([MS-CFB]); empty when it is too small to have sectors of its own."""
    size = 1 << int.from_bytes(content[30:32], "little")

    def numbers(data: bytes) -> list[int]:
        return [int.from_bytes(data[at : at + 4], "little") for at in range(0, len(data) - 3, 4)]

    def sector(number: int) -> bytes:
        return content[(number + 1) * size : (number + 2) * size]

    listed = numbers(content[76:512])
    more, left = int.from_bytes(content[68:72], "little"), 1_000
    while more <= _LAST_SECTOR and left:
        *found, more = numbers(sector(more))
        listed += found
        left -= 1
    fat = [entry for number in listed if number <= _LAST_SECTOR for entry in numbers(sector(number))]

    def chain(number: int) -> bytes:
        pieces: list[bytes] = []
        while number <= _LAST_SECTOR and number < len(fat) and len(pieces) * size <= len(content):
            pieces.append(sector(number))
            number = fat[number]
        return b"".join(pieces)

    directory = chain(int.from_bytes(content[48:52], "little"))
    for at in range(0, len(directory), 128):
        entry = directory[at : at + 128]
        name = entry[: max(0, int.from_bytes(entry[64:66], "little") - 2)].decode("utf-16-le", "replace")
        if name in ("Workbook", "Book"):
            whole = int.from_bytes(entry[120:124], "little")
            return chain(int.from_bytes(entry[116:120], "little"))[:whole] if whole >= 4096 else b""
    return b""


def _records_of(stream: bytes, sheet: str) -> Iterator[tuple[int, bytes]]:
    """The records of one sheet of an Excel 97 workbook."""
    for kind, data in _records_from(stream, 0):
        if kind == _BOUND_SHEET and len(data) > 8:
            wide = data[7] & 1
            name = data[8 : 8 + data[6] * (1 + wide)].decode("utf-16-le" if wide else "latin-1", "replace")
            if name == sheet:
                yield from _records_from(stream, int.from_bytes(data[:4], "little"))
                return


def _records_from(stream: bytes, at: int) -> Iterator[tuple[int, bytes]]:
    while at + 4 <= len(stream):
        kind, size = int.from_bytes(stream[at : at + 2], "little"), int.from_bytes(stream[at + 2 : at + 4], "little")
        if kind == _EOF:
            return
        yield kind, stream[at + 4 : at + 4 + size]
        at += 4 + size


_LINE = re.compile(rb'\br="([0-9]{1,7})"')
_ROW = re.compile(rb"<(?:\w+:)?row\b")
_PLACE = re.compile(rb'\br="([A-Z]{1,3})([0-9]{1,7})"')
_VALUE = re.compile(rb"<(?:\w+:)?v(?: [^>]*)?>([^<]*)<")
_FORMULA = re.compile(rb"<(?:\w+:)?f(?: [^>]*)?>([^<]*)<")
_TEXT_RESULT = re.compile(rb'<[^>]*\bt="(?:str|s|inlineStr|b|e)"')
_CELL_STARTS = (b"<c ", b"<x:c ")
_PIECE = 4 << 20


def _places(piece: bytes, token: bytes) -> Iterator[int]:
    at = piece.find(token)
    while at >= 0:
        yield at
        at = piece.find(token, at + 1)


def _cell_around(piece: bytes, at: int) -> bytes | None:
    start = max(piece.rfind(mark, 0, at) for mark in _CELL_STARTS)
    ends = [end for mark in (b"</c>", b"</x:c>") if (end := piece.find(mark, at)) >= 0]
    return piece[start : min(ends)] if start >= 0 and ends and min(ends) - start < 65_536 else None


def _pieces(file: Any) -> Iterator[bytes]:
    """The sheet in pieces that end with a row."""
    rest = b""
    while chunk := file.read(_PIECE):
        rest += chunk
        cut = max(rest.rfind(b"</row>"), rest.rfind(b"</x:row>"))
        if cut < 0 and len(rest) < 4 * _PIECE:
            continue
        yield rest[: cut if cut >= 0 else len(rest)]
        rest = rest[cut:] if cut >= 0 else b""
    yield rest


def _part_of(archive: zipfile.ZipFile, sheet: str) -> str:
    """The file inside the archive that holds a sheet."""
    for entry in ElementTree.fromstring(archive.read("xl/workbook.xml")).iter():  # noqa: S314 - this process may die of it
        if entry.tag.endswith("}sheet") and entry.get("name") == sheet:
            key = next(value for name, value in entry.attrib.items() if name.endswith("}id"))
            for link in ElementTree.fromstring(archive.read("xl/_rels/workbook.xml.rels")):  # noqa: S314
                if link.get("Id") == key:
                    target = link.get("Target", "")
                    return target[1:] if target.startswith("/") else f"xl/{target}"
    raise KeyError(sheet)


def _marked_up(cells: list[Any], marks: dict[int, str] | None) -> list[Any]:
    for column, text in (marks or {}).items():
        cells.extend([""] * (column + 1 - len(cells)))
        if cells[column] == "":
            cells[column] = text
    return cells


def _merged(sheet: Any) -> list[Any]:
    return list(sheet.merged_cell_ranges or ())[:20_000]


_JSON = frozenset({str, int, float, bool})


def _plain(row: list[Any]) -> list[Any]:
    while row and row[-1] == "":
        row.pop()
    for at, cell in enumerate(row):
        if type(cell) not in _JSON:
            row[at] = _marked(cell)
    return row


def _marked(cell: Any) -> Any:
    match cell:
        case datetime.datetime():
            return {"m": cell.isoformat()}
        case datetime.date():
            return {"d": cell.isoformat()}
        case datetime.time():
            return {"t": cell.isoformat()}
    return str(cell)


def _say(*words: Any) -> None:
    line = json.dumps(words, ensure_ascii=False, separators=(",", ":"), allow_nan=True)
    sys.stdout.buffer.write(line.encode("utf-8", "replace") + b"\n")


if __name__ == "__main__":
    main(sys.argv[1], *(int(word) for word in sys.argv[2:]))
