"""Wire formats of offline records held for review, and of what offline sales left open."""

from marshmallow import fields, validate

from cardnet.http.wire import Moment, Open, Strict, Text
from cardnet.web.api.schemas.common import Fen, PageQuery, listing, maybe, nested, perhaps, said, several


class Reason(Strict):
    """Why, in the officer's own words."""

    reason = Text(500, required=True)


class Review(Open):
    """What a person decided. `accept` is `proposed` until another one agrees (`done`) or not (`declined`).

    `withdraw`: the till undid the sale before anybody had decided; there is no maker.
    """

    id = said(fields.UUID)
    kind = said()
    state = said()
    reason = said()
    maker_id = perhaps(fields.UUID)
    made_at = said(Moment)
    checker_id = perhaps(fields.UUID)
    decided_at = perhaps(Moment)
    words = perhaps()
    outcome = perhaps()
    redemption_id = perhaps(fields.UUID)


class HeldAdvice(Open):
    """A record held for review. `given_fen` is what the till says it took off, null when it does not say."""

    id = said(fields.UUID)
    merchant_id = said(fields.UUID)
    terminal_id = said(fields.UUID)
    terminal_seq = said(fields.Integer)
    merchant_ref = said()
    code = said()
    given_fen = perhaps(Fen)
    amount_fen = said(Fen)
    occurred_at = said(Moment)
    received_at = said(Moment)
    review = maybe(Review)


HeldAdvices = listing("HeldAdvices", HeldAdvice)


class HeldQuery(PageQuery):
    """Those that wait, or those that are decided."""

    state = Text(
        8,
        validate=validate.OneOf(["waiting", "decided"], error="应为 waiting 或 decided。"),
        load_default="waiting",
    )


class CodeAsOf(Open):
    """The code verified again as of a moment; `outcome` is null when it is good."""

    at = said(Moment)
    outcome = perhaps()
    off_seconds = perhaps(fields.Integer)


class Judged(Open):
    """What accepting it would bring. `bearer`: `program`, `union` (5902) or `merchant`."""

    outcome = said()
    code = perhaps()
    fen = said(Fen)
    bearer = said()


class Gap(Open):
    """Something open about the terminal's numbers next to this one: `gap`, `fork`, `chain` or `unlinked`."""

    why = fields.Function(lambda one: one[0], required=True)
    first_seq = fields.Function(lambda one: one[1], required=True)
    last_seq = fields.Function(lambda one: one[2], required=True)


class Evidence(Open):
    """All that is known of a held record: `as_told` by the terminal's clock, `corrected` by how far that was out."""

    advice = nested(HeldAdvice)
    service_code = perhaps()
    programs = several(fields.String())
    late_seconds = fields.Function(lambda one: int(one.late.total_seconds()), required=True)
    clock_off_seconds = said(fields.Integer)
    list_age_seconds = fields.Function(
        lambda one: None if one.list_age is None else int(one.list_age.total_seconds()), required=True
    )
    synced_at = perhaps(Moment)
    proof_at = perhaps(Moment)
    assurance = perhaps()
    confirmed = perhaps(fields.Boolean)
    as_told = nested(CodeAsOf)
    corrected = nested(CodeAsOf)
    gaps = several(Gap)
    of_card = said(fields.Integer)
    if_accepted = maybe(Judged)
    reviews = several(Review)


class EvidenceQuery(Strict):
    """Which record: the merchant's code, and the number it gave the sale."""

    merchant = Text(24, required=True)
    merchant_ref = Text(64, required=True)


class CodeUse(Open):
    """Another redemption with the same code; `first`: it was scanned before this one."""

    redemption_id = said(fields.UUID)
    merchant_code = said()
    terminal_code = said()
    at = said(Moment)
    first = said(fields.Boolean)


class OfflineException(Open):
    """E11: given beyond what a till may give alone, `fen` of it. E12: records missing or not in their chain."""

    id = said(fields.UUID)
    merchant_id = said(fields.UUID)
    terminal_id = said(fields.UUID)
    code = said()
    why = said()
    advice_id = perhaps(fields.UUID)
    first_seq = said(fields.Integer)
    last_seq = said(fields.Integer)
    fen = said(Fen)
    opened_at = said(Moment)
    closed_at = perhaps(Moment)
    closed_by = perhaps(fields.UUID)
    closing_words = perhaps()
    other_uses = several(CodeUse)


OfflineExceptions = listing("OfflineExceptions", OfflineException)


class ExceptionsQuery(PageQuery):
    """Open ones, or those that are closed."""

    state = Text(6, validate=validate.OneOf(["open", "closed"], error="应为 open 或 closed。"), load_default="open")
