"""`cardnet review` and `cardnet applications withdraw`: what the pages do, for who operates the installation."""

import json
import sys

import pytest
from click.testing import CliRunner

from cardnet.cli import CardnetGroup
from cardnet.issuance.cli import COMMANDS
from tests.make.issuance import lines_of, make_office


@pytest.fixture
def office(app, session, world):
    office = make_office(session, world)
    office.give_unit("B1", 5)
    return office


@pytest.fixture
def run(app, office, monkeypatch):
    group = CardnetGroup("cardnet", commands={command.name: command for command in COMMANDS})

    def run(*words):
        monkeypatch.setattr(sys, "argv", ["cardnet", *map(str, words), "--json"])
        with app.app_context():
            result = CliRunner().invoke(group, [*map(str, words), "--json"])
        if result.exception and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result.exit_code, json.loads(result.stdout)

    return run


@pytest.fixture
def batch(office):
    return office.submit(office.roster(0, 1)).batch_id


def test_terms_freezes_and_days_by_command_line(run, office, batch):
    assert run("review", "term", "--tier", "township", "--days", 3) == (0, {"tier": "township", "working_days": 3})
    assert run("review", "term", "--tier", "township", "--days", 0)[1]["error"]["code"] == "term_invalid"
    code, made = run("review", "freeze", "--union", "D1", "--from", "2026-11-21T09:00", "--reason", "盘点")
    assert code == 0
    code, refused = run("applications", "approve", "--batch", batch, "--as", "A1")
    assert (code, refused["error"]["code"]) == (1, "frozen")
    assert run("review", "lift", "--freeze", made["id"])[0] == 0
    assert run("applications", "approve", "--batch", batch, "--as", "A1")[0] == 0
    days = ("--free", "2027-02-05..2027-02-11", "--worked", "2027-02-14", "--document", "国办发明电〔2026〕9号")
    assert run("review", "days", *days) == (0, {"days": 8, "moved": 0})
    assert run("review", "days", "--free", "2027-02-30", "--document", "x")[1]["error"]["code"] == "days_invalid"
    code, shown = run("review", "show")
    assert shown["working_days"] == {"district": 5, "township": 3, "unit": 5}
    assert [freeze["running"] for freeze in shown["freezes"]] == [False]


def test_a_deputy_decides_by_command_line_and_a_unit_takes_back(run, office, batch, session):
    assert run("applications", "approve", "--batch", batch, "--as", "A1")[0] == 0
    given = ("--from", "D1u", "--to", "D9u", "--first", "2026-11-21", "--until", "2026-11-30", "--reason", "培训")
    assert run("review", "delegate", *given, "--as", "U9")[1]["error"]["code"] == "out_of_scope"
    code, made = run("review", "delegate", *given, "--as", "D1u")
    assert code == 0
    code, done = run("applications", "approve", "--batch", batch, "--rows", "1", "--as", "D9u", "--for", "D1u")
    assert (code, done["rows"], done["next"]) == (0, 1, "/C/")
    assert run("review", "end-delegation", "--delegation", made["id"], "--as", "D9u")[0] == 0
    code, late = run("applications", "approve", "--batch", batch, "--as", "D9u", "--for", "D1u")
    assert (code, late["error"]["code"]) == (1, "delegation_out_of_window")
    code, done = run("applications", "withdraw", "--batch", batch, "--rows", "2", "--as", "U1")
    assert (code, done["rows"], done["state"]) == (0, 1, "withdrawn")
    assert [str(line.state) for line in lines_of(session, batch)] == ["in_review", "withdrawn"]
