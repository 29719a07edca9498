"""Versions of what programs give: drafted by one officer and decided by another, as on the page; dated parameters."""

import uuid
from collections.abc import Callable
from typing import Any

from cardnet.benefits import services as benefits
from cardnet.benefits.words import RuleState
from cardnet.http.calls import Call
from cardnet.web.api.edge import Asked, serves
from cardnet.web.api.schemas import rules as wire
from cardnet.web.api.schemas.common import Empty, NoBody
from cardnet.web.console.rules import READERS

_ID = {"id": "uuid"}
_DOCUMENT = {
    "schema": "cardnet.rule/1",
    "when": {"op": "all", "of": [{"op": "card_state_in", "values": ["active"]}]},
    "calc": {"op": "percent_off", "bp": 1000},
    "limits": [],
    "stack": {"lane": 10},
    "funding": [{"from": "merchant", "bp": 10_000}],
}


@serves(Call("GET", "/rules", "Versions of rules, the newest first", {200: wire.Rules}, query=wire.RulesQuery,
             roles=READERS, tag="programs",
             notes="Of programs of your union and those below it. `may_*` say what you may do with each now; nobody "
             "approves a version of their own."))  # fmt: skip
def list_rules(asked: Asked) -> dict[str, Any]:
    """GET /rules."""
    query = asked.query
    found = benefits.rule_sheets(
        asked.session, asked.officer, query["limit"] + 1, after=asked.place_of_id(), program=query["program"],
        status=RuleState(query["status"]) if query["status"] else None,
    )  # fmt: skip
    return asked.by_key([_shown(one) for one in found], lambda one: str(one["id"]))


@serves(Call("GET", "/rules/{id}", "One version with its document", {200: wire.Rule}, parameters=_ID, roles=READERS,
             tag="programs"))  # fmt: skip
def show_rule(asked: Asked, id: uuid.UUID) -> dict[str, Any]:  # noqa: A002 - the contract's own name
    """GET /rules/{id}."""
    return _sheet(asked, id)


@serves(Call("POST", "/programs/{code}/rules", "Draft the next version of a program's rule", {201: wire.Rule},
             body=wire.DraftRequest, parameters={"code": "string"}, roles=benefits.RULE_AUTHORS, tag="programs",
             takes_key=True,
             notes="`body` is a document of `/schemas/rule/1`; each of its faults is pointed at.",
             example={"body": _DOCUMENT, "effective_from": "2027-01-01"}))  # fmt: skip
def draft_rule(asked: Asked, code: str) -> dict[str, Any]:
    """POST /programs/{code}/rules."""
    body = asked.body
    command = benefits.DraftRule(
        code, body["body"], body["effective_from"], asked.officer, body["effective_to"]
    )  # fmt: skip
    return _sheet(asked, benefits.draft_rule(asked.session, asked.world, command).id)


def _decides(
    act: str, summary: str, roles: tuple[str, ...], does: Callable[[Asked, uuid.UUID], object], **more: Any
) -> Callable[..., Any]:
    def decide(asked: Asked, id: uuid.UUID) -> dict[str, Any]:  # noqa: A002
        does(asked, id)
        return _sheet(asked, id)

    decide.__name__ = f"{act}_rule"
    given: dict[str, Any] = {"body": NoBody, "example": {}} | more
    call = Call("POST", f"/rules/{{id}}/{act}", summary, {200: wire.Rule}, parameters=_ID, roles=roles,
                tag="programs", takes_key=True, **given)  # fmt: skip
    return serves(call)(decide)


submit_rule = _decides(
    "submit", "Hand a draft in", benefits.RULE_AUTHORS,
    lambda asked, version_id: benefits.submit_rule(asked.session, asked.world, benefits.SubmitRule(version_id, asked.officer)),
)  # fmt: skip
approve_rule = _decides(
    "approve", "Approve what somebody else drafted", benefits.RULE_APPROVERS,
    lambda asked, version_id: benefits.approve_rule(asked.session, asked.world, benefits.ApproveRule(version_id, asked.officer)),
    notes="It counts from its day on; tills offline hear of it with their next appendix.",
)  # fmt: skip
return_rule = _decides(
    "return", "Give it back to its author, with words why", benefits.RULE_APPROVERS,
    lambda asked, version_id: benefits.return_rule(
        asked.session, asked.world, benefits.ReturnRule(version_id, asked.officer, asked.body["words"])
    ),
    body=wire.ReturnRuleRequest, example={"words": "限额与文件不一致"},
)  # fmt: skip
retire_rule = _decides(
    "retire", "End an approved version from a day on", benefits.RULE_APPROVERS,
    lambda asked, version_id: benefits.retire_rule(
        asked.session, asked.world, benefits.RetireRule(version_id, asked.officer, asked.body["on"])
    ),
    body=wire.RetireRuleRequest, example={"on": "2027-01-01"},
)  # fmt: skip


@serves(Call("POST", "/rule-parameters", "A number that rules name, from a day on", {201: Empty},
             body=wire.ParameterRequest, roles=benefits.RULE_APPROVERS, tag="programs", takes_key=True,
             example={"code": "health_check_fen", "value": 12_000, "effective_from": "2027-01-01",
                      "doc_ref": "云工〔2026〕8号"}))  # fmt: skip
def set_parameter(asked: Asked) -> dict[str, Any]:
    """POST /rule-parameters."""
    command = benefits.SetParameter(**asked.body, officer=asked.officer)
    benefits.set_parameter(asked.session, asked.world, command)
    return {}


def _sheet(asked: Asked, version_id: uuid.UUID) -> dict[str, Any]:
    return _shown(benefits.rule_sheet(asked.session, asked.officer, version_id))


def _shown(sheet: benefits.RuleSheet) -> dict[str, Any]:
    rule = sheet.rule
    return {
        "id": rule.id, "program": rule.program, "no": rule.no, "status": rule.status, "effective_from": rule.effective_from,
        "effective_to": rule.effective_to, "body": rule.body, "content_hash": rule.content_hash, "author": sheet.author,
        "drafted_at": sheet.drafted_at, "submitted_at": sheet.submitted_at, "approver": sheet.approver,
        "approved_at": sheet.approved_at, "may_submit": sheet.may_submit, "may_decide": sheet.may_decide and not sheet.own,
        "may_retire": sheet.may_retire,
    }  # fmt: skip
