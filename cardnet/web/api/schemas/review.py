"""Wire formats of rosters, batches and review."""

from typing import Any

from marshmallow import ValidationError, fields, validate, validates_schema

from cardnet.http.wire import Day, Id, Moment, Open, Strict, Text, Whole, Word
from cardnet.issuance.rules import ApplicationState, ReviewReason, RosterMode, Verdict
from cardnet.membership.rules import Tier
from cardnet.web.api.schemas.common import (
    PageQuery,
    Person,
    Told,
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
    texts,
    unit,
    whole,
)


class RosterQuery(Strict):
    """Which unit the file is of (yours without one), and its name."""

    unit = unit(load_default=None)
    filename = Text(200, load_default="roster")


class CodeCount(Open):
    """How many rows have a finding of one code."""

    code = said()
    severity = said()
    count = said(fields.Integer)


class RosterReport(Open):
    """What the check found, in counts."""

    rows = said(fields.Integer)
    valid = said(fields.Integer)
    warning = said(fields.Integer)
    declined = said(fields.Integer)
    invalid = said(fields.Integer)
    codes = several(CodeCount)


class Roster(Open):
    """A file on its way. `state`: waiting, checked, submitting, submitted, failed, cancelled; `percent` of the work."""

    id = said(fields.UUID)
    unit_code = said()
    filename = said()
    state = said()
    stage = said()
    percent = said(fields.Integer)
    error = perhaps()
    error_words = perhaps(Told)
    report = maybe(RosterReport)
    batch_id = perhaps(fields.UUID)
    asked_at = said(Moment)


class Finding(Open):
    """What is wrong with one cell, and how to mend it."""

    column = said()
    code = said()
    severity = said()
    message = said(Told)


class RosterFindings(Open):
    """One row of the file with its findings; the document's number is masked."""

    row = said(fields.Integer)
    line = said(fields.Integer)
    status = said()
    name = said()
    id_number = said()
    findings = several(Finding)


RosterFindingsList = listing("RosterFindingsList", RosterFindings)


class FindingsQuery(PageQuery):
    """Rows of one status (`valid`, `warning`, `declined`, `invalid`) or with a finding of one code."""

    status = Word(load_default=None)
    code = Word(load_default=None)


class SubmitRequest(Strict):
    """How to send the file in: the rows that are fit, or all or none."""

    mode = one_of(RosterMode, load_default=RosterMode.VALID_ROWS_ONLY.value)


class RowsQuery(Strict):
    """`invalid` keeps only the rows that must be mended."""

    rows = Text(10, load_default="all", validate=validate.OneOf(["all", "invalid"], error="应为 all 或 invalid。"))


class Batch(Open):
    """A roster that was sent in, as far as it lies in your scope. `states` counts applications, `mine` those before you."""

    id = fields.UUID(attribute="batch_id", required=True)
    filename = said()
    union = nested(UnionName)
    path = said()
    mode = said()
    rows = said(fields.Integer)
    valid = said(fields.Integer)
    declined = said(fields.Integer)
    invalid = said(fields.Integer)
    submitter = said()
    submitted_at = said(Moment)
    states = fields.Dict(keys=fields.String(), values=fields.Integer(), required=True)
    mine = said(fields.Integer)
    due_at = perhaps(Moment)
    escalated_at = perhaps(Moment)


BatchList = listing("BatchList", Batch)


class BatchQuery(PageQuery):
    """Batches of one unit, or only those with rows that wait for you."""

    unit = unit(load_default=None)
    mine = Text(5, load_default="false", validate=validate.OneOf(["true", "false"], error="应为 true 或 false。"))


class BatchRow(Open):
    """One row: what the check said of it, and where its application stands (null: none was made)."""

    row = said(fields.Integer)
    line = said(fields.Integer)
    check_state = said()
    findings = several(Finding)
    person = maybe(Person)
    application_id = perhaps(fields.UUID)
    state = perhaps()
    union = maybe(UnionName)
    review_path = perhaps()
    round = said(fields.Integer)
    due_at = perhaps(Moment)
    reasons = several(fields.String())
    words = said()


BatchRowList = listing("BatchRowList", BatchRow)


class HistoryLine(Open):
    """One act on one or many applications: who, on whose behalf, what, with which reasons."""

    at = said(Moment)
    action = said()
    to_state = said()
    review_path = perhaps()
    actor = said()
    on_behalf_of = said()
    reasons = several(fields.String())
    words = said()
    count = said(fields.Integer)


History = whole("History", HistoryLine)


class BatchRowFile(BatchRow):
    """One row with everything that happened to it, oldest first."""

    history = several(HistoryLine)


class BatchRowsQuery(PageQuery):
    """Rows in one state of their application, of one unit, or only those that wait for you."""

    state = one_of(ApplicationState, load_default=None)
    unit = unit(load_default=None)
    mine = Text(5, load_default="false", validate=validate.OneOf(["true", "false"], error="应为 true 或 false。"))
    on_behalf_of = Id(load_default=None)


class _VerdictRequest(Strict):
    verdict = one_of(Verdict, required=True)
    reasons = fields.List(one_of(ReviewReason), load_default=(), validate=validate.Length(max=13))
    words = Text(500, load_default="", shortest=0)
    on_behalf_of = Id(load_default=None)

    @validates_schema
    def _reasons_for_a_no(self, body: dict[str, Any], **_more: Any) -> None:
        if body["verdict"] != Verdict.APPROVE and not body["reasons"]:
            raise ValidationError("退回或不予通过时，请至少选一个原因。", "reasons")
        if body["verdict"] == Verdict.APPROVE and body["reasons"]:
            raise ValidationError("通过不带原因代码：请去掉原因，或改为退回、不予通过。", "reasons")


class BatchReviewRequest(_VerdictRequest):
    """A verdict on rows of one batch; without `rows` on all of it that stands before you. Reasons are R01–R13."""

    rows = fields.List(
        Whole(1, 9_999_999), load_default=None, validate=validate.Length(1, 100_000, error="请列出 1 到 100000 行。")
    )


class ReviewRequest(_VerdictRequest):
    """A verdict on applications of any batch; without `applications` on all that stand before you, of `unit` or of all."""

    applications = ids(load_default=None)
    unit = unit(load_default=None)


class Reviewed(Open):
    """How many rows got the verdict, the state they are in, before whom they stand next, and how many were left."""

    verdict = said()
    rows = said(fields.Integer)
    state = said()
    next_path = perhaps()
    moved_up = said(fields.Integer)
    left = said(fields.Integer)


class OpenRow(Open):
    """One row that waits for your verdict, the most urgent first."""

    application_id = said(fields.UUID)
    batch_id = said(fields.UUID)
    row = said(fields.Integer)
    filename = said()
    person = maybe(Person)
    union = maybe(UnionName)
    state = said()
    round = said(fields.Integer)
    submitted_at = said(Moment)
    due_at = perhaps(Moment)
    overdue = said(fields.Boolean)
    escalated_at = perhaps(Moment)


OpenRowList = listing("OpenRowList", OpenRow)


class OpenRowsQuery(PageQuery):
    """Of one unit; only those overdue, or only those sent in again."""

    unit = unit(load_default=None)
    show = Text(
        10, load_default="all",
        validate=validate.OneOf(["all", "overdue", "again"], error="应为 all、overdue 或 again。"),
    )  # fmt: skip
    on_behalf_of = Id(load_default=None)


class UnitRows(Open):
    """How many rows of one unit stand before you."""

    union = nested(UnionName)
    rows = said(fields.Integer)


class OpenSummary(Open):
    """How many stand before you, and of which unions."""

    all = said(fields.Integer)
    overdue = said(fields.Integer)
    again = said(fields.Integer)
    units = several(UnitRows)


class CorrectRequest(Strict):
    """A returned row's values; a member that is left out stays as it is. Words as the sheet has them (居民身份证, 合同)."""

    name = Text(50, load_default=None)
    id_type = Text(40, load_default=None)
    id_number = Text(60, load_default=None)
    phone = Text(40, load_default=None)
    employment = Text(40, load_default=None)
    department = Text(100, load_default=None, shortest=0)


class Corrected(Open):
    """The round that began, and before whom it stands."""

    round = said(fields.Integer)
    review_path = said()


class WithdrawRequest(Strict):
    """Rows taken back by the unit, with the reason."""

    rows = fields.List(
        Whole(1, 9_999_999), required=True, validate=validate.Length(1, 10_000, error="请列出 1 到 10000 行。")
    )
    words = Text(200, load_default="", shortest=0)


class Withdrawn(Open):
    """How many rows were taken back, and how many others moved up into their places."""

    rows = said(fields.Integer)
    moved_up = said(fields.Integer)


class IssueRequest(Strict):
    """Cards for the approved rows; the last day is the program's default without `valid_to`."""

    valid_to = Day(load_default=None)


class IssuedCard(Open):
    """A new card. The activation code is shown this once; afterwards only a new one can be made."""

    card_id = said(fields.UUID)
    number = said()
    activation_code = said()
    person_id = said(fields.UUID)
    row = perhaps(fields.Integer)
    valid_to = said(fields.Date)


class Issued(Open):
    """The cards that were made; `skipped` rows had a usable card already and are rejected now."""

    cards = several(IssuedCard)
    skipped = said(fields.Integer)


class Task(Open):
    """Something that waits for you, the most urgent first.

    `kind` is what is to be done. What is about no roster has no `batch_id`; `href` is the page on which it is done.
    """

    kind = said()
    batch_id = perhaps(fields.UUID)
    filename = said()
    href = said()
    union = nested(UnionName)
    count = said(fields.Integer)
    since = said(Moment)
    due_at = perhaps(Moment)
    overdue = said(fields.Boolean)
    on_behalf_of = perhaps(fields.UUID)
    in_the_name_of = said()


Tasks = whole("Tasks", Task)


class Delegation(Open):
    """Who stands in for whom, from when (included) to when (not included)."""

    id = said(fields.UUID)
    giver_id = said(fields.UUID)
    giver = said()
    deputy_id = said(fields.UUID)
    deputy = said()
    from_at = said(Moment)
    to_at = said(Moment)
    reason = said()
    state = said()
    ended_at = perhaps(Moment)


Delegations = whole("Delegations", Delegation)


class DelegationRequest(Strict):
    """`deputy` stands in for `giver` (you, without one) from the first day to the last, both whole days."""

    giver = Text(64, load_default=None)
    deputy = Text(64, required=True)
    first_on = Day(required=True)
    last_on = Day(required=True)
    reason = Text(200, required=True)


class Term(Open):
    """The working days a tier has."""

    tier = said()
    working_days = said(fields.Integer)


class TermRequest(Strict):
    """So many working days for a tier, from now on."""

    tier = one_of(Tier, required=True)
    working_days = Whole(1, 60, required=True)


class Freeze(Open):
    """A time in which review stands still and no term runs."""

    id = said(fields.UUID)
    union = maybe(UnionName)
    from_at = said(Moment)
    to_at = perhaps(Moment)
    reason = said()
    by = said()
    running = said(fields.Boolean)


class ReviewSettings(Open):
    """The clock of review."""

    terms = several(Term)
    freezes = several(Freeze)


class FreezeRequest(Strict):
    """Whole days; one that begins today begins now; without a last day it holds until it is lifted."""

    unit = Word(required=True)
    first_on = Day(required=True)
    last_on = Day(load_default=None)
    reason = Text(200, required=True)


class DaysRequest(Strict):
    """Days of the calendar as the notice has them; no day stands in both lists."""

    free = fields.List(Day(), load_default=(), validate=validate.Length(max=120))
    worked = fields.List(Day(), load_default=(), validate=validate.Length(max=120))
    document = Text(100, required=True)


class Moved(Open):
    """How many applications have another term now."""

    moved = said(fields.Integer)


class Giver(Open):
    """Somebody whose delegation runs now."""

    account_id = said(fields.UUID)
    display_name = said()
    path = said()


class Me(Open):
    """Whose token this is: roles and the union whose tree is the scope. `stands_in_for` may be named as `on_behalf_of`."""

    account_id = said(fields.UUID)
    username = said()
    display_name = said()
    roles = several(fields.String())
    union = nested(Union)
    stands_in_for = several(Giver)
    server_time = said(Moment)


UnionList = whole("UnionList", Union)


class UnionsQuery(Strict):
    """The unions below one of yours."""

    under = unit(load_default=None)


class NumbersRequest(Strict):
    """Cards by number."""

    numbers = texts(13, required=True)
