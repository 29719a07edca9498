"""`/`: one calm page that leads each audience to its own; and the choice of language."""

from flask import Blueprint, redirect, render_template, request, session
from flask.typing import ResponseReturnValue

from cardnet.web.forms import safe_return
from cardnet.web.language import LANGUAGES

blueprint = Blueprint("home", __name__)


@blueprint.get("/")
def front() -> ResponseReturnValue:
    """The four ways in."""
    return render_template("home/front.html")


@blueprint.post("/language")
def choose_language() -> ResponseReturnValue:
    """Keep the chosen language for this visitor and go back to the page they came from."""
    wanted = request.form.get("language", "")
    if wanted in LANGUAGES:
        session["language"] = wanted
    return redirect(safe_return(request.form.get("return_to"), "/"), 303)
