"""Activation slips: number and code of each new card, once, to be cut out or kept as a workbook.

The square on a slip leads to the wallet with number and code in the part of the address behind `#`, which no
browser ever sends to a server: the member types only the last four of the ID.
"""

import io
from collections.abc import Sequence
from dataclasses import dataclass

import xlsxwriter
from flask import Response, send_file
from markupsafe import Markup

from cardnet.issuance.papers import letter_sheets, spaced, wallet_address
from cardnet.kernel.grouping import in_groups
from cardnet.web.language import gettext
from cardnet.web.offline import help_phone
from cardnet.web.squares import qr_svg


@dataclass(frozen=True)
class Slip:
    """What one member is handed. The code stands here and nowhere else."""

    number: str
    code: str
    name: str
    union_name: str
    row: int | None

    @property
    def spaced_code(self) -> str:
        """`ABCD-EFGH`, easier to copy by hand; the wallet takes it with or without the dash."""
        return spaced(self.code)


def code_svg(slip: Slip, site: str) -> Markup:
    """The square that opens the wallet with number and code."""
    return qr_svg(wallet_address(site, slip.number, slip.code), gettext("激活二维码"))


def letters_answer(slips: Sequence[Slip], filename: str, site: str) -> Response:
    """All slips as letters to print, eight to a sheet, however many."""
    name = f"{filename.rsplit('.', 1)[0][:80]}-{gettext('激活单')}.pdf"
    content = io.BytesIO(letter_sheets(slips, site, help_phone()))
    answer = send_file(content, mimetype="application/pdf", as_attachment=True, download_name=name)
    answer.headers["Cache-Control"] = "no-store"
    return answer


def workbook_answer(slips: Sequence[Slip], filename: str) -> Response:
    """All slips as a workbook, where they are too many for a page."""
    head = [gettext("行号"), gettext("姓名"), gettext("所属工会"), gettext("卡号"), gettext("激活码")]
    rows = ([slip.row or "", slip.name, slip.union_name, in_groups(slip.number), slip.spaced_code] for slip in slips)
    content = io.BytesIO()
    with xlsxwriter.Workbook(
        content, {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False}
    ) as book:
        sheet = book.add_worksheet(gettext("激活码"))
        bold = book.add_format({"bold": True, "bottom": 1})
        sheet.write_row(0, 0, head, bold)
        for line, row in enumerate(rows, start=1):
            sheet.write_row(line, 0, row)
        for column, width in enumerate((8, 14, 34, 22, 14)):
            sheet.set_column(column, column, width)
        sheet.freeze_panes(1, 0)
    content.seek(0)
    answer = send_file(
        content,
        mimetype="application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
        as_attachment=True,
        download_name=f"{filename.rsplit('.', 1)[0][:80]}-{gettext('激活码')}.xlsx",
    )
    answer.headers["Cache-Control"] = "no-store"
    return answer
