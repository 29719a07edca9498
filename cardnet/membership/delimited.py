"""Text files of rows: CSV, tabs or semicolons, in any encoding offices use."""

import csv
import io
import re
from typing import Literal

from cardnet.membership import file_errors
from cardnet.membership.table import (
    MAX_CELL_CHARS,
    MAX_CELLS,
    MAX_COLUMNS,
    MAX_ROWS,
    MAX_TEXT_BYTES,
    Cell,
    SharedWords,
    Table,
)

_BOMS = {
    b"\xef\xbb\xbf": "utf-8",
    b"\xff\xfe\x00\x00": "utf-32-le",
    b"\xff\xfe": "utf-16-le",
    b"\xfe\xff": "utf-16-be",
}
_HEAD_BYTES = 64 * 1024
_SEPARATORS = ",\t;|，；"
_NOT_IN_TEXT = [chr(code) for code in range(32) if chr(code) not in "\t\n\r\f\v"]
_SAID_SEPARATOR = re.compile(r"\s*\"?sep=(.)\"?\s*[\r\n]", re.IGNORECASE)


def table(content: bytes, filename: str) -> Table:
    """Byte order mark, then UTF-16 without one, then UTF-8, then GB18030 (of which GBK and GB2312 are parts).

    Raises InvalidInput("encoding_unknown"), ("file_unreadable"), ("file_too_large") or ("too_many_rows").
    """
    if len(content) > MAX_TEXT_BYTES:
        raise file_errors.too_large()
    mark = next((mark for mark in _BOMS if content.startswith(mark)), b"")
    for encoding in (_BOMS[mark],) if mark else (*_wide(content[:_HEAD_BYTES]), "utf-8", "gb18030"):
        try:
            return _rows(content[len(mark) :], encoding, filename)
        except UnicodeDecodeError:
            continue
    raise file_errors.strange(filename)


def _wide(head: bytes) -> tuple[str, ...]:
    """UTF-16 without its mark: commas and digits have a zero on the same side of each."""
    zeros = [at % 2 for at, byte in enumerate(head) if byte == 0]
    if len(zeros) * 50 < len(head):
        return ()
    odd = sum(zeros)
    if odd * 20 >= len(zeros) * 19:
        return ("utf-16-le",)
    return ("utf-16-be",) if odd * 20 <= len(zeros) else ()


def _rows(content: bytes, encoding: str, filename: str) -> Table:
    head = content[:_HEAD_BYTES].decode(encoding, "ignore")
    if sum(head.count(sign) for sign in _NOT_IN_TEXT) * 100 > len(head):
        raise file_errors.strange(filename)
    said = _SAID_SEPARATOR.match(head)
    delimiter = said[1] if said else _delimiter(head)
    rows = _records(content, encoding, delimiter, csv.QUOTE_MINIMAL)
    if rows is None or any(_swallowed(str(cell), delimiter) for row in rows for cell in row):
        # A quotation mark nobody closed swallows everything behind it: take the marks as letters.
        rows = _records(content, encoding, delimiter, csv.QUOTE_NONE)
    if rows is None:
        raise file_errors.unreadable(filename)
    if said and rows:
        rows[0] = []
    return Table("", rows)


def _swallowed(cell: str, delimiter: str) -> bool:
    """Whether lines of the table ended up inside one cell; an address or a remark of several lines is none."""
    if "\n" not in cell:
        return False
    lines = cell.split("\n")
    return len(lines) > 21 or any(line.count(delimiter) >= 3 for line in lines[1:])


def _records(content: bytes, encoding: str, delimiter: str, quoting: Literal[0, 3]) -> list[list[Cell]] | None:
    """The rows, None when the quotation marks make no sense. Raises UnicodeDecodeError for another encoding."""
    rows: list[list[Cell]] = []
    rows_left, cells_left = MAX_ROWS, MAX_CELLS
    words = SharedWords()
    # Decoded as it is read: the whole text at once can be four times the file.
    lines = io.TextIOWrapper(io.BytesIO(content), encoding=encoding, newline="")
    try:
        for row in csv.reader(lines, delimiter=delimiter, quoting=quoting):
            cells = [cell[:MAX_CELL_CHARS] for cell in row[:MAX_COLUMNS]]
            if quoting == csv.QUOTE_NONE:
                cells = [_unquoted(cell) for cell in cells]
            while cells and not cells[-1]:
                cells.pop()
            rows.append(words.shared(cells))
            rows_left -= bool(cells)
            cells_left -= len(cells)
            if rows_left < 0 or len(rows) > 10 * MAX_ROWS:
                raise file_errors.too_many_rows()
            if cells_left < 0:
                raise file_errors.too_large()
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

    return max(_SEPARATORS, key=parts)
