"""What is bought, and what a till sends to quote, redeem, capture, undo."""

import re
from typing import Any

from marshmallow import ValidationError, validate, validates_schema

from cardnet.http.wire import REQUIRED, Day, Digits, Flag, Id, Part, Several, Strict, Text, Whole, Word
from cardnet.merchant_api.rules import MOST_FEN, is_key

HOLD_SECONDS = (60, 86_400)
MOST_LINES = 500

_LAST4 = re.compile(r"[0-9A-Za-z]{4}")
_NONCE = re.compile(r"([0-9a-f]{2}){4,32}")


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


class Nonce(Text):
    """What a till put into the square that asks for one purchase: 4–32 bytes in lower-case hex."""

    def __init__(self, **more: Any) -> None:
        super().__init__(64, shortest=8, **more)
        self.metadata = {"pattern": f"^{_NONCE.pattern}$", **self.metadata}

    def _deserialize(self, value: Any, attr: str | None, data: Any, **more: Any) -> str:
        nonce = super()._deserialize(value, attr, data, **more)
        if not _NONCE.fullmatch(nonce):
            raise ValidationError("应为 4–32 字节的小写十六进制。")
        return nonce


def one_question(body: dict[str, Any]) -> None:
    """A till asks for digits or for a purchase. Raises ValidationError when it says both."""
    if body["challenge"] is not None and body["bound_nonce"] is not None:
        raise ValidationError("challenge 与 bound_nonce 请只填一个。", "bound_nonce")


class Choice(Text):
    """One of a few words."""

    def __init__(self, words: tuple[str, ...], **more: Any) -> None:
        super().__init__(max(map(len, words)), **more)
        self.words = words
        self.metadata = {"enum": list(words), **self.metadata}

    def _deserialize(self, value: Any, attr: str | None, data: Any, **more: Any) -> str:  # noqa: ARG002
        if not isinstance(value, str) or value not in self.words:
            raise ValidationError(f"应为 {' 或 '.join(self.words)}。")
        return value


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

    `bound_nonce` is what the till put into the square of a bound purchase: the code answers for this merchant, this till
    and this amount only. `quote_token` of an earlier quote may stand for `code`: a member's code lives fifteen seconds, the token 120.
    `id_last4` is how the member's document number ends. A printed card needs it: without it the answer is the reason
    `confirm_required`, and after five wrong ones in a day (`detail.tries_left` is 0) only the phone or the union helps.
    A wrong one is counted in a quote too. A phone's code does not look at it.
    """

    code = Text(4_096, free=True, load_default=None)
    quote_token = Text(8_192, load_default=None)
    challenge = Digits(4, shortest=4, load_default=None)
    bound_nonce = Nonce(load_default=None)
    id_last4 = Last4(
        load_default=None, metadata={"description": "Last four of the member's document number; for printed cards."}
    )
    purchase = Part(PurchaseRequest, required=True)

    @validates_schema
    def _one_of_the_two(self, body: dict[str, Any], **_more: Any) -> None:
        if (body["code"] is None) == (body["quote_token"] is None):
            given = body["code"] is not None
            raise ValidationError("code 与 quote_token 请只填一个。" if given else REQUIRED, "code")

    @validates_schema
    def _one_question(self, body: dict[str, Any], **_more: Any) -> None:
        one_question(body)


class RedeemRequest(QuoteRequest):
    """Body of POST /redemptions. `merchant_ref` is the shop's own number of the sale, used once.

    `group_ref` names an organised health check, `payer` who pays what the benefit leaves: with `unit` the member pays
    nothing at the till and the unit settles with the merchant.
    """

    merchant_ref = Text(64, required=True)
    capture = Flag(load_default=True)
    hold_seconds = Whole(*HOLD_SECONDS, load_default=900)
    group_ref = Text(64, load_default=None)
    payer = Choice(("member", "unit"), load_default="member")

    @validates_schema
    def _a_unit_pays_for_a_group(self, body: dict[str, Any], **_more: Any) -> None:
        if body["payer"] == "unit" and body["group_ref"] is None:
            raise ValidationError("由单位结算时请填 group_ref（体检批次号）。", "group_ref")


class CaptureRequest(Strict):
    """Body of POST /redemptions/{id}/capture. Without `benefit_fen` all that is held is used."""

    benefit_fen = Fen(load_default=None)


class ReturnedLine(Strict):
    """A line of the receipt that is given back."""

    line_no = Whole(1, 10_000, required=True)


class RefundRequest(Strict):
    """Body of POST /redemptions/{id}/refunds: `benefit_fen`, or `lines` (what each got), or neither for all that is left."""

    benefit_fen = Fen(load_default=None, allow_none=False)
    lines = Several(
        Part(ReturnedLine),
        load_default=(),
        validate=validate.Length(1, MOST_LINES, error=f"应为 1–{MOST_LINES} 行。"),
    )
    reason = Text(64, load_default="unspecified")

    @validates_schema
    def _one_way(self, body: dict[str, Any], **_more: Any) -> None:
        lines = body["lines"]
        if lines and body["benefit_fen"] is not None:
            raise ValidationError("benefit_fen 与 lines 请只填一个。", "lines")
        if len({line["line_no"] for line in lines}) != len(lines):
            raise ValidationError("行号 line_no 重复。", "lines")


class ReverseRequest(Strict):
    """Body of POST /reversals: exactly one of the three names the original.

    `advice_merchant_ref` is the `merchant_ref` of a sale made offline and reported by POST /advices: a record that is
    held for review has no redemption yet.
    """

    original_idempotency_key = Text(64, shortest=16, load_default=None)
    redemption_id = Id(load_default=None)
    advice_merchant_ref = Text(64, load_default=None)
    reason = Text(64, load_default="unspecified")

    @validates_schema
    def _one_original(self, body: dict[str, Any], **_more: Any) -> None:
        key, names = body["original_idempotency_key"], ("redemption_id", "advice_merchant_ref")
        if sum(one is not None for one in (key, *(body[name] for name in names))) != 1:
            message = "original_idempotency_key、redemption_id、advice_merchant_ref 请只填一个。"
            raise ValidationError(message, "original_idempotency_key")
        if key is not None and not is_key(key):
            raise ValidationError("应为 16–64 位字母、数字、_ 或 -。", "original_idempotency_key")
