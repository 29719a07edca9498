"""Wire formats of what a unit does: replacement and renewal, its own approval, self-filling."""

from marshmallow import fields, validate

from cardnet.http.wire import Day, Id, Moment, Open, Strict, Text, Word
from cardnet.issuance.rules import ReplacementReason
from cardnet.issuance.rules.unit_approval import ApprovalKind
from cardnet.web.api.schemas.common import UnionName, maybe, nested, one_of, perhaps, said, several, texts, unit, whole
from cardnet.web.api.schemas.review import Finding


class ReplacementRequest(Strict):
    """Why the card is to be replaced: `lost` (it stops at once) or `damaged` (it works until the new one is made)."""

    why = one_of(ReplacementReason, required=True)
    words = Text(150, load_default="", shortest=0)


class RenewalRequest(Strict):
    """Cards that end within 90 days or have ended: these, or all of the unit (of the whole scope without one)."""

    numbers = texts(13, load_default=None)
    unit = unit(load_default=None)


class Applied(Open):
    """The batch of the new applications, and how many they are."""

    batch_id = said(fields.UUID)
    rows = said(fields.Integer)


class ResubmitRequest(Strict):
    """The answer to what was asked."""

    words = Text(200, required=True)


class Round(Open):
    """Which submission it is now."""

    round = said(fields.Integer)


class UnitApproval(Open):
    """What a unit with one officer was asked for: a link for the chair, or a summary to be stamped."""

    id = said(fields.UUID)
    number = said()
    kind = said()
    union = nested(UnionName)
    signer = said()
    rows = said(fields.Integer)
    made_by = said()
    made_at = said(Moment)
    expires_at = said(Moment)
    state = said()
    decided_at = perhaps(Moment)
    words = said()
    file_type = perhaps()
    ended_by = said()


class WithdrawApprovalRequest(Strict):
    """Why it is taken back."""

    words = Text(300, required=True)


UnitApprovals = whole("UnitApprovals", UnitApproval)


class AskApprovalRequest(Strict):
    """By link or by stamped summary, and who signs; `unit` where the batch has several."""

    kind = one_of(ApprovalKind, required=True)
    signer = Text(50, required=True)
    unit = unit(load_default=None)


class AskedApproval(Open):
    """Its number; with a link the token, shown this once: `/confirm/{token}`."""

    approval_id = said(fields.UUID)
    number = said()
    token = perhaps()


class StampedQuery(Strict):
    """The number and the check code that are printed on the sheet."""

    number = Word(required=True)
    code = Text(40, required=True)


class UnitApproved(Open):
    """How many rows were approved, and before whom they stand next."""

    rows = said(fields.Integer)
    state = said()
    next_path = perhaps()


class Poster(Open):
    """The unit's poster: its link is `/fill/{token}`."""

    id = said(fields.UUID)
    token = said()
    union = nested(UnionName)
    most = said(fields.Integer)
    opened_at = said(Moment)
    closes_at = said(Moment)


class Entry(Open):
    """What a member typed under the poster, and what the check says of it; numbers are masked."""

    id = said(fields.UUID)
    name = said()
    id_number = said()
    phone = said()
    times = said(fields.Integer)
    filled_at = said(Moment)
    status = said()
    findings = several(Finding)


class SelfFill(Open):
    """The poster that hangs, null when none does, and the entries that wait."""

    poster = maybe(Poster)
    entries = several(Entry)


class PosterRequest(Strict):
    """Until when it hangs."""

    last_day = Day(required=True)


class EntriesRequest(Strict):
    """Which entries."""

    entries = fields.List(Id(), required=True, validate=validate.Length(1, 5_000, error="请列出 1 到 5000 条。"))


class Taken(Open):
    """The batch they are in now; who waits for a place is counted apart."""

    batch_id = said(fields.UUID)
    submitted = said(fields.Integer)
    waitlisted = said(fields.Integer)
    invalid = said(fields.Integer)
