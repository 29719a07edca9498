"""`/api/v1`: what console and finance pages do, for programs. One module a subject; all share one blueprint.

The back office's programs stand where its browsers stand: above every package, calling the services the pages call
(docs/decisions/0010). `edge` is every call's way in and out.
"""

from cardnet.web.api import (
    accounts,
    base,
    batches,
    cards,
    documents,
    finance,
    handouts,
    members,
    notices,
    quota,
    register,
    review,
    rosters,
    unit,
)
from cardnet.web.api.edge import API, blueprint

__all__ = [
    "API",
    "accounts",
    "base",
    "batches",
    "blueprint",
    "cards",
    "documents",
    "finance",
    "handouts",
    "members",
    "notices",
    "quota",
    "register",
    "review",
    "rosters",
    "unit",
]
