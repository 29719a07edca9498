"""`/invite/…`: the owner of a new account scans the authenticator's square, chooses a password, and is let in once."""

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from cardnet.access import services as access
from cardnet.access.rules import totp_address
from cardnet.kernel.db import transaction
from cardnet.kernel.errors import InvalidInput
from cardnet.membership import services as membership
from cardnet.web.language import gettext
from cardnet.web.squares import qr_svg
from cardnet.wiring import current_world

blueprint = Blueprint("invite", __name__)

_UNSEEN = {"Cache-Control": "no-store", "Referrer-Policy": "no-referrer", "X-Robots-Tag": "noindex"}
"""The address is the key: it goes into no cache and to no other site."""


@blueprint.get("/invite/<token>")
def form(token: str) -> ResponseReturnValue:
    """Whose account it is, the square, and the two fields."""
    return _page(token, {})


@blueprint.post("/invite/<token>")
def accept(token: str) -> ResponseReturnValue:
    """Set the password when the code proves the authenticator."""
    password, again, code = (request.form.get(name, "") for name in ("password", "again", "code"))
    if password != again:
        return _page(token, {"again": gettext("两次输入的密码不一样，请重新输入。")}, 422)
    command = access.AcceptInvitation(token, password, code, request.remote_addr)
    try:
        with transaction() as session:
            outcome = access.accept_invitation(session, current_world(), command)
    except InvalidInput as error:
        return _page(token, {"password": error.message}, 422)
    if isinstance(outcome, access.CodeWrong):
        if outcome.left == 0:
            return _page(token, {}, 422)
        said = gettext("动态口令不对，请看验证器上现在的 6 位数字。还可以试 %(n)s 次。", n=outcome.left)
        return _page(token, {"code": said}, 422)
    flash(gettext("账号已启用，请用刚才设的密码和验证器登录。"), "good")
    return redirect(url_for("auth.sign_in"), 303)


def _page(token: str, wrong: dict[str, str], status: int = 200) -> ResponseReturnValue:
    with transaction() as session:
        invited = access.invited(session, current_world(), token)
        union = membership.union_of_id(session, invited.union_id)
    square = qr_svg(totp_address(invited.totp_secret, invited.username), gettext("验证器二维码"))
    page = render_template("invite/form.html", token=token, invited=invited, union=union, square=square, wrong=wrong)
    return page, status, _UNSEEN
