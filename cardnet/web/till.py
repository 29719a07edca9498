"""`/till`: the cashier's page. It speaks the merchant API like any other till; here are only its page and its worker."""

from flask import Blueprint
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from cardnet.web import language
from cardnet.web.offline import OfflineApp
from cardnet.web.till_words import words

blueprint = Blueprint("till", __name__)

_APP = OfflineApp(
    "till",
    "/till",
    ("css/base.css", "css/till.css", "img/till.svg", "img/till-192.png", "img/till-180.png"),
    "#0b6b64",
)


@blueprint.get("/till")
def page() -> ResponseReturnValue:
    """The till; it pairs itself once with a terminal of a merchant."""
    return _APP.render(words=words())


@blueprint.get("/till/sw.js")
def worker() -> ResponseReturnValue:
    """What holds the page for the next visit without a network."""
    return _APP.worker(words=words())


@blueprint.get("/till/manifest.webmanifest")
def web_manifest() -> ResponseReturnValue:
    """How the till appears on a home screen."""
    lang = language.HTML_LANG[language.chosen()]
    return _APP.web_manifest(name=_("工会优惠收银台"), short_name=_("收银台"), language=lang)
