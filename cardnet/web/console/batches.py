"""One roster after its submission: where each person stands, review, issuing, hand-over."""

from dataclasses import replace
from typing import Any

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from cardnet.access.rules import Principal, Role, in_scope
from cardnet.issuance import services as issuance
from cardnet.issuance.rules import ApplicationState, ReviewReason, Verdict
from cardnet.issuance.services import desk
from cardnet.kernel.db import transaction
from cardnet.kernel.errors import CardnetError, NotFound
from cardnet.membership import services as membership
from cardnet.web.auth import OFFICERS, staff_page
from cardnet.web.console import blueprint, slips
from cardnet.web.forms import whole_id, wrong_of
from cardnet.web.language import gettext
from cardnet.web.paging import Page, asked_page
from cardnet.wiring import current_world

_SHOWN = 100
_SLIPS_ON_A_PAGE = 500
"""More cards than this come as a workbook: a page of thirty thousand slips helps nobody."""

_VIEWS: dict[str, desk.RowFilter] = {
    "mine": desk.RowFilter(only_mine=True),
    "waiting": desk.RowFilter(states=frozenset({ApplicationState.SUBMITTED, ApplicationState.IN_REVIEW})),
    "returned": desk.RowFilter(states=frozenset({ApplicationState.RETURNED})),
    "rejected": desk.RowFilter(states=frozenset({ApplicationState.REJECTED})),
    "waitlisted": desk.RowFilter(states=frozenset({ApplicationState.WAITLISTED})),
    "approved": desk.RowFilter(states=frozenset({ApplicationState.APPROVED})),
    "issued": desk.RowFilter(states=frozenset({ApplicationState.ISSUED})),
    "declined": desk.RowFilter(check_states=frozenset({"declined"})),
    "invalid": desk.RowFilter(check_states=frozenset({"invalid"})),
    "all": desk.RowFilter(),
}


@blueprint.get("/batches/<batch_id>")
@staff_page(*OFFICERS)
def batch(principal: Principal, batch_id: str) -> ResponseReturnValue:
    """Rows, states, history; for who must decide, the choice beside each row."""
    return _batch_page(principal, batch_id, {})


@blueprint.get("/batches/<batch_id>/rows/<int(max=9999999):row>")
@staff_page(*OFFICERS)
def batch_row(principal: Principal, batch_id: str, row: int) -> ResponseReturnValue:
    """One person of a batch: what was found, where the application stands, everything that happened to it."""
    with transaction() as session:
        line = desk.batch_of(session, principal, whole_id(batch_id))
        one = desk.row_of(session, principal, line, row)
        history = desk.application_history(session, principal, one.application_id) if one.application_id else ()
    return render_template("console/batch_row.html", batch=line, row=one, history=history)


@blueprint.post("/batches/<batch_id>/review")
@staff_page(*OFFICERS)
def review(principal: Principal, batch_id: str) -> ResponseReturnValue:
    """Approve, return or reject the chosen rows, or all that wait for this officer under the filter."""
    wrong = _incomplete(request.form)
    if wrong:
        return _batch_page(principal, batch_id, wrong), 422
    verdict = Verdict(request.form["verdict"])
    try:
        with transaction() as session:
            line = desk.batch_of(session, principal, whole_id(batch_id))
            command = issuance.Review(
                line.batch_id,
                principal,
                verdict,
                _chosen(session, principal, line),
                # Reasons chosen while deciding are about a return; an approval takes none along.
                tuple(request.form.getlist("reason")) if verdict is not Verdict.APPROVE else (),
                request.form.get("words", "").strip()[:500] if verdict is not Verdict.APPROVE else "",
            )
            receipt = issuance.review(session, current_world(), command)
            next_path = receipt.next_path
            codes = [next_path.strip("/").split("/")[-1]] if next_path else []
            after = next(iter(membership.unions_of_codes(session, codes).values()), None)
    except CardnetError as error:
        return _batch_page(principal, batch_id, wrong_of(error)), error.status
    flash(_outcome(verdict, receipt.rows, after.name if after else ""), "good")
    return redirect(url_for("console.batch", batch_id=batch_id), 303)


@blueprint.post("/batches/<batch_id>/issue")
@staff_page(Role.DISTRICT_OFFICER)
def issue(principal: Principal, batch_id: str) -> ResponseReturnValue:
    """Make the cards of the approved rows, and show numbers and activation codes: this once."""
    try:
        with transaction() as session:
            line = desk.batch_of(session, principal, whole_id(batch_id))
            issued = issuance.issue_cards(session, current_world(), issuance.IssueCards(line.batch_id, principal))
            people = membership.people(session, [card.person_id for card in issued])
            unions = membership.unions_of_ids(session, {card.union_id for card in issued})
    except CardnetError as error:
        return _batch_page(principal, batch_id, wrong_of(error)), error.status
    made = [
        slips.Slip(card.number, card.activation_code, people[card.person_id].name, unions[card.union_id].name, card.row)
        for card in issued
    ]
    if request.form.get("as") == "letters":
        return slips.letters_answer(made, line.filename, request.url_root)
    if len(made) > _SLIPS_ON_A_PAGE or request.form.get("as") == "workbook":
        return slips.workbook_answer(made, line.filename)
    page = render_template(
        "console/slips.html", batch=line, slips=[(slip, slips.code_svg(slip, request.url_root)) for slip in made]
    )
    return page, 200, {"Cache-Control": "no-store"}


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
        line = desk.batch_of(session, principal, whole_id(batch_id))
        show = _shown(line)
        wanted = _filter(show)
        rows = desk.batch_rows(session, principal, line, wanted, limit=_SHOWN, offset=(number - 1) * _SHOWN)
        units = desk.batch_units(session, principal, line.batch_id)
        turns = desk.batch_turns(session, principal, line.batch_id)
        history = desk.batch_history(session, principal, line.batch_id)
    return render_template(
        "console/batch.html",
        batch=line,
        show=show,
        page=Page(rows.items, number, _SHOWN, rows.total),
        units=units,
        under=request.values.get("under", ""),
        turns=turns,
        history=history,
        whole=_whole(principal, line),
        counts=_counts(line, whole=_whole(principal, line)),
        reasons=[str(reason) for reason in ReviewReason],
        chosen=set(request.form.getlist("row")),
        choose=request.form.get("choose", "selected"),
        chosen_reasons=request.form.getlist("reason"),
        words=request.form.get("words", ""),
        wrong=wrong,
        now=current_world().now(),
    )


def _cards_page(principal: Principal, batch_id: str, wrong: dict[str, str]) -> str:
    number = asked_page()
    with transaction() as session:
        line = desk.batch_of(session, principal, whole_id(batch_id))
        wanted = desk.CardFilter(batch_id=line.batch_id)
        listed = desk.find_cards(session, principal, wanted, limit=_SHOWN, offset=(number - 1) * _SHOWN)
    page = Page(listed.items, number, _SHOWN, listed.total)
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


def _counts(line: desk.BatchLine, *, whole: bool) -> dict[str, int]:
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
        "invalid": line.invalid if whole else 0,
        "all": line.rows if whole else line.applications,
    }


def _incomplete(form: Any) -> dict[str, str]:
    """What is missing before the service is even asked."""
    if form.get("verdict") not in Verdict.__members__.values():
        return {"verdict": gettext("请选择通过、退回修改或不予通过。")}
    if form.get("choose") != "all" and not form.getlist("row"):
        return {"row": gettext("请先勾选要办理的人员，或选择“全部等我审核的人员”。")}
    if form["verdict"] != Verdict.APPROVE and not form.getlist("reason"):
        return {"reason": gettext("退回或不予通过时，请至少选一个原因，让对方知道怎样改。")}
    return {}


def _chosen(session: Any, principal: Principal, line: desk.BatchLine) -> tuple[int, ...] | None:
    if request.form.get("choose") == "all":
        if not request.form.get("under"):
            return None
        return desk.row_numbers(session, principal, line, request.form["under"])
    rows = [row for row in request.form.getlist("row") if row.isascii() and row.isdecimal() and len(row) < 8]
    if not rows:
        raise NotFound("row_unknown", gettext("没有找到勾选的人员，请刷新后再选一次。"))
    return tuple(map(int, rows))


def _outcome(verdict: Verdict, count: int, after: str) -> str:
    if verdict is Verdict.APPROVE and after:
        return gettext("已通过 %(count)d 人，转由%(after)s审核。", count=count, after=after)
    if verdict is Verdict.APPROVE:
        return gettext("已通过 %(count)d 人，审核全部完成，可以发卡。", count=count)
    if verdict is Verdict.RETURN:
        return gettext("已退回 %(count)d 人，提交人会看到原因。名额保留 10 天。", count=count)
    return gettext("%(count)d 人不予通过，名额已释放。", count=count)
