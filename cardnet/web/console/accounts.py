"""Staff accounts of an administrator's scope: invite, change, close, open, unlock; the link is shown once."""

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from cardnet.access import services as access
from cardnet.access.rules import MERCHANT_ROLES, UNION_ROLES, AccountState, Principal, Role
from cardnet.kernel.db import transaction
from cardnet.kernel.errors import CardnetError, InvalidInput
from cardnet.membership import services as membership
from cardnet.membership.rules import UnionNode
from cardnet.web.auth import staff_page
from cardnet.web.console import blueprint
from cardnet.web.console.units import unit_typed
from cardnet.web.forms import whole_id, wrong_of
from cardnet.web.language import gettext
from cardnet.web.paging import Page, asked_page
from cardnet.web.squares import qr_svg
from cardnet.wiring import current_world

_SHOWN = 50
_ACTS_SHOWN = 20
_FIELDS = {
    "username_invalid": "username", "username_taken": "username", "roles_missing": "role", "role_of_other_tier": "role",
    "unit_unknown": "unit", "out_of_scope": "unit", "name_missing": "name",
}  # fmt: skip
_ONCE = {"Cache-Control": "no-store", "Referrer-Policy": "no-referrer"}


@blueprint.get("/accounts")
@staff_page(Role.ADMIN)
def accounts(principal: Principal) -> ResponseReturnValue:
    """Everybody with an account below this administrator, by union."""
    asked = {name: request.args.get(name, "").strip()[:60] for name in ("words", "role", "state")}
    query = access.AccountQuery(
        principal.scope_path,
        asked["words"],
        Role(asked["role"]) if asked["role"] in set(Role) else None,
        AccountState(asked["state"]) if asked["state"] in set(AccountState) else None,
    )
    number = asked_page()
    with transaction() as session:
        lines, total = access.accounts_under(session, query, _SHOWN, (number - 1) * _SHOWN)
        unions = membership.unions_of_ids(session, {line.union_id for line in lines})
    page = Page(lines, number, _SHOWN, total)
    return render_template(
        "console/accounts.html", page=page, unions=unions, asked=asked, roles=list(Role), now=current_world().now()
    )


@blueprint.get("/accounts/new")
@staff_page(Role.ADMIN)
def new_account(principal: Principal) -> ResponseReturnValue:
    """The form of an invitation."""
    return _form(principal, {})


@blueprint.post("/accounts/new")
@staff_page(Role.ADMIN)
def invite_account(principal: Principal) -> ResponseReturnValue:
    """Make the account and show its link, once."""
    try:
        with transaction() as session:
            union, roles = _where(session, principal)
            name = request.form.get("name", "").strip()
            if not name or len(name) > 50:
                raise InvalidInput("name_missing", gettext("请填写姓名，最长 50 个字。"))
            command = access.Invite(request.form.get("username", ""), name, roles, union.id, union.path, principal)
            invitation = access.invite(session, current_world(), command)
    except CardnetError as error:
        return _form(principal, wrong_of(error, _FIELDS)), error.status
    return _link(invitation, name)


@blueprint.get("/accounts/<account_id>")
@staff_page(Role.ADMIN)
def account(principal: Principal, account_id: str) -> ResponseReturnValue:
    """One account: what it may do, whether it works, what it did last."""
    return _one(principal, account_id, {})


@blueprint.post("/accounts/<account_id>/change")
@staff_page(Role.ADMIN)
def change_account(principal: Principal, account_id: str) -> ResponseReturnValue:
    """Another name, other roles, another union."""
    try:
        with transaction() as session:
            union, roles = _where(session, principal)
            command = access.ChangeAccount(
                whole_id(account_id), request.form.get("name", ""), roles, union.id, union.path, principal
            )
            access.change_account(session, current_world(), command)
    except CardnetError as error:
        return _one(principal, account_id, wrong_of(error, _FIELDS)), error.status
    flash(gettext("账号已修改，对方下一次操作时生效。"), "good")
    return redirect(url_for("console.account", account_id=account_id), 303)


@blueprint.post("/accounts/<account_id>/<act>")
@staff_page(Role.ADMIN)
def switch_account(principal: Principal, account_id: str, act: str) -> ResponseReturnValue:
    """Close it, open it again, unlock it, or send a new link."""
    command = access.SwitchAccount(whole_id(account_id), principal)
    world = current_world()
    try:
        with transaction() as session:
            if act == "invite":
                line = access.account_line(session, command.account_id, principal.scope_path)
                invitation = access.invite_again(session, world, access.InviteAgain(command.account_id, principal))
                return _link(invitation, line.display_name)
            if act == "close":
                access.close_account(session, world, command)
                said = gettext("账号已停用，它的登录和令牌立即失效。")
            elif act == "open":
                membership.open_account(session, world, command)
                said = gettext("账号已恢复，可用原来的密码和验证器登录。")
            elif act == "unlock":
                access.unlock_account(session, world, command)
                said = gettext("账号已解锁。")
            else:
                raise InvalidInput("act_unknown", gettext("请从账号页面选择要办理的事项。"))
    except CardnetError as error:
        return _one(principal, account_id, wrong_of(error)), error.status
    flash(said, "good")
    return redirect(url_for("console.account", account_id=account_id), 303)


def _where(session: Session, principal: Principal) -> tuple[UnionNode, frozenset[Role]]:
    """Union and roles of the form, fitting each other."""
    typed = request.form.get("unit", "").strip()
    union = unit_typed(session, principal, typed) or membership.union_of_id(session, principal.union_id)
    roles = frozenset(Role(one) for one in request.form.getlist("role") if one in set(Role))
    membership.refuse_foreign_roles(union, roles)
    return union, roles


def _form(principal: Principal, wrong: dict[str, str]) -> str:
    with transaction() as session:
        units = membership.open_unions_under(session, principal.scope_path)
    given = {name: request.form.get(name, "") for name in ("username", "name", "unit")}
    return render_template(
        "console/account_new.html",
        units=units,
        roles=UNION_ROLES,
        given=given,
        chosen=request.form.getlist("role"),
        wrong=wrong,
    )


def _one(principal: Principal, account_id: str, wrong: dict[str, str]) -> str:
    world = current_world()
    with transaction() as session:
        line = access.account_line(session, whole_id(account_id), principal.scope_path)
        union = membership.union_of_id(session, line.union_id)
        units = membership.open_unions_under(session, principal.scope_path)
        sessions = access.sessions_of(session, world, line.account_id)
        link_until = access.open_invitation_until(session, world, line.account_id)
        acts = access.trail(session, access.TrailQuery(principal.scope_path, username=line.username), _ACTS_SHOWN)
    again = request.method == "POST" and request.path.endswith("/change")
    return render_template(
        "console/account_one.html",
        line=line,
        union=union,
        units=units,
        sessions=sessions,
        link_until=link_until,
        acts=acts,
        roles=UNION_ROLES,
        own=line.account_id == principal.account_id,
        of_merchant=any(role in MERCHANT_ROLES for role in line.roles),
        now=world.now(),
        name=request.form.get("name", "") if again else line.display_name,
        unit=request.form.get("unit", "") if again else union.code,
        chosen=request.form.getlist("role") if again else list(line.roles),
        wrong=wrong,
    )


def _link(invitation: access.Invitation, name: str) -> ResponseReturnValue:
    address = url_for("invite.form", token=invitation.token, _external=True)
    page = render_template(
        "console/invitation.html",
        invitation=invitation,
        name=name,
        address=address,
        square=qr_svg(address, gettext("邀请二维码")),
    )
    return page, 200, _ONCE
