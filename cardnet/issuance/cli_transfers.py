"""`cardnet transfers`: what another unit and this one say about a member who moved; who is meant is said by card or file."""

from collections.abc import Callable
from typing import Any

import click

from cardnet.issuance import services
from cardnet.issuance.cli_parts import json_option, officer_option, person_typed, say, tell
from cardnet.kernel.calendar import local
from cardnet.kernel.errors import NotFound
from cardnet.membership import services as membership
from cardnet.membership.cli_parts import Desk, acting, unit_option, words_option
from cardnet.membership.rules import TransferState
from cardnet.membership.services.transfers import TransferLine

_PAST = frozenset(TransferState) - {TransferState.PROPOSED}
_WORDS = {
    TransferState.PROPOSED: "等原单位答复", TransferState.RELEASED: "已转出", TransferState.OBJECTED: "原单位有异议",
    TransferState.WITHDRAWN: "已撤回", TransferState.LAPSED: "已失效",
}  # fmt: skip


@click.group("transfers")
def transfers_group() -> None:
    """会员转接：等答复的、有结果的，放行、异议、撤回；提出转接用 members transfer。"""


@transfers_group.command("list")
@click.option("--past", is_flag=True, help="只看已有结果的。")
@unit_option
@officer_option
@json_option
def list_transfers(unit_code: str | None, username: str, *, past: bool, as_json: bool) -> None:
    """转出和转入本单位的人；期限一过不答复即自动转出。"""
    with acting(username) as desk:
        lines = _lines(desk, unit_code, _PAST if past else frozenset({TransferState.PROPOSED}))
    if as_json:
        say({"transfers": [_document(line) for line in lines]})
        return
    for line in lines:
        until = f"，{local(line.due_at):%Y-%m-%d %H:%M} 前答复" if line.state is TransferState.PROPOSED else ""
        click.echo(
            f"{line.person.id}  {line.person.name}  {line.from_union.name} → {line.to_union.name}"
            f"  {_WORDS[line.state]}{until}{'：' + line.words if line.words else ''}"
        )
    if not lines:
        click.echo("没有转接。")


def _answer_command(name: str, words: str, said: str, verb: Callable[..., Any]) -> None:
    @transfers_group.command(name, help=words)
    @click.argument("who")
    @words_option
    @unit_option
    @officer_option
    @json_option
    def answer(who: str, words: str, unit_code: str | None, username: str, *, as_json: bool) -> None:
        with acting(username) as desk:
            person_id = person_typed(desk.session, who)
            line = _open_of(desk, person_id, unit_code, leaving=name != "withdraw")
            command = membership.AnswerTransfer(line.id, desk.officer, words)
            verb(desk.session, desk.world, command)
        tell({"person": person_id, "transfer": line.id, "answer": name}, said, as_json=as_json)


_answer_command("accept", "放行：会籍和卡转到新单位。", "已放行，会籍和卡已转到新单位。", services.accept_transfer)
_answer_command(
    "object", "异议：人还在本单位，须写明原因。", "异议已登记，会籍留在本单位。", membership.object_to_transfer
)
_answer_command("withdraw", "撤回本单位提出的转接。", "转接已撤回。", membership.withdraw_transfer)


# ---- pieces ----


def _lines(desk: Desk, code: str | None, states: frozenset[TransferState]) -> tuple[TransferLine, ...]:
    own = desk.unit(code)
    return membership.transfers_of(desk.session, own.id, states)


def _open_of(desk: Desk, person_id: object, code: str | None, *, leaving: bool) -> TransferLine:
    """The one open transfer of a person: out of the union, or into it (of several, the one due first)."""
    own = desk.unit(code)
    for line in membership.transfers_of(desk.session, own.id):
        if line.person.id == person_id and (line.from_union if leaving else line.to_union).id == own.id:
            return line
    raise NotFound("transfer_unknown", "这个人没有等答复的转接，请用 cardnet transfers list 核对。")


def _document(line: TransferLine) -> dict[str, Any]:
    return {
        "transfer": line.id, "person": line.person.id, "name": line.person.name, "from": line.from_union.code,
        "to": line.to_union.code, "state": line.state, "origin": line.origin, "proposed_at": line.proposed_at,
        "due_at": line.due_at, "decided_at": line.decided_at, "words": line.words,
    }  # fmt: skip
