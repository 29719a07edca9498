"""Where in a table the people are: the header among titles, blank lines, totals and signatures. Pure.

Nothing is lost in silence: what is passed over and names nobody (titles, totals, examples) is counted in
`notices`, and a line that might be a person is one.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from cardnet.kernel.errors import InvalidInput
from cardnet.membership import spreadsheet
from cardnet.membership.cleaning import heading_of, word_of
from cardnet.membership.columns import HEADINGS, RESIDENT_ID_HEADINGS, Column
from cardnet.membership.likely import likely_columns
from cardnet.membership.table import Cell, Table
from cardnet.membership.words import EXAMPLES, FOOTERS, HINTS

HEADER_WITHIN = 60
"""Lines among which the header must be."""

_IDENTIFYING = (Column.NAME, Column.ID_NUMBER)
_PREFILLED = frozenset({Column.NUMBER, Column.ID_TYPE, Column.UNIT})
"""What templates carry in lines nobody has filled in yet."""
_OWN = frozenset({Column.NUMBER, Column.NAME, Column.ID_NUMBER, Column.PHONE})
"""What is each person's own: a merged cell says nothing about the second line of it."""
_SENTENCE = frozenset(":;。,、!?")


@dataclass(frozen=True)
class Header:
    """Lines `first` to `last` (from 0) and where each known column stands."""

    first: int
    last: int
    columns: Mapping[Column, int]
    resident_only: bool
    """The column of numbers is headed 身份证号码: it needs no 证件类型 beside it."""
    width: int


class SheetRow(NamedTuple):
    """One person: `row` counts people from 1, `line` is the line of the sheet, `cells` as they are seen."""

    row: int
    line: int
    cells: Sequence[Cell]


@dataclass(frozen=True)
class Sheet:
    """A table whose columns are known."""

    table: Table
    header: Header
    rows: tuple[SheetRow, ...]
    notices: tuple[str, ...]

    def cell(self, row: SheetRow, column: Column) -> Cell:
        """The cell of a column, `` where the file has no such column."""
        at = self.header.columns.get(column, -1)
        return row.cells[at] if 0 <= at < len(row.cells) else ""


def read_sheet(content: bytes, filename: str = "") -> Sheet:
    """The sheet of a file that looks most like a list of people. Raises InvalidInput as `spreadsheet.read` and `find_people`."""
    return find_people(spreadsheet.read(content, filename, prefer=_likeness))


def find_people(table: Table) -> Sheet:
    """The people of a table. Raises InvalidInput("header_not_found") or ("no_rows")."""
    header = _header(table.rows)
    if header is None:
        raise InvalidInput(
            "header_not_found",
            "没有找到表头：表里要有一行写着“姓名”“证件号码”“手机号码”等列名，名单从它的下一行开始。",
        )
    notices = _Notices()
    header = _completed(table, header, notices)
    rows = tuple(_people(table, header, notices))
    if not rows:
        raise InvalidInput("no_rows", "表头下面没有名单：请从表头的下一行开始逐行填写后再上传。")
    if unseen := [row.line for row in rows if row.line in table.hidden]:
        listed = "、".join(map(str, unseen[:10])) + ("……" if len(unseen) > 10 else "")
        notices.add(f"有 {len(unseen)} 人在隐藏的行里（第 {listed} 行），也一起读了：不想提交请删去这些行。")
    for other in table.others:
        if _likeness(other):
            notices.add(f"工作表“{other.name}”里也有一份名单，本次只读了“{table.name}”：请合并成一张表，或分开上传。")
    return Sheet(table, header, rows, tuple(notices.said))


class _Notices:
    def __init__(self) -> None:
        self.said: list[str] = []

    def add(self, sentence: str) -> None:
        if len(self.said) < 50:
            self.said.append(sentence)


def _likeness(table: Table) -> int:
    header = _header(table.rows)
    return len(header.columns) if header else 0


def _header(rows: Sequence[Sequence[Cell]]) -> Header | None:
    best: Header | None = None
    for at in range(min(len(rows), HEADER_WITHIN)):
        for depth in (1, 2):
            # Two lines of header: groups above, names below; a heading of both lines stands in the upper one.
            lines = rows[at : at + depth]
            found = _mapped(lines)
            if len(lines) < depth or not any(column in found for column in _IDENTIFYING):
                continue
            if depth == 2 and not all(_mapped([line]) for line in lines):
                continue
            if len(found) >= 2 and (best is None or len(found) > len(best.columns)):
                resident = (
                    any(
                        heading_of(cell) in RESIDENT_ID_HEADINGS
                        for line in lines
                        for cell in line[found[Column.ID_NUMBER] : found[Column.ID_NUMBER] + 1]
                    )
                    if Column.ID_NUMBER in found
                    else False
                )
                best = Header(at, at + depth - 1, found, resident, max(len(line) for line in lines))
    return best


def _completed(table: Table, header: Header, notices: _Notices) -> Header:
    """The same header, with what its headings mean where their spelling is nobody's but this office's."""
    found = likely_columns(table.rows[header.first : header.last + 1], header.columns)
    for column, (_, heading) in sorted(found.items()):
        notices.add(f"“{heading}”一列当作“{column}”来读：如果不是，请把列名改清楚再传。")
    resident = header.resident_only or "身份证" in found.get(Column.ID_NUMBER, (0, ""))[1]
    columns = {**header.columns, **{column: at for column, (at, _) in found.items()}}
    return replace(header, columns=columns, resident_only=resident)


def _mapped(lines: Sequence[Sequence[Cell]]) -> dict[Column, int]:
    found: dict[Column, tuple[int, int]] = {}
    for line in lines:
        for at, cell in enumerate(line):
            known = _column_of(cell)
            if known and (known[0] not in found or known[1] < found[known[0]][0]):
                found[known[0]] = (known[1], at)
    return {column: at for column, (_rank, at) in found.items()}


def _column_of(cell: Cell) -> tuple[Column, int] | None:
    if not isinstance(cell, str) or not cell or len(cell) > 80:
        return None
    heading = heading_of(cell)
    return HEADINGS.get(heading) or HEADINGS.get(heading.lstrip("0123456789.、"))


def _people(table: Table, header: Header, notices: _Notices) -> Iterator[SheetRow]:
    merged = _merged_downwards(table, header)
    number = 0
    for at in range(header.last + 1, len(table.rows)):
        cells = table.rows[at]
        if not cells:
            continue
        reason = _passed_over(cells, header.columns)
        if reason is None:
            number += 1
            yield SheetRow(number, at + 1, _filled(cells, merged.get(at)))
        elif reason:
            notices.add(f"第 {at + 1} 行是{reason}，没有当作人员读取。")


def _passed_over(cells: Sequence[Cell], columns: Mapping[Column, int]) -> str | None:  # noqa: PLR0911 - one return per reason
    """Why a line names nobody: `` for a blank one, None for a person."""
    name, number = (_at(cells, columns.get(column)) for column in _IDENTIFYING)
    if any(isinstance(cell, str) and cell.startswith(EXAMPLES) for cell in (cells[0], name)):
        return "填写示例"
    if name and isinstance(number, str) and len(number) >= 15 and number.isascii() and number.isalnum():
        return None
    words = [(at, word) for at, cell in enumerate(cells) if cell != "" and (word := word_of(cell))]
    if not words:
        return ""
    if sum(1 for column, at in columns.items() if (_column_of(_at(cells, at)) or (None,))[0] is column) >= 2:
        return "重复的表头"
    first, name_word, number_word = words[0][1], word_of(name), word_of(number)
    if name_word in HINTS or number_word in HINTS:
        return "填写说明"
    if not (len(number_word) >= 5 and number_word.isascii() and number_word.isalnum()):
        if first.startswith(FOOTERS) or name_word.startswith(FOOTERS):
            return "合计或落款"
        if len(words) == 1 and not _SENTENCE.isdisjoint(first):
            return "说明文字"
    present = {column for column, at in columns.items() if word_of(_at(cells, at))}
    if present <= _PREFILLED:
        return ""
    return None


def _at(cells: Sequence[Cell], at: int | None) -> Cell:
    return cells[at] if at is not None and at < len(cells) else ""


def _merged_downwards(table: Table, header: Header) -> dict[int, dict[int, Cell]]:
    """What a cell merged over several lines says in the lines below its first, by line and column."""
    own = {header.columns[column] for column in _OWN if column in header.columns}
    said: dict[int, dict[int, Cell]] = {}
    for (top, left), (bottom, _right) in table.merged:
        if top == bottom or top <= header.last or left in own or top >= len(table.rows) or left >= header.width:
            continue
        value = _at(table.rows[top], left)
        if value != "":
            for at in range(top + 1, min(bottom + 1, len(table.rows))):
                said.setdefault(at, {})[left] = value
    return said


def _filled(cells: Sequence[Cell], said: dict[int, Cell] | None) -> Sequence[Cell]:
    if not said:
        return cells
    width = max(len(cells), *(at + 1 for at in said))
    return [
        said[at] if at in said and (at >= len(cells) or cells[at] == "") else (cells[at] if at < len(cells) else "")
        for at in range(width)
    ]
