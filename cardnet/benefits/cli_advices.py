"""`cardnet advices`: offline records held for review, and what offline sales left open, without a page."""

import json
import uuid
from collections.abc import Callable
from dataclasses import asdict
from typing import Any, TypeVar

import click
from sqlalchemy.orm import Session

from cardnet.access.services import principal_of_username
from cardnet.benefits import reasons, services
from cardnet.kernel.calendar import local
from cardnet.kernel.db import transaction
from cardnet.kernel.errors import NotFound
from cardnet.kernel.money import yuan
from cardnet.kernel.world import World
from cardnet.merchants.services import venue_of_terminal
from cardnet.wiring import current_world

_json = click.option("--json", "as_json", is_flag=True, help="只输出一份 JSON。")
_as = click.option("--as", "username", required=True, help="财务人员的账号。")
_reason = click.option("--reason", required=True, help="理由，会记入档案。")


@click.group("advices")
def advices() -> None:
    """离线补传：核定留下的记录，关闭查明的异常。"""


@advices.command("list")
@click.option("--decided", is_flag=True, help="看已经办结的。")
@_json
def list_held(*, decided: bool, as_json: bool) -> None:
    """等待核定的离线记录。"""
    with transaction() as session:
        found = services.held_advices(session, waiting=not decided)
        lines = [_line(session, one) for one in found]
    if as_json:
        _say({"advices": [asdict(one) for one in found]})
        return
    for line in lines or ["没有这样的记录。"]:
        click.echo(line)


@advices.command("show")
@click.argument("advice_id")
@_json
def show(advice_id: str, *, as_json: bool) -> None:
    """一条记录的全部凭据，和接受后会怎样。"""
    with transaction() as session:
        found = services.advice_evidence(session, current_world(), _id(advice_id, "advice_unknown"))
        line = _line(session, found.advice)
    if as_json:
        _say(asdict(found))
        return
    click.echo(line)
    for word, code in (("按终端时间", found.as_told), ("按校正时间", found.corrected)):
        click.echo(
            f"{word} {local(code.at):%Y-%m-%d %H:%M:%S}：{reasons.words(code.outcome) if code.outcome else '码有效'}"
        )
    click.echo(f"终端时钟差 {found.clock_off_seconds} 秒，晚 {found.late.total_seconds() / 3600:.0f} 小时上传。")
    if found.if_accepted:
        click.echo(f"接受后核销 {yuan(found.if_accepted.fen)} 元，承担方 {found.if_accepted.bearer}。")


@advices.command("accept")
@click.argument("advice_id")
@_reason
@_as
@_json
def accept(advice_id: str, reason: str, username: str, *, as_json: bool) -> None:
    """经办提出接受，由另一人 confirm。"""
    _decide(
        advice_id,
        username,
        "已提出接受，等待复核。",
        as_json,
        services.propose_acceptance,
        services.ProposeAcceptance,
        reason,
    )


@advices.command("refuse")
@click.argument("advice_id")
@_reason
@_as
@_json
def refuse(advice_id: str, reason: str, username: str, *, as_json: bool) -> None:
    """退回，由商户承担。"""
    _decide(advice_id, username, "已退回，由商户承担。", as_json, services.refuse_advice, services.RefuseAdvice, reason)


@advices.command("confirm")
@click.argument("advice_id")
@_as
@_json
def confirm(advice_id: str, username: str, *, as_json: bool) -> None:
    """复核通过，按当时的时间核销。"""
    _decide(advice_id, username, "复核通过，已核销。", as_json, services.confirm_acceptance, services.ConfirmAcceptance)


@advices.command("decline")
@click.argument("advice_id")
@_reason
@_as
@_json
def decline(advice_id: str, reason: str, username: str, *, as_json: bool) -> None:
    """复核不同意，退回经办。"""
    _decide(
        advice_id, username, "已退回经办。", as_json, services.decline_acceptance, services.DeclineAcceptance, reason
    )


@advices.command("exceptions")
@click.option("--closed", is_flag=True, help="看已经关闭的。")
@_json
def exceptions(*, closed: bool, as_json: bool) -> None:
    """离线异常：缺号、分叉、超限。"""
    with transaction() as session:
        found = services.advice_exceptions(session, closed=closed)
    if as_json:
        _say({"exceptions": [asdict(one) for one in found]})
        return
    for one in found:
        click.echo(f"{one.id} {one.code} {one.why} {one.first_seq}–{one.last_seq} {yuan(one.fen)} 元")
    if not found:
        click.echo("没有离线异常。")


@advices.command("close")
@click.argument("exception_id")
@click.option("--words", required=True, help="查明了什么。")
@_as
@_json
def close(exception_id: str, words: str, username: str, *, as_json: bool) -> None:
    """关闭一条查明的离线异常。"""
    with transaction() as session:
        officer = principal_of_username(session, username)
        command = services.CloseAdviceException(_id(exception_id, "exception_unknown"), officer, words)
        done = services.close_advice_exception(session, current_world(), command)
    if as_json:
        _say(asdict(done))
        return
    click.echo("已关闭。")


_Decision = TypeVar("_Decision")
_Act = Callable[[Session, World, _Decision], services.ReviewView]


def _decide(
    advice_id: str,
    username: str,
    told: str,
    as_json: bool,  # noqa: FBT001
    act: _Act[_Decision],
    decision: Callable[..., _Decision],
    *reason: str,
) -> None:
    with transaction() as session:
        officer = principal_of_username(session, username)
        done = act(session, current_world(), decision(_id(advice_id, "advice_unknown"), officer, *reason))
    if as_json:
        _say(asdict(done))
        return
    click.echo(told)


def _line(session: Session, one: services.HeldAdvice) -> str:
    venue = venue_of_terminal(session, one.terminal_id)
    given = "未写明" if one.given_fen is None else f"{yuan(one.given_fen)} 元"
    state = f"{one.review.kind.value}/{one.review.state.value}" if one.review else "待核定"
    when = f"{local(one.occurred_at):%Y-%m-%d %H:%M}"
    return f"{one.id} {one.merchant_ref} {venue.merchant_name} {venue.terminal_code} {when} {one.code} 已减 {given} {state}"


def _id(text: str, code: str) -> uuid.UUID:
    try:
        return uuid.UUID(text)
    except ValueError:
        raise NotFound(code, f"没有编号为“{text[:40]}”的记录，请核对。") from None


def _say(document: Any) -> None:
    click.echo(json.dumps(document, ensure_ascii=False, default=str))
