"""转接补登: what the old union granted after a member had left it, because the change was entered late. Page and CSV."""

import csv
import io
from collections.abc import Sequence
from typing import Any

from defusedcsv import csv as defused
from flask import render_template, send_file
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from cardnet.access.rules import Principal
from cardnet.benefits import services as benefits
from cardnet.benefits.services import GrantOfOldUnion
from cardnet.kernel.calendar import local
from cardnet.kernel.db import transaction
from cardnet.kernel.masking import name_for_list
from cardnet.kernel.money import yuan
from cardnet.membership import services as membership
from cardnet.merchants import services as merchants
from cardnet.web.auth import staff_page
from cardnet.web.finance import READERS, blueprint
from cardnet.web.language import gettext
from cardnet.web.paging import page_of


@blueprint.get("/late-transfers")
@staff_page(*READERS)
def late_transfers(principal: Principal) -> ResponseReturnValue:
    """Each grant with its amounts and who bore it; what they come to for each pair of unions."""
    with transaction() as session:
        lines = grant_lines(session, benefits.grants_of_old_union(session, path=principal.scope_path))
    pairs: dict[tuple[str, str], list[int]] = {}
    for line in lines:
        sums = pairs.setdefault((line["from"], line["to"]), [0, 0, 0])
        for at, field in enumerate(("benefit_fen", "union_fen", "merchant_fen")):
            sums[at] += line[field]
    total = sum(line["union_fen"] for line in lines)
    return render_template("finance/late_transfers.html", page=page_of(lines, 50), pairs=pairs, total=total)


@blueprint.get("/late-transfers.csv")
@staff_page(*READERS)
def late_transfers_csv(principal: Principal) -> ResponseReturnValue:
    """The same lines as a file: UTF-8 with BOM, amounts in yuan."""
    with transaction() as session:
        lines = grant_lines(session, benefits.grants_of_old_union(session, path=principal.scope_path))
    text = io.StringIO(newline="")
    writer = defused.writer(text, quoting=csv.QUOTE_MINIMAL)
    writer.writerow(
        ["核销号", "会员", "原单位", "新单位", "转接生效", "补登时间", "服务日期", "商户", "项目", "优惠合计（元）", "工会承担（元）", "商户承担（元）"]
    )  # fmt: skip
    writer.writerows(
        [
            line["redemption"], line["member"], line["from"], line["to"], line["effective_on"].isoformat(),
            local(line["entered_at"]).strftime("%Y-%m-%d %H:%M"), line["service_on"].isoformat(), line["merchant"],
            f"{line['program']} {line['program_name']}", yuan(line["benefit_fen"]), yuan(line["union_fen"]),
            yuan(line["merchant_fen"]),
        ]
        for line in lines
    )  # fmt: skip
    content = io.BytesIO(b"\xef\xbb\xbf" + text.getvalue().encode())
    name = gettext("转接补登核对")
    answer = send_file(content, mimetype="text/csv; charset=utf-8", as_attachment=True, download_name=f"{name}.csv")
    answer.headers["Cache-Control"] = "no-store"
    return answer


def grant_lines(session: Session, found: Sequence[GrantOfOldUnion]) -> list[dict[str, Any]]:
    """The grants in words; the member's name masked as a notice prints it."""
    names = membership.names(session, {one.person_id for one in found})
    shops = {merchant.code: merchant.name for merchant in merchants.merchants(session)} if found else {}
    return [
        {
            "redemption": str(one.redemption_id),
            "member": name_for_list(names[one.person_id]),
            "from": one.transfer.from_union.name,
            "to": one.transfer.to_union.name,
            "effective_on": one.transfer.effective_on,
            "entered_at": one.transfer.entered_at,
            "service_on": one.service_on,
            "merchant": shops.get(one.merchant_code, one.merchant_code),
            "program": one.program,
            "program_name": one.program_name,
            "benefit_fen": one.benefit_fen,
            "union_fen": one.union_fen,
            "merchant_fen": one.merchant_fen,
        }
        for one in found
    ]
