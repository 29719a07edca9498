"""The appendix of the trust pack: a merchant's offers and limits, signed online because programs change and roots do not."""

import cbor2
from sqlalchemy.orm import Session

from cardnet.benefits.services import offline_offers
from cardnet.credential import document
from cardnet.credential.keys import KeyUse
from cardnet.credential.store import Published, signing_key, trust_pack
from cardnet.credential.store.documents import published
from cardnet.kernel.world import World
from cardnet.merchants.rules import Venue

MERCHANT, OFFERS, LIMITS = -70010, -70011, -70012
_EXP, _IAT = 4, 6
_HOUR = 3_600


def signed_offers(session: Session, world: World, venue: Venue) -> Published:
    """The offers of this merchant as they stand this hour: the same bytes until something changes or the hour is over."""
    at = world.now()
    key, policy = signing_key(session, world, KeyUse.OFFERS), trust_pack(session, at).policy
    now = int(at.timestamp())
    seconds = max(now - now % _HOUR, key.issuer.nbf)
    claims = {
        _EXP: seconds + policy.offline_sync,
        _IAT: seconds,
        MERCHANT: venue.merchant_code,
        OFFERS: offline_offers(session, world, venue),
        LIMITS: {
            "floor_fen": policy.offline_floor_fen,
            "card_uses": policy.offline_card_uses,
            "uses": policy.offline_uses,
            "given_fen": policy.offline_given_fen,
            "sync_seconds": policy.offline_sync,
            "printed_floor_fen": policy.printed_floor_fen,
            "printed_card_uses": policy.printed_card_uses,
        },
    }
    return published(document.seal(key, KeyUse.OFFERS, seconds, cbor2.dumps(claims, canonical=True)))
