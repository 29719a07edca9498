"""Wire formats of the bulletin (通报): figures of now, issues as they were sent."""

from marshmallow import fields

from cardnet.http.wire import Day, Flag, Id, Moment, Open, Strict, Text
from cardnet.web.api.schemas.common import (
    PageQuery,
    UnionName,
    listing,
    maybe,
    nested,
    perhaps,
    said,
    several,
    texts,
    unit,
)
from cardnet.web.api.schemas.quota import Counts, year_wanted


class Answers(Open):
    """Members by answer: `members = has_card + in_progress + declined + no_answer`."""

    members = said(fields.Integer)
    has_card = said(fields.Integer)
    in_progress = said(fields.Integer)
    declined = said(fields.Integer)
    no_answer = said(fields.Integer)


class BulletinLine(Open):
    """One union directly below with its place by completion, or with `own` your union's own people; rates in ten-thousandths.

    `rank` is null without a plan, a rate where there is nothing to take it of.
    """

    union = nested(UnionName)
    counts = nested(Counts, attribute="figures.counts")
    answers = nested(Answers, attribute="figures.answers")
    used = said(fields.Integer, attribute="figures.used")
    rank = perhaps(fields.Integer)
    own = said(fields.Boolean)
    completion_bp = perhaps(fields.Integer, attribute="figures.rates.completion")
    coverage_bp = perhaps(fields.Integer, attribute="figures.rates.coverage")
    activation_bp = perhaps(fields.Integer, attribute="figures.rates.activation")
    use_bp = perhaps(fields.Integer, attribute="figures.rates.use")


class Bulletin(Open):
    """The bulletin (通报) of your union: its number in the year, the whole, and the unions directly below."""

    year = said(fields.Integer)
    number = said(fields.Integer)
    at = said(Moment)
    years = several(fields.Integer())
    union = nested(UnionName)
    total = nested(Counts)
    answers = nested(Answers)
    used = said(fields.Integer)
    lines = several(BulletinLine)


class BulletinIssue(Open):
    """An issue that was sent. `sha256` is of the whole document; `corrected_by` stands in its place now."""

    id = said(fields.UUID)
    union = nested(UnionName)
    year = said(fields.Integer)
    number = said(fields.Integer)
    edition = said(fields.Integer)
    corrects = perhaps(fields.UUID, attribute="corrects_id")
    corrected_by = perhaps(fields.UUID)
    by = said()
    at = said(Moment)
    sha256 = said()


IssueList = listing("BulletinIssueList", BulletinIssue)


class Addressee(Open):
    """A union it was sent to."""

    code = said()
    name = said()


class BulletinLevel(Open):
    """A union and those directly below it: a page of the issue."""

    union = nested(UnionName)
    total = nested(Counts, attribute="total.counts")
    answers = nested(Answers, attribute="total.answers")
    used = said(fields.Integer, attribute="total.used")
    lines = several(BulletinLine)


class WeeksOfUnion(Open):
    """How many people activated a first card in each week."""

    path = said()
    weeks = several(fields.Integer())


class ChangedNumber(Open):
    """A number of a correction that was another one: `what` is named as in counts and answers.

    `union` is null for the sum of the whole; `before` or `after` is null where the union does not stand in that issue.
    """

    union = maybe(UnionName)
    own = said(fields.Boolean)
    what = said(attribute="field")
    before = perhaps(fields.Integer)
    after = perhaps(fields.Integer)


class KeptIssue(BulletinIssue):
    """An issue exactly as it was sent."""

    addressees = several(Addressee)
    copies = said()
    words = said()
    reason = said()
    levels = several(BulletinLevel)
    mondays = several(Day())
    activations = several(WeeksOfUnion)
    changes = several(ChangedNumber)


class BulletinQuery(Strict):
    """Below which of your unions, and of which year: the open one without it, a closing one while it closes."""

    under = unit(load_default=None)
    year = year_wanted()


class IssuesQuery(PageQuery):
    """Of one year."""

    year = year_wanted()


class PublishRequest(Strict):
    """To whom (codes of unions directly below, all of them without), and what is said; a correction names the issue."""

    year = year_wanted()
    to = texts(40, load_default=list)
    copies = Text(500, load_default="")
    words = Text(500, load_default="")
    corrects = Id(load_default=None, allow_none=True)
    reason = Text(500, load_default="")
    unchanged_too = Flag(load_default=False)
