"""The commands other programs rely on (acceptance/README.md): options, JSON, exit codes, one clear sentence."""

import json

import pytest

from cardnet.cli import CardnetGroup
from cardnet.issuance import services
from cardnet.issuance.cli import COMMANDS
from cardnet.issuance.rules import Verdict
from cardnet.kernel.errors import InvalidInput
from cardnet.membership.spreadsheet import read
from tests.make import membership as make_membership
from tests.make.issuance import make_office


@pytest.fixture
def office(app, session, world):
    return make_office(session, world)


@pytest.fixture
def run(app, office, monkeypatch, tmp_path):
    """Run a command line in the app; returns (exit code, output, error output)."""
    import sys

    from click.testing import CliRunner

    group = CardnetGroup("cardnet", commands={command.name: command for command in COMMANDS})

    def run(*words):
        # The group asks the command line itself whether JSON is wanted.
        monkeypatch.setattr(sys, "argv", ["cardnet", *map(str, words)])
        with app.app_context():
            result = CliRunner().invoke(group, [str(word) for word in words])
        if result.exception and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result.exit_code, result.stdout, result.stderr

    return run


@pytest.fixture
def file(tmp_path, office):
    path = tmp_path / "名单.csv"
    path.write_bytes(office.roster(0, 1, 2))
    return path


def test_the_whole_path_by_command_line(run, file):
    assert run("quota", "grant", "--year", "2026", "--count", "30", "--document", "云工〔2026〕1号")[0] == 0
    assert run("quota", "spread", "--year", "2026", "--by", "members", "--json")[0] == 0
    code, out, _ = run("roster", "submit", file, "--unit", "B1", "--as", "U1", "--json")
    receipt = json.loads(out)
    assert (code, receipt["submitted"], receipt["waitlisted"], receipt["resumed"]) == (0, 3, 0, False)
    batch = receipt["batch"]
    for officer in ("A1", "D1u", "C1"):
        code, out, _ = run("applications", "approve", "--batch", batch, "--as", officer, "--json")
        assert (code, json.loads(out)["rows"]) == (0, 3)
    code, out, _ = run("cards", "issue", "--batch", batch, "--as", "C1", "--json")
    cards = json.loads(out)["cards"]
    assert code == 0
    assert [(card["row"], len(card["number"]), len(card["activation_code"])) for card in cards] == [
        (1, 13, 8), (2, 13, 8), (3, 13, 8),
    ]  # fmt: skip
    code, out, _ = run("quota", "show", "--year", "2026", "--json")
    nodes = {node["code"]: node for node in json.loads(out)["nodes"]}
    assert (nodes["B1"]["used"], nodes["B1"]["free"], nodes["C"]["passed_down"]) == (3, 7, 30)
    code, out, _error = run("cards", "issue", "--batch", batch, "--as", "C1", "--json")
    assert (code, json.loads(out)["error"]["code"]) == (1, "nothing_to_issue")


def test_check_prints_exactly_the_agreed_shape(run, tmp_path):
    lines = [make_membership.roster_line(0), make_membership.roster_line(1, id_number="319900198803057009")]
    path = tmp_path / "x.xlsx"
    path.write_bytes(make_membership.xlsx_file(make_membership.roster_cells(lines)))
    report = tmp_path / "out.xlsx"
    code, out, _ = run("roster", "check", path, "--unit", "B1", "--json", "--report", report)
    document = json.loads(out)
    assert code == 0
    assert set(document) == {"rows", "valid", "declined", "invalid", "findings"}
    assert (document["rows"], document["valid"], document["declined"], document["invalid"]) == (2, 1, 0, 1)
    found = [finding for finding in document["findings"] if finding["severity"] == "error"]
    assert [set(finding) for finding in found] == [{"row", "line", "column", "code", "severity", "message"}]
    assert (found[0]["row"], found[0]["line"], found[0]["column"], found[0]["code"]) == (
        2,
        3,
        "证件号码",
        "id_checksum",
    )
    assert report.read_bytes().startswith(b"PK")
    english = json.loads(run("roster", "check", path, "--unit", "B1", "--json", "--language", "en")[1])
    (same,) = [finding for finding in english["findings"] if finding["severity"] == "error"]
    assert {**same, "message": ""} == {**found[0], "message": ""}
    assert same["message"].startswith("The check digit is wrong")


def test_a_check_speaks_english_to_who_asks_for_it(run, tmp_path):
    path, report, torn = tmp_path / "x.csv", tmp_path / "out.xlsx", tmp_path / "torn.xlsx"
    lines = [make_membership.roster_line(0), make_membership.roster_line(1, phone="123")]
    path.write_bytes(make_membership.csv_file(make_membership.roster_cells(lines)))
    torn.write_bytes(make_membership.xlsx_file(make_membership.roster_cells(lines))[:500])
    check = ("roster", "check", path, "--unit", "B1", "--language", "en")
    _, out, _ = run(*check, "--report", report)
    assert out.splitlines() == [
        "2 rows: 1 can be sent in, 0 want no card for now, 1 must be mended.",
        "Line 3, 手机号码: A mobile number has 11 digits and begins with 1, one number a cell: correct it.",
        f"The result is in {report}",
    ]
    assert [row[18] for row in read(report.read_bytes()).rows] == ["Status", "can be sent in", "must be mended"]
    code, _, error = run("roster", "check", torn, "--unit", "B1", "--language", "en")
    assert (code, error.strip()) == (
        1, "The file “torn.xlsx” cannot be read and may be damaged: open it with Excel or WPS, save it as .xlsx and send that.",
    )  # fmt: skip


def test_quota_moves_by_command_line(run):
    run("quota", "grant", "--year", "2026", "--count", "30", "--document", "云工〔2026〕1号")
    for words in (
        ("allocate", "--from", "C", "--to", "D1", "--count", "20"),
        ("transfer", "--from", "D1", "--to", "D2", "--count", "5"),
        ("return", "--from", "D2", "--count", "2"),
    ):
        code, out, _ = run("quota", *words)
        assert code == 0, out
    _, out, _ = run("quota", "show")
    assert "D1 永泽街道总工会：收到 15" in out
    assert "D2 方塔街道总工会：收到 3" in out


REFUSALS = [
    (("roster", "submit", "FILE", "--unit", "B77", "--as", "U1"), "unit_unknown"),
    (("roster", "submit", "FILE", "--unit", "B2", "--as", "U1"), "out_of_scope"),
    (("roster", "submit", "FILE", "--unit", "B1", "--as", "nobody"), "account_unknown"),
    (("applications", "approve", "--batch", "12", "--as", "A1"), "batch_unknown"),
    (("applications", "approve", "--batch", "01a1fbd4-f500-70a3-b6e7-7971f0305cd4", "--as", "A1"), "batch_unknown"),
    (("applications", "approve", "--batch", "BATCH", "--as", "U1"), "sod_violation"),
    (("applications", "approve", "--batch", "BATCH", "--as", "U9"), "out_of_scope"),
    (("applications", "approve", "--batch", "BATCH", "--as", "C1"), "nothing_to_review"),
    (("applications", "approve", "--batch", "BATCH", "--as", "A1", "--rows", "1,x"), "rows_invalid"),
    (("applications", "return", "--batch", "BATCH", "--as", "A1"), "reason_missing"),
    (("applications", "reject", "--batch", "BATCH", "--as", "A1", "--reason", "R99"), "reason_unknown"),
    (
        ("review", "days", "--free", "2028-03-06..2028-03-08", "--worked", "2028-03-07", "--document", "x"),
        "days_contradict",
    ),
    (("cards", "issue", "--batch", "BATCH", "--as", "C1"), "nothing_to_issue"),
    (("cards", "issue", "--batch", "BATCH", "--as", "A1"), "role_missing"),
    (("quota", "allocate", "--from", "C", "--to", "D1", "--count", "999"), "quota_short"),
    (("quota", "return", "--from", "C", "--count", "1"), "quota_not_returnable"),
    (("quota", "grant", "--year", "2026", "--count", "0", "--document", "x"), "count_invalid"),
]


def test_an_approval_has_no_reason_and_offers_none(run, office):
    office.give_unit("B1", 5)
    batch = office.submit(office.roster(5, 6)).batch_id
    assert "--reason" not in run("applications", "approve", "--help")[1]
    assert "--reason" in run("applications", "return", "--help")[1]
    assert run("applications", "approve", "--batch", str(batch), "--as", "A1", "--reason", "R04")[0] == 2
    with pytest.raises(InvalidInput) as refused:
        services.review(
            office.session, office.world, services.Review(batch, office["A1"], Verdict.APPROVE, None, ("R04",))
        )
    assert refused.value.code == "reason_not_asked"


@pytest.mark.parametrize(("words", "code"), REFUSALS)
def test_a_refusal_is_one_chinese_sentence_and_exit_code_one(run, office, file, words, code):
    office.give_unit("B1", 5)
    batch = office.submit(office.roster(5, 6)).batch_id
    words = tuple({"FILE": file, "BATCH": batch}.get(word, word) for word in words)
    exit_code, out, error = run(*words)
    assert (exit_code, out) == (1, "")
    assert error.count("\n") == 1
    assert any("一" <= sign <= "鿿" for sign in error)
    exit_code, out, _ = run(*words, "--json")
    assert exit_code == 1
    assert json.loads(out)["error"]["code"] == code


@pytest.mark.parametrize(
    "words", [("roster", "check"), ("quota", "spread", "--year", "2026", "--by", "luck"), ("cards", "issue")]
)
def test_wrong_usage_is_exit_code_two(run, words):
    assert run(*words)[0] == 2


def test_return_names_rows_and_reasons(run, office):
    office.give_unit("B1", 5)
    batch = office.submit(office.roster(5, 6, 7)).batch_id
    words = (
        "applications",
        "return",
        "--batch",
        batch,
        "--as",
        "A1",
        "--rows",
        "1，3",
        "--reason",
        "R02",
        "--reason",
        "R04",
    )
    code, out, _ = run(*words, "--json")
    assert (code, json.loads(out)["rows"], json.loads(out)["state"]) == (0, 2, "returned")
