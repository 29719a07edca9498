"""Commands of finance.

What `--json` prints, one document each; amounts in fen, days as ISO dates. Fields are added, never renamed.

`cardnet settle --day D [--all]`
    {"day", "state": "closed", "closed_days": [D, …],
     "settlements": [{"id", "number", "merchant": {"code", "name"}, "first_on", "last_on", "state", "lines",
                      "captured_fen", "reversed_fen", "refunded_fen", "net_fen", "net_yuan", "gross_fen", "discount_fen",
                      "sha256", "key_id", "sealed_at", "sealed_before": false}, …],
     "carried_over": [{"merchant": {"code", "name"}, "lines", "net_fen", "reason": "cycle_not_over | below_minimum | negative"}]}

`cardnet reconcile --merchant CODE --file FILE (--day D | --from D --to D)`
    {"run_id", "file_id", "result_sha256", "schema", "merchant", "first_on", "last_on", "ruleset", "basis", "files",
     "refused", "ours": {"lines", "amount_fen"}, "theirs": {"lines", "amount_fen", "unreadable", "outside_period"},
     "difference_fen", "matched": {"lines", "amount_fen", "by_pass": {"P1", "P2", "P4"}, "sha256"},
     "counts": {"E01": 1, …}, "groups": [{"group", "words", "count", "difference_fen"}, …],
     "differences": [{"no", "code", "title", "group", "group_words", "whose_move", "ours": […], "theirs": […],
                      "related": {"ours", "theirs"}, "our_fen", "their_fen", "difference_fen", "clears_on",
                      "explanation"}, …]}
    All but the first two are a pure function of both sides' lines: the same inputs print the same.

`cardnet audit`
    {"held": true, "asked": 23, "breaches": [{"code", "sentence", "count", "rows": […]}]}, exit code 1 when not held.
"""

import json
import uuid
from datetime import date
from pathlib import Path
from typing import Any

import click
from sqlalchemy.orm import Session

from cardnet.access import services as access
from cardnet.finance import services
from cardnet.finance.closing import close_until
from cardnet.finance.rules import CARRY_WORDS
from cardnet.finance.services import Reconcile, RunReconciliation, Settle, SettlementView
from cardnet.kernel.calendar import local
from cardnet.kernel.db import transaction
from cardnet.kernel.money import yuan
from cardnet.merchants import services as merchants
from cardnet.wiring import current_world


class _Day(click.ParamType[date]):
    name = "日期"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> date:
        if isinstance(value, date):
            return value
        try:
            return date.fromisoformat(str(value))
        except ValueError:
            self.fail(f"“{value}”不是日期，请写成 2026-11-24。", param, ctx)


_DAY = _Day()
_JSON = click.option("--json", "as_json", is_flag=True, help="输出一份 JSON。")
_AS = click.option("--as", "username", help="以哪个账号办理，记入审计记录。")


@click.command()
@click.option("--day", type=_DAY, required=True, help="业务日，如 2026-11-30。")
@click.option("--all", "everyone", is_flag=True, help="结算所有有交易的商户，不论周期与金额。")
@_AS
@_JSON
def settle(day: date, everyone: bool, username: str | None, as_json: bool) -> None:  # noqa: FBT001
    """日结并生成结算单：关闭业务日，封存周期在这一天结束的结算单。"""
    actor_id = _actor(username)
    closed = close_until(day, actor_id)
    with transaction() as session:
        receipt = services.settle(session, current_world(), Settle(day, actor_id, everyone))
    if as_json:
        sealed = [_settlement(view, sealed_before=False) for view in receipt.sealed]
        before = [_settlement(view, sealed_before=True) for view in receipt.already]
        _print(
            {
                "day": day.isoformat(),
                "state": "closed",
                "closed_days": [one.isoformat() for one in closed],
                "settlements": sorted(sealed + before, key=lambda one: str(one["number"])),
                "carried_over": [
                    {
                        "merchant": {"code": one.merchant_code, "name": one.merchant_name},
                        "lines": one.lines,
                        "net_fen": one.net_fen,
                        "reason": one.reason.value,
                    }
                    for one in receipt.carried
                ],
            }
        )
        return
    click.echo(f"{day} 已日结。")
    for view in (*receipt.sealed, *receipt.already):
        click.echo(
            f"结算单 {view.number}  {view.merchant_name}  {view.totals.lines} 行  {yuan(view.totals.net_fen)} 元"
        )
    for one in receipt.carried:
        click.echo(f"未结算 {one.merchant_name}  {yuan(one.net_fen)} 元：{CARRY_WORDS[one.reason]}")


@click.command()
@click.option("--merchant", "code", required=True, help="商户编号。")
@click.option("--file", "path", required=True, type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--day", type=_DAY, help="只核对这一天。")
@click.option("--from", "first_on", type=_DAY, help="起始日（含）。")
@click.option("--to", "last_on", type=_DAY, help="截止日（含）。")
@click.option("--again", is_flag=True, help="文件上传过：不再上传，用现在的明细重新核对。")
@_AS
@_JSON
def reconcile(
    code: str,
    path: Path,
    day: date | None,
    first_on: date | None,
    last_on: date | None,
    again: bool,  # noqa: FBT001
    username: str | None,
    as_json: bool,  # noqa: FBT001
) -> None:
    """与商户对账：读入商户的文件，逐笔核对，列出每一处差异。"""
    first_on, last_on = _period(day, first_on, last_on)
    content = path.read_bytes()
    with transaction() as session:
        merchant_id = merchants.merchant_of_code(session, code).id
        actor_id = _actor_in(session, username)
        if again:
            file_id = services.statement_of_content(session, merchant_id, content).id
            run, result = services.run_reconciliation(
                session, current_world(), RunReconciliation(merchant_id, (file_id,), first_on, last_on, actor_id)
            )
        else:
            run, result = services.reconcile(
                session, current_world(), Reconcile(merchant_id, content, path.name, first_on, last_on, actor_id)
            )
    if as_json:
        _print(
            {
                "run_id": str(run.id),
                "file_id": str(run.files[0].id),
                "result_sha256": run.result_sha256.hex(),
                **json.loads(result),
            }
        )
        return
    _say(json.loads(result))


def _say(result: dict[str, Any]) -> None:
    ours, theirs = result["ours"], result["theirs"]
    click.echo(f"我方 {ours['lines']} 笔 {yuan(ours['amount_fen'])} 元")
    click.echo(f"商户 {theirs['lines']} 笔 {yuan(theirs['amount_fen'])} 元，相差 {yuan(result['difference_fen'])} 元")
    click.echo(f"一致 {result['matched']['lines']} 笔")
    for one in result["differences"]:
        click.echo(f"{one['group_words']} {one['code']} {one['title']}：{one['explanation']}")


@click.command("audit")
@_JSON
def audit(as_json: bool) -> None:  # noqa: FBT001
    """核验全部账务与业务恒等式；有一条不成立则退出码为 1。"""
    with transaction() as session:
        breaches = services.audit.run(session, current_world())
        asked = len(services.audit.invariants()) + 1
    if as_json:
        found = [
            {
                "code": one.code,
                "sentence": one.sentence,
                "count": one.count,
                "rows": [{name: _plain(value) for name, value in row.items()} for row in one.rows],
            }
            for one in breaches
        ]
        _print({"held": not breaches, "asked": asked, "breaches": found})
    else:
        for one in breaches:
            click.echo(f"✗ {one.code} {one.sentence}：{one.count} 处不符")
            for row in one.rows:
                click.echo(f"    {row}")
        click.echo(f"共核验 {asked} 条，{len(breaches)} 条不成立。" if breaches else f"✓ 共核验 {asked} 条，全部成立。")
    if breaches:
        raise SystemExit(1)


@click.group()
def settlements() -> None:
    """结算单：列出、导出、验真。"""


@settlements.command("list")
@click.option("--merchant", "code", help="只列这家商户。")
@_JSON
def list_settlements(code: str | None, as_json: bool) -> None:  # noqa: FBT001
    """列出结算单，新的在前。"""
    with transaction() as session:
        merchant_id = merchants.merchant_of_code(session, code).id if code else None
        views = services.settlements(session, merchant_id)
    if as_json:
        _print({"settlements": [_settlement(view) for view in views]})
        return
    for view in views:
        click.echo(
            f"{view.number}  {view.merchant_name}  {view.first_on} 至 {view.last_on}  {yuan(view.totals.net_fen)} 元"
        )


@settlements.command("export")
@click.argument("number")
@click.option("--format", "kind", type=click.Choice(["json", "csv"]), default="json", show_default=True)
@click.option("--out", "path", type=click.Path(dir_okay=False, path_type=Path), help="写到文件；不给则写到标准输出。")
def export_settlement(number: str, kind: str, path: Path | None) -> None:
    """导出一张结算单：签名的 JSON，或同样各行的 CSV。"""
    render = services.settlement_csv if kind == "csv" else services.settlement_json
    with transaction() as session:
        content = render(session, services.settlement_of_number(session, number).id)
    if path:
        path.write_bytes(content)
    else:
        click.echo(content, nl=False)


@settlements.command("verify")
@click.argument("path", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@_JSON
def verify_settlement(path: Path, as_json: bool) -> None:  # noqa: FBT001
    """验真：这份 JSON 结算单是否由本系统签发、一字未改。"""
    with transaction() as session:
        faults = services.verify_settlement(session, current_world(), path.read_bytes())
    if as_json:
        _print({"genuine": not faults, "faults": faults})
    else:
        click.echo("✓ 结算单真实，未被改动。" if not faults else f"✗ 结算单不可信：{'、'.join(faults)}")
    if faults:
        raise SystemExit(1)


def _settlement(view: SettlementView, **more: Any) -> dict[str, Any]:
    return {
        "id": str(view.id),
        "number": view.number,
        "merchant": {"code": view.merchant_code, "name": view.merchant_name},
        "first_on": view.first_on.isoformat(),
        "last_on": view.last_on.isoformat(),
        "state": view.state.value,
        **vars(view.totals),
        "net_yuan": yuan(view.totals.net_fen).replace(",", ""),
        "sha256": view.sha256.hex(),
        "key_id": view.kid.hex(),
        "sealed_at": local(view.sealed_at).isoformat(timespec="seconds"),
        **more,
    }


def _period(day: date | None, first_on: date | None, last_on: date | None) -> tuple[date, date]:
    if day and not first_on and not last_on:
        return day, day
    if first_on and last_on and not day:
        return first_on, last_on
    raise click.UsageError("请写 --day D，或同时写 --from D 和 --to D。")


def _actor(username: str | None) -> uuid.UUID | None:
    with transaction() as session:
        return _actor_in(session, username)


def _actor_in(session: Session, username: str | None) -> uuid.UUID | None:
    return access.principal_of_username(session, username).account_id if username else None


def _plain(value: Any) -> Any:
    return value if value is None or isinstance(value, int | str | bool) else str(value)


def _print(document: dict[str, Any]) -> None:
    click.echo(json.dumps(document, ensure_ascii=False))


COMMANDS = [settle, reconcile, audit, settlements]
