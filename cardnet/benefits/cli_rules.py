"""`cardnet rules`: versions of what programs give, drafted by one officer and decided by another; dated parameters.

`cardnet rules list PROGRAM --json`: {"rules": [{"id", "no", "status", "effective_from", "effective_to", "body", …}]}
`cardnet rules draft|submit|return|approve|retire … --json`: the version as it stands then, as in `list`.
"""

import json
import uuid
from dataclasses import asdict
from datetime import date, datetime
from pathlib import Path
from typing import Any

import click

from cardnet.access.services import principal_of_username
from cardnet.benefits import services
from cardnet.kernel.db import transaction
from cardnet.kernel.errors import InvalidInput, NotFound
from cardnet.wiring import current_world

_json = click.option("--json", "as_json", is_flag=True, help="只输出一份 JSON。")
_as = click.option("--as", "username", required=True, help="办理人的账号。")
_DAY = click.DateTime(["%Y-%m-%d"])
_STATES = {"draft": "草稿", "in_review": "待审批", "approved": "已审批", "retired": "已作废"}


@click.group("rules")
def rules() -> None:
    """项目执行标准：起草、送审、退回、审批、结束，以及分日期的参数。"""


@rules.command("list")
@click.argument("program")
@_json
def list_rules(program: str, *, as_json: bool) -> None:
    """一个项目的全部版次，新的在前。"""
    with transaction() as session:
        found = services.rule_versions(session, program)
    if as_json:
        _say({"rules": [asdict(one) for one in found]})
        return
    for one in found:
        click.echo(_line(one))
    if not found:
        click.echo("这个项目还没有执行标准。")


@rules.command("draft")
@click.argument("program")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--from", "first", required=True, type=_DAY, help="从哪天起执行。")
@click.option("--until", type=_DAY, help="到哪天为止（当天不再有效）；不填长期有效。")
@_as
@_json
def draft(program: str, file: Path, first: datetime, until: datetime | None, username: str, *, as_json: bool) -> None:
    """按一份 JSON 文件起草新版次。"""
    try:
        body = json.loads(file.read_bytes())
    except ValueError:
        body = None
    if not isinstance(body, dict):
        raise InvalidInput("rule_invalid", f"{file.name} 不是一份 JSON 对象，请核对文件。")
    with transaction() as session:
        officer, end = principal_of_username(session, username), until.date() if until else None
        command = services.DraftRule(program, body, first.date(), officer, end)
        made = services.draft_rule(session, current_world(), command)
    _told(made, as_json=as_json)


@rules.command("submit")
@click.argument("version_id")
@_as
@_json
def submit(version_id: str, username: str, *, as_json: bool) -> None:
    """把草稿送审。"""
    with transaction() as session:
        command = services.SubmitRule(_id(version_id), principal_of_username(session, username))
        made = services.submit_rule(session, current_world(), command)
    _told(made, as_json=as_json)


@rules.command("return")
@click.argument("version_id")
@click.option("--words", required=True, help="为什么退回，记入审计记录。")
@_as
@_json
def give_back(version_id: str, words: str, username: str, *, as_json: bool) -> None:
    """退回起草人修改。"""
    with transaction() as session:
        command = services.ReturnRule(_id(version_id), principal_of_username(session, username), words)
        made = services.return_rule(session, current_world(), command)
    _told(made, as_json=as_json)


@rules.command("approve")
@click.argument("version_id")
@_as
@_json
def approve(version_id: str, username: str, *, as_json: bool) -> None:
    """审批；起草人不能审批自己的。"""
    with transaction() as session:
        command = services.ApproveRule(_id(version_id), principal_of_username(session, username))
        made = services.approve_rule(session, current_world(), command)
    _told(made, as_json=as_json)


@rules.command("retire")
@click.argument("version_id")
@click.option("--on", required=True, type=_DAY, help="从哪天起不再有效，不能早于今天。")
@_as
@_json
def retire(version_id: str, on: datetime, username: str, *, as_json: bool) -> None:
    """结束一个已审批的版次。"""
    with transaction() as session:
        command = services.RetireRule(_id(version_id), principal_of_username(session, username), on.date())
        made = services.retire_rule(session, current_world(), command)
    _told(made, as_json=as_json)


@rules.command("parameter")
@click.argument("code")
@click.argument("value", type=int)
@click.option("--from", "first", required=True, type=_DAY, help="从哪天起是这个数值。")
@click.option("--doc-ref", required=True, help="确定这个数值的文号。")
@_as
@_json
def parameter(code: str, value: int, first: datetime, doc_ref: str, username: str, *, as_json: bool) -> None:
    """设定一个参数从某天起的数值（金额以分计）。"""
    day: date = first.date()
    with transaction() as session:
        officer = principal_of_username(session, username)
        services.set_parameter(session, current_world(), services.SetParameter(code, day, value, doc_ref, officer))
    if as_json:
        _say({"code": code, "value": value, "effective_from": day})
        return
    click.echo(f"参数 {code} 从 {day} 起为 {value}。")


def _told(made: services.RuleView, *, as_json: bool) -> None:
    if as_json:
        _say(asdict(made))
        return
    click.echo(_line(made))


def _line(one: services.RuleView) -> str:
    until = f"至 {one.effective_to}" if one.effective_to else "长期"
    return f"{one.id} {one.program} 第 {one.no} 版 {_STATES[one.status.value]} 自 {one.effective_from} {until}"


def _id(text: str) -> uuid.UUID:
    try:
        return uuid.UUID(text)
    except ValueError:
        raise NotFound("rule_unknown", f"没有编号为“{text[:40]}”的执行标准，请核对。") from None


def _say(document: Any) -> None:
    click.echo(json.dumps(document, ensure_ascii=False, default=str))
