"""`cardnet cards holds-on-loss`: whether what was held before a card was lost may still be used."""

import click

from cardnet.access.services import principal_of_username
from cardnet.issuance import services
from cardnet.issuance.cli_cards import cards_group
from cardnet.kernel.db import transaction
from cardnet.membership.cli_parts import json_option, tell
from cardnet.wiring import current_world


@cards_group.command("holds-on-loss")
@click.option(
    "--set", "chosen", type=click.Choice(["honour", "refuse"]), default=None, help="照常核销，或不再核销；不写只看。"
)
@click.option("--reason", default="", help="为什么改，例如会议纪要的文号。")
@click.option("--as", "username", default=None, help="区总工会经办人员的账号；不写则由服务中心修改。")
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
