"""Where a merchant's money goes: one person proposes the account, another of finance approves it."""

import uuid

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from cardnet.access.rules import Principal, Role
from cardnet.kernel.db import transaction
from cardnet.kernel.errors import CardnetError, NotFound
from cardnet.merchants import services as merchants
from cardnet.web.auth import staff_page
from cardnet.web.console import blueprint
from cardnet.web.forms import wrong_of
from cardnet.web.language import gettext
from cardnet.wiring import current_world

PROPOSERS = (Role.DISTRICT_OFFICER, Role.FINANCE_MAKER)
DECIDERS = (Role.FINANCE_CHECKER, Role.FINANCE_APPROVER)
ACCOUNT_FIELDS = {
    "account_number_invalid": "number", "branch_code_invalid": "branch_code", "name_invalid": "holder",
    "evidence_missing": "evidence",
}  # fmt: skip
_NAMES = ("holder", "number", "bank", "branch_code", "evidence")


@blueprint.get("/merchants/<uuid:merchant_id>/account")
@staff_page(*PROPOSERS)
def merchant_account(principal: Principal, merchant_id: uuid.UUID) -> ResponseReturnValue:  # noqa: ARG001
    """Where the merchant wants to be paid."""
    return _form(merchant_id, {})


@blueprint.post("/merchants/<uuid:merchant_id>/account")
@staff_page(*PROPOSERS)
def propose_account(principal: Principal, merchant_id: uuid.UUID) -> ResponseReturnValue:
    """Keep it until somebody else has compared it."""
    try:
        with transaction() as session:
            merchants.propose_account(session, current_world(), asked_account(merchant_id, principal))
    except CardnetError as error:
        return _form(merchant_id, wrong_of(error, ACCOUNT_FIELDS)), error.status
    flash(gettext("收款账户已填报，财务复核后生效。"), "good")
    return redirect(url_for("console.merchant", merchant_id=merchant_id), 303)


@blueprint.post("/merchants/<uuid:merchant_id>/account/<uuid:account_id>/decide")
@staff_page(*DECIDERS)
def decide_account(principal: Principal, merchant_id: uuid.UUID, account_id: uuid.UUID) -> ResponseReturnValue:
    """Yes or no, in words."""
    approve = request.form.get("answer") == "approve"
    try:
        with transaction() as session:
            _own(merchants.account(session, account_id), merchant_id)
            command = merchants.DecideAccount(account_id, approve, request.form.get("words", ""), principal.account_id)
            merchants.decide_account(session, current_world(), command)
    except CardnetError as error:
        if error.status == 404:
            raise
        flash(error.message, "bad")
        return redirect(url_for("console.merchant", merchant_id=merchant_id), 303)
    flash(
        gettext("收款账户已通过，从下一张封存的结算单起使用。")
        if approve
        else gettext("收款账户不予通过，原账户不变。"),
        "good",
    )
    return redirect(url_for("console.merchant", merchant_id=merchant_id), 303)


@blueprint.post("/merchants/<uuid:merchant_id>/account/<uuid:account_id>/withdraw")
@staff_page(*PROPOSERS)
def withdraw_account(principal: Principal, merchant_id: uuid.UUID, account_id: uuid.UUID) -> ResponseReturnValue:
    """Who proposed it takes it back."""
    with transaction() as session:
        _own(merchants.account(session, account_id), merchant_id)
        merchants.withdraw_account(
            session, current_world(), merchants.WithdrawAccount(account_id, principal.account_id)
        )
    flash(gettext("填报的收款账户已撤回。"), "good")
    return redirect(url_for("console.merchant", merchant_id=merchant_id), 303)


def asked_account(merchant_id: uuid.UUID, principal: Principal) -> merchants.ProposeAccount:
    """The account of the form."""
    given = {name: request.form.get(name, "") for name in _NAMES}
    return merchants.ProposeAccount(merchant_id, actor_id=principal.account_id, **given)


def given_account() -> dict[str, str]:
    """What was typed, for a form that is shown again."""
    return {name: request.form.get(name, "") for name in _NAMES}


def _own(account: merchants.AccountView, merchant_id: uuid.UUID) -> None:
    if account.merchant_id != merchant_id:
        raise NotFound("account_unknown", gettext("没有这个收款账户，请返回商户页面重新选择。"))


def _form(merchant_id: uuid.UUID, wrong: dict[str, str]) -> str:
    with transaction() as session:
        one = merchants.merchant_of_id(session, merchant_id)
    return render_template("console/merchant_account.html", one=one, given=given_account(), wrong=wrong)
