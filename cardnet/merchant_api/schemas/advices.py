"""What a till reports that it did offline."""

import base64
import binascii
from datetime import datetime
from typing import Any

from marshmallow import ValidationError, fields, post_load, validate, validates_schema

from cardnet.http.wire import Digits, Open, Part, Several, Strict, Text, Whole, Word
from cardnet.merchant_api.schemas.purchases import Fen, Last4, Nonce, PurchaseRequest, one_question
from cardnet.merchant_api.schemas.redemptions import Redemption, RefusalReason

MOST_RECORDS = 10
"""They share a transaction, and cards are not in an order: few, so that a sale online seldom waits for them."""
_LATEST_SEQ = 2**53 - 1


class When(Text):
    """A moment, RFC 3339 with an offset."""

    def __init__(self, **more: Any) -> None:
        super().__init__(40, **more)
        self.metadata = {"format": "date-time", **self.metadata}

    def _deserialize(self, value: Any, attr: str | None, data: Any, **more: Any) -> Any:
        text = super()._deserialize(value, attr, data, **more)
        try:
            at = datetime.fromisoformat(text)
        except ValueError:
            at = None
        if at is None or at.tzinfo is None or "T" not in text or not 2020 <= at.year < 2100:
            raise ValidationError("应为带时区的时间，如 2026-11-20T22:10:00+08:00。")
        return at


class Octets(Text):
    """Bytes of one length in base64url without padding."""

    def __init__(self, length: int, **more: Any) -> None:
        super().__init__(-(-length * 4 // 3), shortest=-(-length * 4 // 3), **more)
        self.length = length

    def _deserialize(self, value: Any, attr: str | None, data: Any, **more: Any) -> Any:
        text = super()._deserialize(value, attr, data, **more)
        try:
            found = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
        except (binascii.Error, ValueError):
            found = b""
        if len(found) != self.length:
            raise ValidationError(f"应为 {self.length} 字节的 base64url。")
        return found


class TillDecision(Strict):
    """What the till took off by itself."""

    benefit_fen = Fen(required=True)
    programs = Several(Word(), load_default=(), validate=validate.Length(max=8, error="最多 8 项。"))


class AdviceRecord(Strict):
    """One redemption made offline. `terminal_seq` counts the terminal's records without a gap.

    `signature` is the terminal's over the record (see the guide), asked of terminals that have a key; `prev_hash` the
    SHA-256 of the record before, asked of the same terminals except in their very first record. `list_issued_at` is the `iat` of the till's status list, `synced_at` when the till was
    last online, `clock_offset_seconds` how far its device's clock was ahead of ours then: `occurred_at` is without it, and `sent_at`
    must show the same to 120 seconds, or the record is held for the union to look at. With `bound_nonce` the code was made for
    this very purchase (see the guide), so it may be above the floor. Whatever is left away never counts for the sender (see the
    guide): send all of it.
    """

    terminal_seq = Whole(1, _LATEST_SEQ, required=True)
    occurred_at = When(required=True)
    merchant_ref = Text(64, required=True)
    code = Text(4_096, free=True, required=True)
    challenge = Digits(4, shortest=4, load_default=None)
    bound_nonce = Nonce(load_default=None)
    id_last4 = Last4(load_default=None)
    purchase = Part(PurchaseRequest, required=True)
    decision = Part(TillDecision, load_default=None)
    list_issued_at = When(load_default=None)
    synced_at = When(load_default=None)
    clock_offset_seconds = Whole(-(10**9), 10**9, load_default=0)
    prev_hash = Octets(32, load_default=None)
    key_id = Text(64, load_default=None)
    signature = Octets(64, load_default=None)

    @validates_schema
    def _one_question(self, record: dict[str, Any], **_more: Any) -> None:
        one_question(record)

    @post_load(pass_original=True)
    def _with_what_was_sent(self, record: dict[str, Any], sent: dict[str, Any], **_more: Any) -> dict[str, Any]:
        return record | {"sent": sent}


class AdvicesRequest(Strict):
    """Body of POST /advices. `sent_at` is the device's own clock when it sends: how we learn how far it is off."""

    records = Several(
        Part(AdviceRecord),
        required=True,
        validate=validate.Length(1, MOST_RECORDS, error=f"应为 1–{MOST_RECORDS} 条。"),
    )
    sent_at = When(load_default=None)


class FirstResult(Open):
    """What became of the same record when it came before."""

    outcome = fields.String(required=True)
    code = fields.String(required=True, allow_none=True)
    message = fields.String(required=True, allow_none=True)


class AdviceResult(Open):
    """What became of one record; `code` says why it was not simply captured.

    `late_for` is the day it belongs to when it is booked on a later one. `first_redemption_id` is what a duplicate
    repeats; `first` says what became of it when it is the very same record, so that a lost answer is not lost for good.
    """

    terminal_seq = fields.Integer(required=True)
    merchant_ref = fields.String(required=True)
    outcome = fields.String(required=True)
    code = fields.String(required=True, allow_none=True)
    message = fields.String(required=True, allow_none=True)
    late_for = fields.Date(required=True, allow_none=True)
    redemption = fields.Nested(Redemption, required=True, allow_none=True)
    first_redemption_id = fields.UUID()
    first = fields.Nested(FirstResult)
    reasons = fields.List(fields.Nested(RefusalReason))


class MissingRecords(Open):
    """Numbers we have not heard of, between those we have."""

    first_seq = fields.Integer(required=True)
    last_seq = fields.Integer(required=True)


class AdvicesAnswer(Open):
    """Each record answered for itself, in the order they were sent; all of them are kept."""

    results = fields.List(fields.Nested(AdviceResult), required=True)
    missing = fields.List(fields.Nested(MissingRecords), required=True)
    server_time = fields.String(required=True)
