"""`/`: one calm page that leads each audience to its own; and the choice of language."""

import qrcode
from flask import Blueprint, Response, redirect, render_template, request, session, url_for
from flask.typing import ResponseReturnValue
from qrcode.image.svg import SvgPathImage

from cardnet.web.forms import safe_return
from cardnet.web.language import LANGUAGES

blueprint = Blueprint("home", __name__)


@blueprint.get("/")
def front() -> ResponseReturnValue:
    """The four ways in."""
    return render_template("home/front.html")


@blueprint.get("/open-on-phone.svg")
def open_on_phone() -> Response:
    """A square that opens the wallet of this very address on a phone."""
    address = request.host_url.rstrip("/") + url_for("wallet.page")
    drawn = qrcode.make(address, image_factory=SvgPathImage, border=2).to_string()
    return Response(drawn, content_type="image/svg+xml")


@blueprint.post("/language")
def choose_language() -> ResponseReturnValue:
    """Keep the chosen language for this visitor and go back to the page they came from."""
    wanted = request.form.get("language", "")
    if wanted in LANGUAGES:
        session["language"] = wanted
    return redirect(safe_return(request.form.get("return_to"), "/"), 303)
