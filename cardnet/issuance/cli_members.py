"""`cardnet members`: a person's file and what an officer does with it. A person is named by card number or by id.

Names, documents and foreign card numbers are read from standard input, never from the command line, where every user of
the machine could see them.
"""

import sys
import uuid
from datetime import date, datetime
from pathlib import Path
from typing import Any

import click

from cardnet.access.services import principal_of_username
from cardnet.issuance import services
from cardnet.issuance.cli_parts import FILE, OUT, json_option, officer_option, person_typed, say, tell, written_whole
from cardnet.kernel import masking
from cardnet.kernel.db import transaction
from cardnet.membership import services as membership
from cardnet.membership.member_rules import Ending
from cardnet.membership.rules import IdType, MembershipKind, PersonView, TagKind
from cardnet.wiring import current_world

_DAY = click.DateTime(formats=["%Y-%m-%d"])
_on_option = click.option("--on", "on", type=_DAY, default=None, help="从哪天起，例如 2026-11-24；不写就是今天。")
_words_option = click.option("--words", default="", help="说明，会记入档案。")


@click.group("members")
def members_group() -> None:
    """会员档案：查找、查看、转接、退休、身份、证件更正、绑定已有的卡。"""


@members_group.command("find")
@officer_option
@json_option
def find(username: str, *, as_json: bool) -> None:
    """按姓名全称、证件号码或手机号查找；从标准输入读一行，不写在命令里。"""
    asked = sys.stdin.readline().strip()
    with transaction() as session:
        found = membership.find_people(session, principal_of_username(session, username), asked)
    if as_json:
        say({"people": [_person(person) for person in found]})
        return
    for person in found:
        click.echo(_line(person))
    if not found:
        click.echo("没有找到，或者不在您的管理范围内。")


@members_group.command("show")
@click.argument("who")
@officer_option
@json_option
def show(who: str, username: str, *, as_json: bool) -> None:
    """一个人的档案：会籍、卡、申请、身份；打开会记录在案。"""
    world = current_world()
    with transaction() as session:
        officer = principal_of_username(session, username)
        file = membership.open_file(session, world, officer, person_typed(session, who))
        cards = [card for one in file.ids for card in services.cards_of_person(session, one)]
        applications = services.applications_of_people(session, file.ids)
        tags = [tag for one in file.ids for tag in membership.tags_of(session, one)]
    document = {
        **_person(file.person),
        "memberships": [
            {
                "union": m.union.code, "kind": m.kind, "from": m.from_.isoformat(), "to": m.to and m.to.isoformat(),
                "ended_as": m.ended_as,
            }
            for m in file.memberships
        ],
        "cards": [
            {"number": c.number, "state": c.state, "valid_from": c.valid_from.isoformat(), "valid_to": c.valid_to.isoformat()}
            for c in cards
        ],
        "applications": [
            {"kind": a.kind, "state": a.state, "union": a.union.code, "batch": a.batch_id and str(a.batch_id), "row": a.row}
            for a in applications
        ],
        "tags": [
            {"id": str(t.id), "kind": t.kind, "grade": t.grade, "from": t.from_.isoformat(), "to": t.to and t.to.isoformat(),
             "document": t.document, "original": t.original or None}
            for t in tags
        ],
    }  # fmt: skip
    if as_json:
        say(document)
        return
    click.echo(_line(file.person))
    for m in document["memberships"]:
        click.echo(f"会籍  {m['union']}  {m['kind']}  {m['from']} 至 {m['to'] or '今'}")
    for c in document["cards"]:
        click.echo(f"卡    {c['number']}  {c['state']}  {c['valid_from']} 至 {c['valid_to']}")
    for a in document["applications"]:
        click.echo(f"申请  {a['kind']}  {a['state']}  {a['union']}  批次 {a['batch']}")
    for t in document["tags"]:
        click.echo(f"身份  {t['kind']} {t['grade']}  {t['from']} 至 {t['to'] or '今'}  {t['id']}")


@members_group.command("transfer")
@click.argument("who")
@click.option("--to", "to_code", required=True, help="新单位的工会编码。")
@_on_option
@_words_option
@officer_option
@json_option
def transfer(who: str, to_code: str, on: datetime | None, words: str, username: str, *, as_json: bool) -> None:
    """转到其他单位：卡、次数、待遇和在办的补换卡申请都跟着人走，不占名额。"""
    with transaction() as session:
        officer = principal_of_username(session, username)
        person_id = person_typed(session, who)
        target = membership.union_of_code(session, to_code)
        command = membership.StartTransfer(person_id, target.id, officer, _day(on), words)
        done = services.transfer_member(session, current_world(), command)
        days = membership.transfer_days(session)
    document = {"person": str(person_id), "to": to_code, "done": done is not None}
    said = f"已转到{target.name}。" if done else f"转接已提出，等原单位答复；{days} 个工作日不答复即自动转出。"
    tell(document, said, as_json=as_json)


@members_group.command("retire")
@click.argument("who")
@_on_option
@_words_option
@officer_option
@json_option
def retire(who: str, on: datetime | None, words: str, username: str, *, as_json: bool) -> None:
    """登记退休：仍是会员，卡照常使用。"""
    with transaction() as session:
        officer, person_id = principal_of_username(session, username), person_typed(session, who)
        command = membership.ChangeStanding(person_id, MembershipKind.RETIRED, officer, _day(on), words)
        membership.change_standing(session, current_world(), command)
    tell({"person": str(person_id), "kind": "retired"}, "已登记退休。", as_json=as_json)


@members_group.command("end")
@click.argument("who")
@click.option("--how", type=click.Choice(["left", "withdrawn", "deceased"]), required=True, help="离职、退会、身故。")
@_on_option
@_words_option
@officer_option
@json_option
def end(who: str, how: str, on: datetime | None, words: str, username: str, *, as_json: bool) -> None:
    """结束会籍；身故的，名下的卡立即停用。"""
    with transaction() as session:
        officer, person_id = principal_of_username(session, username), person_typed(session, who)
        command = membership.EndMembership(person_id, Ending(how), officer, _day(on), words)
        stopped = services.end_membership(session, current_world(), command)
    tell({"person": str(person_id), "ended_as": how, "cards_stopped": stopped}, "会籍已结束。", as_json=as_json)


@members_group.command("tag")
@click.argument("who")
@click.option("--kind", type=click.Choice([str(kind) for kind in TagKind]), required=True, help="身份。")
@click.option("--grade", default="", help="等级，例如市级。")
@click.option("--document", required=True, help="依据文件和文号。")
@click.option("--from", "first", type=_DAY, default=None, help="起始日期；不写就是今天。")
@click.option("--to", "last", type=_DAY, default=None, help="最后一天；长期的不写。")
@click.option(
    "--original", type=FILE, default=None, help="依据文件的扫描件或照片（PDF、JPEG、PNG，8 MB 以内），加密保存。"
)
@officer_option
@json_option
def tag(
    who: str, kind: str, grade: str, document: str, first: datetime | None, last: datetime | None,
    original: Path | None, username: str, *, as_json: bool,
) -> None:  # fmt: skip
    """登记身份：劳模、困难职工、一线职工、特殊岗位。"""
    with transaction() as session:
        officer, person_id = principal_of_username(session, username), person_typed(session, who)
        content = original.read_bytes() if original else None
        command = membership.GiveTag(
            person_id, TagKind(kind), officer, grade, document, _day(first), _day(last), original=content
        )
        given = membership.give_tag(session, current_world(), command)
    tell({"person": str(person_id), "tag": str(given.id)}, f"身份已登记：{given.id}。", as_json=as_json)


@members_group.command("keep-original")
@click.argument("tag_id", type=click.UUID)
@click.argument("file", type=FILE)
@officer_option
@json_option
def keep_original(tag_id: uuid.UUID, file: Path, username: str, *, as_json: bool) -> None:
    """补存一条身份的依据文件原件（PDF、JPEG、PNG，8 MB 以内），加密保存；再存一次以新的为准。"""
    with transaction() as session:
        command = membership.KeepTagOriginal(tag_id, principal_of_username(session, username), file.read_bytes())
        kept = membership.keep_tag_original(session, current_world(), command)
    document = {"tag": str(tag_id), "sha256": kept.document_sha256, "original": kept.original}
    tell(document, "原件已加密保存。", as_json=as_json)


@members_group.command("open-original")
@click.argument("tag_id", type=click.UUID)
@click.option("--out", type=OUT, required=True, help="写到哪个文件。")
@officer_option
@json_option
def open_original(tag_id: uuid.UUID, out: Path, username: str, *, as_json: bool) -> None:
    """取出一条身份的依据文件原件；打开会记录在案。"""
    with transaction() as session:
        officer = principal_of_username(session, username)
        original = membership.open_tag_original(session, current_world(), officer, tag_id)
        with written_whole(out) as unfinished:
            unfinished.write_bytes(original.content)
    document = {"tag": str(tag_id), "original": original.media_type, "out": str(out)}
    tell(document, f"原件已写入 {out}。", as_json=as_json)


@members_group.command("end-tag")
@click.argument("tag_id", type=click.UUID)
@officer_option
@json_option
def end_tag(tag_id: uuid.UUID, username: str, *, as_json: bool) -> None:
    """结束一条身份，从今天起不再计算。"""
    with transaction() as session:
        command = membership.EndTag(tag_id, principal_of_username(session, username))
        membership.end_tag(session, current_world(), command)
    tell({"tag": str(tag_id)}, "身份已结束。", as_json=as_json)


@members_group.command("correct-document")
@click.argument("who")
@click.option(
    "--type",
    "id_type",
    type=click.Choice([str(one) for one in IdType]),
    default=str(IdType.RESIDENT),
    help="证件类型。",
)
@click.option("--evidence", required=True, help="核对了什么证件、复印件存在哪里。")
@officer_option
@json_option
def correct_document(who: str, id_type: str, evidence: str, username: str, *, as_json: bool) -> None:
    """更正证件号码（区总工会）；正确的号码从标准输入读一行。"""
    number = sys.stdin.readline().strip()
    with transaction() as session:
        officer, person_id = principal_of_username(session, username), person_typed(session, who)
        command = membership.CorrectDocument(person_id, IdType(id_type), number, officer, evidence)
        membership.correct_document(session, current_world(), command)
    tell({"person": str(person_id)}, "证件号码已更正；卡、次数和待遇都不变。", as_json=as_json)


@members_group.command("tie-card")
@click.argument("who")
@click.option("--issuer", required=True, help="谁发的卡，例如市总工会。")
@click.option("--valid-to", type=_DAY, default=None, help="卡的最后一天。")
@officer_option
@json_option
def tie_card(who: str, issuer: str, valid_to: datetime | None, username: str, *, as_json: bool) -> None:
    """绑定已有工会卡，不占名额；卡号从标准输入读一行。"""
    number = sys.stdin.readline().strip()
    with transaction() as session:
        officer, person_id = principal_of_username(session, username), person_typed(session, who)
        command = services.TieCard(person_id, officer, number, issuer, _day(valid_to))
        card = services.tie_card(session, current_world(), command)
    tell({"person": str(person_id), "card": card.number}, f"已绑定，系统卡号 {card.number}。", as_json=as_json)


# ---- pieces ----


def _day(at: datetime | None) -> date | None:
    return at.date() if at else None


def _person(person: PersonView) -> dict[str, Any]:
    return {
        "person": str(person.id),
        "name": person.name,
        "id_number": masking.id_number_for_office(person.id_number),
        "union": person.unit.code if person.unit else None,
        "membership": person.membership_kind,
        "member_since": person.member_since.isoformat() if person.member_since else None,
        "deceased": person.deceased_on is not None,
    }


def _line(person: PersonView) -> str:
    unit = person.unit.name if person.unit else "会籍已结束"
    return f"{person.id}  {person.name}  {masking.id_number_for_office(person.id_number)}  {unit}"
