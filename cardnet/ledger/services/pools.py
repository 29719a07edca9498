"""Pools in slices: many takes at once without one hot row, and exactly what was granted.

A take tries one slice drawn at random, then any that has enough and nobody holds, then waits its turn in slice
order; only when no slice by itself has enough are all slices locked and laid together, and only there is a pool
found to be exhausted. Takes of several pools go in the order of pool ids, after every other guarded write.
"""

import uuid
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import insert, select
from sqlalchemy.orm import Session

from cardnet.kernel.errors import InvalidInput, NotFound
from cardnet.kernel.money import MAX_FEN
from cardnet.kernel.values import values_parameters, values_text
from cardnet.kernel.world import World
from cardnet.ledger.models import Pool, PoolSlice
from cardnet.ledger.rules import (
    LEDGER_OF_UNIT,
    SLICES,
    Account,
    AccountCode,
    EntryKind,
    PoolUnit,
    cut,
    merged,
    move,
)
from cardnet.ledger.services.entries import EntryDraft, ensure_accounts, post


@dataclass(frozen=True)
class MakePool:
    """Set money (fen) or places (persons) aside under the document that decided it."""

    code: str
    name: str
    unit: PoolUnit
    granted: int
    doc_ref: str
    union_id: uuid.UUID | None = None
    slices: int = SLICES


@dataclass(frozen=True)
class Appropriate:
    """Add to a pool."""

    pool_id: uuid.UUID
    amount: int
    memo: str


@dataclass(frozen=True, slots=True)
class PoolView:
    """A pool as programs need to know it."""

    id: uuid.UUID
    code: str
    name: str
    unit: PoolUnit
    slices: int
    doc_ref: str
    union_id: uuid.UUID | None


@dataclass(frozen=True, slots=True)
class PoolLevel:
    """What was granted and where it is: `granted = available + held + used`."""

    pool: PoolView
    granted: int
    available: int
    held: int
    used: int


def make_pool(session: Session, world: World, command: MakePool) -> PoolView:
    """Make a pool with its first grant.

    Raises InvalidInput("pool_code_taken") for a code in use, ("pool_amount") when the grant is negative or absurd,
    ("doc_ref_missing") without a document.
    """
    code = command.code.strip()
    if not code or session.scalar(select(Pool.id).where(Pool.code == code)):
        raise InvalidInput("pool_code_taken", f"资金池编号“{code}”已经有了，请换一个编号。")
    if not command.doc_ref.strip():
        raise InvalidInput("doc_ref_missing", "请填写设立资金池的决策文号。")
    if command.slices < 1:
        raise InvalidInput("pool_amount", "资金池至少分一片。")
    pool = Pool(
        id=world.new_id(),
        code=code,
        name=command.name,
        unit=command.unit.value,
        slices=command.slices,
        union_id=command.union_id,
        doc_ref=command.doc_ref,
        created_at=world.now(),
    )
    session.add(pool)
    session.flush()
    session.execute(insert(PoolSlice), [{"pool_id": pool.id, "no": no, "available": 0} for no in range(command.slices)])
    ensure_accounts(session, (pool_account(code, pool) for code in _POOL_ACCOUNTS))
    if command.granted:
        appropriate(session, world, Appropriate(pool.id, command.granted, command.doc_ref))
    return _view(pool)


def appropriate(session: Session, world: World, command: Appropriate) -> uuid.UUID:
    """Grant a pool more: Dr 8001 / Cr 8002, spread over its slices. Says the entry's id. Raises InvalidInput("pool_amount")."""
    if not 0 < command.amount <= MAX_FEN:
        raise InvalidInput("pool_amount", "下达数须大于零，且不超过一百亿元。")
    pool = session.get(Pool, command.pool_id)
    if pool is None:
        raise NotFound("pool_unknown", "没有这个资金池，请核对编号。")
    entry = EntryDraft(
        EntryKind.APPROPRIATE,
        "pool",
        pool.id,
        move(pool_account(AccountCode.APPROPRIATED, pool), pool_account(AccountCode.AVAILABLE, pool), command.amount),
        memo=command.memo,
    )
    (entry_id,) = post(session, world, entry)
    _lay(session, pool.id, [have + more for have, more in _paired(session, pool, command.amount)])
    return entry_id


_POOL_ACCOUNTS = (AccountCode.APPROPRIATED, AccountCode.AVAILABLE, AccountCode.HELD, AccountCode.SPENT)


def _paired(session: Session, pool: Pool, amount: int) -> list[tuple[int, int]]:
    return list(zip(_all_slices(session, pool.id), cut(amount, pool.slices), strict=True))


def pool_account(code: AccountCode, pool: Pool | PoolView) -> Account:
    """The pool's account of this code, in the ledger its unit belongs to."""
    return Account(code, LEDGER_OF_UNIT[PoolUnit(pool.unit)], pool.id)


def all_pools(session: Session) -> list[PoolView]:
    """All pools, by code; how full they are is `pool_levels`."""
    return [_view(pool) for pool in session.scalars(select(Pool).order_by(Pool.code))]


def pools_of_codes(session: Session, codes: Iterable[str]) -> Mapping[str, PoolView]:
    """Pools by their codes; unknown codes are left out."""
    rows = session.scalars(select(Pool).where(Pool.code.in_(sorted(set(codes)))))
    return {pool.code: _view(pool) for pool in rows}


def pools_of_ids(session: Session, ids: Iterable[uuid.UUID]) -> Mapping[uuid.UUID, PoolView]:
    """Pools by their ids."""
    wanted = sorted(set(ids))
    rows = session.scalars(select(Pool).where(Pool.id.in_(wanted))) if wanted else ()
    return {pool.id: _view(pool) for pool in rows}


_LEVELS = """
select p.id, p.code, p.name, p.unit, p.slices, p.doc_ref, p.union_id,
  (select coalesce(sum(available), 0)::bigint from pool_slice s where s.pool_id = p.id),
  coalesce(b.granted, 0)::bigint, coalesce(-b.held, 0)::bigint, coalesce(-b.used, 0)::bigint
from pool p left join lateral (
  select sum(o.amount) filter (where a.code = '8001') as granted, sum(o.amount) filter (where a.code = '8003') as held,
         sum(o.amount) filter (where a.code = '8004') as used
  from ledger_account a join posting o on o.account_id = a.id
  where a.owner_id = p.id and a.code in ('8001', '8003', '8004')) b on true
where %(codes)s::text[] is null or p.code = any(%(codes)s::text[]) order by p.code"""


def pool_levels(session: Session, codes: Iterable[str] | None = None) -> list[PoolLevel]:
    """How full pools are now; of all pools when no codes are given."""
    wanted = None if codes is None else sorted(set(codes))
    rows = session.connection().exec_driver_sql(_LEVELS, {"codes": wanted})
    return [
        PoolLevel(PoolView(key, code, name, PoolUnit(unit), slices, doc_ref, union), granted, available, held, used)
        for key, code, name, unit, slices, doc_ref, union, available, granted, held, used in rows
    ]


# ---- taking and giving back ----

_SLICE_TYPES = ("uuid", "smallint", "bigint")


def take_slices(count: int, when: str) -> str:
    """The first try of `count` pools as part of a larger statement: one slice each; `when` is one more condition.

    The rows are locked in the order of pool ids; fewer rows than pools means: take each by `take`. The parameters
    come from `slices_parameters`.
    """
    wanted = values_text("p", _SLICE_TYPES, count)
    drawn = f"({wanted}) as w(pool_id, no, amount)"
    if count > 1:
        drawn = f"""(select p.pool_id, p.no, w.amount from pool_slice p join {drawn} on p.pool_id = w.pool_id and p.no = w.no
        where p.available >= w.amount and {when} order by p.pool_id for update of p) w"""  # noqa: S608
    return f"""
  update pool_slice s set available = s.available - w.amount from {drawn}
  where s.pool_id = w.pool_id and s.no = w.no and s.available >= w.amount and {when}
  returning 1"""  # noqa: S608


def slices_parameters(world: World, wanted: Iterable[tuple[PoolView, int]]) -> dict[str, Any]:
    """One slice of each pool, drawn by lot, and the amount to take from it; pools in the order of their ids."""
    return values_parameters("p", [(pool.id, slice_of(world, pool.slices), amount) for pool, amount in wanted])


_ONE = """
update pool_slice set available = available - %(amount)s
where pool_id = %(pool_id)s and no = %(no)s and available >= %(amount)s"""

_ANY = """
with free as (select no from pool_slice where pool_id = %(pool_id)s and available >= %(amount)s
              order by no limit 1 for update {skip})
update pool_slice s set available = available - %(amount)s from free
where s.pool_id = %(pool_id)s and s.no = free.no and s.available >= %(amount)s"""

_NOT_HELD, _IN_TURN = _ANY.format(skip="skip locked"), _ANY.format(skip="")

_LOCK = "select pg_advisory_xact_lock(hashtextextended('cardnet.pool.' || %(pool_id)s::text, 0))"
_SLICES = "select available from pool_slice where pool_id = %(pool_id)s order by no for update"
_LAY = """
update pool_slice s set available = u.available
from unnest(%(available)s::bigint[]) with ordinality as u(available, no)
where s.pool_id = %(pool_id)s and s.no = u.no - 1 and s.available <> u.available"""


def slice_of(world: World, slices: int = SLICES) -> int:
    """One slice, each equally likely."""
    return int.from_bytes(world.random_bytes(4), "big") % slices


def take(
    session: Session, world: World, pool: PoolView, amount: int, make_room: Callable[[], object] | None = None
) -> int | None:
    """Take `amount` from a pool: None when taken, else what the pool still had, with nothing taken.

    `make_room` is called before the exact decision, to release what has expired.
    """
    connection = session.connection()
    asked = {"pool_id": pool.id, "amount": amount, "no": slice_of(world, pool.slices)}
    for statement in (_ONE, _NOT_HELD, _IN_TURN):
        connection.exec_driver_sql("savepoint slice")
        if connection.exec_driver_sql(statement, asked).rowcount == 1:
            return None
        # A slice that turned out too small after a wait stays locked by it. Whoever goes on to the next pass while
        # holding it can wait in a circle with those who lock all slices: going back lets it go.
        connection.exec_driver_sql("rollback to savepoint slice")
    return take_exactly(session, pool, amount, make_room)


def take_exactly(
    session: Session, pool: PoolView, amount: int, make_room: Callable[[], object] | None = None
) -> int | None:
    """Lock all of the pool, lay its slices together and decide: None when taken, else what is left.

    The locks stay until the transaction (or its savepoint) ends, so what is answered holds as long.
    """
    session.connection().exec_driver_sql(_LOCK, {"pool_id": pool.id})
    if make_room is not None:
        make_room()
    available = _all_slices(session, pool.id)
    after = merged(available, amount, len(available))
    if after is None:
        return sum(available)
    _lay(session, pool.id, after)
    return None


def give_back(session: Session, world: World, pool: PoolView, amount: int) -> None:
    """Put `amount` back into one slice drawn at random."""
    session.connection().exec_driver_sql(
        "update pool_slice set available = available + %(amount)s where pool_id = %(pool_id)s and no = %(no)s",
        {"pool_id": pool.id, "amount": amount, "no": slice_of(world, pool.slices)},
    )


def give_back_if_free(session: Session, pool: PoolView, amount: int) -> bool:
    """The same into any slice nobody holds; False when all are held."""
    given = session.connection().exec_driver_sql(
        "with free as (select no from pool_slice where pool_id = %(pool_id)s order by no limit 1 for update skip locked) "
        "update pool_slice s set available = available + %(amount)s from free "
        "where s.pool_id = %(pool_id)s and s.no = free.no",
        {"pool_id": pool.id, "amount": amount},
    )
    return given.rowcount == 1


def _all_slices(session: Session, pool_id: uuid.UUID) -> list[int]:
    return [row[0] for row in session.connection().exec_driver_sql(_SLICES, {"pool_id": pool_id})]


def _lay(session: Session, pool_id: uuid.UUID, available: list[int]) -> None:
    session.connection().exec_driver_sql(_LAY, {"pool_id": pool_id, "available": available})


def _view(pool: Pool) -> PoolView:
    return PoolView(pool.id, pool.code, pool.name, PoolUnit(pool.unit), pool.slices, pool.doc_ref, pool.union_id)
