"""Messy rosters by seed: people, what is done to each of them, and how the office writes it all down.

What each row must get comes from the plan of its mistakes, never from a checker: the plan says "this row loses its
phone", and the expectation says `phone_format`. Noise (spellings, spaces, widths, dates in five forms, titles, totals,
hidden dictionaries) must change nothing.
"""

import io
import random
import string
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, timedelta

import xlsxwriter

from cardnet.membership.columns import SPELLINGS
from cardnet.membership.roster import Column
from cardnet.membership.rules import Sex
from tests.make import biff, books
from tests.make.membership import csv_file, id_number

ON = date(2026, 11, 21)
FORMS = ("xlsx", "xls", "csv", "gb18030", "utf-16", "tab", "semicolon", "html", "xml2003")

_SURNAMES = "王李张刘陈杨赵黄周吴徐孙胡朱高林何郭马罗欧阳司马上官"
_GIVEN = "伟芳娜敏静丽强磊军洋勇艳杰娟涛明超秀霞平刚桂英玉兰建国海燕"
_FULL_WIDTH = str.maketrans(string.digits + "X", "０１２３４５６７８９Ｘ")


@dataclass
class Row:
    """One person of the plan: the cells, and what was done on purpose. `errors` and `warnings` are what must be found."""

    serial: int
    cells: dict[Column, object]
    errors: set[str] = field(default_factory=set)
    warnings: set[str] = field(default_factory=set)
    declined: bool = False
    spoilt: set[Column] = field(default_factory=set)

    @property
    def status(self) -> str:
        if self.errors:
            return "invalid"
        if self.declined:
            return "declined"
        return "warning" if self.warnings else "valid"

    @property
    def codes(self) -> list[str]:
        return sorted(self.errors | self.warnings)


@dataclass(frozen=True)
class Messy:
    """A file and what it must get, row by row; `form` is how it was written, `lines` where each person stands (from 1)."""

    content: bytes
    form: str
    rows: tuple[Row, ...]
    lines: tuple[int, ...]


def messy_roster(seed: int, count: int = 40, form: str | None = None) -> Messy:
    """The roster of one seed."""
    chance = random.Random(seed)
    form = form or chance.choice(FORMS)
    rows = [_person(chance, seed * 1_000 + number) for number in range(count)]
    for row in rows:
        if chance.random() < 0.08:
            # First: who says no owes neither phone nor employment, whatever else is wrong.
            _declines(chance, row)
        for mistake in chance.sample(_MISTAKES, chance.choice((0, 0, 0, 1, 1, 2, 3))):
            mistake(chance, row)
    _pairs(chance, rows)
    for row in rows:
        _noise(chance, row, form)
    table, lines = _laid_out(chance, rows, form)
    return Messy(_written(chance, table, form), form, tuple(rows), tuple(lines))


def _person(chance: random.Random, serial: int) -> Row:
    sex = chance.choice([Sex.MALE, Sex.FEMALE])
    name = chance.choice(_SURNAMES) + "".join(chance.sample(_GIVEN, chance.choice((1, 2))))
    return Row(
        serial,
        {
            Column.NAME: name,
            Column.ID_TYPE: "居民身份证",
            Column.ID_NUMBER: id_number(serial, date(1975, 3, 1), sex),
            Column.ID_VALID_UNTIL: chance.choice(["", "长期", "2040-05-06"]),
            Column.SEX: chance.choice(["", "男" if sex is Sex.MALE else "女"]),
            Column.PHONE: f"1{3 + serial % 7}{serial % 10**9:09d}",
            Column.UNIT: chance.choice(["B1", ""]),
            Column.DEPARTMENT: chance.choice(["一车间", "财务科", "", "后勤, 食堂"]),
            Column.EMPLOYMENT: chance.choice(["合同", "在编", "劳务派遣", "灵活就业", "新就业形态"]),
            Column.JOINED_ON: chance.choice(["", (date(2010, 1, 1) + timedelta(days=serial % 5_000)).isoformat()]),
            Column.CONSENT: "是",
            Column.CONSENT_ON: chance.choice(["", "2026-03-09"]),
            Column.REMARK: chance.choice(["", "夜班", "住宿舍\n六号楼", '外号"老三"']),
        },
    )


# ---- mistakes: each spoils one column of a row once, and notes what must be found ----


def _spoils(
    *columns: Column,
) -> Callable[[Callable[[random.Random, Row], str | None]], Callable[[random.Random, Row], None]]:
    def wrap(mistake: Callable[[random.Random, Row], str | None]) -> Callable[[random.Random, Row], None]:
        def once(chance: random.Random, row: Row) -> None:
            if row.spoilt.isdisjoint(columns):
                row.spoilt.update(columns)
                if code := mistake(chance, row):
                    (row.warnings if code in ("date_invalid", "id_expired") else row.errors).add(code)

        return once

    return wrap


@_spoils(Column.NAME)
def _no_name(chance: random.Random, row: Row) -> str:
    row.cells[Column.NAME] = chance.choice(["", "　 ", "'"])
    return "name_missing"


@_spoils(Column.NAME)
def _odd_name(chance: random.Random, row: Row) -> str:
    name = str(row.cells[Column.NAME])
    row.cells[Column.NAME] = chance.choice([f"{name}3", f"{name}（退）", f"{name}?", name * 30, f"{name}{chr(0xE123)}"])
    return "name_invalid"


@_spoils(Column.ID_TYPE, Column.ID_NUMBER)
def _odd_type(chance: random.Random, row: Row) -> str:
    row.cells[Column.ID_TYPE] = chance.choice(["驾驶证", "社保卡", "不知道", "#REF!"])
    return "id_type_unknown"


@_spoils(Column.ID_NUMBER)
def _wrong_digit(chance: random.Random, row: Row) -> str:
    number = str(row.cells[Column.ID_NUMBER])
    last = chance.choice([sign for sign in "0123456789X" if sign != number[-1]])
    row.cells[Column.ID_NUMBER] = number[:-1] + last
    # Of these, only three zeros at the end look like what a spreadsheet leaves.
    return "id_precision_lost" if row.cells[Column.ID_NUMBER].endswith("000") else "id_checksum"


@_spoils(Column.ID_NUMBER, Column.SEX)
def _wrong_birth(chance: random.Random, row: Row) -> str:
    number = str(row.cells[Column.ID_NUMBER])
    row.cells[Column.ID_NUMBER] = (
        number[:6] + chance.choice(["19750230", "20261122", "18991231", "19751301"]) + number[14:]
    )
    return "id_birth_date"


@_spoils(Column.ID_NUMBER, Column.SEX)
def _cut_number(chance: random.Random, row: Row) -> str:
    number = str(row.cells[Column.ID_NUMBER])
    row.cells[Column.ID_NUMBER] = chance.choice([f"{number[0]}.{number[1:6]}E+17", f"{number[0]}.{number[1:12]}e17"])
    return "id_precision_lost"


@_spoils(Column.ID_NUMBER, Column.SEX)
def _short_number(chance: random.Random, row: Row) -> str:
    number = str(row.cells[Column.ID_NUMBER])
    row.cells[Column.ID_NUMBER] = chance.choice([number[:15], number[:17], number + "1", "", "无", "待补", "#N/A"])
    return "id_format"


@_spoils(Column.SEX, Column.ID_NUMBER)
def _other_sex(chance: random.Random, row: Row) -> str:
    row.cells[Column.SEX] = "女" if int(str(row.cells[Column.ID_NUMBER])[16]) % 2 else "男"
    return "sex_mismatch"


@_spoils(Column.PHONE)
def _wrong_phone(chance: random.Random, row: Row) -> str | None:
    row.cells[Column.PHONE] = chance.choice(
        ["12345678901", "1380013800", "021-56781234", "无手机", "13800138000/13900139000"]
    )
    return "phone_format"


@_spoils(Column.PHONE)
def _no_phone(chance: random.Random, row: Row) -> str | None:
    row.cells[Column.PHONE] = ""
    return None if row.declined else "phone_format"


@_spoils(Column.UNIT)
def _no_such_unit(chance: random.Random, row: Row) -> str:
    row.cells[Column.UNIT] = chance.choice(["B77", "YJ-99-999", "恒启", "#NAME?"])
    return "unit_unknown"


@_spoils(Column.UNIT)
def _others_unit(chance: random.Random, row: Row) -> str:
    row.cells[Column.UNIT] = chance.choice(["B9", "b9", "D2"])
    return "unit_out_of_scope"


@_spoils(Column.EMPLOYMENT)
def _not_eligible(chance: random.Random, row: Row) -> str | None:
    word = chance.choice(["退休返聘", "实习生", "外包", "随便", ""])
    row.cells[Column.EMPLOYMENT] = word
    return None if row.declined and not word else "employment_not_eligible"


@_spoils(Column.CONSENT, Column.PHONE, Column.EMPLOYMENT)
def _no_answer(chance: random.Random, row: Row) -> str:
    row.cells[Column.CONSENT] = chance.choice(["", "  ", "考虑一下", "再说", "#VALUE!"])
    return "consent_missing"


@_spoils(Column.CONSENT)
def _declines(chance: random.Random, row: Row) -> None:
    row.cells[Column.CONSENT] = chance.choice(["否", "不同意", "暂不办", "×", "N", "本人暂不办", "0"])
    row.declined = True
    for column in (Column.PHONE, Column.EMPLOYMENT):
        if column not in row.spoilt and chance.random() < 0.4:
            row.spoilt.add(column)
            row.cells[column] = ""


@_spoils(Column.ID_VALID_UNTIL)
def _expired(chance: random.Random, row: Row) -> str:
    row.cells[Column.ID_VALID_UNTIL] = chance.choice(["2020-01-01", "2026.11.20", "2005.01.01-2025.01.01", "20190101"])
    return "id_expired"


@_spoils(Column.JOINED_ON)
def _no_day(chance: random.Random, row: Row) -> str:
    row.cells[Column.JOINED_ON] = chance.choice(["2018-13-40", "不详", "明年", "2027-01-01", "1900-01-01", "4月28日"])
    return "date_invalid"


_MISTAKES = [
    _no_name, _odd_name, _odd_type, _wrong_digit, _wrong_birth, _cut_number, _short_number, _other_sex, _wrong_phone,
    _no_phone, _no_such_unit, _others_unit, _not_eligible, _no_answer, _expired, _no_day,
]  # fmt: skip


def _pairs(chance: random.Random, rows: list[Row]) -> None:
    """One person twice, one phone of two people: the later line is told, and names the earlier."""
    untouched = [
        row for row in rows if row.spoilt.isdisjoint({Column.ID_NUMBER, Column.ID_TYPE, Column.PHONE, Column.SEX})
    ]
    chance.shuffle(untouched)
    for column, code, others in (
        (Column.ID_NUMBER, "duplicate_in_file", Column.SEX),
        (Column.PHONE, "phone_shared", None),
    ):
        if len(untouched) >= 2 and chance.random() < 0.8:
            first, second = sorted((untouched.pop(), untouched.pop()), key=rows.index)
            second.cells[column] = first.cells[column]
            (second.errors if code == "duplicate_in_file" else second.warnings).add(code)
            if others:
                second.cells[others] = ""
            first.spoilt.add(column)
            second.spoilt.add(column)


# ---- noise: another way to write the same ----


def _noise(chance: random.Random, row: Row, form: str) -> None:
    cells = row.cells
    if Column.NAME not in row.spoilt:
        cells[Column.NAME] = _spread(chance, str(cells[Column.NAME]))
    if not row.spoilt & {Column.ID_TYPE}:
        cells[Column.ID_TYPE] = chance.choice(["居民身份证", "身份证", "1", "1-居民身份证", "二代身份证", "01"])
    if Column.ID_NUMBER not in row.spoilt:
        cells[Column.ID_NUMBER] = _dressed(chance, str(cells[Column.ID_NUMBER]))
    if Column.PHONE not in row.spoilt:
        cells[Column.PHONE] = _dialled(chance, str(cells[Column.PHONE]), form)
    if Column.UNIT not in row.spoilt and cells[Column.UNIT]:
        cells[Column.UNIT] = chance.choice(["B1", "b1", " B1 ", "Ｂ１"])
    if Column.EMPLOYMENT not in row.spoilt:
        cells[Column.EMPLOYMENT] = chance.choice(_SAME_EMPLOYMENT[str(cells[Column.EMPLOYMENT])])
    if Column.CONSENT not in row.spoilt:
        cells[Column.CONSENT] = chance.choice(["是", "同意", "√", "Y", "1", "办", "愿意", " 是 "])
    for column in (Column.JOINED_ON, Column.CONSENT_ON, Column.ID_VALID_UNTIL):
        if column not in row.spoilt and str(cells[column])[:4].isdigit():
            cells[column] = _dated(chance, date.fromisoformat(str(cells[column])))


_SAME_EMPLOYMENT = {
    "合同": ["合同", "劳动合同", "合同制", "合同工"],
    "在编": ["在编", "事业编制", "正式工"],
    "劳务派遣": ["劳务派遣", "派遣", "派遣工"],
    "灵活就业": ["灵活就业", "灵活用工"],
    "新就业形态": ["新就业形态", "新业态", "外卖员", "骑手"],
}


def _spread(chance: random.Random, name: str) -> str:
    return chance.choice(
        [name, f"　{name} ", " ".join(name), f"{name[0]}　{name[1:]}", f"\u200b{name}", f"{name}\u00a0"]
    )


def _dressed(chance: random.Random, number: str) -> str:
    return chance.choice(
        [number, f"'{number}", number.translate(_FULL_WIDTH), number.lower(), f" {number[:6]} {number[6:14]} {number[14:]}",
         number.replace("X", "×"), f"‘{number}", f"{number}\u200b"]
    )  # fmt: skip


def _dialled(chance: random.Random, phone: str, form: str) -> object:
    ways: list[object] = [
        phone,
        f"+86{phone}",
        f"86-{phone}",
        f"{phone[:3]}-{phone[3:7]}-{phone[7:]}",
        phone.translate(_FULL_WIDTH),
        f" {phone}",
    ]
    if form in ("xlsx", "xls", "xml2003"):
        ways.append(float(phone))
    return chance.choice(ways)


def _dated(chance: random.Random, day: date) -> str:
    return chance.choice(
        [day.isoformat(), f"{day.year}.{day.month}.{day.day}", f"{day:%Y%m%d}", f"{day.year}年{day.month}月{day.day}日",
         f"{day.year}/{day.month}/{day.day}", f"{day:%Y-%m-%d} 00:00:00", str((day - date(1899, 12, 30)).days)]
    )  # fmt: skip


# ---- the sheet ----


def _laid_out(chance: random.Random, rows: list[Row], form: str) -> tuple[list[list[object]], list[int]]:
    used = [column for column in Column if column in rows[0].cells]
    extra = ["序号", "籍贯", "工号"][: chance.choice((0, 1, 3))]
    columns: list[Column | str] = [*used, *extra]
    chance.shuffle(columns)
    table: list[list[object]] = []
    for _ in range(chance.choice((0, 0, 1, 3))):
        table.append([chance.choice(["云间区总工会会员服务卡办卡名单", "填报单位：恒启精密  日期：2026年11月", ""])])
    if table and chance.random() < 0.5:
        table.append([])
    table.append([_heading(chance, column) for column in columns])
    lines = []
    for number, row in enumerate(rows, 1):
        if chance.random() < 0.05:
            table.append([])
        lines.append(len(table) + 1)
        table.append(
            [row.cells[column] if isinstance(column, Column) else _other(column, number) for column in columns]
        )
    for closing in chance.sample(["合计", "制表人：李四", "审核人：", "注：名单须盖章"], chance.choice((0, 1, 3))):
        table.append([closing, len(rows)] if closing == "合计" else [closing])
    return table, lines


def _heading(chance: random.Random, column: Column | str) -> str:
    if not isinstance(column, Column):
        return column
    spelling = chance.choice(
        [word for word in SPELLINGS[column] if "身份证" not in word or column is not Column.ID_NUMBER]
    )
    return chance.choice(
        [spelling, f"*{spelling}", f"{spelling}（必填）", f" {spelling} ", "　".join(spelling), f"{spelling}："]
    )


def _other(word: str, number: int) -> object:
    return {"序号": number, "籍贯": "上海", "工号": f"A{number:04d}"}[word]


def _written(chance: random.Random, table: list[list[object]], form: str) -> bytes:
    if form == "xlsx":
        return _workbook(chance, table)
    if form == "xls":
        return biff.xls_file([row or [""] for row in table])
    if form == "html":
        return books.page_of([[_escaped(cell) for cell in row] for row in table])
    if form == "xml2003":
        return books.sheet_xml([[_escaped(cell) for cell in row] for row in table])
    delimiter = {"tab": "\t", "semicolon": ";"}.get(form, ",")
    return csv_file(table, form if form in ("gb18030", "utf-16") else chance.choice(["utf-8", "utf-8-sig"]), delimiter)


def _escaped(cell: object) -> object:
    if not isinstance(cell, str):
        return cell
    return cell.replace("&", "&amp;").replace("<", "&lt;").replace('"', "&quot;")


def _workbook(chance: random.Random, table: list[list[object]]) -> bytes:
    out = io.BytesIO()
    with xlsxwriter.Workbook(out, {"in_memory": True}) as book:
        if chance.random() < 0.3:
            hidden = book.add_worksheet("字典")
            hidden.write_row(0, 0, ["姓名", "身份证号码", "手机号码", "工会编码", "同意"])
            hidden.write_row(1, 0, ["字典人", "1", "2", "3", "4"])
            hidden.hide()
        page = book.add_worksheet("名单")
        page.activate()
        page.set_first_sheet()
        grey = book.add_format({"bg_color": "#DDDDDD"})
        for line, row in enumerate(table):
            for column, cell in enumerate(row):
                if isinstance(cell, str):
                    page.write_string(line, column, cell, grey if chance.random() < 0.1 else None)
                else:
                    page.write(line, column, cell)
        for line in range(len(table), len(table) + 50):
            page.write_blank(line, 2, None, grey)
    return out.getvalue()
