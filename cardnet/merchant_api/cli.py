"""`cardnet evidence`: an offline record as a file that proves itself, and the check of such a file without our database."""

import json
from collections.abc import Sequence
from pathlib import Path

import click

from cardnet.credential import root
from cardnet.kernel.calendar import local
from cardnet.kernel.db import transaction
from cardnet.kernel.errors import InvalidInput
from cardnet.merchant_api import evidence, services
from cardnet.wiring import current_world

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
_OUT = click.Path(dir_okay=False, path_type=Path)
_FAULTS = {
    "certificate_invalid": "终端的证书不是这些根密钥之下签发的",
    "certificate_of_another_terminal": "证书属于另一台终端",
    "signature_invalid": "终端签名与记录不符，记录可能被改动",
    "key_revoked": "终端的密钥在这笔之前已停用",
}


def works_offline(words: Sequence[str]) -> bool:
    """Whether these words of a command line need no database: whoever got a file checks it where they are."""
    return list(words[1:3]) == ["evidence", "check"]


@click.group("evidence")
def evidence_group() -> None:
    """离线记录的证据文件：导出，以及凭根公钥核对。"""


@evidence_group.command("export")
@click.argument("merchant")
@click.argument("merchant_ref")
@click.option("--out", type=_OUT, required=True, help="写到哪里。")
def export(merchant: str, merchant_ref: str, out: Path) -> None:
    """导出商户（编号）一条离线记录（商户单号）的证据：记录、终端证书、信任包，不含姓名。"""
    with transaction() as session:
        text = services.offline_evidence(session, current_world(), merchant, merchant_ref)
    out.write_text(text)
    click.echo(f"证据写在 {out}；核对：cardnet evidence check {out.name} --roots roots.json")


@evidence_group.command("check")
@click.argument("file", type=_FILE)
@click.option("--roots", "roots_file", type=_FILE, required=True, help="仪式的根公钥 roots.json。")
@click.option("--json", "as_json", is_flag=True, help="只输出一份 JSON。")
def check(file: Path, roots_file: Path, *, as_json: bool) -> None:
    """只凭根公钥核对证据文件：是不是这台终端的签名，码在当时是否有效。"""
    roots = {key.kid: key for key in root.read_public_document(roots_file.read_text())}
    try:
        found = evidence.check(file.read_text(), roots)
    except ValueError as error:
        raise InvalidInput(
            "evidence_invalid", f"这份文件不能核对（{error}）：请确认是导出的证据，根公钥也是当时的。"
        ) from None
    at = local(found.occurred_at)
    if as_json:
        told = {"merchant": found.merchant, "terminal": found.terminal, "merchant_ref": found.merchant_ref}
        click.echo(json.dumps(told | {"occurred_at": at.isoformat(), "faults": found.faults}, ensure_ascii=False))
    else:
        click.echo(f"商户 {found.merchant} 终端 {found.terminal}，{at:%Y-%m-%d %H:%M:%S}，单号 {found.merchant_ref}")
        for fault in found.faults:
            click.echo(f"✗ {_FAULTS.get(fault, f'码在当时无效：{fault}')}")
    if found.faults:
        raise SystemExit(1)
    if not as_json:
        click.echo("✓ 是这台终端签名的记录，码在当时有效。")


COMMANDS = (evidence_group,)
