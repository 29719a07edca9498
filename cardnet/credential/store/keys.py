"""Issuer keys at rest, made when they are due and withdrawn when they must be."""

import uuid
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta

from sqlalchemy import select, text, update
from sqlalchemy.orm import Session

from cardnet.credential import cose
from cardnet.credential.keys import CARD_SHARDS, Alg, IssuerKey, KeyState, KeyUse, SigningKey
from cardnet.credential.store import packs, roots
from cardnet.credential.store.models import IssuerKeyRow
from cardnet.kernel import audit, calendar
from cardnet.kernel.errors import NotFound, Unavailable
from cardnet.kernel.vault import vault_of
from cardnet.kernel.world import World

PUBLISHED_BEFORE = timedelta(days=14)
"""So long before use a key is made, so that tills have it when the first code under it comes."""
CUSTODIANS_NEED = timedelta(days=14)
"""So much earlier still where two people have to meet over a pack."""

PRINT_STOCK = 8
"""Print keys published beforehand. Half of them used, the stock is filled up: few packs are signed for its sake."""
_STOCK_LIFE = timedelta(days=366)

_YEARLY = (KeyUse.STATUS, KeyUse.SETTLEMENT, KeyUse.OFFERS, KeyUse.TERMINAL_CA, KeyUse.RECEIPT)

_FIRST_KID = 0x0100
_LOCK = "select pg_advisory_xact_lock(hashtext('cardnet.issuer_key'))"
PRIVATE = "issuer_key.private"


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

    Four card keys of the month, a stock of print keys, and one of the year for each of `_YEARLY`. Doing it
    again does nothing; two processes at once make each key once. Where the root is offline everything is made 14 days
    earlier and waits for a signature (`packs.unsigned_changes`).
    """
    at = world.now()
    if not _missing(session, packs.rows(session), at) and not packs.due(session, at):
        return ()
    session.execute(text(_LOCK))
    roots.adopt_online(session, world)
    known = packs.rows(session)
    made = _make(session, world, known, _missing(session, known, at))
    if packs.due(session, at):
        packs.publish(session, world)
    return tuple(packs.value(row) for row in made)


def signing_key(session: Session, world: World, use: KeyUse, shard: int | None = None) -> SigningKey:
    """The key that signs now: for `card` name the shard of the index (`keys.shard_of`). Print keys: `take_print_key`.

    A key that is due and missing is made first, so the first of the month needs no job to have run.
    """
    at = world.now()
    row = _current(session, KeyUse(use), shard, at)
    if row is None:
        ensure_keys(session, world)
        row = _current(session, KeyUse(use), shard, at)
    if row is None or row.private_sealed is None:
        raise Unavailable("no_signing_key", "暂时没有可用的签发密钥，请稍后再试或联系管理员。")
    return SigningKey(packs.value(row), vault_of(session).open_bytes(PRIVATE, row.private_sealed))


def take_print_key(session: Session, world: World, print_run_id: uuid.UUID) -> SigningKey:
    """The key of one printing, out of the published stock; its private half is forgotten with this very transaction.

    So a printing can be withdrawn alone, and no later theft can add a card to it. When the stock is used up a key is
    made on the spot: its codes work online at once, and at offline tills with the next pack.
    """
    at = world.now()
    row = _from_stock(session, at, published=True) or _from_stock(session, at, published=False)
    if row is None:
        session.execute(text(_LOCK))
        known = packs.rows(session)
        (row,) = _make(session, world, known, [_Due(KeyUse.PRINT, None, at.replace(microsecond=0), at + _STOCK_LIFE)])
        packs.forget_cached(session)
    sealed = row.private_sealed
    assert sealed is not None  # the stock is what still has one
    last = at.replace(microsecond=0) + timedelta(seconds=1)
    session.execute(
        update(IssuerKeyRow)
        .where(IssuerKeyRow.kid == row.kid)
        .values(print_run_id=print_run_id, private_sealed=None, exp=last)
    )
    audit.record(session, world, audit.Act("key.print", "issuer_key", row.kid.hex(), after={"run": str(print_run_id)}))
    return SigningKey(packs.value(row), vault_of(session).open_bytes(PRIVATE, sealed))


def revoke_key(session: Session, world: World, command: RevokeKey) -> None:
    """Withdraw a key, make its successor, publish both. Raises NotFound("key_unknown").

    On the server it counts within `CACHE_SECONDS`; at tills when they fetch the next pack (hourly while online), which
    an offline root must have signed first.
    """
    session.execute(text(_LOCK))
    done = session.execute(
        update(IssuerKeyRow)
        .where(IssuerKeyRow.kid == command.kid, IssuerKeyRow.state == KeyState.ACTIVE, IssuerKeyRow.use != KeyUse.ROOT)
        .values(state=KeyState.REVOKED, revoked_at=world.now(), private_sealed=None)
        .returning(IssuerKeyRow.kid)
    ).all()
    if not done:
        raise NotFound("key_unknown", f"没有可吊销的密钥 {command.kid.hex()}，请用 cardnet keys list 核对编号。")
    act = audit.Act(
        "key.revoke", "issuer_key", command.kid.hex(), actor_id=command.by, after={"reason": command.reason}
    )
    audit.record(session, world, act)
    known = packs.rows(session)
    _make(session, world, known, _missing(session, known, world.now()))
    packs.publish(session, world)


def rotate_card_keys(session: Session, world: World, by: uuid.UUID | None = None) -> tuple[IssuerKey, ...]:
    """New keys of all four shards from this second on; what the old ones signed stays good until it ends."""
    at = world.now().replace(microsecond=0)
    session.execute(text(_LOCK))
    now = [row for shard in range(CARD_SHARDS) if (row := _current(session, KeyUse.CARD, shard, at))]
    due = [_Due(KeyUse.CARD, row.shard, at, row.exp) for row in now if row.nbf < at < row.exp]
    session.execute(update(IssuerKeyRow).where(IssuerKeyRow.kid.in_([row.kid for row in now])).values(exp=at))
    made = _make(session, world, packs.rows(session), due)
    after = {"kids": [row.kid.hex() for row in made]}
    audit.record(session, world, audit.Act("key.rotate", "issuer_key", "card", by, after=after))
    packs.publish(session, world)
    return tuple(packs.value(row) for row in made)


def reseal_keys(session: Session, world: World) -> int:
    """Seal every private half anew under the vault's current key; returns how many."""
    vault = vault_of(session)
    session.execute(text(_LOCK))
    sealed = [row for row in packs.rows(session) if row.private_sealed is not None]
    for row in sealed:
        row.private_sealed = vault.seal(PRIVATE, vault.open_bytes(PRIVATE, row.private_sealed or b""))
    session.flush()
    audit.record(session, world, audit.Act("key.reseal", "issuer_key", "all", after={"keys": len(sealed)}))
    return len(sealed)


def _current(session: Session, use: KeyUse, shard: int | None, at: datetime) -> IssuerKeyRow | None:
    return session.scalar(
        select(IssuerKeyRow)
        .where(
            IssuerKeyRow.use == use,
            IssuerKeyRow.shard.is_not_distinct_from(shard),
            IssuerKeyRow.state == KeyState.ACTIVE,
            IssuerKeyRow.private_sealed.is_not(None),
            IssuerKeyRow.nbf <= at,
            IssuerKeyRow.exp >= at.replace(microsecond=0),
        )
        .order_by(IssuerKeyRow.nbf.desc())
        .limit(1)
        .execution_options(populate_existing=True)
    )


def _from_stock(session: Session, at: datetime, *, published: bool) -> IssuerKeyRow | None:
    """The oldest key no printing has; one that another printing is just taking is passed over."""
    known = packs.published_kids(session) if published else None
    return session.scalar(
        select(IssuerKeyRow)
        .where(
            IssuerKeyRow.use == KeyUse.PRINT,
            IssuerKeyRow.state == KeyState.ACTIVE,
            IssuerKeyRow.private_sealed.is_not(None),
            IssuerKeyRow.nbf <= at,
            IssuerKeyRow.exp >= at,
            *([IssuerKeyRow.kid.in_(known)] if known is not None else []),
        )
        .order_by(IssuerKeyRow.kid)
        .limit(1)
        .with_for_update(skip_locked=True)
        .execution_options(populate_existing=True)
    )


def _missing(session: Session, known: Sequence[IssuerKeyRow], at: datetime) -> list[_Due]:
    """The keys that should be there and are not: of each period that has begun or begins soon, and for printing."""
    missing = []
    at = at.replace(microsecond=0)  # keys begin and end with whole seconds
    for due in _due(at, at + PUBLISHED_BEFORE + (timedelta() if roots.are_online(session) else CUSTODIANS_NEED)):
        same = [row for row in known if row.use == due.use and row.shard == due.shard]
        if any(row.state == KeyState.ACTIVE and row.nbf <= max(at, due.nbf) <= row.exp for row in same):
            continue
        # The period's own key was revoked: its successor starts now, and no two keys of a shard start together.
        taken = {row.nbf for row in same}
        missing.append(replace(due, nbf=_free_second(at, taken)) if due.nbf in taken else due)
    soon = at + CUSTODIANS_NEED
    stock = [
        row
        for row in known
        if row.use == KeyUse.PRINT and row.private_sealed and row.exp >= soon and row.state == KeyState.ACTIVE
    ]
    if len(stock) <= PRINT_STOCK // 2:
        missing += [_Due(KeyUse.PRINT, None, at, at + _STOCK_LIFE)] * (PRINT_STOCK - len(stock))
    return missing


def _free_second(at: datetime, taken: Collection[datetime]) -> datetime:
    """This second, or the last one before it in which no key began: two keys may be revoked within one."""
    while at in taken:
        at -= timedelta(seconds=1)
    return at


def _due(at: datetime, until: datetime) -> Iterator[_Due]:
    today, soon = calendar.day_of(at), calendar.day_of(until)
    for first in sorted({today.replace(day=1), soon.replace(day=1)}):
        following = (first + timedelta(days=31)).replace(day=1)
        for shard in range(CARD_SHARDS):
            yield _period(KeyUse.CARD, shard, first, following)
    for year in sorted({today.year, soon.year}):
        for use in _YEARLY:
            yield _period(use, None, date(year, 1, 1), date(year + 1, 1, 1))


def _period(use: KeyUse, shard: int | None, first: date, following: date) -> _Due:
    return _Due(use, shard, calendar.start_of(first), calendar.start_of(following) - timedelta(seconds=1))


def _make(session: Session, world: World, known: Sequence[IssuerKeyRow], due: Sequence[_Due]) -> list[IssuerKeyRow]:
    if not due:
        return []
    vault, at = vault_of(session), world.now()
    next_kid = max([_FIRST_KID, *(int.from_bytes(row.kid, "big") + 1 for row in known)])
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
                private_sealed=vault.seal(PRIVATE, private),
                nbf=wanted.nbf,
                exp=wanted.exp.astimezone(UTC).replace(microsecond=0),
                state=KeyState.ACTIVE,
                created_at=at,
            )
        )
    session.add_all(made)
    session.flush()
    acts = [audit.Act("key.create", "issuer_key", row.kid.hex(), after={"use": row.use}) for row in made]
    audit.record(session, world, *acts)
    return made
