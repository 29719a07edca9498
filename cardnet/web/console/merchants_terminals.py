"""Terminals: those of one merchant with pairing, suspension and plaques; those of all with their last sync."""

import uuid
from datetime import timedelta

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from cardnet.access.rules import Principal, Role
from cardnet.credential.store import trust_pack
from cardnet.kernel.db import transaction
from cardnet.kernel.errors import CardnetError
from cardnet.merchants import services as merchants
from cardnet.web import merchant_fleet as acts
from cardnet.web.auth import staff_page
from cardnet.web.console import blueprint
from cardnet.web.console.merchants import VIEWERS
from cardnet.web.forms import wrong_of
from cardnet.web.paging import Page, asked_page
from cardnet.wiring import current_world

_SHOWN = 50


@blueprint.get("/merchants/terminals")
@staff_page(*VIEWERS)
def all_terminals(principal: Principal) -> ResponseReturnValue:  # noqa: ARG001 - the guard's
    """Every terminal of every merchant; those that have not synchronised for too long stand out."""
    world, number = current_world(), asked_page()
    asked = {name: request.args.get(name, "").strip()[:60] for name in ("words", "standing")}
    with transaction() as session:
        stale = world.now() - timedelta(seconds=trust_pack(session, world.now()).policy.offline_sync)
        query = merchants.FleetQuery(None, asked["words"], asked["standing"], stale)
        lines, total = merchants.fleet(session, world, query, _SHOWN, (number - 1) * _SHOWN)
        counts = {
            standing: merchants.fleet(session, world, merchants.FleetQuery(None, "", standing, stale), 0, 0)[1]
            for standing in merchants.STANDINGS
        }
    return render_template(
        "console/merchant_terminals_all.html",
        page=Page(lines, number, _SHOWN, total),
        asked=asked,
        counts=counts,
        stale=stale,
    )


@blueprint.get("/merchants/<uuid:merchant_id>/terminals")
@staff_page(*VIEWERS)
def merchant_terminals(principal: Principal, merchant_id: uuid.UUID) -> ResponseReturnValue:
    """The terminals of one merchant, and the form for a new one."""
    return _page(principal, merchant_id, {})


@blueprint.post("/merchants/<uuid:merchant_id>/terminals")
@staff_page(Role.DISTRICT_OFFICER)
def add_terminal(principal: Principal, merchant_id: uuid.UUID) -> ResponseReturnValue:
    """A new terminal, with its pairing code at once."""
    try:
        with transaction() as session:
            terminal_id = acts.add(session, principal, merchant_id)
            line = merchants.terminal_line(session, current_world(), terminal_id, merchant_id)
            command = merchants.MakePairingCode(terminal_id, principal.account_id)
            code = merchants.make_pairing_code(session, current_world(), command)
    except CardnetError as error:
        return _page(principal, merchant_id, wrong_of(error, acts.TERMINAL_FIELDS)), error.status
    return acts.pairing_page(line, code, _back(merchant_id))


@blueprint.post("/merchants/<uuid:merchant_id>/terminals/<uuid:terminal_id>/<act>")
@staff_page(Role.DISTRICT_OFFICER)
def act_on_terminal(
    principal: Principal, merchant_id: uuid.UUID, terminal_id: uuid.UUID, act: str
) -> ResponseReturnValue:
    """Pair, suspend, resume, retire or revoke."""
    try:
        with transaction() as session:
            line = merchants.terminal_line(session, current_world(), terminal_id, merchant_id)
            if act == "pair":
                command = merchants.MakePairingCode(terminal_id, principal.account_id)
                code = merchants.make_pairing_code(session, current_world(), command)
            else:
                said = acts.act(session, principal, line, act)
    except CardnetError as error:
        fields = {**acts.TERMINAL_FIELDS, "reason_missing": f"reason-{terminal_id}"}
        return _page(principal, merchant_id, wrong_of(error, fields)), error.status
    if act == "pair":
        return acts.pairing_page(line, code, _back(merchant_id))
    flash(said, "good")
    return redirect(url_for("console.merchant_terminals", merchant_id=merchant_id), 303)


@blueprint.get("/merchants/<uuid:merchant_id>/plaque.pdf")
@staff_page(*VIEWERS)
def merchant_plaque(principal: Principal, merchant_id: uuid.UUID) -> ResponseReturnValue:  # noqa: ARG001
    """The plaque for members: of one store when the address names it."""
    code = request.args.get("store", "")
    with transaction() as session:
        one = merchants.merchant_of_id(session, merchant_id)
        store = next((store for store in merchants.stores_of(session, merchant_id) if store.code == code), None)
    return acts.member_plaque(one, store, request.args.get("size", ""))


def _back(merchant_id: uuid.UUID) -> acts.Back:
    return acts.Back("console.merchant_terminals", {"merchant_id": merchant_id})


def _page(principal: Principal, merchant_id: uuid.UUID, wrong: dict[str, str]) -> str:
    world = current_world()
    with transaction() as session:
        one = merchants.merchant_of_id(session, merchant_id)
        lines, _ = merchants.fleet(session, world, merchants.FleetQuery(merchant_id), 500, 0)
        stores = merchants.stores_of(session, merchant_id)
        stale = world.now() - timedelta(seconds=trust_pack(session, world.now()).policy.offline_sync)
    return render_template(
        "console/merchant_terminals.html",
        one=one,
        lines=lines,
        stores=stores,
        stale=stale,
        may_change=principal.has(Role.DISTRICT_OFFICER),
        given={name: request.form.get(name, "") for name in ("store", "code", "name")},
        wrong=wrong,
    )
