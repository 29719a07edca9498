"""`cardnet past-uses`: uses from before cardnet, taken in and taken back without a page."""

import json
import uuid
from dataclasses import asdict
from pathlib import Path

import click

from cardnet.access.services import principal_of_username
from cardnet.benefits import services, use_english
from cardnet.benefits.cli_advices import advices
from cardnet.benefits.cli_bulletin import bulletin_group
from cardnet.benefits.cli_orgs import orgs_group
from cardnet.benefits.cli_rules import rules
from cardnet.issuance import card_english
from cardnet.kernel.db import transaction
from cardnet.kernel.errors import NotFound
from cardnet.membership import english
from cardnet.membership.cli_parts import language_option, refused_in
from cardnet.membership.english import Say
from cardnet.wiring import current_world

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
_json = click.option("--json", "as_json", is_flag=True, help="只输出一份 JSON。")
_as = click.option("--as", "username", required=True, help="经办人员的账号（区或镇街道工会）。")


@click.group("past-uses")
def past_uses() -> None:
    """用本系统以前已经享受过的：导入后计入限额，导错了可以撤回。"""


@past_uses.command("import")
@click.argument("file", type=_FILE)
@_as
@language_option(use_english.BOOK, card_english.BOOK, english.BOOK)
@_json
def import_file(file: Path, username: str, say: Say, *, as_json: bool) -> None:
    """导入以往使用登记表：项目、使用日期，卡号或证件号码；有错的行不导入并逐条说明。"""
    with refused_in(say), transaction() as session:
        officer = principal_of_username(session, username)
        command = services.ImportPastUses(file.read_bytes(), file.name, officer)
        done = services.import_past_uses(session, current_world(), command)
    if as_json:
        findings = [found._asdict() | {"message": say(found.message)} for found in done.findings]
        _say(asdict(done) | {"import_id": done.import_id and str(done.import_id), "findings": findings})
        return
    counted = (
        f"共 {done.rows} 行：计入 {done.stored}（{done.people} 人），以前已计入 {done.known}，需要改正 {done.invalid}。"
    )
    click.echo(say(counted))
    for found in done.findings:
        click.echo(say(f"第 {found.line} 行 {found.column}：") + say(found.message))
    if done.import_id:
        click.echo(say(f"导错了可以撤回：cardnet past-uses take-back {done.import_id} --reason …"))


@past_uses.command("list")
@_as
@_json
def list_imports(username: str, *, as_json: bool) -> None:
    """导入过的登记表。"""
    with transaction() as session:
        lists = services.past_use_imports(session, principal_of_username(session, username))
    if as_json:
        _say({"imports": [asdict(one) for one in lists]})
        return
    for one in lists:
        back = f"，已撤回：{one.reason}" if one.taken_back_at else ""
        click.echo(f"{one.id} {one.filename}：计入 {one.stored}／{one.rows} 行{back}")


@past_uses.command("take-back")
@click.argument("import_id")
@click.option("--reason", required=True, help="为什么撤回。")
@_as
@_json
def take_back(import_id: str, reason: str, username: str, *, as_json: bool) -> None:
    """撤回一份登记表：里面的使用不再计入限额。"""
    try:
        asked = uuid.UUID(import_id)
    except ValueError:
        raise NotFound("past_use_import_unknown", f"没有编号为“{import_id[:40]}”的导入。") from None
    with transaction() as session:
        officer = principal_of_username(session, username)
        count = services.take_back_past_uses(
            session, current_world(), services.TakeBackPastUses(asked, officer, reason)
        )
    if as_json:
        _say({"taken_back": count})
        return
    click.echo(f"已撤回 {count} 条。")


def _say(document: object) -> None:
    click.echo(json.dumps(document, ensure_ascii=False, default=str))


COMMANDS = [past_uses, advices, rules, bulletin_group, orgs_group]
