"""What is answered about redemptions."""

from marshmallow import fields

from cardnet.http.wire import Open, Problem


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
    """One redemption. `payable_fen` is what the cashier charges.

    Looked up later, its amounts are still those of the sale; `refunded_fen` is what of discount and subsidy was given
    back since, the union's part of it in `refunded_union_fen`.
    """

    id = fields.UUID(required=True)
    outcome = fields.String(required=True)
    business_date = fields.Date(required=True)
    group_ref = fields.String()
    payer = fields.String()
    member_payable_fen = fields.Integer()
    unit_payable_fen = fields.Integer()
    refunded_fen = fields.Integer()
    refunded_union_fen = fields.Integer()
    reasons = fields.List(fields.Nested(RefusalReason))


class Quote(_Outcome):
    """What would apply now; nothing is stored. `quote_token` stands for the code until `quote_expires_at`."""

    outcome = fields.String(required=True)
    quote_token = fields.String(required=True, allow_none=True)
    quote_expires_at = fields.String(required=True, allow_none=True)
    reasons = fields.List(fields.Nested(RefusalReason))


class Capture(Redemption):
    """A hold that was used: `captured_fen` of it; `released_fen` is free again."""

    captured_fen = fields.Integer(required=True)
    released_fen = fields.Integer(required=True)


class Reversal(Open):
    """`reversed`, `tombstoned` (the original had not come and will be refused) or `nothing_to_reverse`.

    `withdrawn`: an offline record was held for review, and nobody can accept it any more.
    """

    outcome = fields.String(required=True)
    redemption_id = fields.UUID(required=True, allow_none=True)
    server_time = fields.String(required=True)


class Refund(Open):
    """What was given back. `remaining_fen` can still be; the member's use comes back when all is (`use_returned`)."""

    id = fields.UUID(required=True)
    redemption_id = fields.UUID(required=True)
    outcome = fields.String(required=True)
    benefit_fen = fields.Integer(required=True)
    remaining_fen = fields.Integer(required=True)
    use_returned = fields.Boolean(required=True)
    business_date = fields.Date(required=True)
    reason = fields.String(required=True)
    server_time = fields.String(required=True)


class Refusal(Problem):
    """A refused redemption: recorded, and repeated to whoever asks with the same key."""

    redemption_id = fields.UUID(required=True)
    reasons = fields.List(fields.Nested(RefusalReason), required=True)
