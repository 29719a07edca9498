"""The pages of the app, read off its routes: a new page is attacked without anybody thinking of it."""

import re

from tests.web.filled_forms import NOBODY

SEGMENTS = (NOBODY, "none", "a\0b", "'; --", "../../etc/passwd", "张" * 300, "0", "-1", "9" * 30, "%ff", "\ud7ff")
PAGES = (
    "home",
    "auth",
    "invite",
    "confirm",
    "fill",
    "lost",
    "phone",
    "console",
    "finance",
    "merchant",
    "overview",
    "wallet",
    "till",
)


def pages_of(app, method):
    """Rules of our own pages that take `method`."""
    return [
        rule for rule in app.url_map.iter_rules() if method in rule.methods and rule.endpoint.split(".")[0] in PAGES
    ]


def forms_of(app):
    """Forms of pages. Signing out would end the reading; phones and tills send JSON and have tests of their own."""
    for rule in pages_of(app, "POST"):
        if rule.endpoint != "auth.leave" and not rule.rule.startswith(("/wallet/api", "/till/api")):
            yield rule


def address(rule, values):
    """The rule's address with `values` in it; what the rule's own type would refuse is put in as it is."""
    path = rule.rule
    for name in rule.arguments:
        path = re.sub(rf"<(?:[^<>]+:)?{name}>", lambda _, name=name: str(values.get(name, "x")), path)
    return path
