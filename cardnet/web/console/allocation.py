"""Handing places down to many at once: choose how, look at every share and the sum, then do exactly that."""

from collections.abc import Mapping
from dataclasses import replace

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from cardnet.access.rules import Principal, Role
from cardnet.issuance import services as issuance
from cardnet.issuance.rules import AllocationBasis
from cardnet.kernel.db import transaction
from cardnet.kernel.errors import CardnetError, InvalidInput
from cardnet.membership import services as membership
from cardnet.web.auth import staff_page
from cardnet.web.console import blueprint
from cardnet.web.console.quota import asked_kind, asked_year, day_typed, may_plan
from cardnet.web.forms import whole_number, wrong_of
from cardnet.web.language import gettext
from cardnet.wiring import current_world

_PLANNERS = (Role.TOWNSHIP_OFFICER, Role.DISTRICT_OFFICER)
_FIELDS = {
    "count_invalid": "total", "quota_short": "total", "allocation_sum": "shares", "share_invalid": "shares",
    "quota_year_unknown": "total", "no_union_below": "from_code", "recall_date_past": "recall_after",
}  # fmt: skip


@blueprint.get("/quota/plan")
@staff_page(*_PLANNERS)
def allocation(principal: Principal) -> ResponseReturnValue:
    """The form; with a number in the address, the plan below it. Looking changes nothing."""
    return _page(principal, {}, request.args)


@blueprint.post("/quota/plan")
@staff_page(*_PLANNERS)
def do_allocation(principal: Principal) -> ResponseReturnValue:
    """Do what the page showed, share by share; `look` adds the typed shares up again without doing anything."""
    form = request.form
    if form.get("look"):
        return _page(principal, {}, form)
    try:
        command = _command(principal, form)
        with transaction() as session:
            plan = issuance.allocate_many(session, current_world(), command)
    except CardnetError as error:
        return _page(principal, wrong_of(error, _FIELDS), form), error.status
    given = sum(1 for share in plan.shares if share.count)
    flash(gettext("已向 %(n)d 个工会下达 %(count)d 个名额。", n=given, count=plan.total), "good")
    return redirect(url_for("console.quota", year=plan.year, kind=str(command.kind)), 303)


def _command(principal: Principal, asked: Mapping[str, str], own_code: str = "") -> issuance.AllocateMany:
    basis = asked.get("basis", "")
    shares = _shares(asked)
    return issuance.AllocateMany(
        asked_year(),
        asked.get("from_code", "").strip()[:64] or own_code,
        whole_number(asked.get("total", "")) or 0,
        AllocationBasis(basis) if basis in set(AllocationBasis) else AllocationBasis.MEMBERS,
        shares,
        day_typed(asked.get("recall_after", "")),
        principal,
        asked_kind(),
    )


def _shares(asked: Mapping[str, str]) -> dict[str, int]:
    """What was typed beside each union; an empty box is 0. Raises InvalidInput("share_invalid")."""
    shares: dict[str, int] = {}
    for name, typed in asked.items():
        if name.startswith("share-") and typed.strip():
            count = whole_number(typed)
            if count is None:
                raise InvalidInput("share_invalid", gettext("每个单位的名额须是 0 或正整数。"))
            shares[name.removeprefix("share-")] = count
    return shares


def _page(principal: Principal, wrong: dict[str, str], asked: Mapping[str, str]) -> str:
    plan, typed = None, {name: text for name, text in asked.items() if name.startswith("share-")}
    with transaction() as session:
        own = membership.union_of_id(session, principal.union_id)
        givers = [
            one
            for one in membership.open_unions_under(session, principal.scope_path)
            if one.tier != "unit" or one.id == own.id
        ]
        free = issuance.quota_line(session, asked_year(), asked_kind(), own).free
        if asked.get("basis") == AllocationBasis.HAND and not typed and asked.get("total"):
            plan = _blank(session, _command(principal, asked, own.code))
        elif asked.get("total"):
            try:
                plan = issuance.preview_allocation(session, _command(principal, asked, own.code))
            except CardnetError as error:
                wrong = wrong or wrong_of(error, _FIELDS)
                plan = (
                    _typed_plan(session, _command(principal, asked, own.code))
                    if error.code == "allocation_sum"
                    else None
                )
    return render_template(
        "console/allocation.html",
        own=own,
        year=asked_year(),
        kind=asked_kind(),
        givers=givers,
        free=free,
        plan=plan,
        typed=typed,
        asked=asked,
        wrong=wrong,
        may_plan=may_plan(principal),
    )


def _blank(session: Session, command: issuance.AllocateMany) -> issuance.AllocationPlan:
    """Every union with nothing yet, to be filled in."""
    plan = issuance.preview_allocation(session, replace(command, basis=AllocationBasis.MEMBERS, shares=None))
    return replace(
        plan, basis=AllocationBasis.HAND, total=0, shares=tuple(replace(one, count=0) for one in plan.shares)
    )


def _typed_plan(session: Session, command: issuance.AllocateMany) -> issuance.AllocationPlan | None:
    """Shares that do not add up, laid out to be mended: the same page with the sum that was typed."""
    typed = sum((command.shares or {}).values())
    if not typed:
        return None
    return issuance.preview_allocation(session, replace(command, total=typed, basis=AllocationBasis.HAND))
