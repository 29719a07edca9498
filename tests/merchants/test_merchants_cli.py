"""`cardnet merchants …`: one JSON document each; whoever may not gets a reason and exit code 1."""

import json
import sys

import pytest
from click.testing import CliRunner

from cardnet.cli import CardnetGroup
from cardnet.merchants import services as merchants
from cardnet.merchants.cli import COMMANDS
from tests.make.issuance import make_office
from tests.make.merchants import make_partner, make_till


@pytest.fixture
def office(app, session, world):
    return make_office(session, world)


@pytest.fixture
def run(app, office, monkeypatch):
    """Run a command line in the app; returns (exit code, output, error output)."""
    group = CardnetGroup("cardnet", commands={command.name: command for command in COMMANDS})

    def run(*words):
        # The group asks the command line itself whether JSON is wanted.
        monkeypatch.setattr(sys, "argv", ["cardnet", *words])
        with app.app_context():
            result = CliRunner().invoke(group, list(words))
        if result.exception and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result.exit_code, result.stdout, result.stderr

    return run


def test_merchants_are_listed_suspended_and_their_terminals_paired_and_revoked(session, world, office, run):
    make_partner(session, world, "M7", name="百禾超市")
    till = make_till(session, world)

    def said(*words):
        code, out, error = run("merchants", *words, "--json")
        assert code == 0, (out, error)
        return json.loads(out)

    listed = said("list")["merchants"]
    assert [(one["code"], one["state"], one["agreed"]) for one in listed] == [
        ("M1001", "active", False),
        ("M7", "active", True),
    ]
    (terminal,) = said("terminals", "--merchant", "M1001")["terminals"]
    assert (terminal["code"], terminal["paired"], terminal["synced_at"]) == ("T01", True, None)
    assert said("revoke", "M1001", "T01", "--reason", "丢失", "--as", "c1")["ended"] == 1
    code = said("pair", "M1001", "T01", "--as", "c1")["pairing_code"]
    assert isinstance(merchants.enrol(session, world, merchants.Enrol(code, "前台")), merchants.Enrolled)
    assert said("signatures", "M1001", "required", "--as", "c1")["signatures"] == "required"
    assert merchants.merchant_of_code(session, "M1001").requires_signature
    assert said("place", "M7", "S01", "--township", "D2", "--as", "c1")["township"]["name"] == "方塔街道"
    assert [one["township"] for one in said("stores", "M7")["stores"]] == [{"code": "D2", "name": "方塔街道"}]
    assert [one["code"] for one in said("list", "--township", "D2")["merchants"]] == ["M7"]
    assert said("state", "M1001", "suspended", "--reason", "投诉", "--as", "c1")["state"] == "suspended"
    assert merchants.merchant_of_id(session, till.venue.merchant_id).state == "suspended"


def test_a_unit_officer_may_not_and_what_is_unknown_is_said(session, world, office, run):
    make_till(session, world)
    for words, code in (
        (("pair", "M1001", "T01", "--as", "u1"), "role_missing"),
        (("pair", "M1001", "T99", "--as", "c1"), "terminal_unknown"),
        (("state", "M9", "suspended", "--reason", "x", "--as", "c1"), "merchant_unknown"),
    ):
        exit_code, out, _ = run("merchants", *words, "--json")
        assert (exit_code, json.loads(out)["error"]["code"]) == (1, code)
