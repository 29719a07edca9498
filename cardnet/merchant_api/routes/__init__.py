"""The calls of `/merchant/v1`."""

from cardnet.merchant_api.routes import events, offline, redemptions, terminals
from cardnet.merchant_api.routes.blueprint import blueprint

__all__ = ["blueprint", "events", "offline", "redemptions", "terminals"]
