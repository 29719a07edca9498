"""Use cases of the merchant API itself: idempotency and tombstones, quote tokens, nonces, webhooks."""

from cardnet.merchant_api.services.certificates import certificate_of, certify_terminals
from cardnet.merchant_api.services.evidence import offline_evidence
from cardnet.merchant_api.services.keys import Claim, KeptKey, at_once, bury, forget_keys, key_of, once
from cardnet.merchant_api.services.nonces import forget_nonces, use_nonce
from cardnet.merchant_api.services.offers import signed_offers
from cardnet.merchant_api.services.quotes import Shown, judge, shown_by, shown_in, token_of
from cardnet.merchant_api.services.webhooks import (
    DeliveryView,
    EndpointView,
    MakeEndpoint,
    Message,
    NewEndpoint,
    deliveries,
    disable_endpoint,
    enable_endpoint,
    endpoints,
    forget_deliveries,
    make_endpoint,
    note_outcome,
    replay_delivery,
    spread_events,
    take_message,
)

__all__ = [
    "Claim",
    "DeliveryView",
    "EndpointView",
    "KeptKey",
    "MakeEndpoint",
    "Message",
    "NewEndpoint",
    "Shown",
    "at_once",
    "bury",
    "certificate_of",
    "certify_terminals",
    "deliveries",
    "disable_endpoint",
    "enable_endpoint",
    "endpoints",
    "forget_deliveries",
    "forget_keys",
    "forget_nonces",
    "judge",
    "key_of",
    "make_endpoint",
    "note_outcome",
    "offline_evidence",
    "once",
    "replay_delivery",
    "shown_by",
    "shown_in",
    "signed_offers",
    "spread_events",
    "take_message",
    "token_of",
    "use_nonce",
]
