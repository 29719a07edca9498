"""The calls of `/merchant/v1`."""

from cardnet.merchant_api.routes import offline, redemptions, terminals
from cardnet.merchant_api.routes.blueprint import blueprint

__all__ = ["blueprint", "offline", "redemptions", "terminals"]
