"""Use cases of the merchant API itself: idempotency and tombstones."""

from cardnet.merchant_api.services.keys import Claim, KeptKey, at_once, bury, forget_keys, key_of, once

__all__ = ["Claim", "KeptKey", "at_once", "bury", "forget_keys", "key_of", "once"]
