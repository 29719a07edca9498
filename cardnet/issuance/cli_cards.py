"""`cardnet cards`: issue, print, hand out, chase, suspend, replace, renew: what the console's card pages do."""

import uuid
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import click
from sqlalchemy.orm import Session

from cardnet.access.rules import Principal
from cardnet.access.services import principal_of_username
from cardnet.issuance import services, sign_lists
from cardnet.issuance.cli_parts import (
    OUT,
    batch_id,
    batch_option,
    json_option,
    officer_option,
    say,
    tell,
    written_whole,
)
from cardnet.issuance.papers import letter_sheets, poster
from cardnet.issuance.rules import CARD_WORDS, ReplacementReason
from cardnet.issuance.services import desk
from cardnet.issuance.sheets import Layout, write_card_sheets
from cardnet.kernel import fonts
from cardnet.kernel.calendar import day_of
from cardnet.kernel.db import transaction
from cardnet.kernel.errors import NotFound
from cardnet.membership import services as membership
from cardnet.membership.cli_parts import SITE
from cardnet.membership.services import notices
from cardnet.wiring import current_world


@click.group("cards")
def cards_group() -> None:
    """会员服务卡：发卡、打印。"""


@cards_group.command("issue")
@batch_option
@officer_option
@click.option(
    "--valid-to", type=click.DateTime(["%Y-%m-%d"]), default=None, help="最后一天；不写按会员卡的规定（cards life）。"
)
@json_option
def issue_cards(batch: str, username: str, valid_to: datetime | None, *, as_json: bool) -> None:
    """为批次中审核通过的人发卡；激活码只显示这一次。"""
    with transaction() as session:
        officer = principal_of_username(session, username)
        command = services.IssueCards(batch_id(batch), officer, valid_to and valid_to.date())
        done = services.issue(session, current_world(), command)
    cards = done.cards
    if as_json:
        say(
            {
                "batch": batch,
                "issued": len(cards),
                "skipped": list(done.skipped),
                "cards": [
                    {
                        "row": card.row,
                        "number": card.number,
                        "activation_code": card.activation_code,
                        "valid_to": card.valid_to.isoformat(),
                    }
                    for card in cards
                ],
            }
        )
        return
    if done.skipped:
        click.echo(f"已持有有效卡而没有再发的行：{'、'.join(map(str, done.skipped))}。")
    click.echo(f"已发 {len(cards)} 张卡。激活码只显示这一次：")
    for card in cards:
        click.echo(f"第 {card.row} 行  卡号 {card.number}  激活码 {card.activation_code}")


@cards_group.command("print")
@click.option("--batch", default=None, help="批次号：打印整个批次。")
@click.option("--unit", default=None, help="工会编码：打印它和它的下级的卡。")
@click.option("--number", "numbers", multiple=True, help="只打印这些卡号，可多个；补打一张时用。")
@click.option("--new", "only_new", is_flag=True, help="只打印还没有打印过的。")
@click.option("--single", is_flag=True, help="一页一张（85.6 × 54 毫米），给证卡打印机；不写则 A4 每页十张。")
@click.option("--out", required=True, type=OUT, help="写进这个 PDF。")
@click.option("--as", "username", default=None, help="经办人员的账号；不写则由服务中心打印。")
@json_option
def print_cards(
    batch: str | None, unit: str | None, numbers: tuple[str, ...], out: Path, username: str | None, *,
    only_new: bool, single: bool, as_json: bool,
) -> None:  # fmt: skip
    """打印实体卡。再次打印的，以前打印的那张立即停用。"""
    with written_whole(out) as unfinished, transaction() as session:
        officer = principal_of_username(session, username) if username else None
        path = membership.union_of_code(session, unit).path if unit else None
        command = services.PrintCards(officer, batch_id(batch) if batch else None, numbers or None, path, only_new)
        cards = services.print_cards(session, current_world(), command)
        # Before the commit: sheets that could not be written must not make earlier prints void.
        with unfinished.open("wb") as target:
            write_card_sheets(cards, target, Layout.SINGLE if single else Layout.SHEETS)
    by_hand = [card.number for card in cards if fonts.missing(card.name + card.union_name)]
    if as_json:
        say(
            {
                "batch": batch,
                "printed": len(cards),
                "file": str(out),
                "write_by_hand": by_hand,
                "cards": [{"number": card.number, "code_until": card.code_until.isoformat()} for card in cards],
            }
        )
        return
    click.echo(f"已打印 {len(cards)} 张卡：{out}")
    if by_hand:
        click.echo(f"姓名或单位中有字库没有的字，已印作“{fonts.MISSING}”，请手写补上：{'、'.join(by_hand)}")


@cards_group.command("void-print")
@click.argument("numbers", nargs=-1, required=True)
@click.option("--reason", required=True, help="为什么作废，例如卡纸。")
@officer_option
@json_option
def void_print(numbers: tuple[str, ...], reason: str, username: str, *, as_json: bool) -> None:
    """作废实体卡上的码（印坏、遗失）；手机上的卡不受影响，重打不占名额。"""
    with transaction() as session:
        command = services.VoidPrints(principal_of_username(session, username), reason, numbers)
        count = services.void_prints(session, current_world(), command)
    tell({"voided": count}, f"已作废 {count} 张实体卡的码。", as_json=as_json)


@cards_group.command("letters")
@click.option("--batch", default=None, help="批次号。")
@click.option("--unit", default=None, help="工会编码：它和它的下级未激活的卡。")
@click.option("--number", "numbers", multiple=True, help="只做这些卡号的，可多个。")
@click.option("--site", required=True, type=SITE, help="会员打开的网址，例如 https://card.example.org；印进二维码。")
@click.option("--out", required=True, type=OUT, help="写进这个 PDF，A4 每页八张。")
@officer_option
@json_option
def make_letters(
    batch: str | None, unit: str | None, numbers: tuple[str, ...], site: str, out: Path, username: str, *, as_json: bool
) -> None:
    """为未激活的卡生成新的激活单；以前的激活单立即作废。"""
    with written_whole(out) as unfinished, transaction() as session:
        officer = principal_of_username(session, username)
        path = membership.union_of_code(session, unit).path if unit else None
        command = services.MakeLetters(officer, batch_id(batch) if batch else None, path, numbers or None)
        letters = services.make_letters(session, current_world(), command)
        # Before the commit: letters that could not be written must not make the earlier slips void.
        unfinished.write_bytes(letter_sheets(letters, site, notices.help_phone(session)))
    tell({"letters": len(letters), "file": str(out)}, f"已生成 {len(letters)} 张激活单：{out}", as_json=as_json)


@cards_group.command("poster")
@click.option("--unit", required=True, help="工会编码。")
@click.option("--site", required=True, type=SITE, help="会员打开的网址，例如 https://card.example.org。")
@click.option("--out", required=True, type=OUT, help="写进这个 PDF。")
def make_poster(unit: str, site: str, out: Path) -> None:
    """一个单位的激活海报（A4）。"""
    with transaction() as session:
        name, phone = membership.union_of_code(session, unit).name, notices.help_phone(session)
    with written_whole(out) as unfinished:
        unfinished.write_bytes(poster(name, site, phone))
    click.echo(f"海报已写入 {out}")


@cards_group.command("sign-list")
@batch_option
@click.option("--out", required=True, type=OUT, help="写进这个 PDF。")
@officer_option
def write_sign_list(batch: str, out: Path, username: str) -> None:
    """一个批次的发放签领表。"""
    with transaction() as session:
        officer = principal_of_username(session, username)
        content = sign_lists.of_batch(session, officer, batch_id(batch), day_of(current_world().now()))
    with written_whole(out) as unfinished:
        unfinished.write_bytes(content)
    click.echo(f"签领表已写入 {out}")


@cards_group.command("hand-out")
@click.option("--batch", default=None, help="批次号：整个批次都已签领。")
@click.option("--number", "numbers", multiple=True, help="只登记这些卡号，可多个。")
@click.option("--except", "but", multiple=True, help="这些卡号没有签领，可多个。")
@officer_option
@json_option
def hand_out(
    batch: str | None, numbers: tuple[str, ...], but: tuple[str, ...], username: str, *, as_json: bool
) -> None:
    """登记签领：整个批次、除某些卡号以外，或某些卡号。"""
    with transaction() as session:
        officer = principal_of_username(session, username)
        command = services.HandOutCards(officer, batch_id(batch) if batch else None, numbers or None, but)
        count = services.hand_out_cards(session, current_world(), command)
    tell({"handed_out": count}, f"已登记 {count} 张签领。", as_json=as_json)


@cards_group.command("inactive")
@click.option("--unit", default=None, help="工会编码；不写为账号的全部范围。")
@officer_option
@json_option
def inactive(unit: str | None, username: str, *, as_json: bool) -> None:
    """谁还没有激活，等得最久的在前；激活率按人计算。"""
    with transaction() as session:
        officer = principal_of_username(session, username)
        path = membership.union_of_code(session, unit).path if unit else None
        figures = services.activation_figures(session, officer, path)
        lines = services.inactive_cards(session, current_world(), officer, path, limit=1_000_000)
        names = membership.names(session, {line.person_id for line in lines})
    if as_json:
        say(
            {
                "people": figures.people,
                "delivered": figures.delivered,
                "activated": figures.activated,
                "inactive": [
                    {
                        "number": line.number,
                        "name": names[line.person_id],
                        "state": line.state,
                        "reminded": line.reminded,
                    }
                    for line in lines
                ],
            }
        )
        return
    click.echo(f"有卡 {figures.people} 人，已签领 {figures.delivered} 人，已激活 {figures.activated} 人。未激活：")
    for line in lines:
        click.echo(f"{line.number}  {names[line.person_id]}  {CARD_WORDS[line.state]}  提醒过 {line.reminded} 次")


@cards_group.command("show")
@click.argument("number")
@officer_option
@json_option
def show(number: str, username: str, *, as_json: bool) -> None:
    """一张卡的状态和履历。"""
    with transaction() as session:
        line = _line(session, principal_of_username(session, username), number)
        history = desk.card_history(session, line.card_id)
        more = desk.card_more(session, line.card_id)
    if as_json:
        say(
            {
                "number": line.number,
                "state": line.state,
                "valid_from": line.valid_from.isoformat(),
                "valid_to": line.valid_to.isoformat(),
                "union": line.union.code if line.union else None,
                "phones": [{"index": one.index, "bound_at": one.bound_at.isoformat()} for one in more.phones],
                "replaces": more.before[1] if more.before else None,
                "replaced_by": more.after[1] if more.after else None,
                "history": [
                    {"at": event.at.isoformat(), "action": event.action, "by": event.actor, "words": event.words}
                    for event in history
                ],
            }
        )
        return
    click.echo(f"{line.number}  {CARD_WORDS[line.state]}  有效期 {line.valid_from} 至 {line.valid_to}")
    for one in more.phones:
        click.echo(f"手机 {one.index}  {one.bound_at:%Y-%m-%d %H:%M} 绑定")
    for event in history:
        click.echo(f"{event.at:%Y-%m-%d %H:%M}  {event.action}  {event.actor}  {event.words}")


def _change_command(name: str, words: str, change: Callable[[Session, Principal, desk.CardLine, str], Any]) -> None:
    @cards_group.command(name, help=words)
    @click.argument("number")
    @click.option("--reason", required=True, help="原因，会记入这张卡的履历。")
    @officer_option
    @json_option
    def command(number: str, reason: str, username: str, *, as_json: bool) -> None:
        with transaction() as session:
            officer = principal_of_username(session, username)
            change(session, officer, _line(session, officer, number), reason)
            line = _line(session, officer, number)
        tell(
            {"number": line.number, "state": line.state},
            f"{line.number} 现为“{CARD_WORDS[line.state]}”。",
            as_json=as_json,
        )


def _suspend(session: Session, officer: Principal, line: desk.CardLine, reason: str) -> None:
    services.suspend_card(session, current_world(), services.ChangeCard(line.card_id, reason, officer))


def _resume(session: Session, officer: Principal, line: desk.CardLine, reason: str) -> None:
    services.resume_card(session, current_world(), services.ChangeCard(line.card_id, reason, officer))


def _cancel(session: Session, officer: Principal, line: desk.CardLine, reason: str) -> None:
    services.revoke_card(session, current_world(), services.ChangeCard(line.card_id, reason, officer))


_change_command("suspend", "挂失：立刻不能使用，次数和额度不变。", _suspend)
_change_command("resume", "解挂：找到了，恢复使用。", _resume)
_change_command("cancel", "注销：永久停用，不再补发。", _cancel)


@cards_group.command("replace")
@click.argument("number")
@click.option("--reason", required=True, help="原因，会记入履历。")
@officer_option
@json_option
def replace(number: str, reason: str, username: str, *, as_json: bool) -> None:
    """补卡：新卡号，同一个人，有效期不变，不占名额；激活码只显示这一次。"""
    with transaction() as session:
        officer = principal_of_username(session, username)
        line = _line(session, officer, number)
        made = services.replace_card(session, current_world(), services.ReplaceCard(line.card_id, officer, reason))
    _say_made([made], as_json=as_json)


@cards_group.command("phones")
@click.option("--set", "phones", type=click.Choice(["1", "2"]), default=None, help="每张卡可以绑定几部手机；不写只看。")
@click.option("--reason", default="", help="为什么改，例如会议纪要的文号。")
@click.option("--as", "username", default=None, help="区总工会经办人员的账号；不写则由服务中心修改。")
@json_option
def phones(phones: str | None, reason: str, username: str | None, *, as_json: bool) -> None:
    """每张卡可以绑定几部手机。从两部改为一部，每张卡只留最后绑定的那部，另一部立即停用。"""
    stopped = 0
    with transaction() as session:
        if phones is not None:
            officer = principal_of_username(session, username) if username else None
            command = services.SetPhonePolicy(int(phones), reason, officer)
            stopped = services.set_phone_policy(session, current_world(), command)
        view = services.phone_policy(session)
    said = f"每张卡可以绑定 {view.phones} 部手机，现有 {view.two_bound} 张卡绑定了两部。"
    if stopped:
        said += f"停用了 {stopped} 部手机。"
    document = {"phones": view.phones, "reason": view.reason, "two_bound": view.two_bound, "stopped": stopped}
    tell(document, said, as_json=as_json)


@cards_group.command("stop-phone")
@click.argument("number")
@click.option("--phone", "index", type=int, required=True, help="手机的序号，见 cardnet cards show。")
@click.option("--reason", required=True, help="原因，会记入这张卡的履历。")
@officer_option
@json_option
def stop_phone(number: str, index: int, reason: str, username: str, *, as_json: bool) -> None:
    """停用绑定在这张卡上的一部手机；另一部手机和实体卡照常使用。"""
    with transaction() as session:
        officer = principal_of_username(session, username)
        line = _line(session, officer, number)
        if index not in {one.index for one in services.phones_of(session, line.card_id)}:
            raise NotFound(
                "phone_unknown", f"卡 {number} 没有绑定序号为 {index} 的手机，请用 cardnet cards show 核对。"
            )
        services.stop_phone(session, current_world(), services.StopPhone(index, reason, officer))
        left = len(services.phones_of(session, line.card_id))
    tell({"number": number, "phones": left}, f"已停用，这张卡还绑定 {left} 部手机。", as_json=as_json)


@cards_group.command("apply-replacement")
@click.argument("number")
@click.option(
    "--why",
    type=click.Choice([str(one) for one in ReplacementReason]),
    required=True,
    help="遗失或损坏；遗失的卡马上停用。",
)
@click.option("--words", default="", help="说明，审核人会看到。")
@officer_option
@json_option
def apply_replacement(number: str, why: str, words: str, username: str, *, as_json: bool) -> None:
    """申请补卡：逐级审核后由服务中心发新卡，不占名额。"""
    with transaction() as session:
        officer = principal_of_username(session, username)
        line = _line(session, officer, number)
        command = services.ApplyForReplacement(line.card_id, ReplacementReason(why), words, officer)
        done = services.apply_for_replacement(session, current_world(), command)
    tell({"batch": str(done.batch_id), "rows": done.rows}, f"补卡申请已提交，批次 {done.batch_id}。", as_json=as_json)


@cards_group.command("apply-renewal")
@click.option("--unit", default=None, help="工会编码；不写为账号的全部范围。")
@click.option("--number", "numbers", multiple=True, help="只申请这些卡号，可多个。")
@officer_option
@json_option
def apply_renewal(unit: str | None, numbers: tuple[str, ...], username: str, *, as_json: bool) -> None:
    """为 90 天内到期的卡成批申请换卡：逐级审核，旧卡用到最后一天，不占名额。"""
    with transaction() as session:
        officer = principal_of_username(session, username)
        path = membership.union_of_code(session, unit).path if unit else None
        command = services.ApplyForRenewal(officer, numbers or None, path)
        done = services.apply_for_renewal(session, current_world(), command)
    said = f"{done.rows} 张卡的换卡申请已提交，批次 {done.batch_id}。"
    tell({"batch": str(done.batch_id), "rows": done.rows}, said, as_json=as_json)


@cards_group.command("renew")
@click.option("--unit", default=None, help="工会编码；不写为账号的全部范围。")
@click.option("--number", "numbers", multiple=True, help="只换发这些卡号，可多个。")
@officer_option
@json_option
def renew(unit: str | None, numbers: tuple[str, ...], username: str, *, as_json: bool) -> None:
    """换发 90 天内到期的卡：从旧卡到期的第二天起使用，不占名额；激活码只显示这一次。"""
    with transaction() as session:
        officer = principal_of_username(session, username)
        path = membership.union_of_code(session, unit).path if unit else None
        command = services.RenewCards(officer, numbers or None, path)
        made = services.renew_cards(session, current_world(), command)
    _say_made(made, as_json=as_json)


# ---- pieces ----


def _line(session: Session, officer: Principal, number: str) -> desk.CardLine:
    found: uuid.UUID = services.card_of_number(session, number).id
    return desk.card_of_id(session, officer, found)


def _say_made(cards: Sequence[services.IssuedCard], *, as_json: bool) -> None:
    if as_json:
        say(
            {
                "cards": [
                    {
                        "number": card.number,
                        "activation_code": card.activation_code,
                        "valid_to": card.valid_to.isoformat(),
                    }
                    for card in cards
                ]
            }
        )
        return
    click.echo("激活码只显示这一次：")
    for card in cards:
        click.echo(f"卡号 {card.number}  激活码 {card.activation_code}  有效期至 {card.valid_to.isoformat()}")
