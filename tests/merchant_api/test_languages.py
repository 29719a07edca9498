"""The merchant API speaks Chinese and English: every code in both, the language asked for, stored answers as they were made."""

import json
import re

import pytest

from cardnet.benefits import reasons
from cardnet.benefits.reasons_english import ENGLISH, words_in_english
from cardnet.credential.verify import Outcome
from cardnet.http.speech import wanted
from cardnet.merchant_api import english
from cardnet.merchant_api.problem_words import GUIDE
from cardnet.merchant_api.problems import PROBLEMS
from cardnet.merchant_api.routes import advices
from tests.make.redemptions import BASE, new_key
from tests.merchant_api.test_bad_input import BAD_VALUES, WITH_BODY, WITH_QUERY, path_of, send

HAN = re.compile(r"[\u4e00-\u9fff]")
EN = {"Accept-Language": "en"}
FIGURES = {
    "tries_left": 2, "used": 1, "max": 1, "period": "2026-11", "used_fen": 5_000, "max_fen": 5_000, "min_fen": 9_900,
    "amount_fen": 100, "max_days": 30, "days": 31, "delta_seconds": 36, "used_at": "2026-11-21T10:00:01+08:00",
}  # fmt: skip


def test_every_reason_has_a_sentence_in_both_languages_with_its_figures():
    assert set(reasons.WORDS) == set(ENGLISH)
    assert {str(outcome) for outcome in Outcome} - {"accepted", "online_required"} <= set(ENGLISH)
    for code in ENGLISH:
        for detail in (None, FIGURES):
            assert HAN.search(reasons.words(code, detail)), code
            assert not HAN.search(words_in_english(code, detail)), code
    assert "5" in words_in_english("below_min_spend", {"min_fen": 500, "amount_fen": 100})


@pytest.mark.parametrize(
    ("seconds", "said", "english"),
    [
        (36, "36 秒", "36 seconds"),
        (601, "10 分钟", "10 minutes"),
        (-7_260, "2 小时", "2 hours"),
        (172_800, "2 天", "2 days"),
    ],
)
def test_how_old_a_code_is_stands_in_units_people_use(seconds, said, english):
    reason = reasons.of_clock("future_proof" if seconds < 0 else "stale_proof", seconds)
    assert (said in reason.message, english in reason.english) == (True, True)


def test_where_a_code_was_used_is_told_to_its_own_merchant_only():
    own = {"used_at": "2026-11-21T10:00:01+08:00", "store": "S1", "terminal": "T01"}
    told = [
        reasons.Reason(None, "replayed", detail)
        for detail in (own, {"used_at": own["used_at"]}, {"shown_at": own["used_at"]})
    ]
    assert ["T01" in one.message for one in told] == ["T01" in one.english for one in told] == [True, False, False]
    assert (
        {"11月21日 10:00" in one.message for one in told}
        == {"10:00 on 21 Nov" in one.english for one in told}
        == {True}
    )


def test_every_problem_and_advice_has_both_languages():
    for code in PROBLEMS:
        title, _ = english.english(code, "中文", [])
        assert not HAN.search(title), code
        assert HAN.search(GUIDE[code].happened)
    assert set(english.ADVICE_WORDS) == set(advices._WORDS)
    assert not HAN.search("".join(english.ADVICE_WORDS.values()))


@pytest.mark.parametrize(
    ("header", "language"),
    [
        ("", "zh-Hans"), ("en", "en"), ("en-GB,en;q=0.8", "en"), ("zh-CN", "zh-Hans"), ("zh-Hans", "zh-Hans"),
        ("zh;q=0.5, en;q=0.9", "en"), ("en;q=0, zh", "zh-Hans"), ("fr", "zh-Hans"), ("fr, en;q=0.2", "en"), ("*", "zh-Hans"),
        ("en;q=x", "zh-Hans"), (";;;,,,", "zh-Hans"), ("en;q=-1", "zh-Hans"), ("x" * 5_000 + ",en", "zh-Hans"),
    ],
)  # fmt: skip
def test_the_better_of_two_languages_is_taken_and_chinese_when_in_doubt(header, language):
    assert wanted(header) == language


def test_a_refusal_is_told_in_the_language_asked_for_and_replayed_in_the_one_it_was_made_in(shop, client):
    phone = shop.phones[0]
    first = shop.post(client, "/redemptions", shop.request(phone))
    assert first.status_code == 201
    assert first.headers["Content-Language"] == "zh-Hans"
    body, key = shop.request(phone, "R-0002"), new_key()
    headers = shop.tills["T01"].headers | {"Idempotency-Key": key}
    made = client.post(BASE + "/redemptions", json=body, headers=headers | EN)
    assert (made.status_code, made.headers["Content-Language"]) == (422, "en")
    assert made.json["reasons"][0]["code"] == "limit_count"
    assert made.json["title"] == made.json["reasons"][0]["message"] == "In 2026 1 of 1 uses are used."
    again = client.post(BASE + "/redemptions", json=body, headers=headers | {"Accept-Language": "zh-CN"})
    assert (again.data, again.headers["Content-Language"]) == (made.data, "en")
    other = shop.post(client, "/redemptions", shop.request(phone, "R-0003"))
    assert (other.headers["Content-Language"], HAN.search(other.json["title"]) is not None) == ("zh-Hans", True)


@pytest.mark.parametrize("call", WITH_BODY, ids=lambda call: call.path)
def test_no_finding_about_any_member_of_any_body_is_chinese_in_english(client, shop, call):
    headers = shop.tills["T01"].headers | EN
    said = set()
    for name in call.body().fields:
        for value in BAD_VALUES:
            answer = send(client, call, json.dumps({name: value}).encode(), headers)
            assert not HAN.search(answer.text), (name, value)
            said |= {finding["message"] for finding in answer.json.get("errors", ())}
    assert said, "something was found"
    assert english._REST not in said, "each sentence has its own English"


@pytest.mark.parametrize("call", WITH_QUERY, ids=lambda call: call.path)
def test_nor_about_any_query(client, shop, call):
    for name in call.query().fields:
        answer = client.get(f"{path_of(call)}?{name}=%FF&{name}=x", headers=shop.tills["T01"].headers | EN)
        assert not HAN.search(answer.text), name


@pytest.mark.parametrize("path", ["/nowhere", "/me"])
def test_what_is_not_there_and_who_is_not_known_are_told_in_english_too(client, path):
    answer = client.get(BASE + path, headers=EN)
    assert answer.headers["Content-Language"] == "en"
    assert not HAN.search(answer.json["title"])
