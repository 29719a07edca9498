"""What a till may give while nobody can be asked, and how long codes live. One of finance proposes, another approves."""

import uuid
from decimal import Decimal

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from cardnet.access import services as access
from cardnet.access.rules import Principal, Role
from cardnet.credential import store
from cardnet.kernel.db import transaction
from cardnet.kernel.errors import CardnetError, FieldError, InvalidInput
from cardnet.kernel.money import yuan
from cardnet.merchants import services as merchants
from cardnet.web.auth import staff_page
from cardnet.web.finance import MAKERS, READERS, blueprint
from cardnet.web.forms import whole_number, wrong_of
from cardnet.web.language import gettext
from cardnet.wiring import current_world

DECIDERS = (Role.FINANCE_MAKER, Role.FINANCE_CHECKER, Role.FINANCE_APPROVER)
"""The maker may take back what they proposed; who proposed never approves."""
_MONEY = ("floor_fen", "given_fen", "printed_floor_fen")
_ALONE = ("card_uses", "uses", "sync_hours", "printed_card_uses")
_CODES = (
    "rotation_seconds", "online_past_seconds", "online_ahead_seconds", "offline_past_seconds", "offline_ahead_seconds",
    "challenge_seconds", "as_printed_seconds", "device_days", "printed_months", "rush_uses", "rush_minutes", "travel_seconds",
)  # fmt: skip
"""What a form may leave away: then it stays as it is."""
_COUNTS = (*_ALONE, *_CODES)
_FIELDS = {"document_missing": "document", "limits_invalid": "floor_fen"}


@blueprint.get("/offline-limits")
@staff_page(*READERS)
def offline_limits(principal: Principal) -> ResponseReturnValue:
    """The limits of today, what waits, what was decided before."""
    return _page(principal, {})


@blueprint.post("/offline-limits")
@staff_page(*MAKERS)
def propose_limits(principal: Principal) -> ResponseReturnValue:
    """Propose others."""
    try:
        with transaction() as session:
            limits = _limits(store.limits_in_force(session))
            command = store.ProposeLimits(limits, request.form.get("document", ""), principal.account_id)
            store.propose_limits(session, current_world(), command)
    except CardnetError as error:
        return _page(principal, wrong_of(error, _FIELDS)), error.status
    flash(gettext("离线限额已提出，另一位财务人员通过后生效。"), "good")
    return redirect(url_for("finance.offline_limits"), 303)


@blueprint.post("/offline-limits/<uuid:limits_id>")
@staff_page(*DECIDERS)
def decide_limits(principal: Principal, limits_id: uuid.UUID) -> ResponseReturnValue:
    """Yes, no, or taken back."""
    approve = request.form.get("answer") == "approve"
    try:
        with transaction() as session:
            # Who prepares limits takes back their own, and decides nothing else.
            if not principal.has(Role.FINANCE_CHECKER, Role.FINANCE_APPROVER):
                own = [one.id for one in store.limits_history(session) if one.proposed_by == principal.account_id]
                approve = approve and limits_id not in own
                if limits_id not in own:
                    raise InvalidInput("sod_violation", gettext("请由财务复核或审批人员办理。"))
            command = store.DecideLimits(limits_id, approve, request.form.get("words", ""), principal.account_id)
            done = store.decide_limits(session, current_world(), command)
    except CardnetError as error:
        if error.status == 404:
            raise
        return _page(principal, wrong_of(error, {"reason_missing": "words"})), error.status
    said = {
        "approved": gettext("离线限额已通过，在线的终端一小时内取到。"),
        "rejected": gettext("离线限额不予通过，原来的继续有效。"),
        "withdrawn": gettext("已撤回。"),
    }
    flash(said[done.state], "good")
    return redirect(url_for("finance.offline_limits"), 303)


def _limits(now: store.OfflineLimits) -> store.OfflineLimits:
    """The limits of the form, what it leaves away as it is `now`; amounts in yuan. Raises InvalidInput with every field that is no number."""
    given: dict[str, int] = {}
    wrong = {}
    for name in _MONEY:
        given[name] = -1
        try:
            fen = Decimal(request.form.get(name, "").strip().replace(",", "") or "x") * 100
            if fen.is_finite() and fen == fen.to_integral_value() and 0 <= fen < 10**9:
                given[name] = int(fen)
        except ArithmeticError:  # no number, or one beyond all bounds
            pass
        if given[name] < 0:
            wrong[name] = gettext("请填写金额，单位元，例如 50 或 12.50。")
    for name in _COUNTS:
        left = str(getattr(now, name)) if name in _CODES else ""
        number = whole_number(request.form.get(name, left))
        given[name] = -1 if number is None else number
        if number is None:
            wrong[name] = gettext("请填写整数。")
    if wrong:
        errors = [FieldError(f"/{name}", sentence) for name, sentence in wrong.items()]
        raise InvalidInput("limits_invalid", gettext("离线限额有不能用的数字，请按提示改正。"), errors)
    return store.OfflineLimits(**given)


def _page(principal: Principal, wrong: dict[str, str]) -> str:
    world = current_world()
    with transaction() as session:
        current = store.limits_in_force(session)
        history = store.limits_history(session)
        people = [who for one in history for who in (one.proposed_by, one.decided_by) if who]
        names = access.display_names(session, people)
        changes, online = store.unsigned_changes(session, world.now()), store.are_online(session)
        terminals = merchants.fleet(session, world, merchants.FleetQuery(standing="working"), 0, 0)[1]
    shown = {name: yuan(getattr(current, name)) for name in _MONEY}
    shown |= {name: str(getattr(current, name)) for name in _COUNTS}
    if request.method == "POST" and "floor_fen" in request.form:
        shown = {name: request.form.get(name, shown[name] if name in _CODES else "") for name in shown}
    waiting = next((one for one in history if one.state == "proposed"), None)
    return render_template(
        "finance/offline_limits.html",
        current=current,
        history=history,
        waiting=waiting,
        names=names,
        # What one card can draw twice in a day, at the worst: every till of the union offline at once.
        exposure_fen=current.floor_fen * current.card_uses * terminals,
        terminals=terminals,
        unsigned=changes.limits and not online,
        given=shown | {"document": request.form.get("document", ""), "words": request.form.get("words", "")},
        codes_wrong=any(name in wrong for name in _CODES),
        may_propose=principal.has(*MAKERS),
        may_decide=principal.has(Role.FINANCE_CHECKER, Role.FINANCE_APPROVER),
        me=principal.account_id,
        wrong=wrong,
        principal=principal,
    )
