"""Use cases of the merchant API itself: idempotency and tombstones, quote tokens."""

from cardnet.merchant_api.services.keys import Claim, KeptKey, bury, forget_keys, key_of, once
from cardnet.merchant_api.services.quotes import Shown, judge, shown_by, shown_in, token_of

__all__ = [
    "Claim",
    "KeptKey",
    "Shown",
    "bury",
    "forget_keys",
    "judge",
    "key_of",
    "once",
    "shown_by",
    "shown_in",
    "token_of",
]
