"""Wire formats of rule versions and the numbers they name."""

from marshmallow import fields, validate

from cardnet.benefits.words import RuleState
from cardnet.http.wire import Day, Moment, Open, Strict, Text, Whole, Word
from cardnet.kernel.money import MAX_FEN
from cardnet.web.api.schemas.common import PageQuery, listing, perhaps, said


class Rule(Open):
    """One version of a program's rule. `effective_to` is the first day on which it counts no more; null: it goes on.

    `content_hash` is the SHA-256 of the document's RFC 8785 form; every redemption names it.
    """

    id = said(fields.UUID)
    program = said()
    no = said(fields.Integer)
    status = said()
    effective_from = said(fields.Date)
    effective_to = perhaps(fields.Date)
    body = said(fields.Dict)
    content_hash = said()
    author = said()
    drafted_at = said(Moment)
    submitted_at = perhaps(Moment)
    approver = said()
    approved_at = perhaps(Moment)
    may_submit = said(fields.Boolean)
    may_decide = said(fields.Boolean)
    may_retire = said(fields.Boolean)


Rules = listing("Rules", Rule)


class RulesQuery(PageQuery):
    """Of one program, or in one state."""

    program = Word(load_default=None)
    status = Text(
        16,
        validate=validate.OneOf([str(one) for one in RuleState], error=f"应为 {'、'.join(RuleState)} 之一。"),
        load_default=None,
    )


class DraftRequest(Strict):
    """The document and its days; without `effective_to` it goes on until another follows."""

    body = fields.Dict(required=True, error_messages={"required": "缺少这个字段。", "null": "不能为 null。", "invalid": "应为 JSON 对象。"})  # fmt: skip
    effective_from = Day(required=True)
    effective_to = Day(load_default=None)


class ReturnRuleRequest(Strict):
    """Why it goes back; its author reads it."""

    words = Text(200, required=True)


class RetireRuleRequest(Strict):
    """The first day on which it counts no more, not before today."""

    on = Day(required=True)


class ParameterRequest(Strict):
    """What a rule's `{"param": code}` is from a day on, and the document that says so."""

    code = Word(required=True)
    value = Whole(0, MAX_FEN, required=True)
    effective_from = Day(required=True)
    doc_ref = Text(100, required=True)
