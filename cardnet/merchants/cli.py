"""Commands about merchants.

`cardnet merchants list --json`: {"merchants": [{"code", "name", "state", "agreed_until", "stores", "terminals", …}]}
`cardnet merchants terminals [--merchant CODE] --json`: {"terminals": [{"merchant", "code", "state", "paired", "synced_at"}]}
`cardnet merchants stores CODE --json`: {"stores": [{"code", "name", "township": {"code", "name"}, "address", "closed_on"}]}
`cardnet merchants place CODE STORE --township CODE --json`: {"merchant", "store", "township": {"code", "name"}}
`cardnet merchants signatures CODE required|optional --json`: {"merchant", "signatures"}
`cardnet merchants pair CODE TERMINAL --json`: {"pairing_code", "merchant", "terminal", "minutes": 15}, shown once.
"""

import json
from typing import Any

import click
from sqlalchemy.orm import Session

from cardnet.access import services as access
from cardnet.access.rules import Principal, Role
from cardnet.kernel.calendar import local
from cardnet.kernel.db import transaction
from cardnet.kernel.errors import NotAllowed, NotFound
from cardnet.merchants import services
from cardnet.merchants.rules import PAIRING_LIFE, MerchantState
from cardnet.wiring import current_world

_JSON = click.option("--json", "as_json", is_flag=True, help="输出一份 JSON。")
_AS = click.option("--as", "username", required=True, help="以哪个区总工会干部的账号办理，记入审计记录。")
_REASON = click.option("--reason", required=True, help="原因，写进审计记录。")
_MOST = 100_000
_STATES = {
    MerchantState.DRAFT: "筹备中",
    MerchantState.ACTIVE: "合作中",
    MerchantState.SUSPENDED: "已暂停",
    MerchantState.ENDED: "已终止",
}


@click.group("merchants")
def merchants_group() -> None:
    """商户：列表、启用暂停、终端和配对。"""


@merchants_group.command("list")
@click.option("--state", type=click.Choice([state.value for state in MerchantState]), help="只看一种状态。")
@click.option("--township", default="", help="只看在一个镇、街道有门店的；写它的工会编码。")
@_JSON
def list_merchants(state: str | None, township: str, as_json: bool) -> None:  # noqa: FBT001 - click hands flags over as booleans
    """全部商户，协议到哪天，有几家门店几台终端。"""
    wanted = services.MerchantQuery(state=MerchantState(state) if state else None, township=township)
    with transaction() as session:
        lines, _ = services.merchant_lines(session, current_world(), wanted, _MOST, 0)
    if as_json:
        _print({"merchants": [{**vars(line), "id": str(line.id)} for line in lines]})
        return
    for line in lines:
        until = line.agreed_until or ("长期" if line.agreed else "没有协议")
        click.echo(f"{line.code}  {line.name}  {_STATES[line.state]}  协议 {until}  终端 {line.terminals}")


@merchants_group.command("state")
@click.argument("code")
@click.argument("state", type=click.Choice(["active", "suspended", "ended"]))
@_REASON
@_AS
@_JSON
def set_state(code: str, state: str, reason: str, username: str, as_json: bool) -> None:  # noqa: FBT001
    """启用、暂停、恢复或终止一家商户；全部终端一分钟内照办。"""
    with transaction() as session:
        officer, one = _officer(session, username), services.merchant_of_code(session, code)
        command = services.SetMerchantState(one.id, MerchantState(state), reason, officer.account_id)
        services.set_merchant_state(session, current_world(), command)
    if as_json:
        _print({"merchant": code, "state": state})
        return
    click.echo(f"{one.name} {_STATES[MerchantState(state)]}。")


@merchants_group.command("stores")
@click.argument("code")
@_JSON
def stores(code: str, as_json: bool) -> None:  # noqa: FBT001
    """一家商户的门店，在哪个镇、街道，地址在哪里。"""
    with transaction() as session:
        lines = services.stores_of(session, services.merchant_of_code(session, code).id)
    if as_json:
        told = ("code", "name", "address", "closed_on")
        _print({"stores": [{n: getattr(line, n) for n in told} | {"township": _place(line)} for line in lines]})
        return
    for line in lines:
        where = line.township.name if line.township else "没有登记镇、街道"
        closed = "  已停业" if line.closed_on else ""
        click.echo(f"{line.code}  {line.name}  {where}  {line.address or '没有登记地址'}{closed}")


@merchants_group.command("place")
@click.argument("code")
@click.argument("store")
@click.option("--township", required=True, help="镇、街道的工会编码，例如 YJ-01。")
@_AS
@_JSON
def place(code: str, store: str, township: str, username: str, as_json: bool) -> None:  # noqa: FBT001
    """登记一家门店在哪个镇、街道；会员先看到自己单位附近的门店。"""
    with transaction() as session:
        officer, one = _officer(session, username), services.merchant_of_code(session, code)
        found = [line for line in services.stores_of(session, one.id) if line.code == store]
        if not found:
            raise NotFound("store_unknown", f"{one.name}没有编号为“{store}”的门店，请核对。")
        command = services.PlaceStore(found[0].id, township, officer.account_id)
        line = services.place_store(session, current_world(), command)
    if as_json:
        _print({"merchant": code, "store": store, "township": _place(line)})
        return
    click.echo(f"{one.name}{line.name}：{line.township.name if line.township else '没有登记镇、街道'}。")


@merchants_group.command("terminals")
@click.option("--merchant", "code", help="只看一家商户。")
@_JSON
def terminals(code: str | None, as_json: bool) -> None:  # noqa: FBT001
    """终端在哪家门店，能不能用，上次什么时候同步。"""
    with transaction() as session:
        one = services.merchant_of_code(session, code) if code else None
        wanted = services.FleetQuery(one.id if one else None)
        lines, _ = services.fleet(session, current_world(), wanted, _MOST, 0)
    if as_json:
        _print({"terminals": [_terminal(line) for line in lines]})
        return
    for line in lines:
        synced = f"{local(line.synced_at):%Y-%m-%d %H:%M}" if line.synced_at else "还没有"
        paired = "已配对" if line.paired else "没有配对"
        click.echo(f"{line.merchant_code}  {line.code}  {line.store_name}  {line.state}  {paired}  上次同步 {synced}")


@merchants_group.command("pair")
@click.argument("code")
@click.argument("terminal")
@_AS
@_JSON
def pair(code: str, terminal: str, username: str, as_json: bool) -> None:  # noqa: FBT001
    """给一台终端生成配对码，15 分钟内有效，只显示这一次。"""
    with transaction() as session:
        officer, line = _officer(session, username), _line(session, code, terminal)
        command = services.MakePairingCode(line.id, officer.account_id)
        made = services.make_pairing_code(session, current_world(), command)
    minutes = int(PAIRING_LIFE.total_seconds()) // 60
    if as_json:
        _print({"pairing_code": made, "merchant": code, "terminal": terminal, "minutes": minutes})
        return
    click.echo(f"{line.merchant_name} {terminal} 的配对码：{made[:5]} {made[5:]}，{minutes} 分钟内有效。")


@merchants_group.command("revoke")
@click.argument("code")
@click.argument("terminal")
@_REASON
@_AS
@_JSON
def revoke(code: str, terminal: str, reason: str, username: str, as_json: bool) -> None:  # noqa: FBT001
    """吊销一台终端的全部令牌和签名密钥；一分钟内失效，可以重新配对。"""
    with transaction() as session:
        officer, line = _officer(session, username), _line(session, code, terminal)
        command = services.RevokeTerminal(line.id, reason, officer.account_id)
        ended = services.revoke_terminal(session, current_world(), command)
    if as_json:
        _print({"merchant": code, "terminal": terminal, "ended": ended})
        return
    click.echo(f"{line.merchant_name} {terminal}：吊销了 {ended} 个令牌和密钥。")


@merchants_group.command("signatures")
@click.argument("code")
@click.argument("required", type=click.Choice(["required", "optional"]))
@_AS
@_JSON
def signatures(code: str, required: str, username: str, as_json: bool) -> None:  # noqa: FBT001
    """一家商户的终端是否必须给每个请求签名；一分钟内生效。"""
    with transaction() as session:
        officer, one = _officer(session, username), services.merchant_of_code(session, code)
        command = services.RequireSignature(one.id, required == "required", officer.account_id)
        services.require_signature(session, current_world(), command)
    if as_json:
        _print({"merchant": code, "signatures": required})
        return
    click.echo(f"{one.name}：{'终端请求必须签名' if required == 'required' else '终端请求可以不签名'}。")


def _officer(session: Session, username: str) -> Principal:
    officer = access.principal_of_username(session, username)
    if not officer.has(Role.DISTRICT_OFFICER):
        raise NotAllowed("role_missing", "商户由区总工会干部办理，请换一个账号。")
    return officer


def _line(session: Session, code: str, terminal: str) -> services.FleetLine:
    one = services.merchant_of_code(session, code)
    lines, _ = services.fleet(session, current_world(), services.FleetQuery(one.id), _MOST, 0)
    if found := [line for line in lines if line.code == terminal]:
        return found[0]
    raise NotFound("terminal_unknown", f"{one.name}没有编号为“{terminal}”的终端，请核对。")


def _terminal(line: services.FleetLine) -> dict[str, Any]:
    synced = local(line.synced_at).isoformat(timespec="seconds") if line.synced_at else None
    return {
        "merchant": line.merchant_code,
        "code": line.code,
        "name": line.name,
        "store": line.store_code,
        "state": line.state.value,
        "paired": line.paired,
        "synced_at": synced,
    }


def _place(store: services.StoreView) -> dict[str, str] | None:
    return vars(store.township) if store.township else None


def _print(document: dict[str, Any]) -> None:
    click.echo(json.dumps(document, ensure_ascii=False, default=str))


COMMANDS = (merchants_group,)
