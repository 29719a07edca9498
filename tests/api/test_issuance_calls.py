"""From a file to a card in a member's hand, by calls alone; each of them says what the page would."""

import pytest

from cardnet.kernel.calendar import day_of
from cardnet.membership.spreadsheet import read
from tests.make import membership as make_membership
from tests.make.api import assert_problem, said
from tests.make.web import submit

NOBODY = "01a1fbd4-0000-7000-8000-000000000000"


def sent_in(office, programs, *serials: int) -> dict:
    """A roster of B1 submitted by its officer; the batch."""
    job = said(programs["U1"].send_file("/rosters", office.roster(*serials), filename="名单.csv"), 201)
    assert (job["state"], job["report"]["valid"], job["report"]["rows"]) == ("checked", len(serials), len(serials))
    done = said(programs["U1"].post(f"/rosters/{job['id']}/submit", {"mode": "valid_rows_only"}))
    assert done["state"] == "submitted"
    return said(programs["U1"].get(f"/batches/{done['batch_id']}"))


def test_from_a_file_to_a_card_that_was_signed_for(office, programs):
    office.give_unit("B1", 3)
    batch = sent_in(office, programs, 1, 2, 3)
    assert batch["states"] == {"submitted": 3}
    for officer in ("A1", "D1u", "C1"):
        waiting = said(programs[officer].get("/review"))
        assert [row["row"] for row in waiting["items"]] == [1, 2, 3]
        assert waiting["total"] == 3
        assert said(programs[officer].post("/review", {"verdict": "approve"}))["rows"] == 3
    issued = said(programs["C1"].post(f"/batches/{batch['id']}/issue"))
    assert (len(issued["cards"]), issued["skipped"]) == (3, 0)
    found = said(programs["U1"].get("/cards", batch_id=batch["id"]))["items"]
    assert {card["number"] for card in found} == {card["number"] for card in issued["cards"]}
    number, card_id = found[0]["number"], found[0]["id"]
    assert said(programs["U1"].post("/cards/hand-out", {"numbers": [number]})) == {"count": 1}
    assert said(programs["U1"].post("/cards/hand-out", {"numbers": [number]})) == {"count": 0}
    card = said(programs["U1"].get(f"/cards/{card_id}"))
    assert (card["state"], [event["action"] for event in card["history"]][-1]) == ("delivered", "deliver")
    line = next(line for line in said(programs["U1"].get("/quota"))["items"] if line["union"]["code"] == "B1")
    assert (line["received"], line["used"], line["free"]) == (3, 3, 0)


def test_a_return_is_corrected_and_comes_again(office, programs):
    office.give_unit("B1", 2)
    batch = sent_in(office, programs, 1, 2)
    answer = programs["A1"].post(
        f"/batches/{batch['id']}/review", {"verdict": "return", "rows": [2], "reasons": ["R04"], "words": "请更正"}
    )
    assert (said(answer)["rows"], answer.json["state"]) == (1, "returned")
    row = said(programs["U1"].get(f"/batches/{batch['id']}/rows/2"))
    assert (row["state"], row["reasons"], row["words"]) == ("returned", ["R04"], "请更正")
    corrected = said(programs["U1"].post(f"/batches/{batch['id']}/rows/2/correct", {"phone": "13800138002"}))
    assert corrected["round"] == 2
    again = said(programs["A1"].get("/review", show="again"))["items"]
    assert [one["row"] for one in again] == [2]


def test_a_program_decides_about_the_applications_it_names_in_any_round(office, programs):
    office.give_unit("B1", 3)
    sent_in(office, programs, 1, 2, 3)
    listed = {row["row"]: row["application_id"] for row in said(programs["A1"].get("/review"))["items"]}
    back = {"verdict": "return", "applications": [listed[2]], "reasons": ["R04"], "words": "请更正手机号码"}
    assert said(programs["A1"].post("/review", back))["rows"] == 1
    assert said(programs["A1"].post("/review", {"verdict": "approve", "applications": [listed[1]]}))["rows"] == 1
    batch = said(programs["U1"].get("/batches"))["items"][0]["id"]
    said(programs["U1"].post(f"/batches/{batch}/rows/2/correct", {"phone": "13800138002"}))
    assert said(programs["A1"].post("/review", {"verdict": "approve", "applications": [listed[2]]}))["rows"] == 1
    left = said(programs["A1"].get("/review"))["items"]
    assert [row["row"] for row in left] == [3]


def test_what_a_check_found_is_said_in_the_language_asked_for(programs):
    lines = [make_membership.roster_line(0), make_membership.roster_line(1, phone="123")]
    content = make_membership.csv_file(make_membership.roster_cells(lines))
    u1, english = programs["U1"], {"Accept-Language": "en-GB,en;q=0.9,zh;q=0.5"}
    job = said(u1.send_file("/rosters", content), 201)
    path = f"/rosters/{job['id']}"

    def told(headers):
        (row,) = said(u1.get(f"{path}/rows", headers=headers, code="phone_format"))["items"]
        sheet = read(u1.get(f"{path}/result.xlsx", headers=headers).data).rows
        return row["findings"][0]["message"], [line[18] for line in sheet]

    assert told({}) == (
        "手机号码应为 1 开头的 11 位数字，一格只填一个号码：请改正。", ["状态", "可以提交", "需要改正"],
    )  # fmt: skip
    mend = "A mobile number has 11 digits and begins with 1, one number a cell: correct it."
    assert told(english) == (mend, ["Status", "can be sent in", "must be mended"])
    batch = said(u1.post(f"{path}/submit", {"mode": "valid_rows_only"}))["batch_id"]
    kept = read(u1.get(f"/batches/{batch}/result.xlsx", headers=english, rows="invalid").data).rows
    assert kept[1][18:] == ["must be mended", mend, "phone_format"]
    torn = u1.send_file("/rosters", b"PK\x03\x04torn", headers=english)
    assert said(torn, 201)["error_words"].startswith("The file “roster” cannot be read")
    answer = u1.post("/review", {"verdict": "reject"}, headers=english)
    title = "Some members must be mended; errors[] points at each."
    assert (answer.headers["Content-Language"], answer.json["title"]) == ("en", title)


def test_a_file_refused_as_a_whole_is_a_problem_and_stays_to_be_sent_otherwise(office, programs):
    office.give_unit("B1", 2)
    lines = [make_membership.roster_line(0), make_membership.roster_line(1, phone="12")]
    u1 = programs["U1"]
    job = said(u1.send_file("/rosters", make_membership.csv_file(make_membership.roster_cells(lines))), 201)
    path = f"/rosters/{job['id']}"
    refused = u1.post(f"{path}/submit", {"mode": "all_or_nothing"})
    assert_problem(refused, 422, "roster_has_errors")
    assert "有 1 行需要修改" in refused.json["title"]
    known = said(u1.get(path))
    assert (known["state"], known["error"], known["batch_id"]) == ("checked", "roster_has_errors", None)
    assert said(u1.get("/batches"))["items"] == []
    sent = said(u1.post(f"{path}/submit", {"mode": "valid_rows_only"}))
    assert (sent["state"], sent["error"]) == ("submitted", None)
    batch = u1.get(f"/batches/{sent['batch_id']}/result.xlsx", rows="invalid")
    after = u1.get(f"{path}/result.xlsx", rows="invalid")
    assert read(after.data).rows == read(batch.data).rows
    assert [row[18] for row in read(after.data).rows] == ["状态", "需要改正"]
    assert len(read(u1.get(f"{path}/result.xlsx").data).rows) == 3


def test_a_verdict_without_a_reason_is_pointed_at(programs):
    answer = programs["A1"].post("/review", {"verdict": "reject"})
    assert_problem(answer, 422, "invalid_fields")
    assert [error["pointer"] for error in answer.json["errors"]] == ["/reasons"]


def test_an_approval_carries_no_reason_of_refusal(office, programs):
    office.give_unit("B1", 2)
    batch = sent_in(office, programs, 1, 2)["id"]
    approve = {"verdict": "approve", "reasons": ["R04"]}
    for path, body in ((f"/batches/{batch}/review", approve | {"rows": [2]}), ("/review", approve)):
        answer = programs["A1"].post(path, body)
        assert_problem(answer, 422, "invalid_fields")
        assert [error["pointer"] for error in answer.json["errors"]] == ["/reasons"]
    assert said(programs["A1"].get("/review"))["total"] == 2
    assert said(programs["A1"].post(f"/batches/{batch}/review", {"verdict": "approve", "rows": [2]}))["rows"] == 1


def test_a_day_is_free_or_worked_and_not_both(programs):
    body = {"free": ["2028-03-06", "2028-03-07"], "worked": ["2028-03-07"], "document": "国办发明电〔2027〕9号"}
    answer = programs["C1"].post("/calendar-days", body)
    assert_problem(answer, 422, "days_contradict")
    assert [error["pointer"] for error in answer.json["errors"]] == ["/worked"]
    assert "2028-03-07" in answer.json["title"]
    assert said(programs["C1"].post("/calendar-days", body | {"worked": ["2028-03-04"]})) == {"moved": 0}


def test_the_same_file_sent_twice_makes_one_batch(office, programs):
    office.give_unit("B1", 2)
    batch = sent_in(office, programs, 1, 2)
    again = programs["U1"].send_file("/rosters", office.roster(1, 2), filename="另一个名字.csv")
    assert_problem(again, 409, "roster_sent_before")
    assert again.json["detail"] == {"batch_id": batch["id"]}
    assert len(said(programs["U1"].get("/batches"))["items"]) == 1


def test_places_move_once_under_one_key(office, programs):
    body = {"year": office.year, "count": 30, "document": "云工〔2026〕1号"}
    key = "grant-2026-000000001"
    first = programs["C1"].post("/quota/grant", body, key=key)
    again = programs["C1"].post("/quota/grant", body, key=key)
    assert said(first)["received"] == 30
    assert (again.data, again.headers["Idempotency-Replayed"]) == (first.data, "true")
    assert office.quota("C").received == 30
    assert_problem(programs["C1"].post("/quota/grant", body | {"count": 31}, key=key), 422, "idempotency_key_reused")
    assert said(programs["C1"].post("/quota/grant", body))["received"] == 60


def test_places_are_cut_as_they_were_granted(office, programs):
    c1, body = programs["C1"], {"year": office.year, "document": "云工〔2026〕9号"}
    said(c1.post("/quota/grant", body | {"count": 30}))
    office.allocate("C", "D1", 20)
    assert said(c1.post("/quota/grant", body | {"count": -3}))["received"] == 27
    assert_problem(c1.post("/quota/grant", body | {"count": -8}), 409, "quota_not_returnable")
    none = c1.post("/quota/grant", body | {"count": 0})
    assert_problem(none, 422, "count_invalid")
    assert "核减填负数" in none.json["title"]
    assert_problem(programs["D1u"].post("/quota/grant", body | {"count": -1}), 403, "out_of_scope")
    assert_problem(c1.post("/quota/allocate", body | {"count": -1}), 422, "invalid_fields")
    assert (office.quota("C").received, office.quota("C").free) == (27, 7)


def test_a_key_is_its_accounts_own(office, programs):
    body = {"year": office.year, "count": 3, "document": "云工〔2026〕1号"}
    said(programs["C1"].post("/quota/grant", body, key="0123456789abcdef"))
    assert "Idempotency-Replayed" not in programs["C2"].post("/quota/grant", body, key="0123456789abcdef").headers
    assert office.quota("C").received == 6


def test_what_failed_leaves_the_key_free(office, programs):
    body = {"year": office.year, "giver": "C", "taker": "D1", "count": 5}
    office.grant(4)
    assert_problem(programs["C1"].post("/quota/allocate", body, key="k" * 16), 409, "quota_short")
    office.grant(1)
    assert said(programs["C1"].post("/quota/allocate", body, key="k" * 16))["received"] == 5


def test_a_secret_is_not_shown_to_a_repeat(office, programs):
    office.give_unit("B1", 1)
    batch = sent_in(office, programs, 1)
    office.approve_all_the_way(batch["id"])
    assert len(said(programs["C1"].post(f"/batches/{batch['id']}/issue", key="issue-000000000001"))["cards"]) == 1
    again = programs["C1"].post(f"/batches/{batch['id']}/issue", key="issue-000000000001")
    assert_problem(again, 409, "answer_shown_once")


@pytest.mark.parametrize("path", ["/review", "/cards", "/batches/{batch}/rows"])
def test_pages_of_a_list_have_every_row_once(office, programs, path):
    office.issue(1, 2, 3, 4, 5)
    office.give_unit("B1", 7)
    batch = sent_in(office, programs, *range(11, 18))
    program, path = programs["A1" if path == "/review" else "U1"], path.format(batch=batch["id"])
    seen, cursor = [], {}
    while True:
        page = said(program.get(path, limit=3, **cursor))
        assert len(page["items"]) <= 3
        seen += [item.get("application_id") or item["id"] for item in page["items"]]
        if page["next_cursor"] is None:
            break
        cursor = {"cursor": page["next_cursor"]}
    assert len(seen) == len(set(seen)) == (5 if path == "/cards" else 7)


def test_a_cursor_is_good_for_its_own_list_and_filter_and_reader_only(office, programs):
    office.give_unit("B1", 4)
    sent_in(office, programs, 1, 2, 3, 4)
    cursor = said(programs["A1"].get("/review", limit=2))["next_cursor"]
    assert said(programs["A1"].get("/review", limit=2, cursor=cursor))["next_cursor"] is None
    for program, query in (
        (programs["A1"], {"show": "again", "cursor": cursor}),
        (programs["D1u"], {"cursor": cursor}),
        (programs["A1"], {"cursor": cursor[:-2] + "xx"}),
        (programs["A1"], {"cursor": "%%%"}),
    ):
        assert_problem(program.get("/review", **query), 422, "invalid_fields")


def test_lists_show_no_whole_number(office, programs):
    office.give_unit("B1", 1)
    batch = sent_in(office, programs, 1)
    person = said(programs["A1"].get("/review"))["items"][0]["person"]
    assert "*" in person["id_number"] and "*" in person["phone"]
    file = said(programs["U1"].get(f"/members/{person['id']}"))
    assert file["person"]["id_number"] == person["id_number"]
    assert said(programs["boss"].get("/audit", action="member.look"))["items"][0]["subject_id"] == person["id"]
    assert batch["submitter"]


def test_somebody_who_stands_in_acts_in_the_others_name(office, programs):
    office.give_unit("B1", 1)
    sent_in(office, programs, 1)
    office.review(said(programs["A1"].get("/review"))["items"][0]["batch_id"], "A1")
    today = day_of(office.world.now()).isoformat()
    asked = {"deputy": office["U9"].username, "first_on": today, "last_on": today, "reason": "外出培训"}
    said(programs["D1u"].post("/delegations", asked), 201)
    (giver,) = said(programs["U9"].get("/me"))["stands_in_for"]
    waiting = said(programs["U9"].get("/review", on_behalf_of=giver["account_id"]))["items"]
    assert len(waiting) == 1
    done = programs["U9"].post("/review", {"verdict": "approve", "on_behalf_of": giver["account_id"]})
    assert said(done)["rows"] == 1
    assert_problem(programs["U2"].get("/review", on_behalf_of=giver["account_id"]), 403, "delegation_unknown")


def test_a_handed_out_list_is_signed_by_number(office, programs):
    card = office.issue(1)[0]
    opened = {"kind": "gift", "title": "慰问品", "document": "云工〔2026〕21号", "unit": "B1"}
    handout = said(programs["U1"].post("/handouts", opened), 201)
    assert (handout["people"], handout["signed"]) == (1, 0)
    scanned = said(programs["U1"].post(f"/handouts/{handout['id']}/scan", {"read": card.number}))
    assert (scanned["outcome"], scanned["signed"]) == ("signed", 1)
    assert said(programs["U1"].get(f"/handouts/{handout['id']}/people", show="signed"))["total"] == 1
    assert programs["U1"].get(f"/handouts/{handout['id']}/list.pdf").data.startswith(b"%PDF")


def test_cards_are_printed_suspended_and_replaced(office, programs):
    office.issue(1)
    (card,) = said(programs["U1"].get("/cards"))["items"]
    printed = programs["C1"].post(f"/cards/{card['id']}/print", {"layout": "single"})
    assert (printed.status_code, printed.content_type) == (200, "application/pdf")
    assert said(programs["U1"].post(f"/cards/{card['id']}/suspend", {"reason": "丢了"}))["state"] == "suspended"
    new = said(programs["C1"].post(f"/cards/{card['id']}/replace", {"reason": "丢了"}))
    assert said(programs["U1"].get(f"/cards/{card['id']}"))["after"]["number"] == new["number"]
    assert programs["C1"].post(f"/cards/{card['id']}/replace", {"reason": "丢了"}).status_code == 409
    assert_problem(programs["U1"].get(f"/cards/{NOBODY}"), 404, "card_unknown")


def test_a_unit_applies_for_a_replacement_and_answers_a_return(office, programs):
    office.issue(1)
    (card,) = said(programs["U1"].get("/cards"))["items"]
    applied = said(programs["U1"].post(f"/cards/{card['id']}/apply", {"why": "lost"}), 201)
    assert applied["rows"] == 1
    assert said(programs["U1"].get(f"/cards/{card['id']}"))["state"] == "suspended"
    returned = {"verdict": "return", "reasons": ["R11"], "words": "请附证明"}
    said(programs["A1"].post(f"/batches/{applied['batch_id']}/review", returned))
    again = programs["U1"].post(f"/batches/{applied['batch_id']}/rows/1/resubmit", {"words": "已附证明"})
    assert said(again) == {"round": 2}
    assert_problem(programs["U9"].post(f"/cards/{card['id']}/apply", {"why": "lost"}), 404, "card_unknown")


def test_members_fill_in_and_the_officer_takes_them_over(client, office, programs):
    office.give_unit("B1", 1)
    poster = said(programs["U1"].post("/self-fill/poster", {"last_day": "2026-12-01"}))
    assert programs["U1"].get("/self-fill/poster.pdf").data.startswith(b"%PDF")
    filled = {"name": "张三", "id_type": "护照", "id_number": "E12345678", "phone": "13800000000", "employment": "合同"}
    assert submit(client, f"/fill/{poster['token']}", filled | {"consent": "是", "website": ""}).status_code == 303
    (entry,) = said(programs["U1"].get("/self-fill"))["entries"]
    assert (entry["name"], entry["phone"], "*" in entry["id_number"]) == ("张三", "138****0000", True)
    taken = said(programs["U1"].post("/self-fill/entries/take", {"entries": [entry["id"]]}), 201)
    assert (taken["submitted"], taken["invalid"]) == (1, 0)
    assert said(programs["U1"].get("/self-fill"))["entries"] == []
    assert_problem(programs["C1"].get("/self-fill"), 403, "role_missing")
