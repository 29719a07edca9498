"""`cardnet bulletin`: the figures of now, as a table or a file, and issues sent round, exactly as they were sent."""

from pathlib import Path
from typing import Any

import click

from cardnet.access.rules import Role
from cardnet.benefits import services
from cardnet.benefits.bulletin import HEADINGS, RATES, Figures, Issue, check_of
from cardnet.benefits.bulletin_files import bulletin_pdf, bulletin_workbook
from cardnet.issuance import services as issuance
from cardnet.kernel.calendar import day_of, local
from cardnet.kernel.errors import InvalidInput
from cardnet.membership.cli_parts import (
    OUT,
    acting,
    json_option,
    officer_option,
    say,
    tell,
    typed_id,
    unit_option,
    words_option,
    written_whole,
)

_READERS = (Role.UNIT_OFFICER, Role.TOWNSHIP_OFFICER, Role.DISTRICT_OFFICER, Role.CHAIR, Role.AUDITOR)
_WRITERS = {".xlsx": bulletin_workbook, ".pdf": bulletin_pdf}
_year = click.option("--year", type=click.IntRange(2000, 2999), default=None, help="年度；不写为正在办理的年度。")
_out = click.option("--out", type=OUT, default=None, help="写进这个文件：.xlsx 或 .pdf。")


@click.group("bulletin")
def bulletin_group() -> None:
    """通报：现在的数字，和已发出的各期。"""


@bulletin_group.command("show")
@unit_option
@_year
@_out
@officer_option
@json_option
def show(unit_code: str | None, year: int | None, out: Path | None, username: str, *, as_json: bool) -> None:
    """一个工会和它的直接下级现在的数字；写文件时连同各级。"""
    with acting(username, *_READERS) as desk:
        choices = issuance.years_shown(desk.session, day_of(desk.world.now()))
        if year is not None and year not in choices.choices:
            raise InvalidInput(
                "year_unknown", f"{year} 年没有数字，可以看的是 {'、'.join(map(str, choices.choices))} 年。"
            )
        top, wanted = desk.unit(unit_code), choices.asked(year)
        issue = services.issue_of(desk.session, desk.world, top.path, wanted, every_level=out is not None)
    _show(issue, out, as_json=as_json)


@bulletin_group.command("issues")
@_year
@officer_option
@json_option
def issues(year: int | None, username: str, *, as_json: bool) -> None:
    """发出的和收到的各期，新的在前。"""
    with acting(username, *_READERS) as desk:
        lines, _ = services.bulletin_issues(desk.session, desk.officer, year, limit=10_000)
    if as_json:
        say({"issues": [_issue_document(one) for one in lines]})
        return
    for one in lines:
        edition = f"（第 {one.edition - 1} 次更正）" if one.edition > 1 else ""
        over = "  已有更正" if one.corrected_by else ""
        click.echo(
            f"{one.id}  {one.year} 年第 {one.number} 期{edition}  {one.union.name}  {local(one.at):%Y-%m-%d %H:%M}{over}"
        )
    if not lines:
        click.echo("还没有发出或收到通报。")


@bulletin_group.command("open")
@click.argument("issue_id")
@_out
@officer_option
@json_option
def open_issue(issue_id: str, out: Path | None, username: str, *, as_json: bool) -> None:
    """已发出的一期，与发出时一字不差。"""
    with acting(username, *_READERS) as desk:
        kept = services.kept_issue(desk.session, desk.officer, typed_id(issue_id, "issue_unknown", "这一期通报"))
    _show(kept.issue, out, as_json=as_json)


@bulletin_group.command("publish")
@_year
@click.option("--to", "to", multiple=True, help="发给哪些直接下级，工会编码，可多个；不写发给全部。")
@click.option("--copies", default="", help="抄送。")
@words_option
@click.option("--corrects", default=None, help="更正哪一期：编号，见 bulletin issues。")
@click.option("--reason", default="", help="更正什么、为什么。")
@click.option("--unchanged", is_flag=True, help="没有数字变化，仍要更正，例如只改说明。")
@officer_option
@json_option
def publish(
    year: int | None, to: tuple[str, ...], copies: str, words: str, corrects: str | None, reason: str, username: str,
    *, unchanged: bool, as_json: bool,
) -> None:  # fmt: skip
    """发出本半月的一期，或更正已发的一期；数字从此不变。"""
    corrected = typed_id(corrects, "issue_unknown", "这一期通报") if corrects else None
    with acting(username) as desk:
        command = services.PublishBulletin(desk.officer, year, to, copies, words, corrected, reason, unchanged)
        kept = services.publish_bulletin(desk.session, desk.world, command)
    line = kept.line
    said = f"{line.year} 年第 {line.number} 期已发出，编号 {line.id}，校验码 {check_of(line.sha256)}。"
    tell(_issue_document(line), said, as_json=as_json)


# ---- pieces ----


def _show(issue: Issue, out: Path | None, *, as_json: bool) -> None:
    if out is not None:
        if out.suffix.lower() not in _WRITERS:
            raise InvalidInput("format_unknown", "文件名请以 .xlsx 或 .pdf 结尾。")
        with written_whole(out) as unfinished:
            unfinished.write_bytes(_WRITERS[out.suffix.lower()](issue))
    level = issue.first
    if as_json:
        say(
            {
                "year": issue.year,
                "number": issue.number,
                "at": issue.at,
                "union": level.union.code,
                "total": _numbers(level.total),
                "unions": [
                    {"code": line.union.code, "own": line.own, "rank": line.rank, **_numbers(line.figures)}
                    for line in level.lines
                ],
                "changes": [
                    {
                        "code": one.union.code if one.union else None,
                        "own": one.own,
                        "what": one.field,
                        "before": one.before,
                        "after": one.after,
                    }
                    for one in issue.changes or ()
                ],
                "out": str(out) if out else None,
            }
        )
        return
    click.echo(f"{level.union.name} {issue.year} 年第 {issue.number} 期（{local(issue.at):%Y-%m-%d %H:%M}）")
    for name, figures in (("合计", level.total), *((line.name, line.figures) for line in level.lines)):
        told = (*zip(HEADINGS, figures.row, strict=True), *zip(RATES, figures.percents, strict=True))
        click.echo(f"{name}：{'，'.join(f'{word} {value}' for word, value in told)}")
    for one in issue.changes or ():
        click.echo(f"更正：{one.name} {one.what} {one.before or 0} → {one.after or 0}")
    if out is not None:
        click.echo(f"通报已写入 {out}")


def _numbers(figures: Figures) -> dict[str, Any]:
    return {**vars(figures.counts), **vars(figures.answers), "used": figures.used, "rates_bp": vars(figures.rates)}


def _issue_document(one: services.IssueLine) -> dict[str, Any]:
    return vars(one) | {"union": one.union.code}
