"""More of `cardnet cards`: reminding who has not activated, and the six digits for a phone that lost its key."""

import click

from cardnet.issuance import services
from cardnet.issuance.cli_cards import cards_group
from cardnet.issuance.cli_parts import json_option, officer_option, path_typed, tell
from cardnet.issuance.services import desk as lists
from cardnet.kernel.calendar import local
from cardnet.kernel.errors import InvalidInput
from cardnet.membership.cli_parts import acting


@cards_group.command("remind")
@click.option("--unit", default=None, help="工会编码：它和它的下级全部未激活的人。")
@click.option("--number", "numbers", multiple=True, help="只提醒这些卡号，可多个。")
@click.option(
    "--by", "channel", type=click.Choice(["notice", "slip", "call"]), default="notice", show_default=True,
    help="notice 能发消息的发消息、其余打印通知单，slip 全部打印，call 已打过电话。",
)  # fmt: skip
@officer_option
@json_option
def remind(unit: str | None, numbers: tuple[str, ...], channel: str, username: str, *, as_json: bool) -> None:
    """提醒还没有激活的人；同一个人一天只提醒一次。"""
    if bool(unit) == bool(numbers):
        raise InvalidInput("nothing_chosen", "请用 --unit 写明单位，或用 --number 写明卡号，两者取一。")
    with acting(username) as desk:
        command = services.Remind(desk.officer, channel, numbers or None, path_typed(desk.session, unit))
        done = services.remind(desk.session, desk.world, command)
    document = {"people": done.people, "messages": done.messages, "slips": done.slips}
    said = f"今天提醒 {done.people} 人：发消息 {done.messages} 人，要打印通知单 {done.slips} 人。"
    tell(document, said if done.people else "这些人今天都已提醒过，没有重复提醒。", as_json=as_json)


@cards_group.command("rebind-code")
@click.argument("number")
@officer_option
@json_option
def rebind_code(number: str, username: str, *, as_json: bool) -> None:
    """重绑码：本人带证件到场才给，换手机用，六位数字十五分钟内有效，只显示这一次。"""
    with acting(username) as desk:
        card_id = services.card_of_number(desk.session, number).id
        line = lists.card_of_id(desk.session, desk.officer, card_id)
        command = services.GiveRebindCode(line.card_id, desk.officer)
        given = services.give_rebind_code(desk.session, desk.world, command)
    document = {"number": line.number, "code": given.code, "expires_at": given.expires_at}
    tell(document, f"重绑码 {given.code}，{local(given.expires_at):%H:%M} 前有效。", as_json=as_json)
