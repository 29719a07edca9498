"""Admission of a merchant's file: from cells to lines that can be compared, and every line that cannot.

Pure. `heading` finds what the columns mean, `cells` reads what stands in them: what cannot be read is E05, never a
guess.
"""

import re
import unicodedata
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

import pyarrow as pa

from cardnet.finance.cells import Cell, amount_of, filled, moment_of, text_of
from cardnet.finance.heading import Header, as_header, find_header
from cardnet.kernel.calendar import SHANGHAI
from cardnet.kernel.errors import InvalidInput
from cardnet.kernel.money import yuan

LINES = pa.schema(
    [
        ("line", pa.int64()),  # the line of the sheet, from 1
        ("redemption_id", pa.string()),
        ("merchant_ref", pa.string()),
        ("type", pa.string()),
        ("day", pa.int32()),
        ("at", pa.int64()),
        ("store", pa.string()),
        ("terminal", pa.string()),
        ("amount_fen", pa.int64()),
    ]
)

_EPOCH = date(1970, 1, 1)


@dataclass(frozen=True)
class Unreadable:
    """A line that was not admitted (E05): where, what stood there, how to write it, and the numbers it names."""

    line: int
    column: str
    text: str
    problem: str
    cells: tuple[str, ...]
    redemption_id: str | None = None
    merchant_ref: str | None = None


@dataclass(frozen=True)
class Declared:
    """What the file says it comes to, and where it says so."""

    line: int
    count: int | None
    total_fen: int | None


@dataclass(frozen=True)
class Statement:
    """A merchant's file, read. `basis` names the amount of ours its column means; None: the word is ambiguous."""

    lines: pa.Table
    unreadable: tuple[Unreadable, ...]
    declared: Declared | None
    basis: str | None
    amount_column: str
    dated: bool
    written_fen: int
    """The amounts as written, signs and all: what a 合计 row adds up."""
    net_fen: int
    """The amounts with the sign their type gives them."""

    @property
    def count(self) -> int:
        """Lines of the file, readable or not."""
        return int(self.lines.num_rows) + len(self.unreadable)


def admit(rows: Sequence[Sequence[Cell]]) -> Statement:
    """Read a sheet: find the header by its words, then every line under it.

    Raises InvalidInput("statement_header_unknown") when no row names an amount and something to find a line by,
    and InvalidInput("statement_empty") when nothing stands below it.
    """
    header = find_header(rows)
    reader = _Reader(header)
    for index in range(header.row + 1, len(rows)):
        reader.take(index + 1, rows[index])
    for index in range(header.row):
        reader.declare(index + 1, rows[index])
    if not reader.columns["line"] and not reader.unreadable:
        raise InvalidInput("statement_empty", "文件只有表头，没有交易行：请确认导出的日期范围后重新上传。")
    return Statement(
        lines=pa.table(reader.columns, schema=LINES),
        unreadable=tuple(reader.unreadable),
        declared=reader.declared,
        basis=header.basis,
        amount_column=header.title,
        dated="date" in header.places or "time" in header.places,
        written_fen=reader.written_fen,
        net_fen=sum(
            fen if kind == "capture" else -fen
            for fen, kind in zip(reader.columns["amount_fen"], reader.columns["type"], strict=True)
        ),
    )


def points(table: Any) -> int:
    """How much a sheet looks like a statement: the one with a header and the most rows is read."""
    return len(table.rows) if any(as_header(0, row) for row in table.rows[:40]) else 0


def wrong_total(statement: Statement) -> tuple[str, str] | None:
    """What the file declares and what its lines come to, in words, when the two differ (E17).

    A total that only unreadable lines could explain proves nothing, so it is not held against the file.
    """
    declared = statement.declared
    if declared is None:
        return None
    count_differs = declared.count is not None and declared.count != statement.count
    total_differs = (
        declared.total_fen is not None
        and not statement.unreadable
        and declared.total_fen not in (statement.written_fen, statement.net_fen)
    )
    if not count_differs and not total_differs:
        return None
    said = _sum_words(declared.count, declared.total_fen)
    counted = _sum_words(
        None if declared.count is None else statement.count,
        None if declared.total_fen is None else statement.written_fen,
    )
    if declared.total_fen is not None and statement.net_fen != statement.written_fen:
        counted += f"（撤销、退款按减算是 {yuan(statement.net_fen)} 元）"
    return said, counted


def _sum_words(count: int | None, total_fen: int | None) -> str:
    parts = [f" {count} 笔"] if count is not None else []
    parts += [f" {yuan(total_fen)} 元"] if total_fen is not None else []
    return "、".join(parts).strip()


# -- the lines

_TOTAL = re.compile(r"^\s*(合计|总计|共计|总额|grand total|total|sum)\b|^\s*(合计|总计|共计|总额)")
_SUBTOTAL = re.compile(r"^\s*(小计|本页小计|本页合计|subtotal|page total)")
_COUNT = re.compile(r"(\d[\d,]*)\s*[笔条行单]|(?:笔数|条数|行数|count|lines)\s*[:：=]?\s*(\d[\d,]*)")
_TOTAL_MONEY = re.compile(r"(?:金额|总额|合计|total|amount)\s*[:：=]\s*[¥￥]?\s*(-?[\d,]+(?:\.\d+)?)")


class _Reader:
    def __init__(self, header: Header) -> None:
        self.header = header
        self.columns: dict[str, list[Any]] = {name: [] for name in LINES.names}
        self.unreadable: list[Unreadable] = []
        self.declared: Declared | None = None
        self.written_fen = 0

    def take(self, line: int, row: Sequence[Cell]) -> None:
        """One row under the header: a line, a total, or nothing."""
        if not any(filled(cell) for cell in row):
            return
        first = next(text_of(cell) for cell in row if filled(cell)).lower()
        if _SUBTOTAL.match(first):
            return
        if _TOTAL.match(first):
            self.declare(line, row)
            return
        if as_header(0, row) or self._is_note(row):
            self.declare(line, row)
            return
        try:
            values = self._values(row)
        except _Problem as problem:
            cells = tuple(text_of(cell)[:200] for cell in row)
            found = Unreadable(line, problem.column, problem.text[:100], problem.words, cells, *self._keys(row))
            self.unreadable.append(found)
            return
        self.written_fen += values.pop("written")
        self.columns["line"].append(line)
        for name, value in values.items():
            self.columns[name].append(value)

    def declare(self, line: int, row: Sequence[Cell]) -> None:
        """Whatever this row says of the number of lines and of their sum."""
        text = " ".join(text_of(cell) for cell in row if filled(cell)).lower()
        if not (_TOTAL.search(text) or "笔数" in text or "总金额" in text or "合计" in text):
            return
        counted, summed = _COUNT.search(text), _TOTAL_MONEY.search(text)
        count = int((counted[1] or counted[2]).replace(",", "")) if counted else None
        total = None
        try:
            if self.header.amount < len(row) and filled(row[self.header.amount]):
                total = amount_of(row[self.header.amount], fen=self.header.fen)
            elif summed:
                total = amount_of(summed[1], fen=False)
        except ValueError:
            total = None
        if count is not None or total is not None:
            self.declared = Declared(line, count, total)

    def _is_note(self, row: Sequence[Cell]) -> bool:
        """制表人, 说明, 导出时间: at most two cells, a colon, no amount and no key but that text."""
        written = [cell for cell in row if filled(cell)]
        amount_empty = self.header.amount >= len(row) or not filled(row[self.header.amount])
        return amount_empty and len(written) <= 2 and any(re.search("[:：]", text_of(cell)) for cell in written[:1])

    def _cell(self, row: Sequence[Cell], field: str) -> Cell:
        place = self.header.places.get(field)
        return "" if place is None or place >= len(row) else row[place]

    def _values(self, row: Sequence[Cell]) -> dict[str, Any]:
        written = self._amount(row)
        kind = self._type(row)
        if kind is None:
            kind = "back" if written < 0 else "capture"
        # A shop may write what it gave back with or without a minus; only on a sale does the sign matter.
        fen = written if kind == "capture" else abs(written)
        day, at = self._when(row)
        return {
            "redemption_id": self._id(row),
            "merchant_ref": self._ref(row, "merchant_ref"),
            "type": kind,
            "day": day,
            "at": at,
            "store": self._ref(row, "store"),
            "terminal": self._ref(row, "terminal"),
            "amount_fen": fen,
            "written": written,
        }

    def _keys(self, row: Sequence[Cell]) -> tuple[str | None, str | None]:
        """The numbers an unreadable line names all the same; none when they are what cannot be read."""
        try:
            return self._id(row), self._ref(row, "merchant_ref")
        except _Problem:
            return None, None

    def _amount(self, row: Sequence[Cell]) -> int:
        cell = row[self.header.amount] if self.header.amount < len(row) else ""
        try:
            fen = amount_of(cell, fen=self.header.fen)
        except ValueError as error:
            raise _Problem(self.header.title, text_of(cell), str(error)) from None
        twin = self.header.amount_twin
        if twin is not None and twin < len(row) and filled(row[twin]):
            try:
                same = amount_of(row[twin], fen=False) == fen
            except ValueError as error:
                raise _Problem(self.header.title, text_of(row[twin]), str(error)) from None
            if not same:
                raise _Problem(self.header.title, text_of(cell), "同一行的元和分两列不相等，请核对后重新发送。")
        return fen

    def _type(self, row: Sequence[Cell]) -> str | None:
        cell = self._cell(row, "type")
        if not filled(cell):
            return None
        text = unicodedata.normalize("NFKC", text_of(cell)).strip().lower()
        if text not in _TYPES:
            raise _Problem(self.header.titles["type"], text_of(cell), "请写“核销”“撤销”或“退款”。")
        return _TYPES[text]

    def _when(self, row: Sequence[Cell]) -> tuple[int | None, int | None]:
        day: date | None = None
        at: datetime | None = None
        for field in ("date", "time"):
            cell = self._cell(row, field)
            if not filled(cell):
                continue
            try:
                found, clock, moment = moment_of(cell if not isinstance(cell, float) else str(cell))
            except ValueError as error:
                raise _Problem(self.header.titles[field], text_of(cell), str(error)) from None
            day = day or found
            at = at or moment
            if clock is not None and at is None and day is not None:
                at = datetime.combine(day, clock, SHANGHAI)
        return (
            None if day is None else (day - _EPOCH).days,
            None if at is None else int(at.astimezone(UTC).timestamp()),
        )

    def _id(self, row: Sequence[Cell]) -> str | None:
        text = self._ref(row, "redemption_id")
        if text is None:
            return None
        try:
            return str(uuid.UUID(text))
        except ValueError:
            return text.lower()

    def _ref(self, row: Sequence[Cell], field: str) -> str | None:
        cell = self._cell(row, field)
        if not filled(cell):
            return None
        text = text_of(cell)
        broken = isinstance(cell, float) and abs(cell) >= 1e15
        if field in ("redemption_id", "merchant_ref") and (broken or _SCIENTIFIC.fullmatch(text)):
            raise _Problem(
                self.header.titles[field],
                text,
                "单号被表格软件改成了科学计数法，原号已丢失：请把这一列设为“文本”后重新导出。",
            )
        return text[:200]


@dataclass
class _Problem(Exception):
    column: str
    text: str
    words: str


_TYPES = {
    word: kind
    for kind, words in {
        "capture": "capture captured redemption redeem sale purchase payment pay consume 核销 消费 销售 收款 交易 支付 正常 使用 收入",
        "reversal": "reversal reversed reverse void cancel cancelled 撤销 冲正 作废 取消 撤单",
        "refund": "refund refunded return 退款 退货 退单 支出",
    }.items()
    for word in words.split()
}
_SCIENTIFIC = re.compile(r"\d(\.\d+)?[eE]\+\d+")
