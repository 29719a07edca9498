"""The credential's tables: issuer keys, trust pack, card indexes, status list. The only part that knows a database."""

from sqlalchemy.orm import Session

from cardnet.credential.keys import IssuerKey
from cardnet.credential.store import offline_limits as _offline_limits
from cardnet.credential.store import packs as _packs
from cardnet.credential.store.certificates import (
    TerminalCertificate,
    TerminalKeyName,
    certificate_for,
    certificates_of,
    certified_keys,
    certify_keys,
    note_stopped,
)
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
from cardnet.credential.store.offline_limits import (
    DecideLimits,
    LimitsView,
    OfflineLimits,
    ProposeLimits,
    limits_history,
    limits_in_force,
    policy_as_of,
    policy_in_force,
    propose_limits,
)
from cardnet.credential.store.pack_history import packs_about
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
    trust_pack_as_of,
    unsigned_changes,
)
from cardnet.credential.store.roots import AdoptRoots, adopt_roots, are_online
from cardnet.credential.store.roots import active as roots
from cardnet.credential.store.watch import (
    CLONE_SUSPECTED,
    FORGED_CODE,
    HARVEST_SUSPECTED,
    NOT_ISSUED,
    VELOCITY_SUSPECTED,
    AcknowledgeAlarm,
    Alarm,
    AlarmLine,
    ShownCode,
    Watch,
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


def decide_limits(session: Session, world: World, command: DecideLimits) -> LimitsView:
    """Decide on offline limits (`offline_limits.decide_limits`); approved ones are published where the root signs by itself.

    The online appendix of offers carries them at once; a pack under an offline root waits for its custodians.
    """
    decided = _offline_limits.decide_limits(session, world, command)
    _packs.forget_cached(session)
    ensure_keys(session, world)
    return decided


def roots_to_pin(session: Session, world: World) -> tuple[IssuerKey, ...]:
    """The root keys a verifier pins, the current one first; keys that are due are made first."""
    ensure_keys(session, world)
    return tuple(sorted(roots(session).values(), key=lambda key: (key.exp, key.kid)))


__all__ = [
    "CACHE_SECONDS",
    "CLONE_SUSPECTED",
    "DRILL_TARGET",
    "FORGED_CODE",
    "HARVEST_SUSPECTED",
    "NOT_ISSUED",
    "PRINT_STOCK",
    "VELOCITY_SUSPECTED",
    "AcknowledgeAlarm",
    "AdoptRoots",
    "Alarm",
    "AlarmLine",
    "DecideLimits",
    "DrillReport",
    "KeyLine",
    "LimitsView",
    "OfflineLimits",
    "PackChanges",
    "ProposeLimits",
    "Published",
    "RevokeKey",
    "ShownCode",
    "StartDrill",
    "TakePack",
    "TerminalCertificate",
    "TerminalKeyName",
    "Watch",
    "acknowledge_alarm",
    "adopt_roots",
    "alarms",
    "allocate_indexes",
    "are_online",
    "certificate_for",
    "certificates_of",
    "certified_keys",
    "certify_keys",
    "decide_limits",
    "drill_report",
    "ensure_keys",
    "forget_old_codes",
    "keep_watch",
    "key_lines",
    "limits_history",
    "limits_in_force",
    "note_codes",
    "note_stopped",
    "pack_to_sign",
    "packs_about",
    "policy_as_of",
    "policy_in_force",
    "propose_limits",
    "raise_alarm",
    "recycle_indexes",
    "reseal_keys",
    "revoke_key",
    "roots",
    "roots_to_pin",
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
    "trust_pack_as_of",
    "unsigned_changes",
]
