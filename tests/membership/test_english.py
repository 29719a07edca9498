"""What a check of a roster says, to a reader of English: every sentence, with what was typed quoted as it stands."""

import inspect
import re

from cardnet.membership import file_errors
from cardnet.membership.english import english, in_english
from cardnet.membership.findings import KnownPerson
from cardnet.membership.result_workbook import STATUS_WORDS, result_workbook
from cardnet.membership.roster import Column, FindingCode, RosterContext, check, read_sheet
from cardnet.membership.spreadsheet import read
from tests.conftest import ACCEPTANCE
from tests.make import membership as make_membership
from tests.make.messy import FORMS, ON, messy_roster
from tests.membership.test_messy_rosters import CONTEXT, UNITS


def sentences():
    """What the checker says of many spoilt rosters, and of people who are known already."""
    for seed in range(len(FORMS) * 3):
        result = check(read_sheet(messy_roster(seed, form=FORMS[seed % len(FORMS)]).content), CONTEXT)
        yield from ((found.code, found.message) for found in result.findings)
        yield from ((None, notice) for notice in result.notices)
    known = [
        KnownPerson(has_card=True), KnownPerson(application_open=True), KnownPerson(deceased=True),
        KnownPerson(unit_path="/C/D2/B9/", unit_name="东方纸业工会"),
        KnownPerson(has_card=True, unit_path="/C/D2/B9/"), KnownPerson(),
    ]  # fmt: skip
    lines = [make_membership.roster_line(serial) for serial in range(len(known))]
    lines[5][Column.SEX] = "不明"
    sheet = read_sheet(make_membership.xlsx_file(make_membership.roster_cells(lines)))
    keys = [row.key for row in check(sheet, CONTEXT).rows]
    context = RosterContext(UNITS, "B1", "/C/D1/", ON, known=dict(zip(keys, known, strict=True)), quota_free={"B1": 0})
    yield from ((found.code, found.message) for found in check(sheet, context).findings)


def test_every_sentence_of_the_checker_has_its_english():
    said = set(sentences())
    assert {code for code, _ in said if code} == set(FindingCode)
    assert {message for _, message in said if english(message) is None} == set()


def test_why_a_file_cannot_be_read_has_its_english_with_and_without_a_name():
    made = inspect.getmembers(
        file_errors, lambda one: inspect.isfunction(one) and one.__annotations__["return"] is not str
    )
    for filename in ("“名单”的副本.xlsx", ""):
        given = {"filename": filename, "kind": "压缩包"}
        for _, make in made:
            said = make(**{name: given[name] for name in inspect.signature(make).parameters}).message
            assert not re.search("[一-龥]", (english(said) or said).replace(filename, "")), said


def test_the_result_for_a_reader_of_english_is_sent_again_like_the_chinese_one():
    first = check(read_sheet((ACCEPTANCE / "roster-messy.xlsx").read_bytes()), CONTEXT)
    ours, theirs = read(result_workbook(first)).rows, read(result_workbook(first, say=in_english)).rows
    assert [row[:18] for row in theirs] == [row[:18] for row in ours]
    assert theirs[1][18:] == ["Status", "Reason", "Code"]
    assert {row[18] for row in theirs[2:] if len(row) > 18} <= {in_english(word) for word in STATUS_WORDS.values()}
    assert theirs[13][18] == "must be mended"
    assert theirs[13][19].splitlines()[0] == (
        "The check digit is wrong, so at least one digit is: compare the number with the document digit by digit."
    )
    again = check(read_sheet(result_workbook(first, say=in_english)), CONTEXT)
    assert again.findings == first.findings
    assert read(result_workbook(again)).rows == ours, "the columns are there once, whoever they were for"


def test_what_stands_in_the_sheet_is_quoted_and_the_rest_is_english():
    assert english("用工形式“实习生”不符合办卡条件：请删去这一行；填错了请改正。") == (
        "“实习生” gives no right to a card: delete the row; if it is a slip, correct it."
    )
    assert english("性别填“男”，证件号码上是“女”：请核对号码是不是本人的，再改正其中一项。") == (
        "The row says “male”, the number says “female”: make sure the number is this person's, then correct one of the two."
    )
    # Braces and patterns somebody typed are letters like any other.
    assert "“{0}.*”" in (english("没有编码为“{0}.*”的工会：请对照工会编码表改正。") or "")
    assert english("别的句子。") is None
