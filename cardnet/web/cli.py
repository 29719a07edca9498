"""`cardnet tasks` and `cardnet trail`: what waits for an officer, and who did what, in the words of the pages."""

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import click

from cardnet.access import services as access
from cardnet.access.rules import Role, username_of
from cardnet.kernel import audit
from cardnet.kernel.calendar import end_of, local, start_of
from cardnet.kernel.errors import InvalidInput
from cardnet.membership.cli_parts import DAY, OUT, Desk, acting, json_option, officer_option, say, tell, written_whole
from cardnet.web.act_words import act_word, actor_word
from cardnet.web.auth import OFFICERS
from cardnet.web.changes import Reader
from cardnet.web.console.audit_trail import MOST_EXPORTED, WRITERS
from cardnet.web.console.trail_subjects import names_in_words
from cardnet.web.task_lines import everything_waiting, sentence_of

_MOST = 1_000


@click.command("tasks")
@officer_option
@json_option
def tasks(username: str, *, as_json: bool) -> None:
    """待办：等这个账号办理的全部事项，急的在前。"""
    with acting(username, *OFFICERS) as desk:
        found = everything_waiting(desk.session, desk.world, desk.officer)
    if as_json:
        say({"tasks": [vars(one) | {"union": one.union.code, "part": dict(one.part)} for one in found]})
        return
    for one in found:
        late = "已超期  " if one.overdue else ""
        until = f"  {local(one.due_at):%Y-%m-%d %H:%M} 前" if one.due_at else ""
        batch = f"  批次 {one.batch_id}" if one.batch_id else ""
        click.echo(f"{late}{sentence_of(one)}{batch}{until}")
    if not found:
        click.echo("都办完了。")


@click.group("trail")
def trail_group() -> None:
    """操作记录：谁、代谁、办了什么、从哪里；查看和导出。"""


def _filtered(command: Any) -> Any:
    for option in (
        click.option("--from", "first", type=DAY, default=None, help="从哪天起。"),
        click.option("--to", "last", type=DAY, default=None, help="到哪天止（含当天）。"),
        click.option("--user", default="", help="谁办的：账号。"),
        click.option("--action", default="", help="办的什么，例如 card.issue，或一类：card.。"),
        click.option("--subject", default="", help="对象的编号。"),
    ):
        command = option(command)
    return command


@trail_group.command("list")
@_filtered
@click.option("--most", type=click.IntRange(1, _MOST), default=50, show_default=True, help="最多几条。")
@officer_option
@json_option
def list_trail(most: int, username: str, *, as_json: bool, **asked: Any) -> None:
    """最近的操作，新的在前。"""
    with acting(username, Role.ADMIN, Role.AUDITOR) as desk:
        lines = access.trail(desk.session, _query(desk, asked), most)
        names = names_in_words(desk.session, lines)
    named = [(line, names.get((line.subject_kind, line.subject_id), "")) for line in lines]
    if as_json:
        say({"acts": [{**vars(line), "subject_name": name or None} for line, name in named]})
        return
    reader = Reader()
    for line, name in named:
        who = line.actor[1] if line.actor else actor_word(line.action, line.after)
        about = name or f"{line.subject_kind} {line.subject_id}"
        changed = reader.in_one_line(reader.changes(line.action, line.before, line.after, names))
        told = f"{local(line.at):%Y-%m-%d %H:%M:%S}  {who}  {act_word(line.action)}  {about}"
        click.echo(f"{told}  {changed}" if changed else told)


@trail_group.command("export")
@_filtered
@click.option("--out", required=True, type=OUT, help="写进这个文件：.csv 或 .xlsx。")
@officer_option
@json_option
def export_trail(out: Path, username: str, *, as_json: bool, **asked: Any) -> None:
    """把操作记录写进文件；导出本身也记录在案。"""
    kind = out.suffix.lower().removeprefix(".")
    if kind not in WRITERS:
        raise InvalidInput("format_unknown", "文件名请以 .csv 或 .xlsx 结尾。")
    with written_whole(out) as unfinished, acting(username, Role.ADMIN, Role.AUDITOR) as desk:
        query = _query(desk, asked)
        content, _ = WRITERS[kind](desk.session, access.whole_trail(desk.session, query, MOST_EXPORTED))
        days = {name: asked[name].date().isoformat() for name in ("first", "last") if asked[name]}
        filters = {name: value for name, value in {**asked, **days}.items() if value}
        act = audit.Act("audit.export", "audit", kind, desk.officer.account_id, after=filters)
        audit.record(desk.session, desk.world, act)
        unfinished.write_bytes(content.getvalue())
    tell({"out": str(out)}, f"操作记录已写入 {out}", as_json=as_json)


def _query(desk: Desk, asked: dict[str, Any]) -> access.TrailQuery:
    first: datetime | None = asked["first"]
    last: datetime | None = asked["last"]
    for day in (first, last):
        if day is not None and not 2000 <= (day + timedelta(days=1)).year <= 2999:
            raise InvalidInput("day_invalid", "日期请在 2000 年和 2999 年之间。")
    scope = desk.officer.scope_path
    return access.TrailQuery(
        scope,
        # What no account did, such as the worker's rounds, concerns the whole district.
        system=scope.count("/") == 2,
        from_at=start_of(first.date()) if first else None,
        to_at=end_of(last.date()) if last else None,
        action=asked["action"],
        username=username_of(asked["user"]),
        subject_id=asked["subject"],
    )


COMMANDS = [tasks, trail_group]
