"""`cardnet quota` beyond what other programs rely on: plans, recall, the waiting list, the year's end."""

import json
import sys

import pytest
from click.testing import CliRunner

from cardnet.cli import CardnetGroup
from cardnet.issuance.cli import COMMANDS
from tests.make.issuance import make_office

_LOOKING = (["quota", "waiting"], ["quota", "year-end", "--year", "2026"])
"""What changes nothing is run without --json too."""


@pytest.fixture
def office(session, world):
    return make_office(session, world)


@pytest.fixture
def run(app, office, monkeypatch):
    """Run `cardnet quota … --json` in the app; returns (exit code, the document)."""
    group = CardnetGroup("cardnet", commands={command.name: command for command in COMMANDS})

    def run(*words):
        words = ["quota", *map(str, words)]
        with app.app_context():
            monkeypatch.setattr(sys, "argv", ["cardnet", *words])
            plain = CliRunner().invoke(group, words) if words in _LOOKING else None
            assert plain is None or plain.exit_code == 0, plain.output
            monkeypatch.setattr(sys, "argv", ["cardnet", *words, "--json"])
            result = CliRunner().invoke(group, [*words, "--json"])
        if result.exception and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result.exit_code, json.loads(result.stdout)

    return run


def test_a_plan_is_seen_first_and_done_when_told(run, office):
    office.grant(9)
    seen = run("plan", "--from", "C", "--count", 9)[1]
    assert (seen["done"], seen["evenly"], [share["count"] for share in seen["shares"]]) == (False, True, [5, 4])
    assert run("plan", "--from", "C", "--count", 9, "--after", "2026-12-01", "--do")[1]["done"] is True
    assert [office.quota(code).received for code in ("D1", "D2")] == [5, 4]
    code, refused = run("plan", "--from", "B1", "--count", 1)
    assert (code, refused["error"]["code"]) == (1, "no_union_below")


def test_recall_by_command_line(run, office, clock):
    office.give_unit("B1", 3)
    assert run("recall-date", "--from", "D1", "--after", "2026-11-30")[1]["unions"] == 1
    assert run("recall", "--to", "D1")[1]["error"]["code"] == "recall_not_due"
    clock.set(clock.at.replace(month=12, day=2))
    assert run("recall", "--to", "D1")[1]["places"] == 3


def test_the_waiting_list_without_names_and_its_answer(run, office):
    office.submit(office.roster(0, 1))
    office.give_unit("B1", 1)
    listed = run("waiting")[1]
    assert (listed["total"], listed["offered"]) == (2, 1)
    assert [line["place"] for line in listed["lines"]] == [None, 1]
    assert "周桂林" not in json.dumps(listed, ensure_ascii=False)
    assert run("accept", "--as", "U1")[1] == {"accepted": 1}


def test_the_years_end_by_command_line(run, office, clock):
    office.give_unit("B1", 2)
    office.submit(office.roster(0))
    assert run("year-end", "--year", 2026)[1]["requeued"] == 1
    assert run("year-end", "--year", 2026, "--until", "2026-12-31")[1]["state"] == "closing"
    clock.set(clock.at.replace(year=2027, month=1, day=2))
    ended = run("year-end", "--year", 2026, "--close")[1]
    assert (ended["done"], ended["state"], ended["into"], ended["unused"]) == (True, "closed", 2027, 2)
