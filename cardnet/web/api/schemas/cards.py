"""Wire formats of cards: finding, changing, printing, handing out, activating."""

from marshmallow import fields, validate

from cardnet.http.wire import Day, Flag, Id, Moment, Open, Strict, Text, Whole
from cardnet.issuance.rules import MOST_YEARS, CardEnd, CardKind, CardState, HandoutKind
from cardnet.issuance.services import Lost
from cardnet.issuance.sheets import Layout
from cardnet.membership.rules import TagKind
from cardnet.web.api.schemas.common import (
    PageQuery,
    Person,
    PersonName,
    UnionName,
    ids,
    listing,
    maybe,
    nested,
    one_of,
    perhaps,
    said,
    several,
    texts,
    unit,
    whole,
)


class Card(Open):
    """One card, with whose it is."""

    id = fields.UUID(attribute="card_id", required=True)
    number = said()
    state = said()
    person = maybe(Person)
    union = maybe(UnionName)
    valid_from = said(fields.Date)
    valid_to = said(fields.Date)
    issued_at = said(Moment)
    delivered_at = perhaps(Moment)
    activated_at = perhaps(Moment)
    batch_id = perhaps(fields.UUID)
    row = perhaps(fields.Integer)


CardList = listing("CardList", Card)


class CardEvent(Open):
    """One thing that happened to a card."""

    at = said(Moment)
    action = said()
    to_state = said()
    channel = said()
    actor = said()
    words = said()


class CardNeighbour(Open):
    """The card before or after this one."""

    id = said(fields.UUID)
    number = said()


class BoundPhone(Open):
    """A phone the card is bound to."""

    index = said(fields.Integer)
    bound_at = said(Moment)


class CardFile(Card):
    """One card with its phones, its print, the cards before and after it, and its history, oldest first."""

    phone_bound_at = perhaps(Moment)
    phones = several(BoundPhone)
    printed_at = perhaps(Moment)
    print_until = perhaps(Moment)
    before = maybe(CardNeighbour)
    after = maybe(CardNeighbour)
    reminded = said(fields.Integer)
    last_reminded_at = perhaps(Moment)
    history = several(CardEvent)


def _digits(longest: int, words: str) -> Text:
    return Text(longest, load_default="", validate=validate.Regexp(r"^[0-9]+\Z", error=words))


class CardsQuery(PageQuery):
    """By whole number or last digits; of one unit, state or batch; nobody signed for it; ending by a day.

    In the order of the numbers.
    """

    number = _digits(13, "应为卡号：13 位数字。")
    ending = _digits(13, "应为卡号的后几位数字。")
    unit = unit(load_default=None)
    state = one_of(CardState, load_default=None)
    batch_id = Id(load_default=None)
    unsigned = Text(5, load_default="false", validate=validate.OneOf(["true", "false"], error="应为 true 或 false。"))
    ends_by = Day(load_default=None)


class FindCardsRequest(Strict):
    """A person's full name or document number; it stands in the body, so that no log holds it."""

    asked = Text(60, required=True)


class ReasonRequest(Strict):
    """Why; it stays in the card's history."""

    reason = Text(200, required=True)


class StopPhoneRequest(ReasonRequest):
    """Which phone, by its `index` among the card's `phones`, and why."""

    index = Whole(0, 2**32 - 1, required=True)


class PhonePolicy(Open):
    """On how many phones a card may be; `two_bound` cards are on two today. `set_at` is null while nobody decided."""

    phones = said(fields.Integer)
    reason = said()
    set_by = said()
    set_at = perhaps(Moment)
    two_bound = said(fields.Integer)


class PhonePolicyRequest(ReasonRequest):
    """One phone or two, and why. From two to one each card keeps the phone bound last."""

    phones = Whole(1, 2, required=True)


class LossPolicy(Open):
    """Whether a hold made before its card was lost may still be captured. `set_at` is null while nobody decided."""

    honour_holds_on_loss = said(fields.Boolean)
    reason = said()
    set_by = said()
    set_at = perhaps(Moment)


class LossPolicyRequest(ReasonRequest):
    """May it, or not (a capture is then answered `revoked`), and why."""

    honour_holds_on_loss = Flag(required=True)


class CardLife(Open):
    """How long new cards of a kind (`own`, `external`) work whose last day nobody names, in years.

    `ends` with the calendar's last of those years (`year_end`, that of issue being the first) or after whole years
    (`same_day`). `set_at` is null while nobody decided.
    """

    kind = said()
    years = said(fields.Integer)
    ends = said()
    reason = said()
    set_by = said()
    set_at = perhaps(Moment)


class CardLives(Open):
    """How long new cards work, by kind."""

    items = several(CardLife)


class CardLifeRequest(ReasonRequest):
    """For cards of this kind made from now on, and why."""

    kind = one_of(CardKind, required=True)
    years = Whole(1, MOST_YEARS, required=True)
    ends = one_of(CardEnd, required=True)


class LossRequest(ReasonRequest):
    """What was lost: the `card`, or the `phone`, whose sessions end too."""

    lost = one_of(Lost, load_default=Lost.CARD.value)


class NewCard(Open):
    """A new card with its activation code, shown this once."""

    card_id = said(fields.UUID)
    number = said()
    activation_code = said()
    person_id = said(fields.UUID)
    valid_to = said(fields.Date)


class NewCode(Open):
    """A new activation code, shown this once; the one before is dead."""

    activation_code = said()


class SeenRequest(Strict):
    """`seen` says that the officer has the person and the document before them."""

    seen = Flag(required=True, validate=validate.OneOf([True], error="请先当面核对本人和证件。"))


class RebindCode(Open):
    """Six digits for the member who stands here, shown this once."""

    code = said()
    expires_at = said(Moment)


class LayoutRequest(Strict):
    """A4 sheets of ten, or single cards."""

    layout = one_of(Layout, load_default=Layout.SHEETS.value)


class PrintRequest(LayoutRequest):
    """The cards of one unit or of the whole scope, or these numbers: those never printed, or all again."""

    unit = unit(load_default=None)
    numbers = texts(13, load_default=None)
    again = Flag(load_default=False)


class PrintCount(Open):
    """How many cards of a union there are to print."""

    union = nested(UnionName)
    cards = said(fields.Integer)
    unprinted = said(fields.Integer)


class PrintRun(Open):
    """One printing; `live` of its codes still count."""

    id = said(fields.UUID)
    at = said(Moment)
    actor = said()
    union = maybe(UnionName)
    cards = said(fields.Integer)
    live = said(fields.Integer)


class Printing(Open):
    """What waits to be printed, and what was."""

    units = several(PrintCount)
    runs = several(PrintRun)


class HandOutRequest(Strict):
    """Who signed for their cards: these `numbers`, or all of a batch but `except_numbers`."""

    numbers = texts(13, load_default=None)
    batch_id = Id(load_default=None)
    except_numbers = texts(13, load_default=())


class Handout(Open):
    """Something handed out against signatures: how many are on the list, how many have signed."""

    id = said(fields.UUID)
    kind = said()
    title = said()
    document = said()
    union = nested(UnionName)
    batch_id = perhaps(fields.UUID)
    opened_at = said(Moment)
    closed_at = perhaps(Moment)
    people = said(fields.Integer)
    signed = said(fields.Integer)


Handouts = whole("Handouts", Handout)


class HandoutRequest(Strict):
    """What, for whom (a unit, a batch, people with a tag), by whose decision."""

    kind = one_of(HandoutKind, required=True)
    title = Text(120, required=True)
    unit = unit(load_default=None)
    document = Text(120, load_default="", shortest=0)
    batch_id = Id(load_default=None)
    tags = fields.List(one_of(TagKind), load_default=(), validate=validate.Length(max=10))


class Receipt(Open):
    """One person of the list, and when and how they signed."""

    person = nested(PersonName)
    union = nested(UnionName)
    card_number = said()
    signed_at = perhaps(Moment)
    channel = said()
    actor = said()


Receipts = listing("Receipts", Receipt)


class ReceiptsQuery(PageQuery):
    """Everybody, who has signed, or who has not."""

    show = Text(
        10, load_default="all",
        validate=validate.OneOf(["all", "signed", "unsigned"], error="应为 all、signed 或 unsigned。"),
    )  # fmt: skip


class ScanRequest(Strict):
    """What the scanner read: a member's code, a printed card, a slip, or a card number."""

    read = Text(1_000, required=True, free=True)


class Scanned(Open):
    """What the scan came to: signed, signed_before, not_listed, not_a_code, stale, not_valid."""

    outcome = said()
    name = said()
    union_name = said()
    signed_at = perhaps(Moment)
    signed = said(fields.Integer)
    people = said(fields.Integer)


class SignRequest(Strict):
    """These people have signed; or all on the list but `except_people`."""

    people = ids(load_default=None)
    except_people = ids(load_default=None)


class TakeBackRequest(Strict):
    """One receipt was a mistake, and why."""

    person_id = Id(required=True)
    reason = Text(200, required=True)


class ActivationFigures(Open):
    """People with a card, with a card in their hands, and with one activated."""

    people = said(fields.Integer)
    delivered = said(fields.Integer)
    activated = said(fields.Integer)


class UnitQuery(Strict):
    """Of one unit; of the whole scope without it."""

    unit = unit(load_default=None)


class UnitPageQuery(PageQuery):
    """Of one unit; of the whole scope without it."""

    unit = unit(load_default=None)


class InactiveCard(Open):
    """A card that nobody activated yet."""

    card_id = said(fields.UUID)
    number = said()
    state = said()
    person = nested(PersonName)
    issued_at = said(Moment)
    delivered_at = perhaps(Moment)
    reminded = said(fields.Integer)
    last_reminded_at = perhaps(Moment)


InactiveCards = listing("InactiveCards", InactiveCard)


class ChaseRequest(Strict):
    """These cards, or all of a unit (of the whole scope without one)."""

    numbers = texts(13, load_default=None)
    unit = unit(load_default=None)


class RemindRequest(ChaseRequest):
    """How they are reminded: by a `notice`, with a paper `slip`, or by a `call` that is only noted."""

    channel = Text(
        10, required=True,
        validate=validate.OneOf(["notice", "slip", "call"], error="应为 notice、slip 或 call。"),
    )  # fmt: skip


class Reminded(Open):
    """How many were reminded today, by message and by slip; nobody twice a day."""

    people = said(fields.Integer)
    messages = said(fields.Integer)
    slips = said(fields.Integer)
