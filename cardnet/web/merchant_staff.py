"""Who signs in for a merchant: its manager invites cashiers and other managers, and removes them."""

import uuid

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from cardnet.access import services as access
from cardnet.access.rules import Principal
from cardnet.kernel.db import transaction
from cardnet.kernel.errors import CardnetError, InvalidInput
from cardnet.merchants import services as merchants
from cardnet.web.auth import staff_page
from cardnet.web.console.merchants_parts import INVITE_FIELDS, invitation_page, invite
from cardnet.web.forms import wrong_of
from cardnet.web.language import gettext
from cardnet.web.merchant import MANAGER, blueprint, own
from cardnet.wiring import current_world


@blueprint.get("/people")
@staff_page(*MANAGER)
def people(principal: Principal) -> ResponseReturnValue:
    """Everybody of this merchant, and the form of an invitation."""
    return _page(principal, {})


@blueprint.post("/people")
@staff_page(*MANAGER)
def invite_person(principal: Principal) -> ResponseReturnValue:
    """Make the account and show its link, once."""
    try:
        with transaction() as session:
            invitation = invite(session, principal, own(session, principal).id)
    except CardnetError as error:
        return _page(principal, wrong_of(error, INVITE_FIELDS)), error.status
    return invitation_page(invitation, url_for("merchant.people"))


@blueprint.post("/people/<uuid:account_id>/<act>")
@staff_page(*MANAGER)
def act_on_person(principal: Principal, account_id: uuid.UUID, act: str) -> ResponseReturnValue:
    """Remove somebody, let them in again, or send a new link."""
    world = current_world()
    try:
        with transaction() as session:
            shop = own(session, principal)
            line = merchants.staff_line(session, shop.id, account_id, principal)
            command = access.SwitchAccount(line.account_id, principal)
            if act == "invite":
                invitation = access.invite_again(session, world, access.InviteAgain(line.account_id, principal))
                return invitation_page(invitation, url_for("merchant.people"))
            if act == "remove":
                access.close_account(session, world, command)
                said = gettext("%(name)s已移除，现有的登录立即失效。", name=line.display_name)
            elif act == "restore":
                access.open_account(session, world, command)
                said = gettext("%(name)s已恢复，可用原来的密码和验证器登录。", name=line.display_name)
            else:
                raise InvalidInput("act_unknown", gettext("请从人员页面选择要办理的事项。"))
    except CardnetError as error:
        if error.status == 404:
            raise
        flash(error.message, "bad")
        return redirect(url_for("merchant.people"), 303)
    flash(said, "good")
    return redirect(url_for("merchant.people"), 303)


def _page(principal: Principal, wrong: dict[str, str]) -> str:
    with transaction() as session:
        shop = own(session, principal)
        lines = merchants.staff_of(session, shop.id, principal)
    return render_template(
        "merchant/people.html",
        shop=shop,
        lines=lines,
        me=principal.account_id,
        given={name: request.form.get(name, "") for name in ("name", "username", "role")},
        wrong=wrong,
    )
