"""What the trust pack's `terminal-ca` says of terminals' keys, kept in step with the keys there are."""

from sqlalchemy.orm import Session

from cardnet.credential import store
from cardnet.credential.keys import Alg
from cardnet.credential.store import TerminalKeyName
from cardnet.kernel.world import World
from cardnet.merchants.rules import KeyAlgorithm, Venue
from cardnet.merchants.services import NamedKey, keys_of, named_keys

_ALG = {KeyAlgorithm.ED25519: Alg.EDDSA, KeyAlgorithm.ES256: Alg.ES256}


def certificate_of(session: Session, world: World, venue: Venue, key_id: str | None) -> bytes | None:
    """The certificate of this terminal's key, made now where there is none; None without a key."""
    key = next((one for one in keys_of(session, venue.terminal_id) if one.key_id == key_id), None)
    if key is None:
        return None
    return store.certificate_for(session, world, _name(NamedKey(venue.merchant_code, venue.terminal_code, key, None)))


def certify_terminals(session: Session, world: World) -> int:
    """Certify what is new, note what was stopped, and let the pack say it; how many were new."""
    known, named = store.certified_keys(session), named_keys(session)
    new = [one for one in named if one.key.key_id not in known]
    store.certify_keys(session, world, [_name(one) for one in new])
    ended = {one.key.key_id: one.stopped_at for one in named if one.stopped_at}
    store.note_stopped(session, {key_id: at for key_id, at in ended.items() if known.get(key_id) is None})
    # Where the root signs by itself the pack follows at once; custodians are not called together for one till.
    store.ensure_keys(session, world)
    return len(new)


def _name(one: NamedKey) -> TerminalKeyName:
    return TerminalKeyName(one.key.key_id, one.merchant, one.terminal, _ALG[one.key.algorithm], one.key.public_key)
