"""The commands of an officer's whole work: one JSON document each, people by card or file, a wrong word one sentence."""

import json
import re
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner
from sqlalchemy import text

from cardnet.access.rules import Role
from cardnet.cli import main
from cardnet.issuance.services import self_filled
from cardnet.issuance.services.self_filled import FillIn
from scripts import commands
from tests.make import membership as make_membership
from tests.make.issuance import activate, lines_of, make_office, make_officer

SITE = "https://card.example.org"
PDF = b"%PDF-1.4\n1 0 obj<<>>endobj\n%%EOF\n"


@pytest.fixture
def office(app, session, world):
    office = make_office(session, world)
    office.officers["root"] = make_officer(session, world, office.unions["C"], "root", Role.ADMIN)
    return office


@pytest.fixture
def run(app, monkeypatch):
    """Run `cardnet WORDS`; the document of `--json`, or with `code=1` the error's code, and both also said in words."""
    monkeypatch.setattr("cardnet.cli.create_app", lambda _: app)
    monkeypatch.setenv("CARDNET_DATABASE_URL", "postgresql://unused")

    def ask(line, *more, typed="", code=0, plain=False):
        words = [*line.split(), *map(str, more), *([] if plain else ["--json"])]
        monkeypatch.setattr(sys, "argv", ["cardnet", *words])
        result = CliRunner().invoke(main, words, input=typed)
        if result.exception and not isinstance(result.exception, SystemExit):
            raise result.exception
        assert result.exit_code == code, result.output
        if plain:
            return result.output
        document = json.loads(result.stdout)
        return document["error"]["code"] if code else document

    return ask


def last4(serial: int) -> str:
    return make_membership.id_number(serial)[-4:]


def test_transfers_are_listed_and_answered_by_the_card(run, office):
    first, second, third = office.issue(1, 2, 3)
    for card in (first, second, third):
        run(f"members transfer {card.number} --to B9 --as U9")
    listed = run("transfers list --as U1")["transfers"]
    assert {(one["from"], one["to"], one["state"]) for one in listed} == {("B1", "B9", "proposed")}
    assert "2026-11-27 10:00 前答复" in run("transfers list --as U1", plain=True)
    run(f"transfers accept {first.number} --as U1")
    assert run(f"transfers object {second.number} --as U1", code=1) == "words_missing"
    run(f"transfers object {second.number} --as U1 --words 还在岗")
    run(f"transfers withdraw {third.number} --as U9")
    assert run("transfers list --as U1") == {"transfers": []}
    assert {one["state"] for one in run("transfers list --past --as U9")["transfers"]} == {
        "released", "objected", "withdrawn",
    }  # fmt: skip
    assert run(f"transfers accept {third.number} --as U1", code=1) == "transfer_unknown"
    assert run(f"transfers accept {third.number} --unit B9 --as U1", code=1) == "unit_unknown"
    assert run("transfers accept 张三 --as U1", code=1) == "person_unknown"


def test_standing_phone_kin_and_consents(run, office):
    (card,) = office.issue(1)
    assert run(f"members standing {card.number} --kind retained --as U1")["kind"] == "retained"
    assert run(f"members standing {card.number} --kind retained --as U1", code=1) == "standing_unchanged"
    run(f"members change-phone {card.number} --verified --as U1", typed="19900000077\n")
    assert run(f"members change-phone {card.number} --as U1", typed="123\n", code=1) == "phone_format"
    kin = run(f"members add-kin {card.number} --relation spouse --as U1", typed="王秀英\n19900000078\n")["kin"]
    (line,) = run(f"members kin {card.number} --as U1")["kin"]
    assert (line["name"], line["phone"]) == ("王秀英", "19900000078")
    run(f"members end-kin {kin} --as U1")
    assert run(f"members end-kin {kin} --as U1", code=1) == "kin_over"
    assert run("members end-kin 七 --as U1", code=1) == "kin_unknown"
    assert run(f"members kin {card.number} --as U1")["kin"] == []
    consent = f"members consent {card.number} --purpose notices --method signed_form --as U1"
    run(f"{consent} --answer given --evidence 表-17")
    assert run(f"{consent} --answer given", code=1) == "evidence_missing"
    assert run(f"{consent} --answer given --evidence 表-18 --on 2099-01-01", code=1) == "answered_on"
    run(f"members withdraw-consent {card.number} --purpose notices --as U1")
    notices = [one for one in run(f"members consents {card.number} --as U1")["consents"] if one["purpose"] == "notices"]
    assert notices[0]["evidence"] == "表-17" and notices[0]["withdrawn_at"]
    assert "已撤回" in run(f"members consents {card.number} --as U1", plain=True)
    assert run(f"members consents {card.number} --as U9", code=1) == "person_unknown"


def test_the_year_is_confirmed_and_moves_are_listed(run, office):
    cards = office.issue(1, 2, 3)
    assert run("confirmation show --as U1")["waiting"] == 3
    assert run("confirmation show --as D1u")["unions"] == [{"code": "B1", "total": 3, "waiting": 3}]
    assert run(f"confirmation say {cards[0].number} --answer deceased --as U1")["members"] == 1
    assert run(f"cards show {cards[0].number} --as U1")["state"] == "cancelled"
    assert run(f"confirmation say {cards[0].number} --answer stays --as U1", code=1) == "not_a_member"
    assert run("confirmation rest --as U1")["members"] == 2
    moved = run("members moves --as U1")
    assert [(one["person"], one["how"]) for one in moved["left"]] == [(str(cards[0].person_id), "deceased")]
    above = run("members moves --month 2026-11 --as C1")
    assert (above["left"], above["unions"]) == ([], [{"code": "B1", "joined": 0, "left": 1}])
    assert "身故" in run("members moves --as U1", plain=True)
    assert run("members moves --month 2026-13 --as U1", code=1) == "month_invalid"


def test_two_files_are_merged_by_the_district_alone(run, office):
    one, other = office.issue(1, 2)
    assert run("members duplicates --as U1", code=1) == "role_missing"
    assert "pairs" in run("members duplicates --as C1")
    assert run(f"members merge {one.number} {one.number} --as C1", code=1) == "same_person"
    run(f"members distinct {one.number} {other.number} --words 兄弟 --as C1")
    assert run(f"members merge {one.number} {other.number} --as U1", code=1) == "role_missing"
    merge = f"members merge {one.number} {other.number} --words 同一人 --as C1"
    assert run(merge, code=1) == "both_have_cards"
    run(f"cards cancel {other.number} --reason 重复 --as C1")
    assert run(merge)["merged"] == str(other.person_id)


def test_self_filled_entries_are_taken_over(run, office, session, world, tmp_path):
    office.give_unit("B1", 3)
    out = tmp_path / "海报.pdf"
    opened = run(f"self-fill open --until 2026-12-20 --site {SITE}/ --as U1 --out", out)
    token = re.fullmatch(rf"{SITE}/fill/(\w+)", opened["address"])[1]
    assert out.read_bytes().startswith(b"%PDF")
    assert run(f"self-fill open --until 2027-12-20 --site {SITE} --as U1", code=1) == "last_day_invalid"
    for serial in (1, 2):
        fields = {
            "name": "周桂林", "id_type": "居民身份证", "id_number": make_membership.id_number(serial),
            "phone": f"199{serial:08d}", "employment": "合同", "consent": "是",
        }  # fmt: skip
        self_filled.fill_in(session, world, FillIn(token, fields, "10.0.0.1"))
    first, second = run("self-fill list --as U1")["entries"]
    assert "周桂林" in run("self-fill list --as U1", plain=True)
    assert run("self-fill accept --as U1", code=1) == "nothing_chosen"
    assert run("self-fill accept --entry 1 --as U1", code=1) == "entry_unknown"
    assert run(f"self-fill dismiss --entry {first['entry']} --as U1") == {"dismissed": 1}
    assert run("self-fill accept --all --as U1")["submitted"] == 1
    assert run("self-fill accept", "--entry", second["entry"], "--as", "U1", code=1) == "nothing_chosen"
    run("self-fill close --as U1")
    assert run("self-fill close --as U1", code=1) == "poster_closed"


def test_a_handout_is_opened_signed_and_closed_by_its_title(run, office, tmp_path):
    cards = office.issue(1, 2, 3)
    opened = run("handouts open --kind gift --title 春节慰问品 --document 云工〔2026〕9号 --as U1")
    assert opened["people"] == 3
    signed = run(f"handouts sign 春节慰问品 {cards[0].number} {cards[1].person_id} 乱码 --as U1")["signed"]
    assert [one["outcome"] for one in signed] == ["signed", "signed", "not_a_code"]
    assert run(f"handouts take-back 春节慰问品 {cards[0].number} --reason 扫错 --as U1")
    unsigned = run("handouts show 春节慰问品 --show unsigned --as U1")["list"]
    assert {one["person"] for one in unsigned} == {str(cards[0].person_id), str(cards[2].person_id)}
    assert run(f"handouts sign-all 春节慰问品 --except {cards[2].number} --as U1") == {"signed": 1}
    out = tmp_path / "签领表.pdf"
    run("handouts sheet 春节慰问品 --as U1 --out", out)
    assert out.read_bytes().startswith(b"%PDF")
    assert run("handouts close 春节慰问品 --as U1")["signed"] == 2
    assert run(f"handouts sign {opened['handout']} {cards[2].number} --as U1", code=1) == "handout_closed"
    assert run("handouts close 春节慰问品 --as U1", code=1) == "handout_unknown"
    assert "已结束" in run("handouts list --as D1u", plain=True)


def test_places_are_asked_for_and_decided_by_the_code_of_the_union(run, office):
    office.grant(10)
    office.allocate("C", "D1", 6)
    assert run("quota ask --count 4 --reason 新入职 --as U1")["union"] == "B1"
    assert run("quota ask --count 4 --reason 新入职 --document 云工1号 --as U1", code=1) == "authority_not_asked"
    assert run("quota ask --count 4 --reason 新入职 --as C1", code=1) == "authority_missing"
    (asked,) = run("quota raises --as D1u")["raises"]
    assert (asked["union"], asked["count"], asked["state"]) == ("B1", 4, "asked")
    assert run("quota approve-raise --union B1 --as U2", code=1) == "unit_unknown"
    assert run("quota refuse-raise --union B1 --as D1u", code=1) == "words_missing"
    assert run("quota approve-raise --union B1 --as D1u")["state"] == "approved"
    assert office.quota("B1").received == 4
    assert run("quota approve-raise --union B1 --as D1u", code=1) == "raise_unknown"
    run("quota ask --count 9 --reason 再要 --as U1")
    assert run("quota withdraw-raise --union B1 --as U1")["state"] == "withdrawn"
    run(
        "quota ask --count 5 --reason 全区 --document 云工〔2026〕3号 --meeting 常委会 --decided-on 2026-11-02 "
        "--budget-item 会员活动费 --as C1"
    )
    assert run("quota approve-raise --union C --as C1", code=1) == "sod_violation"
    assert run("quota approve-raise --union C --as C2")["state"] == "approved"


def test_offers_are_declined_and_the_line_is_changed(run, office, session):
    office.give_unit("B1", 2)
    batch = office.submit(office.roster(1, 2, 3, 4)).batch_id
    assert run(f"quota move-up --batch {batch} --row 4 --words 困难职工 --as D1u")["priority"] == -1
    assert run(f"quota move-up --batch {batch} --row 1 --words 困难 --as D1u", code=1) == "row_not_waiting"
    run(f"applications withdraw --batch {batch} --rows 1 --as U1")
    assert run("quota decline --as U1", code=1) == "nothing_chosen"
    assert run(f"quota decline --batch {batch} --rows 3 --as U1", code=1) == "offer_gone"
    assert run(f"quota decline --batch {batch} --rows 4 --as U1") == {"declined": 1, "moved_up": 1}
    states = {line.row: str(line.state) for line in lines_of(session, batch)}
    assert (states[3], states[4]) == ("waitlisted", "lapsed")


def test_the_chair_is_asked_by_link_or_on_paper(run, office, tmp_path):
    office.give_unit("B9", 2)
    batch = office.submit(office.roster(4, 5, unit="B9"), "B9", "U9").batch_id
    chair = f"--batch {batch} --signer 陈主席 --as U9"
    link = run(f"applications ask-chair {chair} --site {SITE}")["link"]
    assert re.fullmatch(rf"{SITE}/confirm/[\w=-]+", link)
    assert (
        run(f"applications ask-chair {chair} --site {SITE} --sms", typed="19900000001\n", code=1) == "sms_unavailable"
    )
    out, scan = tmp_path / "审核表.pdf", tmp_path / "盖章.pdf"
    number = run(f"applications chair-sheet {chair} --out", out)["number"]
    assert out.read_bytes().startswith(b"%PDF")
    scan.write_bytes(PDF)
    assert run(f"applications stamped {scan} --number {number} --code 0000 --as U9", code=1) == "check_code_wrong"
    listed = run(f"applications chair --batch {batch} --as U9")["approvals"]
    assert sorted(one["kind"] for one in listed) == ["link", "summary"]
    assert run(f"applications chair --batch {batch} --as U1", code=1) == "batch_unknown"
    withdraw = f"applications withdraw-chair --batch {batch} --words 发错了人 --as U9 --number"
    assert run(f"{withdraw} HZ0-1", code=1) == "approval_unknown"
    assert run(f"{withdraw} {number}") == {"number": number, "state": "withdrawn"}
    assert run(f"{withdraw} {number}", code=1) == "summary_used"


def test_reminders_and_codes_for_a_new_phone(run, office, session, world):
    first, second = office.issue(1, 2)
    assert run("cards remind --as U1", code=1) == "nothing_chosen"
    assert run("cards remind --unit B1 --by call --as U1")["people"] == 2
    assert run(f"cards remind --number {first.number} --as U1")["people"] == 0
    assert run(f"cards rebind-code {second.number} --as U1", code=1) == "not_in_use"
    activate(session, world, first, last4(1))
    assert re.fullmatch(r"\d{6}", run(f"cards rebind-code {first.number} --as U1")["code"])
    assert run(f"cards rebind-code {first.number} --as U9", code=1) == "card_unknown"


def test_accounts_are_listed_changed_closed_and_given_a_new_link(run, office):
    assert run("accounts list --as U1", code=1) == "role_missing"
    everybody = run("accounts list --as root")["accounts"]
    assert {"u1", "root"} <= {one["username"] for one in everybody}
    assert "u1" in run("accounts list --role unit_officer --as root", plain=True)
    made = run(f"accounts invite v1 --name 李秀英 --role unit_officer --union B1 --site {SITE} --as root")
    assert made["link"].startswith(f"{SITE}/invite/")
    wrong = f"accounts invite v2 --name 李 --role district_officer --union B1 --site {SITE} --as root"
    assert run(wrong, code=1) == "role_of_other_tier"
    assert run(f"accounts reset u9 --site {SITE} --as root")["link"] != made["link"]
    assert run("accounts change u2 --name 新名字 --union B1 --as root")["union"] == "B1"
    assert run("accounts disable u2 --as root")["state"] == "disabled"
    assert run("confirmation show --as u2", code=1) == "account_unknown"
    assert run("accounts enable u2 --as root")["state"] == "active"
    assert run("accounts unlock u2 --as root")["locked_until"] is None
    assert run("accounts disable root --as root", code=1) == "account_own"
    assert run("accounts disable nobody --as root", code=1) == "account_unknown"


def test_tasks_trail_and_bulletin(run, office, session, tmp_path):
    office.issue(1, 2)
    assert {"confirm": 2}.items() <= {one["kind"]: one["count"] for one in run("tasks --as U1")["tasks"]}.items()
    assert "确认 2 名会员的会籍" in run("tasks --as U1", plain=True)
    assert run("tasks --as root", code=1) == "role_missing"
    acts = run("trail list --action card. --as root")["acts"]
    assert [(one["action"], one["subject_name"]) for one in acts] == [("card.issue", "名单.csv")]
    said = run("trail list --action card. --as root", plain=True)
    assert "名单.csv" in said and acts[0]["subject_id"] not in said
    out = tmp_path / "记录.csv"
    run("trail export --from 2026-11-01 --as root --out", out)
    assert "card.issue" in out.read_text("utf-8-sig")
    assert session.scalars(text("select after from audit_event where action = 'audit.export'")).all() == [
        {"first": "2026-11-01"}
    ]
    assert run("trail export --as root --out", tmp_path / "记录.txt", code=1) == "format_unknown"
    assert run("trail list --as U1", code=1) == "role_missing"
    shown = run("bulletin show --as C1")
    assert (shown["total"]["issued"], shown["unions"][0]["code"]) == (2, "D1")
    for name in ("通报.xlsx", "通报.pdf"):
        run("bulletin show --as C1 --out", tmp_path / name)
        assert (tmp_path / name).stat().st_size > 1_000
    assert run("bulletin show --year 2001 --as C1", code=1) == "year_unknown"
    sent = run("bulletin publish --words 请抓紧 --as C1")
    assert [one["id"] for one in run("bulletin issues --as D1u")["issues"]] == [sent["id"]]
    assert run(f"bulletin open {sent['id']} --as D1u")["total"]["issued"] == 2
    assert run("bulletin open 一 --as C1", code=1) == "issue_unknown"


def test_what_a_file_says_is_said_in_english_when_asked(run, office, tmp_path):
    office.issue(1)
    lines = [make_membership.roster_line(1), make_membership.roster_line(2, name="")]
    roster = tmp_path / "名册.csv"
    roster.write_bytes(make_membership.csv_file(make_membership.roster_cells(lines)))
    said = run("register import", roster, "--unit", "B1", "--language", "en", plain=True)
    assert "2 people:" in said
    assert "The name is missing" in said
    assert run("register import", roster, "--unit", "B1")["findings"][0]["message"].startswith("姓名没有填写")
    assert run(f"cards import {roster} --unit B1 --as U1 --language en", code=1) == "columns_missing"
    assert "line of headings" in run(f"cards import {roster} --unit B1 --as U1 --language en", code=1, plain=True)
    uses = f"past-uses import {roster} --as C1"
    assert "No heading was found" in run(f"{uses} --language en", code=1, plain=True)
    assert "没有找到表头" in run(uses, code=1, plain=True)


def test_the_page_of_commands_is_the_commands(app):
    assert commands.page() == (Path(__file__).parents[1] / "docs/commands.md").read_text("utf-8"), (
        "python -m scripts.commands > docs/commands.md"
    )
