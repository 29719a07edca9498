"""Reading what a program sent: a bearer token, a JSON object, a query, where a page of a list starts."""

import base64
import binascii
import hmac
import json
from typing import Any

from flask import request
from marshmallow import Schema
from sqlalchemy.orm import Session
from werkzeug.exceptions import UnsupportedMediaType

from cardnet.http import wire
from cardnet.kernel.errors import FieldError, InvalidInput
from cardnet.kernel.vault import vault_of

JSON = "application/json"

_CURSOR = "http.cursor"
_SEAL = 16


def bearer() -> str | None:
    """The token of `Authorization: Bearer …`; None when there is none."""
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else None


def read_body() -> dict[str, Any]:
    """The request's JSON object. Raises Malformed, and 415 and 413 by werkzeug."""
    if request.mimetype != JSON or request.headers.get("Content-Encoding", "identity") != "identity":
        raise UnsupportedMediaType
    return wire.read_json(request.get_data())


def read_query(schema: Schema) -> dict[str, Any]:
    """The request's query. Raises InvalidInput("invalid_fields"), also for a name given twice."""
    twice = [name for name, values in request.args.lists() if len(values) > 1]
    if twice:
        findings = [wire.twice(name) for name in twice]
        raise InvalidInput("invalid_fields", "有参数重复，请每个只写一次。", findings)
    return wire.load(schema, request.args.to_dict())


def cursor_of(session: Session, bound: object, place: object) -> str:
    """Where the next page starts, signed and bound to `bound` (the list and its filter); both are JSON values."""
    said = json.dumps(place, separators=(",", ":")).encode()
    return base64.urlsafe_b64encode(_seal(session, bound, said) + said).decode().rstrip("=")


def place_of(session: Session, bound: object, cursor: str | None) -> Any:
    """What `cursor_of` was given, None without a cursor. A changed or borrowed one raises InvalidInput."""
    if cursor is None:
        return None
    try:
        given = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
    except (binascii.Error, ValueError):
        given = b""
    seal, said = given[:_SEAL], given[_SEAL:]
    if not hmac.compare_digest(seal, _seal(session, bound, said)):
        finding = FieldError("/cursor", "请原样使用上一页给出的 next_cursor，筛选条件也不要改。")
        raise InvalidInput("invalid_fields", "翻页位置不对，请从第一页重新开始。", [finding])
    return json.loads(said)


def _seal(session: Session, bound: object, said: bytes) -> bytes:
    return vault_of(session).index(_CURSOR, json.dumps([bound, said.hex()]))[:_SEAL]
