"""决策依据 of programs and pools: which of them rest on a decision with its original, and putting one on record."""

from typing import Any

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from cardnet.access.rules import Principal, in_scope
from cardnet.benefits import services as benefits
from cardnet.kernel.calendar import day_of
from cardnet.kernel.db import transaction
from cardnet.kernel.errors import CardnetError, NotFound
from cardnet.web.auth import staff_page
from cardnet.web.console import blueprint
from cardnet.web.console.originals import UPLOAD_BYTES, WRONG_ORIGINAL, authority_typed
from cardnet.web.csrf import takes_upload
from cardnet.web.forms import whole_id, wrong_of
from cardnet.web.language import gettext
from cardnet.wiring import current_world


@blueprint.get("/authorities")
@staff_page(*benefits.DECISION_READERS)
def authorities(principal: Principal) -> ResponseReturnValue:
    """Every program and pool within the reader's scope with what it rests on; those without come first."""
    with transaction() as session:
        found = benefits.all_founded(session, principal)
    return render_template(
        "console/authorities.html",
        found=found,
        missing=sum(1 for one in found if not one.decisions),
        on_paper=sum(1 for one in found if one.decisions and not one.originals),
    )


@blueprint.get("/authorities/<subject>/<code>")
@staff_page(*benefits.DECISION_READERS)
def authority(principal: Principal, subject: str, code: str) -> ResponseReturnValue:
    """One program or pool: its decisions, and the form that puts another on record."""
    return _page(principal, _kind(subject), code, {})


@blueprint.post("/authorities/<subject>/<code>")
@takes_upload(UPLOAD_BYTES)
@staff_page(*benefits.ATTACHERS)
def attach_authority(principal: Principal, subject: str, code: str) -> ResponseReturnValue:
    """State a new decision with its original, or rest on one that is on record."""
    kind, chosen = _kind(subject), request.form.get("authority", "")
    try:
        with transaction() as session:
            decision = whole_id(chosen) if chosen else authority_typed()
            command = benefits.AttachAuthority(kind, code, decision, principal)
            made = benefits.attach_authority(session, current_world(), command)
    except CardnetError as error:
        fields = {**WRONG_ORIGINAL, "authority_unknown": "authority", "authority_attached": "authority"}
        return _page(principal, kind, code, wrong_of(error, fields)), error.status
    flash(gettext("已登记“%(name)s”的决策依据。", name=made.name), "good")
    return redirect(url_for("console.authority", subject=subject, code=code), 303)


def _kind(word: str) -> benefits.SubjectKind:
    try:
        return benefits.SubjectKind(word)
    except ValueError:
        raise NotFound("not_found", gettext("没有找到这条记录，请返回列表重新选择。")) from None


def _page(principal: Principal, kind: benefits.SubjectKind, code: str, wrong: dict[str, str]) -> str:
    with transaction() as session:
        subject = benefits.founded(session, principal, kind, code)
        may = principal.has(*benefits.ATTACHERS) and in_scope(principal.scope_path, subject.union.path)
        reusable = benefits.decisions_to_reuse(session, principal, subject) if may else ()
    first: dict[str, Any] = {"document": subject.doc_ref, "budget_item": subject.budget_item}
    return render_template(
        "console/authority.html",
        subject=subject,
        reusable=reusable[:100],
        may_attach=may,
        given=request.form or (first if not subject.decisions else {}),
        wrong=wrong,
        today=day_of(current_world().now()),
    )
