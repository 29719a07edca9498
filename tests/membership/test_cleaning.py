"""Names, phones and dates as offices write them."""

from datetime import date, datetime, time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cardnet.membership.cleaning import date_of, month_of, name_of, name_problem, phone_of, text_of, word_of

CELLS = st.text() | st.integers() | st.floats() | st.booleans() | st.dates() | st.datetimes() | st.times()


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("　　张　三丰　", "张三丰"),
        ("张 三", "张三"),
        ("阿卜杜拉•买买提", "阿卜杜拉·买买提"),
        ("阿卜杜拉・买买提", "阿卜杜拉·买买提"),
        ("阿卜杜拉．买买提", "阿卜杜拉·买买提"),
        ("阿卜杜拉.买买提", "阿卜杜拉·买买提"),
        ("阿卜杜拉 · 买买提", "阿卜杜拉·买买提"),
        ("阿卜杜拉‧买买提", "阿卜杜拉·买买提"),
        ("𠅤小宝", "𠅤小宝"),
        ("䶮 文", "䶮文"),
        ("Mary  Ann Smith", "Mary Ann Smith"),
        ("J. R. Smith", "J. R. Smith"),
        ("ＪＯＨＮ　ＳＭＩＴＨ", "JOHN SMITH"),
        ("张\u200b三\ufeff", "张三"),
        ("'张三", "张三"),
        ("张\n三", "张三"),
        ("O’Brien", "O’Brien"),
        ("㐂子", "㐂子"),
        ("神", "神"),
        ("𠮷田〇", "𠮷田〇"),
        ("张 〇", "张〇"),
    ],
)
def test_names_are_normalised_but_never_changed_into_another_persons(typed, meant):
    assert name_of(typed) == meant
    assert name_problem(name_of(typed)) is None


@pytest.mark.parametrize(
    "name",
    [
        "李4",
        "张三(小)",
        "张？",
        "张*",
        "\ue000明",
        "123",
        "〇",
        "-",
        "·",
        "张三" * 26,
        "张三、李四",
        "=SUM(A1)",
        "张\ufffd",
    ],
)
def test_what_is_no_name_is_said_to_be_none(name):
    assert name_problem(name_of(name))


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("13800138000", "13800138000"),
        (13800138000.0, "13800138000"),
        (13800138000, "13800138000"),
        ("+86 199-9137-8370", "19991378370"),
        ("0086 13800138000", "13800138000"),
        ("8613800138000", "13800138000"),
        ("１３８００１３８０００", "13800138000"),
        ("138 0013 8000", "13800138000"),
        ("(+86)13800138000", "13800138000"),
        ("'13800138000", "13800138000"),
        ("\u202a13800138000\u202c", "13800138000"),
        ("13800138000.0", "13800138000"),
        ("'+8613800138000.00", "13800138000"),
        ("１３８００１３８０００．０", "13800138000"),
        ("138.0013.8000", "13800138000"),
        ("1380013800.0", ""),
        ("13800138000.5", ""),
        ("1390000", ""),
        ("12800138000", ""),
        ("138001380001", ""),
        ("13800138000/13900139000", ""),
        ("021-57811234", ""),
        ("abc", ""),
        ("", ""),
        (True, ""),
        (1.38e10, "13800000000"),
    ],
)
def test_phones(typed, meant):
    assert phone_of(typed) == meant


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("2018-04-28", date(2018, 4, 28)),
        ("2018.4.28", date(2018, 4, 28)),
        ("2018/4/28", date(2018, 4, 28)),
        ("20180428", date(2018, 4, 28)),
        (20180428.0, date(2018, 4, 28)),
        ("2018年4月28日", date(2018, 4, 28)),
        ("2018 年 4 月 28 日", date(2018, 4, 28)),
        ("２０１８．４．２８", date(2018, 4, 28)),
        ("2018-04-28 00:00:00", date(2018, 4, 28)),
        ("2018-04-28T08:30:00", date(2018, 4, 28)),
        (date(2018, 4, 28), date(2018, 4, 28)),
        (datetime(2018, 4, 28, 9, 30), date(2018, 4, 28)),  # noqa: DTZ001 - a cell knows no zone
        (43218.0, date(2018, 4, 28)),
        ("43218", date(2018, 4, 28)),
        ("2018-13-40", None),
        ("2019-02-29", None),
        ("2018-04", None),
        ("昨天", None),
        (59.0, None),
        (60.0, None),
        (time(9, 0), None),
        (True, None),
        (float("inf"), None),
        (-1.0, None),
        (0.0, None),
    ],
)
def test_dates(typed, meant):
    assert date_of(typed) == meant


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("2018-04", date(2018, 4, 1)),
        ("2018年4月", date(2018, 4, 1)),
        ("2018 年 04 月", date(2018, 4, 1)),
        ("２０１８．０４", date(2018, 4, 1)),
        ("2018/12", date(2018, 12, 1)),
        (2018.04, date(2018, 4, 1)),
        (2018.12, date(2018, 12, 1)),
        # A spreadsheet makes the same number of 2018.1 and 2018.10.
        ("2018.1", None),
        (2018.1, None),
        ("2018年1月", date(2018, 1, 1)),
        ("2018-13", None),
        ("2018-00", None),
        ("0000-01", None),
        ("2018", None),
        ("201804", None),
        ("4月", None),
        ("", None),
        (True, None),
    ],
)
def test_months(typed, meant):
    assert month_of(typed) == meant


@given(CELLS)
def test_no_cell_whatever_raises(cell):
    for read in (text_of, word_of, name_of, phone_of, date_of, month_of):
        read(cell)
    name_problem(name_of(cell))


@given(st.text())
def test_a_name_once_normalised_stays_as_it_is(text):
    assert name_of(name_of(text)) == name_of(text)
