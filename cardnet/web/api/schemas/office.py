"""Wire formats of accounts, the audit trail, progress, finance, programs and redemptions."""

from marshmallow import fields, validate

from cardnet.access.rules import AccountState, Role
from cardnet.finance.rules import ClearingStep, DifferenceGroup, Resolution
from cardnet.http.wire import Day, Flag, Id, Moment, Open, Strict, Text, Word
from cardnet.web.api.schemas.common import (
    PageQuery,
    UnionName,
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
from cardnet.web.api.schemas.quota import Counts, year_wanted


class Account(Open):
    """A staff account. `seen_at` is the last sign of life of any of its sessions."""

    id = fields.UUID(attribute="account_id", required=True)
    username = said()
    display_name = said()
    roles = several(fields.String())
    union = nested(UnionName)
    state = said()
    locked_until = perhaps(Moment)
    created_at = said(Moment)
    seen_at = perhaps(Moment)


AccountList = listing("AccountList", Account)


class AccountsQuery(PageQuery):
    """By words of name or username, by role, by state."""

    words = Text(60, load_default="")
    role = one_of(Role, load_default=None)
    state = one_of(AccountState, load_default=None)


class OpenSession(Open):
    """A browser that signed in, or a bearer token."""

    id = fields.UUID(attribute="session_id", required=True)
    kind = said()
    address = perhaps()
    created_at = said(Moment)
    seen_at = said(Moment)
    expires_at = said(Moment)


Sessions = whole("Sessions", OpenSession)


def _roles() -> fields.List[str]:
    return fields.List(one_of(Role), required=True, validate=validate.Length(1, len(Role), error="请至少给一个角色。"))


class AccountRequest(Strict):
    """Name, roles, and the union whose tree is the scope (yours without one)."""

    display_name = Text(50, required=True)
    roles = _roles()
    unit = unit(load_default=None)


class InviteRequest(AccountRequest):
    """A new account; its owner sets password and authenticator under the link."""

    username = Text(64, required=True)


class Invitation(Open):
    """The link's token, shown this once: `/invite/{token}` until `expires_at`."""

    account_id = said(fields.UUID)
    username = said()
    token = said()
    expires_at = said(Moment)


class SessionRequest(Strict):
    """One of your own sessions or tokens."""

    session_id = fields.UUID(required=True)


class TrailActor(Open):
    """Who acted."""

    username = said()
    display_name = said()


class TrailLine(Open):
    """One act: who, on whose behalf, on what, before and after, from where. `actor` null: the worker."""

    id = said(fields.UUID)
    at = said(Moment)
    action = said()
    subject_kind = said()
    subject_id = said()
    actor = maybe(TrailActor)
    on_behalf_of = maybe(TrailActor)
    address = perhaps()
    before = perhaps(fields.Dict)
    after = perhaps(fields.Dict)


Trail = listing("Trail", TrailLine)


class TrailFilter(Strict):
    """By days, account, act (`card.suspend`, or `card.` for all of a kind), and subject."""

    first_on = Day(load_default=None)
    last_on = Day(load_default=None)
    username = Text(64, load_default="")
    action = Text(80, load_default="")
    subject = Text(80, load_default="")


class TrailQuery(TrailFilter, PageQuery):
    """By days, account, act and subject; newest first."""


class Spent(Open):
    """What one program cost this year: people, uses, amounts in fen; `imported_…` from before, paid elsewhere."""

    program = said()
    name = said()
    kind = said()
    people = said(fields.Integer)
    uses = said(fields.Integer)
    benefit_fen = said(fields.Integer)
    union_fen = said(fields.Integer)
    imported_people = said(fields.Integer)
    imported_uses = said(fields.Integer)
    imported_fen = said(fields.Integer)


class OfYear(Strict):
    """Of which year: the open one without it, while one closes that one."""

    year = year_wanted()


class UntouchedQuery(PageQuery):
    """Of which year: the open one without it, while one closes that one."""

    year = year_wanted()


class Overview(Open):
    """Where the year stands for your union and all below it. `years` are those there are to choose from."""

    year = said(fields.Integer)
    years = several(fields.Integer())
    at = said(Moment)
    union = nested(UnionName)
    counts = nested(Counts)
    used = said(fields.Integer)
    union_fen = said(fields.Integer)
    programs = several(Spent)


class BoardLine(Open):
    """One program on the wall."""

    program = said()
    name = said()
    people = perhaps(fields.Integer)
    uses = perhaps(fields.Integer)


class NoticeBoard(Open):
    """公示栏一张纸: numbers nobody can be known by."""

    year = said(fields.Integer)
    at = said(Moment)
    union = nested(UnionName)
    counts = nested(Counts)
    used = perhaps(fields.Integer)
    union_fen = perhaps(fields.Integer)
    programs = several(BoardLine)


class UntouchedUnion(Open):
    """One unit, with its own members and how many of them hold a card."""

    union = nested(UnionName)
    members = fields.Integer(attribute="own.members", required=True)
    holders = fields.Integer(attribute="own.holders", required=True)


Untouched = listing("Untouched", UntouchedUnion)


class LateGrant(Open):
    """One grant of the old union: who bore what, in fen."""

    redemption = said(fields.UUID)
    member = said()
    from_union = said()
    to_union = said()
    effective_on = said(fields.Date)
    entered_at = said(Moment)
    service_on = said(fields.Date)
    merchant = said()
    program = said()
    program_name = said()
    benefit_fen = said(fields.Integer)
    union_fen = said(fields.Integer)
    merchant_fen = said(fields.Integer)


LateGrants = whole("LateGrants", LateGrant)


class Program(Open):
    """A program of benefits."""

    id = said(fields.UUID)
    code = said()
    name = said()
    kind = said()
    operator = said()
    version_basis = said()
    doc_ref = said()


Programs = whole("Programs", Program)


class RuleVersion(Open):
    """One version of a program's rule; `body` is the rule document, `content_hash` what it is told by."""

    id = said(fields.UUID)
    no = said(fields.Integer)
    effective_from = said(fields.Date)
    effective_to = perhaps(fields.Date)
    status = said()
    content_hash = said()
    body = said(fields.Dict)


RuleVersions = whole("RuleVersions", RuleVersion)


class Redemption(Open):
    """A redemption as finance sees it: amounts in fen, the member masked."""

    id = said(fields.UUID)
    outcome = said()
    business_date = said(fields.Date)
    event_at = said(Moment)
    merchant_code = said()
    store_code = said()
    terminal_code = said()
    merchant_ref = perhaps()
    amount_fen = said(fields.Integer)
    discount_fen = said(fields.Integer)
    subsidy_fen = said(fields.Integer)
    payable_fen = said(fields.Integer)
    captured_fen = said(fields.Integer)
    refunded_fen = said(fields.Integer)
    member_display = perhaps()


Redemptions = listing("Redemptions", Redemption)


class RedemptionsQuery(PageQuery):
    """Of one merchant, of one business day, or by the merchant's own number."""

    merchant = Word(required=True)
    business_date = Day(load_default=None)
    merchant_ref = Text(64, load_default=None)


class DayState(Open):
    """How far the close of a business day is: open, closing, closed."""

    day = said(fields.Date)
    state = said()


class Days(Open):
    """Yesterday, and the days before it that hold movements and are not closed."""

    yesterday = nested(DayState)
    open_days = several(fields.Date())


class CloseRequest(Strict):
    """Close a day, and seal the settlements that are due with it; `everyone` seals every merchant's."""

    day = Day(required=True)
    everyone = Flag(load_default=False)


class Totals(Open):
    """What the lines come to, in fen; all but `net_fen` without sign."""

    lines = said(fields.Integer)
    captured_fen = said(fields.Integer)
    reversed_fen = said(fields.Integer)
    refunded_fen = said(fields.Integer)
    net_fen = said(fields.Integer)
    gross_fen = said(fields.Integer)
    discount_fen = said(fields.Integer)


class Settlement(Open):
    """A sealed settlement of one merchant."""

    id = said(fields.UUID)
    number = said()
    merchant_code = said()
    merchant_name = said()
    first_on = said(fields.Date)
    last_on = said(fields.Date)
    state = said()
    totals = nested(Totals)
    sha256 = fields.Function(lambda one: one.sha256.hex(), required=True)
    sealed_at = said(Moment)
    previous_id = perhaps(fields.UUID)


Settlements = listing("Settlements", Settlement)


class SettlementsQuery(PageQuery):
    """Of one merchant."""

    merchant = Word(load_default=None)


class SettlementLine(Open):
    """One line of a settlement, in fen; `net_fen` with its sign."""

    line_no = said(fields.Integer)
    redemption_id = said(fields.UUID)
    merchant_ref = perhaps()
    store = said()
    terminal = said()
    type = said()
    business_date = said(fields.Date)
    gross_fen = said(fields.Integer)
    discount_fen = said(fields.Integer)
    union_fen = said(fields.Integer)
    net_fen = said(fields.Integer)


SettlementLines = listing("SettlementLines", SettlementLine)


class CarriedOver(Open):
    """A merchant with movements that got no settlement now, and why."""

    merchant_code = said()
    merchant_name = said()
    lines = said(fields.Integer)
    net_fen = said(fields.Integer)
    reason = said()


class Closed(Open):
    """What closing did; `already` were sealed with this day before."""

    day = said(fields.Date)
    sealed = several(Settlement)
    already = several(Settlement)
    carried = several(CarriedOver)


class Run(Open):
    """A reconciliation: `summary` has both totals and the groups of differences."""

    id = said(fields.UUID)
    merchant_code = said()
    merchant_name = said()
    first_on = said(fields.Date)
    last_on = said(fields.Date)
    differences = said(fields.Integer)
    superseded = said(fields.Boolean)
    result_sha256 = fields.Function(lambda one: one.result_sha256.hex(), required=True)
    summary = said(fields.Dict)
    created_at = said(Moment)
    set_aside_at = perhaps(Moment)
    set_aside_words = perhaps()


class SetAsideRequest(Strict):
    """Why a reconciliation should not count."""

    reason = Text(500, required=True)


Runs = whole("Runs", Run)


class DifferenceStep(Open):
    """What somebody found or decided about a difference."""

    id = said(fields.UUID)
    step = said()
    resolution = perhaps()
    at = said(Moment)
    actor_id = said(fields.UUID)
    words = said()


class StepRequest(Strict):
    """One step about a difference; a proposal names how it is settled. `proposal` is the step that is approved or returned."""

    step = one_of(ClearingStep, required=True)
    words = Text(200, load_default="")
    resolution = one_of(Resolution, load_default=None)
    proposal = Id(load_default=None)


class Difference(Open):
    """One difference, ours beside theirs, in fen."""

    id = said(fields.UUID)
    no = said(fields.Integer)
    code = said()
    group = said()
    state = said()
    ours = several(fields.Dict())
    theirs = several(fields.Dict())
    our_fen = said(fields.Integer)
    their_fen = said(fields.Integer)
    difference_fen = said(fields.Integer)
    explanation = said()
    clears_on = perhaps(fields.Date)
    opened_at = said(Moment)
    resolution = perhaps()
    evidence = perhaps()
    steps = several(DifferenceStep)


Differences = listing("Differences", Difference)


class DifferencesQuery(PageQuery):
    """Of one of the four groups."""

    group = one_of(DifferenceGroup, load_default=None)


class StatementQuery(Strict):
    """Whose record the file is, and of which days."""

    merchant = Word(required=True)
    first_on = Day(required=True)
    last_on = Day(required=True)
    filename = Text(200, load_default="statement.csv")
    confirm = fields.Boolean(load_default=False)
