"""Partners of the union: the list, a new one, one merchant's file, its states."""

import re
import uuid

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from cardnet.access import services as access
from cardnet.access.rules import Principal, Role
from cardnet.finance import services as finance
from cardnet.kernel.db import transaction
from cardnet.kernel.errors import CardnetError, InvalidInput
from cardnet.merchants import services as merchants
from cardnet.merchants.rules import MerchantState, SettlementCycle
from cardnet.web import finance_words
from cardnet.web import merchant_words as words
from cardnet.web.auth import FINANCE, staff_page
from cardnet.web.console import blueprint
from cardnet.web.forms import wrong_of
from cardnet.web.language import gettext
from cardnet.web.paging import Page, asked_page
from cardnet.wiring import current_world

VIEWERS = (Role.DISTRICT_OFFICER, *FINANCE)
"""Who reads a merchant's file; who changes what is said at each act."""
_SHOWN = 30
_FIELDS = {
    "code_invalid": "code", "merchant_code_taken": "code", "name_invalid": "name", "credit_code_invalid": "credit_code",
    "merchant_blacklisted": "credit_code",
}  # fmt: skip
_MADE = re.compile(r"M(\d{1,9})")


@blueprint.context_processor
def _words() -> dict[str, object]:
    return {"merchant_words": words}


@blueprint.get("/merchants")
@staff_page(*VIEWERS)
def merchants_list(principal: Principal) -> ResponseReturnValue:
    """Every partner, by state; what waits for somebody on top."""
    asked = {name: request.args.get(name, "").strip()[:60] for name in ("words", "state", "township")}
    state = MerchantState(asked["state"]) if asked["state"] in set(MerchantState) else None
    query = merchants.MerchantQuery(asked["words"], state, asked["state"] == "ends_soon", asked["township"])
    number = asked_page()
    with transaction() as session:
        lines, total = merchants.merchant_lines(session, current_world(), query, _SHOWN, (number - 1) * _SHOWN)
        waiting = merchants.waiting_accounts(session)
        townships = [(one.code, one.name) for one in merchants.townships(session)]
        names = {one.merchant_id: merchants.merchant_of_id(session, one.merchant_id).name for one in waiting}
    return render_template(
        "console/merchants.html",
        page=Page(lines, number, _SHOWN, total),
        asked=asked,
        waiting=waiting,
        names=names,
        townships=townships,
        principal=principal,
    )


@blueprint.get("/merchants/new")
@staff_page(Role.DISTRICT_OFFICER)
def new_merchant(principal: Principal) -> ResponseReturnValue:  # noqa: ARG001 - the guard's
    """Who it is; everything else is asked on pages of its own."""
    with transaction() as session:
        numbers = [int(found[1]) for one in merchants.merchants(session) if (found := _MADE.fullmatch(one.code))]
    return _identity(None, {"code": f"M{max(numbers, default=1000) + 1}", "cycle": SettlementCycle.MONTHLY}, {})


@blueprint.post("/merchants/new")
@staff_page(Role.DISTRICT_OFFICER)
def make_merchant(principal: Principal) -> ResponseReturnValue:
    """A draft is made; its file says what comes next."""
    given = _given()
    try:
        with transaction() as session:
            command = merchants.MakeMerchant(
                given["code"], given["name"], _category(given), given["credit_code"] or None, _cycle(given),
                actor_id=principal.account_id, state=MerchantState.DRAFT,
            )  # fmt: skip
            made = merchants.make_merchant(session, current_world(), command)
    except CardnetError as error:
        return _identity(None, given, wrong_of(error, _FIELDS)), error.status
    return redirect(url_for("console.merchant_agreement", merchant_id=made.id), 303)


@blueprint.get("/merchants/<uuid:merchant_id>")
@staff_page(*VIEWERS)
def merchant(principal: Principal, merchant_id: uuid.UUID) -> ResponseReturnValue:
    """The file of a merchant."""
    return _file(principal, merchant_id, {})


@blueprint.get("/merchants/<uuid:merchant_id>/change")
@staff_page(Role.DISTRICT_OFFICER)
def merchant_change(principal: Principal, merchant_id: uuid.UUID) -> ResponseReturnValue:  # noqa: ARG001
    """Name, category, credit code and cycle."""
    with transaction() as session:
        one = merchants.merchant_of_id(session, merchant_id)
    given = {"code": one.code, "name": one.name, "category": one.category, "cycle": one.settlement_cycle}
    return _identity(one, given | {"credit_code": one.credit_code or ""}, {})


@blueprint.post("/merchants/<uuid:merchant_id>/change")
@staff_page(Role.DISTRICT_OFFICER)
def change_merchant(principal: Principal, merchant_id: uuid.UUID) -> ResponseReturnValue:
    """Keep them."""
    given = _given()
    try:
        with transaction() as session:
            one = merchants.merchant_of_id(session, merchant_id)
            command = merchants.ChangeMerchant(
                one.id, given["name"], _category(given), given["credit_code"] or None, _cycle(given),
                principal.account_id,
            )  # fmt: skip
            merchants.change_merchant(session, current_world(), command)
    except CardnetError as error:
        with transaction() as session:
            one = merchants.merchant_of_id(session, merchant_id)
        return _identity(one, given | {"code": one.code}, wrong_of(error, _FIELDS)), error.status
    flash(gettext("商户资料已保存。"), "good")
    return redirect(url_for("console.merchant", merchant_id=merchant_id), 303)


@blueprint.post("/merchants/<uuid:merchant_id>/state")
@staff_page(Role.DISTRICT_OFFICER)
def set_merchant_state(principal: Principal, merchant_id: uuid.UUID) -> ResponseReturnValue:
    """Activate, suspend, resume or end; terminals heed it within a minute."""
    wanted = request.form.get("state", "")
    try:
        if wanted not in set(MerchantState):
            raise InvalidInput("state_invalid", gettext("请从商户页面选择要办理的事项。"))
        with transaction() as session:
            before = merchants.merchant_of_id(session, merchant_id)
            # Opening a shop needs no reason of its own: the agreement is the reason.
            opening = before.state is MerchantState.DRAFT and wanted == MerchantState.ACTIVE
            reason = gettext("资料齐全，启用。") if opening else request.form.get("reason", "")
            command = merchants.SetMerchantState(merchant_id, MerchantState(wanted), reason, principal.account_id)
            merchants.set_merchant_state(session, current_world(), command)
    except CardnetError as error:
        return _file(principal, merchant_id, wrong_of(error, {"reason_missing": f"reason-{wanted}"})), error.status
    said = {
        MerchantState.ACTIVE: gettext("商户已启用，终端一分钟内可以核销。"),
        MerchantState.SUSPENDED: gettext("商户已暂停，全部终端一分钟内停止核销。"),
        MerchantState.ENDED: gettext("合作已终止，全部终端一分钟内停止核销；未结的款照常结算。"),
    }
    flash(said[MerchantState(wanted)], "good")
    return redirect(url_for("console.merchant", merchant_id=merchant_id), 303)


@blueprint.post("/merchants/<uuid:merchant_id>/signatures")
@staff_page(Role.DISTRICT_OFFICER)
def require_signatures(principal: Principal, merchant_id: uuid.UUID) -> ResponseReturnValue:
    """Whether the merchant's terminals must sign each request; they heed it within a minute."""
    required = request.form.get("signatures") == "required"
    with transaction() as session:
        one = merchants.merchant_of_id(session, merchant_id)
        command = merchants.RequireSignature(one.id, required, principal.account_id)
        merchants.require_signature(session, current_world(), command)
    if required:
        flash(gettext("%(name)s的终端一分钟内起，每个请求都必须签名。", name=one.name), "good")
    else:
        flash(gettext("%(name)s的终端可以只用令牌。", name=one.name), "good")
    return redirect(url_for("console.merchant", merchant_id=merchant_id), 303)


def _given() -> dict[str, str]:
    return {name: request.form.get(name, "").strip() for name in ("code", "name", "category", "credit_code", "cycle")}


def _category(given: dict[str, str]) -> str:
    if not given["category"]:
        raise InvalidInput("name_invalid", gettext("请选择商户类别。"))
    return given["category"][:80]


def _cycle(given: dict[str, str]) -> SettlementCycle:
    return SettlementCycle(given["cycle"]) if given["cycle"] in set(SettlementCycle) else SettlementCycle.MONTHLY


def _identity(one: merchants.MerchantView | None, given: dict[str, str], wrong: dict[str, str]) -> str:
    return render_template("console/merchant_identity.html", one=one, given=given, wrong=wrong)


def _file(principal: Principal, merchant_id: uuid.UUID, wrong: dict[str, str]) -> str:
    world = current_world()
    with transaction() as session:
        one = merchants.merchant_of_id(session, merchant_id)
        accounts = merchants.accounts_of(session, merchant_id)
        terminals, _ = merchants.fleet(session, world, merchants.FleetQuery(merchant_id), 200, 0)
        staff = merchants.staff_of(session, merchant_id, principal)
        acts = access.trail(session, access.TrailQuery(principal.scope_path, subject_id=str(merchant_id)), 12)
        people = [who for line in accounts for who in (line.proposed_by, line.decided_by) if who]
        shown = {
            "missing": merchants.missing_for(session, world, merchant_id) if one.state is MerchantState.DRAFT else (),
            "agreements": merchants.agreements_of(session, world, merchant_id),
            "stores": merchants.stores_of(session, merchant_id),
            "has_townships": bool(merchants.townships(session)),
            "contacts": merchants.contacts_of(session, merchant_id),
            "settlements": finance.settlements(session, merchant_id, 3),
            "names": access.display_names(session, people),
        }
    return render_template(
        "console/merchant.html",
        one=one,
        accounts=accounts,
        terminals=terminals,
        staff=staff,
        acts=acts,
        may_change=principal.has(Role.DISTRICT_OFFICER) and one.state is not MerchantState.ENDED,
        may_pay=principal.has(Role.DISTRICT_OFFICER, Role.FINANCE_MAKER),
        may_decide=principal.has(Role.FINANCE_CHECKER, Role.FINANCE_APPROVER),
        me=principal.account_id,
        settlement_states=finance_words.SETTLEMENT_STATES,
        reason=request.form.get("reason", ""),
        wrong=wrong,
        **shown,
    )
