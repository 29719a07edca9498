"""Versions of rules by programs: drafted, handed in, given back, approved by somebody else, ended; whose they are."""

from datetime import date

import pytest

from cardnet.benefits import services
from cardnet.benefits.words import ProgramKind
from tests.make.api import assert_problem, make_program, said
from tests.make.benefits import make_shop, percent, rule

DRAFT = {"body": rule(percent(1_500)), "effective_from": "2027-02-01"}


@pytest.fixture
def shop(session, world):
    shop = make_shop(session, world)
    shop.program("tea", rule(percent(1_000)), ProgramKind.DISCOUNT, name="茶饮九折")
    return shop


@pytest.fixture
def callers(client, session, world, shop):
    return {name: make_program(client, session, world, shop.office[name]) for name in ("C1", "C2", "D1u", "A1")}


def test_a_version_goes_from_its_author_to_somebody_else_and_into_force(callers, session):
    author, approver = callers["C1"], callers["C2"]
    draft = said(author.post("/programs/tea/rules", DRAFT, key="draft-0000000001"), 201)
    assert (draft["no"], draft["status"], draft["may_submit"], draft["body"]) == (2, "draft", True, DRAFT["body"])
    here = f"/rules/{draft['id']}"
    assert said(author.post(f"{here}/submit"))["status"] == "in_review"
    assert said(approver.get(here))["may_decide"] and not said(author.get(here))["may_decide"]
    assert_problem(author.post(f"{here}/approve"), 403, "sod_violation")
    back = said(approver.post(f"{here}/return", {"words": "让利写错"}))
    assert back["status"] == "draft"
    assert_problem(approver.post(f"{here}/approve"), 409, "illegal_transition")
    author.post(f"{here}/submit")
    done = said(approver.post(f"{here}/approve"))
    assert (done["status"], done["approver"] != "", done["may_retire"]) == ("approved", True, True)
    assert said(approver.post(f"{here}/retire", {"on": "2027-05-01"}))["effective_to"] == "2027-05-01"
    assert [one.effective_to for one in services.rule_versions(session, "tea")] == [date(2027, 5, 1), date(2027, 2, 1)]


def test_versions_are_read_page_by_page_and_only_of_ones_own_unions(callers, shop):
    for day in range(1, 6):
        callers["C1"].post("/programs/tea/rules", DRAFT | {"effective_from": f"2027-03-0{day}"})
    seen, cursor = [], None
    while True:
        page = said(callers["C2"].get("/rules", limit=2, program="tea", **({"cursor": cursor} if cursor else {})))
        seen += [one["no"] for one in page["items"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert seen == [6, 5, 4, 3, 2, 1]
    assert [one["no"] for one in said(callers["C2"].get("/rules", status="approved"))["items"]] == [1]
    assert_problem(callers["C2"].get("/rules", cursor="x"), 422, "invalid_fields")
    newest = services.rule_versions(shop.session, "tea")[0]
    assert said(callers["D1u"].get("/rules"))["items"] == []
    assert_problem(callers["D1u"].get("/rules", program="tea"), 404, "program_unknown")
    assert_problem(callers["D1u"].get(f"/rules/{newest.id}"), 404, "rule_unknown")
    assert_problem(callers["D1u"].post("/programs/tea/rules", DRAFT), 403, "scope_denied")


def test_each_fault_of_a_document_is_pointed_at_and_a_number_is_set_once(callers):
    wrong = DRAFT | {"body": DRAFT["body"] | {"calc": {"op": "percent_off", "bp": 0}, "colour": "red"}}
    answer = callers["C1"].post("/programs/tea/rules", wrong)
    assert_problem(answer, 422, "rule_invalid")
    assert {"/calc/bp", "/colour"} <= {one["pointer"].removeprefix("/body") for one in answer.json["errors"]}
    given = {"code": "tea_fen", "value": 350, "effective_from": "2027-01-01", "doc_ref": "云工〔2027〕1号"}
    assert callers["C1"].post("/rule-parameters", given).status_code == 201
    assert_problem(callers["C1"].post("/rule-parameters", given | {"value": 351}), 409, "parameter_taken")


def test_a_merchants_tills_must_sign_when_the_union_says_so(callers, client, session, world, shop):
    one = shop.venue.merchant_id
    assert said(callers["C1"].post(f"/merchants/{one}/signatures", {"required": True}))["requires_signature"] is True
    assert said(callers["C1"].post(f"/merchants/{one}/signatures", {"required": False}))["requires_signature"] is False
    assert_problem(callers["A1"].post(f"/merchants/{one}/signatures", {"required": True}), 403, "role_missing")
