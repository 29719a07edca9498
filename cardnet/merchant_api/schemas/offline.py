"""What an offline till fetches beforehand."""

from marshmallow import fields, validate

from cardnet.http.wire import Strict


class StatusQuery(Strict):
    """Query of GET /status-list. `since` is the `seq` of the list the till has: it gets the changes from there on."""

    since = fields.Integer(
        load_default=None,
        validate=validate.Range(1, 2**53 - 1, error="应为上一份状态表的 seq。"),
        error_messages={"invalid": "应为上一份状态表的 seq。"},
    )
