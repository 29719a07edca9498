from datetime import date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cardnet.finance.admission import admit, wrong_total
from cardnet.kernel.errors import InvalidInput
from cardnet.kernel.money import yuan
from cardnet.membership import spreadsheet
from tests.make.finance import day_no

HEADER = ["商户单号", "业务日期", "金额"]


def amount(cell, title="金额"):
    read = admit([["商户单号", title], ["R-1", cell]])
    if read.unreadable:
        return f"{read.unreadable[0].line}:{read.unreadable[0].problem[:4]}"
    return read.lines["amount_fen"][0].as_py()


@pytest.mark.parametrize(
    ("written", "fen"),
    [
        ("1,000.00", 100_000),
        ("１００", 10_000),
        ("１，０００．５０", 100_050),
        ("6", 600),
        ("6.1", 610),
        ("￥6.00", 600),
        ("6.00元", 600),
        ("(6.00)", -600),
        ("-6.00", -600),
        ("−6.00", -600),
        ("100.000", 10_000),
        (6.1, 610),
        (0.1 + 0.2, 30),
        (7, 700),
    ],
)
def test_an_amount_is_read_as_people_write_it(written, fen):
    assert amount(written) == (fen if fen > 0 else -fen)


@pytest.mark.parametrize(
    "written",
    [
        "1e5",
        "1E5",
        "100.005",
        100.005,
        "10,00",
        "1.000,00",
        "六元",
        "",
        "六",
        "٦",
        "1 000",
        "--6",
        "NaN",
        "9" * 20,
        True,
    ],
)
def test_what_is_not_plainly_an_amount_is_rejected_with_its_line(written):
    assert str(amount(written)).startswith("2:")


def test_a_column_in_fen_takes_whole_fen_only():
    assert amount("600", "金额（分）") == 600
    assert amount("600", "amount_fen") == 600
    assert str(amount("6.5", "金额(分)")).startswith("2:")


def test_yuan_and_fen_side_by_side_must_agree():
    rows = [["merchant_ref", "union_fen", "union_yuan"], ["a", "600", "6.00"], ["b", "600", "6.01"]]
    read = admit(rows)
    assert read.lines["amount_fen"].to_pylist() == [600]
    assert [fault.line for fault in read.unreadable] == [3]


@pytest.mark.parametrize(
    ("title", "basis"),
    [
        ("补贴金额", "union_fen"),
        ("工会承担（元）", "union_fen"),
        ("订单金额", "gross_fen"),
        ("实收金额", "payable_fen"),
        ("金额", None),
    ],
)
def test_the_title_says_which_amount_is_meant(title, basis):
    assert admit([["订单号", title], ["a", "1"]]).basis == basis


@pytest.mark.parametrize(
    ("written", "day"),
    [
        ("2026-10-05", date(2026, 10, 5)),
        ("2026/10/5", date(2026, 10, 5)),
        ("20261005", date(2026, 10, 5)),
        ("2026年10月5日 周一", date(2026, 10, 5)),
        ("2026.10.05 23:59", date(2026, 10, 5)),
        ("2026-10-05T16:00:00Z", date(2026, 10, 6)),
        ("2026-10-05T23:59:59.9+08:00", date(2026, 10, 5)),
        (date(2026, 10, 5), date(2026, 10, 5)),
        (datetime(2026, 10, 5, 8), date(2026, 10, 5)),  # noqa: DTZ001 - a spreadsheet knows no zone
        ("46300", date(2026, 10, 5)),
    ],
)
def test_a_day_is_read_on_the_shanghai_calendar(written, day):
    assert admit([HEADER, ["R-1", written, "6"]]).lines["day"].to_pylist() == [day_no(day)]


@pytest.mark.parametrize("written", ["2026-13-01", "昨天", "05/10/2026", "2026-02-30", "1"])
def test_a_day_that_cannot_be_read_is_rejected_not_guessed(written):
    assert [fault.column for fault in admit([HEADER, ["R-1", written, "6"]]).unreadable] == ["业务日期"]


def test_titles_blank_rows_notes_and_totals_around_the_lines_are_no_lines():
    rows = [
        ["百禾超市 2026年10月对账单"],
        [],
        HEADER,
        ["R-1", "2026-10-05", "6.00"],
        ["", "", ""],
        HEADER,
        ["R-2", "2026-10-06", "6.00"],
        ["小计", "", "12.00"],
        ["合计 2 笔", "", "12.00"],
        ["制表人：王", "", ""],
    ]
    read = admit(rows)
    assert read.lines["line"].to_pylist() == [4, 7]
    assert read.unreadable == ()
    assert wrong_total(read) is None


@pytest.mark.parametrize(
    "total", [["合计 3 笔", "", "12.00"], ["合计", "", "12.01"], ["合计：2 笔", "总金额：11.00", ""]]
)
def test_a_total_that_the_lines_do_not_add_up_to_refuses_the_file(total):
    read = admit([HEADER, ["R-1", "2026-10-05", "6.00"], ["R-2", "2026-10-06", "6.00"], total])
    assert wrong_total(read)


def test_a_total_is_not_held_against_a_file_with_a_line_nobody_could_read():
    read = admit([HEADER, ["R-1", "2026-10-05", "6.00"], ["R-2", "2026-10-06", "1e1"], ["合计 2 笔", "", "16.00"]])
    assert [fault.line for fault in read.unreadable] == [3]
    assert wrong_total(read) is None


def test_types_are_words_of_either_language_and_a_refund_counts_backwards_either_way():
    rows = [
        ["ref", "type", "amount"],
        ["a", "消费", "6"],
        ["b", "退款", "6"],
        ["c", "refund", "-6"],
        ["d", "", "-6"],
        ["e", "void", "6"],
        ["f", "赠送", "6"],
    ]
    read = admit(rows)
    assert read.lines["type"].to_pylist() == ["capture", "refund", "refund", "back", "reversal"]
    assert read.lines["amount_fen"].to_pylist() == [600] * 5
    assert read.net_fen == 600 - 4 * 600
    assert [fault.text for fault in read.unreadable] == ["赠送"]


def test_numbers_a_spreadsheet_spoiled_are_told_as_such():
    read = admit([["单号", "金额"], ["1.23E+15", "6"], ['="0012"', "6"], [12.0, "6"], ["'0013", "6"]])
    assert read.lines["merchant_ref"].to_pylist() == ["0012", "12", "0013"]
    assert "科学计数法" in read.unreadable[0].problem


@pytest.mark.parametrize("rows", [[["姓名", "电话"], ["王", "1"]], [["金额"], ["6"]], [["单号", "金额"]]])
def test_a_file_without_lines_or_without_the_columns_needed_is_not_taken(rows):
    with pytest.raises(InvalidInput) as refused:
        admit(rows)
    assert refused.value.code in ("statement_header_unknown", "statement_empty")


@given(st.integers(0, 10**12))
def test_every_amount_we_print_is_read_back(fen):
    assert amount(yuan(fen)) == fen


@given(st.lists(st.lists(st.text(max_size=8) | st.floats() | st.none(), max_size=5), max_size=6))
def test_no_cells_make_admission_fail_in_any_other_way(rows):
    cells = [["" if cell is None else cell for cell in row] for row in rows]
    admit([HEADER, ["R", "2026-10-05", "1"], *cells])


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030"])
def test_files_come_in_any_usual_encoding(encoding):
    content = "商户单号,业务日期,金额（元）\r\nR-1,2026-10-05,6.00\r\n".encode(encoding)
    read = admit(spreadsheet.read(content, "对账.csv").rows)
    assert (read.lines["merchant_ref"].to_pylist(), read.lines["amount_fen"].to_pylist()) == (["R-1"], [600])
