"""`cardnet applications names`: the list of a chair's confirmation, for its people to tick and sign."""

from pathlib import Path

import click

from cardnet.issuance import services
from cardnet.issuance.cli_parts import (
    OUT,
    batch_id,
    batch_option,
    json_option,
    officer_option,
    tell,
    written_whole,
)
from cardnet.issuance.cli_review import applications_group
from cardnet.issuance.names_to_sign import names_to_sign
from cardnet.kernel.errors import NotFound
from cardnet.membership.cli_parts import acting


@applications_group.command("names")
@batch_option
@click.option("--number", default=None, help="确认的编号；不写为最近发起、还没有办完的那一次。")
@click.option("--out", required=True, type=OUT, help="写进这个 PDF。")
@officer_option
@json_option
def names(batch: str, number: str | None, out: Path, username: str, *, as_json: bool) -> None:
    """打印《办卡确认签名表》：名单里的人打勾、签名，页脚有编号和校验码。"""
    with written_whole(out) as unfinished, acting(username) as desk:
        asked = services.approvals_of_batch(desk.session, desk.world, desk.officer, batch_id(batch))
        wanted = next((one for one in asked if (one.number == number if number else one.state == "open")), None)
        if wanted is None:
            raise NotFound("approval_unknown", "这一批没有等主席确认的名单，请先发起单位确认。")
        listed = services.list_to_sign(desk.session, desk.world, desk.officer, wanted.id)
        unfinished.write_bytes(names_to_sign(listed))
    document = {"number": wanted.number, "rows": wanted.rows, "check_code": wanted.check_code, "out": str(out)}
    tell(document, f"签名表 {wanted.number}（{wanted.rows} 人）已写入 {out}。", as_json=as_json)
