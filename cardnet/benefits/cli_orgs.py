"""`cardnet orgs`: the unions and what became of them: renamed, moved, merged, closed. `cardnet organisations` imports them."""

from dataclasses import asdict
from datetime import datetime
from typing import Any

import click

from cardnet.benefits import services
from cardnet.issuance import services as issuance
from cardnet.kernel.db import transaction
from cardnet.membership import services as membership
from cardnet.membership.cli_parts import DAY, acting, json_option, officer_option, say, tell, typed_day
from cardnet.membership.rules import UNION_ACT_WORDS, UnionNode

_document = click.option("--document", required=True, help="决策依据的文号或批复，例如“云工〔2026〕18号”。")


@click.group("orgs")
def orgs_group() -> None:
    """工会：查看、更名、划转、并入、撤销；导入组织机构表用 organisations import。"""


@orgs_group.command("list")
@click.option("--under", "code", default=None, help="只看这个工会和它下面的。")
@json_option
def list_unions(code: str | None, *, as_json: bool) -> None:
    """全部工会，上级在前；已撤销的注明日期。"""
    with transaction() as session:
        path = membership.union_of_code(session, code).path if code else "/"
        unions = membership.unions_under(session, path)
    if as_json:
        say({"unions": [_plain(union) for union in unions]})
        return
    for union in unions:
        closed = f"（{union.closed_on.isoformat()} 已撤销）" if union.closed_on else ""
        click.echo(f"{'  ' * (union.path.count('/') - 2)}{union.code}  {union.name}{closed}")


@orgs_group.command("show")
@click.argument("code")
@json_option
def show(code: str, *, as_json: bool) -> None:
    """一个工会现在有什么在手上、以前有过什么变化。"""
    with transaction() as session:
        union = membership.union_of_code(session, code)
        facts = issuance.facts_of_union(session, union)
        changes = membership.changes_of(session, union.id)
    if as_json:
        history = [{**asdict(line), "other": _code(line.other), "came_from": _code(line.came_from)} for line in changes]
        say({**_plain(union), "in_hand": asdict(facts), "history": history})
        return
    click.echo(f"{union.code}  {union.name}  {union.path}")
    click.echo(
        f"会员 {facts.members}，直属下级 {facts.below}，在办申请 {facts.applications}，空闲名额 {facts.places_free}，"
        f"占用名额 {facts.places_held}，账号 {facts.accounts}。"
    )
    for line in changes:
        other = f" → {line.other.name}" if line.other else ""
        other = f" {line.came_from.name}{other}" if line.came_from else other
        click.echo(
            f"{line.effective_on.isoformat()}  {UNION_ACT_WORDS[line.kind]}{other}  原名 {line.name}  {line.document}  {line.actor}"
        )


@orgs_group.command("rename")
@click.argument("code")
@click.argument("name")
@_document
@click.option("--on", "on", type=DAY, default=None, help="从哪天起用新名称；不写就是今天。")
@officer_option
@json_option
def rename(code: str, name: str, document: str, on: datetime | None, username: str, *, as_json: bool) -> None:
    """更名：编码不变，以前的文件仍显示当时的名称。"""
    with acting(username) as desk:
        command = membership.RenameUnion(code, name, document, desk.officer, typed_day(on))
        union = membership.rename_union(desk.session, desk.world, command)
    tell(_plain(union), f"{union.code} 已更名为{union.name}。", as_json=as_json)


@orgs_group.command("move")
@click.argument("code")
@click.option("--to", "parent_code", required=True, help="新的上级工会编码。")
@_document
@officer_option
@json_option
def move(code: str, parent_code: str, document: str, username: str, *, as_json: bool) -> None:
    """划转到另一个上级：连同下级、会员、名额和在办的申请。"""
    with acting(username) as desk:
        command = membership.MoveUnion(code, parent_code, document, desk.officer)
        done = services.move_union(desk.session, desk.world, command)
    document_of = {
        **_plain(done.union), "applications": done.applications, "changed_desk": done.changed_desk, "places": done.places,
    }  # fmt: skip
    said = f"{done.union.name}已划到{parent_code}下面：{done.applications} 份在办申请、{done.places} 个名额一起划转"
    tell(document_of, f"{said}，其中 {done.changed_desk} 份改由新上级审核。", as_json=as_json)


@orgs_group.command("merge")
@click.argument("code")
@click.option("--into", "into_code", required=True, help="并入哪个工会。")
@_document
@officer_option
@json_option
def merge(code: str, into_code: str, document: str, username: str, *, as_json: bool) -> None:
    """并入另一个工会：会员连卡转过去，申请和名额一并移交，原工会撤销。"""
    with acting(username) as desk:
        command = issuance.MergeUnion(code, into_code, document, desk.officer)
        done = issuance.merge_union(desk.session, desk.world, command)
    counted = {key: value for key, value in asdict(done).items() if key != "into"}
    said = (
        f"已并入{done.into.name}：会员 {done.members} 人、卡 {done.cards} 张、在办申请 {done.applications} 份、"
        f"名额 {done.places} 个；停用账号 {done.accounts} 个。"
    )
    tell({"into": _plain(done.into), **counted}, said, as_json=as_json)


@orgs_group.command("close")
@click.argument("code")
@_document
@officer_option
@json_option
def close(code: str, document: str, username: str, *, as_json: bool) -> None:
    """撤销一个没有会员、没有在办事项的工会。"""
    with acting(username) as desk:
        command = membership.CloseUnion(code, document, desk.officer)
        accounts = issuance.close_union(desk.session, desk.world, command)
    tell({"code": code, "accounts_closed": accounts}, f"{code} 已撤销，停用账号 {accounts} 个。", as_json=as_json)


def _code(union: UnionNode | None) -> str | None:
    return union.code if union else None


def _plain(union: UnionNode) -> dict[str, Any]:
    return {
        "code": union.code, "name": union.name, "tier": str(union.tier), "path": union.path,
        "closed_on": union.closed_on.isoformat() if union.closed_on else None,
    }  # fmt: skip
