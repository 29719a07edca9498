"""The command line at its edges: broken surroundings and hostile words get one sentence, never a traceback."""

import json
import sys
import uuid

import pytest
from click.testing import CliRunner

from cardnet.cli import main
from cardnet.migrations import schema
from tests.conftest import ACCEPTANCE

RING = json.dumps({"current": 1, "keys": {"1": "11" * 32}, "index": "22" * 32})


@pytest.fixture
def empty_database(server):
    name = f"cardnet_empty_{uuid.uuid4().hex[:12]}"
    yield server.make_database(name)
    server.drop_database(name)


@pytest.fixture
def run(monkeypatch, tmp_path):
    """Run `cardnet WORDS` with settings of its own; returns (exit code, output, error output)."""
    for name in ("CLOCK", "DATABASE_URL", "KEYRING"):
        monkeypatch.delenv(f"CARDNET_{name}", raising=False)
    monkeypatch.setenv("CARDNET_DATA", str(tmp_path / "data"))

    def run(*words, **settings):
        for name, value in settings.items():
            monkeypatch.setenv(f"CARDNET_{name.upper()}", str(value))
        monkeypatch.setattr(sys, "argv", ["cardnet", *map(str, words)])
        result = CliRunner().invoke(main, [str(word) for word in words])
        if result.exception and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result.exit_code, result.stdout, result.stderr

    return run


def refusal(answer):
    code, out, _ = answer
    assert code == 1
    return json.loads(out)["error"]["code"]


def test_a_database_that_was_never_upgraded_says_what_to_run(run, empty_database):
    assert refusal(run("quota", "show", "--json", database_url=empty_database)) == "database_not_upgraded"
    assert "cardnet upgrade" in run("quota", "show")[2]


def test_upgrade_and_then_every_command_with_a_folder_and_a_url_and_nothing_else(run, empty_database, tmp_path):
    code, out, said = run("upgrade", database_url=empty_database)
    assert code == 0
    assert str(tmp_path / "data" / "keyring.json") in said
    assert schema.newest() in out
    code, out, said = run("quota", "show", "--json")
    assert (code, json.loads(out)["nodes"], said) == (0, [], "")


def test_whichever_command_makes_the_keys_says_so_beside_its_document(run, fresh_database):
    code, out, said = run("quota", "show", "--json", database_url=fresh_database)
    assert (code, json.loads(out)["nodes"]) == (0, [])
    assert said.count("\n") == 1
    assert "keyring.json" in said
    assert run("quota", "show", "--json")[2] == ""


@pytest.mark.parametrize(
    "keyring",
    ["nonsense", "[]", '{"current": 1, "keys": {"1": "zz"}, "index": "00"}', RING.replace("11", "1", 1)],
)
def test_a_broken_key_ring_is_named_and_not_replaced(run, fresh_database, keyring, tmp_path):
    assert refusal(run("quota", "show", "--json", database_url=fresh_database, keyring=keyring)) == "bad_keyring"
    assert not (tmp_path / "data").exists()


def test_a_data_folder_that_cannot_be_one_is_named(run, fresh_database, tmp_path):
    (tmp_path / "file").write_text("")
    answer = run("quota", "show", "--json", database_url=fresh_database, data=tmp_path / "file")
    assert refusal(answer) == "file_unusable"


def test_words_that_are_no_utf8_are_refused(run, fresh_database):
    for words in (("quota", "return", "--from", "\udcff", "--count", "1"), ("accounts", "create", "z\udcff")):
        assert refusal(run(*words, "--json", database_url=fresh_database)) == "text_unusable"


def test_a_report_that_cannot_be_written_is_named(run, fresh_database, tmp_path):
    roster = ACCEPTANCE / "roster-messy.xlsx"
    assert run("organisations", "import", ACCEPTANCE / "organisations.csv", database_url=fresh_database)[0] == 0
    report = tmp_path / "none" / "report.xlsx"
    words = ("roster", "check", roster, "--unit", "YJ-01-001", "--report", report, "--json")
    assert refusal(run(*words)) == "file_unusable"
    assert str(report) in run(*words)[1]


def test_an_account_gets_only_roles_of_its_unions_tier(run, empty_database):
    run("upgrade", database_url=empty_database)
    run("organisations", "import", ACCEPTANCE / "organisations.csv")
    finance_in_a_unit = run("accounts", "create", "a", "--role", "finance_maker", "--union", "YJ-01-001", "--json")
    assert refusal(finance_in_a_unit) == "role_of_other_tier"
    made = run("accounts", "create", "lin.fang", "--role", "unit_officer", "--union", "YJ-01-001", "--json")
    assert (made[0], json.loads(made[1])["username"]) == (0, "lin.fang")
