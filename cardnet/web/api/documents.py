"""What the two published APIs are: their OpenAPI documents, pages to read them by, and a page for every problem code.

The pages are drawn here from the documents themselves: nothing to load, no script, the same words.
"""

import json
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from flask import Blueprint, Response, redirect, render_template
from flask.typing import ResponseReturnValue

from cardnet.benefits.document_schema import json_schema
from cardnet.http import openapi
from cardnet.http.calls import Api, Call
from cardnet.http.requests import JSON
from cardnet.http.speech import CHINESE, ENGLISH, wanted_by_header
from cardnet.kernel.errors import NotFound
from cardnet.merchant_api.problem_words import GUIDE
from cardnet.merchant_api.routes.blueprint import API as MERCHANT_API
from cardnet.web.api.answering import json_bytes
from cardnet.web.api.edge import API
from cardnet.web.language import chosen, gettext

pages = Blueprint("documents", __name__)
"""Open to all, like the documents themselves."""

_APIS = {"back-office": API, "merchant": MERCHANT_API}


@API.serves(Call("GET", "/openapi.json", "This document", {200: JSON}, open_to_all=True, tag="me"))
def describe() -> Response:
    """GET /openapi.json."""
    language = wanted_by_header()
    return Response(_document(language), content_type=JSON, headers={"Content-Language": language})


@lru_cache
def _document(language: str) -> bytes:
    return json_bytes(openapi.document(API, language))


@API.serves(
    Call(
        "GET",
        "/schemas/rule/1",
        "The JSON Schema of a rule document",
        {200: "application/schema+json"},
        open_to_all=True,
        tag="programs",
    )
)
def rule_schema() -> Response:
    """GET /schemas/rule/1."""
    return Response(json_bytes(json_schema()), content_type="application/schema+json")


@pages.get("/api/v1/")
def front() -> ResponseReturnValue:
    """The page lies outside the API: what is below it carries no session."""
    return redirect("/docs/back-office", 303)


@pages.get("/merchant/v1/docs")
def merchant_front() -> ResponseReturnValue:
    """As above, for tills and their vendors."""
    return redirect("/docs/merchant", 303)


@pages.get("/docs")
def overview() -> ResponseReturnValue:
    """Which APIs there are."""
    return render_template("documents/index.html", apis=_APIS)


@pages.get("/docs/<name>")
def read(name: str) -> ResponseReturnValue:
    """One API, call by call."""
    if name not in _APIS:
        raise NotFound("not_found", gettext("没有这份接口说明。"))
    return render_template("documents/api.html", name=name, **_drawn(name, _language()))


def _language() -> str:
    return ENGLISH if chosen() == "en" else CHINESE


@pages.get("/problems/<code>")
def problem(code: str) -> ResponseReturnValue:
    """Where the `type` of a problem document leads: what the code means, and which calls answer with it."""
    found = [_fault(name, code, _language()) for name, api in _APIS.items() if code in api.catalogue.meanings]
    guide = GUIDE.get(code)
    status = 200 if found or guide else 404
    return render_template("documents/problem.html", code=code[:80], found=found, guide=guide), status


@dataclass(frozen=True)
class Member:
    """One member of a body, an answer or a query."""

    name: str
    kind: str
    required: bool
    words: str


@dataclass(frozen=True)
class Operation:
    """One call as the page shows it."""

    anchor: str
    method: str
    path: str
    summary: str
    words: str
    roles: tuple[str, ...]
    open_to_all: bool
    takes_key: bool
    parameters: tuple[Member, ...]
    body: tuple[str, ...]
    bodies: tuple[tuple[str, str], ...]
    answers: tuple[tuple[str, str, list[str]], ...]
    shown: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Shape:
    """One schema of the document."""

    name: str
    words: str
    members: tuple[Member, ...]


@dataclass(frozen=True)
class Fault:
    """A problem code of one API, with a document as it comes."""

    api: str
    title: str
    code: str
    status: int
    meaning: str
    retry: str
    example: str


def _fault(name: str, code: str, language: str) -> Fault:
    api = _APIS[name]
    status, meaning = api.catalogue.meanings[code]
    chinese = language == CHINESE
    return Fault(
        name,
        api.words.title if chinese else api.title,
        code,
        status,
        api.words.problems[code] if chinese else meaning,
        api.catalogue.retries.get(code, "never"),
        _pretty(openapi.problem_example(api, code)),
    )


def _pretty(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, indent=2)


@lru_cache
def _drawn(name: str, language: str) -> dict[str, Any]:
    api = _APIS[name]
    document = json.loads(json.dumps(openapi.document(api, language)))
    groups: dict[str, list[Operation]] = {}
    for call in api.calls:
        operation = document["paths"][call.path][call.method.lower()]
        groups.setdefault(call.tag, []).append(_operation(api, call, operation, language))
    shapes = [_shape(name, schema) for name, schema in sorted(document["components"]["schemas"].items())]
    return {
        "api": api,
        "info": document["info"],
        "tags": {one["name"]: one.get("description", one["name"]) for one in document["tags"]},
        "groups": groups,
        "shapes": shapes,
        "faults": [_fault(name, code, language) for code in api.catalogue.meanings],
    }


def _operation(api: Api, call: Call, operation: dict[str, Any], language: str) -> Operation:
    content = operation.get("requestBody", {}).get("content", {})
    parameters = tuple(
        Member(
            f"{one['name']} ({one['in']})",
            _kind(one["schema"]),
            one.get("required", False),
            one.get("description") or one["schema"].get("description", ""),
        )
        for one in operation["parameters"]
    )
    chinese = language == CHINESE
    bodies = openapi.examples_of(api, call, chinese=chinese)
    shown = api.words.answers.get(f"{call.method} {call.path}", {})
    return Operation(
        operation["operationId"],
        call.method,
        api.prefix + call.path,
        operation["summary"],
        openapi.said_of(api, call, chinese=chinese)[1],
        tuple(map(str, call.roles)),
        call.open_to_all,
        call.takes_key,
        parameters,
        tuple(_kind(one["schema"]) if kind == JSON else kind for kind, one in content.items()),
        tuple((words, _pretty(body)) for words, body in bodies.items()),
        tuple(
            (status, answer["description"], _answer_kinds(answer))
            for status, answer in sorted(operation["responses"].items())
        ),
        tuple((words, _pretty(one)) for words, one in shown.items()),
    )


def _answer_kinds(answer: dict[str, Any]) -> list[str]:
    return [
        _kind(one["schema"]) if kind == JSON and "$ref" in one.get("schema", {}) else kind
        for kind, one in answer.get("content", {}).items()
    ]


def _shape(name: str, schema: dict[str, Any]) -> Shape:
    required = set(schema.get("required", ()))
    members = tuple(
        Member(member, _kind(one), member in required, one.get("description", ""))
        for member, one in schema.get("properties", {}).items()
    )
    return Shape(name, schema.get("description", ""), members)


def _kind(schema: dict[str, Any]) -> str:
    """A schema in a few words: `Card`, `list of Card`, `string (uuid) or null`."""
    if "$ref" in schema:
        return str(schema["$ref"].rsplit("/", 1)[1])
    if "anyOf" in schema:
        return " or ".join(_kind(one) for one in schema["anyOf"])
    if "allOf" in schema:
        return " and ".join(_kind(one) for one in schema["allOf"])
    kinds = schema.get("type", "any")
    words = " or ".join(kinds) if isinstance(kinds, list) else str(kinds)
    if "array" in words and "items" in schema:
        return words.replace("array", f"list of {_kind(schema['items'])}")
    if "enum" in schema:
        return " | ".join(json.dumps(one, ensure_ascii=False) for one in schema["enum"])
    return f"{words} ({schema['format']})" if "format" in schema else words
