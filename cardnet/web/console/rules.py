"""执行标准: the versions of what each program gives, who drafted and who approved them, and what may be done now."""

import uuid
from collections.abc import Iterable, Iterator, Mapping
from datetime import date
from typing import Any

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from cardnet.access.rules import Principal
from cardnet.benefits import services as benefits
from cardnet.kernel.calendar import day_of
from cardnet.kernel.db import transaction
from cardnet.kernel.errors import CardnetError, FieldError, InvalidInput, NotFound
from cardnet.ledger import services as ledger
from cardnet.membership import services as membership
from cardnet.merchants import services as merchants
from cardnet.web import rule_words
from cardnet.web.auth import staff_page
from cardnet.web.console import blueprint
from cardnet.web.console.quota import day_typed
from cardnet.web.forms import wrong_of
from cardnet.web.language import gettext
from cardnet.wiring import current_world

READERS = tuple(dict.fromkeys((*benefits.DECISION_READERS, *benefits.RULE_AUTHORS, *benefits.RULE_APPROVERS)))
_DECIDERS = tuple(dict.fromkeys((*benefits.RULE_AUTHORS, *benefits.RULE_APPROVERS)))


@blueprint.get("/rules")
@staff_page(*READERS)
def rules(principal: Principal) -> ResponseReturnValue:
    """Every program within the reader's scope with its versions; those that wait for a decision come first."""
    return _page(principal, {})


@blueprint.post("/rules/<uuid:version_id>/<any(submit, approve, send_back, retire):act>")
@staff_page(*_DECIDERS)
def decide_rule(principal: Principal, version_id: uuid.UUID, act: str) -> ResponseReturnValue:
    """Hand in, approve, give back with a reason, or end from a day on."""
    try:
        with transaction() as session:
            said = _ACTS[act](session, principal, version_id)
    except CardnetError as error:
        if isinstance(error, NotFound):
            raise
        fields = {"words_missing": f"words-{version_id}", "rule_period": f"on-{version_id}"}
        return _page(principal, wrong_of(error, fields)), error.status
    flash(said, "good")
    return redirect(url_for("console.rules") + f"#rule-{version_id}", 303)


def _submit(session: Session, officer: Principal, version_id: uuid.UUID) -> str:
    done = benefits.submit_rule(session, current_world(), benefits.SubmitRule(version_id, officer))
    return gettext("%(program)s 第 %(no)s 版已送审，请另一位负责人审批。", program=done.program, no=done.no)


def _approve(session: Session, officer: Principal, version_id: uuid.UUID) -> str:
    done = benefits.approve_rule(session, current_world(), benefits.ApproveRule(version_id, officer))
    return gettext(
        "%(program)s 第 %(no)s 版已批准，%(day)s起执行。",
        program=done.program, no=done.no, day=done.effective_from.isoformat(),
    )  # fmt: skip


def _send_back(session: Session, officer: Principal, version_id: uuid.UUID) -> str:
    words = request.form.get("words", "").strip()[:200]
    if not words:
        raise InvalidInput("words_missing", gettext("请写明为什么退回，起草人会看到。"))
    done = benefits.return_rule(session, current_world(), benefits.ReturnRule(version_id, officer, words))
    return gettext("%(program)s 第 %(no)s 版已退回起草人。", program=done.program, no=done.no)


def _retire(session: Session, officer: Principal, version_id: uuid.UUID) -> str:
    on: date | None = day_typed(request.form.get("on", ""))
    if on is None:
        raise InvalidInput(
            "rule_period", "", [FieldError(f"/on-{version_id}", gettext("请填写从哪天起不再执行。"))]
        )  # fmt: skip
    done = benefits.retire_rule(session, current_world(), benefits.RetireRule(version_id, officer, on))
    return gettext(
        "%(program)s 第 %(no)s 版从 %(day)s 起不再执行。", program=done.program, no=done.no, day=on.isoformat()
    )


_ACTS = {"submit": _submit, "approve": _approve, "send_back": _send_back, "retire": _retire}


def _page(principal: Principal, wrong: dict[str, str]) -> str:
    with transaction() as session:
        found = benefits.rules_within(session, principal)
        names = _names(session, found)
    return render_template(
        "console/rules.html",
        found=found,
        told=lambda rule, program: rule_words.told(rule.body, program.kind, names),
        waiting=sum(1 for one in found for sheet in one.versions if sheet.may_decide),
        wrong=wrong,
        given={name: request.form.get(name, "") for name in ("words", "on")},
        today=day_of(current_world().now()),
    )


def _names(session: Session, found: Iterable[benefits.ProgramRules]) -> dict[str, str]:
    """What the codes in these documents are called: merchants, unions, other programs, pools."""
    bodies = [sheet.rule.body for one in found for sheet in one.versions]
    names = {one.code: one.name for one in merchants.merchants(session)} | {
        one.code: one.name for one in benefits.programs(session)
    }
    unions = {code for body in bodies for code in _codes_of_unions(body["when"])}
    pools = {limit["pool"] for body in bodies for limit in body.get("limits", ()) if "pool" in limit}
    names |= {code: node.name for code, node in membership.unions_of_codes(session, unions).items()}
    return names | {code: pool.name for code, pool in ledger.pools_of_codes(session, pools).items()}


def _codes_of_unions(node: Mapping[str, Any]) -> Iterator[str]:
    inner = node.get("of", ())
    for part in [inner] if isinstance(inner, Mapping) else inner:
        yield from _codes_of_unions(part)
    if node["op"] == "org_under":
        yield from node["codes"]
