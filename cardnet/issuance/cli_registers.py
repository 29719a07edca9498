"""`cardnet register show`, `cards import`, `transfers`: the register and what was there before, without a page."""

import dataclasses
import json
from pathlib import Path

import click

from cardnet.access.services import principal_of_username
from cardnet.issuance import card_english
from cardnet.issuance.services import answers, cards_before
from cardnet.kernel.db import transaction
from cardnet.membership import english
from cardnet.membership import services as membership
from cardnet.membership.cli_parts import language_option, refused_in
from cardnet.membership.english import Say
from cardnet.wiring import current_world

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
_json = click.option("--json", "as_json", is_flag=True, help="只输出一份 JSON。")


@click.command("show")
@click.option("--unit", "unit_code", required=True, help="工会编码；连同它的下级。")
@_json
def show_register(unit_code: str, *, as_json: bool) -> None:
    """名册与答复：会员中已办卡、办理中、未答复、本人暂不办各多少（只有人数）。"""
    with transaction() as session:
        unit = membership.union_of_code(session, unit_code)
        lines = answers.answers_by_union(session, current_world(), unit.path)
    if as_json:
        unions = [{"code": line.union.code, "name": line.union.name, **vars(line.own)} for line in lines]
        _say({"unit": unit.code, **vars(lines[0].total), "unions": unions})
        return
    for line in lines:
        n = line.total
        click.echo(
            f"{line.union.code} {line.union.name}：会员 {n.members}，已办卡 {n.has_card}，办理中 {n.in_progress}，"
            f"未答复 {n.no_answer}，本人暂不办 {n.declined}"
        )


@click.command("import")
@click.argument("file", type=_FILE)
@click.option("--unit", "unit_code", required=True, help="工会编码；名单里的人须是它或它的下级的会员。")
@click.option("--as", "username", required=True, help="经办人员的账号。")
@click.option("--issuer", default="已有工会卡", show_default=True, help="发卡机构，表里没写时用。")
@language_option(card_english.BOOK, english.BOOK)
@_json
def import_cards(file: Path, unit_code: str, username: str, issuer: str, say: Say, *, as_json: bool) -> None:
    """导入以前已发的卡、绑定已有的市卡或银行卡：不占名额；有错的行不导入并逐条说明。"""
    with refused_in(say), transaction() as session:
        officer = principal_of_username(session, username)
        command = cards_before.ImportCards(file.read_bytes(), file.name, unit_code, officer, issuer)
        done = cards_before.import_cards(session, current_world(), command)
    if as_json:
        document = dataclasses.asdict(done) | {"notices": [say(one) for one in done.notices]}
        for finding in document["findings"]:
            finding["message"] = say(finding["message"])
        _say(document)
        return
    click.echo(say(f"共 {done.rows} 行：新绑定 {done.tied}，以前已绑定 {done.known}，需要改正 {done.invalid}。"))
    for found in done.findings:
        click.echo(say(f"第 {found.line} 行 {found.column}：") + say(found.message))
    for notice in done.notices:
        click.echo(say(notice))


def _say(document: object) -> None:
    click.echo(json.dumps(document, ensure_ascii=False))
