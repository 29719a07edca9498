"""What spreadsheet programs and office systems really write: read as it is meant, or told in a sentence."""

import io
import struct
import zipfile
from datetime import date

import pytest
import xlsxwriter

from cardnet.kernel.errors import InvalidInput
from cardnet.membership.result_workbook import result_workbook
from cardnet.membership.roster import RosterContext, check, read_sheet
from cardnet.membership.spreadsheet import read
from tests.make import biff, books
from tests.make.membership import csv_file, id_number, roster_cells, roster_line, xlsx_file

CONTEXT = RosterContext({"B1": "/B1/"}, "B1", "/", date(2026, 11, 21))
CELLS = roster_cells([roster_line(1), roster_line(2), roster_line(3)])
PLACES = {name: f"{chr(65 + at)}2" for at, name in enumerate(CELLS[0])}


def codes_of(content, row=0):
    return list(check(read_sheet(content), CONTEXT).rows[row].codes)


def first_message(content, column):
    findings = check(read_sheet(content), CONTEXT).rows[0].findings
    return next(found.message for found in findings if found.column == column)


@pytest.mark.parametrize("error", ["#N/A", "#REF!", "#VALUE!", "#NAME?", "#DIV/0!", "#NULL!", "#NUM!"])
@pytest.mark.parametrize(
    ("column", "code"),
    [
        ("姓名", "name_invalid"),
        ("证件类型", "id_type_unknown"),
        ("证件号码", "id_format"),
        ("手机号码", "phone_format"),
        ("所属工会编码", "unit_unknown"),
        ("用工形式", "employment_not_eligible"),
        ("本人同意", "consent_missing"),
    ],
)
def test_an_error_of_a_formula_is_named_where_it_stands(error, column, code):
    content = books.with_cell(CELLS, PLACES[column], f't="e"><f>VLOOKUP(1,X,2)</f><v>{error}</v>')
    assert codes_of(content) == [code]
    assert error in first_message(content, column)
    assert read(result_workbook(check(read_sheet(content), CONTEXT))).rows[1][CELLS[0].index(column)] == error


@pytest.mark.parametrize("column", ["证件有效期止", "入会日期", "部门", "备注", "同意日期", "一线职工"])
def test_an_error_in_an_optional_column_blocks_nobody(column):
    content = books.with_cell(CELLS, PLACES[column], 't="e"><f>1/0</f><v>#DIV/0!</v>')
    assert check(read_sheet(content), CONTEXT).valid == 3


def test_a_formula_counts_by_its_result_and_one_without_a_result_is_told():
    number = CELLS[1][3]
    computed = books.with_cell(CELLS, PLACES["证件号码"], f't="str"><f>A1&amp;B1</f><v>{number}</v>')
    assert codes_of(computed) == []
    for bare in ("><f>A1&amp;B1</f>", "><f>A1&amp;B1</f><v></v>", "><f>A1&amp;B1</f><v/>"):
        content = books.with_cell(CELLS, PLACES["手机号码"], bare)
        assert codes_of(content) == ["phone_format"]
        assert "公式" in first_message(content, "手机号码")
        assert read(content).rows[1][6] == "=A1&B1"
    empty = books.with_cell(CELLS, PLACES["手机号码"], 't="str"><f>IF(1,"","")</f><v></v>')
    assert "没有填写" in first_message(empty, "手机号码")


def test_errors_in_old_workbooks_are_a_finding_too():
    for error in ("#N/A", "#REF!", "#NAME?"):
        lines = [CELLS[0], [*CELLS[1][:3], error, *CELLS[1][4:7], error, *CELLS[1][8:]]]
        content = biff.xls_file(lines)
        assert codes_of(content) == ["id_format", "unit_unknown"], "an error is not a blank, which would mean our unit"
        assert error in first_message(content, "证件号码")


def test_hidden_lines_of_old_workbooks_are_told_too():
    assert read(biff.xls_file(CELLS, hidden=(2,))).hidden == {3}


def test_tags_under_a_prefix_are_the_same_tags():
    content = books.with_cell(CELLS, PLACES["姓名"], 't="e"><f>X</f><v>#N/A</v>')
    assert codes_of(books.prefixed(content)) == ["name_invalid"]
    hidden = books.with_hidden_lines(CELLS, 3)
    assert read(books.prefixed(hidden)).hidden == read(hidden).hidden == {3}


def test_people_in_hidden_lines_are_read_and_the_officer_is_told():
    result = check(read_sheet(books.with_hidden_lines(CELLS, 2, 4)), CONTEXT)
    assert result.valid == 3
    assert any("2 人在隐藏的行里（第 2、4 行）" in notice for notice in result.notices)
    assert not any("隐藏" in notice for notice in check(read_sheet(xlsx_file(CELLS)), CONTEXT).notices)


@pytest.mark.parametrize("day", [date(1985, 5, 1), date(1904, 1, 2), date(2024, 2, 29), date(2026, 1, 15)])
def test_days_of_both_calendars_are_the_same_days(day):
    out = io.BytesIO()
    with xlsxwriter.Workbook(out, {"default_date_format": "yyyy-mm-dd"}) as book:
        book.add_worksheet().write_datetime(0, 0, day)
    assert read(out.getvalue()).rows[0] == [day]
    moved = books.since_1904(out.getvalue())
    shifted = read(moved).rows[0][0]
    assert (shifted - day).days == 1_462, "the same serial, counted from 1904"


def test_an_old_workbook_says_which_calendar_it_counts_by():
    calendar = biff.record(0x0022, struct.pack("<H", 1))
    assert read(biff.xls_file([["数"], [5.0]], globals_extra=calendar)).rows[1] == [5.0]


@pytest.mark.parametrize(("serial", "day"), [(43218, date(2018, 4, 28)), (9133, date(1925, 1, 1)), (44561.75, date(2021, 12, 31))])  # fmt: skip
def test_a_serial_number_in_a_column_of_days_is_its_day(serial, day):
    cells = roster_cells([roster_line(1, joined_on=serial)])
    assert check(read_sheet(xlsx_file(cells)), CONTEXT).rows[0].person.joined_on == day


@pytest.mark.parametrize("serial", [0, 60, -5, 2_958_466, 1e12, 99999999999999999999.0])
def test_a_number_that_is_no_day_is_a_warning(serial):
    content = xlsx_file(roster_cells([roster_line(1, joined_on=serial)]))
    assert codes_of(content) == ["date_invalid"]


@pytest.mark.parametrize("typed", ["2018年4月", "2018-04", 2018.04])
@pytest.mark.parametrize("written", [xlsx_file, csv_file])
def test_a_column_of_months_gives_their_first_day(typed, written):
    heading, line = roster_cells([roster_line(1, joined_on=typed)])
    heading[heading.index("入会日期")] = "入会年月"
    (row,) = check(read_sheet(written([heading, line])), CONTEXT).rows
    assert (row.codes, row.person.joined_on) == ((), date(2018, 4, 1))


def test_a_password_is_told_for_old_and_new_workbooks():
    for content in (books.locked_xls(CELLS, 0), books.locked_xls(CELLS, 1), b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600) + "EncryptedPackage".encode("utf-16-le")):  # fmt: skip
        with pytest.raises(InvalidInput, match="file_encrypted") as raised:
            read(content)
        assert "取消密码" in raised.value.message


@pytest.mark.parametrize("encoding", ["utf-8", "gb2312", "gb18030", "utf-16"])
def test_a_web_page_called_xls_is_read(encoding):
    assert check(read_sheet(books.page_of(CELLS, encoding)), CONTEXT).valid == 3


def test_a_web_page_with_spans_styles_scripts_and_tables_in_tables():
    page = """<!DOCTYPE html><meta charset=utf-8><style>td{}</style><script>if(a<b){"<td>"}</script>
    <table><tr><td>导航<table><tr><td>内</td></tr></table></td></tr></table>
    <table><tr><th colspan=3>办卡名单&nbsp;2026</th></tr><tr><th>姓名<th>部门<th>证件号码
    <tr><td>张三<td rowspan=2>一车间<br>甲班<td>1<tr style="display:none"><td>李四<td>2</table>"""
    table = read(page.encode(), prefer=lambda table: len(table.rows))
    assert table.rows[1:] == [["姓名", "部门", "证件号码"], ["张三", "一车间\n甲班", "1"], ["李四", "", "2"]]
    assert table.hidden == {4}
    assert ((2, 1), (3, 1)) in table.merged


def test_xml_of_excel_2003_is_read_and_its_bombs_are_not():
    assert check(read_sheet(books.sheet_xml(CELLS)), CONTEXT).valid == 3
    bomb = b'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;">]>'
    content = bomb + books.sheet_xml([["&b;"]]).split(b"?>", 1)[1]
    with pytest.raises(InvalidInput, match="file_unreadable"):
        read(content)


@pytest.mark.parametrize("name", ["xl/vbaProject.bin", "xl/ctrlProps/ctrlProp1.xml", "xl/media/image1.png", "customXml/item1.xml"])  # fmt: skip
def test_macros_pictures_and_other_company_in_the_archive_do_not_matter(name):
    out = io.BytesIO(xlsx_file(CELLS))
    with zipfile.ZipFile(out, "a") as archive:
        archive.writestr(name, b"\xff\x00rubbish" * 50)
    assert check(read_sheet(out.getvalue(), "名单.xlsm"), CONTEXT).valid == 3


def test_a_name_that_lies_about_the_kind_of_file_changes_nothing():
    for name in ("名单.et", "名单.xls", "名单.csv", "名单.txt", ""):
        assert check(read_sheet(xlsx_file(CELLS), name), CONTEXT).valid == 3
        assert check(read_sheet(csv_file(CELLS), name), CONTEXT).valid == 3
        assert check(read_sheet(biff.xls_file(CELLS), name), CONTEXT).valid == 3


def test_a_million_lines_of_formatting_weigh_nothing():
    out = io.BytesIO()
    with xlsxwriter.Workbook(out) as book:
        page, grey = book.add_worksheet(), book.add_format({"bg_color": "#EEEEEE"})
        for line, row in enumerate(CELLS):
            page.write_row(line, 0, row)
        for line in range(len(CELLS), 60_000):
            page.set_row(line, 15, grey)
            page.write_blank(line, 3, None, grey)
        page.write_blank(1_048_575, 20, None, grey)
    assert check(read_sheet(out.getvalue()), CONTEXT).valid == 3


@pytest.mark.parametrize(
    "typed",
    [
        "3.199E+17",
        "3.19900198505E+17",
        "3.199001985050100E17",
        319900198505011000.0,
        319900198505011000,
        "319900198505011000",
    ],
)
def test_a_number_a_spreadsheet_has_shortened_is_told_as_such(typed):
    assert codes_of(xlsx_file(roster_cells([roster_line(1, id_number=typed)]))) == ["id_precision_lost"]


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030", "utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_text_in_any_encoding_with_any_separator_and_without_a_mark(separator, encoding):
    assert check(read_sheet(csv_file(CELLS, encoding, separator)), CONTEXT).valid == 3


def test_quotation_marks_of_every_kind_in_one_file():
    header, line = ",".join(CELLS[0]), [str(cell) for cell in CELLS[1]]
    quoted = ",".join(f'"{cell}"' for cell in line)
    some = ",".join(f'"{cell}"' if at % 2 else cell for at, cell in enumerate(line))
    second = some.replace(id_number(1), id_number(2)).replace("19900000001", "19900000002")
    third = quoted.replace(id_number(1), f"'{id_number(3)}").replace("19900000001", '"" 199-0000-0003 ""').replace("一车间", '一,""二""\n车间')  # fmt: skip
    content = f"{header}\r\n{quoted}\n{second}\r\n{third}\r\n".encode()
    result = check(read_sheet(content), CONTEXT)
    assert [row.codes for row in result.rows] == [(), (), ("phone_format",)]
    assert result.rows[2].person is None


def test_a_quotation_mark_nobody_closed_near_the_end_swallows_nobody():
    lines = [",".join(map(str, row)) for row in roster_cells([roster_line(serial) for serial in range(6)])]
    lines[4] = lines[4].replace("一车间", '"一车间')
    assert len(check(read_sheet("\n".join(lines).encode()), CONTEXT).rows) == 6


def test_the_line_by_which_excel_tells_the_separator_is_no_row():
    content = b"sep=;\r\n" + csv_file(CELLS, "utf-8", ";")
    result = check(read_sheet(content), CONTEXT)
    assert (result.valid, result.rows[0].line) == (3, 3)


def test_zeros_between_letters_of_a_name_are_not_kept():
    content = csv_file(roster_cells([roster_line(1, name="张\0三")]))
    assert check(read_sheet(content), CONTEXT).rows[0].person.name == "张三"


def test_a_workbook_cut_off_anywhere_is_a_sentence():
    whole = xlsx_file(CELLS)
    for cut in range(5, len(whole), 211):
        with pytest.raises(InvalidInput):
            read(whole[:cut])
