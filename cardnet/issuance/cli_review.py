"""`cardnet applications` and `cardnet review`: verdicts, taking back, terms, freezes, days of the calendar, deputies."""

import re
import uuid
from collections.abc import Callable
from datetime import date, datetime, timedelta

import click

from cardnet.access.services import principal_of_username
from cardnet.issuance import services
from cardnet.issuance.cli_parts import batch_id, batch_option, json_option, officer_option, say, typed_rows
from cardnet.issuance.rules import APPLICATION_WORDS, REASON_WORDS, ReviewReason, Verdict, decided_days
from cardnet.kernel.calendar import SHANGHAI, published_through, start_of
from cardnet.kernel.db import transaction
from cardnet.kernel.errors import InvalidInput, NotFound
from cardnet.membership.rules import Tier
from cardnet.wiring import current_world

_TIERS = {tier.value: tier for tier in Tier}


# ---- applications ----


@click.group("applications")
def applications_group() -> None:
    """办卡申请：本级审核、撤回。"""


def _verdict_command(verdict: Verdict, words: str) -> None:
    @applications_group.command(verdict.value, help=words)
    @batch_option
    @officer_option
    @click.option("--rows", "rows", default=None, help="只处理这些行，例如 1,2；不写则处理等本级审核的全部。")
    @_reasons_of(verdict)
    @click.option("--words", "note", default="", help="补充说明。")
    @click.option("--for", "giver", default=None, help="代谁办理：委托人的账号。")
    @json_option
    def decide(
        batch: str,
        username: str,
        rows: str | None,
        note: str,
        giver: str | None,
        *,
        as_json: bool,
        reasons: tuple[str, ...] = (),
    ) -> None:
        with transaction() as session:
            officer = principal_of_username(session, username)
            behalf = principal_of_username(session, giver).account_id if giver else None
            command = services.Review(batch_id(batch), officer, verdict, typed_rows(rows), reasons, note, behalf)
            receipt = services.review(session, current_world(), command)
        if as_json:
            say(
                {
                    "batch": str(receipt.batch_id),
                    "verdict": receipt.verdict,
                    "rows": receipt.rows,
                    "state": receipt.state,
                    "next": receipt.next_path,
                    "moved_up": receipt.moved_up,
                    "left": receipt.left,
                }
            )
            return
        moved = f"，候补递补 {receipt.moved_up} 人" if receipt.moved_up else ""
        left = f"；另有 {receipt.left} 行您已经办过，须由另一位审核" if receipt.left else ""
        click.echo(f"已处理 {receipt.rows} 行，现为“{APPLICATION_WORDS[receipt.state]}”{moved}{left}。")


def _reasons_of(verdict: Verdict) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """The option of reasons, for verdicts that have some: an approval needs none."""
    if verdict is Verdict.APPROVE:
        return lambda command: command
    return click.option("--reason", "reasons", multiple=True, help=f"原因代码，可多个：{_reasons_listed()}。")


def _reasons_listed() -> str:
    return "、".join(f"{reason} {REASON_WORDS[reason]}" for reason in ReviewReason)


_verdict_command(Verdict.APPROVE, "通过，转下一级。")
_verdict_command(Verdict.RETURN, "退回修改，须写原因。")
_verdict_command(Verdict.REJECT, "不予通过，须写原因。")


@applications_group.command("withdraw")
@batch_option
@officer_option
@click.option("--rows", "rows", default=None, help="只撤回这些行，例如 1,2；不写则撤回还能撤回的全部。")
@click.option("--words", "note", default="", help="原因。")
@json_option
def withdraw(batch: str, username: str, rows: str | None, note: str, *, as_json: bool) -> None:
    """撤回还没有审核通过的申请，名额让给候补。"""
    with transaction() as session:
        officer = principal_of_username(session, username)
        command = services.Withdraw(batch_id(batch), officer, typed_rows(rows), note)
        done = services.withdraw(session, current_world(), command)
    if as_json:
        say({"batch": batch, "rows": done.rows, "state": "withdrawn", "moved_up": done.moved_up})
        return
    click.echo(f"已撤回 {done.rows} 人，候补递补 {done.moved_up} 人。")


# ---- the clock, and deputies ----


@click.group("review")
def review_group() -> None:
    """审核：时限、冻结、放假和调休、委托。"""


@review_group.command("show")
@json_option
def show(*, as_json: bool) -> None:
    """各级时限、冻结和日历收录到哪一年。"""
    world = current_world()
    with transaction() as session:
        terms = services.terms_of(session)
        freezes = services.freezes(session, world)
    if as_json:
        say(
            {
                "working_days": {tier.value: days for tier, days in terms.items()},
                "calendar_through": published_through(),
                "freezes": [
                    {
                        "id": str(line.id),
                        "union": line.union.code if line.union else None,
                        "from": line.from_at.isoformat(),
                        "to": line.to_at.isoformat() if line.to_at else None,
                        "reason": line.reason,
                        "running": line.running,
                    }
                    for line in freezes
                ],
            }
        )
        return
    click.echo("，".join(f"{tier.value} {days} 个工作日" for tier, days in terms.items()))
    click.echo(f"放假安排收录到 {published_through()} 年。")
    for line in freezes:
        until = line.to_at.astimezone(SHANGHAI).isoformat() if line.to_at else "解除为止"
        click.echo(f"冻结 {line.id} {line.union.name if line.union else ''} {line.from_at.astimezone(SHANGHAI).isoformat()} 至 {until}：{line.reason}")  # fmt: skip


@review_group.command("term")
@click.option("--tier", type=click.Choice(sorted(_TIERS)), required=True)
@click.option("--days", type=int, required=True, help="工作日数，1 至 60。")
@json_option
def set_term(tier: str, days: int, *, as_json: bool) -> None:
    """改一级工会的办理时限，此后送达的申请按新时限。"""
    with transaction() as session:
        services.set_term(session, current_world(), services.SetTerm(_TIERS[tier], days))
    _done({"tier": tier, "working_days": days}, f"{tier} 的时限改为 {days} 个工作日。", as_json=as_json)


@review_group.command("freeze")
@click.option("--union", "union_code", required=True, help="工会编码；它和它的下级停止审核。")
@click.option("--from", "from_text", required=True, help="日期或时刻，例如 2026-12-28 或 2026-12-28T18:00。")
@click.option("--to", "to_text", default=None, help="到此之前；不写则到解除为止。")
@click.option("--reason", required=True)
@json_option
def freeze(union_code: str, from_text: str, to_text: str | None, reason: str, *, as_json: bool) -> None:
    """冻结审核，时限停止计算。"""
    command = services.FreezeReview(union_code, _moment(from_text), _moment(to_text) if to_text else None, reason)
    with transaction() as session:
        freeze_id = services.freeze_review(session, current_world(), command)
    _done({"id": str(freeze_id)}, f"已冻结，编号 {freeze_id}。", as_json=as_json)


@review_group.command("lift")
@click.option("--freeze", "freeze_id", required=True, help="冻结的编号，见 cardnet review show。")
@json_option
def lift(freeze_id: str, *, as_json: bool) -> None:
    """解除冻结，时限继续计算。"""
    with transaction() as session:
        services.lift_freeze(session, current_world(), services.LiftFreeze(_id(freeze_id)))
    _done({"id": freeze_id}, "已解除。", as_json=as_json)


@review_group.command("days")
@click.option("--free", multiple=True, help="放假的日子，可多个：2027-02-05 或 2027-02-05..2027-02-11。")
@click.option("--worked", multiple=True, help="调休上班的日子，可多个。")
@click.option("--document", required=True, help="放假通知的文号。")
@json_option
def days(free: tuple[str, ...], worked: tuple[str, ...], document: str, *, as_json: bool) -> None:
    """录入新一年的放假和调休，未到期的申请随之重算。"""
    decided = decided_days(
        (day for text in free for day in _days(text)), (day for text in worked for day in _days(text))
    )
    with transaction() as session:
        moved = services.record_days(session, current_world(), services.RecordDays(decided, document))
    _done({"days": len(decided), "moved": moved}, f"已录入 {len(decided)} 天，{moved} 份申请的期限随之调整。", as_json=as_json)  # fmt: skip


@review_group.command("delegate")
@click.option("--from", "giver", required=True, help="委托人的账号。")
@click.option("--to", "deputy", required=True, help="受托人的账号。")
@click.option("--first", required=True, help="从这一天起（日期或时刻）。")
@click.option("--until", required=True, help="到此之前（不含）。")
@click.option("--reason", required=True)
@click.option("--as", "username", required=True, help="办理人的账号：委托人本人或其上级。")
@json_option
def delegate(giver: str, deputy: str, first: str, until: str, reason: str, username: str, *, as_json: bool) -> None:
    """委托别人代为审核。"""
    with transaction() as session:
        by = principal_of_username(session, username)
        command = services.GiveDelegation(giver, deputy, _moment(first), _moment(until), reason, by)
        delegation_id = services.give_delegation(session, current_world(), command)
    _done({"id": str(delegation_id)}, f"委托已登记，编号 {delegation_id}。", as_json=as_json)


@review_group.command("end-delegation")
@click.option("--delegation", required=True, help="委托的编号。")
@click.option("--as", "username", required=True)
@json_option
def end_delegation(delegation: str, username: str, *, as_json: bool) -> None:
    """结束一项委托。"""
    with transaction() as session:
        by = principal_of_username(session, username)
        services.end_delegation(session, current_world(), services.EndDelegation(_id(delegation), by))
    _done({"id": delegation}, "委托已结束。", as_json=as_json)


def _moment(text: str) -> datetime:
    """A day is its first moment; a moment without a zone is Shanghai's."""
    try:
        if re.fullmatch(r"\d{4}-\d{2}-\d{2}", text):
            return start_of(date.fromisoformat(text))
        at = datetime.fromisoformat(text)
    except (ValueError, OverflowError):
        raise InvalidInput(
            "moment_invalid", f"“{text}”不是日期或时刻，请写成 2026-12-28 或 2026-12-28T18:00。"
        ) from None
    return at if at.tzinfo else at.replace(tzinfo=SHANGHAI)


def _days(text: str) -> list[date]:
    first, _, last = text.partition("..")
    try:
        begin, end = date.fromisoformat(first), date.fromisoformat(last or first)
    except ValueError:
        raise InvalidInput("days_invalid", f"“{text}”不是日期，请写成 2027-02-05 或 2027-02-05..2027-02-11。") from None
    if not 0 <= (end - begin).days < 60:
        raise InvalidInput("days_invalid", f"“{text}”的先后或长度不对，一段最多 60 天。")
    return [begin + timedelta(days=number) for number in range((end - begin).days + 1)]


def _id(text: str) -> uuid.UUID:
    try:
        return uuid.UUID(text)
    except ValueError:
        raise NotFound("id_unknown", f"没有编号 {text}，请核对。") from None


def _done(document: object, words: str, *, as_json: bool) -> None:
    if as_json:
        say(document)
    else:
        click.echo(words)
