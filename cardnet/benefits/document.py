"""The rule document `cardnet.rule/1`: a closed, typed JSON document, checked strictly before anyone may submit it.

Each condition and calculator is a class of its own, told apart by `op`; unknown keys are refused everywhere.
A whole number may be given as `{"param": "code"}` and is then read from the dated parameter table.
"""

import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from typing import Any

import rfc8785
from marshmallow import Schema, ValidationError, fields, validate, validates_schema
from marshmallow_oneofschema.one_of_schema import OneOfSchema

from cardnet.benefits.words import Scope
from cardnet.kernel.errors import FieldError, InvalidInput
from cardnet.kernel.money import MAX_FEN

SCHEMA = "cardnet.rule/1"
MAX_DEPTH = 4
MAX_LEAVES = 50

WINDOWS = ("per_use", "day", "month", "calendar_year", "lifetime")
"""Periods a limit counts over. `policy_year`, `round` and `rolling_days` come with the plans that need them."""

_CODE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")
_code = validate.Regexp(r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$", error="1–64 letters, digits, `_`, `.` or `-`.")
_nonempty = validate.Length(min=1, max=1000)


class Whole(fields.Field[Any]):
    """A whole number in a range, or `{"param": code}`."""

    def __init__(self, low: int, high: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.low, self.high = low, high

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:  # noqa: ARG002
        if isinstance(value, dict):
            if set(value) != {"param"} or not isinstance(value["param"], str) or not _CODE.fullmatch(value["param"]):
                raise ValidationError('A parameter is written {"param": "code"}.')
            return value
        # True is an int to Python and a mistake to everybody else.
        if type(value) is not int or not self.low <= value <= self.high:
            raise ValidationError(f"A whole number from {self.low} to {self.high}.")
        return value


def _fen(*, required: bool = True, low: int = 1) -> Whole:
    return Whole(low, MAX_FEN, required=required)


class Day(fields.Field[Any]):
    """A date, `2026-11-21`."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:  # noqa: ARG002
        if not isinstance(value, str) or not re.fullmatch(r"\d{4}-\d{2}-\d{2}", value):
            raise ValidationError("A date like 2026-11-21.")
        try:
            return date.fromisoformat(value)
        except ValueError:
            raise ValidationError("There is no such day.") from None


class Always(fields.Field[Any]):
    """`true`, written out so that the reader of a document need not know the rule."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:  # noqa: ARG002
        if value is not True:
            raise ValidationError("Always true.")
        return value


class Text(fields.String):
    """A string that is one."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        if not isinstance(value, str) or not value.strip() or len(value) > 200:
            raise ValidationError("A text of 1 to 200 characters.")
        return super()._deserialize(value, attr, data, **kwargs)


def _codes() -> fields.List[Any]:
    return fields.List(Text(validate=_code), required=True, validate=_nonempty)


# ---- conditions ----


class Codes(Schema):
    """Leaves that compare a code with a list: merchant_in, provider_in, merchant_category_in, service_code_in, org_under."""

    codes = fields.List(Text(), required=True, validate=_nonempty)


class Values(Schema):
    """Leaves that compare a word with a list: card_state_in, membership_kind_in, tag_any."""

    values = fields.List(Text(), required=True, validate=_nonempty)


class SexIs(Schema):
    """`female` or `male`, as the register says."""

    value = fields.String(required=True, validate=validate.OneOf(("female", "male")))


class AgeBetween(Schema):
    """Full years on the event day, both ends included; either may be left out."""

    from_ = Whole(0, 150, data_key="from")
    to = Whole(0, 150)


class MemberSince(Schema):
    """Member for so many full months on the event day."""

    months = Whole(1, 1200, required=True)


class MinSpend(Schema):
    """At least so much, the amount itself included (以上)."""

    fen = _fen()


class WeekdayIn(Schema):
    """1 is Monday, 7 Sunday, of the event day in Shanghai."""

    days = fields.List(Whole(1, 7), required=True, validate=_nonempty)


class LocalTimeBetween(Schema):
    """From the first minute to before the second, Shanghai time; over midnight when `from` is the later one."""

    from_ = fields.String(required=True, data_key="from", validate=validate.Regexp(r"^([01]\d|2[0-3]):[0-5]\d$"))
    to = fields.String(required=True, validate=validate.Regexp(r"^(([01]\d|2[0-3]):[0-5]\d|24:00)$"))


class DateBetween(Schema):
    """The event day from `from` to `to`, both included."""

    from_ = Day(required=True, data_key="from")
    to = Day(required=True)


class Group(Schema):
    """`all` or `any` of several conditions."""

    of = fields.List(fields.Nested(lambda: Condition()), required=True, validate=_nonempty)  # noqa: PLW0108 - defined below


class Negation(Schema):
    """The opposite of one condition."""

    of = fields.Nested(lambda: Condition(), required=True)  # noqa: PLW0108


class Condition(OneOfSchema):
    """One node of `when`."""

    type_field = "op"
    type_schemas = {  # noqa: RUF012 - marshmallow-oneofschema reads it from the class
        "all": Group,
        "any": Group,
        "not": Negation,
        "card_state_in": Values,
        "membership_kind_in": Values,
        "member_since_at_least": MemberSince,
        "age_between": AgeBetween,
        "sex_is": SexIs,
        "tag_any": Values,
        "org_under": Codes,
        "merchant_in": Codes,
        "merchant_category_in": Codes,
        "provider_in": Codes,
        "service_code_in": Codes,
        "min_spend": MinSpend,
        "weekday_in": WeekdayIn,
        "local_time_between": LocalTimeBetween,
        "date_between": DateBetween,
    }

    def get_obj_type(self, obj: Any) -> str:
        return str(obj["op"])


# ---- calculators ----


class PercentOff(Schema):
    """`bp` / 10,000 off, at most `max_fen`."""

    bp = Whole(1, 10_000, required=True)
    max_fen = _fen(required=False)


class FixedOff(Schema):
    """So much off, never more than is left to pay."""

    fen = _fen()


class SubsidyFixed(Schema):
    """The union adds so much, never more than the price."""

    fen = _fen()
    not_above_price = Always()


class Tier(Schema):
    """From this amount on (included): a percentage or a fixed sum."""

    from_fen = _fen(low=0)
    bp = Whole(1, 10_000)
    fen = _fen(required=False)
    max_fen = _fen(required=False)

    @validates_schema
    def _one_amount(self, data: Mapping[str, Any], **_: Any) -> None:
        if ("bp" in data) == ("fen" in data):
            raise ValidationError("Either `bp` or `fen`.", "bp")


class Tiers(Schema):
    """The highest step reached counts. 满100减20 is one step."""

    tiers = fields.List(fields.Nested(Tier), required=True, validate=validate.Length(min=1, max=20))

    @validates_schema(skip_on_field_errors=True)
    def _rising(self, data: Mapping[str, Any], **_: Any) -> None:
        steps = [tier["from_fen"] for tier in data["tiers"] if isinstance(tier["from_fen"], int)]
        if steps != sorted(set(steps)):
            raise ValidationError("Steps must rise.", "tiers")


class Calculator(OneOfSchema):
    """How much a benefit is."""

    type_field = "op"
    type_schemas = {  # noqa: RUF012
        "percent_off": PercentOff,
        "fixed_off": FixedOff,
        "subsidy_fixed": SubsidyFixed,
        "tiers": Tiers,
    }

    def get_obj_type(self, obj: Any) -> str:
        return str(obj["op"])


# ---- the rest ----


class Limit(Schema):
    """How often or how much per scope and window, or a pool by its code."""

    id = Text(required=True, validate=_code)
    scope = fields.String(validate=validate.OneOf([str(scope) for scope in Scope]))
    window = fields.String(validate=validate.OneOf(WINDOWS))
    max_n = Whole(1, 10**9)
    max_fen = _fen(required=False)
    pool = Text(validate=_code)
    on_exceed = fields.String(required=True, validate=validate.OneOf(("refuse", "trim")))

    @validates_schema(skip_on_field_errors=True)
    def _either(self, data: Mapping[str, Any], **_: Any) -> None:
        if "pool" in data:
            if others := {"scope", "window", "max_n", "max_fen"} & set(data):
                raise ValidationError("A pool has no scope, window or maximum of its own.", sorted(others)[0])
            return
        for field in ("scope", "window"):
            if field not in data:
                raise ValidationError("Missing: a limit has a scope and a window, or a pool.", field)
        if "max_n" not in data and "max_fen" not in data:
            raise ValidationError("A limit needs `max_n` or `max_fen`.", "max_n")
        if data["window"] == "per_use" and "max_n" in data:
            raise ValidationError("One use is one use: per_use limits an amount.", "max_n")


class Stack(Schema):
    """At most one benefit of a lane applies; lanes add up in ascending order."""

    lane = Whole(0, 999, required=True)
    not_with = fields.List(Text(validate=_code), validate=validate.Length(max=50))


class Payer(Schema):
    """Who bears how much: in basis points of the benefit, or in fixed fen (trimmed in the same proportion)."""

    from_ = fields.String(required=True, data_key="from", validate=validate.OneOf(("union", "merchant")))
    bp = Whole(1, 10_000)
    fen = _fen(required=False)

    @validates_schema
    def _one_share(self, data: Mapping[str, Any], **_: Any) -> None:
        if ("bp" in data) == ("fen" in data):
            raise ValidationError("Either `bp` or `fen`.", "bp")


class Offline(Schema):
    """What a till may do alone: purchases up to this floor, in place of the union's own for every program."""

    floor_fen = _fen()


class RuleDocument(Schema):
    """The whole document."""

    schema = fields.String(required=True, validate=validate.Equal(SCHEMA))
    basis = fields.String(validate=validate.OneOf(("event_date", "submission_date")))
    when = fields.Nested(Condition, required=True)
    calc = fields.Nested(Calculator, required=True)
    limits = fields.List(fields.Nested(Limit), validate=validate.Length(max=20))
    stack = fields.Nested(Stack, required=True)
    threshold_basis = fields.String(validate=validate.OneOf(("order", "remaining")))
    late_submission_days = Whole(0, 3660)
    offline = fields.Nested(Offline)
    doc_ref = Text(required=True)
    funding = fields.List(fields.Nested(Payer), required=True, validate=validate.Length(min=1, max=2))

    @validates_schema(skip_on_field_errors=True)
    def _whole(self, data: Mapping[str, Any], **_: Any) -> None:
        ids = [limit["id"] for limit in data.get("limits", ())]
        if len(ids) != len(set(ids)):
            raise ValidationError("Two limits have the same id.", "limits")
        payers = data["funding"]
        if len({payer["from_"] for payer in payers}) != len(payers):
            raise ValidationError("Each payer stands once.", "funding")
        if len({"bp" in payer for payer in payers}) != 1:
            raise ValidationError("Either all shares in `bp` or all in `fen`.", "funding")
        shares = [payer.get("bp") for payer in payers]
        if "bp" in payers[0] and all(isinstance(share, int) for share in shares) and sum(shares) != 10_000:
            raise ValidationError("The shares must add up to 10000 basis points.", "funding")
        fixed = [payer.get("fen") for payer in payers]
        amount = data["calc"].get("fen") if isinstance(data["calc"], dict) else None
        known = isinstance(amount, int) and all(isinstance(fen, int) for fen in fixed)
        if "fen" in payers[0] and known and sum(fixed) != amount:
            raise ValidationError(f"The shares must add up to {amount} fen.", "funding")
        union_pays = any(payer["from_"] == "union" for payer in payers)
        if union_pays and not any("pool" in limit for limit in data.get("limits", ())):
            raise ValidationError("Union money needs a money pool among the limits.", "limits")


def _spend_inside(node: Mapping[str, Any], *, chosen: bool = False) -> bool:
    """Whether a `min_spend` stands inside `any` or `not`."""
    if node["op"] == "min_spend":
        return chosen
    of = node.get("of") or []
    inner = of if isinstance(of, list) else [of]
    return any(_spend_inside(one, chosen=chosen or node["op"] != "all") for one in inner)


_DOCUMENT = RuleDocument()


def check(body: object) -> dict[str, Any]:
    """The document itself when it is one. Raises InvalidInput("rule_invalid") with a pointer to every fault."""
    if not isinstance(body, dict):
        raise _invalid([FieldError("", "A JSON object is needed.")])
    depth, leaves = _measure(body.get("when"))
    if depth > MAX_DEPTH or leaves > MAX_LEAVES:
        found = f"Conditions may be {MAX_DEPTH} deep and {MAX_LEAVES} many."
        raise _invalid([FieldError("/when", found)])
    try:
        _DOCUMENT.load(body)
    except ValidationError as error:
        raise _invalid([FieldError(pointer, message) for pointer, message in _flat(error.messages)]) from None
    if body.get("threshold_basis") == "remaining" and _spend_inside(body["when"]):
        # What is left is only known while a combination is priced: a threshold on it cannot hide in a choice.
        raise _invalid([FieldError("/threshold_basis", "min_spend on what is left may stand inside `all` only.")])
    return body


def is_code(text: str) -> bool:
    """Whether `text` can name a program, a limit, a pool or a parameter."""
    return _CODE.fullmatch(text) is not None


def content_hash(body: Mapping[str, Any]) -> str:
    """SHA-256 of the canonical JSON (RFC 8785), in hex."""
    return hashlib.sha256(rfc8785.dumps(dict(body))).hexdigest()


def parameters_of(value: Any) -> frozenset[str]:
    """The codes of all parameters a document names."""
    if isinstance(value, dict):
        if set(value) == {"param"} and isinstance(value["param"], str):
            return frozenset({value["param"]})
        return frozenset().union(*(parameters_of(inner) for inner in value.values()))
    if isinstance(value, list):
        return frozenset().union(*(parameters_of(inner) for inner in value))
    return frozenset()


def resolved(value: Any, parameters: Mapping[str, int]) -> Any:
    """The document with each `{"param": code}` replaced by its value. Raises KeyError for one without a value."""
    if isinstance(value, dict):
        if set(value) == {"param"}:
            return parameters[value["param"]]
        return {key: resolved(inner, parameters) for key, inner in value.items()}
    if isinstance(value, list):
        return [resolved(inner, parameters) for inner in value]
    return value


def _measure(node: Any) -> tuple[int, int]:
    """Depth and leaves, counted without trusting the shape; deeper than allowed is not looked into."""
    depth, leaves = 0, 0
    level: Sequence[Any] = [node]
    while level and depth <= MAX_DEPTH:
        depth += 1
        below: list[Any] = []
        for one in level:
            of = one.get("of") if isinstance(one, dict) else None
            if of is None:
                leaves += 1
            else:
                below.extend(of if isinstance(of, list) else [of])
        level = below
    return depth, leaves


def _flat(messages: Any, at: str = "") -> Iterator[tuple[str, str]]:
    if isinstance(messages, dict):
        for key, inner in messages.items():
            yield from _flat(inner, at if key == "_schema" else f"{at}/{key}")
    elif isinstance(messages, list):
        for inner in messages:
            yield from _flat(inner, at)
    else:
        yield at, str(messages)


def _invalid(errors: Sequence[FieldError]) -> InvalidInput:
    return InvalidInput("rule_invalid", "执行标准有误，请按指出的位置修改。", errors)
