"""`cardnet organisations import` and `cardnet register import`."""

import csv
import io
import json
from pathlib import Path

import click

from cardnet.kernel.db import transaction
from cardnet.kernel.errors import InvalidInput
from cardnet.membership import english, services
from cardnet.membership.cli_parts import (
    acting,
    json_option,
    language_option,
    officer_option,
    refused_in,
    unit_option,
)
from cardnet.membership.english import Say
from cardnet.membership.roster import Severity
from cardnet.membership.services import notices
from cardnet.wiring import current_world

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.group()
def organisations() -> None:
    """组织机构：区总工会、镇街委局工会、基层工会。"""


@organisations.command("import")
@click.argument("file", type=_FILE)
@click.option("--json", "as_json", is_flag=True, help="只输出一份 JSON。")
def import_organisations(file: Path, *, as_json: bool) -> None:
    """导入组织机构表（CSV、XLSX）：只新增，不改动已有工会。"""
    with transaction() as session:
        command = services.ImportOrganisations(file.read_bytes(), file.name)
        done = services.import_organisations(session, current_world(), command)
    findings = [vars(finding) for finding in done.findings]
    if as_json:
        click.echo(_json({"added": done.added, "unchanged": done.unchanged, "findings": findings}))
        return
    click.echo(f"新增 {done.added} 个工会，已有 {done.unchanged} 个。")
    for finding in done.findings:
        click.echo(f"第 {finding.line} 行 {finding.column}：{finding.message}")


@click.group("notices")
def notices_group() -> None:
    """通知：绑定公众号。"""


@notices_group.command("reach")
@unit_option
@officer_option
@json_option
def reach(unit_code: str | None, username: str, *, as_json: bool) -> None:
    """会员各用什么方式通知得到：公众号、短信、只能发通知单（只有人数）。"""
    with acting(username) as desk:
        counts = notices.reach_by_union(desk.session, desk.world, desk.unit(unit_code).path)
    lines = [{**vars(one), "union": one.union.code} for one in counts]
    if as_json:
        click.echo(_json({"unions": lines}))
        return
    for one in counts:
        paper = one.members - one.official_account - one.sms
        click.echo(
            f"{one.union.code} {one.union.name}：会员 {one.members}，公众号 {one.official_account}，短信 {one.sms}，"
            f"只能发通知单 {paper}"
        )
    if not counts:
        click.echo("还没有会员。")


@notices_group.command("bind")
@click.argument("file", type=_FILE)
@click.option("--json", "as_json", is_flag=True, help="只输出一份 JSON。")
def bind_accounts(file: Path, *, as_json: bool) -> None:
    """导入公众号的绑定名单（CSV，列：证件号码、openid），以后的通知先发公众号。"""
    try:
        rows = list(csv.DictReader(io.StringIO(file.read_bytes().decode("utf-8-sig"))))
    except (UnicodeDecodeError, csv.Error):
        raise InvalidInput("file_unreadable", "文件不是 UTF-8 的 CSV：请另存为“CSV UTF-8”再导入。") from None
    if rows and not {"证件号码", "openid"} <= rows[0].keys():
        raise InvalidInput("columns_missing", "第一行须有“证件号码”和“openid”两列。")
    with transaction() as session:
        found, unknown = [], []
        for line, row in enumerate(rows, 2):
            people = services.people_of_document(session, (row["证件号码"] or "").strip().upper())
            address = (row["openid"] or "").strip()
            if len(people) == 1 and address:
                found.append(notices.BindAccount(next(iter(people)), address[:128]))
            else:
                unknown.append(line)
        new = notices.bind_accounts(session, current_world(), found)
    if as_json:
        click.echo(_json({"bound": new, "unchanged": len(found) - new, "unknown_rows": unknown}))
        return
    click.echo(f"新绑定 {new} 人，{len(found) - new} 人没有变化。")
    if unknown:
        click.echo(f"没有找到会员或缺 openid 的行：{'、'.join(map(str, unknown))}。")


@click.group()
def register() -> None:
    """会员名册：单位的全部会员，办没办卡都在内。"""


@register.command("import")
@click.argument("file", type=_FILE)
@click.option("--unit", "unit_code", required=True, help="工会编码。")
@language_option(english.BOOK)
@json_option
def import_register(file: Path, unit_code: str, say: Say, *, as_json: bool) -> None:
    """导入会员名册；有错的行不入库并逐条说明，改正后可以再次导入。"""
    with refused_in(say), transaction() as session:
        command = services.ImportRegister(file.read_bytes(), file.name, unit_code)
        done = services.import_register(session, current_world(), command)
    said = [finding for finding in done.check.findings if finding.severity is not Severity.NOTE]
    counts = {
        "rows": len(done.check.rows),
        "added": done.added,
        "known": done.known,
        "elsewhere": done.elsewhere,
        "invalid": done.check.invalid,
    }
    if as_json:
        findings = [
            {slot: getattr(finding, slot) for slot in finding.__slots__} | {"message": say(finding.message)}
            for finding in said
        ]
        click.echo(_json({**counts, "notices": [say(one) for one in done.check.notices], "findings": findings}))
        return
    counted = "共 {rows} 人：新入册 {added}，已在册 {known}，会籍在其他工会 {elsewhere}，有错未入册 {invalid}。"
    click.echo(say(counted.format(**counts)))
    for finding in said:
        click.echo(say(f"第 {finding.line} 行 {finding.column}：") + say(finding.message))
    for notice in done.check.notices:
        click.echo(say(notice))


def _json(document: object) -> str:
    return json.dumps(document, ensure_ascii=False)


COMMANDS = [organisations, register, notices_group]
