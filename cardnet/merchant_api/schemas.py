"""Wire formats of `/merchant/v1`. Published: fields are added, never changed. Unknown fields are refused.

The request schemas read what comes in; the answer schemas describe what goes out, for the OpenAPI document and the
tests (`routes` writes answers from plain values, in the order the schemas name the fields).
"""

import json
import re
from collections.abc import Iterator, Mapping
from datetime import date
from itertools import islice
from typing import Any, NoReturn

from marshmallow import INCLUDE, RAISE, Schema, ValidationError, fields, validate, validates_schema

from cardnet.kernel.errors import CardnetError, FieldError, InvalidInput
from cardnet.merchant_api.rules import MOST_FEN, is_key
from cardnet.merchants.rules import read_public_key

HOLD_SECONDS = (60, 86_400)
MOST_LINES = 500

_REQUIRED = "缺少这个字段。"
_UNKNOWN = "没有这个字段，请删去。"
_OBJECT = "应为 JSON 对象。"
_CODES = {_REQUIRED: "required", _UNKNOWN: "unknown_field"}
_WORD = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")
_LAST4 = re.compile(r"[0-9A-Za-z]{4}")
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


class _Strict(Schema):
    """Refuses members it does not know."""

    error_messages = {"unknown": _UNKNOWN, "type": _OBJECT}  # noqa: RUF012 - marshmallow reads it from the class

    class Meta:
        unknown = RAISE


class _Saying(fields.Field[Any]):
    """Messages in the reader's language in place of marshmallow's own."""

    default_error_messages = {"required": _REQUIRED, "null": "不能为 null。", "invalid": "类型不对。"}  # noqa: RUF012


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


def Fen(**more: Any) -> Whole:  # noqa: N802 - it stands where a field class would
    """An amount of a purchase in fen."""
    return Whole(1, MOST_FEN, **more)


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


class Last4(Text):
    """How the member's document number ends: four digits, or three and an X; some passports end in letters."""

    def __init__(self, **more: Any) -> None:
        super().__init__(4, shortest=4, **more)
        self.metadata = {"pattern": f"^{_LAST4.pattern}$", **self.metadata}

    def _deserialize(self, value: Any, attr: str | None, data: Any, **more: Any) -> str:
        last4 = super()._deserialize(value, attr, data, **more)
        if not _LAST4.fullmatch(last4):
            raise ValidationError("应为证件号码的最后四位。")
        return last4


class Flag(_Saying, fields.Boolean):
    """true or false, not "yes" or 1."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **more: Any) -> bool:  # noqa: ARG002
        if not isinstance(value, bool):
            raise ValidationError("应为 true 或 false。")
        return value


class Day(_Saying, fields.Date):
    """A day as YYYY-MM-DD."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **more: Any) -> date:  # noqa: ARG002
        try:
            if isinstance(value, str) and _DAY.fullmatch(value):
                return date.fromisoformat(value)
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


class PurchaseLineRequest(_Strict):
    """One line of the receipt; `category` is a word that rules may name."""

    line_no = Whole(1, 10_000, required=True)
    amount_fen = Fen(required=True)
    category = Word(load_default=None)


class PurchaseRequest(_Strict):
    """What is bought. `amount_fen` is the price before any benefit; `lines`, when given, add up to it.

    `service_on` is the day the service was given, when that is not today.
    """

    amount_fen = Fen(required=True)
    service_code = Word(load_default=None)
    lines = Several(
        Part(PurchaseLineRequest),
        load_default=(),
        validate=validate.Length(max=MOST_LINES, error=f"最多 {MOST_LINES} 行。"),
    )
    service_on = Day(load_default=None)

    @validates_schema
    def _lines_add_up(self, purchase: dict[str, Any], **_more: Any) -> None:
        lines = purchase["lines"]
        if not lines:
            return
        if len({line["line_no"] for line in lines}) != len(lines):
            raise ValidationError("行号 line_no 重复。", "lines")
        if sum(line["amount_fen"] for line in lines) != purchase["amount_fen"]:
            raise ValidationError("各行金额之和应等于 amount_fen。", "lines")


class QuoteRequest(_Strict):
    """Body of POST /quotes. `challenge` is the four digits this till showed and the member typed.

    `id_last4` is how the member's document number ends. A printed card needs it: without it the answer is the reason
    `confirm_required`, and after five wrong ones in a day (`detail.tries_left` is 0) only the phone or the union helps.
    A wrong one is counted in a quote too. A phone's code does not look at it.
    """

    code = Text(4_096, free=True, required=True)
    challenge = Digits(4, shortest=4, load_default=None)
    id_last4 = Last4(
        load_default=None, metadata={"description": "Last four of the member's document number; for printed cards."}
    )
    purchase = Part(PurchaseRequest, required=True)


class RedeemRequest(QuoteRequest):
    """Body of POST /redemptions. `merchant_ref` is the shop's own number of the sale, used once."""

    merchant_ref = Text(64, required=True)
    capture = Flag(load_default=True)
    hold_seconds = Whole(*HOLD_SECONDS, load_default=900)


class CaptureRequest(_Strict):
    """Body of POST /redemptions/{id}/capture. Without `benefit_fen` all that is held is used."""

    benefit_fen = Fen(load_default=None)


class ReverseRequest(_Strict):
    """Body of POST /reversals: exactly one of the two names the original."""

    original_idempotency_key = Text(64, shortest=16, load_default=None)
    redemption_id = Id(load_default=None)
    reason = Text(64, load_default="unspecified")

    @validates_schema
    def _one_original(self, body: dict[str, Any], **_more: Any) -> None:
        key, redemption_id = body["original_idempotency_key"], body["redemption_id"]
        if (key is None) == (redemption_id is None):
            raise ValidationError("original_idempotency_key 与 redemption_id 请只填一个。", "original_idempotency_key")
        if key is not None and not is_key(key):
            raise ValidationError("应为 16–64 位字母、数字、_ 或 -。", "original_idempotency_key")


class EnrolRequest(_Strict):
    """Body of POST /terminals/enrol. `public_key` is base64url: Ed25519, or a compressed P-256 point."""

    pairing_code = Text(32, required=True)
    name = Text(80, required=True)
    public_key = Text(64, load_default=None)

    @validates_schema
    def _key_is_one(self, body: dict[str, Any], **_more: Any) -> None:
        try:
            if body["public_key"] is not None:
                read_public_key(body["public_key"])
        except InvalidInput as error:
            raise ValidationError(error.message, "public_key") from None


class _Open(Schema):
    """An answer: more members may come, so a reader must not refuse what it does not know."""

    class Meta:
        unknown = INCLUDE


class LineShare(_Open):
    """What one line of the receipt got."""

    line_no = fields.Integer(required=True)
    benefit_fen = fields.Integer(required=True)


class Benefit(_Open):
    """A benefit that applied. `kind` is `discount` (the merchant gives it) or `subsidy` (the union pays it back)."""

    program = fields.String(required=True)
    name = fields.String(required=True)
    kind = fields.String(required=True)
    benefit_fen = fields.Integer(required=True)
    union_fen = fields.Integer(required=True)
    merchant_fen = fields.Integer(required=True)
    rule_version = fields.Integer(required=True)
    lines = fields.List(fields.Nested(LineShare), required=True)


class Reason(_Open):
    """Why not: `code` is stable, `message` is for people."""

    code = fields.String(required=True)
    message = fields.String(required=True)
    detail = fields.Dict()


class NotApplied(_Open):
    """A benefit that did not apply, and why."""

    program = fields.String(required=True)
    reasons = fields.List(fields.Nested(Reason), required=True)


class MemberFace(_Open):
    """All a merchant learns of the member."""

    display = fields.String(required=True)


class _Outcome(_Open):
    merchant_ref = fields.String(required=True, allow_none=True)
    amount_fen = fields.Integer(required=True)
    discount_fen = fields.Integer(required=True)
    subsidy_fen = fields.Integer(required=True)
    payable_fen = fields.Integer(required=True)
    event_at = fields.String(required=True)
    benefits = fields.List(fields.Nested(Benefit), required=True)
    not_applied = fields.List(fields.Nested(NotApplied), required=True)
    member = fields.Nested(MemberFace, required=True, allow_none=True)
    assurance = fields.String(required=True, allow_none=True)
    held_until = fields.String(required=True, allow_none=True)
    server_time = fields.String(required=True)


class RefusalReason(_Open):
    """Why the redemption was refused; `program` is null when it is the card or the code."""

    program = fields.String(required=True, allow_none=True)
    code = fields.String(required=True)
    message = fields.String(required=True)
    detail = fields.Dict(required=True)


class Redemption(_Outcome):
    """One redemption. `payable_fen` is what the cashier charges."""

    id = fields.UUID(required=True)
    outcome = fields.String(required=True)
    business_date = fields.Date(required=True)
    reasons = fields.List(fields.Nested(RefusalReason))


class Quote(_Outcome):
    """What would apply now; nothing is stored."""

    outcome = fields.String(required=True)
    reasons = fields.List(fields.Nested(RefusalReason))


class Capture(Redemption):
    """A hold that was used; `released_fen` of it is free again."""

    released_fen = fields.Integer(required=True)


class Reversal(_Open):
    """`reversed`, `tombstoned` (the original had not come and will be refused) or `nothing_to_reverse`."""

    outcome = fields.String(required=True)
    redemption_id = fields.UUID(required=True, allow_none=True)
    server_time = fields.String(required=True)


class RedemptionRow(_Open):
    """One line of the day's list."""

    id = fields.UUID(required=True)
    outcome = fields.String(required=True)
    business_date = fields.Date(required=True)
    event_at = fields.String(required=True)
    merchant_ref = fields.String(required=True, allow_none=True)
    terminal = fields.String(required=True)
    amount_fen = fields.Integer(required=True)
    discount_fen = fields.Integer(required=True)
    subsidy_fen = fields.Integer(required=True)
    payable_fen = fields.Integer(required=True)
    reasons = fields.List(fields.Nested(RefusalReason))


class RedemptionList(_Open):
    """A page of the day's list, newest first; `next_cursor` is null on the last one."""

    redemptions = fields.List(fields.Nested(RedemptionRow), required=True)
    next_cursor = fields.String(required=True, allow_none=True)
    server_time = fields.String(required=True)


class ListQuery(_Strict):
    """Query of GET /redemptions."""

    business_date = Day(load_default=None)
    terminal = Word(load_default=None)
    limit = fields.Integer(
        load_default=50,
        validate=validate.Range(1, 200, error="应为 1 到 200。"),
        error_messages={"invalid": "应为 1 到 200 的整数。"},
    )
    cursor = Text(400, load_default=None)


class Named(_Open):
    """A code and the name people use."""

    code = fields.String(required=True)
    name = fields.String(required=True)


class Limits(_Open):
    """What this API accepts."""

    amount_fen_max = fields.Integer(required=True)
    hold_seconds_max = fields.Integer(required=True)
    lines_max = fields.Integer(required=True)


class Me(_Open):
    """Who this token is."""

    merchant = fields.Nested(Named, required=True)
    store = fields.Nested(Named, required=True)
    terminal = fields.Nested(Named, required=True)
    limits = fields.Nested(Limits, required=True)
    server_time = fields.String(required=True)


class EnrolledTerminal(_Open):
    """A paired terminal; the token is shown this once."""

    token = fields.String(required=True)
    merchant = fields.Nested(Named, required=True)
    store = fields.Nested(Named, required=True)
    terminal = fields.Nested(Named, required=True)
    server_time = fields.String(required=True)


class FieldFinding(_Open):
    """What is wrong with one field; `pointer` is a JSON pointer into the body."""

    pointer = fields.String(required=True)
    message = fields.String(required=True)
    code = fields.String(required=True)


class Problem(_Open):
    """An error (RFC 9457). Branch on `code`, never on text; `retry` says whether and how to send it again."""

    type = fields.String(required=True)
    title = fields.String(required=True)
    status = fields.Integer(required=True)
    code = fields.String(required=True)
    retry = fields.String(required=True, validate=validate.OneOf(["never", "same_key", "new_key", "after"]))
    request_id = fields.String(required=True)
    errors = fields.List(fields.Nested(FieldFinding))
    detail = fields.Dict()


class Refusal(Problem):
    """A refused redemption: recorded, and repeated to whoever asks with the same key."""

    redemption_id = fields.UUID(required=True)
    reasons = fields.List(fields.Nested(RefusalReason), required=True)
