"""Workbooks, read by a process of their own: a stranger's file may make any parser ask for all memory there is."""

import enum
import json
import subprocess
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from datetime import date, datetime, time
from pathlib import Path
from typing import IO, Any

from cardnet.kernel.errors import InvalidInput
from cardnet.membership import file_errors
from cardnet.membership.table import MAX_CELLS, MAX_COLUMNS, MAX_ROWS, Cell, SharedWords, Table

CHILD_MEMORY_BYTES = 700 * 1024 * 1024
CHILD_SECONDS = 60


class Kind(enum.Enum):
    """What a file is: which program reads it, and what that is told."""

    WORKBOOK = ("workbook_child.py", "workbook")
    PAGE = ("markup_child.py", "page")
    SHEET_XML = ("markup_child.py", "sheet_xml")


def sheets(kind: Kind, content: bytes, filename: str) -> list[Table]:
    """The visible sheets of a workbook. Raises InvalidInput as `spreadsheet.read`."""
    limits = (CHILD_MEMORY_BYTES, CHILD_SECONDS, MAX_ROWS, MAX_COLUMNS, MAX_CELLS)
    program, told = kind.value
    child = subprocess.Popen(  # noqa: S603 - our own program; the file goes to its standard input
        [sys.executable, "-I", str(Path(__file__).with_name(program)), told, *map(str, limits)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        bufsize=0,
    )
    # The processor's time is limited from inside; this stops a child that merely sleeps.
    alarm = threading.Timer(CHILD_SECONDS + 5, child.kill)
    alarm.start()
    try:
        with child:
            assert child.stdin
            assert child.stdout
            # Beside the reading: a child that answers before it has heard everything must not wait for us.
            speaker = threading.Thread(target=_tell, args=(child.stdin, content), daemon=True)
            speaker.start()
            with open(child.stdout.fileno(), "rb", closefd=False) as lines:
                found = list(_said(lines, filename))
            speaker.join(1)
            return found
    finally:
        alarm.cancel()
        child.kill()


def _tell(pipe: IO[bytes], content: bytes) -> None:
    rest = memoryview(content)
    try:
        while rest:
            rest = rest[pipe.write(rest) :]
        pipe.close()
    except (BrokenPipeError, ValueError):
        # It stopped listening: what it says, or its silence, tells why.
        return


def _said(lines: Iterable[bytes], filename: str) -> Iterator[Table]:
    """What the child says, as tables. A child that ended without `end` ran into its limits."""
    sheet: _Sheet | None = None
    words = SharedWords()
    for line in lines:
        word, *said = json.loads(line, object_hook=_unmarked)
        if word in ("sheet", "end") and sheet:
            yield sheet.table()
        match word:
            case "end":
                return
            case "error":
                raise _REFUSALS.get(said[0], _too_large)(filename)
            case "sheet":
                name, visible = said
                sheet = _Sheet(name) if visible else None
            case "merged" if sheet:
                sheet.merged = [((a, b), (c, d)) for (a, b), (c, d) in said[0]]
            case "hidden" if sheet:
                sheet.hidden = frozenset(said[0])
            case "rows" if sheet:
                first, batch = said
                sheet.rows.extend([] for _ in range(first - 1 - len(sheet.rows)))
                sheet.rows.extend(map(words.shared, batch))
    raise file_errors.too_large()


class _Sheet:
    def __init__(self, name: str) -> None:
        self.name = name
        self.rows: list[list[Cell]] = []
        self.merged: list[tuple[tuple[int, int], tuple[int, int]]] = []
        self.hidden: frozenset[int] = frozenset()

    def table(self) -> Table:
        return Table(self.name, self.rows, self.merged, hidden=self.hidden)


def _too_large(_filename: str) -> InvalidInput:
    return file_errors.too_large()


def _too_many_rows(_filename: str) -> InvalidInput:
    return file_errors.too_many_rows()


_REFUSALS: dict[str, Callable[[str], InvalidInput]] = {
    "encrypted": file_errors.encrypted,
    "unreadable": file_errors.unreadable,
    "too_many_rows": _too_many_rows,
}


def _unmarked(mark: dict[str, str]) -> Any:
    ((kind, text),) = mark.items()
    read_as = {"d": date.fromisoformat, "t": time.fromisoformat, "m": datetime.fromisoformat}[kind]
    return read_as(text)
