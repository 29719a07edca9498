"""`/console`: where union officers of three tiers work. One module a subject; all share this blueprint."""

from flask import Blueprint

blueprint = Blueprint("console", __name__, url_prefix="/console")

from cardnet.web.console import batches, bulletin, cards, inbox, quota, rosters  # noqa: E402

__all__ = ["batches", "blueprint", "bulletin", "cards", "inbox", "quota", "rosters"]
