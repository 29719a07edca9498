"""`/merchant`: where a merchant's manager and cashiers see their own shop, and nothing of any other.

Every view starts from `own`: the merchant of whoever is signed in. No address names a merchant.
"""

import io
import uuid
from collections import Counter
from datetime import date, timedelta
from typing import Any

from defusedcsv import csv as defused
from flask import Blueprint, Response, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from cardnet.access import services as access
from cardnet.access.rules import MERCHANT_ROLES, Principal, Role
from cardnet.benefits import services as benefits
from cardnet.benefits.words import RedemptionState
from cardnet.finance import services as finance
from cardnet.kernel.calendar import day_of, local
from cardnet.kernel.db import transaction
from cardnet.kernel.errors import CardnetError, InvalidInput
from cardnet.kernel.money import yuan
from cardnet.merchants import services as merchants
from cardnet.web import finance_words
from cardnet.web import merchant_words as words
from cardnet.web.auth import staff_page
from cardnet.web.console.merchants_accounts import ACCOUNT_FIELDS, asked_account, given_account
from cardnet.web.forms import wrong_of
from cardnet.web.language import gettext
from cardnet.web.offline import help_phone
from cardnet.web.paging import Page, asked_page, page_of
from cardnet.wiring import current_world

blueprint = Blueprint("merchant", __name__, url_prefix="/merchant")

MANAGER = (Role.MERCHANT_MANAGER,)
_SHOWN = 50
_LINES = 50
_MOST_EXPORTED = 20_000
_LONGEST_DAYS = 366
_BEFORE_ALL = date(2000, 1, 1)


@blueprint.context_processor
def _words() -> dict[str, object]:
    return {"merchant_words": words, "settlement_states": finance_words.SETTLEMENT_STATES, "help_phone": help_phone}


def own(session: Session, principal: Principal) -> merchants.MerchantView:
    """The merchant of whoever is signed in. Raises NotAllowed("merchant_missing")."""
    return merchants.merchant_of(session, principal)


@blueprint.get("")
@staff_page(*MERCHANT_ROLES)
def today(principal: Principal) -> ResponseReturnValue:
    """What was sold today, what members paid for it, what the union owes and what is held back."""
    day = day_of(current_world().now())
    with transaction() as session:
        shop = own(session, principal)
        facts = benefits.settlement_facts(session, shop.id, day, day)
        rows = benefits.redemptions_of_merchant(session, shop.id, limit=_SHOWN, day=day)
        refused = benefits.refusals_of_merchant(session, shop.id, day)
        held = finance.held_of_merchant(session, shop.id)
        numbers = benefits.references_of(session, [one.redemption_id for one in held])
        unsettled, since = _unsettled(session, shop.id, day)
    return render_template(
        "merchant/today.html",
        shop=shop,
        day=day,
        totals=_totals(facts),
        rows=rows,
        refused=refused,
        held=held,
        numbers=numbers,
        held_fen=sum(one.net_fen for one in held),
        unsettled=unsettled,
        since=since,
        manager=principal.has(*MANAGER),
    )


@blueprint.get("/redemptions")
@staff_page(*MERCHANT_ROLES)
def redemptions(principal: Principal) -> ResponseReturnValue:
    """Every redemption and refusal, by days, state and number."""
    asked, wanted, wrong = _asked()
    before = request.args.get("before", "")
    with transaction() as session:
        shop = own(session, principal)
        place = uuid.UUID(before) if _is_id(before) else None
        found = benefits.redemptions_of_merchant(session, shop.id, place, _SHOWN + 1, **wanted)
    rows = found[:_SHOWN]
    more = rows[-1].id if len(found) > _SHOWN else None
    return render_template(
        "merchant/redemptions.html", shop=shop, rows=rows, more=more, asked=asked, wrong=wrong,
        manager=principal.has(*MANAGER),
    ), 422 if wrong else 200  # fmt: skip


@blueprint.get("/redemptions.csv")
@staff_page(*MANAGER)
def redemptions_csv(principal: Principal) -> ResponseReturnValue:
    """The same as a file, in yuan, at most 20,000 lines. Days that make no sense give no file of all days."""
    _, wanted, wrong = _asked()
    if wrong:
        raise InvalidInput("days_invalid", wrong["first"])
    content = io.StringIO()
    file = defused.writer(content)
    file.writerow(
        [
            "核销编号",
            "商户单号",
            "业务日",
            "时间",
            "门店",
            "终端",
            "状态",
            "原价",
            "商户让利与补贴",
            "实收",
            "工会承担",
            "会员",
            "原因",
        ]
    )
    with transaction() as session:
        shop = own(session, principal)
        left, before = _MOST_EXPORTED, None
        while left > 0 and (
            rows := benefits.redemptions_of_merchant(session, shop.id, before, min(left, 1_000), **wanted)
        ):
            file.writerows(_csv_line(row) for row in rows)
            left, before = left - len(rows), rows[-1].id
    # Excel opens UTF-8 only with its mark.
    answer = Response(content.getvalue().encode("utf-8-sig"), content_type="text/csv; charset=utf-8")
    answer.headers.set("Content-Disposition", "attachment", filename=f"{shop.code}-redemptions.csv")
    answer.headers["Cache-Control"] = "no-store"
    return answer


@blueprint.get("/settlements")
@staff_page(*MANAGER)
def settlements(principal: Principal) -> ResponseReturnValue:
    """What the union owed and paid, the newest first."""
    with transaction() as session:
        shop = own(session, principal)
        views = finance.settlements(session, shop.id)
    return render_template("merchant/settlements.html", shop=shop, page=page_of(views, 24))


@blueprint.get("/settlements/<uuid:settlement_id>")
@staff_page(*MANAGER)
def settlement(principal: Principal, settlement_id: uuid.UUID) -> ResponseReturnValue:
    """One settlement, line by line; while it waits, the buttons that confirm it or say what is wrong."""
    return _settlement(principal, settlement_id, {})


@blueprint.post("/settlements/<uuid:settlement_id>/confirm")
@staff_page(*MANAGER)
def confirm_settlement(principal: Principal, settlement_id: uuid.UUID) -> ResponseReturnValue:
    """对账无误."""
    with transaction() as session:
        shop = own(session, principal)
        command = finance.ConfirmSettlement(settlement_id, shop.id, principal.account_id)
        finance.confirm_settlement(session, current_world(), command)
    flash(gettext("已确认对账无误，工会财务接着办理开票和付款。"), "good")
    return redirect(url_for("merchant.settlement", settlement_id=settlement_id), 303)


@blueprint.post("/settlements/<uuid:settlement_id>/dispute")
@staff_page(*MANAGER)
def dispute_settlement(principal: Principal, settlement_id: uuid.UUID) -> ResponseReturnValue:
    """What is wrong with it, for finance to look into."""
    try:
        with transaction() as session:
            shop = own(session, principal)
            words = request.form.get("words", "")
            command = finance.DisputeSettlement(settlement_id, shop.id, principal.account_id, words)
            finance.dispute_settlement(session, current_world(), command)
    except CardnetError as error:
        if error.code != "words_missing":
            raise
        return _settlement(principal, settlement_id, wrong_of(error)), error.status
    flash(gettext("异议已记下，工会财务会查明并与您联系；查清以前不会确认这张结算单。"), "good")
    return redirect(url_for("merchant.settlement", settlement_id=settlement_id), 303)


def _settlement(principal: Principal, settlement_id: uuid.UUID, wrong: dict[str, str]) -> str:
    number = asked_page()
    with transaction() as session:
        shop = own(session, principal)
        view = finance.settlement(session, settlement_id, shop.id)
        lines = finance.settlement_lines(session, view.id, _LINES, (number - 1) * _LINES)
        faults = finance.seal_faults(session, current_world(), view.id)
        payee = merchants.payee_of(session, shop.id, view.sealed_at)
        account = merchants.account(session, payee.id) if payee else None
        steps = finance.settlement_steps(session, view.id)
        names = access.display_names(session, [step.actor_id for step in steps if step.actor_id])
    return render_template(
        "merchant/settlement.html",
        shop=shop,
        settlement=view,
        page=Page(lines, number, _LINES, view.totals.lines),
        faults=faults,
        account=account,
        types=finance_words.TYPES,
        objections=[(step, names.get(step.actor_id, "")) for step in steps if step.words and step.actor_id],
        wrong=wrong,
        given=request.form.get("words", ""),
    )


@blueprint.get("/settlements/<uuid:settlement_id>/statement.<any(json, csv):kind>")
@staff_page(*MANAGER)
def statement(principal: Principal, settlement_id: uuid.UUID, kind: str) -> ResponseReturnValue:
    """The signed statement, or its lines for a spreadsheet."""
    with transaction() as session:
        shop = own(session, principal)
        view = finance.settlement(session, settlement_id, shop.id)
        render, media_type = _DOWNLOADS[kind]
        content = render(session, view.id)
    answer = Response(content, content_type=media_type)
    answer.headers["Content-Disposition"] = f'attachment; filename="{view.number}.{kind}"'
    answer.headers["Cache-Control"] = "no-store"
    return answer


_DOWNLOADS = {
    "json": (finance.settlement_json, "application/json"),
    "csv": (finance.settlement_csv, "text/csv; charset=utf-8"),
}


@blueprint.get("/profile")
@staff_page(*MANAGER)
def profile(principal: Principal) -> ResponseReturnValue:
    """What the union has on file of this merchant, and where it is paid."""
    return _profile(principal, {})


@blueprint.post("/profile/account")
@staff_page(*MANAGER)
def propose_account(principal: Principal) -> ResponseReturnValue:
    """Another account; the union's finance approves it."""
    try:
        with transaction() as session:
            shop = own(session, principal)
            merchants.propose_account(session, current_world(), asked_account(shop.id, principal))
    except CardnetError as error:
        return _profile(principal, wrong_of(error, ACCOUNT_FIELDS)), error.status
    flash(gettext("收款账户已提交，区总工会财务复核后生效；已经封存的结算单仍付到原来的账户。"), "good")
    return redirect(url_for("merchant.profile"), 303)


def _profile(principal: Principal, wrong: dict[str, str]) -> str:
    world = current_world()
    with transaction() as session:
        shop = own(session, principal)
        shown = {
            "agreements": merchants.agreements_of(session, world, shop.id),
            "stores": merchants.stores_of(session, shop.id),
            "contacts": merchants.contacts_of(session, shop.id),
            "accounts": merchants.accounts_of(session, shop.id),
        }
    return render_template("merchant/profile.html", shop=shop, given=given_account(), wrong=wrong, **shown)


def _unsettled(session: Session, merchant_id: uuid.UUID, day: date) -> tuple[int, date | None]:
    """What the union owes since the last settlement, and from which day on; held back or not."""
    last = finance.settlements(session, merchant_id, 1)
    first = last[0].last_on + timedelta(days=1) if last else _BEFORE_ALL
    owed, since = benefits.owed_of_merchant(session, merchant_id, first, day)
    return owed, first if last else since


def _totals(facts: list[benefits.SettlementFact]) -> dict[str, int]:
    """Of a day: sales, their full price, what members were charged, what the shop gave and what the union owes.

    Undone ones are taken off. Of a refund only the benefit is known, and its sale may be of another day: price and charge
    stand, what shop and union gave for it comes back.
    """
    count = Counter(fact.type for fact in facts)
    sales = [(1 if fact.type == "capture" else -1, fact) for fact in facts if fact.type != "refund"]
    gross = sum(sign * fact.gross_fen for sign, fact in sales)
    given = sum(fact.benefit_fen if fact.type == "capture" else -fact.benefit_fen for fact in facts)
    union = sum(fact.union_fen if fact.type == "capture" else -fact.union_fen for fact in facts)
    return {
        "sales": count["capture"],
        "undone": count["reversal"],
        "refunds": count["refund"],
        "gross_fen": gross,
        "paid_fen": gross - sum(sign * fact.benefit_fen for sign, fact in sales),
        "shop_fen": given - union,
        "union_fen": union,
    }


def _asked() -> tuple[dict[str, str], dict[str, Any], dict[str, str]]:
    """The filter as typed, as the service takes it, and what is wrong with it."""
    asked = {name: request.args.get(name, "").strip()[:64] for name in ("first", "last", "words", "state")}
    wrong: dict[str, str] = {}
    wanted: dict[str, Any] = {"words": asked["words"]}
    if asked["state"] in set(RedemptionState):
        wanted["state"] = RedemptionState(asked["state"])
    if asked["first"] or asked["last"]:
        try:
            last = date.fromisoformat(asked["last"]) if asked["last"] else day_of(current_world().now())
            first = date.fromisoformat(asked["first"]) if asked["first"] else last - timedelta(days=30)
            if not timedelta(0) <= last - first <= timedelta(days=_LONGEST_DAYS):
                raise ValueError
            wanted["days"] = (first, last)
        except (ValueError, OverflowError):
            wrong["first"] = gettext("请填写起止日期，起在前、止在后，最长一年。")
    return asked, wanted, wrong


def _is_id(text: str) -> bool:
    try:
        return bool(uuid.UUID(text))
    except ValueError:
        return False


def _csv_line(row: benefits.RedemptionRecord) -> list[str]:
    given = row.discount_fen + row.subsidy_fen
    return [
        str(row.id),
        row.merchant_ref or "",
        row.business_date.isoformat(),
        f"{local(row.event_at):%H:%M:%S}",
        row.store_code,
        row.terminal_code,
        str(words.OUTCOMES[row.outcome][1]),
        yuan(row.amount_fen),
        yuan(given),
        yuan(row.payable_fen),
        yuan(row.union_fen),
        row.member_display or "",
        "、".join(sorted({reason.code for reason in row.reasons})),
    ]


from cardnet.web import merchant_hooks, merchant_staff, merchant_terminals  # noqa: E402

__all__ = ["blueprint", "merchant_hooks", "merchant_staff", "merchant_terminals"]
