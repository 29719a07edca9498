"""More of `cardnet applications`: a unit's own approval, by the chair's one-time link or by the stamped sheet."""

import sys
from pathlib import Path

import click

from cardnet.issuance import services
from cardnet.issuance.cli_parts import (
    FILE,
    OUT,
    batch_id,
    batch_option,
    json_option,
    officer_option,
    say,
    tell,
    written_whole,
)
from cardnet.issuance.cli_review import applications_group
from cardnet.issuance.rules.unit_approval import ApprovalKind
from cardnet.issuance.services import desk as lists
from cardnet.issuance.summary_sheet import summary_sheet
from cardnet.kernel.calendar import local
from cardnet.kernel.errors import Conflict, NotFound
from cardnet.membership.cli_parts import SITE, Desk, acting
from cardnet.membership.jobs import gateways_of
from cardnet.membership.notices.rules import Way
from cardnet.wiring import current_settings

_unit_option = click.option("--unit", "unit_code", default=None, help="哪个单位的人；不写为批次所属的单位。")
_signer_option = click.option("--signer", required=True, help="主席的姓名。")
_WORDS = {
    "open": "等待确认", "confirmed": "已确认", "declined": "已退回", "withdrawn": "已撤回", "replaced": "已换成新链接", "expired": "已过期", "outdated": "名单有变，已失效",
}  # fmt: skip


@applications_group.command("ask-chair")
@batch_option
@_unit_option
@_signer_option
@click.option("--site", required=True, type=SITE, help="主席打开的网址，例如 https://card.example.org。")
@click.option("--sms", is_flag=True, help="用短信发到主席手机；手机号码从标准输入读一行，链接不再显示。")
@officer_option
@json_option
def ask_chair(
    batch: str, unit_code: str | None, signer: str, site: str, username: str, *, sms: bool, as_json: bool
) -> None:
    """请主席用一次性链接确认本单位的人；链接七天内有效，只显示这一次，以前的链接随即作废。"""
    phone = sys.stdin.readline().strip() if sms else ""
    with acting(username) as desk:
        if sms and Way.SMS not in gateways_of(current_settings(), desk.world):
            raise Conflict("sms_unavailable", "没有配置短信通道，请去掉 --sms，把链接交给主席本人。")
        prefix = f"{site.rstrip('/')}/confirm/"
        asked = _ask(desk, batch, unit_code, ApprovalKind.LINK, signer, phone, prefix)
    link = f"{prefix}{asked.token}" if asked.token and not asked.sent else None
    said = f"链接 {asked.number} 正在用短信发给主席。" if asked.sent else f"请把链接交给主席本人：{link}"
    tell({"number": asked.number, "link": link, "sent": asked.sent}, said, as_json=as_json)


@applications_group.command("chair-sheet")
@batch_option
@_unit_option
@_signer_option
@click.option("--out", required=True, type=OUT, help="写进这个 PDF。")
@officer_option
@json_option
def chair_sheet(batch: str, unit_code: str | None, signer: str, out: Path, username: str, *, as_json: bool) -> None:
    """打印《办卡汇总审核表》，签字盖章后用 applications stamped 上传。"""
    with written_whole(out) as unfinished, acting(username) as desk:
        asked = _ask(desk, batch, unit_code, ApprovalKind.SUMMARY, signer)
        listed = services.approval_list(desk.session, desk.world, desk.officer, asked.approval_id)
        unfinished.write_bytes(summary_sheet(listed))
    document = {"number": asked.number, "rows": listed.line.rows, "out": str(out)}
    tell(document, f"审核表 {asked.number} 已写入 {out}。", as_json=as_json)


@applications_group.command("withdraw-chair")
@batch_option
@click.option("--number", required=True, help="链接或审核表的编号，见 applications chair。")
@click.option("--words", required=True, help="为什么撤回。")
@officer_option
@json_option
def withdraw_chair(batch: str, number: str, words: str, username: str, *, as_json: bool) -> None:
    """撤回还没有人答复的链接或审核表；名单还在本单位，可以重新发起。"""
    with acting(username) as desk:
        line = lists.batch_of(desk.session, desk.officer, batch_id(batch))
        found = services.approvals_of_batch(desk.session, desk.world, desk.officer, line.batch_id)
        one = next((one for one in found if one.number == number.strip().upper()), None)
        if one is None:
            raise NotFound("approval_unknown", f"这个批次没有编号为 {number} 的确认，请用 applications chair 核对。")
        command = services.WithdrawApproval(one.id, words, desk.officer)
        services.withdraw_approval(desk.session, desk.world, command)
    tell({"number": one.number, "state": "withdrawn"}, f"{one.number} 已撤回。", as_json=as_json)


@applications_group.command("stamped")
@click.argument("file", type=FILE)
@click.option("--number", required=True, help="审核表的编号。")
@click.option("--code", required=True, help="印在表上的校验码。")
@officer_option
@json_option
def stamped(file: Path, number: str, code: str, username: str, *, as_json: bool) -> None:
    """上传盖章的审核表（PDF、JPEG、PNG）：表上的人转由上级审核。"""
    with acting(username) as desk:
        command = services.UploadStamped(number, code, file.read_bytes(), desk.officer)
        done = services.upload_stamped(desk.session, desk.world, command)
    document = {"rows": done.rows, "state": done.state, "next": done.next_path}
    tell(document, f"已上传，{done.rows} 人转由上级工会审核。", as_json=as_json)


@applications_group.command("chair")
@batch_option
@officer_option
@json_option
def chair(batch: str, username: str, *, as_json: bool) -> None:
    """一个批次请主席确认过几次，结果如何。"""
    with acting(username) as desk:
        line = lists.batch_of(desk.session, desk.officer, batch_id(batch))
        found = services.approvals_of_batch(desk.session, desk.world, desk.officer, line.batch_id)
    if as_json:
        say(
            {
                "approvals": [
                    {
                        "number": one.number, "kind": one.kind, "union": one.union.code, "rows": one.rows, "state": one.state,
                        "made_at": one.made_at, "expires_at": one.expires_at, "decided_at": one.decided_at,
                        "words": one.words,
                    }
                    for one in found
                ]
            }
        )  # fmt: skip
        return
    for one in found:
        until = f"，{local(one.expires_at):%Y-%m-%d %H:%M} 前有效" if one.state == "open" else ""
        click.echo(f"{one.number}  {one.union.name}  {one.rows} 人  {_WORDS[one.state]}{until}")
    if not found:
        click.echo("还没有请主席确认过。")


def _ask(
    desk: Desk, batch: str, unit_code: str | None, kind: ApprovalKind, signer: str, phone: str = "", prefix: str = ""
) -> services.Asked:
    line = lists.batch_of(desk.session, desk.officer, batch_id(batch))
    command = services.AskApproval(
        line.batch_id, unit_code or line.union.code, kind, signer, desk.officer, phone, prefix
    )
    return services.ask_approval(desk.session, desk.world, command)
