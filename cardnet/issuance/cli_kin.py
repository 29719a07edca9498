"""More of `cardnet members`: standing, phone, kin, consents. What is personal is read from standard input."""

import sys
from datetime import datetime

import click

from cardnet.issuance.cli_members import members_group
from cardnet.issuance.cli_parts import json_option, officer_option, person_typed, say, tell
from cardnet.membership import services as membership
from cardnet.membership.cli_parts import DAY, acting, typed_day, typed_id, words_option
from cardnet.membership.member_rules import Relation
from cardnet.membership.rules import MEMBER_KINDS, Answer, ConsentMethod, MembershipKind, Purpose

_RELATIONS = {Relation.SPOUSE: "配偶", Relation.CHILD: "子女", Relation.PARENT: "父母", Relation.OTHER: "其他"}
_PURPOSES = {Purpose.CARD: "办卡", Purpose.COVER_OPERATOR: "提供给保障经办机构", Purpose.NOTICES: "接收通知"}
_KINDS = {MembershipKind.ACTIVE: "在册", MembershipKind.RETAINED: "保留会籍", MembershipKind.RETIRED: "退休"}
# How an officer may have got an answer; the others are the member's own phone.
_METHODS = (ConsentMethod.SIGNED_FORM, ConsentMethod.IN_PERSON)
_on_option = click.option("--on", "on", type=DAY, default=None, help="从哪天起，例如 2026-11-24；不写就是今天。")


@members_group.command("standing")
@click.argument("who")
@click.option(
    "--kind", type=click.Choice(sorted(str(one) for one in MEMBER_KINDS)), required=True, help="在册、保留会籍、退休。"
)
@_on_option
@words_option
@officer_option
@json_option
def standing(who: str, kind: str, on: datetime | None, words: str, username: str, *, as_json: bool) -> None:
    """变更会籍：保留会籍、退休、恢复在册；离职、退会、身故用 members end。"""
    with acting(username) as desk:
        person_id, wanted = person_typed(desk.session, who), MembershipKind(kind)
        command = membership.ChangeStanding(person_id, wanted, desk.officer, typed_day(on), words)
        membership.change_standing(desk.session, desk.world, command)
    tell({"person": person_id, "kind": kind}, f"会籍已变更为{_KINDS[wanted]}。", as_json=as_json)


@members_group.command("change-phone")
@click.argument("who")
@click.option("--verified", is_flag=True, help="已当面核对：号码是本人的。")
@officer_option
@json_option
def change_phone(who: str, username: str, *, verified: bool, as_json: bool) -> None:
    """更改手机号码；新号码从标准输入读一行。"""
    phone = sys.stdin.readline().strip()
    with acting(username) as desk:
        person_id = person_typed(desk.session, who)
        command = membership.ChangePhone(person_id, desk.officer, phone, verified)
        taken = membership.change_phone(desk.session, desk.world, command)
    said = "手机号码已更改。" + ("原来验证过这个号码的人需要重新验证。" if taken else "")
    tell({"person": person_id, "verified": verified, "taken_over": bool(taken)}, said, as_json=as_json)


# ---- kin ----


@members_group.command("kin")
@click.argument("who")
@officer_option
@json_option
def kin(who: str, username: str, *, as_json: bool) -> None:
    """登记的家属；打开会记录在案。"""
    with acting(username) as desk:
        file = membership.open_file(desk.session, desk.world, desk.officer, person_typed(desk.session, who))
        lines = membership.kin_of(desk.session, file.person.id)
    if as_json:
        say({"kin": [{"id": one.id, "relation": one.relation, "name": one.name, "phone": one.phone} for one in lines]})
        return
    for one in lines:
        click.echo(f"{one.id}  {_RELATIONS[one.relation]}  {one.name}  {one.phone}")
    if not lines:
        click.echo("没有登记家属。")


@members_group.command("add-kin")
@click.argument("who")
@click.option(
    "--relation", type=click.Choice([str(one) for one in Relation]), required=True, help="配偶、子女、父母、其他。"
)
@officer_option
@json_option
def add_kin(who: str, relation: str, username: str, *, as_json: bool) -> None:
    """登记家属：从标准输入读两行，姓名和手机号码（可以不写）。"""
    name, phone = sys.stdin.readline().strip(), sys.stdin.readline().strip()
    with acting(username) as desk:
        person_id = person_typed(desk.session, who)
        command = membership.AddKin(person_id, Relation(relation), desk.officer, name, phone)
        kin_id = membership.add_kin(desk.session, desk.world, command)
    tell({"person": person_id, "kin": kin_id}, f"家属已登记：{kin_id}。", as_json=as_json)


@members_group.command("end-kin")
@click.argument("kin_id")
@officer_option
@json_option
def end_kin(kin_id: str, username: str, *, as_json: bool) -> None:
    """停用一条家属记录，编号见 members kin。"""
    found = typed_id(kin_id, "kin_unknown", "家属记录")
    with acting(username) as desk:
        membership.end_kin(desk.session, desk.world, found, desk.officer)
    tell({"kin": found}, "家属记录已停用。", as_json=as_json)


# ---- consents ----


@members_group.command("consents")
@click.argument("who")
@officer_option
@json_option
def consents(who: str, username: str, *, as_json: bool) -> None:
    """本人对办卡、提供给保障经办机构、接收通知的答复，新的在前；打开会记录在案。"""
    with acting(username) as desk:
        file = membership.open_file(desk.session, desk.world, desk.officer, person_typed(desk.session, who))
        lines = membership.consents_of(desk.session, file.person.id)
    if as_json:
        say({"consents": [vars(one) | {"counts": one.counts} for one in lines]})
        return
    for one in lines:
        said = "本人同意" if one.answer is Answer.GIVEN else "本人暂不办"
        over = "（已撤回）" if one.withdrawn_at else "" if one.counts else "（已有新的答复）"
        click.echo(f"{_PURPOSES[one.purpose]}  {said}{over}  {one.answered_on}  {one.evidence}")
    if not lines:
        click.echo("没有登记过答复。")


@members_group.command("consent")
@click.argument("who")
@click.option(
    "--purpose", type=click.Choice([str(one) for one in Purpose]), required=True, help="办卡、经办机构、通知。"
)
@click.option("--answer", type=click.Choice([str(one) for one in Answer]), required=True, help="同意或暂不办。")
@click.option("--method", type=click.Choice([str(one) for one in _METHODS]), required=True, help="签字书面或当面。")
@click.option("--evidence", default="", help="凭据，例如《告知同意书》的编号。")
@_on_option
@officer_option
@json_option
def consent(
    who: str, purpose: str, answer: str, method: str, evidence: str, on: datetime | None, username: str, *, as_json: bool
) -> None:  # fmt: skip
    """登记本人的答复。"""
    with acting(username) as desk:
        person_id = person_typed(desk.session, who)
        command = membership.RecordConsent(
            person_id, Purpose(purpose), Answer(answer), ConsentMethod(method), desk.officer, evidence, typed_day(on)
        )
        membership.record_consent(desk.session, desk.world, command)
    tell({"person": person_id, "purpose": purpose, "answer": answer}, "本人答复已登记。", as_json=as_json)


@members_group.command("withdraw-consent")
@click.argument("who")
@click.option(
    "--purpose", type=click.Choice([str(one) for one in Purpose]), required=True, help="办卡、经办机构、通知。"
)
@officer_option
@json_option
def withdraw_consent(who: str, purpose: str, username: str, *, as_json: bool) -> None:
    """本人撤回同意：从现在起不再按它办理，以前办的仍有效。"""
    with acting(username) as desk:
        person_id = person_typed(desk.session, who)
        command = membership.WithdrawConsent(person_id, Purpose(purpose), desk.officer)
        membership.withdraw_consent(desk.session, desk.world, command)
    tell({"person": person_id, "purpose": purpose}, "同意已撤回。", as_json=as_json)
