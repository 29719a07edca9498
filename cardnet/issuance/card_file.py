"""The list of cards issued before (已发卡登记表): whose card, its number, since when and until when. Pure."""

import re
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date

from cardnet.kernel.errors import InvalidInput
from cardnet.membership.cleaning import date_of, formula_problem, heading_of, short, text_of, word_of
from cardnet.membership.identity import Identity
from cardnet.membership.roster import Column, Identified, Sheet, identify
from cardnet.membership.rules import IdType
from cardnet.membership.table import Cell
from cardnet.membership.words import NO_EXPIRY

_SPELLINGS: dict[str, tuple[str, ...]] = {
    "number": ("卡号", "会员卡号", "工会卡号", "会员服务卡号", "银行卡号", "已有卡号", "原卡号", "卡片号码", "CARDNO", "CARDNUMBER"),
    "issuer": ("发卡机构", "发卡单位", "发卡银行", "发卡行", "开户行", "卡种", "卡名称", "ISSUER"),
    "issued_on": ("发卡日期", "办卡日期", "领卡日期", "制卡日期", "开卡日期", "发放日期"),
    "valid_to": ("卡有效期止", "卡有效期至", "卡有效期", "卡片有效期", "卡到期日"),
}  # fmt: skip
_COLUMNS = {spelling: name for name, spellings in _SPELLINGS.items() for spelling in spellings}
_NUMBER = re.compile(r"[0-9A-Z]{6,30}")
_SIGNS = re.compile(r"[\s\-'’‘]")
_SCIENTIFIC = re.compile(r"[0-9](\.[0-9]+)?E\+?[0-9]+")


@dataclass(frozen=True)
class CardFinding:
    """One thing about one row; `severity` is error or warning."""

    row: int
    line: int
    column: str
    code: str
    severity: str
    message: str


@dataclass(frozen=True)
class CardLine:
    """One row: the document, and the card as far as it can be read. A line with an error is not tied."""

    row: int
    line: int
    document: tuple[IdType, Identity] | None
    name: str
    number: str
    issuer: str
    issued_on: date | None
    valid_to: date | None
    findings: tuple[CardFinding, ...]

    @property
    def wrong(self) -> bool:
        """Whether anything in it keeps it from being tied."""
        return any(found.severity == "error" for found in self.findings)


def read_cards(
    sheet: Sheet, on: date, issuer: str, key_of: Callable[[IdType, str], bytes]
) -> tuple[Identified, tuple[CardLine, ...]]:
    """The cards of a sheet; `issuer` is whose cards they are where the sheet does not say.

    Raises InvalidInput("columns_missing") without a column of card numbers, and as `roster.identify`.
    """
    identified = identify(sheet, on, key_of)
    columns = _columns(sheet)
    if "number" not in columns:
        raise InvalidInput("columns_missing", "表里没有“卡号”列：请补上这一列（列名写在表头那一行）后再导入。")
    first: dict[str, int] = {}
    lines = []
    for row, document in zip(sheet.rows, identified.documents, strict=True):
        cells = {name: row.cells[at] if at < len(row.cells) else "" for name, at in columns.items()}
        reading = _Reading(row.row, row.line)
        number = reading.number(cells["number"])
        if number and first.setdefault(number, row.line) != row.line:
            reading.error(
                "卡号", "duplicate_in_file", f"与第 {first[number]} 行是同一个卡号：一张卡只属于一个人，请核对。"
            )
        reading.document(document)
        lines.append(
            CardLine(
                row.row, row.line, document, text_of(sheet.cell(row, Column.NAME)), number,
                text_of(cells.get("issuer", ""))[:60] or issuer,
                reading.day("发卡日期", cells.get("issued_on", ""), on), reading.last_day(cells.get("valid_to", ""), on),
                tuple(reading.findings),
            )
        )  # fmt: skip
    return identified, tuple(lines)


def _columns(sheet: Sheet) -> Mapping[str, int]:
    found: dict[str, int] = {}
    for line in sheet.table.rows[sheet.header.first : sheet.header.last + 1]:
        for at, cell in enumerate(line):
            if name := _COLUMNS.get(heading_of(cell)):
                found.setdefault(name, at)
    return found


class _Reading:
    def __init__(self, row: int, line: int) -> None:
        self.row, self.line = row, line
        self.findings: list[CardFinding] = []

    def error(self, column: str, code: str, message: str) -> None:
        self.findings.append(CardFinding(self.row, self.line, column, code, "error", message))

    def warning(self, column: str, message: str) -> None:
        self.findings.append(CardFinding(self.row, self.line, column, "date_invalid", "warning", message))

    def number(self, cell: Cell) -> str:
        text = _SIGNS.sub("", unicodedata.normalize("NFKC", text_of(cell))).upper()
        if broken := formula_problem(cell):
            self.error("卡号", "card_number_format", f"卡号{broken}")
        elif not text:
            self.error("卡号", "card_number_missing", "卡号没有填写：请照卡面补填；还没有卡的人请放进采集表。")
        elif _SCIENTIFIC.fullmatch(text) or (isinstance(cell, float | int) and abs(cell) >= 10**15):
            self.error(
                "卡号",
                "card_number_precision_lost",
                "卡号的末几位被表格软件改掉了：请先把该列设为“文本”格式，再照卡面重新输入。",
            )
        elif not _NUMBER.fullmatch(text):
            self.error(
                "卡号", "card_number_format", f"卡号“{short(cell)}”不像卡号：应为 6 至 30 位数字或字母，请照卡面改正。"
            )
        else:
            return text
        return ""

    def document(self, document: tuple[IdType, Identity] | None) -> None:
        if document is None:
            self.error(Column.ID_TYPE, "id_type_unknown", "证件类型没有填写或不能用：请填身份证等六种证件之一。")
        elif document[1].code:
            self.error(Column.ID_NUMBER, document[1].code, document[1].message)

    def day(self, column: str, cell: Cell, on: date) -> date | None:
        if not word_of(cell):
            return None
        day = date_of(cell)
        if day is None or day > on:
            self.warning(column, f"{column}“{short(cell)}”不是可用的日期，没有采用：请写成 2018-04-28 这样。")
            return None
        return day

    def last_day(self, cell: Cell, on: date) -> date | None:
        if not word_of(cell) or word_of(cell) in NO_EXPIRY:
            return None
        day = date_of(cell)
        if day is None:
            self.warning("卡有效期止", f"卡有效期止“{short(cell)}”不是可用的日期，没有采用。")
        elif day < on:
            self.error("卡有效期止", "card_expired", f"这张卡已于 {day.isoformat()} 过期：请把此人放进采集表办新卡。")
        return day
