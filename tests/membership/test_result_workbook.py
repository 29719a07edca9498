"""The result workbook: the same cells, three more columns, nothing that runs."""

import io
import zipfile
from datetime import date

from cardnet.membership.result_workbook import result_workbook
from cardnet.membership.roster import RosterContext, check, read_sheet
from cardnet.membership.spreadsheet import read
from tests.conftest import ACCEPTANCE
from tests.make.membership import csv_file, roster_cells, roster_line, xlsx_file

CONTEXT = RosterContext({"B1": "/B1/", "YJ-01-001": "/B1/x/"}, "B1", "/", date(2026, 11, 21))


def test_the_cells_that_were_sent_come_back_in_their_places():
    content = (ACCEPTANCE / "roster-messy.xlsx").read_bytes()
    sent = read(content).rows
    back = read(result_workbook(check(read_sheet(content), CONTEXT))).rows
    assert [list(row[: len(old)]) for row, old in zip(back, sent, strict=True)] == [list(row) for row in sent]
    assert back[1][18:] == ["状态", "原因", "代码"]
    assert back[13][18] == "需要改正"
    assert "校验位" in back[13][19]
    assert back[13][20] == "id_checksum"


def test_a_result_of_a_result_has_its_columns_once_also_where_they_were_two():
    first = result_workbook(check(read_sheet((ACCEPTANCE / "roster-messy.utf8.csv").read_bytes()), CONTEXT))
    second = result_workbook(check(read_sheet(first), CONTEXT))
    assert read(second).rows == read(first).rows
    of_two = xlsx_file([row[:20] for row in read(first).rows])
    assert read(result_workbook(check(read_sheet(of_two), CONTEXT))).rows[1] == read(first).rows[1]


def test_no_cell_becomes_a_formula_or_a_link():
    evil = ["=cmd|'/c calc'!A0", "+1+1", "-1+1", "@SUM(A1)", "\t=1", '=HYPERLINK("http://x")', "http://x.cn", "{=1}"]
    lines = [roster_line(serial, department=word, remark=word) for serial, word in enumerate(evil)]
    for content in (csv_file(roster_cells(lines)), xlsx_file(roster_cells(lines))):
        archive = zipfile.ZipFile(io.BytesIO(result_workbook(check(read_sheet(content), CONTEXT))))
        sheet = archive.read("xl/worksheets/sheet1.xml").decode()
        assert "<f>" not in sheet
        assert "hyperlink" not in sheet
        assert 'quotePrefix="1"' in archive.read("xl/styles.xml").decode()


def test_the_columns_people_correct_are_text_columns():
    content = result_workbook(check(read_sheet(csv_file(roster_cells([roster_line(1)]))), CONTEXT))
    sheet = zipfile.ZipFile(io.BytesIO(content)).read("xl/worksheets/sheet1.xml").decode()
    assert '<col min="4" max="4" width="22' in sheet
    assert '<col min="7" max="7" width="22' in sheet


def test_what_a_merged_cell_said_is_written_into_each_line():
    cells = roster_cells([roster_line(1), roster_line(2, department="")])
    sheet = read_sheet(csv_file(cells))
    merged = check(type(sheet.table)("", sheet.table.rows, merged=[((1, 8), (2, 8))]), CONTEXT)
    assert read(result_workbook(merged)).rows[2][8] == "一车间"
