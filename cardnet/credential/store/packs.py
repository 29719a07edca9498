"""The trust pack: what it should say now, who signs it, and what the server itself judges by."""

import uuid
import weakref
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import func, insert, select
from sqlalchemy.orm import Session

from cardnet.credential import pack
from cardnet.credential.keys import Alg, IssuerKey, KeyState, KeyUse
from cardnet.credential.pack import TrustPack
from cardnet.credential.store import roots
from cardnet.credential.store.documents import STATUS_URI, Published, published
from cardnet.credential.store.models import IssuerKeyRow, TerminalCertificateRow, TrustPackRow
from cardnet.credential.store.offline_limits import policy_as_of, policy_in_force
from cardnet.kernel import audit
from cardnet.kernel.db import database_of
from cardnet.kernel.errors import Conflict, InvalidInput, Unavailable
from cardnet.kernel.world import World, monotonic_seconds

CACHE_SECONDS = 5
"""How long a process trusts the pack it read: a key revoked elsewhere counts at most so much longer here."""

PUBLISHED = "key.publish"
"""How the audit trail calls a pack that came out."""

_RENEWED_AFTER = timedelta(days=15)
_KEPT_AFTER = {KeyUse.CARD: timedelta(days=45)}
_KEPT_LONG = timedelta(days=24 * 31 + 45)
"""How long after its last signature a key stays in the pack: a card key's 45 days, others as long as a printed card."""

_cached: weakref.WeakKeyDictionary[Any, tuple[float, TrustPack]] = weakref.WeakKeyDictionary()


@dataclass(frozen=True)
class TakePack:
    """A pack came back from the offline root."""

    content: bytes
    by: uuid.UUID | None = None


@dataclass(frozen=True)
class PackChanges:
    """What the newest pack does not say yet; `expires_at` is the newest pack's, None when there is none that counts.

    A pack under a root that is given up says nothing to whoever pinned the new ones.
    """

    added: tuple[IssuerKey, ...]
    revoked: tuple[IssuerKey, ...]
    expires_at: datetime | None
    aged: bool
    limits: bool = False
    """Finance has decided other offline limits since."""
    stopped: tuple[str, ...] = ()
    """Terminals' keys that were stopped since: no reason to call custodians together, the server refuses them anyway."""

    @property
    def any(self) -> bool:
        """Whether a new pack has something to say."""
        return bool(self.added or self.revoked or self.aged or self.limits)


def due(session: Session, at: datetime) -> bool:
    """Whether a new pack is due that we could sign ourselves."""
    if not roots.are_online(session) and _last_seq(session):
        return False
    changes = unsigned_changes(session, at)
    return changes.any or bool(changes.stopped)


def unsigned_changes(session: Session, at: datetime) -> PackChanges:
    """What waits for a signature: keys the newest pack lacks, keys it does not know to be revoked, and its age."""
    newest = _newest(session)
    counts = newest is not None and pack.signer_of(newest.content) in roots.active(session)
    last = pack.peek_pack(newest.content) if newest and counts else None
    said = last.keys if last else {}
    now = _published_now(session, at)
    return PackChanges(
        tuple(key for kid, key in now.items() if kid not in said),
        tuple(key for kid, key in now.items() if kid in said and key.state != said[kid].state),
        newest.expires_at if newest and counts else None,
        newest is None or not counts or at - newest.issued_at >= _RENEWED_AFTER,
        last is not None and last.policy != policy_in_force(session),
        tuple(sorted(_stopped(session).keys() - (last.stopped.keys() if last else ()))),
    )


def publish(session: Session, world: World) -> bool:
    """Write the next pack, when the root of the day signs by itself; else it waits. The caller holds the lock."""
    forget_cached(session)
    root = roots.online_root(session, world.now())
    if root is None:
        return False
    signed = _next(session, world.now())
    _keep(session, world, signed, pack.seal_pack(signed, root), None)
    return True


def pack_to_sign(session: Session, world: World) -> bytes:
    """The next pack as bytes to carry to the offline root."""
    return pack.encode_pack(_next(session, world.now()))


def take_pack(session: Session, world: World, command: TakePack) -> TrustPack:
    """Publish what the offline root signed.

    Raises InvalidInput("pack_invalid") when no root of ours signed it, Conflict("pack_outdated") when keys have changed
    since it went out: an old statement must not bring a revoked key back.
    """
    at = world.now()
    try:
        taken = pack.open_pack(command.content, roots.active(session), int(at.timestamp()))
    except ValueError as error:
        raise InvalidInput("pack_invalid", f"这份信任包不能用（{error}）：请核对签名用的是不是现行的根密钥。") from None
    seq = _last_seq(session)
    if taken.seq != seq + 1 or taken.issued_at > at.timestamp() or not _still_true(session, taken):
        raise Conflict(
            "pack_outdated", "送出签名之后密钥又有变化，这份信任包作废：请重新 cardnet keys sign-pack --out 再签一次。"
        )
    _keep(session, world, taken, command.content, command.by)
    forget_cached(session)
    return taken


def trust_pack(session: Session, at: datetime) -> TrustPack:
    """What the server judges codes by: every key there ever was, since evidence is judged as of its own day.

    Read at most every five seconds per process and database, so it costs nothing on the hot path; a key revoked by
    another process therefore counts here up to five seconds longer (`CACHE_SECONDS`), one revoked by this process
    not at all.
    """
    bind = database_of(session)
    kept = _cached.get(bind)
    if kept and monotonic_seconds() - kept[0] < CACHE_SECONDS:
        return kept[1]
    loaded = _pack(session, _last_seq(session), at, {row.kid: value(row) for row in rows(session)})
    _cached[bind] = (monotonic_seconds(), loaded)
    return loaded


def trust_pack_as_of(session: Session, at: datetime, then: datetime) -> TrustPack:
    """The same as a till could know it at an earlier moment: a key revoked after `then` still counted.

    For what a till accepted before anybody knew. Who stole a card key and dates back gains nothing: the phone's key
    must be the one bound to the index. Paper has no such second proof, so its record waits for a person.
    """
    now = trust_pack(session, at)
    later = set(session.scalars(select(IssuerKeyRow.kid).where(IssuerKeyRow.revoked_at > then)))
    now = replace(now, policy=policy_as_of(session, then))
    if not later:
        return now
    keys = {kid: replace(key, state=KeyState.ACTIVE) if kid in later else key for kid, key in now.keys.items()}
    return replace(now, keys=keys)


def newest_pack(session: Session) -> Published:
    """The newest pack as tills fetch it, with its ETag value. Raises Unavailable("no_trust_pack")."""
    newest = _newest(session)
    if newest is None:
        raise Unavailable("no_trust_pack", "还没有签名的信任包：请管理员用 cardnet keys sign-pack 请保管人签名。")
    return published(newest.content)


def published_kids(session: Session) -> list[bytes]:
    """The keys tills can know: those of the newest pack."""
    newest = _newest(session)
    if newest is None or pack.signer_of(newest.content) not in roots.active(session):
        return []
    return list(pack.peek_pack(newest.content).keys)


def forget_cached(session: Session) -> None:
    """The next judgement reads the keys again."""
    _cached.pop(database_of(session), None)


@dataclass(frozen=True)
class KeyLine:
    """A key as the person on call sees it. `signs`: it may sign now and has its private half here."""

    key: IssuerKey
    shard: int | None
    signs: bool
    published: bool
    revoked_at: datetime | None
    print_run_id: uuid.UUID | None

    @property
    def first(self) -> datetime:
        """From when it signs."""
        return datetime.fromtimestamp(self.key.nbf, UTC)

    @property
    def last(self) -> datetime:
        """Until when it signs."""
        return datetime.fromtimestamp(self.key.exp, UTC)


def key_lines(session: Session, at: datetime) -> tuple[KeyLine, ...]:
    """Every key there ever was, by use and kid."""
    tills_know = set(published_kids(session))
    now = int(at.timestamp())

    def line(row: IssuerKeyRow) -> KeyLine:
        key = value(row)
        signs = row.private_sealed is not None and key.state == KeyState.ACTIVE and key.may_sign_at(now)
        return KeyLine(key, row.shard, signs, row.kid in tills_know, row.revoked_at, row.print_run_id)

    return tuple(line(row) for row in sorted(rows(session), key=lambda row: (row.use, row.kid)))


def rows(session: Session) -> Sequence[IssuerKeyRow]:
    """Every key, by its kid."""
    statement = select(IssuerKeyRow).order_by(IssuerKeyRow.kid).execution_options(populate_existing=True)
    return session.scalars(statement).all()


def value(row: IssuerKeyRow) -> IssuerKey:
    """The public half of a row."""
    return IssuerKey(
        row.kid,
        Alg(row.alg),
        KeyUse(row.use),
        row.public,
        int(row.nbf.astimezone(UTC).timestamp()),
        int(row.exp.astimezone(UTC).timestamp()),
        KeyState(row.state),
    )


def _newest(session: Session) -> TrustPackRow | None:
    return session.scalar(select(TrustPackRow).order_by(TrustPackRow.seq.desc()).limit(1))


def _last_seq(session: Session) -> int:
    return session.scalar(select(func.max(TrustPackRow.seq))) or 0


def _published_now(session: Session, at: datetime) -> dict[bytes, IssuerKey]:
    return {
        row.kid: value(row)
        for row in rows(session)
        if row.use != KeyUse.ROOT and at <= row.exp + _KEPT_AFTER.get(KeyUse(row.use), _KEPT_LONG)
    }


def _still_true(session: Session, taken: TrustPack) -> bool:
    """Whether limits and keys are what the pack says; a period may have become shorter, and keys may have been added."""
    if taken.policy != policy_in_force(session):
        return False
    known = {row.kid: value(row) for row in rows(session)}

    def what(key: IssuerKey) -> tuple[Any, ...]:
        return key.alg, key.use, key.public, key.nbf, key.state

    return all(kid in known and what(key) == what(known[kid]) for kid, key in taken.keys.items())


def _next(session: Session, at: datetime) -> TrustPack:
    return _pack(session, _last_seq(session) + 1, at, _published_now(session, at))


def _pack(session: Session, seq: int, at: datetime, keys: dict[bytes, IssuerKey]) -> TrustPack:
    seconds = int(at.timestamp())
    policy, stopped = policy_in_force(session), _stopped(session)
    return TrustPack(seq, seconds, seconds + pack.LIFE_SECONDS, keys, policy, (STATUS_URI,), stopped)


def _stopped(session: Session) -> dict[str, int]:
    """Keys of terminals that were stopped, and when."""
    query = select(TerminalCertificateRow.key_id, TerminalCertificateRow.stopped_at)
    rows = session.execute(query.where(TerminalCertificateRow.stopped_at.is_not(None)))
    return {key_id: int(at.astimezone(UTC).timestamp()) for key_id, at in rows if at}


def _keep(session: Session, world: World, signed: TrustPack, content: bytes, by: uuid.UUID | None) -> None:
    issued_at, expires_at = (datetime.fromtimestamp(at, UTC) for at in (signed.issued_at, signed.expires_at))
    row = {"seq": signed.seq, "content": content, "issued_at": issued_at, "expires_at": expires_at}
    session.execute(insert(TrustPackRow).values(row))
    act = audit.Act(PUBLISHED, "trust_pack", str(signed.seq), by, after={"keys": len(signed.keys)})
    audit.record(session, world, act)
