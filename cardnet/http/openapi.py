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

_PROBLEM = "application/problem+json"
_KEY = {"type": "string", "pattern": "^[A-Za-z0-9_-]{16,64}$"}
_MOST = re.compile(r"int\(max=(\d+)\)")


def document(api: Api) -> dict[str, Any]:
    """The whole document. A schema's docstring is its description."""
    named: dict[str, str] = {}

    def name(schema: Schema | type[Schema] | str) -> str:
        kind = schema if isinstance(schema, type) else type(schema)
        named[kind.__name__] = " ".join(inspect.cleandoc(kind.__doc__ or "").split())
        return kind.__name__

    plugin = MarshmallowPlugin(schema_name_resolver=name)
    spec = APISpec(
        title=api.title,
        version="1.0.0",
        openapi_version="3.1.0",
        plugins=[plugin],
        info={"description": api.description},
        servers=[{"url": api.prefix}],
    )
    for tag in dict.fromkeys(call.tag for call in api.calls if call.tag):
        spec.tag({"name": tag})
    scheme = {"type": "http", "scheme": "bearer", "bearerFormat": api.bearer_format}
    spec.components.security_scheme(api.scheme, scheme)
    converter = plugin.converter
    if converter is None:  # pragma: no cover - apispec sets it in APISpec()
        raise RuntimeError("apispec has no converter")
    for call in api.calls:
        spec.path(path=call.path, operations={call.method.lower(): _operation(api, call, converter)})
    whole = spec.to_dict()
    for name_, schema in whole["components"]["schemas"].items():
        schema["description"] = named[name_]
    return whole


def _operation(api: Api, call: Call, converter: OpenAPIConverter) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "operationId": f"{call.method.lower()}_{_words(call.path)}",
        "summary": call.summary,
        "parameters": _parameters(api, call, converter),
        "responses": _responses(api, call),
        "security": [] if call.open_to_all else [{api.scheme: []}],
    }
    if call.tag:
        operation["tags"] = [call.tag]
    if call.roles:
        operation["x-roles"] = list(call.roles)
    notes = [call.notes, f"Roles: {', '.join(call.roles)}." if call.roles else ""]
    if any(notes):
        operation["description"] = "\n\n".join(filter(None, notes))
    if call.body:
        content: dict[str, Any] = {"schema": call.body}
        if call.example is not None:
            content["example"] = dict(call.example)
        operation["requestBody"] = {"required": True, "content": {"application/json": content}}
    elif call.takes_file:
        file = {"schema": {"type": "string", "format": "binary"}}
        operation["requestBody"] = {"required": True, "content": dict.fromkeys(call.takes_file, file)}
    return operation


def _parameters(api: Api, call: Call, converter: OpenAPIConverter) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = [
        {"in": "path", "name": name, "required": True, "schema": _path_schema(kind)}
        for name, kind in call.parameters.items()
    ]
    if call.query:
        found += converter.schema2parameters(call.query, location="query")
    if call.takes_key:
        found.append({"in": "header", "name": "Idempotency-Key", "required": api.key_required, "schema": _KEY})
    return found


def _responses(api: Api, call: Call) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for status, answer in call.answers.items():
        entry: dict[str, Any] = {"description": call.summary}
        if isinstance(answer, str):
            if answer:
                entry["content"] = {answer: {"schema": {"type": "object"}} if answer == "application/json" else {}}
        else:
            entry["content"] = {"application/json": {"schema": answer}}
            if call.shows is not None:
                entry["content"]["application/json"]["example"] = call.shows
        if call.takes_key:
            entry["headers"] = {"Idempotency-Replayed": {"schema": {"const": "true"}, "description": "a repeat"}}
        found[str(status)] = entry
    for code in api.catalogue.of(call):
        status, meaning = api.catalogue.meanings[code]
        entry = found.setdefault(str(status), {"description": "", "content": {}})
        entry["description"] = "; ".join(filter(None, [entry["description"], f"`{code}`: {meaning}"]))
        schema = api.catalogue.shapes.get(code, wire.Problem)
        shapes = entry["content"].setdefault(_PROBLEM, {"schema": {"anyOf": []}})["schema"]["anyOf"]
        if schema not in shapes:
            shapes.append(schema)
        if status in (409, 429, 503):
            entry["headers"] = {"Retry-After": {"schema": {"type": "integer"}}}
    return found


def _path_schema(converter: str) -> dict[str, Any]:
    if converter == "uuid":
        return {"type": "string", "format": "uuid"}
    if most := _MOST.fullmatch(converter):
        return {"type": "integer", "minimum": 0, "maximum": int(most[1])}
    return {"type": "string"}


def _words(path: str) -> str:
    return path.strip("/").replace("/", "_").replace("{", "").replace("}", "").replace("-", "_").replace(".", "_")
