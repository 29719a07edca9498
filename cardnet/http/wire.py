"""What bodies and answers of every API are made of: strict JSON in, plain JSON out, findings with a JSON pointer."""

import json
import re
from collections.abc import Iterator, Mapping
from datetime import date, datetime
from itertools import islice
from typing import Any, NoReturn

from marshmallow import INCLUDE, RAISE, Schema, ValidationError, fields, missing, validate

from cardnet.kernel import calendar
from cardnet.kernel.calendar import EARLIEST, LATEST
from cardnet.kernel.errors import CardnetError, FieldError, InvalidInput

REQUIRED = "缺少这个字段。"
_UNKNOWN = "没有这个字段，请删去。"
_OBJECT = "应为 JSON 对象。"
_CODES = {REQUIRED: "required", _UNKNOWN: "unknown_field"}
_WORD = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_MOST_FINDINGS = 50


class Malformed(CardnetError):
    """The body is no JSON object we can read at all: unlike InvalidInput there is no field to point at."""

    status = 400


def read_json(body: bytes) -> dict[str, Any]:
    """The one JSON object of a request: UTF-8, no member named twice, no NaN. Raises Malformed("malformed_request")."""
    try:
        value = json.loads(body.decode(), object_pairs_hook=_object, parse_constant=_no_constant)
    except (ValueError, RecursionError):
        raise Malformed("malformed_request", "请求正文不是有效的 JSON（UTF-8），请检查后再发送。") from None
    if not isinstance(value, dict):
        raise Malformed("malformed_request", "请求正文应为一个 JSON 对象，不是数组或单个值。")
    return value


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        # Two readers of such a body may see two different amounts.
        raise ValueError("a member is named twice")
    return found


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def load(schema: Schema, body: Mapping[str, Any]) -> dict[str, Any]:
    """Read a body or query. Raises InvalidInput("invalid_fields") with every field's finding."""
    try:
        loaded: dict[str, Any] = schema.load(body)
    except ValidationError as error:
        raise InvalidInput("invalid_fields", "有字段不符合要求，请按提示修改后再发送。", _findings(error)) from None
    return loaded


def twice(name: str) -> FieldError:
    """What is wrong with a query parameter given twice."""
    return FieldError(_step(name), "请只写一次。")


def _findings(error: ValidationError) -> list[FieldError]:
    found = islice(_flatten("", error.messages), _MOST_FINDINGS)
    return [FieldError(pointer, message, _CODES.get(message, "invalid")) for pointer, message in found]


def _flatten(pointer: str, messages: Any) -> Iterator[tuple[str, str]]:
    if isinstance(messages, dict):
        for name, inner in messages.items():
            yield from _flatten(pointer + ("" if name == "_schema" else _step(str(name))), inner)
    elif isinstance(messages, list):
        for inner in messages:
            yield from _flatten(pointer, inner)
    else:
        yield pointer, str(messages)


def _step(name: str) -> str:
    """A member's name in a pointer. It is the sender's, so it may be very long or half of a surrogate pair."""
    return "/" + name[:80].encode(errors="replace").decode().replace("~", "~0").replace("/", "~1")


class Strict(Schema):
    """Refuses members it does not know."""

    error_messages = {"unknown": _UNKNOWN, "type": _OBJECT}  # noqa: RUF012 - marshmallow reads it from the class

    class Meta:
        """What marshmallow does with a member nobody asked for."""

        unknown = RAISE

    def _deserialize(self, data: Any, **more: Any) -> Any:
        # Of a body as it should be, marshmallow's keeping of errors is most of the reading; any other is read by it.
        if type(data) is dict and data.keys() <= self.load_fields.keys() and not (more["many"] or more["partial"]):
            fields_of = self.load_fields.items()
            try:
                read = {name: field.deserialize(data.get(name, missing), name, data) for name, field in fields_of}
            except ValidationError:
                pass
            else:
                return {name: value for name, value in read.items() if value is not missing}
        return super()._deserialize(data, **more)


class _Saying(fields.Field[Any]):
    """Messages in the reader's language in place of marshmallow's own."""

    default_error_messages = {"required": REQUIRED, "null": "不能为 null。", "invalid": "类型不对。"}  # noqa: RUF012


class Whole(_Saying, fields.Integer):
    """A JSON integer and nothing that merely looks like one: not true, not 1.0, not "1"."""

    def __init__(self, least: int, most: int, **more: Any) -> None:
        super().__init__(validate=validate.Range(least, most, error=f"应为 {least} 到 {most} 的整数。"), **more)
        self._words = f"应为 {least} 到 {most} 的整数，不带小数点和引号。"

    def _deserialize(self, value: Any, attr: str | None, data: Any, **more: Any) -> int:  # noqa: ARG002
        # Exactly int: True is an instance of int, and is no amount.
        if type(value) is not int:
            raise ValidationError(self._words)
        return value


class Text(_Saying, fields.String):
    """Text the database can hold: no NUL, no half of a surrogate pair; without `free`, no control characters either."""

    def __init__(self, longest: int, *, shortest: int = 1, free: bool = False, **more: Any) -> None:
        super().__init__(**more)
        self.shortest, self.longest, self.free = shortest, longest, free
        self.metadata = {"minLength": shortest, "maxLength": longest, **self.metadata}

    def _deserialize(self, value: Any, attr: str | None, data: Any, **more: Any) -> str:  # noqa: ARG002
        if not isinstance(value, str):
            raise ValidationError("应为文字。")
        if not self.shortest <= len(value) <= self.longest:
            raise ValidationError(f"应为 {self.shortest}–{self.longest} 个字符。")
        if not value.isprintable() and not (self.free and _storable(value)):
            raise ValidationError("含有不可打印的字符。")
        if value.isspace():
            raise ValidationError("不能只有空格。")
        return value


def _storable(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return "\0" not in text


class Word(Text):
    """A code: letters, digits, `_`, `.`, `-`."""

    def __init__(self, **more: Any) -> None:
        super().__init__(64, **more)
        self.metadata = {"pattern": f"^{_WORD.pattern}$", **self.metadata}

    def _deserialize(self, value: Any, attr: str | None, data: Any, **more: Any) -> str:
        word = super()._deserialize(value, attr, data, **more)
        if not _WORD.fullmatch(word):
            raise ValidationError("应为 1–64 位字母、数字、_、. 或 -，以字母或数字开头。")
        return word


class Digits(Text):
    """Digits a person types, leading zeros kept."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **more: Any) -> str:
        digits = super()._deserialize(value, attr, data, **more)
        if not (digits.isascii() and digits.isdigit()):
            raise ValidationError("只能是数字。")
        return digits


class Flag(_Saying, fields.Boolean):
    """true or false, not "yes" or 1."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **more: Any) -> bool:  # noqa: ARG002
        if not isinstance(value, bool):
            raise ValidationError("应为 true 或 false。")
        return value


class Day(_Saying, fields.Date):
    """A day as YYYY-MM-DD, one that somebody can mean."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **more: Any) -> date:  # noqa: ARG002
        try:
            if isinstance(value, str) and _DAY.fullmatch(value):
                day = date.fromisoformat(value)
                if EARLIEST <= day <= LATEST:
                    return day
        except ValueError:
            pass
        raise ValidationError("应为日期，如 2026-11-21。")


class Id(_Saying, fields.UUID):
    """A UUID in its usual form."""

    default_error_messages = {"invalid_uuid": "应为 UUID。"}  # noqa: RUF012

    def _deserialize(self, value: Any, attr: str | None, data: Any, **more: Any) -> Any:
        if not isinstance(value, str):
            raise ValidationError("应为 UUID。")
        return super()._deserialize(value, attr, data, **more)


class Part(_Saying, fields.Nested):
    """An object within an object."""

    default_error_messages = {"type": _OBJECT}  # noqa: RUF012


class Several(_Saying, fields.List[Any]):
    """A list."""

    default_error_messages = {"invalid": "应为列表。"}  # noqa: RUF012


def moment(at: datetime) -> str:
    """RFC 3339 with Shanghai's offset, to the second."""
    return calendar.local(at).isoformat(timespec="seconds")


class Moment(fields.Field[Any]):
    """A moment of an answer."""

    def _serialize(self, value: Any, attr: str | None, obj: Any, **more: Any) -> str | None:  # noqa: ARG002
        return None if value is None else moment(value)


class Open(Schema):
    """An answer: more members may come, so a reader must not refuse what it does not know."""

    class Meta:
        """What marshmallow says of members it does not know."""

        unknown = INCLUDE


class FieldFinding(Open):
    """What is wrong with one field; `pointer` is a JSON pointer into the body."""

    pointer = fields.String(required=True)
    message = fields.String(required=True)
    code = fields.String(required=True)


class Problem(Open):
    """An error (RFC 9457). Branch on `code`, never on text; `retry` says whether and how to send it again."""

    type = fields.String(required=True)
    title = fields.String(required=True)
    status = fields.Integer(required=True)
    code = fields.String(required=True)
    retry = fields.String(required=True, validate=validate.OneOf(["never", "same_key", "new_key", "after"]))
    request_id = fields.String(required=True)
    errors = fields.List(fields.Nested(FieldFinding))
    detail = fields.Dict()
