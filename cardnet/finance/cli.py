"""Commands of finance.

What `--json` prints, one document each; amounts in fen, days as ISO dates. Fields are added, never renamed.

`cardnet settle --day D [--all]`
    {"day", "state": "closed", "closed_days": [D, …],
     "settlements": [{"id", "number", "merchant": {"code", "name"}, "first_on", "last_on", "state", "lines",
                      "captured_fen", "reversed_fen", "refunded_fen", "net_fen", "net_yuan", "gross_fen", "discount_fen",
                      "sha256", "key_id", "sealed_at", "sealed_before": false}, …],
     "carried_over": [{"merchant": {"code", "name"}, "lines", "net_fen", "reason": "cycle_not_over | below_minimum | negative"}]}

`cardnet reconcile --merchant CODE --file FILE (--day D | --from D --to D) [--force]`
    {"run_id", "file_id", "result_sha256", "schema", "merchant", "first_on", "last_on", "ruleset", "basis", "files",
     "refused", "ours": {"lines", "amount_fen"}, "theirs": {"lines", "amount_fen", "unreadable", "outside_period"},
     "difference_fen", "matched": {"lines", "amount_fen", "by_pass": {"P1", "P2", "P4"}, "sha256"},
     "counts": {"E01": 1, …}, "groups": [{"group", "words", "count", "difference_fen"}, …],
     "differences": [{"no", "code", "title", "group", "group_words", "whose_move", "ours": […], "theirs": […],
                      "related": {"ours", "theirs"}, "our_fen", "their_fen", "difference_fen", "clears_on",
                      "explanation"}, …]}
    All but the first two are a pure function of both sides' lines: the same inputs print the same. A file that looks
    like another merchant's or another day's and would take the place of a run that counts is refused, `file_doubtful`,
    unless `--force` is given.

`cardnet reconciliations list [--merchant CODE] [--all]`, `cardnet reconciliations set-aside RUN --reason WHY`
    {"reconciliations": [{"run_id", "merchant", "first_on", "last_on", "files", "differences", "counts": true,
                          "set_aside_at", "set_aside_words"}, …]}; the second: those that count again, and "set_aside"

`cardnet reconciliations differences|step`: see `cli_differences`.

`cardnet audit`
    {"held": true, "asked": 23, "breaches": [{"code", "sentence", "count", "rows": […]}]}, exit code 1 when not held.
"""

import contextlib
import json
import uuid
from collections.abc import Iterator, Mapping
from datetime import date
from pathlib import Path
from typing import Any

import click
from sqlalchemy.orm import Session

from cardnet.access import services as access
from cardnet.finance import cli_differences, services
from cardnet.finance.closing import close_until
from cardnet.finance.rules import CARRY_WORDS, DOUBT_WORDS, TYPE_WORDS, doubt_of
from cardnet.finance.services import Reconcile, RunReconciliation, RunView, SetAside, Settle, SettlementView
from cardnet.kernel.calendar import local
from cardnet.kernel.db import transaction
from cardnet.kernel.errors import Conflict
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
@click.option("--force", is_flag=True, help="确认就是这家商户、这段日期的文件，取代已有的对账。")
@_AS
@_JSON
def reconcile(
    code: str,
    path: Path,
    day: date | None,
    first_on: date | None,
    last_on: date | None,
    again: bool,  # noqa: FBT001
    force: bool,  # noqa: FBT001
    username: str | None,
    as_json: bool,  # noqa: FBT001
) -> None:
    """与商户对账：读入商户的文件，逐笔核对，列出每一处差异。"""
    first_on, last_on = _period(day, first_on, last_on)
    content = path.read_bytes()
    with _saying_the_option(), transaction() as session:
        merchant_id = merchants.merchant_of_code(session, code).id
        actor_id = _actor_in(session, username)
        if again:
            file_id = services.statement_of_content(session, merchant_id, content).id
            run, result = services.run_reconciliation(
                session, current_world(), RunReconciliation(merchant_id, (file_id,), first_on, last_on, actor_id)
            )
        else:
            command = Reconcile(merchant_id, content, path.name, first_on, last_on, actor_id, may_replace=force)
            run, result = services.reconcile(session, current_world(), command)
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


_HINTS = {
    "file_doubtful": "原来的结果没有变；确认无误的，加 --force 再来一次。",
    "file_already_imported": "要用现在的明细重新核对，加 --again；传错了，用 cardnet reconciliations set-aside 作废那一次。",
}


@contextlib.contextmanager
def _saying_the_option() -> Iterator[None]:
    """What is refused here is said with the option that goes on, where a page has a button for it."""
    try:
        yield
    except Conflict as error:
        if error.code not in _HINTS:
            raise
        raise Conflict(error.code, f"{error.message}{_HINTS[error.code]}", error.detail) from None


def _say(result: dict[str, Any]) -> None:
    ours, theirs = result["ours"], result["theirs"]
    click.echo(f"我方 {ours['lines']} 笔 {yuan(ours['amount_fen'])} 元")
    click.echo(f"商户 {theirs['lines']} 笔 {yuan(theirs['amount_fen'])} 元，相差 {yuan(result['difference_fen'])} 元")
    click.echo(f"一致 {result['matched']['lines']} 笔")
    if theirs["outside_period"]:
        first, last = theirs["outside_first_on"], theirs["outside_last_on"]
        click.echo(f"不在这段日期内 {theirs['outside_period']} 行（{first} 至 {last}），没有计入")
    if not result["refused"] and (doubt := doubt_of(theirs["lines"], theirs["known"], theirs["outside_period"])):
        told = {"first": theirs["outside_first_on"], "last": theirs["outside_last_on"], **theirs}
        click.echo(DOUBT_WORDS[doubt] % told, err=True)
    for one in result["differences"]:
        click.echo(f"{one['group_words']} {one['code']} {one['title']}：{one['explanation']}")
        for side, word in (("ours", "我方"), ("theirs", "商户")):
            for line in one[side]:
                click.echo(f"    {word}  {_named(line)}")
            for line in one["related"][side]:
                click.echo(f"    {word}（相关）  {_named(line)}")


def _named(line: Mapping[str, Any]) -> str:
    """One line of either side, by everything it can be found by."""
    amount = line["amount_fen"]
    parts = (
        f"第 {line['line']} 行" if line.get("line") else "",
        TYPE_WORDS.get(line["type"], ""),
        "金额无法识别" if amount is None else f"{yuan(amount)} 元",
        line["business_date"] or "",
        f"商户单号 {line['merchant_ref']}" if line["merchant_ref"] else "没有商户单号",
        f"核销编号 {line['redemption_id']}" if line["redemption_id"] else "",
    )
    return "  ".join(part for part in parts if part)


@click.group()
def reconciliations() -> None:
    """对账结果：列出、作废；差异的查明、复核。"""


@reconciliations.command("list")
@click.option("--merchant", "code", help="只列这家商户。")
@click.option("--all", "everything", is_flag=True, help="作废的和被取代的也列出来。")
@_JSON
def list_reconciliations(code: str | None, everything: bool, as_json: bool) -> None:  # noqa: FBT001
    """列出对账，新的在前。"""
    with transaction() as session:
        one = merchants.merchant_of_code(session, code).id if code else None
        found = services.runs(session, limit=1_000, everything=everything, merchant_id=one)
    if as_json:
        _print({"reconciliations": [_run(run) for run in found]})
        return
    for run in found:
        state = "已作废" if run.set_aside_at else "不计入" if run.superseded else f"{run.differences} 处差异"
        click.echo(f"{run.id}  {run.merchant_name}  {run.first_on} 至 {run.last_on}  {state}")


@reconciliations.command("set-aside")
@click.argument("run_id", type=click.UUID)
@click.option("--reason", required=True, help="作废的原因。")
@_AS
@_JSON
def set_aside_reconciliation(run_id: uuid.UUID, reason: str, username: str | None, as_json: bool) -> None:  # noqa: FBT001
    """作废一次传错的对账；被它取代的重新计入。"""
    with transaction() as session:
        command = SetAside(run_id, reason, _actor_in(session, username))
        run, counted = services.set_aside(session, current_world(), command)
    if as_json:
        _print({"set_aside": _run(run), "reconciliations": [_run(one) for one in counted]})
        return
    click.echo(f"已作废 {run.merchant_name} {run.first_on} 至 {run.last_on} 的对账。")
    for one in counted:
        click.echo(f"重新计入 {one.first_on} 至 {one.last_on}，{one.differences} 处差异。")


for _command in cli_differences.COMMANDS:
    reconciliations.add_command(_command)


def _run(run: RunView) -> dict[str, Any]:
    return {
        "run_id": str(run.id),
        "merchant": run.merchant_code,
        "first_on": run.first_on.isoformat(),
        "last_on": run.last_on.isoformat(),
        "files": [file.filename for file in run.files],
        "differences": run.differences,
        "counts": not run.superseded,
        "set_aside_at": None if run.set_aside_at is None else local(run.set_aside_at).isoformat(timespec="seconds"),
        "set_aside_words": run.set_aside_words,
    }


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


COMMANDS = [settle, reconcile, reconciliations, audit, settlements]
