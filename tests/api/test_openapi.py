"""The published description of the back office: whole, true to the routes, and every answer within it (T12)."""

import json
import os
from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from flask import Flask
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis.specs.openapi.checks import (
    ignored_auth,
    negative_data_rejection,
    positive_data_acceptance,
    unsupported_method,
)

from cardnet.http import openapi
from cardnet.http.wire import load
from cardnet.web.api import API

DOCUMENT = json.loads(json.dumps(openapi.document(API)))
OPERATIONS = {
    (operation.method.upper(), operation.path): operation
    for operation in (result.ok() for result in schemathesis.openapi.from_dict(DOCUMENT).get_all_operations())
}
CASES = int(os.environ.get("CARDNET_CASES", "2"))
"""Of each call, and as often by nobody: programme T12 sends thousands."""
CALLS = [call for call in API.calls if not call.open_to_all]


def test_it_is_served_to_anybody(client):
    answer = client.get("/api/v1/openapi.json", headers={"Accept-Language": "en"})
    assert (answer.status_code, answer.json) == (200, DOCUMENT)
    assert DOCUMENT["openapi"] == "3.1.0"


def test_it_names_every_route_and_no_other(app: Flask):
    served = {
        (method, rule.rule)
        for rule in app.url_map.iter_rules()
        if rule.endpoint.startswith("api.")
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
    }
    assert {(call.method, f"/api/v1{call.rule}") for call in API.calls} == served
    assert {(call.method, call.path) for call in API.calls} == {
        (method.upper(), path) for path, item in DOCUMENT["paths"].items() for method in item
    }


def references(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        if isinstance(value.get("$ref"), str):
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
    schemas = DOCUMENT["components"]["schemas"]
    for call in API.calls:
        if call.body:
            assert schemas[call.body.__name__]["additionalProperties"] is False
        for answer in call.answers.values():
            if not isinstance(answer, str):
                assert schemas[answer.__name__]["additionalProperties"] is not False


def test_every_body_has_an_example_that_is_one():
    for call in API.calls:
        if call.body:
            assert call.example is not None, call.path
            load(call.body(), call.example)


def test_every_schema_says_what_it_is():
    undescribed = [name for name, schema in DOCUMENT["components"]["schemas"].items() if not schema.get("description")]
    assert undescribed == []


@pytest.fixture
def busy_office(office):
    """One of most things, so that lists are not empty."""
    office.issue(1, 2)
    office.give_unit("B1", 2)
    office.submit(office.roster(11, 12, 13))
    return office


def test_whatever_the_description_allows_is_answered_as_described(app, busy_office, able):
    """A tenth of programme T12; `make soak` sends thousands. Asked by who may, and by nobody."""
    for call in API.calls:
        if call.path == "/days/close":
            continue  # it waits for writers to commit, and here nobody does: test_finance_calls
        ask(app, OPERATIONS[call.method, call.path], [able(call).headers], open_to_all=call.open_to_all)


def ask(app: Flask, operation: Any, callers: list[dict[str, str]], *, open_to_all: bool) -> None:
    @settings(
        max_examples=CASES,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        phases=[Phase.explicit, Phase.generate],
    )
    @given(st.data())
    def once(data: st.DataObject) -> None:
        case = data.draw(operation.as_strategy())
        for headers in ({}, *callers):
            sent = {name: value for name, value in (case.headers or {}).items() if name != "Authorization"}
            answer = case.call(app=app, base_url="http://localhost/api/v1", headers={**sent, **headers})
            assert answer.status_code < 500, (operation.label, answer.text)
            if not headers and not open_to_all:
                assert answer.status_code in (401, 404, 405), operation.label
            # We put a good token over the generated one, and some rules (sums, printable text) no JSON Schema can say.
            case.validate_response(
                answer,
                excluded_checks=[ignored_auth, positive_data_acceptance, negative_data_rejection, unsupported_method],
            )

    once()


def test_whatever_is_on_record_is_answered_as_described(busy_office, programs):
    """Every list and every record that can be read, against its schema: nothing is left out and nothing is null unsaid."""
    assert [answer.status_code for answer in (program.get("/me") for program in programs.values())] == [200] * len(
        programs
    )
    for call in CALLS:
        if (
            call.method != "GET"
            or call.parameters
            or (call.query and any(f.required for f in call.query().fields.values()))
        ):
            continue
        for name in ("U1", "C1", "boss", "fin"):
            answer = programs[name].get(call.path)
            # No poster hangs here: its sheet is the one thing that may not be there.
            if answer.status_code != 403 and call.path != "/self-fill/poster.pdf":
                assert answer.status_code == 200, (call.path, answer.text)
                validate(call, answer)


def validate(call: Any, answer: Any) -> None:
    OPERATIONS[call.method, call.path].validate_response(answer)
