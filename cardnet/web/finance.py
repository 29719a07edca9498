"""Pages of finance: close the day, settlements with their downloads, reconciliation side by side."""

import hashlib
import uuid
from datetime import date, timedelta
from typing import Any

from flask import Blueprint, Response, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from cardnet.access import services as access
from cardnet.access.rules import Principal, Role
from cardnet.benefits import services as benefits
from cardnet.finance import services
from cardnet.finance.closing import close_until
from cardnet.finance.rules import MOVER_OF, DifferenceGroup, ExceptionState, Mover
from cardnet.finance.services import ExceptionView, Reconcile, RunReconciliation, SetAside, Settle
from cardnet.kernel.calendar import day_of
from cardnet.kernel.db import transaction
from cardnet.kernel.errors import CardnetError
from cardnet.ledger import services as ledger
from cardnet.merchants import services as merchants
from cardnet.web import finance_words as words
from cardnet.web.auth import FINANCE, staff_page
from cardnet.web.csrf import takes_upload
from cardnet.web.formats import cn_day
from cardnet.web.forms import whole_id, wrong_of
from cardnet.web.language import gettext
from cardnet.web.paging import Page, asked_page, page_of
from cardnet.wiring import current_world

blueprint = Blueprint("finance", __name__, url_prefix="/finance")

READERS = (*FINANCE, Role.CHAIR, Role.DISTRICT_OFFICER)
MAKERS = (Role.FINANCE_MAKER,)

MAX_STATEMENT_BYTES = 20 << 20
_LINES = 50
_PATIENCE_SECONDS = 5
"""A page does not keep a person waiting longer for writers of the day; asking again goes on where it stopped."""


@blueprint.context_processor
def _words() -> dict[str, object]:
    return {"words": words, "explained": words.explained, "mover_of": _mover_of}


def _mover_of(one: ExceptionView) -> str:
    if one.state is ExceptionState.PROPOSED:
        return gettext("财务复核")
    return str(words.MOVERS[MOVER_OF.get(one.code, Mover.FINANCE).value])


@blueprint.get("")
@staff_page(*READERS)
def finance(principal: Principal) -> ResponseReturnValue:
    """Today's close, what is open, the newest settlements and reconciliations."""
    return _home(principal, {}, None)


@blueprint.post("/days/close")
@staff_page(*MAKERS)
def close_day(principal: Principal) -> ResponseReturnValue:
    """Close a day and seal the settlements that are due with it, or all."""
    day = _date(request.form.get("day", ""))
    if day is None:
        return _home(principal, {"day": gettext("请选择要日结的日期。")}, None), 422
    try:
        close_until(day, principal.account_id, _PATIENCE_SECONDS)
        with transaction() as session:
            everyone = request.form.get("scope") == "everyone"
            receipt = services.settle(session, current_world(), Settle(day, principal.account_id, everyone))
    except CardnetError as error:
        return _home(principal, wrong_of(error, {error.code: "day"}), day), error.status
    count = len(receipt.sealed)
    if count:
        flash(gettext("%(day)s 已日结，生成 %(n)s 张结算单。", day=cn_day(day), n=count), "good")
    else:
        flash(gettext("%(day)s 已日结，没有到期的结算单。", day=cn_day(day)), "good")
    for one in receipt.carried:
        reason = str(words.CARRIED[one.reason.value])
        flash(gettext("%(name)s 未结算：%(reason)s。", name=one.merchant_name, reason=reason), "calm")
    return redirect(url_for("finance.settlements" if count else "finance.finance"), 303)


@blueprint.get("/settlements")
@staff_page(*READERS)
def settlements(principal: Principal) -> ResponseReturnValue:
    """Every settlement, the newest first; of one merchant when the address names it."""
    code = request.args.get("merchant", "")
    with transaction() as session:
        partners = merchants.merchants(session)
        chosen = next((one for one in partners if one.code == code), None)
        views = services.settlements(session, chosen.id if chosen else None)
    page = page_of(views, 30)
    return render_template("finance/settlements.html", page=page, partners=partners, merchant=code, principal=principal)


@blueprint.get("/settlements/<settlement_id>")
@staff_page(*READERS)
def settlement(principal: Principal, settlement_id: str) -> ResponseReturnValue:
    """One settlement: totals, whether its signature holds, its lines."""
    number = asked_page()
    with transaction() as session:
        view = services.settlement(session, whole_id(settlement_id))
        lines = services.settlement_lines(session, view.id, _LINES, (number - 1) * _LINES)
        faults = services.seal_faults(session, current_world(), view.id)
        previous = services.settlement(session, view.previous_id) if view.previous_id else None
        given = benefits.given_of_lines(session, [line.redemption_id for line in lines])
        given_in_all = services.given_in_settlement(session, view.id)
        steps = services.settlement_steps(session, view.id)
        names = access.display_names(session, [step.actor_id for step in steps if step.actor_id])
    page = Page(lines, number, _LINES, view.totals.lines)
    return render_template(
        "finance/settlement.html",
        settlement=view,
        page=page,
        faults=faults,
        previous=previous,
        given=given,
        given_in_all=given_in_all,
        steps=[(step, names.get(step.actor_id, "") if step.actor_id else "") for step in steps],
        principal=principal,
    )


@blueprint.get("/settlements/<settlement_id>/statement.<kind>")
@staff_page(*READERS)
def statement(principal: Principal, settlement_id: str, kind: str) -> ResponseReturnValue:  # noqa: ARG001
    """The signed statement (`json`) or the same lines for a spreadsheet (`csv`)."""
    if kind not in _DOWNLOADS:
        return render_template(
            "error.html", status=404, code="not_found", message=gettext("没有这种格式。"), errors=[]
        ), 404
    render, media_type = _DOWNLOADS[kind]
    with transaction() as session:
        view = services.settlement(session, whole_id(settlement_id))
        content = render(session, view.id)
    answer = Response(content, content_type=media_type)
    answer.headers["Content-Disposition"] = f'attachment; filename="{view.number}.{kind}"'
    return answer


_DOWNLOADS = {
    "json": (services.settlement_json, "application/json"),
    "csv": (services.settlement_csv, "text/csv; charset=utf-8"),
}


@blueprint.get("/reconciliation")
@staff_page(*READERS)
def reconciliations(principal: Principal) -> ResponseReturnValue:
    """Every reconciliation that counts, the newest first; on demand those that do not as well."""
    everything = request.args.get("show") == "all"
    with transaction() as session:
        page = page_of(services.runs(session, limit=500, everything=everything), 30)
    return render_template("finance/reconciliations.html", page=page, everything=everything, principal=principal)


@blueprint.get("/reconciliation/new")
@staff_page(*MAKERS)
def new_reconciliation(principal: Principal) -> ResponseReturnValue:  # noqa: ARG001
    """The form that takes a merchant's file; last month is filled in."""
    last = day_of(current_world().now()).replace(day=1) - timedelta(days=1)
    given = {"merchant": request.args.get("merchant", ""), "first_on": last.replace(day=1).isoformat()}
    return _upload_form({}, {**given, "last_on": last.isoformat()})


@blueprint.post("/reconciliation")
@takes_upload(MAX_STATEMENT_BYTES)
@staff_page(*MAKERS)
def reconcile(principal: Principal) -> ResponseReturnValue:
    """Take the file in and compare it."""
    given = {name: request.form.get(name, "").strip() for name in ("merchant", "first_on", "last_on")}
    file = request.files.get("file")
    first_on, last_on = _date(given["first_on"]), _date(given["last_on"])
    wrong = {}
    if not given["merchant"]:
        wrong["merchant"] = gettext("请选择商户。")
    if first_on is None:
        wrong["first_on"] = gettext("请填写起始日期。")
    if last_on is None:
        wrong["last_on"] = gettext("请填写截止日期。")
    if file is None or not file.filename:
        wrong["file"] = gettext("请选择商户发来的文件。")
    if wrong or file is None or first_on is None or last_on is None:
        return _upload_form(wrong, given), 422
    content, filename = file.read(), file.filename or ""
    asked = _asked_token(given, content)
    try:
        with transaction() as session:
            merchant_id = merchants.merchant_of_code(session, given["merchant"]).id
            confirmed = request.form.get("confirmed") == asked
            command = Reconcile(merchant_id, content, filename, first_on, last_on, principal.account_id, confirmed)
            run, _ = services.reconcile(session, current_world(), command)
            replaced = services.runs_replaced(session, run.id)
    except CardnetError as error:
        if error.code == "file_doubtful":
            doubt = {"sentence": words.DOUBTS[error.detail["doubt"]] % error.detail, "token": asked, "file": filename}
            return _upload_form({}, given, doubt=doubt), error.status
        known = error.detail.get("run_id") if error.code == "file_already_imported" else None
        return _upload_form(wrong_of(error, _FIELDS.get(error.code, {error.code: "file"})), given, known), error.status
    if replaced:
        flash(gettext("这次结果取代了同一段日期原来的对账。传错了可以在本页作废，原来的就重新计入。"), "calm")
    return redirect(url_for("finance.reconciliation", run_id=run.id), 303)


def _asked_token(given: dict[str, str], content: bytes) -> str:
    """Names what was doubted, so that a tick confirms this file for this merchant and these days and nothing else."""
    asked = "|".join(given[name] for name in ("merchant", "first_on", "last_on"))
    return hashlib.sha256(asked.encode() + b"|" + content).hexdigest()


_FIELDS = {
    "merchant_unknown": {"merchant_unknown": "merchant"},
    "period_invalid": {"period_invalid": "first_on"},
    "period_overlaps": {"period_overlaps": "first_on"},
}


@blueprint.get("/reconciliation/<run_id>")
@staff_page(*READERS)
def reconciliation(principal: Principal, run_id: str) -> ResponseReturnValue:
    """One reconciliation: both totals, the four groups, each difference side by side."""
    return run_page(principal, run_id, {})


def run_page(principal: Principal, run_id: str, wrong: dict[str, str], at: uuid.UUID | None = None) -> str:
    """One reconciliation with what was wrong; `at`: in the form of this difference."""
    asked = request.args.get("group", "")
    group = DifferenceGroup(asked) if asked in {one.value for one in DifferenceGroup} else None
    number = asked_page()
    with transaction() as session:
        run = services.run_view(session, whole_id(run_id))
        found = services.exceptions_of_run(session, run.id, group, _LINES, (number - 1) * _LINES)
        replaced = services.runs_replaced(session, run.id)
        steps = services.steps_of_differences(session, [one.id for one in found])
        people = {one.actor_id for said in steps.values() for one in said}
        who = access.display_names(session, [*people, *([run.set_aside_by] if run.set_aside_by else [])])
    counted = {one["group"]: one["count"] for one in run.summary["groups"]}
    total = counted[group.value] if group else run.differences
    page = Page(found, number, _LINES, total)
    return render_template(
        "finance/reconciliation.html",
        run=run,
        page=page,
        group=asked,
        replaced=replaced,
        set_aside_by=who.get(run.set_aside_by, "") if run.set_aside_by else "",
        steps=steps,
        who=who,
        at=at,
        wrong=wrong,
        reason=request.form.get("reason", ""),
        principal=principal,
    )


@blueprint.post("/reconciliation/<run_id>/again")
@staff_page(*MAKERS)
def reconcile_again(principal: Principal, run_id: str) -> ResponseReturnValue:
    """Compare the same files once more, with our lines as they are now."""
    with transaction() as session:
        run = services.run_view(session, whole_id(run_id))
        files = tuple(file.id for file in run.files)
        command = RunReconciliation(run.merchant_id, files, run.first_on, run.last_on, principal.account_id)
        fresh, _ = services.run_reconciliation(session, current_world(), command)
    same = fresh.result_sha256 == run.result_sha256
    flash(gettext("已重新核对，结果与上次相同。") if same else gettext("已重新核对，结果有变化。"), "good")
    return redirect(url_for("finance.reconciliation", run_id=fresh.id), 303)


@blueprint.post("/reconciliation/<run_id>/set-aside")
@staff_page(*MAKERS)
def set_aside(principal: Principal, run_id: str) -> ResponseReturnValue:
    """Take a run back that should not count, with a reason."""
    command = SetAside(whole_id(run_id), request.form.get("reason", ""), principal.account_id)
    try:
        with transaction() as session:
            run, counted = services.set_aside(session, current_world(), command)
    except CardnetError as error:
        if error.code == "not_found":
            raise
        return run_page(principal, run_id, wrong_of(error, {error.code: "reason"})), error.status
    if counted:
        flash(gettext("已作废。原来的对账重新计入。"), "good")
        return redirect(url_for("finance.reconciliation", run_id=counted[-1].id), 303)
    flash(gettext("已作废，不再计入。同一个文件可以按正确的日期重新上传。"), "good")
    return redirect(url_for("finance.reconciliation", run_id=run.id), 303)


def _home(principal: Principal, wrong: dict[str, str], day: date | None) -> str:
    today = day_of(current_world().now())
    yesterday = today - timedelta(days=1)
    with transaction() as session:
        state = ledger.day_state(session, yesterday)
        open_days = ledger.days_not_closed(session, yesterday)
        views = services.settlements(session, limit=500)
        runs = services.runs(session, limit=5)
        waiting = services.open_exceptions(session)
        checks = services.proposals_waiting(session) if principal.has(Role.FINANCE_CHECKER) else {}
        proposals = [(services.run_view(session, run_id), count) for run_id, count in checks.items()]
    owed: dict[str, Any] = {
        "count": sum(1 for view in views if view.state not in ("paid", "filed")),
        "fen": sum(view.totals.net_fen for view in views if view.state not in ("paid", "filed")),
    }
    return render_template(
        "finance/home.html",
        principal=principal,
        wrong=wrong,
        yesterday=yesterday,
        chosen_day=day or yesterday,
        day_state=state,
        open_days=open_days,
        settlements=views[:5],
        owed=owed,
        runs=runs,
        waiting=waiting,
        proposals=proposals,
    )


def _upload_form(
    wrong: dict[str, str],
    given: dict[str, str],
    known_run: str | None = None,
    doubt: dict[str, str] | None = None,
) -> str:
    with transaction() as session:
        partners = merchants.merchants(session)
    return render_template(
        "finance/reconciliation_new.html",
        wrong=wrong,
        given=given,
        merchant_options=[("", gettext("请选择")), *((one.code, f"{one.code} {one.name}") for one in partners)],
        known_run=known_run,
        doubt=doubt,
        limit_mb=MAX_STATEMENT_BYTES >> 20,
    )


def _date(text: str) -> date | None:
    try:
        day = date.fromisoformat(text.strip())
    except ValueError:
        return None
    # A year of three digits or of the next century is a slip, and days around the calendar's ends cannot be counted.
    return day if 2000 <= day.year < 2100 else None
