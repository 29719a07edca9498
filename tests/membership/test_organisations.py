"""The organisation file."""

import pytest
from sqlalchemy import text

from cardnet.kernel.errors import InvalidInput
from cardnet.membership import services
from cardnet.membership.invariants import INVARIANTS
from cardnet.membership.rules import Tier
from tests.conftest import ACCEPTANCE
from tests.make.membership import TREE, csv_file, tree, xlsx_file

HEADER = ["工会编码", "工会名称", "层级", "上级编码", "统一社会信用代码"]


def bring(session, world, *rows, make=csv_file):
    command = services.ImportOrganisations(make([HEADER, *rows]), "organisations.csv")
    return services.import_organisations(session, world, command)


def test_the_acceptance_file_makes_one_district_twenty_townships_and_six_hundred_units(session, world):
    content = (ACCEPTANCE / "organisations.csv").read_bytes()
    command = services.ImportOrganisations(content, "organisations.csv")
    done = services.import_organisations(session, world, command)
    assert (done.added, done.unchanged, done.findings) == (621, 0, ())
    nodes = services.unions_under(session, "/")
    assert [sum(node.tier is tier for node in nodes) for tier in Tier] == [1, 20, 600]
    unit = services.union_of_code(session, "YJ-01-001")
    assert unit.path == "/YJ/YJ-01/YJ-01-001/"
    assert [node.code for node in services.route_of(session, unit.id)] == ["YJ-01-001", "YJ-01", "YJ"]
    assert len(services.unions_under(session, "/YJ/YJ-01/")) == 31
    assert session.execute(text(INVARIANTS["U1"][1])).all() == []

    again = services.import_organisations(session, world, command)
    assert (again.added, again.unchanged) == (0, 621)


def test_gb18030_reads_the_same(session, world):
    text_ = (ACCEPTANCE / "organisations.csv").read_text(encoding="utf-8-sig")
    done = services.import_organisations(session, world, services.ImportOrganisations(text_.encode("gb18030"), "o.csv"))
    assert done.added == 621
    assert services.union_of_code(session, "YJ").name == "云间区总工会"


def test_a_later_file_adds_what_is_new_and_changes_nothing_that_is_there(session, world):
    tree(session, world)
    done = bring(session, world, ("D1", "改了名", "township", "C", ""), ("B3", "新工会", "unit", "D1", ""))
    assert (done.added, done.unchanged) == (1, 1)
    assert [(finding.code, finding.severity) for finding in done.findings] == [("already_there", "warning")]
    assert services.union_of_code(session, "D1").name == "永泽街道总工会"


def test_parents_may_stand_below_their_children_and_trees_may_be_deeper(session, world):
    rows = [("E1", "车间工会", "unit", "B1", ""), *reversed([(*row, "") for row in TREE])]
    assert bring(session, world, *rows).added == 7
    assert services.union_of_code(session, "E1").path == "/C/D1/B1/E1/"


@pytest.mark.parametrize(
    ("row", "code", "why"),
    [
        (("B8", "某工会", "unit", "D9", ""), "parent_unknown", "no such parent"),
        (("B8", "某工会", "unit", "", ""), "parent_missing", "only the district has none"),
        (("B1", "又一个", "unit", "D1", ""), "code_duplicate", "the code is taken by an earlier line"),
        (("D8", "某街道", "township", "B1", ""), "tier_wrong", "a township under a unit"),
        (("C2", "某区", "district", "C", ""), "tier_wrong", "a district under anything"),
        (("C2", "某区", "district", "", ""), "root_exists", "a second root"),
        (("B8", "某工会", "科室", "D1", ""), "tier_unknown", "no such tier"),
        (("B8", "", "unit", "D1", ""), "name_missing", "no name"),
        (("B/8", "某工会", "unit", "D1", ""), "code_invalid", "a slash parts a path"),
        (("", "某工会", "unit", "D1", ""), "code_invalid", "no code"),
    ],
)
def test_what_is_wrong_is_said_with_its_line_and_nothing_is_stored(session, world, row, code, why):
    with pytest.raises(InvalidInput) as raised:
        bring(session, world, *[(*line, "") for line in TREE], row)
    [finding] = [found for found in raised.value.detail["findings"] if found["severity"] == "error"]
    assert (finding["code"], finding["line"]) == (code, 8), why
    assert "第 8 行" in raised.value.message
    assert services.unions_under(session, "/") == []


def test_unions_that_are_above_each_other_are_found(session, world):
    with pytest.raises(InvalidInput) as raised:
        bring(
            session, world, ("C", "区", "district", "", ""), ("A", "甲", "unit", "B", ""), ("B", "乙", "unit", "A", "")
        )
    assert [finding["code"] for finding in raised.value.detail["findings"]] == ["parent_unusable", "parent_unusable"]


def test_a_credit_code_that_fails_its_check_is_only_a_warning(session, world):
    done = bring(session, world, ("C", "区", "district", "", "81310117MC00000126"))
    assert (done.added, [finding.code for finding in done.findings]) == (1, ["credit_code_invalid"])


def test_a_workbook_with_chinese_words_for_tiers_and_a_title_reads_too(session, world):
    rows = [["组织机构表"], HEADER, ["C", "区总工会", "区总工会", "", ""], ["D1", "街道", "街道", "C", ""]]
    done = services.import_organisations(session, world, services.ImportOrganisations(xlsx_file(rows), "o.xlsx"))
    assert done.added == 2


def test_a_file_with_other_columns_says_which_are_needed(session, world):
    with pytest.raises(InvalidInput, match="header_not_found"):
        services.import_organisations(session, world, services.ImportOrganisations(b"a,b\n1,2\n", "o.csv"))


def test_the_import_is_in_the_audit_trail(session, world):
    tree(session, world)
    event = session.execute(text("select action, subject_id, after from audit_event")).one()
    assert (event.action, event.subject_id, event.after["added"]) == ("organisations.import", "C", 6)
