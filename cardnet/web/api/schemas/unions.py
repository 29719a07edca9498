"""Wire formats of unions being renamed, moved, merged and closed."""

from marshmallow import fields

from cardnet.http.wire import Day, Open, Strict, Text
from cardnet.web.api.schemas.common import Union, UnionName, maybe, nested, perhaps, said, several, unit


class _ActRequest(Strict):
    document = Text(120, required=True)


class RenameUnionRequest(_ActRequest):
    """The new name, and from which day on; today without one."""

    name = Text(200, required=True)
    on = Day(load_default=None, allow_none=True)


class MoveUnionRequest(_ActRequest):
    """The new union above."""

    parent = unit(required=True)


class MergeUnionRequest(_ActRequest):
    """The union that takes over."""

    into = unit(required=True)


class CloseUnionRequest(_ActRequest):
    """On which decision."""


class UnionInHand(Open):
    """What a union itself has in hand; `offers` are places offered to people who wait."""

    below = said(fields.Integer)
    members = said(fields.Integer)
    in_review = said(fields.Integer)
    returned = said(fields.Integer)
    waiting = said(fields.Integer)
    offers = said(fields.Integer)
    approved = said(fields.Integer)
    places_free = said(fields.Integer)
    places_held = said(fields.Integer)
    raises = said(fields.Integer)
    entries = said(fields.Integer)
    handouts = said(fields.Integer)
    jobs = said(fields.Integer)
    arriving = said(fields.Integer)
    leaving = said(fields.Integer)
    accounts = said(fields.Integer)


class UnionChange(Open):
    """What became of a union; `name` as it was before, `other` the new union above or the one that took over.

    `came_from` is the union above before a move.
    """

    kind = said()
    effective_on = said(fields.Date)
    name = said()
    other = maybe(UnionName)
    came_from = maybe(UnionName)
    document = said()
    actor = said()


class UnionHistory(Open):
    """A union, what it has in hand, and what became of it, the newest first."""

    union = nested(Union)
    closed_on = perhaps(fields.Date)
    in_hand = nested(UnionInHand)
    changes = several(UnionChange)


class UnionMoved(Open):
    """The union where it is now; `changed_desk` of its open applications are reviewed by another union now."""

    union = nested(Union)
    applications = said(fields.Integer)
    changed_desk = said(fields.Integer)
    places = said(fields.Integer)


class UnionMerged(Open):
    """What went over to the other union; `moved_up` who waited were offered a place."""

    into = nested(Union)
    members = said(fields.Integer)
    cards = said(fields.Integer)
    applications = said(fields.Integer)
    places = said(fields.Integer)
    moved_up = said(fields.Integer)
    accounts = said(fields.Integer)


class UnionClosed(Open):
    """How many accounts of the union were closed with it."""

    accounts = said(fields.Integer)
