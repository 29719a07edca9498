"""Card indexes: given out at random within dense blocks, and their status."""

import hashlib
from collections.abc import Iterable, Sequence
from datetime import timedelta

from sqlalchemy import BigInteger, any_, delete, func, literal, select, text, update
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.orm import Session

from cardnet.credential import status
from cardnet.credential.keys import KeyUse
from cardnet.credential.status import Status
from cardnet.credential.store.documents import STATUS_URI, Published, published
from cardnet.credential.store.keys import signing_key
from cardnet.credential.store.models import CardIndexBlock, CardIndexFree, CardStatusRow, StatusListRow
from cardnet.credential.store.packs import trust_pack
from cardnet.credential.store.watch import forget_codes
from cardnet.kernel.errors import InvalidInput
from cardnet.kernel.vault import vault_of
from cardnet.kernel.world import World

BLOCK = 65_536
_ROUNDS = 8
_SEED = "card_index_block.seed"
_BLOCK_LOCK = "cardnet.card_index_block"
_LIST_LOCK = "select pg_try_advisory_xact_lock(hashtext('cardnet.status_list'))"

_REBUILT_EVERY = timedelta(seconds=15)
_RENEWED_AFTER = timedelta(seconds=status.TTL_SECONDS // 2)
_REMEMBERED = timedelta(days=3)
"""So long a till may ask for the changes since a list; later it takes the whole."""
_LATE_COMMIT = timedelta(seconds=60)
"""A change is dated when its transaction writes it and seen when that commits: so far back we look for late ones."""


def allocate_indexes(session: Session, world: World, n: int) -> list[int]:
    """`n` card indexes that nobody has, in an order that tells nothing about who came when.

    Recycled ones first, so that the list stays short; then one statement for each block touched. Transactions do not
    wait for each other: what another one is drawing from is passed over, so there may be as many unfilled blocks as
    there were writers at once.
    """
    drawn: list[int] = _recycled(session, n)
    while len(drawn) < n:
        block, seed_sealed, used = _open_block(session, world)
        count = min(n - len(drawn), BLOCK - used)
        session.execute(update(CardIndexBlock).where(CardIndexBlock.block == block).values(used=used + count))
        places = shuffled(vault_of(session).open_bytes(_SEED, seed_sealed), used, used + count)
        drawn.extend(block * BLOCK + place for place in places)
    return drawn


_AGAIN = text("""
    delete from card_index_free where card_index in
        (select card_index from card_index_free order by place limit :n for update skip locked)
    returning card_index, place""")


def _recycled(session: Session, n: int) -> list[int]:
    if n <= 0:
        return []
    return [row.card_index for row in sorted(session.execute(_AGAIN, {"n": n}), key=lambda row: bytes(row.place))]


def recycle_indexes(session: Session, world: World, indexes: Sequence[int]) -> None:
    """Sixty days after their last credential ended these indexes are free: valid in the list, no code of theirs known.

    The caller has seen that nobody holds them.
    """
    if not indexes:
        return
    chance = world.random_bytes(8 * len(indexes))
    rows = [
        {"card_index": index, "place": chance[8 * at : 8 * at + 8]} for at, index in enumerate(sorted(set(indexes)))
    ]
    session.execute(upsert(CardIndexFree).on_conflict_do_nothing(), rows)
    set_statuses(session, world, indexes, Status.VALID)
    forget_codes(session, indexes)


def _open_block(session: Session, world: World) -> tuple[int, bytes, int]:
    columns = (CardIndexBlock.block, CardIndexBlock.seed_sealed, CardIndexBlock.used)
    free = select(*columns).where(CardIndexBlock.used < BLOCK).order_by(CardIndexBlock.block).limit(1)
    found = session.execute(free.with_for_update(skip_locked=True)).one_or_none()
    while found is None:
        seed = vault_of(session).seal(_SEED, world.random_bytes(32))
        fresh = upsert(CardIndexBlock).values(block=_next_block(session), seed_sealed=seed, used=0)
        # Nothing comes back when somebody committed this very block since we looked: look again.
        found = session.execute(fresh.on_conflict_do_nothing().returning(*columns)).one_or_none()
    return found.block, found.seed_sealed, found.used


def _next_block(session: Session) -> int:
    """The lowest number no block has and no other open transaction is about to give one.

    Not a sequence: a rolled-back draw would leave a hole of 65,536 in the list for ever.
    """
    block: int = session.scalar(select(func.coalesce(func.max(CardIndexBlock.block) + 1, 0))) or 0
    while not session.scalar(select(func.pg_try_advisory_xact_lock(func.hashtext(_BLOCK_LOCK), block))):
        block += 1
    return block


def shuffled(seed: bytes, first: int, end: int) -> list[int]:
    """The places `first` … `end` − 1 of a random order of 0 … 65,535 that `seed` fixes.

    A Feistel network over two bytes: eight rounds, each a table of 256 random bytes. It is a permutation whatever
    the tables are, and any part of it costs only that part.
    """
    chance = hashlib.shake_256(seed).digest(256 * _ROUNDS)
    rounds = [chance[256 * i : 256 * (i + 1)] for i in range(_ROUNDS)]
    places = []
    for number in range(first, end):
        left, right = number >> 8, number & 255
        for table in rounds:
            left, right = right, left ^ table[right]
        places.append(left << 8 | right)
    return places


def set_status(session: Session, world: World, index: int, to: Status) -> None:
    """From now on the list says `to` of this index."""
    set_statuses(session, world, [index], to)


def set_statuses(session: Session, world: World, indexes: Sequence[int], to: Status) -> None:
    """From now on the list says `to` of these indexes; in one statement."""
    if not indexes:
        return
    numbers = func.unnest(literal(sorted(set(indexes)), ARRAY(BigInteger))).column_valued("card_index")
    rows = select(numbers, literal(int(to), BigInteger), literal(world.now(), CardStatusRow.changed_at.type))
    statement = upsert(CardStatusRow).from_select(["card_index", "status", "changed_at"], rows)
    new = statement.excluded
    session.execute(
        statement.on_conflict_do_update(
            index_elements=[CardStatusRow.card_index],
            set_={"status": new.status, "changed_at": new.changed_at},
            where=CardStatusRow.status != new.status,
        )
    )


def statuses_of(session: Session, indexes: Iterable[int]) -> dict[int, Status]:
    """The status of each of these indexes."""
    asked = list(indexes)
    numbers = literal(asked, ARRAY(BigInteger))
    rows = session.execute(
        select(CardStatusRow.card_index, CardStatusRow.status).where(CardStatusRow.card_index == any_(numbers))
    )
    known = {row.card_index: Status(row.status) for row in rows}
    return {index: known.get(index, Status.VALID) for index in asked}


def status_list(session: Session, world: World, since: int | None = None) -> Published:
    """The newest signed list as tills fetch it, with its ETag value; with `since`, only what changed from that `seq` on.

    Made anew when something changed (at most every 15 seconds) and every half hour at least. The ETag value is the
    newest list's either way: who has that list is told 304. A list nobody remembers (three days), or one that has
    changed so much that the whole is shorter, is answered by the whole.
    """
    newest = _newest_list(session, world)
    if since is not None and (change := _change(session, world, since, newest)):
        return Published(change, newest.etag)
    return newest


def _newest_list(session: Session, world: World) -> Published:
    at = world.now()
    newest = session.execute(
        select(StatusListRow.content, StatusListRow.issued_at).order_by(StatusListRow.seq.desc()).limit(1)
    ).one_or_none()
    if newest and at - newest.issued_at < _REBUILT_EVERY:
        return published(newest.content)
    if newest and at - newest.issued_at < _RENEWED_AFTER:
        changed_at = session.scalar(select(func.max(CardStatusRow.changed_at)))
        if changed_at is None or changed_at < newest.issued_at - _LATE_COMMIT:
            return published(newest.content)
    if not session.scalar(text(_LIST_LOCK)) and newest:
        # Another process is making it; the one before is as good for a moment.
        return published(newest.content)
    return published(_make_list(session, world))


def _change(session: Session, world: World, since: int, newest: Published) -> bytes | None:
    content = session.scalar(select(StatusListRow.content).where(StatusListRow.seq == since))
    if content is None:
        return None
    keys = trust_pack(session, world.now()).keys
    try:
        before, after = (status.open_list(one, keys) for one in (content, newest.content))
        key = signing_key(session, world, KeyUse.STATUS)
        change = status.seal_change(after, before, STATUS_URI, key)
    except (ValueError, InvalidInput):
        # One of the two was signed by a key that counts no more, or is too old for the key of today.
        return None
    return change if len(change) < len(newest.content) else None


def _make_list(session: Session, world: World) -> bytes:
    at = world.now()
    blocks = session.scalar(select(func.max(CardIndexBlock.block)))
    size = 0 if blocks is None else (blocks + 1) * BLOCK
    rows = session.execute(
        select(CardStatusRow.card_index, CardStatusRow.status).where(
            CardStatusRow.status != Status.VALID, CardStatusRow.card_index < size
        )
    )
    seq = (session.scalar(select(func.max(StatusListRow.seq))) or 0) + 1
    listed = status.make_list({row.card_index: row.status for row in rows}, size, int(at.timestamp()), seq)
    content = status.seal_list(listed, STATUS_URI, signing_key(session, world, KeyUse.STATUS))
    session.execute(delete(StatusListRow).where(StatusListRow.issued_at < at - _REMEMBERED))
    row = {"seq": seq, "content": content, "issued_at": at, "expires_at": at + timedelta(seconds=status.LIFE_SECONDS)}
    # Two of the very first lists made at once: one of them stays.
    session.execute(upsert(StatusListRow).values(row).on_conflict_do_nothing())
    return content
