"""The review list: everything that stands before me, of all rosters, the most urgent first; decided in one step."""

import uuid

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from cardnet.access.rules import Principal
from cardnet.issuance import services as issuance
from cardnet.issuance.rules import ReviewReason
from cardnet.issuance.services import desk
from cardnet.kernel.db import transaction
from cardnet.kernel.errors import CardnetError
from cardnet.membership import services as membership
from cardnet.membership.rules import code_of
from cardnet.web.auth import OFFICERS, staff_page
from cardnet.web.console import blueprint, verdicts
from cardnet.web.console.acting import acting
from cardnet.web.forms import whole_id, wrong_of
from cardnet.web.paging import Page, asked_page
from cardnet.wiring import current_world

_SHOWN = 100
_VIEWS = ("all", "overdue", "again")


@blueprint.get("/review")
@staff_page(*OFFICERS)
def review_list(principal: Principal) -> ResponseReturnValue:
    """What waits for my verdict, whichever roster it came with."""
    return _page(principal, {})


@blueprint.post("/review")
@staff_page(*OFFICERS)
def review_many(principal: Principal) -> ResponseReturnValue:
    """Approve, return or reject what is ticked, or all that the filter of units shows."""
    if wrong := verdicts.incomplete():
        return _page(principal, wrong), 422
    said = verdicts.given()
    try:
        with transaction() as session:
            me = acting(session, principal)
            everything = request.form.get("choose") == "all"
            command = issuance.ReviewOpen(
                principal,
                said.verdict,
                None if everything else _chosen(said),
                request.form.get("under") or None,
                said.reasons,
                said.words,
                me.on_behalf_of,
            )
            receipt = issuance.review_open(session, current_world(), command)
            after = _name_of(session, receipt.next_path)
    except CardnetError as error:
        return _page(principal, wrong_of(error)), error.status
    flash(verdicts.outcome(said.verdict, receipt.rows, after, receipt.left), "good")
    back = url_for("console.review_list", under=request.form.get("under") or None, behalf=me.behalf)
    return redirect(back, 303)


def _chosen(said: verdicts.Given) -> dict[uuid.UUID, int]:
    return {whole_id(key): round_ for key, round_ in said.chosen.items()}


def _name_of(session: Session, path: str | None) -> str:
    if not path:
        return ""
    found = membership.unions_of_codes(session, [code_of(path)])
    return next((union.name for union in found.values()), "")


def _page(principal: Principal, wrong: dict[str, str]) -> str:
    world = current_world()
    number = asked_page()
    show = request.values.get("show", "all")
    show = show if show in _VIEWS else "all"
    under = request.values.get("under", "")
    with transaction() as session:
        me = acting(session, principal)
        wanted = desk.OpenFilter(under or None, show == "overdue", show == "again")
        counts = desk.open_summary(session, world, me.officer, under or None)
        listed = desk.open_rows(
            session, world, me.officer, wanted, summary=counts, limit=_SHOWN, offset=(number - 1) * _SHOWN
        )
        union = membership.union_of_id(session, me.officer.union_id)
        freeze = issuance.freeze_over(session, me.officer.scope_path, world.now())
    return render_template(
        "console/review.html",
        page=Page(listed.items, listed.offset // _SHOWN + 1, _SHOWN, listed.total),
        counts=counts,
        show=show,
        under=under,
        units=counts.units,
        union=union,
        freeze=freeze,
        me=me,
        behalf=me.behalf,
        reasons=[str(reason) for reason in ReviewReason],
        wrong=wrong,
        **verdicts.kept(),
    )
