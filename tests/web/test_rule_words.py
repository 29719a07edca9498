"""A rule in sentences: what stands in the document is what the approver reads, and no part of it is left out."""

from typing import Any

import pytest

from cardnet.benefits import document
from cardnet.benefits.words import ProgramKind
from cardnet.web import rule_words
from tests.make.benefits import ONCE_A_YEAR, UNION, health_check, percent, rule

CONDITIONS = {
    "card_state_in": ({"values": ["active"]}, "会员卡使用中"),
    "membership_kind_in": ({"values": ["active", "retired"]}, "会籍在册或退休"),
    "member_since_at_least": ({"months": 12}, "入会满 12 个月"),
    "age_between": ({"from": 50}, "50 周岁及以上"),
    "sex_is": ({"value": "female"}, "女职工"),
    "tag_any": ({"values": ["hardship", "model_worker"]}, "登记为困难职工或劳模"),
    "org_under": ({"codes": ["B1"]}, "属于松嘉环卫"),
    "merchant_in": ({"codes": ["M1002"]}, "在百禾超市使用"),
    "provider_in": ({"codes": ["M9"]}, "在M9使用"),
    "merchant_category_in": ({"codes": ["restaurant"]}, "在餐饮类商户使用"),
    "service_code_in": ({"codes": ["health_check"]}, "买的是健康体检"),
    "min_spend": ({"fen": 10_000}, "消费满 100 元"),
    "weekday_in": ({"days": [2, 4]}, "限周二、周四"),
    "local_time_between": ({"from": "10:00", "to": "14:00"}, "限 10:00–14:00"),
    "date_between": ({"from": "2026-11-01", "to": "2026-11-30"}, "2026年11月1日 周日至2026年11月30日 周一使用"),
}
NAMES = {"B1": "松嘉环卫", "M1002": "百禾超市", "HC2026": "健康体检补贴"}


def told(body: dict[str, Any], kind: ProgramKind = ProgramKind.DISCOUNT) -> dict[str, list[str]]:
    return dict(rule_words.told(body, kind, NAMES))


@pytest.mark.parametrize("op", [op for op in document.Condition.type_schemas if op not in ("all", "any", "not")])
def test_every_condition_a_document_may_hold_has_its_words(app, op):
    more, words = CONDITIONS[op]
    with app.test_request_context():
        assert told(rule(percent(1_000), {"op": op, **more}))["给谁"] == [words]


def test_conditions_within_conditions_keep_their_brackets(app):
    women = {"op": "sex_is", "value": "female"}
    old = {"op": "not", "of": {"op": "age_between", "to": 49}}
    with app.test_request_context():
        assert told(rule(percent(1_000), {"op": "any", "of": [women, old]}))["给谁"] == [
            "（女职工，或者不是：49 周岁及以下）"
        ]


def test_a_subsidy_says_how_much_from_which_pool_and_who_bears_it(app):
    body = {
        **health_check("HC2026"),
        "funding": UNION,
        "limits": [ONCE_A_YEAR, {"id": "p", "pool": "HC2026", "on_exceed": "refuse"}],
    }
    with app.test_request_context():
        said = told(body, ProgramKind.SUBSIDY)
    assert said["给多少"] == ["补贴 100 元"]
    assert said["限多少"] == ["每人每年最多 1 次，超出就不能享受", "从资金池“健康体检补贴”列支，超出就不能享受"]
    assert said["谁出钱"] == ["工会承担 100%"]


def test_steps_shared_money_parameters_and_the_small_print_are_told_too(app):
    body = rule(
        {"op": "tiers", "tiers": [{"from_fen": 10_000, "fen": 2_000}, {"from_fen": 20_000, "bp": 3_000, "max_fen": 9_050}]},
        funding=[{"from": "merchant", "bp": 7_000}, {"from": "union", "bp": 3_000}],
        limits=[{"id": "m", "scope": "family", "window": "month", "max_fen": {"param": "most"}, "on_exceed": "trim"}],
        stack={"lane": 10, "not_with": ["HC2026"]},
        threshold_basis="remaining", offline={"floor_fen": 3_000}, late_submission_days=30,
    )  # fmt: skip
    with app.test_request_context():
        said = told(body)
    assert said["给多少"] == ["满 100 元，减 20 元", "满 200 元，打 7 折，最多 90.50 元"]
    assert said["限多少"] == ["每户家庭每月最多 （参数 most） 元，超出部分不给"]
    assert said["谁出钱"] == ["商户承担 70%，工会承担 30%"]
    assert said["另外"] == [
        "不与健康体检补贴同时享受", "“满”按其他优惠减过以后的金额算", "断网时原价 30 元以内可以核销", "事后 30 天内可以补报",
    ]  # fmt: skip
