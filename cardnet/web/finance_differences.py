"""What finance does about one difference of a reconciliation: note, propose, check, open again."""

from flask import flash, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import lazy_gettext

from cardnet.access.rules import Principal, Role
from cardnet.finance import services
from cardnet.finance.rules import ClearingStep, Resolution
from cardnet.finance.services import TakeStep
from cardnet.kernel.db import transaction
from cardnet.kernel.errors import CardnetError, FieldError, InvalidInput
from cardnet.web.auth import staff_page
from cardnet.web.finance import MAKERS, blueprint, run_page
from cardnet.web.forms import whole_id, wrong_of
from cardnet.web.language import gettext
from cardnet.wiring import current_world

CLEARERS = (*MAKERS, Role.FINANCE_CHECKER)

_DONE = {
    ClearingStep.NOTE: lazy_gettext("已记下。"),
    ClearingStep.PROPOSE: lazy_gettext("已提出结论，等另一个人复核。"),
    ClearingStep.APPROVE: lazy_gettext("已复核通过，这条差异办结。"),
    ClearingStep.RETURN: lazy_gettext("已退回，经办会看到您写的话。"),
    ClearingStep.REOPEN: lazy_gettext("已重新打开。"),
}


@blueprint.post("/reconciliation/differences/<difference_id>")
@staff_page(*CLEARERS)
def clear_difference(principal: Principal, difference_id: str) -> ResponseReturnValue:
    """One step, with words; back to the difference it was about."""
    number = whole_id(difference_id)
    with transaction() as session:
        run_id = services.exception_of_id(session, number).run_id
    try:
        asked, resolution = request.form.get("step", ""), request.form.get("resolution", "")
        if asked not in list(ClearingStep):
            message = gettext("请选择要做什么。")
            raise InvalidInput("step_missing", message, [FieldError("/words", message)])
        chosen = Resolution(resolution) if resolution in list(Resolution) else None
        words, seen = request.form.get("words", ""), request.form.get("proposal")
        proposal = whole_id(seen) if seen else None
        command = TakeStep(number, ClearingStep(asked), words, principal, chosen, proposal)
        with transaction() as session:
            services.take_step(session, current_world(), command)
    except CardnetError as error:
        if error.status == 404:
            raise
        wrong = {f"{name}-{number}" if name else "": sentence for name, sentence in wrong_of(error).items()}
        return run_page(principal, str(run_id), wrong, number), error.status
    flash(str(_DONE[command.step]), "good")
    group, page = request.args.get("group"), request.args.get("page")
    there = url_for("finance.reconciliation", run_id=run_id, group=group, page=page, _anchor=f"do-{number}")
    return redirect(there, 303)
