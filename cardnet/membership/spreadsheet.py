"""What offices send, as a table of cells: XLSX, XLS (and ODS) through calamine, CSV in any usual encoding.

Nothing here knows what the columns mean. A file that cannot be read raises InvalidInput with a sentence that
says what to do; it never raises anything else, and never takes more memory than the limits below.
"""

import csv
import io
import json
import subprocess
import sys
import threading
import zipfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time
from pathlib import Path
from typing import Any, Literal

from cardnet.kernel.errors import InvalidInput

Cell = str | int | float | bool | date | datetime | time
"""One cell; an empty one is ``""``."""

MAX_BYTES = 50 * 1024 * 1024
MAX_UNPACKED_BYTES = 512 * 1024 * 1024
MAX_TEXT_BYTES = 32 * 1024 * 1024
MAX_ROWS = 200_000
MAX_CELLS = 6_000_000
MAX_COLUMNS = 256
MAX_CELL_CHARS = 32_767
"""What a spreadsheet program itself allows in one cell."""
CHILD_MEMORY_BYTES = 700 * 1024 * 1024
CHILD_SECONDS = 60

_CHILD = Path(__file__).with_name("workbook_child.py")


@dataclass(frozen=True)
class Table:
    """The cells of one sheet: `rows[0]` is line 1 of the sheet, a blank line is an empty row.

    `merged` holds `((row, column), (row, column))` from 0, both ends included. `others` are the other
    visible sheets of the file that hold anything.
    """

    name: str
    rows: Sequence[Sequence[Cell]]
    merged: Sequence[tuple[tuple[int, int], tuple[int, int]]] = ()
    others: tuple["Table", ...] = field(default=(), repr=False)


def read(content: bytes, filename: str = "", prefer: Callable[[Table], int] | None = None) -> Table:
    """The sheet of a file that `prefer` gives the most points, by default the first that holds anything.

    What kind of file it is, its bytes say; `filename` only appears in messages. Hidden sheets are never read.
    Raises InvalidInput: file_empty, file_too_large, too_many_rows, file_encrypted, file_not_a_table,
    file_unreadable, encoding_unknown.
    """
    tables = [table for table in _tables(content, filename) if any(table.rows)]
    if not tables:
        raise InvalidInput(
            "file_empty", f"文件{_named(filename)}里没有内容：请确认名单在可见的工作表里，保存后再上传。"
        )
    points = [prefer(table) if prefer else 0 for table in tables]
    best = tables[points.index(max(points))]
    others = tuple(table for table in tables if table is not best)
    return Table(best.name, best.rows, best.merged, others)


def _tables(content: bytes, filename: str) -> list[Table]:
    if not content.strip(b"\0 \r\n\t"):
        raise InvalidInput("file_empty", f"文件{_named(filename)}是空的：请打开它确认有内容，保存后再上传。")
    if len(content) > MAX_BYTES:
        raise InvalidInput(
            "file_too_large",
            f"文件超过 {MAX_BYTES // 1024 // 1024} MB：请删去图片和多余的工作表，或按单位分成几个文件。",
        )
    if content.startswith(b"PK\x03\x04"):
        _check_archive(content, filename)
        return _workbook(content, filename)
    if content.startswith(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"):
        if "EncryptedPackage".encode("utf-16-le") in content:
            raise _encrypted(filename)
        return _workbook(content, filename)
    for start, kind in _NO_TABLES.items():
        if content.lstrip()[:64].lower().startswith(start):
            raise _no_table(filename, kind)
    return [_text_table(content, filename)]


_NO_TABLES = {
    b"%pdf": "PDF",
    b"\x89png": "图片",
    b"\xff\xd8\xff": "图片",
    b"gif8": "图片",
    b"rar!": "压缩包",
    b"7z\xbc\xaf": "压缩包",
    b"\x1f\x8b": "压缩包",
    b"{\\rtf": "文档",
    b"<html": "网页",
    b"<!doctype": "网页",
    b"<table": "网页",
    b"<?xml": "XML",
    b"\xef\xbb\xbf<html": "网页",
    b"\xef\xbb\xbf<?xml": "XML",
}


def _named(filename: str) -> str:
    return f"“{filename}”" if filename else ""


def _no_table(filename: str, kind: str) -> InvalidInput:
    return InvalidInput(
        "file_not_a_table",
        f"文件{_named(filename)}是{kind}，不是表格：请用 Excel 或 WPS 打开，另存为 .xlsx 后再上传。",
    )


def _encrypted(filename: str) -> InvalidInput:
    return InvalidInput(
        "file_encrypted", f"文件{_named(filename)}设了打开密码：请在 Excel 或 WPS 里取消密码，保存后再上传。"
    )


def _unreadable(filename: str) -> InvalidInput:
    return InvalidInput(
        "file_unreadable",
        f"文件{_named(filename)}读不出来，可能已损坏：请用 Excel 或 WPS 打开，另存为 .xlsx 后再上传。",
    )


def _too_large() -> InvalidInput:
    return InvalidInput(
        "file_too_large",
        "表格展开后太大：请检查很远的行列里是否有多余内容，只保留名单，复制到新工作簿后再上传。",
    )


def _too_many_rows() -> InvalidInput:
    return InvalidInput("too_many_rows", f"表格超过 {MAX_ROWS:,} 行：请按单位分成几个文件上传。")


def _check_archive(content: bytes, filename: str) -> None:
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            members = archive.infolist()
    except (zipfile.BadZipFile, NotImplementedError, ValueError, OSError, UnicodeDecodeError):
        raise _unreadable(filename) from None
    names = {member.filename for member in members}
    if not names & {"xl/workbook.xml", "xl/workbook.bin", "content.xml"}:
        raise _no_table(filename, "文档" if "word/document.xml" in names else "压缩包")
    if any(member.flag_bits & 1 for member in members):
        raise _encrypted(filename)
    if sum(member.file_size for member in members) > MAX_UNPACKED_BYTES:
        raise _too_large()


def _workbook(content: bytes, filename: str) -> list[Table]:
    limits = (CHILD_MEMORY_BYTES, CHILD_SECONDS, MAX_ROWS, MAX_COLUMNS, MAX_CELLS)
    child = subprocess.Popen(  # noqa: S603 - our own program; the file goes to its standard input
        [sys.executable, "-I", str(_CHILD), *map(str, limits)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    # The processor's time is limited from inside; this stops a child that merely sleeps.
    alarm = threading.Timer(CHILD_SECONDS + 5, child.kill)
    alarm.start()
    try:
        with child:
            assert child.stdin
            assert child.stdout
            try:
                child.stdin.write(content)
                child.stdin.close()
            except BrokenPipeError:
                raise _unreadable(filename) from None
            return list(_sheets(child.stdout, filename))
    finally:
        alarm.cancel()
        child.kill()


def _sheets(lines: Any, filename: str) -> Iterator[Table]:
    """What the child says, as tables. A child that ended without `end` ran into its limits."""
    name, visible = "", False
    rows: list[list[Cell]] = []
    merged: list[Any] = []
    refusals = {"encrypted": _encrypted, "unreadable": _unreadable}
    for line in lines:
        word, *said = json.loads(line, object_hook=_unmarked)
        if word in ("sheet", "end") and visible:
            yield Table(name, rows, merged)
        if word == "end":
            return
        if word == "error":
            if said[0] in refusals:
                raise refusals[said[0]](filename)
            raise _too_many_rows() if said[0] == "too_many_rows" else _too_large()
        if word == "sheet":
            (name, visible), rows, merged = said, [], []
        elif word == "merged":
            merged = [((a, b), (c, d)) for (a, b), (c, d) in said[0]]
        elif word == "rows" and visible:
            first, batch = said
            rows.extend([] for _ in range(first - 1 - len(rows)))
            rows.extend(batch)
    raise _too_large()


def _unmarked(mark: dict[str, str]) -> Any:
    ((kind, text),) = mark.items()
    read_as = {"d": date.fromisoformat, "t": time.fromisoformat, "m": datetime.fromisoformat}[kind]
    return read_as(text)


_BOMS = {
    b"\xef\xbb\xbf": "utf-8",
    b"\xff\xfe\x00\x00": "utf-32-le",
    b"\xff\xfe": "utf-16-le",
    b"\xfe\xff": "utf-16-be",
}
_HEAD_BYTES = 64 * 1024


def _text_table(content: bytes, filename: str) -> Table:
    """Byte order mark, then UTF-8, then GB18030 (of which GBK and GB2312 are parts)."""
    if len(content) > MAX_TEXT_BYTES:
        raise _too_large()
    mark = next((mark for mark in _BOMS if content.startswith(mark)), b"")
    for encoding in (_BOMS[mark],) if mark else ("utf-8", "gb18030"):
        try:
            return _csv(content[len(mark) :], encoding, filename)
        except UnicodeDecodeError:
            continue
    raise _strange(filename)


def _strange(filename: str) -> InvalidInput:
    return InvalidInput(
        "encoding_unknown",
        f"文件{_named(filename)}的文字编码认不出来：请用 Excel 或 WPS 打开，另存为 .xlsx 或“CSV UTF-8”后再上传。",
    )


_NOT_IN_TEXT = [chr(code) for code in range(32) if chr(code) not in "\t\n\r\f\v"]


def _csv(content: bytes, encoding: str, filename: str) -> Table:
    head = content[:_HEAD_BYTES].decode(encoding, "ignore")
    if sum(head.count(sign) for sign in _NOT_IN_TEXT) * 100 > len(head):
        raise _strange(filename)
    delimiter = _delimiter(head)
    rows = _records(content, encoding, delimiter, csv.QUOTE_MINIMAL)
    if rows is None or any(str(cell).count("\n") > 20 for row in rows for cell in row):
        # A quotation mark nobody closed swallows everything behind it: take the marks as letters.
        rows = _records(content, encoding, delimiter, csv.QUOTE_NONE)
    if rows is None:
        raise _unreadable(filename)
    return Table("", rows)


def _records(content: bytes, encoding: str, delimiter: str, quoting: Literal[0, 3]) -> list[list[Cell]] | None:
    """The rows, None when the quotation marks make no sense. Raises UnicodeDecodeError for another encoding."""
    rows: list[list[Cell]] = []
    rows_left, cells_left = MAX_ROWS, MAX_CELLS
    # Decoded as it is read: the whole text at once can be four times the file.
    lines = io.TextIOWrapper(io.BytesIO(content), encoding=encoding, newline="")
    try:
        for row in csv.reader(lines, delimiter=delimiter, quoting=quoting):
            cells = [cell[:MAX_CELL_CHARS] for cell in row[:MAX_COLUMNS]]
            if quoting == csv.QUOTE_NONE:
                cells = [_unquoted(cell) for cell in cells]
            while cells and not cells[-1]:
                cells.pop()
            rows.append(list(cells))
            rows_left -= bool(cells)
            cells_left -= len(cells)
            if rows_left < 0 or len(rows) > 10 * MAX_ROWS:
                raise _too_many_rows()
            if cells_left < 0:
                raise _too_large()
    except csv.Error:
        return None
    return rows


def _unquoted(cell: str) -> str:
    if len(cell) >= 2 and cell[0] == cell[-1] == '"':
        cell = cell[1:-1]
    return cell.replace('""', '"')


def _delimiter(head: str) -> str:
    """The sign that parts the most of the first lines, and into the most cells."""
    lines = head.splitlines()[:30]

    def parts(sign: str) -> tuple[int, int]:
        counts = [line.count(sign) for line in lines]
        return sum(1 for count in counts if count), max(counts, default=0)

    return max(",\t;|，", key=parts)
