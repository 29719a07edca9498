"""Any file at all becomes a table or one clear sentence."""

import io
import zipfile
from datetime import date

import pytest
import xlsxwriter
from hypothesis import given, settings
from hypothesis import strategies as st

from cardnet.kernel.errors import InvalidInput
from cardnet.membership import spreadsheet
from cardnet.membership.spreadsheet import read
from tests.make.biff import xls_file
from tests.make.membership import csv_file, xlsx_file

ROWS = [["姓名", "数"], ["阿卜杜拉·买买提", "1"], ["𠅤小宝", "=1+1"]]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030", "utf-16"])
@pytest.mark.parametrize("delimiter", [",", "\t", ";"])
def test_text_in_every_usual_encoding_and_with_every_usual_separator(encoding, delimiter):
    assert read(csv_file(ROWS, encoding, delimiter)).rows == ROWS


def test_workbooks_old_and_new_say_the_same():
    assert read(xlsx_file(ROWS)).rows == ROWS
    assert read(xls_file(ROWS)).rows == ROWS
    assert read(xls_file([["数"], [319900198803057.0]])).rows[1] == [319900198803057.0]


def test_a_comma_and_a_line_break_inside_quotation_marks_stay_in_their_cell():
    assert read('姓名,备注\r\n张三,"一,二\n三 ""四"""\r\n'.encode()).rows[1] == ["张三", '一,二\n三 "四"']


def test_a_quotation_mark_nobody_closed_swallows_nothing():
    lines = ["姓名,备注", '"张三,甲', *(f"李{number},乙" for number in range(50))]
    rows = read("\n".join(lines).encode()).rows
    assert len(rows) == 52
    assert rows[1] == ['"张三', "甲"]


def test_dates_booleans_numbers_and_formulas_arrive_as_what_is_seen():
    out = io.BytesIO()
    with xlsxwriter.Workbook(out) as book:
        page = book.add_worksheet()
        page.write_datetime(0, 0, date(2018, 4, 28), book.add_format({"num_format": "yyyy/m/d"}))
        page.write_boolean(0, 1, True)
        page.write_number(0, 2, 43218)
        page.write_formula(0, 3, "=A1&B1", None, "算出来的")
        page.write_formula(0, 4, "=1/0", None, "#DIV/0!")
        page.write_string(0, 5, "末")
    assert read(out.getvalue()).rows[0] == [date(2018, 4, 28), True, 43218.0, "算出来的", "#DIV/0!", "末"]


def test_hidden_sheets_are_not_read_and_other_sheets_are_named():
    out = io.BytesIO()
    with xlsxwriter.Workbook(out) as book:
        book.add_worksheet("封面").write(0, 0, "封面")
        hidden = book.add_worksheet("字典")
        hidden.write(0, 0, "身份证")
        hidden.hide()
        book.add_worksheet("名单").write(0, 0, "张三")
    table = read(out.getvalue(), prefer=lambda table: table.name == "名单")
    assert (table.name, [other.name for other in table.others]) == ("名单", ["封面"])


def test_lines_keep_their_numbers_when_a_sheet_begins_far_down():
    out = io.BytesIO()
    with xlsxwriter.Workbook(out) as book:
        book.add_worksheet().write(9, 3, "张三")
    rows = read(out.getvalue()).rows
    assert rows[9] == ["", "", "", "张三"]
    assert rows[:9] == [[]] * 9


def bomb():
    """A workbook whose one sheet unpacks to 600 MB of nothing."""
    out = io.BytesIO(xlsx_file(ROWS))
    with zipfile.ZipFile(out, "a", zipfile.ZIP_DEFLATED) as archive, archive.open("xl/media/x.bin", "w") as file:
        for _ in range(600):
            file.write(bytes(1024 * 1024))
    return out.getvalue()


def lying_bomb():
    """A sheet whose header says that it is small and whose contents go on for 200 million rows."""
    names = zipfile.ZipFile(io.BytesIO(xlsx_file(ROWS)))
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in names.namelist():
            data = names.read(name)
            if name == "xl/worksheets/sheet1.xml":
                head, tail = data.split(b"<sheetData>")
                row = b'<row r="1"><c r="A1"><v>1</v></c></row>'
                data = head + b"<sheetData>" + row * 2_000_000 + tail
            archive.writestr(name, data)
    packed = bytearray(out.getvalue())
    with zipfile.ZipFile(io.BytesIO(packed)) as archive:
        true_size = archive.getinfo("xl/worksheets/sheet1.xml").file_size.to_bytes(4, "little")
    return bytes(packed.replace(true_size, (1000).to_bytes(4, "little")))


def far_away():
    """Two cells in opposite corners: a parser that asks for the rectangle asks for everything."""
    out = io.BytesIO()
    with xlsxwriter.Workbook(out) as book:
        page = book.add_worksheet()
        page.write(0, 0, "姓名")
        page.write(1_048_575, 16_383, "x")
    return out.getvalue()


def word_document():
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("word/document.xml", "<document/>")
    return out.getvalue()


def protected():
    return b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(1000) + "EncryptedPackage".encode("utf-16-le") + bytes(1000)


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"", "file_empty"),
        (b"\n\n  \r\n", "file_empty"),
        (b",,,\n,,,\n", "file_empty"),
        (b"\xef\xbb\xbf", "file_empty"),
        (xlsx_file([]), "file_empty"),
        (b"%PDF-1.7\n...", "file_not_a_table"),
        (b"\x89PNG\r\n\x1a\n", "file_not_a_table"),
        (b"Rar!\x1a\x07\x00", "file_not_a_table"),
        (b"<html><body><p>1</p></body></html>", "file_not_a_table"),
        (b"<?xml version='1.0'?><a/>", "file_not_a_table"),
        (word_document(), "file_not_a_table"),
        (protected(), "file_encrypted"),
        (b"PK\x03\x04" + b"rubbish" * 100, "file_unreadable"),
        (xlsx_file(ROWS)[:-200], "file_unreadable"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"rubbish" * 100, "file_unreadable"),
        (bytes(range(256)) * 20, "encoding_unknown"),
        (b"\xff\xfea", "encoding_unknown"),
        (b"\x01\x02\x03" * 500, "encoding_unknown"),
    ],
)
def test_what_is_no_readable_table_gets_a_sentence_that_says_what_to_do(content, code):
    with pytest.raises(InvalidInput) as raised:
        read(content, "名单.xlsx")
    assert raised.value.code == code
    assert "：" in raised.value.message


@pytest.mark.parametrize("make", [bomb, far_away])
def test_a_bomb_ends_in_a_sentence_and_not_in_our_memory(make):
    with pytest.raises(InvalidInput) as raised:
        read(make(), "bomb.xlsx")
    assert raised.value.code == "file_too_large"


def test_a_bomb_that_lies_about_its_size_is_stopped_by_the_limits_of_its_process():
    try:
        rows = read(lying_bomb(), "bomb.xlsx").rows
    except InvalidInput as error:
        assert error.code in ("file_too_large", "file_unreadable", "too_many_rows")
    else:
        assert len(rows) <= spreadsheet.MAX_ROWS


def test_too_many_rows_and_too_many_bytes_are_refused():
    with pytest.raises(InvalidInput, match="too_many_rows"):
        read(b"a,b\n" * (spreadsheet.MAX_ROWS + 1))
    for content in (b"a" * (spreadsheet.MAX_TEXT_BYTES + 1), b"PK\x03\x04" + bytes(spreadsheet.MAX_BYTES)):
        with pytest.raises(InvalidInput, match="file_too_large"):
            read(content)


def test_commas_in_an_introduction_do_not_decide_how_the_rows_are_parted():
    text = "说明：请认真填写，不要改动，不要合并，不要留空，逐人填写\n姓名\t电话\n张三\t1\n李四\t2\n"
    assert read(text.encode()).rows[2:] == [["张三", "1"], ["李四", "2"]]


def test_a_wrong_byte_far_down_is_still_found():
    text = ("姓名,备注\n" + "张三,好\n" * 20_000).encode()
    with pytest.raises(InvalidInput, match="encoding_unknown"):
        read(text + b"\xff\xff\xff,\n")


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=2000))
def test_no_bytes_whatever_raise_anything_else(content):
    try:
        read(content)
    except InvalidInput:
        return


# Made once: a workbook holds the moment it was written at, and its length with it.
WHOLE = [xlsx_file(ROWS), xls_file(ROWS)]


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_a_damaged_workbook_raises_nothing_else(data):
    content = bytearray(data.draw(st.sampled_from(WHOLE)))
    for _ in range(data.draw(st.integers(1, 8))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    try:
        read(bytes(content))
    except InvalidInput:
        return
