"""Cards that were there before us: tied to the person, no quota, every wrong row said, sent again nothing doubled."""

import itertools
import json

import pytest
from sqlalchemy import text

from cardnet.issuance import rules, services
from cardnet.issuance.services import answers, cards_before
from cardnet.kernel.errors import InvalidInput, NotAllowed
from tests.make import membership as make_membership
from tests.make.issuance import activate, make_office

HEADER = ("姓名", "身份证号码", "卡号", "发卡银行", "发卡日期", "卡有效期止")


@pytest.fixture
def office(session, world):
    office = make_office(session, world)
    make_membership.people(session, world, 6, answer=None)
    return office


def row(serial, number="6222021001112223334", issuer="工商银行", since="2024-05-01", until="2029-12-31"):
    return ("周桂林", make_membership.id_number(serial), number, issuer, since, until)


def imported(office, *rows, unit="B1", officer="U1", header=HEADER, make=make_membership.xlsx_file):
    command = cards_before.ImportCards(make([header, *rows]), "已发卡.xlsx", unit, office[officer])
    return cards_before.import_cards(office.session, office.world, command)


def ours(serial):
    body = f"{810_000_000_000 + serial}"
    return body + rules.luhn_digit(body)


def test_a_bank_card_and_an_earlier_number_of_ours_are_tied_without_quota(office, session):
    before = session.scalar(text("select count(*) from quota_entry"))
    done = imported(office, row(0), row(1, ours(7), issuer=""))
    assert (done.tied, done.known, done.invalid, done.findings) == (2, 0, 0, ())
    cards = session.execute(text("select number, state, external_issuer, quota_year, valid_from::text, valid_to::text from card order by external_issuer nulls last")).all()  # fmt: skip
    assert [tuple(card[1:]) for card in cards] == [
        ("delivered", "工商银行", None, "2024-05-01", "2029-12-31"),
        ("delivered", None, None, "2024-05-01", "2029-12-31"),
    ]
    assert rules.is_card_number(cards[0].number)
    assert cards[1].number == ours(7)
    assert session.scalar(text("select count(*) from quota_entry")) == before
    assert office.breaches() == {}
    figures = answers.answers_by_union(session, office.world, "/C/D1/B1/")[0].own
    assert (figures.has_card, figures.external) == (2, 1)


def test_the_tied_card_is_activated_on_the_phone_like_any_other(office, session, world):
    imported(office, row(0))
    card = session.execute(text("select id, number from card")).one()
    code = services.reprint_code(session, world, card.id, office["C1"])
    tied = services.IssuedCard(card.id, card.number, code, None, None, None, None)
    assert isinstance(activate(session, world, tied, make_membership.id_number(0)[-4:]), services.Activation)


def test_sent_again_it_ties_nothing_and_says_so(office, session):
    rows = [row(n, f"62220210011122233{n:02d}") for n in range(3)]
    assert imported(office, *rows).tied == 3
    again = imported(office, *rows)
    assert (again.tied, again.known, again.invalid, again.findings) == (0, 3, 0, ())
    assert session.scalar(text("select count(*) from card")) == 3


@pytest.mark.parametrize(
    ("line", "code"),
    [
        (row(0, ""), "card_number_missing"),
        (row(0, "12"), "card_number_format"),
        (row(0, "#N/A"), "card_number_format"),
        (row(0, "6.22E+18"), "card_number_precision_lost"),
        (row(0, 6222021001112223334.0), "card_number_precision_lost"),
        (row(99), "member_unknown"),
        (row(0, until="2025-01-01"), "card_expired"),
        (("周桂林", "12345", "6222021001112223334", "", "", ""), "id_format"),
    ],
)
def test_a_wrong_row_is_said_and_left_out(office, session, line, code):
    done = imported(office, line)
    assert (done.tied, done.invalid) == (0, 1)
    assert [found.code for found in done.findings] == [code]
    assert all("：" in found.message for found in done.findings)
    assert session.scalar(text("select count(*) from card")) == 0


def test_what_stands_against_it_on_record_is_said(office, session):
    office.issue(0)
    office.give_unit("B1", 1)
    office.submit(office.roster(1))
    imported(office, row(2, "6222021001112220002"))
    done = imported(
        office, row(0), row(1, "6222021001112220001"), row(3, "6222021001112220002"), row(4, "6222021001112220004"),
        row(4, "6222021001112220005"), row(5, "6222021001112220004"),
    )  # fmt: skip
    codes = [(found.row, found.code) for found in done.findings]
    assert sorted(codes) == [(1, "already_has_card"), (2, "application_open"), (3, "card_taken"), (5, "duplicate_in_file"), (6, "duplicate_in_file")]  # fmt: skip
    assert done.tied == 1


def test_a_strange_date_is_a_warning_and_dropped(office):
    done = imported(office, row(0, since="明年", until="很久"))
    assert (done.tied, [found.severity for found in done.findings]) == (1, ["warning", "warning"])


def test_scope_role_and_columns_are_checked(office):
    with pytest.raises(NotAllowed, match="out_of_scope"):
        imported(office, row(0), unit="B2")
    with pytest.raises(InvalidInput, match="columns_missing"):
        imported(office, row(0)[:2], header=HEADER[:2])
    done = imported(office, row(0), unit="B2", officer="D1u")
    assert [found.code for found in done.findings] == ["unit_out_of_scope"]
    assert imported(office, row(0), unit="D1", officer="D1u").tied == 1


def test_the_foreign_number_stands_nowhere_in_the_clear(office, session):
    imported(office, row(0))
    number = "6222021001112223334"
    for table in ("card", "card_event", "audit_event"):
        for kept in session.scalars(text(f"select {table}::text from {table}")):
            assert number not in kept
            assert number.encode().hex() not in kept


@pytest.mark.parametrize("spelling", ["会员卡号", "工会卡号", "卡 号", "银行卡号（必填）", "*卡号"])
def test_the_number_is_found_under_other_headings_and_in_csv(office, spelling):
    done = imported(office, row(0), header=(*HEADER[:2], spelling, *HEADER[3:]), make=make_membership.csv_file)
    assert done.tied == 1


def test_the_command_line_says_the_same(committing_app, world, tmp_path, monkeypatch):
    from click.testing import CliRunner

    from cardnet.cli import main
    from cardnet.kernel.db import transaction

    with committing_app.app_context(), transaction() as session:
        make_office(session, world)
        make_membership.people(session, world, 3, answer=None)
    file = tmp_path / "卡.csv"
    file.write_bytes(make_membership.csv_file([HEADER, row(0), row(9, "6222021001112229999")]))
    monkeypatch.setattr("cardnet.cli.create_app", lambda *_, **__: committing_app)
    done = CliRunner().invoke(main, ["cards", "import", str(file), "--unit", "B1", "--as", "u1", "--json"])
    assert done.exit_code == 0, done.output
    told = json.loads(done.stdout)
    assert (told["tied"], told["invalid"], told["findings"][0]["code"]) == (1, 1, "member_unknown")
    shown = json.loads(CliRunner().invoke(main, ["register", "show", "--unit", "D1", "--json"]).stdout)
    assert (shown["members"], shown["has_card"], shown["no_answer"]) == (3, 1, 2)
    assert list(itertools.islice((union["code"] for union in shown["unions"]), 3)) == ["D1", "B1", "B2"]
