"""`/phone`: the demonstration's phone. It shows what a number received, like the list of messages on any phone.

There only with CARDNET_SIMULATED_PHONE, which no real union sets: everywhere else the address does not exist. The
number is in no address of a page.
"""

from flask import Blueprint, abort, render_template, request
from flask.typing import ResponseReturnValue

from cardnet.kernel.db import transaction
from cardnet.membership.cleaning import phone_of
from cardnet.membership.notices.simulated import ACCOUNT_OF, messages_on, phones_with_messages
from cardnet.web.wallet_account import heard
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


@blueprint.post("/phone/account")
def write_to_account() -> ResponseReturnValue:
    """Somebody writes to the official account from this phone, as they would in their chat with it."""
    typed = request.form.get("phone", "")[:30]
    number = phone_of(typed)
    if not number:
        return _page(typed)
    return _page(number, heard(f"{ACCOUNT_OF}{number}", request.form.get("words", "")[:200]))


def _page(typed: str, said: str = "") -> ResponseReturnValue:
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
        said=said,
        wrong=bool(typed) and not number,
    )
    return page, 422 if typed and not number else 200, {"Cache-Control": "no-store"}
