"""A program that asks for English is refused in English: every code a service behind `/api/v1` raises has its title."""

import re
from pathlib import Path

import pytest

import cardnet
from cardnet.kernel.errors import FieldError
from cardnet.web.api.english import english
from cardnet.web.api.words.problem_titles import REST, TITLES

HERE = Path(cardnet.__file__).parent
PACKAGES = ("access", "benefits", "finance", "issuance", "kernel", "ledger", "membership", "merchants", "web/api")
ELSEWHERE = {
    # Asked for on the server's own command line, by phones, tills and browsers; never by a program of the union's.
    "capture_exceeds_held", "clock_off", "code_over", "duplicate_merchant_reference", "proof_invalid", "proof_used",
    "refund_exceeds_captured", "year_not_asked",
}  # fmt: skip
RAISED = re.compile(
    r'\b(?:Conflict|NotFound|InvalidInput|NotAllowed|NotSignedIn|MoreThanLeft|TooManyRequests|Unavailable)\(\s*"(\w+)"'
)


def raised():
    sources = [path for package in PACKAGES for path in (HERE / package).rglob("*.py")]
    return {code for path in sources if not path.name.startswith("cli") for code in RAISED.findall(path.read_text())}


def test_every_code_a_service_raises_has_its_english_title():
    assert raised() - set(TITLES) - ELSEWHERE == set()
    assert not re.search(r"[\u4e00-\u9fff]", "".join(TITLES.values()))


def test_findings_and_titles_come_in_english_and_what_nobody_foresaw_in_general():
    wrong = [FieldError("/x", "应为 1 到 9 的整数。"), FieldError("/y", "请写明原因。", "reason_missing")]
    title, errors = english("quota_short", "云间区总工会没有可下达的名额。", wrong)
    assert title == TITLES["quota_short"]
    assert [one.message for one in errors] == ["Must be a whole number from 1 to 9.", TITLES["reason_missing"]]
    assert english("never_heard_of", "没有见过。", [])[0] == REST
    assert english("invalid_fields", "Spoken already.", [])[0] == "Spoken already."


@pytest.mark.parametrize(
    ("language", "title"), [("en", "There is no such merchant."), ("zh", "没有这家商户，请核对。")]
)
def test_a_program_hears_a_refusal_in_the_language_it_asks_for(programs, language, title):
    nobody = "01a1fbd4-0000-7000-8000-000000000000"
    refused = programs["C1"].get(f"/merchants/{nobody}", headers={"Accept-Language": language})
    assert (refused.status_code, refused.json["code"], refused.json["title"]) == (404, "merchant_unknown", title)
