"""`cardnet handouts`: lists to be signed for cards, gifts and goods against the heat; a list is named by number or title."""

from pathlib import Path
from typing import Any

import click

from cardnet.issuance import services, sign_lists
from cardnet.issuance.cli_parts import (
    OUT,
    batch_id,
    json_option,
    officer_option,
    person_typed,
    say,
    tell,
    written_whole,
)
from cardnet.issuance.rules import HANDOUT_WORDS, HandoutKind, ScanOutcome
from cardnet.issuance.services import desk as lists
from cardnet.kernel.calendar import day_of
from cardnet.kernel.errors import Conflict, NotFound
from cardnet.membership.cli_parts import Desk, acting, unit_option
from cardnet.membership.rules import TagKind

_LIST = click.argument("handout")
_MOST = 1_000_000


@click.group("handouts")
def handouts_group() -> None:
    """扫码签领：卡、慰问品、高温慰问；名单用编号或名称指明。"""


@handouts_group.command("list")
@officer_option
@json_option
def list_handouts(username: str, *, as_json: bool) -> None:
    """管理范围内的发放，进行中的在前。"""
    with acting(username) as desk:
        found = services.handouts(desk.session, desk.officer)
    if as_json:
        say({"handouts": [_document(one) for one in found]})
        return
    for one in found:
        state = "已结束" if one.closed_at else "进行中"
        click.echo(
            f"{one.id}  {one.title}  {one.union.name}  {HANDOUT_WORDS[one.kind]}  {one.signed}／{one.people}  {state}"
        )
    if not found:
        click.echo("还没有发放。")


@handouts_group.command("open")
@click.option(
    "--kind", type=click.Choice([str(one) for one in HandoutKind]), required=True, help="卡、慰问品、高温慰问。"
)
@click.option("--title", required=True, help="名称，例如“2026 年高温慰问饮品”。")
@click.option("--document", default="", help="决策依据文号；发卡不用写。")
@click.option("--batch", default=None, help="只发这个批次的卡。")
@click.option(
    "--tag",
    "tags",
    multiple=True,
    type=click.Choice([str(one) for one in TagKind]),
    help="只发给有这种身份的人，可多个。",
)
@unit_option
@officer_option
@json_option
def open_handout(
    kind: str, title: str, document: str, batch: str | None, tags: tuple[str, ...], unit_code: str | None, username: str,
    *, as_json: bool,
) -> None:  # fmt: skip
    """按现在的会员（或待签领的卡）建立名单。"""
    with acting(username) as desk:
        command = services.OpenHandout(
            desk.officer, HandoutKind(kind), title, desk.unit(unit_code).path, document, batch_id(batch) if batch else None,
            frozenset(tags),
        )  # fmt: skip
        opened = services.open_handout(desk.session, desk.world, command)
    tell(_document(opened), f"名单 {opened.id} 共 {opened.people} 人，可以开始签领。", as_json=as_json)


@handouts_group.command("show")
@_LIST
@click.option("--show", "which", type=click.Choice(["all", "unsigned", "signed"]), default="all", show_default=True)
@officer_option
@json_option
def show(handout: str, which: str, username: str, *, as_json: bool) -> None:
    """名单上的人，谁签了谁没签。"""
    with acting(username) as desk:
        found = _named(desk, handout)
        lines = lists.receipt_lines(desk.session, found, which, limit=_MOST)
    if as_json:
        people = [
            {"person": one.person.id, "name": one.person.name, "signed_at": one.signed_at} for one in lines.items
        ]  # fmt: skip
        say({**_document(found), "list": people})
        return
    for one in lines.items:
        click.echo(f"{one.person.id}  {one.person.name}  {'已签领' if one.signed_at else '没有签领'}")


@handouts_group.command("sign")
@_LIST
@click.argument("read", nargs=-1, required=True)
@officer_option
@json_option
def sign(handout: str, read: tuple[str, ...], username: str, *, as_json: bool) -> None:
    """签领：卡号、扫到的码或档案编号，可多个；每一个说明结果。"""
    with acting(username) as desk:
        found = _named(desk, handout)
        outcomes = [(one, _sign(desk, found, one)) for one in read]
    if as_json:
        say({"signed": [{"read": one, "outcome": outcome} for one, (outcome, _) in outcomes]})
        return
    for one, (_, said) in outcomes:
        click.echo(f"{one}：{said}")


@handouts_group.command("sign-all")
@_LIST
@click.option("--except", "but", multiple=True, help="没有签的人：卡号或档案编号，可多个。")
@officer_option
@json_option
def sign_all(handout: str, but: tuple[str, ...], username: str, *, as_json: bool) -> None:
    """纸质签领表收回来了：除这些人以外都已签领。"""
    with acting(username) as desk:
        people = frozenset(person_typed(desk.session, one) for one in but)
        command = services.SignAllExcept(desk.officer, _named(desk, handout).id, people)
        count = services.sign_all_except(desk.session, desk.world, command)
    tell({"signed": count}, f"已登记 {count} 人签领。", as_json=as_json)


@handouts_group.command("take-back")
@_LIST
@click.argument("who")
@click.option("--reason", required=True, help="为什么撤回，会记录在案。")
@officer_option
@json_option
def take_back(handout: str, who: str, reason: str, username: str, *, as_json: bool) -> None:
    """撤回一个人的签领（登记错了）；卡的签领不能撤回。"""
    with acting(username) as desk:
        person_id = person_typed(desk.session, who)
        command = services.OnePerson(desk.officer, _named(desk, handout).id, person_id, reason)
        services.take_back(desk.session, desk.world, command)
    tell({"person": person_id}, "签领已撤回。", as_json=as_json)


@handouts_group.command("close")
@_LIST
@officer_option
@json_option
def close(handout: str, username: str, *, as_json: bool) -> None:
    """结束发放，不能再签。"""
    with acting(username) as desk:
        closed = services.close_handout(desk.session, desk.world, desk.officer, _named(desk, handout).id)
    tell(_document(closed), f"已结束：{closed.signed}／{closed.people} 人签领。", as_json=as_json)


@handouts_group.command("sheet")
@_LIST
@click.option("--out", required=True, type=OUT, help="写进这个 PDF。")
@officer_option
@json_option
def sheet(handout: str, out: Path, username: str, *, as_json: bool) -> None:
    """发放签领表，打印后给本人签字。"""
    with acting(username) as desk:
        content = sign_lists.of_handout(
            desk.session, desk.officer, _named(desk, handout).id, day_of(desk.world.now())
        )  # fmt: skip
    with written_whole(out) as unfinished:
        unfinished.write_bytes(content)
    tell({"out": str(out)}, f"签领表已写入 {out}", as_json=as_json)


# ---- pieces ----


def _named(desk: Desk, typed: str) -> services.HandoutView:
    """A list by its number, or by its title when one open list alone has it."""
    found = services.handouts(desk.session, desk.officer)
    named = [one for one in found if str(one.id) == typed.strip()]
    named = named or [one for one in found if one.title == typed.strip() and one.closed_at is None]
    if len(named) > 1:
        raise Conflict("handout_ambiguous", f"有 {len(named)} 份进行中的名单叫“{typed[:40]}”，请用编号指明。")
    if not named:
        raise NotFound("handout_unknown", f"没有名单“{typed[:40]}”，请用 cardnet handouts list 核对。")
    return named[0]


def _sign(desk: Desk, found: services.HandoutView, read: str) -> tuple[ScanOutcome, str]:
    if len(read) == 36:  # the number of a file; no code of ours looks like it
        person_id = person_typed(desk.session, read)
        one = services.OnePerson(desk.officer, found.id, person_id)
        done = services.sign_by_hand(desk.session, desk.world, one)
        return (ScanOutcome.SIGNED, "已签领") if done else (ScanOutcome.NOT_LISTED, "不在名单里，或已经签过")
    scanned = services.sign_by_scan(desk.session, desk.world, services.Scan(desk.officer, found.id, read))
    return scanned.outcome, f"{scanned.name}  {scanned.words}" if scanned.name else scanned.words


def _document(one: services.HandoutView) -> dict[str, Any]:
    return {
        "handout": one.id, "kind": one.kind, "title": one.title, "document": one.document, "union": one.union.code,
        "people": one.people, "signed": one.signed, "opened_at": one.opened_at, "closed_at": one.closed_at,
    }  # fmt: skip
