"""`/phone`: the demonstration's phone. It shows what a number received, like the list of messages on any phone.

There only with CARDNET_SIMULATED_PHONE, which no real union sets: everywhere else the address does not exist. The
number is in no address of a page.
"""

from flask import Blueprint, abort, render_template, request
from flask.typing import ResponseReturnValue

from cardnet.kernel.db import transaction
from cardnet.membership.cleaning import phone_of
from cardnet.membership.notices.simulated import messages_on, phones_with_messages
from cardnet.wiring import current_settings

blueprint = Blueprint("phone", __name__)


@blueprint.before_request
def _only_in_a_demonstration() -> None:
    if not current_settings().simulated_phone:
        abort(404)


@blueprint.get("/phone")
def phones() -> ResponseReturnValue:
    """Which phones received something; one number to type."""
    return _page("")


@blueprint.post("/phone")
def messages() -> ResponseReturnValue:
    """What one phone received."""
    return _page(request.form.get("phone", "")[:30])


def _page(typed: str) -> ResponseReturnValue:
    number = phone_of(typed) or ""
    with transaction() as session:
        received = messages_on(session, number) if number else ()
        latest = phones_with_messages(session)
    page = render_template(
        "phone/phone.html",
        typed=typed,
        number=number,
        received=received,
        latest=latest,
        wrong=bool(typed) and not number,
    )
    return page, 422 if typed and not number else 200, {"Cache-Control": "no-store"}
