"""Wire formats of 暂缓结算."""

from marshmallow import fields, validate

from cardnet.finance.rules import HoldReason
from cardnet.http.wire import Day, Moment, Open, Strict, Text, Word
from cardnet.web.api.schemas.common import listing, perhaps, said
from cardnet.web.finance_held import BY_HAND


class HeldLine(Open):
    """A movement that is kept out of settlement. `words` are for the merchant; `merchant_ref` is its own number of it.

    `denial`: its member says it was not theirs: `open` while nobody has answered, `confirmed` once that was found; such a
    movement is not let go.
    """

    id = said(fields.UUID)
    merchant_code = said()
    merchant = said()
    redemption_id = said(fields.UUID)
    merchant_ref = perhaps()
    type = said()
    business_date = said(Day)
    net_fen = said(fields.Integer)
    reason = said(validate=validate.OneOf(list(HoldReason)))
    words = said()
    held_at = said(Moment)
    held_by = said()
    denial = perhaps(validate=validate.OneOf(["open", "confirmed"]))


HeldLines = listing("HeldLines", HeldLine)


class Held(Open):
    """What lets it go."""

    id = said(fields.UUID)


class HoldRequest(Strict):
    """Which sale, and why."""

    merchant = Word(required=True)
    merchant_ref = Text(64, required=True)
    reason = Text(20, required=True, validate=validate.OneOf(list(BY_HAND), error=f"应为 {'、'.join(BY_HAND)} 之一。"))
    words = Text(200, required=True)


class ReleaseRequest(Strict):
    """What was found."""

    words = Text(200, required=True)
