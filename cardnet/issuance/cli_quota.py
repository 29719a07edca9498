"""More of `cardnet quota`: plans that are seen first, recall, the waiting list, the year's end."""

from datetime import date, datetime
from typing import Any

import click

from cardnet.access.services import principal_of_username
from cardnet.issuance import services
from cardnet.issuance.cli_parts import json_option, officer_option, say
from cardnet.issuance.rules import AllocationBasis, QuotaKind
from cardnet.kernel.calendar import day_of, local
from cardnet.kernel.db import transaction
from cardnet.wiring import current_world

_year = click.option("--year", type=click.IntRange(2000, 2999), default=None, help="年度，不写为今年。")
_kind = click.option(
    "--kind", type=click.Choice([kind.value for kind in QuotaKind]), default=QuotaKind.NEW_CARD.value, show_default=True
)
_day = click.DateTime(["%Y-%m-%d"])


@click.command("plan")
@click.option("--from", "from_code", required=True, help="从哪个工会下达给它的直属下级。")
@click.option("--count", type=int, required=True, help="下达总数。")
@click.option("--by", type=click.Choice(["members", "last_year"]), default="members", show_default=True)
@click.option("--after", type=_day, default=None, help="用到哪天，之后没用的可以收回。")
@click.option("--do", "really", is_flag=True, help="按看到的结果下达；不写只看不做。")
@_year
@_kind
@json_option
def plan(
    from_code: str,
    count: int,
    by: str,
    after: datetime | None,
    year: int | None,
    kind: str,
    *,
    really: bool,
    as_json: bool,
) -> None:
    """批量下达：先看每个工会分到多少、合计对不对。"""
    command = services.AllocateMany(
        year or _this_year(), from_code, count, AllocationBasis(by),
        recall_after=after.date() if after else None, kind=QuotaKind(kind),
    )  # fmt: skip
    with transaction() as session:
        seen = services.preview_allocation(session, command)
        if really:
            seen = services.allocate_many(session, current_world(), command)
    if as_json:
        shares = [{"code": s.union.code, "weight": s.weight, "before": s.before, "count": s.count} for s in seen.shares]
        say({"year": seen.year, "from": from_code, "total": seen.total, "left": seen.left, "short": seen.short,
              "evenly": seen.evenly, "done": really, "shares": shares})  # fmt: skip
        return
    for share in seen.shares:
        click.echo(f"{share.union.code} {share.union.name}：{share.count}（下达后 {share.after}）")
    missing = f"，空闲名额还差 {seen.short}" if seen.short else ""
    click.echo(f"{'已下达' if really else '合计'} {seen.total}，{seen.union.name}还剩 {seen.left}{missing}。")


@click.command("recall-date")
@click.option("--from", "code", required=True, help="这个工会的下级。")
@click.option("--after", type=_day, default=None, help="用到哪天；不写为取消。")
@_year
@_kind
@json_option
def recall_date(code: str, after: datetime | None, year: int | None, kind: str, *, as_json: bool) -> None:
    """设定日期：过了这一天，下级没用的名额可以收回。"""
    command = services.SetRecallDate(year or _this_year(), code, after.date() if after else None, None, QuotaKind(kind))
    with transaction() as session:
        unions = services.set_recall_date(session, current_world(), command)
    if as_json:
        say({"code": code, "after": after.date().isoformat() if after else None, "unions": unions})
        return
    click.echo(f"{unions} 个工会已设收回日期。")


@click.command("recall")
@click.option("--to", "code", required=True, help="收回到这个工会。")
@_year
@_kind
@json_option
def recall(code: str, year: int | None, kind: str, *, as_json: bool) -> None:
    """收回下级过了日期还没用的名额。"""
    command = services.RecallQuota(year or _this_year(), code, None, QuotaKind(kind))
    with transaction() as session:
        done = services.recall_quota(session, current_world(), command)
    if as_json:
        say({"code": code, "places": done.places, "unions": done.unions})
        return
    click.echo(f"已从 {done.unions} 个工会收回 {done.places} 个名额。")


@click.command("waiting")
@_year
@json_option
def waiting(year: int | None, *, as_json: bool) -> None:
    """候补名单：谁有名额待答复，谁排第几位（不显示姓名）。"""
    with transaction() as session:
        page = services.waiting_list(session, year or _this_year(), "/", 100_000)
    if as_json:
        say({"total": page.total, "offered": page.offered, "lines": [_waiting_line(line) for line in page.lines]})
        return
    for line in page.lines:
        stands = f"名额保留到 {local(line.offer_until):%Y-%m-%d %H:%M}" if line.offer_until else f"第 {line.place} 位"
        click.echo(f"{line.union.code} {line.union.name}  批次 {line.batch_id} 第 {line.row} 行  {stands}")
    click.echo(f"共 {page.total} 人候补，其中 {page.offered} 人有名额待答复。")


def _waiting_line(line: services.WaitingLine) -> dict[str, Any]:
    return {
        "application": str(line.application_id),
        "unit": line.union.code,
        "batch": str(line.batch_id) if line.batch_id else None,
        "row": line.row,
        "place": line.place,
        "priority": line.priority,
        "offer_until": line.offer_until.isoformat() if line.offer_until else None,
    }


@click.command("accept")
@officer_option
@json_option
def accept(username: str, *, as_json: bool) -> None:
    """确认本单位全部待答复的递补，转入审核。"""
    with transaction() as session:
        officer = principal_of_username(session, username)
        done = services.accept_offers(session, current_world(), services.AnswerOffers(officer))
    if as_json:
        say({"accepted": done.answered})
        return
    click.echo(f"{done.answered} 人确认递补。")


@click.command("year-end")
@click.option("--year", type=click.IntRange(2000, 2999), required=True)
@click.option("--until", type=_day, default=None, help="开始收口：占用的名额用到这一天。")
@click.option("--close", "close", is_flag=True, help="期限已过，结转到下一年。")
@json_option
def year_end(year: int, until: datetime | None, *, close: bool, as_json: bool) -> None:
    """年终：不写选项只看现在结转会怎样；--until 开始收口；--close 结转。"""
    world = current_world()
    with transaction() as session:
        if until is not None:
            services.begin_closing(session, world, services.BeginClosing(year, until.date()))
        if close:
            end = services.close_year(session, world, services.CloseYear(year))
        else:
            end = services.preview_year_end(session, year)
        state = next((str(one.state) for one in services.years(session) if one.year == year), None)
    if as_json:
        say({**vars(end), "state": state, "done": close})
        return
    click.echo(
        f"{year} 年（{state or '未核定'}）：已用 {end.used}，转入 {end.into} 年 {end.carried}，排候补最前 {end.requeued}，"
        f"候补随转 {end.waiting}，没用 {end.unused}。"
    )


def _this_year() -> int:
    today: date = day_of(current_world().now())
    return today.year


QUOTA_COMMANDS = [plan, recall_date, recall, waiting, accept, year_end]
