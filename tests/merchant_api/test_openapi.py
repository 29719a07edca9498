"""The published description: whole, true to the routes, and every answer within it."""

import json
import os
from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from flask import Flask
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from schemathesis.specs.openapi.checks import ignored_auth, positive_data_acceptance

from cardnet.http import openapi
from cardnet.merchant_api.routes.blueprint import API, CALLS

DOCUMENT = json.loads(json.dumps(openapi.document(API)))
OPERATIONS = [result.ok() for result in schemathesis.openapi.from_dict(DOCUMENT).get_all_operations()]

CASES = int(os.environ.get("CARDNET_CASES", "25"))


def test_it_is_served_to_anybody(client):
    answer = client.get("/merchant/v1/openapi.json", headers={"Accept-Language": "en"})
    assert (answer.status_code, answer.json["openapi"]) == (200, "3.1.0")
    assert answer.json == DOCUMENT


def test_it_names_every_route_and_no_other(app: Flask):
    served = {
        (
            method,
            rule.rule.removeprefix("/merchant/v1")
            .replace("<uuid:", "{")
            .replace("<string:", "{")
            .replace("<path:", "{")
            .replace(">", "}"),
        )
        for rule in app.url_map.iter_rules()
        if rule.endpoint.startswith("merchant_api.")
        for method in rule.methods or ()
        if method not in ("HEAD", "OPTIONS")
    }
    described = {(method.upper(), path) for path, item in DOCUMENT["paths"].items() for method in item}
    assert described == served


def references(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        if "$ref" in value:
            yield value["$ref"]
        for inner in value.values():
            yield from references(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from references(inner)


def test_every_reference_leads_somewhere():
    for found in references(DOCUMENT):
        place = DOCUMENT
        for step in found.removeprefix("#/").split("/"):
            place = place[step]


def test_requests_are_closed_and_answers_are_open():
    for call in CALLS:
        if call.body:
            assert DOCUMENT["components"]["schemas"][call.body.__name__]["additionalProperties"] is False
        for answer in call.answers.values():
            if not isinstance(answer, str):
                assert DOCUMENT["components"]["schemas"][answer.__name__]["additionalProperties"] is not False


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.label)
def test_whatever_the_description_allows_is_answered_as_described(app, shop, operation):
    """A part of programme T12; `make soak` sends thousands (`CARDNET_CASES`)."""
    till = shop.tills["T01"]

    @settings(max_examples=CASES, deadline=None, suppress_health_check=list(HealthCheck))
    @given(st.data())
    def ask(data: st.DataObject) -> None:
        case = data.draw(operation.as_strategy())
        answer = case.call(
            app=app, base_url="http://localhost/merchant/v1", headers={**(case.headers or {}), **till.headers}
        )
        assert answer.status_code < 500
        # We put a good token over the generated one, and some rules (sums, printable text) no JSON Schema can say.
        case.validate_response(answer, excluded_checks=[ignored_auth, positive_data_acceptance])

    ask()


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.label)
def test_who_has_not_signed_in_is_answered_as_described(app, shop, operation):
    """T12 without a token, and with one that nobody gave out."""

    @settings(max_examples=max(3, CASES // 8), deadline=None, suppress_health_check=list(HealthCheck))
    @given(st.data(), st.booleans())
    def ask(data: st.DataObject, with_a_wrong_one: bool) -> None:
        case = data.draw(operation.as_strategy())
        if not with_a_wrong_one:
            case.headers.pop("Authorization", None)
        answer = case.call(app=app, base_url="http://localhost/merchant/v1")
        assert answer.status_code < 500
        case.validate_response(answer, excluded_checks=[ignored_auth, positive_data_acceptance])

    ask()


@pytest.mark.parametrize("lie", [({}, 200), ({}, 418)], ids=["other members", "another status"])
def test_an_answer_that_is_not_described_is_caught(app, shop, lie, monkeypatch):
    """The planted bug of T12."""
    (operation,) = (one for one in OPERATIONS if one.label == "GET /me")
    endpoint = next(rule.endpoint for rule in app.url_map.iter_rules() if rule.rule == "/merchant/v1/me")
    monkeypatch.setitem(app.view_functions, endpoint, lambda **_: lie)
    with pytest.raises((Exception, BaseExceptionGroup), match=r"(?i)undocumented|violates|required property"):
        test_whatever_the_description_allows_is_answered_as_described(app, shop, operation)
