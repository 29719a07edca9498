"""The pages of the two APIs: whole, without a script, open to all."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from jsonschema_rs import Draft202012Validator

from cardnet.http import openapi
from cardnet.http.calls import Api
from cardnet.http.speech import CHINESE
from cardnet.http.wire import load
from cardnet.merchant_api.routes.blueprint import API as MERCHANT_API
from cardnet.web.api import API

APIS = [pytest.param("back-office", API, id="back-office"), pytest.param("merchant", MERCHANT_API, id="merchant")]


@pytest.mark.parametrize(("name", "api"), APIS)
def test_a_page_shows_every_call_and_every_shape_without_a_script(client, name: str, api: Api):
    page = client.get(f"/docs/{name}")
    assert page.status_code == 200
    shown = set(re.findall(r'call__method--\w+">(\w+)</span> <code class="call__path">([^<]+)<', page.text))
    assert shown == {(call.method, api.prefix + call.path) for call in api.calls}
    document = client.get(f"{api.prefix}/openapi.json").json
    assert set(re.findall(r'id="shape-(\w+)"', page.text)) == set(document["components"]["schemas"])
    inside = page.text.split("<main", 1)[1].split("</main>", 1)[0]
    assert "<script" not in inside and "style=" not in inside


@pytest.mark.parametrize(("name", "api"), APIS)
def test_everything_is_said_in_chinese_and_nothing_that_is_gone(name: str, api: Api):
    words, document = api.words, openapi.document(api)
    calls = {f"{call.method} {call.path}": call for call in api.calls}
    assert sorted(words.calls.keys() ^ calls.keys()) == []
    assert [path for path, call in calls.items() if call.notes and not words.calls[path][1]] == []
    shapes = {shape: schema["description"] for shape, schema in document["components"]["schemas"].items()}
    assert sorted(words.shapes.keys() - shapes.keys()) == []
    assert [shape for shape, english in shapes.items() if words.shape(shape, english) == english] == []
    assert words.tags.keys() == {call.tag for call in api.calls}
    assert api.catalogue.meanings.keys() <= words.problems.keys()
    here = {shape: schema.get("properties", {}) for shape, schema in document["components"]["schemas"].items()}
    here |= {
        path: {one["name"]: one for one in _operation(document, call)["parameters"]} for path, call in calls.items()
    }
    gone = [
        member
        for member in words.members
        if not (member.rpartition(".")[0] in here and member.rpartition(".")[2] in here[member.rpartition(".")[0]])
        and not any(member in members for members in here.values())
    ]
    assert gone == []


@pytest.mark.parametrize(("name", "api"), APIS)
def test_a_reader_of_chinese_meets_no_english_sentence_and_the_other_way_round(client, name: str, api: Api):
    page = client.get(f"/docs/{name}").text
    call = api.calls[0]
    assert api.words.calls[f"{call.method} {call.path}"][0] in page and f">{call.summary}<" not in page
    asked = client.get(f"{api.prefix}/openapi.json")
    assert (asked.json, asked.headers["Content-Language"]) == (openapi.document(api, CHINESE), CHINESE)
    assert re.findall(r"[A-Za-z]+ [a-z]+ [a-z]+ [a-z]+ [a-z]+", " ".join(_sentences(asked.json))) == []


def _operation(document: dict[str, Any], call: Any) -> dict[str, Any]:
    found: dict[str, Any] = document["paths"][call.path][call.method.lower()]
    return found


def _sentences(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for name, inner in value.items():
            if name in ("summary", "description") and isinstance(inner, str):
                yield inner
            else:
                yield from _sentences(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _sentences(inner)


MERCHANTS = openapi.document(MERCHANT_API)


def test_every_member_of_the_merchants_api_is_told_and_stands_in_an_example():
    shapes = MERCHANTS["components"]["schemas"]
    untold = [
        f"{shape}.{member}"
        for shape, schema in shapes.items()
        for member, kind in schema.get("properties", {}).items()
        if not kind.get("description")
    ]
    untold += [
        f"{path} {one['name']}"
        for path, item in MERCHANTS["paths"].items()
        for operation in item.values()
        for one in operation["parameters"]
        if not one.get("description")
    ]
    assert untold == []
    shown = set(_names(list(_examples())))
    assert sorted({member for schema in shapes.values() for member in schema.get("properties", {})} - shown) == []


def test_every_example_of_the_merchants_api_is_what_its_schema_says():
    faults = []
    for call in MERCHANT_API.calls:
        for body in openapi.examples_of(MERCHANT_API, call).values():
            load(call.body(), body)
        for status, answer in _operation(MERCHANTS, call)["responses"].items():
            for kind, content in answer.get("content", {}).items():
                schema = {"components": MERCHANTS["components"], **content.get("schema", {})}
                for name, one in content.get("examples", {}).items():
                    faults += [
                        f"{call.path} {status} {kind} {name}: {fault.message}"
                        for fault in Draft202012Validator(schema).iter_errors(one["value"])
                    ]
    assert faults == []


def _examples() -> Iterator[Any]:
    for call in MERCHANT_API.calls:
        yield openapi.examples_of(MERCHANT_API, call)
        for answer in _operation(MERCHANTS, call)["responses"].values():
            for content in answer.get("content", {}).values():
                yield from content.get("examples", {}).values()


def _names(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        yield from value
        for inner in value.values():
            yield from _names(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _names(inner)


def test_every_problem_of_an_api_is_on_its_page_with_a_document(client):
    for name, api in (("back-office", API), ("merchant", MERCHANT_API)):
        page = client.get(f"/docs/{name}").text
        assert set(re.findall(r'id="fault-(\w+)"', page)) == api.catalogue.meanings.keys()


def test_one_page_leads_to_both_documents(client):
    page = client.get("/docs")
    assert page.status_code == 200
    for path in ("/docs/merchant", "/docs/back-office", "/merchant/v1/openapi.json", "/api/v1/openapi.json"):
        assert f'href="{path}"' in page.text


@pytest.mark.parametrize(("path", "page"), [("/api/v1/", "/docs/back-office"), ("/merchant/v1/docs", "/docs/merchant")])
def test_who_opens_the_api_itself_is_led_to_its_page(client, path, page):
    answer = client.get(path)
    assert (answer.status_code, answer.location) == (303, page)
    assert "Set-Cookie" not in answer.headers


def test_the_type_of_a_problem_leads_to_a_page(client, programs):
    problem = programs["U1"].post("/quota/plan", {}).json
    page = client.get(problem["type"])
    assert (page.status_code, "role_missing" in page.text, API.words.title in page.text) == (200, True, True)
    assert client.get("/problems/<b>x").status_code == 404
    assert client.get("/docs/nothing").status_code == 404
