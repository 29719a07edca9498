"""`cardnet cards holds-on-loss` and `life`, `cardnet transfers term`: what the district decides for everybody."""

import click

from cardnet.access.services import principal_of_username
from cardnet.issuance import services
from cardnet.issuance.cli_cards import cards_group
from cardnet.issuance.cli_transfers import transfers_group
from cardnet.issuance.rules import CardEnd, CardKind
from cardnet.kernel.db import transaction
from cardnet.membership import services as membership
from cardnet.membership.cli_parts import json_option, tell
from cardnet.wiring import current_world

_reason_option = click.option("--reason", default="", help="为什么改，例如会议纪要的文号。")
_as_option = click.option("--as", "username", default=None, help="区总工会经办人员的账号；不写则由服务中心修改。")


@cards_group.command("holds-on-loss")
@click.option(
    "--set", "chosen", type=click.Choice(["honour", "refuse"]), default=None, help="照常核销，或不再核销；不写只看。"
)
@_reason_option
@_as_option
@json_option
def holds_on_loss(chosen: str | None, reason: str, username: str | None, *, as_json: bool) -> None:
    """挂失以前的预留，挂失后照常核销还是不再核销。"""
    with transaction() as session:
        if chosen is not None:
            officer = principal_of_username(session, username) if username else None
            command = services.SetLossPolicy(chosen == "honour", reason, officer)
            services.set_loss_policy(session, current_world(), command)
        view = services.loss_policy(session)
    said = "挂失以前的预留，挂失后" + ("照常核销。" if view.honour_holds_on_loss else "不再核销。")
    document = {"honour_holds_on_loss": view.honour_holds_on_loss, "reason": view.reason, "set_by": view.set_by}
    tell(document, said, as_json=as_json)


@cards_group.command("life")
@click.option("--kind", type=click.Choice([str(one) for one in CardKind]), default=None, help="会员服务卡（own）或绑定已有工会卡（external）。")  # fmt: skip
@click.option("--years", type=int, default=None, help="用几年；不写只看。")
@click.option("--ends", type=click.Choice([str(one) for one in CardEnd]), default=str(CardEnd.YEAR_END), help="最后一年的 12 月 31 日（year_end），或满年的前一天（same_day）。")  # fmt: skip
@_reason_option
@_as_option
@json_option
def life(kind: str | None, years: int | None, ends: str, reason: str, username: str | None, *, as_json: bool) -> None:
    """没有另写到期日的新卡用多久；改了只管此后做的卡。"""
    if (kind is None) != (years is None):
        raise click.UsageError("修改时 --kind 和 --years 要一起写；都不写只看。")
    with transaction() as session:
        if kind is not None and years is not None:
            officer = principal_of_username(session, username) if username else None
            command = services.SetCardLife(CardKind(kind), years, CardEnd(ends), reason, officer)
            services.set_card_life(session, current_world(), command)
        lives = services.card_lives(session)
    said = "\n".join(f"{_KINDS[one.kind]}：{one.years} 年，{_ENDS[one.ends]}到期。" for one in lives)
    kinds = {
        str(one.kind): {"years": one.years, "ends": one.ends, "reason": one.reason, "set_by": one.set_by}
        for one in lives
    }
    tell(kinds, said, as_json=as_json)


_KINDS = {CardKind.OWN: "会员服务卡", CardKind.EXTERNAL: "绑定已有工会卡"}
_ENDS = {CardEnd.YEAR_END: "最后一年的 12 月 31 日", CardEnd.SAME_DAY: "满年的前一天"}


@transfers_group.command("term")
@click.option("--set", "days", type=int, default=None, help="几个工作日；不写只看。")
@_reason_option
@_as_option
@json_option
def term(days: int | None, reason: str, username: str | None, *, as_json: bool) -> None:
    """原单位有几个工作日答复转接，到期不答复即自动转出；改了只管此后提出的。"""
    with transaction() as session:
        if days is not None:
            officer = principal_of_username(session, username) if username else None
            membership.set_transfer_term(session, current_world(), membership.SetTransferTerm(days, reason, officer))
        view = membership.transfer_term(session)
    document = {"working_days": view.working_days, "reason": view.reason, "set_by": view.set_by}
    tell(document, f"原单位有 {view.working_days} 个工作日答复转接。", as_json=as_json)
