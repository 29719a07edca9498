"""The three messy files of the acceptance material, exactly."""

import json
from datetime import date

import pytest

from cardnet.membership import services
from cardnet.membership.roster import RosterContext, check, read_sheet
from tests.conftest import ACCEPTANCE

FILES = ["roster-messy.xlsx", "roster-messy.gb18030.csv", "roster-messy.utf8.csv"]
ON = date(2026, 11, 21)


@pytest.fixture
def units(session, world):
    content = (ACCEPTANCE / "organisations.csv").read_bytes()
    services.import_organisations(session, world, services.ImportOrganisations(content, "organisations.csv"))
    return services.unit_codes(session)[0]


@pytest.mark.parametrize("file", FILES)
def test_every_row_gets_exactly_what_the_acceptance_material_says(units, file):
    expected = json.loads((ACCEPTANCE / "roster-messy.expected.json").read_text(encoding="utf-8"))
    sheet = read_sheet((ACCEPTANCE / file).read_bytes(), file)
    checked = check(sheet, RosterContext(units, "YJ-01-001", "/YJ/YJ-01/YJ-01-001/", ON))
    counts = {"valid": checked.valid, "declined": checked.declined, "invalid": checked.invalid}
    assert counts == {name: expected[name] for name in counts}
    verdicts = [(row.row, row.status.value, list(row.codes)) for row in checked.rows]
    assert verdicts == [(row["row"], row["status"], row["codes"]) for row in expected["rows"]]


@pytest.mark.parametrize(("file", "line"), [("roster-messy.utf8.csv", 13), ("roster-messy.gb18030.csv", 13)])
def test_row_counts_people_and_line_counts_lines_of_the_sheet(units, file, line):
    sheet = read_sheet((ACCEPTANCE / file).read_bytes(), file)
    checked = check(sheet, RosterContext(units, "YJ-01-001", "/YJ/", ON))
    found = next(finding for finding in checked.findings if finding.code == "id_checksum")
    assert (found.row, found.line, found.column, found.severity) == (11, line, "证件号码", "error")
    assert found.message.endswith("请对照证件逐位改正。")


def test_a_repeated_person_is_told_which_line_comes_first(units):
    sheet = read_sheet((ACCEPTANCE / "roster-messy.utf8.csv").read_bytes())
    checked = check(sheet, RosterContext(units, "YJ-01-001", "/YJ/", ON))
    found = next(finding for finding in checked.findings if finding.code == "duplicate_in_file")
    assert "第 3 行" in found.message
