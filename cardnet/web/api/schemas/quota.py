"""Wire formats of quota: the tree, moving places, raises, the waiting list, the year's end."""

from marshmallow import fields, validate

from cardnet.http.wire import Day, Id, Moment, Open, Strict, Text, Whole
from cardnet.issuance.rules import AllocationBasis, QuotaKind
from cardnet.web.api.schemas.authorities import Authority, AuthorityRequest
from cardnet.web.api.schemas.common import (
    PageQuery,
    PersonName,
    Union,
    UnionName,
    ids,
    listing,
    maybe,
    nested,
    one_of,
    perhaps,
    said,
    several,
    unit,
    whole,
)

_LEAST_YEAR, _MOST_YEAR = 2000, 2100
MOST_PLACES = 10**9


def _kind() -> Text:
    return one_of(QuotaKind, load_default=QuotaKind.NEW_CARD.value)


def year_wanted() -> fields.Integer:
    """A year of a query or body; None without it."""
    return fields.Integer(
        load_default=None,
        allow_none=True,
        validate=validate.Range(_LEAST_YEAR, _MOST_YEAR, error="应为 2000 到 2100。"),
        error_messages={"invalid": "应为年份。"},
    )


class YearQuery(Strict):
    """Of which year (this one without it) and kind of places."""

    year = year_wanted()
    kind = _kind()


class QuotaQuery(YearQuery):
    """The unions below one of yours."""

    under = unit(load_default=None)


class WaitingQuery(PageQuery):
    """Of which year; this one without it."""

    year = fields.Integer(
        load_default=None,
        validate=validate.Range(_LEAST_YEAR, _MOST_YEAR, error="应为 2000 到 2100。"),
        error_messages={"invalid": "应为年份。"},
    )


class QuotaLine(Open):
    """One union's places: `held + used + passed_down + free = received`."""

    union = nested(Union)
    received = said(fields.Integer)
    passed_down = said(fields.Integer)
    held = said(fields.Integer)
    used = said(fields.Integer)
    free = said(fields.Integer)
    waiting = said(fields.Integer)
    offered = said(fields.Integer)
    recall_after = perhaps(fields.Date)


QuotaTree = whole("QuotaTree", QuotaLine)


class _YearRequest(Strict):
    year = Whole(_LEAST_YEAR, _MOST_YEAR, required=True)
    kind = _kind()


class GrantRequest(_YearRequest):
    """Places for the district, on a decision; a negative count takes back what is free."""

    count = Whole(-MOST_PLACES, MOST_PLACES, required=True)
    document = Text(100, required=True)


class MoveRequest(_YearRequest):
    """Places from one union to another: down to one directly below, or across to a sibling."""

    giver = unit(required=True)
    taker = unit(required=True)
    count = Whole(1, MOST_PLACES, required=True)


class ReturnRequest(_YearRequest):
    """Places back to the union above."""

    giver = unit(required=True)
    count = Whole(1, MOST_PLACES, required=True)


class SpreadRequest(_YearRequest):
    """All that is free, to the unions below by their members; of the whole tree without `below`."""

    below = unit(load_default=None)


class Spread(Open):
    """How many places went to how many unions; `evenly` when there was no register to go by."""

    places = said(fields.Integer)
    nodes = said(fields.Integer)
    evenly = said(fields.Boolean)


class RecallDateRequest(_YearRequest):
    """Until when the unions below may use their places; null takes the date away."""

    giver = unit(required=True)
    after = Day(load_default=None)


class RecallRequest(_YearRequest):
    """What is free below after the date comes back."""

    giver = unit(required=True)


class Recalled(Open):
    """How many places came back from how many unions."""

    places = said(fields.Integer)
    unions = said(fields.Integer)


class UseRequest(_YearRequest):
    """Places used for something that is no card, with what for."""

    giver = unit(required=True)
    count = Whole(1, MOST_PLACES, required=True)
    words = Text(200, required=True)


class PlannedShare(Strict):
    """What one union is to get."""

    unit = unit(required=True)
    count = Whole(0, MOST_PLACES, required=True)


class PlanRequest(_YearRequest):
    """Hand `total` places down from `giver` to the unions below it: by members, by last year, or the `shares` given."""

    giver = unit(required=True)
    total = Whole(1, MOST_PLACES, required=True)
    basis = one_of(AllocationBasis, required=True)
    shares = fields.List(fields.Nested(PlannedShare), load_default=None, validate=validate.Length(max=5_000))
    recall_after = Day(load_default=None)


class Share(Open):
    """One union's share of a plan: what it weighs, has, and gets."""

    union = nested(UnionName)
    weight = said(fields.Integer)
    before = said(fields.Integer)
    count = said(fields.Integer)


class Plan(Open):
    """Every share, and the sum."""

    year = said(fields.Integer)
    union = nested(UnionName)
    basis = said()
    total = said(fields.Integer)
    free = said(fields.Integer)
    evenly = said(fields.Boolean)
    shares = several(Share)


class Raise(Open):
    """A request for more places, and what became of it. `decidable` says that you may decide it."""

    id = said(fields.UUID)
    year = said(fields.Integer)
    kind = said()
    union = nested(UnionName)
    count = said(fields.Integer)
    reason = said()
    authority = maybe(Authority)
    state = said()
    asked_by = said()
    asked_at = said(Moment)
    decided_by = said()
    decided_at = perhaps(Moment)
    words = perhaps()
    decidable = said(fields.Boolean)
    mine = said(fields.Boolean)


Raises = whole("Raises", Raise)


class RaiseRequest(_YearRequest):
    """Your union asks the one above for more; the district states its decision, or the id of one it recorded."""

    count = Whole(1, MOST_PLACES, required=True)
    reason = Text(200, required=True)
    authority = fields.Nested(AuthorityRequest, load_default=None)
    authority_id = Id(load_default=None)


class WordsRequest(Strict):
    """With a few words; a refusal needs them."""

    words = Text(200, load_default="", shortest=0)


class WaitingLine(Open):
    """One person in line; `offer_until` when a place is offered, else `place` in the line of the unit."""

    application_id = said(fields.UUID)
    batch_id = perhaps(fields.UUID)
    row = perhaps(fields.Integer)
    person = nested(PersonName)
    union = nested(UnionName)
    year = said(fields.Integer)
    priority = said(fields.Integer)
    queued_at = said(Moment)
    offer_until = perhaps(Moment)
    place = perhaps(fields.Integer)


WaitingList = listing("WaitingList", WaitingLine)


class OffersRequest(Strict):
    """Which people answered; without `applications` all in your scope who have an offer."""

    applications = ids(load_default=None)


class Answered(Open):
    """How many answered, and how many moved up."""

    answered = said(fields.Integer)
    moved_up = said(fields.Integer)


class PriorityRequest(Strict):
    """Before those without priority, or back in time, and why; who was carried over stays before all of the year."""

    place = Text(5, required=True, validate=validate.OneOf(["first", "back"], error="应为 first 或 back。"))
    words = Text(200, required=True)


class Year(Open):
    """Where a year stands: open, closing, closed."""

    year = said(fields.Integer)
    kind = said()
    state = said()
    closing_until = perhaps(fields.Date)
    offer_days = said(fields.Integer)


Years = whole("Years", Year)


class KindQuery(Strict):
    """Which kind of places."""

    kind = _kind()


class ClosingRequest(Strict):
    """Cards approved until then count for the year."""

    until = Day(required=True)


class OfferDaysRequest(Strict):
    """How many days an offer is held."""

    days = Whole(1, 60, required=True)


class YearEnd(Open):
    """What closing does: places used, holds carried into the next year, people put first in line."""

    year = said(fields.Integer)
    into = said(fields.Integer)
    used = said(fields.Integer)
    carried = said(fields.Integer)
    requeued = said(fields.Integer)
    waiting = said(fields.Integer)
    unused = said(fields.Integer)


class Counts(Open):
    """How far a union and all below it are, in people."""

    members = said(fields.Integer)
    quota = said(fields.Integer)
    collected = said(fields.Integer)
    submitted = said(fields.Integer)
    approved = said(fields.Integer)
    issued = said(fields.Integer)
    handed_out = said(fields.Integer)
    activated = said(fields.Integer)
    declined = said(fields.Integer)
    no_answer = said(fields.Integer)
    in_review = said(fields.Integer)
    returned = said(fields.Integer)
    waitlisted = said(fields.Integer)
    holders = said(fields.Integer)


class UnderQuery(Strict):
    """The unions below one of yours."""

    under = unit(load_default=None)
