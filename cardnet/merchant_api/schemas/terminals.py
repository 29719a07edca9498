"""Terminals: pairing, and who a token is."""

from typing import Any

from marshmallow import ValidationError, fields

from cardnet.http.wire import Open, Strict, Text
from cardnet.kernel.errors import InvalidInput
from cardnet.merchants.rules import read_public_key


class PublicKey(Text):
    """A public key in base64url: 32 bytes of Ed25519, or the 33 of a compressed P-256 point."""

    def __init__(self, **more: Any) -> None:
        super().__init__(64, **more)

    def _deserialize(self, value: Any, attr: str | None, data: Any, **more: Any) -> str:
        text = super()._deserialize(value, attr, data, **more)
        try:
            read_public_key(text)
        except InvalidInput as error:
            raise ValidationError(error.message) from None
        return text


class EnrolRequest(Strict):
    """Body of POST /terminals/enrol. With a `public_key` the terminal can sign its requests and its offline records."""

    pairing_code = Text(32, required=True)
    name = Text(80, load_default="")
    public_key = PublicKey(load_default=None)


class NewKeyRequest(Strict):
    """Body of POST /terminals/keys."""

    public_key = PublicKey(required=True)


class EndingKey(Open):
    """The key before, and until when it counts."""

    key_id = fields.String(required=True)
    ends_at = fields.String(required=True)


class NewKey(Open):
    """The key that counts from now on; `key_id` is the `keyid` of its signatures."""

    key_id = fields.String(required=True)
    algorithm = fields.String(required=True)
    certificate = fields.String(required=True, allow_none=True)
    replaces = fields.Nested(EndingKey, required=True, allow_none=True)
    server_time = fields.String(required=True)


class Named(Open):
    """A code and the name people use."""

    code = fields.String(required=True)
    name = fields.String(required=True)


class Limits(Open):
    """What this API accepts."""

    amount_fen_max = fields.Integer(required=True)
    hold_seconds_max = fields.Integer(required=True)
    lines_max = fields.Integer(required=True)


class NextSettlement(Open):
    """When the merchant is settled with next: the last day of its cycle (`daily`, `weekly`, `monthly`)."""

    cycle = fields.String(required=True)
    ends_on = fields.String(required=True)


class Service(Open):
    """Something that may be bought here for which programs give something: a `service_code`, or null for ordinary goods."""

    code = fields.String(required=True, allow_none=True)
    programs = fields.List(fields.String(), required=True)


class CountingKey(Open):
    """A key of the terminal that counts; one that was replaced, until `ends_at`."""

    key_id = fields.String(required=True)
    ends_at = fields.String(required=True, allow_none=True)


class Me(Open):
    """Who this token is. `last_terminal_seq` is the highest number of its offline records we have; count on from it.

    A device whose key is not among `signing_keys` signs nothing any more: such records would be refused.
    The record after it names `last_record_hash` as its `prev_hash`. `services` is what the cashier must tell apart: where it has one entry there is nothing to choose that gives anything.
    """

    merchant = fields.Nested(Named, required=True)
    store = fields.Nested(Named, required=True)
    terminal = fields.Nested(Named, required=True)
    limits = fields.Nested(Limits, required=True)
    services = fields.List(fields.Nested(Service), required=True)
    last_terminal_seq = fields.Integer(required=True)
    last_record_hash = fields.String(required=True, allow_none=True)
    signing_keys = fields.List(fields.Nested(CountingKey), required=True)
    next_settlement = fields.Nested(NextSettlement, required=True)
    server_time = fields.String(required=True)


class EnrolledTerminal(Open):
    """A paired terminal; the token is shown this once. `key_id` is the `keyid` of its signatures.

    `replaces` is the key of the device that was this terminal before: it counts until `ends_at`.
    """

    token = fields.String(required=True)
    key_id = fields.String(required=True, allow_none=True)
    certificate = fields.String(required=True, allow_none=True)
    replaces = fields.Nested(EndingKey, required=True, allow_none=True)
    merchant = fields.Nested(Named, required=True)
    store = fields.Nested(Named, required=True)
    terminal = fields.Nested(Named, required=True)
    server_time = fields.String(required=True)
