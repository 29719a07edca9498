"""Asking for more places: what was asked, on which decision, and what became of it; asking, deciding, the original."""

import uuid

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from cardnet.access.rules import Principal, Role
from cardnet.benefits import services as benefits
from cardnet.issuance import services as issuance
from cardnet.kernel.calendar import day_of
from cardnet.kernel.db import transaction
from cardnet.kernel.errors import CardnetError, InvalidInput, NotFound
from cardnet.membership import services as membership
from cardnet.membership.rules import Tier
from cardnet.web.auth import OFFICERS, staff_page
from cardnet.web.console import blueprint
from cardnet.web.console.originals import UPLOAD_BYTES, WRONG_ORIGINAL, authority_typed, original_sent
from cardnet.web.console.quota import asked_kind, asked_year, may_plan
from cardnet.web.csrf import takes_upload
from cardnet.web.forms import whole_id, whole_number, wrong_of
from cardnet.web.language import gettext
from cardnet.wiring import current_world

_READERS = (*OFFICERS, Role.CHAIR, Role.AUDITOR)
_FIELDS = {
    "count_invalid": "count", "reason_missing": "reason", "authority_missing": "document",
    **WRONG_ORIGINAL,
}  # fmt: skip


@blueprint.get("/quota/raises")
@staff_page(*_READERS)
def raises(principal: Principal) -> ResponseReturnValue:
    """Requests inside the reader's scope, open ones first."""
    return _page(principal, {})


@blueprint.post("/quota/raises")
@takes_upload(UPLOAD_BYTES)
@staff_page(*OFFICERS)
def ask_for_more(principal: Principal) -> ResponseReturnValue:
    """Ask the union above; the district states its decision."""
    form = request.form
    try:
        with transaction() as session:
            own = membership.union_of_id(session, principal.union_id)
            command = issuance.AskForMore(
                asked_year(),
                own.code,
                whole_number(form.get("count", "")) or 0,
                form.get("reason", ""),
                principal,
                authority_typed() if own.tier is Tier.DISTRICT else None,
                asked_kind(),
            )
            issuance.ask_for_more(session, current_world(), command)
    except CardnetError as error:
        return _page(principal, wrong_of(error, _FIELDS)), error.status
    flash(gettext("追加申请已提交，等待审批。"), "good")
    return redirect(url_for("console.raises", year=asked_year()), 303)


@blueprint.post("/quota/raises/<uuid:raise_id>/<act>")
@staff_page(*OFFICERS, Role.CHAIR)
def decide_raise(principal: Principal, raise_id: uuid.UUID, act: str) -> ResponseReturnValue:
    """Approve, refuse or withdraw; the service decides whether this reader may."""
    acts = {
        "approve": (issuance.approve_raise, gettext("已同意追加，名额已下达。")),
        "refuse": (issuance.refuse_raise, gettext("已答复不同意。")),
        "withdraw": (issuance.withdraw_raise, gettext("已撤回申请。")),
    }
    if act not in acts:
        raise InvalidInput("act_unknown", gettext("请从名额页面选择要办理的事项。"))
    verb, said = acts[act]
    try:
        with transaction() as session:
            verb(session, current_world(), issuance.DecideRaise(raise_id, principal, request.form.get("words", "")))
    except CardnetError as error:
        return _page(principal, wrong_of(error, {"words_missing": f"words-{raise_id}"})), error.status
    flash(said, "good")
    return redirect(url_for("console.raises", year=asked_year()), 303)


@blueprint.get("/quota/authority/<authority_id>")
@staff_page(*OFFICERS, *benefits.DECISION_READERS)
def authority_original(principal: Principal, authority_id: str) -> ResponseReturnValue:
    """The attached document of a decision, to be saved."""
    wanted = whole_id(authority_id)
    with transaction() as session:
        if not benefits.may_see_authority(session, principal, wanted):
            raise NotFound("authority_unknown", gettext("没有这份决策依据。"))
        original = issuance.original_of(session, wanted)
    return original_sent(original)


def _page(principal: Principal, wrong: dict[str, str]) -> str:
    year = asked_year()
    with transaction() as session:
        own = membership.union_of_id(session, principal.union_id)
        found = issuance.raises(session, principal, year, asked_kind())
    return render_template(
        "console/raises.html",
        own=own,
        year=year,
        kind=asked_kind(),
        today=day_of(current_world().now()),
        raises=found,
        form=request.form,
        wrong=wrong,
        may_ask=principal.has(*OFFICERS),
        may_plan=may_plan(principal),
    )
