"""`cardnet members …`: one JSON document each, people named by card or id, nothing personal on the command line."""

import json
import sys

import pytest
from click.testing import CliRunner

from cardnet.cli import CardnetGroup
from cardnet.issuance.cli import COMMANDS
from cardnet.membership import services as membership
from tests.make import membership as make_membership
from tests.make.issuance import make_office


@pytest.fixture
def office(app, session, world):
    return make_office(session, world)


@pytest.fixture
def card(office):
    return office.issue(0)[0]


@pytest.fixture
def said(app, monkeypatch):
    """Run a command with --json; gives exit code and document."""
    group = CardnetGroup("cardnet", commands={command.name: command for command in COMMANDS})

    def ask(*words, typed="", code=0):
        line = ["members", *map(str, words), "--json"]
        monkeypatch.setattr(sys, "argv", ["cardnet", *line])
        with app.app_context():
            result = CliRunner().invoke(group, line, input=typed)
        if result.exception and not isinstance(result.exception, SystemExit):
            raise result.exception
        assert result.exit_code == code, result.output
        document = json.loads(result.stdout)
        return document if code == 0 else document["error"]["code"]

    return ask


def test_a_member_is_found_shown_and_moved(said, office, card):
    number = make_membership.id_number(0)
    (found,) = said("find", "--as", "U1", typed=f"{number}\n")["people"]
    assert (found["person"], found["union"]) == (str(card.person_id), "B1") and number not in json.dumps(found)
    assert said("find", "--as", "U9", typed=f"{number}\n") == {"people": []}
    shown = said("show", card.number, "--as", "U1")
    assert [one["number"] for one in shown["cards"]] == [card.number]
    assert [one["kind"] for one in shown["applications"]] == ["new"]
    asked = said("transfer", card.number, "--to", "B9", "--as", "U9")
    assert asked["done"] is False
    moved = said("transfer", card.person_id, "--to", "B2", "--on", "2026-11-02", "--as", "C1")
    assert moved["done"] is True
    after = said("show", card.number, "--as", "U2")["memberships"]
    assert [(one["union"], one["from"]) for one in after][:1] == [("B2", "2026-11-02")]
    assert said("show", card.number, "--as", "U1", code=1) == "person_unknown"


def test_standing_tags_and_documents_by_command(said, office, session, card, tmp_path):
    assert said("retire", card.number, "--on", "2026-11-01", "--as", "U1")["kind"] == "retired"
    tag = said(
        "tag", card.number, "--kind", "model_worker", "--grade", "市级", "--document", "云工〔2026〕9号", "--as", "U1"
    )["tag"]
    assert [one["id"] for one in said("show", card.number, "--as", "U1")["tags"] if not one["to"] and one["grade"]] == [
        tag
    ]
    scan, out = tmp_path / "扫描件.jpg", tmp_path / "原件.jpg"
    scan.write_bytes(b"\xff\xd8\xff scan")
    assert said("open-original", tag, "--out", out, "--as", "U1", code=1) == "original_missing"
    assert said("keep-original", tag, scan, "--as", "U1")["original"] == "image/jpeg"
    assert said("open-original", tag, "--out", out, "--as", "C1")["original"] == "image/jpeg"
    assert out.read_bytes() == scan.read_bytes()
    assert said("open-original", tag, "--out", out, "--as", "U9", code=1) == "person_unknown"
    scan.write_bytes(b"MZ\x90\x00")
    hard = ("tag", card.number, "--kind", "hardship", "--document", "云工〔2026〕9号", "--as", "U1", "--original", scan)
    assert said(*hard, code=1) == "file_type"
    said("end-tag", tag, "--as", "U1")
    assert said("end-tag", tag, "--as", "U1", code=1) == "tag_over"
    right = make_membership.id_number(41)
    evidence = ("--evidence", "身份证原件已核对")
    assert said("correct-document", card.number, *evidence, "--as", "U1", typed=right, code=1) == "role_missing"
    said("correct-document", card.number, *evidence, "--as", "C1", typed=right)
    assert membership.people_of_document(session, right) == {card.person_id}
    ended = said("end", card.number, "--how", "deceased", "--as", "U1")
    assert ended["cards_stopped"] == 1 and office.breaches() == {}
    assert said("show", "nobody", "--as", "U1", code=1) == "person_unknown"


def test_a_card_already_held_is_tied_by_command(said, office, session, world):
    (person_id,) = make_membership.people(session, world)
    tied = said(
        "tie-card", person_id, "--issuer", "市总工会", "--valid-to", "2030-12-31", "--as", "U1", typed="6222 0012 3456"
    )
    assert said("show", person_id, "--as", "U1")["cards"][0]["number"] == tied["card"]
