"""`cardnet reconciliations differences RUN` and `… step DIFFERENCE STEP`: what finance does about a difference.

With `--json`: {"differences": [{"id", "no", "code", "group", "state", "difference_fen", "explanation", "resolution",
"steps": [{"id", "step", "resolution", "at", "words"}, …]}, …]}; a step prints the one difference the same way.
"""

import json
import uuid
from collections.abc import Sequence
from typing import Any

import click
from sqlalchemy.orm import Session

from cardnet.access.services import principal_of_username
from cardnet.finance import services
from cardnet.finance.rules import EXCEPTION_WORDS, TITLES, ClearingStep, Resolution
from cardnet.kernel.calendar import local
from cardnet.kernel.db import transaction
from cardnet.kernel.money import yuan
from cardnet.wiring import current_world

_JSON = click.option("--json", "as_json", is_flag=True, help="输出一份 JSON。")


@click.command("differences")
@click.argument("run_id", type=click.UUID)
@_JSON
def list_differences(run_id: uuid.UUID, as_json: bool) -> None:  # noqa: FBT001
    """一次对账的差异，和各人写下的情况。"""
    with transaction() as session:
        run = services.run_view(session, run_id)
        found = services.exceptions_of_run(session, run.id, limit=max(run.differences, 1))
        told = _told(session, found)
    if as_json:
        click.echo(json.dumps({"differences": told}, ensure_ascii=False))
        return
    for one, said in zip(found, told, strict=True):
        click.echo(
            f"{one.id}  {one.code} {TITLES[one.code]}  {EXCEPTION_WORDS[one.state]}  {yuan(one.difference_fen)} 元"
        )
        for step in said["steps"]:
            click.echo(f"    {step['at'][:16].replace('T', ' ')}  {step['step']}  {step['words']}")
    if not found:
        click.echo("没有差异。")


@click.command("step")
@click.argument("difference_id", type=click.UUID)
@click.argument("step", type=click.Choice([str(one) for one in ClearingStep]))
@click.option("--words", default="", help="查到了什么，凭什么；复核通过可以不写。")
@click.option("--resolution", type=click.Choice([str(one) for one in Resolution]), help="提出结论时：怎样处理。")
@click.option("--proposal", type=click.UUID, help="复核哪一条结论（differences 列出的 id）；之后改过的不会通过。")
@click.option("--as", "username", required=True, help="财务人员的账号。")
@_JSON
def take_step(
    difference_id: uuid.UUID,
    step: str,
    words: str,
    resolution: str | None,
    proposal: uuid.UUID | None,
    username: str,
    as_json: bool,  # noqa: FBT001
) -> None:
    """记下（note）、提出结论（propose）、复核通过（approve）、退回（return）、重新打开（reopen）一条差异。"""
    with transaction() as session:
        officer = principal_of_username(session, username)
        chosen = Resolution(resolution) if resolution else None
        command = services.TakeStep(difference_id, ClearingStep(step), words, officer, chosen, proposal)
        services.take_step(session, current_world(), command)
        one = services.exception_of_id(session, difference_id)
        (told,) = _told(session, [one])
    click.echo(json.dumps(told, ensure_ascii=False) if as_json else f"已记录，现在是“{EXCEPTION_WORDS[one.state]}”。")


def _told(session: Session, found: Sequence[services.ExceptionView]) -> list[dict[str, Any]]:
    steps = services.steps_of_differences(session, [one.id for one in found])
    return [_as_json(one, steps.get(one.id, [])) for one in found]


def _as_json(one: services.ExceptionView, steps: Sequence[services.StepView]) -> dict[str, Any]:
    return {
        "id": str(one.id),
        "no": one.no,
        "code": one.code,
        "group": one.group,
        "state": one.state,
        "difference_fen": one.difference_fen,
        "explanation": one.explanation,
        "resolution": one.resolution,
        "steps": [
            {
                "id": str(said.id),
                "step": said.step,
                "resolution": said.resolution,
                "at": local(said.at).isoformat(timespec="seconds"),
                "words": said.words,
            }
            for said in steps
        ],
    }


COMMANDS = [list_differences, take_step]
