"""Files taken in by calls: registers, cards from before, uses from before; and the machinery an administrator looks at."""

import hashlib

import pytest

from cardnet.benefits import services as benefits
from cardnet.benefits.words import ProgramKind
from cardnet.credential import store
from cardnet.membership import services as membership
from tests.make import membership as make_membership
from tests.make.api import assert_problem, said
from tests.make.benefits import Shop, fixed, health_check, make_till, rule
from tests.make.papers import words_on

CARDS = ("姓名", "身份证号码", "卡号", "发卡银行", "发卡日期", "卡有效期止")
USES = ("姓名", "证件号码", "项目编号", "使用日期", "金额", "次数")


@pytest.fixture
def shop(session, world, office):
    return Shop(session, world, office, make_till(session, world, "M1001").venue)


def sheet(*rows) -> bytes:
    return make_membership.csv_file([list(row) for row in rows])


def test_cards_from_before_are_tied_and_what_is_wrong_is_told_by_line(office, programs, session, world):
    make_membership.people(session, world, 2, answer=None)
    content = sheet(
        CARDS,
        ("周桂林", make_membership.id_number(0), "6222021001112223334", "工商银行", "2024-05-01", "2029-12-31"),
        ("李小花", make_membership.id_number(9), "6222021001112223342", "工商银行", "2024-05-01", "2029-12-31"),
    )
    done = said(programs["U1"].send_file("/imports/cards", content, filename="已发卡.csv"), 201)
    assert (done["state"], done["percent"], done["taken_in"]["counts"]) == (
        "done", 100, {"rows": 2, "tied": 1, "known": 0, "invalid": 1},
    )  # fmt: skip
    assert [found["line"] for found in done["taken_in"]["findings"]] == [3]
    english = said(programs["U1"].get(f"/imports/{done['id']}", headers={"Accept-Language": "en"}))
    assert english["taken_in"]["findings"][0]["message"].startswith("This person is not on the register")
    again = said(programs["U1"].send_file("/imports/cards", content, filename="已发卡.csv"), 201)
    assert again["taken_in"]["counts"] == {"rows": 2, "tied": 0, "known": 1, "invalid": 1}
    assert said(programs["U1"].get(f"/imports/{done['id']}")) == done
    assert_problem(programs["A1"].get(f"/imports/{done['id']}"), 404, "upload_unknown")
    assert said(programs["U1"].post(f"/imports/{done['id']}/cancel"))["state"] == "done"


def test_a_file_that_is_no_list_fails_in_words(programs):
    failed = said(programs["U1"].send_file("/imports/register", b"\x00\x01", filename="x.bin"), 201)
    assert (failed["state"], failed["taken_in"]) == ("failed", None)
    assert failed["error_words"]


def test_a_register_is_taken_in_for_a_unit_below(programs):
    content = sheet(("姓名", "身份证号码", "手机号码"), ("周桂林", make_membership.id_number(3), "13800138003"))
    done = said(programs["D1u"].send_file("/imports/register", content, unit="B1"), 201)
    assert done["taken_in"]["counts"]["added"] == 1
    assert_problem(programs["U1"].send_file("/imports/register", content, unit="B9"), 404, "unit_unknown")


def test_uses_from_before_count_until_the_list_is_taken_back(shop, programs):
    shop.pool("pool", 1_000_000)
    shop.program("health-check", health_check("pool"), ProgramKind.SUBSIDY)
    member = shop.member(1)
    content = sheet(USES, ("周桂林", make_membership.id_number(1), "health-check", "2026-03-12", "100", ""))
    assert_problem(programs["U1"].send_file("/imports/past-uses", content), 403, "role_missing")
    done = said(programs["C1"].send_file("/imports/past-uses", content, filename="体检.csv"), 201)
    assert done["taken_in"]["counts"] == {"rows": 1, "stored": 1, "known": 0, "invalid": 0}
    assert shop.redeem(member, 20_000, service_code="health_check").refused
    (line,) = said(programs["C1"].get("/past-uses"))["items"]
    assert (line["filename"], line["stored"], line["taken_back_at"]) == ("体检.csv", 1, None)
    overview = said(programs["chair"].get("/overview"))
    (program,) = overview["programs"]
    assert (program["uses"], program["imported_uses"], program["imported_fen"], overview["union_fen"]) == (
        0,
        1,
        10_000,
        0,
    )
    assert said(programs["C1"].post(f"/past-uses/{line['id']}/take-back", {"reason": "项目选错了"})) == {"count": 1}
    assert not shop.redeem(member, 20_000, service_code="health_check").refused
    assert_problem(
        programs["C1"].post(f"/past-uses/{line['id']}/take-back", {"reason": "再撤"}), 409, "taken_back_before"
    )


def test_a_request_of_the_district_rests_on_a_decision_with_its_original(office, programs):
    scan = b"%PDF-1.7 decision"
    about = {
        "document": "云工〔2026〕31号", "meeting": "主席办公会", "decided_on": "2026-06-01", "budget_item": "会员服务卡",
    }  # fmt: skip
    about |= {"filename": "决定.pdf", "key": "the-decision-0001"}
    made = said(programs["C1"].send_file("/authorities", scan, "application/pdf", **about), 201)
    again = programs["C1"].send_file("/authorities", scan, "application/pdf", **about)
    assert (again.json, again.headers["Idempotency-Replayed"]) == (made, "true")
    for other, more in ((scan + b"2", {}), (scan, {"meeting": "党组会"})):
        reused = programs["C1"].send_file("/authorities", other, "application/pdf", **about | more)
        assert_problem(reused, 422, "idempotency_key_reused")
    del about["key"]
    assert made["sha256"] == hashlib.sha256(scan).hexdigest()
    body = {"year": office.year, "count": 500, "reason": "新增单位", "authority_id": made["id"]}
    assert_problem(programs["C2"].post("/quota/raises", body), 404, "authority_unknown")
    said(programs["C1"].post("/quota/raises", body), 201)
    (asked,) = said(programs["C2"].get("/quota/raises"))["items"]
    assert (asked["authority"]["id"], asked["authority"]["filename"]) == (made["id"], "决定.pdf")
    assert programs["C2"].get(f"/authorities/{made['id']}/original").data == scan
    assert_problem(programs["U1"].get(f"/authorities/{made['id']}/original"), 404, "authority_unknown")
    assert_problem(
        programs["C1"].send_file("/authorities", b"MZ program", "application/pdf", **about), 422,
        "original_unknown_type",
    )  # fmt: skip


def test_a_program_and_its_pool_rest_on_one_decision_sent_once(shop, programs):
    shop.pool("pool", 1_000_000)
    shop.program("health-check", health_check("pool"), ProgramKind.SUBSIDY)
    about = {
        "document": "云工〔2026〕18号", "meeting": "常委会", "decided_on": "2026-03-02", "budget_item": "职工服务支出",
    }  # fmt: skip
    made = said(programs["C1"].send_file("/authorities", b"%PDF-1.7 x", "application/pdf", **about), 201)
    attached = said(programs["C1"].post("/programs/health-check/authorities", {"authority_id": made["id"]}), 201)
    assert (attached["kind"], attached["decisions"][0]["authority"]["sha256"]) == ("program", made["sha256"])
    # Another officer may rest the pool on it, since it stands for a program of the same union now.
    said(programs["C2"].post("/pools/pool/authorities", {"authority_id": made["id"]}), 201)
    assert_problem(
        programs["C2"].post("/pools/pool/authorities", {"authority_id": made["id"]}), 409, "authority_attached"
    )
    later = said(programs["C2"].post("/pools/pool/authorities", {"authority": {**about, "document": "30号"}}), 201)
    assert [one["authority"]["document"] for one in later["decisions"]] == ["30号", "云工〔2026〕18号"]
    both = {"authority_id": made["id"], "authority": about}
    for body in (both, {}):
        assert_problem(programs["C1"].post("/pools/pool/authorities", body), 422, "invalid_fields")
    found = said(programs["C1"].get("/authorities"))["items"]
    assert [(one["kind"], one["code"], len(one["decisions"])) for one in found] == [
        ("program", "health-check", 1), ("pool", "pool", 2),
    ]  # fmt: skip
    assert programs["C2"].get(f"/authorities/{made['id']}/original").data == b"%PDF-1.7 x"
    assert_problem(programs["D1u"].post("/pools/pool/authorities", {"authority": about}), 403, "scope_denied")


def test_a_document_is_corrected_and_a_card_of_others_tied_by_calls(office, programs, session, world):
    (person,) = make_membership.people(session, world, 1, answer=None)
    scan = hashlib.sha256(b"scan").hexdigest()
    body = {
        "id_type": "resident_id",
        "id_number": make_membership.id_number(77),
        "evidence": "原件已核对",
        "sha256": scan,
    }
    said(programs["C1"].post(f"/members/{person}/document", body))
    assert membership.people_of_document(session, make_membership.id_number(77)) == {person}
    tied = said(
        programs["U1"].post(f"/members/{person}/tie-card", {"number": "6222021001112223334", "issuer": "工商银行"}),
        201,
    )
    assert tied["state"] == "delivered"


def test_the_list_to_sign_of_a_batch_is_a_paper(office, programs):
    office.issue(1, 2)
    (batch,) = said(programs["U1"].get("/batches"))["items"]
    paper = programs["U1"].get(f"/batches/{batch['id']}/sign-list.pdf")
    assert paper.content_type == "application/pdf"
    assert "共 2 人" in words_on(paper.data)[0]


def test_an_address_of_a_merchant_is_made_stopped_and_started(shop, programs):
    body = {"merchant": "M1001", "url": "https://hooks.example.com/cardnet", "kinds": ["redemption.captured"]}
    made = said(programs["C1"].post("/webhooks", body, key="webhook-000000001"), 201)
    assert made["secret"].startswith("whsec_")
    assert_problem(programs["C1"].post("/webhooks", body, key="webhook-000000001"), 409, "answer_shown_once")
    (line,) = said(programs["C1"].get("/webhooks"))["items"]
    assert (line["merchant_code"], line["kinds"], line["active"]) == ("M1001", ["redemption.captured"], True)
    said(programs["C1"].post(f"/webhooks/{made['id']}/disable"))
    assert said(programs["C1"].get("/webhooks"))["items"][0]["active"] is False
    said(programs["C1"].post(f"/webhooks/{made['id']}/enable"))
    assert said(programs["C1"].get(f"/webhooks/{made['id']}/deliveries")) == {"items": [], "next_cursor": None}
    assert_problem(programs["C1"].get("/webhooks/01a1fbd4-0000-7000-8000-000000000000/deliveries"), 404, "endpoint_unknown")  # fmt: skip


def test_keys_tell_what_tills_trust_and_an_alarm_is_closed_with_words(shop, programs, session, world):
    shop.program("D", rule(fixed(500)))
    record = shop.redeem(shop.member(1), 5_000)
    key = store.key_lines(session, world.now())[0].key
    alarm = store.Alarm(store.NOT_ISSUED, 7, key.kid, record.id, "M1001-1", world.now())
    assert store.raise_alarm(session, world, alarm)
    seen = said(programs["aud"].get("/keys"))
    assert {line["kid"] for line in seen["keys"]} >= {key.kid.hex()}
    assert all("private" not in name for line in seen["keys"] for name in line)
    (told,) = seen["alarms"]
    assert (told["kind"], told["acknowledged_at"]) == ("not_issued", None)
    assert_problem(programs["aud"].post(f"/keys/alarms/{told['id']}/close", {"words": "样卡"}), 403, "role_missing")
    said(programs["boss"].post(f"/keys/alarms/{told['id']}/close", {"words": "商户误扫了样卡"}))
    assert said(programs["boss"].get("/keys"))["alarms"][0]["words"] == "商户误扫了样卡"


def test_the_wall_counts_nobody_out_and_the_untouched_are_listed(shop, programs):
    shop.program("D", rule(fixed(500)))
    shop.redeem(shop.member(1), 5_000)
    wall = said(programs["U1"].get("/overview/notice-board"))
    assert (wall["used"], wall["union_fen"], wall["programs"][0]["people"]) == (None, None, None)
    assert said(programs["chair"].get("/overview/untouched"))["total"] == 0
    assert benefits.usage_report(shop.session)[0].people == 1
    assert said(programs["C1"].get("/late-transfers")) == {"items": []}
