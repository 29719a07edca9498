"""`cardnet self-fill`: a union's poster, and what members filled in, taken over by the officer who knows them."""

from datetime import datetime, timedelta
from pathlib import Path

import click

from cardnet.issuance.cli_parts import OUT, json_option, officer_option, say, tell, written_whole
from cardnet.issuance.fill_poster import fill_poster
from cardnet.issuance.services import self_filled
from cardnet.kernel.calendar import day_of, local
from cardnet.kernel.errors import InvalidInput, NotFound
from cardnet.membership.cli_parts import DAY, SITE, Desk, acting, typed_id, unit_option
from cardnet.membership.roster import Severity

_site_option = click.option("--site", required=True, type=SITE, help="会员打开的网址，例如 https://card.example.org。")


@click.group("self-fill")
def self_fill_group() -> None:
    """扫码自填：海报，和本单位会员自己填的信息。"""


@self_fill_group.command("open")
@unit_option
@click.option("--until", type=DAY, required=True, help="截止日期（含当天），最长 92 天。")
@_site_option
@click.option("--out", type=OUT, default=None, help="把海报写进这个 PDF（A4）。")
@officer_option
@json_option
def open_poster(unit_code: str | None, until: datetime, site: str, out: Path | None, username: str, *, as_json: bool) -> None:  # fmt: skip
    """开通自填，或延长截止日期；同一单位始终是同一张海报。"""
    with acting(username) as desk:
        unit = desk.unit(unit_code)
        command = self_filled.OpenPoster(desk.officer, unit.code, until.date())
        poster = self_filled.open_poster(desk.session, desk.world, command)
    address = f"{site.rstrip('/')}/fill/{poster.token}"
    last_day = day_of(poster.closes_at - timedelta(seconds=1))
    if out is not None:
        with written_whole(out) as unfinished:
            unfinished.write_bytes(fill_poster(unit.name, address, last_day))
    document = {"unit": unit.code, "address": address, "last_day": last_day, "out": str(out) if out else None}
    tell(document, f"{unit.name}的自填已开通到 {last_day}：{address}", as_json=as_json)


@self_fill_group.command("close")
@unit_option
@officer_option
@json_option
def close_poster(unit_code: str | None, username: str, *, as_json: bool) -> None:
    """停用海报；已填写的仍可以处理。"""
    with acting(username) as desk:
        unit = desk.unit(unit_code)
        poster = self_filled.poster_of(desk.session, desk.world, unit)
        if poster is None:
            raise NotFound("poster_closed", f"{unit.name}没有正在使用的自填海报。")
        self_filled.close_poster(desk.session, desk.world, desk.officer, poster.id)
    tell({"unit": unit.code}, "海报已停用。", as_json=as_json)


@self_fill_group.command("list")
@officer_option
@json_option
def list_entries(username: str, *, as_json: bool) -> None:
    """本单位等核对的自填信息，先填的在前，连同检查出的问题。"""
    with acting(username) as desk:
        entries = self_filled.entries_of(desk.session, desk.world, desk.officer, desk.unit(None))
    if as_json:
        say(
            {
                "entries": [
                    {
                        "entry": one.id,
                        "name": one.fields["name"],
                        "status": one.checked.status,
                        "times": one.times,
                        "filled_at": one.filled_at,
                        "findings": [found.code for found in one.checked.findings],
                    }
                    for one in entries
                ]
            }
        )
        return
    for one in entries:
        click.echo(f"{one.id}  {one.fields['name']}  {local(one.filled_at):%Y-%m-%d %H:%M}")
        for found in one.checked.findings:
            if found.severity is not Severity.NOTE:
                click.echo(f"    {found.column}：{found.message}")
    if not entries:
        click.echo("没有等核对的自填信息。")


_entry_option = click.option("--entry", "entries", multiple=True, help="编号，可多个，见 self-fill list。")


@self_fill_group.command("accept")
@_entry_option
@click.option("--all", "everybody", is_flag=True, help="全部没有问题的人。")
@officer_option
@json_option
def accept(entries: tuple[str, ...], username: str, *, everybody: bool, as_json: bool) -> None:
    """核对无误，提交审核；有问题的人留在名单里。"""
    with acting(username) as desk:
        command = _chosen(desk, entries, everybody=everybody)
        done = self_filled.take_entries(desk.session, desk.world, command)
    document = {
        "batch": done.batch_id, "submitted": done.submitted, "waitlisted": done.waitlisted, "declined": done.declined,
    }  # fmt: skip
    said = f"批次 {done.batch_id}：已提交 {done.submitted}，候补 {done.waitlisted}，暂不办 {done.declined}。"
    tell(document, said, as_json=as_json)


@self_fill_group.command("dismiss")
@_entry_option
@officer_option
@json_option
def dismiss(entries: tuple[str, ...], username: str, *, as_json: bool) -> None:
    """不是本单位的人或填着玩的：放在一边，填写的内容随即删除。"""
    with acting(username) as desk:
        command = _chosen(desk, entries, everybody=False)
        count = self_filled.dismiss_entries(desk.session, desk.world, command)
    tell({"dismissed": count}, f"已放在一边 {count} 人。", as_json=as_json)


def _chosen(desk: Desk, entries: tuple[str, ...], *, everybody: bool) -> self_filled.TakeEntries:
    if everybody == bool(entries):
        raise InvalidInput("nothing_chosen", "请用 --entry 写明编号，或用 --all 表示全部，两者取一。")
    if everybody:
        lines = self_filled.entries_of(desk.session, desk.world, desk.officer, desk.unit(None))
        return self_filled.TakeEntries(desk.officer, [one.id for one in lines])
    return self_filled.TakeEntries(desk.officer, [typed_id(one, "entry_unknown", "自填编号") for one in entries])
