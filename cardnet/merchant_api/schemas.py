"""Wire formats of `/merchant/v1`. Published: fields are added, never changed. Unknown fields are refused.

The request schemas read what comes in; the answer schemas describe what goes out, for the OpenAPI document and the
tests (`routes` writes answers from plain values, in the order the schemas name the fields).
"""

import re
from typing import Any

from marshmallow import ValidationError, fields, validate, validates_schema

from cardnet.http.wire import Day, Digits, Flag, Id, Open, Part, Problem, Several, Strict, Text, Whole, Word
from cardnet.kernel.errors import InvalidInput
from cardnet.merchant_api.rules import MOST_FEN, is_key
from cardnet.merchants.rules import read_public_key

HOLD_SECONDS = (60, 86_400)
MOST_LINES = 500

_LAST4 = re.compile(r"[0-9A-Za-z]{4}")


def Fen(**more: Any) -> Whole:  # noqa: N802 - it stands where a field class would
    """An amount of a purchase in fen."""
    return Whole(1, MOST_FEN, **more)


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


class PurchaseLineRequest(Strict):
    """One line of the receipt; `category` is a word that rules may name."""

    line_no = Whole(1, 10_000, required=True)
    amount_fen = Fen(required=True)
    category = Word(load_default=None)


class PurchaseRequest(Strict):
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


class QuoteRequest(Strict):
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


class CaptureRequest(Strict):
    """Body of POST /redemptions/{id}/capture. Without `benefit_fen` all that is held is used."""

    benefit_fen = Fen(load_default=None)


class ReverseRequest(Strict):
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


class EnrolRequest(Strict):
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


class LineShare(Open):
    """What one line of the receipt got."""

    line_no = fields.Integer(required=True)
    benefit_fen = fields.Integer(required=True)


class Benefit(Open):
    """A benefit that applied. `kind` is `discount` (the merchant gives it) or `subsidy` (the union pays it back)."""

    program = fields.String(required=True)
    name = fields.String(required=True)
    kind = fields.String(required=True)
    benefit_fen = fields.Integer(required=True)
    union_fen = fields.Integer(required=True)
    merchant_fen = fields.Integer(required=True)
    rule_version = fields.Integer(required=True)
    lines = fields.List(fields.Nested(LineShare), required=True)


class Reason(Open):
    """Why not: `code` is stable, `message` is for people."""

    code = fields.String(required=True)
    message = fields.String(required=True)
    detail = fields.Dict()


class NotApplied(Open):
    """A benefit that did not apply, and why."""

    program = fields.String(required=True)
    reasons = fields.List(fields.Nested(Reason), required=True)


class MemberFace(Open):
    """All a merchant learns of the member."""

    display = fields.String(required=True)


class _Outcome(Open):
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


class RefusalReason(Open):
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


class Reversal(Open):
    """`reversed`, `tombstoned` (the original had not come and will be refused) or `nothing_to_reverse`."""

    outcome = fields.String(required=True)
    redemption_id = fields.UUID(required=True, allow_none=True)
    server_time = fields.String(required=True)


class RedemptionRow(Open):
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


class RedemptionList(Open):
    """A page of the day's list, newest first; `next_cursor` is null on the last one."""

    redemptions = fields.List(fields.Nested(RedemptionRow), required=True)
    next_cursor = fields.String(required=True, allow_none=True)
    server_time = fields.String(required=True)


class ListQuery(Strict):
    """Query of GET /redemptions."""

    business_date = Day(load_default=None)
    terminal = Word(load_default=None)
    limit = fields.Integer(
        load_default=50,
        validate=validate.Range(1, 200, error="应为 1 到 200。"),
        error_messages={"invalid": "应为 1 到 200 的整数。"},
    )
    cursor = Text(400, load_default=None)


class Named(Open):
    """A code and the name people use."""

    code = fields.String(required=True)
    name = fields.String(required=True)


class Limits(Open):
    """What this API accepts."""

    amount_fen_max = fields.Integer(required=True)
    hold_seconds_max = fields.Integer(required=True)
    lines_max = fields.Integer(required=True)


class Me(Open):
    """Who this token is."""

    merchant = fields.Nested(Named, required=True)
    store = fields.Nested(Named, required=True)
    terminal = fields.Nested(Named, required=True)
    limits = fields.Nested(Limits, required=True)
    server_time = fields.String(required=True)


class EnrolledTerminal(Open):
    """A paired terminal; the token is shown this once."""

    token = fields.String(required=True)
    merchant = fields.Nested(Named, required=True)
    store = fields.Nested(Named, required=True)
    terminal = fields.Nested(Named, required=True)
    server_time = fields.String(required=True)


class Refusal(Problem):
    """A refused redemption: recorded, and repeated to whoever asks with the same key."""

    redemption_id = fields.UUID(required=True)
    reasons = fields.List(fields.Nested(RefusalReason), required=True)
