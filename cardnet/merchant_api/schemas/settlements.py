"""Settlements as a merchant's software reads them."""

from marshmallow import fields, validate

from cardnet.http.wire import Open, Strict, Text


class SettlementsQuery(Strict):
    """Query of GET /settlements."""

    limit = fields.Integer(
        load_default=50,
        validate=validate.Range(1, 200, error="应为 1 到 200。"),
        error_messages={"invalid": "应为 1 到 200 的整数。"},
    )
    cursor = Text(400, load_default=None)


class SettlementRow(Open):
    """One settlement. `net_fen` is what the union pays: captured less reversed and refunded; `sha256` is the statement's."""

    id = fields.UUID(required=True)
    number = fields.String(required=True)
    first_on = fields.Date(required=True)
    last_on = fields.Date(required=True)
    state = fields.String(required=True)
    line_count = fields.Integer(required=True)
    captured_fen = fields.Integer(required=True)
    reversed_fen = fields.Integer(required=True)
    refunded_fen = fields.Integer(required=True)
    net_fen = fields.Integer(required=True)
    sealed_at = fields.String(required=True)
    sha256 = fields.String(required=True)
    kid = fields.String(required=True)


class SettlementStep(Open):
    """What happened to a settlement; `words` are the merchant's objection."""

    state = fields.String(required=True)
    at = fields.String(required=True)
    words = fields.String(required=True, allow_none=True)


class Settlement(SettlementRow):
    """One settlement with what happened to it, the oldest first."""

    steps = fields.List(fields.Nested(SettlementStep), required=True)


class SettlementList(Open):
    """A page of settlements, newest first; `next_cursor` is null on the last one."""

    settlements = fields.List(fields.Nested(SettlementRow), required=True)
    next_cursor = fields.String(required=True, allow_none=True)
    server_time = fields.String(required=True)
