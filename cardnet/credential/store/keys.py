"""Issuer keys at rest, made when they are due, and the trust pack that publishes them."""

import uuid
import weakref
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

from sqlalchemy import func, insert, select, text, update
from sqlalchemy.orm import Session

from cardnet.credential import cose, pack
from cardnet.credential.keys import CARD_SHARDS, Alg, IssuerKey, KeyState, KeyUse, SigningKey
from cardnet.credential.pack import TrustPack
from cardnet.credential.store.documents import STATUS_URI, Published, published
from cardnet.credential.store.models import IssuerKeyRow, TrustPackRow
from cardnet.kernel import audit, calendar
from cardnet.kernel.db import database_of
from cardnet.kernel.errors import NotFound, Unavailable
from cardnet.kernel.vault import vault_of
from cardnet.kernel.world import World, monotonic_seconds

CACHE_SECONDS = 5
"""How long a process trusts the pack it read: a key revoked elsewhere counts at most so much longer here."""

PUBLISHED_BEFORE = timedelta(days=14)
"""So long before use a key is made, so that tills have it when the first code under it comes."""

_KEPT_AFTER = {KeyUse.CARD: timedelta(days=45), KeyUse.PRINT: timedelta(days=24 * 31 + 45)}
"""How long after its last signature a key stays in the pack; other keys as long as a printed card's."""

_PACK_RENEWED_AFTER = timedelta(days=15)
_FIRST_KID = 0x0100
_LOCK = "select pg_advisory_xact_lock(hashtext('cardnet.issuer_key'))"
_PRIVATE = "issuer_key.private"

_packs: weakref.WeakKeyDictionary[Any, tuple[float, TrustPack]] = weakref.WeakKeyDictionary()


@dataclass(frozen=True)
class RevokeKey:
    """An officer withdraws an issuer key, for example after a theft: nothing it signed counts any more."""

    kid: bytes
    by: uuid.UUID | None
    reason: str


@dataclass(frozen=True)
class _Due:
    """A key that should exist: its use, shard and period."""

    use: KeyUse
    shard: int | None
    nbf: datetime
    exp: datetime


def ensure_keys(session: Session, world: World) -> tuple[IssuerKey, ...]:
    """Make the keys that are missing now or within 14 days, and publish them; returns those made.

    Two roots, four card keys and a print key of the month, a status and a settlement key of the year. Doing it again
    does nothing; two processes at once make each key once.
    """
    at = world.now()
    if not _missing(_rows(session), at) and _pack_is_fresh(session, at):
        return ()
    session.execute(text(_LOCK))
    rows = _rows(session)
    due = _missing(rows, at)
    made = _make(session, world, rows, due)
    if made or not _pack_is_fresh(session, at):
        _publish(session, world)
    return tuple(_value(row) for row in made)


def signing_key(session: Session, world: World, use: KeyUse, shard: int | None = None) -> SigningKey:
    """The key that signs now: for `card` name the shard of the index (`keys.shard_of`).

    A key that is due and missing is made first, so the first of the month needs no job to have run.
    """
    at = world.now()
    row = _current(session, KeyUse(use), shard, at)
    if row is None:
        ensure_keys(session, world)
        row = _current(session, KeyUse(use), shard, at)
    if row is None or row.private_sealed is None:
        raise Unavailable("no_signing_key", "暂时没有可用的签发密钥，请稍后再试或联系管理员。")
    return SigningKey(_value(row), vault_of(session).open_bytes(_PRIVATE, row.private_sealed))


def revoke_key(session: Session, world: World, command: RevokeKey) -> None:
    """Withdraw a key, make its successor, publish both. Raises NotFound("key_unknown").

    On the server it counts within `CACHE_SECONDS`; at tills when they fetch the next pack (hourly while online).
    """
    session.execute(text(_LOCK))
    done = session.execute(
        update(IssuerKeyRow)
        .where(IssuerKeyRow.kid == command.kid, IssuerKeyRow.state == KeyState.ACTIVE)
        .values(state=KeyState.REVOKED, revoked_at=world.now())
        .returning(IssuerKeyRow.kid)
    ).all()
    if not done:
        raise NotFound("key_unknown", f"没有可吊销的密钥 {command.kid.hex()}，请核对编号。")
    act = audit.Act(
        "key.revoke", "issuer_key", command.kid.hex(), actor_id=command.by, after={"reason": command.reason}
    )
    audit.record(session, world, act)
    rows = _rows(session)
    _make(session, world, rows, _missing(rows, world.now()))
    _publish(session, world)


def trust_pack(session: Session, at: datetime) -> TrustPack:
    """What the server judges codes by: every key there ever was, since evidence is judged as of its own day.

    Read at most every five seconds per process and database, so it costs nothing on the hot path; a key revoked by
    another process therefore counts here up to five seconds longer (`CACHE_SECONDS`), one revoked by this process
    not at all.
    """
    bind = database_of(session)
    kept = _packs.get(bind)
    if kept and monotonic_seconds() - kept[0] < CACHE_SECONDS:
        return kept[1]
    loaded = _pack_now(session, at, {bytes(row.kid): _value(row) for row in _rows(session)})
    _packs[bind] = (monotonic_seconds(), loaded)
    return loaded


def signed_trust_pack(session: Session, world: World) -> Published:
    """The newest pack as tills fetch it, with its ETag value; keys that are due are made first."""
    ensure_keys(session, world)
    newest = select(TrustPackRow.content).order_by(TrustPackRow.seq.desc()).limit(1)
    return published(session.scalars(newest).one())


def roots(session: Session) -> dict[bytes, IssuerKey]:
    """The root keys, current and next, that a verifier pins."""
    return {row.kid: _value(row) for row in _rows(session) if row.use == KeyUse.ROOT}


def _rows(session: Session) -> Sequence[IssuerKeyRow]:
    statement = select(IssuerKeyRow).order_by(IssuerKeyRow.kid).execution_options(populate_existing=True)
    return session.scalars(statement).all()


def _current(session: Session, use: KeyUse, shard: int | None, at: datetime) -> IssuerKeyRow | None:
    return session.scalar(
        select(IssuerKeyRow)
        .where(
            IssuerKeyRow.use == use,
            IssuerKeyRow.shard.is_not_distinct_from(shard),
            IssuerKeyRow.state == KeyState.ACTIVE,
            IssuerKeyRow.nbf <= at,
            IssuerKeyRow.exp >= at.replace(microsecond=0),
        )
        .order_by(IssuerKeyRow.nbf.desc())
        .limit(1)
        .execution_options(populate_existing=True)
    )


def _missing(rows: Sequence[IssuerKeyRow], at: datetime) -> list[_Due]:
    """The keys that should be there and are not: of each period that has begun or begins within 14 days."""
    missing = []
    for due in _due(at):
        same = [row for row in rows if row.use == due.use and row.shard == due.shard]
        if any(row.state == KeyState.ACTIVE and row.nbf <= max(at, due.nbf) <= row.exp for row in same):
            continue
        # The period's own key was revoked: its successor starts now, and no two keys of a shard start together.
        taken = any(row.nbf == due.nbf for row in same)
        missing.append(_Due(due.use, due.shard, at.replace(microsecond=0), due.exp) if taken else due)
    return missing


def _due(at: datetime) -> Iterator[_Due]:
    today = calendar.day_of(at)
    soon = calendar.day_of(at + PUBLISHED_BEFORE)
    for first in sorted({today.replace(day=1), soon.replace(day=1)}):
        following = (first + timedelta(days=31)).replace(day=1)
        for shard in range(CARD_SHARDS):
            yield _period(KeyUse.CARD, shard, first, following)
        yield _period(KeyUse.PRINT, None, first, following)
    for year in sorted({today.year, soon.year}):
        for use in (KeyUse.STATUS, KeyUse.SETTLEMENT):
            yield _period(use, None, date(year, 1, 1), date(year + 1, 1, 1))
    # Current and next: verifiers pin both, so that a root can be replaced without a new verifier.
    five = today.year - today.year % 5
    for year in (five, five + 5):
        yield _period(KeyUse.ROOT, None, date(year, 1, 1), date(year + 5, 1, 1))


def _period(use: KeyUse, shard: int | None, first: date, following: date) -> _Due:
    return _Due(use, shard, calendar.start_of(first), calendar.start_of(following) - timedelta(seconds=1))


def _make(session: Session, world: World, rows: Sequence[IssuerKeyRow], due: Sequence[_Due]) -> list[IssuerKeyRow]:
    if not due:
        return []
    vault, at = vault_of(session), world.now()
    next_kid = int.from_bytes(rows[-1].kid, "big") + 1 if rows else _FIRST_KID
    if next_kid + len(due) > 0xFFFF:
        raise Unavailable("kids_used_up", "密钥编号已用完，请联系系统供应方升级。")
    made = []
    for kid, wanted in enumerate(due, next_kid):
        private = world.random_bytes(32)
        made.append(
            IssuerKeyRow(
                kid=kid.to_bytes(2, "big"),
                alg=Alg.EDDSA,
                use=wanted.use,
                shard=wanted.shard,
                public=cose.public_of(Alg.EDDSA, private),
                private_sealed=vault.seal(_PRIVATE, private),
                nbf=wanted.nbf,
                exp=wanted.exp,
                state=KeyState.ACTIVE,
                created_at=at,
            )
        )
    session.add_all(made)
    session.flush()
    acts = [audit.Act("key.create", "issuer_key", row.kid.hex(), after={"use": row.use}) for row in made]
    audit.record(session, world, *acts)
    return made


def _pack_is_fresh(session: Session, at: datetime) -> bool:
    newest = session.scalar(select(func.max(TrustPackRow.issued_at)))
    return newest is not None and at - newest < _PACK_RENEWED_AFTER


def _publish(session: Session, world: World) -> None:
    """Write the next pack, signed by the root of the day. The caller holds the lock."""
    at = world.now()
    keys = {row.kid: _value(row) for row in _rows(session) if _is_published(row, at)}
    content = pack.seal_pack(_pack_now(session, at, keys, later=1), signing_key(session, world, KeyUse.ROOT))
    last = _last_seq(session)
    row = {"seq": last + 1, "content": content, "issued_at": at, "expires_at": at + timedelta(days=30)}
    session.execute(insert(TrustPackRow).values(row))
    _packs.pop(database_of(session), None)


def _is_published(row: IssuerKeyRow, at: datetime) -> bool:
    return row.use != KeyUse.ROOT and at <= row.exp + _KEPT_AFTER.get(KeyUse(row.use), _KEPT_AFTER[KeyUse.PRINT])


def _last_seq(session: Session) -> int:
    return session.scalar(select(func.max(TrustPackRow.seq))) or 0


def _pack_now(session: Session, at: datetime, keys: dict[bytes, IssuerKey], later: int = 0) -> TrustPack:
    seconds = int(at.timestamp())
    seq = _last_seq(session) + later
    return TrustPack(seq, seconds, seconds + pack.LIFE_SECONDS, keys, status_uris=(STATUS_URI,))


def _value(row: IssuerKeyRow) -> IssuerKey:
    return IssuerKey(
        row.kid,
        Alg(row.alg),
        KeyUse(row.use),
        row.public,
        int(row.nbf.astimezone(UTC).timestamp()),
        int(row.exp.astimezone(UTC).timestamp()),
        KeyState(row.state),
    )
