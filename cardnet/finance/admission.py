"""Admission of a merchant's file: from cells to lines that can be compared, and every line that cannot.

Pure. Amounts are read as the text somebody wrote: what is not plainly an amount is E05, never a guess.
"""

import re
import unicodedata
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from typing import Any

import pyarrow as pa

from cardnet.kernel.calendar import SHANGHAI
from cardnet.kernel.errors import InvalidInput
from cardnet.kernel.money import MAX_FEN, yuan

Cell = str | int | float | bool | date | datetime | time

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
    """A line that was not admitted (E05): where, what stood there, and how to write it."""

    line: int
    column: str
    text: str
    problem: str
    cells: tuple[str, ...]


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
    header = _header(rows)
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
    return len(table.rows) if any(_as_header(0, row) for row in table.rows[:40]) else 0


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
    return said, _sum_words(
        None if declared.count is None else statement.count,
        None if declared.total_fen is None else statement.written_fen,
    )


def _sum_words(count: int | None, total_fen: int | None) -> str:
    parts = [f" {count} 笔"] if count is not None else []
    parts += [f" {yuan(total_fen)} 元"] if total_fen is not None else []
    return "、".join(parts).strip()


# -- the header

_ALIASES: Mapping[str, str] = {
    word: field
    for field, words in {
        "redemption_id": "redemptionid cardnetid 核销编号 核销单号 核销号 核销id 核销记录号 核销流水号 核销记录编号 核销记录 "
        "工会核销编号 平台单号 平台订单号 平台流水号",
        "merchant_ref": "merchantref merchantreference merchantorderno merchantorder ref reference refno orderno orderid "
        "ordernumber order outtradeno receiptno receipt ticketno transactionid transactionno tradeno 商户单号 商户订单号 "
        "商户流水号 商户参考号 商户编码单号 订单号 订单编号 流水号 交易流水号 交易单号 交易号 交易编号 单号 小票号 小票单号 "
        "小票编号 收银单号 收银流水号 销售单号 参考号 凭证号 票号",
        "type": "type transactiontype txntype tradetype kind 类型 交易类型 业务类型 操作类型 记录类型 收支类型",
        "date": "businessdate date transactiondate bookingdate tradedate 业务日期 交易日期 日期 记账日期 营业日期 核销日期 "
        "消费日期 账期 入账日期",
        "time": "occurredat time datetime transactiontime tradetime timestamp eventat 交易时间 时间 核销时间 消费时间 发生时间 "
        "完成时间 支付时间 销售时间 日期时间",
        "store": "store storecode storename shop 门店 门店编号 门店代码 门店名称 店铺 店名 分店",
        "terminal": "terminal terminalid terminalcode terminalno pos posid posno till 终端 终端号 终端编号 终端代码 收银台 "
        "收银机 机号 pos机号 设备号 设备编号",
        "union": "union unionshare unionamount subsidy subsidyamount benefit benefitamount 工会补贴 工会补贴金额 补贴金额 补贴 "
        "工会承担 工会承担金额 工会负担 工会应付 工会金额 优惠补贴",
        "net": "net netamount settlement settlementamount 净额 结算金额 应结金额 应结算金额 结算净额 应收工会款 应收工会",
        "amount": "amount money sum fee 金额 交易金额 发生额 发生金额 核销金额",
        "gross": "gross grossamount orderamount salesamount totalamount 订单金额 订单总额 消费金额 消费总额 应收金额 原价 总价 "
        "销售金额 原金额 商品金额",
        "payable": "payable payableamount paid paidamount 实收 实收金额 实付 实付金额 顾客实付 收款金额 个人支付",
        "discount": "discount discountamount 优惠金额 让利金额 商户让利 折扣金额 优惠",
    }.items()
    for word in words.split()
}

_AMOUNTS = {"union": "union_fen", "net": "union_fen", "amount": None, "gross": "gross_fen", "payable": "payable_fen"}
"""Which amount a column means, the one to compare first."""

_FEN = re.compile(r"\(分\)|\[分\]|/分|（分）|fen$|单位分")
_UNIT = re.compile(
    r"[(（\[](分|元|人民币|rmb|cny|yuan|fen|元/分)[)）\]]|/(分|元)$|单位[:：]?(分|元)|(fen|yuan|rmb|cny)$"
)
_TOTAL = re.compile(r"^\s*(合计|总计|共计|总额|grand total|total|sum)\b|^\s*(合计|总计|共计|总额)")
_SUBTOTAL = re.compile(r"^\s*(小计|本页小计|本页合计|subtotal|page total)")
_COUNT = re.compile(r"(\d[\d,]*)\s*[笔条行单]|(?:笔数|条数|行数|count|lines)\s*[:：=]?\s*(\d[\d,]*)")
_TOTAL_MONEY = re.compile(r"(?:金额|总额|合计|total|amount)\s*[:：=]\s*[¥￥]?\s*(-?[\d,]+(?:\.\d+)?)")


@dataclass(frozen=True)
class _Header:
    row: int
    places: Mapping[str, int]
    titles: Mapping[str, str]
    amount: int
    amount_twin: int | None
    """The same amount in the other unit, when the file has both."""
    fen: bool
    basis: str | None
    title: str


def _header(rows: Sequence[Sequence[Cell]]) -> _Header:
    for index, row in enumerate(rows[:40]):
        if header := _as_header(index, row):
            return header
    raise InvalidInput(
        "statement_header_unknown",
        "没有找到表头：请在第一行写明列名，至少要有“金额”（或“金额（分）”）和“商户单号”或“核销编号”；"
        "没有单号的，要有“终端”和“交易时间”。",
    )


def _as_header(index: int, row: Sequence[Cell]) -> _Header | None:
    places: dict[str, int] = {}
    titles: dict[str, str] = {}
    amounts: dict[tuple[str, bool], int] = {}
    for place, cell in enumerate(row):
        if not isinstance(cell, str) or not cell.strip():
            continue
        field, fen = _field(cell)
        if field in _AMOUNTS:
            amounts.setdefault((field, fen), place)
        elif field is not None:
            places.setdefault(field, place)
            titles.setdefault(field, cell.strip())
    named = next((name for name in _AMOUNTS if (name, True) in amounts or (name, False) in amounts), None)
    findable = {"redemption_id", "merchant_ref"} & places.keys() or (
        "terminal" in places and {"time", "date"} & places.keys()
    )
    if named is None or not findable:
        return None
    fen = (named, True) in amounts
    place = amounts[named, fen]
    twin = amounts.get((named, False)) if fen else None
    return _Header(index, places, titles, place, twin, fen, _AMOUNTS[named], str(row[place]).strip())


def _field(title: str) -> tuple[str | None, bool]:
    """What a column title means, and whether it counts in fen."""
    text = re.sub(r"[\s_\-*.#]+", "", unicodedata.normalize("NFKC", title).lower())
    fen = _FEN.search(text) is not None
    return _ALIASES.get(text) or _ALIASES.get(_UNIT.sub("", text)), fen


# -- the lines


class _Reader:
    def __init__(self, header: _Header) -> None:
        self.header = header
        self.columns: dict[str, list[Any]] = {name: [] for name in LINES.names}
        self.unreadable: list[Unreadable] = []
        self.declared: Declared | None = None
        self.written_fen = 0

    def take(self, line: int, row: Sequence[Cell]) -> None:
        """One row under the header: a line, a total, or nothing."""
        if not any(_filled(cell) for cell in row):
            return
        first = next(_text(cell) for cell in row if _filled(cell)).lower()
        if _SUBTOTAL.match(first):
            return
        if _TOTAL.match(first):
            self.declare(line, row)
            return
        if _as_header(0, row) or self._is_note(row):
            self.declare(line, row)
            return
        try:
            values = self._values(row)
        except _Problem as problem:
            cells = tuple(_text(cell)[:200] for cell in row)
            self.unreadable.append(Unreadable(line, problem.column, problem.text[:100], problem.words, cells))
            return
        self.written_fen += values.pop("written")
        self.columns["line"].append(line)
        for name, value in values.items():
            self.columns[name].append(value)

    def declare(self, line: int, row: Sequence[Cell]) -> None:
        """Whatever this row says of the number of lines and of their sum."""
        text = " ".join(_text(cell) for cell in row if _filled(cell)).lower()
        if not (_TOTAL.search(text) or "笔数" in text or "总金额" in text or "合计" in text):
            return
        counted, summed = _COUNT.search(text), _TOTAL_MONEY.search(text)
        count = int((counted[1] or counted[2]).replace(",", "")) if counted else None
        total = None
        try:
            if self.header.amount < len(row) and _filled(row[self.header.amount]):
                total = _amount(row[self.header.amount], fen=self.header.fen)
            elif summed:
                total = _amount(summed[1], fen=False)
        except ValueError:
            total = None
        if count is not None or total is not None:
            self.declared = Declared(line, count, total)

    def _is_note(self, row: Sequence[Cell]) -> bool:
        """制表人, 说明, 导出时间: at most two cells, a colon, no amount and no key but that text."""
        filled = [cell for cell in row if _filled(cell)]
        amount_empty = self.header.amount >= len(row) or not _filled(row[self.header.amount])
        return amount_empty and len(filled) <= 2 and any(re.search("[:：]", _text(cell)) for cell in filled[:1])

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

    def _amount(self, row: Sequence[Cell]) -> int:
        cell = row[self.header.amount] if self.header.amount < len(row) else ""
        try:
            fen = _amount(cell, fen=self.header.fen)
        except ValueError as error:
            raise _Problem(self.header.title, _text(cell), str(error)) from None
        twin = self.header.amount_twin
        if twin is not None and twin < len(row) and _filled(row[twin]):
            try:
                same = _amount(row[twin], fen=False) == fen
            except ValueError as error:
                raise _Problem(self.header.title, _text(row[twin]), str(error)) from None
            if not same:
                raise _Problem(self.header.title, _text(cell), "同一行的元和分两列不相等，请核对后重新发送。")
        return fen

    def _type(self, row: Sequence[Cell]) -> str | None:
        cell = self._cell(row, "type")
        if not _filled(cell):
            return None
        text = unicodedata.normalize("NFKC", _text(cell)).strip().lower()
        if text not in _TYPES:
            raise _Problem(self.header.titles["type"], _text(cell), "请写“核销”“撤销”或“退款”。")
        return _TYPES[text]

    def _when(self, row: Sequence[Cell]) -> tuple[int | None, int | None]:
        day: date | None = None
        at: datetime | None = None
        for field in ("date", "time"):
            cell = self._cell(row, field)
            if not _filled(cell):
                continue
            try:
                found, clock, moment = _moment(cell if not isinstance(cell, float) else str(cell))
            except ValueError as error:
                raise _Problem(self.header.titles[field], _text(cell), str(error)) from None
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
        if not _filled(cell):
            return None
        text = _text(cell)
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
_AMOUNT = re.compile(r"(?P<sign>[-+]?)(?P<whole>\d{1,3}(?:,\d{3})+|\d+)(?:\.(?P<part>\d+))?")


def _filled(cell: Cell) -> bool:
    return cell is not None and (not isinstance(cell, str) or bool(cell.strip()))


def _text(cell: Cell) -> str:
    """What a person sees in a cell. Marks a spreadsheet needs to keep a text a text are taken off."""
    if isinstance(cell, bool):
        return "是" if cell else "否"
    if isinstance(cell, float):
        return str(int(cell)) if cell.is_integer() and abs(cell) < 1e15 else repr(cell)
    if not isinstance(cell, str):
        return str(cell)
    text = cell.strip()
    if text.startswith('="') and text.endswith('"'):
        text = text[2:-1]
    return text.removeprefix("'").strip()


def _amount(cell: Cell, *, fen: bool) -> int:
    """Fen from what somebody wrote. Raises ValueError with a sentence."""
    if isinstance(cell, bool | date | datetime | time):
        raise ValueError("这里应是金额，请写成 1234.50 这样。")
    if isinstance(cell, float) and abs(cell) < 1e11:
        # A spreadsheet's 6.1 may be stored as 6.1000000000000005; anything further off was written so.
        rounded = round(cell, 2)
        text = f"{rounded:.2f}" if abs(rounded - cell) < 1e-7 else repr(cell)
    else:
        text = _text(cell)
    return _amount_of_text(text, fen)


@lru_cache(maxsize=65_536)
def _amount_of_text(text: str, fen: bool) -> int:  # noqa: FBT001 - the cache wants it positional
    """`1,000.00`, `１００`, `¥6`, `(6.00)` are amounts; `1e5` and `100.005` are not."""
    plain = unicodedata.normalize("NFKC", text).replace("\u2212", "-").strip()
    plain = re.sub(r"^(rmb|cny|[¥$])\s*|\s*(元|分|rmb|cny)$", "", plain, flags=re.IGNORECASE)
    if bracketed := re.fullmatch(r"\(([^()-]+)\)", plain):
        plain = "-" + bracketed[1]
    if not plain:
        raise ValueError("没有写金额，请补上后重新发送。")
    if not plain.isascii() or not (found := _AMOUNT.fullmatch(plain)):
        raise ValueError("不是金额，请写成 1234.50 这样的数字。")
    whole, part = int(found["whole"].replace(",", "")), (found["part"] or "").rstrip("0")
    if len(part) > (0 if fen else 2):
        raise ValueError("分是最小单位，不能再有小数。" if fen else "金额最多两位小数，请核对。")
    value = whole if fen else whole * 100 + int(part.ljust(2, "0") or "0")
    if value > MAX_FEN:
        raise ValueError("金额太大，请核对是否多写了位数。")
    return -value if found["sign"] == "-" else value


_DATE = re.compile(
    r"(?P<y>\d{4})(?:[-/.年](?P<m>\d{1,2})[-/.月](?P<d>\d{1,2})日?|(?P<m2>\d{2})(?P<d2>\d{2}))"
    r"(?:\s*(?:周|星期)[一二三四五六日天])?(?:[T\s]*(?P<clock>\d{1,2}:\d{2}(?::\d{2})?)(?:\.\d+)?\s*(?P<zone>Z|[+-]\d{2}:?\d{2})?)?",
    re.IGNORECASE,
)
_CLOCK = re.compile(r"(\d{1,2}):(\d{2})(?::(\d{2}))?")


@lru_cache(maxsize=65_536)
def _moment(cell: Cell) -> tuple[date | None, time | None, datetime | None]:
    """The day, the time of day and the moment a cell names, as far as it does. Naive times are Shanghai's.

    Raises ValueError with a sentence.
    """
    if isinstance(cell, datetime):
        local = cell.astimezone(SHANGHAI) if cell.tzinfo else cell.replace(tzinfo=SHANGHAI)
        return local.date(), local.time(), local
    if isinstance(cell, date):
        return cell, None, None
    if isinstance(cell, time):
        return None, cell, None
    text = unicodedata.normalize("NFKC", _text(cell)).strip()
    try:
        return _moment_of_text(text)
    except (ValueError, OverflowError):
        raise ValueError("认不出日期，请写成 2026-11-24 或 2026-11-24 10:30:00。") from None


def _moment_of_text(text: str) -> tuple[date | None, time | None, datetime | None]:
    if clock := _CLOCK.fullmatch(text):
        return None, time(int(clock[1]), int(clock[2]), int(clock[3] or 0)), None
    if re.fullmatch(r"[34567]\d{4}(\.0)?", text):
        # The day number of a spreadsheet that lost its date format; 1899-12-30 is its day 0.
        return date(1899, 12, 30) + timedelta(days=int(float(text))), None, None
    found = _DATE.fullmatch(text)
    if not found or (not text.isascii() and not re.search("[年月日]", text)):
        raise ValueError(text)
    day = date(int(found["y"]), int(found["m"] or found["m2"]), int(found["d"] or found["d2"]))
    if not found["clock"]:
        return day, None, None
    hour, minute, *second = (int(part) for part in found["clock"].split(":"))
    clock_time = time(hour, minute, second[0] if second else 0)
    if not found["zone"]:
        return day, clock_time, datetime.combine(day, clock_time, SHANGHAI)
    zone = found["zone"].upper().replace("Z", "+00:00")
    moment = datetime.fromisoformat(f"{day}T{clock_time}{zone}").astimezone(SHANGHAI)
    return moment.date(), moment.time(), moment
