"""A list of uses from before (以往使用登记表): who, which program, when, how much. Pure.

Who is a card's number, ours or a foreign one, or a document; a list from a clinic has one of the two. Nothing about
the person is guessed: a line that says both must mean one person by both.
"""

import math
import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from cardnet.kernel.errors import InvalidInput
from cardnet.kernel.money import MAX_FEN
from cardnet.kernel.taken_in import Found
from cardnet.membership.cleaning import date_of, heading_of, short, text_of, word_of
from cardnet.membership.identity import read_identity
from cardnet.membership.rules import IdType
from cardnet.membership.table import Cell, Table
from cardnet.membership.words import FOOTERS, ID_TYPES

MOST_TIMES = 366
_HEADER_WITHIN = 60
_SPELLINGS: dict[str, tuple[str, ...]] = {
    "card": ("卡号", "会员卡号", "工会卡号", "会员服务卡号", "银行卡号", "原卡号", "已有卡号", "CARDNO", "CARDNUMBER"),
    "id_number": ("证件号码", "身份证号", "身份证号码", "证件号", "公民身份号码", "IDNUMBER"),
    "id_type": ("证件类型", "证件种类"),
    "name": ("姓名", "会员姓名", "职工姓名"),
    "program": ("项目编号", "项目代码", "项目", "项目名称", "福利项目", "服务项目", "PROGRAM"),
    "used_on": ("使用日期", "日期", "享受日期", "体检日期", "服务日期", "核销日期", "消费日期", "DATE"),
    "amount": ("金额", "金额（元）", "补贴金额", "补贴金额（元）", "优惠金额", "优惠金额（元）", "享受金额", "AMOUNT"),
    "times": ("次数", "使用次数", "享受次数"),
    "place": ("地点", "商户", "机构", "医院", "体检机构", "服务机构", "使用地点", "商户名称"),
}
_COLUMNS = {heading_of(spelling): name for name, spellings in _SPELLINGS.items() for spelling in spellings}
_TITLES = {name: spellings[0] for name, spellings in _SPELLINGS.items()}
_CARD = re.compile(r"[0-9A-Z]{6,30}")
_SIGNS = re.compile(r"[\s\-'’‘]")
_AMOUNT = re.compile(r"[¥￥]?([0-9]{1,10}|[0-9]{1,3}(?:,[0-9]{3}){1,3})(?:\.([0-9]{1,2}))?元?")


@dataclass(frozen=True, slots=True)
class UseLine:
    """One use as far as it can be read; `fen` is None where no amount is written. A line with an error is left out."""

    line: int
    card: str
    document: tuple[IdType, str] | None
    program: str
    used_on: date | None
    fen: int | None
    times: int
    place: str
    findings: tuple[Found, ...]

    @property
    def wrong(self) -> bool:
        """Whether anything in it keeps it from being stored."""
        return any(found.severity == "error" for found in self.findings)


def read_uses(table: Table, on: date) -> tuple[UseLine, ...]:
    """The uses of a table, `on` today. Raises InvalidInput("header_not_found"), ("no_rows")."""
    header, columns = _header(table.rows)
    lines = tuple(
        _Reading(at + 1, cells, columns).line(on)
        for at, cells in enumerate(table.rows[header + 1 :], header + 1)
        if not _passed_over(cells, columns)
    )
    if not lines:
        raise InvalidInput("no_rows", "表头下面没有记录：请从表头的下一行开始逐行填写后再上传。")
    return lines


def _header(rows: Sequence[Sequence[Cell]]) -> tuple[int, Mapping[str, int]]:
    for at, row in enumerate(rows[:_HEADER_WITHIN]):
        found: dict[str, int] = {}
        for place, cell in enumerate(row):
            if isinstance(cell, str) and (name := _COLUMNS.get(heading_of(cell))):
                found.setdefault(name, place)
        if {"program", "used_on"} <= found.keys() and found.keys() & {"card", "id_number"}:
            return at, found
    raise InvalidInput(
        "header_not_found",
        "没有找到表头：表里要有一行写着“项目编号”“使用日期”，和“卡号”或“证件号码”，记录从它的下一行开始。",
    )


def _passed_over(cells: Sequence[Cell], columns: Mapping[str, int]) -> bool:
    """Blank lines, totals and signatures name no use."""
    words = [word for cell in cells if (word := word_of(cell))]
    said = {name for name, at in columns.items() if at < len(cells) and word_of(cells[at])}
    return not words or (words[0].startswith(FOOTERS) and not said & {"card", "id_number"})


class _Reading:
    def __init__(self, line: int, cells: Sequence[Cell], columns: Mapping[str, int]) -> None:
        self.at = line
        self.cells = {name: cells[at] if at < len(cells) else "" for name, at in columns.items()}
        self.findings: list[Found] = []

    def line(self, on: date) -> UseLine:
        card, document = self.card(), self.document(on)
        if not card and document is None and not self.findings:
            self.error("card", "person_missing", "卡号和证件号码都没有填写：请填其中一项。")
        return UseLine(
            self.at, card, document, self.program(), self.used_on(on), self.amount(), self.times(),
            text_of(self.cells.get("place", ""))[:60], tuple(self.findings),
        )  # fmt: skip

    def error(self, column: str, code: str, message: str) -> None:
        self.findings.append(Found(self.at, _TITLES[column], code, "error", message))

    def card(self) -> str:
        cell = self.cells.get("card", "")
        text = _SIGNS.sub("", unicodedata.normalize("NFKC", text_of(cell))).upper()
        if not text:
            return ""
        if isinstance(cell, float | int) and abs(cell) >= 10**15:
            self.error("card", "card_number_precision_lost", "卡号的末几位被表格软件改掉了：请先把该列设为“文本”格式，再照卡面重新输入。")  # fmt: skip
        elif not _CARD.fullmatch(text):
            self.error("card", "card_number_format", f"卡号“{short(cell)}”不像卡号：应为 6 至 30 位数字或字母，请照卡面改正。")  # fmt: skip
        else:
            return text
        return ""

    def document(self, on: date) -> tuple[IdType, str] | None:
        cell = self.cells.get("id_number", "")
        if not word_of(cell):
            return None
        word = word_of(self.cells.get("id_type", ""))
        id_type = ID_TYPES.get(word) if word else IdType.RESIDENT
        if id_type is None:
            self.error(
                "id_type", "id_type_unknown", f"证件类型“{short(word)}”看不懂：请填居民身份证等名册里的证件类型。"
            )
            return None
        identity = read_identity(id_type, cell, on)
        if identity.code:
            self.error("id_number", identity.code, identity.message)
            return None
        return id_type, identity.number

    def program(self) -> str:
        text = " ".join(text_of(self.cells["program"]).split())[:80]
        if not text:
            self.error("program", "program_missing", "项目没有填写：请填项目编号或项目名称。")
        return text

    def used_on(self, on: date) -> date | None:
        cell = self.cells["used_on"]
        day = date_of(cell) if word_of(cell) else None
        if not word_of(cell):
            self.error("used_on", "date_missing", "使用日期没有填写：请填当天的日期，例如 2026-03-12。")
        elif day is None:
            self.error("used_on", "date_invalid", f"使用日期“{short(cell)}”看不懂：请写成 2026-03-12 这样。")
        elif day > on:
            self.error("used_on", "date_in_future", f"使用日期 {day.isoformat()} 还没有到：请核对年份和月份。")
            return None
        return day

    def amount(self) -> int | None:
        cell = self.cells.get("amount", "")
        if not word_of(cell):
            return None
        fen = _fen(cell)
        if fen is None:
            self.error(
                "amount", "amount_invalid", f"金额“{short(cell)}”看不懂：请填元，最多两位小数，例如 100 或 99.50。"
            )
        return fen

    def times(self) -> int:
        word = word_of(self.cells.get("times", "")).removesuffix("次")
        if not word:
            return 1
        number = word.removesuffix(".0")
        if number.isascii() and number.isdecimal() and 1 <= int(number[:4]) <= MOST_TIMES and len(number) <= 3:
            return int(number)
        self.error(
            "times", "times_invalid", f"次数“{short(word)}”看不懂：请填 1 到 {MOST_TIMES} 的整数，不填就是 1 次。"
        )
        return 1


def _fen(cell: Cell) -> int | None:
    """Whole fen; None for what is not plainly an amount that is not negative."""
    if isinstance(cell, bool):
        return None
    if isinstance(cell, int | float):
        # What a spreadsheet keeps of 99.9 lies beside it by less than a thousandth of a fen.
        if not math.isfinite(cell) or cell < 0 or abs(cell * 100 - round(cell * 100)) > 1e-3:
            return None
        fen = round(cell * 100)
    else:
        found = _AMOUNT.fullmatch(_SIGNS.sub("", unicodedata.normalize("NFKC", text_of(cell))))
        if found is None:
            return None
        fen = int(found[1].replace(",", "")) * 100 + int((found[2] or "").ljust(2, "0"))
    return fen if fen <= MAX_FEN else None
