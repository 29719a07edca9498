"""`cardnet roster`, `applications`, `cards` and `quota`: the desk's work without a page, by the same services."""

import dataclasses
from pathlib import Path
from typing import Any

import click

from cardnet.access.services import principal_of_username
from cardnet.issuance import (
    cli_activation,  # noqa: F401 - hangs its commands below the groups of others
    cli_chair,  # noqa: F401
    cli_decisions,  # noqa: F401
    cli_kin,  # noqa: F401
    cli_names,  # noqa: F401
    services,
)
from cardnet.issuance.cli_cards import cards_group
from cardnet.issuance.cli_confirmation import confirmation_group
from cardnet.issuance.cli_handouts import handouts_group
from cardnet.issuance.cli_members import members_group
from cardnet.issuance.cli_parts import FILE, OUT, json_option, language_option, officer_option, refused_in
from cardnet.issuance.cli_parts import say as print_json
from cardnet.issuance.cli_quota import QUOTA_COMMANDS
from cardnet.issuance.cli_raises import RAISE_COMMANDS
from cardnet.issuance.cli_review import applications_group, review_group
from cardnet.issuance.cli_self_fill import self_fill_group
from cardnet.issuance.cli_transfers import transfers_group
from cardnet.issuance.rules import RosterMode
from cardnet.kernel.calendar import day_of
from cardnet.kernel.db import transaction
from cardnet.membership.english import Say
from cardnet.membership.result_workbook import result_workbook
from cardnet.membership.roster import RosterCheck, Severity
from cardnet.wiring import current_world

# ---- roster ----


@click.group("roster")
def roster_group() -> None:
    """办卡信息采集表：检查、提交。"""


@roster_group.command("check")
@click.argument("file", type=FILE)
@click.option("--unit", "unit_code", required=True, help="工会编码；名单里的人须属于它或它的下级。")
@click.option("--report", type=OUT, help="把检查结果写进这个 XLSX：原表加“状态”“原因”“代码”三列。")
@language_option
@json_option
def check_roster(file: Path, unit_code: str, report: Path | None, say: Say, *, as_json: bool) -> None:
    """检查名单，不存任何东西；逐行写明哪里要改、怎么改。"""
    with refused_in(say), transaction() as session:
        command = services.CheckRoster(file.read_bytes(), file.name, unit_code)
        checked = services.check_roster(session, current_world(), command)
    if report is not None:
        report.write_bytes(result_workbook(checked, say=say))
    if as_json:
        print_json(_checked(checked, say))
        return
    counted = (
        f"共 {len(checked.rows)} 行：可以提交 {checked.valid}，暂不办 {checked.declined}，需要修改 {checked.to_mend}"
    )
    click.echo(say(counted + (f"，已在办理 {checked.running}。" if checked.running else "。")))
    _say_findings(checked, say)
    if report is not None:
        click.echo(say(f"检查结果已写入 {report}"))


@roster_group.command("submit")
@click.argument("file", type=FILE)
@click.option("--unit", "unit_code", required=True, help="工会编码；名单里的人须属于它或它的下级。")
@officer_option
@click.option(
    "--mode",
    type=click.Choice([mode.value for mode in RosterMode]),
    default=RosterMode.VALID_ROWS_ONLY.value,
    show_default=True,
    help="valid_rows_only：只提交没有错误的行；all_or_nothing：有一行错就都不提交。",
)
@language_option
@json_option
def submit_roster(file: Path, unit_code: str, username: str, mode: str, say: Say, *, as_json: bool) -> None:
    """提交名单；同一个文件再次提交不会重复。"""
    with refused_in(say), transaction() as session:
        officer = principal_of_username(session, username)
        command = services.SubmitRoster(file.read_bytes(), file.name, unit_code, officer, RosterMode(mode))
        receipt = services.submit_roster(session, current_world(), command)
    if as_json:
        numbers = {f.name: getattr(receipt, f.name) for f in dataclasses.fields(receipt) if f.name != "check"}
        findings = _checked(receipt.check, say)["findings"] if receipt.check else []
        print_json({"batch": str(numbers.pop("batch_id")), **numbers, "findings": findings})
        return
    if receipt.resumed:
        click.echo(say("这份名单以前已经提交过，没有重复生成。"))
    click.echo(
        say(
            f"批次 {receipt.batch_id}：共 {receipt.rows} 行，已提交 {receipt.submitted}，候补 {receipt.waitlisted}，"
            f"暂不办 {receipt.declined}，需要修改 {receipt.invalid}。"
        )
    )
    if receipt.check:
        _say_findings(receipt.check, say)


def _checked(checked: RosterCheck, say: Say) -> dict[str, Any]:
    findings = [
        {slot: getattr(found, slot) for slot in found.__slots__} | {"message": say(found.message)}
        for found in checked.findings
    ]
    return {
        "rows": len(checked.rows),
        "valid": checked.valid,
        "declined": checked.declined,
        "invalid": checked.invalid,
        "findings": findings,
    }


def _say_findings(checked: RosterCheck, say: Say) -> None:
    for found in checked.findings:
        if found.severity is not Severity.NOTE:
            click.echo(say(f"第 {found.line} 行 {found.column}：") + say(found.message))
    for notice in checked.notices:
        click.echo(say(notice))


# ---- quota ----


@click.group("quota")
def quota_group() -> None:
    """办卡名额：核定、下达、调剂、交回。"""


for _command in (*QUOTA_COMMANDS, *RAISE_COMMANDS):
    quota_group.add_command(_command)

_year = click.option("--year", type=click.IntRange(2000, 2999), default=None, help="年度，不写为今年。")
_count = click.option("--count", type=int, required=True, help="名额数。")


@quota_group.command("show")
@_year
@json_option
def show_quota(year: int | None, *, as_json: bool) -> None:
    """各级名额：收到、下达、占用、已用、空闲、候补。"""
    year = year or _this_year()
    with transaction() as session:
        lines = services.quota_tree(session, year)
    if as_json:
        print_json({"year": year, "nodes": [_line(line) for line in lines]})
        return
    if not lines:
        click.echo(f"{year} 年还没有核定名额。")
    for line in lines:
        depth = line.union.path.count("/") - 2
        click.echo(
            f"{'  ' * depth}{line.union.code} {line.union.name}：收到 {line.received}，下达 {line.passed_down}，"
            f"占用 {line.held}，已用 {line.used}，空闲 {line.free}，候补 {line.waiting + line.offered}"
        )


@quota_group.command("grant")
@click.option("--year", type=click.IntRange(2000, 2999), required=True)
@_count
@click.option("--document", required=True, help="决策依据文号。")
@json_option
def grant_quota(year: int, count: int, document: str, *, as_json: bool) -> None:
    """核定（负数为核减）全区名额。"""
    with transaction() as session:
        line = services.grant_quota(session, current_world(), services.GrantQuota(year, count, document))
    _say_line(line, year, as_json=as_json)


@quota_group.command("allocate")
@click.option("--from", "from_code", required=True)
@click.option("--to", "to_code", required=True)
@_count
@_year
@json_option
def allocate_quota(from_code: str, to_code: str, count: int, year: int | None, *, as_json: bool) -> None:
    """上级向直属下级下达名额。"""
    command = services.MoveQuota(year or _this_year(), from_code, to_code, count)
    with transaction() as session:
        line = services.allocate_quota(session, current_world(), command)
    _say_line(line, command.year, as_json=as_json)


@quota_group.command("transfer")
@click.option("--from", "from_code", required=True)
@click.option("--to", "to_code", required=True)
@_count
@_year
@json_option
def transfer_quota(from_code: str, to_code: str, count: int, year: int | None, *, as_json: bool) -> None:
    """同级之间调剂名额（经共同上级）。"""
    command = services.MoveQuota(year or _this_year(), from_code, to_code, count)
    with transaction() as session:
        line = services.transfer_quota(session, current_world(), command)
    _say_line(line, command.year, as_json=as_json)


@quota_group.command("return")
@click.option("--from", "from_code", required=True)
@_count
@_year
@json_option
def return_quota(from_code: str, count: int, year: int | None, *, as_json: bool) -> None:
    """把空闲名额交回上级。"""
    command = services.ReturnQuota(year or _this_year(), from_code, count)
    with transaction() as session:
        line = services.return_quota(session, current_world(), command)
    _say_line(line, command.year, as_json=as_json)


@quota_group.command("spread")
@click.option("--year", type=click.IntRange(2000, 2999), required=True)
@click.option("--by", type=click.Choice(["members"]), required=True, help="members：按会员人数。")
@json_option
def spread_quota(year: int, by: str, *, as_json: bool) -> None:
    """把空闲名额按会员人数逐级下达到基层。"""
    with transaction() as session:
        spread = services.spread_quota(session, current_world(), services.SpreadQuota(year))
    if as_json:
        print_json(
            {"year": year, "by": "units" if spread.evenly else by, "places": spread.places, "nodes": spread.nodes}
        )
        return
    note = "名册中还没有会员，已按基层工会数平均分配。" if spread.evenly else ""
    click.echo(f"{note}已把 {spread.places} 个名额逐级下达，共 {spread.nodes} 笔。")


# ---- pieces ----


def _line(line: services.QuotaLine) -> dict[str, Any]:
    return {
        "code": line.union.code,
        "name": line.union.name,
        "tier": line.union.tier,
        "path": line.union.path,
        "received": line.received,
        "passed_down": line.passed_down,
        "held": line.held,
        "used": line.used,
        "free": line.free,
        "waiting": line.waiting,
        "offered": line.offered,
        "recall_after": line.recall_after.isoformat() if line.recall_after else None,
    }


def _say_line(line: services.QuotaLine, year: int, *, as_json: bool) -> None:
    if as_json:
        print_json({"year": year, **_line(line)})
        return
    click.echo(f"{line.union.name} {year} 年：收到 {line.received}，已下达 {line.passed_down}，空闲 {line.free}。")


def _this_year() -> int:
    return day_of(current_world().now()).year


COMMANDS = [
    roster_group,
    applications_group,
    review_group,
    cards_group,
    quota_group,
    members_group,
    transfers_group,
    confirmation_group,
    self_fill_group,
    handouts_group,
]
