"""The credential's tables: issuer keys, trust pack, card indexes, status list. The only part that knows a database."""

from cardnet.credential.store.documents import Published
from cardnet.credential.store.indexes import (
    allocate_indexes,
    set_status,
    set_statuses,
    status_list,
    statuses_of,
)
from cardnet.credential.store.keys import (
    CACHE_SECONDS,
    RevokeKey,
    ensure_keys,
    revoke_key,
    roots,
    signed_trust_pack,
    signing_key,
    trust_pack,
)

__all__ = [
    "CACHE_SECONDS",
    "Published",
    "RevokeKey",
    "allocate_indexes",
    "ensure_keys",
    "revoke_key",
    "roots",
    "set_status",
    "set_statuses",
    "signed_trust_pack",
    "signing_key",
    "status_list",
    "statuses_of",
    "trust_pack",
]
