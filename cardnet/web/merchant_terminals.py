"""A merchant's own terminals: set up, pair, change the token, suspend, revoke."""

import uuid
from collections.abc import Mapping
from datetime import timedelta
from types import MappingProxyType

from flask import Response, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from cardnet.access.rules import Principal
from cardnet.credential.store import certificates_of, trust_pack
from cardnet.kernel.db import transaction
from cardnet.kernel.errors import CardnetError, NotFound
from cardnet.merchants import services as merchants
from cardnet.web import merchant_fleet as acts
from cardnet.web.auth import staff_page
from cardnet.web.forms import wrong_of
from cardnet.web.language import gettext
from cardnet.web.merchant import MANAGER, blueprint, own
from cardnet.wiring import current_world


@blueprint.get("/terminals")
@staff_page(*MANAGER)
def terminals(principal: Principal) -> ResponseReturnValue:
    """All of them, and the form for a new one."""
    return _page(principal, {})


@blueprint.post("/terminals")
@staff_page(*MANAGER)
def add_terminal(principal: Principal) -> ResponseReturnValue:
    """A new terminal with its pairing code."""
    try:
        with transaction() as session:
            shop = own(session, principal)
            terminal_id = acts.add(session, principal, shop.id)
            line = merchants.terminal_line(session, current_world(), terminal_id, shop.id)
            command = merchants.MakePairingCode(terminal_id, principal.account_id)
            code = merchants.make_pairing_code(session, current_world(), command)
    except CardnetError as error:
        return _page(principal, wrong_of(error, acts.TERMINAL_FIELDS)), error.status
    return acts.pairing_page(line, code, _BACK)


@blueprint.get("/terminals/<uuid:terminal_id>")
@staff_page(*MANAGER)
def terminal(principal: Principal, terminal_id: uuid.UUID) -> ResponseReturnValue:
    """One terminal: its tokens and keys."""
    return _one(principal, terminal_id)


@blueprint.post("/terminals/<uuid:terminal_id>/<act>")
@staff_page(*MANAGER)
def act_on_terminal(principal: Principal, terminal_id: uuid.UUID, act: str) -> ResponseReturnValue:
    """Pair, change the token, stop one token or key, suspend, resume, retire or revoke."""
    world = current_world()
    made = ""
    try:
        with transaction() as session:
            shop = own(session, principal)
            line = merchants.terminal_line(session, world, terminal_id, shop.id)
            if act == "pair":
                made = merchants.make_pairing_code(
                    session, world, merchants.MakePairingCode(line.id, principal.account_id)
                )
            elif act == "token":
                made = merchants.issue_token(
                    session, world, merchants.IssueToken(line.id, actor_id=principal.account_id)
                ).token
            elif act == "revoke-token":
                said = _revoke_token(session, principal, line.id)
            elif act == "revoke-key":
                said = _revoke_key(session, principal, line.id)
            elif act == "rename":
                said = _rename(session, principal, line.id)
            else:
                said = acts.act(session, principal, line, act, by_merchant=True)
    except CardnetError as error:
        if error.status == 404:
            raise
        if act == "rename":
            return _one(principal, terminal_id, wrong=wrong_of(error, {"name_invalid": "name"}), status=error.status)
        flash(error.message, "bad")
        return redirect(url_for("merchant.terminals"), 303)
    if act == "pair":
        return acts.pairing_page(line, made, _BACK)
    if act == "token":
        return _one(principal, terminal_id, made)
    flash(said, "good")
    if act in _ON_ITS_PAGE:
        return redirect(url_for("merchant.terminal", terminal_id=terminal_id), 303)
    return redirect(url_for("merchant.terminals"), 303)


@blueprint.get("/terminals/<uuid:terminal_id>/keys/<key_id>.cwt")
@staff_page(*MANAGER)
def terminal_certificate(principal: Principal, terminal_id: uuid.UUID, key_id: str) -> ResponseReturnValue:
    """What the union certified of one key of a terminal, as the terminal itself got it at pairing."""
    with transaction() as session:
        line = merchants.terminal_line(session, current_world(), terminal_id, own(session, principal).id)
        known = key_id in {key.key_id for key in merchants.keys_of(session, line.id)}
        certificate = certificates_of(session, [key_id]).get(key_id) if known else None
    if certificate is None:
        raise NotFound("certificate_unknown", gettext("没有这个密钥的证书，请刷新后再看。"))
    answer = Response(certificate.content, content_type="application/cwt")
    answer.headers.set("Content-Disposition", "attachment", filename=f"{line.merchant_code}-{line.code}-{key_id}.cwt")
    return answer


@blueprint.get("/plaque.pdf")
@staff_page(*MANAGER)
def plaque(principal: Principal) -> ResponseReturnValue:
    """The plaque for members: of one store when the address names it."""
    code = request.args.get("store", "")
    with transaction() as session:
        shop = own(session, principal)
        store = next((store for store in merchants.stores_of(session, shop.id) if store.code == code), None)
    return acts.member_plaque(shop, store, request.args.get("size", ""))


_BACK = acts.Back("merchant.terminals", {})
_ON_ITS_PAGE = ("revoke-token", "revoke-key", "rename")
"""Acts of one terminal's own page; the others stand in the list."""


def _revoke_token(session: Session, principal: Principal, terminal_id: uuid.UUID) -> str:
    asked = request.form.get("token", "")
    known = {str(token.id): token for token in merchants.tokens_of(session, terminal_id)}
    if asked not in known:
        raise NotFound("token_unknown", gettext("没有这个终端令牌，请刷新后再看。"))
    command = merchants.RevokeToken(known[asked].id, principal.account_id)
    merchants.revoke_token(session, current_world(), command)
    return gettext("这个终端令牌已吊销，一分钟内失效。")


def _revoke_key(session: Session, principal: Principal, terminal_id: uuid.UUID) -> str:
    asked = request.form.get("key", "")
    if asked not in {key.key_id for key in merchants.keys_of(session, terminal_id)}:
        raise NotFound("key_unknown", gettext("没有这个签名密钥，请刷新后再看。"))
    merchants.revoke_key(session, current_world(), merchants.RevokeKey(asked, principal.account_id))
    return gettext("这个签名密钥已停用，一分钟内失效；用它的设备仍能联网核销，不能再断网核销。")


def _rename(session: Session, principal: Principal, terminal_id: uuid.UUID) -> str:
    command = merchants.RenameTerminal(terminal_id, request.form.get("name", ""), principal.account_id)
    merchants.rename_terminal(session, current_world(), command)
    return gettext("名称已保存，收银台下次联网时改过来。")


def _one(
    principal: Principal,
    terminal_id: uuid.UUID,
    token: str = "",
    wrong: Mapping[str, str] = MappingProxyType({}),
    status: int = 200,
) -> ResponseReturnValue:
    world = current_world()
    with transaction() as session:
        shop = own(session, principal)
        line = merchants.terminal_line(session, world, terminal_id, shop.id)
        tokens, keys = merchants.tokens_of(session, line.id), merchants.keys_of(session, line.id)
        certificates = certificates_of(session, [key.key_id for key in keys])
        stale = world.now() - timedelta(seconds=trust_pack(session, world.now()).policy.offline_sync)
    page = render_template(
        "merchant/terminal.html",
        shop=shop,
        line=line,
        tokens=tokens,
        keys=keys,
        certificates=certificates,
        token=token,
        wrong=wrong,
        given=request.form.get("name", "" if line.name == line.code else line.name),
        at=world.now(),
        stale=stale,
    )
    return page, status, {"Cache-Control": "no-store"}


def _page(principal: Principal, wrong: dict[str, str]) -> str:
    world = current_world()
    with transaction() as session:
        shop = own(session, principal)
        lines, _ = merchants.fleet(session, world, merchants.FleetQuery(shop.id), 500, 0)
        stores = merchants.stores_of(session, shop.id)
        stale = world.now() - timedelta(seconds=trust_pack(session, world.now()).policy.offline_sync)
    return render_template(
        "merchant/terminals.html",
        shop=shop,
        lines=lines,
        stores=stores,
        stale=stale,
        may_change=True,
        given={name: request.form.get(name, "") for name in ("store", "code", "name")},
        wrong=wrong,
    )
