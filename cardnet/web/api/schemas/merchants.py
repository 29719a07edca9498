"""Wire formats of merchants: partners, agreements, stores, contacts, accounts, terminals, people, blacklist, limits."""

from marshmallow import fields, validate

from cardnet.access.rules import MERCHANT_ROLES
from cardnet.credential.store.offline_limits import BOUNDS
from cardnet.http.wire import Day, Flag, Id, Moment, Open, Strict, Text
from cardnet.merchants.partnership import ContactKind
from cardnet.merchants.rules import MerchantState, SettlementCycle
from cardnet.merchants.services import STANDINGS
from cardnet.web.api.schemas.common import PageQuery, listing, one_of, perhaps, said, several, whole


class MerchantsQuery(PageQuery):
    """By words of name, code or credit code, by state, or those whose agreement ends within 30 days or is over.

    `township`: with an open store there; the code of the town's or street's union.
    """

    words = Text(60, load_default="")
    state = one_of(MerchantState, load_default=None)
    ends_soon = fields.Boolean(load_default=False)
    township = Text(32, load_default="")


class MerchantLine(Open):
    """A merchant of the list. `agreed_until` is the last day of all its agreements."""

    id = said(fields.UUID)
    code = said()
    name = said()
    category = said()
    state = said()
    stores = said(fields.Integer)
    terminals = said(fields.Integer)
    agreed = said(fields.Boolean)
    agreed_until = perhaps(fields.Date)
    ends_soon = said(fields.Boolean)
    over = said(fields.Boolean)
    has_account = said(fields.Boolean)
    account_waiting = said(fields.Boolean)


MerchantList = listing("MerchantList", MerchantLine)


class MerchantRequest(Strict):
    """A new merchant, a draft. `code` cannot be changed later."""

    code = Text(24, required=True)
    name = Text(80, required=True)
    category = Text(80, required=True)
    credit_code = Text(24, load_default=None, allow_none=True)
    settlement_cycle = one_of(SettlementCycle, load_default=SettlementCycle.MONTHLY)


class MerchantChange(Strict):
    """Name, category, credit code and cycle as they are to be."""

    name = Text(80, required=True)
    category = Text(80, required=True)
    credit_code = Text(24, required=True, allow_none=True)
    settlement_cycle = one_of(SettlementCycle, required=True)


class StateRequest(Strict):
    """`active` opens a draft or resumes; `suspended`; `ended` is for good."""

    state = one_of(MerchantState, required=True)
    reason = Text(200, required=True)


class Agreement(Open):
    """A 合作协议. `until_on` null: agreed without an end; `signed_late`: after its first day."""

    id = said(fields.UUID)
    number = said()
    signed_on = said(fields.Date)
    from_on = said(fields.Date)
    until_on = perhaps(fields.Date)
    state = said()
    signed_late = said(fields.Boolean)
    file_type = perhaps()
    uploaded_at = perhaps(Moment)


class AgreementRequest(Strict):
    """What was signed; one without an end ends the day before the next begins."""

    number = Text(60, required=True)
    signed_on = Day(required=True)
    from_on = Day(required=True)
    until_on = Day(load_default=None, allow_none=True)


class Township(Open):
    """A town or street of the district: the code of its union, and what it is called as a place."""

    code = said()
    name = said()


class Store(Open):
    """A place of a merchant. `hours`: weekday `1` to `7` → [opens, closes]; a day without is closed.

    `township`: where it stands, null while nobody has said it.
    """

    id = said(fields.UUID)
    code = said()
    name = said()
    township = fields.Nested(Township, required=True, allow_none=True)
    address = perhaps()
    phone = perhaps()
    hours = fields.Dict(keys=fields.String(), values=fields.List(fields.String()), required=True)
    closed_on = perhaps(fields.Date)


_HOURS = fields.Dict(
    keys=fields.String(validate=validate.OneOf([*"1234567"], error="应为 1 到 7。")),
    values=fields.List(Text(8), validate=validate.Length(2, 2, error="应为开门、打烊两个时间。")),
    load_default=dict,
    error_messages={"invalid": '应为对象，如 {{"1": ["08:30", "21:30"]}}。'},
)


class StoreRequest(Strict):
    """A new store; `code` cannot be changed later. `township`: the code of the town's or street's union."""

    code = Text(24, required=True)
    name = Text(80, required=True)
    township = Text(32, load_default=None, allow_none=True)
    address = Text(120, required=True)
    phone = Text(20, load_default=None, allow_none=True)
    hours = _HOURS


class StoreChange(Strict):
    """A store as it is to be; `closed`: it serves nobody any more. Without `township` it stays where it was."""

    name = Text(80, required=True)
    township = Text(32)
    address = Text(120, required=True)
    phone = Text(20, load_default=None, allow_none=True)
    hours = _HOURS
    closed = Flag(load_default=False)


class Contact(Open):
    """Whom to ask; in the clear, for the union's officers."""

    kind = said()
    name = said()
    phone = said()


class ContactRequest(Strict):
    """Whoever it was before is replaced."""

    kind = one_of(ContactKind, required=True)
    name = Text(80, required=True)
    phone = Text(20, required=True)


class PayeeAccount(Open):
    """A settlement account with its number masked. `others`: codes of other merchants on the same number."""

    id = said(fields.UUID)
    merchant_id = said(fields.UUID)
    holder_masked = said()
    masked = said()
    bank = said()
    branch_code = perhaps()
    evidence = said()
    state = said()
    proposed_at = said(Moment)
    decided_at = perhaps(Moment)
    words = perhaps()
    others = several(fields.String())


PayeeAccounts = whole("PayeeAccounts", PayeeAccount)


class PayeeAccountRequest(Strict):
    """`evidence` names the paper the number was read from."""

    holder = Text(80, required=True)
    number = Text(48, required=True)
    bank = Text(80, required=True)
    branch_code = Text(20, load_default=None, allow_none=True)
    evidence = Text(200, required=True)


class DecisionRequest(Strict):
    """Yes or no, and what was compared."""

    approve = Flag(required=True)
    words = Text(200, required=True)


class SignaturesRequest(Strict):
    """Whether a token alone is no longer enough (RFC 9421)."""

    required = Flag(required=True)


class Merchant(Open):
    """The file of a merchant. `missing`: what a draft lacks before it may open."""

    id = said(fields.UUID)
    code = said()
    name = said()
    category = said()
    credit_code = perhaps()
    settlement_cycle = said()
    state = said()
    requires_signature = said(fields.Boolean)
    missing = several(fields.String())
    agreements = several(Agreement)
    stores = several(Store)
    contacts = several(Contact)
    accounts = several(PayeeAccount)


class Terminal(Open):
    """A terminal and how it stands. `synced_at` null: it never fetched what it needs offline."""

    id = said(fields.UUID)
    code = said()
    name = said()
    state = said()
    merchant_id = said(fields.UUID)
    merchant_code = said()
    merchant_name = said()
    store_code = said()
    store_name = said()
    tokens = said(fields.Integer)
    key_algorithm = perhaps()
    pairing_until = perhaps(Moment)
    locked_until = perhaps(Moment)
    synced_at = perhaps(Moment)
    stopped_by_union = said(fields.Boolean)


Terminals = listing("Terminals", Terminal)


class TerminalsQuery(PageQuery):
    """Of one merchant's code, by words, by how they stand; `stale`: no sync for as long as limits allow."""

    merchant = Text(24, load_default=None)
    words = Text(60, load_default="")
    standing = Text(20, load_default="", validate=validate.OneOf(["", *STANDINGS], error="没有这种状态。"))


class TerminalRequest(Strict):
    """A device in a store of the merchant; it has no token until it is paired."""

    store_id = Id(required=True)
    code = Text(24, required=True)
    name = Text(80, load_default="")


class PairingCode(Open):
    """Ten characters, good once until `expires_at` and for five tries."""

    code = said()
    expires_at = said(Moment)


class WhyRequest(Strict):
    """Why, for the audit trail."""

    reason = Text(200, required=True)


class MerchantPersonRequest(Strict):
    """Who is to sign in for the merchant."""

    username = Text(64, required=True)
    display_name = Text(50, required=True)
    role = Text(
        32, required=True, validate=validate.OneOf([str(role) for role in MERCHANT_ROLES], error="没有这个角色。")
    )


class MerchantPerson(Open):
    """Somebody of a merchant."""

    id = fields.UUID(attribute="account_id", required=True)
    username = said()
    display_name = said()
    roles = several(fields.String())
    state = said()
    seen_at = perhaps(Moment)


MerchantPeople = whole("MerchantPeople", MerchantPerson)


class BlacklistEntry(Open):
    """A credit code the union works with no more, unless `lifted_at`."""

    id = said(fields.UUID)
    credit_code = said()
    name = said()
    reason = said()
    document = said()
    listed_at = said(Moment)
    lifted_at = perhaps(Moment)
    lifted_words = perhaps()


Blacklist = whole("Blacklist", BlacklistEntry)


class BlacklistRequest(Strict):
    """By which document, and why."""

    credit_code = Text(24, required=True)
    name = Text(80, required=True)
    reason = Text(200, required=True)
    document = Text(60, required=True)


class Stopped(Open):
    """The merchants that were suspended by it."""

    merchants = several(fields.String())


class OfflineLimits(Open):
    """What a till may do alone: amounts of a purchase, uses a card, terminal and day, sums between two syncs.

    Codes change every `rotation_seconds`, count `*_past_seconds` old and `*_ahead_seconds` ahead (both `challenge_seconds`
    with four digits; offline one `as_printed_seconds` out passes without them by a printed card's limits, 0: never), a phone's credential `device_days`, a printed code `printed_months`. A card raises an alarm by
    `rush_uses` within `rush_minutes`, or by two at different stores within `travel_seconds`.
    """

    floor_fen = said(fields.Integer)
    card_uses = said(fields.Integer)
    uses = said(fields.Integer)
    given_fen = said(fields.Integer)
    sync_hours = said(fields.Integer)
    printed_floor_fen = said(fields.Integer)
    printed_card_uses = said(fields.Integer)
    rotation_seconds = said(fields.Integer)
    online_past_seconds = said(fields.Integer)
    online_ahead_seconds = said(fields.Integer)
    offline_past_seconds = said(fields.Integer)
    offline_ahead_seconds = said(fields.Integer)
    challenge_seconds = said(fields.Integer)
    as_printed_seconds = said(fields.Integer)
    device_days = said(fields.Integer)
    printed_months = said(fields.Integer)
    rush_uses = said(fields.Integer)
    rush_minutes = said(fields.Integer)
    travel_seconds = said(fields.Integer)


class LimitsProposal(Open):
    """Limits that were proposed, and what became of them."""

    id = said(fields.UUID)
    limits = fields.Nested(OfflineLimits, required=True)
    document = said()
    state = said()
    proposed_at = said(Moment)
    decided_at = perhaps(Moment)
    words = perhaps()


class LimitsState(Open):
    """The limits in force, and the proposals: waiting first, then the newest."""

    in_force = fields.Nested(OfflineLimits, required=True)
    proposals = several(LimitsProposal)


def _whole(name: str, *, required: bool = True) -> fields.Integer:
    least, most = BOUNDS[name]
    return fields.Integer(
        required=required,
        strict=True,
        validate=validate.Range(least, most, error=f"应在 {least} 到 {most} 之间。"),
        error_messages={"invalid": "应为整数。", "required": "缺少这一项。", "null": "不能为空。"},
    )


class LimitsRequest(Strict):
    """Other limits, by a document. Of codes and alarms, what is left away stays as it is."""

    floor_fen = _whole("floor_fen")
    card_uses = _whole("card_uses")
    uses = _whole("uses")
    given_fen = _whole("given_fen")
    sync_hours = _whole("sync_hours")
    printed_floor_fen = _whole("printed_floor_fen")
    printed_card_uses = _whole("printed_card_uses")
    rotation_seconds = _whole("rotation_seconds", required=False)
    online_past_seconds = _whole("online_past_seconds", required=False)
    online_ahead_seconds = _whole("online_ahead_seconds", required=False)
    offline_past_seconds = _whole("offline_past_seconds", required=False)
    offline_ahead_seconds = _whole("offline_ahead_seconds", required=False)
    challenge_seconds = _whole("challenge_seconds", required=False)
    as_printed_seconds = _whole("as_printed_seconds", required=False)
    device_days = _whole("device_days", required=False)
    printed_months = _whole("printed_months", required=False)
    rush_uses = _whole("rush_uses", required=False)
    rush_minutes = _whole("rush_minutes", required=False)
    travel_seconds = _whole("travel_seconds", required=False)
    document = Text(60, required=True)
