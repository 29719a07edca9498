"""Run as a process of its own by `spreadsheet.py`: reads a workbook from standard input, writes its cells as JSON lines.

A workbook is a stranger's file. A cell far to the south-east, a bomb of zeroes or a lying header can make any
parser ask for all memory there is, which ends the process that asks; so the process that asks is this one,
with limits on memory and time, and it imports nothing of cardnet.

Lines: `["sheet", name, seen]`, `["rows", first_line, rows]`, `["merged", ranges]`, `["end"]` or `["error", code]`.
A date, a time or a moment is `{"d": …}`, `{"t": …}`, `{"m": …}`; an empty cell is "".
"""

import datetime
import io
import json
import resource
import sys
from typing import Any

from python_calamine import CalamineError, CalamineWorkbook, PasswordError, SheetTypeEnum, SheetVisibleEnum

ROWS_AT_ONCE = 500


def main(memory_bytes: int, seconds: int, max_rows: int, max_columns: int, max_cells: int) -> None:
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
        batch: list[list[Any]] = []
        # calamine counts rows from the top of the sheet, but columns from the first that holds anything.
        first, left = sheet.start[0] + 1, [""] * sheet.start[1]
        for line, row in enumerate(sheet.iter_rows(), 1):
            if line < first:
                continue
            cells = _plain([*left, *row][:max_columns])
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
    main(*(int(word) for word in sys.argv[1:]))
