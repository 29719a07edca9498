"""The published JSON Schema of a rule: whatever the checker accepts is valid, and what it does not know is refused."""

import copy
from typing import Any

import jsonschema_rs
import pytest

from cardnet.benefits import document
from cardnet.benefits.document_schema import json_schema
from cardnet.kernel.errors import InvalidInput
from tests.make.redemptions import health_check

SCHEMA = json_schema()
VALIDATOR = jsonschema_rs.validator_for(SCHEMA)
CONDITIONS: list[dict[str, Any]] = [
    {"op": "any", "of": [{"op": "not", "of": {"op": "sex_is", "value": "female"}}, {"op": "age_between", "from": 35}]},
    {"op": "member_since_at_least", "months": {"param": "months_needed"}},
    {"op": "min_spend", "fen": 10_000},
    {"op": "weekday_in", "days": [1, 7]},
    {"op": "local_time_between", "from": "22:00", "to": "24:00"},
    {"op": "date_between", "from": "2026-11-01", "to": "2026-11-30"},
]
CALCULATORS = [
    {"op": "percent_off", "bp": 1_500, "max_fen": 5_000},
    {"op": "tiers", "tiers": [{"from_fen": 0, "bp": 500}, {"from_fen": 10_000, "fen": 2_000}]},
]


def test_it_is_a_schema():
    assert jsonschema_rs.meta.is_valid(SCHEMA)


@pytest.mark.parametrize(
    "change", [*({"when": one} for one in CONDITIONS), *({"calc": one} for one in CALCULATORS), {}]
)
def test_what_the_checker_accepts_is_valid(change):
    body = health_check() | copy.deepcopy(change)
    document.check(body)
    VALIDATOR.validate(body)


@pytest.mark.parametrize(
    "change",
    [
        {"surprise": 1},
        {"when": {"op": "moon_is_full"}},
        {"when": {"op": "min_spend", "fen": 0}},
        {"when": {"op": "min_spend", "fen": 1, "more": 1}},
        {"when": {"op": "all", "of": []}},
        {"calc": {"op": "percent_off", "bp": "15"}},
        {"schema": "cardnet.rule/2"},
        {"doc_ref": None},
        {"funding": []},
    ],
)
def test_what_it_does_not_know_is_refused_by_both(change):
    body = health_check() | change
    with pytest.raises(InvalidInput):
        document.check(body)
    assert not VALIDATOR.is_valid(body)


def test_every_word_of_the_language_stands_in_it():
    for kind in (document.Condition, document.Calculator):
        told = {shape["properties"]["op"]["const"] for shape in SCHEMA["$defs"][kind.__name__]["oneOf"]}
        assert told == set(kind.type_schemas)


def test_it_is_served_to_anybody(client):
    answer = client.get("/api/v1/schemas/rule/1")
    assert (answer.status_code, answer.content_type, answer.json) == (200, "application/schema+json", SCHEMA)
