"""Lists: the day's redemptions, and the feed of everything that happened to them."""

from marshmallow import fields, validate

from cardnet.http.wire import Day, Open, Strict, Text, Word
from cardnet.merchant_api.schemas.purchases import Choice
from cardnet.merchant_api.schemas.redemptions import RefusalReason


class RedemptionRow(Open):
    """One line of the day's list. `union_fen` is what of discount and subsidy the union bears; the rest is the merchant's.

    Amounts are those of the sale; `refunded_fen` is what of discount and subsidy was given back since, the union's part
    of it in `refunded_union_fen`.
    """

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
    union_fen = fields.Integer(required=True)
    refunded_fen = fields.Integer(required=True)
    refunded_union_fen = fields.Integer(required=True)
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


EVENT_TYPES = (
    "redemption.captured",
    "redemption.held",
    "redemption.refused",
    "redemption.reversed",
    "redemption.refunded",
    "redemption.expired",
)


class EventsQuery(Strict):
    """Query of GET /events. Without a cursor it starts with the first event there ever was."""

    type = Choice(EVENT_TYPES, load_default=None)
    limit = fields.Integer(
        load_default=50,
        validate=validate.Range(1, 200, error="应为 1 到 200。"),
        error_messages={"invalid": "应为 1 到 200 的整数。"},
    )
    cursor = Text(400, load_default=None)


class Event(Open):
    """Something that happened to one of the caller's redemptions: read it anew for how it stands now.

    `seq` only grows and is given in the order of commits; `refund_id` and `benefit_fen` come with what was given back.
    """

    seq = fields.Integer(required=True)
    id = fields.UUID(required=True)
    type = fields.String(required=True)
    redemption_id = fields.UUID(required=True)
    occurred_at = fields.String(required=True)
    refund_id = fields.UUID()
    benefit_fen = fields.Integer()


class EventList(Open):
    """A page of the feed, oldest first. `next_cursor` is never null: keep it and ask with it again.

    `more` says that a next page is there already.
    """

    events = fields.List(fields.Nested(Event), required=True)
    next_cursor = fields.String(required=True)
    more = fields.Boolean(required=True)
    server_time = fields.String(required=True)
