"""The calls of `/merchant/v1`."""

from cardnet.merchant_api.routes import advices, events, offline, redemptions, settlements, terminals
from cardnet.merchant_api.routes.blueprint import blueprint

__all__ = ["advices", "blueprint", "events", "offline", "redemptions", "settlements", "terminals"]
