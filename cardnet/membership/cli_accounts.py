"""More of `cardnet accounts`: who has one, what it may do, whether it works. A lost password or phone gets a new link."""

from collections.abc import Callable
from typing import Any

import click

from cardnet.access import services as access
from cardnet.access.rules import UNION_ROLES, AccountState, Role, roles_of, username_of
from cardnet.kernel.calendar import local
from cardnet.kernel.errors import NotFound
from cardnet.membership import services as membership
from cardnet.membership.cli_parts import SITE, Desk, acting, json_option, say, tell

_admin_option = click.option("--as", "admin", required=True, help="办理的系统管理员的账号。")
_site_option = click.option("--site", required=True, type=SITE, help="对方打开的网址，例如 https://card.example.org。")
_ROLE = click.Choice([role.value for role in UNION_ROLES])
_STATES = {AccountState.INVITED: "等本人设密码", AccountState.ACTIVE: "正常", AccountState.DISABLED: "已停用"}
_MOST = 100_000


@click.command("list")
@click.option("--role", type=click.Choice([role.value for role in Role]), default=None, help="只看有这个角色的。")
@click.option("--state", type=click.Choice([state.value for state in AccountState]), default=None)
@click.option("--words", default="", help="用户名或姓名里有这些字的。")
@_admin_option
@json_option
def list_accounts(role: str | None, state: str | None, words: str, admin: str, *, as_json: bool) -> None:
    """管理范围内的账号，按工会排列。"""
    with acting(admin, Role.ADMIN) as desk:
        query = access.AccountQuery(
            desk.officer.scope_path, words, Role(role) if role else None, AccountState(state) if state else None
        )
        lines, _ = access.accounts_under(desk.session, query, _MOST, 0)
        unions = membership.unions_of_ids(desk.session, {line.union_id for line in lines})
    documents = [_document(line, unions[line.union_id].code) for line in lines]
    if as_json:
        say({"accounts": documents})
        return
    for line in lines:
        locked = "，密码错误过多，暂时锁定" if line.locked_until and line.locked_until > desk.world.now() else ""
        seen = f"  {local(line.seen_at):%Y-%m-%d} 用过" if line.seen_at else ""
        click.echo(
            f"{line.username}  {line.display_name}  {unions[line.union_id].code}  {'、'.join(line.roles)}"
            f"  {_STATES[line.state]}{locked}{seen}"
        )


@click.command("invite")
@click.argument("username")
@click.option("--name", required=True, help="姓名。")
@click.option("--role", "roles", multiple=True, required=True, type=_ROLE)
@click.option("--union", "union_code", required=True, help="所属工会的编码。")
@_site_option
@_admin_option
@json_option
def invite(
    username: str, name: str, roles: tuple[str, ...], union_code: str, site: str, admin: str, *, as_json: bool
) -> None:
    """新建账号并发邀请：本人用链接自己设密码和验证器，链接只显示这一次。"""
    with acting(admin, Role.ADMIN) as desk:
        union, wanted = desk.unit(union_code), roles_of(roles)
        membership.refuse_foreign_roles(union, wanted)
        command = access.Invite(username, name, wanted, union.id, union.path, desk.officer)
        invitation = access.invite(desk.session, desk.world, command)
    _say_link(invitation, site, as_json=as_json)


@click.command("reset")
@click.argument("username")
@_site_option
@_admin_option
@json_option
def reset(username: str, site: str, admin: str, *, as_json: bool) -> None:
    """忘了密码或丢了验证器：结束它的登录和令牌，给一个新链接，本人重新设置。"""
    with acting(admin, Role.ADMIN) as desk:
        line = _line(desk, username)
        command = access.InviteAgain(line.account_id, desk.officer)
        invitation = access.invite_again(desk.session, desk.world, command)
    _say_link(invitation, site, as_json=as_json)


@click.command("change")
@click.argument("username")
@click.option("--name", default=None, help="新的姓名；不写不变。")
@click.option("--role", "roles", multiple=True, type=_ROLE, help="新的全部角色，可多个；不写不变。")
@click.option("--union", "union_code", default=None, help="新的工会编码；不写不变。")
@_admin_option
@json_option
def change(
    username: str, name: str | None, roles: tuple[str, ...], union_code: str | None, admin: str, *, as_json: bool
) -> None:
    """改姓名、角色或工会；对方下一次操作时生效。"""
    with acting(admin, Role.ADMIN) as desk:
        line = _line(desk, username)
        union = desk.unit(union_code) if union_code else membership.union_of_id(desk.session, line.union_id)
        wanted = roles_of(roles) if roles else frozenset(line.roles)
        membership.refuse_foreign_roles(union, wanted)
        command = access.ChangeAccount(
            line.account_id, name or line.display_name, wanted, union.id, union.path, desk.officer
        )
        access.change_account(desk.session, desk.world, command)
        changed = _line(desk, username)
    tell(_document(changed, union.code), f"账号 {changed.username} 已修改。", as_json=as_json)


def _switch(name: str, words: str, said: str, verb: Callable[..., None]) -> click.Command:
    @click.command(name, help=words)
    @click.argument("username")
    @_admin_option
    @json_option
    def switch(username: str, admin: str, *, as_json: bool) -> None:
        with acting(admin, Role.ADMIN) as desk:
            line = _line(desk, username)
            verb(desk.session, desk.world, access.SwitchAccount(line.account_id, desk.officer))
            changed = _line(desk, username)
            code = membership.union_of_id(desk.session, changed.union_id).code
        tell(_document(changed, code), f"账号 {changed.username} {said}", as_json=as_json)

    return switch


# ---- pieces ----


def _line(desk: Desk, username: str) -> access.AccountLine:
    """An account of the administrator's scope by its exact name. Raises NotFound("account_unknown")."""
    wanted = username_of(username)
    lines, _ = access.accounts_under(desk.session, access.AccountQuery(desk.officer.scope_path, wanted), _MOST, 0)
    for line in lines:
        if line.username == wanted:
            return line
    raise NotFound("account_unknown", f"您的管理范围内没有账号“{username[:64]}”，请用 cardnet accounts list 核对。")


def _document(line: access.AccountLine, union: str) -> dict[str, Any]:
    return {
        "username": line.username, "name": line.display_name, "roles": line.roles, "union": union, "state": line.state,
        "locked_until": line.locked_until, "created_at": line.created_at, "seen_at": line.seen_at,
    }  # fmt: skip


def _say_link(invitation: access.Invitation, site: str, *, as_json: bool) -> None:
    link = f"{site.rstrip('/')}/invite/{invitation.token}"
    document = {"username": invitation.username, "link": link, "expires_at": invitation.expires_at}
    until = f"{local(invitation.expires_at):%Y-%m-%d %H:%M}"
    tell(document, f"请把链接交给本人，{until} 前有效，只能用一次：{link}", as_json=as_json)


ACCOUNT_COMMANDS = [
    list_accounts,
    invite,
    reset,
    change,
    _switch("disable", "停用：它的登录和令牌立即失效。", "已停用。", access.close_account),
    _switch("enable", "恢复停用的账号，密码和验证器不变。", "已恢复。", membership.open_account),
    _switch("unlock", "解锁：密码错误过多的账号马上可以再试。", "已解锁。", access.unlock_account),
]
