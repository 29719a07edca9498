"""What every reader of files makes: a table of cells, and how large one may be."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time

Cell = str | int | float | bool | date | datetime | time
"""One cell; an empty one is ``""``. An error of a formula is its text (`#N/A`), a formula never computed its formula."""

MAX_BYTES = 50 * 1024 * 1024
MAX_UNPACKED_BYTES = 512 * 1024 * 1024
MAX_TEXT_BYTES = 32 * 1024 * 1024
MAX_ROWS = 200_000
MAX_CELLS = 6_000_000
MAX_COLUMNS = 256
MAX_CELL_CHARS = 32_767
"""What a spreadsheet program itself allows in one cell."""


@dataclass(frozen=True)
class Table:
    """The cells of one sheet: `rows[0]` is line 1 of the sheet, a blank line is an empty row.

    `merged` holds `((row, column), (row, column))` from 0, both ends included. `others` are the other
    visible sheets of the file that hold anything. `hidden` are the lines (from 1) a filter or a hand has hidden.
    """

    name: str
    rows: Sequence[Sequence[Cell]]
    merged: Sequence[tuple[tuple[int, int], tuple[int, int]]] = ()
    others: tuple["Table", ...] = field(default=(), repr=False)
    hidden: frozenset[int] = frozenset()


class SharedWords:
    """Columns of words repeat a few of them 100,000 times: kept once each, a large file is a third as big in memory."""

    def __init__(self) -> None:
        self._columns: list[dict[Cell, Cell]] = [{} for _ in range(MAX_COLUMNS)]

    def shared(self, row: Sequence[Cell]) -> list[Cell]:
        """The row, its texts taken from the rows before where they said the same."""
        return [_one(seen, cell) if type(cell) is str else cell for seen, cell in zip(self._columns, row, strict=False)]


def _one(seen: dict[Cell, Cell], cell: Cell) -> Cell:
    known = seen.get(cell)
    if known is not None:
        return known
    # A column of numbers or names never repeats: it fills its few places and costs no more.
    if len(seen) < 1_000:
        seen[cell] = cell
    return cell
