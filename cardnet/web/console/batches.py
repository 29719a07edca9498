"""One roster after its submission: where each person stands, review, issuing, hand-over."""

from dataclasses import replace
from datetime import date

from flask import Response, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from cardnet.access.rules import Principal, Role, in_scope
from cardnet.issuance import services as issuance
from cardnet.issuance.rules import ApplicationState, ReviewReason
from cardnet.issuance.services import desk
from cardnet.kernel.calendar import day_of
from cardnet.kernel.db import transaction
from cardnet.kernel.errors import CardnetError, InvalidInput, NotFound
from cardnet.membership import services as membership
from cardnet.membership.rules import code_of
from cardnet.web.auth import OFFICERS, staff_page
from cardnet.web.console import blueprint, slips, verdicts
from cardnet.web.console.acting import acting
from cardnet.web.console.quota import day_typed
from cardnet.web.forms import whole_id, wrong_of
from cardnet.web.language import gettext
from cardnet.web.paging import Page, asked_page
from cardnet.wiring import current_world

_SHOWN = 100
_SLIPS_ON_A_PAGE = 500
"""More cards than this come as a workbook: a page of thirty thousand slips helps nobody."""

_TOLD_AT_ONCE = 2_000
"""The history of a larger batch is read when somebody asks for it: it has three acts for each of its rows."""

_VIEWS: dict[str, desk.RowFilter] = {
    "mine": desk.RowFilter(only_mine=True),
    "waiting": desk.RowFilter(states=frozenset({ApplicationState.SUBMITTED, ApplicationState.IN_REVIEW})),
    "returned": desk.RowFilter(states=frozenset({ApplicationState.RETURNED})),
    "rejected": desk.RowFilter(states=frozenset({ApplicationState.REJECTED})),
    "waitlisted": desk.RowFilter(states=frozenset({ApplicationState.WAITLISTED})),
    "approved": desk.RowFilter(states=frozenset({ApplicationState.APPROVED})),
    "issued": desk.RowFilter(states=frozenset({ApplicationState.ISSUED})),
    "declined": desk.RowFilter(check_states=frozenset({"declined"})),
    "running": desk.RowFilter(check_states=frozenset({"running"})),
    "invalid": desk.RowFilter(check_states=frozenset({"invalid"})),
    "all": desk.RowFilter(),
}


@blueprint.get("/batches/<batch_id>")
@staff_page(*OFFICERS)
def batch(principal: Principal, batch_id: str) -> ResponseReturnValue:
    """Rows, states, history; for who must decide, the choice beside each row."""
    return _batch_page(principal, batch_id, {})


@blueprint.post("/batches/<batch_id>/review")
@staff_page(*OFFICERS)
def review(principal: Principal, batch_id: str) -> ResponseReturnValue:
    """Approve, return or reject the chosen rows, or all that wait for this officer under the filter."""
    if wrong := verdicts.incomplete():
        return _batch_page(principal, batch_id, wrong), 422
    said = verdicts.given()
    try:
        with transaction() as session:
            me = acting(session, principal)
            line = desk.batch_of(session, me.officer, whole_id(batch_id))
            command = issuance.Review(
                line.batch_id,
                principal,
                said.verdict,
                _chosen(session, me.officer, line, said),
                said.reasons,
                said.words,
                me.on_behalf_of,
                {int(row): round_ for row, round_ in said.chosen.items() if round_ and row.isdecimal()},
            )
            receipt = issuance.review(session, current_world(), command)
            next_path = receipt.next_path
            codes = [code_of(next_path)] if next_path else []
            after = next(iter(membership.unions_of_codes(session, codes).values()), None)
    except CardnetError as error:
        return _batch_page(principal, batch_id, wrong_of(error)), error.status
    flash(verdicts.outcome(said.verdict, receipt.rows, after.name if after else "", receipt.left), "good")
    return redirect(url_for("console.batch", batch_id=batch_id, behalf=me.behalf), 303)


@blueprint.post("/batches/<batch_id>/issue")
@staff_page(Role.DISTRICT_OFFICER)
def issue(principal: Principal, batch_id: str) -> ResponseReturnValue:
    """Make the cards of the approved rows, and show numbers and activation codes: this once."""
    try:
        with transaction() as session:
            line = desk.batch_of(session, principal, whole_id(batch_id))
            command = issuance.IssueCards(line.batch_id, principal, _last_day_typed())
            done = issuance.issue(session, current_world(), command)
            issued = done.cards
            people = membership.people(session, [card.person_id for card in issued])
            unions = membership.unions_of_ids(session, {card.union_id for card in issued})
    except CardnetError as error:
        return _batch_page(principal, batch_id, wrong_of(error, {"valid_to_past": "valid_to"})), error.status
    if done.skipped:
        flash(gettext("%(n)s 人已持有有效卡，没有再发，申请转为不予通过。", n=len(done.skipped)), "wait")
    if not issued:
        return redirect(url_for("console.batch", batch_id=batch_id), 303)
    made = [
        slips.Slip(card.number, card.activation_code, people[card.person_id].name, unions[card.union_id].name, card.row)
        for card in issued
    ]
    if request.form.get("as") == "letters":
        return _downloaded(slips.letters_answer(made, line.filename, request.url_root))
    if len(made) > _SLIPS_ON_A_PAGE or request.form.get("as") == "workbook":
        return _downloaded(slips.workbook_answer(made, line.filename))
    page = render_template(
        "console/slips.html", batch=line, slips=[(slip, slips.code_svg(slip, request.url_root)) for slip in made]
    )
    return page, 200, {"Cache-Control": "no-store"}


def _last_day_typed() -> date | None:
    """The last day the cards work, None for the ordinary one. Raises InvalidInput for what is no day."""
    typed = request.form.get("valid_to", "").strip()
    day = day_typed(typed)
    if typed and day is None:
        raise InvalidInput("valid_to_past", gettext("请选择会员卡的最后一天，例如 2030-12-31。"))
    return day


def _downloaded(answer: Response) -> Response:
    """A page cannot see that its form became a file; the cookie tells the script, which then shows the new state."""
    mark = request.form.get("download", "")
    if mark.isascii() and mark.isalnum() and len(mark) <= 40:
        answer.set_cookie("downloaded", mark, max_age=60, samesite="Lax", secure=request.is_secure)
    return answer


@blueprint.get("/batches/<batch_id>/cards")
@staff_page(*OFFICERS)
def batch_cards(principal: Principal, batch_id: str) -> ResponseReturnValue:
    """The cards of a batch: the hand-over list to be signed, and who has not signed yet."""
    return _cards_page(principal, batch_id, {})


@blueprint.post("/batches/<batch_id>/hand-out")
@staff_page(*OFFICERS)
def hand_out(principal: Principal, batch_id: str) -> ResponseReturnValue:
    """Record that cards were handed out: the chosen ones, all that are not yet, or all but the chosen."""
    chosen = tuple(request.form.getlist("number"))
    choose = request.form.get("choose")
    everyone = choose in ("all", "except")
    if not chosen and not everyone:
        return _cards_page(principal, batch_id, {"number": gettext("请勾选已签领的人，或选择“全部尚未发放的”。")}), 422
    try:
        with transaction() as session:
            line = desk.batch_of(session, principal, whole_id(batch_id))
            but = chosen if choose == "except" else ()
            command = issuance.HandOutCards(principal, line.batch_id, None if everyone else chosen, but)
            count = issuance.hand_out_cards(session, current_world(), command)
    except CardnetError as error:
        return _cards_page(principal, batch_id, wrong_of(error)), error.status
    flash(
        gettext("已登记发放 %(count)d 张。", count=count) if count else gettext("这些卡此前都已登记发放，没有变化。"),
        "good" if count else "calm",
    )
    return redirect(url_for("console.batch_cards", batch_id=batch_id), 303)


def _batch_page(principal: Principal, batch_id: str, wrong: dict[str, str]) -> str:
    number = asked_page()
    with transaction() as session:
        me = acting(session, principal)
        line, places = desk.batch_and_places(session, me.officer, whole_id(batch_id))
        show = _shown(line)
        wanted = _filter(show)
        rows = desk.batch_rows(session, me.officer, line, wanted, limit=_SHOWN, offset=(number - 1) * _SHOWN)
        told = line.applications <= _TOLD_AT_ONCE or "history" in request.args
        history = desk.batch_history(session, me.officer, line.batch_id) if told else None
        freeze = issuance.freeze_over(session, me.officer.scope_path, current_world().now())
        whole = _whole(me.officer, line)
        running = desk.running_rows(session, line) if whole else 0
        at_unit = issuance.awaiting_unit_approval(session, line.batch_id, me.officer.scope_path)
    return render_template(
        "console/batch.html",
        batch=line,
        show=show,
        page=Page(rows.items, rows.offset // _SHOWN + 1, _SHOWN, rows.total),
        me=me,
        behalf=me.behalf,
        freeze=freeze,
        # Where two officers serve, the second one reviews: nothing is asked of the chair.
        at_unit=[union for union, _, officers in at_unit if officers < 2],
        units=places.units,
        under=request.values.get("under", ""),
        turns=places.turns,
        history=history,
        whole=whole,
        counts=_counts(line, running, whole=whole),
        reasons=[str(reason) for reason in ReviewReason],
        **verdicts.kept(),
        wrong=wrong,
        now=current_world().now(),
        today=day_of(current_world().now()),
    )


def _cards_page(principal: Principal, batch_id: str, wrong: dict[str, str]) -> str:
    number = asked_page()
    with transaction() as session:
        line = desk.batch_of(session, principal, whole_id(batch_id))
        wanted = desk.CardFilter(batch_id=line.batch_id)
        listed = desk.find_cards(session, principal, wanted, limit=_SHOWN, offset=(number - 1) * _SHOWN)
    page = Page(listed.items, listed.offset // _SHOWN + 1, _SHOWN, listed.total)
    return render_template(
        "console/batch_cards.html", batch=line, page=page, wrong=wrong, chosen=set(request.form.getlist("number"))
    )


def _shown(line: desk.BatchLine) -> str:
    default = "mine" if line.mine else "all"
    show = request.values.get("show", default)
    return show if show in _VIEWS else default


def _filter(show: str) -> desk.RowFilter:
    return replace(_VIEWS[show], path=request.values.get("under") or None)


def _whole(principal: Principal, line: desk.BatchLine) -> bool:
    """Whether the whole roster lies in the officer's scope; else they see their own rows of it."""
    return in_scope(principal.scope_path, line.path)


def _counts(line: desk.BatchLine, running: int, *, whole: bool) -> dict[str, int]:
    of = line.states.get
    return {
        "mine": line.mine,
        "waiting": of(ApplicationState.SUBMITTED, 0) + of(ApplicationState.IN_REVIEW, 0),
        "returned": of(ApplicationState.RETURNED, 0),
        "rejected": of(ApplicationState.REJECTED, 0),
        "waitlisted": of(ApplicationState.WAITLISTED, 0),
        "approved": of(ApplicationState.APPROVED, 0),
        "issued": of(ApplicationState.ISSUED, 0),
        "declined": line.declined if whole else 0,
        "running": running,
        "invalid": line.invalid - running if whole else 0,
        "all": line.rows if whole else line.applications,
    }


def _chosen(session: Session, officer: Principal, line: desk.BatchLine, said: verdicts.Given) -> tuple[int, ...] | None:
    if request.form.get("choose") == "all":
        if not request.form.get("under"):
            return None
        return desk.row_numbers(session, officer, line, request.form["under"])
    rows = tuple(int(row) for row in said.chosen if row.isdecimal())
    if not rows:
        raise NotFound("row_unknown", gettext("没有找到勾选的人员，请刷新后再选一次。"))
    return rows
