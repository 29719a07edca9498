"""The credential's tables: issuer keys, trust pack, card indexes, status list. The only part that knows a database."""

from sqlalchemy.orm import Session

from cardnet.credential.store.documents import Published
from cardnet.credential.store.drill import TARGET as DRILL_TARGET
from cardnet.credential.store.drill import DrillReport, StartDrill, drill_report, start_drill
from cardnet.credential.store.indexes import (
    allocate_indexes,
    recycle_indexes,
    set_status,
    set_statuses,
    status_list,
    statuses_of,
)
from cardnet.credential.store.keys import (
    PRINT_STOCK,
    RevokeKey,
    ensure_keys,
    reseal_keys,
    revoke_key,
    rotate_card_keys,
    signing_key,
    take_print_key,
)
from cardnet.credential.store.packs import (
    CACHE_SECONDS,
    KeyLine,
    PackChanges,
    TakePack,
    key_lines,
    newest_pack,
    pack_to_sign,
    take_pack,
    trust_pack,
    unsigned_changes,
)
from cardnet.credential.store.roots import AdoptRoots, adopt_roots, are_online
from cardnet.credential.store.roots import active as roots
from cardnet.credential.store.watch import (
    CLONE_SUSPECTED,
    NOT_ISSUED,
    AcknowledgeAlarm,
    Alarm,
    AlarmLine,
    ShownCode,
    acknowledge_alarm,
    alarms,
    forget_old_codes,
    keep_watch,
    note_codes,
    raise_alarm,
    take_watch,
)
from cardnet.kernel.world import World


def signed_trust_pack(session: Session, world: World) -> Published:
    """The newest pack as tills fetch it, with its ETag value; keys that are due are made first."""
    ensure_keys(session, world)
    return newest_pack(session)


__all__ = [
    "CACHE_SECONDS",
    "CLONE_SUSPECTED",
    "DRILL_TARGET",
    "NOT_ISSUED",
    "PRINT_STOCK",
    "AcknowledgeAlarm",
    "AdoptRoots",
    "Alarm",
    "AlarmLine",
    "DrillReport",
    "KeyLine",
    "PackChanges",
    "Published",
    "RevokeKey",
    "ShownCode",
    "StartDrill",
    "TakePack",
    "acknowledge_alarm",
    "adopt_roots",
    "alarms",
    "allocate_indexes",
    "are_online",
    "drill_report",
    "ensure_keys",
    "forget_old_codes",
    "keep_watch",
    "key_lines",
    "note_codes",
    "pack_to_sign",
    "raise_alarm",
    "recycle_indexes",
    "reseal_keys",
    "revoke_key",
    "roots",
    "rotate_card_keys",
    "set_status",
    "set_statuses",
    "signed_trust_pack",
    "signing_key",
    "start_drill",
    "status_list",
    "statuses_of",
    "take_pack",
    "take_print_key",
    "take_watch",
    "trust_pack",
    "unsigned_changes",
]
