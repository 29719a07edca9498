"""Wire formats of keys, alarms and webhooks."""

from marshmallow import fields, validate

from cardnet.http.wire import Moment, Open, Several, Strict, Text, Word
from cardnet.merchant_api.schemas import EVENT_TYPES
from cardnet.web.api.schemas.common import PageQuery, listing, perhaps, said, several, whole


class Key(Open):
    """A key tills know, or will: `signs` when it may sign now, `published` when the trust pack has it."""

    kid = said()
    use = said()
    state = said()
    shard = perhaps(fields.Integer)
    signs = said(fields.Boolean)
    published = said(fields.Boolean)
    first = said(Moment)
    last = said(Moment)
    revoked_at = perhaps(Moment)


class Alarm(Open):
    """Somebody showed what was never issued (`not_issued`) or signed (`forged_code`), or used what was.

    `clone_suspected`: a phone was copied. `harvest_suspected`: a till took two codes of one phone within a minute.
    `velocity_suspected`: a card was used faster than anybody shops. Shown in a redemption, or in a till's record
    (`advice_id`) of which none was made.
    """

    id = said(fields.UUID)
    kind = said()
    kid = said()
    card_index = said(fields.Integer)
    redemption_id = perhaps(fields.UUID)
    advice_id = perhaps(fields.UUID)
    terminal = said()
    raised_at = said(Moment)
    acknowledged_at = perhaps(Moment)
    acknowledged_by = perhaps(fields.UUID)
    words = said()


class Keys(Open):
    """Whether tills can trust what they have. `online`: the root lies on the server, good for trying out only.

    `unsigned` counts keys that wait for the custodians' signature; `pack_expires_at` is the last signed pack's.
    """

    online = said(fields.Boolean)
    unsigned = said(fields.Integer)
    pack_expires_at = perhaps(Moment)
    keys = several(Key)
    alarms = several(Alarm)


class AlarmRequest(Strict):
    """What it was."""

    words = Text(200, required=True)


class Webhook(Open):
    """An address of a merchant; `kinds` null: every kind. `waiting` and `failed` count messages."""

    id = said(fields.UUID)
    merchant_code = said()
    url = said()
    kinds = fields.List(fields.String(), required=True, allow_none=True)
    public_key = said()
    active = said(fields.Boolean)
    disabled_at = perhaps(Moment)
    disabled_why = perhaps()
    created_at = said(Moment)
    waiting = said(fields.Integer)
    failed = said(fields.Integer)


Webhooks = whole("Webhooks", Webhook)


class WebhookRequest(Strict):
    """Where a merchant wants to hear of events, and of which kinds (all without any)."""

    merchant = Word(required=True)
    url = Text(500, required=True)
    kinds = Several(
        Text(40, validate=validate.OneOf(EVENT_TYPES, error=f"应为 {'、'.join(EVENT_TYPES)} 之一。")), load_default=None
    )


class NewWebhook(Open):
    """The address, with the secret its messages are signed with: in this answer and in no other."""

    id = fields.UUID(attribute="endpoint_id", required=True)
    secret = said()
    public_key = said()


class Delivery(Open):
    """One message to an address: `state` waiting, delivered, failed or dropped."""

    id = said(fields.UUID)
    kind = said()
    redemption_id = said(fields.UUID)
    state = said()
    tries = said(fields.Integer)
    next_try_at = perhaps(Moment)
    last_try_at = perhaps(Moment)
    last_status = perhaps(fields.Integer)
    last_error = perhaps()
    occurred_at = said(Moment)
    delivered_at = perhaps(Moment)


Deliveries = listing("Deliveries", Delivery)
DeliveriesQuery = PageQuery
