"""The OpenAPI 3.1 document of an API, made from its calls and their schemas."""

import inspect
import re
from typing import Any

from apispec import APISpec
from apispec.ext.marshmallow import MarshmallowPlugin
from apispec.ext.marshmallow.openapi import OpenAPIConverter
from marshmallow import Schema

from cardnet.http import wire
from cardnet.http.calls import Api, Call
from cardnet.http.speech import CHINESE, ENGLISH

_PROBLEM = "application/problem+json"
_KEY = {"type": "string", "pattern": "^[A-Za-z0-9_-]{16,64}$"}
_MOST = re.compile(r"int\(max=(\d+)\)")


def document(api: Api, language: str = ENGLISH) -> dict[str, Any]:
    """The whole document. A schema's docstring is its description; the Chinese of it all is in the API's `words`."""
    chinese = language == CHINESE
    named: dict[str, str] = {}

    def name(schema: Schema | type[Schema] | str) -> str:
        kind = schema if isinstance(schema, type) else type(schema)
        named[kind.__name__] = " ".join(inspect.cleandoc(kind.__doc__ or "").split())
        return kind.__name__

    plugin = MarshmallowPlugin(schema_name_resolver=name)
    spec = APISpec(
        title=api.words.title if chinese else api.title,
        version="1.0.0",
        openapi_version="3.1.0",
        plugins=[plugin],
        info={"description": api.words.description if chinese else api.description},
        servers=[{"url": api.prefix}],
    )
    for tag in dict.fromkeys(call.tag for call in api.calls if call.tag):
        spec.tag({"name": tag, "description": api.words.tags[tag]} if chinese else {"name": tag})
    scheme = {"type": "http", "scheme": "bearer", "bearerFormat": api.bearer_format}
    spec.components.security_scheme(api.scheme, scheme)
    converter = plugin.converter
    if converter is None:  # pragma: no cover - apispec sets it in APISpec()
        raise RuntimeError("apispec has no converter")
    for call in api.calls:
        spec.path(path=call.path, operations={call.method.lower(): _operation(api, call, converter, chinese=chinese)})
    whole = spec.to_dict()
    for name_, schema in whole["components"]["schemas"].items():
        schema["description"] = api.words.shape(name_, named[name_]) if chinese else named[name_]
        for member, kind in schema.get("properties", {}).items():
            _describe(api, kind, name_, member, chinese=chinese)
    return whole


def _describe(api: Api, target: dict[str, Any], shape: str, member: str, *, chinese: bool) -> None:
    if meaning := api.words.meaning(shape, member):
        target.get("schema", {}).pop("description", None)
        target["description"] = meaning.chinese if chinese else meaning.english


def said_of(api: Api, call: Call, *, chinese: bool) -> tuple[str, str]:
    """A call's summary and notes."""
    return api.words.calls[f"{call.method} {call.path}"] if chinese else (call.summary, call.notes)


def examples_of(api: Api, call: Call, *, chinese: bool = False) -> dict[str, Any]:
    """Bodies that work, each under a name: the call's own, and others."""
    first = {} if call.example is None else {said_of(api, call, chinese=chinese)[0]: dict(call.example)}
    return first | dict(api.words.bodies.get(f"{call.method} {call.path}", {}))


def _operation(api: Api, call: Call, converter: OpenAPIConverter, *, chinese: bool) -> dict[str, Any]:
    summary, more = said_of(api, call, chinese=chinese)
    operation: dict[str, Any] = {
        "operationId": f"{call.method.lower()}_{_words(call.path)}",
        "summary": summary,
        "parameters": _parameters(api, call, converter, chinese=chinese),
        "responses": _responses(api, call, summary, chinese=chinese),
        "security": [] if call.open_to_all else [{api.scheme: []}],
    }
    if call.tag:
        operation["tags"] = [call.tag]
    if call.retires:
        operation["deprecated"] = True
    if call.roles:
        operation["x-roles"] = list(call.roles)
    roles = f"{'角色：' if chinese else 'Roles: '}{', '.join(call.roles)}{'。' if chinese else '.'}"
    notes = [more, roles if call.roles else ""]
    if any(notes):
        operation["description"] = "\n\n".join(filter(None, notes))
    if call.body:
        content: dict[str, Any] = {"schema": call.body}
        if bodies := examples_of(api, call, chinese=chinese):
            content["examples"] = {name: {"value": body} for name, body in bodies.items()}
        operation["requestBody"] = {"required": True, "content": {"application/json": content}}
    elif call.takes_file:
        file = {"schema": {"type": "string", "format": "binary"}}
        operation["requestBody"] = {"required": True, "content": dict.fromkeys(call.takes_file, file)}
    return operation


def _parameters(api: Api, call: Call, converter: OpenAPIConverter, *, chinese: bool) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = [
        {"in": "path", "name": name, "required": True, "schema": _path_schema(kind)}
        for name, kind in call.parameters.items()
    ]
    if call.query:
        found += converter.schema2parameters(call.query, location="query")
    if call.takes_key:
        found.append({"in": "header", "name": "Idempotency-Key", "required": api.key_required, "schema": _KEY})
    for one in found:
        _describe(api, one, f"{call.method} {call.path}", one["name"], chinese=chinese)
    return found


def _responses(api: Api, call: Call, summary: str, *, chinese: bool) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for status, answer in call.answers.items():
        entry: dict[str, Any] = {"description": summary}
        if isinstance(answer, str):
            if answer:
                entry["content"] = {answer: {"schema": {"type": "object"}} if answer == "application/json" else {}}
        else:
            entry["content"] = {"application/json": {"schema": answer}}
            if shown := api.words.answers.get(f"{call.method} {call.path}"):
                entry["content"]["application/json"]["examples"] = {name: {"value": one} for name, one in shown.items()}
        if call.takes_key:
            entry["headers"] = {
                "Idempotency-Replayed": {"schema": {"const": "true"}, "description": "重发" if chinese else "a repeat"}
            }
        found[str(status)] = entry
    for code in api.catalogue.of(call):
        status, meaning = api.catalogue.meanings[code]
        if chinese:
            meaning = api.words.problems[code]
        entry = found.setdefault(str(status), {"description": "", "content": {}})
        entry["description"] = "; ".join(filter(None, [entry["description"], f"`{code}`: {meaning}"]))
        schema = api.catalogue.shapes.get(code, wire.Problem)
        told = entry["content"].setdefault(_PROBLEM, {"schema": {"anyOf": []}, "examples": {}})
        if schema not in told["schema"]["anyOf"]:
            told["schema"]["anyOf"].append(schema)
        told["examples"][code] = {"value": problem_example(api, code)}
        if status in (409, 429, 503):
            entry["headers"] = {"Retry-After": {"schema": {"type": "integer"}}}
    return found


def problem_example(api: Api, code: str) -> dict[str, Any]:
    """A problem document of a code, whole."""
    return {
        "type": f"/problems/{code}",
        "title": api.words.problems[code],
        "status": api.catalogue.meanings[code][0],
        "code": code,
        "retry": api.catalogue.retries.get(code, "never"),
        "request_id": "0199a0c4-f7e1-7c3a-9b52-6d1e8f0a2b4c",
        **api.catalogue.examples.get(code, {}),
    }


def _path_schema(converter: str) -> dict[str, Any]:
    if converter == "uuid":
        return {"type": "string", "format": "uuid"}
    if most := _MOST.fullmatch(converter):
        return {"type": "integer", "minimum": 0, "maximum": int(most[1])}
    return {"type": "string"}


def _words(path: str) -> str:
    return path.strip("/").replace("/", "_").replace("{", "").replace("}", "").replace("-", "_").replace(".", "_")
