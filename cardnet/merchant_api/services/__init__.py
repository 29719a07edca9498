"""Use cases of the merchant API itself: idempotency and tombstones, quote tokens."""

from cardnet.merchant_api.services.keys import Claim, KeptKey, bury, forget_keys, key_of, once
from cardnet.merchant_api.services.nonces import forget_nonces, use_nonce
from cardnet.merchant_api.services.quotes import Shown, judge, shown_by, shown_in, token_of

__all__ = [
    "Claim",
    "KeptKey",
    "Shown",
    "bury",
    "forget_keys",
    "forget_nonces",
    "judge",
    "key_of",
    "once",
    "shown_by",
    "shown_in",
    "token_of",
    "use_nonce",
]
