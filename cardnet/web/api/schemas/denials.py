"""Wire formats of “不是我”: what members say was not theirs."""

from marshmallow import fields, validate

from cardnet.benefits.words import DenialOutcome
from cardnet.http.wire import Id, Moment, Open, Strict, Text
from cardnet.web.api.schemas.common import listing, perhaps, said


class Denial(Open):
    """A use its member says was not theirs. `outcome` null: finance has not answered yet; `answer` is what they read.

    `held` says whether the use is kept out of settlement; `by_officer` whether an officer wrote it down for the member.
    """

    id = said(fields.UUID)
    redemption_id = said(fields.UUID)
    member = said()
    merchant = said()
    merchant_ref = perhaps()
    happened_at = said(Moment)
    amount_fen = said(fields.Integer)
    union_fen = said(fields.Integer)
    words = said()
    at = said(Moment)
    by_officer = said(fields.Boolean)
    held = said(fields.Boolean)
    outcome = perhaps()
    answer = said()
    settled_at = perhaps(Moment)


Denials = listing("Denials", Denial)


class DenialRequest(Strict):
    """A use, and what its member says of it."""

    redemption_id = Id(required=True)
    words = Text(200, load_default="")


class SettleDenialRequest(Strict):
    """What was found, and what the member is told."""

    outcome = Text(
        20, required=True, validate=validate.OneOf(list(DenialOutcome), error="应为 confirmed 或 explained。")
    )
    answer = Text(200, required=True)
