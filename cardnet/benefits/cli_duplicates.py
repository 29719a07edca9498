"""More of `cardnet members`: two files that may be one person's, merged by the district or said to be two people's."""

from typing import Any

import click

from cardnet.access.rules import Role
from cardnet.benefits import services
from cardnet.issuance.cli_parts import person_typed
from cardnet.kernel.masking import id_number_for_office
from cardnet.membership import services as membership
from cardnet.membership.cli_parts import acting, json_option, officer_option, say, tell, words_option
from cardnet.membership.rules import PersonView

_REASONS = {"name_birth": "同名同生日", "phone_birth": "同手机号同生日", "phone_name": "同手机号同名"}


@click.command("duplicates")
@officer_option
@json_option
def duplicates(username: str, *, as_json: bool) -> None:
    """可能重复的档案（区总工会），最像的在前。"""
    with acting(username, Role.DISTRICT_OFFICER) as desk:
        pairs = membership.suspected_duplicates(desk.session, desk.officer)
    if as_json:
        say({"pairs": [{"people": [_person(p.first), _person(p.second)], "reasons": p.reasons} for p in pairs]})
        return
    for pair in pairs:
        click.echo("、".join(_REASONS[one] for one in pair.reasons))
        for one in (pair.first, pair.second):
            click.echo(f"    {one.id}  {one.name}  {id_number_for_office(one.id_number)}")
    if not pairs:
        click.echo("没有可能重复的档案。")


@click.command("merge")
@click.argument("keep")
@click.argument("other")
@words_option
@officer_option
@json_option
def merge(keep: str, other: str, words: str, username: str, *, as_json: bool) -> None:
    """两份档案是同一个人：OTHER 并入 KEEP，次数合在一起，什么都不删除。"""
    with acting(username) as desk:
        kept, merged = person_typed(desk.session, keep), person_typed(desk.session, other)
        command = membership.MergePeople(kept, merged, desk.officer, words)
        services.merge_people(desk.session, desk.world, command)
    said = "两份档案已合并，以后按任何一个证件号码都找到这一份。"
    tell({"person": kept, "merged": merged}, said, as_json=as_json)


@click.command("distinct")
@click.argument("one")
@click.argument("other")
@words_option
@officer_option
@json_option
def distinct(one: str, other: str, words: str, username: str, *, as_json: bool) -> None:
    """两份档案不是同一个人：记下来，不再提示。"""
    with acting(username) as desk:
        people = person_typed(desk.session, one), person_typed(desk.session, other)
        command = membership.MergePeople(*people, desk.officer, words)
        membership.declare_distinct(desk.session, desk.world, command)
    tell({"people": people}, "已记下不是同一人，不再提示。", as_json=as_json)


def _person(person: PersonView) -> dict[str, Any]:
    return {
        "person": person.id,
        "name": person.name,
        "id_number": id_number_for_office(person.id_number),
        "union": person.unit.code if person.unit else None,
    }


MEMBER_COMMANDS = [duplicates, merge, distinct]
