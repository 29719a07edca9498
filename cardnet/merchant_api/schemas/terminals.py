"""Terminals: pairing, and who a token is."""

from typing import Any

from marshmallow import ValidationError, fields, validates_schema

from cardnet.http.wire import Open, Strict, Text
from cardnet.kernel.errors import InvalidInput
from cardnet.merchants.rules import read_public_key


class EnrolRequest(Strict):
    """Body of POST /terminals/enrol. `public_key` is base64url: Ed25519, or a compressed P-256 point."""

    pairing_code = Text(32, required=True)
    name = Text(80, required=True)
    public_key = Text(64, load_default=None)

    @validates_schema
    def _key_is_one(self, body: dict[str, Any], **_more: Any) -> None:
        try:
            if body["public_key"] is not None:
                read_public_key(body["public_key"])
        except InvalidInput as error:
            raise ValidationError(error.message, "public_key") from None


class Named(Open):
    """A code and the name people use."""

    code = fields.String(required=True)
    name = fields.String(required=True)


class Limits(Open):
    """What this API accepts."""

    amount_fen_max = fields.Integer(required=True)
    hold_seconds_max = fields.Integer(required=True)
    lines_max = fields.Integer(required=True)


class Me(Open):
    """Who this token is."""

    merchant = fields.Nested(Named, required=True)
    store = fields.Nested(Named, required=True)
    terminal = fields.Nested(Named, required=True)
    limits = fields.Nested(Limits, required=True)
    server_time = fields.String(required=True)


class EnrolledTerminal(Open):
    """A paired terminal; the token is shown this once."""

    token = fields.String(required=True)
    merchant = fields.Nested(Named, required=True)
    store = fields.Nested(Named, required=True)
    terminal = fields.Nested(Named, required=True)
    server_time = fields.String(required=True)
