"""会员名册, and the two commands of this package."""

import json

import pytest
from click.testing import CliRunner
from sqlalchemy import text

from cardnet.kernel.errors import InvalidInput, NotFound
from cardnet.membership import services
from cardnet.membership.cli import COMMANDS
from tests.conftest import ACCEPTANCE
from tests.make.membership import csv_file, id_number, people, roster_cells, roster_line, tree

PEOPLE = [["姓名", "身份证号", "部门"], *[[f"会员{word}", id_number(i), "一车间"] for i, word in enumerate("甲乙丙丁")]]


def bring(session, world, rows, unit="B1"):
    return services.import_register(session, world, services.ImportRegister(csv_file(rows), "名册.csv", unit))


def test_every_member_is_stored_whether_asked_about_a_card_or_not(session, world):
    unions = tree(session, world)
    done = bring(session, world, PEOPLE)
    assert (done.added, done.known, done.elsewhere, done.check.invalid) == (4, 0, 0, 0)
    counts = services.member_counts(session, "/")[unions["B1"].id]
    assert (counts.members, counts.no_answer) == (4, 4)
    again = bring(session, world, PEOPLE)
    assert (again.added, again.known) == (0, 4)


def test_answers_in_the_register_are_kept(session, world):
    unions = tree(session, world)
    bring(session, world, roster_cells([roster_line(1), roster_line(2, consent="否"), roster_line(3, consent="")]))
    counts = services.member_counts(session, "/")[unions["B1"].id]
    assert (counts.given, counts.declined, counts.no_answer) == (1, 1, 1)


def test_wrong_rows_are_left_out_and_said_and_the_rest_is_stored(session, world):
    tree(session, world)
    done = bring(session, world, [*PEOPLE, ["会员戊", "1", ""], ["会员甲", id_number(0), ""]])
    assert (done.added, done.check.invalid) == (4, 2)
    assert {finding.code for finding in done.check.findings if finding.severity == "error"} == {
        "id_format",
        "duplicate_in_file",
    }


def test_whoever_is_in_another_union_today_stays_there(session, world):
    tree(session, world)
    [person_id] = people(session, world, 1, "B9")
    done = bring(session, world, PEOPLE)
    assert (done.added, done.elsewhere) == (3, 1)
    assert services.person_of_id(session, person_id).unit.code == "B9"


def test_rows_of_units_below_are_stored_there_and_others_are_out_of_scope(session, world):
    unions = tree(session, world)
    lines = [roster_line(1, unit="B2"), roster_line(2, unit="B9")]
    done = bring(session, world, roster_cells(lines), "D1")
    assert (done.added, done.check.invalid) == (1, 1)
    assert services.member_counts(session, "/").keys() == {unions["B2"].id}


def test_an_unknown_unit_and_an_unreadable_file_are_refused(session, world):
    with pytest.raises(NotFound, match="unit_unknown"):
        bring(session, world, PEOPLE, "B1")
    tree(session, world)
    with pytest.raises(InvalidInput, match="header_not_found"):
        bring(session, world, [["a", "b"]])


def test_the_audit_trail_has_counts_and_no_personal_data(session, world):
    tree(session, world)
    bring(session, world, PEOPLE)
    after = session.execute(text("select after from audit_event where action = 'register.import'")).scalar_one()
    assert after == {"rows": 4, "stored": 4, "invalid": 0, "elsewhere": 0}


@pytest.fixture
def run(app):
    commands = {command.name: command for command in COMMANDS}
    with app.app_context():
        yield lambda name, *words: CliRunner().invoke(commands[name], ["import", *map(str, words)])


def test_the_two_commands_print_one_json_document(run, tmp_path):
    done = run("organisations", ACCEPTANCE / "organisations.csv", "--json")
    assert (done.exit_code, json.loads(done.output)) == (0, {"added": 621, "unchanged": 0, "findings": []})
    file = tmp_path / "register.csv"
    file.write_bytes(csv_file([*PEOPLE, ["会员戊", "1", ""]]))
    done = run("register", file, "--unit", "YJ-01-001", "--json")
    document = json.loads(done.output)
    assert {name: document[name] for name in ("rows", "added", "known", "elsewhere", "invalid")} == {
        "rows": 5, "added": 4, "known": 0, "elsewhere": 0, "invalid": 1,
    }  # fmt: skip
    assert document["findings"][0]["line"] == 6
    assert "第 6 行" in run("register", file, "--unit", "YJ-01-001").output
