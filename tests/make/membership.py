"""Unions, people and files for tests of any package, made through the real services."""

import csv
import io
import uuid
from collections.abc import Mapping, Sequence
from datetime import date, timedelta

import xlsxwriter
from sqlalchemy.orm import Session

from cardnet.kernel.world import World
from cardnet.membership import services
from cardnet.membership.roster import Column
from cardnet.membership.rules import (
    Answer,
    Employment,
    IdType,
    PersonRow,
    Sex,
    UnionNode,
    resident_check_digit,
)

TREE = (
    ("C", "云间区总工会", "district", ""),
    ("D1", "永泽街道总工会", "township", "C"),
    ("D2", "方塔街道总工会", "township", "C"),
    ("B1", "恒启精密机械有限公司工会委员会", "unit", "D1"),
    ("B2", "松嘉环卫有限公司工会委员会", "unit", "D1"),
    ("B9", "新桥港货运联合工会委员会", "unit", "D2"),
)
"""The smallest tree with three tiers and a neighbour at each: the letters of the acceptance scenarios."""


def tree(session: Session, world: World, rows: Sequence[tuple[str, str, str, str]] = TREE) -> dict[str, UnionNode]:
    """Import a tree and give its unions by code."""
    content = csv_file([["工会编码", "工会名称", "层级", "上级编码"], *rows])
    services.import_organisations(session, world, services.ImportOrganisations(content, "tree.csv"))
    return {node.code: node for node in services.unions_under(session, "/")}


def id_number(serial: int, born: date = date(1985, 5, 1), sex: Sex = Sex.MALE) -> str:
    """A resident ID number that passes every check and belongs to nobody (3199xx was never assigned).

    `serial` tells people apart: 5,000 of them share a day, the next ones are born a day later.
    """
    day, order = divmod(serial, 5_000)
    district, order = divmod(order, 500)
    sequence = 2 * order + (1 if sex is Sex.MALE else 0)
    body = f"3199{district:02d}{born + timedelta(days=day):%Y%m%d}{sequence:03d}"
    return body + resident_check_digit(body)


def person_row(serial: int = 0, unit_code: str = "B1", **other: object) -> PersonRow:
    """A person nobody knows yet who said yes; any field can be given."""
    fields: dict[str, object] = {
        "id_type": IdType.RESIDENT,
        "id_number": id_number(serial),
        "name": "周桂林",
        "unit_code": unit_code,
        "phone": f"199{serial:08d}",
        "birth_on": date(1985, 5, 1),
        "sex": Sex.MALE,
        "employment": Employment.CONTRACT,
        "joined_on": date(2018, 4, 28),
        "answer": Answer.GIVEN,
        "answered_on": date(2026, 1, 15),
    }
    return PersonRow(**(fields | other))  # type: ignore[arg-type]


def people(session: Session, world: World, count: int = 1, unit_code: str = "B1", **other: object) -> list[uuid.UUID]:
    """That many people of a unit, in order; the tree must be there."""
    rows = [person_row(serial, unit_code, **other) for serial in range(count)]
    ids = services.save_people(session, world, rows)
    key = services.key_of(session)
    return [ids[key(row.id_type, row.id_number)] for row in rows]


def roster_line(serial: int = 0, **other: object) -> dict[Column, object]:
    """One valid line of a roster, by column; give `name=…`, `consent=…` and so on to change a cell."""
    line: dict[Column, object] = {
        Column.NUMBER: serial + 1,
        Column.NAME: "周桂林",
        Column.ID_TYPE: "居民身份证",
        Column.ID_NUMBER: id_number(serial),
        Column.ID_VALID_UNTIL: "长期",
        Column.SEX: "男",
        Column.PHONE: f"199{serial:08d}",
        Column.UNIT: "B1",
        Column.DEPARTMENT: "一车间",
        Column.EMPLOYMENT: "合同",
        Column.JOINED_ON: "2018-04-28",
        Column.MODEL_WORKER: "",
        Column.HARDSHIP: "",
        Column.FRONT_LINE: "是",
        Column.SPECIAL_POST: "",
        Column.CONSENT: "是",
        Column.CONSENT_ON: "2026-01-15",
        Column.REMARK: "",
    }
    return line | {Column[name.upper()]: value for name, value in other.items()}


def roster_cells(lines: Sequence[Mapping[Column, object]]) -> list[list[object]]:
    """The header of the built-in template and these lines."""
    return [[column.value for column in Column], *([line.get(column, "") for column in Column] for line in lines)]


def csv_file(rows: Sequence[Sequence[object]], encoding: str = "utf-8-sig", delimiter: str = ",") -> bytes:
    """The rows as a CSV file."""
    text = io.StringIO(newline="")
    csv.writer(text, delimiter=delimiter).writerows(rows)
    return text.getvalue().encode(encoding)


def xlsx_file(rows: Sequence[Sequence[object]], sheet: str = "名单", **more: Sequence[Sequence[object]]) -> bytes:
    """The rows as a workbook; further sheets by name. Texts stay texts, numbers numbers, dates dates."""
    out = io.BytesIO()
    with xlsxwriter.Workbook(out, {"in_memory": True, "default_date_format": "yyyy-mm-dd"}) as book:
        for name, cells in {sheet: rows, **more}.items():
            page = book.add_worksheet(name)
            for line, row in enumerate(cells):
                for column, cell in enumerate(row):
                    if isinstance(cell, str):
                        page.write_string(line, column, cell)
                    else:
                        page.write(line, column, cell)
    return out.getvalue()
