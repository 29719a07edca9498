"""`cardnet cards …` beyond issue and print: the desk's acts by command, one JSON document each."""

import json

import pytest
from sqlalchemy import text

from cardnet.issuance import services
from cardnet.issuance.rules import CardState
from tests.issuance.test_cli import run  # noqa: F401 - the fixture
from tests.issuance.test_printing import codes_on
from tests.make import membership as make_membership
from tests.make.issuance import activate, make_office
from tests.make.papers import words_on


@pytest.fixture
def office(app, session, world):
    return make_office(session, world)


@pytest.fixture
def cards(office):
    return office.issue(0, 1, 2)


@pytest.fixture
def said(run):  # noqa: F811
    """Run a command with --json and give its document; it must have been carried out."""

    def ask(*words):
        code, out, error = run("cards", *map(str, words), "--json")
        assert code == 0, (out, error)
        return json.loads(out)

    return ask


def test_a_card_is_suspended_found_and_cancelled_by_command(said, run, cards):  # noqa: F811
    number = cards[0].number
    for command, state in (("suspend", "suspended"), ("resume", "ordered"), ("cancel", "cancelled")):
        assert said(command, number, "--reason", "试", "--as", "U1") == {"number": number, "state": state}
    shown = said("show", number, "--as", "U1")
    assert [event["action"] for event in shown["history"]] == ["issue", "suspend", "resume", "cancel"]
    code, out, _ = run("cards", "resume", number, "--reason", "试", "--as", "U1", "--json")
    assert (code, json.loads(out)["error"]["code"]) == (1, "illegal_transition")
    code, out, _ = run("cards", "show", number, "--as", "U9", "--json")
    assert (code, json.loads(out)["error"]["code"]) == (1, "card_unknown")


def test_a_replacement_by_command_shows_its_code_once(said, cards, session, world):
    (made,) = said("replace", cards[0].number, "--reason", "遗失", "--as", "C1")["cards"]
    assert made["valid_to"] == cards[0].valid_to.isoformat()
    shown = said("show", cards[0].number, "--as", "C1")
    assert (shown["state"], shown["replaced_by"]) == ("replaced", made["number"])
    assert said("show", made["number"], "--as", "C1")["replaces"] == cards[0].number
    assert len(made["activation_code"]) == 8


def test_renewing_too_early_is_refused(run, cards):  # noqa: F811
    code, out, _ = run("cards", "renew", "--as", "C1", "--json")
    assert (code, json.loads(out)["error"]["code"]) == (1, "nothing_to_renew")


def test_a_unit_applies_by_command_and_issuing_gives_the_new_card(said, run, cards):  # noqa: F811
    batch = said("apply-replacement", cards[0].number, "--why", "damaged", "--words", "印错", "--as", "U1")["batch"]
    for officer in ("A1", "D1u", "C1"):
        assert run("applications", "approve", "--batch", batch, "--as", officer)[0] == 0
    (made,) = said("issue", "--batch", batch, "--as", "C1")["cards"]
    assert said("show", made["number"], "--as", "U1")["replaces"] == cards[0].number
    code, out, _ = run("cards", "apply-renewal", "--as", "U1", "--json")
    assert (code, json.loads(out)["error"]["code"]) == (1, "nothing_to_renew")


def test_hand_out_except_by_command(said, cards, session):
    batch = session.scalar(text("select batch_id from application limit 1"))
    assert said("hand-out", "--batch", batch, "--except", cards[1].number, "--as", "U1") == {"handed_out": 2}
    states = [services.card_of_number(session, card.number).state for card in cards]
    assert states == [CardState.DELIVERED, CardState.ORDERED, CardState.DELIVERED]


def test_letters_poster_and_list_are_written_whole(said, run, cards, session, tmp_path):  # noqa: F811
    out = tmp_path / "激活单.pdf"
    site = "https://card.example.org"
    assert said("letters", "--unit", "B1", "--site", site, "--out", out, "--as", "U1")["letters"] == 3
    assert len(codes_on(out.read_bytes(), 200)[0]) == 3
    assert run("cards", "poster", "--unit", "B1", "--site", site, "--out", tmp_path / "海报.pdf")[0] == 0
    batch = session.scalar(text("select batch_id from application limit 1"))
    assert run("cards", "sign-list", "--batch", batch, "--out", tmp_path / "签领表.pdf", "--as", "U1")[0] == 0
    (page,) = words_on((tmp_path / "签领表.pdf").read_bytes())
    assert page.count("周桂林") == 3
    assert sorted(path.suffix for path in tmp_path.iterdir()) == [".pdf"] * 3


def test_letters_that_cannot_be_written_leave_the_old_slips_good(run, cards, session, world, tmp_path):  # noqa: F811
    nowhere = tmp_path / "no" / "激活单.pdf"
    code = run("cards", "letters", "--unit", "B1", "--site", "https://c.example", "--out", nowhere, "--as", "U1")[0]
    assert code == 1
    assert isinstance(activate(session, world, cards[0], make_membership.id_number(0)[-4:]), services.Activation)


def test_who_is_inactive_by_command(said, cards, session, world):
    activate(session, world, cards[0], make_membership.id_number(0)[-4:])
    document = said("inactive", "--unit", "B1", "--as", "U1")
    assert (document["people"], document["activated"]) == (3, 1)
    assert {line["number"] for line in document["inactive"]} == {card.number for card in cards[1:]}


def test_prints_by_unit_single_and_void(said, cards, tmp_path):
    out = tmp_path / "卡.pdf"
    first = said("print", "--unit", "B1", "--new", "--single", "--out", out, "--as", "U1")
    assert first["printed"] == 3
    assert [len(page) for page in codes_on(out.read_bytes())] == [1, 1, 1]
    assert said("void-print", cards[0].number, "--reason", "卡纸", "--as", "U1") == {"voided": 1}
    assert said("print", "--unit", "B1", "--new", "--out", out, "--as", "U1")["printed"] == 1
