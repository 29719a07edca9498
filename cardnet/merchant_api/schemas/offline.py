"""What an offline till fetches beforehand."""

from marshmallow import fields, validate

from cardnet.http.wire import Open, Strict


class StatusQuery(Strict):
    """Query of GET /status-list. `since` is the `seq` of the list the till has: it gets the changes from there on."""

    since = fields.Integer(
        load_default=None,
        validate=validate.Range(1, 2**53 - 1, error="应为上一份状态表的 seq。"),
        error_messages={"invalid": "应为上一份状态表的 seq。"},
    )


class Root(Open):
    """A root key, Ed25519; `kid` and `public` in hexadecimal, the period in seconds since 1970."""

    kid = fields.String(required=True)
    public = fields.String(required=True)
    nbf = fields.Integer(required=True)
    exp = fields.Integer(required=True)


class Roots(Open):
    """The roots a verifier pins: the current one and the next."""

    roots = fields.List(fields.Nested(Root), required=True)
