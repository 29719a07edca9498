"""Wire formats of members: the register, a person's file, transfers, confirmation, duplicates, notices."""

from marshmallow import fields, validate

from cardnet.http.wire import Day, Flag, Id, Moment, Open, Strict, Text, Whole, Word
from cardnet.issuance.rules.answers import MemberAnswer
from cardnet.kernel import masking
from cardnet.membership.member_rules import Confirmed, Ending, Relation
from cardnet.membership.rules import (
    MOST_TRANSFER_DAYS,
    Answer,
    ConsentMethod,
    IdType,
    MembershipKind,
    Purpose,
    TagKind,
)
from cardnet.membership.services.notices import LISTS, Reached
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
    unit,
    whole,
)
from cardnet.web.api.schemas.review import Finding


class AnswerCounts(Open):
    """Members by answer: `members = has_card + in_progress + declined + no_answer`."""

    members = said(fields.Integer)
    has_card = said(fields.Integer)
    in_progress = said(fields.Integer)
    declined = said(fields.Integer)
    no_answer = said(fields.Integer)
    to_submit = said(fields.Integer)
    external = said(fields.Integer)
    activated = said(fields.Integer)


class UnionAnswers(Open):
    """A union with its own figures, and those of all below it with it."""

    union = nested(UnionName)
    own = nested(AnswerCounts)
    total = nested(AnswerCounts)


RegisterCounts = whole("RegisterCounts", UnionAnswers)


class RegisterLine(Open):
    """One member of your unit with the answer. `to_submit`: said yes, in no application yet."""

    person = nested(Person)
    answer = said()
    to_submit = said(fields.Boolean)
    card_number = perhaps()
    card_state = perhaps()
    external = said(fields.Boolean)


RegisterLines = listing("RegisterLines", RegisterLine)


class RegisterQuery(PageQuery):
    """Members with one answer."""

    answer = one_of(MemberAnswer, load_default=None)


class RegisterFileQuery(Strict):
    """Whose register the file is (yours without a unit), and its name."""

    unit = unit(load_default=None)
    filename = Text(200, load_default="register")


class RowFinding(Finding):
    """What is wrong with one cell of one row."""

    row = said(fields.Integer)


class RegisterImported(Open):
    """How many were new, known, and are members elsewhere; rows that are wrong are told and left out."""

    added = said(fields.Integer)
    known = said(fields.Integer)
    elsewhere = said(fields.Integer)
    invalid = said(fields.Integer)
    findings = several(RowFinding)


class FindMembersRequest(Strict):
    """A full name, document number or phone; it stands in the body, so that no log holds it."""

    asked = Text(60, required=True)


People = whole("People", Person)


class Membership(Open):
    """One standing in one union, from when to when (included)."""

    union = nested(UnionName)
    kind = said()
    from_on = fields.Date(attribute="from_", required=True)
    to_on = fields.Date(attribute="to", required=True, allow_none=True)
    ended_as = perhaps()
    member_since = said(fields.Date)


class Tag(Open):
    """劳模, 困难, 一线, 特殊岗位, with the document it rests on. `original` is the media type of the scan kept here, or empty."""

    id = said(fields.UUID)
    kind = said()
    grade = said()
    from_on = fields.Date(attribute="from_", required=True)
    to_on = fields.Date(attribute="to", required=True, allow_none=True)
    document = said()
    document_sha256 = said()
    original = said()


class Kin(Open):
    """Somebody of the family; the phone is masked."""

    id = said(fields.UUID)
    relation = said()
    name = said()
    phone = fields.Function(lambda one: masking.phone_for_office(one.phone) if one.phone else "", required=True)
    ended_at = perhaps(Moment)


class Consent(Open):
    """One answer of the person to one purpose."""

    id = said(fields.UUID)
    purpose = said()
    answer = said()
    method = said()
    answered_on = said(fields.Date)
    evidence = said()
    withdrawn_at = perhaps(Moment)
    superseded_at = perhaps(Moment)


class HeldCard(Open):
    """A card of the person."""

    id = said(fields.UUID)
    number = said()
    state = said()
    valid_from = said(fields.Date)
    valid_to = said(fields.Date)


class HeldApplication(Open):
    """An application of the person."""

    id = said(fields.UUID)
    kind = said()
    state = said()
    union = nested(UnionName)
    batch_id = perhaps(fields.UUID)
    row = perhaps(fields.Integer)
    submitted_at = said(Moment)


class MemberFile(Open):
    """The file of a person. That it was opened, and by whom, is recorded."""

    person = nested(Person)
    phone_verified_at = perhaps(Moment)
    merged_into_id = perhaps(fields.UUID)
    memberships = several(Membership)
    cards = several(HeldCard)
    applications = several(HeldApplication)
    tags = several(Tag)
    kin = several(Kin)
    consents = several(Consent)


class StandingRequest(Strict):
    """Another standing in the same union: 在册, 保留会籍, 退休."""

    kind = one_of(MembershipKind, required=True)
    on = Day(load_default=None)
    words = Text(200, load_default="", shortest=0)


class EndRequest(Strict):
    """The membership ends: 离职, 退会, 身故; with a death every card."""

    ending = Text(
        20,
        required=True,
        validate=validate.OneOf([str(Ending.LEFT), str(Ending.WITHDRAWN), str(Ending.DECEASED)], error="应为 left、withdrawn 或 deceased。"),
    )  # fmt: skip
    on = Day(load_default=None)
    words = Text(200, load_default="", shortest=0)


class Ended(Open):
    """How many cards stopped; only a death stops them."""

    cards_stopped = said(fields.Integer)


class TransferTerm(Open):
    """The working days an old unit has to answer a transfer. `set_at` is null while nobody decided and it is five."""

    working_days = said(fields.Integer)
    reason = said()
    set_by = said()
    set_at = perhaps(Moment)


class TransferTermRequest(Strict):
    """So many working days for transfers proposed from now on, and why."""

    working_days = Whole(1, MOST_TRANSFER_DAYS, required=True)
    reason = Text(200, required=True)


class TransferRequest(Strict):
    """To another unit, with the card; the old unit has the working days of `GET /transfer-term` to answer."""

    to_unit = Word(required=True)
    on = Day(load_default=None)
    words = Text(200, load_default="", shortest=0)


class Transferred(Open):
    """`done`: the member is in the new unit; else the old one is asked."""

    done = said(fields.Boolean)


class PhoneRequest(Strict):
    """A new number; `verified` says that the officer saw the phone ring."""

    phone = Text(40, required=True)
    verified = Flag(load_default=False)


def scan_hash() -> Text:
    """SHA-256 of a scanned document that stays with whoever sends it."""
    return Text(
        64, load_default=None, validate=validate.Regexp(r"[0-9a-f]{64}\Z", error="应为 64 位小写十六进制。"),
        metadata={"description": "SHA-256 of the scan, in hex; the scan itself stays with you."},
    )  # fmt: skip


class TagRequest(Strict):
    """A standing that benefits may ask for, with the document it rests on."""

    kind = one_of(TagKind, required=True)
    grade = Text(40, load_default="", shortest=0)
    document = Text(120, required=True)
    from_on = Day(load_default=None)
    to_on = Day(load_default=None)
    sha256 = scan_hash()


class DocumentRequest(Strict):
    """The right type and number, seen on the document itself; `evidence` says what was seen and where it is kept."""

    id_type = one_of(IdType, required=True)
    id_number = Text(40, required=True)
    evidence = Text(120, required=True)
    sha256 = scan_hash()


class TieRequest(Strict):
    """A city's or bank's card the member holds already: its number, whose it is, its last day."""

    number = Text(40, required=True)
    issuer = Text(60, required=True)
    valid_to = Day(load_default=None)


class KinRequest(Strict):
    """Somebody of the family."""

    relation = one_of(Relation, required=True)
    name = Text(60, required=True)
    phone = Text(40, load_default="", shortest=0)


class ConsentRequest(Strict):
    """What the person answered, how, and where the proof is."""

    purpose = one_of(Purpose, required=True)
    answer = one_of(Answer, required=True)
    method = one_of(ConsentMethod, required=True)
    evidence = Text(120, load_default="", shortest=0)
    on = Day(load_default=None)


class WithdrawConsentRequest(Strict):
    """The consent to one purpose is withdrawn."""

    purpose = one_of(Purpose, required=True)


class Transfer(Open):
    """A member on the way from one unit to another; unanswered by `due_at`, it happens by itself."""

    id = said(fields.UUID)
    person = nested(PersonName)
    from_union = nested(UnionName)
    to_union = nested(UnionName)
    state = said()
    origin = said()
    proposed_at = said(Moment)
    due_at = said(Moment)
    decided_at = perhaps(Moment)
    words = said()
    effective_on = perhaps(fields.Date)


Transfers = whole("Transfers", Transfer)


class AskTransferRequest(Strict):
    """Ask for a member of another unit: name and document must both fit."""

    name = Text(60, required=True)
    id_number = Text(60, required=True)
    unit = unit(load_default=None)
    on = Day(load_default=None)
    words = Text(200, load_default="", shortest=0)


class AnswerTransferRequest(Strict):
    """A few words; an objection needs them."""

    words = Text(200, load_default="", shortest=0)


class Suspected(Open):
    """Two files that may be one person's, and what they share."""

    first = nested(Person)
    second = nested(Person)
    reasons = several(fields.String())


Duplicates = whole("Duplicates", Suspected)


class MergeRequest(Strict):
    """`other` goes into `keep`; or the two are told to be different people."""

    keep = Id(required=True)
    other = Id(required=True)
    words = Text(200, load_default="", shortest=0)


class ConfirmationLine(Open):
    """One member with the year's answer, null while there is none."""

    person = nested(Person)
    kind = perhaps()
    answer = perhaps()
    effective_on = perhaps(fields.Date)
    answered_at = perhaps(Moment)


Confirmation = listing("Confirmation", ConfirmationLine)


class ConfirmationCount(Open):
    """How many of a union's members are still to be confirmed this year."""

    union = nested(UnionName)
    total = said(fields.Integer)
    waiting = said(fields.Integer)


ConfirmationCounts = whole("ConfirmationCounts", ConfirmationCount)


class ConfirmRequest(Strict):
    """One answer for these people: 在册, 离职, 退休, 身故; without `people` 在册 for all that are left."""

    people = ids(load_default=None)
    answer = one_of(Confirmed, load_default=Confirmed.STAYS.value)
    on = Day(load_default=None)


class MonthQuery(Strict):
    """Of which month, `2026-11`; this one without it."""

    month = Text(
        7, load_default=None, validate=validate.Regexp(r"^20\d\d-(0[1-9]|1[0-2])\Z", error="应为月份，如 2026-11。")
    )


class Move(Open):
    """Somebody who joined or left, when and how; `person` only inside the own unit."""

    person = maybe(PersonName)
    union = nested(UnionName)
    on = said(fields.Date)
    how = said()
    other = maybe(UnionName)


class Moves(Open):
    """Joiners and leavers of a month."""

    month = said()
    joiners = several(Move)
    leavers = several(Move)


class Notice(Open):
    """One notice to one member: by which way, in what state, and why it failed."""

    id = fields.UUID(attribute="notice_id", required=True)
    kind = said()
    person = nested(PersonName)
    way = said()
    state = said()
    reason = perhaps()
    error = perhaps()
    created_at = said(Moment)
    next_try_at = perhaps(Moment)
    sent_at = perhaps(Moment)
    printed_at = perhaps(Moment)
    handed_out_at = perhaps(Moment)


Notices = listing("Notices", Notice)


class ReachLine(Open):
    """Members of one union by how they hear of things: each is exactly one of the five, the last three on paper only."""

    union = nested(UnionName)
    members = said(fields.Integer)
    official_account = said(fields.Integer)
    sms = said(fields.Integer)
    no_consent = said(fields.Integer)
    phone_unverified = said(fields.Integer)
    no_phone = said(fields.Integer)


Reach = whole("Reach", ReachLine)


class ReachedPerson(Open):
    """A member of your unit and how they hear of things."""

    id = fields.UUID(attribute="person_id", required=True)
    name = said()
    reached = said()


ReachedPeople = listing("ReachedPeople", ReachedPerson)


class ReachQuery(PageQuery):
    """Of one way: official_account, sms, no_consent, phone_unverified, no_phone."""

    way = one_of(Reached, load_default=None)


class NoticesQuery(PageQuery):
    """Of one unit, one list."""

    unit = unit(load_default=None)
    show = Text(20, load_default="all", validate=validate.OneOf(list(LISTS), error=f"应为 {'、'.join(LISTS)} 之一。"))


class SlipsRequest(Strict):
    """The slips of a unit that were not printed yet, or all again."""

    unit = unit(load_default=None)
    again = Flag(load_default=False)


class HandOutSlipsRequest(Strict):
    """These slips were given to their people; without `notices` all of the unit."""

    unit = unit(load_default=None)
    notices = ids(load_default=None)


class ConfirmPhonesRequest(Strict):
    """The officer checked these people's phone numbers with them."""

    people = ids(required=True)


class UnionPhoneRequest(Strict):
    """The number members of your union may ask at; empty takes it away."""

    phone = Text(40, required=True, shortest=0)
