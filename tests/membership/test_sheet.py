"""Finding the people of a table, however it is laid out."""

import pytest

from cardnet.kernel.errors import InvalidInput
from cardnet.membership.columns import SPELLINGS, Column
from cardnet.membership.roster import find_people, read_sheet
from cardnet.membership.spreadsheet import Table
from tests.make.membership import csv_file, id_number, roster_cells, roster_line, xlsx_file

ZHOU = ["周桂林", "居民身份证", id_number(1), "19900000001"]
CHEN = ["陈建国", "居民身份证", id_number(2), "19900000002"]
HEADER = ["姓名", "证件类型", "证件号码", "手机号码"]


def people(*rows):
    sheet = find_people(Table("", rows))
    return [(row.row, row.line, sheet.cell(row, Column.NAME)) for row in sheet.rows]


def test_titles_and_blank_lines_above_the_header_and_totals_below_are_no_people():
    found = people(
        ["云间区工会会员服务卡信息采集表"],
        [],
        ["填报单位：恒启精密", "", "", "2026年1月15日"],
        HEADER,
        ZHOU,
        [],
        CHEN,
        ["合计", "", "", "2人"],
        ["制表人：王芳", "", "审核人：李强", "联系电话：021-57811234"],
        ["注：本表由单位工会填写。"],
    )
    assert found == [(1, 5, "周桂林"), (2, 7, "陈建国")]


@pytest.mark.parametrize(
    "word",
    ["合计", "合 计", "总计：", "小计", "共计2人", "制表人：王芳", "（盖章）", "填表日期：2026-01-15", "备注：无"],
)
def test_lines_that_close_a_table_name_nobody(word):
    assert len(people(HEADER, ZHOU, [word])) == 1
    assert len(people(HEADER, ZHOU, [word, "", "2", ""])) == 1


def test_a_person_whose_name_begins_like_a_total_is_a_person():
    assert people(HEADER, ["总计生", *ZHOU[1:]]) == [(1, 2, "总计生")]


def test_headings_have_many_spellings_and_every_one_finds_its_column():
    assert sum(len(spellings) for spellings in SPELLINGS.values()) >= 60
    for column, spellings in SPELLINGS.items():
        for spelling in spellings:
            others = [c.value for c in (Column.NAME, Column.ID_NUMBER) if c is not column]
            sheet = find_people(Table("", [[*others, f" *{spelling}（必填）"], ["周桂林", id_number(1), "x"]]))
            assert column in sheet.header.columns, spelling


@pytest.mark.parametrize(
    "heading",
    [
        "姓 名",
        "* 姓名",
        "姓名：",
        "姓\n名",
        "姓名（与身份证一致）",
        "姓名(必填)",
        "２．姓名",
        "会员姓名",
        "【姓名】姓名",
    ],
)
def test_headings_are_recognised_with_what_offices_write_around_them(heading):
    assert Column.NAME in find_people(Table("", [[heading, "证件号码"], ["周桂林", id_number(1)]])).header.columns


@pytest.mark.parametrize(
    ("column", "heading"),
    [
        (Column.CONSENT, "是否自愿同意办理会员卡"),
        (Column.CONSENT, "本人是否愿意\n申领工会卡（签名）"),
        (Column.PHONE, "会员常用手机号"),
        (Column.EMPLOYMENT, "用工关系类型"),
        (Column.ID_NUMBER, "职工身份证号(18位)"),
        (Column.ID_TYPE, "所持证件的种类"),
        (Column.NAME, "工会会员姓名"),
    ],
)
def test_a_heading_nobody_else_uses_is_read_by_what_it_is_made_of_and_the_officer_is_told(column, heading):
    wanted = (Column.NAME, Column.ID_TYPE, Column.ID_NUMBER, Column.PHONE, Column.EMPLOYMENT, Column.CONSENT)
    headings = [heading if one is column else str(one) for one in wanted]
    sheet = find_people(Table("", [[*headings, "家属手机", "同意公示日期"], [str(at) for at in range(8)]]))
    assert sheet.header.columns == {one: at for at, one in enumerate(wanted)}
    assert [f"当作“{column}”来读" in notice for notice in sheet.notices] == [True]


@pytest.mark.parametrize(
    "heading",
    [
        "是否愿意参加互助保障",
        "本人是否同意加入工会",
        "是否同意个人信息处理",
        "疗休养是否同意",
        "是否愿意申请困难帮扶",
        "是否同意参加活动",
    ],
)
def test_a_yes_to_something_else_is_no_yes_to_the_card(heading):
    rows = [["姓名", "证件号码", "手机号码", heading], ["周桂林", id_number(1), "13800000001", "是"]]
    assert Column.CONSENT not in find_people(Table("", rows)).header.columns


def test_a_document_number_of_employees_is_not_their_employment_as_well():
    rows = [["姓名", "职工身份证号(18位)", "手机号码"], ["周桂林", id_number(1), "13800000001"]]
    columns = find_people(Table("", rows)).header.columns
    assert (columns[Column.ID_NUMBER], columns.get(Column.EMPLOYMENT)) == (1, None)


def test_of_two_headings_that_could_both_be_meant_neither_is_taken():
    rows = [["姓名", "身份证号码", "常用手机号", "备用手机号"], ["周桂林", id_number(1), "1", "2"]]
    assert Column.PHONE not in find_people(Table("", rows)).header.columns


def test_two_lines_of_header_count_as_one():
    rows = [
        ["序号", "基本信息", "", "", "联系方式", "", "备注"],
        ["", "姓名", "证件类型", "证件号码", "手机号码", "邮箱", ""],
        [1, *ZHOU, "a@b.cn", ""],
    ]
    sheet = find_people(Table("", rows))
    assert [row.line for row in sheet.rows] == [3]
    assert sheet.header.columns.keys() >= {Column.NUMBER, Column.NAME, Column.PHONE, Column.REMARK}


def test_a_header_repeated_on_every_printed_page_is_no_person():
    assert [line for _, line, _ in people(HEADER, ZHOU, HEADER, CHEN)] == [2, 4]


def test_examples_and_hints_under_the_header_are_no_people():
    numbered = ["序号", *HEADER]
    rows = [numbered, ["", "必填", "必填", "必填", "必填"], ["示例", *ZHOU], [1, *CHEN]]
    assert [row.line for row in find_people(Table("", rows)).rows] == [4]
    assert people(HEADER, ["示例：张三", *ZHOU[1:]], CHEN) == [(1, 3, "陈建国")]


def test_lines_that_only_carry_what_the_template_carries_are_blank():
    assert len(people(["序号", *HEADER], [1, *ZHOU], [2, "", "居民身份证", "", ""], [3, "", "", "", ""])) == 1


def test_of_two_columns_of_one_meaning_the_better_heading_is_taken():
    sheet = find_people(
        Table("", [["姓名", "联系电话", "手机号码", "身份证号码"], ["周桂林", "021-1", "19900000001", "1"]])
    )
    assert sheet.header.columns[Column.PHONE] == 2


def test_a_column_headed_id_card_needs_no_column_of_types():
    assert find_people(Table("", [["姓名", "身份证号"], ["周桂林", id_number(1)]])).header.resident_only
    assert not find_people(Table("", [["姓名", "证件号码"], ["周桂林", id_number(1)]])).header.resident_only


def test_what_is_merged_over_several_lines_holds_for_each_of_them():
    rows = [
        ["姓名", "证件号码", "部门"],
        ["周桂林", id_number(1), "一车间"],
        ["陈建国", id_number(2)],
        ["王芳", id_number(3)],
    ]
    sheet = find_people(Table("", rows, merged=[((1, 2), (2, 2)), ((1, 0), (3, 0))]))
    assert [sheet.cell(row, Column.DEPARTMENT) for row in sheet.rows] == ["一车间", "一车间", ""]


def test_a_second_sheet_with_people_is_never_passed_over_in_silence():
    sheet = read_sheet(xlsx_file([["说明"]], "说明", 一车间=[HEADER, ZHOU], 二车间=[HEADER, CHEN]))
    assert sheet.table.name == "一车间"
    assert any("二车间" in notice for notice in sheet.notices)


def test_the_sheet_that_looks_most_like_a_roster_is_read():
    full = roster_cells([roster_line()])
    assert read_sheet(xlsx_file([["姓名", "证件号码"], ["a", "b"]], "Sheet1", 采集表=full)).table.name == "采集表"


@pytest.mark.parametrize("make", [csv_file, xlsx_file])
def test_a_file_without_a_header_or_without_people_says_what_to_do(make):
    with pytest.raises(InvalidInput, match="header_not_found"):
        read_sheet(make([ZHOU, CHEN]))
    with pytest.raises(InvalidInput, match="no_rows"):
        read_sheet(make([HEADER, ["合计", "", "", ""]]))


def test_what_was_passed_over_is_said_with_its_line():
    assert find_people(Table("", [HEADER, ZHOU, ["合计"]])).notices == ("第 3 行是合计或落款，没有当作人员读取。",)
