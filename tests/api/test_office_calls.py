"""Members, accounts, the audit trail and finance by calls; each says what its page would."""

import hashlib
import time
from datetime import date, timedelta

import pytest

from cardnet.access.rules import Role
from cardnet.merchants import services as merchants
from tests.make import membership as make_membership
from tests.make.api import assert_problem, make_program, said
from tests.make.finance import statement_csv
from tests.make.issuance import make_officer
from tests.make.redemptions import make_shop


@pytest.fixture
def member(office, programs):
    """The file of one member of B1, as its officer opens it."""
    office.issue(1)
    (found,) = said(programs["U1"].post("/members/find", {"asked": make_membership.id_number(1)}))["items"]
    return found["id"]


def test_everything_an_officer_does_with_a_file(programs, member):
    officer = programs["U1"]
    tag = said(officer.post(f"/members/{member}/tags", {"kind": "hardship", "document": "云工〔2026〕9号"}), 201)
    paper = f"/tags/{tag['id']}/original"
    assert_problem(officer.get(paper), 404, "original_missing")
    kept = said(officer.send_file(paper, b"%PDF-1.7 scan", "application/pdf"), 201)
    assert (tag["original"], kept["original"], kept["document_sha256"]) == (
        "", "application/pdf", hashlib.sha256(b"%PDF-1.7 scan").hexdigest(),
    )  # fmt: skip
    assert officer.get(paper).data == b"%PDF-1.7 scan"
    assert_problem(programs["U9"].get(paper), 404, "person_unknown")
    assert_problem(officer.send_file(paper, b"MZ\x90\x00", "application/pdf"), 422, "file_type")
    assert_problem(officer.send_file(paper, b"%PDF-" + b"0" * (10 << 20), "application/pdf"), 422, "file_too_large")
    assert_problem(officer.send_file(paper, b"PK", "application/zip"), 415, "unsupported_media_type")
    said(officer.post(f"/members/{member}/kin", {"relation": "spouse", "name": "李秀英", "phone": "13800000002"}), 201)
    consent = {"purpose": "notices", "answer": "given", "method": "signed_form", "evidence": "同意书 1 号"}
    said(officer.post(f"/members/{member}/consents", consent))
    said(officer.post(f"/members/{member}/phone", {"phone": "13800000009", "verified": True}))
    file = said(officer.get(f"/members/{member}"))
    assert (
        file["person"]["phone"],
        next(one["kind"] for one in file["tags"] if one["id"] == tag["id"]),
        file["kin"][0]["phone"],
    ) == (
        "138****0009",
        "hardship",
        "138****0002",
    )
    assert [one["purpose"] for one in file["consents"] if one["withdrawn_at"] is None][-1] in ("card", "notices")
    assert said(officer.post(f"/tags/{tag['id']}/end"))["to_on"] is not None
    ended = said(officer.post(f"/members/{member}/end", {"ending": "deceased"}))
    assert ended == {"cards_stopped": 1}


def test_a_stranger_finds_nobody_and_opens_nothing(programs, member):
    assert said(programs["U9"].post("/members/find", {"asked": make_membership.id_number(1)})) == {"items": []}
    assert_problem(programs["U9"].get(f"/members/{member}"), 404, "person_unknown")
    assert_problem(programs["boss"].get(f"/members/{member}"), 403, "role_missing")


def test_names_stay_inside_the_unit(office, programs, member):
    assert member
    assert said(programs["U1"].get("/register/members"))["items"]
    assert said(programs["D1u"].get("/register/members"))["items"] == []
    assert said(programs["D1u"].get("/confirmation/members"))["items"] == []
    assert said(programs["D1u"].get("/register"))["items"][0]["total"]["has_card"] == 1
    assert {move["person"] for move in said(programs["D1u"].get("/moves"))["joiners"]} <= {None}


def test_a_unit_confirms_its_members_once(programs, member):
    assert said(programs["U1"].post("/confirmation", {"people": [member], "answer": "stays"})) == {"count": 1}
    assert said(programs["U1"].post("/confirmation")) == {"count": 0}
    assert_problem(programs["U1"].post("/confirmation", {"answer": "left"}), 422, "nobody_chosen")


def test_a_member_of_another_unit_is_asked_for_by_name_and_document(programs, member):
    assert member
    wrong = {"name": "某某", "id_number": make_membership.id_number(1)}
    assert_problem(programs["U9"].post("/transfers", wrong), 422, "person_unknown")
    name = said(programs["U1"].get(f"/members/{member}"))["person"]["name"]
    assert said(programs["U9"].post("/transfers", wrong | {"name": name})) == {"done": False}
    (transfer,) = said(programs["U1"].get("/transfers"))["items"]
    assert_problem(programs["U9"].post(f"/transfers/{transfer['id']}/accept"), 403, "out_of_scope")
    said(programs["U1"].post(f"/transfers/{transfer['id']}/accept"))
    assert said(programs["U9"].get(f"/members/{member}"))["person"]["unit"]["code"] == "B9"


def test_an_account_is_invited_changed_and_closed(programs):
    boss = programs["boss"]
    asked = {"username": "li.xy", "display_name": "李秀英", "roles": ["unit_officer"], "unit": "B1"}
    invitation = said(boss.post("/accounts", asked, key="invite-li-xy-0001"), 201)
    assert invitation["token"].startswith("cni_")
    assert_problem(boss.post("/accounts", asked, key="invite-li-xy-0001"), 409, "answer_shown_once")
    assert boss.post("/accounts", asked).json["code"] == "username_taken"
    account = invitation["account_id"]
    changed = said(
        boss.post(f"/accounts/{account}/change", {"display_name": "李秀", "roles": ["unit_officer"], "unit": "B2"})
    )
    assert (changed["display_name"], changed["union"]["code"]) == ("李秀", "B2")
    assert [one["id"] for one in said(boss.get("/accounts", words="li.xy"))["items"]] == [account]
    assert said(boss.post(f"/accounts/{account}/close"))["state"] == "disabled"
    acts = [line["action"] for line in said(boss.get("/audit", subject=account))["items"]]
    assert acts[0] == "account.disable"
    assert "account.disable" in boss.get("/audit.csv").text
    assert boss.get("/audit.xlsx").data.startswith(b"PK")


def test_the_trail_pages_without_gaps(programs):
    whole = [line["id"] for line in said(programs["aud"].get("/audit", limit=200))["items"]]
    seen, cursor = [], {}
    while True:
        page = said(programs["aud"].get("/audit", limit=3, **cursor))
        seen += [line["id"] for line in page["items"]]
        if page["next_cursor"] is None:
            break
        cursor = {"cursor": page["next_cursor"]}
    assert seen == whole


def test_finance_reads_redemptions_and_compares_a_merchants_file(client, session, world):
    shop = make_shop(session, world, people=2)
    maker = make_officer(session, world, shop.office.unions["C"], "maker", Role.FINANCE_MAKER)
    program = make_program(client, session, world, maker)
    assert shop.post(client, "/redemptions", shop.request(shop.phones[0])).status_code == 201
    (found,) = said(program.get("/redemptions", merchant="M1001"))["items"]
    assert (found["merchant_ref"], found["amount_fen"], found["subsidy_fen"]) == ("R-0001", 38_000, 10_000)
    assert said(program.get("/redemptions", merchant="M1001", merchant_ref="R-0001"))["items"][0]["id"] == found["id"]
    assert said(program.get("/redemptions", merchant="M2002"))["items"] == []
    assert_problem(program.get("/redemptions", merchant="M9"), 404, "merchant_unknown")
    assert said(program.get("/programs"))["items"][0]["code"] == "HC2026"
    assert said(program.get("/programs/HC2026/versions"))["items"][0]["no"] == 1
    day = date(2026, 11, 20)
    asked = {"merchant": "M1001", "first_on": day.isoformat(), "last_on": day.isoformat()}
    file = statement_csv([("R-1", day, "6.00")])
    run = said(program.send_file("/reconciliations", file, **asked), 201)
    assert run["differences"] == 1
    (difference,) = said(program.get(f"/reconciliations/{run['id']}/differences"))["items"]
    assert (difference["group"], difference["their_fen"]) == ("theirs_only", 600)
    assert_problem(program.send_file("/reconciliations", file, **asked), 409, "file_already_imported")
    assert merchants.merchant_of_code(session, "M1001")


def test_the_figures_of_the_year_are_those_of_the_bulletin(office, programs):
    office.issue(1, 2)
    overview, bulletin = said(programs["chair"].get("/overview")), said(programs["chair"].get("/bulletin"))
    assert (overview["counts"], overview["counts"]["issued"]) == (bulletin["total"], 2)
    assert [line["union"]["code"] for line in bulletin["lines"]] == ["D1", "D2"]


def test_a_day_is_closed_with_real_commits(committing_app, clock):
    """Closing waits for writers to end, so it needs transactions that do."""
    client = committing_app.test_client()
    with committing_app.extensions["cardnet.sessions"]() as session, session.begin():
        shop = make_shop(session, clock.world(), people=1)
        maker = make_officer(session, clock.world(), shop.office.unions["C"], "maker", Role.FINANCE_MAKER)
        program = make_program(client, session, clock.world(), maker)
    assert shop.post(client, "/redemptions", shop.request(shop.phones[0])).status_code == 201
    today = clock.at.date().isoformat()
    assert_problem(program.post("/days/close", {"day": today}), 409, "day_not_over")
    clock.advance(timedelta(days=1))
    # Transaction ids are the whole server's: what another test writes in a database of its own is waited for too.
    until, asked = time.monotonic() + 60, {"day": today, "everyone": True}
    while (answer := program.post("/days/close", asked)).status_code == 503 and time.monotonic() < until:
        assert answer.get_json()["code"] == "day_closing"
        time.sleep(0.1)
    closed = said(answer)
    assert [one["totals"]["net_fen"] for one in closed["sealed"]] == [10_000]
    again = said(program.post("/days/close", {"day": today, "everyone": True}))
    assert (again["sealed"], [one["id"] for one in again["already"]]) == ([], [closed["sealed"][0]["id"]])
    (settlement,) = said(program.get("/settlements"))["items"]
    assert said(program.get(f"/settlements/{settlement['id']}/lines"))["items"][0]["union_fen"] == 10_000
    signed = program.get(f"/settlements/{settlement['id']}/statement.json")
    assert (signed.content_type, settlement["number"] in signed.text) == ("application/json", True)
