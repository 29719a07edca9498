"""More of `cardnet quota`: asking the union above for more and deciding it; answering offers, moving somebody in line."""

import uuid
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import click

from cardnet.issuance import services
from cardnet.issuance.cli_parts import FILE, batch_id, json_option, officer_option, rows_option, say, tell, typed_rows
from cardnet.issuance.rules import QuotaKind, RaiseState
from cardnet.kernel.calendar import day_of
from cardnet.kernel.errors import InvalidInput, NotFound
from cardnet.membership.cli_parts import DAY, Desk, acting, typed_day, words_option
from cardnet.membership.rules import Tier

_year = click.option("--year", type=click.IntRange(2000, 2999), default=None, help="年度，不写为今年。")
_kind = click.option(
    "--kind", type=click.Choice([kind.value for kind in QuotaKind]), default=QuotaKind.NEW_CARD.value, show_default=True
)
_WORDS = {
    RaiseState.ASKED: "等待审批", RaiseState.APPROVED: "已同意", RaiseState.REFUSED: "不同意", RaiseState.WITHDRAWN: "已撤回",
}  # fmt: skip
_MOST = 1_000_000


@click.command("ask")
@click.option("--count", type=int, required=True, help="追加多少。")
@click.option("--reason", required=True, help="为什么追加。")
@click.option("--document", default=None, help="决策依据文号（追加全区名额时必写，连同下面三项）。")
@click.option("--meeting", default="", help="哪次会议。")
@click.option("--decided-on", type=DAY, default=None, help="会议日期。")
@click.option("--budget-item", default="", help="预算科目。")
@click.option("--original", type=FILE, default=None, help="文件的扫描件（PDF、JPEG、PNG），加密保存。")
@_year
@_kind
@officer_option
@json_option
def ask(
    count: int, reason: str, document: str | None, meeting: str, decided_on: datetime | None, budget_item: str,
    original: Path | None, year: int | None, kind: str, username: str, *, as_json: bool,
) -> None:  # fmt: skip
    """为本级向上级申请追加名额；区级写明决策依据。"""
    with acting(username) as desk:
        own = desk.unit(None)
        authority = None
        if document is not None:
            if own.tier is not Tier.DISTRICT:
                raise InvalidInput("authority_not_asked", "决策依据由区级填写；向上级申请请只写理由。")
            content = original.read_bytes() if original else None
            authority = services.NewAuthority(
                document, meeting, typed_day(decided_on), budget_item, original.name if original else None, content
            )
        command = services.AskForMore(
            _year_of(desk, year), own.code, count, reason, desk.officer, authority, QuotaKind(kind)
        )
        raise_id = services.ask_for_more(desk.session, desk.world, command)
    tell({"raise": raise_id, "union": own.code, "count": count}, "追加申请已提交，等待审批。", as_json=as_json)


@click.command("raises")
@_year
@_kind
@officer_option
@json_option
def raises(year: int | None, kind: str, username: str, *, as_json: bool) -> None:
    """管理范围内的追加申请，等审批的在前。"""
    with acting(username) as desk:
        found = services.raises(desk.session, desk.officer, _year_of(desk, year), QuotaKind(kind))
    if as_json:
        say({"raises": [_document(one) for one in found]})
        return
    for one in found:
        decided = f"（{one.decided_by}{'：' + one.words if one.words else ''}）" if one.decided_at else ""
        click.echo(f"{one.union.code} {one.union.name}：追加 {one.count}，{one.reason}  {_WORDS[one.state]}{decided}")
    if not found:
        click.echo("没有追加申请。")


def _decision(name: str, words: str, said: str, verb: Callable[..., services.RaiseView]) -> click.Command:
    @click.command(name, help=words)
    @click.option("--union", "code", required=True, help="谁申请的：工会编码。")
    @words_option
    @_year
    @_kind
    @officer_option
    @json_option
    def decide(code: str, words: str, year: int | None, kind: str, username: str, *, as_json: bool) -> None:
        with acting(username) as desk:
            found = _open_of(desk, code, _year_of(desk, year), QuotaKind(kind))
            done = verb(desk.session, desk.world, services.DecideRaise(found, desk.officer, words))
        tell(_document(done), said, as_json=as_json)

    return decide


@click.command("decline")
@click.option("--batch", default=None, help="批次号；与 --rows 一起写明是谁，见 quota waiting。")
@rows_option
@click.option("--all", "everybody", is_flag=True, help="管理范围内全部待答复的递补。")
@officer_option
@json_option
def decline(batch: str | None, rows: str | None, username: str, *, everybody: bool, as_json: bool) -> None:
    """本人放弃递补：名额转给下一位。"""
    with acting(username) as desk:
        if everybody == bool(batch):
            raise InvalidInput("nothing_chosen", "请用 --batch 和 --rows 写明是谁，或用 --all 表示全部，两者取一。")
        chosen = None if everybody else _offered(desk, batch or "", rows)
        done = services.decline_offers(desk.session, desk.world, services.AnswerOffers(desk.officer, chosen))
    document = {"declined": done.answered, "moved_up": done.moved_up}
    tell(document, f"{done.answered} 人放弃递补，名额已通知下一位（{done.moved_up} 人）。", as_json=as_json)


@click.command("move-up")
@click.option("--batch", required=True, help="批次号，见 quota waiting。")
@click.option("--row", type=int, required=True, help="这个批次的第几行。")
@click.option("--back", is_flag=True, help="放回原来的次序。")
@click.option("--words", required=True, help="为什么调整，会记录在案。")
@officer_option
@json_option
def move_up(batch: str, row: int, words: str, username: str, *, back: bool, as_json: bool) -> None:
    """候补的一个人列为优先：排在没有优先的人之前；上年转入的人在他们之间调整，始终先于本年的人。"""
    with acting(username) as desk:
        (application,) = _waiting(desk, batch, str(row))
        command = services.SetPriority(application, 0 if back else -1, words, desk.officer)
        priority = services.set_priority(desk.session, desk.world, command)
    tell({"application": application, "priority": priority}, "已调整候补次序。", as_json=as_json)


# ---- pieces ----


def _year_of(desk: Desk, year: int | None) -> int:
    return year or day_of(desk.world.now()).year


def _open_of(desk: Desk, code: str, year: int, kind: QuotaKind) -> uuid.UUID:
    """The open request of a union (of several, the oldest)."""
    union = desk.unit(code)
    found = services.raises(desk.session, desk.officer, year, kind)
    waiting = [one for one in found if one.union.id == union.id and one.state is RaiseState.ASKED]
    if not waiting:
        raise NotFound("raise_unknown", f"{union.name} {year} 年没有等审批的追加申请，请用 cardnet quota raises 核对。")
    return min(waiting, key=lambda one: one.asked_at).id


def _waiting(desk: Desk, batch: str, rows: str | None) -> tuple[uuid.UUID, ...]:
    return tuple(line.application_id for line in _lines(desk, batch, rows))


def _offered(desk: Desk, batch: str, rows: str | None) -> tuple[uuid.UUID, ...]:
    return tuple(line.application_id for line in _lines(desk, batch, rows) if rows or line.offer_until)


def _lines(desk: Desk, batch: str, rows: str | None) -> list[services.WaitingLine]:
    """Who of a batch waits; raises NotFound("row_not_waiting") for a row that does not."""
    wanted, chosen = batch_id(batch), typed_rows(rows)
    year = _year_of(desk, None)
    page = services.waiting_list(desk.session, year, desk.officer.scope_path, _MOST)
    found = [one for one in page.lines if one.batch_id == wanted and (chosen is None or one.row in chosen)]
    missing = sorted(set(chosen or ()) - {one.row for one in found if one.row is not None})
    if missing or not found:
        which = "、".join(map(str, missing)) or "任何一"
        raise NotFound("row_not_waiting", f"这个批次的第 {which} 行不在候补名单里，请用 cardnet quota waiting 核对。")
    return found


def _document(one: services.RaiseView) -> dict[str, Any]:
    return {
        "raise": one.id, "year": one.year, "kind": one.kind, "union": one.union.code, "count": one.count, "reason": one.reason,
        "document": one.authority.document if one.authority else None, "state": one.state, "asked_by": one.asked_by,
        "asked_at": one.asked_at, "decided_by": one.decided_by or None, "decided_at": one.decided_at, "words": one.words,
    }  # fmt: skip


RAISE_COMMANDS = [
    ask,
    raises,
    _decision(
        "approve-raise", "同意追加：名额随即下达（区级为核定）。", "已同意追加，名额已下达。", services.approve_raise
    ),
    _decision("refuse-raise", "不同意追加，须写理由。", "已答复不同意。", services.refuse_raise),
    _decision("withdraw-raise", "申请人撤回自己的申请。", "已撤回申请。", services.withdraw_raise),
    decline,
    move_up,
]
