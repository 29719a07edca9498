"""`/console`: where union officers of three tiers work. One module a subject; all share this blueprint."""

from flask import Blueprint

blueprint = Blueprint("console", __name__, url_prefix="/console")

from cardnet.web.console import (  # noqa: E402
    activation,
    batches,
    bulletin,
    card_acts,
    cards,
    delegations,
    handouts,
    inbox,
    printing,
    quota,
    register,
    review_settings,
    reviewing,
    rosters,
    rows,
    self_fill,
    unit_approvals,
)

__all__ = [
    "activation",
    "batches",
    "blueprint",
    "bulletin",
    "card_acts",
    "cards",
    "delegations",
    "handouts",
    "inbox",
    "printing",
    "quota",
    "register",
    "review_settings",
    "reviewing",
    "rosters",
    "rows",
    "self_fill",
    "unit_approvals",
]
