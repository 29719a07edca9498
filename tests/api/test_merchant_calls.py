"""A partner is taken on, paired, paid and listed by programs as on the pages; limits take two of finance."""

import pytest

from cardnet.credential import store
from cardnet.merchants import services as merchants
from tests.make.merchants import CREDIT_CODE, PDF, make_partner

SHOP = {"code": "M1009", "name": "百禾超市", "category": "supermarket", "credit_code": CREDIT_CODE}


def test_a_partner_is_taken_on_by_a_program(session, world, programs):
    officer = programs["C1"]
    made = officer.post("/merchants", SHOP).json
    assert (made["state"], made["missing"]) == ("draft", ["agreement", "store", "contact"])
    here = f"/merchants/{made['id']}"
    refused = officer.post(f"{here}/state", {"state": "active", "reason": "开张"})
    assert (refused.status_code, refused.json["code"]) == (409, "merchant_incomplete")
    signed = {"number": "云工合〔2026〕9号", "signed_on": "2026-11-01", "from_on": "2026-11-02"}
    agreement = officer.post(f"{here}/agreements", signed).json
    kept = officer.send_file(f"/agreements/{agreement['id']}/file", PDF, "application/pdf")
    assert kept.json["file_type"] == "application/pdf"
    assert officer.get(f"/agreements/{agreement['id']}/file").data == PDF
    shop = {"code": "S01", "name": "永泽店", "address": "谷阳路 128 号", "hours": {"1": ["8:00", "21:30"]}}
    kept = officer.post(f"{here}/stores", shop | {"township": "D1"}).json
    assert (kept["hours"], kept["township"]) == ({"1": ["08:00", "21:30"]}, {"code": "D1", "name": "永泽街道"})
    moved = {"name": "永泽店", "address": "谷阳路 128 号"}
    for change, township in (({}, "D1"), ({"township": "D2"}, "D2")):
        assert officer.post(f"/stores/{kept['id']}/change", moved | change).json["township"]["code"] == township
    refused = officer.post(f"/stores/{kept['id']}/change", moved | {"township": "B1"})
    assert (refused.status_code, refused.json["code"]) == (422, "township_invalid")
    officer.post(f"{here}/contacts", {"kind": "daily", "name": "李会计", "phone": "13800000000"})
    opened = officer.post(f"{here}/state", {"state": "active", "reason": "开张"}).json
    assert (opened["state"], opened["missing"], opened["contacts"][0]["name"]) == ("active", [], "李会计")
    assert [one["code"] for one in officer.get("/merchants", state="active").json["items"]] == ["M1009"]
    assert [one["code"] for one in officer.get("/merchants", township="D2").json["items"]] == ["M1009"]
    assert officer.get("/merchants", township="D1").json["items"] == []


def test_a_terminal_is_added_paired_and_revoked(client, session, world, programs):
    officer, one = programs["C1"], make_partner(session, world)
    place = merchants.stores_of(session, one.id)[0]
    asked = {"store_id": str(place.id), "code": "T01", "name": "前台"}
    terminal = officer.post(f"/merchants/{one.id}/terminals", asked).json
    code = officer.post(f"/terminals/{terminal['id']}/pairing-code", {}).json["code"]
    paired = client.post("/merchant/v1/terminals/enrol", json={"pairing_code": code, "name": "前台"})
    assert paired.status_code == 201
    listed = officer.get("/terminals", merchant="M1001", standing="stale").json["items"]
    assert [(line["code"], line["tokens"], line["synced_at"]) for line in listed] == [("T01", 1, None)]
    assert officer.post(f"/terminals/{terminal['id']}/revoke", {"reason": "丢失"}).json["count"] == 1
    assert officer.post(f"/terminals/{terminal['id']}/retire", {"reason": "报废"}).json["state"] == "retired"


def test_an_account_and_limits_need_two_of_finance(session, world, programs):
    one, maker, checker = make_partner(session, world), programs["fin"], programs["chk"]
    given = {"holder": "疗养院", "number": "6222 0000 1234 5678", "bank": "农商银行", "evidence": "开户许可证"}
    account = maker.post(f"/merchants/{one.id}/payee-accounts", given).json
    assert (account["masked"], account["state"]) == ("**** 5678", "proposed")
    yes = {"approve": True, "words": "一致"}
    assert maker.post(f"/payee-accounts/{account['id']}/decide", yes).status_code == 403
    assert [line["id"] for line in checker.get("/payee-accounts").json["items"]] == [account["id"]]
    assert checker.post(f"/payee-accounts/{account['id']}/decide", yes).json["state"] == "approved"

    limits = {
        "floor_fen": 3000, "card_uses": 1, "uses": 30, "given_fen": 80000, "sync_hours": 48, "printed_floor_fen": 5000,
        "printed_card_uses": 1, "document": "云工〔2026〕30号",
    }  # fmt: skip
    wrong = maker.post("/offline-limits", limits)
    assert (wrong.status_code, wrong.json["errors"][0]["pointer"]) == (422, "/printed_floor_fen")
    proposed = maker.post("/offline-limits", limits | {"printed_floor_fen": 1000}).json
    assert checker.post(f"/offline-limits/{proposed['id']}/decide", yes).json["state"] == "approved"
    assert checker.get("/offline-limits").json["in_force"]["floor_fen"] == 3000
    assert store.trust_pack(session, world.now()).policy.offline_floor_fen == 3_000
    again = maker.post("/offline-limits", limits | {"printed_floor_fen": 500}).json
    assert maker.post(f"/offline-limits/{again['id']}/withdraw", {}).json["state"] == "withdrawn"


def test_people_are_invited_and_a_company_is_listed(session, world, programs):
    officer, one = programs["C1"], make_partner(session, world)
    person = {"username": "wang", "display_name": "王店长", "role": "merchant_manager"}
    assert officer.post(f"/merchants/{one.id}/people", person).json["token"].startswith("cni_")
    assert [line["username"] for line in officer.get(f"/merchants/{one.id}/people").json["items"]] == ["wang"]
    entry = {"credit_code": CREDIT_CODE, "name": "疗养院", "reason": "虚假核销", "document": "云工〔2026〕40号"}
    assert officer.post("/merchant-blacklist", entry).json["merchants"] == ["M1001"]
    refused = officer.post("/merchants", SHOP)
    assert (refused.status_code, refused.json["code"]) == (409, "merchant_blacklisted")
    (line,) = officer.get("/merchant-blacklist").json["items"]
    assert officer.post(f"/merchant-blacklist/{line['id']}/lift", {"reason": "整改合格"}).status_code == 200


@pytest.mark.parametrize("content", [b"MZ no paper", b"%PDF-" + bytes(9 << 20)])
def test_what_is_no_paper_is_refused(session, world, programs, content):
    officer, one = programs["C1"], make_partner(session, world)
    agreement = merchants.agreements_of(session, world, one.id)[0]
    answer = officer.send_file(f"/agreements/{agreement.id}/file", content, "application/pdf")
    assert (answer.status_code, answer.json["code"]) in ((422, "file_type"), (422, "file_too_large"))
