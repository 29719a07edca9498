"""Keys and alarms: whether tills can trust what they have, and what somebody must look into. Acts on keys are commands."""

import uuid

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from cardnet.access import services as access
from cardnet.access.rules import Principal, Role
from cardnet.credential import store
from cardnet.credential.keys import KeyState, KeyUse
from cardnet.credential.root import fingerprint
from cardnet.kernel.db import transaction
from cardnet.kernel.errors import InvalidInput
from cardnet.web.auth import staff_page
from cardnet.web.console import blueprint
from cardnet.web.forms import wrong_of
from cardnet.web.language import gettext
from cardnet.wiring import current_world

_LONGEST = 200
_SHOWN_DONE = 20


@blueprint.get("/keys")
@staff_page(Role.ADMIN, Role.AUDITOR)
def keys(principal: Principal) -> ResponseReturnValue:
    """The trust pack, open alarms first, and the keys tills know."""
    return _page(principal, {})


@blueprint.post("/keys/alarms/<uuid:alarm_id>")
@staff_page(Role.ADMIN)
def close_alarm(principal: Principal, alarm_id: uuid.UUID) -> ResponseReturnValue:
    """Somebody has looked into it, and says what it was."""
    words = request.form.get(f"words-{alarm_id}", "").strip()
    try:
        if not words or len(words) > _LONGEST:
            raise InvalidInput("words_missing", gettext("请写明查清的结果，不超过 200 个字。"))
        with transaction() as session:
            done = store.AcknowledgeAlarm(alarm_id, words, principal.account_id)
            store.acknowledge_alarm(session, current_world(), done)
    except InvalidInput as error:
        return _page(principal, {f"words-{alarm_id}": wrong_of(error).get("", error.message)}), 422
    flash(gettext("已记下查清的结果。"))
    return redirect(url_for("console.keys"))


def _page(principal: Principal, wrong: dict[str, str]) -> str:
    at = current_world().now()
    with transaction() as session:
        lines = store.key_lines(session, at)
        alarms = store.alarms(session)
        names = access.display_names(session, [line.acknowledged_by for line in alarms if line.acknowledged_by])
        online, changes = store.are_online(session), store.unsigned_changes(session, at)
    known = [line for line in lines if line.published or line.signs or line.key.use == KeyUse.ROOT]
    return render_template(
        "console/keys.html",
        wrong=wrong,
        may_close=principal.has(Role.ADMIN),
        at=at,
        # A stolen issuer key cannot wait; a copied phone has been stopped already.
        open_alarms=sorted(
            (line for line in alarms if line.acknowledged_at is None),
            key=lambda line: line.alarm.kind != store.NOT_ISSUED,
        ),
        closed_alarms=[line for line in alarms if line.acknowledged_at is not None][:_SHOWN_DONE],
        names=names,
        online=online,
        changes=changes,
        late=changes.expires_at is None or changes.expires_at <= at,
        roots=[line.key for line in known if line.key.use == KeyUse.ROOT and line.key.state == KeyState.ACTIVE],
        keys=[line for line in known if line.key.use not in (KeyUse.ROOT, KeyUse.PRINT)],
        spare=sum(line.key.use == KeyUse.PRINT and line.signs and line.published for line in known),
        printings=sum(line.print_run_id is not None for line in known),
        fingerprint=fingerprint,
    )
