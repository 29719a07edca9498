"""`cardnet organisations import` and `cardnet register import`."""

import json
from pathlib import Path

import click

from cardnet.kernel.db import transaction
from cardnet.membership import services
from cardnet.membership.roster import Severity
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


@click.group()
def register() -> None:
    """会员名册：单位的全部会员，办没办卡都在内。"""


@register.command("import")
@click.argument("file", type=_FILE)
@click.option("--unit", "unit_code", required=True, help="工会编码。")
@click.option("--json", "as_json", is_flag=True, help="只输出一份 JSON。")
def import_register(file: Path, unit_code: str, *, as_json: bool) -> None:
    """导入会员名册；有错的行不入库并逐条说明，改正后可以再次导入。"""
    with transaction() as session:
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
        findings = [{slot: getattr(finding, slot) for slot in finding.__slots__} for finding in said]
        click.echo(_json({**counts, "notices": done.check.notices, "findings": findings}))
        return
    click.echo(
        "共 {rows} 人：新入册 {added}，已在册 {known}，会籍在其他工会 {elsewhere}，有错未入册 {invalid}。".format(
            **counts
        )
    )
    for finding in said:
        click.echo(f"第 {finding.line} 行 {finding.column}：{finding.message}")
    for notice in done.check.notices:
        click.echo(notice)


def _json(document: object) -> str:
    return json.dumps(document, ensure_ascii=False)


COMMANDS = [organisations, register]
