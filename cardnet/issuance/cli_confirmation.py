"""`cardnet confirmation`: the yearly answer for every member of a union; `members moves`: who joined and who left."""

from collections import Counter
from datetime import date, datetime
from typing import Any

import click

from cardnet.issuance import services
from cardnet.issuance.cli_members import members_group
from cardnet.issuance.cli_parts import json_option, officer_option, person_typed, say, tell
from cardnet.kernel.calendar import day_of
from cardnet.kernel.errors import InvalidInput
from cardnet.membership import services as membership
from cardnet.membership.cli_parts import DAY, acting, typed_day
from cardnet.membership.member_rules import Confirmed

_WORDS = {Confirmed.STAYS: "在册", Confirmed.LEFT: "离职", Confirmed.RETIRED: "退休", Confirmed.DECEASED: "身故"}
_HOW = {
    "joined": "入会", "transferred": "会籍转接", "left": "离职", "withdrawn": "退会", "deceased": "身故", "merged": "档案合并",
}  # fmt: skip
_MOST = 1_000_000


@click.group("confirmation")
def confirmation_group() -> None:
    """年度会籍确认：谁还没有确认，逐人答复，其余全部在册。"""


@confirmation_group.command("show")
@officer_option
@json_option
def show(username: str, *, as_json: bool) -> None:
    """本级会员和今年的答复，没有答复的在前；下级各工会还差多少人。"""
    with acting(username) as desk:
        year = day_of(desk.world.now()).year
        found = membership.confirmation_list(desk.session, desk.officer.union_id, year, _MOST)
        counts = membership.confirmation_counts(desk.session, desk.officer.scope_path, year)
    below = [one for one in counts if one.union.id != desk.officer.union_id]
    if as_json:
        say(
            {
                "year": year,
                "waiting": found.counts.get(None, 0),
                "members": [
                    {"person": one.person.id, "name": one.person.name, "answer": one.answer} for one in found.lines
                ],
                "unions": [{"code": one.union.code, "total": one.total, "waiting": one.waiting} for one in below],
            }
        )
        return
    for one in found.lines:
        click.echo(f"{one.person.id}  {one.person.name}  {_WORDS[one.answer] if one.answer else '没有答复'}")
    for count in below:
        click.echo(f"{count.union.code} {count.union.name}：会员 {count.total}，没有答复 {count.waiting}")


@confirmation_group.command("say")
@click.argument("who", nargs=-1, required=True)
@click.option(
    "--answer", type=click.Choice([str(one) for one in Confirmed]), required=True, help="在册、离职、退休、身故。"
)
@click.option("--on", "on", type=DAY, default=None, help="离职、退休、身故从哪天起；不写就是今天。")
@officer_option
@json_option
def answer(who: tuple[str, ...], answer: str, on: datetime | None, username: str, *, as_json: bool) -> None:
    """为这些会员（卡号或档案编号，可多个）登记同一个答复，并办理随之而来的变更。"""
    with acting(username) as desk:
        people = tuple(person_typed(desk.session, one) for one in who)
        command = membership.Confirm(desk.officer.union_id, desk.officer, people, Confirmed(answer), typed_day(on))
        count = services.confirm_members(desk.session, desk.world, command)
    tell({"answer": answer, "members": count}, f"已登记 {count} 人。", as_json=as_json)


@confirmation_group.command("rest")
@officer_option
@json_option
def rest(username: str, *, as_json: bool) -> None:
    """本级还没有答复的会员全部确认为在册。"""
    with acting(username) as desk:
        count = membership.confirm_the_rest(desk.session, desk.world, desk.officer.union_id, desk.officer)
    tell({"answer": "stays", "members": count}, f"已确认 {count} 人在册。", as_json=as_json)


@members_group.command("moves")
@click.option("--month", default=None, help="哪个月，例如 2026-11；不写就是本月。")
@officer_option
@json_option
def moves(month: str | None, username: str, *, as_json: bool) -> None:
    """一个月里增加和减少的会员：本级的人列出姓名，下级工会只有人数。"""
    with acting(username) as desk:
        first = _month(month, day_of(desk.world.now()))
        after = date(first.year + first.month // 12, first.month % 12 + 1, 1)
        came = membership.joiners(desk.session, desk.officer.scope_path, first, after)
        went = membership.leavers(desk.session, desk.officer.scope_path, first, after)
    own = desk.officer.union_id
    joined, left = Counter(line.union for line in came), Counter(line.union for line in went)
    unions = sorted({*joined, *left}, key=lambda union: union.path)
    if as_json:
        say(
            {
                "month": f"{first:%Y-%m}",
                "joined": [_document(line) for line in came if line.union.id == own],
                "left": [_document(line) for line in went if line.union.id == own],
                "unions": [{"code": one.code, "joined": joined[one], "left": left[one]} for one in unions],
            }
        )
        return
    for sign, lines in (("+", came), ("-", went)):
        for line in lines:
            if line.union.id == own:
                other = f"  {line.other.name}" if line.other else ""
                click.echo(f"{sign} {line.on}  {line.person.name}  {_HOW.get(line.how, line.how)}{other}")
    for one in unions:
        click.echo(f"{one.code} {one.name}：增加 {joined[one]}，减少 {left[one]}")
    if not unions:
        click.echo(f"{first:%Y-%m} 没有增加也没有减少。")


# ---- pieces ----


def _month(typed: str | None, today: date) -> date:
    if typed is None:
        return today.replace(day=1)
    try:
        first = datetime.strptime(typed, "%Y-%m").date()  # noqa: DTZ007 - a month has no hour
    except ValueError:
        first = date.min
    if not 1900 <= first.year <= 2200:
        raise InvalidInput("month_invalid", f"“{typed[:20]}”不是月份，请写成 2026-11 这样。")
    return first


def _document(line: membership.MoveLine) -> dict[str, Any]:
    other = line.other.code if line.other else None
    return {"person": line.person.id, "name": line.person.name, "on": line.on, "how": line.how, "other": other}
