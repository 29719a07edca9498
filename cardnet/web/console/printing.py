"""Printing cards: which units wait for it, PDFs of them, what came out spoiled."""

import re
import zipfile
from collections.abc import Iterator, Sequence
from itertools import groupby

from flask import Response, flash, redirect, render_template, request, stream_with_context, url_for
from flask.typing import ResponseReturnValue

from cardnet.access.rules import Principal
from cardnet.issuance import services as issuance
from cardnet.issuance.sheets import Layout, card_sheets
from cardnet.kernel.db import transaction
from cardnet.kernel.errors import CardnetError
from cardnet.web.auth import OFFICERS, staff_page
from cardnet.web.console import blueprint
from cardnet.web.console.card_acts import pdf_answer
from cardnet.web.forms import whole_id, wrong_of
from cardnet.web.language import gettext
from cardnet.web.paging import page_of
from cardnet.wiring import current_world

_ONE_FILE = 1_000
"""More cards than this come as one PDF a unit in one ZIP, written while it is sent: nobody waits for a blank page."""


@blueprint.get("/cards/printing")
@staff_page(*OFFICERS)
def printing(principal: Principal) -> ResponseReturnValue:
    """Units with cards to print, and the printings there were."""
    return _page(principal, {})


@blueprint.post("/cards/printing")
@staff_page(*OFFICERS)
def print_many(principal: Principal) -> ResponseReturnValue:
    """The cards of one unit or of the whole scope: those never printed, or all again."""
    layout = Layout.SINGLE if request.form.get("layout") == Layout.SINGLE else Layout.SHEETS
    again = request.form.get("which") == "all"
    path = request.form.get("path", "").strip()[:200] or principal.scope_path
    if not path.startswith(principal.scope_path):
        return _page(principal, {"path": gettext("这个单位不在您的管理范围内，请重新选择。")}), 422
    try:
        with transaction() as session:
            command = issuance.PrintCards(principal, path=path, only_unprinted=not again)
            cards = issuance.print_cards(session, current_world(), command)
            # Before the commit: sheets that could not be drawn must not make earlier prints void.
            content = card_sheets(cards, layout) if len(cards) <= _ONE_FILE else b""
    except CardnetError as error:
        return _page(principal, wrong_of(error)), error.status
    if content:
        return pdf_answer(content, gettext("会员卡"))
    answer = Response(stream_with_context(_zipped(cards, layout)), mimetype="application/zip")
    answer.headers["Content-Disposition"] = "attachment; filename=cards.zip"
    answer.headers["Cache-Control"] = "no-store"
    return answer


@blueprint.post("/cards/printing/<print_run_id>/void")
@staff_page(*OFFICERS)
def void_run(principal: Principal, print_run_id: str) -> ResponseReturnValue:
    """A whole printing came out spoiled: its codes die, the cards wait to be printed again."""
    try:
        with transaction() as session:
            command = issuance.VoidPrints(
                principal, request.form.get("reason", "").strip()[:200], run_id=whole_id(print_run_id)
            )
            count = issuance.void_prints(session, current_world(), command)
    except CardnetError as error:
        return _page(principal, wrong_of(error, {"reason_missing": f"reason-{print_run_id}"})), error.status
    flash(gettext("已作废 %(count)d 张实体卡的码，可以重新打印，不占名额。", count=count), "good")
    return redirect(url_for("console.printing"), 303)


def _page(principal: Principal, wrong: dict[str, str]) -> str:
    with transaction() as session:
        counts = issuance.print_counts(session, current_world(), principal)
        runs = issuance.print_runs(session, principal)
    waiting = [count for count in counts if count.unprinted]
    return render_template(
        "console/printing.html",
        page=page_of(waiting),
        units=counts,
        cards=sum(count.cards for count in counts),
        unprinted=sum(count.unprinted for count in counts),
        runs=runs,
        wrong=wrong,
    )


class _Sent:
    """A file that is only ever written to, and gives away what was written since it was last asked."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []
        self._at = 0

    def write(self, data: bytes) -> int:
        self._parts.append(bytes(data))
        self._at += len(data)
        return len(data)

    def tell(self) -> int:
        return self._at

    def flush(self) -> None:
        """Nothing waits anywhere."""

    def take(self) -> bytes:
        """What came since the last time."""
        taken, self._parts = b"".join(self._parts), []
        return taken


def _zipped(cards: Sequence[issuance.PrintedCard], layout: Layout) -> Iterator[bytes]:
    """One PDF a unit, in the order of the tree, sent as soon as it is drawn."""
    sent = _Sent()
    with zipfile.ZipFile(sent, "w", zipfile.ZIP_STORED) as book:  # type: ignore[call-overload] # written, never sought
        for place, (name, found) in enumerate(groupby(cards, key=lambda card: card.union_name), start=1):
            mine = list(found)
            book.writestr(f"{place:03d}-{_file_name(name)}-{len(mine)}.pdf", card_sheets(mine, layout))
            yield sent.take()
    yield sent.take()


def _file_name(name: str) -> str:
    return re.sub(r'[\\/:*?"<>|\x00-\x1f]', "", name)[:60] or "-"
