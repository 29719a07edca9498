"""The checker: every finding of every row in one pass."""

import dataclasses
from datetime import date

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cardnet.kernel.errors import InvalidInput
from cardnet.membership.result_workbook import result_workbook
from cardnet.membership.roster import (
    SEVERITIES,
    Column,
    FileKind,
    FindingCode,
    KnownPerson,
    RosterContext,
    RowStatus,
    Severity,
    check,
    plain_key,
    read_sheet,
)
from cardnet.membership.rules import Answer, Employment, IdType, Sex, TagKind
from cardnet.membership.spreadsheet import Table
from cardnet.membership.words import EMPLOYMENTS, ID_TYPES
from tests.make.membership import csv_file, id_number, roster_cells, roster_line, xlsx_file

UNITS = {"C": "/C/", "D1": "/C/D1/", "B1": "/C/D1/B1/", "B2": "/C/D1/B2/", "D2": "/C/D2/", "B9": "/C/D2/B9/"}
CONTEXT = RosterContext(UNITS, "B1", "/C/D1/", date(2026, 11, 21), unit_names={"松嘉环卫有限公司工会委员会": "B2"})


def checked(*lines, context=CONTEXT):
    return check(Table("", roster_cells(lines)), context)


def codes(check_, row=0):
    return list(check_.rows[row].codes)


def test_a_clean_row_becomes_a_person():
    person = checked(roster_line(7, name=" 周　桂林", model_worker="市级", special_post="高温")).rows[0].person
    assert (person.name, person.id_type, person.unit_code) == ("周桂林", IdType.RESIDENT, "B1")
    assert (person.birth_on, person.sex, person.employment) == (date(1985, 5, 1), Sex.MALE, Employment.CONTRACT)
    assert (person.answer, person.answered_on, person.joined_on) == (Answer.GIVEN, date(2026, 1, 15), date(2018, 4, 28))
    assert [(tag.kind, tag.grade) for tag in person.tags] == [
        (TagKind.MODEL_WORKER, "市级"),
        (TagKind.FRONT_LINE, ""),
        (TagKind.SPECIAL_POST, "高温"),
    ]


@pytest.mark.parametrize(
    ("change", "found"),
    [
        ({}, []),
        ({"name": ""}, ["name_missing"]),
        ({"name": "　"}, ["name_missing"]),
        ({"name": "李4"}, ["name_invalid"]),
        ({"id_type": "驾驶证"}, ["id_type_unknown"]),
        ({"id_type": ""}, ["id_type_unknown"]),
        ({"id_type": "1居民身份证"}, []),
        ({"id_type": "1-居民身份证"}, []),
        ({"id_number": ""}, ["id_format"]),
        ({"id_number": "319900198803057009"}, ["id_checksum"]),
        ({"id_number": "319900198502291014"}, ["id_birth_date"]),
        ({"id_number": 319900198803057008}, ["id_precision_lost"]),
        ({"sex": "女"}, ["sex_mismatch"]),
        ({"sex": ""}, []),
        ({"sex": "未知"}, []),
        ({"phone": ""}, ["phone_format"]),
        ({"phone": "1390000"}, ["phone_format"]),
        ({"phone": 19900000007.0}, []),
        ({"unit": "YJ-99-999"}, ["unit_unknown"]),
        ({"unit": "b1"}, []),
        ({"unit": "松嘉环卫有限公司工会委员会"}, []),
        ({"unit": "B9"}, ["unit_out_of_scope"]),
        ({"unit": ""}, []),
        ({"employment": "退休返聘"}, ["employment_not_eligible"]),
        ({"employment": "实习生"}, ["employment_not_eligible"]),
        ({"employment": "不知道"}, ["employment_not_eligible"]),
        ({"employment": ""}, ["employment_not_eligible"]),
        ({"consent": ""}, ["consent_missing"]),
        ({"consent": "考虑中"}, ["consent_missing"]),
        ({"consent": "√"}, []),
        ({"consent": True}, []),
        ({"id_valid_until": "2020-01-01"}, ["id_expired"]),
        ({"id_valid_until": "2026-11-21"}, []),
        ({"id_valid_until": "2010.01.01-2030.01.01"}, []),
        ({"id_valid_until": "2010.01.01-长期"}, []),
        ({"id_valid_until": "2005.01.01-2025.01.01"}, ["id_expired"]),
        ({"id_valid_until": "不详"}, ["date_invalid"]),
        ({"joined_on": "2018-13-40"}, ["date_invalid"]),
        ({"joined_on": "2027-01-01"}, ["date_invalid"]),
        ({"joined_on": 43218.0}, []),
        ({"joined_on": "2018年4月"}, []),
        ({"joined_on": "2027-01"}, ["date_invalid"]),
        ({"consent_on": "2026-01"}, ["date_invalid"]),
        ({"id_valid_until": "2030-01"}, ["date_invalid"]),
        ({"name": "𠮷田〇"}, []),
        ({"phone": "19900000001.0"}, []),
        ({"consent_on": "明天"}, ["date_invalid"]),
        ({"joined_on": "x", "consent_on": "x", "id_valid_until": "x"}, ["date_invalid"]),
        ({"front_line": "不清楚"}, []),
        ({"name": "", "phone": "abc", "consent": ""}, ["consent_missing", "name_missing", "phone_format"]),
    ],
)
def test_what_each_row_gets(change, found):
    assert codes(checked(roster_line(1, **change))) == found


def test_a_no_is_an_answer_and_needs_no_phone_and_no_employment():
    result = checked(roster_line(1, consent="否", phone="", employment=""))
    assert (result.declined, result.invalid, codes(result)) == (1, 0, [])
    assert result.rows[0].status is RowStatus.DECLINED
    assert result.rows[0].person.answer is Answer.DECLINED
    assert [finding.severity for finding in result.findings if finding.code == "consent_declined"] == ["note"]


def test_a_no_with_a_wrong_number_cannot_be_recorded():
    assert checked(roster_line(1, consent="否", id_number="1")).rows[0].status is RowStatus.INVALID


def test_the_second_row_of_one_person_is_an_error_that_names_the_first():
    result = checked(roster_line(1), roster_line(2), roster_line(1, phone="19911111111"))
    assert [codes(result, row) for row in range(3)] == [[], [], ["duplicate_in_file"]]
    assert "第 2 行" in result.rows[2].findings[-1].message


def test_numbers_that_lost_their_end_are_not_taken_for_one_person():
    cut = 3.199001985050100e17
    result = checked(roster_line(1, id_number=cut), roster_line(2, id_number=cut))
    assert [codes(result, row) for row in range(2)] == [["id_precision_lost"], ["id_precision_lost"]]


def test_a_shared_phone_warns_the_second_person_and_never_the_same_one():
    result = checked(roster_line(1), roster_line(2, phone="+86 199 0000 0001"), roster_line(1))
    assert [codes(result, row) for row in range(3)] == [[], ["phone_shared"], ["duplicate_in_file"]]
    assert result.valid == 2


@pytest.mark.parametrize(
    ("known", "found"),
    [
        (KnownPerson(), []),
        (KnownPerson(unit_path="/C/D1/B1/"), []),
        (KnownPerson(has_card=True, unit_path="/C/D1/B1/"), ["already_has_card"]),
        (KnownPerson(application_open=True), ["application_open"]),
        (KnownPerson(deceased=True), ["member_deceased"]),
        (KnownPerson(unit_path="/C/D2/B9/", unit_name="货运联合工会"), ["member_elsewhere"]),
    ],
)
def test_what_is_on_record_about_a_person(known, found):
    key = plain_key(IdType.RESIDENT, id_number(1))
    assert codes(checked(roster_line(1), context=dataclasses.replace(CONTEXT, known={key: known}))) == found


@pytest.mark.parametrize(
    ("line", "path", "running"),
    [
        ({}, "/C/D1/B1/", True),
        ({}, "/C/D1/B2/", False),
        ({"phone": "x"}, "/C/D1/B1/", False),
        ({"consent": "否"}, "/C/D1/B1/", False),
    ],
)
def test_a_row_its_own_unit_is_at_work_on_is_nothing_to_mend_and_keeps_its_code(line, path, running):
    known = {plain_key(IdType.RESIDENT, id_number(1)): KnownPerson(application_open=True, application_path=path)}
    result = checked(roster_line(1, **line), context=dataclasses.replace(CONTEXT, known=known))
    row = result.rows[0]
    assert "application_open" in row.codes
    assert (str(row.status), row.shown) == ("invalid", "running" if running else "invalid")
    assert (result.invalid, result.running, result.to_mend) == (1, int(running), int(not running))


def test_rows_beyond_the_quota_are_warned_and_rows_that_need_no_card_take_no_place():
    lines = [roster_line(1, consent="否"), roster_line(2, phone="x"), roster_line(3), roster_line(4), roster_line(5)]
    result = checked(*lines, context=dataclasses.replace(CONTEXT, quota_free={"B1": 1}))
    assert [codes(result, row) for row in range(5)] == [[], ["phone_format"], [], ["quota_short"], ["quota_short"]]
    assert (result.quota_needed, result.quota_free) == (3, 1)


def test_scenario_s21_the_dry_run():
    """S21: line 3 has a bad check digit, line 4 repeats line 2, line 5 names no unit; two cards, one place."""
    lines = [
        roster_line(1),
        roster_line(2, id_number="110105194912310021", sex=""),
        roster_line(1, phone="19922222222"),
        roster_line(4, unit="X"),
        roster_line(5),
    ]
    for content in (
        csv_file(roster_cells(lines), "gb18030"),
        csv_file(roster_cells(lines), "utf-8"),
        xlsx_file(roster_cells(lines)),
    ):
        result = check(read_sheet(content), dataclasses.replace(CONTEXT, quota_free={"B1": 1}))
        errors = [(f.line, f.code) for f in result.findings if f.severity is Severity.ERROR]
        assert errors == [(3, "id_checksum"), (4, "duplicate_in_file"), (5, "unit_unknown")]
        assert "第 2 行" in next(f.message for f in result.findings if f.code == "duplicate_in_file")
        assert (result.quota_needed, result.quota_free) == (2, 1)


def test_a_register_needs_neither_answer_nor_phone_nor_employment():
    line = roster_line(1, consent="", phone="", employment="退休返聘")
    result = checked(line, context=dataclasses.replace(CONTEXT, file=FileKind.REGISTER))
    assert (result.valid, codes(result)) == (1, [])
    assert result.rows[0].person.answer is None


def test_a_file_of_three_columns_is_enough_for_a_register_and_says_what_a_roster_lacks():
    table = Table("", [["姓名", "身份证号码", "手机号"], ["周桂林", id_number(1), "19900000001"]])
    assert check(table, dataclasses.replace(CONTEXT, file=FileKind.REGISTER)).valid == 1
    result = check(table, CONTEXT)
    assert codes(result) == ["consent_missing", "employment_not_eligible"]
    assert {notice[:8] for notice in result.notices} == {"表里没有“用工形", "表里没有“本人同"}


def test_a_missing_column_is_told_once_with_what_to_write_and_the_rows_only_point_to_it():
    cells = roster_cells([roster_line(serial) for serial in range(3)])
    at = cells[0].index("用工形式")
    report = check(Table("", [[*row[:at], *row[at + 1 :]] for row in cells]), CONTEXT)
    (told,) = [notice for notice in report.notices if "用工形式" in notice]
    assert "所以每一行都缺这一项" in told and "劳务派遣" in told
    for row in range(3):
        assert codes(report, row) == [FindingCode.EMPLOYMENT_NOT_ELIGIBLE]
        assert report.rows[row].findings[-1].message == "缺“用工形式”列：请补上这一列。"
    assert report.invalid == 3
    # A cell left empty in a column that is there is told at its row, as before.
    assert "没有填写" in checked(roster_line(1, employment="")).rows[0].findings[-1].message


def test_without_a_column_of_names_or_numbers_the_file_is_refused():
    with pytest.raises(InvalidInput, match="columns_missing"):
        check(Table("", [["姓名", "手机号码"], ["周桂林", "19900000001"]]), CONTEXT)


def test_every_code_has_its_severity_and_every_error_says_how_to_mend_it():
    assert SEVERITIES.keys() == set(FindingCode)
    result = checked(roster_line(1, name="", id_number="1", phone="x", unit="x", employment="x", consent="x"))
    for finding in result.findings:
        assert finding.message.endswith(("。", "！"))
        assert "请" in finding.message


def test_every_spelling_of_documents_and_employment_is_understood():
    for spelling, id_type in ID_TYPES.items():
        row = checked(roster_line(1, id_type=spelling, id_number="?")).rows[0]
        assert "id_type_unknown" not in row.codes, (spelling, id_type)
    for spelling in EMPLOYMENTS:
        assert codes(checked(roster_line(1, employment=f" {spelling} "))) == [], spelling


CELLS = st.one_of(
    st.text(st.characters(exclude_categories=["Cs"]), max_size=60),
    st.sampled_from(
        ["是", "否", "男", "女", "居民身份证", "护照", "B1", "合计", "长期", "=1+1", "@x", "-", "'1", "\t", "'"]
    ),
    st.integers(-(10**20), 10**20),
    st.floats(allow_nan=False, allow_infinity=False),
    st.booleans(),
    st.dates(date(1900, 3, 1), date(9999, 12, 31)),
)


@settings(max_examples=150, deadline=None)
@given(st.lists(st.lists(CELLS, min_size=18, max_size=20), min_size=1, max_size=6))
def test_any_cells_whatever_get_findings_and_never_raise(rows):
    table = Table("", [[column.value for column in Column], *rows])
    try:
        result = check(table, CONTEXT)
    except InvalidInput as error:
        assert error.code == "no_rows"
        return
    assert result.valid + result.declined + result.invalid == len(result.rows)
    for row in result.rows:
        assert (row.status is RowStatus.INVALID) == any(f.severity is Severity.ERROR for f in row.findings)
        assert (row.person is None) == (row.status is RowStatus.INVALID)


MISTAKES = st.sampled_from(
    [
        {},
        {"name": "李4"},
        {"name": "=HYPERLINK(1)"},
        {"name": "阿卜杜拉•买买提"},
        {"id_number": "'319900198803057008"},
        {"id_number": "319900198803057009"},
        {"id_number": 3.199001988030570e17},
        {"id_number": "１１０１０５１９４９１２３１００２Ｘ", "sex": ""},
        {"phone": "+86 199-9137-8370"},
        {"phone": 13800138000},
        {"phone": "@SUM(A1)"},
        {"joined_on": date(2018, 4, 28)},
        {"joined_on": 43218},
        {"joined_on": "2018-13-40"},
        {"consent": "否"},
        {"consent": True},
        {"consent": ""},
        {"unit": ""},
        {"unit": "B9"},
        {"employment": "退休返聘"},
        {"department": "一车间\n二班\x07"},
        {"remark": "'=1+1"},
        {"sex": "女"},
    ]
)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 5), MISTAKES), min_size=1, max_size=12), st.booleans())
def test_the_result_sent_again_gets_the_same_verdicts(rows, as_workbook):
    cells = [["采集表"], [], *roster_cells([roster_line(serial, **change) for serial, change in rows]), ["合计", "2"]]
    first = check(read_sheet(xlsx_file(cells) if as_workbook else csv_file(cells)), CONTEXT)
    again = check(read_sheet(result_workbook(first)), CONTEXT)
    assert again.rows == first.rows
