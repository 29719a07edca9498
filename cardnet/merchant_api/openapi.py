"""The OpenAPI 3.1 document of `/merchant/v1`, made from the calls and their schemas."""

from collections.abc import Sequence
from typing import Any

from apispec import APISpec
from apispec.ext.marshmallow import MarshmallowPlugin
from apispec.ext.marshmallow.openapi import OpenAPIConverter
from marshmallow import Schema

from cardnet.merchant_api import schemas
from cardnet.merchant_api.routes.blueprint import Call

_PROBLEM = "application/problem+json"

PROBLEMS: dict[str, tuple[int, str]] = {
    "malformed_request": (400, "the body is no JSON object"),
    "idempotency_key_required": (400, "no Idempotency-Key"),
    "idempotency_key_invalid": (400, "not 16–64 of [A-Za-z0-9_-]"),
    "token_invalid": (401, "no, unknown, expired or revoked terminal token"),
    "pairing_code_invalid": (401, "wrong, used or expired pairing code"),
    "merchant_suspended": (403, "the merchant may not call"),
    "terminal_suspended": (403, "the terminal may not call"),
    "not_found": (404, "no such thing, or not yours"),
    "request_in_progress": (409, "the first request with this key is still at work; send it again as Retry-After says"),
    "duplicate_merchant_reference": (409, "this merchant_ref names a live redemption; detail has its id"),
    "invalid_state": (409, "the redemption's state forbids it"),
    "hold_expired": (409, "the hold has run out and is released"),
    "already_reversed": (409, "it was reversed, perhaps before it came"),
    "day_closed": (409, "the business day is closed; use a refund"),
    "too_many_tokens": (409, "the terminal has two tokens already"),
    "payload_too_large": (413, "over 1 MiB"),
    "unsupported_media_type": (415, "not application/json"),
    "invalid_fields": (422, "errors[] points at each field"),
    "idempotency_key_reused": (422, "the key belongs to another request"),
    "refused": (422, "the member gets no benefit: recorded, with reasons"),
    "capture_exceeds_held": (422, "more than is held"),
    "rate_limited": (429, "wait as Retry-After says"),
    "internal": (500, "our mistake; the same key tells the truth"),
    "busy": (503, "too many at once; the same key tells the truth"),
    "day_closing": (503, "the business day is being closed; send it again in a moment"),
    "outcome_unknown": (503, "it may have happened; the same key tells the truth"),
}

_ANY_CALL = ("rate_limited", "internal", "outcome_unknown")
_SIGNED_IN = ("token_invalid", "merchant_suspended", "terminal_suspended")
_WITH_BODY = ("malformed_request", "payload_too_large", "unsupported_media_type", "invalid_fields")
_WITH_KEY = ("idempotency_key_required", "idempotency_key_invalid", "request_in_progress", "idempotency_key_reused")


def document(calls: Sequence[Call]) -> dict[str, Any]:
    """The whole document."""
    plugin = MarshmallowPlugin(schema_name_resolver=_name)
    spec = APISpec(
        title="cardnet merchant API",
        version="1.0.0",
        openapi_version="3.1.0",
        plugins=[plugin],
        info={
            "description": "Amounts are integer fen, moments RFC 3339 with an offset, ids UUIDv7. "
            "Fields are added, never changed: ignore members you do not know."
        },
        servers=[{"url": "/merchant/v1"}],
    )
    spec.components.security_scheme("terminal", {"type": "http", "scheme": "bearer", "bearerFormat": "cnt_…"})
    converter = plugin.converter
    if converter is None:  # pragma: no cover - apispec sets it in APISpec()
        raise RuntimeError("apispec has no converter")
    for call in calls:
        spec.path(path=call.path, operations={call.method.lower(): _operation(call, converter)})
    return spec.to_dict()


def problems_of(call: Call) -> tuple[str, ...]:
    """Every problem a call may answer with."""
    codes = [*_ANY_CALL, *call.problems]
    if not call.open_to_all:
        codes += _SIGNED_IN
    if call.body:
        codes += _WITH_BODY
    if call.query:
        codes += ["invalid_fields"]
    if call.takes_key:
        codes += _WITH_KEY
    return tuple(dict.fromkeys(codes))


def _operation(call: Call, converter: OpenAPIConverter) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "operationId": f"{call.method.lower()}_{_words(call.path)}",
        "summary": call.summary,
        "parameters": _parameters(call, converter),
        "responses": _responses(call),
        "security": [] if call.open_to_all else [{"terminal": []}],
    }
    if call.notes:
        operation["description"] = call.notes
    if call.body:
        operation["requestBody"] = {"required": True, "content": {"application/json": {"schema": call.body}}}
    return operation


def _parameters(call: Call, converter: OpenAPIConverter) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = [
        {
            "in": "path",
            "name": name,
            "required": True,
            "schema": {"type": "string", "format": "uuid"} if kind == "uuid" else {"type": "string"},
        }
        for name, kind in call.parameters.items()
    ]
    if call.query:
        found += converter.schema2parameters(call.query, location="query")
    if call.takes_key:
        key = {"type": "string", "pattern": "^[A-Za-z0-9_-]{16,64}$"}
        found.append({"in": "header", "name": "Idempotency-Key", "required": True, "schema": key})
    return found


def _responses(call: Call) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for status, answer in call.answers.items():
        entry: dict[str, Any] = {"description": call.summary}
        if isinstance(answer, str):
            if answer:
                entry["content"] = {answer: {"schema": {"type": "object"}} if answer == "application/json" else {}}
        else:
            entry["content"] = {"application/json": {"schema": answer}}
        if call.takes_key:
            entry["headers"] = {"Idempotency-Replayed": {"schema": {"const": "true"}, "description": "a repeat"}}
        found[str(status)] = entry
    for code in problems_of(call):
        status, meaning = PROBLEMS[code]
        entry = found.setdefault(str(status), {"description": "", "content": {}})
        entry["description"] = "; ".join(filter(None, [entry["description"], f"`{code}`: {meaning}"]))
        schema = schemas.Refusal if code == "refused" else schemas.Problem
        shapes = entry["content"].setdefault(_PROBLEM, {"schema": {"anyOf": []}})["schema"]["anyOf"]
        if schema not in shapes:
            shapes.append(schema)
        if status in (409, 429, 503):
            entry["headers"] = {"Retry-After": {"schema": {"type": "integer"}}}
    return found


def _words(path: str) -> str:
    return path.strip("/").replace("/", "_").replace("{", "").replace("}", "").replace("-", "_").replace(".", "_")


def _name(schema: Schema | type[Schema] | str) -> str:
    kind = schema if isinstance(schema, type) else type(schema)
    return kind.__name__
