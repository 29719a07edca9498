"""One person of a roster: what was found, everything that happened, correcting a return, taking back."""

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from cardnet.access.rules import Principal
from cardnet.issuance import services as issuance
from cardnet.issuance.rules import APPLICATION_STEPS, ApplicationAction, ApplicationState
from cardnet.issuance.services import desk
from cardnet.kernel.db import transaction
from cardnet.kernel.errors import CardnetError, InvalidInput
from cardnet.membership.columns import Column
from cardnet.membership.rules import EMPLOYMENT_NAMES, ID_TYPE_NAMES
from cardnet.web.auth import OFFICERS, staff_page
from cardnet.web.console import blueprint
from cardnet.web.console.acting import acting
from cardnet.web.forms import whole_id, wrong_of
from cardnet.web.language import gettext
from cardnet.wiring import current_world

FIELDS = {column.name.lower(): column for column in issuance.CORRECTED}
"""The form's names of the columns that can be corrected."""

_KEPT_WHEN_EMPTY = (Column.ID_NUMBER, Column.PHONE)
"""Shown masked, so an empty field means: as it is."""


@blueprint.get("/batches/<batch_id>/rows/<int(max=9999999):row>")
@staff_page(*OFFICERS)
def batch_row(principal: Principal, batch_id: str, row: int) -> ResponseReturnValue:
    """One person of a batch: what was found, where the application stands, everything that happened to it."""
    return row_page(principal, batch_id, row, {})


@blueprint.post("/batches/<batch_id>/rows/<int(max=9999999):row>/correct")
@staff_page(*OFFICERS)
def correct_row(principal: Principal, batch_id: str, row: int) -> ResponseReturnValue:
    """A returned row, corrected, goes to review again."""
    try:
        with transaction() as session:
            line = desk.batch_of(session, principal, whole_id(batch_id))
            one = desk.row_of(session, principal, line, row)
            typed = {column: request.form.get(name, "").strip()[:200] for name, column in FIELDS.items()}
            if one.person is not None:
                known = {Column.ID_NUMBER: one.person.id_number, Column.PHONE: one.person.phone}
                typed |= {column: known[column] for column in _KEPT_WHEN_EMPTY if not typed[column]}
            command = issuance.CorrectRow(line.batch_id, row, principal, typed)
            issuance.correct_row(session, current_world(), command)
    except CardnetError as error:
        return row_page(principal, batch_id, row, _wrong(error)), error.status
    flash(gettext("已改正并重新提交，从本单位审核重新开始。"), "good")
    return redirect(url_for("console.batch_row", batch_id=batch_id, row=row), 303)


@blueprint.post("/batches/<batch_id>/rows/<int(max=9999999):row>/withdraw")
@staff_page(*OFFICERS)
def withdraw_row(principal: Principal, batch_id: str, row: int) -> ResponseReturnValue:
    """The unit takes one application back."""
    try:
        with transaction() as session:
            line = desk.batch_of(session, principal, whole_id(batch_id))
            desk.row_of(session, principal, line, row)
            words = request.form.get("words", "").strip()
            issuance.withdraw(session, current_world(), issuance.Withdraw(line.batch_id, principal, (row,), words))
    except CardnetError as error:
        return row_page(principal, batch_id, row, wrong_of(error)), error.status
    flash(gettext("申请已撤回，名额已释放。"), "good")
    return redirect(url_for("console.batch_row", batch_id=batch_id, row=row), 303)


def _wrong(error: CardnetError) -> dict[str, str]:
    """The checker speaks of columns; the form has names."""
    if not isinstance(error, InvalidInput) or not error.errors:
        return wrong_of(error)
    names = {str(column): name for name, column in FIELDS.items()}
    return {names.get(one.pointer.strip("/"), ""): one.message for one in error.errors}


def row_page(principal: Principal, batch_id: str, row: int, wrong: dict[str, str]) -> str:
    """One person of a batch, and what is wrong with the form that was sent."""
    with transaction() as session:
        me = acting(session, principal)
        line = desk.batch_of(session, me.officer, whole_id(batch_id))
        one = desk.row_of(session, me.officer, line, row)
        old_card = issuance.replaced_by(session, one.application_id) if one.application_id else None
        history = desk.application_history(session, me.officer, one.application_id) if one.application_id else ()
    own = one.submitted_by == principal.account_id or (one.union and one.union.path == principal.scope_path)
    return render_template(
        "console/batch_row.html",
        batch=line,
        row=one,
        history=history,
        wrong=wrong,
        typed=_typed(one),
        id_types=[(name, name) for name in ID_TYPE_NAMES.values()],
        employments=[("", ""), *((name, name) for name in EMPLOYMENT_NAMES.values())],
        may_correct=own and one.state is ApplicationState.RETURNED and not line.origin.in_place,
        may_answer=own and one.state is ApplicationState.RETURNED and line.origin.in_place,
        answer=request.form.get("answer", ""),
        old_card=old_card,
        may_withdraw=own and (one.state, ApplicationAction.WITHDRAW) in APPLICATION_STEPS,
        behalf=me.behalf,
        now=current_world().now(),
    )


def _typed(row: desk.RowLine) -> dict[str, str]:
    """What the form shows: what was just typed, else what is on record."""
    if request.method == "POST":
        return {name: request.form.get(name, "") for name in FIELDS}
    person = row.person
    if person is None:
        return dict.fromkeys(FIELDS, "")
    return {
        "name": person.name,
        "id_type": ID_TYPE_NAMES[person.id_type],
        "employment": EMPLOYMENT_NAMES.get(person.employment, "") if person.employment else "",
        "department": person.department,
    }
