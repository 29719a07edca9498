"""`/console`: where union officers of three tiers work. One module a subject; all share this blueprint."""

from flask import Blueprint

blueprint = Blueprint("console", __name__, url_prefix="/console")

from cardnet.web.console import (  # noqa: E402
    activation,
    allocation,
    batches,
    bulletin,
    card_acts,
    cards,
    cards_before,
    delegations,
    handouts,
    inbox,
    printing,
    quota,
    raises,
    register,
    review_settings,
    reviewing,
    rosters,
    rows,
    self_fill,
    unit_approvals,
    waiting,
    year_end,
)

__all__ = [
    "activation",
    "allocation",
    "batches",
    "blueprint",
    "bulletin",
    "card_acts",
    "cards",
    "cards_before",
    "delegations",
    "handouts",
    "inbox",
    "printing",
    "quota",
    "raises",
    "register",
    "review_settings",
    "reviewing",
    "rosters",
    "rows",
    "self_fill",
    "unit_approvals",
    "waiting",
    "year_end",
]
